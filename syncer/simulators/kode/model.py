"""The values of the simulated KODE: products, scripts, order trees and files.

No rule of ordering, no JSON and no option belongs here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncer.simulators.kode.content import Tally

KINDS = ("cadastre", "share", "map")
ENDED = frozenset({"CANCELLED", "REFUNDED"})


@dataclass(frozen=True, slots=True)
class Product:
    """One product of one municipality (kode.md, section 4). `needs` names the keys of `data` that it can't do without.

    `children` are (code, name) of a package's contents. Prices are net, in NOK; what VAT makes of them is reckoned.
    """

    code: str
    name: str
    description: str = ""
    input_type: str = "CADASTRE"
    net: float = 100.0
    children: tuple[tuple[str, str], ...] = ()
    supplier: str = "Infoland Kommune - demo"
    needs: tuple[str, ...] = ()
    status: str = "ACTIVE"

    @property
    def municipality(self) -> str:
        """WI, the municipality's four digits, the product's four (kode.md, section 4)."""
        return self.code[2:6]

    @property
    def type(self) -> str:
        """What has contents is a package."""
        return "PACKAGE" if self.children else "NORMAL"


@dataclass(frozen=True, slots=True)
class File:
    """A file to come, `after` seconds from the order, at the earliest.

    `on` is `order`, `line` (the first that is no package) or a product's code. An empty name is chosen by the
    options, and an empty `filename` made of the product's name. `id` and `url` are for those that no honest KODE
    would give.
    """

    after: float = 0
    name: str = ""
    filename: str = ""
    category: str = "KOMMUNAL_INFORMASJON"
    size: int = 2048
    on: str = "line"
    deleted_after: float | None = None
    id: str = ""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What becomes of an order by the clock: (seconds from the order, status) in `steps`, and the files.

    The empty one leaves the order NEW until somebody changes it by a verb.
    """

    steps: tuple[tuple[float, str], ...] = ()
    files: tuple[File, ...] = ()

    @classmethod
    def usual(cls, progress: float = 60, finish: float = 600, files: Sequence[File] = ()) -> "Script":
        """NEW, then PROGRESS, then FINISHED, with one file just before the end where none are given."""
        return cls(
            ((progress, "PROGRESS"), (finish, "FINISHED")), tuple(files) or (File((progress + finish) / 2, on="line"),)
        )


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One thing that the clock will bring about: a status, a file, or a file's deletion. They sort as they come."""

    at: datetime
    number: int
    collection_id: int = field(compare=False)
    status: str = field(default="", compare=False)
    file: File | None = field(default=None, compare=False)
    deleted: str = field(default="", compare=False)


@dataclass(slots=True)
class Asset:
    """One delivered file (kode.md, section 9). `until` is when its address expires; None for never."""

    asset_id: str
    name: str
    filename: str
    category: str
    size: int
    status: str = "OK"
    url: str | None = None
    listed: bool = True
    ticket: int = 0
    until: datetime | None = None


@dataclass(slots=True)
class Line:
    """One product of an order (kode.md, section 7.3)."""

    line_id: int
    product: str
    name: str
    type: str
    net: float
    package_line_id: int | None
    status: str
    changed: datetime
    assets: list[Asset] = field(default_factory=list)


@dataclass(slots=True)
class SupplierOrder:
    """What one supplier delivers (kode.md, section 7.2)."""

    order_id: int
    supplier: str
    lines: list[Line]
    status: str = "NEW"
    assets: list[Asset] = field(default_factory=list)


@dataclass(slots=True)
class Collection:
    """The whole order (kode.md, section 7.1)."""

    collection_id: int
    kind: str
    reference: str
    technical_reference: str | None
    user: str
    ordered: datetime
    changed: datetime
    orders: list[SupplierOrder]
    ours: bool
    status: str = "NEW"
    broken: str = "whole"

    def lines(self) -> list[Line]:
        """The lines of all its orders."""
        return [line for order in self.orders for line in order.lines]

    def assets(self) -> list[Asset]:
        """The files of all its orders and lines, unlisted ones too."""
        found = [asset for order in self.orders for asset in order.assets]
        return found + [asset for line in self.lines() for asset in line.assets]


@dataclass(slots=True)
class Download:
    """One answer that held a file, or began to: the tally counts the bytes as they go out."""

    asset_id: str
    collection_id: int
    size: int
    at: datetime
    tally: Tally = field(default_factory=Tally)


ScriptLike = Script | Mapping[str, Any] | None
FileLike = File | Mapping[str, Any]
ProductLike = Product | Mapping[str, Any]


def script_of(given: ScriptLike) -> Script | None:
    """A script out of JSON: `steps` as pairs, `files` as objects."""
    if given is None or isinstance(given, Script):
        return given
    if unknown := sorted(given.keys() - {"steps", "files"}):
        raise ValueError(f"A script has steps and files, not {', '.join(unknown)}")
    steps = tuple((float(after), str(status)) for after, status in given.get("steps", ()))
    return Script(steps, tuple(file_of(file) for file in given.get("files", ())))


def file_of(given: FileLike) -> File:
    """A file out of JSON."""
    return given if isinstance(given, File) else File(**given)


def product_of(given: ProductLike) -> Product:
    """A product out of JSON."""
    if isinstance(given, Product):
        return given
    children = tuple((str(code), str(name)) for code, name in given.get("children", ()))
    return Product(**{**given, "children": children, "needs": tuple(given.get("needs", ()))})
