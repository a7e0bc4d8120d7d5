"""The levers of the simulated GKS4: set it up, and read what it has been asked.

For tests and for the host's control API; no request of a client comes through here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from syncer.simulators.gks4.house import House, order_as_json
from syncer.simulators.gks4.model import Customer, Options
from syncer.simulators.rest import Book, Clock, as_json, changed


class Controls:
    """The verbs: every argument and every answer may be JSON, so that the host can pass them on."""

    VERBS: frozenset[str] = frozenset(
        {
            "add_article",
            "add_customer",
            "change_secret",
            "complaints",
            "configure",
            "customers",
            "mistakes",
            "productions",
            "remove_article",
            "remove_customer",
            "revoke",
            "sales_orders",
            "state",
            "token_calls",
        }
    )

    name: str

    def __init__(self, options: Options, now: Clock) -> None:
        self.now = now
        self.book = Book(now)
        self.house = House(options, now)
        self.secret = ""
        self.tokens: dict[str, float] = {}  # each with the time of its end
        self.token_answers: list[int] = []

    @property
    def options(self) -> Options:
        """The options in force."""
        return self.house.options

    # ------------------------------------------------------------------------------------------- set-up

    def configure(self, **options: Any) -> None:
        """Changes options while running; a name that isn't one of `Options` is an error."""
        self.house.options = changed(self.house.options, options)

    def add_customer(
        self,
        number: str | None,
        corporate: str = "559999-0001",
        name: str = "Exempelmäklarna i Låtsasköping AB",
        email: str | None = "faktura@exempel.example",
        address: Mapping[str, str | None] | None = None,
    ) -> None:
        """A customer that a person made in GKS4 itself. Two of one number, or of one company, can be made so."""
        self.house.customers.append(Customer(number, name, corporate, email, dict(address) if address else None))

    def remove_customer(self, number: str) -> None:
        """Takes a customer away, with all of that number."""
        if self.house.customer(number) is None:
            raise ValueError(f"There is no customer {number}")
        self.house.customers = [each for each in self.house.customers if each.number != number]

    def add_article(self, article: str, product: str = "Kommunal information") -> None:
        """Puts an article on a product template: ordered, it starts production."""
        self.house.articles[article] = product

    def remove_article(self, article: str) -> None:
        """Takes an article away."""
        del self.house.articles[article]

    def revoke(self) -> None:
        """Every token so far is dead at once, whatever its life was to be."""
        self.tokens.clear()

    def change_secret(self, secret: str) -> None:
        """The client's secret is another from now on; its tokens live on."""
        self.secret = secret

    # ------------------------------------------------------------------------------------------- reading

    def customers(self) -> list[dict[str, Any]]:
        """Every customer, whoever made it."""
        return [asdict(each) for each in self.house.customers]

    def sales_orders(self, reference: str | None = None) -> list[dict[str, Any]]:
        """Every order, or those whose purchase order number or name is `reference`."""
        chosen = [each for each in self.house.orders if reference in {None, each.reference, each.name}]
        return [order_as_json(each) for each in chosen]

    def productions(self) -> list[dict[str, str]]:
        """What was put into production, in order."""
        return [asdict(each) for each in self.house.productions]

    def token_calls(self) -> dict[str, int]:
        """How often a token was asked for, and how often it was given."""
        return {"asked": len(self.token_answers), "given": self.token_answers.count(200)}

    def complaints(self) -> list[dict[str, Any]]:
        """Every request that was refused, and why."""
        return list(self.book.complaints)

    def mistakes(self) -> list[dict[str, Any]]:
        """What a careful client would not have done, refused or not: a guessed article, a look-up that isn't there."""
        return list(self.book.mistakes)

    def state(self) -> dict[str, Any]:
        """All of it at a glance, JSON-able, without secrets."""
        return {
            "options": as_json(self.options),
            **self.house.as_json(),
            "token_calls": self.token_calls(),
            "complaints": self.complaints(),
            "mistakes": self.mistakes(),
        }
