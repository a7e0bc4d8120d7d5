"""The table is whole, its handlers do what it says, and every decision keeps the promises, whatever the facts."""

import copy
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from syncer.orders import (
    FINAL,
    IGNORED,
    IMPOSSIBLE,
    OBSERVATIONS,
    TABLE,
    Act,
    Impossible,
    Intent,
    Observation,
    Order,
    Park,
    Rule,
    Rules,
    State,
    decide,
    plan,
)
from tests.orders.generated import moments, observations, orders, rules, situations
from tests.orders.world import check

PAIRS = [(kind, state) for kind in OBSERVATIONS for state in State]
HANDLED = [pair for pair in PAIRS if TABLE[pair[0]][pair[1]] not in (IGNORED, IMPOSSIBLE)]
LEADS = [(kind, state, to) for kind, state in HANDLED for to in TABLE[kind][state].leads if to is not state]
Situation = tuple[Order, Observation, datetime, Rules, Intent | None]

many = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
each = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def name(part: Any) -> str:
    return part.__name__ if isinstance(part, type) else str(part)


# --- the table --------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_observation_and_no_other() -> None:
    assert set(TABLE) == set(OBSERVATIONS)
    known = set(Observation.__subclasses__()) | {
        one for kind in Observation.__subclasses__() for one in kind.__subclasses__()
    }
    assert {kind for kind in known if not kind.__name__.startswith("_")} == set(OBSERVATIONS)


@pytest.mark.parametrize(("kind", "state"), PAIRS, ids=name)
def test_each_pair_is_handled_or_ignored_or_impossible(kind: type[Observation], state: State) -> None:
    rule = TABLE[kind][state]
    assert isinstance(rule, Rule)
    assert rule.leads <= set(State)
    assert rule is IGNORED or rule is IMPOSSIBLE or rule.handle is not IGNORED.handle


def test_ignored_and_impossible_are_not_the_same() -> None:
    assert IGNORED is not IMPOSSIBLE
    assert IGNORED.leads == IMPOSSIBLE.leads == frozenset()


@pytest.mark.parametrize(("kind", "state"), HANDLED, ids=name)
@each
@given(data=st.data())
def test_each_handler_stays_within_the_states_that_its_rule_declares(
    kind: type[Observation], state: State, data: st.DataObject
) -> None:
    rule = TABLE[kind][state]
    order, seen = data.draw(orders(state=state)), data.draw(observations(kind))
    after = rule.handle(order, seen, data.draw(moments), data.draw(rules))
    assert after.state in rule.leads | {order.state}


@pytest.mark.parametrize(("kind", "state", "to"), LEADS, ids=name)
def test_each_declared_way_is_gone_by_some_order(kind: type[Observation], state: State, to: State) -> None:
    def goes(pair: tuple[Order, Observation, datetime, Rules]) -> bool:
        order, seen, now, some = pair
        return TABLE[kind][order.state].handle(order, seen, now, some).state is to

    find(st.tuples(orders(state=state), observations(kind), moments, rules), goes, settings=settings(max_examples=5000))


# --- every decision ---------------------------------------------------------------------------------------------


def decided(situation: Situation) -> Any:
    try:
        return decide(*situation)
    except Impossible:
        return None


@many
@given(situations())
def test_a_decision_is_pure(situation: Situation) -> None:
    before = copy.deepcopy(situation)
    assert decided(situation) == decided(situation)
    assert situation == before


@many
@given(situations())
def test_only_what_the_table_calls_impossible_is_refused(situation: Situation) -> None:
    order, seen, *_ = situation
    refused = decided(situation) is None
    assert refused == (TABLE[type(seen)][order.state] is IMPOSSIBLE)


@many
@given(situations())
def test_each_decision_keeps_the_promises(situation: Situation) -> None:
    order, _, _, some, intent = situation
    decision = decided(situation)
    if decision is not None:
        check(order, decision, intent, some)


@many
@given(situations())
def test_only_an_unbegun_intent_is_ever_dropped(situation: Situation) -> None:
    decision = decided(situation)
    if decision is not None and decision.drop:
        assert situation[4] is not None
        assert situation[4].state == "planned"


@many
@given(situations())
def test_the_next_step_is_the_one_that_is_planned_from_the_facts(situation: Situation) -> None:
    decision = decided(situation)
    if decision is None:
        return
    _, _, now, some, intent = situation
    kept = None if decision.drop else intent
    assert plan(decision.order, kept, now, some) == decision.next


@many
@given(situations())
def test_a_state_changes_only_as_its_rule_declares_or_by_the_deadline(situation: Situation) -> None:
    order, seen, *_ = situation
    decision = decided(situation)
    if decision is None:
        return
    overdue = decision.order.park is Park.DEADLINE and order.park is not Park.DEADLINE
    assert decision.state in TABLE[type(seen)][order.state].leads | {order.state} or (
        overdue and decision.state is State.WAITING
    )


@many
@given(situations())
def test_a_person_is_asked_only_where_nothing_else_can_be_done(situation: Situation) -> None:
    decision = decided(situation)
    if decision is not None and decision.next.act is Act.NOTHING:
        assert decision.order.final
        assert decision.order.parked is None
        assert decision.wake_at is None


@many
@given(orders(), moments, rules)
def test_a_final_state_is_never_written_over(order: Order, now: datetime, some: Rules) -> None:
    step = plan(order, None, now, some)
    if step.intent is not None and step.intent.kind == "status":
        assert order.portal_status not in FINAL
