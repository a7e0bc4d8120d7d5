"""A store of years: orders that the program itself delivered, copied by SQL as often as is wanted.

So a copy has every column, intent and line of history that an order has, whatever the tables are by now. Only names,
ids and times differ; of orders that ended long ago the personal data are gone.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from syncer.store import Store
from tests.benchmarks import backlog, lean

PATTERNS = 10  # orders that are copied
YEARS = timedelta(days=3 * 365)
KEPT = timedelta(days=90)  # how long personal data are kept
OLDEST = 100_000_001  # the first copy's number, of as many digits as all the others
ABOUT_ORDERS = ("details", "raw_answers", "intents", "history")


def fill(file: Path, orders: int) -> None:
    """Makes a database of so many orders which have ended."""
    with TemporaryDirectory() as folder:
        patterns = _patterns(Path(folder))
        with Store.open(f"sqlite:///{file}"):
            pass
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
                database.execute(f"PRAGMA {pragma}")
            database.execute("ATTACH ? AS pattern", [str(patterns)])
            _copy(database, orders // PATTERNS)


def _patterns(folder: Path) -> Path:
    """A database of a few orders that the program has delivered."""
    with lean.running(PATTERNS) as url, backlog.engine(folder, url) as one:
        one.run_pass(once=True)
        assert len(one.room.store.orders(state="delivered")) == PATTERNS
    return folder / "state" / "syncer.db"


def _copy(database: sqlite3.Connection, copies: int) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    database.execute("CREATE TEMP TABLE copy (n INTEGER PRIMARY KEY, at TEXT, kept INTEGER)")
    times = [now - YEARS * (copies - n) / copies - timedelta(hours=1) for n in range(copies)]
    rows = [(n, at.isoformat(" ", "microseconds"), at > now - KEPT) for n, at in enumerate(times)]
    database.execute("BEGIN")
    database.executemany("INSERT INTO copy VALUES (?, ?, ?)", rows)
    _copy_table(database, "orders", "pattern.orders AS t JOIN pattern.orders AS o USING (id)")
    for table in ABOUT_ORDERS:
        _copy_table(database, table, f"pattern.{table} AS t JOIN pattern.orders AS o ON o.id = t.order_id")
    database.execute("COMMIT")


def _copy_table(database: sqlite3.Connection, table: str, source: str) -> None:
    """Every row of a table for each copy, oldest first."""
    name = f"printf('%d', {OLDEST} + n * {PATTERNS} + o.id)"
    own = {
        "external_id": name,
        "key": f"replace(t.key, o.external_id, {name})",
        "order_id": f"t.order_id + n * {PATTERNS}",
        "erased_at": "iif(kept, NULL, copy.at)",
        "id": f"t.id + n * {PATTERNS}" if table == "orders" else "NULL",
    }
    columns = [row[1] for row in database.execute(f"PRAGMA main.table_info({table})")]
    values = [own.get(column) or _value(column) for column in columns]
    erased = "WHERE kept" if table in {"details", "raw_answers"} else ""
    database.execute(
        f"INSERT INTO main.{table} ({', '.join(columns)}) "  # noqa: S608 - every part of it stands here
        f"SELECT {', '.join(values)} FROM copy CROSS JOIN {source} {erased}"
    )


def _value(column: str) -> str:
    is_time = column == "at" or column.endswith("_at")
    return f"iif(t.{column} IS NULL, NULL, copy.at)" if is_time else f"t.{column}"
