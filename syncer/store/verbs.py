"""The writing verbs, each one transaction, and the store that has them.

`apply` is the heart: it settles an intent, lets `decide` see the observation, writes what follows, and begins the
next intent, in one commit.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, insert, select, update

from syncer.orders import (
    OPEN_INTENT,
    Accounting,
    Act,
    Broken,
    Cursor,
    Decision,
    Intent,
    IntentState,
    Listed,
    Mentions,
    Next,
    Observation,
    Order,
    Page,
    Park,
    Rules,
    Told,
    decide,
)
from syncer.store import connect as opening
from syncer.store.reading import Reading
from syncer.store.rows import (
    CURSORS,
    DETAILS,
    HISTORY,
    INTENTS,
    ORDERS,
    PASSES,
    RAW,
    REMOTES,
    facts_of,
    intent_columns,
    intent_of,
    order_of,
)

CHUNK = 500  # rows to a statement
RAW_LIMIT = 65_536  # characters kept of an answer that could not be read
Tap = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an intent: its last state, and a sentence."""

    key: str
    state: IntentState
    outcome: str


@dataclass(frozen=True, slots=True)
class Applied:
    """An order after an observation: its open intent (begun already where it is `attempting`), and its next step."""

    order: Order
    intent: Intent | None
    next: Next
    before: Order


class Store(Reading):
    """One database. Reading verbs are in `Reading`."""

    def __init__(self, engine: Engine, url: str, held: Any = None, tap: Tap = lambda _: None) -> None:
        super().__init__(engine, url)
        self._held = held
        self._tap = tap

    @classmethod
    def open(cls, url: str, *, exclusive: bool = True, tap: Tap = lambda _: None) -> Self:
        """Opens the database at `url`, migrated. `exclusive` keeps other engines off it.

        `tap` is told `commit.before` and `commit.after` around each commit; what it raises cuts the program there.

        Raises:
            StoreBusy: another syncer holds it.
            StoreError: it can't be used; the text says what to do.
        """
        held = opening.lock(url) if exclusive else None
        try:
            with opening.explained(url):
                path = opening.sqlite_path(url)
                if path is not None:
                    opening.make_private(path)
                engine = opening.connect(url)
                opening.migrate(engine)
        except BaseException:
            if held is not None:
                held.release()
            raise
        return cls(engine, url, held, tap)

    def close(self) -> None:
        """Lets go of the database and of the lock."""
        self._engine.dispose()
        if self._held is not None:
            self._held.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def copy_in_memory(self) -> "Store":
        """A copy to try things on: nothing done to it reaches the disk (SQLite only)."""
        copy = opening.connect("sqlite://")
        with self._read() as source, copy.connect() as target:
            ours, theirs = source.connection.dbapi_connection, target.connection.dbapi_connection
            assert ours is not None
            assert theirs is not None
            ours.backup(theirs)
        return Store(copy, "sqlite://")

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with (
            self._writer,
            opening.explained(self._url),
            self._engine.connect() as connection,
            connection.execution_options(writes=True).begin(),
        ):
            yield connection
            self._tap("commit.before")
        self._tap("commit.after")

    # --- ingest -----------------------------------------------------------------------------------------------

    def ingest(self, portal: str, page: Page, now: datetime) -> Accounting:
        """Stores what a listing said and the cursor that covers it, in one transaction.

        New and changed orders become due to be read; unchanged ones cost a comparison. A row without an id becomes a
        parked order of its own.
        """
        with self._write() as tx:
            known = _known(
                tx, portal, [row.external_id for row in page.rows] + [row.external_id for row in page.broken]
            )
            new, changed, unchanged = _sort(page.rows, known)
            _insert_new(tx, portal, new, now)
            _mark_changed(tx, portal, changed, now)
            parked = _insert_broken(tx, portal, page.broken, known, now)
            _save_cursor(tx, portal, page.cursor, now)
        return Accounting(
            listed=len(page.rows) + len(page.broken),
            unchanged=unchanged,
            changed=len(changed),
            new=len(new),
            unreadable=len(page.broken),
            parked=parked,
        )

    # --- the ring ---------------------------------------------------------------------------------------------

    def apply(
        self,
        name: str,
        seen: Observation,
        now: datetime,
        rules: Rules,
        *,
        settled: Settled | None = None,
        may_begin: Callable[[Intent], bool] = lambda _: False,
        raw: str | None = None,
    ) -> Applied:
        """Settles an intent, decides about an observation, writes what follows, and begins the next intent.

        The order is read, decided upon and written in one transaction, so that an operator's word can't be lost in
        between. `may_begin` tells whether an intent may be sent at once.
        """
        with self._write() as tx:
            order_id, before, intent = self._take(tx, name)
            if settled is not None:
                _close(tx, settled, now)
                intent = _after(intent, settled)
            decision = decide(before, seen, now, rules, intent)
            if decision.drop and intent is not None:
                _close(tx, Settled(intent.key, IntentState.REJECTED, "no longer wanted"), now)
                intent = None
            opened = _open_intent(tx, order_id, decision, intent, now, may_begin)
            _save(tx, order_id, before, decision, seen, now)
            if raw is not None:
                _put(tx, RAW, {"order_id": order_id}, {"at": now, "text": raw[:RAW_LIMIT]})
        return Applied(decision.order, opened, decision.next, before)

    def _take(self, tx: Connection, name: str) -> tuple[int, Order, Intent | None]:
        row = tx.execute(self._order_query(name)).mappings().one()
        intent = tx.execute(
            select(INTENTS).where(INTENTS.c.order_id == row["id"], INTENTS.c.open.is_(True)).limit(1)
        ).mappings()
        found = intent.first()
        return row["id"], order_of(row), None if found is None else intent_of(found)

    def mark(
        self,
        name: str,
        key: str,
        state: IntentState,
        now: datetime,
        *,
        outcome: str | None = None,
        wake_at: datetime | None = None,
        firm: bool = False,
    ) -> None:
        """Moves an open intent on (begun, not begun after all, of unknown outcome), and sets when to look again."""
        with self._write() as tx:
            changes: dict[str, Any] = {"state": state, "at": now}
            if outcome is not None:
                changes["outcome"] = outcome
            if state is IntentState.ATTEMPTING:
                changes["attempts"] = INTENTS.c.attempts + 1
            tx.execute(update(INTENTS).where(INTENTS.c.key == key).values(changes))
            if wake_at is not None:
                tx.execute(_order_update(name).values(wake_at=wake_at, wake_firm=firm, updated_at=now))
            if outcome is not None and state is not IntentState.ATTEMPTING:
                _tell(tx, name, now, f"intent.{state}", outcome)

    def wait(self, name: str, until: datetime, now: datetime, *, raw: str | None = None) -> None:
        """Puts an order off, without a change of its facts; keeps an answer about it that could not be read."""
        with self._write() as tx:
            tx.execute(_order_update(name).values(wake_at=until, wake_firm=False))
            if raw is not None:
                order_id = tx.execute(_order_id(name)).scalar_one()
                _put(tx, RAW, {"order_id": order_id}, {"at": now, "text": raw[:RAW_LIMIT]})

    def rouse(self, fulfilment: str, mentions: Mentions, source: str, now: datetime) -> None:
        """Makes the orders that a fulfilment's events speak of due, and stores the cursor that covers them."""
        refs = sorted(mentions.refs)
        with self._write() as tx:
            for start in range(0, len(refs), CHUNK):
                chunk = refs[start : start + CHUNK]
                tx.execute(
                    update(ORDERS)
                    .where(
                        ORDERS.c.fulfilment == fulfilment,
                        ORDERS.c.fulfilment_ref.in_(chunk),
                        ORDERS.c.ended_at.is_(None),
                        ORDERS.c.wake_at.is_not(None),
                    )
                    .values(wake_at=now, wake_firm=False)
                )
            _save_cursor(tx, source, mentions.cursor, now)

    # --- around it --------------------------------------------------------------------------------------------

    def note_remote(
        self, name: str, *, up: bool, since: datetime, cause: str | None = None, not_before: datetime | None = None
    ) -> None:
        """Writes down whether a remote answers, since when, and until when it asked to be left alone."""
        values = {"up": up, "since": since, "cause": cause, "not_before": not_before}
        with self._write() as tx:
            _put(tx, REMOTES, {"name": name}, values)

    def forgive(self) -> None:
        """An operator's `retry`: remotes that denied us are called again, also by the syncer that runs meanwhile."""
        with self._write() as tx:
            tx.execute(update(REMOTES).where(REMOTES.c.up.is_(False)).values(cause=None))

    def note_pass(self, summary: dict[str, Any]) -> None:
        """Writes down the last pass."""
        with self._write() as tx:
            _put(tx, PASSES, {"id": 1}, {"summary": summary})

    def erase(self, ended_before: datetime) -> int:
        """Erases the personal data of orders that ended before a time; returns of how many."""
        old = select(ORDERS.c.id).where(ORDERS.c.ended_at < ended_before)
        kept = [select(table.c.order_id).where(table.c.order_id.in_(old)).limit(1) for table in (DETAILS, RAW)]
        if not any(map(self._any, kept)):
            return 0
        with self._write() as tx:
            tx.execute(delete(RAW).where(RAW.c.order_id.in_(old)))
            erased = tx.execute(delete(DETAILS).where(DETAILS.c.order_id.in_(old))).rowcount
        self._forget_log()
        return erased

    def _forget_log(self) -> None:
        """Empties SQLite's write-ahead log, where what was erased still stands; left for later while others read."""
        if opening.sqlite_path(self._url) is not None:
            with self._writer, opening.explained(self._url), closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


# --- the parts of the verbs -----------------------------------------------------------------------------------


def _known(tx: Connection, portal: str, ids: Sequence[str]) -> dict[str, tuple[str | None, str | None, str | None]]:
    """What was last seen of the listed orders: fingerprint, listed status, and what the portal was made to say."""
    columns = (ORDERS.c.external_id, ORDERS.c.fingerprint, ORDERS.c.listed_status, ORDERS.c.portal_status)
    found: dict[str, tuple[str | None, str | None, str | None]] = {}
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        rows = tx.execute(select(*columns).where(ORDERS.c.portal == portal, _among(tx, chunk))).all()
        found.update((row[0], row[1:]) for row in rows)
    return found


def _among(tx: Connection, ids: Sequence[str]) -> ColumnElement[bool]:
    """Orders with one of these ids; as one JSON text for SQLite, since so many parameters cost more than the search."""
    if tx.dialect.name != "sqlite":
        return ORDERS.c.external_id.in_(ids)
    listed = func.json_each(json.dumps(ids)).table_valued("value")
    return ORDERS.c.external_id.in_(select(listed.c.value))


def _sort(
    rows: Sequence[Listed], known: dict[str, tuple[str | None, str | None, str | None]]
) -> tuple[list[Listed], list[Listed], int]:
    """New rows, changed rows, and how many are neither.

    A status is unchanged where it is what was last listed, or what we made the portal say since: our own writing is
    no news. An id that is listed twice counts once as what it is, and then as unchanged unless it says something else.
    """
    new: dict[str, Listed] = {}
    changed: dict[str, Listed] = {}
    unchanged = 0
    for row in rows:
        if row.external_id in new or row.external_id in changed:
            unchanged += 1
            continue
        before = known.get(row.external_id)
        if before is None:
            new[row.external_id] = row
        elif before[0] != row.fingerprint or (row.status != before[1] and row.status != before[2]):
            changed[row.external_id] = row
        else:
            unchanged += 1
    return list(new.values()), list(changed.values()), unchanged


def _insert_new(tx: Connection, portal: str, rows: Sequence[Listed], now: datetime) -> None:
    orders = [
        facts_of(Order(portal, row.external_id, service=row.service, wake_at=now, created_at=now, updated_at=now))
        | {"fingerprint": row.fingerprint, "listed_status": row.status}
        for row in rows
    ]
    heads = {row.external_id: {"head": dict(row.head)} for row in rows}
    _insert_orders(tx, portal, orders, heads, now, "order.listed", "the portal listed it")


def _insert_orders(
    tx: Connection,
    portal: str,
    orders: Sequence[dict[str, Any]],
    details: dict[str, Any],
    now: datetime,
    event: str,
    sentence: str,
) -> None:
    for start in range(0, len(orders), CHUNK):
        chunk = orders[start : start + CHUNK]
        tx.execute(insert(ORDERS), chunk)
        ids = tx.execute(
            select(ORDERS.c.id, ORDERS.c.external_id).where(
                ORDERS.c.portal == portal, ORDERS.c.external_id.in_([order["external_id"] for order in chunk])
            )
        ).all()
        tx.execute(insert(DETAILS), [{"order_id": key, "details": details[name]} for key, name in ids])
        story = {"at": now, "event": event, "text": sentence}
        tx.execute(insert(HISTORY), [{"order_id": key, **story} for key, _ in ids])


def _mark_changed(tx: Connection, portal: str, rows: Sequence[Listed], now: datetime) -> None:
    for row in rows:
        tx.execute(
            update(ORDERS)
            .where(ORDERS.c.portal == portal, ORDERS.c.external_id == row.external_id)
            .values(fingerprint=row.fingerprint, listed_status=row.status, look_due=True, wake_at=now, wake_firm=False)
        )


def _insert_broken(tx: Connection, portal: str, rows: Sequence[Broken], known: dict[str, Any], now: datetime) -> int:
    fresh = {row.external_id: row for row in rows if row.external_id not in known}
    orders = [
        facts_of(
            Order(
                portal,
                row.external_id,
                park=Park.UNREADABLE,
                parked=f"unreadable: {row.cause}",
                look_due=False,
                created_at=now,
                updated_at=now,
            )
        )
        for row in fresh.values()
    ]
    _insert_orders(
        tx, portal, orders, {name: {} for name in fresh}, now, "order.unreadable", "listed, but it could not be read"
    )
    for row in fresh.values():
        order_id = tx.execute(_order_id(f"{portal}:{row.external_id}")).scalar_one()
        _put(tx, RAW, {"order_id": order_id}, {"at": now, "text": row.raw[:RAW_LIMIT]})
    return len(fresh)


def _save_cursor(tx: Connection, source: str, cursor: Cursor, now: datetime) -> None:
    values = {"position": cursor.position, "reread_on": cursor.reread_on, "last_poll_at": now}
    _put(tx, CURSORS, {"source": source}, values)


def _put(tx: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Writes a row, there or not."""
    where = [table.c[name] == value for name, value in key.items()]
    if not tx.execute(update(table).where(*where).values(values)).rowcount:
        tx.execute(insert(table).values(key | values))


def _close(tx: Connection, settled: Settled, now: datetime) -> None:
    tx.execute(
        update(INTENTS)
        .where(INTENTS.c.key == settled.key)
        .values(state=settled.state, open=settled.state in OPEN_INTENT, outcome=settled.outcome, at=now)
    )


def _after(intent: Intent | None, settled: Settled) -> Intent | None:
    """The open intent once `settled` is written."""
    if intent is None or intent.key != settled.key:
        return intent
    return replace(intent, state=settled.state) if settled.state in OPEN_INTENT else None


def _open_intent(
    tx: Connection,
    order_id: int,
    decision: Decision,
    kept: Intent | None,
    now: datetime,
    may_begin: Callable[[Intent], bool],
) -> Intent | None:
    """Writes the decided intent, begun at once where it may be; or leaves the one that is open."""
    begins = decision.next.act is Act.SEND
    for intent in decision.intents:
        columns = intent_columns(intent, order_id, now)
        if begins and may_begin(intent):
            columns |= {"state": IntentState.ATTEMPTING, "attempts": 1}
        _put(tx, INTENTS, {"key": intent.key}, {name: value for name, value in columns.items() if name != "key"})
        return intent_of(columns)  # type: ignore[arg-type] # a dict reads like a row
    return kept


def _save(tx: Connection, order_id: int, before: Order, decision: Decision, seen: Observation, now: datetime) -> None:
    after = decision.order
    changes = {name: value for name, value in facts_of(after).items() if value != getattr(before, name)}
    if isinstance(seen, Told):
        changes["listed_status"] = seen.status  # our own writing is no news when it is listed
    if changes:
        tx.execute(update(ORDERS).where(ORDERS.c.id == order_id).values(**changes, updated_at=now))
    if after.details != before.details:
        _put(tx, DETAILS, {"order_id": order_id}, {"details": after.details})
    if decision.note:
        tx.execute(insert(HISTORY).values(order_id=order_id, at=now, event=seen.event, text=decision.note))
    if after.parked is not None and after.parked != before.parked:
        tx.execute(insert(HISTORY).values(order_id=order_id, at=now, event="order.parked", text=after.parked))


def _order_id(name: str) -> Any:
    portal, _, external_id = name.partition(":")
    return select(ORDERS.c.id).where(ORDERS.c.portal == portal, ORDERS.c.external_id == external_id)


def _order_update(name: str) -> Any:
    portal, _, external_id = name.partition(":")
    return update(ORDERS).where(ORDERS.c.portal == portal, ORDERS.c.external_id == external_id)


def _tell(tx: Connection, name: str, now: datetime, event: str, sentence: str) -> None:
    order_id = tx.execute(_order_id(name)).scalar_one()
    tx.execute(insert(HISTORY).values(order_id=order_id, at=now, event=event, text=sentence))
