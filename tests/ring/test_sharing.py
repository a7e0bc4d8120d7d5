"""Several workers on one PostgreSQL: they share the work, and whoever of them is lost, nothing is lost or done twice.

Workers are `syncer run` processes where a claim is about lives and connections, and engines with a store each in this
process where it is about a moment. Bugs are planted here too: without leases, the workers are found out.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select, bindparam, update

from syncer import config as conf
from syncer import wiring
from syncer.engine import Engine
from syncer.orders import IntentState, Kind
from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from syncer.store import Store, changes
from syncer.store.leases import Leases
from syncer.store.rows import ORDERS
from syncer.telemetry import Redactor
from tests.hostile.machine import OFTEN, At, Service, service, wait_until
from tests.postgres import Server, server
from tests.ring.harness import DESK, PATIENCE, PLAIN, PROGRAM, UNMAPPED, World, assert_nothing_twice
from tests.ring.kinds import SLOW, program, runs

LADDER = ["received", "active", "delivered"]
LOOKS_UP = {"orders.create": "orders.list", "set_status": "order_info"}  # how it is asked what became of a call
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'syncer'"


@contextmanager
def shared(folder: Path, store: Server, **settings: Any) -> Iterator[World]:
    """A world whose store several workers share."""
    with World(folder, **{"at": None, "portal_lines": OFTEN, "level": "info", "store": store, **settings}) as world:
        yield world


@contextmanager
def services(world: World, number: int) -> Iterator[list[Service]]:
    """So many `syncer run`, each with a log of its own; all have begun."""
    with ExitStack() as stack:
        logs = [world.folder / f"worker{each}.log" for each in range(number)]
        running = [stack.enter_context(service(world, log)) for log in logs]
        for one in running:
            one.wait_for(partial(one.said, "service.started"))
        yield running


@contextmanager
def worker(world: World, tap: Callable[[str], None] = lambda _: None) -> Iterator[Engine]:
    """One worker in this process."""
    config = conf.load(world.config_file)
    with Store.open(world.store_url, tap=tap) as store:
        yield wiring.engine_of(config, store, Redactor(config.secrets()), now=world.clock, workers=4)


def all_delivered(world: World, numbers: list[str]) -> Callable[[], bool]:
    return lambda: {world.portal.status(number) for number in numbers} == {"delivered"}


def assert_each_once(world: World, numbers: list[str]) -> None:
    """Each order went its whole way, here and there, once."""
    assert_nothing_twice(world)
    ours = world.orders()
    assert {number: world.told(number) for number in numbers} == dict.fromkeys(numbers, LADDER)
    assert {number: (ours[number].state.value, ours[number].park) for number in numbers} == dict.fromkeys(
        numbers, ("delivered", None)
    )
    assert len(world.host.calls("nordnet", "orders.create")) == len(world.network.activations())


def assert_no_bug(running: list[Service]) -> None:
    bugs = [line for one in running for line in one.lines() if "bug" in line or "traceback" in line]
    assert not bugs, "\n".join(str(line.get("traceback", line)) for line in bugs)


# --- together -------------------------------------------------------------------------------------------------


def test_three_workers_do_each_order_once_and_one_of_them_polls(tmp_path: Path, postgres: Server) -> None:
    with shared(tmp_path, postgres) as world, services(world, 3) as running:
        world.host.latency = 0.01
        numbers = [world.order() for _ in range(30)]
        running[0].wait_for(all_delivered(world, numbers))
        assert sum(bool(one.said("portal.polled")) for one in running) == 1
        assert [one.end() for one in running] == [0, 0, 0]
        assert_each_once(world, numbers)
        assert_no_bug(running)


def test_of_two_workers_the_first_alone_polls_as_long_as_it_lives(tmp_path: Path, postgres: Server) -> None:
    with shared(tmp_path, postgres) as world, ExitStack() as lives:
        first, second = lives.enter_context(worker(world)), lives.enter_context(worker(world))
        for number in range(1, 4):
            first.run_pass(sources=["tg"])
            second.run_pass(sources=["tg"])
            assert len(world.host.calls("tg", "orders")) == number
        first.room.store.close()
        second.run_pass(sources=["tg"])
        assert len(world.host.calls("tg", "orders")) == 4


@pytest.mark.parametrize("operation", sorted(LOOKS_UP))
@pytest.mark.parametrize("kind", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER], ids=["before", "after"])
def test_what_a_killed_worker_had_under_way_is_asked_about_by_another_after_its_lease(
    tmp_path: Path, postgres: Server, kind: Fault, operation: str
) -> None:
    with shared(tmp_path, postgres, timeout="4s") as world:
        numbers = [world.order()]
        held = world.host.fault(kind, operation=operation, seconds=60)
        with service(world, tmp_path / "first.log") as first:
            first.wait_for(lambda: held.taken)
            with service(world, tmp_path / "second.log") as second:
                second.wait_for(lambda: second.said("service.started"))
                first.process.kill()
                first.process.wait()
                asked, numbers = len(world.host.calls()), [*numbers, world.order()]
                second.wait_for(all_delivered(world, numbers))
                assert second.end() == 0
        looks = [entry for entry in world.host.calls()[asked:] if entry.operation == LOOKS_UP[operation]]
        assert [entry for entry in looks if entry.params.get("id") in {None, numbers[0]}] != []
        assert_nothing_twice(world)
        assert {number: world.told(number) for number in numbers} == dict.fromkeys(numbers, LADDER)
        assert len(world.network.activations()) == len(numbers)


# --- a database that fails them -------------------------------------------------------------------------------


def has_called(world: World, times: int) -> bool:
    return len(world.host.calls()) >= times


def has_failed_twice(one: Service) -> bool:
    return len(one.said("pass.failed")) > 1


def test_workers_whose_connections_are_cut_go_on(tmp_path: Path, postgres: Server) -> None:
    with shared(tmp_path, postgres) as world, services(world, 2) as running:
        world.host.latency = 0.01
        numbers: list[str] = []
        for _ in range(5):
            numbers += [world.order(), world.order()]
            wait_until(partial(has_called, world, len(world.host.calls()) + 3))
            with postgres.admin("postgres") as connection:
                assert connection.execute(CUT).rowcount > 0
        running[0].wait_for(all_delivered(world, numbers))
        assert [one.end() for one in running] == [0, 0]
        assert_nothing_twice(world)
        assert {number: world.told(number) for number in numbers} == dict.fromkeys(numbers, LADDER)
        assert_no_bug(running)


def test_a_server_that_is_away_is_said_once_a_pass_and_gone_on_with_when_it_is_back(tmp_path: Path) -> None:
    with server() as own, shared(tmp_path, own) as world, services(world, 2) as running:
        numbers = [world.order()]
        running[0].wait_for(all_delivered(world, numbers))
        own.stop()
        numbers += [world.order(), world.order()]
        for one in running:
            one.wait_for(partial(has_failed_twice, one))
        own.start()
        running[0].wait_for(all_delivered(world, numbers))
        assert [one.end() for one in running] == [0, 0]
        assert_each_once(world, numbers)
        for one in running:
            loud = [line for line in one.lines() if line["level"] in {"warning", "error"}]
            assert loud == one.said("pass.failed")
            assert all("see that the database is up" in line["cause"] for line in loud), loud


# --- an operator's word ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [4, 6, 7, 8, 9, 11])
def test_a_cancel_in_the_middle_of_a_worker_s_call_is_not_lost(tmp_path: Path, postgres: Server, number: int) -> None:
    with shared(tmp_path, postgres) as world, worker(world) as first, worker(world) as second:
        order = world.order(SLOW)
        codes: list[int] = []
        moment = At(world, number, lambda: codes.append(world.run("cancel", order).code))
        for engine in (first, second) * 3:
            engine.run_pass(sources=["tg"])
            world.clock.go_on(minutes=2)
        assert moment.done.is_set()
        assert codes == [0]
        ours = world.orders()[order]
        assert (ours.state.value, ours.park, world.portal.status(order)) == ("cancelled", None, "cancelled")
        assert [each["cancelled"] for each in world.network.orders()] in ([], [True])
        assert_nothing_twice(world)


def test_a_retry_while_workers_run_is_acted_on_once(tmp_path: Path, postgres: Server) -> None:
    with shared(tmp_path, postgres) as world:
        access = world.access(Script(refuse=409, cause="Porten är upptagen"))
        order = world.order(socket=access)
        with services(world, 2) as running:
            running[0].wait_for(lambda: order in world.orders() and world.orders()[order].park is not None)
            world.network.set_script(access, Script())
            assert world.run("retry", order).code == 0
            running[0].wait_for(lambda: world.portal.status(order) == "delivered")
            assert [one.end() for one in running] == [0, 0]
        assert world.told(order) == ["received", "waiting", "active", "delivered"]
        assert len(world.said(order)) == 1
        assert_nothing_twice(world)
        assert_no_bug(running)


def test_a_resolve_while_workers_run_is_acted_on_once(tmp_path: Path, postgres: Server) -> None:
    with shared(tmp_path, postgres, more=program(tmp_path, "raise SystemExit(3)")) as world:
        order = world.order(service=PROGRAM)
        with services(world, 2) as running:
            running[0].wait_for(lambda: order in world.orders() and world.orders()[order].park is not None)
            assert world.run("resolve", order, "done", "--ref", "J-17").code == 0
            running[0].wait_for(lambda: world.portal.status(order) == "delivered")
            assert [one.end() for one in running] == [0, 0]
        assert world.told(order) == LADDER
        assert runs(world) == [f"tg:{order}"]
        assert world.orders()[order].fulfilment_ref == "J-17"


# --- planted --------------------------------------------------------------------------------------------------


def _everything(_self: Leases, tx: Connection, rows: Select[Any], given: Mapping[str, Any], limit: int) -> list[int]:
    """Planted: whoever asks for orders gets them."""
    return list(tx.execute(rows.order_by(ORDERS.c.wake_at, ORDERS.c.id).limit(limit), dict(given)).scalars())


WITHOUT_REVISION = (
    update(ORDERS)
    .where(ORDERS.c.id == bindparam("b_id"), bindparam("b_rev") > -1)
    .values({**{name: bindparam(name) for name in changes.MUTABLE}, "rev": ORDERS.c.rev + 1})
)


class Stalled:
    """Holds a worker up between the commit that says a call begins, and the call."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, moment: str) -> None:
        if moment != "commit.after" or self.begun.is_set():
            return
        with self._world.reading() as store:
            opened = [store.load(order.name) for order in store.orders()]
        intents = [found[1] for found in opened if found is not None and found[1] is not None]
        if any(intent.kind is Kind.SUBMIT and intent.state is IntentState.ATTEMPTING for intent in intents):
            self.begun.set()
            self.go_on.wait(PATIENCE)


def stall_one_of_two(world: World) -> None:
    """A worker that stands still before an activation for longer than any call takes; another has a pass meanwhile."""
    world.order()
    stalled = Stalled(world)
    with worker(world, stalled) as first, worker(world) as second:
        thread = threading.Thread(target=first.run_pass, kwargs={"sources": ["tg"]})
        thread.start()
        assert stalled.begun.wait(PATIENCE)
        world.clock.go_on(minutes=1)
        second.run_pass(sources=["tg"])
        stalled.go_on.set()
        thread.join()
        second.run_pass(sources=["tg"])


def test_what_a_worker_that_stands_still_has_in_hand_is_no_other_s(tmp_path: Path, postgres: Server) -> None:
    with shared(tmp_path, postgres) as world:
        stall_one_of_two(world)
        assert_each_once(world, list(world.orders()))


def test_planted_a_worker_that_takes_what_another_has_in_hand_is_found_out(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Leases, "take", _everything)
    with shared(tmp_path, postgres) as world:
        stall_one_of_two(world)
        with pytest.raises(AssertionError):
            assert_nothing_twice(world)


def two_at_once(world: World) -> None:
    """Two workers begin a pass at the same moment."""
    for kind in (PLAIN, PLAIN, PLAIN, DESK, UNMAPPED) * 2:
        world.order(service=kind)
    world.host.latency = 0.02
    with worker(world) as first, worker(world) as second:
        threads = [threading.Thread(target=one.run_pass, kwargs={"once": True}) for one in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_two_workers_at_once_do_nothing_twice(tmp_path: Path, postgres: Server) -> None:
    with shared(tmp_path, postgres) as world:
        two_at_once(world)
        assert_nothing_twice(world)


def test_planted_two_workers_without_leases_and_without_compare_and_set_are_found_out(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Leases, "take", _everything)
    monkeypatch.setattr(changes, "_ORDER", WITHOUT_REVISION)
    with shared(tmp_path, postgres) as world:
        two_at_once(world)
        with pytest.raises(AssertionError):
            assert_nothing_twice(world)
