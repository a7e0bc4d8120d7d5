"""The parts of KODE's JSON that come in several shapes: codes, ids, amounts and dates (kode.md, section 14 C).

What an order or a product is stands elsewhere. Nothing of a document may be shown in what is raised from here.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from syncer.remotes.json import Malformed, clean, folded, text

LONGEST_NUMBER = 18  # digits of an order's id
LONGEST_ASSET_ID = 200  # characters
DIGITS = re.compile(rf"[0-9]{{1,{LONGEST_NUMBER}}}")
NORWEGIAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?: (\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII)
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


def items(item: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The objects in a list of a folded object, folded; none where it is missing or null.

    Raises:
        Malformed: it is no list, or one of its members is no object.
    """
    found = item.get(name.lower())
    if found is None:
        return
    if not isinstance(found, list):
        raise Malformed(f"{name} is no list")
    for part in found:
        if not isinstance(part, dict):
            raise Malformed(f"one of {name} is no object")
        yield folded(part)


def code(item: Mapping[str, Any], name: str) -> str:
    """A code in upper case, from a text or from `{code, name}`; "" where it is missing.

    Of an object whose code is a number, the name is the word that says something.

    Raises:
        Malformed: it is something else.
    """
    found = item.get(name.lower())
    if not isinstance(found, dict):
        return (text(item, name) or "").upper()
    inner = folded(found)
    number, word = text(inner, "code") or "", text(inner, "name") or ""
    return (word if word and (not number or number.isdecimal()) else number).upper()


def told(item: Mapping[str, Any], name: str) -> str | None:
    """A text that is there for people, or the name in `{code, name}`; None where it is missing or can't be read."""
    found = item.get(name.lower())
    if isinstance(found, dict):
        found = folded(found).get("name")
    return text({name.lower(): found}, name) if isinstance(found, str | int) and not isinstance(found, bool) else None


def number(item: Mapping[str, Any], name: str) -> str | None:
    """An id that is a whole number, or the text of one, without leading zeros; None where it is missing.

    Raises:
        Malformed: it is something else, or has more than 18 digits.
    """
    found = text(item, name)
    if found is None:
        return None
    if not DIGITS.fullmatch(found):
        raise Malformed(f"{name} is no id")
    return str(int(found))


def asset_id(item: Mapping[str, Any]) -> str:
    """A file's id: any printable text of at most 200 characters (section 9).

    Raises:
        Malformed: it is missing, or something else.
    """
    found = text(item, "id")
    if found is None or len(found) > LONGEST_ASSET_ID or not found.isprintable():
        raise Malformed("a file has no id that can be used")
    return found


def amount(item: Mapping[str, Any], *names: str) -> Decimal | None:
    """The first amount under one of these names, a number or the text of one; None where there is none."""
    for name in names:
        found = item.get(name.lower())
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            continue
        said = str(found).strip()
        if _AMOUNT.fullmatch(said):
            return Decimal(said)
    return None


def moment(item: Mapping[str, Any], name: str, zone: tzinfo) -> datetime | None:
    """A time in UTC, from ISO 8601 or from Norwegian writing, which is in `zone`; None where it can't be read."""
    found = item.get(name.lower())
    if not isinstance(found, str):
        return None
    try:
        read = _read(clean(found))
        return (read if read.tzinfo is not None else read.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read(said: str) -> datetime:
    parts = NORWEGIAN.fullmatch(said)
    if parts is None:
        return datetime.fromisoformat(said)
    day, month, year, hour, minute, second = (int(part or 0) for part in parts.groups())
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the zone comes after
