"""Years of orders: a few that the store's own verbs delivered, copied by SQL as often as is wanted.

So a copy has every column, intent and line of history that an order has, whatever the tables are by now. Only the
portal, the ids and the times differ; of orders that ended long ago the personal data are gone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, create_engine, event, text

from syncer.orders import (
    Begun,
    Cursor,
    Done,
    Intent,
    IntentState,
    Kind,
    Listed,
    Observation,
    Order,
    Page,
    Read,
    Route,
    Rules,
    Terms,
    Told,
)
from syncer.store import Settled, Store
from syncer.store.connect import sqlite_driver
from syncer.store.rows import DETAILS, HISTORY, INTENTS, ORDERS, RAW
from syncer.store.tables import UtcDateTime

PORTALS = tuple(f"portal{number}" for number in range(10))
PATTERNS = 10  # orders that are copied, one of each portal
AT_ONCE = 20_000  # copies of the patterns to a transaction: 200,000 orders
SPAN = timedelta(days=3 * 365)  # the oldest order ended so long ago
KEPT = timedelta(days=90)  # how long personal data are kept
FIRST_ID = 1_000_000_000  # ids have the same number of digits, as a portal's own soon have
NETWORK = "network"
RULES = Rules(
    tuple(Route(portal, NETWORK, {"service": "3105"}, service="FIBER-250-250") for portal in PORTALS),
    {NETWORK: Terms()},
)
COPIES = {
    "sqlite": """
        WITH RECURSIVE c(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM c WHERE n < :last)
        INSERT INTO copies
        SELECT n, strftime('%Y-%m-%d %H:%M:%f000', :end, '-' || (:each * (:copies - n)) || ' seconds'), n >= :kept
        FROM c
    """,
    "postgresql": """
        INSERT INTO copies
        SELECT n, CAST(:end AS timestamptz) - make_interval(secs => :each * (:copies - n)), n >= :kept
        FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
    """,
}
ROUGH = {
    "sqlite": ("PRAGMA synchronous=OFF", "PRAGMA cache_size=-400000", "PRAGMA foreign_keys=OFF"),
    "postgresql": ("SET session_replication_role = replica", "SET maintenance_work_mem = '512MB'"),
}
TIME = {"sqlite": "TEXT", "postgresql": "timestamptz"}


def named(number: int) -> tuple[str, str]:
    """The portal and the id there of an order, by its row."""
    return PORTALS[(number - 1) % len(PORTALS)], str(FIRST_ID + number)


def listed(number: int, status: str = "delivered") -> Listed:
    """An order's row in its portal's list."""
    _, key = named(number)
    return Listed(key, status, "3105", "f" * 32, _head(key, status))


def _head(key: str, status: str) -> dict[str, str]:
    return {
        "id": key,
        "type": "order",
        "date": "2031-05-04 12:00:00",
        "status": status,
        "service": "3105",
        "xsp": "41000",
        "delivery": "asap",
        "customer": "55012",
    }


def _details(key: str) -> dict[str, dict[str, str]]:
    person = {"id": "55012", "socket": "LT0001B02", "serial": "190013320001", "firstname": "Åsa", "surname": "Påhittad"}
    place = {"email": "asa@example.org", "address": "Låtsasvägen 7 B", "zip": "99999", "city": "Låtsasköping"}
    head = _head(key, "new")
    return {"head": head, "order": head, "customer": person | place, "data": {"phone": "0701740605", "premise": "1203"}}


# --- by the verbs ---------------------------------------------------------------------------------------------


def take_down(store: Store, numbers: Sequence[int], at: datetime, status: str = "new") -> None:
    """Has the portals list orders that were not there before."""
    for place, portal in enumerate(PORTALS):
        rows = [listed(number, status) for number in numbers if (number - 1) % len(PORTALS) == place]
        store.ingest(portal, Page(tuple(rows), (), Cursor("2031-05-04", "2031-05-04")), at)


def go_on(store: Store, number: int, at: datetime, seen: Sequence[Observation]) -> Order:
    """Takes an order on by what is seen of it; each intent that is begun has its answer among it."""
    name = ":".join(named(number))
    settled: Settled | None = None
    for one in seen:
        applied = store.apply(name, one, at, RULES, settled=settled, may_begin=lambda _: True)
        intent = applied.intent
        settled = None if intent is None else Settled(intent.key, IntentState.DONE, "done")
    return applied.order


def deliver(store: Store, number: int, at: datetime) -> None:
    """Takes an order from listed to delivered, as a network that is done at once has it."""
    _, key = named(number)
    read = Read("new", "3105", details=_details(key))
    done = go_on(store, number, at, [read, Told("received"), Done(f"o-{key}"), Told("active"), Told("delivered")])
    assert done.ended_at is not None, done


def begin(store: Store, number: int, at: datetime) -> None:
    """Takes an order to where its network is at work on it."""
    _, key = named(number)
    read = Read("new", "3105", details=_details(key))
    begun = go_on(store, number, at, [read, Told("received"), Begun(f"o-{key}"), Told("active")])
    assert begun.ended_at is None
    assert begun.wake_at is not None


def doubt(store: Store, number: int, at: datetime) -> None:
    """Takes an order to where whether it was activated is not known."""
    portal, key = named(number)
    name = f"{portal}:{key}"
    store.apply(name, Read("new", "3105", details=_details(key)), at, RULES, may_begin=lambda _: True)
    found = store.load(name)
    assert found is not None
    assert found[1] is not None
    _mark(store, name, found[1], at)


def _mark(store: Store, name: str, intent: Intent, at: datetime) -> None:
    assert intent.kind is Kind.STATUS
    store.mark(name, intent.key, IntentState.UNCERTAIN, at, outcome="a timeout", wake_at=at + timedelta(minutes=1))


# --- by SQL ---------------------------------------------------------------------------------------------------


@contextmanager
def rough(url: str) -> Iterator[Connection]:
    """A connection for filling: it checks no foreign key, and waits for no disk."""
    engine = create_engine(url, module=sqlite_driver()) if url.startswith("sqlite") else create_engine(url)
    settings = ROUGH[engine.dialect.name]

    def prepare(connection: Any, _record: Any) -> None:
        for setting in settings:
            connection.execute(setting)
        connection.commit()

    event.listen(engine, "connect", prepare)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


FILLED = (ORDERS, INTENTS, HISTORY)  # their indexes are made anew when they are full
# As the migrations made them, which is more than the models say.
INDEXES = {
    "sqlite": "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND name LIKE 'ix_%'",
    "postgresql": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema() "
    "AND indexname LIKE 'ix_%'",
}


def fill(store: Store, tx: Connection, orders: int, story_of: int, say: Callable[[int], None]) -> None:
    """Makes so many orders that have ended, over the years until now; every `story_of`th copy has its story too.

    `tx` is a `rough` connection. The patterns are the first of the orders.
    """
    now = datetime.now(UTC)
    take_down(store, range(1, PATTERNS + 1), now - SPAN)
    for number in range(1, PATTERNS + 1):
        deliver(store, number, now - SPAN)
    copies = orders // PATTERNS - 1
    made = tx.execute(text(INDEXES[tx.dialect.name])).all()
    definitions = [definition for table, definition in made if table in {one.name for one in FILLED}]
    for index in (index for table in FILLED for index in table.indexes):
        index.drop(tx)
    tx.execute(text(f"CREATE TEMPORARY TABLE copies (n INTEGER PRIMARY KEY, at {TIME[tx.dialect.name]}, kept BOOLEAN)"))
    for table in (ORDERS, DETAILS, RAW, INTENTS, HISTORY):
        tx.execute(text(f"CREATE TEMPORARY TABLE pattern_{table.name} AS SELECT * FROM {table.name}"))  # noqa: S608
    tx.commit()
    for first, last in _slices(copies):
        _copy(tx, first, last, copies, now, story_of)
        tx.commit()
        say(last * PATTERNS)
    for definition in definitions:
        tx.exec_driver_sql(definition)
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT setval('orders_id_seq', (SELECT max(id) FROM orders))"))
    tx.commit()


def _slices(copies: int) -> Iterator[tuple[int, int]]:
    for first in range(1, copies + 1, AT_ONCE):
        yield first, min(first + AT_ONCE - 1, copies)


def _copy(tx: Connection, first: int, last: int, copies: int, now: datetime, story_of: int) -> None:
    each = SPAN.total_seconds() / copies
    kept = copies - int(KEPT.total_seconds() / each)
    end = now if tx.dialect.name == "postgresql" else now.strftime("%Y-%m-%d %H:%M:%S")
    values = {"first": first, "last": last, "copies": copies, "each": each, "kept": kept, "end": end}
    tx.execute(text("DELETE FROM copies"))
    tx.execute(text(COPIES[tx.dialect.name]), values)
    _copy_table(tx, ORDERS, "TRUE")
    for table in (DETAILS, RAW):
        _copy_table(tx, table, "kept")
    for table in (INTENTS, HISTORY):
        _copy_table(tx, table, f"n % {story_of} = 0")


def _copy_table(tx: Connection, table: Table, which: str) -> None:
    """The patterns' rows of a table, for each copy that is one of `which`."""
    of = "t.id" if table is ORDERS else "t.order_id"
    new = f"CAST({FIRST_ID} + {of} + n * {PATTERNS} AS VARCHAR)"
    own = {
        "external_id": new,
        "key": f"replace(t.key, CAST({FIRST_ID} + {of} AS VARCHAR), {new})",
        "order_id": f"t.order_id + n * {PATTERNS}",
        "fulfilment_ref": f"'o-' || {new}",
    }
    if table is ORDERS:
        own["id"] = f"t.id + n * {PATTERNS}"
    columns = [column for column in table.columns if column.name != "id" or table is ORDERS]
    values = [own.get(column.name) or _value(column.name, column.type) for column in columns]
    names = ", ".join(f'"{column.name}"' for column in columns)
    tx.execute(
        text(
            f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} "  # noqa: S608 - every part stands here
            f"FROM copies CROSS JOIN pattern_{table.name} AS t WHERE {which}"
        )
    )


def _value(name: str, kind: object) -> str:
    if name == "erased_at":
        return "CASE WHEN kept THEN NULL ELSE copies.at END"
    if isinstance(kind, UtcDateTime):
        return f'CASE WHEN t."{name}" IS NULL THEN NULL ELSE copies.at END'
    return f't."{name}"'
