"""A wall clock that jumps by days, forwards and backwards: nothing is lost, done twice, or left lying until then."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from syncer import config as conf
from syncer import wiring
from syncer.engine import Summary
from syncer.simulators.host import Fault
from syncer.store import Store
from syncer.telemetry import Redactor
from tests.hostile.machine import OFTEN, At, assert_all_end_well, assert_delivered, service
from tests.ring.harness import NOON, Clock, World, assert_nothing_twice
from tests.ring.kinds import SLOW

JUMPS = [timedelta(days=3), timedelta(days=-3), timedelta(days=400), timedelta(days=-400)]
EACH = pytest.mark.parametrize("jump", JUMPS, ids=lambda jump: f"{jump.days}d")


class Wrong(Clock):
    """The program's own clock, beside the world's: it can be wrong, and put right."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.off = timedelta()

    def __call__(self) -> datetime:
        return self._world.clock() + self.off


@contextmanager
def life(world: World, clock: Wrong, *, once: bool = False) -> Iterator[Callable[[], Summary]]:
    """The program in this process, by a clock of its own; each call is a pass."""
    config = conf.load(world.config_file)
    with Store.open(config.store.url) as store:
        engine = wiring.engine_of(config, store, Redactor(config.secrets()), now=clock)
        yield lambda: engine.run_pass(once=True) if once else engine.run_pass(sources=["tg"])


def go_on(world: World, a_pass: Callable[[], object], times: int = 4) -> None:
    for _ in range(times):
        world.clock.go_on(minutes=2)
        world.network.tick()
        a_pass()


@EACH
@pytest.mark.parametrize("number", [1, 4, 6, 8, 11])
def test_a_clock_that_jumps_in_the_middle_of_a_pass_changes_nothing(
    tmp_path: Path, jump: timedelta, number: int
) -> None:
    with World(tmp_path) as world:
        order, clock = world.order(), Wrong(world)
        with life(world, clock) as a_pass:
            moment = At(world, number, lambda: setattr(clock, "off", jump))
            a_pass()
            assert moment.done.is_set()
            go_on(world, a_pass)
            assert_delivered(world, order)
            clock.off = timedelta()
            go_on(world, a_pass)
        assert_all_end_well(world, order)


@EACH
def test_a_clock_that_jumps_while_an_order_is_under_way_delays_it_by_no_day(tmp_path: Path, jump: timedelta) -> None:
    with World(tmp_path) as world:
        order, clock = world.order(SLOW), Wrong(world)
        with life(world, clock) as a_pass:
            a_pass()
            clock.off = jump
            a_pass()
            clock.off = timedelta()
            go_on(world, a_pass)
            assert world.told(order)[-1] == world.orders()[order].state == "delivered"
        assert len(world.network.activations()) == 1
        past_its_deadline = jump > timedelta(days=14)  # as it seemed: told so, and gone on with when it was done
        assert world.told(order) == ["received", "active", *["waiting", "active"] * past_its_deadline, "delivered"]


@EACH
def test_an_order_that_comes_while_the_clock_is_wrong_or_after_it_was_put_right_is_seen(
    tmp_path: Path, jump: timedelta
) -> None:
    with World(tmp_path) as world:
        orders, clock = [world.order()], Wrong(world)
        with life(world, clock) as a_pass:
            a_pass()
            clock.off = jump
            orders.append(world.order())
            go_on(world, a_pass, 2)
            clock.off = timedelta()
            orders.append(world.order())
            go_on(world, a_pass, 2)
            assert_delivered(world, *orders)
        assert_all_end_well(world, *orders)


@EACH
def test_a_program_that_begins_by_a_wrong_clock_misses_nothing_once_it_is_right(
    tmp_path: Path, jump: timedelta
) -> None:
    with World(tmp_path) as world:
        orders, clock = [world.order()], Wrong(world)
        clock.off = jump
        with life(world, clock) as a_pass:
            a_pass()
        clock.off = timedelta()
        orders.append(world.order())
        with life(world, clock) as a_pass:
            go_on(world, a_pass, 2)
        assert_delivered(world, *orders)
        assert_all_end_well(world, *orders)


@EACH
def test_a_remote_that_was_down_while_the_clock_was_wrong_is_called_again_soon(tmp_path: Path, jump: timedelta) -> None:
    with World(tmp_path) as world:
        order, clock = world.order(), Wrong(world)
        clock.off = jump
        world.host.fault(Fault.REFUSE, "nordnet", times=None)
        with life(world, clock) as a_pass:
            a_pass()
            clock.off = timedelta()
            world.host.clear_faults()
            go_on(world, a_pass)
            assert_delivered(world, order)
        assert_all_end_well(world, order)


@EACH
@pytest.mark.parametrize("once", [True, False], ids=["once", "run"])
def test_a_remote_that_asked_for_a_minute_while_the_clock_was_wrong_is_called_again_soon(
    tmp_path: Path, jump: timedelta, once: bool
) -> None:
    with World(tmp_path) as world:
        order, clock = world.order(), Wrong(world)
        clock.off = jump
        world.host.fault(Fault.TOO_MANY, "nordnet", retry_after=60)
        with life(world, clock, once=once) as a_pass:
            a_pass()
        clock.off = timedelta()
        with life(world, clock, once=once) as a_pass:
            go_on(world, a_pass)
        told = world.told(order)
        world.clock.go_on(days=500)
        assert_all_end_well(world, order)
        assert told == ["received", "active", "delivered"]


@EACH
@pytest.mark.parametrize("once", [True, False], ids=["once", "run"])
def test_a_call_of_unknown_outcome_while_the_clock_was_wrong_is_asked_about_soon(
    tmp_path: Path, jump: timedelta, once: bool
) -> None:
    with World(tmp_path, timeout="0.5s") as world:
        order, clock = world.order(), Wrong(world)
        world.host.fault(Fault.TIMEOUT_AFTER, "nordnet", "orders.create", seconds=5)
        clock.off = jump
        with life(world, clock) as a_pass:
            a_pass()
            clock.off = timedelta()
        with life(world, clock, once=once) as a_pass:
            go_on(world, a_pass)
        told = world.told(order)
        world.clock.go_on(days=500)
        assert_all_end_well(world, order)
        assert told == ["received", "active", "delivered"]


def test_a_wished_day_that_a_wrong_clock_saw_come_has_the_order_delivered_once(tmp_path: Path) -> None:
    with World(tmp_path, network={"scheduling": False}) as world:
        order, clock = world.order(delivery=NOON + timedelta(days=2)), Wrong(world)
        with life(world, clock) as a_pass:
            a_pass()
            assert world.network.activations() == []
            clock.off = timedelta(days=3)
            go_on(world, a_pass)
            clock.off = timedelta()
            go_on(world, a_pass)
        world.clock.go_on(days=3)
        world.once(2)
        assert_nothing_twice(world)
        assert world.told(order)[-1] == world.orders()[order].state == "delivered"


def skewable(folder: Path) -> tuple[Path, dict[str, str]]:
    """A file that holds by how many seconds a process' wall clock is off, and the environment that has it so."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler, and libfaketime spoils every sleep")
    library, skew = folder / "skew.so", folder / "skew"
    source = str(Path(__file__).with_name("skew.c"))
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), source, "-ldl"], check=True)
    skew.write_text("0", encoding="utf-8")
    return skew, {"LD_PRELOAD": str(library), "SKEW": str(skew)}


@pytest.mark.parametrize("days", [3, -3])
def test_the_service_outlives_a_clock_that_jumps_and_is_put_right(tmp_path: Path, days: int) -> None:
    skew, environment = skewable(tmp_path)
    with (
        World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world,
        service(world, environment=environment) as running,
    ):
        orders = [world.order()]
        running.wait_for(lambda: world.portal.status(orders[0]) == "delivered")
        for off in (days, 0):
            skew.write_text(str(off * 86_400), encoding="utf-8")
            orders.append(world.order())
            running.wait_for(lambda: world.portal.status(orders[-1]) == "delivered")
        assert len({line["timestamp"][:10] for line in running.lines()}) > 1, "the clock never jumped"
        assert running.end() == 0
        assert_delivered(world, *orders)
        assert_all_end_well(world, *orders)
