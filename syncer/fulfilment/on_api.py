"""A city network as fulfilment: intents become calls to its ON-API, its answers become observations.

Nothing in here is ever done twice on a guess: `find` says Found, Absent or CannotTell.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from syncer.errors import Rejected, Unreadable
from syncer.orders import (
    Absent,
    Begun,
    CannotTell,
    Cursor,
    Done,
    Failed,
    Found,
    Held,
    Intent,
    Kind,
    Mentions,
    Observation,
    Order,
    OurWord,
    Refused,
    Vanished,
    Withdrawn,
    WithdrawRefused,
    is_ours,
    lookup,
)
from syncer.remotes.on_api import ID, TEXT_LIMIT, NetworkOrder, OnApi, Subscription

ACCESS_FIELDS = ("customer.socket", "order.socket", "order.accessId", "head.socket", "data.socket", "data.accessId")
MOST_WITHDRAWALS = 3  # of one order whose withdrawal the network answers with nothing clear
UNDER_WAY = {state: OurWord(state) for state in ("RECEIVED", "IN_PROGRESS")}
DONE, SUBSCRIBED = OurWord("DONE_SUCCESS"), OurWord("subscription")


class OnApiFulfilment:
    """A city network that activates a service on the customer's access (contract: on_api.md)."""

    def __init__(
        self,
        name: str,
        client: OnApi,
        *,
        check_access: bool = True,
        lists_finished: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._client = client
        self._check_access = check_access
        self._lists_finished = lists_finished
        self._now = now

    # --- sink -------------------------------------------------------------------------------------------------

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Orders or cancels an activation. Neither is safe to repeat without `find`."""
        try:
            if intent.kind is Kind.CANCEL:
                return self._withdraw(order)
            return self._submit(intent, order)
        except Rejected as refusal:
            return WithdrawRefused(refusal.cause) if intent.kind is Kind.CANCEL else Refused(refusal.cause)

    def _submit(self, intent: Intent, order: Order) -> Observation:
        access, service = self._access(intent, order), intent.payload["service"]
        body = {
            "accessId": access,
            "service": service,
            "spReference": intent.key,
            "spSubscriptionId": intent.payload["stem"],
        }
        wish = intent.payload.get("wish_at")
        wish_at = None if wish is None else datetime.fromisoformat(wish)
        if wish_at is not None and wish_at > self._now():
            if "requestedDateTime" in self._client.abilities().unsupported:
                return Held(f"{self.name} can't schedule: kept here until {wish_at:%Y-%m-%d %H:%M} UTC", wish_at)
            body["requestedDateTime"] = f"{wish_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self._check(access, service)
        return self._accepted(self._client.activate(body), intent, order, access)

    def _access(self, intent: Intent, order: Order) -> str:
        """The customer's access: the route's field, or the socket (xsp.md, section 6.1). Sent exactly as it came."""
        names = (intent.payload["access"],) if intent.payload.get("access") else ACCESS_FIELDS
        found = next((text for name in names if (text := lookup(order.details, name))), None)
        if found is None:
            raise Rejected(self.name, "orders.create", f"the order names no access ({', '.join(names[:1])} is empty)")
        if not ID.fullmatch(found):
            raise Rejected(self.name, "orders.create", "the order's access is not one that ON-API can carry")
        return found

    def _check(self, access: str, service: str) -> None:
        """Looks up what the access is offered, so that a refusal names it. What can't be told is left to the order."""
        if not self._check_access:
            return
        try:
            offers = self._client.services(access)
        except (Rejected, Unreadable):
            return
        if offers and service not in offers:
            names = ", ".join(offers)[:TEXT_LIMIT]
            raise Rejected(self.name, "accesses.get", f"{service} is not offered on {access}; offered are {names}")

    def _accepted(self, placed: NetworkOrder, intent: Intent, order: Order, access: str) -> Observation:
        """What the answer to our order means. A 200 may be somebody else's order: it has to be shown to be ours."""
        if placed.operation not in {None, "ACTIVATE"}:
            return Refused(f"another order ({placed.operation}) is open on {access}")
        if placed.created or _mine(placed, intent.payload["stem"]):
            return _progress(placed)
        if placed.reference is None and placed.path is not None:
            again = self._client.order(placed.ref or placed.path)
            placed = placed if again is None else again
            if _mine(placed, intent.payload["stem"]):
                return _progress(placed)
        if placed.reference is None and placed.state == "DONE_SUCCESS":
            found = self._find(access, intent, order)  # as after a lost answer: what is ours then is ours now
            if isinstance(found, Found):
                return found.seen
        who = "without a reference" if placed.reference is None else f"under reference {placed.reference}"
        what = "active" if placed.state == "DONE_SUCCESS" else "ordered"
        return Refused(f"{intent.payload['service']} is already {what} on {access} {who}, so not by this order")

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Whether the network has our order: by access, service and reference, in its orders and our subscriptions."""
        if intent.kind is Kind.CANCEL:
            return self._find_cancelled(intent, order)
        try:
            access = self._access(intent, order)
        except Rejected:
            return Absent()  # it was never sent: what can't be named can't have been ordered
        return self._find(access, intent, order)

    def _find(self, access: str, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        stem, service = intent.payload["stem"], intent.payload["service"]
        orders = [
            item
            for item in self._client.orders(access)
            if item.operation in {None, "ACTIVATE"} and item.service in {None, service}
        ]
        mine = [item for item in orders if _mine(item, stem) and self._counts(item, intent, order)]
        if not mine:
            told = self._told_of(access, service)
            mine = [item for item in told if _mine(item, stem) and self._counts(item, intent, order)]
            orders += told
        if mine:
            return Found(_progress(min(mine, key=_rank)))
        subscriptions = self._client.subscriptions(access)
        held = [item for item in subscriptions or [] if item.service == service]
        active = next((item for item in held if _mine(item, stem)), None)
        if active is not None:
            return Found(Done(active.subscription_id, SUBSCRIBED))
        look = f"look in {self.name} for an order of {service} on {access} with reference {intent.key}"
        if any(_nameless(item) for item in orders) or any(_nameless(item) for item in held):
            return CannotTell(f"there is one without a reference; {look}")
        if subscriptions is None:
            return CannotTell(f"it doesn't show our subscriptions; {look}")
        if not (self._lists_finished or self._has_events()):
            return CannotTell(f"it doesn't list what has ended, and one that failed leaves nothing else; {look}")
        return Absent()

    def _told_of(self, access: str, service: str) -> list[NetworkOrder]:
        """The orders of a service on an access out of the network's events, where it has them.

        A network may list unfinished orders alone (section 11), and one that failed leaves no subscription.
        """
        if not self._has_events():
            return []
        told = [at for _, at in self._client.events(None) if at.access == access and at.service == service]
        paths = dict.fromkeys(at.path for at in reversed(told) if at.path)
        found = [self._client.order(path) for path in paths]
        return [at for at in found if at is not None and at.operation in {None, "ACTIVATE"}]

    def _has_events(self) -> bool:
        return "orderevents" in self._client.abilities().urls

    def _counts(self, item: NetworkOrder, intent: Intent, order: Order) -> bool:
        """A failure of an earlier round says nothing about this one, unless we have forgotten which round it is."""
        return item.state != "DONE_FAILED" or item.reference in {None, intent.key} or order.taken_over

    # --- cancelling -------------------------------------------------------------------------------------------

    def _withdraw(self, order: Order) -> Observation:
        before = self._known(order)
        if before is None or before.state != "RECEIVED":
            return _withdrawn(before)
        try:
            self._client.cancel(before.ref or "")
        except Rejected as refusal:
            after = self._known(order)  # too late, or gone by itself (section 11)
            return WithdrawRefused(refusal.cause) if after and after.state == "RECEIVED" else _withdrawn(after)
        return Withdrawn()

    def _find_cancelled(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        at = self._known(order)
        if at is None or at.state != "RECEIVED":
            return Found(_withdrawn(at))
        if intent.attempts < MOST_WITHDRAWALS:
            return Absent()
        return CannotTell(
            f"it was told so {intent.attempts} times and shows it still; look in {self.name} for {at.ref}"
        )

    def _known(self, order: Order) -> NetworkOrder | None:
        if order.fulfilment_ref is None:
            raise Rejected(self.name, "orders.get", "the network's number of the order is not known here")
        return self._about(order, self._client.order(order.fulfilment_ref))

    def _about(self, order: Order, at: NetworkOrder | None) -> NetworkOrder | None:
        if at is not None and at.reference is not None and not is_ours(at.reference, order.reference):
            raise Unreadable(self.name, "orders.get", "the answer is about another order")
        return at

    # --- source -----------------------------------------------------------------------------------------------

    def poll(self, cursor: Cursor) -> Mentions | None:
        """The orders that the network's event list speaks of since the cursor; None where it has no such list.

        An event only makes its order due to be read: it is never believed (on_api.md, section 7).
        """
        if not self._has_events():
            return None
        try:
            events = self._client.events(cursor.position)
        except (Rejected, Unreadable):
            return None
        paths = [order.path for _, order in events if order.path]
        refs = frozenset(paths) | frozenset(path.rpartition("/")[2] for path in paths)
        return Mentions(refs, Cursor(events[-1][0] if events else cursor.position))

    def read(self, order: Order) -> Observation:
        """How far the order is.

        Raises:
            Unreadable: the answer can't be read, or is about another order.
        """
        if order.fulfilment_ref is None:
            raise Unreadable(self.name, "orders.get", "the network's number of the order is not known here")
        try:
            at = self._about(order, self._client.order(order.fulfilment_ref))
            return self._after_it_went(order) if at is None else _progress(at)
        except Rejected as refusal:
            raise Unreadable(self.name, refusal.operation, refusal.cause) from None

    def _after_it_went(self, order: Order) -> Observation:
        """Finished orders may be forgotten; the subscription then tells (section 11)."""
        access = next((text for name in ACCESS_FIELDS if (text := lookup(order.details, name))), None)
        held = self._client.subscriptions(access) if access else None
        mine = next((item for item in held or [] if _mine(item, order.reference)), None)
        if mine is not None:
            return Done(mine.subscription_id, SUBSCRIBED)
        what = "our subscriptions are not shown" if held is None else "no subscription is ours"
        return Vanished(f"order {order.fulfilment_ref} is not known there any more, and {what}")

    def check(self) -> str:
        """One harmless call: asks what the network can."""
        abilities = self._client.abilities()
        if not abilities.found:
            self._client.orders("syncer-check")
            return "answers; it has no discovery"
        without = ", ".join(sorted(abilities.unsupported))
        return f"answers; endpoints: {', '.join(sorted(abilities.urls))}" + (f"; without {without}" if without else "")


def _mine(item: NetworkOrder | Subscription, stem: str) -> bool:
    if item.reference is not None:
        return is_ours(item.reference, stem)
    return item.sp_subscription_id == stem


def _nameless(item: NetworkOrder | Subscription) -> bool:
    return item.reference is None and item.sp_subscription_id is None


def _rank(order: NetworkOrder) -> int:
    """What counts most among several orders of ours: done, under way, failed."""
    return {"DONE_SUCCESS": 0, "DONE_FAILED": 2}.get(order.state or "", 1)


def _progress(order: NetworkOrder) -> Observation:
    """What a network's state means (section 5.5). One that is unknown is never a success, nor an end."""
    if order.state == "DONE_SUCCESS":
        return Done(order.ref, DONE)
    if order.state == "DONE_FAILED":
        return Failed(order.message or "DONE_FAILED, without a reason", ref=order.ref)
    return Begun(order.ref, UNDER_WAY.get(order.state or "", f"unknown state {order.state}"))


def _withdrawn(order: NetworkOrder | None) -> Observation:
    if order is None or order.state == "DONE_FAILED":
        return Withdrawn()
    return WithdrawRefused(f"it is {order.state}")
