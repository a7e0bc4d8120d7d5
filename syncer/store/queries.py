"""The queries of every pass and every order, each built once: building one costs more than asking it.

Only queries, and the names of their parameters (`b_` where a column is called so: they may end up in an UPDATE).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, exists, or_, select

from syncer.orders import IntentState
from syncer.store.rows import CURSORS, INTENTS, ORDERS, held

FARTHEST = timedelta(days=1)  # that a time to wake which isn't firm is ever ahead
CLOCKS_DIFFER = timedelta(minutes=1)  # from one another, where several workers share a database
BY_TIME = (ORDERS.c.wake_at, ORDERS.c.id)


@cache
def cursor() -> Select[Any]:
    """A `source`'s cursor."""
    return select(CURSORS).where(CURSORS.c.source == bindparam("b_source"))


@cache
def named() -> Select[Any]:
    """An order in hand, by the parameters of `name`."""
    return held().where(*is_named())


def is_named() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That an order is the one of the parameters of `name`."""
    return ORDERS.c.portal == bindparam("b_portal"), ORDERS.c.external_id == bindparam("b_external_id")


def is_called(order: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That an order is this one, for a query that is built for it alone."""
    portal, _, external_id = order.partition(":")
    return ORDERS.c.portal == portal, ORDERS.c.external_id == external_id


def name(order: str) -> dict[str, str]:
    """The parameters of `named`."""
    portal, _, external_id = order.partition(":")
    return {"b_portal": portal, "b_external_id": external_id}


# --- what is due ----------------------------------------------------------------------------------------------


@cache
def ripe(*, without: bool, besides: bool, after: bool) -> Select[Any]:
    """The rows of orders that something may be done about, in no order, by the parameters of `moment`."""
    conditions = [ORDERS.c.wake_at.is_not(None), ORDERS.c.wake_at <= bindparam("now")]
    if without:
        others = ORDERS.c.needs.not_in(bindparam("without", expanding=True))
        conditions.append(or_(ORDERS.c.needs.is_(None), others))
    if besides:
        conditions.append(ORDERS.c.id.not_in(bindparam("besides", expanding=True)))
    if after:
        at, row = bindparam("after_at", type_=ORDERS.c.wake_at.type), bindparam("after_row", type_=ORDERS.c.id.type)
        conditions.append(or_(ORDERS.c.wake_at > at, and_(ORDERS.c.wake_at == at, ORDERS.c.id > row)))
    return select(ORDERS.c.id).where(*conditions)


@cache
def first_ripe(*, without: bool, besides: bool, after: bool) -> Select[Any]:
    """The rows of the first `most` of them."""
    rows = ripe(without=without, besides=besides, after=after)
    return rows.order_by(*BY_TIME).limit(bindparam("most", type_=Integer))


@cache
def held_ripe(*, without: bool, besides: bool, after: bool) -> Select[Any]:
    """The first `most` of them, to be held."""
    rows = first_ripe(without=without, besides=besides, after=after)
    return held().where(ORDERS.c.id.in_(rows)).order_by(*BY_TIME)


@cache
def held_rows() -> Select[Any]:
    """The orders of some `rows`, to be held."""
    return held().where(ORDERS.c.id.in_(bindparam("rows", expanding=True))).order_by(*BY_TIME)


def moment(
    now: datetime, without: Collection[str], besides: Collection[int], after: tuple[datetime, int] | None, most: int
) -> tuple[dict[str, bool], dict[str, Any]]:
    """Which of these queries it is, and its parameters."""
    shape = {"without": bool(without), "besides": bool(besides), "after": after is not None}
    given: dict[str, Any] = {"now": now, "most": most}
    if without:
        given["without"] = list(without)
    if besides:
        given["besides"] = list(besides)
    if after is not None:
        given["after_at"], given["after_row"] = after
    return shape, given


# --- what isn't right -----------------------------------------------------------------------------------------


def astray(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Orders whose time to wake was written by a clock that was ahead: by their last change, or by its distance."""
    return _astray(now + CLOCKS_DIFFER, now + FARTHEST)


def _astray(soon: Any, far: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    changed = and_(ORDERS.c.wake_at.is_not(None), ORDERS.c.updated_at > soon)
    distant = and_(ORDERS.c.wake_at > far, ORDERS.c.wake_firm.is_(False), ORDERS.c.wake_at.is_not(None))
    return changed, distant


@cache
def any_astray() -> Select[Any]:
    """Whether there are any, of either, and whether the clock went back since a poll; by the parameters of `ahead`."""
    changed, distant = _astray(bindparam("soon"), bindparam("far"))
    polled = CURSORS.c.last_poll_at > bindparam("soon")
    each: Select[Any] = select(exists().where(changed), exists().where(distant), exists().where(polled))  # type: ignore[assignment]
    return each


def looked_at() -> ColumnElement[bool]:
    """Orders that wait for a step, and whose last look at the portal counts as long as it is fresh."""
    return and_(ORDERS.c.wake_at.is_not(None), ORDERS.c.seen_at.is_not(None))


def ahead(now: datetime) -> dict[str, datetime]:
    """The parameters of `any_astray`."""
    return {"soon": now + CLOCKS_DIFFER, "far": now + FARTHEST}


@cache
def any_later() -> Select[Any]:
    """An order that waits for a time after `now` which isn't firm."""
    return select(ORDERS.c.id).where(*later(bindparam("now"))).limit(1)


def later(now: Any) -> tuple[ColumnElement[bool], ...]:
    """That an order waits for a time after `now` which isn't firm."""
    return ORDERS.c.wake_at > now, ORDERS.c.wake_at.is_not(None), ORDERS.c.wake_firm.is_(False)


@cache
def uncertain() -> Select[Any]:
    """Orders with a call of unknown outcome, at other remotes than `without`, and when they are looked up."""
    return (
        select(ORDERS.c.portal, ORDERS.c.external_id, ORDERS.c.wake_at)
        .join(INTENTS, INTENTS.c.order_id == ORDERS.c.id)
        .where(
            INTENTS.c.open,
            INTENTS.c.state.in_([IntentState.UNCERTAIN, IntentState.ATTEMPTING]),
            INTENTS.c.target.not_in(bindparam("without", expanding=True)),
            ORDERS.c.park.is_(None),
            ORDERS.c.wake_at.is_not(None),
        )
    )
