"""An order is registered once in its life, before it is handed over; what can't be known is asked."""

from dataclasses import replace
from typing import Any

import pytest

from syncer.orders import (
    Absent,
    Begun,
    CancelledByHand,
    CannotTell,
    Done,
    Failed,
    Kind,
    NotRegistered,
    Park,
    Read,
    Refused,
    Registered,
    RegisterRefused,
    Retried,
    Rules,
    State,
    decide,
)
from tests.orders.world import DETAILS, NOW, ROUTES, TERMS, Answer, Lost, World, order_of, world

RULES = Rules(tuple(replace(route, register="gks4") for route in ROUTES), TERMS)


def registering(*answers: Answer, **facts: Any) -> World:
    made = world(rules=RULES, **facts)
    made.registers.extend(answers)
    return made


def test_an_order_is_registered_before_it_is_handed_over_and_after_it_is_received() -> None:
    one = registering(progress=Begun("17")).run()
    assert one.statuses == ["received", "active"]
    assert [intent.target for intent in one.registered] == ["gks4"]
    assert (one.order.registered_in, one.order.register_ref) == ("gks4", "9001")
    assert len(one.submitted) == 1


def test_an_order_whose_route_registers_nowhere_is_not_registered() -> None:
    assert world().run().registered == []


def test_it_is_registered_once_however_often_its_fulfilment_is_retried() -> None:
    one = registering(answers=[Refused("no light"), Refused("no light"), Begun("17")]).run()
    one.say(Retried()).say(Retried())
    assert len(one.submitted) == 3
    assert len(one.registered) == 1


def test_it_is_registered_once_when_the_fulfilment_fails_and_is_begun_anew() -> None:
    one = registering(progress=Failed("dark fibre")).run()
    one.progress = Done("18")
    one.say(Retried()).after(minutes=2)
    assert one.order.state is State.DELIVERED
    assert len(one.registered) == 1


def test_an_order_that_was_delivered_past_us_is_registered_and_nothing_else_is_done() -> None:
    one = registering(status="delivered").run()
    assert len(one.registered) == 1
    assert (one.statuses, one.messages, one.submitted) == ([], [], [])
    assert one.order.wake_at is None


@pytest.mark.parametrize("status", ["cancelled"])
def test_an_order_that_was_over_before_it_was_delivered_is_not_registered(status: str) -> None:
    assert registering(status=status).run().registered == []


def test_an_order_that_ended_before_its_route_registered_anything_stays_unregistered() -> None:
    one = world(status="delivered").run()
    one.rules = RULES
    one.listed()
    assert one.registered == []


@pytest.mark.parametrize("status", ["received", "active", "waiting"])
def test_what_a_former_life_may_have_registered_is_asked_about_and_then_a_person_is(status: str) -> None:
    one = registering(status=status, found=CannotTell("look there")).run()
    assert one.registered == []
    assert one.order.park is Park.UNCERTAIN


def test_a_delivered_order_that_went_through_our_hands_once_is_not_registered_on_a_guess() -> None:
    order = order_of()
    decision = decide(order, Read("delivered", "3105", details=DETAILS, ours=True), NOW, RULES)
    assert decision.order.register_doubt
    assert [intent.state for intent in decision.intents] == ["uncertain"]


def test_a_person_who_says_not_done_has_it_registered_and_its_fulfilment_is_looked_up_still() -> None:
    one = registering(status="active", found=CannotTell("look there")).run()
    one.found = Absent()
    one.resolve(NotRegistered())
    assert len(one.registered) == 1
    assert one.order.park is Park.TAKEOVER  # no order of ours is found there, though the portal says active
    assert any(intent.kind is Kind.SUBMIT for intent in one.found_for)


def test_a_person_who_says_done_has_it_gone_on() -> None:
    one = registering(Lost(CannotTell("look there"))).run()
    assert one.order.park is Park.UNCERTAIN
    one.resolve(Registered("gks4", "9002"))
    assert (one.order.register_ref, len(one.registered), len(one.submitted)) == ("9002", 1, 1)


def test_a_refusal_parks_the_order_and_the_portal_learns_nothing_of_our_books() -> None:
    one = registering(RegisterRefused("customer K1 is unknown")).run()
    assert one.order.park is Park.REGISTER
    assert "K1" in (one.order.parked or "")
    assert len(one.messages) == 1
    assert "K1" not in one.messages[0]
    assert one.submitted == []


def test_a_retry_registers_under_a_key_of_its_own() -> None:
    one = registering(RegisterRefused("customer K1 is unknown")).run().say(Retried())
    keys = [intent.key for intent in one.registered]
    assert len(set(keys)) == 2
    assert one.order.registered_in == "gks4"
    assert len(one.submitted) == 1


def test_a_delivered_order_that_was_refused_is_registered_when_a_person_says_retry() -> None:
    one = registering(RegisterRefused("customer K1 is unknown"), status="delivered").run().say(Retried())
    assert (len(one.registered), one.order.registered_in, one.messages) == (2, "gks4", [])


def test_an_order_that_is_cancelled_while_it_waits_to_be_registered_is_not() -> None:
    one = registering(RegisterRefused("customer K1 is unknown")).run().listed("cancelled")
    one.say(Retried())
    assert len(one.registered) == 1
    assert one.order.state is State.CANCELLED


def test_an_order_that_is_cancelled_after_it_was_registered_is_a_person_s_to_take_out() -> None:
    one = registering(answers=[Refused("no light")]).run().listed("cancelled")
    assert one.order.park is Park.CANCEL
    assert "gks4 as 9001" in (one.order.parked or "")
    assert one.say(CancelledByHand()).order.park is None


def test_one_that_is_withdrawn_in_time_is_still_to_be_taken_out_of_the_order_system() -> None:
    one = registering(progress=Begun("17")).run().listed("cancelled")
    assert len(one.withdrawn) == 1
    assert one.order.park is Park.CANCEL
    assert "9001" in (one.order.parked or "")
