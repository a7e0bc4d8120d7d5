"""How the service is: when its last pass completed, and whether the next one is late.

Values and the clock that makes them; the service beats, and whoever wants to know asks. Nothing of HTTP or the store.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

LATE = timedelta(minutes=3)  # a pass takes orders further for a minute; besides, what it reads and calls takes its time


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the service is at one moment. `overdue` is why it isn't well; `polled` is when each source was last read."""

    started_at: datetime
    last_pass_at: datetime | None = None
    last_pass_seconds: float | None = None
    passes: int = 0
    overdue: str | None = None
    polled: Mapping[str, datetime] = field(default_factory=dict)


class Heart:
    """Beats with each completed pass. What is late is judged by the monotonic clock: the other one may jump."""

    def __init__(self, late: timedelta = LATE) -> None:
        self._late = late.total_seconds()
        self._lock = threading.Lock()
        self._beat = time.monotonic()
        self._pulse = Pulse(datetime.now(UTC))

    def beat(self, seconds: float, polled: Iterable[str]) -> None:
        """A pass has completed, and has read these sources."""
        now = datetime.now(UTC)
        with self._lock:
            last = self._pulse
            read = {**last.polled, **dict.fromkeys(polled, now)}
            self._pulse = Pulse(last.started_at, now, seconds, last.passes + 1, None, read)
            self._beat = time.monotonic()

    def allow(self, late: timedelta) -> None:
        """From now on a pass may take so long."""
        with self._lock:
            self._late = late.total_seconds()

    def pulse(self) -> Pulse:
        """How the service is now."""
        with self._lock:
            last, idle, late = self._pulse, time.monotonic() - self._beat, self._late
        if idle <= late:
            return last
        what = "no pass has completed since the start" if last.last_pass_at is None else "no pass has completed"
        told = f"{what} for {idle:.0f} s: the log says what the last one was at; restart syncer if nothing moves"
        return Pulse(last.started_at, last.last_pass_at, last.last_pass_seconds, last.passes, told, last.polled)
