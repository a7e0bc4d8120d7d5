"""The writing verbs, each one transaction, and the store that has them.

`apply` is the heart: it settles an intent, lets `decide` see the observation, writes what follows, and begins the
next intent, in one commit. What several threads write at the same moment shares one.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Engine, Update, insert, select, update

from syncer.orders import (
    Accounting,
    Cursor,
    File,
    FileState,
    Intent,
    IntentState,
    Mentions,
    Observation,
    Order,
    Page,
    Rules,
)
from syncer.store import changes, listing, pushes, queries
from syncer.store import connect as opening
from syncer.store.addresses import Addressing
from syncer.store.changes import Applied, Change, Settled, Thought
from syncer.store.figures import Counting
from syncer.store.hearing import Hearing
from syncer.store.keeping import Keeping
from syncer.store.leases import Leases
from syncer.store.ordering import Ordering
from syncer.store.pushes import By
from syncer.store.rows import (
    CURSORS,
    DETAILS,
    FILES,
    HISTORY,
    INTENTS,
    ORDERS,
    PASSES,
    PUSHES,
    RAW,
    REMOTES,
    InHand,
    held_of,
)

MOST_SHARED = 64  # orders whose changes share a commit
COPIED = (ORDERS, DETAILS, RAW, FILES, INTENTS, CURSORS, REMOTES, PASSES, PUSHES)
Tap = Callable[[str], None]
_OF_FILES = {FileState.KEPT: "file.kept", FileState.GONE: "file.gone", FileState.REFUSED: "file.refused"}


@dataclass(slots=True, eq=False)
class _Job:
    """One order's change on its way to the disk."""

    name: str
    think: Thought
    change: Change | None
    done: bool = False
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Spoilt:
    """An order whose row `id` holds what can't be, and the bug that came of reading it."""

    name: str
    id: int
    bug: Exception


class _Stale(Exception):
    """An order no longer stands as it was held."""


class Store(Keeping, Counting, Hearing, Addressing, Ordering):
    """One database.

    Reading verbs are in `Reading` and `Counting`, those that keep the store itself in `Keeping`, those about what
    portals say unasked in `Hearing`, those of addresses in `Addressing`, and those about what a person orders in
    `Ordering`.
    """

    def __init__(self, engine: Engine, url: str, held: Any = None, tap: Tap = lambda _: None) -> None:
        super().__init__(engine, url)
        self._held = held
        self.tap = tap
        self._jobs: list[_Job] = []
        self._writing: Connection | None = None
        self._file = opening.identity(url)
        self.leases = Leases(engine, shared=engine.dialect.name != "sqlite")

    @classmethod
    def open(cls, url: str, *, exclusive: bool = True, tap: Tap = lambda _: None) -> Self:
        """Opens the database at `url`, migrated. `exclusive` keeps other engines off it.

        `tap` is told `commit.before` and `commit.after` around each commit; what it raises cuts the program there.

        Raises:
            StoreBusy: another syncer holds it.
            StoreError: it can't be used; the text says what to do.
        """
        locked = opening.lock(url) if exclusive else None
        try:
            with opening.explained(url):
                path = opening.sqlite_path(url)
                if path is not None:
                    opening.make_private(path)
                    opening.see_that_it_is_whole(path)
                engine = opening.connect(url)
                opening.migrate(engine)
        except BaseException:
            if locked is not None:
                locked.release()
            raise
        return cls(engine, url, locked, tap)

    def close(self) -> None:
        """Lets go of what was leased, of the database and of the lock."""
        self.leases.end()
        if self._writing is not None:
            self._writing.close()
        self._engine.dispose()
        if self._held is not None:
            self._held.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def copy_in_memory(self) -> "Store":
        """A copy to try things on: nothing done to it reaches the database. Of PostgreSQL's, without the history."""
        copy = opening.connect("sqlite://")
        if self._engine.dialect.name == "sqlite":
            with self._read() as source, copy.connect() as target:
                ours, theirs = source.connection.dbapi_connection, target.connection.dbapi_connection
                assert ours is not None
                assert theirs is not None
                ours.backup(theirs)
        else:
            opening.migrate(copy)
            with self._read() as source, copy.begin() as target:
                for table in COPIED:
                    for rows in source.execution_options(yield_per=500).execute(select(table)).partitions():
                        target.execute(insert(table), [dict(row._mapping) for row in rows])  # noqa: SLF001 - its public name
        return Store(copy, "sqlite://")

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._writer, opening.explained(self._url):
            connection = self._writing or self._engine.connect().execution_options(writes=True)
            self._writing = None
            try:
                with connection.begin():
                    yield connection
                    self.tap("commit.before")
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            if self.leases.shared:
                connection.close()  # to the pool, which sees whether it still works
            else:
                self._writing = connection  # kept for the next transaction, unless this one went wrong
        self.tap("commit.after")

    # --- ingest -----------------------------------------------------------------------------------------------

    def ingest(self, portal: str, page: Page, now: datetime, before: Cursor | None = None) -> Accounting:
        """Stores what a listing said and the cursor that covers it, in one transaction.

        New and changed orders become due to be read; unchanged ones cost a comparison. A row without an id becomes a
        parked order of its own, and so does one with the id of another owner's order. Where the cursor is no longer at
        `before`, where the listing began, another worker has read on meanwhile: what was listed is stored, and the
        cursor left where it is.
        """
        listed = new = changed = 0
        seen: set[str] = set()
        broken = list(page.broken)
        with self._write() as tx:
            for rows in listing.chunks(page.rows):
                there = listing.known(tx, portal, [row.external_id for row in rows])
                fresh, other, caught_up = listing.sort(rows, there, seen)
                if fresh:
                    listing.insert_new(tx, portal, fresh, now)
                if other and page.owner:
                    other, strange = listing.renew_heads(tx, portal, other, page.owner)
                    broken += strange
                if other:
                    listing.mark_changed(tx, portal, other, now)
                if caught_up:
                    listing.mark_caught_up(tx, portal, caught_up)
                listed, new, changed = listed + len(rows), new + len(fresh), changed + len(other)
            parked = listing.insert_broken(tx, portal, broken, now) if broken else 0
            if before is None or _cursor(tx, portal) == before:
                listing.save_cursor(tx, portal, page.cursor, now)
        return Accounting(
            listed=listed + len(page.broken),
            unchanged=listed + len(page.broken) - new - changed - len(broken),
            changed=changed,
            new=new,
            unreadable=len(broken),
            parked=parked,
        )

    def watch(self, portal: str, ids: Collection[str], now: datetime, by: By = By.PERSON) -> int:
        """Orders that are to be asked about now, known or not; returns how many were not.

        For a portal without a list: somebody has named them. What is named twice counts once.
        """
        with self._write() as tx:
            return pushes.name(tx, portal, ids, now, by)

    def note_file(self, name: str, file: File, now: datetime, was: FileState) -> bool:
        """Writes down what became of a file of an order (kept, gone or refused), in its history too.

        False, and nothing is written, where it `was` something else by now.
        """
        facts = {"state": file.state, "size": file.size, "sha256": file.sha256, "why": file.why, "at": now}
        with self._write() as tx:
            order = tx.execute(select(ORDERS.c.id).where(*queries.is_named()), queries.name(name)).scalar_one()
            this = (FILES.c.order_id == order, FILES.c.asset == file.asset, FILES.c.state == was)
            if tx.execute(update(FILES).where(*this).values(facts)).rowcount == 0:
                return False
            tx.execute(insert(HISTORY).values(order_id=order, at=now, event=_OF_FILES[file.state], text=_told(file)))
        return True

    # --- the ring ---------------------------------------------------------------------------------------------

    def mend(self, now: datetime) -> None:
        """Before a pass: the database is still where it was, and what a wrong clock put off is due. Where the clock has
        gone back, no look at a portal is believed to be fresh.

        Raises:
            StoreError: the file is gone, or is another one.
        """
        opening.see_that_it_is(self._url, self._file)
        with self._glance() as tx:
            *found, back = tx.execute(queries.any_astray(), queries.ahead(now)).one()
        for astray, any_is in zip(queries.astray(now), found, strict=True):
            if any_is:
                self._amend(astray, {"wake_at": now, "wake_firm": False, "updated_at": now})
        if back:
            self._amend(queries.looked_at(), {"seen_at": None})

    def _amend(self, which: ColumnElement[bool], facts: dict[str, Any]) -> None:
        with self._write() as tx:
            tx.execute(update(ORDERS).where(which).values(facts | {"rev": ORDERS.c.rev + 1}))

    def hasten(self, now: datetime) -> None:
        """Makes every order due whose time to wake isn't firm; what is in hand keeps its own word about that."""
        if self._any(queries.any_later(), {"now": now}):
            with self._write() as tx:
                tx.execute(update(ORDERS).where(*queries.later(now)).values(wake_at=now))

    def claim(
        self,
        now: datetime,
        *,
        limit: int,
        without: Collection[str] = (),
        besides: Collection[int] = (),
        after: tuple[datetime, int] | None = None,
    ) -> list[InHand | Spoilt]:
        """The next orders that something may be done about now, those that have waited longest first.

        Orders whose next step is about a remote `without` are left, and the rows `besides`. `after` is where the last
        claim ended: an order's time to wake, and its row. Several workers on one database never get the same order.
        """
        shape, given = queries.moment(now, without, besides, after, limit)
        query = queries.held_ripe(**shape)
        if self.leases.shared:
            with self._write() as tx:
                mine = self.leases.take(tx, queries.ripe(**shape), given, limit)
            query, given = queries.held_rows(), {"rows": mine}
        try:
            with self._glance() as tx:
                return [held_of(row) for row in tx.execute(query, given)]
        except opening.StoreError:
            raise
        except Exception:  # noqa: BLE001 - one of them holds what can't be: each by itself
            if not self.leases.shared:
                with self._glance() as tx:
                    mine = list(tx.execute(queries.first_ripe(**shape), given).scalars())
        return [self._hold_or_not(row) for row in mine]

    def _hold_or_not(self, row: int) -> InHand | Spoilt:
        try:
            with self._glance() as tx:
                return held_of(tx.execute(queries.held_rows(), {"rows": [row]}).one())
        except opening.StoreError:
            raise
        except Exception as bug:  # noqa: BLE001 - it is the caller's to tell
            with self._glance() as tx:
                named = tx.execute(select(ORDERS.c.portal, ORDERS.c.external_id).where(ORDERS.c.id == row)).one()
            return Spoilt(f"{named[0]}:{named[1]}", row, bug)

    def hold(self, name: str) -> InHand | None:
        """One order, to be worked on; None where there is none, or another worker has it in hand."""
        this = queries.name(name)
        if self.leases.shared:
            with self._write() as tx:
                if not self.leases.take(tx, select(ORDERS.c.id).where(*queries.is_named()), this, 1):
                    return None
        with self._glance() as tx:
            row = tx.execute(queries.named(), this).first()
        return None if row is None else held_of(row)

    def put_aside(self, row: int, until: datetime) -> None:
        """Leaves an order alone that can't even be read."""
        with self._write() as tx:
            put_off = {"wake_at": until, "wake_firm": False, "rev": ORDERS.c.rev + 1}
            tx.execute(update(ORDERS).where(ORDERS.c.id == row).values(put_off))

    def let_go(self, rows: Collection[int]) -> None:
        """Other workers may have these orders again."""
        if self.leases.shared and rows:
            with self._write() as tx:
                self.leases.give_back(tx, rows)

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
        held: InHand | None = None,
    ) -> Applied:
        """Settles an intent, decides about an observation, writes what follows, and begins the next intent.

        What was decided upon the order as it was `held` is written only while it still stands so; else it is read and
        decided upon anew, so that an operator's word can't be lost in between. `may_begin` tells whether an intent may
        be sent at once.
        """
        read_at = None if held is None else held.rev
        change = self._put(name, changes.seeing(seen, now, rules, settled, may_begin, raw, read_at), held)
        assert change is not None
        if changes.is_all_here(change):
            self._rouse_who_placed(change.after.order, now, rules)
        return change.applied

    def begin(self, name: str, intent: Intent, now: datetime, held: InHand | None = None) -> InHand | None:
        """Writes down that an intent's call is made now; None, and it must not be made, where it isn't planned now."""
        change = self._put(name, changes.beginning(intent, now), held)
        return None if change is None else change.after

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
        held: InHand | None = None,
    ) -> InHand:
        """Moves an open intent on (not begun after all, of unknown outcome), and sets when to look again."""
        thought = changes.moving(key, state, now, outcome=outcome, wake_at=wake_at, firm=firm)
        change = self._put(name, thought, held)
        assert change is not None
        return change.after

    def wait(
        self, name: str, until: datetime, now: datetime, *, raw: str | None = None, held: InHand | None = None
    ) -> None:
        """Puts an order off, without a change of its facts; keeps an answer about it that could not be read."""
        self._put(name, changes.putting_off(until, now, raw), held)

    # --- many orders, one commit ------------------------------------------------------------------------------

    def _put(self, name: str, think: Thought, held: InHand | None) -> Change | None:
        """Writes what is thought of an order, together with what other threads have at this moment."""
        job = _Job(name, think, None if held is None else think(held))
        self._jobs.append(job)
        with self._writer:  # whoever comes first writes for all that wait
            while not job.done:
                batch = self._jobs[:MOST_SHARED]
                del self._jobs[: len(batch)]
                self._write_batch(batch)
        if job.error is not None:
            raise job.error
        return job.change

    def _write_batch(self, batch: list[_Job]) -> None:
        try:
            self._write_together(batch)
        except Exception:  # noqa: BLE001 - one of them is stale, or breaks the rest: each by itself
            for job in batch:
                self._write_alone(job)
        except BaseException as end:
            for job in batch:
                job.error = end
            raise
        finally:
            for job in batch:
                job.done = True

    def _write_together(self, batch: list[_Job]) -> None:
        thought = [job.change for job in batch if job.change is not None]
        if len(thought) < len(batch):
            raise _Stale
        with self._write() as tx:
            if not _written(tx, thought):
                raise _Stale

    def _write_alone(self, job: _Job) -> None:
        """Reads the order anew, in the transaction that writes it."""
        query = queries.named().with_for_update(of=ORDERS)
        try:
            with self._write() as tx:
                stands = held_of(tx.execute(query, queries.name(job.name)).one())
                if job.change is not None and stands == job.change.after:
                    return  # it was written: only the answer to the commit was lost
                job.change = job.think(stands)
                written = job.change is None or _written(tx, [job.change])
                assert written, f"{job.name} was changed by somebody else within our transaction"
        except Exception as error:  # noqa: BLE001 - it is raised where the job came from
            job.error = error

    def rouse(self, fulfilment: str, mentions: Mentions, source: str, now: datetime) -> None:
        """Makes the orders that a fulfilment's events speak of due, and stores the cursor that covers them."""
        with self._write() as tx:
            for refs in listing.chunks(sorted(mentions.refs)):
                tx.execute(_roused(fulfilment, refs, now))
            listing.save_cursor(tx, source, mentions.cursor, now)

    def _rouse_who_placed(self, placed: Order, now: datetime, rules: Rules) -> None:
        """Makes an order due for which this one was placed: nobody has to wait until it is asked about in turn.

        In a transaction of its own: were it lost, it would only be later.
        """
        asked = [name for name, portal in rules.accounts.items() if portal == placed.portal]
        if asked:
            with self._write() as tx:
                for fulfilment in asked:
                    tx.execute(_roused(fulfilment, [placed.external_id], now).where(ORDERS.c.wake_firm.is_(False)))

    # --- around it --------------------------------------------------------------------------------------------

    def note_remote(
        self, name: str, *, up: bool, since: datetime, cause: str | None = None, not_before: datetime | None = None
    ) -> None:
        """Writes down whether a remote answers, since when, and until when it asked to be left alone."""
        values = {"name": name, "up": up, "since": since, "cause": cause, "not_before": not_before}
        with self._write() as tx:
            listing.put(tx, REMOTES, values)

    def forgive(self) -> None:
        """An operator's `retry`: remotes that denied us are called again, also by the syncer that runs meanwhile."""
        with self._write() as tx:
            tx.execute(update(REMOTES).where(REMOTES.c.up.is_(False)).values(cause=None))

    def note_poll(self, portal: str, now: datetime) -> None:
        """Writes down that a portal without a list was seen to, and is well."""
        with self._write() as tx:
            listing.save_cursor(tx, portal, _cursor(tx, portal), now)

    def note_pass(self, summary: dict[str, Any]) -> None:
        """Writes down the last pass."""
        with self._write() as tx:
            listing.put(tx, PASSES, {"id": 1, "summary": summary})


def _roused(fulfilment: str, refs: Collection[str], now: datetime) -> Update:
    """Makes the orders due that are under way at a fulfilment by these names."""
    these = (ORDERS.c.fulfilment == fulfilment, ORDERS.c.fulfilment_ref.in_(refs))
    waits = (ORDERS.c.ended_at.is_(None), ORDERS.c.wake_at.is_not(None))
    return update(ORDERS).where(*these, *waits).values(wake_at=now, wake_firm=False, rev=ORDERS.c.rev + 1)


def _written(tx: Connection, thought: list[Change]) -> bool:
    """Writes changes, and takes down the orders that were placed elsewhere by them; False as `changes.write`."""
    if not changes.write(tx, thought):
        return False
    for change in thought:
        if change.placed is not None:
            portal, key = change.placed
            pushes.name(tx, portal, [key], change.at, By.US)
    return True


def _told(file: File) -> str:
    """A file's asset, size and reason; not its name, which came from outside and may be about people."""
    size = "" if file.size is None else f", {file.size} bytes"
    return f"{file.asset}{size}" + (f": {file.why}" if file.why else "")


def _cursor(tx: Connection, source: str) -> Cursor:
    row = tx.execute(queries.cursor().with_for_update(), {"b_source": source}).mappings().first()
    return Cursor() if row is None else Cursor(row["position"], row["reread_on"], row["last_poll_at"])
