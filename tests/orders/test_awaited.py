"""An order waits for what another party has to do; too late, a person looks at it; done all the same, it goes on."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from syncer.orders import (
    SUPPLIED,
    Act,
    Begun,
    CancelledByHand,
    Decision,
    DeliveredByHand,
    Done,
    Observation,
    Order,
    Park,
    Read,
    Retried,
    State,
    Supplied,
    Work,
    decide,
    help_for,
    plan,
)
from tests.orders.world import DETAILS, NOW, RULES, World, order_of, world

OPEN_IT = "the agent must open its page within a day of the order"
DAY = timedelta(days=1)
TICKET = Supplied("ticket", {"target_id": "OBJ1_2"})


def waiting(until: datetime | None = NOW + DAY, **facts: Any) -> World:
    return world(awaits=OPEN_IT, awaits_until=until, **facts).run()


def opened(one: World) -> World:
    one.awaits, one.awaits_until = "", None
    return one.say(TICKET)


def heard(order: Order, seen: Observation) -> Decision:
    return decide(order, seen, NOW, RULES)


def test_an_order_that_awaits_somebody_is_received_and_neither_handed_over_nor_registered() -> None:
    one = waiting()
    assert (one.statuses, one.submitted, one.registered) == (["received"], [], [])
    assert one.order.park is None


def test_it_says_what_it_waits_for_and_wakes_when_that_is_too_late() -> None:
    one = waiting()
    step = plan(one.order, None, one.now, RULES)
    assert (step.act, step.why, step.at) == (Act.WAIT, OPEN_IT, NOW + DAY)
    assert (one.order.wake_at, one.order.wake_firm) == (NOW + DAY, True)


def test_what_may_take_for_ever_wakes_by_itself_at_no_time() -> None:
    one = waiting(None)
    assert one.order.wake_at is None
    assert plan(one.order, None, one.now, RULES).act is Act.WAIT
    assert one.after(days=400).order.park is None
    assert opened(one).submitted != []


def test_it_is_handed_over_once_when_that_is_done() -> None:
    one = opened(waiting())
    assert len(one.submitted) == 1
    assert one.statuses == ["received", "active"]
    assert (one.order.awaits, one.order.awaits_until) == (None, None)


def test_too_late_it_is_parked_with_the_reason_and_no_message_is_written() -> None:
    assert waiting().after(hours=23).order.park is None
    one = waiting().after(hours=24)
    assert one.order.park is Park.AWAITED
    assert one.order.parked == f"{OPEN_IT}, and has not until 2031-05-05 07:15 UTC"
    assert (one.messages, one.order.state, one.order.wake_at) == ([], State.RECEIVED, None)
    assert help_for(one.order).startswith("it goes on when that is done")


def test_one_that_is_so_old_when_it_is_first_seen_is_received_and_parked_at_once() -> None:
    one = waiting(NOW - DAY)
    assert (one.statuses, one.order.park) == (["received"], Park.AWAITED)


def test_parked_for_it_the_order_goes_on_by_itself_when_it_is_done_at_last() -> None:
    one = opened(waiting().after(days=3))
    assert one.order.park is None
    assert len(one.submitted) == 1


def test_parked_for_one_thing_it_may_wait_for_the_next() -> None:
    one = waiting().after(days=3)
    one.awaits, one.awaits_until = "the agent must fill in the form", None
    one.say(TICKET)
    assert (one.order.park, one.order.awaits, one.submitted) == (None, "the agent must fill in the form", [])


def test_a_retry_changes_nothing_while_it_is_not_done() -> None:
    one = waiting().after(days=3).say(Retried())
    assert (one.order.park, one.submitted) == (Park.AWAITED, [])


@pytest.mark.parametrize(("word", "state"), [(DeliveredByHand(), "delivered"), (CancelledByHand(), "cancelled")])
def test_a_person_may_end_it_meanwhile(word: Observation, state: str) -> None:
    assert waiting().say(word).order.state == state
    assert waiting().after(days=3).say(word).order.state == state


def test_cancelled_at_the_portal_it_is_not_waited_for() -> None:
    one = waiting().listed("cancelled")
    assert (one.order.state, one.order.wake_at, one.order.park) == (State.CANCELLED, None, None)


def test_what_is_handed_over_already_is_followed_whatever_is_awaited() -> None:
    one = world(answers=[Begun("17")], progress=Begun("17")).run()
    one.awaits, one.awaits_until = OPEN_IT, NOW
    one.listed("active")
    assert one.order.park is None
    assert plan(one.order, one.intent, one.now, RULES).act is Act.FOLLOW
    one.progress = Done("17")
    assert one.after(minutes=2).order.state is State.DELIVERED


def test_a_submission_that_was_decided_is_dropped_when_somebody_has_to_act_first() -> None:
    order = order_of(state=State.RECEIVED, portal_status="received", look_due=False, seen_at=NOW, details=DETAILS)
    planned = plan(order.but(fulfilment="nordnet"), None, NOW, RULES).intent
    assert planned is not None
    read = Read("received", "3105", details=DETAILS, awaits=OPEN_IT, awaits_until=NOW + DAY)
    decision = decide(order, read, NOW, RULES, planned)
    assert decision.drop
    assert decision.next.act is Act.WAIT


# --- what is supplied -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.NEW, State.RECEIVED, State.ACTIVE, State.WAITING])
def test_what_is_supplied_is_kept_and_has_the_order_read(state: State) -> None:
    order = order_of(state=state, portal_status=str(state), look_due=False, details=DETAILS)
    decision = heard(order, TICKET)
    assert decision.order.details == {**DETAILS, "ticket": {"target_id": "OBJ1_2"}}
    assert (decision.order.look_due, decision.next.act, decision.wake_at) == (True, Act.LOOK, NOW)
    assert decision.state is state


@pytest.mark.parametrize("state", [State.DELIVERED, State.CANCELLED])
def test_of_an_ended_order_it_is_kept_and_nothing_else(state: State) -> None:
    order = order_of(state=state, portal_status=str(state), look_due=False, work=Work.DONE, ended_at=NOW).but(
        wake_at=None
    )
    decision = heard(order, TICKET)
    assert decision.order == order.but(details={"ticket": {"target_id": "OBJ1_2"}}, wake_firm=decision.order.wake_firm)
    assert (decision.wake_at, decision.intents) == (None, ())


def test_the_same_again_changes_nothing_and_more_is_added() -> None:
    order = heard(order_of(state=State.RECEIVED, portal_status="received", look_due=False), TICKET).order
    read = order.but(look_due=False, awaits="the agent must fill in the form")
    assert heard(read, TICKET).order.details is read.details
    assert not heard(read, TICKET).order.look_due
    more = heard(read, Supplied("ticket", {"owner_id": "HAN1"}))
    assert more.order.details["ticket"] == {"target_id": "OBJ1_2", "owner_id": "HAN1"}
    assert more.order.look_due


def test_of_two_forms_the_first_counts() -> None:
    order = heard(order_of(state=State.RECEIVED, portal_status="received"), Supplied("form", {"cadastre": "1/2"})).order
    after = heard(order.but(look_due=False), Supplied("form", {"cadastre": "3/4", "product": "WI1"})).order
    assert after.details["form"] == {"cadastre": "1/2"}
    assert not after.look_due


def test_a_reading_that_was_under_way_meanwhile_does_not_take_it_back() -> None:
    order = order_of(details={"head": {}, "ticket": {"target_id": "new"}, "form": {"cadastre": "1/2"}})
    read = Read("new", details={"head": {"a": "b"}, "ticket": {"target_id": "old"}})
    assert heard(order, read).order.details == {
        "head": {"a": "b"},
        "ticket": {"target_id": "new"},
        "form": {"cadastre": "1/2"},
    }


def test_what_was_supplied_is_in_no_history_and_no_intent() -> None:
    seen = Supplied("form", {"address": "Påhittvägen 7"})
    decision = heard(order_of(state=State.RECEIVED, portal_status="received"), seen)
    assert "Påhittvägen" not in decision.note + seen.event
    assert {"ticket", "form"} == SUPPLIED
