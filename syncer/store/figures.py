"""The store in numbers, for those who look every few seconds: health, metrics, the status page.

Every number costs as much as the orders that are open, or came today: never as the orders that there ever were. How
many there are in each state is counted where they change (`tallies`, by the database's own triggers).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select

from syncer.orders import IntentState
from syncer.store import journal, queries
from syncer.store.oldest import IS_PARKED, Oldest, by_step, open_groups
from syncer.store.reading import Entry, Explained, Reading, RemoteHealth
from syncer.store.rows import CURSORS, DETAILS, HISTORY, INTENTS, ORDERS, REMOTES, intent_of, order_of

LONGEST_CALL = timedelta(minutes=5)  # that can be configured: an intent attempted for longer has no call any more


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
                oldest=by_step(tx, opened),
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

_DAY = bindparam("day", type_=ORDERS.c.created_at.type)
_OPEN = open_groups(func.sum(case((ORDERS.c.created_at >= _DAY, 1), else_=0)).label("today"))
# Who came today and has ended has ended today, and isn't erased yet: there is an index over those.
_ENDED = (
    select(ORDERS.c.state, IS_PARKED.label("is_parked"), func.count().label("today"))
    .where(ORDERS.c.ended_at >= _DAY, ORDERS.c.erased_at.is_(None), ORDERS.c.created_at >= _DAY)
    .group_by(ORDERS.c.state, "is_parked")
)
_PARKED = select(ORDERS.c.park, func.count()).where(IS_PARKED).group_by(ORDERS.c.park)
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
