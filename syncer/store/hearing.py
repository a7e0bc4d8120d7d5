"""The verbs about what portals say unasked: pushes, each about an order, and notices, which are for all their users.

Whoever says them may say them again, late, in any order and falsely: nothing here changes what is known of an order.
"""

from abc import abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from hashlib import sha256
from importlib import import_module

from sqlalchemy import Connection, Engine, select

from syncer.store import pushes
from syncer.store.pushes import Named
from syncer.store.reading import Reading
from syncer.store.rows import NOTICES, PUSHES

LONGEST_TEXT, LONGEST_WORD = 4096, 200  # characters of a notice that are kept: of its text, and of the rest of it
MOST_SHARED = 64  # pushes that share a commit


@dataclass(frozen=True, slots=True)
class Notice:
    """What a portal has to say to its users. `portal` and `at`, when it came, are there once it is kept.

    `key` is the same for the same notice, however often it comes.
    """

    key: str
    audience: str
    sender: str
    text: str
    portal: str = ""
    at: datetime | None = None

    def legible(self) -> "Notice":
        """As it may be stored and printed: bounded, on one line, without controls and broken characters."""
        key = self.key if len(self.key) <= LONGEST_WORD else sha256(self.key.encode("utf-8", "replace")).hexdigest()
        audience, sender = (_legible(text, LONGEST_WORD) for text in (self.audience, self.sender))
        return replace(
            self,
            key=_legible(key, LONGEST_WORD),
            audience=audience,
            sender=sender,
            text=_legible(self.text, LONGEST_TEXT),
        )


NOTICE = tuple(fact.name for fact in fields(Notice))


def _legible(text: str, most: int) -> str:
    return "".join(one if one.isprintable() else " " for one in text[:most])


@dataclass(slots=True, eq=False)
class _Heard:
    """A push on its way to the disk."""

    portal: str
    named: Collection[Named]
    now: datetime
    done: bool = False
    error: BaseException | None = None


class Hearing(Reading):
    """The verbs about pushes and notices."""

    def __init__(self, engine: Engine, url: str) -> None:
        super().__init__(engine, url)
        self._heard: list[_Heard] = []

    @abstractmethod
    def _write(self) -> AbstractContextManager[Connection]:
        """A transaction that writes (`Store`)."""

    # --- pushes -----------------------------------------------------------------------------------------------

    def push(self, portal: str, named: Collection[Named], now: datetime) -> None:
        """A portal has named orders of its own, each with the reference that we gave it, or an empty text.

        When it returns they are due to be asked about, also the ended ones, and followed where they were not known.
        Which reference is whose is kept where an intent of ours has that key, and an order whose intent of that key is
        uncertain is due, too. Several threads' pushes share a commit.

        Raises:
            StoreError: nothing of it is stored.
        """
        job = _Heard(portal, named, now)
        self._heard.append(job)
        with self._writer:  # whoever comes first writes for all that wait
            while not job.done:
                batch = self._heard[:MOST_SHARED]
                del self._heard[: len(batch)]
                self._hear_all(batch)
        if job.error is not None:
            raise job.error

    def _hear_all(self, batch: list[_Heard]) -> None:
        """A push that can't be stored says so to its sender; of several, none is held up by trying each by itself."""
        try:
            self._hear_together(batch)
        except BaseException as error:
            for job in batch:
                job.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for job in batch:
                job.done = True

    def _hear_together(self, batch: list[_Heard]) -> None:
        named: dict[str, list[Named]] = {}
        for job in batch:
            named.setdefault(job.portal, []).extend(job.named)
        with self._write() as tx:
            for portal in sorted(named):
                pushes.hear(tx, portal, named[portal], max(job.now for job in batch))

    def pushed(self, portal: str, reference: str) -> tuple[str, ...]:
        """The ids that a portal's pushes have named with a reference of ours, newest first."""
        query = select(PUSHES.c.external_id).where(PUSHES.c.portal == portal, PUSHES.c.reference == reference)
        with self._glance() as tx:
            return tuple(tx.execute(query.order_by(PUSHES.c.at.desc(), PUSHES.c.external_id.desc())).scalars())

    # --- notices ----------------------------------------------------------------------------------------------

    def note_notice(self, portal: str, notice: Notice, now: datetime) -> Notice | None:
        """Keeps a notice of a portal's, bounded and legible, and returns it so; None where it was kept before.

        Raises:
            StoreError: it is not stored.
        """
        kept = replace(notice.legible(), portal=portal, at=now)
        new = import_module(f"sqlalchemy.dialects.{self._engine.dialect.name}").insert(NOTICES)
        row = {name: getattr(kept, name) for name in NOTICE}
        with self._write() as tx:
            written = tx.execute(new.values(row).on_conflict_do_nothing().returning(NOTICES.c.key)).first()
        return None if written is None else kept

    def notices(self, limit: int | None = None, since: datetime | None = None) -> list[Notice]:
        """The portals' notices, newest first."""
        query = select(NOTICES).order_by(NOTICES.c.at.desc(), NOTICES.c.portal, NOTICES.c.key)
        if since is not None:
            query = query.where(NOTICES.c.at >= since)
        with self._glance() as tx:
            return [Notice(**row) for row in tx.execute(query.limit(limit)).mappings()]
