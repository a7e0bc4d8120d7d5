"""The levers of the simulated Connect: set it up, let agents order, and read what has been delivered.

For tests and for the host's control API; no request of a client comes through here.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from syncer.simulators.rest import as_json, changed
from syncer.simulators.vitec.agency import SERVICE, Agency, order_as_json
from syncer.simulators.vitec.gate import FUNCTIONS, Gate
from syncer.simulators.vitec.model import AgentOrder, Credential, Options

Link = dict[str, str]


class Controls:
    """The verbs: every argument and every answer may be JSON, so that the host can pass them on."""

    VERBS: frozenset[str] = frozenset(
        {
            "add_credential",
            "add_estate",
            "add_office",
            "add_user",
            "allow",
            "change_status",
            "complaints",
            "configure",
            "deny",
            "expire",
            "hide",
            "images",
            "interactions",
            "mistakes",
            "notes",
            "open_order",
            "orders",
            "place_order",
            "refuse_interactions",
            "remove_credential",
            "show",
            "state",
            "transitions",
            "unblock",
        }
    )

    name: str

    def __init__(self, agency: Agency, gate: Gate) -> None:
        self.agency = agency
        self.gate = gate

    @property
    def options(self) -> Options:
        """The options in force."""
        return self.agency.options

    # ------------------------------------------------------------------------------------------- set-up

    def configure(self, **options: Any) -> None:
        """Changes options while running; a name that isn't one of `Options` is an error."""
        self.agency.options = changed(self.agency.options, options)

    def add_office(
        self,
        customer_id: str,
        chain: str | None = "G7",
        tenant: str = "T3",
        categories: Iterable[str] | None = None,
        **fields: Any,
    ) -> None:
        """An office. `fields` are those of the look-up that differ: `corporateNumber`, `archived`."""
        office = self.agency.add_office(customer_id, chain, tenant, fields)
        if categories is not None:
            office.categories = list(categories)

    def add_credential(self, owner: str, password: str, functions: Iterable[str] | None = None) -> None:
        """A password for a customer, chain or tenant, for some function groups or all.

        The groups are order, image, crm, note, user, office, advertising.
        """
        groups = None if functions is None else frozenset(functions)
        if groups is not None and (unknown := sorted(groups - set(FUNCTIONS.values()))):
            raise ValueError(f"There is no function group {', '.join(unknown)}")
        self.agency.credentials.append(Credential(owner, password, groups))

    def remove_credential(self, owner: str) -> None:
        """All passwords of a customer, chain or tenant are wrong from now on."""
        self.agency.credentials = [each for each in self.agency.credentials if each.owner != owner]

    def add_user(self, user_id: str, customer_id: str, public: bool = True, **fields: Any) -> None:
        """An agent; only a public one is found by the look-up."""
        self.agency.add_user(user_id, customer_id, fields, public=public)

    def add_estate(
        self, customer_id: str, estate_id: str | None = None, kind: str = "HousingCooperative", **fields: Any
    ) -> str:
        """A home of an office; returns its id. `fields` are those of the website's view that differ."""
        return self.agency.add_estate(customer_id, estate_id, kind, fields)

    def deny(self, customer_id: str, function: str = "") -> None:
        """Calls for a customer are refused with 403 from now on, of one function group or of all."""
        if function and function not in FUNCTIONS.values():
            raise ValueError(f"There is no function group {function}")
        self.gate.denied.add((customer_id, function))

    def allow(self, customer_id: str) -> None:
        """Calls for a customer are no longer denied, and what was refused before is forgotten."""
        self.gate.forget(customer_id)

    def unblock(self) -> None:
        """A blocked client may call again."""
        self.gate.blocked, self.gate.ignored_refusals = False, 0

    # ---------------------------------------------------------------------------------- what agents do

    def place_order(
        self,
        customer_id: str = "M40017",
        target_id: str | None = None,
        target_type: str = "HousingCooperative",
        *,
        id: str | None = None,  # noqa: A002 -- the contract's word
        service: int = SERVICE,
        at: datetime | str | None = None,
        opened_as: str | None = None,
        **fields: str,
    ) -> Link:
        """An agent orders in Vitec; returns what the browser then opens at the supplier's page, as `open_order` does.

        The home is made up where it isn't known. `at` is when it was ordered, now where it isn't said. `fields` are
        `user_id`, `order_user_id` and `status`. An order of another supplier has another `service`.
        """
        self.agency.office(customer_id)
        if target_id is None or target_id not in self.agency.estates:
            target_id = self.agency.add_estate(customer_id, target_id, target_type)
        user_id = fields.pop("user_id", "") or self.agency.user("Kim", customer_id)
        order = AgentOrder(
            id or self.agency.new_order_id(),
            customer_id,
            target_id,
            target_type,
            user_id,
            fields.pop("order_user_id", "") or self.agency.user("Robin", customer_id),
            service,
            self._moment(at),
            fields.pop("status", "") or self.options.first_status,
        )
        if fields:
            raise TypeError(f"An order has no {', '.join(sorted(fields))}")
        self.agency.add_order(order)
        return self.open_order(order.id, customer_id=opened_as)

    def open_order(self, order: str, user_id: str | None = None, customer_id: str | None = None) -> Link:
        """Somebody opens an order's page (again): the link's query, and what it is made of.

        `query` is what stands after the question mark in the address. `customer_id` is the link's office where it
        isn't the order's own.
        """
        known = self._known(order)
        token = self.agency.token(known, customer_id or known.customer_id, user_id or known.user_id)
        return self.agency.link(token)

    def expire(self, order: str | None = None) -> None:
        """Every token so far is out of date, or those of one order."""
        for token in self.agency.tokens.values():
            if order in {None, token.order}:
                token.ends_at = self.agency.now() - timedelta(seconds=1)

    def change_status(self, order: str, status: str) -> None:
        """Somebody else changes the order's status."""
        known = self._known(order)
        known.status, known.updated_at = status, self.agency.now()

    def hide(self, order: str) -> None:
        """Keeps the order out of the list, as one that comes late."""
        self._known(order).hidden = True

    def show(self, order: str) -> None:
        """Lets a hidden order into the list, with the time that it always had."""
        self._known(order).hidden = False

    def refuse_interactions(self, order: str, refuses: bool = True) -> None:
        """Asking the user to act on this order is answered by false, and does nothing."""
        self._known(order).refuses = refuses

    # ------------------------------------------------------------------------------------------- reading

    def orders(self) -> list[dict[str, Any]]:
        """Every order, hidden ones and other suppliers' too."""
        return [order_as_json(each) for each in self.agency.orders.values()]

    def interactions(self, order: str) -> list[dict[str, str]]:
        """What the user was asked to do, repeats included."""
        return [{"url": url, "comment": comment} for url, comment in self._known(order).interactions]

    def transitions(self, order: str) -> list[str]:
        """The configured transitions that were made, by name, repeats included."""
        return list(self._known(order).statuses)

    def notes(self, estate_id: str | None = None) -> list[dict[str, Any]]:
        """The notes on a home, or all, repeats included."""
        return [asdict(each) for each in self.agency.notes if estate_id in {None, each.estate_id}]

    def images(self, estate_id: str | None = None) -> list[dict[str, Any]]:
        """The images on a home, or all, repeats included."""
        return [asdict(each) for each in self.agency.images if estate_id in {None, each.estate_id}]

    def complaints(self) -> list[dict[str, Any]]:
        """Every request that was refused, and why."""
        return list(self.agency.book.complaints)

    def mistakes(self) -> list[dict[str, Any]]:
        """What a careful client would not have done: calls after a 403, a token spoiled on the way, unknown names."""
        return list(self.agency.book.mistakes)

    def state(self) -> dict[str, Any]:
        """All of it at a glance, JSON-able, without passwords and tokens."""
        return {
            "options": as_json(self.options),
            **self.agency.as_json(),
            "blocked": self.gate.blocked,
            "complaints": self.complaints(),
            "mistakes": self.mistakes(),
        }

    def _known(self, order: str) -> AgentOrder:
        if order not in self.agency.orders:
            raise ValueError(f"There is no order {order}")
        return self.agency.orders[order]

    def _moment(self, at: datetime | str | None) -> datetime:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at or self.agency.now()
        if moment.tzinfo is None:
            raise ValueError("The time of an order needs its offset")
        return moment
