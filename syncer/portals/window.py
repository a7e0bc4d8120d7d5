"""How far back a portal's list is read, whichever portal it is. No call and no cursor belongs here."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a portal is read. `since` is the first day ever read, `overlap` and `rescan` are in days."""

    since: date | None = None
    overlap: int = 1
    rescan: int = 14
