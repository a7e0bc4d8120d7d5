"""The verbs that keep the store: erasing people, emptying the write-ahead log, copies, and what a copy can't know.

What is done about orders is for `verbs`.
"""

import time
from abc import abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from syncer.orders import FINAL, NAMELESS, FileState, IntentState, Kind, Park, Work
from syncer.store import backup, journal, queries
from syncer.store import connect as opening
from syncer.store.reading import Reading
from syncer.store.rows import ADDRESSES, CURSORS, DETAILS, FILES, HISTORY, INTENTS, ORDERS, RAW

AT_ONCE = 500  # orders that are erased in one transaction: nobody waits for long
DAILY = timedelta(hours=20)  # an erasure that found nothing is noted this often
PERSONAL = (DETAILS.c.details, RAW.c.text, FILES.c.called)  # and nowhere else
SMALL = 16_000_000  # bytes of personal data that are rewritten at every erasure; more, once a day
PATIENCE_MS = 250  # that a writer may be kept from writing by the emptying of the log
LEAP = timedelta(days=3)  # since the last erasure, which is daily: more, and the clock is doubted
STEADY = timedelta(days=1)  # of running, after which a clock that was doubted is believed
UNWATCHED = timedelta(hours=6)  # of a time in which nobody looked at the clock, so much counts as running at most
NOT_KNOWN = "not known: the store was brought back from a copy"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nothing is erased by the clock now: it is so far `ahead` of the last erasure. `new`: it was not, before."""

    ahead: timedelta
    new: bool


class Keeping(Reading):
    """The verbs that keep the store."""

    @abstractmethod
    def _write(self) -> AbstractContextManager[Connection]:
        """A transaction that writes (`Store`)."""

    def note(self, event: str, text: str, now: datetime, **facts: Any) -> None:
        """Adds a line to the journal."""
        with self._write() as tx:
            journal.write(tx, event, text, now, facts)

    # --- erasing ----------------------------------------------------------------------------------------------

    def doubt(self, now: datetime) -> Doubt | None:
        """Why nothing is to be erased by the clock now, if it is far ahead of all that is recorded; asked each time.

        An erasure is recorded each day. Either the clock was set wrong since the last one, or the machine was off for
        long: the two look alike, so the clock is believed once it has gone on steadily for a day of running. That is
        counted in the journal from one asking to the next, and a restart goes on with it.
        """
        with self._read() as tx:
            sure, latest = journal.last(tx, journal.ERASED), journal.last(tx, journal.ERASED, journal.PUT_OFF)
        if sure is None or latest is None or now - sure.at <= LEAP:
            return None
        ran = None if latest == sure else _ran(latest, now)
        if ran is not None and ran >= STEADY:
            return None
        self._put_off(latest, sure, ran, now)
        return Doubt(now - sure.at, new=ran is None)

    def _put_off(
        self, latest: journal.Happening, sure: journal.Happening, ran: timedelta | None, now: datetime
    ) -> None:
        """Writes down that the clock is watched, or how long it has been by now."""
        facts = {"seen": now.isoformat(), "ran": 0.0 if ran is None else ran.total_seconds()}
        with self._write() as tx:
            if ran is not None:
                journal.correct(tx, latest, facts)
                return
            text = f"the clock is {(now - sure.at).days} days ahead of the last erasure: the next waits for a day"
            journal.write(tx, journal.PUT_OFF, f"{text} of running in which it goes on steadily", now, facts)

    def erase(self, ended_before: datetime, now: datetime) -> int:
        """Erases the personal data of orders that ended before a time; returns of how many.

        That it was done is noted in the journal: each time that something was erased, and else once a day.
        """
        return self._erase((ORDERS.c.ended_at < ended_before, ORDERS.c.erased_at.is_(None)), now)

    def erase_these(self, names: Collection[str], now: datetime) -> int:
        """Erases the personal data of some orders that have ended, however short a time ago; returns of how many."""
        these = or_(*(and_(*queries.is_called(name)) for name in names))
        return self._erase((these, ORDERS.c.ended_at.is_not(None), ORDERS.c.erased_at.is_(None)), now)

    def _erase(self, which: tuple[ColumnElement[bool], ...], now: datetime) -> int:
        erased = 0
        while self._any(select(ORDERS.c.id).where(*which).limit(1)):
            with self._write() as tx:
                found = tx.execute(select(ORDERS.c.id).where(*which).order_by(ORDERS.c.id).limit(AT_ONCE)).scalars()
                rows = list(found)
                tx.execute(delete(RAW).where(RAW.c.order_id.in_(rows)))
                tx.execute(delete(DETAILS).where(DETAILS.c.order_id.in_(rows)))
                tx.execute(update(FILES).where(FILES.c.order_id.in_(rows)).values(called=""))
                live = (ADDRESSES.c.order_id.in_(rows), ADDRESSES.c.revoked_at.is_(None))
                tx.execute(update(ADDRESSES).where(*live).values(revoked_at=now))  # there is nothing to be shown
                tx.execute(update(ORDERS).where(ORDERS.c.id.in_(rows)).values(erased_at=now))
            erased += len(rows)
        self._note_erasure(erased, now)
        return erased

    def _note_erasure(self, erased: int, now: datetime) -> None:
        with self._read() as tx:
            before = journal.last(tx, journal.ERASED)
            doubted = journal.last(tx, journal.ERASED, journal.PUT_OFF) != before
        owed = erased > 0 or (before is not None and before.facts["left"])
        recent = before is not None and timedelta() <= now - before.at < DAILY
        if recent and not owed and not doubted:
            return
        left = owed and not (self._scrubbed(small_only=recent) and self.empty_log())
        if recent and not erased and left:
            return
        text = f"the personal data of {erased} orders was erased" if erased else "no personal data was old enough"
        text += "; traces of it are left in the database's file until tomorrow" if left else ""
        self.note(journal.ERASED, text, now, erased=erased, left=left)

    def _scrubbed(self, *, small_only: bool = False) -> bool:
        """Rewrites the tables where people are, and says whether it did: not when they are large, and `small_only`.

        SQLite overwrites what is deleted, but not the copies that it leaves behind where it has moved rows between
        pages. A table that is dropped is overwritten as a whole.
        """
        if self._engine.dialect.name != "sqlite":
            return True
        with self._write() as tx:
            sizes = (tx.execute(select(func.sum(func.length(column)))).scalar() or 0 for column in PERSONAL)
            if small_only and sum(sizes) > SMALL:
                return False
            for table in (column.table.name for column in PERSONAL):
                create = tx.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).scalar_one()
                tx.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {table}_before")
                tx.exec_driver_sql(create)
                tx.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {table}_before ORDER BY 1")  # noqa: S608 - our own names
                tx.exec_driver_sql(f"DROP TABLE {table}_before")
        return True

    def wipe(self, patience: float) -> bool:
        """Sees that nothing is left of what was erased: neither between rows, nor in the log; whether it could."""
        return self._scrubbed() and self.empty_log(patience)

    def empty_log(self, patience: float = 0.0) -> bool:
        """Empties SQLite's write-ahead log, where what was erased still stands; whether it could.

        It can't while others read what stands there; `patience` is in seconds.
        """
        if opening.sqlite_path(self._url) is None:
            return True
        until = time.monotonic() + patience
        while not self._emptied():
            if time.monotonic() >= until:
                return False
            time.sleep(0.1)
        return True

    def _emptied(self) -> bool:
        with self._writer, opening.explained(self._url), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
            try:
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout={opening.BUSY_MS}")
            return not busy

    def care(self) -> None:
        """What SQLite needs now and then: it looks at what its planner knows, and folds its log into the file."""
        if self._engine.dialect.name == "sqlite":
            with self._writer, opening.explained(self._url), closing(self._engine.raw_connection()) as connection:
                for pragma in ("optimize", "wal_checkpoint(PASSIVE)"):
                    connection.cursor().execute(f"PRAGMA {pragma}")

    # --- copies -----------------------------------------------------------------------------------------------

    def copy_to(
        self, target: Path, now: datetime, *, force: bool = False, say: Callable[[int, int], None] = lambda *_: None
    ) -> backup.Copy:
        """Makes a copy of a SQLite store, whoever works with it meanwhile, in which nothing open is believed.

        `say` is told of how many pages are copied, and of how many there are.

        Raises:
            StoreError: it could not be made, and nothing of it is left; the text says what to do.
        """
        source = opening.sqlite_path(self._url)
        if source is None:
            raise opening.StoreError(backup.not_here(self._url))

        def mark(tx: Connection) -> None:
            disbelieve(tx, now)
            journal.write(tx, journal.RESTORED, f"brought back from the copy of {now:%Y-%m-%d %H:%M} UTC", now, {})

        made = backup.make(source, target, mark, force=force, say=say)
        with suppress(opening.StoreError):  # the copy is there, whether or not that can be noted
            self.note(journal.COPIED, f"copied to {target}", now, file=str(target), bytes=made.size)
        return made

    @staticmethod
    def bring_back(url: str, copy: Path, now: datetime, say: Callable[[int, int], None]) -> list[Path]:
        """Puts a copy where the database of `url` is, and what was there aside; returns where that is then.

        Raises:
            StoreBusy: another syncer holds it.
            StoreError: it can't be done, and nothing was changed.
        """
        place = opening.sqlite_path(url)
        if place is None:
            raise opening.StoreError(backup.not_here(url))

        def mark(tx: Connection) -> None:
            disbelieve(tx, now)
            journal.write(tx, journal.RESTORED, f"brought back from {copy}", now, {"file": str(copy)})

        locked = opening.lock(url)
        try:
            return backup.bring_back(copy, place, mark, f"before-{now:%Y%m%dT%H%M%SZ}", say)
        finally:
            if locked is not None:
                locked.release()

    def recheck(self, now: datetime) -> int:
        """After the database was brought back from a copy: nothing open is believed; returns how many orders are."""
        with self._write() as tx:
            journal.write(tx, journal.RESTORED, "brought back from a copy, as an operator said", now, {})
            return disbelieve(tx, now)

    def reread(self, source: str) -> None:
        """Has the next poll of a portal reach as far back as the daily one."""
        with self._write() as tx:
            tx.execute(update(CURSORS).where(CURSORS.c.source == source).values(reread_on=None))

    def reread_order(self, name: str, now: datetime) -> None:
        """Has an order read at its portal, though nothing says that it has changed there."""
        due = {"look_due": True, "wake_at": now, "wake_firm": False, "needs": ORDERS.c.portal, "rev": ORDERS.c.rev + 1}
        with self._write() as tx:
            tx.execute(update(ORDERS).where(*queries.is_called(name)).values(due))

    def want_again(self, name: str, assets: Collection[str], now: datetime) -> int:
        """Has files of an order fetched anew that were kept, and are not as they were; returns how many."""
        due = {"files_due": True, "look_due": True, "wake_at": now, "wake_firm": False, "needs": ORDERS.c.portal}
        wanted = {"state": FileState.WANTED, "size": None, "sha256": None, "why": "", "at": now}
        with self._write() as tx:
            order = tx.execute(select(ORDERS.c.id).where(*queries.is_called(name)).with_for_update()).scalar_one()
            kept = and_(FILES.c.order_id == order, FILES.c.asset.in_(assets), FILES.c.state == FileState.KEPT)
            again = list(tx.execute(select(FILES.c.asset).where(kept)).scalars())
            if again:
                tx.execute(update(FILES).where(kept).values(wanted))
                tx.execute(update(ORDERS).where(ORDERS.c.id == order).values(**due, rev=ORDERS.c.rev + 1))
                said = "{}: missing or changed on the disk, and fetched anew"
                story = {"order_id": order, "at": now, "event": "file.wanted"}
                tx.execute(insert(HISTORY), [story | {"text": said.format(asset)} for asset in again])
        return len(again)


def _ran(watched: journal.Happening, now: datetime) -> timedelta | None:
    """How long the clock has gone on steadily since it is watched; None where it has leapt once more."""
    went = now - datetime.fromisoformat(watched.facts["seen"])
    if not timedelta() <= went <= LEAP:
        return None
    return timedelta(seconds=watched.facts["ran"]) + min(went, UNWATCHED)


def disbelieve(tx: Connection, now: datetime) -> int:
    """Marks what may have gone on since a copy was made: each call that may have been made is looked up before it is.

    An order that isn't begun here may be begun there, a message may be written, and one that has failed may have been
    begun anew. Every portal is read again as far back as the daily poll does. Returns how many orders are marked.
    """
    here = and_(ORDERS.c.ended_at.is_(None), ORDERS.c.external_id.not_like(f"{NAMELESS}%"))
    _doubt_calls(tx, now)
    again = or_(ORDERS.c.work == Work.FAILED, and_(ORDERS.c.park == Park.UNCERTAIN, ~_has_open_intent()))
    tx.execute(update(ORDERS).where(here, again).values(park=None, parked=None))
    tx.execute(update(ORDERS).where(here, ORDERS.c.work == Work.FAILED).values(work=Work.UNBEGUN))
    doubted = {
        "doubt": True,
        "taken_over": True,
        "register_doubt": ORDERS.c.registered_in.is_(None),
        "look_due": True,
        "wake_at": now,
        "wake_firm": False,
    }
    marked = tx.execute(update(ORDERS).where(here).values(**doubted, needs=ORDERS.c.portal, rev=ORDERS.c.rev + 1))
    tx.execute(update(ORDERS).where(ORDERS.c.leased_by.is_not(None)).values(leased_by=None, leased_until=None))
    tx.execute(update(CURSORS).values(reread_on=None))
    return marked.rowcount


def _doubt_calls(tx: Connection, now: datetime) -> None:
    """Open calls are looked up.

    One that hands an order over is decided anew, once the portal was read and has told how far the order had come.
    """
    open_orders = select(ORDERS.c.id).where(ORDERS.c.state.not_in(list(FINAL)))
    handing_over = and_(INTENTS.c.open, INTENTS.c.kind == Kind.SUBMIT, INTENTS.c.order_id.in_(open_orders))
    anew = {"state": IntentState.REJECTED, "open": False, "outcome": NOT_KNOWN, "at": now}
    tx.execute(update(INTENTS).where(handing_over).values(**anew))
    tx.execute(update(INTENTS).where(INTENTS.c.open).values(state=IntentState.UNCERTAIN, outcome=NOT_KNOWN, at=now))


def _has_open_intent() -> ColumnElement[bool]:
    return select(INTENTS.c.key).where(INTENTS.c.order_id == ORDERS.c.id, INTENTS.c.open).exists()
