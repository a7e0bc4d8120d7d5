"""Orders, observations and rules of every kind, for claims about all of them.

Each is drawn as one string of bytes, a byte to a fact: drawn fact by fact, they would take a hundred times as long.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any, TypeVar

from hypothesis import strategies as st

from syncer.orders import (
    FINAL,
    NAMELESS,
    OBSERVATIONS,
    Broke,
    CancelledByHand,
    DeliveredByHand,
    Intent,
    IntentState,
    Kind,
    Observation,
    Order,
    Park,
    Retried,
    Route,
    Rules,
    State,
    Terms,
    Woke,
    Work,
    plan,
)
from tests.orders.world import NOW, RULES

Value = TypeVar("Value")
Draw = Callable[[Sequence[Value]], Value]

MOMENTS = [
    NOW + timedelta(seconds=seconds)
    for seconds in (0, -1, 1, -60, -61, 60, 61, -3600, 3600, -86_400, 86_400, -15 * 86_400, 15 * 86_400)
]
MAYBE = [None, *MOMENTS]
WORDS = ["no light", "", "unknown access", "å" * 300]
IDS = ["770101", "770102", "1" * 60, "å/ä"]
ROW = NAMELESS + "0123456789abcdef"
SERVICES = ["3105", "3200", "3300", "9999", ""]
STATUSES = [*map(str, State), "paused"]
BOTH = [False, True]
TARGETS = ["nordnet", "desk", "script"]
SPANS = [None, timedelta(minutes=1), timedelta(days=14)]
COUNTS = [0, 1, 2, 99]
FINAL_STATES = [State.DELIVERED, State.CANCELLED]
WITHOUT_A_CALL = [Retried, DeliveredByHand, CancelledByHand, Broke, Woke]  # what can come of a row without an id

# What the portal can't say of an order in a state, or the order would be in another; an open one can't be over there.
OVER: Mapping[State, frozenset[State]] = {
    State.DELIVERED: frozenset({State.CANCELLED}),
    State.CANCELLED: frozenset(),
}
_OPEN_PARKS = [park for park in Park if park not in {Park.CANCEL, Park.REOPENED}]
_ENDED_PARKS = [Park.UNCERTAIN, Park.UNREADABLE, Park.PORTAL, Park.CANCEL, Park.REOPENED, Park.BUG]
PARKS: Mapping[State, Sequence[Park]] = {
    State.NEW: [Park.UNREADABLE, Park.BUG],
    **dict.fromkeys([State.RECEIVED, State.ACTIVE, State.WAITING], _OPEN_PARKS),
    **dict.fromkeys(FINAL, _ENDED_PARKS),
}
FACTS: Mapping[str, Sequence[Any]] = {
    "state": list(State),
    "portal_status": [*STATUSES, None],
    "service": SERVICES,
    "work": list(Work),
    "fulfilment": [*TARGETS, "gone", None],
    "fulfilment_ref": [None, "17", "18"],
    "look_due": BOTH,
    "doubt": BOTH,
    "taken_over": BOTH,
    "explained": BOTH,
    "seen_at": MAYBE,
    "wish_at": MAYBE,
    "hold_until": MAYBE,
    "begun_at": MAYBE,
    "round": [1, 2, 99],
    "tells": COUNTS,
    "failures": COUNTS,
    "message": [None, *WORDS],
    "message_type": ["error", "alert"],
    "said": [None, *WORDS],
    "files_due": BOTH,
    "registered_in": [None, "gks4"],
    "register_ref": [None, "9001"],
    "register_doubt": BOTH,
    "register_due": BOTH,
    "registers": COUNTS,
    "awaits": [None, None, "the agent must open its page"],
    "awaits_until": MAYBE,
    "given": COUNTS,
    "given_all": BOTH,
    "wake_at": MAYBE,
    "wake_firm": BOTH,
    "created_at": MAYBE,
    "updated_at": MAYBE,
    "ended_at": MAYBE,
}
PARTS: Mapping[str, Sequence[Any]] = {
    "status": STATUSES,
    "service": SERVICES,
    "wish_at": MAYBE,
    "details": [
        {},
        {"order": {"service": "3105"}},
        {"order": {"service": "3200"}, "customer": {"socket": "XY0202B07"}},
    ],
    "explained": BOTH,
    "cause": [word for word in WORDS if word],
    "ref": [None, "17", "18"],
    "note": WORDS,
    "until": MOMENTS,
    "files": [()],
    "files_due": BOTH,
    "ours": BOTH,
    "target": ["gks4"],
    "left": BOTH,
    "refused": WORDS,
    "awaits": ["", "", "the agent must open its page"],
    "old": ["", "", "its page was not opened here in time"],
    "awaits_until": MAYBE,
    "listed": [None, "Unnamed"],
    "section": ["ticket", "form"],
    "values": [{}, {"target_id": "OBJ1_2"}],
    "what": WORDS,
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What `decide` is asked: an order, an observation, a time, rules, and the order's open intent."""

    order: Order
    seen: Observation
    now: datetime
    rules: Rules
    intent: Intent | None


def chooser(data: bytes) -> Draw[Any]:
    """Takes one of some options for each byte."""
    numbers: Iterator[int] = chain(data, repeat(0))
    return lambda options: options[next(numbers) % len(options)]


def an_order(take: Draw[Any], **given: Any) -> Order:
    """An order with any facts at all, but those that belong to other states: its parks, and what is over there.

    What is parked has a reason.
    """
    external_id = take(IDS)
    facts = {name: take(options) for name, options in FACTS.items()} | given
    details = {"order": {"service": facts["service"]}, "customer": {"socket": take(WORDS)}}
    park = take(PARKS[facts["state"]]) if take(BOTH) else None
    parked = None if park is None else take(["why", "no light"])
    if facts["state"] is State.NEW:
        facts["portal_status"] = take([None, "paused"])
    elif facts["portal_status"] in OVER.get(facts["state"], FINAL):
        facts["portal_status"] = str(facts["state"])
    return Order("tj", external_id, details=details, park=park, parked=parked, **facts)


def a_nameless_order(take: Draw[Any]) -> Order:
    """A row that was listed without an id: parked, or ended by hand."""
    state = take([State.NEW, *FINAL_STATES])
    if state in FINAL:
        return Order("tj", ROW, state=state, portal_status=str(state), look_due=False)
    return Order("tj", ROW, park=take([Park.UNREADABLE, Park.BUG]), parked="no id", look_due=False)


def an_observation(take: Draw[Any], kind: type[Observation]) -> Observation:
    return kind(**{part.name: take(PARTS[part.name]) for part in fields(kind)})


def some_rules(take: Draw[Any]) -> Rules:
    if take(BOTH):
        return RULES
    routes = () if take(BOTH) else (Route("tj", take(TARGETS), register=take(["", "gks4"])),)
    gives: frozenset[str] = take([frozenset(), frozenset({"tj"})])
    terms = {name: Terms(deadline=take(SPANS), followed=take(BOTH)) for name in TARGETS[: take([0, 2, 3])]}
    return Rules(routes, terms, gives=gives)


def an_intent(take: Draw[Any], order: Order, now: datetime, rules: Rules) -> Intent | None:
    """An open intent: the one that would be decided now, or one that was decided before something changed."""
    state = take([None, IntentState.PLANNED, IntentState.ATTEMPTING, IntentState.UNCERTAIN])
    planned = plan(order, None, now, rules).intent
    if planned is None or take([0, 0, 1]):
        kind = take([Kind.SUBMIT, Kind.STATUS, Kind.MESSAGE, Kind.CANCEL, Kind.REGISTER, Kind.GIVE])
        planned = Intent("tj.770101.x1", kind, "tj", {"status": "received", "from": "new"})
    if state is None:
        return None
    return Intent(planned.key, planned.kind, planned.target, planned.payload, state, at=now)


def a_situation(take: Draw[Any]) -> Situation:
    rules, now = some_rules(take), take(MOMENTS)
    if take(range(10)) == 9:
        order = a_nameless_order(take)
        return Situation(order, an_observation(take, take(WITHOUT_A_CALL)), now, rules, None)
    order, seen = an_order(take), an_observation(take, take(OBSERVATIONS))
    return Situation(order, seen, now, rules, an_intent(take, order, now, rules))


BYTES = st.binary(min_size=96, max_size=96)
situations = BYTES.map(lambda data: a_situation(chooser(data)))
