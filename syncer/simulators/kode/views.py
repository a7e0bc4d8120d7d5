"""How products, prices and orders look in JSON, in the generation and the shapes that the options choose.

Nothing is decided and nothing is changed in here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from syncer.simulators.kode.demands import Asked
from syncer.simulators.kode.model import Asset, Collection, Line, Product, SupplierOrder
from syncer.simulators.kode.options import Options

VAT = 1.25  # kode.md, section 4: the price with VAT is a quarter over the one without
_INPUTS = {"CADASTRE": "Matrikkel", "SHARE": "Andel", "MAP": "Kart"}
_TYPES = {"PACKAGE": "Pakke", "NORMAL": "Enkelt"}
_STATUSES = {"NEW": "Ny", "PROGRESS": "Under arbeid", "FINISHED": "Ferdig", "CANCELLED": "Kansellert"}
_CODES = ("NEW", "PROGRESS", "FINISHED", "CANCELLED", "REFUNDED")


@dataclass(frozen=True, slots=True)
class Shape:
    """The shapes of one answer: the options, and the address of a file."""

    options: Options
    address: Callable[[Asset], str]

    # --- orders -----------------------------------------------------------------------------------------------

    def tree(self, collection: Collection, *, created: bool = False) -> dict[str, Any]:
        """The collection (kode.md, section 7.1)."""
        options = self.options
        net = sum(line.net for line in collection.lines())
        top: dict[str, Any] = {
            "id": collection.collection_id,
            "status": self._status(collection.status, shaped=options.top_status == "object"),
            "priceNet": round(net, 2),
            "priceVat": round(net * VAT, 2),
            "dateOrdered": self.moment(collection.ordered),
            "dateStatus": self.moment(collection.changed),
        }
        if options.show_reference:
            top["reference"] = collection.reference
        user = f"(BETA) {collection.user}" if options.beta else collection.user
        show = not created or options.created_assets
        orders = [self._order(order, collection, user, show_assets=show) for order in collection.orders]
        return {**top, "orders": orders}

    def _order(self, order: SupplierOrder, collection: Collection, user: str, *, show_assets: bool) -> dict[str, Any]:
        """One supplier's order (kode.md, section 7.2). Where lines show no files, it has theirs too."""
        options = self.options
        head: dict[str, Any] = {"id": order.order_id, "supplierName": order.supplier, "user": user}
        if options.order_status:
            head["status"] = self._status(order.status, shaped=options.status_objects)
        head |= self._nullable("technicalReference", collection.technical_reference)
        if show_assets:
            lines = order.lines if options.listed_twice or not options.lines_have_extras else []
            head |= self._assets([*order.assets, *(asset for line in lines for asset in line.assets)])
        return {**head, "orderLines": [self._line(line) for line in order.lines]}

    def _line(self, line: Line) -> dict[str, Any]:
        """One product's line (kode.md, section 7.3)."""
        options = self.options
        package = line.type == "PACKAGE"
        type_: Any = line.type
        if options.status_objects:
            type_ = {"code": "1" if package else "0", "name": line.type}
        shown: dict[str, Any] = {
            "id": line.line_id,
            "status": self._status(line.status, shaped=options.status_objects),
            "product": line.product,
            "productName": line.name,
            "productType": type_,
            "mediaType": "Ukjent" if package else "Datafil",
            "delivery": "Elektronisk",
            "priceNet": line.net,
            "priceVat": round(line.net * VAT, 2),
        }
        if not options.lines_have_extras:
            return shown
        shown["dateStatus"] = self.moment(line.changed, day=True)
        return {**shown, **self._nullable("packageLineId", line.package_line_id), **self._assets(line.assets)}

    def _assets(self, assets: Sequence[Asset]) -> dict[str, Any]:
        """Whether no files are an empty list, null or nothing at all is not documented (section 14 B)."""
        listed = [self._asset(asset) for asset in assets if asset.listed]
        if listed or self.options.empty_assets == "list":
            return {"assets": listed}
        return {} if self.options.empty_assets == "absent" else {"assets": None}

    def _asset(self, asset: Asset) -> dict[str, Any]:
        """One file (kode.md, section 9)."""
        shown = {
            "id": asset.asset_id,
            "name": asset.name,
            "filename": asset.filename,
            "downloadUrl": self.address(asset) if asset.url is None else asset.url,
            self.options.status_field: asset.status,
            "productCategory": asset.category,
        }
        if self.options.names == "absent":
            del shown["name"], shown["filename"]
        return shown

    def _nullable(self, name: str, value: Any) -> dict[str, Any]:
        return {} if value is None and self.options.nothing == "absent" else {name: value}

    def _status(self, status: str, *, shaped: bool) -> Any:
        """A text, or an object of code and name, where the word may be in either."""
        if not shaped:
            return status
        if self.options.status_codes == "word":
            return {"code": status, "name": _STATUSES.get(status, status.capitalize())}
        return {"code": str(_CODES.index(status)) if status in _CODES else "99", "name": status}

    def moment(self, at: datetime, *, day: bool = False) -> str:
        """A date in one of the two formats, in the wall clock's time (kode.md, sections 7.1 and 14 C)."""
        local = at.astimezone(ZoneInfo(self.options.zone))
        if self.options.iso_dates:
            return local.strftime("%Y-%m-%dT%H:%M:%S%z")
        return local.strftime("%d.%m.%Y" if day else "%d.%m.%Y %H:%M:%S")

    # --- products and prices ----------------------------------------------------------------------------------

    def products(self, products: Iterable[Product]) -> list[dict[str, Any]]:
        """A bare list (kode.md, section 4)."""
        return [self._product(product) for product in products]

    def _product(self, product: Product) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "code": product.code,
            "name": product.name,
            "description": product.description,
            "delivery": {"code": "DIGITAL", "name": "Elektronisk"},
            "inputType": {"code": product.input_type, "name": _INPUTS.get(product.input_type, product.input_type)},
            "price": {"salesPriceNet": product.net, "salesPriceVat": round(product.net * VAT, 2)},
            "status": {"code": product.status, "name": "Aktivt" if product.status == "ACTIVE" else "Inaktivt"},
            "type": {"code": product.type, "name": _TYPES[product.type]},
        }
        if product.children or self.options.children == "list":
            shown["children"] = [{"code": code, "name": name} for code, name in product.children]
        return shown

    def prices(self, asked: Asked) -> Any:
        """The answer's shape was never seen (kode.md, section 5): four that could be."""
        each = [
            {"code": wish.product.code, "name": wish.product.name, **self._price(wish.product.net)}
            for wish in asked.wishes
        ]
        total = self._price(sum(wish.product.net for wish in asked.wishes))
        match self.options.prices:
            case "list":
                return each
            case "object":
                return {"products": each, **total}
            case "nested":
                return [{"code": wish.product.code, "price": self._price(wish.product.net)} for wish in asked.wishes]
            case "total":
                return total

    def _price(self, net: float) -> dict[str, Any]:
        names = ("salesPriceNet", "salesPriceVat") if self.options.price_names == "sales" else ("priceNet", "priceVat")
        return dict(zip(names, (round(net, 2), round(net * VAT, 2)), strict=True))
