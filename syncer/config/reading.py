"""The reading: one file's tables become models, and every problem is kept with its place before any is told.

It must never stop at the first problem, repeat a value, or judge one section by another: that is for the checks.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from pydantic import ValidationError

from syncer.config.complaints import FieldError, Notes, nearest
from syncer.config.models import Model, Route
from syncer.config.models.base import Inside
from syncer.config.places import Key, dotted, lines_of
from syncer.config.source import tables_of, text_of
from syncer.errors import Problem

# pydantic's words are for programmers; these are for the operator, and none repeats the value.
_WORDS = {
    "missing": "is missing",
    "literal_error": "must be {expected}",
    "string_type": "must be a text in quotes",
    "string_too_long": "is longer than {max_length} characters",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number that ends",
    "bool_type": "must be true or false, without quotes",
    "date_type": "must be a date",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
}
_NAME = re.compile("[a-z][a-z0-9_-]{0,19}")
_NAME_CURE = "Begin with a small letter; then small letters, digits, _ and -, twenty characters at most."
_M = TypeVar("_M", bound=Model)
Kinds = Mapping[str, Callable[[], type[Model]]]  # each is built when there is one


@dataclass(slots=True)
class Reading:
    """One file while it is read: what it says, where it says it, and what was found so far."""

    path: Path
    raw: dict[str, Any]
    lines: dict[Key, int]
    state_dir: Path = field(default_factory=Path)
    problems: list[tuple[int, Problem]] = field(default_factory=list)
    warnings: list[tuple[int, Problem]] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> Self:
        text = text_of(path)
        return cls(path.absolute(), tables_of(path, text), lines_of(text))

    def line(self, key: Key) -> int:
        """The key's line, or that of the nearest one around it; 0 for none."""
        return next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), 0)

    def found(self, key: Key, wrong: str, cure: str) -> tuple[int, Problem]:
        line = self.line(key)
        file = f"{self.path.name}:{line}" if line else self.path.name
        return line, Problem(f"{file}: {dotted(key)}", wrong, cure)

    def problem(self, key: Key, wrong: str, cure: str) -> None:
        self.problems.append(self.found(key, wrong, cure))

    def warn(self, key: Key, wrong: str, cure: str) -> None:
        self.warnings.append(self.found(key, wrong, cure))

    def table(self, name: str) -> dict[str, Any]:
        """A section that holds tables by name; wrong ones are said elsewhere and left out here."""
        value = self.raw.get(name)
        return value if isinstance(value, dict) else {}

    def kind(self, section: str, name: object) -> str:
        """The kind of the remote that goes by a name; "" where there is none, or none is said."""
        remote = self.table(section).get(name) if isinstance(name, str) else None
        kind = remote.get("kind") if isinstance(remote, dict) else None
        return kind if isinstance(kind, str) else ""

    def route_tables(self) -> list[tuple[int, dict[str, Any]]]:
        """The routes that are tables, with their places; wrong ones are said elsewhere and left out here."""
        value = self.raw.get("routes")
        routes = value if isinstance(value, list) else []
        return [(n, route) for n, route in enumerate(routes) if isinstance(route, dict)]

    def model(self, model: type[_M], key: Key, value: object, known: Iterable[str] = ()) -> _M | None:
        """One section as its model; None when it has problems, which are kept."""
        if not isinstance(value, dict):
            self.problem(key, "must be a table", f"Write [{dotted(key)}] on a line, and its keys below.")
            return None
        notes, errors, made = Notes(self.path.parent, self.state_dir), [], None
        try:
            made = model.model_validate(value, context=notes)
        except ValidationError as refused:
            errors = refused.errors(include_url=False, include_input=False)
        for error in errors:
            self.explain(model, key, error, known)
        for name, wrong, cure in notes.odd:
            self.warn((*key, name), wrong, cure)
        return made

    def explain(self, model: type[Model], key: Key, error: Mapping[str, Any], known: Iterable[str]) -> None:
        """Turns one of pydantic's errors into a problem with a cure."""
        place: Key = (*key, *error["loc"])
        owner, name, inner = _within(model, error["loc"])
        context = error.get("ctx", {})
        cause = context.get("error")
        if error["type"] == "extra_forbidden":
            names = known if inner is model and known else inner.model_fields
            self.problem(place, "is not a known key", nearest(str(error["loc"][-1]), names))
            return
        if isinstance(cause, Inside):
            for found in cause.errors:
                self.explain(cause.model, place, found, ())
            return
        cure = (owner.model_fields[name].description if name else None) or "Write { … }, with its keys and values."
        if isinstance(cause, FieldError):
            self.problem(place, cause.wrong, cause.cure or cure)
        else:
            self.problem(place, _WORDS.get(error["type"], "is not of the right kind").format(**context), cure)

    def remotes(self, section: str, kinds: Kinds) -> dict[str, Model]:
        """The section's tables, each as the model of its kind."""
        if not isinstance(self.raw.get(section, {}), dict):
            self.problem((section,), "must be tables", f"Write [{section}.NAME] on a line, and its keys below.")
        made = {name: self.remote((section, name), value, kinds) for name, value in self.table(section).items()}
        return {name: model for name, model in made.items() if model}

    def remote(self, key: Key, value: object, kinds: Kinds) -> Model | None:
        section, name = str(key[0]), str(key[1])
        if not isinstance(value, dict):
            self.problem(key, "must be a table", f"Write [{section}.NAME] on a line, with a name, and its keys below.")
            return None
        if not _NAME.fullmatch(name):
            self.problem(key, "is not a good name", _NAME_CURE)
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            known = " or ".join(f'"{one}"' for one in kinds)
            self.problem(
                (*key, "kind"), "is not a known kind" if "kind" in value else "is missing", f"Write kind = {known}."
            )
            return None
        return self.model(kinds[kind](), key, value)

    def routes(self) -> list[Route | None]:
        value = self.raw.get("routes", [])
        if not isinstance(value, list):
            self.problem(("routes",), "must be a list of tables", "Write [[routes]], with two brackets on each side.")
            return []
        return [self.model(Route, ("routes", n), route) for n, route in enumerate(value)]


def _within(model: type[Model], place: Iterable[str | int]) -> tuple[type[Model], str, type[Model]]:
    """The model that holds the innermost field on the way to a place, that field's name, and the model inside it."""
    owner, field_name, inner = model, "", model
    for part in place:
        if isinstance(part, str) and part in inner.model_fields:
            owner, field_name = inner, part
            inner = _model_in(inner.model_fields[part].annotation) or inner
    return owner, field_name, inner


def _model_in(annotation: object) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
