"""Tables and colours for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

STATE_COLOURS = {
    "new": "cyan",
    "received": "blue",
    "active": "yellow",
    "waiting": "magenta",
    "delivered": "green",
    "cancelled": "bright_black",
}


class _Console(Console):
    """Rich's own would end the program with an exit code of its choice when nobody reads on."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Standard output. Not on a terminal it is wide, so that no line is cut for a pipe."""
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or 160)
    return _Console(width=width, highlight=False, soft_wrap=False)


def print_json(document: Any) -> None:
    """One document."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def print_line(document: Any) -> None:
    """One object on a line of its own."""
    print(json.dumps(document, ensure_ascii=False, default=str), flush=True)


def iso(at: datetime | None) -> str | None:
    """A time for programs: RFC 3339 with its offset."""
    return None if at is None else at.isoformat()


def when(at: datetime | None, zone: ZoneInfo) -> str:
    """A time for people, on the portals' wall clock."""
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def age(span: timedelta) -> str:
    """How long, in the two largest units that say something."""
    left = max(0, round(span.total_seconds()))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {unit}")
        left %= size
    return " ".join(parts) or "0 s"


def state(text: str | None) -> str:
    """A state in its colour."""
    return "" if text is None else f"[{STATE_COLOURS.get(text, 'white')}]{escape(text)}[/]"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """A plain table; the rows may hold markup."""
    made = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*row)
    return made
