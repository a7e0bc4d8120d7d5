"""What the operator has decided beforehand, and how a field of an order is named in it. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Route:
    """The configured rule: orders of `portal` whose fields equal `match` go to `fulfilment`.

    `register` names the order system where they are registered before that.
    """

    portal: str
    fulfilment: str
    match: Mapping[str, str] = field(default_factory=dict)
    service: str = ""
    access: str = ""
    register: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one fulfilment.

    `deadline` None: it may take for ever. `followed`: it can be asked how far it is; `paced`: ever rarer, as the order
    ages. `proven`: what became of a call that it can't be asked about may still come out by itself.
    """

    poll_every: timedelta = timedelta(minutes=1)
    deadline: timedelta | None = None
    followed: bool = True
    paced: bool = False
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What holds for a portal that is asked how far each order is, and never told anything.

    `poll_every` is for an order's first hour; `follow_for` is how long an ended one is still asked about.
    """

    poll_every: timedelta = timedelta(minutes=1)
    follow_for: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Rules:
    """All that the operator has decided beforehand.

    `patience` is how long each remote may be at work on a call: until then, that it isn't there proves nothing.
    `watched` are the portals that are asked and never told. `accounts` names, for a fulfilment that places orders in
    such a portal, that portal: what is placed is an order of it too, and followed there. `gives` are the portals that
    take the results of what was done.
    """

    routes: tuple[Route, ...] = ()
    terms: Mapping[str, Terms] = field(default_factory=dict)
    patience: Mapping[str, timedelta] = field(default_factory=dict)
    watched: Mapping[str, Watch] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    gives: frozenset[str] = frozenset()


def lookup(details: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    """The text of a field of the order: `section.name`, or the first section that has `name`, else None.

    What somebody has filled in for the order counts before all else that is called the same.
    """
    section, _, rest = name.partition(".")
    if rest and section in details:
        value = details[section].get(rest)
    else:
        parts = (details.get("form", {}), *details.values())
        value = next((part[name] for part in parts if part.get(name) is not None), None)
    return None if value is None else str(value)
