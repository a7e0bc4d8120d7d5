"""What the contract demands of the body of an order or of a price's question (kode.md, sections 5 and 6).

Which products there are is asked of the catalogue that is handed in; nothing is remembered here.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from syncer.simulators.kode.model import Product
from syncer.simulators.kode.options import Options
from syncer.simulators.kode.refusals import RefusedError, invalid
from syncer.simulators.wire import Request

SYSTEMS = ("25832", "25833")
_CADASTRE = re.compile(r"[0-9]{4}(-(0|[1-9][0-9]*)){4}")
_DIGITS = re.compile(r"[0-9]{1,18}")
_ADDRESS = re.compile(r"\S.*, [0-9]{4} \S.*")
_DELIVERY = (
    "address", "address2", "address3", "alias", "companyName", "email", "name", "phone", "postalCode",
)  # fmt: skip
_ORDER = frozenset({"deliveryInformation", "orderData", "products", "reference", "technicalReference"})
_PRICE = frozenset({"orderData", "products"})
# Norway in UTM 32 or 33, Svalbard too, in metres and with room to spare. Degrees are far outside.
_EAST = (-250_000.0, 1_300_000.0)
_NORTH = (6_000_000.0, 9_200_000.0)


@dataclass(frozen=True, slots=True)
class Wish:
    """One product that is asked for, with what it was given as data."""

    product: Product
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A body that is as it should be."""

    kind: str
    wishes: tuple[Wish, ...]
    orderer: str = ""
    reference: str = ""
    technical_reference: str | None = None


def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request (kode.md, section 6)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "Content-Type must be application/json")
    try:
        body = json.loads(request.body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RefusedError(400, "The body is not JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "The body is not a JSON object")
    return body


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


class Demands:
    """Checks bodies against the contract, the options, and the products that there are."""

    def __init__(self, options: Options, catalogue: Mapping[str, Product]) -> None:
        self._options = options
        self._catalogue = catalogue

    def order(self, kind: str, body: Mapping[str, Any]) -> Asked:
        """An order (kode.md, section 6.1)."""
        self._check_names("", body, _ORDER)
        municipality = self._check_data(kind, body)
        wishes = self._wishes(kind, body, municipality)
        delivery = self._delivery(body.get("deliveryInformation"))
        technical = body.get("technicalReference")
        if technical is not None:
            _check_text("technicalReference", technical)
        if "reference" not in body:
            raise invalid("reference", "is required")
        _check_text("reference", body["reference"])
        orderer = str(delivery.get("name") or delivery.get("companyName") or "")
        return Asked(kind, wishes, orderer, body["reference"], technical)

    def price(self, kind: str, body: Mapping[str, Any]) -> Asked:
        """A question for prices: no delivery, no references (kode.md, section 5)."""
        self._check_names("", body, _PRICE)
        municipality = self._check_data(kind, body)
        return Asked(kind, self._wishes(kind, body, municipality))

    # --- order data -------------------------------------------------------------------------------------------

    def _check_data(self, kind: str, body: Mapping[str, Any]) -> str:
        """The shape that the path asks for (kode.md, section 6.3). Returns the municipality, where it tells."""
        data = body.get("orderData")
        if not isinstance(data, dict):
            raise invalid("orderData", "is required, and an object")
        checks: dict[str, dict[str, Callable[[str, Any], None]]] = {
            "cadastre": {"address": _check_address, "cadastre": _check_cadastre},
            "share": {"organizationNumber": self._check_organization, "shareNumber": self._check_share},
            "map": {"geometry": self._check_geometry, "spatialReference": _check_system},
        }
        self._check_names("orderData.", data, checks[kind])
        for name, check in checks[kind].items():
            if name not in data:
                raise invalid(f"orderData.{name}", f"is required for {kind}")
            check(f"orderData.{name}", data[name])
        return str(data["cadastre"])[:4] if kind == "cadastre" else ""

    def _check_organization(self, name: str, value: Any) -> None:
        if not 100_000_000 <= self._number(name, value) <= 999_999_999:
            raise invalid(name, "an organisation number has nine digits")

    def _check_share(self, name: str, value: Any) -> None:
        if self._number(name, value) < 1:
            raise invalid(name, "no such share")

    def _number(self, name: str, value: Any) -> int:
        """Numbers in the example; whether texts will do is not documented (kode.md, section 6.3)."""
        wanted = self._options.share_numbers
        if isinstance(value, int) and not isinstance(value, bool) and wanted in {"number", "either"}:
            return value
        if isinstance(value, str) and _DIGITS.fullmatch(value) and wanted in {"text", "either"}:
            return int(value)
        raise invalid(name, f"must be a {'number' if wanted == 'either' else wanted}")

    def _check_geometry(self, name: str, value: Any) -> None:
        if not isinstance(value, dict) or value.get("type") != "Polygon":
            raise invalid(f"{name}.type", "must be Polygon")
        rings = value.get("coordinates")
        if not isinstance(rings, list) or not rings:
            raise invalid(f"{name}.coordinates", "must be a list of rings")
        if len(rings) > 1 and not self._options.holes:
            raise invalid(f"{name}.coordinates", "only one ring is taken")
        for ring in rings:
            _check_ring(f"{name}.coordinates", ring)

    # --- products ---------------------------------------------------------------------------------------------

    def _wishes(self, kind: str, body: Mapping[str, Any], municipality: str) -> tuple[Wish, ...]:
        products = body.get("products")
        if not isinstance(products, list) or not products:
            raise invalid("products", "is required, and a list that is not empty")
        return tuple(self._wish(f"products[{place}]", kind, item, municipality) for place, item in enumerate(products))

    def _wish(self, name: str, kind: str, item: Any, municipality: str) -> Wish:
        """One product, valid for this municipality and this path (kode.md, section 6.4)."""
        if not isinstance(item, dict) or not isinstance(item.get("code"), str):
            raise invalid(f"{name}.code", "is required, and a text")
        self._check_names(f"{name}.", item, ("code", "data"))
        product = self._catalogue.get(item["code"])
        if product is None or product.status != "ACTIVE":
            raise invalid(f"{name}.code", "there is no such product")
        if product.input_type != kind.upper():
            raise invalid(f"{name}.code", f"is not ordered by {kind}")
        if municipality and product.municipality != municipality:
            raise invalid(f"{name}.code", f"is not a product of municipality {municipality}")
        data = item.get("data", {})
        if not isinstance(data, dict):
            raise invalid(f"{name}.data", "must be an object")
        self._check_needs(name, product, data)
        return Wish(product, data)

    def _check_needs(self, name: str, product: Product, data: Mapping[str, Any]) -> None:
        """The map's key has two names in the documentation (kode.md, section 14 C)."""
        for key in product.needs:
            names: Sequence[str] = (key,)
            if key == "system":
                chosen = self._options.data_key
                names = ("system", "format") if chosen == "either" else (chosen,)
            if not any(isinstance(data.get(each), str) and data[each] for each in names):
                raise invalid(f"{name}.data.{names[0]}", "this product needs it")

    # --- the rest ---------------------------------------------------------------------------------------------

    def _delivery(self, value: Any) -> Mapping[str, Any]:
        """Every member is optional (kode.md, section 6.2)."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid("deliveryInformation", "must be an object")
        self._check_names("deliveryInformation.", value, _DELIVERY)
        for name, text in value.items():
            if text is not None and name in _DELIVERY and not isinstance(text, str):
                raise invalid(f"deliveryInformation.{name}", "must be a text")
        return value

    def _check_names(
        self, prefix: str, body: Mapping[str, Any], known: Mapping[str, Any] | Sequence[str] | Any
    ) -> None:
        for name in body:
            if name not in known and not self._options.extra_fields:
                raise invalid(f"{prefix}{name}", "unknown field")


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise invalid(name, "must be a text that says something")


def _check_address(name: str, value: Any) -> None:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise invalid(name, "must be street address, comma, postal code and postal place")


def _check_cadastre(name: str, value: Any) -> None:
    if not isinstance(value, str) or not _CADASTRE.fullmatch(value):
        raise invalid(name, "must be five numbers with hyphens, the municipality's in four digits")


def _check_system(name: str, value: Any) -> None:
    if value not in SYSTEMS:
        raise invalid(name, f"must be a text, {' or '.join(SYSTEMS)}")


def _check_ring(name: str, ring: Any) -> None:
    """Closed, in metres (kode.md, section 6.3)."""
    if not isinstance(ring, list) or len(ring) < 4:
        raise invalid(name, "a ring has four positions at least")
    for position in ring:
        if not isinstance(position, list) or len(position) not in {2, 3} or not all(map(_is_number, position)):
            raise invalid(name, "a position is two numbers")
        if not _EAST[0] <= position[0] <= _EAST[1] or not _NORTH[0] <= position[1] <= _NORTH[1]:
            raise invalid(name, "is not in metres of UTM zone 32 or 33")
    if ring[0] != ring[-1]:
        raise invalid(name, "the ring is not closed")


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
