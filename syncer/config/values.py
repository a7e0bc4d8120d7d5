"""Plain values: what a text, a duration, a size, a number or a time zone in the file becomes.

It must never look at the file system, the environment or the network, nor know which key a value stands under:
addresses, files and secrets have rooms of their own.
"""

import re
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

from syncer.config.complaints import FieldError


def to_text(value: object) -> str:
    """A text with something in it."""
    if not isinstance(value, str):
        raise FieldError("must be a text in quotes")
    if not value.strip():
        raise FieldError("must not be empty")
    if "\0" in value:  # no path, variable or address can hold one
        raise FieldError("holds a zero character")
    return value


_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=36_500)  # a date that far ahead can still be computed


def _duration(value: object) -> timedelta:
    if not isinstance(value, timedelta):
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if not found:
            raise FieldError("is not a duration", 'Write a number and one unit in quotes: "30s", "2m", "1h", "14d".')
        value = timedelta(**{_UNITS[found[2]]: float(found[1])})
    if not timedelta() < value <= _LONGEST:
        raise FieldError("must be longer than nothing and at most 100 years")
    return value


_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([kKMG]?i?)B")
_POWERS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def _size(value: object) -> int:
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)) and found[2].lower() in _POWERS:
        value = int(float(found[1]) * _POWERS[found[2].lower()])
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError("is not a size", 'Write a number and a unit in quotes: "500kB", "32MB", "1GB".')
    if value <= 0:
        raise FieldError("must be more than nothing")
    return value


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(to_text(value))
    except (KeyError, OSError, ValueError):  # which of them depends on how wrong the name is
        raise FieldError("is not the name of a time zone") from None


def _digits(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch("[0-9]+", text):
        raise FieldError("is not a number")
    return text


def to_texts(value: object) -> dict[str, str]:
    """A table of texts; numbers and booleans become texts, as orders hold them."""
    if not isinstance(value, dict):
        raise FieldError("must be a table")
    if not all(isinstance(item, str | int) for item in value.values()):
        raise FieldError("holds something that is not a text")
    return {name: _as_text(item) for name, item in value.items()}


def _as_text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


Text = Annotated[str, BeforeValidator(to_text)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Size = Annotated[int, BeforeValidator(_size)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Digits = Annotated[str, BeforeValidator(_digits)]
Texts = Annotated[dict[str, str], BeforeValidator(to_texts)]
