"""Calls that Vitec may have and no page of its describes, as configuration (vitec.md, section 6).

An operation is a method, a template of a path, one of a body, and what tells that it was done. A template can name the
fields below and nothing else: it is filled by replacing names, never by evaluating anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any
from urllib.parse import quote

from syncer.errors import ConfigError, Problem
from syncer.remotes.json import Malformed, folded, truth_of

FIELDS = frozenset(
    {
        "customer_id",
        "order_id",
        "tenant_id",
        "chain_id",
        "user_id",
        "owner_id",
        "target_id",
        "target_type",
        "service_id",
        "state",
        "status",
        "reference",
        "message",
        "url",
        "at",
    }
)
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
NAME = re.compile(r"\{([^{}]*)\}")
DONE = frozenset({200, 201, 202, 204})
ELSEWHERE = re.compile(r"[/\\%?#;\x00-\x1f\x7f]")  # what could lead a path to another place, at some server or other

Values = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Success:
    """What tells that an operation was done: one of the statuses, and where `field` is given, its value.

    `field` is a path of names with dots between, in any case, and "" is the whole answer, as a bare `true` is.
    """

    statuses: frozenset[int] = DONE
    field: str | None = None
    equals: str | int | bool | None = True

    def verdict(self, found: Any) -> bool | None:
        """Whether an answer's document says that it was done; None where it has no such field."""
        for name in filter(None, (self.field or "").split(".")):
            found = folded(found).get(name.lower()) if isinstance(found, dict) else None
        if found is None and self.equals is not None:
            return None
        if isinstance(self.equals, bool):
            return truth_of(found) is self.equals
        return type(found) is type(self.equals) and bool(found == self.equals)


@dataclass(frozen=True, slots=True)
class Operation:
    """One configured call. `path` stands below the base address; `body` is JSON whose texts are templates, or None.

    Raises:
        ConfigError: a template names what isn't there, or the path is none below the base.
    """

    name: str
    method: str
    path: str
    body: Any = None
    success: Success = Success()

    def __post_init__(self) -> None:
        problems = [Problem(self.name, wrong) for wrong in _mistakes(self)]
        if problems:
            raise ConfigError(problems)

    @property
    def area(self) -> str:
        """The function group, as far as a path tells it: its first part."""
        return area_of(self.path)

    def path_for(self, values: Values) -> str:
        """The path of one call. Raises Malformed where a value is missing, or can't be a part of a path."""
        place, mark, query = self.path.lstrip("/").partition("?")
        return _filled(place, values, segment) + mark + _filled(query, values, _escaped)

    def body_for(self, values: Values) -> Any:
        """The body of one call; a text that is a name alone becomes the value itself, a number or null too."""
        return _fill(self.body, values)


def area_of(path: str) -> str:
    """The first part of a path, which names what a password may be for: `Service`, `Note`, `Image`, `CRM`."""
    return path.lstrip("/").partition("/")[0]


def segment(name: str) -> str:
    """An id as a part of a path.

    Raises:
        Malformed: it could lead the path elsewhere. The ids of Vitec have no set form, so that it is only that.
    """
    if not name.strip(". ") or ELSEWHERE.search(name):
        raise Malformed("an id that can't be a part of an address")
    return quote(name, safe="")


def _escaped(value: str) -> str:
    return quote(value, safe="")


def _filled(template: str, values: Values, form: Any) -> str:
    def value(found: re.Match[str]) -> str:
        given = values.get(found[1])
        if given is None:
            raise Malformed(f"there is no {found[1]}, which its address needs")
        return str(form(str(given)))

    return NAME.sub(value, template)


def _fill(body: Any, values: Values) -> Any:
    if isinstance(body, Mapping):
        return {name: _fill(part, values) for name, part in body.items()}
    if isinstance(body, list | tuple):
        return [_fill(part, values) for part in body]
    if not isinstance(body, str):
        return body
    alone = NAME.fullmatch(body)
    if alone is not None:
        return values.get(alone[1])
    return NAME.sub(lambda found: "" if (given := values.get(found[1])) is None else str(given), body)


def _mistakes(operation: Operation) -> Iterator[str]:
    if operation.method not in METHODS:
        yield f"its method is none of {', '.join(sorted(METHODS))}"
    path = operation.path.lstrip("/").partition("?")[0]
    odd = operation.path.startswith("//") or re.search(r"[#\s]", operation.path) or re.search(r"[:\\%]", path)
    if odd or {".", "..", ""} & set(path.split("/")):
        yield "its path is none below the url"
    templates = [operation.path]
    for part in _leaves(operation.body):
        if isinstance(part, str):
            templates.append(part)
        elif not (part is None or isinstance(part, bool | int) or (isinstance(part, float) and isfinite(part))):
            yield "its body has a value that JSON doesn't have"
    for template in templates:
        yield from _strange_names(template)


def _strange_names(template: str) -> Iterator[str]:
    for name in NAME.findall(template):
        if name not in FIELDS:
            yield f"{{{name}}} is none of the fields: {', '.join(sorted(FIELDS))}"
    if set(NAME.sub("", template)) & set("{}"):
        yield "a brace stands alone in it"


def _leaves(body: Any) -> Iterator[Any]:
    if isinstance(body, Mapping | list | tuple):
        for part in body.values() if isinstance(body, Mapping) else body:
            yield from _leaves(part)
    else:
        yield body
