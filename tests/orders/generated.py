"""Orders, observations and rules of every kind, for claims about all of them."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from syncer.orders import (
    FINAL,
    NAMELESS,
    OBSERVATIONS,
    Intent,
    IntentState,
    Kind,
    Observation,
    Order,
    Park,
    Route,
    Rules,
    State,
    Terms,
    Work,
    plan,
)
from tests.orders.world import NOW, RULES

STATUSES = [*map(str, State), "paused"]
moments = st.datetimes(datetime(2031, 4, 1), datetime(2031, 6, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes naive bounds
words = st.sampled_from(["", "no light", "unknown access", "å" * 300])
maybe = st.none() | moments
ids = st.sampled_from(["770101", "1" * 60, "å/ä", NAMELESS + "0123456789abcdef"])
services = st.sampled_from(["", "3105", "3200", "3300", "9999"])
refs = st.none() | st.sampled_from(["17", "18"])
details = st.builds(
    lambda service, socket: {"order": {"service": service}, "customer": {"socket": socket}}, services, words
)
spans = st.sampled_from([timedelta(minutes=1), timedelta(days=14)])
rules = st.just(RULES) | st.builds(
    Rules,
    st.tuples(st.builds(Route, st.just("tj"), st.sampled_from(["nordnet", "desk"]), st.just({}))) | st.just(()),
    st.dictionaries(
        st.sampled_from(["nordnet", "desk"]), st.builds(Terms, deadline=st.none() | spans, followed=st.booleans())
    ),
)


@st.composite
def orders(draw: st.DrawFn, **facts: Any) -> Order:
    """An order with any facts at all, but for: parked and its reason go together; a nameless one was never read."""
    park = draw(st.none() | st.sampled_from(Park))
    order = draw(
        st.builds(
            Order,
            st.just("tj"),
            ids,
            state=st.sampled_from(State),
            portal_status=st.none() | st.sampled_from(STATUSES),
            service=services,
            work=st.sampled_from(Work),
            fulfilment=st.none() | st.sampled_from(["nordnet", "desk", "gone"]),
            fulfilment_ref=refs,
            park=st.just(park),
            parked=st.none() if park is None else st.sampled_from(["no light", "why"]),
            look_due=st.booleans(),
            doubt=st.booleans(),
            taken_over=st.booleans(),
            explained=st.booleans(),
            seen_at=maybe,
            wish_at=maybe,
            hold_until=maybe,
            begun_at=maybe,
            round=st.integers(1, 99),
            tells=st.integers(0, 99),
            failures=st.integers(0, 99),
            message=st.none() | words,
            message_type=st.sampled_from(["error", "alert"]),
            said=st.none() | words,
            details=details,
            wake_at=maybe,
            wake_firm=st.booleans(),
            created_at=maybe,
            updated_at=maybe,
            ended_at=maybe,
        )
    ).but(**facts)
    if order.nameless:  # listed, parked, and perhaps ended by hand; there is nothing else to it
        said = str(order.state) if order.state in FINAL else None
        state = order.state if order.state in FINAL else State.NEW
        order = Order("tj", order.external_id, state=state, portal_status=said, look_due=False)
        if said is None:
            order = order.but(park=Park.UNREADABLE, parked="unreadable: no id")
    return order


def observations(kind: type[Observation]) -> st.SearchStrategy[Observation]:
    """Any observation of a kind."""
    parts = {
        "status": st.sampled_from(STATUSES),
        "service": services,
        "wish_at": maybe,
        "details": details | st.just({}),
        "explained": st.booleans(),
        "cause": words,
        "ref": refs,
        "note": words,
        "until": moments,
    }
    return st.builds(kind, **{part.name: parts[part.name] for part in fields(kind)})


@st.composite
def situations(
    draw: st.DrawFn, kinds: tuple[type[Observation], ...] = OBSERVATIONS
) -> tuple[Order, Observation, datetime, Rules, Intent | None]:
    """An order, an observation, a time, rules, and the order's open intent: one that was decided for it, or none."""
    order, some = draw(orders()), draw(rules)
    now = draw(moments | st.just(NOW))
    planned = plan(order, None, now, some).intent
    if planned is None:
        kind, target = draw(st.sampled_from([(Kind.SUBMIT, "nordnet"), (Kind.STATUS, "tj"), (Kind.MESSAGE, "tj")]))
        planned = Intent("tj.770101.x1", kind, target, {"status": "received", "from": "new"})
    state = draw(st.none() | st.sampled_from([IntentState.PLANNED, IntentState.ATTEMPTING, IntentState.UNCERTAIN]))
    seen = draw(st.sampled_from(kinds).flatmap(observations))
    intent = (
        None
        if state is None or order.nameless
        else Intent(planned.key, planned.kind, planned.target, planned.payload, state, at=now)
    )
    return order, seen, now, some, intent
