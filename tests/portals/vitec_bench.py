"""A Vitec that listens, and the adapter over it, with a clock that a test turns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.orders import Cursor, Intent, Kind, Order, Page, Read, State
from syncer.portals.vitec import Reach, Result, VitecPortal, supplied
from syncer.remotes.http import Http, Limits
from syncer.remotes.vitec import STOCKHOLM, Credentials, Ticket, Vitec
from syncer.simulators.host import Host
from syncer.simulators.vitec import VitecSimulator

OFFICE, OTHER, THIRD = "M40017", "M40018", "M40019"
NOON = datetime(2031, 5, 4, 10, 0, tzinfo=UTC)
PASSWORDS = {OFFICE: "lösen-ett", OTHER: "lösen-två", THIRD: "lösen-tre"}
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
GIF = b"GIF89a" + b"y" * 20
DONE = {"done": {"path": "/Service/Order/Done/{customerId}", "status": "Klar"}}


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Bench:
    host: Host
    vitec: VitecSimulator
    clock: Clock
    cursor: Cursor = field(default_factory=Cursor)
    customers: tuple[str, ...] = (OFFICE,)
    reach: Reach = field(default_factory=Reach)
    options: dict[str, Any] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def adapter(self, **options: Any) -> VitecPortal:
        http = Http("vitec", Limits(timeout=20, rate=10_000))
        client = Vitec(http, self.host.url_of("/vitec"), Credentials("partner", PASSWORDS))
        given = {"now": self.clock, **self.options, **options}
        return VitecPortal("vitec", client, self.customers, [812], self.reach, given.pop("statuses", {}), **given)

    def poll(self, oldest_open: datetime | None = None, adapter: VitecPortal | None = None) -> Page:
        """Polls as from a new process, or with an adapter that remembers, keeping the cursor."""
        page = (adapter or self.adapter()).poll(self.cursor, lambda: oldest_open)
        self.cursor = page.cursor
        return page

    def news(self) -> list[str]:
        """The orders of a poll that are new, or other than before."""
        rows = {(row.external_id, row.status, row.fingerprint) for row in self.poll().rows}
        fresh = sorted(row[0] for row in rows - self.seen)
        self.seen |= rows
        return fresh

    def place(self, customer: str = OFFICE, **given: Any) -> str:
        return self.vitec.place_order(customer, **given)["order"]

    def asked(self, customer: str = OFFICE) -> datetime:
        """The time that the customer's list was last asked from."""
        last = [one for one in self.host.calls("vitec", "order.list") if one.path.endswith(customer)][-1]
        return datetime.fromisoformat(last.params["MinValue"]).replace(tzinfo=STOCKHOLM).astimezone(UTC)

    def calls(self, operation: str) -> int:
        return len(self.host.calls("vitec", operation))

    def order(self, key: str, *, opened: bool = True, **facts: Any) -> Order:
        """The order as it was listed, and opened by its agent."""
        rows = self.adapter().poll(Cursor(), lambda: None).rows
        details: dict[str, Any] = {"head": dict(next((row.head for row in rows if row.external_id == key), {}))}
        if opened:
            details["ticket"] = dict(supplied(self.ticket(key)).values)
        details |= facts.pop("details", {})
        return Order("vitec", key, details=details, created_at=self.clock.at, **facts)

    def ticket(self, key: str) -> Ticket:
        known = next(one for one in self.vitec.orders() if one["id"] == key)
        return Ticket(
            key,
            customer_id=known["customer_id"],
            tenant_id="T3",
            chain_id="G7",
            user_id=known["user_id"],
            owner_id=known["order_user_id"],
            target_id=known["target_id"],
            target_type=known["target_type"],
        )

    def read(self, order: Order, **options: Any) -> Read:
        found = self.adapter(**options).read(order)
        assert isinstance(found, Read)
        return found


@contextmanager
def listening(**options: Any) -> Iterator[Bench]:
    clock = Clock()
    vitec = VitecSimulator(passwords=PASSWORDS, now=clock, **options)
    with Host({"/vitec": vitec}) as host:
        yield Bench(host, vitec, clock)
    assert host.crashes == []


def done(order: Order) -> Order:
    """As it is when its results are to be given."""
    return order.but(state=State.DELIVERED, portal_status="active")


def gift(number: int) -> Intent:
    return Intent(f"vitec.ord.g{number}", Kind.GIVE, "vitec", {"n": str(number)})


def tells(wanted: str, before: str) -> Intent:
    return Intent("vitec.ord.t1", Kind.STATUS, "vitec", {"status": wanted, "from": before})


def says(text: str = "no light [vitec.ord.m1]") -> Intent:
    return Intent("vitec.ord.m1", Kind.MESSAGE, "vitec", {"type": "error", "text": text})


def results(*names: str, data: bytes = PNG, link: str | None = "https://orders.example/f/") -> tuple[Result, ...]:
    return tuple(
        Result(name, len(data), "", None if link is None else f"{link}{at}", lambda: data, f"/files/{name}")
        for at, name in enumerate(names, 1)
    )
