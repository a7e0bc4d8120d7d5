"""GKS4 as order system: an order becomes a sales order, which is what is billed (contract: gks4.md).

GKS4 can't be asked for a sales order, so that what is uncertain is a person's to look up. Nothing in here may guess:
neither who pays, nor an article, since a known one starts production.
"""

import time
from collections.abc import Callable, Iterator

from syncer.errors import Rejected, Uncertain
from syncer.order_systems.billing import Billing, BillingLine
from syncer.order_systems.customers import Customers, Wanted
from syncer.orders import (
    Absent,
    CannotTell,
    Found,
    Intent,
    Observation,
    Order,
    OurWord,
    Registered,
    RegisterRefused,
    Unfilled,
    fill,
)
from syncer.remotes.gks4 import Created, CustomerUnknown, Gks4, Line, SalesOrder

NOBODY = "syncer-check"  # no customer's number


class Gks4OrderSystem:
    """One GKS4, where orders are registered. `billing` says what the routes have for an order; None: nothing."""

    def __init__(
        self,
        name: str,
        client: Gks4,
        billing: Callable[[Order], Billing | None],
        *,
        language: str | None,
        currency: str | None,
        create_missing: bool = False,
        resend_uncertain: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._client = client
        self._billing = billing
        self._language = language
        self._currency = currency
        self._resend_uncertain = resend_uncertain
        self._customers = Customers(name, client, create_missing=create_missing, clock=clock)
        self._payers: dict[str, str] = {}  # of the orders whose create is uncertain

    def perform(self, intent: Intent, order: Order) -> Observation:  # noqa: ARG002 - an order has one sales order
        """Registers an order. Until the sales order is sent, all is safe to repeat; after that, nothing is.

        Raises:
            Uncertain: the sales order may have been made.
            Unavailable, AccessDenied, Unreadable: it surely was not.
        """
        billing = self._billing(order)
        if billing is None:
            return RegisterRefused(f"no route says any more how it is billed in {self.name}: put it back, then retry")
        try:
            return self._registered(self._create(order, billing))
        except Unfilled as gap:
            return RegisterRefused(f"{gap}, which the route wants for {self.name}")
        except Rejected as refusal:
            return RegisterRefused(_said(refusal))

    def _create(self, order: Order, billing: Billing) -> Created:
        lines = tuple(_line(line, order) for line in billing.lines)
        wanted = Wanted(billing.customer, order.details)
        try:
            return self._send(order, self._customers.number_of(wanted), lines)
        except CustomerUnknown:  # it has gone meanwhile; surely without effect
            return self._send(order, self._customers.number_of(wanted), lines)

    def _send(self, order: Order, number: str, lines: tuple[Line, ...]) -> Created:
        """Sends the sales order. Our name stands where a person searches, and where the buyer sees it (section 6)."""
        sent = SalesOrder(
            number,
            lines,
            name=order.name,
            purchase_order_number=order.name,
            language=self._language,
            currency=self._currency,
        )
        try:
            return self._client.create_sales_order(sent)
        except Uncertain:
            self._payers[order.name] = number
            raise

    def _registered(self, made: Created) -> Registered:
        return Registered(self.name, made.number, OurWord("; ".join(_remarks(made))))

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Whether the order was registered: GKS4 can't be asked (section 6), so that a person is told what to look for.

        Only a call of ours is sent again where that is configured; what a former life may have sent is not.
        """
        if self._resend_uncertain and intent.attempts:
            return Absent()
        number = self._payers.get(order.name) or self._said_by_route(order)
        whose = f", of customer {number}" if number else ""
        return CannotTell(f"look in GKS for a sales order whose purchase order number or name is {order.name}{whose}")

    def _said_by_route(self, order: Order) -> str | None:
        """The customer number, where the route says one: GKS may not be there to be asked for another."""
        billing = self._billing(order)
        try:
            return None if billing is None else Wanted(billing.customer, order.details).number
        except Unfilled:
            return None

    def check(self) -> str:
        """One harmless call: a search for a customer that nobody is."""
        self._client.search(number=NOBODY)
        return "answers; customers can be searched (that sales orders can be made can't be tried)"


def _remarks(made: Created) -> Iterator[str]:
    """What a person might look for, and not find."""
    if made.number is None:
        yield "it told no number"
    if made.cut_lines:
        yield f"the text was too long, and is cut, in line {', '.join(map(str, made.cut_lines))}"


def _line(line: BillingLine, order: Order) -> Line:
    return Line(fill(line.description, order.details).strip(), line.quantity, line.unit_price, line.article, line.more)


WHAT = {
    "customers.get": "GKS refused to show the customer",
    "customers.search": "GKS refused to search its customers",
    "customers.create": "GKS refused to make the customer",
    "salesorders.create": "GKS refused it",
}


def _said(refusal: Rejected) -> str:
    """A refusal in a sentence: GKS's own word with what it is about, or ours as it is."""
    about = WHAT.get(refusal.operation)
    said = refusal.cause if about is None else f"{about}: {refusal.cause}"
    return f"{said} ({refusal.hint})" if refusal.hint else said
