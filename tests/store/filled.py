"""Stores with something in them, and ways to look at the file behind the store's back."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from syncer.orders import (
    Accounting,
    Begun,
    Broken,
    Cursor,
    Listed,
    Page,
    Read,
    Route,
    Rules,
    Terms,
    Told,
)
from syncer.store import Applied, InHand, Store
from syncer.store.connect import sqlite_driver

NOW = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
RULES = Rules(
    (Route("stads", "nordnet", {"service": "3105"}, service="FIBER-250"), Route("stads", "desk", {"service": "3200"})),
    {"nordnet": Terms(), "desk": Terms(followed=False)},
)
DETAILS = {"head": {"service": "3105"}, "customer": {"firstname": "Åsa", "socket": "XY0202B07"}}


def listed(key: str, status: str = "new", mark: str = "f1") -> Listed:
    return Listed(key, status, "3105", mark, {"id": key, "service": "3105", "date": "2031-05-04 09:00:00"})


def page(*rows: Listed, broken: Sequence[Broken] = (), position: str = "2031-05-04") -> Page:
    return Page(rows, tuple(broken), Cursor(position, "2031-05-04"))


def ingest(store: Store, *keys: str, now: datetime = NOW) -> Accounting:
    return store.ingest("stads", page(*(listed(key) for key in keys)), now)


def read(store: Store, key: str, status: str = "new", now: datetime = NOW) -> Applied:
    return store.apply(f"stads:{key}", Read(status, "3105", details=DETAILS), now, RULES)


def due(store: Store, now: datetime) -> list[str]:
    """The names of the orders that a claim would get, in its order."""
    return [one.order.name if isinstance(one, InHand) else one.name for one in store.claim(now, limit=10_000)]


def fill(store: Store) -> None:
    """An order in each of several situations: new, received, begun, ended, parked, and one without an id."""
    ingest(store, "1", "2", "3", "4", "5")
    for key in ("2", "3"):
        read(store, key)
        store.apply(f"stads:{key}", Told("received"), NOW, RULES)
    store.apply("stads:3", Begun("o-1"), NOW, RULES)
    read(store, "4", "delivered")
    store.ingest("stads", page(broken=[Broken("<order><name>Åsa</name></order>", "no id")]), NOW)
    store.note_remote("stads", up=False, since=NOW, cause="connection refused")
    store.note_pass({"at": NOW.isoformat(), "calls": 3})


def rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    """What stands in the file, past the store."""
    with closing(sqlite_driver().connect(str(file))) as connection:
        return [tuple(row) for row in connection.execute(query)]


def everything(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    tables = [name for (name,) in rows_of(file, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {name: rows_of(file, f"SELECT * FROM {name}") for name in tables}  # noqa: S608 - our own tables


def run(file: Path, *statements: str) -> None:
    with closing(sqlite_driver().connect(str(file))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


__all__ = [
    "DETAILS", "LATER", "NOW", "RULES", "due", "everything", "fill", "ingest", "listed", "page", "read", "rows_of",
    "run", "sqlite3",
]  # fmt: skip
