"""Opening a store: the engine and its pragmas, the lock that keeps a second syncer off, and migrations.

Verbs don't belong here.
"""

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from syncer.errors import SyncerError

REVISIONS = ("0001", "0002")  # oldest first; the last is what this program needs
SOUND_SQLITE = (3, 51, 3)  # earlier ones can corrupt a WAL database that has two connections
BUSY_MS = 10_000
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # what is erased is overwritten, and not only forgotten
)


class StoreError(SyncerError):
    """The store can't be used as it is; the text says what to do."""


class StoreBusy(StoreError):
    """Another syncer holds the store."""


def sqlite_driver() -> Any:
    """The SQLite module: pysqlite3, where it is installed and newer than the system's."""
    try:
        ours = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3
    return ours if ours.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


def with_password(url: str, password: str) -> str:
    """The URL with a password, as the store opens it."""
    return make_url(url).set(password=password).render_as_string(hide_password=False)


def sqlite_path(url: str) -> Path | None:
    """The database file of a SQLite URL; None for one in memory, or for another kind of database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))


def make_private(path: Path) -> None:
    """Makes the database's folder and file, where they are missing, for nobody but us: orders are about people."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise StoreError(
            f"store {path}: {error.strerror} — see that syncer's user may write to {path.parent}"
        ) from None


def connect(url: str) -> Engine:
    """An engine whose transactions begin at once for writers, and whose commits are on the disk when they return."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    options: dict[str, Any] = {"module": sqlite_driver(), "connect_args": {"check_same_thread": False}}
    options["hide_parameters"] = True  # an error's text would show the people in them
    if sqlite_path(url) is None:
        options["poolclass"] = StaticPool
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver
    for pragma in (f"busy_timeout={BUSY_MS}", *PRAGMAS):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A writer takes its place at once: one that reads first would fail when another writes in between."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turns the database's own errors into sentences that say what to do."""
    try:
        yield
    except exc.DatabaseError as error:
        raise StoreError(_sentence(url, str(error.orig))) from None
    except exc.DBAPIError as error:
        raise StoreError(_sentence(url, str(error.orig))) from None


_CURES = (
    ("malformed", "the file is damaged: stop syncer, keep the file, and restore a backup or begin with an empty store"),
    ("not a database", "the file is not a SQLite database: move it away, or set store.url to another file"),
    ("disk is full", "the disk is full: free some space; nothing was lost, and the next pass goes on"),
    ("readonly", "the file can't be written: give syncer's user the right to write the file and its folder"),
    ("unable to open", "the file can't be opened: see that its folder exists and that syncer's user may write there"),
    ("locked", "another program holds the database for longer than 10 seconds: end that program"),
)


def _sentence(url: str, cause: str) -> str:
    where = sqlite_path(url) or make_url(url).render_as_string(hide_password=True)
    cure = next((cure for word, cure in _CURES if word in cause), "see that the database is up and reachable")
    return f"store {where}: {cause} — {cure}"


def lock(url: str) -> FileLock | None:
    """Takes the store for this process, or raises `StoreBusy` at once; None where the database shares itself."""
    path = sqlite_path(url)
    if path is None:
        return None
    held = FileLock(f"{path}.lock", timeout=0)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held.acquire()
    except Timeout:
        raise StoreBusy(f"store {path}: another syncer holds it — stop that one, or wait until it is done") from None
    except OSError as error:
        raise StoreError(
            f"store {path}: {error.strerror} — see that syncer's user may write to {path.parent}"
        ) from None
    return held


def migrate(engine: Engine) -> None:
    """Brings the tables up to this program; refuses those of a newer one."""
    with engine.connect() as connection:
        found = _revision(connection)
    if found == REVISIONS[-1]:
        return
    if found is not None and found not in REVISIONS:
        raise StoreError(
            f"store {engine.url.database}: made by a newer syncer (revision {found}) — "
            f"run that version, or restore the backup from before the upgrade"
        )
    _upgrade(engine)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
