"""One order's steps: look, find, send, follow, until it has to wait.

Every call that changes something is begun in the store first; every outcome is an observation. One order's trouble
stays its own.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from structlog.contextvars import bound_contextvars

from syncer.engine.bugs import place, story
from syncer.engine.health import Health
from syncer.engine.protocols import Follower, Sink, Source
from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.orders import (
    Absent,
    Act,
    Broke,
    CannotTell,
    Found,
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
    Refused,
    Rules,
    TellRefused,
    Unclear,
    WithdrawRefused,
    Woke,
    plan,
)
from syncer.store import Applied, Settled, Store, StoreError
from syncer.telemetry import Redactor, log

MOST_STEPS = 40  # of one order in one go; a plain one takes about eight
MOST_TRIES = 2  # of one call in one go
BROKEN_AGAIN = timedelta(hours=1)  # until an order whose row can't be read is tried again
AGAIN = timedelta(seconds=30)  # until a call that was tried twice is tried again
At = tuple[Order, Intent | None, bool]  # an order, its open intent, and whether that was begun just now
REFUSALS = (TellRefused, MessageRefused, Refused, WithdrawRefused, Held, Moved)


@dataclass(slots=True)
class Tally:
    """What a pass has done so far. Calls are counted where they are made."""

    advanced: set[str] = field(default_factory=set)
    parked: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
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
    """What the steps work with."""

    store: Store
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    followers: Mapping[str, Follower]
    health: Health
    redactor: Redactor
    now: Callable[[], datetime]


class Steps:
    """Takes one order as far as it goes now."""

    def __init__(self, room: Room, rules: Rules, tally: Tally, stopped: Callable[[], bool] = lambda: False) -> None:
        self._room = room
        self._rules = rules
        self._tally = tally
        self._stopped = stopped

    def advance(self, name: str) -> None:
        """Takes an order as far as it goes now. Only the store's own trouble is raised."""
        with bound_contextvars(order=name):
            try:
                _Walk(self._room, self._rules, self._tally, self._stopped).go(name)
            except StoreError:
                raise
            except Exception as bug:  # noqa: BLE001 - the pass's edge: a bug parks its order, and the pass goes on
                self._broke(name, bug)

    def _broke(self, name: str, bug: Exception) -> None:
        log().error("order.bug", bug=place(bug), traceback=story(bug))
        cause = f"a bug in syncer, please report it with the log: {place(bug)}"
        now = self._room.now()
        try:
            self._tally.note(self._room.store.apply(name, Broke(cause), now, self._rules))
        except StoreError:
            raise
        except Exception as worse:  # noqa: BLE001 - its row can't be read: it is left alone, and the others go on
            log().error("order.broken", bug=place(worse), traceback=story(worse))
            self._tally.blocked.add(name)
            self._tally.problems[name] = f"{name}: can't be read from the store ({place(worse)})"
            self._room.store.wait(name, now + BROKEN_AGAIN, now)


class _Walk:
    """The steps of one order in one go."""

    def __init__(self, room: Room, rules: Rules, tally: Tally, stopped: Callable[[], bool]) -> None:
        self._room = room
        self._rules = rules
        self._tally = tally
        self._stopped = stopped
        self._tries: Counter[tuple[str, Act]] = Counter()

    def go(self, name: str) -> None:
        at = self._load(name)
        for _ in range(MOST_STEPS):
            if at is None or self._stopped():
                return
            order, intent, begun = at
            step = plan(order, intent, self._room.now(), self._rules)
            if begun and intent is not None:
                step = Next(Act.SEND, "begun", None, intent)
            gone = self._gone(step, order)
            if gone is not None:
                self._apply(order, Broke(f"{gone} is not in the configuration any more: put it back, then retry"))
                return
            at = self._take(step, order, begun=begun)
        log().warning("order.restless", steps=MOST_STEPS)
        self._room.store.wait(name, self._room.now() + AGAIN, self._room.now())

    def _load(self, name: str) -> At | None:
        loaded = self._room.store.load(name)
        return None if loaded is None else (*loaded, False)

    def _take(self, step: Next, order: Order, *, begun: bool) -> At | None:
        """Takes one step; returns where it led, or None where the order has to wait."""
        if not begun and not all(self._room.health.open(name, self._room.now()) for name in _needed(step, order)):
            self._tally.blocked.add(order.name)
            return None
        match step.act:
            case Act.LOOK:
                return self._look(order)
            case Act.FOLLOW:
                return self._follow(order)
            case Act.SEND | Act.FIND if step.intent is not None and step.intent.at is not None:
                return (
                    self._send(order, step.intent, begun=begun)
                    if step.act is Act.SEND
                    else self._find(order, step.intent)
                )
            case Act.SEND | Act.FIND:
                return self._apply(order, Woke())  # decided only now: it is written down first
            case _:
                due = order.wake_at is not None and order.wake_at <= self._room.now()
                return self._apply(order, Woke()) if due and self._once((order.name, step.act)) else None

    def _gone(self, step: Next, order: Order) -> str | None:
        """The remote that the step is about, where the configuration has it no longer."""
        target, room = _target(step, order), self._room
        parts = {Act.LOOK: room.sources, Act.FOLLOW: room.followers}
        return target if target is not None and target not in parts.get(step.act, room.sinks) else None

    def _once(self, what: tuple[str, Act]) -> bool:
        self._tries[what] += 1
        return self._tries[what] <= MOST_TRIES

    # --- reading ----------------------------------------------------------------------------------------------

    def _look(self, order: Order) -> At | None:
        if not self._once((order.portal, Act.LOOK)):
            return self._later(order, AGAIN)
        try:
            seen = self._room.sources[order.portal].read(order)
        except Unreadable as failure:
            self._room.health.well(order.portal, self._room.now())
            return self._apply(order, Illegible(self._clean(str(failure), order)), raw=failure.raw or None)
        except (Unavailable, AccessDenied) as failure:
            return self._remote_failed(order, failure)
        self._room.health.well(order.portal, self._room.now())
        return self._apply(order, seen)

    def _follow(self, order: Order) -> At | None:
        target = order.fulfilment or ""
        try:
            seen = self._room.followers[target].read(order)
        except Unreadable as failure:
            self._room.health.well(target, self._room.now())
            self._trouble(f"{order.name}: {self._clean(str(failure), order)}")
            return self._later(order, self._poll_every(target), raw=failure.raw or None)
        except (Unavailable, AccessDenied) as failure:
            return self._remote_failed(order, failure)
        self._room.health.well(target, self._room.now())
        return self._apply(order, seen)

    def _poll_every(self, target: str) -> timedelta:
        terms = self._rules.terms.get(target)
        return AGAIN if terms is None else terms.poll_every

    # --- changing ---------------------------------------------------------------------------------------------

    def _send(self, order: Order, intent: Intent, *, begun: bool) -> At | None:
        if not self._once((intent.key, Act.SEND)):
            return self._later(order, AGAIN)
        if not begun:
            self._room.store.mark(order.name, intent.key, IntentState.ATTEMPTING, self._room.now())
        try:
            seen = self._room.sinks[intent.target].perform(intent, order)
        except Uncertain as failure:
            return self._uncertain(order, intent, failure)
        except (Unavailable, AccessDenied) as failure:
            return self._not_sent(order, intent, failure)
        except Unreadable as failure:
            cause = self._clean(str(failure), order)
            settled = Settled(intent.key, IntentState.REJECTED, f"not sent: {cause}")
            return self._apply(order, Illegible(cause), settled, raw=failure.raw or None)
        except Exception:
            cause = "a bug in syncer: whether it had its effect is not known"
            self._room.store.mark(order.name, intent.key, IntentState.UNCERTAIN, self._room.now(), outcome=cause)
            raise
        self._room.health.well(intent.target, self._room.now())
        return self._settle(order, intent, seen)

    def _settle(self, order: Order, intent: Intent, seen: Observation) -> At | None:
        seen = self._cleaned(seen, order)
        state = IntentState.REJECTED if isinstance(seen, REFUSALS) else IntentState.DONE
        return self._apply(order, seen, Settled(intent.key, state, seen.text))

    def _uncertain(self, order: Order, intent: Intent, failure: Uncertain) -> At | None:
        now = self._room.now()
        settle = timedelta(seconds=failure.settle_seconds)
        cause = self._clean(str(failure), order)
        log().warning("intent.uncertain", intent=intent.key, remote=intent.target, cause=cause)
        self._room.store.mark(
            order.name,
            intent.key,
            IntentState.UNCERTAIN,
            now,
            outcome=cause,
            wake_at=now + settle,
            firm=bool(failure.settle_seconds),
        )
        return None if failure.settle_seconds else self._load(order.name)

    def _not_sent(self, order: Order, intent: Intent, failure: Unavailable | AccessDenied) -> At | None:
        now = self._room.now()
        cause = self._clean(str(failure), order)
        if isinstance(failure, Unavailable) and failure.order_only:
            until = now + timedelta(seconds=failure.retry_after or AGAIN.total_seconds())
        else:
            self._remote_failed(order, failure)
            until = self._room.health.until(intent.target, now)
        self._room.store.mark(
            order.name, intent.key, IntentState.PLANNED, now, outcome=f"not sent: {cause}", wake_at=until
        )
        self._tally.blocked.add(order.name)
        return None

    def _find(self, order: Order, intent: Intent) -> At | None:
        """Asks whether an intent had its effect, before anything else is done about its order."""
        if not self._once((intent.key, Act.FIND)):
            return self._later(order, AGAIN)
        try:
            found = self._room.sinks[intent.target].find(intent, order)
        except Rejected as failure:
            found = CannotTell(failure.cause)
        except Unreadable as failure:
            self._trouble(f"{order.name}: {self._clean(str(failure), order)}")
            return self._later(order, AGAIN, raw=failure.raw or None)
        except (Unavailable, AccessDenied) as failure:
            return self._remote_failed(order, failure)
        self._room.health.well(intent.target, self._room.now())
        return self._found(order, intent, found)

    def _found(self, order: Order, intent: Intent, found: Found | Absent | CannotTell) -> At | None:
        if isinstance(found, Found):
            return self._settle(order, intent, found.seen)
        if isinstance(found, CannotTell):
            why = self._clean(found.why, order)
            cause = (
                f"uncertain: whether {intent.kind} at {intent.target} took effect for {order.name} can't be told: {why}"
            )
            return self._apply(order, Unclear(cause), Settled(intent.key, IntentState.UNCERTAIN, why))
        if intent.kind is Kind.SUBMIT:
            return self._apply(order, found, Settled(intent.key, IntentState.REJECTED, found.text))
        now = self._room.now()
        self._room.store.mark(order.name, intent.key, IntentState.PLANNED, now, outcome=found.text, wake_at=now)
        return self._load(order.name)

    # --- writing down -----------------------------------------------------------------------------------------

    def _apply(
        self, order: Order, seen: Observation, settled: Settled | None = None, *, raw: str | None = None
    ) -> At | None:
        now = self._room.now()
        seen = self._cleaned(seen, order)
        raw = None if raw is None else self._room.redactor.scrub(raw)
        applied = self._room.store.apply(
            order.name, seen, now, self._rules, settled=settled, may_begin=self._may_begin, raw=raw
        )
        self._tally.note(applied)
        _tell(seen, applied)
        begun = applied.intent is not None and applied.intent.state is IntentState.ATTEMPTING
        begun = begun and applied.next.act is Act.SEND
        wake_at = applied.order.wake_at
        if not begun and (wake_at is None or wake_at > now):
            return None
        return applied.order, applied.intent, begun

    def _may_begin(self, intent: Intent) -> bool:
        return (
            not self._stopped()
            and self._tries[intent.key, Act.SEND] < MOST_TRIES
            and self._room.health.open(intent.target, self._room.now())
        )

    def _later(self, order: Order, wait: timedelta, *, raw: str | None = None) -> At | None:
        """Puts the order off; not to be taken up again in this pass."""
        now = self._room.now()
        self._tally.blocked.add(order.name)
        raw = None if raw is None else self._room.redactor.scrub(raw)
        self._room.store.wait(order.name, now + wait, now, raw=raw)
        return None

    def _remote_failed(self, order: Order, failure: RemoteError) -> At | None:
        cause = self._clean(str(failure), order)
        self._room.health.ill(failure.remote, failure, cause, self._room.now())
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
        texts = {name: getattr(seen, name) for name in words}
        clean = {name: self._clean(text, order) for name, text in texts.items() if isinstance(text, str)}
        return replace(seen, **clean) if clean != texts else seen


def legible(text: str) -> str:
    """A remote's word as it may be stored, printed and written on an order: without controls and broken characters."""
    return "".join(one if one.isprintable() else " " for one in text)


def _needed(step: Next, order: Order) -> list[str]:
    """The remotes that have to be up for a step. A look before a call waits for what is to be called, too."""
    target = _target(step, order)
    names = [] if target is None else [target]
    if step.act is Act.LOOK and step.intent is not None and step.intent.state is IntentState.PLANNED:
        names.append(step.intent.target)
    return names


def _target(step: Next, order: Order) -> str | None:
    match step.act:
        case Act.LOOK:
            return order.portal
        case Act.FOLLOW:
            return order.fulfilment
        case Act.SEND | Act.FIND:
            return step.intent.target if step.intent is not None else None
        case _:
            return None


def _tell(seen: Observation, applied: Applied) -> None:
    """Says in the log what happened, and loudly that a person is needed."""
    order = applied.order
    if not isinstance(seen, Woke):
        log().info(seen.event, state=order.state, text=seen.text)
    if order.park is not None and applied.before.park is not order.park:
        log().warning("order.parked", state=order.state, reason=order.parked)
