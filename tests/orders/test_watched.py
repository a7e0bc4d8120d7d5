"""Orders of a portal that is asked and never told: what it says is what is so, and nothing is ever sent."""

from datetime import timedelta

import pytest
from hypothesis import given

from syncer.orders import (
    Act,
    CancelledByHand,
    Decision,
    DeliveredByHand,
    Fetched,
    Illegible,
    Observation,
    Order,
    Park,
    Read,
    Retried,
    Rules,
    State,
    Unchanged,
    Watch,
    Work,
    decide,
    pace,
    plan,
)
from tests.orders.generated import BYTES, MOMENTS, an_observation, an_order, chooser
from tests.orders.world import NOW, ROUTES, TERMS

WATCH = Watch(timedelta(minutes=1), timedelta(days=30))
RULES = Rules(ROUTES, TERMS, watched={"tj": WATCH})
SOON = NOW + timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fresh() -> Order:
    return Order("tj", "4711", created_at=NOW, wake_at=NOW)


def after(*seen: Observation, order: Order | None = None) -> Decision:
    decision = None
    order = order or fresh()
    for one in seen:
        decision = decide(order, one, NOW, RULES)
        order = decision.order
    assert decision is not None
    return decision


@pytest.mark.parametrize("status", ["received", "active", "delivered", "cancelled"])
def test_an_order_is_what_its_portal_says_when_it_is_first_read(status: str) -> None:
    decision = after(Read(status))
    assert decision.state == status
    assert decision.intents == ()
    assert decision.order.park is None
    assert not decision.order.taken_over


def test_what_the_portal_says_later_is_so() -> None:
    steps = ["received", "active", "delivered", "cancelled"]
    assert [after(*map(Read, steps[: n + 1])).state for n in range(4)] == steps


def test_an_order_is_asked_about_often_at_first_and_rarer_as_it_ages() -> None:
    ages = [timedelta(), HOUR, HOUR * 6, DAY * 3, DAY * 300]
    waits = [pace(WATCH.poll_every, age) for age in ages]
    assert waits[0] == waits[1] == WATCH.poll_every
    assert waits == sorted(waits)
    assert waits[-1] == HOUR


def test_an_age_that_a_wrong_clock_has_made_is_no_reason_to_ask_without_end() -> None:
    assert pace(WATCH.poll_every, -DAY) == WATCH.poll_every


def test_a_portal_that_is_polled_rarely_is_not_asked_more_often_for_an_order_s_age() -> None:
    assert pace(timedelta(hours=4), HOUR * 2) == timedelta(hours=4)


def test_an_ended_order_is_asked_about_as_long_as_files_may_come_and_no_longer() -> None:
    ended = after(Read("active"), Read("delivered")).order
    assert ended.wake_at is not None
    late = decide(ended, Unchanged(), NOW + DAY * 29, RULES)
    assert late.next.act is Act.WATCH
    over = decide(ended, Unchanged(), NOW + DAY * 30, RULES)
    assert (over.next.act, over.wake_at) == (Act.NOTHING, None)


def test_files_are_seen_to_before_the_portal_is_asked_again() -> None:
    decision = after(Read("active", files_due=True))
    assert (decision.next.act, decision.wake_at) == (Act.FETCH, NOW)
    assert after(Fetched(left=True), order=decision.order).next.act is Act.FETCH
    assert after(Fetched(), order=decision.order).next.act is Act.WATCH


def test_a_file_that_cannot_be_kept_parks_its_order_which_is_followed_on() -> None:
    decision = after(Read("active", files_due=True), Fetched(refused="a1 is larger than max_file_size"))
    assert decision.order.park is Park.FILES
    assert "larger" in (decision.order.parked or "")
    assert decision.next.act is Act.WATCH
    assert after(Read("delivered"), order=decision.order).state is State.DELIVERED


def test_what_could_not_be_read_is_unparked_by_an_answer_that_says_what_was_known() -> None:
    unread = after(Read("active"), Illegible("not JSON")).order
    assert unread.park is Park.UNREADABLE
    assert after(Unchanged(), order=unread).order.park is None


@pytest.mark.parametrize(
    ("word", "state"), [(DeliveredByHand(), State.DELIVERED), (CancelledByHand(), State.CANCELLED)]
)
def test_a_person_ends_an_order_here_and_its_portal_is_neither_told_nor_asked_again(
    word: Observation, state: State
) -> None:
    decision = after(Read("active"), word)
    assert (decision.state, decision.intents, decision.wake_at) == (state, (), None)
    assert decision.order.work is not Work.UNBEGUN
    assert decision.order.ended_at == NOW


def test_a_retry_reads_the_order_again() -> None:
    parked = after(Read("active", files_due=True), Fetched(refused="too large")).order
    decision = after(Retried(), order=parked)
    assert (decision.order.park, decision.next.act) == (None, Act.LOOK)


@given(BYTES)
def test_nothing_is_ever_sent_and_no_open_order_is_forgotten(data: bytes) -> None:
    take = chooser(data)
    kind = take([Read, Unchanged, Fetched, Illegible, Retried, DeliveredByHand, CancelledByHand])
    order = an_order(take, work=Work.UNBEGUN, fulfilment=None)
    if order.state is State.NEW and kind in {Unchanged, Fetched}:
        return
    decision = decide(order, an_observation(take, kind), take(MOMENTS), RULES)
    assert decision.intents == ()
    assert plan(decision.order, None, NOW, RULES).act not in {Act.SEND, Act.FIND, Act.FOLLOW}
    by_hand = decision.order.work is not Work.UNBEGUN
    if not decision.order.final and not by_hand:
        assert decision.wake_at is not None or decision.next.act is Act.PERSON


def test_a_file_that_cannot_be_kept_does_not_hide_that_the_order_goes_on_there() -> None:
    decision = after(Read("delivered"), Read("active"), Fetched(left=False, refused="a file can't be kept"))
    assert decision.order.park is Park.REOPENED
    assert "a file can't be kept" in (decision.order.parked or "")
    assert after(Retried(), order=decision.order).state is State.ACTIVE


def test_an_ended_order_that_goes_on_after_a_word_that_nobody_knows_is_a_persons() -> None:
    assert after(Read("delivered"), Read("ARCHIVED")).order.park is None
    assert after(Read("delivered"), Read("ARCHIVED"), Read("active")).order.park is Park.REOPENED
    assert after(Read("delivered"), Read("ARCHIVED"), Read("cancelled")).state is State.CANCELLED


def test_an_order_whose_first_status_nobody_knows_is_followed() -> None:
    decision = after(Read("ARCHIVED"), Unchanged())
    assert (decision.state, decision.order.park, decision.next.act) == (State.RECEIVED, None, Act.WATCH)


def test_files_that_do_not_come_put_off_no_question_about_their_order() -> None:
    waiting = after(Read("active", files_due=True)).order
    assert plan(waiting, None, NOW, RULES).act is Act.FETCH
    assert plan(waiting, None, SOON, RULES).act is Act.WATCH
    decision = decide(waiting, Read("cancelled", files_due=True), SOON, RULES)
    assert (decision.state, decision.next.act) == (State.CANCELLED, Act.FETCH)
