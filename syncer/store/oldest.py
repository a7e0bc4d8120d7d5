"""Which order has waited longest for each step that a portal is told, among those that are open.

One reading for all who ask: the status page, the metrics and `syncer status` must not name different orders.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, select

from syncer.orders import FINAL, State, Work
from syncer.store.rows import ORDERS

STEPS = ("received", "active", "delivered")  # that the portal is told of each order, in this order


@dataclass(frozen=True, slots=True)
class Oldest:
    """The order that has waited longest to come so far, and since when it is known."""

    order: str
    since: datetime


_SAID = ORDERS.c.portal_status
# How many of the STEPS the portal has been told: what counts is what it says, not what we wish that it said. The last
# step ends an order, so that no open one has it.
_RANK = case(
    (_SAID.in_([State.ACTIVE, *FINAL]), 2),
    (and_(_SAID == State.WAITING, ORDERS.c.work == Work.BEGUN), 2),
    (_SAID.in_([State.RECEIVED, State.WAITING]), 1),
    else_=0,
)
IS_PARKED = ORDERS.c.park.is_not(None)


def open_groups(*more: ColumnElement[Any]) -> Select[Any]:
    """The open orders in groups, each with `first`, when its oldest came, and whatever more is asked for."""
    return (
        select(
            ORDERS.c.portal,
            ORDERS.c.state,
            _RANK.label("rank"),
            IS_PARKED.label("is_parked"),
            func.min(ORDERS.c.created_at).label("first"),
            func.min(ORDERS.c.id).label("lowest"),
            *more,
        )
        .where(ORDERS.c.ended_at.is_(None))
        .group_by(ORDERS.c.portal, ORDERS.c.state, "rank", "is_parked")
    )


def by_step(tx: Connection, groups: Sequence[Row[Any]]) -> dict[tuple[str, bool], Oldest]:
    """The oldest order for each step, and whether parked; `groups` are the rows of `open_groups`."""
    found = {}
    for rank, step in enumerate(STEPS, 1):
        for parked in (False, True):
            late = [row for row in groups if row.rank < rank and bool(row.is_parked) is parked and row.first]
            if late:
                found[step, parked] = _named(tx, min(late, key=lambda row: (row.first, row.lowest)))
    return found


def of_all(found: Mapping[tuple[str, bool], Oldest]) -> dict[str, Oldest | None]:
    """The oldest order for each step, parked or not."""
    both = {step: [one for key, one in found.items() if key[0] == step] for step in STEPS}
    return {step: min(some, key=lambda one: one.since, default=None) for step, some in both.items()}


def _named(tx: Connection, group: Row[Any]) -> Oldest:
    """The first order of a group."""
    query = (
        select(ORDERS.c.external_id)
        .where(
            ORDERS.c.portal == group.portal,
            ORDERS.c.created_at == group.first,
            ORDERS.c.ended_at.is_(None),
            ORDERS.c.state == group.state,
            IS_PARKED if group.is_parked else ORDERS.c.park.is_(None),
            group.rank == _RANK,
        )
        .order_by(ORDERS.c.created_at, ORDERS.c.id)  # of those that came together the first, whoever asks
        .limit(1)
    )
    return Oldest(f"{group.portal}:{tx.execute(query).scalar_one()}", group.first)
