"""Rows to values and back."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Table
from sqlmodel import SQLModel

from syncer.orders import Intent, IntentState, Kind, Order, Park, State, Work
from syncer.store.tables import (
    CursorRow,
    DetailsRow,
    HistoryRow,
    IntentRow,
    OrderRow,
    PassRow,
    RawRow,
    RemoteRow,
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

FACTS = tuple(fact.name for fact in fields(Order) if fact.name != "details")


def order_of(row: RowMapping) -> Order:
    """The order of a row of ORDERS, with its details where the row was joined with them."""
    facts = {name: row[name] for name in FACTS}
    facts["state"] = State(facts["state"])
    facts["work"] = Work(facts["work"])
    facts["park"] = None if facts["park"] is None else Park(facts["park"])
    return Order(**facts, details=row.get("details") or {})


def facts_of(order: Order) -> dict[str, Any]:
    """An order's columns."""
    return {name: getattr(order, name) for name in FACTS}


def intent_of(row: RowMapping) -> Intent:
    """The intent of a row of INTENTS."""
    return Intent(
        key=row["key"],
        kind=Kind(row["kind"]),
        target=row["target"],
        payload=row["payload"],
        state=IntentState(row["state"]),
        attempts=row["attempts"],
        outcome=row["outcome"],
        at=row["at"],
    )


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
