"""What an engine leaves behind that is gone on from, as after SIGHUP: nothing."""

import gc
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ring.harness import World

PATIENCE = 20.0  # seconds for the other ends of the connections to close, in the host's own threads


@pytest.fixture
def _uncollected() -> Iterator[None]:
    """What goes away goes since somebody has let it go."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def sockets() -> int:
    """How many this process has open, the host's too."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


@pytest.mark.usefixtures("_uncollected")
def test_an_engine_that_is_closed_holds_no_connection(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        for _ in range(6):
            world.order()
        with world.engine() as engine:
            before = sockets()
            engine.run_pass(once=True)
            assert sockets() > before
            engine.close()
            until = time.monotonic() + PATIENCE
            while sockets() > before and time.monotonic() < until:
                time.sleep(0.02)
            assert sockets() == before
