"""The values of the simulated network: its options, and its accesses, scripts, orders and subscriptions.

No rule of ordering and no JSON belongs here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

FINAL = frozenset({"DONE_SUCCESS", "DONE_FAILED"})
STATES = FINAL | {"RECEIVED", "IN_PROGRESS"}
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Options:
    """How this network deviates, or which of two readings it follows (on_api.md, sections 6 and 11).

    `events` is orderevents/, `generic_events` is events/. `open_order_key` says which open order answers a
    repeated POST: any of the same `service`, or only one of the same `operation` too. `find_lag` is the age in
    seconds that an order has before the lists of orders show it. `full_existing` adds ids and references to a
    200's body. `sparse_lists` leaves forcedTakeoverPossible out of the list of accesses.
    """

    discovery: bool = True
    order_path: str = "orders/"
    events: bool = True
    generic_events: bool = False
    scheduling: bool = True
    echo_reference: bool = True
    subscriptions: bool = True
    empty_subscriptions: int = 200
    finished_listed: bool = True
    sparse_lists: bool = False
    state_field: str = "state"
    busy_code: int = 409
    full_existing: bool = False
    early_subscription_id: bool = True
    open_order_key: str = "service"
    after_delete: str = "404"
    find_lag: float = 0
    extra_fields: bool = False
    trailing_slash: str = "either"
    forbidden: bool = False
    causes: bool = True
    swedish_causes: bool = False
    html_errors: bool = False

    def __post_init__(self) -> None:
        """A misspelt choice would silently be the default."""
        choices: dict[str, tuple[object, ...]] = {
            "state_field": ("state", "status"),
            "busy_code": (409, 400),
            "empty_subscriptions": (200, 404),
            "open_order_key": ("service", "operation"),
            "after_delete": ("404", "DONE_FAILED"),
            "trailing_slash": ("either", "required", "redirect"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}")


@dataclass(frozen=True, slots=True)
class Stage:
    """One state of an order, and what it takes to leave it: ticks and seconds, or a moment."""

    state: str
    ticks: int = 0
    seconds: float = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What an order meets: RECEIVED, then an odd state, then IN_PROGRESS, each for a while, then `end`.

    A state without ticks or seconds is skipped (an odd state lasts a tick at least), so `Script()` is done at
    once. An `end` that is no final state never finishes. `refuse` is an HTTP status: no order comes about.
    """

    received_ticks: int = 0
    received_seconds: float = 0
    odd_state: str = ""
    odd_ticks: int = 0
    odd_seconds: float = 0
    progress_ticks: int = 0
    progress_seconds: float = 0
    end: str = "DONE_SUCCESS"
    message: str = ""
    refuse: int = 0
    cause: str = ""
    operations: tuple[str, ...] = ("ACTIVATE",)

    def stages(self) -> list[Stage]:
        """The states in order; a state that lasts no time isn't seen."""
        odd_ticks = self.odd_ticks or int(bool(self.odd_state) and not self.odd_seconds)
        passing = [
            Stage("RECEIVED", self.received_ticks, self.received_seconds),
            Stage(self.odd_state, odd_ticks, self.odd_seconds),
            Stage("IN_PROGRESS", self.progress_ticks, self.progress_seconds),
        ]
        return [stage for stage in passing if stage.state and (stage.ticks or stage.seconds)] + [Stage(self.end)]


@dataclass(frozen=True, slots=True)
class Service:
    """A service on an access. The dates are in 2.4's words: YES, NO, a date, or nothing (section 4.3)."""

    name: str
    kind: str = "broadband"
    connection: str = "YES"
    available: str = "YES"
    disconnection: str = ""
    forced_takeover_possible: bool = False
    comments: tuple[str, ...] = ()
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    script: Script | None = None


@dataclass(slots=True)
class Access:
    """One end customer's port."""

    access_id: str
    services: dict[str, Service]
    script: Script
    modified: datetime
    state: str = "CONNECTED"
    fields: dict[str, Any] = field(default_factory=dict)

    def kind_of(self, service: str) -> str:
        """A service that is no longer listed counts as broadband."""
        return self.services[service].kind if service in self.services else "broadband"

    def script_of(self, service: str) -> Script:
        """A service's own script goes before the access's."""
        listed = self.services.get(service)
        return listed.script if listed and listed.script else self.script


@dataclass(slots=True)
class Subscription:
    """A service in use: ours, or another service provider's."""

    subscription_id: str
    access_id: str
    service: str
    ours: bool
    since: datetime
    modified: datetime
    sp_reference: str | None = None
    sp_subscription_id: str | None = None
    suspended: bool = False
    ended: bool = False


@dataclass(slots=True)
class Order:
    """An accepted order, with the states it still has to pass; the first of `stages` is the present one."""

    order_id: str
    access_id: str
    service: str
    asked: dict[str, Any]
    subscription_id: str
    accepted: datetime
    stages: list[Stage]
    entered: datetime
    end_message: str = ""
    ticks: int = 0
    ticked: datetime | None = None
    cancelled: bool = False
    lost: bool = False

    @property
    def operation(self) -> str:
        """What was ordered."""
        return str(self.asked["operation"])

    @property
    def state(self) -> str:
        """The present state."""
        return self.stages[0].state

    @property
    def final(self) -> bool:
        """Whether the state never changes again (on_api.md, section 5.5)."""
        return self.state in FINAL

    @property
    def message(self) -> str:
        """The end's message, once the end is reached."""
        return self.end_message if len(self.stages) == 1 else ""

    @property
    def reference(self) -> str:
        """The service provider's own reference, if any."""
        return str(self.asked.get("spReference", ""))

    @property
    def due(self) -> datetime:
        """When the clock moves it on; NEVER while it waits for ticks, or has reached its end."""
        here = self.stages[0]
        if len(self.stages) == 1 or self.ticks < here.ticks:
            return NEVER
        by_clock = here.until or self.entered + timedelta(seconds=here.seconds)
        return max(by_clock, self.ticked) if self.ticked else by_clock


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What orderevents/ tells of an order, as it was at that moment (on_api.md, section 7)."""

    event: str
    order_id: str
    access_id: str
    service: str
    operation: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """What events/ tells: that an object came, changed or went (on_api.md, section 7)."""

    kind: str
    object_type: str
    object_id: str
    time: datetime
