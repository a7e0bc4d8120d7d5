"""Rows to values and back."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, RowMapping, Select, Table, and_, select
from sqlmodel import SQLModel

from syncer.orders import File, FileState, Intent, IntentState, Kind, Order, Park, State, Work
from syncer.store.tables import (
    AddressRow,
    CursorRow,
    DetailsRow,
    FileRow,
    HistoryRow,
    IntentRow,
    JournalRow,
    LeaseRow,
    NoticeRow,
    OrderRow,
    PassRow,
    PushRow,
    RawRow,
    RemoteRow,
    TallyRow,
)


def table(model: type[SQLModel]) -> Table:
    """The Core table of a model."""
    found: Table = model.__table__  # type: ignore[attr-defined] # SQLModel doesn't declare it
    return found


ORDERS = table(OrderRow)
DETAILS = table(DetailsRow)
RAW = table(RawRow)
INTENTS = table(IntentRow)
HISTORY = table(HistoryRow)
CURSORS = table(CursorRow)
REMOTES = table(RemoteRow)
PASSES = table(PassRow)
LEASES = table(LeaseRow)
JOURNAL = table(JournalRow)
TALLIES = table(TallyRow)
FILES = table(FileRow)
NOTICES = table(NoticeRow)
PUSHES = table(PushRow)
ADDRESSES = table(AddressRow)

FACTS = tuple(fact.name for fact in fields(Order) if fact.name != "details")
FILE = tuple(fact.name for fact in fields(File))
INTENT = ("key", "kind", "target", "payload", "state", "attempts", "outcome", "at")


@dataclass(frozen=True, slots=True)
class InHand:
    """An order in hand, with its open intent: as it stood in the store at revision `rev` of its row `id`."""

    order: Order
    intent: Intent | None
    id: int
    rev: int


def held() -> Select[Any]:
    """The query of orders to be held, for `held_of`."""
    return (
        select(
            *(ORDERS.c[name] for name in FACTS),
            ORDERS.c.id,
            ORDERS.c.rev,
            DETAILS.c.details,
            *(INTENTS.c[name].label(f"intent_{name}") for name in INTENT),
        )
        .outerjoin(DETAILS, DETAILS.c.order_id == ORDERS.c.id)
        .outerjoin(INTENTS, and_(INTENTS.c.order_id == ORDERS.c.id, INTENTS.c.open))
    )


def held_of(row: Row[Any]) -> InHand:
    """The order in hand of a row of `held`."""
    facts: dict[str, Any] = dict(zip(FACTS, row, strict=False))
    order_id, rev, details, *intent = row[len(FACTS) :]
    found = None if intent[0] is None else _intent(dict(zip(INTENT, intent, strict=True)))
    return InHand(_order(facts, details), found, order_id, rev)


def order_of(row: RowMapping) -> Order:
    """The order of a row of ORDERS, with its details where the row was joined with them."""
    return _order({name: row[name] for name in FACTS}, row.get("details"))


def _order(facts: dict[str, Any], details: Any) -> Order:
    facts["state"] = State(facts["state"])
    facts["work"] = Work(facts["work"])
    facts["park"] = None if facts["park"] is None else Park(facts["park"])
    return Order(**facts, details=details or {})


def facts_of(order: Order) -> dict[str, Any]:
    """An order's columns."""
    return {name: getattr(order, name) for name in FACTS}


def intent_of(row: RowMapping) -> Intent:
    """The intent of a row of INTENTS."""
    return _intent({name: row[name] for name in INTENT})


def _intent(facts: dict[str, Any]) -> Intent:
    facts["kind"] = Kind(facts["kind"])
    facts["state"] = IntentState(facts["state"])
    return Intent(**facts)


def file_of(row: RowMapping) -> File:
    """The file of a row of FILES."""
    facts = {name: row[name] for name in FILE}
    return File(**facts | {"state": FileState(facts["state"])})


def file_columns(file: File, order_id: int, now: datetime) -> dict[str, Any]:
    """A file's columns."""
    return {name: getattr(file, name) for name in FILE} | {"order_id": order_id, "at": file.at or now}


def intent_columns(intent: Intent, order_id: int, now: datetime) -> dict[str, Any]:
    """An intent's columns."""
    return {
        "key": intent.key,
        "order_id": order_id,
        "kind": intent.kind,
        "target": intent.target,
        "payload": dict(intent.payload),
        "state": intent.state,
        "open": True,
        "attempts": intent.attempts,
        "outcome": intent.outcome,
        "at": now,
    }
