"""KODE's order as values: the collection, its suppliers' orders, their lines, and the files on both (section 7).

Both generations of the documents are read (section 14 C). What a status means, and what becomes of a file, is not for
here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from syncer.remotes.json import Malformed, folded, text
from syncer.remotes.kode.reading import amount, asset_id, code, items, moment, number, told

OK, DELETED = "OK", "DELETED"  # of a file (section 9); whatever else it may be is neither
WITHOUT_CATEGORY = "PRODUKT_UTEN_KATEGORI"
SPELLINGS = {"PRODUCT_UTEN_KATEGORI": WITHOUT_CATEGORY}
TYPES = {"1": "PACKAGE", "0": "NORMAL"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file (section 9). `name` is the uploaded one and `filename` the descriptive one, both as hostile as can be.

    `status` is as KODE said it, in upper case, "" where it said none. Of the two spellings of "no category", one is
    left.
    """

    id: str
    name: str = field(repr=False)
    filename: str = field(repr=False)
    url: str = field(repr=False)
    status: str
    category: str = ""

    @property
    def deleted(self) -> bool:
        """Whether our copy has to go."""
        return self.status == DELETED

    @property
    def fetchable(self) -> bool:
        """Whether it is there to be fetched: a status that nobody knows is no promise of that."""
        return self.status == OK


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One product of an order (section 7.3). A line of a package has the package's line's id. Prices are in NOK."""

    id: str
    status: str
    product: str
    product_name: str
    product_type: str
    price_net: Decimal | None
    price_vat: Decimal | None
    package_line_id: str | None
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True)
class SupplierOrder:
    """One supplier's part of an order (section 7.2)."""

    id: str
    supplier: str
    technical_reference: str | None
    lines: tuple[OrderLine, ...]
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """An order collection (section 7.1). `price_vat` includes the VAT. Times are UTC, None where none can be read.

    Statuses are open texts in upper case, "" where none is said.
    """

    id: str
    status: str
    price_net: Decimal | None = None
    price_vat: Decimal | None = None
    ordered_at: datetime | None = None
    status_at: datetime | None = None
    reference: str | None = None
    orders: tuple[SupplierOrder, ...] = ()

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The files of orders and lines, one of each id: of several the deleted one, else the one that is OK."""
        found: dict[str, Asset] = {}
        for asset in self._every_asset():
            known = found.get(asset.id)
            if known is None or _weight(asset) > _weight(known):
                found[asset.id] = asset
        return tuple(found.values())

    def _every_asset(self) -> Iterator[Asset]:
        for order in self.orders:
            yield from order.assets
            for line in order.lines:
                yield from line.assets

    @property
    def technical_references(self) -> frozenset[str]:
        """What the orders say that we called them."""
        return frozenset(order.technical_reference for order in self.orders if order.technical_reference is not None)


def _weight(asset: Asset) -> int:
    return 2 * asset.deleted + asset.fetchable


def collection_id(found: Any) -> str:
    """The id of an answer that is an order, and of nothing else in it.

    Raises:
        Malformed: it is no object, or has no id of digits.
    """
    if not isinstance(found, dict):
        raise Malformed("the answer is no order")
    known = number(folded(found), "id")
    if known is None:
        raise Malformed("the order has no id")
    return known


def tree(found: Any, zone: tzinfo) -> Tree:
    """An order in an answer; times without an offset are in `zone`.

    Raises:
        Malformed: it is none, or a part of it that may hold a file can't be read.
    """
    known = collection_id(found)
    item = folded(found)
    return Tree(
        known,
        code(item, "status"),
        amount(item, "priceNet"),
        amount(item, "priceVat"),
        moment(item, "dateOrdered", zone),
        moment(item, "dateStatus", zone),
        told(item, "reference"),
        tuple(_order(part) for part in items(item, "orders")),
    )


def _order(item: Mapping[str, Any]) -> SupplierOrder:
    return SupplierOrder(
        told(item, "id") or "",
        told(item, "supplierName") or "",
        told(item, "technicalReference"),
        tuple(_line(part) for part in items(item, "orderLines")),
        _assets(items(item, "assets")),
    )


def _line(item: Mapping[str, Any]) -> OrderLine:
    return OrderLine(
        told(item, "id") or "",
        code(item, "status"),
        told(item, "product") or "",
        told(item, "productName") or "",
        _type(item),
        amount(item, "priceNet"),
        amount(item, "priceVat"),
        told(item, "packageLineId"),
        _assets(items(item, "assets")),
    )


def _type(item: Mapping[str, Any]) -> str:
    """A line's type, whose old codes are numbers (section 7.3)."""
    found = item.get("producttype")
    said = text(folded(found), "code") if isinstance(found, dict) else None
    word = code(item, "productType")
    return TYPES.get(said or word, word)


def _assets(found: Iterable[Mapping[str, Any]]) -> tuple[Asset, ...]:
    return tuple(_asset(item) for item in found)


def _asset(item: Mapping[str, Any]) -> Asset:
    category = code(item, "productCategory")
    return Asset(
        asset_id(item),
        told(item, "name") or "",
        told(item, "filename") or "",
        text(item, "downloadUrl") or "",
        code(item, "assetStatus") or code(item, "status"),  # the overview's word, and the sibling's (section 9)
        SPELLINGS.get(category, category),
    )
