from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from syncer.pulse import Pulse
from syncer.web import Site
from tests.web.desks import offices
from tests.web.scenes import SITE, Served, served

__all__ = ["offices"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Of the program's logs in this process, only what is loud."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    yield
    structlog.reset_defaults()


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serves the pages over a store in a situation."""
    with ExitStack() as stack:

        def serve(situation: str | None = None, site: Site = SITE, pulse: Pulse | None = None) -> Served:
            return stack.enter_context(served(tmp_path, situation, site, pulse))

        yield serve


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """The same for tests that only look: one server for each situation, for all of them."""
    made: dict[tuple[object, ...], Served] = {}
    with ExitStack() as stack:

        def serve(situation: str | None = None, site: Site = SITE) -> Served:
            key = (situation, site.public_host)
            if key not in made:
                made[key] = stack.enter_context(served(tmp_path_factory.mktemp("web"), situation, site))
            return made[key]

        yield serve
