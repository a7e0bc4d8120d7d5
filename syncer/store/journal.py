"""The journal: what happened to the service and to the store itself. Orders have their history instead.

No personal data and no secret may stand in it: it is never erased.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from syncer.store.rows import JOURNAL

STARTED, STOPPED = "service.started", "service.stopped"
ERASED, COPIED, RESTORED = "store.erased", "store.copied", "store.restored"
PUT_OFF = "store.erasure_put_off"


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the journal; `facts` are the same for programs."""

    id: int
    at: datetime
    event: str
    text: str
    facts: dict[str, Any]


def write(tx: Connection, event: str, text: str, now: datetime, facts: dict[str, Any]) -> None:
    """Adds a line."""
    tx.execute(insert(JOURNAL).values(at=now, event=event, text=text, facts=facts))


def correct(tx: Connection, line: Happening, facts: dict[str, Any]) -> None:
    """Gives a line other facts."""
    tx.execute(update(JOURNAL).where(JOURNAL.c.id == line.id).values(facts=facts))


def last(tx: Connection, *events: str) -> Happening | None:
    """The newest line of one of these events."""
    row = tx.execute(select(JOURNAL).where(JOURNAL.c.event.in_(events)).order_by(JOURNAL.c.id.desc()).limit(1))
    found = row.mappings().first()
    return None if found is None else Happening(**found)


def since(at: datetime | None, after: int) -> Select[Any]:
    """The lines since a time, and after a line, oldest first."""
    query = select(JOURNAL).where(JOURNAL.c.id > after).order_by(JOURNAL.c.id)
    return query if at is None else query.where(JOURNAL.c.at >= at)
