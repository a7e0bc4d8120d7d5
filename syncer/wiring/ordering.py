"""KODE's desk, where people ask and order: what a municipality offers, what an order would cost, and placing it.

Values in and out, for the command line, which knows no client. Nothing is stored or printed here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from syncer.errors import Rejected, Unreadable
from syncer.remotes.kode import Kind, Kode, OrderUnknown, Placing, Price, Product, Wanted, check, order_body
from syncer.wiring.kode import client_of
from syncer.wiring.remotes import Remotes

if TYPE_CHECKING:
    from syncer import config as conf

UNPRICED = Price(None, None)


@dataclass(frozen=True, slots=True)
class Offered:
    """A product of a municipality (kode.md, section 4). Prices are in NOK; `contents` are (code, name) of a package."""

    code: str
    name: str
    description: str
    type: str
    input: str
    delivery: str
    status: str
    price_net: Decimal | None
    price_vat: Decimal | None
    contents: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person orders (kode.md, section 6): the fields of `remotes.kode.Placing`, and `data` for each product."""

    kind: Literal["cadastre", "share", "map"]
    products: tuple[str, ...]
    reference: str
    data: Mapping[str, str] = field(default_factory=dict)
    address: str | None = field(default=None, repr=False)
    cadastre: str | None = field(default=None, repr=False)
    organization_number: str | None = None
    share_number: str | None = field(default=None, repr=False)
    geometry: Mapping[str, Any] | None = field(default=None, repr=False)
    spatial_reference: str | None = None
    delivery: Mapping[str, str] = field(default_factory=dict, repr=False)

    def placing(self, key: str | None = None) -> Placing:
        """As it is sent."""
        return Placing(
            Kind(self.kind),
            tuple(Wanted(code, self.data) for code in self.products),
            self.reference,
            key,
            address=self.address,
            cadastre=self.cadastre,
            organization_number=self.organization_number,
            share_number=self.share_number,
            geometry=self.geometry,
            spatial_reference=self.spatial_reference,
            delivery=self.delivery,
        )

    def faults(self) -> tuple[tuple[str, str], ...]:
        """All that is wrong with it: KODE's name of the field, and what it is."""
        return tuple((fault.field, fault.what) for fault in check(self.placing()))

    def digest(self) -> str:
        """The same for the same things under the same reference, whoever gets them; of a wish without faults."""
        body = order_body(self.placing())
        same = {name: body[name] for name in ("orderData", "products", "reference")}
        return hashlib.sha256(json.dumps([self.kind, same], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would cost in all, in NOK, None where that isn't known; and what its products are called."""

    net: Decimal | None
    vat: Decimal | None
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as KODE has it. `references` are what its parts say that we called them."""

    id: str
    status: str
    price_net: Decimal | None
    price_vat: Decimal | None
    references: frozenset[str]


class Desk:
    """One account's. Whatever a call raises is one of the six errors."""

    def __init__(self, client: Kode) -> None:
        self._client = client

    def products(self, municipality: str) -> tuple[Offered, ...]:
        """What can be ordered in a municipality, by its four digits."""
        return tuple(_offered(product) for product in self._client.products(municipality))

    def quote(self, wish: Wish) -> Quote:
        """What an order would cost: by KODE's word; else, but for a map, the sum of its products' prices."""
        listed = self._listed(wish)
        price = self._asked(wish)
        if price is None and wish.kind != "map":  # a map's price depends on what is in it
            price = _sum(wish, listed)
        net, vat = (None, None) if price is None else (price.net, price.vat)
        return Quote(net, vat, {code: listed[code].name for code in wish.products if code in listed})

    def _asked(self, wish: Wish) -> Price | None:
        try:
            return self._client.price(wish.placing())
        except (Rejected, Unreadable):
            return None

    def _listed(self, wish: Wish) -> dict[str, Product]:
        """The products of the municipalities that the order may be about, by code."""
        try:
            return {
                product.code: product for number in _municipalities(wish) for product in self._client.products(number)
            }
        except (Rejected, Unreadable):
            return {}

    def place(self, wish: Wish, key: str) -> Seen:
        """Places an order, of which nothing else is known (`remotes.kode.Kode.place`). Never safe to repeat."""
        made = self._client.place(wish.placing(key))
        return Seen(made.id, made.status, made.price_net, made.price_vat, frozenset({key}))

    def read(self, number: str) -> Seen | None:
        """An order by its id of at most 18 digits; None where KODE has none."""
        try:
            tree = self._client.order(number)
        except OrderUnknown:
            return None
        return Seen(tree.id, tree.status, tree.price_net, tree.price_vat, tree.technical_references)


@contextmanager
def desk_of(name: str, portal: "conf.KodePortal", *, read_only: bool = False) -> Iterator[Desk]:
    """The desk of a portal's account; `read_only` makes placing an order a bug."""
    made = Remotes()
    try:
        yield Desk(client_of(made, name, portal, read_only=read_only))
    finally:
        made.close()


def _offered(product: Product) -> Offered:
    price = product.price or UNPRICED
    return Offered(
        product.code,
        product.name,
        product.description,
        product.type,
        product.input_type,
        product.delivery,
        product.status,
        price.net,
        price.vat,
        product.children,
    )


def _municipalities(wish: Wish) -> list[str]:
    """A cadastre's own; else what the codes of products say, which are WI and the municipality (section 4)."""
    if wish.kind == "cadastre" and wish.cadastre is not None:
        return [wish.cadastre[:4]]
    return sorted({code[2:6] for code in wish.products if code[:2] == "WI" and code[2:6].isdecimal()})


def _sum(wish: Wish, listed: Mapping[str, Product]) -> Price | None:
    prices = [listed[code].price if code in listed else None for code in wish.products]
    known = [price for price in prices if price is not None]
    return reduce(Price.plus, known) if known and len(known) == len(prices) else None
