"""The levers of the simulated network: set it up, move it on, and read what it has been asked.

For tests and for the host's control API; no remote request comes through here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from syncer.simulators.on_api.formats import write_date_time
from syncer.simulators.on_api.model import Access, Options, Order, Script, Service, Subscription
from syncer.simulators.on_api.network import Network

ScriptLike = Script | Mapping[str, Any] | None
ServiceLike = Service | Mapping[str, Any] | str


class Controls:
    """The verbs: every argument and every answer may be JSON, so that the host can pass them on."""

    VERBS: frozenset[str] = frozenset(
        {
            "activations",
            "add_access",
            "add_subscription",
            "complaints",
            "configure",
            "end_subscription",
            "finish",
            "lose",
            "order",
            "orders",
            "refusals",
            "set_script",
            "state",
            "subscriptions_of",
            "tick",
        }
    )

    name: str
    version: str

    def __init__(self, network: Network, options: Options) -> None:
        self.network = network
        self.options = options
        self.refused: list[dict[str, Any]] = []
        self.objections: list[dict[str, Any]] = []
        self._activations: list[dict[str, str]] = []

    # ------------------------------------------------------------------------------------------- set-up

    def add_access(
        self,
        access_id: str,
        services: Sequence[ServiceLike] = (),
        script: ScriptLike = None,
        subscription: Sequence[str | None] | None = None,
        *,
        known: bool = True,
        access_state: str = "CONNECTED",
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds an access. `subscription` is (service, owner): "other", or our spReference, or None for none.

        An access that isn't `known` is left out: the network has never heard of it, and refuses orders for it.
        """
        if not known:
            return
        listed = [_service(item) for item in services]
        self.network.accesses[access_id] = Access(
            access_id,
            {service.name: service for service in listed},
            _script(script) or Script(),
            self.network.now(),
            access_state,
            dict(fields or {}),
        )
        if subscription:
            service, owner = subscription
            self.add_subscription(access_id, str(service), owner)

    def add_subscription(
        self, access_id: str, service: str, owner: str | None = None, sp_subscription_id: str | None = None
    ) -> str:
        """A subscription that no order of ours made here; returns its id."""
        ours = owner != "other"
        sub = self.network.subscribe(
            access_id,
            service,
            ours=ours,
            reference=owner if ours else None,
            sp_subscription_id=sp_subscription_id,
        )
        return sub.subscription_id

    def end_subscription(self, subscription_id: str) -> None:
        """Ends a subscription without any order, whoever's it is."""
        sub = next(sub for sub in self.network.subscriptions if sub.subscription_id == subscription_id)
        self.network.end(sub)

    def set_script(self, access_id: str, script: ScriptLike = None, service: str | None = None) -> None:
        """Changes what later orders meet, on the whole access or for one of its services."""
        access = self.network.accesses[access_id]
        if service is None:
            access.script = _script(script) or Script()
            return
        old = access.services[service]
        known = {field.name: getattr(old, field.name) for field in fields(old)}
        access.services[service] = Service(**{**known, "script": _script(script)})

    def configure(self, **options: Any) -> None:
        """Changes options while running; a name that isn't one of `Options` is an error."""
        checked = Options(**{**asdict(self.options), **options})
        for name in options:
            setattr(self.options, name, getattr(checked, name))

    @property
    def find_lag(self) -> float:
        """The age in seconds that an order has before the lists show it."""
        return self.options.find_lag

    @find_lag.setter
    def find_lag(self, seconds: float) -> None:
        self.options.find_lag = seconds

    # ------------------------------------------------------------------------------------------ going on

    def tick(self, n: int = 1) -> None:
        """Moves every running order on, n times."""
        for _ in range(n):
            self.network.tick()

    def finish(self, order_id: str, state: str = "DONE_SUCCESS", message: str = "") -> None:
        """Forces an unfinished order into a state."""
        self.network.catch_up()
        self.network.finish(self.network.orders[order_id], state, message)

    def lose(self, order_id: str) -> None:
        """No GET shows the order any more, though it goes on."""
        self.network.orders[order_id].lost = True

    # ------------------------------------------------------------------------------------------- reading

    def orders(self) -> list[dict[str, Any]]:
        """Every order that was ever accepted, cancelled and lost ones too."""
        self.network.catch_up()
        return [_order(order) for order in self.network.orders.values()]

    def order(self, order_id: str) -> dict[str, Any]:
        """One order, as `orders` has it."""
        self.network.catch_up()
        return _order(self.network.orders[order_id])

    def activations(self, access_id: str | None = None) -> list[dict[str, str]]:
        """Every ACTIVATE that made an order, with its references as they came in, and its present state."""
        self.network.catch_up()
        chosen = [made for made in self._activations if access_id in {None, made["access"]}]
        return [{**made, "state": self.network.orders[made["order"]].state} for made in chosen]

    def subscriptions_of(self, access_id: str) -> list[dict[str, Any]]:
        """The subscriptions in use on an access, ours and others'."""
        self.network.catch_up()
        return [_subscription(sub) for sub in self.network.active(access_id)]

    def refusals(self) -> list[dict[str, Any]]:
        """Every POST that was refused, and why."""
        return list(self.refused)

    def complaints(self) -> list[dict[str, Any]]:
        """Every other request that was refused, and why: a GET's 404 too."""
        return list(self.objections)

    def state(self) -> dict[str, Any]:
        """All of it at a glance, JSON-able."""
        return {
            "name": self.name,
            "version": self.version,
            "options": asdict(self.options),
            "accesses": {item.access_id: list(item.services) for item in self.network.accesses.values()},
            "orders": self.orders(),
            "subscriptions": [_subscription(sub) for sub in self.network.subscriptions if not sub.ended],
            "refused": self.refusals(),
            "complaints": self.complaints(),
        }

    def record_activation(self, order: Order) -> None:
        """Remembers an accepted ACTIVATE as it came in, whatever is changed in it later."""
        self._activations.append(
            {
                "order": order.order_id,
                "access": order.access_id,
                "service": order.service,
                "reference": order.reference,
                "sp_subscription_id": str(order.asked.get("spSubscriptionId", "")),
                "at": write_date_time(order.accepted),
            }
        )


def _script(script: ScriptLike) -> Script | None:
    return script if script is None or isinstance(script, Script) else Script(**script)


def _service(service: ServiceLike) -> Service:
    if isinstance(service, Service):
        return service
    if isinstance(service, str):
        return Service(service)
    return Service(**{**service, "script": _script(service.get("script"))})


def _order(order: Order) -> dict[str, Any]:
    return {
        "order": order.order_id,
        "access": order.access_id,
        "service": order.service,
        "operation": order.operation,
        "state": order.state,
        "message": order.message,
        "reference": order.reference,
        "sp_subscription_id": order.asked.get("spSubscriptionId", ""),
        "subscription": order.subscription_id,
        "requested": order.asked.get("requestedDateTime", ""),
        "accepted": write_date_time(order.accepted),
        "cancelled": order.cancelled,
        "lost": order.lost,
    }


def _subscription(sub: Subscription) -> dict[str, Any]:
    return {
        "subscription": sub.subscription_id,
        "access": sub.access_id,
        "service": sub.service,
        "ours": sub.ours,
        "reference": sub.sp_reference or "",
        "sp_subscription_id": sub.sp_subscription_id or "",
        "suspended": sub.suspended,
    }
