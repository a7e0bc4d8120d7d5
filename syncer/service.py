"""`syncer run`: passes on a schedule, until it is told to stop.

Knows when, and nothing of what: a pass is the engine's.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Event

from apscheduler.schedulers.background import BackgroundScheduler

from syncer.engine import Engine
from syncer.telemetry import log

LOOK_EVERY = 0.2
WORK_EVERY = timedelta(seconds=5)  # due work is looked for this often, whatever the polls do
ERASE_EVERY = timedelta(hours=24)


def serve(engine: Engine, every: Mapping[str, timedelta], erase_after: timedelta) -> None:
    """Runs passes until `engine.stop()`: each source at its own interval, and due work in between.

    One job runs them all, so that no two passes meet; a late pass runs once, and is never dropped.
    """
    rota = Rota(every)
    failed = Event()

    def work() -> None:
        try:
            engine.run_pass(sources=rota.due(time.monotonic()))
            if rota.erasing(time.monotonic()):
                engine.room.store.erase(engine.room.now() - erase_after)
        except BaseException:
            failed.set()
            raise

    scheduler = BackgroundScheduler(timezone=UTC)
    tick = min([WORK_EVERY, *every.values()]).total_seconds()
    scheduler.add_job(
        work, "interval", seconds=tick, max_instances=1, coalesce=True, misfire_grace_time=None,
        next_run_time=datetime.now(UTC),
    )  # fmt: skip
    log().info("service.started", sources=list(every))
    scheduler.start()
    while not engine.stopped and not failed.is_set():
        time.sleep(LOOK_EVERY)
    engine.stop()
    scheduler.shutdown(wait=True)
    log().info("service.stopped")


class Rota:
    """Which sources are due, by the monotonic clock: a wall clock that jumps changes nothing."""

    def __init__(self, every: Mapping[str, timedelta]) -> None:
        self._every = every
        self._last: dict[str, float] = {}
        self._erased: float | None = None

    def due(self, now: float) -> list[str]:
        """The sources whose interval is over; they count as polled from now."""
        names = [
            name
            for name, every in self._every.items()
            if name not in self._last or now - self._last[name] >= every.total_seconds() - LOOK_EVERY
        ]
        self._last.update(dict.fromkeys(names, now))
        return names

    def erasing(self, now: float) -> bool:
        """Whether the daily erasure is due; it counts as done from now."""
        if self._erased is not None and now - self._erased < ERASE_EVERY.total_seconds():
            return False
        self._erased = now
        return True
