"""The reading verbs. They need no lock, and work while another syncer holds the store."""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, case, func, or_, select

from syncer.orders import Cursor, File, Intent, IntentState, Order, Park
from syncer.store import connect as opening
from syncer.store import journal, queries
from syncer.store.journal import Happening
from syncer.store.rows import (
    CURSORS,
    DETAILS,
    FILES,
    HISTORY,
    INTENTS,
    ORDERS,
    PASSES,
    RAW,
    REMOTES,
    TALLIES,
    InHand,
    file_of,
    held,
    held_of,
    intent_of,
    order_of,
)
from syncer.store.standing import Standing, standing

HISTORY_PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an order's history."""

    id: int
    at: datetime
    order: str
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class RemoteHealth:
    """Whether a remote answers, since when, why not, and until when it asked to be left alone."""

    name: str
    up: bool
    since: datetime
    cause: str | None
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Explained:
    """An order with all that is known of it."""

    order: Order
    intents: tuple[Intent, ...]
    history: tuple[Entry, ...]
    raw: str | None

    @property
    def open_intent(self) -> Intent | None:
        """The intent that is not settled, of which there is at most one."""
        closed = {IntentState.DONE, IntentState.REJECTED}
        return next((intent for intent in self.intents if intent.state not in closed), None)


@dataclass(frozen=True, slots=True)
class Overview:
    """The store at a glance."""

    cursors: dict[str, Cursor]
    remotes: dict[str, RemoteHealth]
    states: dict[str, int]
    parked: int
    last_pass: dict[str, Any] | None


class Reading:
    """The verbs that change nothing."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self._writer = threading.RLock()  # SQLite has no fair queue between writers; this is one
        in_memory = engine.dialect.name == "sqlite" and opening.sqlite_path(url) is None
        self._reader = self._writer if in_memory else nullcontext()  # in memory there is one connection for all

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """For statements that all have to see the same moment."""
        with (
            self._reader,
            opening.explained(self._url),
            self._engine.connect() as connection,
            opening.one_moment(connection).begin(),
        ):
            yield connection

    @contextmanager
    def _glance(self) -> Iterator[Connection]:
        """For one statement, which needs no transaction around it."""
        with self._reader, opening.explained(self._url), self._engine.connect() as connection:
            yield connection.execution_options(alone=True)

    def _any(self, query: Select[Any], given: dict[str, Any] | None = None) -> bool:
        with self._glance() as tx:
            return tx.execute(query, given or {}).first() is not None

    def cursor(self, source: str) -> Cursor:
        """How far a source has been read."""
        with self._glance() as tx:
            row = tx.execute(queries.cursor(), {"b_source": source}).mappings().first()
        return Cursor() if row is None else Cursor(row["position"], row["reread_on"], row["last_poll_at"])

    def newest(self, portal: str) -> str | None:
        """The portal's own id of the order that was taken down last; None where there is none."""
        query = select(ORDERS.c.external_id).where(ORDERS.c.portal == portal).order_by(ORDERS.c.id.desc()).limit(1)
        with self._glance() as tx:
            return tx.execute(query).scalar()

    def oldest_open(self, portal: str) -> datetime | None:
        """When the oldest order of a portal that hasn't ended was first seen; or its date there, if that is earlier."""
        dated = DETAILS.c.details["head"]["date"].as_string()
        whole = case((dated.like("2___-__-__%"), dated))
        query = (
            select(func.min(ORDERS.c.created_at), func.min(whole))
            .outerjoin(DETAILS, DETAILS.c.order_id == ORDERS.c.id)
            .where(ORDERS.c.portal == portal, ORDERS.c.ended_at.is_(None))
        )
        with self._glance() as tx:
            found = tx.execute(query).one()
        return min((at for at in (found[0], _day(found[1])) if at is not None), default=None)

    def next_uncertain(self, besides: Collection[str] = (), without: Collection[str] = ()) -> datetime | None:
        """When the first of the uncertain intents that can be asked about may be asked about.

        Those of orders `besides`, and at remotes `without`, don't count.
        """
        with self._glance() as tx:
            rows = tx.execute(queries.uncertain(), {"without": list(without)}).all()
        return min((at for portal, key, at in rows if f"{portal}:{key}" not in besides), default=None)

    def load(self, name: str) -> tuple[Order, Intent | None] | None:
        """An order and its open intent."""
        with self._glance() as tx:
            row = tx.execute(queries.named(), queries.name(name)).first()
        found = None if row is None else held_of(row)
        return None if found is None else (found.order, found.intent)

    def files(self, name: str) -> list[File]:
        """An order's files, in the order in which they were listed."""
        query = select(FILES).join(ORDERS, ORDERS.c.id == FILES.c.order_id).where(*queries.is_named())
        with self._glance() as tx:
            rows = tx.execute(query.order_by(FILES.c.at, FILES.c.asset), queries.name(name)).mappings()
            return [file_of(row) for row in rows]

    def remotes(self) -> dict[str, RemoteHealth]:
        """What is known of each remote that was ever called."""
        with self._glance() as tx:
            rows = tx.execute(select(REMOTES)).mappings().all()
        return {row["name"]: RemoteHealth(**row) for row in rows}

    def orders(
        self, *, state: str | None = None, portal: str | None = None, parked: bool = False, limit: int | None = None
    ) -> list[Order]:
        """Orders without their details, newest first."""
        query = select(ORDERS).order_by(ORDERS.c.id.desc())
        if state is not None:
            query = query.where(ORDERS.c.state == state)
        if portal is not None:
            query = query.where(ORDERS.c.portal == portal)
        if parked:
            query = query.where(ORDERS.c.park.is_not(None))
        if limit is not None:
            query = query.limit(limit)
        with self._glance() as tx:
            return [order_of(row) for row in tx.execute(query).mappings()]

    def named(self, external_id: str) -> list[Order]:
        """The orders that have an id, of whichever portal."""
        with self._glance() as tx:
            rows = tx.execute(select(ORDERS).where(ORDERS.c.external_id == external_id)).mappings()
            return [order_of(row) for row in rows]

    def explain(self, name: str) -> Explained | None:
        """All that is known of an order."""
        with self._read() as tx:
            details = select(ORDERS, DETAILS.c.details).outerjoin(DETAILS, DETAILS.c.order_id == ORDERS.c.id)
            row = tx.execute(details.where(*queries.is_named()), queries.name(name)).mappings().first()
            if row is None:
                return None
            intents = tx.execute(
                select(INTENTS).where(INTENTS.c.order_id == row["id"]).order_by(INTENTS.c.at, INTENTS.c.key)
            ).mappings()
            history = tx.execute(
                select(HISTORY).where(HISTORY.c.order_id == row["id"]).order_by(HISTORY.c.id)
            ).mappings()
            raw = tx.execute(select(RAW.c.text).where(RAW.c.order_id == row["id"])).scalar()
            return Explained(
                order_of(row),
                tuple(intent_of(intent) for intent in intents),
                tuple(Entry(line["id"], line["at"], name, line["event"], line["text"]) for line in history),
                raw,
            )

    def history(
        self, *, order: str | None = None, since: datetime | None = None, failures: bool = False, after: int = 0
    ) -> Iterator[Entry]:
        """The history across orders, oldest first; `after` an entry's id."""
        query = (
            select(HISTORY, ORDERS.c.portal, ORDERS.c.external_id)
            .join(ORDERS, ORDERS.c.id == HISTORY.c.order_id)
            .order_by(HISTORY.c.id)
        )
        if order is not None:
            query = query.where(*queries.is_called(order))
        if since is not None:
            query = query.where(HISTORY.c.at >= since)
        if failures:
            query = query.where(HISTORY.c.event.in_(FAILURES))
        while True:  # a page at a time: who reads on slowly keeps no transaction open
            with self._glance() as tx:
                rows = tx.execute(query.where(HISTORY.c.id > after).limit(HISTORY_PAGE)).mappings().all()
            for row in rows:
                name = f"{row['portal']}:{row['external_id']}"
                yield Entry(row["id"], row["at"], name, row["event"], row["text"])
            if len(rows) < HISTORY_PAGE:
                return
            after = rows[-1]["id"]

    def overview(self) -> Overview:
        """The store at a glance."""
        with self._read() as tx:
            states = self._states(tx)
            parked = tx.execute(select(func.count()).where(ORDERS.c.park.is_not(None))).scalar_one()
            cursors = tx.execute(select(CURSORS)).mappings().all()
            last = tx.execute(select(PASSES.c.summary)).scalar()
        return Overview(
            {row["source"]: Cursor(row["position"], row["reread_on"], row["last_poll_at"]) for row in cursors},
            self.remotes(),
            states,
            parked,
            last,
        )

    def standing(self) -> Standing:
        """How things stand besides the counts: the oldest orders, what is parked and why, and who is at work."""
        with self._read() as tx:
            return standing(tx, opening.sqlite_path(self._url))

    def journal(self, *, since: datetime | None = None, after: int = 0) -> Iterator[Happening]:
        """What happened to the service and the store, oldest first; `after` a line's id."""
        query = journal.since(since, after).limit(HISTORY_PAGE)
        while True:
            with self._read() as tx:
                rows = tx.execute(query).mappings().all()
            yield from (Happening(**row) for row in rows)
            if len(rows) < HISTORY_PAGE:
                return
            query = journal.since(since, rows[-1]["id"]).limit(HISTORY_PAGE)

    def to_verify(self, ended_since: datetime) -> Iterator[InHand]:
        """Every order that is open, or has ended since a time, oldest first, with its open intent."""
        after = 0
        wanted = or_(ORDERS.c.ended_at.is_(None), ORDERS.c.ended_at >= ended_since)
        while True:  # a page at a time: who asks remotes about them keeps no transaction open
            with self._read() as tx:
                query = held().where(wanted, ORDERS.c.id > after).order_by(ORDERS.c.id).limit(HISTORY_PAGE)
                rows = [held_of(row) for row in tx.execute(query)]
            yield from rows
            if len(rows) < HISTORY_PAGE:
                return
            after = rows[-1].id

    def which_are_known(self, portal: str, ids: Sequence[str]) -> set[str]:
        """Of some ids of a portal, those that are orders here."""
        known: set[str] = set()
        with self._read() as tx:
            for at in range(0, len(ids), HISTORY_PAGE):
                some = ids[at : at + HISTORY_PAGE]
                query = select(ORDERS.c.external_id).where(ORDERS.c.portal == portal, ORDERS.c.external_id.in_(some))
                known.update(tx.execute(query).scalars())
        return known

    def _states(self, tx: Connection) -> dict[str, int]:
        """How many orders are in each state that any is in."""
        counted = select(TALLIES.c.state, func.sum(TALLIES.c.n)).group_by(TALLIES.c.state).order_by(TALLIES.c.state)
        return {state: int(count) for state, count in tx.execute(counted) if count}

    def parked_names(self) -> list[str]:
        """The orders that a person is asked to look at."""
        return [order.name for order in reversed(self.orders(parked=True)) if order.park is not Park.UNCERTAIN]


def _day(text: str | None) -> datetime | None:
    """The beginning of the day that a portal's date names, or None."""
    try:
        return None if text is None else datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)
    except ValueError:
        return None


FAILURES = (
    "order.parked",
    "order.refused",
    "order.failed",
    "order.illegible",
    "order.unreadable",
    "order.tell_refused",
    "order.message_refused",
    "order.withdraw_refused",
    "order.vanished",
    "order.unclear",
    "order.broke",
    "intent.uncertain",
)
