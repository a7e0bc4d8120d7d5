"""The reach of routes: which of them can never match, and which take orders of one another.

It must never judge what else a route says.
"""

from syncer.config.complaints import FieldError
from syncer.config.places import dotted
from syncer.config.reading import Reading
from syncer.config.values import to_text, to_texts


def check_reach(reading: Reading) -> None:
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
