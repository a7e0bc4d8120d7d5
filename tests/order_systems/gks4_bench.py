"""A GKS4 that is a value, whose every answer a test writes, and the adapter over it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from syncer.errors import RemoteError
from syncer.order_systems import Billing, BillingLine, Gks4OrderSystem, Payer
from syncer.orders import Intent, Kind, Order
from syncer.remotes.gks4 import Created, Customer, CustomerUnknown, SalesOrder
from syncer.remotes.gks4.customers import same

MADE = Created("500001")
COMPANY = "559999-0001"
DETAILS = {
    "head": {"service": "812"},
    "office": {
        "corporateNumber": COMPANY,
        "customerName": "Exempelmäklarna i Lund AB",
        "emailAddress": "faktura@exempel.example",
        "city": "Lund",
    },
    "form": {"address": "Lilla gatan 7"},
}
ORDER = Order("vitec", "ord-7781", details=DETAILS)
OTHER = Order("vitec", "ord-7782", details=DETAILS)
INTENT = Intent("vitec.ord-7781.r1", Kind.REGISTER, "gks4", {"order": ORDER.name}, attempts=1)
KNOWN = Customer("Exempelmäklarna i Lund AB", "K100421", "5599990001")
LINE = BillingLine("Kommunal information, {form.address}", Decimal(1), Decimal("950.00"), "A-100")
BY_NUMBER = Payer(number="K100421")
BY_COMPANY = Payer(corporate_identity_number="{office.corporateNumber}")
WHOLE = replace(
    BY_COMPANY,
    name="{office.customerName}",
    invoice_email="{office.emailAddress}",
    address1="{office.address}",
    city="{office.city}",
    country_code="SE",
)
NUMBERED = replace(WHOLE, number="K7")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Fake:
    """The client's four calls. What is in `before` and `after` is raised, once each, that side of the effect."""

    customers: list[Customer] = field(default_factory=list)
    orders: list[SalesOrder] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    before: dict[str, list[RemoteError]] = field(default_factory=dict)
    after: dict[str, list[RemoteError]] = field(default_factory=dict)
    assigns: bool = True
    shows: bool = True
    answer: Created = MADE
    between: Callable[[str], object] = lambda _: None

    def _begin(self, name: str) -> None:
        self.calls.append(name)
        self.between(name)
        if self.before.get(name):
            raise self.before[name].pop(0)

    def _end(self, name: str) -> None:
        if self.after.get(name):
            raise self.after[name].pop(0)

    def customer(self, number: str) -> Customer | None:
        self._begin("get")
        return next((each for each in self.customers if same(number, each.number)), None)

    def search(
        self, *, number: str | None = None, corporate_identity_number: str | None = None
    ) -> tuple[Customer, ...]:
        self._begin("search")
        if not self.shows:
            return ()
        if number is not None:
            return tuple(each for each in self.customers if same(number, each.number))
        wanted = corporate_identity_number or ""
        return tuple(each for each in self.customers if same(wanted, each.corporate_identity_number))

    def create_customer(self, new: Customer) -> None:
        self._begin("create")
        number = f"K{200000 + len(self.customers)}" if self.assigns else None
        self.customers.append(replace(new, number=new.number or number))
        self._end("create")

    def create_sales_order(self, order: SalesOrder) -> Created:
        self._begin("order")
        if not any(each.number == order.customer_number for each in self.customers):
            raise CustomerUnknown("gks4", "salesorders.create", "HTTP 404", "see that paths.sales_orders is right")
        self.orders.append(order)
        self._end("order")
        return self.answer


def adapter(
    client: Any, payer: Payer = BY_COMPANY, *lines: BillingLine, clock: Clock | None = None, **options: Any
) -> Gks4OrderSystem:
    billing = Billing(payer, lines or (LINE,))
    given = {"language": "sv", "currency": "SEK", "clock": clock or Clock(), **options}
    return Gks4OrderSystem("gks4", client, lambda _: billing, **given)
