"""An order that is to be placed with KODE: what it is made of, what is wrong with it, and its body (section 6).

Everything is checked before it is sent, since what was sent can't be taken back. Nothing is mended on a guess.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from syncer.remotes.kode.polygon import body_of, wrong_with

CADASTRE = re.compile(r"[0-9]{4}(-(0|[1-9][0-9]{0,5})){4}")
SYSTEMS = frozenset({"25832", "25833"})
DELIVERY = frozenset(
    {"address", "address2", "address3", "alias", "companyName", "email", "name", "phone", "postalCode"}
)
WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)  # of an organisation number's first eight digits
LONGEST = 1000  # characters of any one text; KODE's own limits are nowhere written


class Kind(StrEnum):
    """What an order is about; also the last part of the path (section 1)."""

    CADASTRE = "cadastre"
    SHARE = "share"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product that is ordered. `data` is passed on as it is: maps want a `system` in it (section 6.4)."""

    code: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placing:
    """An order as it is to be placed. Only the fields of its kind are sent.

    `cadastre` is all five numbers with hyphens, the municipality's in four digits (`0301-1-2-0-0`). `address` should be
    `{street address}, {postal code} {postal place}`: the documents stress it, and KODE may refuse another form, which
    isn't done here. `geometry` is a GeoJSON polygon in metres of `spatial_reference`, 25832 or 25833.
    """

    kind: Kind
    products: tuple[Wanted, ...]
    reference: str
    technical_reference: str | None = None
    address: str | None = field(default=None, repr=False)
    cadastre: str | None = field(default=None, repr=False)
    organization_number: str | int | None = None
    share_number: str | int | None = field(default=None, repr=False)
    geometry: Mapping[str, Any] | None = field(default=None, repr=False)
    spatial_reference: str | None = None
    delivery: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a placing: the field, by KODE's name for it, and what it is. No value is shown."""

    field: str
    what: str

    def __str__(self) -> str:
        return f"{self.field} {self.what}"


def check(placing: Placing) -> tuple[Fault, ...]:
    """All that is wrong with an order; nothing where it may be sent."""
    return (*_references(placing), *_delivery(placing.delivery), *check_asked(placing))


def check_asked(placing: Placing) -> tuple[Fault, ...]:
    """What is wrong with the parts that a question for the price has too: the data and the products (section 5)."""
    return (*_DATA[placing.kind](placing), *_products(placing.products))


def order_body(placing: Placing) -> dict[str, Any]:
    """The body of a create, of an order that nothing is wrong with (section 6.1)."""
    body = {**price_body(placing), "reference": placing.reference}
    if placing.technical_reference is not None:
        body["technicalReference"] = placing.technical_reference
    if placing.delivery:
        body["deliveryInformation"] = dict(placing.delivery)
    return body


def price_body(placing: Placing) -> dict[str, Any]:
    """The body of a question for the price (section 5)."""
    return {"orderData": _order_data(placing), "products": [_product(wanted) for wanted in placing.products]}


def _order_data(placing: Placing) -> dict[str, Any]:
    match placing.kind:
        case Kind.CADASTRE:
            return {"address": placing.address, "cadastre": placing.cadastre}
        case Kind.SHARE:  # numbers in the example, so numbers here (section 6.3)
            number, share = _digits(placing.organization_number), _digits(placing.share_number)
            return {"organizationNumber": int(number), "shareNumber": int(share)}
        case Kind.MAP:
            assert placing.geometry is not None
            return {"geometry": body_of(placing.geometry), "spatialReference": str(placing.spatial_reference)}


def _product(wanted: Wanted) -> dict[str, Any]:
    return {"code": wanted.code} | ({"data": dict(wanted.data)} if wanted.data else {})


# --- what may be wrong ----------------------------------------------------------------------------------------


def _references(placing: Placing) -> Iterator[Fault]:
    if not _says_something(placing.reference):
        yield Fault("reference", "is missing, or no text")
    if placing.technical_reference is not None and not _says_something(placing.technical_reference):
        yield Fault("technicalReference", "is no text that says something")


def _delivery(delivery: Mapping[str, str]) -> Iterator[Fault]:
    """A name that KODE doesn't know isn't shown: it is the configuration's, or anyone's."""
    if delivery.keys() - DELIVERY:
        yield Fault("deliveryInformation", f"has a field that is none of {', '.join(sorted(DELIVERY))}")
    for name in sorted(delivery.keys() & DELIVERY):
        if not isinstance(delivery[name], str) or len(delivery[name]) > LONGEST:
            yield Fault(f"deliveryInformation.{name}", "is no text, or too long")


def _cadastre(placing: Placing) -> Iterator[Fault]:
    if not _says_something(placing.address):
        yield Fault("address", "is missing, or no text")
    if not isinstance(placing.cadastre, str) or not CADASTRE.fullmatch(placing.cadastre):
        yield Fault("cadastre", "is not five numbers with hyphens, the municipality's in four digits (0301-1-2-0-0)")


def _share(placing: Placing) -> Iterator[Fault]:
    if not is_organization_number(_digits(placing.organization_number)):
        yield Fault("organizationNumber", "is no Norwegian organisation number: nine digits, the last a check")
    share = _digits(placing.share_number)
    if not 0 < len(share) <= 9 or not int(share):
        yield Fault("shareNumber", "is no positive whole number")


def _map(placing: Placing) -> Iterator[Fault]:
    wrong = wrong_with(placing.geometry)
    if wrong is not None:
        yield Fault("geometry", wrong)
    if str(placing.spatial_reference) not in SYSTEMS:
        yield Fault("spatialReference", f"is neither {' nor '.join(sorted(SYSTEMS))}")


_DATA = {Kind.CADASTRE: _cadastre, Kind.SHARE: _share, Kind.MAP: _map}


def _products(products: tuple[Wanted, ...]) -> Iterator[Fault]:
    if not products:
        yield Fault("products", "has none")
    for place, wanted in enumerate(products):
        if not _says_something(wanted.code):
            yield Fault(f"products[{place}].code", "is missing, or no text")
        if not _is_json(wanted.data):
            yield Fault(f"products[{place}].data", "can't be written as JSON")


def is_organization_number(number: str) -> bool:
    """Whether nine digits are an organisation number, whose last one checks the rest, modulo 11."""
    if len(number) != 9:
        return False
    check_digit = -sum(weight * int(digit) for weight, digit in zip(WEIGHTS, number, strict=False)) % 11
    return check_digit == int(number[-1])  # where it would be ten, there is no such number


def _digits(found: object) -> str:
    """A whole number that isn't negative, or the text of one with spaces in it; "" for anything else."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    if isinstance(found, int) and not 0 <= found < 10**18:
        return ""
    digits = "".join(str(found).split())
    return digits if digits.isascii() and digits.isdecimal() else ""


def _says_something(found: object) -> bool:
    if not isinstance(found, str) or not found.strip() or len(found) > LONGEST:
        return False
    return all(char.isprintable() for char in found)


def _is_json(data: object) -> bool:
    if not isinstance(data, Mapping):
        return False
    try:
        json.dumps(dict(data), allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return True
