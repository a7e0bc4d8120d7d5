"""How things stand, for people who look at the whole: what is oldest, what is parked and why, and who is at work.

Reads only, and only what is open: it must stay quick however many orders have ended.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, and_, func, or_, select

from syncer.orders import IntentState, Park
from syncer.store import journal, oldest
from syncer.store.journal import Happening
from syncer.store.oldest import Oldest
from syncer.store.rows import INTENTS, LEASES, ORDERS

EXAMPLES = 3  # orders named for each reason
LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class Reason:
    """How many orders are parked for a reason, and the first few of them."""

    park: Park
    count: int
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """Whether `syncer run` is at work, as far as can be told, and since when it is, or was, so."""

    running: bool
    since: datetime
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the overview has besides the orders' counts.

    `oldest` has `received`, `active` and `delivered`: what is waited for. `calls` counts the open intents by state;
    `uncertain` those of unknown outcome, and not those that the running service is making now.
    """

    oldest: dict[str, Oldest | None]
    reasons: tuple[Reason, ...]
    service: Service | None
    calls: dict[str, int]
    uncertain: int
    erased: Happening | None
    copied: Happening | None


def standing(tx: Connection, file: Path | None) -> Standing:
    """How things stand. `file` is SQLite's."""
    service = _service(tx, file)
    return Standing(
        oldest.of_all(oldest.by_step(tx, tx.execute(oldest.open_groups()).all())),
        _reasons(tx),
        service,
        _calls(tx),
        _uncertain(tx, service),
        journal.last(tx, journal.ERASED),
        journal.last(tx, journal.COPIED),
    )


def _reasons(tx: Connection) -> tuple[Reason, ...]:
    counts = tx.execute(
        select(ORDERS.c.park, func.count()).where(ORDERS.c.park.is_not(None)).group_by(ORDERS.c.park)
    ).all()
    return tuple(Reason(Park(park), count, _some(tx, park)) for park, count in sorted(counts, key=lambda one: -one[1]))


def _some(tx: Connection, park: str) -> tuple[str, ...]:
    query = select(ORDERS.c.portal, ORDERS.c.external_id).where(ORDERS.c.park.is_not(None), ORDERS.c.park == park)
    return tuple(f"{row[0]}:{row[1]}" for row in tx.execute(query.order_by(ORDERS.c.id).limit(EXAMPLES)))


def _calls(tx: Connection) -> dict[str, int]:
    counted = select(INTENTS.c.state, func.count()).where(INTENTS.c.open).group_by(INTENTS.c.state)
    return {str(state): count for state, count in tx.execute(counted)}


def _uncertain(tx: Connection, service: Service | None) -> int:
    """What was begun by a life that has ended is as unknown as what is called so: nobody waits for its answer."""
    begun = INTENTS.c.state == IntentState.ATTEMPTING
    if service is not None and service.running:
        begun = and_(begun, INTENTS.c.at < service.since)
    of_unknown_outcome = or_(INTENTS.c.state == IntentState.UNCERTAIN, begun)
    return tx.execute(select(func.count()).where(INTENTS.c.open, of_unknown_outcome)).scalar_one()


def _service(tx: Connection, file: Path | None) -> Service | None:
    found = journal.last(tx, journal.STARTED, journal.STOPPED)
    if found is None:
        return None
    host, pid = str(found.facts.get("host", "")), int(found.facts.get("pid", 0))
    running = found.event == journal.STARTED and (_holds(file, pid) if file is not None else _leads(tx))
    return Service(running, found.at, host, pid)


def _leads(tx: Connection) -> bool:
    """Whether some worker has the lease of polling, by the database's clock."""
    return tx.execute(select(LEASES.c.name).where(LEASES.c.until >= func.now()).limit(1)).first() is not None


def _holds(file: Path, pid: int) -> bool:
    """Whether a process holds the store's lock: as the system lists its locks, since trying it would be in the way.

    In a container of its own, a process has no number here; then whoever holds it counts. Where the file lies on btrfs
    or an overlay, its lock is listed with another device: of a known process, any file of that number is believed.
    """
    with suppress(OSError):
        lock = Path(f"{file}.lock").stat()
        device = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}"
        fields = [line.split() for line in LOCKS.read_text(encoding="ascii").splitlines()]
        locks = [(int(line[-4]), *line[-3].rsplit(":", 1)) for line in fields if "->" not in line]
        holders = {(holder, on) for holder, on, file_number in locks if file_number == str(lock.st_ino)}
        return any(holder == pid or (holder in {0, -1} and on == device) for holder, on in holders)
    return False
