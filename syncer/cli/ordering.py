"""`syncer kode order`: an order that costs money, checked, priced and asked about before it is placed, and placed once.

KODE can't be asked whether it has an order (kode.md, section 14 B). So a line is in the journal before the call and
another one after it, and what is known of neither is not ordered again unless a person says so.
"""

import argparse
import json
import secrets
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncer import config as conf
from syncer.cli.arguments import RECIPIENT
from syncer.cli.kode import money, number, portal_of
from syncer.cli.opening import opened, reading_store, store_url
from syncer.cli.printing import print_json
from syncer.errors import RemoteError, Uncertain
from syncer.store import By, Store, StoreError, Unsettled
from syncer.wiring import utc
from syncer.wiring.ordering import Desk, Quote, Seen, Wish, desk_of

LETTERS = string.ascii_lowercase + string.digits
LARGEST = 10_000_000  # bytes of a file with a geometry
OF_KIND = {
    "cadastre": ("address", "cadastre"),
    "share": ("organization_number", "share_number"),
    "map": ("geometry", "spatial_reference"),
}
MEMBERS = {  # of deliveryInformation (kode.md, section 6.2), by the option's name
    "name": "name",
    "company-name": "companyName",
    "email": "email",
    "phone": "phone",
    "alias": "alias",
    "delivery-address": "address",
    "address2": "address2",
    "address3": "address3",
    "postal-code": "postalCode",
}
OPTIONS = {
    "reference": "--reference",
    "address": "--address",
    "cadastre": "--cadastre",
    "organizationNumber": "--organization-number",
    "shareNumber": "--share-number",
    "geometry": "--geometry",
    "spatialReference": "--spatial-reference",
    **{f"deliveryInformation.{member}": f"--{option}" for option, member in MEMBERS.items()},
}


def order(arguments: argparse.Namespace) -> int:
    """Exit 1 where it isn't ordered, or may be; 2 where nothing was sent, since something has to be said first."""
    config, _ = opened(arguments)
    chosen = portal_of(config, arguments.portal)
    wish, wrong = _read(arguments)
    for text in wrong:
        print(text, file=sys.stderr)
    if wish is None or wrong or chosen is None:
        return 2
    if not arguments.yes and not sys.stdin.isatty():
        print("nothing was ordered: it costs money, and nobody can be asked here; say --yes", file=sys.stderr)
        return 2
    name = chosen[0]
    if not arguments.again and not _settled(config, name, wish):
        return 2
    with desk_of(*chosen) as desk:
        if not _agreed(desk.quote(wish), wish, arguments):
            print("nothing was ordered", file=sys.stderr)
            return 1
        with Store.open(store_url(config), exclusive=False) as store:
            return _Placing(store, desk, name, wish).place(again=arguments.again, as_json=arguments.json)


# --- what is ordered ------------------------------------------------------------------------------------------


def _read(arguments: argparse.Namespace) -> tuple[Wish | None, list[str]]:
    """What the options say, and all that is wrong with it."""
    wrong = list(_out_of_place(arguments))
    geometry = None
    if arguments.geometry is not None:
        try:
            geometry = _geometry(arguments.geometry)
        except (OSError, TypeError, ValueError, RecursionError) as error:
            what = error.strerror if isinstance(error, OSError) else "it is no GeoJSON object"
            return None, [*wrong, f"--geometry {arguments.geometry}: {what}"]
    wish = Wish(
        arguments.kind,
        tuple(arguments.product),
        arguments.reference,
        dict(arguments.data),
        address=arguments.address,
        cadastre=arguments.cadastre,
        organization_number=arguments.organization_number,
        share_number=arguments.share_number,
        geometry=geometry,
        spatial_reference=arguments.spatial_reference,
        delivery=dict(_recipient(arguments)),
    )
    return wish, wrong + [f"{_option(field)} {what}" for field, what in wish.faults()]


def _out_of_place(arguments: argparse.Namespace) -> Iterator[str]:
    """What would be left out without a word, or ordered twice."""
    for kind, fields in OF_KIND.items():
        for field in fields:
            if kind != arguments.kind and getattr(arguments, field) is not None:
                yield f"--{field.replace('_', '-')} belongs to an order of kind {kind}"
    for code in sorted({code for code in arguments.product if arguments.product.count(code) > 1}):
        yield f"--product {code} is named twice"
    keys = [key for key, _ in arguments.data]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"--data {key} is named twice"


def _recipient(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for option in RECIPIENT:
        said = getattr(arguments, option.replace("-", "_"))
        if said is not None:
            yield MEMBERS[option], said


def _geometry(file: Path) -> Mapping[str, Any]:
    with file.open("rb") as opened_file:
        text = opened_file.read(LARGEST + 1)
    found = json.loads(text) if len(text) <= LARGEST else None
    if not isinstance(found, dict):
        raise TypeError
    return found


def _option(field: str) -> str:
    return OPTIONS.get(field, "--data" if field.endswith(".data") else "--product")


# --- before it is placed --------------------------------------------------------------------------------------


def _settled(config: conf.Config, portal: str, wish: Wish) -> bool:
    """Whether nothing is open of the same order; of what is, it says so."""
    with reading_store(config) as store:
        before = store.unsettled(portal, wish.digest())
    if before is not None:
        _say_what_is_open(before, portal, wish)
    return before is None


def _say_what_is_open(before: Unsettled, portal: str, wish: Wish) -> None:
    at = f"{before.at:%Y-%m-%d %H:%M} UTC"
    if before.order is not None:
        external_id = before.order.partition(":")[2]
        print(
            f"nothing was ordered: the same was ordered at {at}, whose answer was lost, and it is {before.order}. "
            f"Say `syncer kode watch {external_id}`, which settles that one; or, to have another one, --again",
            file=sys.stderr,
        )
        return
    print(f"nothing was ordered: the same was begun at {at}, and its outcome is not known. ", end="", file=sys.stderr)
    _say_what_helps(before.key, portal, wish)


def _say_what_helps(key: str, portal: str, wish: Wish) -> None:
    print(
        f"Look in KODE, with the account of {portal}, for an order with the reference {wish.reference!r} and the "
        f"technical reference {key}. If it is there: `syncer kode watch ID`, with its number; a push message that "
        "names it has it followed, too. If it isn't: the same command once more, with --again",
        file=sys.stderr,
    )


def _agreed(quote: Quote, wish: Wish, arguments: argparse.Namespace) -> bool:
    """Shows what is ordered and what it costs, and asks, unless that is agreed to beforehand."""
    out = sys.stderr if arguments.json else sys.stdout
    for code in wish.products:
        print(f"{code}  {quote.names.get(code, '(not among the products that KODE lists there)')}", file=out)
    price = _price(quote)
    print(f"price: {price or 'not known'}", file=out)
    if arguments.yes:
        return True
    said = f"for {price}" if price else "at a price that is not known"
    print(f"Place this order {said}? [y/N] ", end="", file=out, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _price(quote: Quote) -> str:
    if quote.vat is not None:
        return f"{money(quote.vat)} NOK incl. VAT"
    return "" if quote.net is None else f"{money(quote.net)} NOK without VAT"


# --- placing --------------------------------------------------------------------------------------------------


class _Placing:
    """One order on its way, under a key of our own: written down before the call, and what came of it after."""

    def __init__(self, store: Store, desk: Desk, portal: str, wish: Wish) -> None:
        self._store, self._desk, self._portal, self._wish = store, desk, portal, wish
        self._key = "cli." + "".join(secrets.choice(LETTERS) for _ in range(16))

    def place(self, *, again: bool, as_json: bool) -> int:
        """Places it, and says what came of it."""
        digest = self._wish.digest()
        if not self._store.begin_ordering(self._portal, self._key, digest, utc(), again=again):
            before = self._store.unsettled(self._portal, digest)  # begun by somebody else meanwhile
            if before is not None:
                _say_what_is_open(before, self._portal, self._wish)
            return 2
        made = self._called()
        if made is None:
            return 1
        self._keep(made)
        self._say(made, as_json=as_json)
        return 0

    def _called(self) -> Seen | None:
        """The order as it was made; None, and it is said and written down, where it surely or perhaps was not."""
        try:
            return self._desk.place(self._wish, self._key)
        except (Uncertain, KeyboardInterrupt) as lost:
            self._say_that_it_is_not_known(lost)
            self._store.note_uncertain(self._portal, self._key, utc())
        except RemoteError as failure:
            print(f"nothing was ordered: {failure}", file=sys.stderr)
            self._store.note_not_ordered(self._portal, self._key, utc())
        return None

    def _say_that_it_is_not_known(self, lost: BaseException) -> None:
        why = f"{lost}: " if isinstance(lost, Uncertain) else ""
        print(f"{why}whether this was ordered is not known. ", end="", file=sys.stderr)
        _say_what_helps(self._key, self._portal, self._wish)

    def _keep(self, made: Seen) -> None:
        try:
            self._store.follow(self._portal, [(made.id, self._key)], utc(), By.US)
        except StoreError:
            name = f"{self._portal}:{made.id}"
            print(f"{name} was ordered, and can't be written down: say `syncer kode watch {made.id}`", file=sys.stderr)
            raise

    def _say(self, made: Seen, *, as_json: bool) -> None:
        if as_json:
            print_json(
                {
                    "order": f"{self._portal}:{made.id}",
                    "status": made.status,
                    "price_net": number(made.price_net),
                    "price_vat": number(made.price_vat),
                    "technical_reference": self._key,
                }
            )
            return
        price = f", {money(made.price_vat)} NOK incl. VAT" if made.price_vat is not None else ""
        status = f" ({made.status})" if made.status else ""
        print(
            f"{self._portal}:{made.id} is ordered{status}{price}, and followed: syncer files {self._portal}:{made.id}"
        )
