"""The generic data formats of ON-API, and the refusal that a value outside its format earns.

Only what one value can be judged by alone: no order, no access and no version belongs here.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_ID = re.compile(r"[-0-9a-zA-Z.]{1,36}")
_DATE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,4})?Z")
_MAC = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_PERSON = re.compile(r"(?<![0-9])(?:18|19|20)?([0-9]{2})([0-9]{2})([0-9]{2})-?([0-9]{4})(?![0-9])")

Check = Callable[[str, Any], None]


class RefusedError(Exception):
    """The simulated network says no: the HTTP status, and a cause that names the field where it can."""

    def __init__(self, status: int, cause: str) -> None:
        super().__init__(f"{status} {cause}")
        self.status = status
        self.cause = cause


def invalid(field: str, why: str) -> RefusedError:
    """A field that breaks a rule is a 400 (on_api.md, section 6)."""
    return RefusedError(400, f"{field}: {why}")


def is_id(value: Any) -> bool:
    """Whether a value is an ID (on_api.md, section 2)."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def check_id(field: str, value: Any) -> None:
    """Refuses what is no ID (on_api.md, section 2)."""
    if not is_id(value):
        raise invalid(field, "not an ID of 1 to 36 letters, digits, hyphens and full stops")


def check_own_id(field: str, value: Any) -> None:
    """An ID that the service provider chose: it may not hold a personal identity number (section 2)."""
    check_id(field, value)
    if holds_personal_number(value):
        raise invalid(field, "holds a personal identity number")


def holds_personal_number(value: str) -> bool:
    """Whether digits in the text make a date and a check digit, as a personal identity number's do."""
    return any(_is_person(match) for match in _PERSON.finditer(value))


def _is_person(match: re.Match[str]) -> bool:
    _, month, day, _ = match.groups()
    # A coordination number has 60 added to its day.
    return 1 <= int(month) <= 12 and 1 <= int(day) % 60 <= 31 and _luhn("".join(match.groups()))


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def check_text(field: str, value: Any) -> None:
    """Refuses what is no text, or is too long (on_api.md, section 2)."""
    if not isinstance(value, str):
        raise invalid(field, "not a text")
    if len(value) > 255:
        raise invalid(field, "longer than 255 characters")


def check_name(field: str, value: Any) -> None:
    """A mandatory text: it has to say something."""
    check_text(field, value)
    if not value:
        raise invalid(field, "empty")


def check_boolean(field: str, value: Any) -> None:
    """Refuses all but JSON's own true and false (on_api.md, section 2)."""
    if not isinstance(value, bool):
        raise invalid(field, "not a boolean")


def check_date_time(field: str, value: Any) -> None:
    """Refuses what is no RFC 3339 time in UTC with at most four decimals (on_api.md, section 2)."""
    if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
        raise invalid(field, "not an RFC 3339 date-time in UTC")
    try:
        parse_date_time(value)
    except ValueError:
        raise invalid(field, "no such date or time") from None


def parse_date_time(value: str) -> datetime:
    """The moment that a checked dateTime names."""
    return datetime.fromisoformat(value)


def write_date_time(moment: datetime) -> str:
    """A moment as ON-API writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_equipment(field: str, value: Any) -> None:
    """Refuses what is no array of vendorId and macAddress (on_api.md, section 2)."""
    if not isinstance(value, list):
        raise invalid(field, "not an array")
    for item in value:
        _check_object(field, item, {"vendorId": check_text, "macAddress": _check_mac})
        if extra := sorted(item.keys() - {"vendorId", "macAddress"}):
            raise invalid(f"{field}.{extra[0]}", "unknown field")


def check_characteristics(field: str, value: Any) -> None:
    """Checks the characteristics that the contract knows; others are a service's own (section 2)."""
    known: dict[str, Check] = {
        "fixedIp": check_boolean,
        "ipAddresses": _check_addresses,
        "ipAddress": _check_addresses,
        "SLA": check_text,
    }
    _check_object(field, value, known)


def _check_object(field: str, value: Any, known: dict[str, Check]) -> None:
    if not isinstance(value, dict):
        raise invalid(field, "not an object")
    for name, check in known.items():
        if value.get(name) is not None:
            check(f"{field}.{name}", value[name])


def _check_mac(field: str, value: Any) -> None:
    if not isinstance(value, str) or not _MAC.fullmatch(value):
        raise invalid(field, "not a MAC address")


def _check_addresses(field: str, value: Any) -> None:
    if not isinstance(value, list):
        raise invalid(field, "not an array")
    for item in value:
        if not isinstance(item, str):
            raise invalid(field, "not an IP address")
        try:
            ipaddress.ip_interface(item)
        except ValueError:
            raise invalid(field, "not an IP address") from None
