"""Claims about the pass: one order's trouble stays its own, nothing is taken twice, and a stop is a stop."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from syncer.engine import Engine, Room
from syncer.errors import Unavailable, Uncertain, Unreadable
from syncer.orders import Park, Refused, Retried, State
from syncer.store import StoreError
from tests.engine.doubles import NOW, RULES, Bench
from tests.store.filled import run

NAMES = [f"stads:{770101 + number}" for number in range(6)]
POISON = NAMES[2]


def _only(name: str, error: Callable[[], Exception], *whats: str) -> Any:
    def trouble(what: str, about: str) -> None:
        if about == name and what in whats:
            raise error()

    return trouble


def _key_error() -> Exception:
    return KeyError("Kanåriefågel")


# --- one order's trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["read", "status", "submit", "follow"])
def test_a_poisonous_order_is_parked_as_a_bug_and_the_rest_go_on(benches: Callable[..., Bench], what: str) -> None:
    bench = benches(orders=6)
    bench.network.at_once = what != "follow"
    bench.portal.trouble = bench.network.trouble = _only(POISON, _key_error, what)
    summary = bench.engine.run_pass()
    bench.network.done |= set(NAMES)
    bench.clock.pass_(minutes=2)
    bench.engine.run_pass()
    states = {order.name: order.state for order in bench.store.orders()}
    assert {name for name, state in states.items() if state is State.DELIVERED} == set(NAMES) - {POISON}
    order = bench.order("770103")
    assert order.park is Park.BUG
    assert order.parked is not None
    assert order.parked.startswith("a bug in syncer, please report it with the log: KeyError at test_passes.py:")
    assert summary.parked + bench.engine.run_pass().parked <= 1


def test_a_bug_s_log_has_the_traceback_and_no_person(bench: Bench) -> None:
    bench.portal.trouble = _only(NAMES[0], _key_error, "read")
    bench.engine.run_pass()
    (line,) = bench.events("order.bug")
    assert line["order"] == NAMES[0]
    assert line["level"] == "error"
    assert "in perform" in line["traceback"] or "in read" in line["traceback"]
    assert "doubles.py" in line["traceback"]
    assert line["traceback"].endswith("KeyError")
    assert "riefågel" not in bench.logged.getvalue()
    found = bench.store.explain(NAMES[0])
    assert found is not None
    assert "riefågel" not in str(found.history) + str(found.intents)


def test_a_bug_in_a_call_that_changes_something_leaves_its_outcome_unknown(bench: Bench) -> None:
    bench.network.trouble = _only(NAMES[0], _key_error, "submit")
    bench.engine.run_pass()
    bench.network.trouble = lambda _what, _name: None
    found = bench.store.explain(NAMES[0])
    assert found is not None
    assert found.open_intent is not None
    assert found.open_intent.state == "uncertain"
    bench.clock.pass_(hours=2)
    bench.restart()
    bench.engine.hear(NAMES[0], Retried())
    bench.engine.run_pass(once=True)
    assert bench.calls.of("nordnet", "find") == 1
    assert bench.calls.of("nordnet", "submit") == 2  # surely absent, so sent again
    assert bench.order().state is State.DELIVERED


def test_a_parked_bug_is_not_worked_on_again_by_itself(bench: Bench) -> None:
    bench.portal.trouble = _only(NAMES[0], _key_error, "read")
    bench.engine.run_pass()
    before = len(bench.calls.made)
    for _ in range(3):
        bench.clock.pass_(hours=3)
        bench.engine.run_pass()
    assert [call for call in bench.calls.made[before:] if call[1] != "poll"] == []


def test_a_row_that_can_not_be_read_stops_nobody_else(benches: Callable[..., Bench], tmp_path: Any) -> None:
    bench = benches(orders=6)
    bench.portal.trouble = _only("", lambda: Unavailable("stads", "x", "down"), "read")
    bench.store.ingest("stads", bench.portal.poll(bench.store.cursor("stads"), lambda: None), NOW)
    run(tmp_path / "syncer.db", "UPDATE orders SET state = 'spoilt by hand' WHERE external_id = '770103'")
    summary = bench.engine.run_pass()
    assert summary.advanced == 5
    assert any(POISON in problem for problem in summary.problems)
    assert bench.engine.run_pass().problems == ()  # it is not tried at every pass
    assert len(bench.events("order.broken")) == 1


def test_a_remote_that_left_the_configuration_parks_its_orders_with_that_reason(bench: Bench) -> None:
    bench.network.at_once = False
    bench.engine.run_pass()
    room = bench.engine.room
    without = Room(room.store, room.sources, {"stads": bench.portal}, {}, bench.health, bench.redactor, bench.clock)
    bench.clock.pass_(minutes=2)
    Engine(without, RULES).run_pass()
    assert bench.order().park is Park.BUG
    assert bench.order().parked == "nordnet is not in the configuration any more: put it back, then retry"
    assert bench.events("order.bug") == []
    bench.network.done |= set(NAMES)
    bench.engine.hear(NAMES[0], Retried())
    for _ in range(2):
        bench.engine.run_pass()
        bench.clock.pass_(minutes=2)
    assert bench.order().state is State.DELIVERED


def test_a_bug_in_one_source_s_poll_stops_neither_the_other_sources_nor_the_orders(bench: Bench) -> None:
    bench.engine.run_pass()
    bench.portal.status["770102"] = "new"

    class Broken:
        name = "malmö"

        def poll(self, *_: Any) -> Any:
            raise _key_error()

        read = poll

    sources: dict[str, Any] = {"malmö": Broken(), "stads": bench.portal}
    room = bench.engine.room
    engine = Engine(
        Room(room.store, sources, room.sinks, room.followers, bench.health, bench.redactor, bench.clock), RULES
    )
    summary = engine.run_pass()
    assert bench.order("770102").state is State.DELIVERED
    assert summary.problems[0].startswith("malmö: a bug in syncer, please report it with the log: KeyError at ")
    assert bench.events("remote.bug")[0]["remote"] == "malmö"
    assert "riefågel" not in bench.logged.getvalue()


def test_a_bug_in_a_network_s_events_stops_no_pass(bench: Bench) -> None:
    bench.network.trouble = _only("", _key_error, "poll")
    summary = bench.engine.run_pass()
    assert bench.order().state is State.DELIVERED
    assert "nordnet: a bug" in summary.problems[0]


@pytest.mark.parametrize(
    ("error", "parked"),
    [
        (lambda: Unreadable("stads", "order_info", "no XML", raw="<x>"), True),
        (lambda: Unavailable("stads", "order_info", "later", order_only=True), False),
        (lambda: Unavailable("stads", "order_info", "down"), False),
    ],
)
def test_an_order_s_outage_is_not_another_order_s(
    benches: Callable[..., Bench], error: Callable[[], Exception], parked: bool
) -> None:
    bench = benches(orders=3, workers=1)
    bench.portal.trouble = _only(NAMES[2], error, "read")
    bench.engine.run_pass()
    assert bench.order("770101").state is State.DELIVERED
    assert bench.order("770102").state is State.DELIVERED
    assert (bench.order("770103").park is not None) == parked


def test_the_store_s_own_trouble_ends_the_pass_and_is_no_order_s(
    benches: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches(orders=3)

    def fail(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(bench.store, "apply", fail)
    with pytest.raises(StoreError, match="the disk is full"):
        bench.engine.run_pass()
    monkeypatch.undo()
    assert [order.park for order in bench.store.orders()] == [None, None, None]
    assert bench.engine.run_pass().advanced == 3


@pytest.mark.parametrize("cause", ["port \ud800 down", "port \x00 down", "port \x1b[2J down", "port\r\n down"])
def test_a_cause_of_any_characters_is_told_legibly(bench: Bench, cause: str) -> None:
    bench.network.perform = lambda *_: Refused(cause)  # type: ignore[method-assign] # a double
    bench.engine.run_pass()
    assert bench.order().park is Park.REFUSED
    (message,) = bench.portal.messages["770101"]
    assert message.isprintable()
    assert message.split()[:2] == ["Activation", "refused:"]
    assert "port" in message
    assert "down [stads.770101.m1]" in message
    assert str(bench.order().parked).isprintable()


# --- workers --------------------------------------------------------------------------------------------------


def test_workers_in_parallel_never_take_one_order_twice(benches: Callable[..., Bench]) -> None:
    bench = benches(orders=30, workers=8)
    meet = threading.Barrier(3, timeout=20)
    reads = 0
    lock = threading.Lock()

    def trouble(what: str, _name: str) -> None:
        nonlocal reads
        with lock:
            reads += what == "read"
            wait = what == "read" and reads <= 3
        if wait:
            meet.wait()  # three orders are under way at the same time

    bench.portal.trouble = trouble
    bench.engine.run_pass()
    assert bench.calls.most_at_once >= 3
    assert [name for name in bench.calls.overlaps if name] == []
    for name in [f"stads:{770101 + number}" for number in range(30)]:
        assert bench.calls.of("nordnet", "submit", name) == 1
        assert bench.calls.of("stads", "status", name) == 3
    assert {order.state for order in bench.store.orders()} == {State.DELIVERED}


def test_one_worker_is_enough(benches: Callable[..., Bench]) -> None:
    bench = benches(orders=5, workers=1)
    bench.engine.run_pass()
    assert bench.calls.most_at_once == 1
    assert {order.state for order in bench.store.orders()} == {State.DELIVERED}


# --- stopping -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["poll", "read", "status", "submit"])
def test_after_a_stop_no_call_begins_and_the_one_under_way_is_written_down(
    benches: Callable[..., Bench], what: str
) -> None:
    bench = benches(orders=4, workers=1)
    at_stop: list[int] = []

    def trouble(kind: str, _name: str) -> None:
        if kind == what and not at_stop:
            at_stop.append(len(bench.calls.made))
            bench.engine.stop()

    bench.portal.trouble = bench.network.trouble = trouble
    bench.engine.run_pass()
    assert len(bench.calls.made) == at_stop[0]
    assert bench.engine.stopped
    attempting = [
        intent.key
        for order in bench.store.orders()
        if (found := bench.store.explain(order.name)) is not None
        for intent in found.intents
        if intent.state == "attempting"
    ]
    assert attempting == []
    bench.restart()
    bench.engine.run_pass(once=True)
    assert {order.state for order in bench.store.orders()} == {State.DELIVERED}
    assert bench.calls.of("nordnet", "submit") == 4
    assert bench.calls.of("stads", "status") == 12


def test_an_engine_that_was_stopped_before_its_pass_calls_nobody(bench: Bench) -> None:
    bench.engine.stop()
    bench.engine.run_pass(once=True)
    assert bench.calls.made == []


def test_a_stop_ends_the_wait_for_a_call_of_unknown_outcome(bench: Bench) -> None:
    bench.network.trouble = _only(
        NAMES[0], lambda: Uncertain("nordnet", "orders.create", "no answer in time", settle_seconds=20.0), "submit"
    )
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        bench.engine.stop()

    bench.engine._sleep = sleep
    bench.engine.run_pass(once=True)
    assert len(waits) == 1
    assert bench.calls.of("nordnet", "find") == 0


# --- the summary ----------------------------------------------------------------------------------------------


def test_a_second_pass_right_after_the_first_changes_nothing_and_reads_nothing(benches: Callable[..., Bench]) -> None:
    bench = benches(orders=3)
    bench.engine.run_pass()
    before = len(bench.calls.made)
    summary = bench.engine.run_pass()
    assert {call[1] for call in bench.calls.made[before:]} == {"poll"}
    assert (summary.ingested, summary.advanced, summary.parked) == (0, 0, 0)
    assert summary.polled["stads"].unchanged == 3


def test_a_pass_without_sources_works_on_what_is_due_and_polls_nothing(bench: Bench) -> None:
    bench.store.ingest("stads", bench.portal.poll(bench.store.cursor("stads"), lambda: None), NOW)
    bench.engine.run_pass(sources=[])
    assert bench.calls.of("stads", "poll") == 1
    assert bench.order().state is State.DELIVERED
