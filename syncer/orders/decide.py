"""THE CORE: what each observation means for an order in each state.

A table of (state, observation), small handlers, and nothing else: no I/O, no clock, no logging, no randomness. What a
handler returns are the order's new facts; the plan follows from them (plan.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from syncer.orders.plan import SLOWLY, Act, Next, deadline, next_rung, plan, route_of
from syncer.orders.rules import Rules, Terms
from syncer.orders.seen import (
    Absent,
    Begun,
    Broke,
    CancelledByHand,
    DeliveredByHand,
    Done,
    Failed,
    Fetched,
    Given,
    GiveRefused,
    Held,
    Illegible,
    MessageLeft,
    MessageRefused,
    Moved,
    NotDone,
    NotRegistered,
    Observation,
    Read,
    Refused,
    Registered,
    RegisterRefused,
    Retried,
    Supplied,
    TellRefused,
    Told,
    Unchanged,
    Unclear,
    Vanished,
    Withdrawn,
    WithdrawRefused,
    Woke,
)
from syncer.orders.values import FINAL, SUPPLIED, Intent, IntentState, Kind, Order, Park, State, Work

__all__ = ["IGNORED", "IMPOSSIBLE", "TABLE", "Decision", "Impossible", "Rule", "decide"]

UNREADABLE_AGAIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Decision:
    """The order as it is now, the intents to write down (none or one), when to look again, and a history note.

    `drop` says that the order's open intent, not yet begun, is no longer wanted. `next` is the plan behind it.
    """

    order: Order
    intents: tuple[Intent, ...]
    wake_at: datetime | None
    note: str
    next: Next
    drop: bool = False

    @property
    def state(self) -> State:
        """The order's state."""
        return self.order.state


class Impossible(AssertionError):
    """An observation that can't come in this state: a bug of ours."""


def decide(order: Order, seen: Observation, now: datetime, rules: Rules, intent: Intent | None = None) -> Decision:
    """What `seen` means for `order`, whose open intent, if any, is `intent`.

    Times are aware UTC. Pure: equal arguments give equal decisions.
    """
    rule = TABLE[type(seen)][order.state]
    if rule is IMPOSSIBLE:
        raise Impossible(f"{type(seen).__name__} in state {order.state}")
    asked = intent is not None and intent.kind is Kind.SUBMIT and intent.state is not IntentState.PLANNED
    after = _settle(rule.handle(order, seen, now, rules), seen, now, rules, asked=asked)
    decision = _decide(after, seen, now, rules, intent)
    return _put_off(decision, now) if isinstance(seen, Illegible) else decision


def _decide(order: Order, seen: Observation, now: datetime, rules: Rules, intent: Intent | None) -> Decision:
    if intent is None or intent.state is not IntentState.PLANNED:
        return _decision(order, plan(order, intent, now, rules), now, seen.text)
    fresh = plan(order, None, now, rules)  # not begun: it is wanted only if it would be decided again
    if fresh.act is Act.SEND and fresh.intent is not None and _same(fresh.intent, intent):
        return _decision(order, plan(order, intent, now, rules), now, seen.text)
    return _decision(order, fresh, now, seen.text, drop=True)


def _put_off(decision: Decision, now: datetime) -> Decision:
    """What could not be read is read again later, whoever asks."""
    if decision.wake_at is None:
        return decision
    at = now + UNREADABLE_AGAIN
    return replace(decision, order=decision.order.but(wake_at=at, wake_firm=True), wake_at=at)


def _same(one: Intent, other: Intent) -> bool:
    return (one.key, one.target, dict(one.payload)) == (other.key, other.target, dict(other.payload))


def _decision(order: Order, step: Next, now: datetime, note: str, *, drop: bool = False) -> Decision:
    fresh = step.act in {Act.SEND, Act.FIND} and step.intent is not None and step.intent.at is None
    intents = (step.intent,) if fresh and step.intent is not None else ()
    wake_at = _wake(order, step, now)
    firm = step.act in {Act.WAIT, Act.PERSON} or (order.parked is not None and wake_at != now)
    return Decision(order.but(wake_at=wake_at, wake_firm=firm), intents, wake_at, note, step, drop)


def _wake(order: Order, step: Next, now: datetime) -> datetime | None:
    if step.act is Act.SEND or (step.act is Act.FIND and order.park is None):
        return now
    if step.act is Act.FIND:  # parked for another reason: it is looked up again now and then
        fresh = step.intent is not None and step.intent.at is None
        return now if fresh else now + SLOWLY
    if step.act is Act.FETCH or (step.act is Act.WATCH and order.files_due):
        return now
    if step.act is Act.LOOK:
        return now + UNREADABLE_AGAIN if order.park is Park.UNREADABLE and not order.look_due else now
    return step.at


def _settle(  # noqa: PLR0911 - a list of cases
    order: Order, seen: Observation, now: datetime, rules: Rules, *, asked: bool
) -> Order:
    """What follows from the facts whatever brought them about: the route, the deadline, the end.

    `asked`: the fulfilment may have the order already, whatever the routes say by now.
    """
    order = _end(order, now, rules)
    if order.parked is not None or order.look_due or order.portal in rules.watched:
        return order
    if order.portal_status is not None and order.portal_status not in set(State):
        why = f"the portal says status {order.portal_status!r}, which is unknown here"
        return _park(order, Park.UNREADABLE, why)
    if order.final:
        return _ended_otherwise(order)
    if order.work is Work.BEGUN:
        return _overdue(order, seen, now, rules)
    if asked or next_rung(order.portal_status, order.state) is not None:
        return order
    if order.work is Work.UNBEGUN:
        return _route(order, rules) if order.awaits is None else _too_late(order, now)
    return _park(order, Park.FAILED, f"{order.fulfilment} has ended its work, and nothing says how to go on")


def _too_late(order: Order, now: datetime) -> Order:
    """What another party was to do, and hasn't: a person looks at it. When it is done all the same, it goes on."""
    if order.awaits_until is None or now < order.awaits_until:
        return order
    return _park(order, Park.AWAITED, f"{order.awaits}, and has not until {order.awaits_until:%Y-%m-%d %H:%M} UTC")


def _ended_otherwise(order: Order) -> Order:
    if order.portal_status not in FINAL or order.portal_status == order.state:
        return order
    return _park(order, Park.REOPENED, f"{order.portal} says {order.portal_status}, but it is {order.state} here")


def _overdue(order: Order, seen: Observation, now: datetime, rules: Rules) -> Order:
    """Who can be asked is asked first: it may be done by now."""
    followed = rules.terms.get(order.fulfilment or "", Terms()).followed
    until = deadline(order, rules)
    if until is not None and until <= now and (isinstance(seen, Begun) or not followed):
        return _trouble(
            order,
            Park.DEADLINE,
            f"not done by {order.fulfilment} before the deadline, {until:%Y-%m-%d %H:%M} UTC",
        )
    return order


def _end(order: Order, now: datetime, rules: Rules) -> Order:
    if _says_nothing(order, order.portal_status, rules):
        return order
    if not order.final or order.portal_status != order.state:
        return order.but(ended_at=None)
    if order.ended_at is not None:
        return order.but(register_due=order.register_due and order.state is State.DELIVERED)
    route = route_of(order, rules)
    due = order.state is State.DELIVERED and order.registered_in is None and route is not None and bool(route.register)
    return order.but(ended_at=now, register_due=due)


def _route(order: Order, rules: Rules) -> Order:
    route = route_of(order, rules)
    if route is not None:
        return order.but(fulfilment=route.fulfilment)
    why = f"no route for service {order.service or '(none)'} of {order.portal}"
    return _say(
        order.but(park=Park.ROUTE, parked=why),
        f"Not handled automatically: {why}. A person will look at it.",
        "alert",
    )


# --- small changes of facts -----------------------------------------------------------------------------------


def _unpark(order: Order) -> Order:
    return order.but(park=None, parked=None)


def _said(order: Order) -> Order:
    """What was uncertain is known now; any other reason to be parked stays."""
    return _unpark(order) if order.park is Park.UNCERTAIN else order


def _park(order: Order, park: Park, why: str) -> Order:
    return order.but(park=park, parked=why)


def _say(order: Order, text: str, kind: str) -> Order:
    """Has a message written, unless the same one was the last: one failure is told once."""
    if text == order.said:
        return order
    return order.but(message=text, message_type=kind, said=text, failures=order.failures + 1)


def _trouble(order: Order, park: Park, why: str) -> Order:
    """It failed: set aside, told once on the order, and the portal waits."""
    order = _say(_park(order, park, why), f"{_TITLES[park]}: {why}", "error")
    return order if order.final else order.but(state=State.WAITING)


_TITLES = {
    Park.REFUSED: "Activation refused",
    Park.FAILED: "Activation failed",
    Park.DEADLINE: "Activation overdue",
    Park.VANISHED: "Activation lost",
}


def _beside(order: Order, why: str) -> str:
    """A further reason to park an order, which doesn't hide the first."""
    return why if order.parked is None or why in order.parked else f"{order.parked}; and {why}"


# --- what the portal says -------------------------------------------------------------------------------------


def _read(order: Order, seen: Read, now: datetime, rules: Rules) -> Order:
    """The portal's word, taken over: details, wish, files and status."""
    if order.hold_until is not None and seen.wish_at != order.wish_at:
        order = order.but(hold_until=seen.wish_at)
    first, known = order.state is State.NEW, order.service != ""
    order = order.but(
        explained=order.explained or seen.explained,
        service=seen.service or order.service,
        wish_at=seen.wish_at,
        details=_details(order, seen),
        look_due=False,
        files_due=seen.files_due,
        awaits=seen.awaits or None,
        awaits_until=seen.awaits_until if seen.awaits else None,
    )
    if order.park in {Park.UNREADABLE, Park.AWAITED}:
        order = _unpark(order)
    if order.portal in rules.watched and first:  # it is there, whatever they call it
        state = State(seen.status) if seen.status in set(State) else State.RECEIVED
        return order.but(portal_status=seen.status, seen_at=now, state=state)
    if _says_nothing(order, seen.status, rules):
        return order.but(portal_status=seen.status, seen_at=now)
    if _says_nothing(order, order.portal_status, rules):
        order = order.but(portal_status=order.state)  # as before it said that
    order = _status_seen(order, seen.status, now)
    if seen.old and (first or not known):
        order = _perhaps_done(order, seen.old)
    return order.but(register_doubt=seen.ours or order.taken_over) if first else order


def _says_nothing(order: Order, status: str | None, rules: Rules) -> bool:
    """Whether an ended order of a portal that is only asked is said to be something that nobody knows."""
    return order.final and order.portal in rules.watched and status not in set(State)


def _perhaps_done(order: Order, why: str) -> Order:
    """Where nothing tells whether a former life has done it, a person does: it is not begun on a guess."""
    untouched = order.work is Work.UNBEGUN and not order.final and not order.doubt
    return _park(order, Park.TAKEOVER, why) if untouched and order.park is None else order


def _details(order: Order, seen: Read) -> Mapping[str, Mapping[str, Any]]:
    """What was read, but for what somebody has supplied: a reading that was under way meanwhile doesn't know of it."""
    supplied = {name: part for name, part in order.details.items() if name in SUPPLIED}
    return {**seen.details, **supplied} if seen.details and supplied else seen.details or order.details


def _supplied(order: Order, seen: Supplied, now: datetime, rules: Rules) -> Order:
    after = _kept(order, seen, now, rules)
    return after if after is order else after.but(look_due=True)


def _kept(order: Order, seen: Supplied, _now: datetime, _rules: Rules) -> Order:
    """Added to what is known; what says nothing new changes nothing, and of two forms the first counts."""
    before = order.details.get(seen.section)
    if seen.section == "form" and before is not None:
        return order
    section = {**(before or {}), **seen.values}
    return order if section == before else order.but(details={**order.details, seen.section: section})


def _unchanged(order: Order, _seen: Unchanged, now: datetime, _rules: Rules) -> Order:
    """What could not be read can be by now; the rest stands."""
    order = _unpark(order) if order.park is Park.UNREADABLE else order
    return order.but(look_due=False, seen_at=now)


def _fetched(order: Order, seen: Fetched, _now: datetime, _rules: Rules) -> Order:
    order = order.but(files_due=seen.left)
    return order if not seen.refused else _park(order, order.park or Park.FILES, _beside(order, seen.refused))


def _moved(order: Order, seen: Moved, now: datetime, _rules: Rules) -> Order:
    return _status_seen(order, seen.status, now)


def _status_seen(order: Order, text: str, now: datetime) -> Order:
    """What the portal's status means in this state."""
    before = order.portal_status
    order = order.but(portal_status=text, seen_at=now)
    if order.final and before in FINAL and text not in {before, order.state, State.CANCELLED}:
        return _park(order, Park.REOPENED, f"{order.portal} says {text} again after it said {before}")
    if text not in set(State):
        return order  # `_settle` sets it aside
    status = State(text)
    if order.state is State.NEW:
        return _first_read(order, status)
    if order.final:
        return _read_after_end(order, before, status)
    return _read_while_open(order, before, status)


def _first_read(order: Order, status: State) -> Order:
    if status in FINAL:  # direct-activated, or over before we saw it: import only
        return order.but(state=status)
    if status is State.NEW:
        return order.but(state=State.RECEIVED)
    return order.but(state=status, doubt=True, taken_over=True)


def _read_while_open(order: Order, before: str | None, status: State) -> Order:
    if status is State.DELIVERED:
        return (order if order.park is Park.UNCERTAIN else _unpark(order)).but(state=status, message=None)
    if status is State.CANCELLED:
        return _cancelled_there(order)
    if status == before:
        return order
    if order.park is Park.HELD:
        order = _unpark(order)
    if status is State.NEW:
        return order.but(state=State.RECEIVED) if order.work is Work.UNBEGUN else order
    if status is State.WAITING and order.work is Work.UNBEGUN and order.park is None:
        order = _park(order, Park.HELD, f"{order.portal} was set to waiting by somebody else before it was handed over")
    return order.but(state=status)  # a change by the other side is obeyed


def _cancelled_there(order: Order) -> Order:
    order = order.but(state=State.CANCELLED, message=None)
    if order.work is Work.DONE:
        return _stuck(order, f"cancelled in {order.portal} after {order.fulfilment} had done it")
    if order.park is Park.UNCERTAIN:
        return order
    order = _unpark(order)
    return order if order.work is Work.BEGUN else _still_registered(order)  # it is withdrawn first


def _still_registered(order: Order) -> Order:
    """No order system can be told that an order is off: a person is asked to."""
    if order.registered_in is None or order.state is not State.CANCELLED or order.park is not None:
        return order
    number = f" as {order.register_ref}" if order.register_ref else ""
    why = f"cancelled after it was registered in {order.registered_in}{number}: take it out there"
    return _park(order, Park.CANCEL, f"{why} (look for {order.name}), then say cancel")


def _stuck(order: Order, why: str) -> Order:
    """Cancelled there, and still active with the fulfilment: a person is asked, here and on the order."""
    return _say(_park(order, Park.CANCEL, why), f"Not cancelled: {why}. A person will look at it.", "alert")


def _read_after_end(order: Order, before: str | None, status: State) -> Order:
    if status is order.state:
        return _unpark(order) if order.park is Park.REOPENED else order
    if status == before:
        return order
    if status is State.CANCELLED:
        return _cancelled_there(order)
    if status is State.DELIVERED:  # an operator's cancellation came too late for the portal
        return _park(order.but(state=status), Park.CANCEL, f"to be cancelled, but {order.portal} says delivered")
    return order


def _illegible(order: Order, seen: Illegible, _now: datetime, _rules: Rules) -> Order:
    if order.parked is not None:
        return order  # still due to be read: what changed there must not be missed
    return _park(order.but(look_due=False), Park.UNREADABLE, f"unreadable: {seen.cause}")


def _told(order: Order, seen: Told, now: datetime, _rules: Rules) -> Order:
    order = order.but(portal_status=seen.status, seen_at=now, tells=order.tells + 1)
    return _said(order)


def _tell_refused(order: Order, seen: TellRefused, _now: datetime, _rules: Rules) -> Order:
    why = f"{order.portal} refused a status: {seen.cause}"
    return _park(order.but(tells=order.tells + 1), Park.PORTAL, _beside(order, why))


def _message_left(order: Order, _seen: MessageLeft, _now: datetime, _rules: Rules) -> Order:
    return _said(order.but(message=None))


def _message_refused(order: Order, seen: MessageRefused, _now: datetime, _rules: Rules) -> Order:
    order = order.but(message=None)
    why = f"{order.portal} refused a message: {seen.cause}"
    return order if order.parked is not None else _park(order, Park.PORTAL, why)


def _given(order: Order, seen: Given, _now: datetime, _rules: Rules) -> Order:
    return _said(order).but(given=order.given + 1, given_all=not seen.left)


def _give_refused(order: Order, seen: GiveRefused, _now: datetime, _rules: Rules) -> Order:
    return _park(order, Park.PORTAL, _beside(order, f"{order.portal} refused a result: {seen.cause}"))


# --- what the order system says -------------------------------------------------------------------------------


def _registered(order: Order, seen: Registered, _now: datetime, _rules: Rules) -> Order:
    order = _said(order).but(registered_in=seen.target, register_ref=seen.ref, register_doubt=False, register_due=False)
    return order if order.work is Work.BEGUN else _still_registered(order)


def _register_refused(order: Order, seen: RegisterRefused, _now: datetime, _rules: Rules) -> Order:
    """The portal is told that a person looks at it, and nothing of our books."""
    order = order.but(registers=order.registers + 1)
    order = _park(order, Park.REGISTER, _beside(order, f"not registered: {seen.cause}"))
    return order if order.final else _say(order, "Not handled automatically. A person will look at it.", "alert")


def _not_registered(order: Order, _seen: NotRegistered, _now: datetime, _rules: Rules) -> Order:
    return _said(order).but(register_doubt=False, registers=order.registers + 1, look_due=True)


# --- what the fulfilment says ---------------------------------------------------------------------------------


def _begun(order: Order, seen: Begun, now: datetime, _rules: Rules) -> Order:
    first = order.work is not Work.BEGUN or order.park is Park.VANISHED
    taken_over = order.doubt and order.portal_status in {State.ACTIVE, State.WAITING}
    if order.park in {Park.UNCERTAIN, Park.VANISHED}:
        order = _unpark(order)
    order = order.but(
        work=Work.BEGUN,
        fulfilment_ref=seen.ref or order.fulfilment_ref,
        begun_at=order.begun_at or now,
        doubt=False,
        hold_until=None,
    )
    return order.but(state=State.ACTIVE) if first and not taken_over and not order.final else order


def _done(order: Order, seen: Done, now: datetime, _rules: Rules) -> Order:
    order = _unpark(order) if order.park is not Park.PORTAL else order
    order = order.but(
        work=Work.DONE,
        fulfilment_ref=seen.ref or order.fulfilment_ref,
        begun_at=order.begun_at or now,
        doubt=False,
        hold_until=None,
        message=None,
    )
    if order.state is State.CANCELLED:
        return _stuck(order, f"cancelled in {order.portal}, but done by {order.fulfilment}")
    return order.but(state=State.DELIVERED)


def _failed(order: Order, seen: Failed, _now: datetime, _rules: Rules) -> Order:
    return _over(order.but(fulfilment_ref=seen.ref or order.fulfilment_ref), Park.FAILED, seen.cause)


def _refused(order: Order, seen: Refused, _now: datetime, _rules: Rules) -> Order:
    return _over(order, Park.REFUSED, seen.cause)


def _over(order: Order, park: Park, cause: str) -> Order:
    if order.final:  # nothing is left to deliver, or to withdraw
        order = order.but(work=Work.ENDED)
        return _unpark(order) if order.park in {Park.UNCERTAIN, Park.CANCEL} else order
    return _trouble(order.but(work=Work.FAILED, doubt=False), park, f"{order.fulfilment}: {cause}")


def _held(order: Order, seen: Held, _now: datetime, _rules: Rules) -> Order:
    return order.but(hold_until=seen.until, state=State.WAITING, doubt=False)


def _vanished(order: Order, seen: Vanished, _now: datetime, _rules: Rules) -> Order:
    if order.park is not None:
        return order
    return _trouble(order, Park.VANISHED, f"{order.fulfilment}: {seen.cause}")


def _vanished_after_end(order: Order, _seen: Vanished, _now: datetime, _rules: Rules) -> Order:
    return order.but(work=Work.ENDED)


def _absent(order: Order, _seen: Absent, now: datetime, _rules: Rules) -> Order:
    """Surely not there. Taken over as begun, that can't be told from an order that a person handled: parked."""
    order = _said(order)
    held = order.portal_status == State.WAITING and order.wish_at is not None and order.wish_at > now
    begun = order.portal_status in {State.ACTIVE, State.WAITING}
    if order.doubt and begun and not order.final and (order.explained or not held):
        why = f"taken over as {order.portal_status}, and {order.fulfilment} has no order of ours for it"
        return _park(order.but(doubt=False), Park.TAKEOVER, why)
    return order.but(doubt=False)


def _unclear(order: Order, seen: Unclear, _now: datetime, _rules: Rules) -> Order:
    if order.park in {None, Park.UNCERTAIN}:
        return _park(order, Park.UNCERTAIN, seen.cause)
    return order  # it is a person's already, for a reason that stays true


def _withdrawn(order: Order, _seen: Withdrawn, _now: datetime, _rules: Rules) -> Order:
    order = _unpark(order) if order.park in {Park.UNCERTAIN, Park.CANCEL} else order
    return _still_registered(order.but(work=Work.ENDED))


def _withdraw_refused(order: Order, seen: WithdrawRefused, _now: datetime, _rules: Rules) -> Order:
    return _stuck(order, f"{order.fulfilment} can't cancel it any more: {seen.cause}")


def _withdrawn_for_nothing(order: Order, _seen: Withdrawn, _now: datetime, _rules: Rules) -> Order:
    """Reopened, and wanted again, while it wasn't known whether it had been stopped: it had, so it is begun anew."""
    return _anew(_said(order))


def _withdraw_refused_luckily(order: Order, _seen: WithdrawRefused, _now: datetime, _rules: Rules) -> Order:
    """Reopened, and wanted again: what was not stopped goes on."""
    return _said(order)


# --- time, bugs, and people -----------------------------------------------------------------------------------


def _woke(order: Order, _seen: Woke, _now: datetime, _rules: Rules) -> Order:
    return order


def _broke(order: Order, seen: Broke, _now: datetime, _rules: Rules) -> Order:
    """A bug parks what isn't parked: what a person was asked before, and what is held back for it, stays so."""
    park = Park.BUG if order.park in {None, Park.UNREADABLE} else order.park
    return _park(order.but(look_due=False), park, _beside(order, seen.cause))


def _retried(order: Order, _seen: Retried, now: datetime, _rules: Rules) -> Order:
    """Unparked, and put back to just before what stopped it."""
    park = order.park
    if park is None or order.nameless:
        return order
    order = _unpark(order)
    match park:
        case Park.REOPENED:
            order = _reopened(order)
        case Park.REFUSED | Park.FAILED | Park.VANISHED:
            order = _anew(order)
        case _ if order.work is Work.FAILED:  # and then a bug, or the portal's refusal, on top of it
            order = _anew(order)
        case Park.DEADLINE:
            order = order.but(begun_at=now, wish_at=None, state=State.ACTIVE)
        case Park.CANCEL if order.work is Work.DONE:
            return _park(order, Park.CANCEL, "done by the fulfilment: a person ends it there, then says cancel")
        case _:
            pass
    return order.but(look_due=True)


def _anew(order: Order) -> Order:
    return order.but(work=Work.UNBEGUN, round=order.round + 1, fulfilment_ref=None, begun_at=None, doubt=False)


def _reopened(order: Order) -> Order:
    state = State(order.portal_status) if order.portal_status in set(State) else State.RECEIVED
    state = State.RECEIVED if state is State.NEW else state
    if order.work is Work.BEGUN:  # it could not be withdrawn, and goes on
        return order.but(state=state)
    return _anew(order).but(state=state)


def _not_done(order: Order, _seen: NotDone, _now: datetime, _rules: Rules) -> Order:
    """It is made without being looked up again, a message too, of which the log can't tell, and a result."""
    taken_over = order.taken_over and order.message is None and order.state is not State.DELIVERED
    return _said(order).but(doubt=False, taken_over=taken_over, look_due=True)


def _delivered_by_hand(order: Order, _seen: DeliveredByHand, _now: datetime, rules: Rules) -> Order:
    """What a fulfilment has begun and not done, a person delivers past it: no result of it is waited for."""
    past = order.work in {Work.BEGUN, Work.FAILED} and rules.terms.get(order.fulfilment or "", Terms()).followed
    return _by_hand(order, State.DELIVERED, rules).but(work=Work.DONE, given_all=order.given_all or past)


def _cancelled_by_hand(order: Order, _seen: CancelledByHand, _now: datetime, rules: Rules) -> Order:
    """What a person delivers, or was asked to stop, they have stopped; else the fulfilment is told to."""
    by_a_person = not rules.terms.get(order.fulfilment or "", Terms()).followed
    over = by_a_person or order.work is Work.DONE or order.park is Park.CANCEL or order.portal in rules.watched
    order = _by_hand(order, State.CANCELLED, rules)
    return order.but(work=Work.ENDED) if over else order


def _ended_by_hand(order: Order, seen: Observation, now: datetime, rules: Rules) -> Order:
    """A person has seen to what was set aside after its end; what an uncertain call did must be said first."""
    if order.park in {None, Park.UNCERTAIN}:
        return order
    if isinstance(seen, CancelledByHand):
        return _cancelled_by_hand(order, seen, now, rules)
    return _by_hand(order, State.DELIVERED, rules).but(work=Work.DONE, given_all=True)


def _by_hand(order: Order, state: State, rules: Rules) -> Order:
    """Ended by a person, unless the portal has ended it otherwise: that is never written over.

    What the portal can't be told, for want of an id or of a way to, is as if it had been.
    """
    state = State(order.portal_status) if order.portal_status in FINAL else state
    doubtful = order.park is Park.UNREADABLE and order.portal_status in FINAL  # it was listed as something else since
    order = _unpark(order).but(state=state, message=None, hold_until=None)
    if order.nameless or order.portal in rules.watched:
        return order.but(portal_status=state, look_due=False)
    return order.but(look_due=order.look_due or doubtful or order.portal_status not in set(State))


# --- the table ------------------------------------------------------------------------------------------------

Handler = Callable[[Order, Any, datetime, Rules], Order]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an observation does in a state, and the states that it may lead to besides staying."""

    handle: Handler
    leads: frozenset[State] = frozenset()


def _stay(order: Order, _seen: Observation, _now: datetime, _rules: Rules) -> Order:
    return order


IGNORED = Rule(_stay)
IMPOSSIBLE = Rule(_stay)
_OPEN = (State.RECEIVED, State.ACTIVE, State.WAITING)
_ENDED = (State.DELIVERED, State.CANCELLED)


def _row(default: Rule, *, ended: Rule | None = None, **others: Rule) -> Mapping[State, Rule]:
    """A row: impossible before the first read unless said, `default` while open, `ended` once final."""
    row = {
        State.NEW: IMPOSSIBLE,
        **dict.fromkeys(_OPEN, default),
        **dict.fromkeys(_ENDED, ended or IMPOSSIBLE),
    }
    return row | {State(name): rule for name, rule in others.items()}


def _rule(handle: Handler, *leads: State) -> Rule:
    return Rule(handle, frozenset(leads))


_R, _A, _W, _D, _C = _OPEN + _ENDED

TABLE: Mapping[type[Observation], Mapping[State, Rule]] = {
    Read: _row(_rule(_read, _R, _A, _W, _D, _C), new=_rule(_read, _R, _A, _W, _D, _C), ended=_rule(_read, _D, _C)),
    Supplied: _row(Rule(_supplied), new=Rule(_supplied), ended=Rule(_kept)),
    # A watched order may be new for long: its portal says of it what nobody knows.
    Unchanged: _row(Rule(_unchanged), new=Rule(_unchanged), ended=Rule(_unchanged)),
    Fetched: _row(Rule(_fetched), new=Rule(_fetched), ended=Rule(_fetched)),
    Moved: _row(_rule(_moved, _R, _A, _W, _D, _C), ended=_rule(_moved, _D, _C)),
    Illegible: _row(Rule(_illegible), new=Rule(_illegible), ended=Rule(_illegible)),
    Told: _row(Rule(_told), ended=Rule(_told)),
    TellRefused: _row(Rule(_tell_refused), ended=Rule(_tell_refused)),
    MessageLeft: _row(Rule(_message_left), ended=Rule(_message_left)),
    MessageRefused: _row(Rule(_message_refused), ended=Rule(_message_refused)),
    Registered: _row(Rule(_registered), ended=Rule(_registered)),
    RegisterRefused: _row(Rule(_register_refused), ended=Rule(_register_refused)),
    NotRegistered: _row(Rule(_not_registered), ended=Rule(_not_registered)),
    Given: _row(Rule(_given), ended=Rule(_given)),
    GiveRefused: _row(Rule(_give_refused), ended=Rule(_give_refused)),
    Begun: _row(_rule(_begun, _A), ended=Rule(_begun)),
    Done: _row(_rule(_done, _D), ended=Rule(_done)),
    Failed: _row(_rule(_failed, _W), ended=Rule(_failed)),
    Refused: _row(_rule(_refused, _W), ended=Rule(_refused)),
    Held: _row(_rule(_held, _W), ended=IGNORED),
    Vanished: _row(_rule(_vanished, _W), ended=Rule(_vanished_after_end)),
    Absent: _row(Rule(_absent), ended=Rule(_absent)),
    Unclear: _row(Rule(_unclear), ended=Rule(_unclear)),
    Withdrawn: _row(Rule(_withdrawn_for_nothing), ended=Rule(_withdrawn)),
    WithdrawRefused: _row(Rule(_withdraw_refused_luckily), ended=Rule(_withdraw_refused)),
    Woke: _row(Rule(_woke), new=IGNORED, ended=IGNORED),
    Broke: _row(Rule(_broke), new=Rule(_broke), ended=Rule(_broke)),
    Retried: _row(
        _rule(_retried, _A),
        new=Rule(_retried),
        delivered=_rule(_retried, _R, _A, _W),
        cancelled=_rule(_retried, _R, _A, _W, _D),
    ),
    NotDone: _row(Rule(_not_done), ended=Rule(_not_done)),
    DeliveredByHand: _row(
        _rule(_delivered_by_hand, _D),
        new=_rule(_delivered_by_hand, _D),
        delivered=Rule(_ended_by_hand),
        cancelled=_rule(_ended_by_hand, _D),
    ),
    CancelledByHand: _row(
        _rule(_cancelled_by_hand, _C),
        new=_rule(_cancelled_by_hand, _C),
        delivered=_rule(_ended_by_hand, _C),
        cancelled=_rule(_ended_by_hand, _D),
    ),
}
