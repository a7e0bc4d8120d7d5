"""The chain's two ends outside: the agents' system and the order system, how an order stands in both, and the judge.

The judge reads only what they remember. Nothing here knows the program or its store.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncer.orders import Intent, Kind, Order
from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.vitec import VitecSimulator
from syncer.simulators.wire import Simulator
from tests.prove.chain_configured import CUSTOMER, GKS4_SECRET, NEW_OFFICE, OFFICE, VITEC_SECRET

OPENED = "Service/Order/Token"  # what an agent's page asks: nothing is changed by it


@dataclass(frozen=True, slots=True)
class Beyond:
    """How one order stands in both. `bills` are the customers of its sales orders, `notes` the last lines of those on
    its home, `images` their names there, and `asked` how often its agent was asked to open its page.
    """

    bills: tuple[str, ...] = ()
    made: int = 0
    notes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    asked: int = 0


class Chain:
    """Vitec and GKS4. `vitec` and `gks4` are options of the simulators."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        vitec: Mapping[str, Any] | None = None,
        gks4: Mapping[str, Any] | None = None,
    ) -> None:
        passwords = dict.fromkeys(("M40017", "M40018"), VITEC_SECRET)
        self.vitec = VitecSimulator(passwords=passwords, now=clock, **(vitec or {}))
        self.gks4 = Gks4Simulator(secret=GKS4_SECRET, now=clock, mount="/gks4", **(gks4 or {}))
        names = dict.fromkeys(("customerName", "legalCustomerName"), "Påhittade Mäklare AB")
        self.vitec.add_office("M40017", corporateNumber=OFFICE, **names)
        self.vitec.add_office("M40018", chain="G8", tenant="T4", corporateNumber=NEW_OFFICE, **names)
        self.gks4.add_customer(CUSTOMER, OFFICE)
        self.gks4.add_article("A-100")

    @property
    def mounts(self) -> dict[str, Simulator]:
        """Where they are."""
        return {"/vitec": self.vitec, "/gks4": self.gks4}

    @property
    def numbers(self) -> tuple[str, ...]:
        """The ids of the agents' orders."""
        return tuple(self.vitec.agency.orders)

    def order(self, **fields: Any) -> str:
        """An agent orders; the order's id."""
        return self.vitec.place_order(**fields)["order"]

    # --- what became of it ----------------------------------------------------------------------------------------

    def status(self, number: str) -> str:
        """An agent's order's own status."""
        return self.vitec.agency.orders[number].status

    def beyond(self, name: str, number: str) -> Beyond:
        """How an order stands: `name` as the program calls it."""
        bills = self.gks4.sales_orders(name)
        made = {bill["number"] for bill in bills}
        known = self.vitec.agency.orders.get(number)
        home = None if known is None else known.target_id
        return Beyond(
            bills=tuple(bill["customer"] for bill in bills),
            made=sum(one["order"] in made for one in self.gks4.productions()),
            notes=tuple(note["text"].splitlines()[-1] for note in self._on(home, self.vitec.notes)),
            images=tuple(image["name"] for image in self._on(home, self.vitec.images)),
            asked=0 if known is None else len(known.interactions),
        )

    def _on(self, home: str | None, what: Callable[[str], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        return [] if home is None else what(home)

    def doubled(self) -> Iterator[str]:
        """Each thing that is there twice, in words."""
        for what, found in (
            ("sales order", [one["reference"] for one in self.gks4.sales_orders()]),
            ("customer", [one["corporate"] for one in self.gks4.customers()]),
            ("note", [(one["estate_id"], one["text"].splitlines()[-1]) for one in self.vitec.notes()]),
            ("image", [(one["estate_id"], one["name"]) for one in self.vitec.images()]),
            ("request", [asked[1] for one in self.vitec.agency.orders.values() for asked in one.interactions]),
        ):
            yield from (f"a {what} is there {count} times: {key}" for key, count in Counter(found).items() if count > 1)

    def state(self) -> Any:
        """All of both that the rest of a run follows from, but for how orders stand."""
        return self.gks4.customers(), [(one.id, one.status, one.hidden) for one in self.vitec.agency.orders.values()]

    def about(self, text: str, numbers: Iterable[str]) -> str | None:
        """The order that a request's text is about, as far as one is named in it: itself, its home, or its page."""
        agents = self.vitec.agency
        for token in agents.tokens.values():
            if json.dumps(token.text) in text:
                return token.order
        for number in numbers:
            known = agents.orders.get(number)
            if f':{number}"' in text or f'"{number}"' in text or (known is not None and known.target_id in text):
                return number
        return None

    # --- what a person finds ----------------------------------------------------------------------------------------

    def looked_up(self, order: Order, intent: Intent) -> tuple[bool, str | None]:
        """Whether an uncertain call had its effect, and the number that it has there."""
        if intent.kind is Kind.REGISTER:
            found = self.gks4.sales_orders(order.name)
            return bool(found), found[0]["number"] if found else None
        home = self.vitec.agency.orders[order.external_id].target_id
        mark = sought(order, intent)
        if intent.kind is Kind.GIVE and intent.payload["n"] != "1":
            return any(one["name"].startswith(f"{mark}.") for one in self.vitec.images(home)), None
        texts = [note["text"] for note in self.vitec.notes(home)]
        texts += [asked["comment"] for asked in self.vitec.interactions(order.external_id)]
        return any(text.endswith(mark) for text in texts), None


def sought(order: Order, intent: Intent) -> str:
    """What a person has to look for, which the sentence that the order is parked with must hold."""
    if intent.kind is Kind.REGISTER:
        return f"purchase order number or name is {order.name}"
    if intent.kind is Kind.GIVE and intent.payload["n"] != "1":
        return f"{order.external_id}-{int(intent.payload['n']) - 1}"
    return f"[{intent.key}]"
