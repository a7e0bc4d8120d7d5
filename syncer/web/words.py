"""How times and texts are said to people."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

COMMAND = re.compile(r"syncer [a-z]+ [^\s,;]+")  # an order's name may hold anything else


def span(seconds: float) -> str:
    """A length of time in its two largest units: `41 s`, `3 min`, `2 h 10 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return _two(whole // 3600, "h", whole % 3600 // 60, "min")
    return _two(whole // 86_400, "d", whole % 86_400 // 3600, "h")


def _two(large: int, unit: str, small: int, its: str) -> str:
    return f"{large} {unit} {small} {its}" if small else f"{large} {unit}"


def ago(at: datetime, now: datetime) -> str:
    """How long ago a time was, or how far away it is."""
    seconds = (now - at).total_seconds()
    if -1 < seconds < 1:
        return "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def clock(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A time on the portals' wall clock, with its date unless that is today's."""
    there, today = at.astimezone(zone), now.astimezone(zone).date()
    if there.date() == today:
        return f"{there:%H:%M:%S}"
    if abs(there.date() - today) < timedelta(days=180):
        return f"{there.day} {there:%b %H:%M}"
    return f"{there:%Y-%m-%d %H:%M}"


def several(count: int, one: str, more: str | None = None) -> str:
    """`1 order`, `2 orders`, `12,345 orders`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def commands(text: str) -> Iterator[tuple[bool, str]]:
    """A text in parts, each with whether it is a command to type."""
    at = 0
    for found in COMMAND.finditer(text):
        if found.start() > at:
            yield False, text[at : found.start()]
        yield True, found[0]
        at = found.end()
    if at < len(text):
        yield False, text[at:]
