"""What the simulated network's values look like as JSON, by version and options.

Nothing is decided or changed here.
"""

from typing import Any

from syncer.simulators.on_api.formats import write_date_time
from syncer.simulators.on_api.model import Access, Change, Options, Order, OrderEvent, Service, Subscription
from syncer.simulators.on_api.network import Network, Verdict

# 2.5 has dateTimes where 2.4 has YES and NO: a far past and a far future (on_api.md, section 4.3).
_MOMENTS = {"YES": "2000-01-01T00:00:00Z", "NO": "2999-12-31T00:00:00Z", "": ""}

_ADDRESS: dict[str, Any] = {
    "streetName": "Provgatan",
    "streetNumber": "1",
    "postalCode": "12345",
    "city": "Provstad",
    "countryCode": "SE",
    "premisesType": "RESIDENTIAL_HOUSE",
}


class Views:
    """Writes accesses, services, subscriptions, orders and events as this network's version does."""

    def __init__(self, network: Network, options: Options, root: str) -> None:
        self.network = network
        self.options = options
        self.root = root

    def discovery(self) -> list[dict[str, Any]]:
        """The endpoints on offer, with their limitations (on_api.md, section 3)."""
        names = ["accesses"]
        names += ["services"] if self.network.version == "2.6" else []
        names += ["subscriptions"] if self.options.subscriptions else []
        names += [self.options.order_path.strip("/")]
        names += ["orderevents"] if self.options.events else []
        names += ["events"] if self.options.generic_events else []
        return [self._endpoint(name) for name in names]

    def _endpoint(self, name: str) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "name": name,
            "endpoint": f"{self.root}{name}/",
            "version": self.network.version,
            "documentation": "https://github.com/on-api/on-api",
        }
        if name == self.options.order_path.strip("/") and not self.options.scheduling:
            entry["note"] = "Orders can't be scheduled"
            entry["unsupportedFields"] = ["requestedDateTime"]
        return entry

    def access(self, access: Access, *, single: bool) -> dict[str, Any]:
        """An access: with services until 2.5, its address alone in 2.6 (on_api.md, section 4.2)."""
        view = {"accessId": access.access_id, **_ADDRESS, "accessState": access.state}
        if self.network.version == "2.6":
            return {**view, "priceGroup": 0, **access.fields}
        view |= {"coNetworkAgreement": "", **access.fields}
        view["services"] = [self._service(access, item, single=single) for item in access.services.values()]
        if single:
            mine = self.network.active(access.access_id, ours=True)
            view["subscriptions"] = [self.subscription(sub) for sub in mine]
        return view

    def services(self, access: Access) -> dict[str, Any]:
        """2.6 has the services of an access apart from it (on_api.md, section 4.1)."""
        views = [self._service(access, item, single=True) for item in access.services.values()]
        return {"accessId": access.access_id, "services": views}

    def _service(self, access: Access, service: Service, *, single: bool) -> dict[str, Any]:
        dates = {
            "connection": service.connection,
            "available": self._available(access, service),
            "disconnection": service.disconnection,
        }
        if self.network.version != "2.4":
            dates = {f"{name}DateTime": _moment(value) for name, value in dates.items()}
        view: dict[str, Any] = {"service": service.name, **dates}
        if single or not self.options.sparse_lists:
            view["forcedTakeoverPossible"] = service.forced_takeover_possible
        if service.comments:
            view["comments"] = list(service.comments)
        if single and service.characteristics:
            view["characteristics"] = dict(service.characteristics)
        return view

    def _available(self, access: Access, service: Service) -> str:
        """NO while another service provider has the kind; our own doesn't count (section 4.3)."""
        others = self.network.active(access.access_id, ours=False)
        taken = any(access.kind_of(sub.service) == service.kind for sub in others)
        return "NO" if taken else service.available

    def subscription(self, sub: Subscription) -> dict[str, Any]:
        """One of our own subscriptions (on_api.md, section 7)."""
        view: dict[str, Any] = {
            "subscriptionId": sub.subscription_id,
            "accessId": sub.access_id,
            "service": sub.service,
            "operationalState": "SUSPENDED" if sub.suspended else "ACTIVATED",
        }
        view |= self._references(sub.sp_reference, sub.sp_subscription_id)
        if self.network.version == "2.6":
            view["connectionDate"] = sub.since.strftime("%Y-%m-%d")
        return view

    def subscription_group(self, access_id: str) -> dict[str, Any]:
        """2.6 groups subscriptions by access (on_api.md, section 4.1)."""
        mine = self.network.active(access_id, ours=True)
        return {"accessId": access_id, "subscriptions": [self.subscription(sub) for sub in mine]}

    def _references(self, reference: str | None, sp_subscription_id: str | None) -> dict[str, str]:
        if not self.options.echo_reference:
            return {}
        both = {"spReference": reference, "spSubscriptionId": sp_subscription_id}
        return {name: value for name, value in both.items() if value is not None}

    def order_path(self, order_id: str) -> str:
        """The API path of an order."""
        return f"{self.root}{self.options.order_path}{order_id}"

    def order(self, order: Order) -> dict[str, Any]:
        """A whole order (on_api.md, section 5.3)."""
        asked = dict(order.asked)
        references = self._references(asked.pop("spReference", None), asked.pop("spSubscriptionId", None))
        view = {"path": self.order_path(order.order_id), "orderId": order.order_id} | asked
        view |= {"accessId": order.access_id, "service": order.service, **references}
        view[self.options.state_field] = order.state
        if self._shows_subscription(order):
            view["subscriptionId"] = order.subscription_id
        if order.message:
            view["message"] = order.message
        if not order.final:
            view["expectedCompletionDate"] = asked.get("requestedDateTime") or write_date_time(order.accepted)
        return view

    def _shows_subscription(self, order: Order) -> bool:
        """Mandatory by the text, yet some networks have none before it is in use (section 5.3)."""
        return (
            order.operation != "ACTIVATE"
            or order.state == "DONE_SUCCESS"
            or (self.options.early_subscription_id and order.state != "DONE_FAILED")
        )

    def existing(self, order: Order) -> dict[str, Any]:
        """The open order that a repeated POST gets (on_api.md, section 6)."""
        if self.options.full_existing:
            return self.order(order)
        return {
            "path": self.order_path(order.order_id),
            "accessId": order.access_id,
            "service": order.service,
            "operation": order.operation,
            self.options.state_field: order.state,
            "message": order.message,
        }

    def pseudo(self, verdict: Verdict, operation: str) -> dict[str, Any]:
        """What was so already: an order without a path, whoever's it was (on_api.md, section 6)."""
        view: dict[str, Any] = {
            "accessId": verdict.access.access_id,
            "service": verdict.service,
            "operation": operation,
            self.options.state_field: "DONE_SUCCESS",
            "message": "",
        }
        sub = verdict.subscription
        if sub and self.options.full_existing:
            view["subscriptionId"] = sub.subscription_id
            view |= self._references(sub.sp_reference, sub.sp_subscription_id)
        return view

    def order_event(self, event: OrderEvent) -> dict[str, Any]:
        """An order's event: no orderId in it (on_api.md, section 7)."""
        order = {
            "path": self.order_path(event.order_id),
            "accessId": event.access_id,
            "service": event.service,
            "operation": event.operation,
            self.options.state_field: event.state,
            "message": event.message,
        }
        return {"event": event.event, "order": order}

    def change(self, change: Change) -> dict[str, str]:
        """A generic event: without path when the object is gone (on_api.md, section 7)."""
        view = {"type": change.kind, "objectType": change.object_type, "objectId": change.object_id}
        if change.kind != "DELETE":
            orders = change.object_type == "orders"
            folder = self.options.order_path if orders else f"{change.object_type}/"
            view["path"] = f"{self.root}{folder}{change.object_id}"
        return {**view, "time": write_date_time(change.time)}


def _moment(value: str) -> str:
    if value in _MOMENTS:
        return _MOMENTS[value]
    return value if "T" in value else f"{value}T00:00:00Z"
