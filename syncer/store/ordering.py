"""The verbs about orders that a person places elsewhere from here, which the portal can't be asked about.

What stands in the journal about one has no personal data: what is ordered is told by a digest, and only as long as it
isn't known whether the order was placed.
"""

from abc import abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, text

from syncer.orders import IntentState
from syncer.store import journal, pushes
from syncer.store.journal import Happening
from syncer.store.pushes import By, Named
from syncer.store.reading import Reading
from syncer.store.rows import DETAILS, INTENTS, JOURNAL, ORDERS
from syncer.store.tables import UNSTORABLE

FACTS = JOURNAL.c.facts
BEGUN, ORDERED = "kode.ordering", "kode.ordered"
NOT_ORDERED, UNCERTAIN = "kode.not_ordered", "kode.uncertain"
ONE_AT_A_TIME = text("LOCK TABLE journal IN SHARE ROW EXCLUSIVE MODE")  # SQLite has one writer anyway


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An order that was begun at a time under `key`, and of which it isn't known here whether it was placed.

    `order` is the one that carries the key, where one has been read since.
    """

    key: str
    at: datetime
    order: str | None


class Ordering(Reading):
    """The verbs about what a person orders."""

    @abstractmethod
    def _write(self) -> AbstractContextManager[Connection]:
        """A transaction that writes (`Store`)."""

    def unsettled(self, portal: str, digest: str) -> Unsettled | None:
        """The newest order of the same things, of which it isn't known whether it was placed."""
        with self._read() as tx:
            found = _open(tx, portal, digest)
            return None if not found else Unsettled(found[0].facts["key"], found[0].at, _carrying(tx, portal, found[0]))

    def begin_ordering(self, portal: str, key: str, digest: str, now: datetime, *, again: bool) -> bool:
        """Writes down that something is ordered now under a key of ours; False, and it must not be, where the same
        was begun before and isn't settled. With `again`, a person has seen to that one.
        """
        with self._write() as tx:
            if tx.dialect.name != "sqlite":
                tx.execute(ONE_AT_A_TIME)
            before = _open(tx, portal, digest)
            if before and not again:
                return False
            for line in before:
                _settle(tx, line)
            facts = {"portal": portal, "key": key, "digest": digest}
            journal.write(tx, BEGUN, f"something is ordered from {portal} as {key}", now, facts)
        return True

    def note_not_ordered(self, portal: str, key: str, now: datetime) -> None:
        """Writes down that an order was surely not placed."""
        with self._write() as tx:
            for line in _called(tx, portal, [key]):
                _settle(tx, line)
            journal.write(tx, NOT_ORDERED, f"{portal} has no order {key}", now, {"portal": portal, "key": key})

    def note_uncertain(self, portal: str, key: str, now: datetime) -> None:
        """Writes down that the answer was lost, and nobody knows whether an order was placed."""
        said = f"whether {portal} has the order {key} is not known: look for it there"
        self._note(UNCERTAIN, said, now, portal=portal, key=key)

    def follow(self, portal: str, named: Collection[Named], now: datetime, by: By = By.PERSON) -> list[str]:
        """Orders that a person has named, or placed, each with the reference that it has there, or an empty text.

        They are due to be asked about, known or not. What is not known of an order of ours with that reference is
        settled by this: one that a person placed is known to be placed, and the others are due, whose names are
        returned.
        """
        references = sorted({one for key, one in named if key and one and not UNSTORABLE.search(one)})
        with self._write() as tx:
            waiting = _waiting(tx, references)
            pushes.hear(tx, portal, named, now, by)
            for line in _called(tx, portal, references):
                made = next(key for key, reference in named if reference == line.facts["key"])
                _settle(tx, line)
                facts = {"portal": portal, "key": line.facts["key"], "order": f"{portal}:{made}"}
                journal.write(tx, ORDERED, f"{portal}:{made} was ordered as {line.facts['key']}", now, facts)
        return waiting

    def _note(self, event: str, said: str, now: datetime, **facts: str) -> None:
        with self._write() as tx:
            journal.write(tx, event, said, now, facts)


def _lines(tx: Connection, portal: str, which: ColumnElement[bool]) -> list[Happening]:
    """The lines of what was begun and isn't settled, newest first."""
    theirs = and_(FACTS["portal"].as_string() == portal, FACTS["digest"].as_string() != "")
    query = select(JOURNAL).where(JOURNAL.c.event == BEGUN, theirs, which).order_by(JOURNAL.c.id.desc())
    return [Happening(**row) for row in tx.execute(query).mappings()]


def _open(tx: Connection, portal: str, digest: str) -> list[Happening]:
    return _lines(tx, portal, FACTS["digest"].as_string() == digest)


def _called(tx: Connection, portal: str, keys: Collection[str]) -> list[Happening]:
    return _lines(tx, portal, FACTS["key"].as_string().in_(keys)) if keys else []


def _settle(tx: Connection, line: Happening) -> None:
    """What was ordered needs to be recognised no more."""
    journal.correct(tx, line, {name: fact for name, fact in line.facts.items() if name != "digest"})


def _carrying(tx: Connection, portal: str, line: Happening) -> str | None:
    """The order of the portal's that was read to carry a line's key, as its own orders do (`technical_reference`)."""
    reference = DETAILS.c.details["head"]["technical_reference"].as_string()
    query = select(ORDERS.c.external_id).join(DETAILS, DETAILS.c.order_id == ORDERS.c.id)
    found = tx.execute(query.where(ORDERS.c.portal == portal, reference.contains(line.facts["key"])).limit(1)).scalar()
    return None if found is None else f"{portal}:{found}"


def _waiting(tx: Connection, references: Collection[str]) -> list[str]:
    """The orders that wait to know what became of calls with these references."""
    unknown = (INTENTS.c.key.in_(references), INTENTS.c.open, INTENTS.c.state == IntentState.UNCERTAIN)
    query = select(ORDERS.c.portal, ORDERS.c.external_id).join(INTENTS, INTENTS.c.order_id == ORDERS.c.id)
    return [f"{portal}:{key}" for portal, key in tx.execute(query.where(*unknown))]
