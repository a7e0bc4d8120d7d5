"""Whatever the portal, the fulfilment, the other side and people do, in whatever order: nothing is done twice, and
friendly remotes and a patient person always bring the order to its end.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.orders import (
    Absent,
    Begun,
    Broke,
    CancelledByHand,
    CannotTell,
    Decision,
    DeliveredByHand,
    Done,
    Failed,
    Found,
    Held,
    Intent,
    IntentState,
    Kind,
    MessageLeft,
    MessageRefused,
    Moved,
    NotDone,
    Observation,
    Park,
    Refused,
    Retried,
    TellRefused,
    Told,
    Vanished,
    Withdrawn,
    WithdrawRefused,
)
from tests.orders.generated import STATUSES, Draw, chooser
from tests.orders.world import Answer, Lost, World, by_a_person, order_of

DAY = timedelta(days=1)
UNKNOWN: Answer = Lost(CannotTell("it can't be asked"))
NOT_SENT = Lost(Absent())


@dataclass
class Storm(World):
    """A world where anything may happen, as `take` says, until it is `calm`.

    `effects` counts what really took effect, by the intent's key (a status may be told again); people who are asked
    tell the truth about it.
    """

    take: Draw[Any] = field(default=lambda options: options[0])
    calm: bool = False
    effects: Counter[str] = field(default_factory=Counter)
    others: Sequence[str] = tuple(STATUSES)  # what the other side may set

    reopened: bool = False

    def hear(self, seen: Observation) -> Decision:
        decision = super().hear(seen)
        self.reopened = self.reopened or decision.order.park is Park.REOPENED
        return decision

    # --- remotes ------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self.illegible = "" if self.calm else self.take(["", "", "", "no XML"])
        super()._look()

    def _step(self) -> None:
        if not self.calm:
            self.progress = self.take([Begun("17"), Begun("17"), Done("17"), Failed("no light"), Vanished("not known")])
        super()._step()

    def _send(self, intent: Intent) -> Answer:
        answer = self._said(intent)
        if isinstance(answer, REFUSALS) or answer is NOT_SENT:
            return answer
        if intent.kind is Kind.STATUS:
            self.status = intent.payload["status"]
            return answer
        self.effects[intent.key] += 1
        if intent.kind is Kind.MESSAGE:
            self.messages.append(intent.payload["text"].removesuffix(f" [{intent.key}]"))
        return answer

    def _said(self, intent: Intent) -> Answer:
        good: Observation
        bad: Observation
        match intent.kind:
            case Kind.STATUS:
                wanted = intent.payload["status"]
                self.status = self.status if self.calm else self.take([*[self.status] * 8, *self.others])
                if self.status != intent.payload["from"]:
                    return Told(wanted) if self.status == wanted else Moved(self.status)
                good, bad = Told(wanted), TellRefused("not allowed")
            case Kind.MESSAGE:
                good, bad = MessageLeft(), MessageRefused("not yours")
            case Kind.CANCEL:
                good, bad = Withdrawn(), WithdrawRefused("it is IN_PROGRESS")
            case Kind.SUBMIT:
                held = Held("not before its day", self.now + DAY)
                good = Done() if intent.target == "script" else Begun("17")
                bad = self.take([Refused("unknown access"), Failed("no light", ref="17"), held, Done("17")])
        answer: Answer = good if self.calm else self.take([good, good, good, bad, UNKNOWN, NOT_SENT])
        return answer

    def _find(self, intent: Intent) -> Found | Absent | CannotTell:
        if intent.target == "script" or (not self.calm and self.take([False, False, True])):
            return CannotTell("it can't be asked")
        return self._truth(intent)

    def _truth(self, intent: Intent) -> Found | Absent:
        if intent.kind is Kind.STATUS:
            if self.status == intent.payload["status"]:
                return Found(Told(self.status))
            return Absent() if self.status == intent.payload["from"] else Found(Moved(self.status))
        if not self.effects[intent.key]:
            return Absent()
        began = Done() if intent.target == "script" else Begun("17")
        return Found({Kind.SUBMIT: began, Kind.MESSAGE: MessageLeft(), Kind.CANCEL: Withdrawn()}[intent.kind])

    # --- people ---------------------------------------------------------------------------------------------------

    def happen(self) -> None:
        """Something happens that nobody asked for."""
        self.now += self.take([timedelta(minutes=1), timedelta(hours=1), timedelta(days=15)])
        what = self.take(["nothing", "nothing", "listed", "retry", "resolve", "deliver", "cancel", "bug"])
        over = self.order.final and self.order.park is None
        if what == "listed":
            self.status = self.take(self.others)
            self.order = self.order.but(look_due=True, wake_at=self.now)
        elif what == "retry" and self.order.park is not None:
            self.hear(Retried())
        elif what == "resolve":
            self.tell_the_truth()
        elif what == "deliver" and not over:
            self.hear(DeliveredByHand())
        elif what == "cancel" and not over and self.order.park is not Park.UNCERTAIN:
            self.hear(CancelledByHand())
        elif what == "bug":
            self.hear(Broke("a bug"))

    def tell_the_truth(self) -> None:
        """A person has looked, and settles the uncertain intent."""
        if self.intent is None or self.intent.state is not IntentState.UNCERTAIN:
            return
        truth, self.intent = self._truth(self.intent), None
        self.hear(truth.seen if isinstance(truth, Found) else NotDone())

    def help(self) -> None:
        """A person does what the order's park asks for, else time passes."""
        order = self.order
        if order.park is Park.CANCEL:
            self.hear(CancelledByHand())
        elif self.intent is not None and order.park is Park.UNCERTAIN:
            self.tell_the_truth()
        elif order.park is not None:
            self.hear(Retried())
        elif by_a_person(order, self.rules):
            self.hear(DeliveredByHand())
        else:
            self.now += DAY
            self.order = order.but(wake_at=order.wake_at and self.now)

    def over(self) -> bool:
        order = self.order
        return (
            order.final and order.portal_status == order.state == self.status and not order.parked and not self.intent
        )


REFUSALS = (TellRefused, MessageRefused, WithdrawRefused, Refused, Held, Moved)


def storm(data: bytes) -> Storm:
    take = chooser(data)
    one = Storm(
        order_of(take(["3105", "3105", "3200", "3300", "9999"])), status=take(["new", "new", *STATUSES]), take=take
    )
    if one.status != "new":
        one.effects[f"{one.order.reference}.s1"] = take([0, 1])  # in a former life
        one.others = [status for status in STATUSES if status != "new"]
    for _ in range(12):
        one.run()
        one.happen()
    return one


STORMS = st.binary(min_size=200, max_size=200).map(storm)
many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(STORMS)
def test_nothing_takes_effect_twice(one: Storm) -> None:
    assert all(count <= 1 for count in one.effects.values())


@many
@given(STORMS)
def test_the_same_failure_is_not_told_twice_running(one: Storm) -> None:
    if not one.reopened:
        assert all(text != after for text, after in pairwise(one.messages))


@many
@given(STORMS)
def test_friendly_remotes_and_a_patient_person_bring_every_order_to_its_end(one: Storm) -> None:
    one.calm, one.progress = True, Done("17")
    one.rules = replace(one.rules, routes=(*one.rules.routes, replace(one.rules.routes[0], match={})))
    if one.status == "paused":
        one.status = "received"
    one.order = one.order.but(look_due=True, wake_at=one.now)
    for _ in range(20):
        one.run()
        if one.over():
            return
        one.help()
    raise AssertionError(f"never over: {one.order} {one.intent}")
