"""kill -9 in the middle of a call: the next life of the program goes on, nothing is lost and nothing done twice."""

import time
from pathlib import Path
from typing import Any

import pytest

from syncer.simulators.host import Armed, Fault
from syncer.simulators.on_api import Script
from tests.postgres import Server
from tests.ring.harness import UNMAPPED, World, assert_nothing_twice, changes_something

WRITES = 10  # received for three, two activations, active and delivered, waiting, and two messages
READS = 6
TIMEOUT = 60  # seconds that a call may take
LEASE = 2 * TIMEOUT + 10  # that what it had in hand stays a killed worker's


def fill(world: World) -> None:
    world.order()
    world.order(Script(refuse=409, cause="Porten är upptagen"))
    world.order(service=UNMAPPED)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    with World(tmp_path_factory.mktemp("undisturbed"), at=None) as world:
        fill(world)
        world.once(2)
        assert len(world.writes()) == WRITES
        return world.outcome()


def kill_when(world: World, held: Armed) -> None:
    """Runs the program until the call that `held` answers never, and kills it there."""
    with world.start("--once", "--json") as process:
        until = time.monotonic() + 60
        while not held.taken:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "the call is never made"
            time.sleep(0.005)
        process.kill()
        process.communicate()


def assert_recovers(world: World, undisturbed: dict[str, tuple[Any, ...]]) -> None:
    world.host.clear_faults()
    world.wait_out(LEASE + 1)  # until the remote can't be at work on it any more, and another worker may go on
    world.once(2)
    assert world.outcome() == undisturbed
    assert_nothing_twice(world)
    before = len(world.host.calls())
    world.once()
    assert world.writes(before) == []


@pytest.mark.parametrize("kind", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER], ids=["before", "after"])
@pytest.mark.parametrize("number", range(WRITES))
def test_killed_while_it_writes_it_goes_on_from_there(
    tmp_path: Path, undisturbed: dict[str, tuple[Any, ...]], store: Server | None, number: int, kind: Fault
) -> None:
    with World(tmp_path, at=None, store=store, timeout=f"{TIMEOUT}s") as world:
        fill(world)
        kill_when(world, world.host.fault(kind, where=changes_something, skip=number, seconds=TIMEOUT))
        assert_recovers(world, undisturbed)


@pytest.mark.parametrize("number", range(0, READS * 2, 2))
def test_killed_while_it_reads_it_goes_on_from_there(
    tmp_path: Path, undisturbed: dict[str, tuple[Any, ...]], store: Server | None, number: int
) -> None:
    with World(tmp_path, at=None, store=store, timeout=f"{TIMEOUT}s") as world:
        fill(world)
        reads = world.host.fault(
            Fault.TIMEOUT_BEFORE, where=lambda request: not changes_something(request), skip=number, seconds=TIMEOUT
        )
        kill_when(world, reads)
        assert_recovers(world, undisturbed)
