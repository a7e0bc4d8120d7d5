"""One order in a world that fits in memory: a portal and a fulfilment that answer at once. No store, no HTTP.

The world takes the steps that `plan` names, as the engine does, and holds `decide` to what must be true of every
decision.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.orders import (
    OPEN_INTENT,
    Absent,
    Act,
    Begun,
    CannotTell,
    Decision,
    Done,
    Found,
    Given,
    Illegible,
    Intent,
    IntentState,
    Kind,
    MessageLeft,
    MessageRefused,
    Moved,
    Observation,
    Order,
    Read,
    Registered,
    Route,
    Rules,
    State,
    TellRefused,
    Terms,
    Told,
    Unclear,
    Withdrawn,
    Woke,
    decide,
    plan,
)

NOW = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)
DETAILS: Mapping[str, Mapping[str, Any]] = {"order": {"service": "3105"}, "customer": {"socket": "XY0202B07"}}
ROUTES = (
    Route("tj", "nordnet", {"service": "3105"}, service="FIBER-250"),
    Route("tj", "desk", {"service": "3200"}),
    Route("tj", "script", {"service": "3300"}),
)
TERMS = {
    "nordnet": Terms(deadline=timedelta(days=14)),
    "desk": Terms(followed=False),
    "script": Terms(deadline=timedelta(days=14), followed=False),
}
RULES = Rules(ROUTES, TERMS)

RANK = {State.NEW: 0, State.RECEIVED: 1, State.WAITING: 2, State.ACTIVE: 2, State.DELIVERED: 3, State.CANCELLED: 3}


@dataclass(frozen=True, slots=True)
class Lost:
    """An answer that never came: the call had its effect, or not. `find` says what `found` says."""

    found: Found | Absent | CannotTell


Answer = Observation | Lost


def order_of(service: str = "3105", **facts: Any) -> Order:
    """An order as it is once a listing has named it."""
    return Order("tj", "770101", service=service, wake_at=NOW, created_at=NOW, **facts)


def check(before: Order, decision: Decision, intent: Intent | None, rules: Rules) -> None:
    """What is true of every decision that was ever made."""
    order = decision.order
    assert len(decision.intents) <= 1
    assert (order.park is None) == (order.parked is None)
    assert decision.wake_at == order.wake_at
    kept = intent is not None and not decision.drop
    assert not (kept and decision.intents), "a second intent beside an open one"
    waits = order.wake_at is not None or order.awaits is not None  # for a time, or for another party
    assert order.final or decision.intents or kept or order.parked or waits or by_a_person(order, rules), (
        f"nothing would ever be done about it: {before} -> {order}"
    )
    for new in decision.intents:
        check_intent(order, new, rules)


def by_a_person(order: Order, rules: Rules) -> bool:
    """Whether the order is handed to a person who may take for ever."""
    terms = rules.terms.get(order.fulfilment or "")
    return order.work == "begun" and terms is not None and not terms.followed and terms.deadline is None


def check_intent(order: Order, intent: Intent, rules: Rules) -> None:
    """What is true of every intent: it is new, and no status is written over one that it may not replace."""
    assert intent.state in OPEN_INTENT
    assert not order.nameless, "a call about a row without an id"
    if intent.kind is Kind.STATUS:
        at, wanted = intent.payload["from"], State(intent.payload["status"])
        assert at == order.portal_status
        assert State(at) not in {State.DELIVERED, State.CANCELLED}, "a status over a final one"
        assert wanted is not State.NEW
        assert RANK[wanted] > RANK[State(at)] or {wanted, State(at)} == {State.ACTIVE, State.WAITING}
        assert wanted is not State.DELIVERED or at == State.ACTIVE
        owed = order.portal in rules.gives and order.work == "done" and not order.given_all
        assert not (owed and wanted is State.DELIVERED), "told delivered before the result was given"
    elif intent.kind is Kind.SUBMIT:
        assert not order.final, "an ended order is handed over"
        assert order.park is None, "a parked order is handed over"
        assert not order.look_due, "an order is handed over before its change is read"
        assert order.awaits is None, "an order is handed over that another party has to see to first"
    elif intent.kind is Kind.GIVE:
        assert order.state is State.DELIVERED, "a result is given of an order that isn't done"
        assert not order.given_all, "a result is given twice"
        assert order.park is None, "a parked order's result is given"
        assert not order.look_due, "a result is given before a change is read"
    elif intent.kind is Kind.REGISTER:
        assert order.registered_in is None, "an order is registered twice"
        assert order.state is not State.CANCELLED, "a cancelled order is registered"
        assert order.park is None, "a parked order is registered"
        assert not order.look_due, "an order is registered before its change is read"


@dataclass
class World:
    """An order, its portal (`status`), and a fulfilment that answers `answers` in turn, then `Begun`.

    Followed, the fulfilment says `progress`. What was written is kept: `statuses`, `messages`, and the intents
    `registered`, `submitted`, `withdrawn` and `given`. An order system answers with `registers` in turn, then that it
    has it; the portal takes results with `gifts` in turn, then that it has all.
    """

    order: Order = field(default_factory=order_of)
    status: str = "new"
    wish_at: datetime | None = None
    explained: bool = False
    answers: deque[Answer] = field(default_factory=deque)
    progress: Observation = field(default_factory=lambda: Done("17"))
    withdraws: Answer = field(default_factory=Withdrawn)
    found: Found | Absent | CannotTell = field(default_factory=Absent)
    refuses: str = ""
    refuses_messages: str = ""
    illegible: str = ""
    message_lost: Lost | None = None
    moves: str = ""
    now: datetime = NOW
    rules: Rules = RULES
    intent: Intent | None = None
    statuses: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    registers: deque[Answer] = field(default_factory=deque)
    registered: list[Intent] = field(default_factory=list)
    gifts: deque[Answer] = field(default_factory=deque)
    given: list[Intent] = field(default_factory=list)
    awaits: str = ""
    awaits_until: datetime | None = None
    submitted: list[Intent] = field(default_factory=list)
    withdrawn: list[Intent] = field(default_factory=list)
    found_for: list[Intent] = field(default_factory=list)
    looks: int = 0

    # --- running ----------------------------------------------------------------------------------------------

    def run(self) -> "World":
        """Takes the order as far as it goes now."""
        for _ in range(60):
            if self.order.wake_at is None or self.order.wake_at > self.now:
                return self
            self._step()
        raise AssertionError(f"restless: {self.order}")

    def after(self, **duration: float) -> "World":
        """Lets time pass, and the order go on."""
        self.now += timedelta(**duration)
        return self.run()

    def listed(self, status: str | None = None) -> "World":
        """The other side changed the order, and a listing showed it."""
        self.status = status or self.status
        self.order = self.order.but(look_due=True, wake_at=self.now, wake_firm=False)
        return self.run()

    def say(self, seen: Observation) -> "World":
        """An operator's word, or another's, and what follows."""
        self.hear(seen)
        return self.run()

    def resolve(self, seen: Observation) -> "World":
        """An operator's word about the open intent, which it settles."""
        assert self.intent is not None
        self.intent = None
        return self.say(seen)

    def hear(self, seen: Observation) -> Decision:
        """One decision."""
        before = self.order
        decision = decide(before, seen, self.now, self.rules, self.intent)
        check(before, decision, self.intent, self.rules)
        if decision.drop:
            self.intent = None
        for intent in decision.intents:
            self.intent = replace(intent, at=self.now)
        self.order = decision.order
        return decision

    # --- the steps --------------------------------------------------------------------------------------------

    def _step(self) -> None:
        step = plan(self.order, self.intent, self.now, self.rules)
        match step.act:
            case Act.LOOK:
                self._look()
            case Act.FOLLOW:
                self.hear(self.progress)
            case Act.SEND if step.intent is not None and step.intent.at is not None:
                self._answer(step.intent, self._send(step.intent))
            case Act.FIND if step.intent is not None and step.intent.at is not None:
                self._found(step.intent, self._find(step.intent))
            case _:
                self.hear(Woke())

    def _look(self) -> None:
        self.looks += 1
        explained = self.explained and self.order.state is State.NEW
        read = Read(self.status, self.order.service, self.wish_at, {"order": {"service": self.order.service}})
        read = replace(read, explained=explained, awaits=self.awaits, awaits_until=self.awaits_until)
        self.hear(Illegible(self.illegible) if self.illegible else read)

    def _send(self, intent: Intent) -> Answer:
        match intent.kind:
            case Kind.STATUS:
                return self._tell(intent)
            case Kind.MESSAGE:
                return self._message(intent)
            case Kind.REGISTER:
                self.registered.append(intent)
                return self.registers.popleft() if self.registers else Registered(intent.target, "9001")
            case Kind.SUBMIT:
                self.submitted.append(intent)
                return self.answers.popleft() if self.answers else Begun("17")
            case Kind.CANCEL:
                self.withdrawn.append(intent)
                return self.withdraws
            case Kind.GIVE:
                self.given.append(intent)
                return self.gifts.popleft() if self.gifts else Given(left=False)

    def _tell(self, intent: Intent) -> Observation:
        wanted = intent.payload["status"]
        self.status, self.moves = self.moves or self.status, ""
        if self.status == wanted:
            return Told(wanted)
        if self.status != intent.payload["from"]:
            return Moved(self.status)
        if self.refuses:
            return TellRefused(self.refuses)
        self.status = wanted
        self.statuses.append(wanted)
        return Told(wanted)

    def _message(self, intent: Intent) -> Answer:
        if self.refuses_messages:
            return MessageRefused(self.refuses_messages)
        if self.message_lost is not None:
            lost, self.message_lost = self.message_lost, None
            return lost
        self.messages.append(intent.payload["text"])
        return MessageLeft()

    def _answer(self, intent: Intent, answer: Answer) -> None:
        if isinstance(answer, Lost):
            self.found = answer.found
            self.intent = replace(intent, state=IntentState.UNCERTAIN)
            return
        self.intent = None
        self.hear(answer)

    def _find(self, intent: Intent) -> Found | Absent | CannotTell:
        self.found_for.append(intent)
        if intent.kind is Kind.MESSAGE and isinstance(self.found, Absent) and self.explained:
            return Found(MessageLeft())
        return self.found

    def _found(self, intent: Intent, found: Found | Absent | CannotTell) -> None:
        match found:
            case Found(seen):
                self.intent = None
                self.hear(seen)
            case CannotTell(why):
                self.intent = replace(intent, state=IntentState.UNCERTAIN)
                self.hear(Unclear(f"uncertain: {why}"))
            case Absent() if intent.kind is Kind.SUBMIT:
                self.intent = None
                self.hear(found)
            case _:
                self.intent = replace(intent, state=IntentState.PLANNED)
                self.order = self.order.but(wake_at=self.now)


def world(service: str = "3105", answers: Iterable[Answer] = (), **facts: Any) -> World:
    """A world with an order for a service, whose fulfilment answers submissions with `answers`."""
    return World(order_of(service), answers=deque(answers), **facts)
