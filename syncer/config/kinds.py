"""What a route says for a kind of fulfilment, and for an order system: what each needs, and what means nothing to it.

Like the checks, it looks at what the file says, and never at a value by itself.
"""

from collections.abc import Iterator
from typing import Any

from syncer.config.models import Route
from syncer.config.reading import Reading

# The fields that an order at KODE must have, by what it is on (kode.md, section 6.3).
NEEDED = {
    "cadastre": ("cadastre", "address"),
    "share": ("organization_number", "share_number"),
    "map": ("geometry", "spatial_reference"),
}
# Keys that some kinds of fulfilment have no use for.
_KODE_ONLY = ("order", "products", "data", "fields")
_MEANINGLESS = {
    "on_api": _KODE_ONLY,
    "command": ("access", *_KODE_ONLY),
    "manual": ("access", *_KODE_ONLY),
    "kode": ("service", "access"),
}


def check_kinds(reading: Reading) -> None:
    """Adds to the reading's problems the routes that say too little, or what means nothing."""
    for n, route in reading.route_tables():
        kind = reading.kind("fulfilments", route.get("fulfilment"))
        for name in _MEANINGLESS.get(kind, ()):
            if name in route:
                reading.problem(("routes", n, name), f"means nothing to kind {kind}", "Take it out.")
        _check_portal(reading, n, route)
        _check_needs(reading, n, route, kind)
        _check_registering(reading, n, route)


def _check_portal(reading: Reading, n: int, route: dict[str, Any]) -> None:
    if reading.kind("portals", route.get("portal")) == "kode":
        wrong = "is of kind kode, whose orders are only followed: they were placed already"
        reading.problem(("routes", n, "portal"), wrong, "Take this route out, or name the portal where orders begin.")


def _check_needs(reading: Reading, n: int, route: dict[str, Any], kind: str) -> None:
    if kind == "on_api":
        _need(reading, n, route, "service", "ON-API needs it")
    if kind == "kode":
        _need(reading, n, route, "order", "KODE needs it")
        _need(reading, n, route, "products", "KODE needs it")
        _check_fields(reading, n, route)


def _need(reading: Reading, n: int, route: dict[str, Any], name: str, why: str) -> None:
    if name not in route or route[name] == []:
        wrong = f"is {'empty' if name in route else 'missing'}, and {why}"
        reading.problem(("routes", n, name), wrong, Route.model_fields[name].description or "")


def _check_fields(reading: Reading, n: int, route: dict[str, Any]) -> None:
    order, fields = route.get("order"), route.get("fields", {})
    if not isinstance(order, str) or order not in NEEDED or not isinstance(fields, dict):
        return  # a problem of its own
    for name in NEEDED[order]:
        if name not in fields:
            cure = _fields_cure(order)
            reading.problem(("routes", n, "fields"), f'has no {name}, and order = "{order}" needs it', cure)
    for name in _of_others(order):
        if name in fields:
            reading.problem(("routes", n, "fields", name), f'means nothing to order = "{order}"', "Take it out.")


def _fields_cure(order: str) -> str:
    shown = ", ".join(f'{name} = "{{{name}}}"' for name in NEEDED[order])
    return f"Write fields = {{ {shown} }}, with the order's fields in braces."


def _of_others(order: str) -> Iterator[str]:
    return (name for other, names in NEEDED.items() if other != order for name in names)


def _check_registering(reading: Reading, n: int, route: dict[str, Any]) -> None:
    if "register" in route:
        _need(reading, n, route, "customer", "register needs it")
        _need(reading, n, route, "lines", "register needs it")
        return
    for name in ("customer", "lines"):
        if name in route:
            cure = 'Write register = "NAME" too, or take it out.'
            reading.problem(("routes", n, name), "means nothing without register", cure)
