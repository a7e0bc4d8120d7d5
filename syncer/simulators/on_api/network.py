"""The simulated network itself: what it accepts, how its orders go on, and what they leave behind.

No HTTP and no JSON belongs here; a body that comes in has passed `demands` already.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from syncer.simulators.on_api.formats import RefusedError, invalid, parse_date_time
from syncer.simulators.on_api.model import (
    Access,
    Change,
    Options,
    Order,
    OrderEvent,
    Script,
    Service,
    Stage,
    Subscription,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a well-formed order comes to: the open order that stands in its way, done already, or go on."""

    access: Access
    service: str
    subscription: Subscription | None = None
    open_order: Order | None = None
    already: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to a POST: an order, new or not; without an order, what was asked was so already."""

    verdict: Verdict
    order: Order | None = None
    new: bool = False
    repeat: bool = False


class Network:
    """Accesses, subscriptions and orders of one network, moved on by ticks and by the clock."""

    def __init__(self, version: str, options: Options, now: Callable[[], datetime]) -> None:
        self.version = version
        self.options = options
        self.now = now
        self.started = now()
        self.accesses: dict[str, Access] = {}
        self.subscriptions: list[Subscription] = []
        self.orders: dict[str, Order] = {}
        self.order_events: list[OrderEvent] = []
        self.changes: list[Change] = []
        self._order_numbers = count(5001)
        self._subscription_numbers = count(7001)

    # ------------------------------------------------------------------------------------------ accepting

    def place(self, asked: dict[str, Any]) -> Placed:
        """Takes an order, or finds that it stands already (on_api.md, section 6)."""
        verdict = self._judge(asked)
        if verdict.open_order or verdict.already:
            return Placed(verdict, verdict.open_order)
        script = self._script(asked, verdict)
        if script.refuse:
            raise RefusedError(script.refuse, script.cause or "Not possible on this access")
        repeat = _changes_nothing(asked, verdict.subscription)
        order = self._new_order(asked, verdict)
        self.orders[order.order_id] = order
        self._note("CREATE", "orders", order.order_id)
        self._enter(order)
        return Placed(verdict, order, new=True, repeat=repeat)

    def alter(self, order: Order, asked: dict[str, Any]) -> bool:
        """Replaces what is asked, while the order is RECEIVED only; whether that changed anything."""
        self._must_be_received(order)
        verdict = self._judge(asked, ignoring=order)
        if verdict.open_order or verdict.already:
            raise RefusedError(self.options.busy_code, "Another order has this service, or it is active")
        changed, before = asked != order.asked, order.state
        new = self._new_order(asked, verdict, keep=order)
        order.asked, order.access_id, order.service = asked, new.access_id, new.service
        order.stages, order.end_message = new.stages, new.end_message
        order.entered, order.ticks, order.ticked = self.now(), 0, None
        self._note("UPDATE", "orders", order.order_id)
        if order.state != before:
            self._enter(order)
        return changed

    def cancel(self, order: Order) -> None:
        """Cancels an order that is RECEIVED still (on_api.md, section 5.1)."""
        self._must_be_received(order)
        order.stages = [Stage("DONE_FAILED")]
        order.end_message = "Cancelled"
        order.cancelled = True
        self._note("DELETE", "orders", order.order_id)
        if self.options.after_delete == "DONE_FAILED":
            self._enter(order)

    def _must_be_received(self, order: Order) -> None:
        if order.state != "RECEIVED":
            raise RefusedError(409, f"orderId: {order.order_id} is {order.state}, too late to change")

    def _new_order(self, asked: dict[str, Any], verdict: Verdict, keep: Order | None = None) -> Order:
        now = self.now()
        script = self._script(asked, verdict)
        stages = script.stages()
        wanted = asked.get("requestedDateTime")
        if wanted and parse_date_time(wanted) > now:
            stages.insert(0, Stage("RECEIVED", until=parse_date_time(wanted)))
        held = verdict.subscription
        return Order(
            order_id=keep.order_id if keep else f"o-{next(self._order_numbers)}",
            access_id=verdict.access.access_id,
            service=verdict.service,
            asked=asked,
            subscription_id=held.subscription_id if held else self._subscription_id(keep),
            accepted=keep.accepted if keep else now,
            stages=stages,
            entered=now,
            end_message=script.message,
        )

    def _subscription_id(self, keep: Order | None = None) -> str:
        return keep.subscription_id if keep else f"sub-{next(self._subscription_numbers)}"

    def _script(self, asked: dict[str, Any], verdict: Verdict) -> Script:
        script = verdict.access.script_of(verdict.service)
        return script if asked["operation"] in script.operations else Script()

    # ------------------------------------------------------------------------------------------- judging

    def _judge(self, asked: dict[str, Any], ignoring: Order | None = None) -> Verdict:
        self._check_schedule(asked)
        verdict = self._judge_new(asked) if asked["operation"] == "ACTIVATE" else self._judge_old(asked)
        open_order = self._open_order(asked["operation"], verdict, ignoring)
        if open_order:
            return replace(verdict, open_order=open_order)
        if asked["operation"] in {"ACTIVATE", "CHANGE"} and not verdict.already:
            self._check_free(asked, verdict, ignoring)
        return verdict

    def _check_schedule(self, asked: dict[str, Any]) -> None:
        wanted = asked.get("requestedDateTime")
        if wanted and not self.options.scheduling and parse_date_time(wanted) > self.now():
            raise invalid("requestedDateTime", "orders can't be scheduled here")

    def _judge_new(self, asked: dict[str, Any]) -> Verdict:
        access = self._known_access(asked["accessId"])
        service = _listed_service(access, asked["service"])
        if access.state == "OUTMIGRATION" and self.version == "2.6":
            raise invalid("accessId", "the access is moving out, no orders")
        if asked.get("forcedTakeover") and not service.forced_takeover_possible:
            raise invalid("forcedTakeover", "not possible for this service")  # section 5.4
        _check_characteristics(service, asked.get("characteristics", {}))
        mine = next((sub for sub in self.active(access.access_id, ours=True) if sub.service == service.name), None)
        if not mine and service.connection == "NO":
            raise invalid("service", "can't be delivered on this access")
        # The subscription isn't the new order's: only a 200 tells of it.
        return Verdict(access, service.name, mine, already=mine is not None)

    def _judge_old(self, asked: dict[str, Any]) -> Verdict:
        operation = asked["operation"]
        find = self._named_subscription if "subscriptionId" in asked else self._keyed_subscription
        held = find(asked)
        if held is None:
            return Verdict(self._known_access(asked["accessId"]), asked["service"], already=True)
        access = self.accesses[held.access_id]
        if held.ended and operation != "DEACTIVATE":
            raise invalid("subscriptionId", "no longer active")
        if operation != "CHANGE":
            return Verdict(access, held.service, held, already=held.ended)
        _check_characteristics(_listed_service(access, asked["service"]), asked.get("characteristics", {}))
        return Verdict(access, asked["service"], held)

    def _named_subscription(self, asked: dict[str, Any]) -> Subscription | None:
        wanted = asked["subscriptionId"]
        held = next((sub for sub in self.subscriptions if sub.ours and sub.subscription_id == wanted), None)
        if held is None:
            raise invalid("subscriptionId", f"{wanted} is unknown")
        if asked.get("accessId", held.access_id) != held.access_id:
            raise invalid("accessId", "not the subscription's")
        if asked["operation"] != "CHANGE" and asked.get("service", held.service) != held.service:
            raise invalid("service", "not the subscription's")
        return held

    def _keyed_subscription(self, asked: dict[str, Any]) -> Subscription | None:
        """2.4's DEACTIVATE goes by access and service (on_api.md, section 10)."""
        access = self._known_access(asked["accessId"])
        service = asked["service"]
        same = [
            sub
            for sub in self.subscriptions
            if sub.access_id == access.access_id and sub.service == service and not sub.ended
        ]
        mine = next((sub for sub in same if sub.ours), None)
        if not same:
            _listed_service(access, service)
        elif mine is None:
            raise RefusedError(self.options.busy_code, "service: another service provider has it")
        return mine

    def _open_order(self, operation: str, verdict: Verdict, ignoring: Order | None) -> Order | None:
        for order in self.orders.values():
            same = (order.access_id, order.service) == (verdict.access.access_id, verdict.service)
            if order is ignoring or order.final or not same:
                continue
            if self.options.open_order_key == "service" or order.operation == operation:
                return order
        return None

    def _check_free(self, asked: dict[str, Any], verdict: Verdict, ignoring: Order | None) -> None:
        """One service of a kind on an access (on_api.md, section 6)."""
        access, kind = verdict.access, verdict.access.kind_of(verdict.service)
        for sub in self.active(access.access_id):
            if sub is verdict.subscription or access.kind_of(sub.service) != kind:
                continue
            if sub.ours or not asked.get("forcedTakeover"):
                whose = "" if sub.ours else " for another service provider"
                raise self._busy(f"a {kind} service is already active{whose}")
        for order in self._open_orders():
            same_kind = order.access_id == access.access_id and access.kind_of(order.service) == kind
            if same_kind and order is not ignoring and order.operation in {"ACTIVATE", "CHANGE"}:
                raise self._busy(f"a {kind} service is already on order")
        if access.services[verdict.service].available == "NO":
            raise self._busy("the service isn't available")

    def _busy(self, why: str) -> RefusedError:
        return RefusedError(self.options.busy_code, f"accessId: {why}")

    def _known_access(self, access_id: str) -> Access:
        if access_id not in self.accesses:
            raise invalid("accessId", f"{access_id} is unknown")
        return self.accesses[access_id]

    def active(self, access_id: str, *, ours: bool | None = None) -> list[Subscription]:
        """The subscriptions in use on an access, suspended ones too."""
        return [
            sub
            for sub in self.subscriptions
            if sub.access_id == access_id and not sub.ended and ours in {None, sub.ours}
        ]

    # ----------------------------------------------------------------------------------------- going on

    def catch_up(self) -> None:
        """Does what the clock has made due, the earliest first: events have to come in order."""
        now = self.now()
        while True:
            due = [order for order in self._open_orders() if order.due <= now]
            if not due:
                return
            self._step(min(due, key=lambda order: order.due))

    def tick(self) -> None:
        """One step for every running order; one that waits for its date isn't running."""
        self.catch_up()
        for order in self._open_orders():
            if order.stages[0].until is None:
                order.ticks += 1
                order.ticked = self.now()
        self.catch_up()

    def finish(self, order: Order, state: str, message: str) -> None:
        """Forces a state: an unfinished one is kept until the next finish."""
        if order.final:
            raise ValueError(f"{order.order_id} is {order.state}, and a final state never changes")
        order.stages = [Stage(state)]
        order.end_message = message
        order.entered = self.now()
        self._enter(order)

    def _open_orders(self) -> Iterator[Order]:
        return (order for order in list(self.orders.values()) if not order.final)

    def _step(self, order: Order) -> None:
        order.entered = order.due
        before = order.state
        order.stages.pop(0)
        order.ticks, order.ticked = 0, None
        if order.state != before:
            self._note("UPDATE", "orders", order.order_id)
            self._enter(order)

    def _enter(self, order: Order) -> None:
        event = str(9001 + len(self.order_events))
        self.order_events.append(
            OrderEvent(
                event,
                order.order_id,
                order.access_id,
                order.service,
                order.operation,
                order.state,
                order.message,
            )
        )
        if order.state == "DONE_SUCCESS":
            self._apply(order)

    def _note(self, kind: str, object_type: str, object_id: str) -> None:
        self.changes.append(Change(kind, object_type, object_id, self.now()))

    # ------------------------------------------------------------------------------------ what is left

    def _apply(self, order: Order) -> None:
        if order.operation == "ACTIVATE":
            self._activate(order)
            return
        for sub in self.subscriptions:
            if sub.subscription_id == order.subscription_id and not sub.ended:
                _change(sub, order)
                self._touch(sub, order.entered)

    def end(self, sub: Subscription) -> None:
        """Takes a subscription away without any order."""
        sub.ended = True
        self._touch(sub, self.now())

    def _touch(self, sub: Subscription, at: datetime) -> None:
        sub.modified = at
        self.accesses[sub.access_id].modified = at
        if sub.ours:
            self._note("DELETE" if sub.ended else "UPDATE", "subscriptions", sub.subscription_id)

    def _activate(self, order: Order) -> None:
        access = self.accesses[order.access_id]
        if order.asked.get("forcedTakeover"):
            for sub in self.active(order.access_id, ours=False):
                sub.ended |= access.kind_of(sub.service) == access.kind_of(order.service)
        self.subscribe(
            order.access_id,
            order.service,
            subscription_id=order.subscription_id,
            reference=order.asked.get("spReference"),
            sp_subscription_id=order.asked.get("spSubscriptionId"),
            at=order.entered,
        )

    def subscribe(
        self,
        access_id: str,
        service: str,
        *,
        ours: bool = True,
        subscription_id: str | None = None,
        reference: str | None = None,
        sp_subscription_id: str | None = None,
        at: datetime | None = None,
    ) -> Subscription:
        """Puts a subscription on an access, whoever's it is."""
        at = at or self.now()
        sub = Subscription(
            subscription_id or self._subscription_id(),
            access_id,
            service,
            ours,
            since=at,
            modified=at,
            sp_reference=reference,
            sp_subscription_id=sp_subscription_id,
        )
        self.subscriptions.append(sub)
        self.accesses[access_id].modified = at
        if ours:
            self._note("CREATE", "subscriptions", sub.subscription_id)
        return sub


def _listed_service(access: Access, name: str) -> Service:
    if name not in access.services:
        raise invalid("service", f"{name} isn't offered on this access")
    return access.services[name]


def _check_characteristics(service: Service, given: dict[str, Any]) -> None:
    """A service says which characteristics it requires, and of which values (on_api.md, section 4.3)."""
    for name, rule in service.characteristics.items():
        if rule.get("required") and given.get(name) is None:
            raise invalid(f"characteristics.{name}", "mandatory for this service")
        allowed = rule.get("values")
        if allowed and given.get(name) is not None and given[name] not in allowed:
            raise invalid(f"characteristics.{name}", "not one of the service's values")


def _changes_nothing(asked: dict[str, Any], sub: Subscription | None) -> bool:
    if sub is None:
        return False
    references = (asked.get("spReference"), asked.get("spSubscriptionId"))
    own = (sub.sp_reference, sub.sp_subscription_id)
    same = {
        "SUSPEND": sub.suspended,
        "RESUME": not sub.suspended,
        "MODIFY": all(new in {None, old} for new, old in zip(references, own, strict=True)),
        "CHANGE": asked.get("service") == sub.service,
    }
    return same.get(asked["operation"], False)


def _change(sub: Subscription, order: Order) -> None:
    if order.operation == "DEACTIVATE":
        sub.ended = True
    elif order.operation in {"SUSPEND", "RESUME"}:
        sub.suspended = order.operation == "SUSPEND"
    elif order.operation == "CHANGE":
        sub.service = order.service
    if order.operation in {"MODIFY", "CHANGE"}:
        sub.sp_reference = order.asked.get("spReference", sub.sp_reference)
        sub.sp_subscription_id = order.asked.get("spSubscriptionId", sub.sp_subscription_id)
