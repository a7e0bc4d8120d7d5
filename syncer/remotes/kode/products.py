"""KODE's products and prices as values, and the readers that make them out of its JSON (sections 4 and 5).

Which product an order needs is the caller's to say. Amounts are in NOK, though nowhere is that written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from syncer.remotes.json import Malformed, folded, text
from syncer.remotes.kode.reading import amount, code, items

NET, VAT = ("salesPriceNet", "priceNet"), ("salesPriceVat", "priceVat")
DEEPEST_PRICE = 4  # envelopes around it
LONGEST_CODE = 100


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs, without VAT and with it; None where one of them isn't said."""

    net: Decimal | None
    vat: Decimal | None

    def plus(self, other: "Price") -> "Price":
        """Both together; what isn't known of one isn't known of the sum."""
        return Price(_sum(self.net, other.net), _sum(self.vat, other.vat))


@dataclass(frozen=True, slots=True)
class Product:
    """A product of one municipality (section 4). Codes are in upper case; `children` are what a package contains."""

    code: str
    name: str
    description: str
    delivery: str
    input_type: str
    status: str
    type: str
    price: Price | None
    children: tuple[tuple[str, str], ...]


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def products(found: Any) -> tuple[Product, ...]:
    """The products in an answer, which is a bare list.

    Raises:
        Malformed: it is none, or one of its rows is no product.
    """
    if not isinstance(found, list):
        raise Malformed("the answer is no list of products")
    return tuple(_product(item) for item in items({"products": found}, "products"))


def _product(item: Mapping[str, Any]) -> Product:
    inner = item.get("price")
    return Product(
        _code_of(item),
        text(item, "name") or "",
        text(item, "description") or "",
        code(item, "delivery"),
        code(item, "inputType"),
        code(item, "status"),
        code(item, "type"),
        _pair(folded(inner) if isinstance(inner, dict) else item),
        tuple((_code_of(child), text(child, "name") or "") for child in items(item, "children")),
    )


def _code_of(item: Mapping[str, Any]) -> str:
    found = text(item, "code")
    if found is None or len(found) > LONGEST_CODE or not found.isprintable():
        raise Malformed("a product has no code")
    return found


# --- prices ---------------------------------------------------------------------------------------------------


def price(found: Any) -> Price | None:
    """The price in an answer whose shape was never seen (section 5), of all that was asked for; None where it has none.

    A total counts before its parts. Of parts, one without a price leaves the whole without one.
    """
    return _price(found, DEEPEST_PRICE)


def _price(found: Any, depth: int) -> Price | None:
    if not depth:
        return None
    if isinstance(found, list):
        return _total([_price(part, depth - 1) for part in found])
    if not isinstance(found, dict):
        return None
    item = folded(found)
    return _pair(item) or _wrapped(item, depth)


def _wrapped(item: Mapping[str, Any], depth: int) -> Price | None:
    """The price in an object that has none itself: under `price`, else in the one part of it that has one."""
    if isinstance(item.get("price"), dict):
        return _price(item["price"], depth - 1)
    for kind in (dict, list):  # a total, else parts
        inside = [_price(part, depth - 1) for part in item.values() if isinstance(part, kind)]
        known = [part for part in inside if part is not None]
        if known:
            return known[0] if len(known) == 1 else None
    return None


def _total(parts: list[Price | None]) -> Price | None:
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    total = known[0]
    for part in known[1:]:
        total = total.plus(part)
    return total


def _pair(item: Mapping[str, Any]) -> Price | None:
    net, vat = amount(item, *NET), amount(item, *VAT)
    return None if net is None and vat is None else Price(net, vat)
