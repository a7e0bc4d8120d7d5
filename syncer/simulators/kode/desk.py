"""The order desk: the products, the orders and their files, and what the clock brings about.

How it looks in JSON is the views' business, and who may ask is not asked here.
"""

import hashlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from syncer.simulators.kode.content import PICTURE
from syncer.simulators.kode.demands import Asked, Wish
from syncer.simulators.kode.model import (
    ENDED,
    Asset,
    Collection,
    Event,
    File,
    Line,
    Product,
    Script,
    SupplierOrder,
)
from syncer.simulators.kode.names import ORDINARY, hostile_names
from syncer.simulators.kode.notices import Notices
from syncer.simulators.kode.options import Options
from syncer.simulators.kode.refusals import RefusedError

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_HOSTILE = tuple(hostile_names(500))
_FIRST = {"collection": 7_000_001, "order": 8_000_001, "line": 9_000_001}


class Desk:
    """All that KODE remembers of orders."""

    def __init__(self, name: str, options: Options, now: Callable[[], datetime], notices: Notices) -> None:
        self.catalogue: dict[str, Product] = {}
        self.collections: dict[int, Collection] = {}
        self.script = Script()
        self.now = now
        self.notices = notices
        self._name = name
        self._options = options
        self._numbers = dict(_FIRST)
        self._places: dict[str, int] = {}
        self._events: list[Event] = []
        self._planned = 0

    # --- orders -----------------------------------------------------------------------------------------------

    def place(self, asked: Asked, *, script: Script | None = None, ours: bool = True, user: str = "") -> Collection:
        """Every order is a new one: nothing is recognised (kode.md, section 6)."""
        now = self.now()
        number = self._number("collection")
        collection = Collection(
            collection_id=number,
            kind=asked.kind,
            reference=asked.reference,
            technical_reference=asked.technical_reference,
            user=asked.orderer or user,
            ordered=now,
            changed=now,
            orders=self._orders(asked.wishes, number, now),
            ours=ours,
        )
        self.collections[number] = collection
        self.plan(collection, self.script if script is None else script)
        self.notices.tell(collection, "NEW", now)
        return collection

    def _orders(self, wishes: Sequence[Wish], collection_id: int, now: datetime) -> list[SupplierOrder]:
        """One to each supplier (kode.md, section 7)."""
        suppliers = dict.fromkeys(wish.product.supplier for wish in wishes)
        made = []
        for supplier in suppliers:
            number = self._number("order")
            lines = [
                line for wish in wishes if wish.product.supplier == supplier for line in self._lines(wish.product, now)
            ]
            made.append(SupplierOrder(collection_id if self._options.same_ids else number, supplier, lines))
        return made

    def _lines(self, product: Product, now: datetime) -> list[Line]:
        """A line, and one to each of a package's contents, which cost nothing (kode.md, section 7.3)."""
        number = self._number("line")
        first = Line(number, product.code, product.name, product.type, product.net, None, "NEW", now)
        inside = [
            Line(self._number("line"), code, name, "NORMAL", 0, number, "NEW", now) for code, name in product.children
        ]
        return [first, *inside]

    def _number(self, series: str) -> int:
        self._numbers[series] += 1
        return self._numbers[series] - 1

    def find(self, number: int) -> Collection:
        """An order by its collection's id; LookupError where there is none."""
        if number not in self.collections:
            raise LookupError(f"There is no order {number}")
        return self.collections[number]

    # --- the clock --------------------------------------------------------------------------------------------

    def plan(self, collection: Collection, script: Script) -> None:
        """What the clock will do to an order, reckoned from when it was ordered."""
        for after, status in script.steps:
            self._expect(collection, after, status=status)
        for file in script.files:
            self._expect(collection, file.after, file=file)

    def _expect(self, collection: Collection, after: float, **what: Any) -> None:
        self._planned += 1
        at = collection.ordered + timedelta(seconds=after)
        heapq.heappush(self._events, Event(at, self._planned, collection.collection_id, **what))

    def forget_plan(self, collection: Collection) -> None:
        """The clock does nothing more to an order."""
        self._events = [event for event in self._events if event.collection_id != collection.collection_id]
        heapq.heapify(self._events)

    def catch_up(self) -> None:
        """Whatever the clock has made due happens, over all orders in the order of its time."""
        now = self.now()
        while self._events and self._events[0].at <= now:
            self._happen(heapq.heappop(self._events))

    def _happen(self, event: Event) -> None:
        collection = self.collections[event.collection_id]
        if event.status:
            self.change(collection, event.status, event.at)
        elif event.file is not None:
            self.attach(collection, event.file, event.at)
        else:
            self.delete(event.deleted, event.at)

    # --- what becomes of an order -----------------------------------------------------------------------------

    def change(self, collection: Collection, status: str, at: datetime | None = None, *, lines: bool = True) -> None:
        """A new status, of the lines too. Only some are pushed: there is no push for PROGRESS (section 8.3)."""
        at = at or self.now()
        collection.status, collection.changed = status, at
        for order in collection.orders:
            order.status = status
        if lines:
            # A line that was cancelled by itself stays so.
            for line in collection.lines():
                if line.status not in ENDED or status in ENDED:
                    line.status, line.changed = status, at
        if status in ENDED:
            self._clear(collection)
        if status in {"FINISHED", *ENDED}:
            self.notices.tell(collection, status, at)

    def _clear(self, collection: Collection) -> None:
        """What becomes of a cancelled order's files in the tree is not documented (kode.md, section 8.3)."""
        how = self._options.cancelled_assets
        for asset in collection.assets():
            asset.status = "DELETED" if how == "deleted" else asset.status
            asset.listed = asset.listed and how != "dropped"

    def attach(self, collection: Collection, file: File, at: datetime | None = None) -> Asset:
        """A file arrives, on the order or on one of its lines (kode.md, section 9)."""
        at = at or self.now()
        line = _line_for(collection, file.on)
        assets = collection.orders[0].assets if line is None else line.assets
        asset = self._asset(file, line.name if line is not None else "Dokument")
        if asset.asset_id in self._places:
            raise ValueError(f"There is a file {asset.asset_id} already")
        assets.append(asset)
        self._places[asset.asset_id] = collection.collection_id
        self.renew([asset])
        if file.deleted_after is not None:
            gone_at = at + timedelta(seconds=max(0.0, file.deleted_after - file.after))
            self._expect(collection, (gone_at - collection.ordered).total_seconds(), deleted=asset.asset_id)
        if collection.status == "FINISHED":
            self.notices.tell_late(collection, at)
        else:
            self.notices.tell(collection, "UPDATED", at)
        return asset

    def _asset(self, file: File, product: str) -> Asset:
        number = len(self._places) + 1
        names = {"ordinary": ORDINARY, "hostile": _HOSTILE, "same": ORDINARY[:1], "absent": ORDINARY}
        choice = names[self._options.names]
        name = file.name or choice[(number - 1) % len(choice)]
        suffix = PurePosixPath(ORDINARY[(number - 1) % len(ORDINARY)] if not file.name else file.name).suffix
        filename = file.filename or (name if self._options.names == "hostile" else f"{product}{suffix}")
        made = self._asset_id(number)
        made = PICTURE + made[len(PICTURE) :] if filename.lower().endswith(".png") else made
        return Asset(file.id or made, name, filename, file.category, file.size, url=file.url)

    def _asset_id(self, number: int) -> str:
        """32 characters, and not clean hexadecimal (kode.md, section 9)."""
        digest = hashlib.sha256(f"{self._name}/{number}".encode()).digest()
        return "k" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:31])

    def delete(self, asset_id: str, at: datetime | None = None) -> None:
        """The file goes, and is listed as DELETED (kode.md, section 9)."""
        self.asset(asset_id).status = "DELETED"
        if self._options.push_deletions:
            self.notices.tell(self.owner(asset_id), "UPDATED", at or self.now())

    # --- files ------------------------------------------------------------------------------------------------

    def owner(self, asset_id: str) -> Collection:
        """The order that a file belongs to; LookupError where there is none."""
        if asset_id not in self._places:
            raise LookupError(f"There is no file {asset_id}")
        return self.collections[self._places[asset_id]]

    def asset(self, asset_id: str) -> Asset:
        """A file by its id; LookupError where there is none."""
        return next(asset for asset in self.owner(asset_id).assets() if asset.asset_id == asset_id)

    def renew(self, assets: Sequence[Asset]) -> None:
        """Reading an order gives its files addresses that are good for a while."""
        life = self._options.address_life
        for asset in assets:
            asset.until = self.now() + timedelta(seconds=life) if life else None
            asset.ticket = asset.ticket + 1 if self._options.address == "fresh" else 0

    def opened(self, asset_id: str, ticket: int) -> Asset:
        """The file behind an address that is still good."""
        options = self._options
        try:
            asset = self.asset(asset_id)
        except LookupError:
            raise RefusedError(404, "There is no such file") from None
        expired = asset.until is not None and self.now() >= asset.until
        if expired or ticket != asset.ticket:
            raise RefusedError(options.expired_status, "The address has expired")
        if asset.status == "DELETED" and options.deleted_status != 200:
            raise RefusedError(options.deleted_status, "The file is deleted")
        return replace(asset)


def _line_for(collection: Collection, on: str) -> Line | None:
    """The line that a file goes to; None for the order itself."""
    if on == "order":
        return None
    lines = collection.lines()
    if on == "line":
        return next((line for line in lines if line.type == "NORMAL"), lines[0])
    found = next((line for line in lines if line.product == on), None)
    if found is None:
        raise LookupError(f"The order has no product {on}")
    return found
