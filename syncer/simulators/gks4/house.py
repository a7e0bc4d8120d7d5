"""The simulated printing house: its customers, articles and sales orders, and what an order starts.

How a request looks on the wire is not known here.
"""

from dataclasses import asdict, replace
from typing import Any

from syncer.simulators.gks4.demands import Findings
from syncer.simulators.gks4.model import Customer, Options, Production, SalesOrder, stripped
from syncer.simulators.rest import Clock, RefusedError

FIRST_CUSTOMER, FIRST_ORDER, FIRST_PRODUCTION = 100001, 500001, 1


class House:
    """One company in GKS4. Orders have one number series (gks4.md, section 8)."""

    def __init__(self, options: Options, now: Clock) -> None:
        self.options = options
        self.now = now
        self.customers: list[Customer] = []
        self.articles: dict[str, str] = {}
        self.orders: list[SalesOrder] = []
        self.productions: list[Production] = []
        self._next_customer = FIRST_CUSTOMER

    # --- customers --------------------------------------------------------------------------------------------------

    def customer(self, number: str) -> Customer | None:
        """The customer of a number; of two with the same number, the first."""
        return next((each for each in self.customers if each.number == number), None)

    def create(self, body: dict[str, Any]) -> dict[str, str] | None:
        """Makes a customer out of a body that was judged right; what took effect, or None for nothing.

        What a second one of the same number or company becomes is unknown (gks4.md, section 3.1).
        """
        customer = Customer(
            self._number(body["number"]),
            body["name"],
            body["corporateIdentityNumber"],
            body["invoiceEmail"],
            body.get("postalAddress"),
        )
        same_number = next((each for each in self.customers if each.number == body["number"] is not None), None)
        same_company = any(each.bare == customer.bare for each in self.customers)
        if same_company and self.options.same_company == "refused":
            raise _taken("corporateIdentityNumber")
        if same_number is not None:
            return self._again(same_number, customer)
        self.customers.append(customer)
        return _effect("customer", customer, again=same_company)

    def _again(self, old: Customer, new: Customer) -> dict[str, str] | None:
        if self.options.same_number == "refused":
            raise _taken("number")
        if self.options.same_number == "ignored":
            return None
        if self.options.same_number == "second":
            self.customers.append(new)
        else:
            self.customers[self.customers.index(old)] = replace(new)
        return _effect("customer", new, again=True)

    def _number(self, given: str | None) -> str | None:
        if given is not None or self.options.null_number != "assigned":
            return given
        while self.customer(f"K{self._next_customer}") is not None:
            self._next_customer += 1
        return f"K{self._next_customer}"

    def search(self, number: str | None, name: str | None, corporate: str | None) -> list[Customer]:
        """Those that all the filters fit (gks4.md, section 3.3); a filter that is None fits everyone."""
        found = [
            each
            for each in self.customers
            if number in {None, each.number}
            and (name is None or name.casefold() in each.name.casefold())
            and (corporate is None or stripped(corporate) == each.bare)
        ]
        return found if self.options.sort == "oldest" else found[::-1]

    # --- sales orders -----------------------------------------------------------------------------------------------

    def order(self, asked: dict[str, Any], found: Findings) -> tuple[SalesOrder, dict[str, str]]:
        """Takes an order that was judged right, and starts what its articles start; a repeat is a second order.

        Nothing refuses a repeat (gks4.md, section 6); the effect says that it is one.
        """
        number = str(FIRST_ORDER + len(self.orders))
        order = SalesOrder(number, self.now(), asked, tuple(found.ignored))
        repeat = order.key is not None and any(order.key == each.key for each in self.orders)
        self.orders.append(order)
        started = [self._start(order, line) for line in order.lines if line.get("articleNumber") in self.articles]
        effect = {
            "what": "sales_order",
            "order": number,
            "customer": order.customer,
            "name": order.name,
            "reference": order.reference,
            "production": " ".join(started),
        }
        return order, {**effect, "repeat": "yes"} if repeat else effect

    def unknown_articles(self, asked: dict[str, Any]) -> list[str]:
        """The article numbers on the lines that no product template has."""
        numbers = [line["articleNumber"] for line in asked["salesOrderLines"] if line.get("articleNumber") is not None]
        return [number for number in numbers if number not in self.articles]

    def _start(self, order: SalesOrder, line: dict[str, Any]) -> str:
        article = line["articleNumber"]
        quantity = str(line.get("quantity", ""))
        self.productions.append(Production(order.number, article, self.articles[article], quantity))
        return str(article)

    # --- at a glance ------------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """All of it, for the control API."""
        return {
            "customers": [asdict(each) for each in self.customers],
            "articles": dict(self.articles),
            "sales_orders": [order_as_json(each) for each in self.orders],
            "productions": [asdict(each) for each in self.productions],
        }


def order_as_json(order: SalesOrder) -> dict[str, Any]:
    """An order as the control API has it."""
    return {
        "number": order.number,
        "at": order.at.isoformat(),
        "customer": order.customer,
        "name": order.name,
        "reference": order.reference,
        "asked": order.asked,
        "ignored": list(order.ignored),
    }


def _taken(field: str) -> RefusedError:
    return RefusedError(400, "One or more validation errors occurred.", {field: ["Another customer has it already."]})


def _effect(what: str, customer: Customer, *, again: bool) -> dict[str, str]:
    effect = {"what": what, "customer": customer.number or "", "corporate": customer.bare}
    return {**effect, "repeat": "yes"} if again else effect
