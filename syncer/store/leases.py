"""Who has what in hand, where several workers share one database: orders, and what only one of them does.

A lease is held by a worker's name until a time on the database's clock, and kept by a thread while the worker lives.
With SQLite there is one worker, kept so by its lock, and every lease is had for nothing.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Interval, Select, exc, func, literal, or_, update

from syncer.store.rows import LEASES, ORDERS

KEPT = 4  # times within its length that a lease is kept


class Leases:
    """The leases of one worker. `seconds` is how long one outlives its worker; longer than any call takes."""

    def __init__(self, engine: Engine, *, shared: bool, seconds: float = 60.0) -> None:
        self.shared = shared
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.seconds = seconds
        self._engine = engine
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._ended = threading.Event()
        self._kept_at = time.monotonic()

    def sure(self) -> bool:
        """Whether what we have in hand is surely ours for as long as half a lease: a call may be begun."""
        return not self.shared or time.monotonic() - self._kept_at < self.seconds / 2

    def take(self, tx: Connection, rows: Select[Any], given: Mapping[str, Any], limit: int) -> list[int]:
        """Leases some of these orders (`given` are the query's parameters); the rows of those that nobody else has."""
        self._keep_them()
        free = or_(
            ORDERS.c.leased_until.is_(None), ORDERS.c.leased_until < func.now(), ORDERS.c.leased_by == self.owner
        )
        picked = (
            rows.where(free)
            .order_by(ORDERS.c.wake_at, ORDERS.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=ORDERS)
            .cte("picked")
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        taken = (
            update(ORDERS)
            .where(ORDERS.c.id == picked.c.id)
            .values(leased_by=self.owner, leased_until=self._until())
            .returning(ORDERS.c.id)
        )
        return list(tx.execute(taken, dict(given)).scalars())

    def give_back(self, tx: Connection, rows: Collection[int]) -> None:
        """Lets others have these orders."""
        mine = (ORDERS.c.id.in_(list(rows)), ORDERS.c.leased_by == self.owner)
        tx.execute(update(ORDERS).where(*mine).values(leased_by=None, leased_until=None))

    def lead(self, name: str) -> bool:
        """Whether this worker is the one that does `name`, as far as any can be."""
        if not self.shared:
            return True
        from sqlalchemy.dialects import postgresql  # 0.1 s that SQLite has no use for

        self._keep_them()
        mine = postgresql.insert(LEASES).values(name=name, owner=self.owner, until=self._until())
        taken = mine.on_conflict_do_update(
            index_elements=["name"],
            set_={"owner": mine.excluded.owner, "until": mine.excluded.until},
            where=or_(LEASES.c.owner == self.owner, LEASES.c.until < func.now()),
        ).returning(LEASES.c.owner)
        with self._engine.begin() as tx:
            return tx.execute(taken).first() is not None

    def end(self) -> None:
        """Gives everything back."""
        self._ended.set()
        if self._keeper is None:
            return
        self._keeper.join()
        try:
            with self._engine.begin() as tx:
                tx.execute(
                    update(ORDERS).where(ORDERS.c.leased_by == self.owner).values(leased_by=None, leased_until=None)
                )
                tx.execute(LEASES.delete().where(LEASES.c.owner == self.owner))
        except exc.DBAPIError:  # the database is away: they end by themselves
            return

    def _until(self) -> Any:
        return func.now() + literal(timedelta(seconds=self.seconds), Interval)

    def _keep_them(self) -> None:
        with self._lock:
            if self._keeper is None:
                self._kept_at = time.monotonic()
                self._keeper = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._keeper.start()

    def _keep(self) -> None:
        while not self._ended.wait(self.seconds / KEPT):
            began = time.monotonic()
            try:
                with self._engine.begin() as tx:
                    until = self._until()
                    tx.execute(update(ORDERS).where(ORDERS.c.leased_by == self.owner).values(leased_until=until))
                    tx.execute(update(LEASES).where(LEASES.c.owner == self.owner).values(until=until))
            except exc.DBAPIError:
                continue
            self._kept_at = began
