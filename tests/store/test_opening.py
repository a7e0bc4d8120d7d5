"""Claims about opening a store: migrations, the lock, and files that are not as they should be."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from syncer.store import InHand, Store, StoreBusy, StoreError, connect
from syncer.store.connect import REVISIONS, SOUND_SQLITE, sqlite_driver
from tests.store.filled import NOW, everything, fill, rows_of, run

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "syncer.db"


def _url(file: Path) -> str:
    return f"sqlite:///{file}"


# --- migrations -----------------------------------------------------------------------------------------------


def test_the_migrations_make_exactly_the_tables_of_the_models(file: Path) -> None:
    with Store.open(_url(file)) as store, store._engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata) == []


def test_the_program_s_list_of_revisions_is_the_scripts_own_chain() -> None:
    scripts = ScriptDirectory(str(Path(connect.__file__).parent / "migrations"))
    chain = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(chain)) == REVISIONS
    assert len(scripts.get_heads()) == 1


def test_every_migration_is_in_the_wheel() -> None:
    folder = Path(connect.__file__).parent / "migrations"
    assert (folder / "env.py").is_file()
    for script in (folder, folder / "versions"):
        assert (script / "__init__.py").is_file()


def test_opening_again_changes_nothing(file: Path) -> None:
    with Store.open(_url(file)) as store:
        fill(store)
    before = everything(file)
    for _ in range(2):
        with Store.open(_url(file)):
            pass
    assert everything(file) == before
    assert rows_of(file, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


def test_an_older_store_is_brought_up_with_its_rows(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(_url(file)) as store:
        fill(store)
    before = everything(file)
    asked: list[str] = []
    monkeypatch.setattr(connect, "REVISIONS", (*REVISIONS, "9999"))
    monkeypatch.setattr(connect, "_upgrade", lambda connection: asked.append(str(connection.engine.url)))
    with Store.open(_url(file)):
        pass
    assert asked == [_url(file)]
    assert everything(file) == before


def test_a_store_of_the_first_revision_is_brought_up_with_its_rows(file: Path) -> None:
    file.parent.mkdir()
    config = Config()
    config.set_main_option("script_location", str(Path(connect.__file__).parent / "migrations"))
    with connect.connect(_url(file)).connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    columns = (
        "portal, external_id, state, service, work, look_due, doubt, taken_over, explained, round, tells, failures"
    )
    order = f"INSERT INTO orders (id, ended_at, wake_at, {columns}, message_type, wake_firm) VALUES "  # noqa: S608
    facts = "'stads', {0}, 'received', '3105', 'unbegun', 1, 0, 0, 0, 1, 0, 0, 'error', 0"
    ended, open_ = "(1, '2031-01-01 00:00:00.000000', NULL, ", "(2, NULL, '2031-01-01 00:00:00.000000', "
    intent = "INSERT INTO intents (key, order_id, kind, target, payload, state, open, attempts, at) VALUES "
    run(
        file,
        order + ended + facts.format("'1'") + ")",
        order + open_ + facts.format("'2'") + ")",
        intent + "('stads.2.t1', 2, 'status', 'stads', '{}', 'planned', 1, 0, '2031-01-01 00:00:00.000000')",
    )
    with Store.open(_url(file)) as store:
        (taken,) = store.claim(NOW, limit=10)
        assert isinstance(taken, InHand)
        assert (taken.order.name, taken.rev, taken.intent and taken.intent.key) == ("stads:2", 0, "stads.2.t1")
        assert store.erase(NOW, NOW) == 0  # what was erased before is known to be
    assert rows_of(file, "SELECT id, erased_at IS NOT NULL FROM orders ORDER BY id") == [(1, 1), (2, 0)]


def test_a_newer_store_is_refused_with_what_to_do(file: Path) -> None:
    with Store.open(_url(file)) as store:
        fill(store)
    run(file, "UPDATE alembic_version SET version_num = '9999'")
    before = everything(file)
    with pytest.raises(StoreError, match=r"newer syncer \(revision 9999\).*run that version, or restore"):
        Store.open(_url(file))
    assert everything(file) == before
    run(file, f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'")  # noqa: S608 - our own word
    Store.open(_url(file)).close()  # the lock was let go


def test_a_migration_that_fails_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir()
    run(file, "CREATE TABLE history (id INTEGER)")  # the script's own will fail, after it has made others
    with pytest.raises(StoreError, match="already exists"):
        Store.open(_url(file))
    assert everything(file) == {"history": []}


# --- SQLite itself --------------------------------------------------------------------------------------------


def test_sqlite_is_one_that_cannot_corrupt_a_wal_database() -> None:
    assert sqlite_driver().sqlite_version_info >= SOUND_SQLITE == (3, 51, 3)


def test_commits_are_on_the_disk_when_they_return_and_readers_do_not_wait(file: Path) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000, "secure_delete": 1}
    with Store.open(_url(file)) as store, store._read() as tx:
        found = {name: tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    assert found == wanted


# --- files that are not as they should be ---------------------------------------------------------------------


def test_a_file_that_is_no_database_is_named_and_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"<html>not a database</html>" * 100)
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"syncer\.db: file is not a database — .*move it away"):
        Store.open(_url(file))
    assert file.read_bytes() == before


def test_a_damaged_file_is_told_from_an_outage(file: Path) -> None:
    with Store.open(_url(file)) as store:
        fill(store)
    run(file, "PRAGMA wal_checkpoint(TRUNCATE)")
    good = file.read_bytes()
    file.write_bytes(good[:4096] + b"\xa5" * (len(good) - 4096))
    with pytest.raises(StoreError, match=r"the file is damaged.*restore a backup"):
        _read_all(_url(file))


def test_a_truncated_file_is_told_from_an_outage(file: Path) -> None:
    with Store.open(_url(file)) as store:
        fill(store)
    run(file, "PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as handle:
        handle.truncate(4096 * 3 + 100)
    with pytest.raises(StoreError, match="restore a backup"):
        _read_all(_url(file))


def _read_all(url: str) -> None:
    with Store.open(url) as store:
        store.orders()
        store.overview()
        list(store.history())


def test_a_folder_in_the_file_s_place_is_explained(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"can't be opened: see that its folder exists"):
        Store.open(_url(file))


def test_a_file_in_the_folder_s_place_is_explained(file: Path) -> None:
    file.parent.write_text("here is no folder")
    with pytest.raises(StoreError, match=r"see that syncer's user may write to"):
        Store.open(_url(file))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write where the mode says nobody may")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_place_is_explained(file: Path, what: str) -> None:
    Store.open(_url(file)).close()
    place = file if what == "file" else file.parent
    place.chmod(0o444 if what == "file" else 0o555)
    try:
        with pytest.raises(StoreError, match=r"right to write|may write"), Store.open(_url(file)) as store:
            fill(store)
    finally:
        place.chmod(0o755)


def test_a_database_that_may_only_be_read_is_explained(file: Path) -> None:
    with Store.open(_url(file)) as store:
        with store._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = 1")
        with pytest.raises(StoreError, match="the file can't be written: give syncer's user the right"):
            fill(store)


def test_a_full_disk_loses_nothing_and_the_next_try_goes_on(file: Path) -> None:
    with Store.open(_url(file)) as store:
        fill(store)
        before = everything(file)
        writing = store._writing  # the limit is the connection's
        assert writing is not None
        pages = writing.exec_driver_sql("PRAGMA page_count").scalar_one()
        writing.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        writing.rollback()
        rows = [f"row {number:05}" for number in range(2000)]
        with pytest.raises(StoreError, match="the disk is full: free some space; nothing was lost"):
            _ingest_many(store, rows)
        assert everything(file) == before
        assert _ingest_many(store, rows) == 2000


def _ingest_many(store: Store, keys: list[str]) -> int:
    from tests.store.filled import listed, page

    return store.ingest("stads", page(*map(listed, keys), position="2031-06-01"), NOW).new


# --- other processes ------------------------------------------------------------------------------------------


def _hold(url: str, line: Connection) -> None:
    with Store.open(url):
        line.send("held")
        line.recv()


@contextmanager
def _other_syncer(url: str) -> Iterator[multiprocessing.process.BaseProcess]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_hold, args=(url, theirs))
    process.start()
    try:
        assert ours.poll(30)
        assert ours.recv() == "held"
        yield process
    finally:
        ours.close()
        process.kill()
        process.join(30)


def test_a_second_syncer_is_refused_at_once_and_readers_are_not(file: Path) -> None:
    with _other_syncer(_url(file)) as process:
        with pytest.raises(StoreBusy, match="another syncer holds it"):
            Store.open(_url(file))
        with Store.open(_url(file), exclusive=False) as store:
            assert store.orders() == []
        assert process.is_alive()


def test_the_lock_of_a_killed_syncer_is_free(file: Path) -> None:
    with _other_syncer(_url(file)) as process:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        Store.open(_url(file)).close()


def test_the_lock_is_not_inherited_by_a_command_that_outlives_its_syncer(file: Path) -> None:
    with Store.open(_url(file)):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        Store.open(_url(file)).close()
    finally:
        child.communicate(b"\n")


def test_a_lock_held_too_long_by_another_program_is_explained(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "BUSY_MS", 50)
    with Store.open(_url(file)) as store, closing(sqlite_driver().connect(str(file))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"another program holds the database.*end that program"):
            fill(store)
        other.rollback()
        fill(store)


@pytest.mark.parametrize("error", [sqlite_driver().OperationalError, psycopg.OperationalError, psycopg.errors.DiskFull])
def test_a_driver_s_own_error_is_explained_too(error: type[Exception]) -> None:
    with pytest.raises(StoreError, match="nothing was lost"), connect.explained("sqlite:///ring.db"):
        raise error("the connection was cut")
    with pytest.raises(ZeroDivisionError), connect.explained("sqlite:///ring.db"):
        raise ZeroDivisionError


def test_an_error_of_the_database_names_the_place_without_the_password() -> None:
    url = "postgresql+psycopg://syncer:kanarie5f2c@db.example/syncer"
    told = connect._sentence(url, "connection refused", None)
    assert re.search(r"db\.example.*connection refused — see that the database is up", told)
    assert "kanarie" not in told


def test_a_password_with_any_characters_gets_into_the_url() -> None:
    from sqlalchemy.engine import make_url

    url = connect.with_password("postgresql+psycopg://syncer@db.example/syncer", "å/:@&?#%")
    assert make_url(url).password == "å/:@&?#%"
    assert make_url(url).host == "db.example"
