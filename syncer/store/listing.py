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
    String,
    Table,
    TextClause,
    any_,
    bindparam,
    cast,
    func,
    select,
    text,
    update,
)

from syncer.orders import Broken, Cursor, Listed, Order, Park
from syncer.store.changes import raw_columns, upsert
from syncer.store.rows import CURSORS, DETAILS, HISTORY, ORDERS, RAW, facts_of
from syncer.store.tables import plain_json

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
    rows = tx.execute(select(*columns).where(ORDERS.c.portal == portal, among(tx, ids))).all()
    return {row[0]: row[1:] for row in rows}


def among(tx: Connection, ids: Sequence[str]) -> ColumnElement[bool]:
    """Orders with one of these ids; as one value, since so many parameters cost more than the search."""
    if tx.dialect.name != "sqlite":
        return ORDERS.c.external_id == any_(cast(list(ids), ARRAY(String)))
    listed = func.json_each(json.dumps(ids)).table_valued("value")
    return ORDERS.c.external_id.in_(select(listed.c.value))


def sort(rows: Sequence[Listed], before: Known, seen: set[str]) -> tuple[list[Listed], list[Listed], list[Listed]]:
    """New rows, changed rows, and of those that are neither the ones whose list has caught up with what was read.

    A status is unchanged where it is what was last listed, or what we made the portal say since: our own writing is
    no news. An id that is listed twice counts once as what it is, and then as unchanged. `seen` are the ids of new and
    changed rows so far.
    """
    new: list[Listed] = []
    changed: list[Listed] = []
    caught_up: list[Listed] = []
    for row in rows:
        if row.external_id in seen:
            continue
        last = before.get(row.external_id)
        if last is None:
            new.append(row)
        elif last[0] != row.fingerprint or (row.status != last[1] and row.status != last[2]):
            changed.append(row)
        else:
            if row.status != last[1]:
                caught_up.append(row)
            continue
        seen.add(row.external_id)
    return new, changed, caught_up


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


# One JSON text holds a chunk's rows, [[id, ...], ...], so that each table is filled by one statement: with parameters
# for each row, most of the time goes into handing them over.
def _rows(dialect: str) -> str:
    return "json_each(:rows) AS r" if dialect == "sqlite" else "json_array_elements(CAST(:rows AS json)) AS r(value)"


@cache
def _insertion(dialect: str, own: tuple[str, ...], same: tuple[str, ...]) -> TextClause:
    """Orders: `own` facts are in the rows, in this order and after the id, the `same` ones are parameters."""
    columns = ", ".join(("external_id", *own, *same))
    values = [*(f"r.value ->> {at}" for at in range(len(own) + 1)), *(f":{name}" for name in same)]
    query = f"INSERT INTO orders ({columns}) SELECT {', '.join(values)} FROM {_rows(dialect)} WHERE true"  # noqa: S608 - our own names
    made = text(f"{query} ON CONFLICT (portal, external_id) DO NOTHING")  # another worker may have listed them
    return made.bindparams(*(bindparam(name, type_=ORDERS.c[name].type) for name in same))


@cache
def _beside(dialect: str, table: str, columns: str, values: str) -> TextClause:
    """Rows of another table for the orders of a chunk; CROSS has SQLite begin with the chunk, not with its orders."""
    query = (
        f"INSERT INTO {table} (order_id, {columns}) SELECT orders.id, {values} FROM {_rows(dialect)} CROSS JOIN orders"  # noqa: S608
    )
    return text(f"{query} WHERE orders.portal = :portal AND orders.external_id = r.value ->> 0")


LISTED = ("order.listed", "the portal listed it")


def insert_new(
    tx: Connection, portal: str, rows: Sequence[Listed], now: datetime, story: tuple[str, str] = LISTED
) -> None:
    """Takes down orders that were never listed before; they are due to be read. `story` is why they are known now."""
    same = facts_of(Order(portal, "", wake_at=now, created_at=now, updated_at=now)) | {"needs": portal}
    listed = sorted(
        [row.external_id, row.service, row.fingerprint, row.status, {"head": dict(row.head)}] for row in rows
    )  # in one order for all workers
    _insert(tx, ("service", "fingerprint", "listed_status"), same, listed)
    _tell(tx, portal, listed, now, *story)


def _insert(tx: Connection, own: tuple[str, ...], same: dict[str, Any], rows: list[list[Any]]) -> None:
    """Orders of which most facts are the `same`; the last thing in each row are its details."""
    same = {name: value for name, value in same.items() if name not in {"external_id", *own}}
    written = plain_json(rows)
    dialect = tx.dialect.name
    tx.execute(_insertion(dialect, own, tuple(same)), {**same, "rows": written})
    details = f"r.value -> {len(own) + 1}"
    tx.execute(_new_details(dialect, details), {"portal": same["portal"], "rows": written})


@cache
def _new_details(dialect: str, details: str) -> TextClause:
    made = _beside(dialect, "details", "details", details)
    return text(f"{made.text} ON CONFLICT (order_id) DO NOTHING")


def _tell(tx: Connection, portal: str, rows: list[list[Any]], now: datetime, event: str, sentence: str) -> None:
    told = _beside(tx.dialect.name, "history", "at, event, text", ":at, :event, :text")
    told = told.bindparams(bindparam("at", type_=HISTORY.c.at.type))
    ids = json.dumps([[row[0]] for row in rows])
    tx.execute(told, {"portal": portal, "rows": ids, "at": now, "event": event, "text": sentence})


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


def renew_heads(tx: Connection, portal: str, rows: Sequence[Listed], owner: str) -> tuple[list[Listed], list[Broken]]:
    """Takes down what the list says of changed orders by now, for a portal that says it nowhere else.

    Returns the rows that are of those orders, and those that have only their id: their `owner` is another one.
    """
    query = select(ORDERS.c.id, ORDERS.c.external_id, DETAILS.c.details)
    query = query.outerjoin(DETAILS, DETAILS.c.order_id == ORDERS.c.id)
    query = query.where(ORDERS.c.portal == portal, among(tx, [row.external_id for row in rows]))
    there = {key: (order_id, details or {}) for order_id, key, details in tx.execute(query).all()}
    ours: list[Listed] = []
    theirs: list[Broken] = []
    for row in rows:
        before = there[row.external_id][1].get("head", {}).get(owner)
        if before is not None and before != row.head.get(owner):
            theirs.append(
                Broken(plain_json({"id": row.external_id, **row.head}), _OTHERS.format(before, row.external_id))
            )
        else:
            ours.append(row)
    heads = [(there[row.external_id], row) for row in ours]
    if heads:
        upsert(
            tx, DETAILS, [{"order_id": at, "details": {**kept, "head": dict(row.head)}} for (at, kept), row in heads]
        )
    return ours, theirs


_OTHERS = "listed with the id of an order of {0}, {1}: which of the two is meant can't be told"
_CAUGHT_UP = update(ORDERS).where(*_ONE).values(listed_status=bindparam("b_status"))


def mark_caught_up(tx: Connection, portal: str, rows: Sequence[Listed]) -> None:
    """Takes down that the list shows what was read before: if it goes back, that is news."""
    listed = [{"b_portal": portal, "b_id": row.external_id, "b_status": row.status} for row in rows]
    tx.execute(_CAUGHT_UP, sorted(listed, key=itemgetter("b_id")))


def insert_broken(tx: Connection, portal: str, rows: Sequence[Broken], now: datetime) -> int:
    """Takes down rows without an id as parked orders of their own; returns how many were not there before."""
    there = known(tx, portal, [row.external_id for row in rows])
    fresh = {row.external_id: row for row in rows if row.external_id not in there}
    if not fresh:
        return 0
    same = facts_of(Order(portal, "", park=Park.UNREADABLE, look_due=False, created_at=now, updated_at=now))
    listed = sorted([key, f"unreadable: {row.cause}", {}] for key, row in fresh.items())
    _insert(tx, ("parked",), same, listed)
    _tell(tx, portal, listed, now, "order.unreadable", "listed, but it could not be read")
    ids = select(ORDERS.c.id, ORDERS.c.external_id).where(ORDERS.c.portal == portal, among(tx, list(fresh)))
    upsert(tx, RAW, [raw_columns(order_id, now, fresh[key].raw) for order_id, key in tx.execute(ids).all()])
    return len(fresh)


def save_cursor(tx: Connection, source: str, cursor: Cursor, now: datetime) -> None:
    """Writes how far a source is read."""
    values = {"position": cursor.position, "reread_on": cursor.reread_on, "last_poll_at": now}
    put(tx, CURSORS, {"source": source} | values)


def put(tx: Connection, table: Table, row: dict[str, Any]) -> None:
    """Writes a row, there or not."""
    upsert(tx, table, [row])
