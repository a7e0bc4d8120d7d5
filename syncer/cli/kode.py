"""`syncer kode`: what people ask of KODE and order there, and what they have followed (kode.md, sections 4 to 7).

What an order's status means is not for here; what was ordered is followed as any other order is.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.markup import escape

from syncer import config as conf
from syncer.cli.acting import acting_store, stopping
from syncer.cli.opening import opened
from syncer.cli.printing import console, print_json, table
from syncer.errors import AccessDenied, RemoteError, Unavailable
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.wiring import engine_of, utc
from syncer.wiring.ordering import Desk, Offered, Seen, desk_of

NUMBER = re.compile(r"[0-9]{1,18}")


def portal_of(config: conf.Config, named: str | None) -> tuple[str, "conf.KodePortal"] | None:
    """The portal that is meant; None, with a sentence on stderr, where that can't be told."""
    found = {name: portal for name, portal in config.portals.items() if portal.kind == "kode"}
    if named is not None and named not in found:
        known = f": there {'is' if len(found) == 1 else 'are'} {', '.join(found)}" if found else ""
        print(f"--portal {named} is no portal of KODE's in the configuration{known}", file=sys.stderr)
        return None
    if not found:
        print("the configuration has no portal of KODE's: write a [portals.NAME] of kind kode", file=sys.stderr)
        return None
    if named is None and len(found) > 1:
        print(f"say which portal: {' or '.join(f'--portal {name}' for name in found)}", file=sys.stderr)
        return None
    name = named or next(iter(found))
    return name, found[name]


def money(amount: Decimal | None) -> str:
    """An amount for people: 1 000.00."""
    return "" if amount is None else f"{amount:,.2f}".replace(",", " ")


def number(amount: Decimal | None) -> float | None:
    """An amount for programs."""
    return None if amount is None else float(amount)


# --- products -------------------------------------------------------------------------------------------------


def products(arguments: argparse.Namespace) -> int:
    """What can be ordered in a municipality."""
    config, _ = opened(arguments)
    chosen = portal_of(config, arguments.portal)
    municipality = arguments.municipality.zfill(4)
    if not re.fullmatch("[0-9]{4}", municipality) or municipality == "0000":
        print(f"{arguments.municipality} is no municipality's number: write its four digits, 0301 say", file=sys.stderr)
        return 2
    if chosen is None:
        return 2
    with desk_of(*chosen, read_only=True) as desk:
        found = desk.products(municipality)
    if arguments.json:
        print_json([_as_json(one) for one in found])
    elif not found:
        print(f"{chosen[0]} offers nothing in municipality {municipality}")
    else:
        _print(found)
    return 0


def _as_json(one: Offered) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": one.name,
        "description": one.description,
        "type": one.type,
        "input": one.input,
        "delivery": one.delivery,
        "status": one.status,
        "price_net": number(one.price_net),
        "price_vat": number(one.price_vat),
        "contents": [{"code": code, "name": name} for code, name in one.contents],
    }


def _print(found: tuple[Offered, ...]) -> None:
    columns = ["code", "name", "type", "input", "delivery", "NOK net", "NOK incl. VAT", "contents"]
    rows = [
        [
            escape(one.code),
            escape(one.name if one.status in {"", "ACTIVE"} else f"{one.name} ({one.status.lower()})"),
            *map(escape, (one.type, one.input, one.delivery)),
            money(one.price_net),
            money(one.price_vat),
            escape(", ".join(f"{name or code}" for code, name in one.contents)),
        ]
        for one in found
    ]
    made = table(columns, rows)
    for column in (5, 6):
        made.columns[column].justify = "right"
    console().print(made)


# --- watch ----------------------------------------------------------------------------------------------------


def watch(arguments: argparse.Namespace) -> int:
    """Has orders followed that were placed elsewhere."""
    config, redactor = opened(arguments)
    chosen = portal_of(config, arguments.portal)
    if chosen is None:
        return 2
    ids = [text.removeprefix(f"{chosen[0]}:") for text in arguments.id]
    wrong = [text for text in ids if not NUMBER.fullmatch(text) or not int(text)]
    for text in wrong:
        print(f"{text} is no order's id in KODE: write its digits", file=sys.stderr)
    if wrong:
        return 2
    ids = list(dict.fromkeys(str(int(text)) for text in ids))
    with desk_of(*chosen, read_only=True) as desk:
        looks = _Looks(desk, ids)
    return _follow(arguments, config, redactor, chosen[0], looks)


class _Looks:
    """What KODE says of orders: those that it has, those that it hasn't, and those that it couldn't be asked about."""

    def __init__(self, desk: Desk, ids: list[str]) -> None:
        self.unknown: list[str] = []
        self.unread: list[str] = []
        self.seen: list[Seen] = []
        self.trouble: RemoteError | None = None
        for text in ids:
            self._look(desk, text)

    def _look(self, desk: Desk, text: str) -> None:
        if isinstance(self.trouble, Unavailable | AccessDenied):  # the next call would take as long
            self.unread.append(text)
            return
        try:
            seen = desk.read(text)
        except RemoteError as error:
            self.trouble = error
            self.unread.append(text)
            return
        if seen is None:
            self.unknown.append(text)
        else:
            self.seen.append(seen)

    def named(self) -> Iterator[tuple[str, str]]:
        """The orders to be followed, each with what it is called by us."""
        for one in self.seen:
            yield from ((one.id, reference) for reference in one.references or {""})
        yield from ((text, "") for text in self.unread)

    def say(self, portal: str) -> None:
        """What a person should know of it."""
        for text in self.unknown:
            print(f"{portal} has no order {text}: nothing is stored of it", file=sys.stderr)
        if self.trouble is not None:
            left = ", ".join(self.unread)
            print(f"{self.trouble}; {left} will be read when KODE answers", file=sys.stderr)


def _follow(arguments: argparse.Namespace, config: conf.Config, redactor: Redactor, portal: str, looks: _Looks) -> int:
    named = list(looks.named())
    looks.say(portal)
    names = list(dict.fromkeys(f"{portal}:{key}" for key, _ in named))
    if named:
        store, ours = acting_store(config)
        with store:
            waiting = store.follow(portal, named, utc())
            if ours:
                engine = engine_of(config, store, redactor)
                with stopping(engine):
                    engine.work_on([*names, *waiting])
            _say_how_they_stand(store, [*names, *waiting], as_json=arguments.json, ours=ours)
    elif arguments.json:
        print_json([])
    return 2 if looks.unknown else int(looks.trouble is not None)


def _say_how_they_stand(store: Store, names: list[str], *, as_json: bool, ours: bool) -> None:
    found = [_standing(store, name) for name in names]
    if as_json:
        print_json(found)
        return
    for one in found:
        line = f"{one['order']}: " + (one["state"] if one["portal_status"] else "not read yet")
        line += f", parked: {one['parked']}" if one["parked"] else ""
        line += "".join(f", {count} file{'s' if count > 1 else ''} {state}" for state, count in one["files"].items())
        print(line if ours else f"{line}; written down, and the running syncer goes on with it")


def _standing(store: Store, name: str) -> dict[str, Any]:
    found = store.load(name)
    assert found is not None, "it was stored just now"
    order = found[0]
    return {
        "order": name,
        "state": order.state,
        "portal_status": order.portal_status,
        "parked": order.parked,
        "files": dict(sorted(Counter(str(file.state) for file in store.files(name)).items())),
    }
