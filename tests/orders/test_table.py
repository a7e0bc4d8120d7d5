"""The table is whole, its handlers do what it says, and every decision keeps the promises, whatever the facts."""

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.orders import (
    IGNORED,
    IMPOSSIBLE,
    OBSERVATIONS,
    TABLE,
    Act,
    Decision,
    Illegible,
    Impossible,
    IntentState,
    Observation,
    Park,
    Rule,
    State,
    decide,
    plan,
    seen,
)
from tests.orders.generated import (
    BYTES,
    MOMENTS,
    Situation,
    an_observation,
    an_order,
    chooser,
    situations,
    some_rules,
)
from tests.orders.world import NOW, RULES, check

PAIRS = [(kind, state) for kind in OBSERVATIONS for state in State]
HANDLED = [
    pair for pair in PAIRS if TABLE[pair[0]][pair[1]] is not IGNORED and TABLE[pair[0]][pair[1]] is not IMPOSSIBLE
]
WAYS = [(kind, state, to) for kind, state in HANDLED for to in sorted(TABLE[kind][state].leads) if to is not state]
TRIES = 3000  # of random facts, until one goes a declared way; a rare one takes a hundred

many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def name(part: Any) -> str:
    return part.__name__ if isinstance(part, type) else str(part)


# --- the table --------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_observation_and_no_other() -> None:
    assert set(TABLE) == set(OBSERVATIONS)
    kinds = [kind for kind in vars(seen).values() if isinstance(kind, type) and issubclass(kind, Observation)]
    assert {kind for kind in kinds if kind is not Observation and not kind.__name__.startswith("_")} == set(TABLE)


@pytest.mark.parametrize(("kind", "state"), PAIRS, ids=name)
def test_each_pair_is_handled_or_ignored_or_impossible(kind: type[Observation], state: State) -> None:
    rule = TABLE[kind][state]
    assert isinstance(rule, Rule)
    assert rule.leads <= set(State)
    assert rule is IGNORED or rule is IMPOSSIBLE or rule.handle is not IGNORED.handle


def test_ignored_and_impossible_are_not_the_same() -> None:
    assert IGNORED is not IMPOSSIBLE
    assert IGNORED.leads == IMPOSSIBLE.leads == frozenset()


@settings(many, max_examples=1000)
@given(BYTES, st.sampled_from(HANDLED))
def test_each_handler_stays_within_the_states_that_its_rule_declares(
    data: bytes, pair: tuple[type[Observation], State]
) -> None:
    (kind, state), take = pair, chooser(data)
    rule, order = TABLE[kind][state], an_order(take, state=state)
    after = rule.handle(order, an_observation(take, kind), take(MOMENTS), some_rules(take))
    assert after.state in rule.leads | {state}


@pytest.mark.parametrize(("kind", "state", "to"), WAYS, ids=name)
def test_each_declared_way_is_gone_by_some_order(kind: type[Observation], state: State, to: State) -> None:
    chance = Random(770101)
    for _ in range(TRIES):
        take = chooser(chance.randbytes(80))
        order, seen = an_order(take, state=state), an_observation(take, kind)
        if TABLE[kind][state].handle(order, seen, NOW, RULES).state is to:
            return
    pytest.fail("no order goes there")


# --- every decision ---------------------------------------------------------------------------------------------


def decided(one: Situation) -> Decision | None:
    try:
        return decide(one.order, one.seen, one.now, one.rules, one.intent)
    except Impossible:
        return None


@many
@given(situations)
def test_a_decision_is_pure(one: Situation) -> None:
    before = copy.deepcopy(one)
    assert decided(one) == decided(before)
    assert one == before


@many
@given(situations)
def test_only_what_the_table_calls_impossible_is_refused(one: Situation) -> None:
    assert (decided(one) is None) == (TABLE[type(one.seen)][one.order.state] is IMPOSSIBLE)


@settings(many, max_examples=1500)
@given(situations)
def test_each_decision_keeps_the_promises(one: Situation) -> None:
    decision = decided(one)
    if decision is not None:
        check(one.order, decision, one.intent, one.rules)


@many
@given(situations)
def test_only_an_unbegun_intent_is_ever_dropped(one: Situation) -> None:
    decision = decided(one)
    if decision is not None and decision.drop:
        assert one.intent is not None
        assert one.intent.state is IntentState.PLANNED


@many
@given(situations)
def test_the_next_step_is_the_one_that_follows_from_the_facts_alone(one: Situation) -> None:
    decision = decided(one)
    if decision is not None:
        kept = None if decision.drop else one.intent
        step = plan(decision.order, kept, one.now, one.rules)
        assert (step.act, step.intent) == (decision.next.act, decision.next.intent)


@many
@given(situations)
def test_a_state_changes_only_as_its_rule_declares_or_by_the_deadline(one: Situation) -> None:
    decision = decided(one)
    if decision is not None:
        overdue = decision.order.park is Park.DEADLINE and decision.state is State.WAITING
        assert overdue or decision.state in TABLE[type(one.seen)][one.order.state].leads | {one.order.state}


@many
@given(situations)
def test_nothing_is_left_to_do_only_for_an_order_that_is_over(one: Situation) -> None:
    decision = decided(one)
    if decision is not None and decision.next.act is Act.NOTHING:
        assert decision.order.final
        assert decision.order.parked is None
        assert decision.wake_at is None


@many
@given(situations)
def test_what_could_not_be_read_is_not_read_again_at_once(one: Situation) -> None:
    unread = Situation(one.order, Illegible("no XML"), one.now, one.rules, one.intent)
    decision = decided(unread)
    assert decision is not None
    assert decision.wake_at is None or decision.wake_at > one.now
