"""Claims about the store on PostgreSQL: those of `test_verbs` that aren't about SQLite's file, and PostgreSQL's own.

The former are taken from there as they stand, over a database of PostgreSQL's.
"""

import inspect
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from syncer.orders import Broken, Listed, Read
from syncer.store import Store, StoreError
from tests.postgres import Server, postgres_fixture, postgres_url_fixture, server
from tests.store import test_verbs
from tests.store.filled import DETAILS, LATER, NOW, RULES, fill, ingest, listed, page, read

__all__ = ["postgres_fixture", "postgres_url_fixture"]

SQLITES_OWN = {
    "test_a_copy_in_memory_can_be_worked_on_without_a_byte_of_the_file_changing",
    "test_a_killed_syncer_has_stored_a_listing_and_its_cursor_together_or_not_at_all",
    "test_a_reading_verb_s_error_is_a_sentence",
    "test_a_writer_takes_its_place_at_once_and_a_reader_does_not",
    "test_looking_for_due_orders_does_not_walk_through_all_of_them",
    "test_reading_verbs_work_while_another_process_writes",
    "test_two_writers_that_read_first_never_fail_for_one_another",
    "test_what_is_erased_is_gone_from_the_file_and_not_only_from_its_tables",
}
for _name, _claim in inspect.getmembers(test_verbs, inspect.isfunction):
    if _name.startswith("test_") and _name not in SQLITES_OWN and "store" in inspect.signature(_claim).parameters:
        globals()[_name] = _claim
IMPORTED = """
import sys
from syncer.store import Store
import alembic.command, sqlalchemy.dialects.postgresql.psycopg
print("ready", flush=True)
input()
Store.open(sys.argv[1]).close()
"""


@pytest.fixture
def file(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database's URL, with which the claims' looks past the store go to PostgreSQL."""
    monkeypatch.setattr(test_verbs, "rows_of", rows_of)
    monkeypatch.setattr(test_verbs, "everything", everything)
    return postgres_url


@pytest.fixture
def store(file: str) -> Iterator[Store]:
    with Store.open(file) as opened:
        yield opened


def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    """What stands in the database, past the store."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return [tuple(row) for row in connection.execute(query).fetchall()]


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    names = rows_of(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name: sorted(rows_of(url, f"SELECT * FROM {name}"), key=repr) for (name,) in names}  # noqa: S608 - our own


def at_once(count: int, work: Callable[[int], object]) -> list[BaseException]:
    """Has so many threads begin a work at the same moment; what any of them raised."""
    ready = threading.Barrier(count)
    raised: list[BaseException] = []

    def go(number: int) -> None:
        ready.wait()
        try:
            work(number)
        except BaseException as failure:  # noqa: BLE001 - handed to who asked
            raised.append(failure)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.fixture
def stores(file: str) -> Iterator[list[Store]]:
    """The stores of four workers."""
    opened = [Store.open(file) for _ in range(4)]
    yield opened
    for one in opened:
        one.close()


def test_what_is_left_out_here_is_there() -> None:
    assert {name for name in SQLITES_OWN if not hasattr(test_verbs, name)} == set()
    assert len([name for name in globals() if name.startswith("test_") and hasattr(test_verbs, name)]) > 20


# --- texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_an_odd_character_in_one_order_does_not_stop_its_portal(store: Store, odd: str) -> None:
    ingest(store, "1")
    rows = page(Listed("2", "new", "3105", "f", {"name": f"a{odd}b", "date": "2031-05-03 09:00:00"}))
    store.ingest("stads", rows, NOW)
    assert store.oldest_open("stads") == datetime(2031, 5, 3, tzinfo=UTC)
    assert store.load("stads:2") is not None


def test_an_unreadable_answer_is_kept_whatever_is_in_it(store: Store) -> None:
    store.ingest("stads", page(broken=[Broken("<order>\0</order>", "no id")]), NOW)
    ingest(store, "1")
    store.wait("stads:1", LATER, NOW, raw="\0")
    found = store.explain("stads:1")
    assert found is not None
    assert found.raw is not None


# --- errors ---------------------------------------------------------------------------------------------------


def test_an_error_of_the_server_does_not_print_what_it_was_to_store(store: Store, postgres: Server, file: str) -> None:
    ingest(store, "1")
    with postgres.admin(file.rpartition("/")[2]) as connection:
        connection.execute("ALTER TABLE details ADD CHECK (length(details::text) < 100)")
    with pytest.raises(StoreError) as raised:
        store.apply("stads:1", Read("new", "3105", details={"customer": {"firstname": "Kanåriefågel" * 9}}), NOW, RULES)
    assert "Kan" not in str(raised.value)
    assert "violates check constraint" in str(raised.value)


def test_a_server_that_is_gone_is_a_sentence_and_the_store_goes_on_when_it_is_back() -> None:
    with server() as pg, Store.open(pg.database()) as store:
        ingest(store, "1")
        pg.crash()
        for _ in range(2):
            with pytest.raises(StoreError, match="see that the database is up and reachable"):
                ingest(store, "2")
        pg.start()
        ingest(store, "2")
        assert {order.external_id for order in store.orders()} == {"1", "2"}


def test_a_connection_that_was_cut_is_replaced(store: Store, postgres: Server, file: str) -> None:
    ingest(store, "1")
    with postgres.admin(file.rpartition("/")[2]) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'syncer'")
    assert len(store.orders()) == 1
    ingest(store, "2")


def test_a_database_that_may_only_be_read_says_so(store: Store, postgres: Server, file: str) -> None:
    with postgres.admin("postgres") as connection:
        connection.execute(f"ALTER DATABASE {file.rpartition('/')[2]} SET default_transaction_read_only = on")
    with Store.open(file) as reader:
        assert reader.orders() == []
        with pytest.raises(StoreError, match="read-only transaction"):
            ingest(reader, "1")


# --- times ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
def test_a_time_at_the_end_of_all_times_comes_back_whatever_the_server_s_zone(
    postgres: Server, file: str, at: datetime
) -> None:
    zone = "Asia/Tokyo" if at.year > 1 else "America/Los_Angeles"
    with postgres.admin("postgres") as connection:
        connection.execute(f"ALTER DATABASE {file.rpartition('/')[2]} SET timezone = '{zone}'")
    with Store.open(file) as store:
        ingest(store, "1")
        store.wait("stads:1", at, NOW)
        (order,) = store.orders()
        assert order.wake_at == at


# --- several workers ------------------------------------------------------------------------------------------


# Not strict where it takes a race to fail: the program may be lucky.
def test_a_listing_that_two_workers_read_at_the_same_time_is_stored_once(stores: list[Store]) -> None:
    rows = page(*(listed(f"{number:05}") for number in range(300)))
    assert at_once(4, lambda number: stores[number].ingest("stads", rows, NOW)) == []
    assert len(stores[0].orders()) == 300


def test_what_several_workers_note_of_a_remote_at_the_same_time_is_one_row(stores: list[Store]) -> None:
    assert at_once(4, lambda number: stores[number].note_remote("stads", up=False, since=NOW)) == []
    assert not stores[0].remotes()["stads"].up


def test_listings_in_opposite_orders_do_not_lock_one_another_out(stores: list[Store]) -> None:
    names = [f"{number:05}" for number in range(300)]
    ingest(stores[0], *names)

    def change(number: int) -> None:
        rows = [listed(name, mark=f"by {number}") for name in names[:: 1 if number % 2 else -1]]
        stores[number].ingest("stads", page(*rows), LATER)

    assert at_once(4, change) == []


def test_two_workers_that_decide_about_an_order_at_the_same_time_begin_one_intent_once(
    stores: list[Store], file: str
) -> None:
    """Whichever is later is refused; never do both begin it."""
    ingest(stores[0], "1")
    begun: list[str] = []

    def decide(number: int) -> None:
        seen = Read("new", "3105", details=DETAILS)
        applied = stores[number].apply("stads:1", seen, NOW, RULES, may_begin=lambda _: True)
        if applied.intent is not None:
            begun.append(applied.intent.key)

    at_once(4, decide)
    assert rows_of(file, "SELECT attempts FROM intents") == [(1,)]
    assert len(begun) >= 1


def test_workers_that_are_started_together_on_an_empty_database_migrate_it_once(postgres: Server) -> None:
    url = postgres.database(migrated=False)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", IMPORTED, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        assert all(worker.stdout is not None and worker.stdout.readline() == "ready\n" for worker in workers)
        told = [worker.communicate("\n", timeout=60)[1] for worker in _let_go(workers)]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0, 0], told
    postgres.drop(url)


def _let_go(workers: list["subprocess.Popen[str]"]) -> list["subprocess.Popen[str]"]:
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    return workers


# --- around it ------------------------------------------------------------------------------------------------


def test_a_dry_run_s_copy_can_be_worked_on_without_a_row_changing(store: Store, file: str) -> None:
    fill(store)
    before = everything(file)
    with store.copy_in_memory() as copy:
        assert {order.name for order in copy.orders()} == {order.name for order in store.orders()}
        ingest(copy, "90")
        read(copy, "90")
    assert everything(file) == before


def test_migrations_make_exactly_the_tables_of_the_models(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlmodel import SQLModel

    with store._engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata) == []
