"""What is known at this moment, read once for all who ask within a second: askers can't make the store busy."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from syncer.store import Figures, Store
from syncer.web.site import Site, Vitals

KEPT = 1.0  # seconds
Clock = Callable[[], datetime]


def utc() -> datetime:
    """The time now, aware."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Read:
    figures: Figures
    until: float


class Glance:
    """The store's figures and the service's vitals."""

    def __init__(self, store: Store, site: Callable[[], Site], vitals: Callable[[], Vitals], now: Clock = utc) -> None:
        self.store = store
        self._site = site
        self.vitals = vitals
        self.now = now
        self._lock = threading.Lock()
        self._read: _Read | None = None

    @property
    def site(self) -> Site:
        """What the configuration says now."""
        return self._site()

    def figures(self) -> Figures:
        """The store in numbers, a second old at most; one asker reads while the others wait for what it reads."""
        with self._lock:
            if self._read is None or time.monotonic() > self._read.until:
                now = self.now()
                midnight = now.astimezone(self.site.zone).replace(hour=0, minute=0, second=0, microsecond=0)
                self._read = _Read(self.store.figures(midnight.astimezone(UTC), now), time.monotonic() + KEPT)
            return self._read.figures
