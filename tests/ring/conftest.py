from collections.abc import Iterator

import pytest
import structlog

from tests.postgres import Server, postgres_fixture
from tests.ring.harness import World

__all__ = ["postgres_fixture"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Of the program's logs in this process, only what is loud."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True, scope="package")
def _every_world_s_store(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where `--store postgresql` says so, no world of this package has its store in a file."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--store") == "postgresql":
            patch.setattr(World, "server", request.getfixturevalue("postgres"))
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Server | None:
    """For a claim that is made of both kinds of store: what a world is to be given as its `store`."""
    if request.param == "sqlite":
        return None
    server: Server = request.getfixturevalue("postgres")
    return server
