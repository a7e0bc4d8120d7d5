"""A desk for agents over a real store, with a portal that knows some tokens and a supplier that sells some products.

It keeps what the protocol demands, and counts what it was asked. No claim belongs here.
"""

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from syncer.orders import Read, Rules
from syncer.store import Store
from syncer.web import Site, counting, serving
from syncer.web.agent import (
    Awaited,
    Checked,
    Content,
    Desk,
    Document,
    Fault,
    FormKind,
    Opened,
    Price,
    Product,
    Reason,
    Refused,
    Sheet,
)
from syncer.web.server import Server
from tests.ring.harness import empty_database
from tests.web.scenes import SITE, now, pulse

TOKEN = "Q0hB+Tk9/UUmVhbA=="
AT = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)
PLAN, MAP = Product("WI03010777", "Kommunal information"), Product("WI03010779", "Situationskarta")
COSTS = {PLAN.code: Decimal("800.00"), MAP.code: Decimal("200.40")}
PDF = b"%PDF-1.7 invented " * 4000
EMPTY = Sheet("Kommunalt underlag", "OBJ40017_1700000001", "Provgatan 9, 0155 Oslo", "received", Awaited.AGENT)
FILLED = {"cadastre": "0301-12-34-0-0", "address": "Provgatan 9, 0155 Oslo", "product": PLAN.code}


@dataclass
class FakeDesk:
    """`tokens` are what the portal knows: whose each is, and for which order. `sheets` are the orders' pages."""

    store: Store
    portal: str = "vitec"
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    customers: set[str] = field(default_factory=lambda: {"M40017", "M40018"})
    expired: set[str] = field(default_factory=set)
    sheets: dict[str, Sheet] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    costs: dict[str, Decimal] = field(default_factory=lambda: dict(COSTS))
    exchanges: list[str] = field(default_factory=list)
    checks: list[dict[str, str]] = field(default_factory=list)
    placed: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    hold: Callable[[], object] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def knows(self, customer_id: str) -> bool:
        return customer_id in self.customers

    def exchange(self, customer_id: str, token: str) -> Opened | Refused:
        self.exchanges.append(customer_id)
        self.hold()
        if token in self.expired:
            return Refused(Reason.EXPIRED)
        whose, key = self.tokens.get(token, ("", ""))
        if whose != customer_id:
            return Refused(Reason.DENIED)
        return Opened(self.add(key))

    def add(self, key: str, sheet: Sheet | None = None) -> str:
        """An order, as the exchange stores it: once, however often it is opened."""
        name = f"{self.portal}:{key}"
        with self.lock:
            if self.store.watch(self.portal, [key], now()):
                self.store.apply(name, Read("active", "812"), now(), Rules())
            self.sheets.setdefault(name, sheet or replace(EMPTY, form=FormKind.CADASTRE, products=(PLAN, MAP)))
        return name

    def sheet(self, order: str) -> Sheet | None:
        return self.sheets.get(order)

    def check(self, order: str, values: Mapping[str, str]) -> Checked:
        self.checks.append(dict(values))
        self.hold()
        faults: dict[str, Fault] = {}
        for name in ("cadastre", "address") if "cadastre" in values else ("organization_number", "share_number"):
            if not values[name]:
                faults[name] = Fault.MISSING
        if values.get("cadastre") and values["cadastre"].count("-") != 4:
            faults["cadastre"] = Fault.MALFORMED
        codes = values.get("product", "").split()
        if set(codes) - set(self.costs):
            faults["product"] = Fault.NOT_OFFERED
        elif not codes and self.sheets[order].products:
            faults["product"] = Fault.MISSING
        if faults:
            return Checked(faults)
        net = sum((self.costs[code] for code in codes), Decimal())
        names = tuple(one.name for one in self.sheets[order].products if one.code in codes)
        return Checked(price=Price(net, net * Decimal("1.25"), "NOK") if codes else None, products=names)

    def place(self, order: str, values: Mapping[str, str]) -> Mapping[str, Fault] | None:
        with self.lock:
            sheet = self.sheets[order]
            if sheet.form is not None:
                self.placed.append((order, dict(values)))
                self.sheets[order] = replace(
                    sheet, form=None, state="active", awaited=Awaited.SUPPLIER, values=dict(values)
                )
        return None

    def open(self, order: str, asset: str) -> Content | None:
        found = self.files.get((order, asset))
        named = {one.asset: one.name for one in self.sheets[order].files}
        if found is None:
            return None
        return Content(io.BytesIO(found), named.get(asset, asset), len(found), "application/pdf")

    def deliver(self, order: str, *names: str, content: bytes = PDF) -> None:
        """The order's files have come."""
        files = tuple(Document(f"a{number}", name, len(content), AT) for number, name in enumerate(names))
        self.files |= {(order, one.asset): content for one in files}
        self.sheets[order] = replace(
            self.sheets[order], form=None, state="delivered", awaited=Awaited.NOTHING, files=files
        )


def _is_a_desk(desk: FakeDesk) -> Desk:
    return desk


@dataclass
class Office:
    """The pages while they are served, over a desk."""

    server: Server
    store: Store
    desk: FakeDesk
    file: Path

    @property
    def url(self) -> str:
        return self.server.url


@contextmanager
def office(folder: Path, site: Site = SITE, *more: str) -> Iterator[Office]:
    """The pages over a desk named `vitec`, and others by their names."""
    (folder / "syncer.db").write_bytes(empty_database())
    with Store.open(f"sqlite:///{folder}/syncer.db") as store:
        desks = {name: FakeDesk(store, name) for name in ("vitec", *more)}
        desks["vitec"].tokens[TOKEN] = ("M40017", "ord-7781")
        with serving(lambda: site, store, pulse, counting(), lambda: desks) as server:
            yield Office(server, store, desks["vitec"], folder / "syncer.db")


@pytest.fixture
def offices(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    with ExitStack() as stack:

        def opened(site: Site = SITE, *more: str) -> Office:
            return stack.enter_context(office(tmp_path, site, *more))

        yield opened
