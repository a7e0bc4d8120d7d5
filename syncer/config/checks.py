"""The checks across sections: names, references, routes that shadow one another, and what nothing uses.

They look at what the file says and not at the models, so that one problem doesn't hide another. This room must never
check a value by itself, which is for its model, nor read a file or look at the network.
"""

import json
from datetime import date, datetime
from typing import Any

from syncer.config.complaints import FieldError, nearest
from syncer.config.kinds import check_kinds
from syncer.config.places import Key, dotted
from syncer.config.reading import Reading
from syncer.config.values import to_text, to_texts


def find_problems(reading: Reading) -> None:
    """Adds to the reading's problems what is wrong between sections, whether or not each section is right."""
    _check_names(reading)
    _check_references(reading)
    check_kinds(reading)
    _check_reach(reading)


def find_oddities(reading: Reading, parts: dict[str, Any], today: date | None) -> None:
    """Adds to the reading's warnings what works but can't be meant. Only for a file without problems."""
    _check_dates(reading, parts, today)
    _check_use(reading)
    _check_pages(reading, parts)
    _check_customers(reading, parts)
    _check_services(reading, parts)


_REMOTES = {"portals": "a portal", "fulfilments": "a fulfilment", "order_systems": "an order system"}
_PAGES = 'Write [web] on a line, and public_url = "https://…" below.'
_REFERENCES = {"portal": "portals", "fulfilment": "fulfilments", "register": "order_systems"}


def _check_names(reading: Reading) -> None:
    owners: dict[str, str] = {}
    for section, what in _REMOTES.items():
        for name in reading.table(section):
            if name in owners:
                cure = "Give one of them another name: commands and metrics know remotes by name alone."
                reading.problem((section, name), f"has the same name as {owners[name]}", cure)
            owners.setdefault(name, what)


def _check_references(reading: Reading) -> None:
    for n, route in reading.route_tables():
        for name, section in _REFERENCES.items():
            _check_reference(reading, ("routes", n, name), route.get(name), section)
    for name, fulfilment in reading.table("fulfilments").items():
        if reading.kind("fulfilments", name) == "kode":
            _check_account(reading, ("fulfilments", name, "portal"), fulfilment.get("portal"))


def _check_reference(reading: Reading, key: Key, value: object, section: str) -> None:
    known = reading.table(section)
    if isinstance(value, str) and value.strip() and value not in known:
        shown = json.dumps(value, ensure_ascii=False)
        reading.problem(key, f"there is no [{section}.…] {shown}", nearest(value, known))


def _check_account(reading: Reading, key: Key, value: object) -> None:
    """The portal whose account a KODE fulfilment uses has to be one of KODE."""
    _check_reference(reading, key, value, "portals")
    if reading.kind("portals", value) not in {"kode", ""}:
        known = [name for name in reading.table("portals") if reading.kind("portals", name) == "kode"]
        reading.problem(key, "is a portal of another kind", nearest(str(value), known))


def _check_reach(reading: Reading) -> None:
    """An order goes to the first route that matches, so a route behind a wider one is dead."""
    earlier: list[tuple[int, str, dict[str, str]]] = []
    for n, route in reading.route_tables():
        try:
            portal, match = to_text(route.get("portal")), to_texts(route.get("match", {}))
        except FieldError:
            continue  # already a problem of its own
        rivals = [(m, rule) for m, name, rule in earlier if name == portal]
        _check_rivals(reading, n, match, rivals)
        earlier.append((n, portal, match))


def _check_rivals(reading: Reading, n: int, match: dict[str, str], rivals: list[tuple[int, dict[str, str]]]) -> None:
    covering = next((m for m, rule in rivals if rule.items() <= match.items()), None)
    if covering is not None:
        cure = "Move the narrower route above the wider one, or take one of them out."
        wrong = f"can never match: {_route(reading, covering)} takes all of its orders"
        reading.problem(("routes", n), wrong, cure)
        return
    for m, rule in rivals:
        agree = all(rule[name] == match[name] for name in rule.keys() & match.keys())
        if agree and not match.items() <= rule.items():  # a wider route behind a narrower one is as it should be
            wrong = f"overlaps with {_route(reading, m)}: the earlier one takes the orders that match both"
            reading.warn(("routes", n), wrong, "Match on one more field in either, if that's not meant.")


def _route(reading: Reading, n: int) -> str:
    return f"{dotted(('routes', n))} on line {reading.line(('routes', n))}"


def _check_dates(reading: Reading, parts: dict[str, Any], today: date | None) -> None:
    today = today or datetime.now(parts["timezone"]).date()
    for name, portal in parts["portals"].items():
        since = getattr(portal, "since", None)
        if since and since > today:
            wrong = "is in the future: nothing is read until then"
            reading.warn(("portals", name, "since"), wrong, "Write an earlier date, if that's not meant.")


def _check_use(reading: Reading) -> None:
    if not reading.table("portals"):
        reading.warn(("portals",), "there are none, so there is nothing to do", "Write a [portals.NAME].")
    # A portal of KODE's has no routes: its orders are followed.
    unrouted = {name for name in reading.table("portals") if reading.kind("portals", name) != "kode"}
    for name in sorted(unrouted - _named(reading, "portal")):
        wrong = "has no route: each of its orders will be parked"
        reading.warn(("portals", name), wrong, f'Write a [[routes]] with portal = "{name}".')
    for name in sorted(reading.table("fulfilments").keys() - _named(reading, "fulfilment")):
        wrong = "has no route: no order ever comes here"
        reading.warn(("fulfilments", name), wrong, f'Write a [[routes]] with fulfilment = "{name}".')
    for name in sorted(reading.table("order_systems").keys() - _named(reading, "register")):
        wrong = "has no route: no order is ever registered here"
        reading.warn(("order_systems", name), wrong, f'Write register = "{name}" into a [[routes]].')


def _named(reading: Reading, key: str) -> set[str]:
    """What the routes name under one of their keys."""
    return {route[key] for _, route in reading.route_tables() if key in route}


def _check_pages(reading: Reading, parts: dict[str, Any]) -> None:
    """What others do on our web server needs one."""
    if parts["web"] is not None:
        return
    cure = 'Write [web] on a line, with listen = "127.0.0.1:8321" below, or take it out.'
    for name, portal in parts["portals"].items():
        if getattr(portal, "push_secret", None) is not None:
            reading.warn(("portals", name, "push_secret"), "nothing listens for pushes without [web]", cure)
        if reading.kind("portals", name) == "vitec":
            wrong = "no agent can open an order's page without [web], and a day later the order is parked"
            reading.warn(("portals", name), wrong, _PAGES)
    for n, route in reading.route_tables():
        kinds = reading.kind("portals", route["portal"]), reading.kind("fulfilments", route["fulfilment"])
        if kinds == ("vitec", "kode"):
            wrong = "there is no page on which an agent says what is ordered, without [web]"
            reading.warn(("routes", n), wrong, _PAGES)


def _check_customers(reading: Reading, parts: dict[str, Any]) -> None:
    """An order system that makes missing customers has to be told what to call them."""
    for n, route in enumerate(parts["routes"]):
        system = parts["order_systems"].get(route.register)
        payer = route.customer
        if system and system.create_missing_customers and not (payer.name and payer.corporate_identity_number):
            wrong = "a missing customer can't be made without name and corporate_identity_number"
            reading.warn(("routes", n, "customer"), wrong, "Write both, if it is to be made.")


def _check_services(reading: Reading, parts: dict[str, Any]) -> None:
    """A portal whose lists hold others' orders too gives us those of its services alone."""
    for n, route in enumerate(parts["routes"]):
        services = getattr(parts["portals"][route.portal], "services", None)
        service = route.match.get("service")
        if services and service and service not in map(str, services):
            cure = f"Add {service} to services under [portals.{route.portal}], if it is one of yours."
            reading.warn(("routes", n, "match"), "names a service that is none of the portal's", cure)
