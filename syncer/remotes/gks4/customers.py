"""GKS4's customers as values, and the readers that make them out of its JSON (gks4.md, section 3)."""

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from syncer.remotes.gks4.settings import SearchNames
from syncer.remotes.json import Malformed, folded, ident, text


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address (section 3.1); `country_code` is ISO 3166-1's."""

    address1: str | None = None
    address2: str | None = None
    address3: str | None = None
    city: str | None = None
    zip_code: str | None = None
    state: str | None = None
    country_code: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer (section 3.1). In one that is read, what GKS leaves out is None or ""; names may be a person's."""

    name: str = field(repr=False)
    number: str | None
    corporate_identity_number: str
    invoice_email: str | None = field(default=None, repr=False)
    postal_address: Address | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search asks for. `name` is a part of one."""

    number: str | None = None
    corporate_identity_number: str | None = None
    name: str | None = None

    def fits(self, customer: Customer) -> bool:
        """Whether a row is what was asked for: a server that doesn't know a parameter returns everyone."""
        return (
            (self.number is None or same(self.number, customer.number))
            and (
                self.corporate_identity_number is None
                or same(self.corporate_identity_number, customer.corporate_identity_number)
            )
            and (self.name is None or self.name.strip().casefold() in customer.name.casefold())
        )

    def is_empty(self) -> bool:
        """Whether nothing is asked for that could tell one customer from another."""
        bare = [bared(part or "") for part in (self.number, self.corporate_identity_number, self.name)]
        given = [part is not None for part in (self.number, self.corporate_identity_number, self.name)]
        return not any(given) or any(is_given and not part for is_given, part in zip(given, bare, strict=True))


def bared(number: str) -> str:
    """A number without spaces and dashes, which don't count in it (section 3.3)."""
    return re.sub(r"[\s\-\u2010-\u2015\u2212]", "", number).casefold()


def same(one: str, other: str | None) -> bool:
    """Whether two numbers are the same but for spaces and dashes."""
    return other is not None and bared(one) == bared(other)


def customer_body(customer: Customer) -> dict[str, Any]:
    """The body of a create: `number` and `invoiceEmail` have to be there, and may be null (section 3.1)."""
    body = {
        "name": customer.name,
        "number": customer.number,
        "invoiceEmail": customer.invoice_email,
        "corporateIdentityNumber": customer.corporate_identity_number,
    }
    if customer.postal_address is None:
        return body
    return body | {"postalAddress": address_body(customer.postal_address)}


def address_body(address: Address) -> dict[str, str | None]:
    """An address as GKS writes it, with every name in it."""
    return {_camel(name): part for name, part in asdict(address).items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def customer(found: Any) -> Customer:
    """A customer in an answer.

    Raises:
        Malformed: it is none, or one of its fields isn't what it should be.
    """
    if not isinstance(found, dict):
        raise Malformed("the answer is no customer")
    item = folded(found)
    number = ident(item, "number")
    name = text(item, "name")
    if number is None and name is None:
        raise Malformed("the answer is no customer: it has neither number nor name")
    return Customer(
        name or "",
        number,
        ident(item, "corporateIdentityNumber") or "",
        text(item, "invoiceEmail"),
        _address(item.get("postaladdress")),
    )


def _address(found: Any) -> Address | None:
    """A row's address, which nothing is decided by; None where it can't be read."""
    if not isinstance(found, dict):
        return None
    item = folded(found)
    try:
        return Address(*(text(item, _camel(name)) for name in Address.__slots__))
    except Malformed:
        return None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search, with how many rows there are in all where the answer says so."""

    customers: tuple[Customer, ...]
    total: int | None = None


def page(found: Any, names: SearchNames) -> Page:
    """The page in an answer: a bare array, or an object that holds one under a likely name (section 3.3).

    Raises:
        Malformed: it holds no such list, or a row that is no customer: it might be the one that was asked for.
    """
    if isinstance(found, list):
        return Page(tuple(map(customer, found)))
    if not isinstance(found, dict):
        raise Malformed("the answer is no list of customers")
    item = folded(found)
    listed = next((item[name.lower()] for name in names.rows if isinstance(item.get(name.lower()), list)), None)
    if listed is None:
        raise Malformed("the answer holds no list under a name that is known: see search.rows")
    totals = [item.get(name.lower()) for name in names.totals]
    total = next((value for value in totals if isinstance(value, int) and not isinstance(value, bool)), None)
    return Page(tuple(map(customer, listed)), total)
