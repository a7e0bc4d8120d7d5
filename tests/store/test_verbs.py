"""Claims about the verbs: each is one transaction, costs what it should, and waits its turn."""

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from syncer.orders import (
    Absent,
    Act,
    Begun,
    Broken,
    Cursor,
    Done,
    Failed,
    IntentState,
    Mentions,
    Park,
    Read,
    Retried,
    State,
    Told,
    Woke,
)
from syncer.store import Settled, Store, StoreError, changes, listing
from syncer.store.tables import UtcDateTime
from tests.store.filled import (
    DETAILS,
    LATER,
    NOW,
    RULES,
    due,
    everything,
    fill,
    ingest,
    listed,
    page,
    read,
    rows_of,
)

SPAWN = multiprocessing.get_context("spawn")
STOCKHOLM_ISH = timezone(timedelta(hours=2))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncer.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{file}") as opened:
        yield opened


@contextmanager
def _failing_at(store: Store, nth: int, kind: str) -> Iterator[None]:
    """Has the nth statement of a kind (INSERT, UPDATE…) fail, as a disk may."""
    seen = 0

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        seen += statement.lstrip().upper().startswith(kind)
        if seen == nth:
            raise OSError("the disk is gone")

    event.listen(store._engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(store._engine, "before_cursor_execute", fail)


@contextmanager
def _counted(store: Store) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(store._engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(store._engine, "before_cursor_execute", count)


# --- times ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])  # type: ignore[no-untyped-call]
def test_a_time_without_a_zone_is_refused(dialect: Any) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        UtcDateTime().process_bind_param(datetime(2031, 5, 4), dialect)  # noqa: DTZ001 - that is the point


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.timezones()))  # noqa: DTZ001
def test_a_time_comes_back_as_the_same_moment_in_utc(at: datetime) -> None:
    column, dialect = UtcDateTime(), sqlite.dialect()
    back = column.process_result_value(column.process_bind_param(at, dialect), dialect)
    assert back == at.astimezone(UTC)
    assert back is not None
    assert back.tzinfo is UTC


def test_times_of_other_zones_are_ordered_as_moments(store: Store) -> None:
    ingest(store, "1", now=datetime(2031, 5, 4, 9, 0, tzinfo=STOCKHOLM_ISH))
    ingest(store, "2", now=datetime(2031, 5, 4, 8, 0, tzinfo=UTC))
    assert due(store, datetime(2031, 5, 4, 7, 30, tzinfo=UTC)) == ["stads:1"]


def test_a_naive_time_stops_the_whole_verb(store: Store, file: Path) -> None:
    before = everything(file)
    with pytest.raises((ValueError, StatementError), match="without a zone"):
        store.ingest("stads", page(listed("1")), datetime(2031, 5, 4))  # noqa: DTZ001
    assert everything(file) == before


def test_an_error_of_a_statement_does_not_print_what_it_was_to_store(store: Store) -> None:
    rows = page(listed("1"))
    rows.rows[0].head["firstname"] = "Kanåriefågel"  # type: ignore[index]
    rows.rows[0].head["no JSON"] = object()  # type: ignore[index]
    with pytest.raises(Exception, match="JSON serializable") as raised:
        store.ingest("stads", rows, NOW)
    assert "Kan" not in str(raised.value)


# --- one transaction ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nth", "kind"), [(1, "INSERT"), (2, "INSERT"), (3, "INSERT"), (1, "UPDATE"), (4, "INSERT")])
def test_a_listing_that_can_not_be_stored_whole_moves_no_cursor(store: Store, file: Path, nth: int, kind: str) -> None:
    ingest(store, "1")
    before = everything(file)
    rows = page(listed("1", mark="f2"), listed("2"), broken=[Broken("<order/>", "no id")], position="2031-05-05")
    with pytest.raises(OSError, match="the disk is gone"), _failing_at(store, nth, kind):
        store.ingest("stads", rows, LATER)
    assert everything(file) == before
    assert store.cursor("stads").position == "2031-05-04"
    assert store.ingest("stads", rows, LATER).ingested == 2


def test_a_killed_syncer_has_stored_a_listing_and_its_cursor_together_or_not_at_all(file: Path) -> None:
    """Killed at the first write that it makes after it stored something of the listing."""
    with Store.open(f"sqlite:///{file}") as store:
        ingest(store, "1")
    process = SPAWN.Process(target=_ingest_and_die, args=(f"sqlite:///{file}",))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    with Store.open(f"sqlite:///{file}") as store:
        assert store.cursor("stads").position == "2031-05-04"
        assert [order.external_id for order in store.orders()] == ["1"]


def _ingest_and_die(url: str) -> None:
    import os

    def die(*_: Any) -> None:
        os._exit(9)

    vars(listing)["save_cursor"] = die
    Store.open(url).ingest("stads", page(listed("2"), position="2031-05-05"), NOW)


def test_an_observation_whose_decision_fails_leaves_nothing(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(store, "1")
    applied = read(store, "1")
    assert applied.intent is not None
    before = everything(file)

    def fail(*_: Any) -> None:
        raise KeyError("poison")

    monkeypatch.setattr(changes, "decide", fail)
    settled = Settled(applied.intent.key, IntentState.DONE, "told")
    with pytest.raises(KeyError):
        store.apply("stads:1", Told("received"), LATER, RULES, settled=settled, raw="<raw/>")
    assert everything(file) == before


@pytest.mark.parametrize(("nth", "kind"), [(1, "INSERT"), (2, "INSERT"), (1, "UPDATE"), (2, "UPDATE")])
def test_an_observation_is_written_whole_or_not_at_all(store: Store, file: Path, nth: int, kind: str) -> None:
    ingest(store, "1")
    applied = read(store, "1")
    assert applied.intent is not None
    before = everything(file)
    settled = Settled(applied.intent.key, IntentState.DONE, "told")
    with pytest.raises(OSError, match="the disk is gone"), _failing_at(store, nth, kind):
        store.apply("stads:1", Told("received"), LATER, RULES, settled=settled, may_begin=lambda _: True)
    assert everything(file) == before


def test_settling_deciding_and_beginning_the_next_is_one_commit(store: Store) -> None:
    ingest(store, "1")
    applied = read(store, "1")
    assert applied.intent is not None
    commits: list[int] = []
    event.listen(store._engine, "commit", lambda _: commits.append(1))
    settled = Settled(applied.intent.key, IntentState.DONE, "told")
    after = store.apply("stads:1", Told("received"), NOW, RULES, settled=settled, may_begin=lambda _: True)
    assert len(commits) == 1
    assert after.intent is not None
    assert (after.intent.kind, after.intent.state) == ("submit", IntentState.ATTEMPTING)
    assert after.order.portal_status == "received"


def test_an_intent_s_begin_is_on_the_disk_before_the_call_can_be_made(store: Store, file: Path) -> None:
    ingest(store, "1")
    after = store.apply("stads:1", verbs_read(), NOW, RULES, may_begin=lambda _: True)
    assert after.intent is not None
    assert rows_of(file, "SELECT key, state, attempts, open FROM intents") == [(after.intent.key, "attempting", 1, 1)]


def verbs_read() -> Any:
    from syncer.orders import Read
    from tests.store.filled import DETAILS

    return Read("new", "3105", details=DETAILS)


def test_an_order_has_one_open_intent_at_most(store: Store, file: Path) -> None:
    ingest(store, "1")
    for seen in (verbs_read(), Woke(), Told("received"), Woke(), verbs_read(), Failed("no light"), Woke(), Retried()):
        store.apply("stads:1", seen, NOW, RULES)
        assert len(rows_of(file, "SELECT key FROM intents WHERE open")) <= 1


def test_a_verb_about_an_order_that_is_not_there_changes_nothing(store: Store, file: Path) -> None:
    fill(store)
    before = everything(file)
    with pytest.raises(Exception, match="No row"):
        store.apply("stads:404", Woke(), NOW, RULES)
    assert store.load("stads:404") is None
    assert store.explain("stads:404") is None
    assert everything(file) == before


# --- several writers ------------------------------------------------------------------------------------------


def test_two_writers_that_read_first_never_fail_for_one_another(store: Store, file: Path) -> None:
    """Trap: a deferred transaction that reads and then writes fails at once when another wrote in between."""
    ingest(store, "1", "2")
    other = Store.open(f"sqlite:///{file}", exclusive=False)
    failures: list[BaseException] = []

    def write(which: Store, key: str) -> None:
        try:
            for _ in range(40):
                which.apply(f"stads:{key}", verbs_read(), NOW, RULES)
                which.note_remote("stads", up=True, since=NOW)
        except BaseException as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    threads = [threading.Thread(target=write, args=args) for args in ((store, "1"), (other, "2"), (store, "2"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failures == []


def test_a_writer_takes_its_place_at_once_and_a_reader_does_not(store: Store) -> None:
    with _counted(store) as statements:
        ingest(store, "1")
        store.overview()
    begins = [statement for statement in statements if statement.startswith("BEGIN")]
    assert begins == ["BEGIN IMMEDIATE", "BEGIN"]


def _write_much(url: str, line: Any) -> None:
    with Store.open(url) as store:
        line.send("begun")
        number = 0
        while not line.poll():
            number += 1
            store.ingest("stads", page(*(listed(f"{number}-{at}") for at in range(20))), NOW)
        line.send(number)


def test_reading_verbs_work_while_another_process_writes(file: Path) -> None:
    url = f"sqlite:///{file}"
    Store.open(url).close()
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_write_much, args=(url, theirs))
    process.start()
    assert ours.poll(60)
    ours.recv()
    seen = []
    with Store.open(url, exclusive=False) as store:
        for _ in range(30):
            overview = store.overview()
            orders = store.orders()
            seen.append(len(orders))
            assert sum(overview.states.values()) % 20 == 0
            assert len(orders) % 20 == 0  # never half a listing
            if orders:
                assert store.explain(orders[0].name) is not None
    ours.send("stop")
    assert ours.poll(60)
    assert ours.recv() * 20 >= seen[-1]
    process.join(60)
    assert seen == sorted(seen)


# --- what a listing costs -------------------------------------------------------------------------------------


def _cost(store: Store, count: int) -> int:
    rows = page(*(listed(f"{number:06}") for number in range(count)))
    store.ingest("stads", rows, NOW)
    with _counted(store) as statements:
        accounting = store.ingest("stads", rows, LATER)
    assert accounting.unchanged == count
    assert accounting.ingested == 0
    return len(statements)


def test_a_thousand_unchanged_rows_cost_a_handful_of_statements_however_many_orders_are_stored(store: Store) -> None:
    first = _cost(store, 1000)
    store.ingest("stads", page(*(listed(f"other-{number}") for number in range(5000))), NOW)
    store.ingest("malmö", page(*(listed(f"{number:06}") for number in range(1000))), NOW)
    assert _cost(store, 1000) == first
    assert first <= 6


def test_new_rows_cost_statements_by_the_hundreds_and_not_one_each(store: Store) -> None:
    with _counted(store) as statements:
        store.ingest("stads", page(*(listed(f"{number:06}") for number in range(1000))), NOW)
    assert len(statements) <= 15


def test_looking_for_due_orders_does_not_walk_through_all_of_them(store: Store) -> None:
    ingest(store, "1")
    with store._read() as tx:
        plan = str(tx.exec_driver_sql("EXPLAIN QUERY PLAN SELECT id FROM orders WHERE wake_at <= '2031'").all())
    assert "ix_orders_due" in plan


# --- listings -------------------------------------------------------------------------------------------------


def test_what_we_wrote_ourselves_is_no_change_when_it_is_listed(store: Store) -> None:
    ingest(store, "1")
    read(store, "1")
    store.apply("stads:1", Told("received"), NOW, RULES)
    assert store.ingest("stads", page(listed("1", "received")), NOW).unchanged == 1
    assert store.ingest("stads", page(listed("1", "cancelled")), NOW).changed == 1


def test_an_id_that_is_listed_twice_is_one_order(store: Store) -> None:
    accounting = store.ingest("stads", page(listed("1"), listed("1"), listed("1")), NOW)
    assert (accounting.listed, accounting.new, accounting.unchanged) == (3, 1, 2)
    assert len(store.orders()) == 1


def test_the_same_id_in_two_portals_is_two_orders(store: Store) -> None:
    store.ingest("stads", page(listed("1")), NOW)
    store.ingest("malmö", page(listed("1")), NOW)
    assert {order.name for order in store.named("1")} == {"stads:1", "malmö:1"}


def test_a_row_without_an_id_is_parked_once_however_often_it_is_listed(store: Store) -> None:
    broken = [Broken("<order><x/></order>", "a listed row has no usable id")]
    first, again = (store.ingest("stads", page(broken=broken), NOW) for _ in range(2))
    assert (first.unreadable, first.parked) == (1, 1)
    assert (again.unreadable, again.parked) == (1, 0)
    (order,) = store.orders(parked=True)
    assert order.park is Park.UNREADABLE
    found = store.explain(order.name)
    assert found is not None
    assert found.raw == "<order><x/></order>"


# --- around it ------------------------------------------------------------------------------------------------


def test_a_copy_in_memory_can_be_worked_on_without_a_byte_of_the_file_changing(store: Store, file: Path) -> None:
    fill(store)
    before = {path.name: path.read_bytes() for path in file.parent.iterdir() if path.suffix != ".db-shm"}
    with store.copy_in_memory() as copy:
        assert [order.name for order in copy.orders()] == [order.name for order in store.orders()]
        ingest(copy, "90", "91")
        read(copy, "90")
        copy.erase(LATER, LATER)
        assert len(copy.orders()) == len(store.orders()) + 2
    after = {path.name: path.read_bytes() for path in file.parent.iterdir() if path.suffix != ".db-shm"}
    assert after == before


def _personal(file: Path) -> set[str]:
    details = {f"details {key}" for (key,) in rows_of(file, "SELECT order_id FROM details")}
    return details | {f"raw {key}" for (key,) in rows_of(file, "SELECT order_id FROM raw_answers")}


def test_erasing_takes_the_details_and_raw_answers_of_what_ended_before_and_of_nothing_else(
    store: Store, file: Path
) -> None:
    ingest(store, "1", "2", "3")
    store.apply("stads:1", verbs_read(), NOW, RULES, raw="<raw/>")
    for key, at in (("1", NOW), ("2", LATER)):
        read(store, key, "delivered", now=at)
    store.wait("stads:3", LATER, NOW, raw="<raw/>")
    assert store.erase(NOW, LATER) == 0
    assert store.erase(LATER, LATER) == 1
    assert _personal(file) == {"details 2", "details 3", "raw 3"}
    assert len(store.orders()) == 3
    assert store.erase(LATER, LATER) == 0


def test_a_raw_answer_that_came_after_the_erasure_is_erased_too(store: Store, file: Path) -> None:
    ingest(store, "1")
    read(store, "1", "delivered")
    store.erase(LATER, LATER)
    store.wait("stads:1", LATER, LATER, raw="<firstname>Åsa</firstname>")
    store.erase(LATER, LATER)
    assert _personal(file) == set()


def test_what_is_erased_is_gone_from_the_file_and_not_only_from_its_tables(store: Store, file: Path) -> None:
    ingest(store, "1")
    store.apply("stads:1", verbs_read(), NOW, RULES, raw="<raw>Kanariegatan</raw>" * 1000)
    read(store, "1", "delivered")
    assert b"XY0202B07" in _bytes(file)
    store.erase(LATER, LATER)
    assert b"XY0202B07" not in _bytes(file)
    assert b"Kanariegatan" not in _bytes(file)


def _bytes(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in file.parent.iterdir())


def test_events_make_the_orders_that_they_speak_of_due_and_their_cursor_is_kept(store: Store) -> None:
    ingest(store, "1", "2")
    for key, ref in (("1", "o-1"), ("2", "o-2")):
        read(store, key)
        store.apply(f"stads:{key}", Told("received"), NOW, RULES)
        store.apply(f"stads:{key}", Begun(ref), NOW, RULES)
        store.apply(f"stads:{key}", Told("active"), NOW, RULES)
        store.wait(f"stads:{key}", LATER, NOW)
    store.rouse("nordnet", Mentions(frozenset({"o-2", "o-9"}), Cursor("9002")), "nordnet events", NOW)
    assert due(store, NOW) == ["stads:2"]
    assert store.cursor("nordnet events").position == "9002"
    store.rouse("sydnet", Mentions(frozenset({"o-1"}), Cursor("1")), "sydnet events", NOW)
    assert due(store, NOW) == ["stads:2"]  # another network's number is another order


def test_a_reading_that_is_older_than_what_asks_for_it_does_not_count(store: Store) -> None:
    """A change that is listed while the order is being read would be missed for good: its row is no news after that."""
    ingest(store, "1")
    held = store.hold("stads:1")
    store.ingest("stads", page(listed("1", "cancelled", "f2")), NOW)
    applied = store.apply("stads:1", Read("new", "3105", details=DETAILS), NOW, RULES, held=held)
    assert applied.order.look_due
    assert (applied.order.state, applied.next.act) == (State.NEW, Act.LOOK)
    assert read(store, "1", "cancelled").order.state is State.CANCELLED


def test_a_final_order_is_not_roused(store: Store) -> None:
    ingest(store, "1")
    read(store, "1")
    for seen in (Told("received"), Begun("o-1"), Told("active"), Done("o-1"), Told("delivered")):
        store.apply("stads:1", seen, NOW, RULES)
    loaded = store.load("stads:1")
    assert loaded is not None
    assert loaded[0].state is State.DELIVERED
    store.rouse("nordnet", Mentions(frozenset({"o-1"}), Cursor("1")), "nordnet events", NOW)
    assert due(store, LATER) == []


def test_a_firm_time_is_not_overridden_by_once_and_another_is(store: Store) -> None:
    ingest(store, "1", "2")
    for key in ("1", "2"):
        read(store, key)
        loaded = store.load(f"stads:{key}")
        assert loaded is not None
        assert loaded[1] is not None
        store.mark(
            f"stads:{key}", loaded[1].key, IntentState.UNCERTAIN, NOW, outcome="?", wake_at=LATER, firm=key == "1"
        )
    assert due(store, NOW) == []
    store.hasten(NOW)
    assert due(store, NOW) == ["stads:2"]
    assert sorted(due(store, LATER)) == ["stads:1", "stads:2"]
    assert store.next_uncertain() == NOW


def test_a_reading_verb_s_error_is_a_sentence(store: Store, file: Path) -> None:
    with store._engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE raw_answers")
        connection.commit()
    ingest(store, "1")
    with pytest.raises(StoreError, match=r"syncer\.db: no such table: raw_answers"):
        store.explain("stads:1")
    assert Absent().text
