"""One order's steps: look, find, send, follow, until it has to wait.

Every call that changes something is begun in the store first; every outcome is an observation. One order's trouble
stays its own.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from structlog.contextvars import bound_contextvars

from syncer.engine.bugs import place, story
from syncer.engine.health import Health
from syncer.engine.protocols import Follower, Porter, Sink, Source
from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.orders import (
    Absent,
    Act,
    Broke,
    CannotTell,
    Found,
    GiveRefused,
    Held,
    Illegible,
    Intent,
    IntentState,
    Kind,
    MessageRefused,
    Moved,
    Next,
    Observation,
    Order,
    OurWord,
    Refused,
    RegisterRefused,
    Rules,
    TellRefused,
    Unchanged,
    Unclear,
    WithdrawRefused,
    Woke,
    needs,
    plan,
    remote_of,
)
from syncer.store import Applied, InHand, Settled, Spoilt, Store, StoreError
from syncer.telemetry import Redactor, log

MOST_STEPS = 40  # of one order in one go; a plain one takes about eight
MOST_TRIES = 2  # of one call in one go
BROKEN_AGAIN = timedelta(hours=1)  # until an order whose row can't be read is tried again
SOON = timedelta(seconds=2)  # until it is seen whether files have come
AGAIN = timedelta(seconds=30)  # until a call that was tried twice is tried again
REFUSALS = (TellRefused, MessageRefused, RegisterRefused, GiveRefused, Refused, WithdrawRefused, Held, Moved)


@dataclass(slots=True)
class Tally:
    """What a pass has done so far. Calls are counted where they are made.

    `fetching` are the orders of which files are on their way: no other worker is to have them meanwhile.
    """

    advanced: set[str] = field(default_factory=set)
    parked: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    fetching: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)

    def note(self, applied: Applied) -> None:
        """Counts an order's change."""
        name = applied.order.name
        if applied.before.state is not applied.order.state:
            self.advanced.add(name)
        if applied.order.park is None:
            self.parked.discard(name)
        elif applied.before.park is None:
            self.parked.add(name)


@dataclass(frozen=True, slots=True)
class Room:
    """What the steps work with. `parallel` is how many calls each remote takes at once."""

    store: Store
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    followers: Mapping[str, Follower]
    health: Health
    redactor: Redactor
    now: Callable[[], datetime]
    parallel: Mapping[str, int] = field(default_factory=dict)
    porters: Mapping[str, Porter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next of an order, and the remote that it calls, if any."""

    next: Next
    remote: str | None


class Walk:
    """One order's steps in one go: `next` says what comes, `take` does it, until `next` says None.

    Nothing is begun once the time for it is `over`, and nothing about the remotes `besides`, nor about an order
    of theirs. `patient`: files are waited for. Only the store's own trouble is raised.
    """

    def __init__(
        self,
        room: Room,
        rules: Rules,
        tally: Tally,
        held: InHand,
        stopped: Callable[[], bool] = lambda: False,
        *,
        over: Callable[[], bool] = lambda: False,
        besides: frozenset[str] = frozenset(),
        patient: bool = False,
    ) -> None:
        self.held = held
        self.place: str | None = None  # the remote that keeps a place for this walk's next call
        self.keeps: str | None = None  # where the call will be that this step has begun
        self.again = False  # it has to wait for no longer than another order's call takes
        self.reserve: Callable[[str], bool] = lambda _: True  # takes a place at a remote, if it has one now
        self._room = room
        self._rules = rules
        self._tally = tally
        self._stopped = stopped
        self._over = over
        self._besides = besides
        self._patient = patient
        self._going = True
        self._begun = False  # the open intent was begun just now: its call is to be made
        self._steps = 0
        self._tries: Counter[tuple[str, Act]] = Counter()
        self._admitted: set[str] = set()  # the remotes that this walk probes

    @property
    def name(self) -> str:
        """The order's name."""
        return self.held.order.name

    def next(self) -> Step | None:
        """What comes next; None where the order has to wait."""
        step: Step | None = None
        with self._edge():
            step = self._next() if self._going else None
        if step is None:
            self._end()
        return step

    def leave(self) -> None:
        """Goes no further now, though something could be done."""
        self._going = False
        self._end()

    def take(self, step: Step) -> None:
        """Takes the step that comes next."""
        with self._edge():
            at = self._take(step.next, self.held.order)
            self._going = at is not None
            self.held = at or self.held

    # --- the pass's edge --------------------------------------------------------------------------------------

    @contextmanager
    def _edge(self) -> Iterator[None]:
        """A bug parks its order, and the pass goes on."""
        with bound_contextvars(order=self.name):
            try:
                yield
            except StoreError:
                self._going = False
                self._end()
                raise
            except Exception as bug:  # noqa: BLE001 - the pass's edge
                self._going = False
                self._broke(bug)

    def _broke(self, bug: Exception) -> None:
        log().error("order.bug", bug=place(bug), traceback=story(bug))
        cause = f"a bug in syncer, please report it with the log: {place(bug)}"
        now = self._room.now()
        try:
            self._tally.note(self._room.store.apply(self.name, Broke(cause), now, self._rules))
        except StoreError:
            raise
        except Exception as worse:  # noqa: BLE001 - its row can't be read: it is left alone, and the others go on
            left_alone(self._room, self._tally, Spoilt(self.name, self.held.id, worse))

    def _end(self) -> None:
        for name in self._admitted:
            self._room.health.release(name)
        self._admitted.clear()

    # --- what comes -------------------------------------------------------------------------------------------

    def _next(self) -> Step | None:
        if self._stopped():
            self._unbegin()
            return None
        self._steps += 1
        if self._steps > MOST_STEPS:
            log().warning("order.restless", steps=MOST_STEPS)
            self._later(AGAIN)
            return None
        order, intent = self.held.order, self.held.intent
        if self._begun and intent is not None:
            return Step(Next(Act.SEND, "begun", None, intent), intent.target)
        step = plan(order, intent, self._room.now(), self._rules)
        gone = self._gone(step, order)
        if gone is not None:
            self._apply(Broke(f"{gone} is not in the configuration any more: put it back, then retry"))
            return None
        if self._not_now(step, order):
            return None
        written = step.intent is None or step.intent.at is not None  # decided only now: it is written down first
        return Step(step, remote_of(step, order) if written else None)

    def _not_now(self, step: Next, order: Order) -> bool:
        """Whether the step has to wait: for the next pass, for what is read just now, or for a remote that is down."""
        wanted = needs(step, order)
        if self._over() or not self._besides.isdisjoint({order.portal, *wanted}):
            self._tally.blocked.add(order.name)
            return True
        shut = [name for name in wanted if not self._admit(name)]
        if shut:
            now = self._room.now()
            if any(self._room.health.left_alone(name, now) for name in shut):
                self._tally.blocked.add(order.name)
            else:  # somebody finds out just now whether the remote is up again
                self.again = True
        return bool(shut)

    def _unbegin(self) -> None:
        """Stopped between writing a call down and making it: it was not made."""
        intent = self.held.intent
        if self._begun and intent is not None:
            self._mark(intent, IntentState.PLANNED, "not sent: syncer was stopped before")
            self._begun = False

    def _admit(self, name: str) -> bool:
        if name in self._admitted:
            return True
        now = self._room.now()
        well = self._room.health.up(name, now)
        if well or not self._room.health.admit(name, now):
            return well
        self._admitted.add(name)
        return True

    def _take(self, step: Next, order: Order) -> InHand | None:
        """Takes one step; returns where it led, or None where the order has to wait."""
        match step.act:
            case Act.LOOK | Act.WATCH | Act.FETCH:
                return (self._fetch if step.act is Act.FETCH else self._look)(order)
            case Act.FOLLOW:
                return self._follow(order)
            case Act.SEND if step.intent is not None and step.intent.at is not None:
                return self._send(order, step.intent)
            case Act.FIND if step.intent is not None and step.intent.at is not None:
                return self._find(order, step.intent)
            case Act.SEND | Act.FIND:
                return self._apply(Woke())
            case _:
                due = order.wake_at is not None and order.wake_at <= self._room.now()
                return self._apply(Woke()) if due and self._once((order.name, step.act)) else None

    def _gone(self, step: Next, order: Order) -> str | None:
        """The remote that the step is about, where the configuration has it no longer."""
        target, room = remote_of(step, order), self._room
        parts: Mapping[Act, Mapping[str, object]] = {
            Act.LOOK: room.sources,
            Act.WATCH: room.sources,
            Act.FETCH: room.porters,
            Act.FOLLOW: room.followers,
        }
        return target if target is not None and target not in parts.get(step.act, room.sinks) else None

    def _once(self, what: tuple[str, Act]) -> bool:
        self._tries[what] += 1
        return self._tries[what] <= MOST_TRIES

    # --- reading ----------------------------------------------------------------------------------------------

    def _look(self, order: Order) -> InHand | None:
        if not self._once((order.portal, Act.LOOK)):
            return self._later(AGAIN)
        try:
            seen = self._room.sources[order.portal].read(order)
        except Unreadable as failure:
            self._room.health.well(order.portal, self._room.now())
            return self._apply(Illegible(self._clean(str(failure), order)), raw=failure.raw or None)
        except (Unavailable, AccessDenied) as failure:
            if isinstance(failure, Unavailable) and failure.order_only and not self._stopped():
                return self._put_off(order, failure, order.portal)
            return self._remote_failed(order, failure, order.portal)
        self._room.health.well(order.portal, self._room.now())
        return self._apply(seen)

    def _put_off(self, order: Order, failure: Unavailable, remote: str) -> InHand | None:
        """What failed is about this order alone: the remote is well, and the others' go on."""
        self._room.health.well(remote, self._room.now())
        self._trouble(f"{order.name}: {self._clean(str(failure), order)}")
        return self._later(timedelta(seconds=failure.retry_after or AGAIN.total_seconds()))

    def _follow(self, order: Order) -> InHand | None:
        target = order.fulfilment or ""
        try:
            seen = self._room.followers[target].read(order)
        except Unreadable as failure:
            self._room.health.well(target, self._room.now())
            self._trouble(f"{order.name}: {self._clean(str(failure), order)}")
            return self._later(self._poll_every(target), raw=failure.raw or None)
        except (Unavailable, AccessDenied) as failure:
            return self._remote_failed(order, failure, target)
        self._room.health.well(target, self._room.now())
        return self._apply(seen)

    def _fetch(self, order: Order) -> InHand | None:
        """Sees to an order's files. Whatever goes wrong, those that came are kept.

        That may take no call, and says nothing of the remote's health: whether an outage is over, a look finds out.
        """
        if order.portal in self._admitted and not self._room.health.up(order.portal, self._room.now()):
            return self._look(order)
        if not self._once((order.name, Act.FETCH)):
            return self._later(AGAIN)
        self._tally.fetching.discard(order.name)
        return self._fetch_some(order)

    def _fetch_some(self, order: Order) -> InHand | None:
        try:
            seen = self._room.porters[order.portal].fetch(order, self._enough, patient=self._patient)
        except Unreadable as failure:
            self._trouble(f"{order.name}: {self._clean(str(failure), order)}")
            return self._later(AGAIN * 10, raw=failure.raw or None)
        except (Unavailable, AccessDenied) as failure:
            if isinstance(failure, Unavailable) and failure.order_only:
                cause = self._clean(str(failure), order)
                log().warning("order.files_delayed", remote=order.portal, cause=cause)
                self._trouble(f"{order.name}: {cause}")
                return self._later(timedelta(seconds=failure.retry_after or AGAIN.total_seconds()))
            return self._remote_failed(order, failure, order.portal)
        if seen is not None:
            return self._apply(seen)
        self._tally.fetching.add(order.name)
        return self._later(SOON)

    def _enough(self) -> bool:
        """Whether no more should be begun in this pass."""
        return self._stopped() or self._over()

    def _poll_every(self, target: str) -> timedelta:
        terms = self._rules.terms.get(target)
        return AGAIN if terms is None else terms.poll_every

    # --- changing ---------------------------------------------------------------------------------------------

    def _send(self, order: Order, intent: Intent) -> InHand | None:
        if not self._once((intent.key, Act.SEND)):
            return self._later(AGAIN)
        if not self._begun:
            begun = self._room.store.begin(order.name, intent, self._room.now(), self.held)
            if begun is None:  # somebody has changed the order meanwhile
                return self._room.store.hold(self.name)
            self.held = begun
        self._begun = False
        if not self._room.store.leases.sure():
            return self._not_ours(intent)
        return self._perform(self.held.order, intent)

    def _perform(self, order: Order, intent: Intent) -> InHand | None:
        try:
            seen = self._room.sinks[intent.target].perform(intent, order)
        except Uncertain as failure:
            return self._uncertain(order, intent, failure)
        except (Unavailable, AccessDenied) as failure:
            return self._not_sent(order, intent, failure)
        except Unreadable as failure:
            cause = self._clean(str(failure), order)
            settled = Settled(intent.key, IntentState.REJECTED, f"not sent: {cause}")
            return self._apply(Illegible(cause), settled, raw=failure.raw or None)
        except Exception:
            self._mark(intent, IntentState.UNCERTAIN, "a bug in syncer: whether it had its effect is not known")
            raise
        self._room.health.well(intent.target, self._room.now())
        return self._settle(order, intent, seen)

    def _not_ours(self, intent: Intent) -> InHand | None:
        """We may have lost the order to another worker: the call that was written down is not made."""
        self._mark(intent, IntentState.PLANNED, "not sent: the lease of the order could not be kept")
        self._tally.blocked.add(self.name)
        return None

    def _mark(
        self,
        intent: Intent,
        state: IntentState,
        outcome: str,
        *,
        wake_at: datetime | None = None,
        firm: bool = False,
    ) -> InHand:
        return self._room.store.mark(
            self.name, intent.key, state, self._room.now(), outcome=outcome, wake_at=wake_at, firm=firm, held=self.held
        )

    def _settle(self, order: Order, intent: Intent, seen: Observation) -> InHand | None:
        seen = self._cleaned(seen, order)
        state = IntentState.REJECTED if isinstance(seen, REFUSALS) else IntentState.DONE
        return self._apply(seen, Settled(intent.key, state, seen.text))

    def _uncertain(self, order: Order, intent: Intent, failure: Uncertain) -> InHand | None:
        now = self._room.now()
        settle = timedelta(seconds=failure.settle_seconds)
        cause = self._clean(str(failure), order)
        log().warning("intent.uncertain", intent=intent.key, remote=intent.target, cause=cause)
        firm = bool(failure.settle_seconds)
        held = self._mark(intent, IntentState.UNCERTAIN, cause, wake_at=now + settle, firm=firm)
        return None if failure.settle_seconds else held

    def _not_sent(self, order: Order, intent: Intent, failure: Unavailable | AccessDenied) -> InHand | None:
        now = self._room.now()
        cause = self._clean(str(failure), order)
        if isinstance(failure, Unavailable) and failure.order_only:
            until = now + timedelta(seconds=failure.retry_after or AGAIN.total_seconds())
        else:
            self._remote_failed(order, failure, intent.target)
            until = self._room.health.until(intent.target, now)
        self._mark(intent, IntentState.PLANNED, f"not sent: {cause}", wake_at=until)
        self._tally.blocked.add(order.name)
        return None

    def _find(self, order: Order, intent: Intent) -> InHand | None:
        """Asks whether an intent had its effect, before anything else is done about its order."""
        if not self._once((intent.key, Act.FIND)):
            return self._later(AGAIN)
        try:
            found = self._room.sinks[intent.target].find(intent, order)
        except Rejected as failure:
            found = CannotTell(failure.cause)
        except Unreadable as failure:
            self._trouble(f"{order.name}: {self._clean(str(failure), order)}")
            return self._later(AGAIN, raw=failure.raw or None)
        except (Unavailable, AccessDenied) as failure:
            if isinstance(failure, Unavailable) and failure.order_only and not self._stopped():
                self._room.health.well(intent.target, self._room.now())
                return self._later(timedelta(seconds=failure.retry_after or AGAIN.total_seconds()))
            return self._remote_failed(order, failure, intent.target)
        self._room.health.well(intent.target, self._room.now())
        return self._found(order, intent, found)

    def _found(self, order: Order, intent: Intent, found: Found | Absent | CannotTell) -> InHand | None:
        if isinstance(found, Found):
            return self._settle(order, intent, found.seen)
        if isinstance(found, CannotTell):
            why = self._clean(found.why, order)
            cause = (
                f"uncertain: whether {intent.kind} at {intent.target} took effect for {order.name} can't be told: {why}"
            )
            return self._apply(Unclear(cause), Settled(intent.key, IntentState.UNCERTAIN, why))
        if intent.kind is Kind.SUBMIT:
            return self._apply(found, Settled(intent.key, IntentState.REJECTED, found.text))
        return self._mark(intent, IntentState.PLANNED, found.text, wake_at=self._room.now())

    # --- writing down -----------------------------------------------------------------------------------------

    def _apply(self, seen: Observation, settled: Settled | None = None, *, raw: str | None = None) -> InHand | None:
        now, order = self._room.now(), self.held.order
        seen = self._cleaned(seen, order)
        raw = None if raw is None else self._room.redactor.scrub(raw)
        applied = self._room.store.apply(
            order.name,
            seen,
            now,
            self._rules,
            settled=settled,
            may_begin=self._may_begin,
            raw=raw,
            held=self.held,
        )
        self._tally.note(applied)
        _tell(seen, applied)
        begun = applied.intent is not None and applied.intent.state is IntentState.ATTEMPTING
        self._begun = begun and applied.next.act is Act.SEND
        wake_at = applied.order.wake_at
        if not self._begun and (wake_at is None or wake_at > now):
            return None
        return applied.held

    def _may_begin(self, intent: Intent) -> bool:
        return (
            not self._stopped()
            and not self._over()
            and intent.target not in self._besides
            and intent.target in self._room.sinks  # else `_gone` says what is the matter
            and self._tries[intent.key, Act.SEND] < MOST_TRIES
            and self._room.health.up(intent.target, self._room.now())
            and self._has_place(intent.target)
        )

    def _has_place(self, remote: str) -> bool:
        """A call that is written down as begun must not have to wait for a place at its remote."""
        if self.keeps is None and (self.place == remote or self.reserve(remote)):
            self.keeps = remote
        return self.keeps == remote

    def _later(self, wait: timedelta, *, raw: str | None = None) -> InHand | None:
        """Puts the order off; not to be taken up again in this pass."""
        now = self._room.now()
        self._tally.blocked.add(self.name)
        raw = None if raw is None else self._room.redactor.scrub(raw)
        self._room.store.wait(self.name, now + wait, now, raw=raw, held=self.held)
        return None

    def _remote_failed(self, order: Order, failure: RemoteError, remote: str) -> InHand | None:
        """The remote that was asked could not be, though it may have been another's server that failed it."""
        if self._stopped():  # it may be us who gave up
            return None
        cause = self._clean(str(failure), order)
        self._room.health.ill(remote, failure, cause, self._room.now())
        self._trouble(cause)
        self._tally.blocked.add(order.name)
        return None

    def _trouble(self, what: str) -> None:
        self._tally.problems.setdefault(what, what)

    def _clean(self, text: str, order: Order) -> str:
        return legible(self._room.redactor.scrub(text, order.details))

    def _cleaned(self, seen: Observation, order: Order) -> Observation:
        """An observation whose words, which may be a remote's, hold no secret and no person."""
        words = {part.name for part in fields(seen)} & {"cause", "note"}
        texts = {name: text for name in words if (text := getattr(seen, name)) and not isinstance(text, OurWord)}
        clean = {name: self._clean(text, order) for name, text in texts.items()}
        return replace(seen, **clean) if clean != texts else seen


def legible(text: str) -> str:
    """A remote's word as it may be stored, printed and written on an order: without controls and broken characters."""
    return "".join(one if one.isprintable() else " " for one in text)


def left_alone(room: Room, tally: Tally, spoilt: Spoilt) -> None:
    """An order whose row can't be read is put aside for a while, and the others go on."""
    with bound_contextvars(order=spoilt.name):
        log().error("order.broken", bug=place(spoilt.bug), traceback=story(spoilt.bug))
    tally.blocked.add(spoilt.name)
    tally.problems[spoilt.name] = f"{spoilt.name}: can't be read from the store ({place(spoilt.bug)})"
    room.store.put_aside(spoilt.id, room.now() + BROKEN_AGAIN)


def _tell(seen: Observation, applied: Applied) -> None:
    """Says in the log what happened, and loudly that a person is needed."""
    order = applied.order
    if not isinstance(seen, Woke | Unchanged):
        log().info(seen.event, state=order.state, text=seen.text)
    if order.park is not None and applied.before.park is not order.park:
        log().warning("order.parked", state=order.state, reason=order.parked)
