"""The store in numbers, for those who look every few seconds: health, metrics, the status page.

Every number costs as much as the orders that are open, or came today: never as the orders that there ever were. How
many there are in each state is counted where they change (`tallies`, by the database's own triggers).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, func, or_, select

from syncer.orders import FINAL, IntentState, State, Work
from syncer.store import journal, queries
from syncer.store.reading import Entry, Explained, Reading, RemoteHealth
from syncer.store.rows import CURSORS, DETAILS, HISTORY, INTENTS, ORDERS, REMOTES, intent_of, order_of
from syncer.store.standing import Oldest

LONGEST_CALL = timedelta(minutes=5)  # that can be configured: an intent attempted for longer has no call any more
STEPS = ("received", "active", "delivered")  # that the portal is told of each order, in this order


@dataclass(frozen=True, slots=True)
class Figures:
    """The store in numbers.

    `parked` counts by reason, `intents` those that are open by their state, `unknown` those of unknown outcome.
    `today` counts by state the orders that came since the day began. `oldest` is by step (`STEPS`) and whether parked.
    `erased_at` is when personal data was last looked through for what is old enough to be erased.
    """

    states: Mapping[str, int]
    parked: Mapping[str, int]
    intents: Mapping[str, int]
    unknown: int
    today: Mapping[str, int]
    today_parked: int
    oldest: Mapping[tuple[str, bool], Oldest]
    polled: Mapping[str, datetime | None]
    remotes: Mapping[str, RemoteHealth]
    erased_at: datetime | None = None


class Counting(Reading):
    """The verbs that count, and that tell of one order no more than a page has room for."""

    def figures(self, day: datetime, now: datetime) -> Figures:
        """How things stand `now`; `day` is when today began."""
        with self._read() as tx:
            opened = tx.execute(_OPEN, {"day": day}).all()
            today = [*opened, *tx.execute(_ENDED, {"day": day}).all()]
            return Figures(
                states=self._states(tx),
                parked=_counts(tx.execute(_PARKED).all()),
                intents=_counts(tx.execute(_INTENTS).all()),
                unknown=tx.execute(_UNKNOWN, {"past": now - LONGEST_CALL}).scalar_one(),
                today=_counts([(row.state, row.today) for row in today if row.today]),
                today_parked=sum(row.today for row in today if row.is_parked),
                oldest=_oldest(tx, opened),
                polled={row.source: row.last_poll_at for row in tx.execute(select(CURSORS))},
                remotes={row["name"]: RemoteHealth(**row) for row in tx.execute(select(REMOTES)).mappings()},
                erased_at=None if (erased := journal.last(tx, journal.ERASED)) is None else erased.at,
            )

    def story(self, name: str, most: int) -> Explained | None:
        """An order with at most so many intents and lines of its history, the last ones; never a raw answer."""
        with self._read() as tx:
            details = select(ORDERS, DETAILS.c.details).outerjoin(DETAILS, DETAILS.c.order_id == ORDERS.c.id)
            row = tx.execute(details.where(*queries.is_named()), queries.name(name)).mappings().first()
            if row is None:
                return None
            mine, its = INTENTS.c.order_id == row["id"], HISTORY.c.order_id == row["id"]
            calls = select(INTENTS).where(mine).order_by(INTENTS.c.at.desc(), INTENTS.c.key.desc()).limit(most)
            lines = select(HISTORY).where(its).order_by(HISTORY.c.id.desc()).limit(most)
            intents = [intent_of(call) for call in tx.execute(calls).mappings()]
            history = [Entry(one.id, one.at, name, one.event, one.text) for one in tx.execute(lines)]
            return Explained(order_of(row), tuple(reversed(intents)), tuple(reversed(history)), None)


def _counts(rows: Sequence[Any]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for name, count in rows:
        counted[str(name)] += int(count)
    return dict(counted)


# --- the queries ----------------------------------------------------------------------------------------------

_BEGUN = ORDERS.c.work == Work.BEGUN
_SAID = ORDERS.c.portal_status
# How many of the STEPS the portal has been told: what counts is what it says, not what we wish that it said. The last
# step ends an order, so that no open one has it.
_RANK = case(
    (_SAID.in_([State.ACTIVE, *FINAL]), 2),
    (and_(_SAID == State.WAITING, _BEGUN), 2),
    (_SAID.in_([State.RECEIVED, State.WAITING]), 1),
    else_=0,
)
_IS_PARKED = ORDERS.c.park.is_not(None)
_DAY = bindparam("day", type_=ORDERS.c.created_at.type)
_OPEN = (
    select(
        ORDERS.c.portal,
        ORDERS.c.state,
        _RANK.label("rank"),
        _IS_PARKED.label("is_parked"),
        func.min(ORDERS.c.created_at).label("first"),
        func.sum(case((ORDERS.c.created_at >= _DAY, 1), else_=0)).label("today"),
    )
    .where(ORDERS.c.ended_at.is_(None))
    .group_by(ORDERS.c.portal, ORDERS.c.state, "rank", "is_parked")
)
# Who came today and has ended has ended today, and isn't erased yet: there is an index over those.
_ENDED = (
    select(ORDERS.c.state, _IS_PARKED.label("is_parked"), func.count().label("today"))
    .where(ORDERS.c.ended_at >= _DAY, ORDERS.c.erased_at.is_(None), ORDERS.c.created_at >= _DAY)
    .group_by(ORDERS.c.state, "is_parked")
)
_PARKED = select(ORDERS.c.park, func.count()).where(_IS_PARKED).group_by(ORDERS.c.park)
_INTENTS = select(INTENTS.c.state, func.count()).where(INTENTS.c.open).group_by(INTENTS.c.state)
_UNKNOWN = select(func.count()).where(
    INTENTS.c.open,
    or_(
        INTENTS.c.state == IntentState.UNCERTAIN,
        and_(
            INTENTS.c.state == IntentState.ATTEMPTING,
            INTENTS.c.at < bindparam("past", type_=INTENTS.c.at.type),
        ),
    ),
)


def _oldest(tx: Connection, opened: Sequence[Row[Any]]) -> dict[tuple[str, bool], Oldest]:
    found = {}
    for rank, step in enumerate(STEPS, 1):
        for parked in (False, True):
            late = [row for row in opened if row.rank < rank and bool(row.is_parked) is parked and row.first]
            if late:
                found[step, parked] = _named(tx, min(late, key=lambda row: row.first))
    return found


def _named(tx: Connection, group: Row[Any]) -> Oldest:
    """The first order of a group of `_OPEN`."""
    query = select(ORDERS.c.external_id).where(
        ORDERS.c.portal == group.portal,
        ORDERS.c.created_at == group.first,
        ORDERS.c.ended_at.is_(None),
        ORDERS.c.state == group.state,
        _IS_PARKED if group.is_parked else ORDERS.c.park.is_(None),
        group.rank == _RANK,
    )
    return Oldest(f"{group.portal}:{tx.execute(query.limit(1)).scalar_one()}", group.first)
