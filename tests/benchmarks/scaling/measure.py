"""One database: filled, put to work, measured, and what is found said as a value."""

import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, text

from syncer.store import Store
from tests import postgres
from tests.benchmarks.scaling.fill import fill, rough
from tests.benchmarks.scaling.watch import LARGE, watching
from tests.benchmarks.scaling.works import Work, deliver_one, live, works

ROUNDS = 7
BYTES_EACH = 3_000  # what an order with its story takes, indexes and what is written meanwhile included
BYTES_BARE = 900  # and without its intents and history
MOST_BYTES = 12_000_000_000
DELIVERED = 100  # orders whose delivering is counted in bytes
ROOMY = {"max_wal_size": "2GB", "shared_buffers": "512MB"}  # PostgreSQL's, as on a machine of its own
SIZES = """
    SELECT relname, pg_relation_size(c.oid) FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
    WHERE relname = ANY(:names) OR i.indrelid IN (SELECT oid FROM pg_class WHERE relname = ANY(:names))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a work cost: `work` in the database's own measure, `seconds` the median of several."""

    name: str
    when: str
    seconds: float
    work: int
    statements: int
    walks: tuple[str, ...]


@dataclass(slots=True)
class Found:
    """A database of so many orders."""

    database: str
    orders: int
    story_of: int
    fill_seconds: float = 0.0
    bytes: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    written_bytes_per_order: float = 0.0
    server_seconds_per_order: float = 0.0
    upkeep_seconds: dict[str, float] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Say = Callable[[str], None]


def room_for(orders: int, folder: Path, most: int = MOST_BYTES) -> int:
    """Of how many orders one gets its story, so that all keep within the disk; 1 where there is room for every one."""
    free = min(most, shutil.disk_usage(folder).free // 2)
    for story_of in (1, 2, 4, 8, 16, 32):
        if orders * (BYTES_BARE + (BYTES_EACH - BYTES_BARE) / story_of) <= free:
            return story_of
    raise OSError(f"{orders:,} orders don't fit into {free / 1e9:.1f} GB in {folder}")


@dataclass(frozen=True, slots=True)
class Place:
    """An empty database: the program's URL and the filler's, and ways to ask what it has cost so far."""

    url: str
    filler: str
    written: Callable[[], int]  # bytes
    processor: Callable[[], float]  # seconds of the server's, if it is one
    make_durable: Callable[[], None]


@contextmanager
def database(kind: str) -> Iterator[Place]:
    """A place for a database of a kind, until the end."""
    if kind == "sqlite":
        with TemporaryDirectory(prefix="syncer-scaling-") as folder:
            url = f"sqlite:///{folder}/syncer.db"
            yield Place(url, url, _written_by_us, lambda: 0.0, lambda: None)
        return
    with postgres.server(settings={**postgres.QUICK, **ROOMY}) as pg:
        url = pg.database()
        filler = f"postgresql+psycopg://{postgres.ADMIN}@/{url.rpartition('/')[2]}?host={pg.folder}&port={pg.port}"
        yield Place(url, filler, lambda: _written_by(pg), lambda: _processor_of(pg), lambda: pg.restart(ROOMY))


def _written_by_us() -> int:
    """The bytes that this process wrote: SQLite's log and file (Linux)."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def _written_by(pg: postgres.Server) -> int:
    """The bytes of PostgreSQL's log."""
    with pg.admin("postgres") as connection:
        return int(connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()[0])


def _processor_of(pg: postgres.Server) -> float:
    """The processor's seconds that the server and its processes have had (Linux)."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if pg.pid in {int(stat.parent.name), int(fields[1])}:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(kind: str, orders: int, story_of: int, say: Say, rounds: int = ROUNDS) -> Found:
    """Fills a database, and measures the works in it."""
    found = Found(kind, orders, story_of)
    with database(kind) as place:
        began = time.perf_counter()
        with Store.open(place.url) as store, rough(place.filler) as tx:
            fill(store, tx, orders, story_of, lambda done: say(f"{kind}: {done:,} orders"))
            _keep_up(tx, found, "vacuum and analyse, when filled")
        found.fill_seconds = time.perf_counter() - began
        place.make_durable()
        with Store.open(place.url) as store:
            say(f"{kind}: at work")
            live(store, orders)
            for work in works(store, place.url, orders):
                found.costs.append(_cost(store._engine, work, rounds))
            _deliver(store, place, found)
        with rough(place.filler) as tx:
            _keep_up(tx, found, "vacuum and analyse, after the work")
            _sizes(tx, found)
        _restarted(place.url, found)
    return found


def _cost(engine: Engine, work: Work, rounds: int) -> Cost:
    with watching(engine) as seen:
        work.do(0)
    taken = [_timed(work, number) for number in range(1, rounds + 1)]
    walks = tuple(sorted(seen.walks))
    return Cost(work.name, work.when, statistics.median(taken), seen.work, seen.statements, walks)


def _timed(work: Work, number: int) -> float:
    began = time.perf_counter()
    work.do(number)
    return time.perf_counter() - began


def _deliver(store: Store, place: Place, found: Found) -> None:
    """What an order costs from listed to delivered, by itself: what a commit is shared by makes it less."""
    now = datetime.now(UTC)
    written, processor = place.written(), place.processor()
    for number in range(DELIVERED):
        deliver_one(store, found.orders + 20_000_000 + number, now)
    found.written_bytes_per_order = (place.written() - written) / DELIVERED
    found.server_seconds_per_order = (place.processor() - processor) / DELIVERED


def _keep_up(tx: Connection, found: Found, name: str) -> None:
    tx.commit()
    began = time.perf_counter()
    if tx.dialect.name == "postgresql":
        tx.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM (ANALYZE)")
    else:
        tx.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    found.upkeep_seconds[name] = time.perf_counter() - began


def _sizes(tx: Connection, found: Found) -> None:
    for table in LARGE:
        found.rows[table.name] = tx.execute(text(f"SELECT count(*) FROM {table.name}")).scalar_one()  # noqa: S608
    if tx.dialect.name == "postgresql":
        sizes = tx.execute(text(SIZES), {"names": [table.name for table in LARGE]})
        found.bytes = {str(name): int(size) for name, size in sizes}
    else:
        file = tx.engine.url.database
        assert file is not None
        found.bytes = _pages(tx) or {"file": Path(file).stat().st_size}


def _pages(tx: Connection) -> dict[str, int]:
    """The bytes of each table and index; nothing where this SQLite can't tell."""
    try:
        sizes = tx.exec_driver_sql("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE ORDER BY pgsize DESC")
        return {str(name): int(size) for name, size in sizes}
    except Exception:  # noqa: BLE001 - a SQLite without it says so in whatever way its driver has
        return {}


def _restarted(url: str, found: Found) -> None:
    began = time.perf_counter()
    Store.open(url).close()
    found.upkeep_seconds["opening"] = time.perf_counter() - began
