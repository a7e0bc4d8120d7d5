"""What becomes of orders that somebody has named: a portal in a push, or a person.

A push is never believed: it makes its order due to be asked about, and no more. Notices are for `hearing`.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from importlib import import_module

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update

from syncer.orders import IntentState, Listed
from syncer.store import listing
from syncer.store.rows import INTENTS, ORDERS, PUSHES
from syncer.store.tables import UNSTORABLE

Named = tuple[str, str]  # the portal's id of an order, and the reference that it has there; either may be empty


class By(StrEnum):
    """Who has named an order."""

    PERSON = "a person"
    PUSH = "a push"
    AGENT = "its agent, who opened its page"
    US = "us, who placed it"


def name(tx: Connection, portal: str, ids: Collection[str], now: datetime, by: By) -> int:
    """Makes orders due to be read, and takes down those that weren't known; returns how many."""
    wanted = sorted({key for key in ids if key})
    if not wanted:
        return 0
    there = {row.external_id: row.id for row in tx.execute(_rows(_are(tx, portal, wanted)))}
    fresh = [Listed(key, "", "", "") for key in wanted if key not in there]
    if fresh:
        listing.insert_new(tx, portal, fresh, now, ("order.named", f"named by {by}"))
    due = {"look_due": True, "wake_at": now, "wake_firm": False, "needs": portal, "rev": ORDERS.c.rev + 1}
    for rows in listing.chunks(there.values()):
        tx.execute(update(ORDERS).where(ORDERS.c.id.in_(rows)).values(due))
    return len(fresh)


def hear(tx: Connection, portal: str, named: Collection[Named], now: datetime, by: By = By.PUSH) -> None:
    """As `name`, of a push, or of a person who has seen the reference there; and what each reference of ours is called
    there is kept for those who look it up.

    An order whose call with such a reference is of unknown outcome is due, since that can be settled now. A reference
    that isn't ours isn't kept: nobody fills our disk with them.
    """
    keys = {reference for key, reference in named if key and reference and not UNSTORABLE.search(reference)}
    ours = set(tx.execute(select(INTENTS.c.key).where(INTENTS.c.key.in_(keys))).scalars()) if keys else set()
    unsure = _of_unknown_outcome(tx, ours) if ours else []
    if tx.dialect.name != "sqlite":  # all that is changed below is locked in one order, which every worker keeps
        named_ones = _are(tx, portal, sorted({key for key, _ in named}))
        tx.execute(_rows(or_(named_ones, ORDERS.c.id.in_(unsure))))
    name(tx, portal, [key for key, _ in named], now, by)
    if ours:
        _keep(tx, portal, [one for one in named if one[1] in ours and one[0]], now)
    if unsure:
        due = {"wake_at": now, "wake_firm": False, "rev": ORDERS.c.rev + 1}
        tx.execute(update(ORDERS).where(ORDERS.c.id.in_(unsure)).values(due))


def _of_unknown_outcome(tx: Connection, keys: Collection[str]) -> list[int]:
    """The rows of the orders that wait to know what became of these intents."""
    unknown = and_(INTENTS.c.key.in_(keys), INTENTS.c.open, INTENTS.c.state == IntentState.UNCERTAIN)
    return list(tx.execute(select(INTENTS.c.order_id).where(unknown)).scalars())


def _keep(tx: Connection, portal: str, named: Collection[Named], now: datetime) -> None:
    new = import_module(f"sqlalchemy.dialects.{tx.dialect.name}").insert(PUSHES)
    rows = [{"portal": portal, "reference": one, "external_id": key, "at": now} for key, one in sorted(set(named))]
    tx.execute(new.on_conflict_do_nothing(), rows)


def _are(tx: Connection, portal: str, ids: list[str]) -> ColumnElement[bool]:
    return and_(ORDERS.c.portal == portal, listing.among(tx, ids))


def _rows(which: ColumnElement[bool]) -> Select[tuple[int, str]]:
    """Orders to be changed, in the one order of locks that all workers keep; SQLite's writer is alone anyway."""
    found: Select[tuple[int, str]] = select(ORDERS.c.id, ORDERS.c.external_id).where(which)
    return found.order_by(ORDERS.c.id).with_for_update()
