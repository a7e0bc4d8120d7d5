"""What a portal listed, written down in sets: new rows, changed rows, rows without an id, and the cursor."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Executable,
    String,
    Table,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
    update,
)
from sqlalchemy import insert as plainly

from syncer.orders import Broken, Cursor, Listed, Order, Park
from syncer.store.changes import into, raw_columns, upsert
from syncer.store.rows import CURSORS, DETAILS, HISTORY, ORDERS, RAW, facts_of

CHUNK = 1000  # rows to a statement
Known = Mapping[str, tuple[str | None, str | None, str | None]]
T = TypeVar("T")


def chunks(rows: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The rows, so many at a time."""
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield chunk


def known(tx: Connection, portal: str, ids: Sequence[str]) -> Known:
    """What was last seen of the listed orders: fingerprint, listed status, and what the portal was made to say."""
    columns = (ORDERS.c.external_id, ORDERS.c.fingerprint, ORDERS.c.listed_status, ORDERS.c.portal_status)
    rows = tx.execute(select(*columns).where(ORDERS.c.portal == portal, _among(tx, ids))).all()
    return {row[0]: row[1:] for row in rows}


def _among(tx: Connection, ids: Sequence[str]) -> ColumnElement[bool]:
    """Orders with one of these ids; as one value, since so many parameters cost more than the search."""
    if tx.dialect.name != "sqlite":
        return ORDERS.c.external_id == any_(cast(list(ids), ARRAY(String)))
    listed = func.json_each(json.dumps(ids)).table_valued("value")
    return ORDERS.c.external_id.in_(select(listed.c.value))


def sort(rows: Sequence[Listed], before: Known, seen: set[str]) -> tuple[list[Listed], list[Listed], int]:
    """New rows, changed rows, and how many are neither.

    A status is unchanged where it is what was last listed, or what we made the portal say since: our own writing is
    no news. An id that is listed twice counts once as what it is, and then as unchanged. `seen` are the ids of new and
    changed rows so far.
    """
    new: list[Listed] = []
    changed: list[Listed] = []
    for row in rows:
        if row.external_id in seen:
            continue
        last = before.get(row.external_id)
        if last is None:
            new.append(row)
        elif last[0] != row.fingerprint or (row.status != last[1] and row.status != last[2]):
            changed.append(row)
        else:
            continue
        seen.add(row.external_id)
    return new, changed, len(rows) - len(new) - len(changed)


# --- writing --------------------------------------------------------------------------------------------------

_ONE = (ORDERS.c.portal == bindparam("b_portal"), ORDERS.c.external_id == bindparam("b_id"))
_CHANGED = (
    update(ORDERS)
    .where(*_ONE)
    .values(
        fingerprint=bindparam("b_fingerprint"),
        listed_status=bindparam("b_status"),
        look_due=True,
        wake_at=bindparam("b_now"),
        wake_firm=False,
        needs=bindparam("b_portal"),
        rev=ORDERS.c.rev + 1,
    )
)
_STORY = plainly(HISTORY).from_select(
    ["order_id", "at", "event", "text"],
    select(
        ORDERS.c.id,
        bindparam("b_at", type_=HISTORY.c.at.type),
        bindparam("b_event", type_=HISTORY.c.event.type),
        bindparam("b_text", type_=HISTORY.c.text.type),
    ).where(*_ONE),
)


@cache
def _described(dialect: str) -> Executable:
    details = select(ORDERS.c.id, bindparam("b_details", type_=DETAILS.c.details.type)).where(*_ONE)
    made: Executable = into(dialect, DETAILS).from_select(["order_id", "details"], details).on_conflict_do_nothing()
    return made


def insert_new(tx: Connection, portal: str, rows: Sequence[Listed], now: datetime) -> None:
    """Takes down orders that were never listed before; they are due to be read."""
    same = facts_of(Order(portal, "", wake_at=now, created_at=now, updated_at=now)) | {"needs": portal}
    own = ("external_id", "service", "fingerprint", "listed_status")
    values = {name: value for name, value in same.items() if name not in own}
    _insert(
        tx,
        values,
        [
            {
                "external_id": row.external_id,
                "service": row.service,
                "fingerprint": row.fingerprint,
                "listed_status": row.status,
            }
            for row in rows
        ],
    )
    _describe(tx, portal, {row.external_id: {"head": dict(row.head)} for row in rows})
    _tell(tx, portal, [row.external_id for row in rows], now, "order.listed", "the portal listed it")


def _insert(tx: Connection, same: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Orders of which most facts are the same: those go into the statement once, as literals."""
    constants = {name: literal(value, ORDERS.c[name].type) for name, value in same.items()}
    values = {**constants, **{name: bindparam(name) for name in rows[0]}}
    new = into(tx.dialect.name, ORDERS).values(values).on_conflict_do_nothing()  # another worker may have listed them
    tx.execute(new, sorted(rows, key=itemgetter("external_id")))  # in one order for all workers


def _describe(tx: Connection, portal: str, details: Mapping[str, Any]) -> None:
    rows = [{"b_portal": portal, "b_id": key, "b_details": text} for key, text in details.items()]
    tx.execute(_described(tx.dialect.name), rows)


def _tell(tx: Connection, portal: str, ids: Sequence[str], now: datetime, event: str, text: str) -> None:
    same = {"b_portal": portal, "b_at": now, "b_event": event, "b_text": text}
    tx.execute(_STORY, [{**same, "b_id": key} for key in ids])


def mark_changed(tx: Connection, portal: str, rows: Sequence[Listed], now: datetime) -> None:
    """Makes orders that are listed otherwise than before due to be read."""
    tx.execute(
        _CHANGED,
        [
            {
                "b_portal": portal,
                "b_id": row.external_id,
                "b_fingerprint": row.fingerprint,
                "b_status": row.status,
                "b_now": now,
            }
            for row in sorted(rows, key=attrgetter("external_id"))
        ],
    )


def insert_broken(tx: Connection, portal: str, rows: Sequence[Broken], now: datetime) -> int:
    """Takes down rows without an id as parked orders of their own; returns how many were not there before."""
    there = known(tx, portal, [row.external_id for row in rows])
    fresh = {row.external_id: row for row in rows if row.external_id not in there}
    if not fresh:
        return 0
    same = Order(portal, "", park=Park.UNREADABLE, look_due=False, created_at=now, updated_at=now)
    values = {name: value for name, value in facts_of(same).items() if name not in {"external_id", "parked"}}
    orders = [{"external_id": key, "parked": f"unreadable: {row.cause}"} for key, row in fresh.items()]
    _insert(tx, values, orders)
    _describe(tx, portal, {key: {} for key in fresh})
    _tell(tx, portal, list(fresh), now, "order.unreadable", "listed, but it could not be read")
    ids = select(ORDERS.c.id, ORDERS.c.external_id).where(ORDERS.c.portal == portal, _among(tx, list(fresh)))
    upsert(tx, RAW, [raw_columns(order_id, now, fresh[key].raw) for order_id, key in tx.execute(ids).all()])
    return len(fresh)


def save_cursor(tx: Connection, source: str, cursor: Cursor, now: datetime) -> None:
    """Writes how far a source is read."""
    values = {"position": cursor.position, "reread_on": cursor.reread_on, "last_poll_at": now}
    put(tx, CURSORS, {"source": source} | values)


def put(tx: Connection, table: Table, row: dict[str, Any]) -> None:
    """Writes a row, there or not."""
    upsert(tx, table, [row])
