"""Whether the remotes say what we say: every open order, and those that ended lately. Reads only, there and here.

Whether their files lie on the disk is compared too (`disks`). What a difference asks for is told as a command;
nothing is decided about any order.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from threading import Lock

from syncer.engine.differing import About, Difference
from syncer.engine.disks import Cabinet, Disks
from syncer.engine.protocols import Follower, Sink, Source
from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Unreadable
from syncer.orders import (
    Absent,
    Act,
    Begun,
    CannotTell,
    Cursor,
    Done,
    Failed,
    Found,
    Intent,
    IntentState,
    Kind,
    Moved,
    Observation,
    Order,
    Park,
    Rules,
    Told,
    Vanished,
    Work,
    plan,
)
from syncer.store import InHand, Store
from syncer.telemetry import Redactor

MOST_FAILURES = 3  # calls in a row that a remote leaves without an answer before it is asked no more
AGREED = {
    Work.BEGUN: (Begun,),
    Work.DONE: (Done, Vanished),  # a network may forget what is done
    Work.FAILED: (Failed, Vanished),
    Work.ENDED: (Failed, Vanished),
}
SAYS: Mapping[type[Observation], str] = {Begun: "under way", Done: "done", Failed: "failed", Vanished: "not known"}
ONCE = "syncer --once"


@dataclass(frozen=True, slots=True)
class Unasked:
    """A remote that could not be asked, why, and how many questions are left."""

    remote: str
    cause: str
    questions: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. `orders` were compared, by `questions` to remotes, and `files` on the disk."""

    orders: int
    questions: int
    differences: tuple[Difference, ...]
    unasked: tuple[Unasked, ...]
    files: int = 0

    @property
    def ok(self) -> bool:
        """Whether every remote was asked, and says what we say."""
        return not self.differences and not self.unasked


@dataclass(frozen=True, slots=True)
class Parties:
    """What is compared with what. `parallel` is how many calls each remote takes; `help_for` names a command."""

    store: Store
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    followers: Mapping[str, Follower]
    parallel: Mapping[str, int]
    rules: Rules
    redactor: Redactor
    now: Callable[[], datetime]
    help_for: Callable[[Order], str]
    say: Callable[[str, int, int], None] = field(default=lambda *_: None)
    cabinets: Mapping[str, Cabinet] = field(default_factory=dict)


Question = Callable[[InHand], Difference | None]


def verify(parties: Parties, ended_since: datetime) -> Verdict:
    """Compares every order that is open, or ended since a time, with what its portal and its fulfilment say, and its
    files with what lies on the disk.
    """
    desks = {name: _Desk(name, parties) for name in (*parties.sources, *parties.sinks)}
    asks = _Asks(parties)
    try:
        tasks = [desks[name].ask_whole(partial(asks.unknown, name)) for name in parties.sources]
        disks, orders, filed = Disks(parties.store, parties.cabinets, parties.say), 0, []
        for held in parties.store.to_verify(ended_since):
            orders += 1
            if held.order.portal in parties.cabinets:
                filed.append(held.order.name)
            for name, question in asks.about(held):
                if name in desks:
                    tasks.append(desks[name].ask(question, held))
        found = list(disks.compare(filed))  # while the remotes are asked
        found += [one for at, task in enumerate(tasks) for one in _said(parties, at, len(tasks), task)]
    finally:
        for desk in desks.values():
            desk.close()
    return Verdict(
        orders,
        len(tasks),
        tuple(sorted(found, key=lambda one: (one.order, one.about))),
        tuple(desk.unasked for desk in desks.values() if desk.unasked is not None),
        disks.files,
    )


def _said(parties: Parties, at: int, total: int, task: "Future[list[Difference]]") -> list[Difference]:
    found = task.result()
    parties.say("comparing", at + 1, total)
    return found


class _Desk:
    """The questions to one remote: as many at once as it takes, and none once it doesn't answer."""

    def __init__(self, name: str, parties: Parties) -> None:
        self._name = name
        self._parties = parties
        self._pool = ThreadPoolExecutor(min(64, parties.parallel.get(name, 1)), thread_name_prefix=f"verify {name}")
        self._lock = Lock()
        self._failures = 0
        self._cause: str | None = self._left_alone()
        self._left = 0

    def _left_alone(self) -> str | None:
        """The remote's own wish to be left alone is kept."""
        health = self._parties.store.remotes().get(self._name)
        if health is None or health.not_before is None or health.not_before <= self._parties.now():
            return None
        return f"it asked to be left alone until {health.not_before:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def unasked(self) -> Unasked | None:
        return None if not self._left else Unasked(self._name, self._cause or "", self._left)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def ask_whole(self, question: Callable[[], list[Difference]]) -> "Future[list[Difference]]":
        return self._pool.submit(self._answered, question)

    def ask(self, question: Question, held: InHand) -> "Future[list[Difference]]":
        return self._pool.submit(self._answered, lambda: self._compared(question, held))

    def _compared(self, question: Question, held: InHand) -> list[Difference]:
        """One order; and once more where it has changed here while it was asked about, as a running service does it."""
        found = question(held)
        if found is None:
            return []
        again = self._parties.store.load(held.order.name)
        if again is not None and again != (held.order, held.intent):
            found = question(replace(held, order=again[0], intent=again[1]))
        return [] if found is None else [found]

    def _answered(self, question: Callable[[], list[Difference]]) -> list[Difference]:
        if self._closed():
            return []
        try:
            found = question()
        except (Unavailable, AccessDenied) as failure:
            self._failed(failure)
            return []
        with self._lock:
            self._failures = 0
        return found

    def _closed(self) -> bool:
        with self._lock:
            closed = self._cause is not None and (self._failures == 0 or self._failures >= MOST_FAILURES)
            self._left += closed
            return closed

    def _failed(self, failure: RemoteError) -> None:
        asked = isinstance(failure, Unavailable) and failure.retry_after is not None
        final = isinstance(failure, AccessDenied) or (asked and not getattr(failure, "order_only", False))
        with self._lock:
            self._left += 1
            self._failures = MOST_FAILURES if final else self._failures + 1
            self._cause = self._cause or self._parties.redactor.scrub(str(failure))


class _Asks:
    """The questions about an order, each to one remote, and what their answers differ in."""

    def __init__(self, parties: Parties) -> None:
        self._parties = parties

    def about(self, held: InHand) -> Iterator[tuple[str, Question]]:
        """What to ask, and whom."""
        order, intent = held.order, held.intent
        if order.nameless:
            return
        yield order.portal, self._status
        if intent is not None and intent.state is not IntentState.PLANNED:
            if not self._under_way(held):
                yield intent.target, self._uncertain
            return
        target, followers = order.fulfilment or "", self._parties.followers
        if order.fulfilment_ref is not None and target in followers:
            yield target, self._followed
        elif order.work in {Work.UNBEGUN, Work.FAILED} and not order.final:
            submission = self._submission(order)
            if submission is not None and submission.target in followers:
                yield submission.target, self._begun_unknown

    def _under_way(self, held: InHand) -> bool:
        """Whether a call about the order may be under way just now: what it leads to is written down after it."""
        order, intent = held.order, held.intent
        return intent is not None and plan(order, intent, self._parties.now(), self._parties.rules).act is Act.WAIT

    # --- portals ----------------------------------------------------------------------------------------------

    def unknown(self, portal: str) -> list[Difference]:
        """The orders that a portal lists, as far back as the daily poll reads, and that aren't here."""
        store = self._parties.store
        daily = Cursor(store.cursor(portal).position)
        try:
            page = self._parties.sources[portal].poll(daily, lambda: store.oldest_open(portal))
        except (Unreadable, Rejected) as failure:
            return [self._unread(portal, portal, "lists orders", failure, "syncer check")]
        if page is None:
            return []
        known = store.which_are_known(portal, [row.external_id for row in page.rows])
        return [
            Difference(f"{portal}:{row.external_id}", portal, About.UNKNOWN, "not known", row.status, _reread(portal))
            for row in page.rows
            if row.external_id not in known
        ]

    def _status(self, held: InHand) -> Difference | None:
        order, ours = held.order, held.order.portal_status or "not read yet"
        probe = Intent("", Kind.STATUS, order.portal, {"status": order.portal_status or "", "from": ""})
        try:
            found = self._parties.sinks[order.portal].find(probe, order)
        except (Unreadable, Rejected) as failure:
            if order.park is Park.UNREADABLE:  # as is known
                return None
            return self._unread(order.name, order.portal, ours, failure, self._mend(order, f"syncer show {order.name}"))
        seen = found.seen if isinstance(found, Found) else None
        theirs = seen.status if isinstance(seen, Told | Moved) else None
        if theirs is None or theirs == order.state == order.portal_status or self._under_way(held):
            return None
        command = self._mend(order, ONCE if held.intent is not None else f"syncer reread {order.name}")
        if theirs == order.portal_status:
            ours, command = f"{order.state}, and it was not told", self._mend(order)
        return Difference(order.name, order.portal, About.STATUS, ours, theirs, command)

    def _unread(self, name: str, remote: str, ours: str, failure: RemoteError, command: str) -> Difference:
        cause = self._parties.redactor.scrub(failure.cause)
        return Difference(name, remote, About.UNREAD, ours, f"can't be read: {cause}", command)

    # --- fulfilments ------------------------------------------------------------------------------------------

    def _followed(self, held: InHand) -> Difference | None:
        """How far an order is that the fulfilment has."""
        order, remote = held.order, held.order.fulfilment or ""
        if order.fulfilment_ref is None:  # it is begun anew meanwhile
            return None
        try:
            seen = self._parties.followers[remote].read(order)
        except (Unreadable, Rejected) as failure:
            return self._unread(order.name, remote, order.work, failure, self._mend(order))
        if isinstance(seen, AGREED.get(order.work, ())) or (order.park is Park.VANISHED and isinstance(seen, Vanished)):
            return None
        return self._farther(order, remote, seen)

    def _farther(self, order: Order, remote: str, seen: Observation) -> Difference:
        theirs = f"{SAYS.get(type(seen), seen.event)} ({order.fulfilment_ref})"
        command = self._mend(order)
        if order.ended_at is not None:
            command = f"settle it with {remote}: syncer show {order.name}"
        elif isinstance(seen, Done) and order.work is not Work.BEGUN:
            command = f"syncer deliver {order.name}"
        return Difference(order.name, remote, About.FULFILMENT, order.work, theirs, command)

    def _begun_unknown(self, held: InHand) -> Difference | None:
        """Whether the fulfilment has an order of ours that nothing is known of here."""
        order = held.order
        intent = self._submission(order)
        if intent is None or order.work not in {Work.UNBEGUN, Work.FAILED}:  # it has moved on meanwhile
            return None
        found = self._found(intent, order)
        if not isinstance(found, Found) or not isinstance(found.seen, Begun | Done):
            return None
        what = f"{SAYS[type(found.seen)]} ({found.seen.ref})"
        return Difference(order.name, intent.target, About.FULFILMENT, "not begun", what, "syncer recheck")

    def _submission(self, order: Order) -> Intent | None:
        """The call by which the order would be handed over."""
        now = self._parties.now()
        ready = order.but(
            look_due=False, seen_at=now, park=None, parked=None, hold_until=None, message=None, doubt=False,
            portal_status=order.state, work=Work.UNBEGUN, registered_in=order.registered_in or "-",
        )  # fmt: skip
        intent = plan(ready, None, now, self._parties.rules).intent
        return intent if intent is not None and intent.kind is Kind.SUBMIT else None

    def _found(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        try:
            return self._parties.sinks[intent.target].find(intent, order)
        except (Unreadable, Rejected) as failure:
            return CannotTell(failure.cause)

    def _uncertain(self, held: InHand) -> Difference | None:
        order, intent = held.order, held.intent
        if intent is None or intent.state is IntentState.PLANNED:  # it was settled meanwhile
            return None
        found = self._found(intent, order)
        ref = getattr(found.seen, "ref", None) if isinstance(found, Found) else None
        said = f" --ref {ref}" if ref else ""
        theirs, command = {
            Found: (f"it took effect{f' ({ref})' if ref else ''}", f"syncer resolve {order.name} done{said}"),
            Absent: ("it had no effect", f"syncer resolve {order.name} not-done"),
            CannotTell: ("it can't tell", f"syncer resolve {order.name} done, or not-done"),
        }[type(found)]
        if order.park is not Park.UNCERTAIN:
            command = ONCE  # it is looked up by itself
        ours = f"whether {intent.kind} took effect is not known"
        return Difference(order.name, intent.target, About.UNCERTAIN, ours, theirs, command)

    # --- what mends it ----------------------------------------------------------------------------------------

    def _mend(self, order: Order, otherwise: str = ONCE) -> str:
        """What helps: a person's word where it is parked; a pass, where it is due to be read; or something else."""
        if order.park is not None:
            return self._parties.help_for(order)
        return ONCE if order.look_due else otherwise


def _reread(portal: str) -> str:
    return f"syncer reread {portal}"
