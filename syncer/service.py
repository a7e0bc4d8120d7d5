"""`syncer run`: passes on a schedule, until it is told to stop.

Knows when, and nothing of what: a pass is the engine's.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from syncer.engine import Engine, Summary, troubles_told
from syncer.telemetry import log

LOOK_EVERY = 0.2
STALLED = 2.0  # seconds that a pass may be late before the scheduler is helped
WORK_EVERY = timedelta(seconds=5)  # due work is looked for this often, whatever the polls do
ERASE_EVERY = timedelta(hours=24)


def serve(
    engine: Engine,
    every: Mapping[str, timedelta],
    erase_after: timedelta,
    on_pass: Callable[[Summary], None] = lambda _: None,
) -> None:
    """Runs passes until `engine.stop()`: each source at its own interval, and due work in between.

    One job runs them all, so that no two passes meet; a late pass runs once, and is never dropped. A pass that fails
    is said in the log, and the next one tries again. `on_pass` is told of each that completes.
    """
    passes = Passes(engine, Rota(every), erase_after, on_pass)
    tick = min([WORK_EVERY, *every.values()])
    scheduler = BackgroundScheduler(timezone=UTC)
    job = scheduler.add_job(
        passes.run, Steady(tick), max_instances=1, coalesce=True, misfire_grace_time=None,
        next_run_time=datetime.now(UTC),
    )  # fmt: skip
    log().info("service.started", sources=list(every))
    scheduler.start()
    while not engine.stopped and passes.failure is None:
        time.sleep(LOOK_EVERY)
        if passes.idle_since is not None and time.monotonic() - passes.idle_since > tick.total_seconds() + STALLED:
            job.modify(next_run_time=datetime.now(UTC))  # the wall clock was set back
    engine.stop()
    scheduler.shutdown(wait=True)
    log().info("service.stopped")
    if passes.failure is not None:
        raise passes.failure


class Steady(BaseTrigger):  # type: ignore[misc] # apscheduler has no types
    """Every so often, counted from now: what a clock that is set forward skips is not made up for."""

    def __init__(self, every: timedelta) -> None:
        self._every = every

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """As APScheduler asks it."""
        return now + self._every


class Passes:
    """One pass after the other. `idle_since` is monotonic, None while one runs; `failure` ends the service."""

    def __init__(
        self,
        engine: Engine,
        rota: "Rota",
        erase_after: timedelta,
        on_pass: Callable[[Summary], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._rota = rota
        self._erase_after = erase_after
        self._on_pass = on_pass
        self.idle_since: float | None = time.monotonic()
        self.failure: BaseException | None = None

    def run(self) -> None:
        """One pass, and once a day the erasure."""
        if self._engine.stopped:
            return
        self.idle_since = None
        try:
            with troubles_told():
                self._on_pass(self._engine.run_pass(sources=self._rota.due(time.monotonic())))
                if self._rota.erasing(time.monotonic()):
                    self._engine.erase(self._erase_after)
        except BaseException as end:  # noqa: BLE001 - APScheduler would swallow it
            self.failure = end
        finally:
            self.idle_since = time.monotonic()


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
