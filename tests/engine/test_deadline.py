"""Claims about a pass's deadline: what hangs or is slow holds up nothing else, and a pass comes to its end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from syncer.engine import Engine, passes
from syncer.orders import IntentState, State
from syncer.store import StoreError
from tests.engine.doubles import NOW, Bench, Portal

PATIENCE = 20.0
SOON = timedelta(seconds=0.3)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "PROMPT", 0.05)


class Gate:
    """What a poll waits at until a test lets it on."""

    def __init__(self) -> None:
        self.reached, self._open = threading.Event(), threading.Event()

    def __call__(self, what: str, _name: str) -> None:
        if what == "poll":
            self.reached.set()
            assert self._open.wait(PATIENCE), "nobody let it on"

    def open(self) -> None:
        self._open.set()

    @property
    def opened(self) -> bool:
        return self._open.is_set()


@contextmanager
def passing(engine: Engine, *sources: str) -> Iterator[threading.Thread]:
    """A pass as the service makes it, in a thread of its own."""
    thread = threading.Thread(target=lambda: engine.run_bounded(sources, timedelta(minutes=1)))
    thread.start()
    yield thread
    thread.join(PATIENCE)
    assert not thread.is_alive()


def wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, "it never comes"
        time.sleep(0.01)


def test_a_portal_that_hangs_in_its_poll_holds_up_no_order_of_another(bench: Bench) -> None:
    gate = Gate()
    other = Portal("malmö", bench.calls)
    other.trouble = gate
    bench.engine.room.sources["malmö"] = other  # type: ignore[index] # the double's is a dict
    with passing(bench.engine, "malmö", "stads"):
        assert gate.reached.wait(PATIENCE)
        wait_until(lambda: bench.portal.status["770101"] == "delivered")
        gate.open()


def test_a_pass_ends_only_when_its_polls_have_and_counts_them(bench: Bench) -> None:
    gate = Gate()
    bench.portal.trouble = gate
    with passing(bench.engine, "stads") as thread:
        assert gate.reached.wait(PATIENCE)
        thread.join(0.1)
        assert thread.is_alive()
        gate.open()
    last = bench.store.overview().last_pass
    assert last is not None
    assert last["polled"]["stads"]["new"] == 1
    assert bench.portal.status["770101"] == "delivered"


def test_a_network_that_hangs_in_its_events_holds_up_only_what_is_about_itself(bench: Bench) -> None:
    gate = Gate()
    bench.network.trouble = gate
    with passing(bench.engine, "stads"):
        assert gate.reached.wait(PATIENCE)
        wait_until(lambda: bench.portal.status["770101"] == "received")
        assert bench.calls.of("nordnet", "submit") == 0
        gate.open()
    assert bench.portal.status["770101"] == "delivered"


def test_a_portal_that_is_read_just_now_has_none_of_its_orders_worked_on(bench: Bench) -> None:
    bench.engine.run_bounded(["stads"], SOON)
    gate = Gate()
    bench.portal.status["770102"] = "new"
    bench.portal.trouble = gate
    before = len(bench.calls.made)
    with passing(bench.engine, "stads"):
        assert gate.reached.wait(PATIENCE)
        bench.store.reread_order("stads:770101", NOW)  # it is due, whatever is polled
        time.sleep(passes.PROMPT * 2)
        assert {what for _, what, _ in bench.calls.made[before:]} == {"poll"}
        gate.open()
    assert bench.calls.of("stads", "read", "stads:770101") == 2


def test_what_becomes_due_while_another_source_hangs_is_polled_meanwhile_and_never_twice_at_a_time(
    bench: Bench,
) -> None:
    gate = Gate()
    other = Portal("malmö", bench.calls)
    other.trouble = gate
    bench.engine.room.sources["malmö"] = other  # type: ignore[index] # the double's is a dict

    def more() -> list[str]:
        if bench.calls.of("stads", "poll") < 4:
            return ["malmö", "stads"]
        gate.open()
        return []

    summary = bench.engine.run_bounded(["malmö", "stads"], timedelta(minutes=1), more)
    assert bench.calls.of("stads", "poll") == 4
    assert bench.calls.of("malmö", "poll") == 1
    assert (summary.polled["stads"].listed, summary.polled["stads"].new, summary.ingested) == (4, 1, 1)


def test_a_source_that_becomes_due_during_much_work_is_polled_before_all_of_it_is_done(
    benches: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "PROMPT", 0.2)
    bench = benches(orders=40)
    bench.engine.room = replace(bench.engine.room, parallel={"nordnet": 1})
    placed: list[int] = []

    def slow(what: str, _name: str) -> None:
        if what == "submit":
            time.sleep(0.03)

    def polled(what: str, _name: str) -> None:
        if what == "poll":
            placed.append(len(bench.network.placed))

    bench.network.trouble, bench.portal.trouble = slow, polled
    due = iter([["stads"]])
    bench.engine.run_bounded(["stads"], timedelta(minutes=1), lambda: next(due, []))
    first, second = placed
    assert first < second < 40  # in the midst of it
    assert len(bench.network.placed) == 40  # and the rest in the same pass
    assert {bench.order(str(770101 + number)).state for number in range(40)} == {State.DELIVERED}


def test_a_list_that_takes_long_to_be_read_leaves_as_much_time_for_work(
    benches: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "PROMPT", 0.2)
    bench = benches(orders=6)
    bench.engine.run_bounded(["stads"], timedelta(seconds=2), lambda: ["stads"])  # due all the time
    assert len(bench.network.placed) == 6


def test_that_all_else_is_done_is_told_while_a_list_is_read_and_by_name(bench: Bench) -> None:
    gate, told = Gate(), list[frozenset[str]]()
    other = Portal("malmö", bench.calls)
    other.trouble = gate
    bench.engine.room.sources["malmö"] = other  # type: ignore[index] # the double's is a dict

    def going_on(reading: frozenset[str]) -> None:
        if bench.portal.status["770101"] == "delivered":
            told.append(reading)
            gate.open()

    bench.engine.run_bounded(["malmö", "stads"], timedelta(minutes=1), going_on=going_on)
    assert set(told) == {frozenset({"malmö"})}


def test_a_store_that_fails_ends_the_pass_when_its_polls_are_over(bench: Bench) -> None:
    gate = Gate()
    other = Portal("malmö", bench.calls)
    other.trouble = gate
    bench.engine.room.sources["malmö"] = other  # type: ignore[index] # the double's is a dict
    failed: list[StoreError] = []

    def fail(*_: object) -> None:
        threading.Timer(0.2, gate.open).start()
        raise StoreError("the disk is full")

    bench.store.ingest = fail  # type: ignore[method-assign, assignment]
    try:
        bench.engine.run_bounded(["malmö", "stads"], SOON)
    except StoreError as full:
        failed.append(full)
    assert failed
    assert gate.opened


def test_work_for_longer_than_a_pass_is_the_next_ones_and_nothing_is_left_half_done(
    benches: Callable[..., Bench],
) -> None:
    bench = benches(orders=40)
    bench.engine.room = replace(bench.engine.room, parallel={"nordnet": 1})

    def slow(what: str, _name: str) -> None:
        if what == "submit":
            time.sleep(0.1)

    bench.network.trouble = slow
    bench.engine.run_bounded(["stads"], SOON)
    placed = len(bench.network.placed)
    assert 0 < placed < 40
    loaded = [bench.store.load(order.name) for order in bench.store.orders()]
    open_intents = [found[1] for found in loaded if found is not None and found[1] is not None]
    assert {one.state for one in open_intents} <= {IntentState.PLANNED}
    bench.engine.run_pass(sources=[])
    assert {order.state for order in bench.store.orders()} == {State.DELIVERED}
    assert bench.calls.of("nordnet", "submit") == 40
