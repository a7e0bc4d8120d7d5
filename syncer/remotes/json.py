"""JSON from outside, read with suspicion: a whole document, its parts, and what a refusal says in it.

Nothing of any one remote stands here. What is raised from here says what is wrong, and shows nothing of a document.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from math import isfinite
from typing import Any

from syncer.remotes.http import Answer

DEEPEST = 50  # levels; more are nobody's order
LONGEST_ID = 100
CAUSE_LIMIT = 500  # characters
MOST_SAYINGS = 50
KINDS = frozenset({"", "application/json", "text/json"})
MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")
SAYING = ("message", "messageDetail", "title", "detail", "error_description", "error", "cause")
DETAILS = ("modelState", "errors")


class Malformed(Exception):
    """It is no JSON, or a part of it isn't what it should be; with a sentence that may be shown."""


def document(answer: Answer) -> Any:
    """The document in an answer.

    Raises:
        Malformed: it is empty, of another type, not well-formed, too deep, or has numbers that are none.
    """
    if not answer.body.strip():
        raise Malformed("the answer is empty")
    kind = answer.content_type
    if kind not in KINDS and not kind.endswith("+json"):
        named = kind if MEDIA_TYPE.fullmatch(kind) else "something else"
        raise Malformed(f"the answer is {named}, not JSON")
    try:
        found = json.loads(answer.body, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Malformed("the answer is not well-formed JSON") from None
    if _too_deep(found):
        raise Malformed("the answer is nested too deep")
    return found


def _refuse(_: str) -> None:
    raise ValueError


def _finite(digits: str) -> float:
    found = float(digits)
    if not isfinite(found):
        raise ValueError
    return found


def _too_deep(found: Any) -> bool:
    level = [found]
    for _ in range(DEEPEST):
        level = [part for item in level for part in _parts(item) if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _parts(item: Any) -> Iterator[Any]:
    if isinstance(item, dict | list):
        yield from item.values() if isinstance(item, dict) else item


# --- the parts of a document ----------------------------------------------------------------------------------


def folded(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object by its names in lower case; of two that differ in case alone, the one in camel case counts."""
    camel_last = sorted(item.items(), key=lambda pair: pair[0][:1].islower())
    return {name.lower(): value for name, value in camel_last}


def clean(found: str) -> str:
    """A text that can be stored and encoded anywhere, trimmed: no half of a character, no NUL."""
    return found.encode("utf-8", "replace").decode().replace("\0", "").strip()


def text(item: Mapping[str, Any], name: str) -> str | None:
    """A text of a folded object, or a whole number as one; None where it is missing or empty.

    Raises:
        Malformed: it is something else.
    """
    found = item.get(name.lower())
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise Malformed(f"{name} is no text")
    return clean(str(found)) or None


def ident(item: Mapping[str, Any], name: str) -> str | None:
    """An id of a folded object. It may be any printable text (vitec.md, section 1), of a bounded length.

    Raises:
        Malformed: it is something else.
    """
    found = text(item, name)
    if found is not None and (len(found) > LONGEST_ID or not found.isprintable()):
        raise Malformed(f"{name} is no id")
    return found


def flag(item: Mapping[str, Any], name: str) -> bool | None:
    """A boolean of a folded object, also as a text; None where it is missing.

    Raises:
        Malformed: it is something else.
    """
    found = item.get(name.lower())
    if found is None:
        return None
    truth = truth_of(found)
    if truth is None:
        raise Malformed(f"{name} is neither true nor false")
    return truth


def truth_of(found: Any) -> bool | None:
    """A boolean, or the text of one; None where it is neither."""
    if isinstance(found, bool):
        return found
    return {"true": True, "false": False}.get(found.strip().lower()) if isinstance(found, str) else None


# --- what a refusal says --------------------------------------------------------------------------------------


def cause(answer: Answer) -> str:
    """The remote's word for a refusal, in one line: of ASP.NET's error objects, of any JSON, or of plain text.

    "HTTP 400" where it says nothing that can be read.
    """
    try:
        found = document(answer)
    except Malformed:
        found = answer.text if answer.content_type == "text/plain" else None
    said = "; ".join(dict.fromkeys(islice(_sayings(found), MOST_SAYINGS)))
    return _line(said) or f"HTTP {answer.status}"


def _sayings(found: Any) -> Iterator[str]:
    if not isinstance(found, dict):
        yield from _texts(found)
        return
    item = folded(found)
    known = [item[name.lower()] for name in (*SAYING, *DETAILS) if name.lower() in item]
    for part in known or [found]:
        yield from _texts(part)


def _texts(found: Any, place: str = "", depth: int = 4) -> Iterator[str]:
    """The texts in a part of a refusal, each with the name of the field that it is about."""
    if isinstance(found, str) and found.strip():
        yield f"{place}: {found.strip()}" if place else found.strip()
    elif isinstance(found, dict | list) and depth:
        named = found.items() if isinstance(found, dict) else ((place, part) for part in found)
        for name, part in named:
            yield from _texts(part, name, depth - 1)


def _line(said: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in clean(said[: 4 * CAUSE_LIMIT]))
    return " ".join(printable.split())[:CAUSE_LIMIT]
