"""What was done is handed back to a portal that takes it: each part by one call, once, before it is told delivered."""

from dataclasses import replace
from typing import Any

import pytest

from syncer.cli.acting import _as_done
from syncer.orders import (
    Absent,
    Act,
    Begun,
    CannotTell,
    DeliveredByHand,
    Done,
    Failed,
    Given,
    GiveRefused,
    Intent,
    Kind,
    NotDone,
    Park,
    Retried,
    State,
    Work,
    plan,
)
from tests.orders.world import RULES, Answer, Lost, World, world

GIVES = replace(RULES, gives=frozenset({"tj"}))
LOST = Lost(CannotTell("look in tj for it"))
MORE, LAST = Given(left=True, what="a note"), Given(left=False, what="an image")


def giving(*gifts: Answer, rules: Any = GIVES, **facts: Any) -> World:
    made = world(answers=[Done("17")], rules=rules, **facts)
    made.gifts.extend(gifts)
    return made


def test_each_part_is_given_by_one_call_and_then_the_portal_is_told_delivered() -> None:
    one = giving(MORE, MORE, LAST).run()
    assert [intent.key for intent in one.given] == ["tj.770101.g1", "tj.770101.g2", "tj.770101.g3"]
    assert [intent.payload["n"] for intent in one.given] == ["1", "2", "3"]
    assert {(intent.kind, intent.target) for intent in one.given} == {(Kind.GIVE, "tj")}
    assert one.statuses == ["received", "active", "delivered"]
    assert (one.order.given, one.order.given_all) == (3, True)
    assert one.order.ended_at is not None


def test_nothing_is_given_to_a_portal_that_takes_nothing() -> None:
    one = giving(rules=RULES).run()
    assert one.given == []
    assert one.order.portal_status == "delivered"


@pytest.mark.parametrize("status", ["delivered", "cancelled"])
def test_of_what_was_over_before_us_nothing_is_given(status: str) -> None:
    assert giving(status=status).run().given == []


def test_of_a_failure_nothing_is_given() -> None:
    assert world(rules=GIVES, answers=[Failed("no")]).run().given == []


def test_what_a_person_delivers_is_given_too() -> None:
    one = world("3200", rules=GIVES).run()
    assert one.say(DeliveredByHand()).order.portal_status == "delivered"
    assert len(one.given) == 1


def test_what_a_person_delivers_past_a_fulfilment_that_has_it_still_waits_for_no_result() -> None:
    one = world(rules=GIVES, answers=[Begun("17")], progress=Begun("17")).run().say(DeliveredByHand())
    assert (one.order.portal_status, one.given) == ("delivered", [])


def test_the_portal_is_read_again_before_a_part_is_given() -> None:
    one = giving(MORE).run()
    before = one.looks
    one.order = one.order.but(given_all=False, portal_status="active", ended_at=None, wake_at=one.now)
    one.status = "active"
    one.after(minutes=5)
    assert one.looks > before
    assert one.order.portal_status == "delivered"


def test_a_part_that_was_planned_is_not_sent_once_the_order_is_cancelled() -> None:
    one = giving(MORE, MORE, MORE)
    while not one.given:
        one._step()
    one.listed("cancelled")
    assert len(one.given) == 1
    assert one.order.state is State.CANCELLED


# --- what is refused, and what is not known ---------------------------------------------------------------------


def test_a_refused_part_parks_the_order_and_the_portal_is_not_told_delivered() -> None:
    one = giving(GiveRefused("too large")).run()
    assert (one.order.park, one.order.parked) == (Park.PORTAL, "tj refused a result: too large")
    assert (one.order.state, one.statuses[-1], one.order.given) == (State.DELIVERED, "active", 0)
    assert one.after(days=3).given == one.given[:1]


def test_a_retry_gives_the_refused_part_once_more() -> None:
    one = giving(GiveRefused("too large")).run().say(Retried())
    assert [intent.payload["n"] for intent in one.given] == ["1", "1"]
    assert one.order.portal_status == "delivered"


def test_a_person_may_say_that_it_is_delivered_and_nothing_more_is_given() -> None:
    one = giving(MORE, GiveRefused("too large"), GiveRefused("too large")).run().say(DeliveredByHand())
    assert len(one.given) == 2
    assert (one.order.portal_status, one.order.park) == ("delivered", None)


def test_a_lost_answer_is_never_sent_again_but_told_to_a_person() -> None:
    one = giving(LOST).run()
    assert one.order.park is Park.UNCERTAIN
    assert "look in tj for it" in (one.order.parked or "")
    assert (len(one.given), one.statuses[-1]) == (1, "active")
    assert len(one.after(days=3).say(Retried()).given) == 1


def test_said_to_be_done_it_is_not_sent_again_and_the_next_is_given() -> None:
    one = giving(LOST, LAST).run().resolve(Given(left=True))
    assert [intent.payload["n"] for intent in one.given] == ["1", "2"]
    assert one.order.portal_status == "delivered"


def test_said_to_be_not_done_it_is_sent_again() -> None:
    one = giving(LOST, LAST).run().resolve(NotDone())
    assert [intent.payload["n"] for intent in one.given] == ["1", "1"]
    assert one.order.portal_status == "delivered"


def test_surely_absent_it_is_sent_again() -> None:
    one = giving(Lost(Absent()), LAST).run()
    assert [intent.key for intent in one.given] == ["tj.770101.g1"] * 2


# --- a former life ----------------------------------------------------------------------------------------------


def test_what_a_former_life_may_have_given_is_asked_about_and_a_person_says() -> None:
    one = giving(status="active")
    one.found = CannotTell("look in tj for it")
    one.order = one.order.but(work=Work.DONE, state=State.DELIVERED, taken_over=True, portal_status="active")
    one.run()
    assert (one.order.park, one.given) == (Park.UNCERTAIN, [])
    one.resolve(NotDone())
    assert len(one.given) == 1
    assert one.order.portal_status == "delivered"


def test_reopened_while_a_part_was_uncertain_the_word_about_it_is_taken() -> None:
    one = giving(LOST).run()
    one.order = one.order.but(state=State.RECEIVED, work=Work.UNBEGUN, park=None, parked=None, look_due=False)
    one.hear(Given(left=True))
    assert one.order.given == 1
    assert plan(one.order, None, one.now, RULES).act is not Act.PERSON


def test_an_operators_word_that_it_was_done_is_taken_as_one_part_given() -> None:
    engine: Any = None  # of no account for this kind
    assert _as_done(engine, Intent("tj.770101.g1", Kind.GIVE, "tj", {"n": "1"}), None) == Given(
        left=True, what="by an operator's word"
    )
