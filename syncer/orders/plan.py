"""What happens next to an order, and why: derived from its facts alone, each time anew.

Nothing is stored of it but the intent that it names, so a plan can't go stale: an order's next step follows from
what is known now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncer.orders.rules import Route, Rules, Terms, Watch, lookup
from syncer.orders.values import OPEN_INTENT, Intent, IntentState, Kind, Order, Park, State, Work

__all__ = ["Act", "Next", "deadline", "needs", "next_rung", "pace", "plan", "remote_of", "route_of", "signed"]

FRESH = timedelta(seconds=60)  # an activation goes out only after a look at the portal no older than this
SLOWLY = timedelta(hours=1)  # a parked order that may still come right by itself is looked at this often
MESSAGE_LIMIT = 255  # the portal's own limit isn't documented (xsp.md, section 12)
QUICK = timedelta(hours=1)  # most that is delivered without a person is (kode.md, section 13)
RAREST = timedelta(hours=1)
LOOKED_BEFORE = frozenset({Kind.SUBMIT, Kind.REGISTER, Kind.GIVE})
FOLLOWED_PARKS = frozenset({Park.DEADLINE, Park.VANISHED})


class Act(StrEnum):
    """The kinds of next steps."""

    LOOK = "look"  # read the order at the portal
    SEND = "send"  # begin the intent
    FIND = "find"  # ask whether an intent had its effect
    FOLLOW = "follow"  # ask the fulfilment how far it is
    WATCH = "watch"  # ask the portal how far it is
    FETCH = "fetch"  # fetch files, or remove them
    WAIT = "wait"  # until a time
    PERSON = "person"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Next:
    """The next step: when (None: as soon as may be, or when a person acts), why, and the intent that it is about."""

    act: Act
    why: str
    at: datetime | None = None
    intent: Intent | None = None


def remote_of(step: Next, order: Order) -> str | None:
    """The remote that a step calls; None where it calls none."""
    match step.act:
        case Act.LOOK | Act.WATCH | Act.FETCH:
            return order.portal
        case Act.FOLLOW:
            return order.fulfilment
        case Act.SEND | Act.FIND:
            return step.intent.target if step.intent is not None else None
        case _:
            return None


def needs(step: Next, order: Order) -> tuple[str, ...]:
    """The remotes that have to be up for a step, the one that it calls first.

    A look before a call waits for what is to be called, too.
    """
    called = remote_of(step, order)
    if called is None:
        return ()
    planned = step.intent is not None and step.intent.state is IntentState.PLANNED
    if step.act is Act.LOOK and planned and step.intent is not None:
        return called, step.intent.target
    return (called,)


def plan(order: Order, intent: Intent | None, now: datetime, rules: Rules) -> Next:
    """The next step of `order`, whose open intent is `intent`."""
    if order.portal in rules.watched:
        return _to_watch(order, rules.watched[order.portal], now)
    if intent is not None and intent.state in OPEN_INTENT:
        return _go_on(order, intent, now, rules)
    step = (
        _to_read(order)
        or _to_withdraw(order)
        or _to_tell(order, rules)
        or _to_say(order)
        or _to_give(order, now, rules)
    )
    if step is not None:
        return step
    if order.parked is not None:
        return _set_aside(order, now, rules)
    if order.final:
        return _to_register(order, now, rules) or Next(Act.NOTHING, f"the order is {order.state}")
    return _to_deliver(order, now, rules)


def _go_on(order: Order, intent: Intent, now: datetime, rules: Rules) -> Next:
    if intent.state is IntentState.PLANNED:
        stale = intent.kind in LOOKED_BEFORE and not _fresh(order, now)
        if order.look_due or stale:  # what was decided before an outage may not hold after it
            return Next(Act.LOOK, "the portal is read again before the call is made", order.wake_at, intent)
        return Next(Act.SEND, "decided, not yet sent", order.wake_at, intent)
    if order.look_due and order.park is Park.UNCERTAIN:
        return Next(Act.LOOK, "the portal listed it as changed", order.wake_at, intent)
    if order.park in {Park.UNCERTAIN, Park.BUG}:
        return _left_to_a_person(order, intent, now, rules)
    until = _settled_at(intent, now, rules)
    if until is not None:
        return Next(Act.WAIT, f"{intent.target} may still be at work on {intent.kind}: it is asked then", until, intent)
    return Next(Act.FIND, f"whether {intent.kind} had its effect is not known", order.wake_at, intent)


def _left_to_a_person(order: Order, intent: Intent, now: datetime, rules: Rules) -> Next:
    """What became of a call can't be asked about, though it may come out."""
    if order.park is Park.UNCERTAIN and intent.kind is Kind.SUBMIT and _terms_of(intent.target, rules).proven:
        return Next(Act.FIND, f"parked ({order.parked}), but it may still come out by itself", now + SLOWLY, intent)
    return Next(Act.PERSON, f"whether {intent.kind} had its effect must be said by a person", None, intent)


def _settled_at(intent: Intent, now: datetime, rules: Rules) -> datetime | None:
    """When a call that a former life of ours has begun is over at the remote, whatever became of it; None: it is."""
    if intent.state is not IntentState.ATTEMPTING or intent.at is None:
        return None
    patience = rules.patience.get(intent.target, timedelta())
    until = intent.at + patience
    return until if now < until <= now + patience else None  # one of the future was written with a wrong clock


def _to_read(order: Order) -> Next | None:
    if order.look_due:
        return Next(Act.LOOK, "the portal listed it as new or changed", order.wake_at)
    if order.park is Park.UNREADABLE and not order.nameless:
        return Next(Act.LOOK, "it could not be read; it is tried again", order.wake_at)
    return None


def _to_watch(order: Order, watch: Watch, now: datetime) -> Next:
    """An order of a portal that is only asked: its files first, then how far it is, ever rarer.

    While files don't come it is asked all the same: it may have been cancelled meanwhile. Of one that a person has
    ended here, only what happens to its files is done.
    """
    over = order.final and order.ended_at is not None and now >= order.ended_at + watch.follow_for
    step = _to_read(order)
    if step is not None and (order.look_due or not over):
        return step
    every = pace(watch.poll_every, now - (order.ended_at or order.created_at or now))
    asked = order.seen_at is not None and abs(now - order.seen_at) < every
    ended_here = order.work is not Work.UNBEGUN
    if order.files_due and order.park is not Park.BUG and (asked or ended_here):
        return Next(Act.FETCH, "files are to be fetched or removed", order.wake_at)
    if order.park is Park.BUG or ended_here:
        return _not_asked(order)
    if order.files_due:
        return Next(Act.WATCH, f"its files are still to come, and {order.portal} is asked how far it is", order.wake_at)
    if over:
        return Next(Act.NOTHING, f"the order is {order.state}, and no more files are waited for")
    why = f"{order.portal} is asked how far it is" if not order.final else f"it is {order.state}; files may still come"
    return Next(Act.WATCH, why, now + every)


def _not_asked(order: Order) -> Next:
    if order.park in {Park.BUG, Park.REOPENED}:
        return Next(Act.PERSON, f"parked: {order.parked}")
    return Next(Act.NOTHING, f"a person has ended it here, and {order.portal} isn't asked any more")


def pace(poll_every: timedelta, age: timedelta) -> timedelta:
    """How long to wait until an order of that age is asked about again: what takes a minute is seen in a minute, and
    what takes days costs a call an hour.
    """
    if age <= QUICK:
        return poll_every
    return max(poll_every, min(age / 60, RAREST))


def _to_withdraw(order: Order) -> Next | None:
    if order.state is not State.CANCELLED or order.work is not Work.BEGUN or order.park is not None:
        return None
    key = f"{order.reference}.c{order.round}"
    payload = {"ref": order.fulfilment_ref or ""}
    return Next(Act.SEND, "the order was cancelled", None, Intent(key, Kind.CANCEL, order.fulfilment or "", payload))


def _to_tell(order: Order, rules: Rules) -> Next | None:
    rung = next_rung(order.portal_status, order.state)
    if rung is None or order.park in {Park.PORTAL, Park.CANCEL, Park.REOPENED, Park.UNCERTAIN}:
        return None
    if rung is State.DELIVERED and _owed(order, rules):
        return None
    key = f"{order.reference}.t{order.tells + 1}"
    payload = {"status": rung, "from": order.portal_status or ""}
    return Next(Act.SEND, f"the portal is to say {rung}", None, Intent(key, Kind.STATUS, order.portal, payload))


def _to_say(order: Order) -> Next | None:
    if order.message is None:
        return None
    key = f"{order.reference}.m{order.failures}"
    payload = {"type": order.message_type, "text": signed(order.message, key)}
    intent = Intent(key, Kind.MESSAGE, order.portal, payload, state=_first_state(order.taken_over))
    return Next(Act.FIND if order.taken_over else Act.SEND, "the failure is told on the order", None, intent)


def _owed(order: Order, rules: Rules) -> bool:
    """Whether the portal takes results, and may not have all of this order's."""
    done = order.state is State.DELIVERED and order.work is Work.DONE
    return done and order.portal in rules.gives and not order.given_all


def _to_give(order: Order, now: datetime, rules: Rules) -> Next | None:
    """The next part of the result, handed to the portal once, before it is told `delivered`.

    What a former life may have given is asked about first; where that can't be, a person is.
    """
    if order.park is not None or not _owed(order, rules):
        return None
    if not _fresh(order, now):
        return Next(Act.LOOK, "the portal is read again before the result is given")
    n = order.given + 1
    first = _first_state(order.taken_over)
    intent = Intent(f"{order.reference}.g{n}", Kind.GIVE, order.portal, {"n": str(n)}, first)
    return Next(Act.FIND if order.taken_over else Act.SEND, "the portal is to have the result", None, intent)


def _set_aside(order: Order, now: datetime, rules: Rules) -> Next:
    if order.park in FOLLOWED_PARKS and order.work is Work.BEGUN and _terms(order, rules).followed:
        return Next(Act.FOLLOW, f"parked ({order.parked}), but it may still come right", now + SLOWLY)
    return Next(Act.PERSON, f"parked: {order.parked}")


def _to_deliver(order: Order, now: datetime, rules: Rules) -> Next:
    terms = _terms(order, rules)
    if order.work is Work.BEGUN:
        if terms.followed:
            return Next(Act.FOLLOW, f"{order.fulfilment} is at work on it", now + _patience(order, terms, now))
        return Next(Act.PERSON, "a person delivers it, and says so: deliver or cancel", deadline(order, rules))
    if order.awaits is not None and order.work is Work.UNBEGUN:
        return Next(Act.WAIT, order.awaits, order.awaits_until)
    if order.hold_until is not None and order.hold_until > now:
        return Next(Act.WAIT, f"wished for later, and kept here until then for {order.fulfilment}", order.hold_until)
    route = route_of(order, rules)
    if route is None or order.work is not Work.UNBEGUN:  # `decide` has parked these
        return Next(Act.PERSON, "nothing can be done without a person")
    return _to_register(order, now, rules) or _to_hand_over(order, route, now)


def _patience(order: Order, terms: Terms, now: datetime) -> timedelta:
    """How long to wait until a fulfilment is asked again."""
    if not terms.paced:
        return terms.poll_every
    return pace(terms.poll_every, now - (order.begun_at or now))


def _to_hand_over(order: Order, route: Route, now: datetime) -> Next:
    if not _fresh(order, now):
        return Next(Act.LOOK, "the portal is read again before the order is handed over")
    act = Act.FIND if order.doubt else Act.SEND
    return Next(act, f"{route.fulfilment} is to deliver it", None, _submission(order, route))


def _fresh(order: Order, now: datetime) -> bool:
    return order.seen_at is not None and abs(now - order.seen_at) <= FRESH  # later than now, by a clock that was wrong


def _to_register(order: Order, now: datetime, rules: Rules) -> Next | None:
    """Registered once in its life: before it is handed over, or when it was delivered past us.

    What a former life may have registered is asked about first; where that can't be, a person is.
    """
    route = route_of(order, rules)
    if route is None or not route.register or order.registered_in is not None:
        return None
    if order.final and not order.register_due:
        return None
    if not _fresh(order, now):
        return Next(Act.LOOK, "the portal is read again before the order is registered")
    key = f"{order.reference}.r{order.registers + 1}"
    intent = Intent(key, Kind.REGISTER, route.register, {"order": order.name}, _first_state(order.register_doubt))
    act = Act.FIND if order.register_doubt else Act.SEND
    return Next(act, f"it is to be registered in {route.register}", None, intent)


def _submission(order: Order, route: Route) -> Intent:
    payload = {"service": route.service, "access": route.access, "stem": order.reference}
    if order.wish_at is not None:
        payload["wish_at"] = order.wish_at.isoformat()
    key = f"{order.reference}.s{order.round}"
    return Intent(key, Kind.SUBMIT, route.fulfilment, payload, state=_first_state(order.doubt))


def _first_state(doubt: bool) -> IntentState:
    """In doubt, we may have made the call in a former life: it is looked up first."""
    return IntentState.UNCERTAIN if doubt else IntentState.PLANNED


def _terms(order: Order, rules: Rules) -> Terms:
    return _terms_of(order.fulfilment or "", rules)


def _terms_of(fulfilment: str, rules: Rules) -> Terms:
    return rules.terms.get(fulfilment, Terms())


LADDER = {
    State.NEW: State.RECEIVED,
    State.RECEIVED: State.ACTIVE,
    State.WAITING: State.ACTIVE,
    State.ACTIVE: State.DELIVERED,
}


def next_rung(portal_status: str | None, goal: State) -> State | None:
    """The next status to write at the portal on the way to `goal`; None where nothing is to be written.

    `received` comes before all else and `active` before `delivered`; nothing is written over a final status, over one
    that we don't know, or back to `received`.
    """
    if portal_status is None or portal_status == goal or portal_status not in LADDER:
        return None
    at = State(portal_status)
    if goal is State.CANCELLED:
        return goal
    if goal is State.WAITING and at in {State.RECEIVED, State.ACTIVE}:
        return goal
    if goal in {State.NEW, State.RECEIVED} and at is not State.NEW:
        return None
    return LADDER[at]


def route_of(order: Order, rules: Rules) -> Route | None:
    """The first route that matches the order; None where the operator has said nothing about it."""
    for route in rules.routes:
        if route.portal == order.portal and all(
            lookup(order.details, name) == text for name, text in route.match.items()
        ):
            return route
    return None


def deadline(order: Order, rules: Rules) -> datetime | None:
    """When an order that the fulfilment has is no longer waited for: counted from its begin, or the wished day."""
    terms = _terms(order, rules)
    if order.begun_at is None or terms.deadline is None:
        return None
    return max(order.begun_at, order.wish_at or order.begun_at) + terms.deadline


def signed(text: str, key: str) -> str:
    """A message that ends with its key, by which it is recognised in the order's log, within the limit."""
    tail = f" [{key}]"
    room = MESSAGE_LIMIT - len(tail)
    return (text if len(text) <= room else text[: room - 1] + "…") + tail
