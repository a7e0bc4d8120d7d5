"""Opening a store: the engine and its pragmas, the lock that keeps a second syncer off, and migrations.

Verbs don't belong here.
"""

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, exc, func, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from syncer.errors import SyncerError
from syncer.store.tables import plain_json

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")  # the last is the program's
SOUND_SQLITE = (3, 51, 3)  # earlier ones can corrupt a WAL database that has two connections
BUSY_MS = 10_000
LITTLE = 1_000_000  # bytes
# PostgreSQL: nothing waits for ever, for another program's lock or for a network that is gone.
SERVER: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
SESSION = {
    "timezone": "UTC",  # east of it, the last times of the calendar can be written and not read
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
}
MIGRATING = 7_790_120_426  # the advisory lock of those who migrate
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


def identity(url: str) -> tuple[int, int] | None:
    """Which file a SQLite database is in, whatever it is called; None where there is none."""
    path = sqlite_path(url)
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def see_that_it_is(url: str, file: tuple[int, int] | None) -> None:
    """That a SQLite database's file is still the one that was opened: what goes into another is lost."""
    if file is not None and identity(url) != file:
        raise StoreError(
            f"store {sqlite_path(url)}: the file was taken away or replaced — put it back, or restart syncer to begin "
            "with what is there"
        )


def see_that_it_is_whole(path: Path) -> None:
    """That a file isn't shorter than its own header says (SQLite's file format, section 1.3)."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(100)
    log = Path(f"{path}-wal")
    if len(head) < 100 or not head.startswith(b"SQLite format 3") or (log.exists() and log.stat().st_size):
        return
    size = int.from_bytes(head[16:18], "big")
    pages, valid = int.from_bytes(head[28:32], "big"), head[24:28] == head[92:96]
    if valid and path.stat().st_size < pages * (65_536 if size == 1 else size):
        raise StoreError(_sentence(f"sqlite:///{path}", "the file is malformed: its end is missing", None))


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
        return create_engine(
            url,
            pool_pre_ping=True,
            use_native_hstore=False,  # else each new connection asks for a type that we don't have
            hide_parameters=True,
            json_serializer=plain_json,
            connect_args={**SERVER, "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items())},
        )
    options: dict[str, Any] = {"module": sqlite_driver(), "connect_args": {"check_same_thread": False}}
    options["hide_parameters"] = True  # an error's text would show the people in them
    options["json_serializer"] = plain_json
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
    options = connection.get_execution_options()
    if not options.get("alone", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")


def one_moment(connection: Connection) -> Connection:
    """A connection whose statements, in one transaction, all see the same moment; SQLite's do so by themselves."""
    if connection.dialect.name == "sqlite":
        return connection
    return connection.execution_options(isolation_level="REPEATABLE READ")


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turns the database's own errors into sentences that say what to do."""
    try:
        yield
    except exc.DBAPIError as error:
        raise StoreError(_sentence(url, *_cause(error.orig))) from None
    except exc.TimeoutError:
        raise StoreError(_sentence(url, "no connection to the database was free", None)) from None
    except Exception as error:
        if not _is_the_driver_s(error):
            raise
        raise StoreError(_sentence(url, *_cause(error))) from None


def _is_the_driver_s(error: Exception) -> bool:
    """Whether an error is the database driver's own, which SQLAlchemy lets through while it connects."""
    families = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    return any(driver in {"psycopg", "pysqlite3", "sqlite3"} for driver, name in families if name == "Error")


def _cause(error: Any) -> tuple[str, str | None]:
    """What the database says, and its code; without the rows that PostgreSQL quotes, which are about people."""
    code: str | None = getattr(error, "sqlstate", None)
    if code is None:
        return str(error), None
    if code.startswith("22"):  # even its first line quotes the value
        return f"a value can't be stored ({type(error).__name__})", code
    return str(error.diag.message_primary or type(error).__name__), code


_FULL = "the disk is full: free some space; nothing was lost, and the next pass goes on"
_FAILING = "the disk can't be read or written: look into the system's log; nothing was lost"
_DENIED = "syncer's user may not do this: give it the right to write"
_AWAY = "see that the database is up and reachable; nothing was lost, and the next pass tries again"
_CURES = (
    ("malformed", "the file is damaged: stop syncer, keep the file, and restore a backup or begin with an empty store"),
    ("not a database", "the file is not a SQLite database: move it away, or set store.url to another file"),
    ("disk is full", _FULL),
    ("readonly", "the file can't be written: give syncer's user the right to write the file and its folder"),
    ("unable to open", "the file can't be opened: see that its folder exists and that syncer's user may write there"),
    ("database is locked", "another program holds the database for longer than 10 seconds: end that program"),
    ("password authentication failed", "see that store.password is right"),
)
_CODES = {
    "53100": _FULL,
    "25006": "the database can't be written: see that it is the primary, and not read-only",
    "42501": _DENIED,
    "55P03": "another program holds a lock for longer than 10 seconds: end that program",
    "57014": "it took longer than a minute: see what the server is busy with",
    "53300": "the server has no connection to spare: raise its max_connections, or run fewer workers",
}


def _sentence(url: str, cause: str, code: str | None) -> str:
    where = sqlite_path(url) or make_url(url).render_as_string(hide_password=True)
    told = next((cure for word, cure in _CURES if word in cause), _AWAY)
    if "disk I/O error" in cause and isinstance(where, Path):  # as SQLite says, too, where its helper has no room
        told = _FULL if disk_usage(where.parent).free < LITTLE else _FAILING
    return f"store {where}: {cause} — {_CODES.get(code or '', told)}"


def lock(url: str) -> FileLock | None:
    """Takes the store for this process, or raises `StoreBusy` at once; None where the database shares itself."""
    path = sqlite_path(url)
    if path is None:
        return None
    held = FileLock(f"{path}.lock", timeout=0, mode=0o600)
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
        if _is_current(connection):
            return
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # several workers may start at once
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
        if not _is_current(connection):
            _upgrade(connection)


def _is_current(connection: Connection) -> bool:
    found = _revision(connection)
    if found is not None and found not in REVISIONS:
        raise StoreError(
            f"store {connection.engine.url.database}: made by a newer syncer (revision {found}) — "
            f"run that version, or restore the backup from before the upgrade"
        )
    return found == REVISIONS[-1]


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
