"""SIGTERM and SIGINT at any moment: the calls under way are finished and written down, and nothing is left in doubt."""

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from syncer.simulators.wire import Request
from syncer.store import Store
from tests.hostile.machine import (
    OFTEN,
    REQUESTS,
    At,
    assert_all_end_well,
    assert_delivered,
    ended,
    finds,
    open_intents,
    service,
    started,
    wait_until,
)
from tests.ring.harness import PROGRAM, UNMAPPED, World, assert_nothing_twice, changes_something
from tests.ring.kinds import program, runs

LATE = 0.2  # seconds that each answer takes
SIGNALS = [signal.SIGTERM, signal.SIGINT]


def assert_goes_on_without_asking(world: World, *numbers: str) -> None:
    """Nothing is in doubt, and the next life needn't ask what became of any call."""
    assert_nothing_twice(world)
    assert not world.database.exists() or open_intents(world) == []
    before = len(world.host.calls())
    world.host.latency = 0.0
    assert_all_end_well(world, *numbers)
    assert finds(world, before) == []


# --- one pass -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(REQUESTS))
def test_a_stop_during_any_call_waits_for_its_answer_and_writes_it_down(tmp_path: Path, number: int) -> None:
    with World(tmp_path, at=None) as world:
        order = world.order()
        world.host.latency = LATE
        with world.engine() as engine:
            At(world, number, engine.stop)
            engine.run_pass(once=True)
        assert_goes_on_without_asking(world, order)


OPERATIONS = ["orders", "customer_info", "set_status", "orders.create"]
FIRST_OF_SEVERAL = ["api_login", "order_info", "discovery", "accesses.get"]  # of one step's own calls


@pytest.mark.parametrize("operation", [*OPERATIONS, *FIRST_OF_SEVERAL])
def test_after_a_stop_no_call_is_begun(tmp_path: Path, operation: str) -> None:
    with World(tmp_path, at=None) as world:
        order = world.order()
        world.host.latency = LATE
        calls = 0

        def stop(_request: Request) -> bool:
            nonlocal calls
            if not calls:
                engine.stop()
                calls = len(world.host.calls()) + 1
            return False

        with world.engine() as engine:
            world.host.fault(Fault.REFUSE, operation=operation, where=stop)
            engine.run_pass(once=True)
        assert len(world.host.calls()) == calls
        assert_goes_on_without_asking(world, order)


def test_one_plain_order_takes_as_many_requests_as_these_tests_say(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        order = world.order()
        world.once()
        assert len(world.host.calls()) == REQUESTS
        assert_delivered(world, order)


@pytest.mark.parametrize("number", [0, 8])
@pytest.mark.parametrize("signal_", SIGNALS, ids=lambda one: one.name)
def test_a_signal_during_a_call_ends_the_program_as_after_a_clean_stop(
    tmp_path: Path, number: int, signal_: signal.Signals
) -> None:
    with World(tmp_path, at=None) as world:
        order = world.order()
        world.host.latency = LATE
        with started(world, "--once", "--json") as process:
            At(world, number, lambda: process.send_signal(signal_))
            assert (ended(process)[0]) == 0
        assert_goes_on_without_asking(world, order)


@pytest.mark.parametrize("number", [6, 14, 23, 35])
def test_a_stop_while_several_orders_are_worked_on_leaves_none_of_them_in_doubt(tmp_path: Path, number: int) -> None:
    with World(tmp_path, at=None) as world:
        orders = [world.order() for _ in range(4)]
        world.host.latency = LATE
        with world.engine() as engine:
            At(world, number, engine.stop)
            engine.run_pass(once=True)
        assert_goes_on_without_asking(world, *orders)


@pytest.mark.parametrize("seed", range(3))
def test_a_signal_at_any_other_moment_of_a_pass_leaves_nothing_in_doubt_either(tmp_path: Path, seed: int) -> None:
    with World(tmp_path, at=None) as world:
        orders = [world.order() for _ in range(3)]
        world.host.latency = 0.02
        with started(world, "--once", "--json") as process:
            wait_until(world.host.calls, process)
            time.sleep(random.Random(seed).uniform(0, 0.5))
            process.terminate()
            code, out, _ = ended(process)
        assert code == 0 or (code == -signal.SIGTERM and json.loads(out)["calls"] == len(world.host.calls()))
        assert_goes_on_without_asking(world, *orders)


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_a_signal_while_the_program_is_still_beginning_ends_it_before_anything_was_done(
    tmp_path: Path, delay: float
) -> None:
    with World(tmp_path, at=None) as world:
        order = world.order()
        with started(world, "--once") as process:
            time.sleep(delay)
            process.terminate()
            code = ended(process)[0]
        assert code == 0 or (code == -signal.SIGTERM and world.host.calls() == [])
        assert_goes_on_without_asking(world, order)


def test_a_signal_after_the_last_call_does_not_spoil_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase = Store.erase
    taken: list[int] = []

    def interrupted(store: Store, *arguments: Any) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return erase(store, *arguments)

    monkeypatch.setattr(Store, "erase", interrupted)
    before = signal.signal(signal.SIGTERM, lambda number, _: taken.append(number))
    try:
        with World(tmp_path, at=None) as world:
            order = world.order()
            assert world.say("--once").code == 0
            monkeypatch.undo()
            assert_goes_on_without_asking(world, order)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert taken == []


@pytest.mark.parametrize("signals", [SIGNALS, [signal.SIGTERM] * 20])
def test_a_second_signal_changes_nothing(tmp_path: Path, signals: list[signal.Signals]) -> None:
    with World(tmp_path, at=None) as world:
        order = world.order()
        world.host.latency = LATE
        with started(world, "--once", "--json") as process:

            def insist() -> None:
                for one in signals:
                    process.send_signal(one)
                    time.sleep(0.01)

            At(world, 8, insist)
            assert ended(process)[0] == 0
        assert_goes_on_without_asking(world, order)


def test_a_stop_while_messages_are_written_leaves_none_of_them_in_doubt(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        refused, unmapped = world.order(Script(refuse=409, cause="Porten är upptagen")), world.order(service=UNMAPPED)
        world.host.latency = LATE
        for _ in range(12):
            with world.engine() as engine:
                At(world, 0, engine.stop, where=changes_something)
                engine.run_pass(once=True)
            world.host.clear_faults()
            assert open_intents(world) == []
        assert finds(world) == []
        assert_nothing_twice(world)
        assert (world.told(refused), len(world.said(refused))) == (["received", "waiting"], 1)
        assert (world.told(unmapped), len(world.said(unmapped))) == (["received"], 1)


# --- calls that are never answered ----------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "where"), [(["--once"], "orders"), (["run"], "orders.create")])
def test_a_signal_during_a_call_that_is_never_answered_waits_for_its_time_limit_alone(
    tmp_path: Path, words: list[str], where: str
) -> None:
    with World(tmp_path, at=None, timeout="1s", portal_lines=OFTEN) as world:
        order = world.order()
        held = world.host.fault(Fault.TIMEOUT_AFTER, operation=where, seconds=100)
        with started(world, *words) as process:
            wait_until(lambda: held.taken, process)
            process.terminate()
            assert ended(process, patience=30)[0] == 0
        assert_all_end_well(world, order)
        assert len(finds(world)) == (where == "orders.create")


# --- the service ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 5, 8])
def test_a_service_that_is_stopped_during_a_call_writes_its_answer_down(tmp_path: Path, number: int) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN) as world:
        order = world.order()
        world.host.latency = LATE
        with service(world) as running:
            At(world, number, running.process.terminate)
            assert ended(running.process)[0] == 0
        assert_goes_on_without_asking(world, order)


@pytest.mark.parametrize("signal_", SIGNALS, ids=lambda one: one.name)
def test_a_service_that_rests_ends_cleanly(tmp_path: Path, signal_: signal.Signals) -> None:
    with World(tmp_path, at=None, level="info") as world:
        order = world.order()
        with service(world) as running:
            running.wait_for(lambda: world.portal.status(order) == "delivered")
            running.process.send_signal(signal_)
            assert ended(running.process)[0] == 0
        assert len(running.said("service.stopped")) == 1
        assert_delivered(world, order)


def test_a_command_of_the_user_s_that_is_under_way_is_waited_for(tmp_path: Path) -> None:
    with World(tmp_path, at=None, more=program(tmp_path, "import time\ntime.sleep(1)")) as world:
        number = world.order(service=PROGRAM)
        with started(world, "--once") as process:
            wait_until(lambda: runs(world), process)
            process.terminate()
            assert ended(process)[0] == 0
        assert open_intents(world) == []
        world.once()
        assert runs(world) == [f"tg:{number}"]
        assert_delivered(world, number)
