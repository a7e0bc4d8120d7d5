"""The checks across sections: names, references, routes that shadow one another, and what nothing uses.

They look at what the file says and not at the models, so that one problem doesn't hide another. This room must never
check a value by itself, which is for its model, nor read a file or look at the network.
"""

import json
from datetime import date, datetime
from typing import Any

from syncer.config.complaints import FieldError, nearest
from syncer.config.models import Route
from syncer.config.places import dotted
from syncer.config.reading import Reading
from syncer.config.values import to_text, to_texts


def find_problems(reading: Reading) -> None:
    """Adds to the reading's problems what is wrong between sections, whether or not each section is right."""
    _check_names(reading)
    _check_references(reading)
    _check_reach(reading)


def find_oddities(reading: Reading, parts: dict[str, Any], today: date | None) -> None:
    """Adds to the reading's warnings what works but can't be meant. Only for a file without problems."""
    _check_dates(reading, parts, today)
    _check_use(reading)


def _check_names(reading: Reading) -> None:
    for name in reading.table("fulfilments"):
        if name in reading.table("portals"):
            cure = "Give one of them another name: commands and metrics know remotes by name alone."
            reading.problem(("fulfilments", name), "has the same name as a portal", cure)


def _route_tables(reading: Reading) -> list[tuple[int, dict[str, Any]]]:
    value = reading.raw.get("routes")
    routes = value if isinstance(value, list) else []
    return [(n, route) for n, route in enumerate(routes) if isinstance(route, dict)]


def _check_references(reading: Reading) -> None:
    for n, route in _route_tables(reading):
        for name, section in (("portal", "portals"), ("fulfilment", "fulfilments")):
            value, known = route.get(name), reading.table(section)
            if isinstance(value, str) and value.strip() and value not in known:
                shown = json.dumps(value, ensure_ascii=False)
                reading.problem(("routes", n, name), f"there is no [{section}.…] {shown}", nearest(value, known))
        _check_kind(reading, n, route)


def _check_kind(reading: Reading, n: int, route: dict[str, Any]) -> None:
    fulfilment = route.get("fulfilment")
    target = reading.table("fulfilments").get(fulfilment) if isinstance(fulfilment, str) else None
    kind = target.get("kind") if isinstance(target, dict) else None
    if kind == "on_api" and "service" not in route:
        cure = Route.model_fields["service"].description or ""
        reading.problem(("routes", n, "service"), "is missing, and ON-API needs it", cure)
    if kind in ("command", "manual") and "access" in route:
        reading.problem(("routes", n, "access"), f"means nothing to kind {kind}", "Take it out.")


def _check_reach(reading: Reading) -> None:
    """An order goes to the first route that matches, so a route behind a wider one is dead."""
    earlier: list[tuple[int, str, dict[str, str]]] = []
    for n, route in _route_tables(reading):
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
        if portal.since and portal.since > today:
            wrong = "is in the future: nothing is read until then"
            reading.warn(("portals", name, "since"), wrong, "Write an earlier date, if that's not meant.")


def _check_use(reading: Reading) -> None:
    routes = [route for _, route in _route_tables(reading)]
    if not reading.table("portals"):
        reading.warn(("portals",), "there are none, so there is nothing to do", "Write a [portals.NAME].")
    for name in sorted(reading.table("portals").keys() - {route["portal"] for route in routes}):
        wrong = "has no route: each of its orders will be parked"
        reading.warn(("portals", name), wrong, f'Write a [[routes]] with portal = "{name}".')
    for name in sorted(reading.table("fulfilments").keys() - {route["fulfilment"] for route in routes}):
        wrong = "has no route: no order ever comes here"
        reading.warn(("fulfilments", name), wrong, f'Write a [[routes]] with fulfilment = "{name}".')
