"""What becomes of an order, from its first reading to its end: the table of the design, and what people do to it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncer.orders import (
    Absent,
    Act,
    Begun,
    Broke,
    CancelledByHand,
    CannotTell,
    DeliveredByHand,
    Done,
    Failed,
    Found,
    Held,
    Illegible,
    Intent,
    IntentState,
    Kind,
    MessageLeft,
    Moved,
    NotDone,
    Observation,
    Order,
    Park,
    Read,
    Refused,
    Retried,
    Rules,
    State,
    Terms,
    Told,
    Vanished,
    Withdrawn,
    WithdrawRefused,
    Woke,
    Work,
    decide,
    plan,
)
from tests.orders.world import DETAILS, NOW, ROUTES, RULES, TERMS, Answer, Lost, World, order_of, world

SLOW = Begun("17", "RECEIVED")  # the fulfilment has it, and is not done
FAILED = Failed("no light on the port", ref="17")
UNASKABLE = CannotTell("it can't be asked")


def ended(one: World) -> bool:
    """The order is over, here and there, and nothing is left to do."""
    order = one.order
    over = order.final and order.portal_status == order.state == one.status and order.ended_at is not None
    return over and one.intent is None and order.parked is None and order.wake_at is None


def under_way(service: str = "3105", **facts: object) -> World:
    """An order that the fulfilment has, and the portal knows as active."""
    one = world(service, **facts)  # type: ignore[arg-type] # as given
    one.progress = SLOW
    one.run()
    assert (one.order.work, one.order.state, one.status) == (Work.BEGUN, State.ACTIVE, "active")
    return one


def failing(answer: Answer) -> World:
    return world(answers=[answer]).run()


# --- the table of the design ----------------------------------------------------------------------------------


def test_a_plain_order_is_received_then_active_then_delivered() -> None:
    one = world().run().after(minutes=1)
    assert one.statuses == ["received", "active", "delivered"]
    assert one.messages == []
    assert len(one.submitted) == 1
    assert ended(one)


def test_an_order_that_is_done_at_once_is_active_before_it_is_delivered() -> None:
    one = world(answers=[Done("17")]).run()
    assert one.statuses == ["received", "active", "delivered"]
    assert ended(one)


def test_a_wish_for_a_later_date_travels_to_the_fulfilment() -> None:
    wish = NOW + timedelta(days=6)
    one = world(wish_at=wish).run()
    assert one.submitted[0].payload["wish_at"] == wish.isoformat()
    assert one.statuses == ["received", "active"]
    assert one.order.park is None


def test_an_order_that_the_network_cannot_schedule_waits_here_until_its_day() -> None:
    wish = NOW + timedelta(days=6)
    one = world(wish_at=wish, answers=[Held("can't schedule", wish)]).run()
    assert one.statuses == ["received", "waiting"]
    assert one.order.wake_at == wish
    assert one.order.wake_firm
    one.after(days=6).after(minutes=1)
    assert one.statuses == ["received", "waiting", "active", "delivered"]
    assert one.messages == []
    assert ended(one)


def test_a_kept_order_is_read_again_at_the_portal_before_it_is_handed_over() -> None:
    wish = NOW + timedelta(days=6)
    one = world(wish_at=wish, answers=[Held("can't schedule", wish)]).run()
    one.status = "cancelled"
    one.after(days=6)
    assert len(one.submitted) == 1
    assert ended(one)


def test_a_kept_order_follows_a_wish_that_changes() -> None:
    wish, sooner = NOW + timedelta(days=6), NOW + timedelta(days=2)
    one = world(wish_at=wish, answers=[Held("can't schedule", wish), Held("can't schedule", sooner)]).run()
    one.wish_at = sooner
    one.listed()
    assert one.order.wake_at == sooner
    one.after(days=2)
    assert one.order.work is Work.BEGUN


@pytest.mark.parametrize("status", ["delivered", "cancelled"])
def test_an_order_that_is_over_when_first_read_is_imported_and_nothing_else(status: str) -> None:
    one = world(status=status).run()
    assert (one.statuses, one.messages, one.submitted) == ([], [], [])
    assert one.order.state == status
    assert ended(one)


def test_a_cancellation_before_the_activation_ends_the_order() -> None:
    one = world()
    one.hear(Read("new", "3105", None, DETAILS))
    one.status = "cancelled"
    one.run()
    assert (one.statuses, one.submitted, one.messages) == ([], [], [])
    assert ended(one)


def test_an_activation_that_could_not_be_sent_is_not_sent_after_a_cancellation_was_listed() -> None:
    one = world()
    while not (one.intent is not None and one.intent.kind is Kind.SUBMIT):
        one._step()
    one.listed("cancelled")  # the network was down all the while
    assert (one.submitted, one.withdrawn, one.statuses) == ([], [], ["received"])
    assert ended(one)


def test_a_cancellation_after_the_activation_withdraws_it() -> None:
    one = under_way().listed("cancelled")
    assert len(one.withdrawn) == 1
    assert one.statuses == ["received", "active"]
    assert one.messages == []
    assert one.order.work is Work.ENDED
    assert ended(one)


def test_a_cancellation_that_comes_too_late_is_a_persons() -> None:
    one = under_way(withdraws=WithdrawRefused("it is IN_PROGRESS")).listed("cancelled")
    assert one.statuses == ["received", "active"]
    assert one.order.park is Park.CANCEL
    assert len(one.messages) == 1
    assert "IN_PROGRESS" in one.messages[0]


def test_an_order_without_a_route_is_received_explained_and_parked() -> None:
    one = world("9999").run()
    assert one.statuses == ["received"]
    assert len(one.messages) == 1
    assert one.order.park is Park.ROUTE
    assert "9999" in (one.order.parked or "")
    assert one.submitted == []


@pytest.mark.parametrize(("answer", "park"), [(Refused("unknown access"), Park.REFUSED), (FAILED, Park.FAILED)])
def test_an_activation_that_fails_at_once_is_told_and_parked_with_its_cause(answer: Observation, park: Park) -> None:
    one = failing(answer)
    cause = str(getattr(answer, "cause", ""))
    assert one.statuses == ["received", "waiting"]
    assert len(one.messages) == 1
    assert cause in one.messages[0]
    assert one.order.park is park
    assert cause in (one.order.parked or "")


def test_an_activation_that_fails_later_is_told_and_parked_with_its_cause() -> None:
    one = under_way(progress=FAILED)
    one.progress = FAILED
    one.after(minutes=1)
    assert one.statuses == ["received", "active", "waiting"]
    assert len(one.messages) == 1
    assert "no light on the port" in one.messages[0]
    assert one.order.park is Park.FAILED


def test_an_order_that_is_not_done_by_the_deadline_is_told_and_parked_and_still_followed() -> None:
    one = under_way().after(days=14)
    assert one.statuses == ["received", "active", "waiting"]
    assert len(one.messages) == 1
    assert one.order.park is Park.DEADLINE
    assert one.order.wake_at is not None
    one.after(days=2)
    assert len(one.messages) == 1


def test_a_deadline_counts_from_the_day_that_was_wished_for() -> None:
    one = under_way(wish_at=NOW + timedelta(days=10)).after(days=15)
    assert one.order.park is None
    assert one.after(days=9).order.park is Park.DEADLINE


def test_an_order_that_a_person_delivers_is_parked_at_its_deadline_though_nobody_is_asked() -> None:
    one = under_way("3200", rules=Rules(ROUTES, TERMS | {"desk": Terms(deadline=timedelta(days=3), followed=False)}))
    assert one.order.wake_at == NOW + timedelta(days=3)
    assert one.order.wake_firm
    assert one.after(days=3).order.park is Park.DEADLINE


def test_what_is_done_after_the_deadline_is_delivered_all_the_same() -> None:
    one = under_way().after(days=14)
    one.progress = Done("17")
    one.after(hours=1)
    assert one.statuses == ["received", "active", "waiting", "active", "delivered"]
    assert ended(one)


def test_an_unreadable_order_is_parked_and_nothing_is_written_on_a_guess() -> None:
    one = world(illegible="no XML").run()
    assert (one.statuses, one.messages, one.submitted) == ([], [], [])
    assert one.order.park is Park.UNREADABLE
    assert "no XML" in (one.order.parked or "")


def test_an_unreadable_order_goes_on_once_it_can_be_read() -> None:
    one = world(illegible="no XML").run()
    one.illegible = ""
    one.after(minutes=15).after(minutes=1)
    assert one.statuses == ["received", "active", "delivered"]
    assert ended(one)


def test_an_unknown_status_is_parked_and_looked_at_now_and_then() -> None:
    one = world(status="paused").run()
    assert one.order.park is Park.UNREADABLE
    assert "paused" in (one.order.parked or "")
    assert one.statuses == []
    looks = one.looks
    one.after(minutes=15)
    assert one.looks == looks + 1
    one.status = "new"
    assert one.after(minutes=15).order.work is Work.BEGUN


# --- taken over -----------------------------------------------------------------------------------------------


def test_a_received_order_without_an_activation_is_activated() -> None:
    one = world(status="received").run().after(minutes=1)
    assert [intent.kind for intent in one.found_for] == [Kind.SUBMIT]
    assert len(one.submitted) == 1
    assert one.statuses == ["active", "delivered"]
    assert ended(one)


def test_a_received_order_whose_activation_is_found_is_not_activated_again() -> None:
    one = world(status="received", found=Found(Begun("17"))).run().after(minutes=1)
    assert one.submitted == []
    assert one.statuses == ["active", "delivered"]
    assert ended(one)


@pytest.mark.parametrize("status", ["active", "waiting"])
def test_an_active_order_whose_activation_is_found_is_followed_and_left_as_it_is(status: str) -> None:
    one = world(status=status, found=Found(Begun("17"))).run()
    assert (one.statuses, one.messages, one.submitted) == ([], [], [])
    assert (one.order.state, one.order.work) == (status, Work.BEGUN)
    one.after(minutes=1)
    assert one.statuses == (["delivered"] if status == "active" else ["active", "delivered"])
    assert ended(one)


@pytest.mark.parametrize("status", ["received", "active", "waiting"])
def test_an_order_that_was_done_while_we_were_gone_is_delivered(status: str) -> None:
    one = world(status=status, found=Found(Done("17"))).run()
    assert one.submitted == []
    assert one.statuses[-1] == "delivered"
    assert ended(one)


@pytest.mark.parametrize("status", ["active", "waiting"])
def test_an_active_order_that_the_fulfilment_does_not_have_is_a_persons(status: str) -> None:
    one = world(status=status).run()
    assert (one.statuses, one.submitted, one.messages) == ([], [], [])
    assert one.order.park is Park.TAKEOVER
    one.say(Retried())
    assert len(one.submitted) == 1
    assert one.after(minutes=1).order.state is State.DELIVERED


@pytest.mark.parametrize("status", ["received", "active", "waiting"])
def test_an_order_that_cannot_be_told_from_one_already_activated_is_a_persons(status: str) -> None:
    one = world(status=status, found=UNASKABLE).run()
    assert (one.statuses, one.submitted) == ([], [])
    assert one.order.park is Park.UNCERTAIN
    assert "can't be asked" in (one.order.parked or "")
    assert one.order.wake_at is None


def test_an_order_that_was_kept_here_for_its_day_is_kept_again() -> None:
    wish = NOW + timedelta(days=6)
    one = world(status="waiting", wish_at=wish, answers=[Held("can't schedule", wish)]).run()
    assert (one.order.park, one.order.wake_at) == (None, wish)
    assert one.after(days=6).after(minutes=1).statuses == ["active", "delivered"]


def test_an_order_that_waits_because_it_failed_is_not_begun_again() -> None:
    one = world(status="waiting", wish_at=NOW + timedelta(days=6), explained=True).run()
    assert one.order.park is Park.TAKEOVER
    assert one.submitted == []


def test_a_failure_that_was_told_in_a_former_life_is_not_told_again() -> None:
    one = world(status="waiting", found=Found(FAILED), explained=True)
    one.hear(Read("waiting", "3105", None, DETAILS, explained=True))
    while one.order.park is None:
        one._step()
    one.found = Absent()  # of the message, the log is asked
    one.run()
    assert one.order.park is Park.FAILED
    assert one.messages == []
    assert one.order.message is None


def test_a_message_that_cannot_be_looked_up_is_written_once_a_person_says_that_it_was_not() -> None:
    one = world(status="received", found=Found(FAILED))
    while one.order.park is None:
        one._step()
    one.found = CannotTell("the log is empty")
    one.run()
    one.say(Retried())
    assert one.order.park is Park.UNCERTAIN
    one.resolve(NotDone())
    assert len(one.messages) == 1


# --- the other side ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["active", "waiting"])
def test_a_change_by_the_other_side_is_obeyed_while_the_order_is_received(status: str) -> None:
    one = world("9999").run().listed(status)
    assert one.order.state == status
    assert one.statuses == ["received"]


def test_waiting_set_by_the_other_side_stays_until_the_order_is_done() -> None:
    one = under_way().listed("waiting")
    assert one.order.state is State.WAITING
    assert one.statuses == ["received", "active"]
    one.progress = Done("17")
    one.after(minutes=1)
    assert one.statuses == ["received", "active", "active", "delivered"]
    assert ended(one)


def test_delivered_by_the_other_side_ends_a_parked_order() -> None:
    one = failing(FAILED).listed("delivered")
    assert one.statuses == ["received", "waiting"]
    assert ended(one)


def test_cancelled_by_the_other_side_ends_a_parked_order() -> None:
    one = failing(FAILED).listed("cancelled")
    assert one.withdrawn == []
    assert ended(one)


def test_cancelled_by_the_other_side_withdraws_what_is_overdue() -> None:
    one = under_way().after(days=14).listed("cancelled")
    assert len(one.withdrawn) == 1
    assert ended(one)


def test_a_change_that_is_seen_only_when_we_write_is_obeyed() -> None:
    one = world(answers=[Done("17")])
    while one.order.work is not Work.DONE:
        one._step()
    one.moves = "cancelled"
    one.run()
    assert one.statuses == ["received"]
    assert one.order.park is Park.CANCEL
    assert len(one.messages) == 1


def test_a_change_in_the_middle_of_our_steps_is_passed_through_not_written_over() -> None:
    one = world(answers=[Done("17")])
    while one.order.work is not Work.DONE:
        one._step()
    one.moves = "waiting"
    one.run()
    assert one.statuses == ["received", "active", "delivered"]
    assert ended(one)


def test_an_order_set_back_to_new_is_received_again() -> None:
    one = world("9999").run().listed("new")
    assert one.statuses == ["received", "received"]
    assert len(one.messages) == 1


@pytest.mark.parametrize("status", ["new", "received", "active", "waiting", "paused"])
def test_a_reopened_order_is_a_persons_and_is_not_written_over(status: str) -> None:
    one = world().run().after(minutes=1).listed(status)
    assert one.order.park is Park.REOPENED
    assert one.status == status
    one.say(Broke("a bug")).after(days=1)
    assert one.status == status
    one.listed("active").after(days=1)
    assert one.status == "active"
    assert one.order.parked is not None


def test_a_reopened_order_that_is_closed_again_there_is_closed_here() -> None:
    assert ended(world().run().after(minutes=1).listed("active").listed("delivered"))


def test_a_reopened_order_is_begun_anew_only_when_a_person_says_so() -> None:
    one = world().run().after(minutes=1).listed("received")
    assert len(one.submitted) == 1
    one.say(Retried()).after(minutes=1)
    assert [intent.key[-3:] for intent in one.submitted] == [".s1", ".s2"]
    assert ended(one)


def test_a_reopened_order_whose_activation_could_not_be_withdrawn_is_not_activated_twice() -> None:
    one = under_way(withdraws=WithdrawRefused("it is IN_PROGRESS")).listed("cancelled").listed("active")
    assert one.order.park is Park.REOPENED
    one.progress = Done("17")
    one.say(Retried()).after(minutes=1)
    assert len(one.submitted) == 1
    assert ended(one)


def test_a_cancelled_order_that_is_delivered_there_after_all_is_taken_so_when_a_person_agrees() -> None:
    one = world(status="cancelled").run().listed("delivered")
    assert one.order.park is Park.REOPENED
    assert ended(one.say(Retried()))
    assert one.submitted == []


@pytest.mark.parametrize(("word", "status"), [(CancelledByHand(), "cancelled"), (DeliveredByHand(), "delivered")])
def test_a_reopened_order_can_be_ended_by_hand(word: Observation, status: str) -> None:
    one = world().run().after(minutes=1).listed("active").say(word)
    assert one.status == status
    assert ended(one)


# --- retry ------------------------------------------------------------------------------------------------------


def test_retry_after_a_refusal_begins_a_new_round_and_the_same_refusal_is_told_once() -> None:
    one = world(answers=[Refused("unknown access"), Refused("unknown access")]).run().say(Retried())
    assert [intent.key[-3:] for intent in one.submitted] == [".s1", ".s2"]
    assert len(one.messages) == 1
    assert one.order.park is Park.REFUSED
    one.say(Retried()).after(minutes=1)
    assert one.statuses == ["received", "waiting", "active", "delivered"]
    assert ended(one)


def test_retry_after_another_refusal_tells_the_other_one_too() -> None:
    one = world(answers=[Refused("unknown access"), Refused("no such service")]).run().say(Retried())
    assert len(one.messages) == 2


def test_retry_after_a_route_was_added_goes_on() -> None:
    one = world("9999").run()
    one.rules = Rules((*ROUTES, replace(ROUTES[0], match={})), TERMS)
    one.say(Retried()).after(minutes=1)
    assert ended(one)


def test_retry_after_the_deadline_waits_as_long_again() -> None:
    one = under_way().after(days=14).say(Retried())
    assert (one.order.park, one.status) == (None, "active")
    assert one.after(days=13).order.park is None
    assert one.after(days=1).order.park is Park.DEADLINE
    assert len(one.submitted) == 1


def test_retry_of_a_vanished_order_begins_a_new_round() -> None:
    one = under_way()
    one.progress = Vanished("not known there")
    one.after(minutes=1)
    assert one.order.park is Park.VANISHED
    assert len(one.messages) == 1
    one.progress = Done("18")
    one.say(Retried()).after(minutes=1)
    assert len(one.submitted) == 2
    assert ended(one)


@pytest.mark.parametrize(("seen", "status"), [(Done("17"), "delivered"), (SLOW, "active")])
def test_a_vanished_order_that_is_found_again_goes_on_without_a_person(seen: Observation, status: str) -> None:
    one = under_way()
    one.progress = Vanished("not known there")
    one.after(minutes=1)
    one.progress = seen
    one.after(hours=1)
    assert one.order.park is None
    assert one.status == status
    assert len(one.submitted) == 1


def test_retry_of_an_uncertain_call_asks_once_more_and_sends_nothing() -> None:
    one = world("3300", answers=[Lost(UNASKABLE)]).run()
    assert one.order.park is Park.UNCERTAIN
    one.say(Retried())
    assert one.order.park is Park.UNCERTAIN
    assert len(one.submitted) == 1


def test_retry_after_the_portal_refused_a_status_tells_it_again() -> None:
    one = world(refuses="not allowed").run()
    assert one.order.park is Park.PORTAL
    assert one.submitted == []
    one.refuses = ""
    one.say(Retried()).after(minutes=1)
    assert ended(one)


@pytest.mark.parametrize("park", [Park.PORTAL, Park.BUG])
def test_retry_goes_on_with_a_failed_order_whatever_else_parked_it(park: Park) -> None:
    one = world(answers=[Refused("unknown access")])
    while one.order.work is not Work.FAILED:
        one._step()
    if park is Park.PORTAL:
        one.refuses = "not allowed"
    else:
        one.hear(Broke("a bug"))
    one.run()
    assert "unknown access" in (one.order.parked or "")
    one.refuses = ""
    one.say(Retried()).after(minutes=1)
    assert len(one.submitted) == 2
    assert ended(one)


def test_a_refused_status_is_not_sent_again_and_again() -> None:
    one = world(refuses="not allowed", answers=[FAILED])
    one.run().after(days=1)
    assert one.order.tells == 1


def test_retry_of_an_unreadable_order_reads_it_at_once() -> None:
    one = world(illegible="no XML").run()
    one.illegible = ""
    assert one.say(Retried()).after(minutes=1).order.state is State.DELIVERED


def test_a_failed_order_stays_parked_when_its_portal_says_something_unknown_for_a_while() -> None:
    one = failing(FAILED).listed("paused")
    assert one.order.park is Park.FAILED
    one.listed("waiting")
    assert one.order.park is Park.FAILED


def test_what_is_done_under_an_unknown_status_is_delivered_once_the_status_is_known() -> None:
    one = under_way().after(days=14).listed("paused")
    one.progress = Done("17")
    one.after(hours=1)
    assert one.order.park is Park.UNREADABLE
    one.status = "waiting"
    assert ended(one.after(minutes=15))


def test_retry_after_a_bug_reads_the_order_and_goes_on() -> None:
    one = under_way().say(Broke("ValueError: x"))
    assert one.order.park is Park.BUG
    one.progress = Done("17")
    assert ended(one.say(Retried()).after(minutes=1))
    assert len(one.submitted) == 1


def test_a_refused_message_parks_only_what_was_not_parked() -> None:
    one = world(answers=[FAILED], refuses_messages="not yours").run()
    assert one.order.park is Park.FAILED
    assert one.order.message is None


def test_retry_of_a_late_cancellation_tries_to_withdraw_again_and_tells_it_once() -> None:
    one = under_way(withdraws=WithdrawRefused("it is IN_PROGRESS")).listed("cancelled").say(Retried())
    assert len(one.withdrawn) == 2
    assert one.order.park is Park.CANCEL
    assert len(one.messages) == 1
    one.withdraws = Withdrawn()
    assert ended(one.say(Retried()))


def test_retry_of_what_is_not_parked_changes_nothing() -> None:
    one = under_way()
    before = one.order
    one.say(Retried())
    assert one.order.but(wake_at=before.wake_at) == before


# --- by hand ----------------------------------------------------------------------------------------------------


def mended(one: World) -> World:
    """What made the trouble does so no more."""
    one.refuses = one.illegible = ""
    return one


STAGES: dict[str, Callable[[], World]] = {
    "listed": world,
    "without a route": lambda: world("9999").run(),
    "under way": under_way,
    "by a person": lambda: under_way("3200"),
    "failed": lambda: failing(FAILED),
    "overdue": lambda: under_way().after(days=14),
    "refused by the portal": lambda: mended(world(refuses="not allowed").run()),
    "unreadable": lambda: mended(world(illegible="no XML").run()),
}


@pytest.mark.parametrize("stage", STAGES)
def test_deliver_by_hand_ends_the_order_at_each_stage_and_the_portal_is_told_each_step(stage: str) -> None:
    one = STAGES[stage]()
    handed_over = len(one.submitted)
    one.say(DeliveredByHand())
    assert one.statuses[0] == "received"
    assert one.statuses[-2:] == ["active", "delivered"]
    assert len(one.submitted) == handed_over
    assert ended(one)


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_by_hand_ends_the_order_at_each_stage_and_the_portal_is_told(stage: str) -> None:
    one = STAGES[stage]()
    withdrawn, handed_over = stage in {"under way", "overdue"}, len(one.submitted)
    one.say(CancelledByHand())
    assert one.statuses[-1] == "cancelled"
    assert len(one.submitted) == handed_over
    assert len(one.withdrawn) == withdrawn
    assert ended(one)


def test_a_person_who_cancels_what_a_person_delivers_is_not_asked_again() -> None:
    one = under_way("3200", withdraws=WithdrawRefused("a person has it")).say(CancelledByHand())
    assert one.withdrawn == []
    assert one.messages == []
    assert ended(one)


def test_a_cancellation_by_hand_that_the_fulfilment_refuses_is_ended_by_saying_it_again() -> None:
    one = under_way(withdraws=WithdrawRefused("it is IN_PROGRESS")).say(CancelledByHand())
    assert one.order.park is Park.CANCEL
    assert one.status == "active"
    one.say(CancelledByHand())
    assert one.status == "cancelled"
    assert ended(one)


def test_a_late_cancellation_is_ended_by_a_person_who_has_seen_to_it() -> None:
    one = under_way(withdraws=WithdrawRefused("it is IN_PROGRESS")).listed("cancelled")
    assert ended(one.say(CancelledByHand()))


@pytest.mark.parametrize("word", [CancelledByHand(), DeliveredByHand()])
def test_what_is_cancelled_there_and_done_here_is_ended_by_a_person_and_nothing_is_written_over_it(
    word: Observation,
) -> None:
    one = under_way()
    one.hear(Done("17"))
    one.moves = "cancelled"
    one.run()
    assert one.order.park is Park.CANCEL
    one.say(word)
    assert one.order.state is State.CANCELLED
    assert one.statuses == ["received", "active"]
    assert ended(one)


def test_cancel_by_hand_after_the_portal_said_delivered_is_a_persons() -> None:
    one = under_way()
    one.moves = "delivered"
    one.say(CancelledByHand())
    assert (one.order.park, one.order.state) == (Park.CANCEL, State.DELIVERED)
    assert ended(one.say(CancelledByHand()))


@pytest.mark.parametrize("word", [CancelledByHand(), DeliveredByHand()])
def test_words_about_an_order_that_is_over_change_nothing(word: Observation) -> None:
    one = world().run().after(minutes=1)
    before = one.order
    assert one.say(word).order == before


@pytest.mark.parametrize("word", [CancelledByHand(), DeliveredByHand()])
def test_what_is_ended_by_hand_under_an_unknown_status_stays_a_persons_until_the_portal_is_told(
    word: Observation,
) -> None:
    one = world(status="paused").run().say(word)
    assert one.order.park is Park.UNREADABLE
    one.status = "new"
    assert ended(one.after(minutes=15))


def test_an_order_taken_over_in_doubt_and_cancelled_by_hand_is_cancelled() -> None:
    one = world(status="active")
    one.hear(Read("active", "3105", None, DETAILS))
    one.say(CancelledByHand())
    assert one.statuses == ["cancelled"]
    assert ended(one)


def test_an_order_cancelled_by_hand_while_its_activation_is_uncertain_is_withdrawn_if_it_took_effect() -> None:
    one = world(answers=[Lost(Found(Begun("17")))])
    while one.intent is None or one.intent.state is not IntentState.UNCERTAIN:
        one._step()
    one.say(CancelledByHand())
    assert len(one.withdrawn) == 1
    assert one.statuses == ["received", "cancelled"]
    assert ended(one)


# --- uncertain --------------------------------------------------------------------------------------------------


def test_an_uncertain_activation_is_looked_up_before_it_is_sent_again() -> None:
    one = world(answers=[Lost(Found(Begun("17")))]).run().after(minutes=1)
    assert len(one.submitted) == 1
    assert ended(one)


def test_an_uncertain_activation_that_is_surely_absent_is_sent_again_under_the_same_reference() -> None:
    one = world(answers=[Lost(Absent())]).run().after(minutes=1)
    assert len(one.submitted) == 2
    assert len({intent.key for intent in one.submitted}) == 1
    assert ended(one)


def test_an_uncertain_message_that_is_surely_absent_is_written_again() -> None:
    one = world(answers=[FAILED], message_lost=Lost(Absent())).run()
    assert len(one.messages) == 1


def test_an_uncertain_message_that_is_found_is_not_written_again() -> None:
    one = world(answers=[FAILED], message_lost=Lost(Found(MessageLeft()))).run()
    assert one.messages == []
    assert one.order.message is None


def test_an_uncertain_call_that_was_done_goes_on_from_there() -> None:
    one = world("3300", answers=[Lost(UNASKABLE)]).run()
    one.resolve(Done(None, "by an operator's word"))
    assert one.statuses == ["received", "active", "delivered"]
    assert len(one.submitted) == 1
    assert ended(one)


def test_an_uncertain_call_that_was_not_done_is_made_again() -> None:
    one = world("3300", answers=[Lost(UNASKABLE), Done()]).run()
    one.resolve(NotDone())
    assert len(one.submitted) == 2
    assert ended(one)


def test_an_uncertain_call_that_was_not_done_is_not_made_again_for_an_order_cancelled_since() -> None:
    one = world("3300", answers=[Lost(UNASKABLE)]).run()
    one.status = "cancelled"
    one.resolve(NotDone())
    assert len(one.submitted) == 1
    assert ended(one)


def test_an_uncertain_call_that_was_done_is_withdrawn_for_an_order_cancelled_since() -> None:
    one = world(answers=[Lost(UNASKABLE)]).run().listed("cancelled")
    assert one.order.park is Park.UNCERTAIN
    one.resolve(Begun("17"))
    assert len(one.withdrawn) == 1
    assert ended(one)


def test_an_uncertain_withdrawal_is_a_persons_and_goes_on_by_their_word() -> None:
    one = under_way(withdraws=Lost(UNASKABLE)).say(CancelledByHand())
    assert one.order.park is Park.UNCERTAIN
    assert one.status == "active"
    one.resolve(Withdrawn())
    assert one.status == "cancelled"
    assert ended(one)


def test_an_uncertain_withdrawal_that_was_made_leaves_a_reopened_order_to_its_person() -> None:
    one = under_way(withdraws=Lost(UNASKABLE)).listed("cancelled").listed("active")
    assert one.order.park is Park.REOPENED
    one.resolve(Withdrawn())
    assert one.order.park is Park.REOPENED
    assert one.status == "active"


@pytest.mark.parametrize(("truth", "rounds"), [(Withdrawn(), 2), (WithdrawRefused("it is IN_PROGRESS"), 1)])
def test_a_reopened_order_whose_withdrawal_is_uncertain_goes_on_from_what_became_of_it(
    truth: Observation, rounds: int
) -> None:
    one = under_way(withdraws=Lost(UNASKABLE)).listed("cancelled").listed("active").say(Retried())
    assert one.order.park is Park.UNCERTAIN
    one.progress = Done("17")
    one.resolve(truth).after(minutes=1)
    assert len(one.submitted) == rounds
    assert ended(one)


def test_a_route_that_changes_while_an_activation_is_uncertain_changes_nothing_about_it() -> None:
    one = world(answers=[Lost(UNASKABLE)]).run()
    one.rules = Rules((), TERMS)
    one.hear(Woke())
    assert (one.order.fulfilment, one.order.park, one.order.message) == ("nordnet", Park.UNCERTAIN, None)
    one.say(Retried())
    assert (one.order.fulfilment, one.order.park, one.order.message) == ("nordnet", Park.UNCERTAIN, None)


# --- rows without an id -----------------------------------------------------------------------------------------


def nameless() -> World:
    order = Order("tj", "row-0123456789abcdef", park=Park.UNREADABLE, parked="unreadable: no id", look_due=False)
    return World(order)


def test_a_row_without_an_id_waits_for_a_person() -> None:
    order = nameless().order
    assert plan(order, None, NOW, RULES).act is Act.PERSON


@pytest.mark.parametrize("rules", [RULES, Rules((replace(ROUTES[0], match={}),), TERMS)])
def test_retry_of_a_row_without_an_id_makes_no_call(rules: Rules) -> None:
    one = nameless()
    one.rules = rules
    one.say(Retried())
    assert one.order.park is Park.UNREADABLE
    assert (one.looks, one.messages, one.submitted) == (0, [], [])


@pytest.mark.parametrize(
    ("word", "state"), [(CancelledByHand(), State.CANCELLED), (DeliveredByHand(), State.DELIVERED)]
)
def test_a_row_without_an_id_is_ended_by_hand_without_a_call(word: Observation, state: State) -> None:
    one = nameless().say(word)
    assert one.order.state is state
    assert one.order.ended_at == NOW
    assert (one.looks, one.statuses, one.order.parked) == (0, [], None)


# --- one decision -----------------------------------------------------------------------------------------------


def test_an_intent_that_was_not_begun_is_dropped_when_it_is_no_longer_wanted() -> None:
    order = order_of(state=State.RECEIVED, portal_status="new", look_due=False, seen_at=NOW, details=DETAILS)
    told = Intent(f"{order.reference}.t1", Kind.STATUS, "tj", {"status": "received", "from": "new"}, at=NOW)
    assert not decide(order, Woke(), NOW, RULES, told).drop
    after = decide(order, Moved("cancelled"), NOW, RULES, told)
    assert after.drop
    assert after.intents == ()


def test_a_call_under_way_is_never_dropped() -> None:
    order = order_of(state=State.RECEIVED, portal_status="new", look_due=False, seen_at=NOW, details=DETAILS)
    told = Intent("k", Kind.STATUS, "tj", {"status": "received", "from": "new"}, IntentState.ATTEMPTING, at=NOW)
    after = decide(order, CancelledByHand(), NOW, RULES, told)
    assert (after.drop, after.intents, after.next.act) == (False, (), Act.FIND)


def test_an_activation_goes_out_only_after_a_fresh_look() -> None:
    order = order_of(state=State.RECEIVED, portal_status="received", look_due=False, details=DETAILS, seen_at=NOW)
    assert decide(order, Woke(), NOW + timedelta(seconds=60), RULES).next.act is Act.SEND
    assert decide(order, Woke(), NOW + timedelta(seconds=61), RULES).next.act is Act.LOOK


def test_each_status_written_has_a_key_of_its_own() -> None:
    order = order_of(state=State.RECEIVED, portal_status="new", look_due=False, seen_at=NOW, details=DETAILS)
    first = decide(order, Woke(), NOW, RULES).intents[0]
    again = decide(order, Told("received"), NOW, RULES).order.but(portal_status="new")
    second = decide(again, Woke(), NOW, RULES).intents[0]
    assert (first.payload, second.payload) == ({"status": "received", "from": "new"},) * 2
    assert first.key != second.key


def test_what_cannot_be_read_leaves_a_parked_order_parked_for_its_own_reason() -> None:
    one = failing(FAILED)
    assert one.say(Illegible("no XML")).order.park is Park.FAILED
