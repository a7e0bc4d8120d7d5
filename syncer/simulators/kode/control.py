"""The levers of the simulated KODE: set it up, move it on, and read what it has been asked.

For tests and for the host's control API; no remote request comes through here.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from syncer.simulators.kode.breakage import WAYS
from syncer.simulators.kode.content import asset_digest
from syncer.simulators.kode.demands import Asked, Wish
from syncer.simulators.kode.desk import Desk
from syncer.simulators.kode.model import (
    Asset,
    Collection,
    Download,
    File,
    FileLike,
    Product,
    ProductLike,
    ScriptLike,
    file_of,
    product_of,
    script_of,
)
from syncer.simulators.kode.notices import Notices
from syncer.simulators.kode.options import Options
from syncer.simulators.kode.tokens import Credentials, Tokens

# What the test municipality 9999 has (kode.md, section 2): names and prices are invented.
PRODUCTS = (
    Product(
        "WI99990101",
        "Meglerpakke",
        "Det meste på ett sted",
        net=1640.0,
        children=(("WI99990102", "Ferdigattest"), ("WI99990103", "Kommunale avgifter")),
    ),
    Product("WI99990102", "Ferdigattest", net=320.0),
    Product("WI99990103", "Kommunale avgifter", net=180.0),
    Product("WI99990201", "Andelsopplysninger", input_type="SHARE", net=410.5, supplier="Låtsas Forretningsfører"),
    Product("WI99990301", "Situasjonskart", input_type="MAP", net=275.0, needs=("system",)),
)


class Controls:
    """The verbs: every argument and every answer may be JSON, so that the host can pass them on."""

    VERBS: frozenset[str] = frozenset(
        {
            "add_file", "add_message", "add_order", "add_product", "add_push", "break_order", "change_file",
            "change_line", "change_status", "complaints", "configure", "created", "delete_file", "digest", "downloads",
            "drop_file", "due_pushes", "expire_addresses", "leaks", "order", "orders", "pushes", "refusals",
            "replace_file", "revoke_tokens", "send_pushes", "set_script", "state", "token_calls",
        }
    )  # fmt: skip

    name: str

    def __init__(self, name: str, credentials: Credentials, options: Options, now: Callable[[], datetime]) -> None:
        self.name = name
        self.options = options
        self.notices = Notices(name, options, now)
        self.tokens = Tokens(name, credentials, options, now)
        self.desk = Desk(name, options, now, self.notices)
        self.refused: list[dict[str, Any]] = []
        self.objections: list[dict[str, Any]] = []
        self._downloads: list[Download] = []
        self._leaks: list[dict[str, Any]] = []
        self._created: list[dict[str, Any]] = []
        self._made: dict[str, int] = {}
        for product in PRODUCTS:
            self.add_product(product)

    # --- set-up -----------------------------------------------------------------------------------------------

    def configure(self, **options: Any) -> None:
        """Changes options while running; a name that isn't one of `Options` is an error."""
        self.options.change(**options)

    def add_product(self, product: ProductLike | None = None, **fields: Any) -> None:
        """A product of the catalogue, or a new look of one that is there, as `Product` has the fields."""
        made = product_of(fields if product is None else product)
        self.desk.catalogue[made.code] = made

    def set_script(self, script: ScriptLike = None, order: int | None = None) -> None:
        """What later orders meet; or, for one that is there, what it meets from now on instead."""
        chosen = script_of(script)
        if order is None:
            self.desk.script = chosen or type(self.desk.script)()
            return
        self.desk.catch_up()
        found = self.desk.find(int(order))
        self.desk.forget_plan(found)
        if chosen is not None:
            self.desk.plan(found, chosen)

    def add_order(
        self,
        products: Sequence[str] = ("WI99990101",),
        reference: str = "",
        technical_reference: str | None = None,
        user: str = "Ola Påfunn",
        script: ScriptLike = None,
        status: str = "NEW",
    ) -> int:
        """An order that somebody placed elsewhere; returns its id. `script` is that of later orders where none is."""
        wishes = tuple(Wish(self.desk.catalogue[code], {}) for code in products)
        if not wishes:
            raise ValueError("An order has a product at least")
        self.desk.catch_up()
        kind = wishes[0].product.input_type.lower()
        asked = Asked(kind, wishes, user, reference, technical_reference)
        placed = self.desk.place(asked, script=script_of(script), ours=False)
        if status != "NEW":
            self.desk.change(placed, status)
        return placed.collection_id

    # --- going on ---------------------------------------------------------------------------------------------

    def change_status(self, order: int, status: str, *, keep_plan: bool = False, lines: bool = True) -> None:
        """Any status, also one that nobody has heard of. The clock does no more to the order unless told so."""
        found = self._found(order)
        if not keep_plan:
            self.desk.forget_plan(found)
        self.desk.change(found, status, lines=lines)

    def change_line(self, order: int, product: str, status: str) -> None:
        """One line's status: a part of an order can be cancelled by itself (kode.md, section 11)."""
        line = next(line for line in self._found(order).lines() if line.product == product)
        line.status, line.changed = status, self.desk.now()

    def add_file(self, order: int, file: FileLike | None = None, **fields: Any) -> str:
        """A file arrives now, as `File` has the fields; returns its id."""
        return self.desk.attach(self._found(order), file_of(fields if file is None else file)).asset_id

    def break_order(self, order: int, how: str = "broken_json") -> None:
        """Makes reading the order useless, in one of `breakage.WAYS`; `gone` is a 404, and `whole` mends it."""
        if how not in WAYS:
            raise ValueError(f"An order is broken in one of {WAYS}, not {how!r}")
        self._found(order).broken = how

    def change_file(self, asset: str, status: str) -> None:
        """Any status of a file, also one that nobody has heard of; nobody is told."""
        self.desk.catch_up()
        self.desk.asset(asset).status = status

    def delete_file(self, asset: str) -> None:
        """The file is DELETED, and stays listed."""
        self.desk.catch_up()
        self.desk.delete(asset)

    def drop_file(self, asset: str) -> None:
        """The tree shows the file no more, as if it had never been (kode.md, section 14 B)."""
        self.desk.catch_up()
        self.desk.asset(asset).listed = False

    def replace_file(self, asset: str, **fields: Any) -> str:
        """The file is DELETED, and another one of the same names arrives in its place; returns its id."""
        self.desk.catch_up()
        old, owner = self.desk.asset(asset), self.desk.owner(asset)
        line = next((line for line in owner.lines() if old in line.assets), None)
        self.desk.delete(asset)
        on = "order" if line is None else line.product
        same = {"name": old.name, "filename": old.filename, "category": old.category, "size": old.size, "on": on}
        return self.desk.attach(owner, File(**{**same, **fields})).asset_id

    def expire_addresses(self, asset: str | None = None) -> None:
        """The addresses that are out are good no more, until the order is read again."""
        self.desk.catch_up()
        chosen = (
            [self.desk.asset(asset)] if asset else [each for c in self.desk.collections.values() for each in c.assets()]
        )
        for each in chosen:
            each.until = self.desk.now()

    def revoke_tokens(self, *, refresh: bool = False) -> None:
        """No access token is good any more, and no refresh token either where that is said."""
        self.tokens.revoke_access()
        if refresh:
            self.tokens.revoke_refresh()

    # --- what it tells by itself ------------------------------------------------------------------------------

    def add_push(self, body: dict[str, Any] | None = None, order: int | None = None, status: str = "UPDATED") -> int:
        """A push more: about an order, though nothing happened; or of any body at all. Returns its number."""
        if body is not None:
            return self.notices.add(body)
        if order is None:
            raise ValueError("A push has a body, or is about an order")
        self.notices.tell(self._found(order), status, self.desk.now())
        return len(self.notices.pushes)

    def add_message(
        self,
        message: str,
        type: str = "DISTRIBUTOR",  # noqa: A002 -- KODE's word
        municipality_name: str = "INFOLAND",
        municipality_number: str = "9999",
    ) -> str:
        """A distributor message, pushed and listed; returns its id."""
        self.desk.catch_up()
        return self.notices.publish(message, municipality_name, municipality_number, type).message_id

    def pushes(self, after: int = 0) -> list[dict[str, Any]]:
        """Every push that KODE has made so far, sent or not, after the one numbered `after`."""
        self.desk.catch_up()
        return [{**asdict(push), "at": push.at.isoformat()} for push in self.notices.pushes if push.number > after]

    def due_pushes(self) -> list[dict[str, Any]]:
        """The bodies that `send_pushes` would send now, in its order."""
        self.desk.catch_up()
        return [push.body for push in self.notices.due()]

    def send_pushes(self, url: str | None = None) -> list[int]:
        """POSTs what is due to `url`, or to the option `push_url`; the answers' statuses, 0 for none. Loopback only."""
        self.desk.catch_up()
        target = url or self.options.push_url
        if not target:
            raise ValueError("Say where to: there is no push_url")
        return self.notices.send(target)

    # --- reading ----------------------------------------------------------------------------------------------

    def orders(self) -> list[dict[str, Any]]:
        """Every order, ours and others', with its files."""
        self.desk.catch_up()
        return [_order(collection) for collection in self.desk.collections.values()]

    def order(self, order: int) -> dict[str, Any]:
        """One order, as `orders` has it."""
        return _order(self._found(order))

    def created(self) -> list[dict[str, Any]]:
        """Every order that came through the API, with its references as they came in. Two creates are two orders."""
        self.desk.catch_up()
        status = {number: collection.status for number, collection in self.desk.collections.items()}
        return [{**made, "status": status[made["order"]]} for made in self._created]

    def downloads(self) -> list[dict[str, Any]]:
        """Every answer that held a file: `size` of it, and how much of that has `sent` so far."""
        return [
            {
                "asset": each.asset_id,
                "order": each.collection_id,
                "size": each.size,
                "sent": each.tally.sent,
                "at": each.at.isoformat(),
            }
            for each in self._downloads
        ]

    def digest(self, asset: str) -> str:
        """The SHA-256 of a file, in hexadecimal."""
        found = self.desk.asset(asset)
        return asset_digest(found.asset_id, found.size)

    def token_calls(self) -> list[dict[str, Any]]:
        """Every call of the token endpoint, in vain or not."""
        return [{**asdict(call), "at": call.at.isoformat()} for call in self.tokens.calls]

    def leaks(self) -> list[dict[str, Any]]:
        """Every time that a token arrived where it should not, without the token."""
        return [dict(leak) for leak in self._leaks]

    def refusals(self) -> list[dict[str, Any]]:
        """Every create that was refused, and why: the client's mistakes."""
        return [dict(entry) for entry in self.refused]

    def complaints(self) -> list[dict[str, Any]]:
        """Every other request that was refused, and why: an expired token's 401 too."""
        return [dict(entry) for entry in self.objections]

    def state(self) -> dict[str, Any]:
        """All of it at a glance, JSON-able."""
        return {
            "name": self.name,
            "options": asdict(self.options),
            "products": list(self.desk.catalogue),
            "orders": self.orders(),
            "downloads": self.downloads(),
            "token_calls": self.token_calls(),
            "pushes": len(self.notices.pushes),
            "leaks": self.leaks(),
            "refused": self.refusals(),
            "complaints": self.complaints(),
        }

    def record_leak(self, where: str, path: str) -> dict[str, str]:
        """Remembers that a token arrived at `where`; the effect for the journal."""
        self._leaks.append({"at": self.desk.now().isoformat(), "where": where, "path": path})
        return {"what": "leak", "where": where}

    def record_download(self, asset: Asset) -> Download:
        """Remembers that a file is on its way."""
        owner = self.desk.owner(asset.asset_id).collection_id
        self._downloads.append(Download(asset.asset_id, owner, asset.size, self.desk.now()))
        return self._downloads[-1]

    def _found(self, order: int) -> Collection:
        self.desk.catch_up()
        return self.desk.find(int(order))


def _order(collection: Collection) -> dict[str, Any]:
    return {
        "order": collection.collection_id,
        "kind": collection.kind,
        "status": collection.status,
        "reference": collection.reference,
        "technical_reference": collection.technical_reference,
        "ours": collection.ours,
        "ordered": collection.ordered.isoformat(),
        "products": [line.product for line in collection.lines() if line.package_line_id is None],
        "files": [_file(asset) for asset in collection.assets()],
    }


def _file(asset: Asset) -> dict[str, Any]:
    return {
        "asset": asset.asset_id,
        "name": asset.name,
        "filename": asset.filename,
        "size": asset.size,
        "status": asset.status,
        "listed": asset.listed,
    }
