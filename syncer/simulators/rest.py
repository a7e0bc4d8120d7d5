"""What the simulators of JSON remotes have in common: bodies, refusals, options, and the book on the client.

No remote's rule belongs here: which field is mandatory, or which status a refusal has, is the simulator's to say.
"""

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from http.client import responses
from typing import Any, Literal, TypeVar, get_args, get_origin

from syncer.simulators.wire import Reply, Request

Clock = Callable[[], datetime]
Chosen = TypeVar("Chosen")
_HTML = "text/html; charset=utf-8"


def real_now() -> datetime:
    """The machine's clock, where a simulator is given no other."""
    return datetime.now(UTC)


class RefusedError(Exception):
    """The remote says no: the HTTP status, a cause in words, and what is wrong by field."""

    def __init__(self, status: int, cause: str, errors: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(f"{status} {cause}")
        self.status = status
        self.cause = cause
        self.errors = dict(errors or {})


class Book:
    """What is held against the client: what was refused, and what a careful client would not have done.

    A complaint is not always the client's mistake (a token may be revoked), nor a mistake always refused (a guessed
    article number is taken).
    """

    def __init__(self, now: Clock) -> None:
        self._now = now
        self.complaints: list[dict[str, Any]] = []
        self.mistakes: list[dict[str, Any]] = []

    def complain(self, request: Request, status: int, cause: str) -> None:
        """Writes down a request that was refused."""
        self.complaints.append({**self._entry(request), "status": status, "cause": cause})

    def blame(self, request: Request, cause: str) -> None:
        """Writes down a mistake, whatever the answer is."""
        self.mistakes.append({**self._entry(request), "cause": cause})

    def _entry(self, request: Request) -> dict[str, Any]:
        return {"at": self._now().isoformat(), "method": request.method, "path": request.path}


# --- bodies and answers ---------------------------------------------------------------------------------------------


def json_reply(content: Any, status: int = 200, *, effect: dict[str, str] | None = None) -> Reply:
    """An answer in JSON. A `Decimal` goes out as a text."""
    text = json.dumps(content, ensure_ascii=False, default=str)
    return Reply(status, text.encode(), "application/json; charset=utf-8", effect=effect)


def no_content(status: int = 200, *, effect: dict[str, str] | None = None) -> Reply:
    """An answer without a body, and so without a type."""
    return Reply(status, b"", "", effect=effect)


def page(status: int, cause: str) -> Reply:
    """An error as some server before the real one gives it: a web page."""
    title = f"{status} {responses.get(status, 'Unknown')}"
    text = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><p>{html.escape(cause)}</p></body></html>"
    return Reply(status, text.encode(), _HTML)


def json_object(request: Request, types: tuple[str, ...] = ("application/json",)) -> dict[str, Any]:
    """The body's JSON object, numbers with decimals as `Decimal`; a 400 for anything else."""
    media_type, _, charset = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() not in types:
        raise RefusedError(400, f"Content-Type must be {' or '.join(types)}")
    if charset.strip() and charset.replace('"', "").strip().lower() != "charset=utf-8":
        raise RefusedError(400, "The body must be in UTF-8")
    try:
        body = json.loads(request.body.decode(), parse_float=Decimal, parse_constant=_no_number)
        # Half a character by its escape is JSON, and can't be stored or shown.
        json.dumps(body, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        raise RefusedError(400, "The body isn't JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "The body isn't a JSON object")
    return body


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


# --- options --------------------------------------------------------------------------------------------------------


def changed(options: Chosen, changes: Mapping[str, Any]) -> Chosen:
    """A copy of a simulator's options with some changed; names and values that there are none of are refused.

    Options come from outside too: a misspelt choice would silently be the default.
    """
    kinds = {each.name: each.type for each in fields(options)}  # type: ignore[arg-type] # a dataclass, always
    for name, value in changes.items():
        if name not in kinds:
            raise ValueError(f"There is no option {name}")
        _check(name, kinds[name], value)
    return replace(options, **changes)  # type: ignore[type-var]


def as_json(options: Any) -> dict[str, Any]:
    """The options as the control API shows them."""
    return asdict(options)


def _check(name: str, kind: Any, value: Any) -> None:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{name} is one of {get_args(kind)}, not {value!r}")
        return
    if get_origin(kind) is tuple and isinstance(value, str):
        raise TypeError(f"{name} is several, not {value!r}")
    wanted = {bool: (bool,), str: (str,), int: (int,), float: (int, float)}.get(kind)
    if wanted is not None and (not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool))):
        raise TypeError(f"{name} can't be {value!r}")


def renamed(name: str, defaults: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The names by which a remote knows its fields: the defaults, and others where they are given."""
    if unknown := sorted(set(given) - set(defaults)):
        raise ValueError(f"{name} renames {', '.join(unknown)}, of which there is none")
    names = {**defaults, **given}
    if len(set(names.values())) < len(names):
        raise ValueError(f"{name} gives two fields one name")
    return names
