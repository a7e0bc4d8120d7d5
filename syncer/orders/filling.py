"""Texts with fields of the order in them: `Ärende {order.id}, {customer.city}`.

A field is a name to look up, and nothing more: no format, no index, no attribute can be asked for. What a text is for,
and which fields it may name, is not known here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from syncer.orders.rules import lookup

__all__ = ["Unfilled", "fill", "names_in"]

PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
BRACES = {"{{": "{", "}}": "}"}


class Unfilled(LookupError):
    """The order has nothing in some fields of a template; `names` are theirs, in the template's order."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"the order has no {', '.join(names)}")
        self.names = names


def fill(template: str, details: Mapping[str, Mapping[str, Any]]) -> str:
    """The template with the order's fields in it; `{{` and `}}` stand for braces.

    Raises:
        Unfilled: some of its fields are missing, or empty.
        ValueError: the template is none.
    """
    parts = [(text, name, None if name is None else lookup(details, name)) for text, name in _parts(template)]
    gaps = [name for _, name, value in parts if name is not None and not (value or "").strip()]
    if gaps:
        raise Unfilled(tuple(dict.fromkeys(gaps)))
    return "".join(value or text for text, _, value in parts)


def names_in(template: str) -> tuple[str, ...]:
    """The fields that a template names, each once.

    Raises:
        ValueError: the template is none.
    """
    return tuple(dict.fromkeys(name for _, name in _parts(template) if name is not None))


def _parts(template: str) -> Iterator[tuple[str, str | None]]:
    """Its plain texts, and the names of its fields."""
    for part in PART.finditer(template):
        text, name = part[0], part[1]
        if name is not None and not NAME.fullmatch(name):
            raise ValueError(f"{text} names no field: a name is of letters, digits, dashes and dots")
        if text in {"{", "}"}:
            raise ValueError(f"a single {text} at character {part.start() + 1}: a brace is written twice")
        yield BRACES.get(text, text), name
