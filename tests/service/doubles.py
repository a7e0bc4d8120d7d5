"""An engine that only counts, and a service around it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.engine import Summary
from syncer.service import Flags, Systemd, Work, serve

QUICK = {"stads": timedelta(milliseconds=20)}
PATIENCE = 30.0  # seconds until a test that waits in vain gives up
AFTER = timedelta(days=90)


class FakeEngine:
    """Runs `work` for a pass, and knows whether two ever met."""

    def __init__(self, work: Callable[[int], None] = lambda _number: None) -> None:
        self.passes: list[list[str]] = []
        self.erased: list[timedelta] = []
        self.cared = 0
        self.puts_off = False
        self.meetings = 0
        self.stopped = self.closed = False
        self.more: Callable[[], Iterable[str]] = tuple
        self.going_on: Callable[[frozenset[str]], None] = lambda _: None
        self.answered: Counter[str] = Counter()
        self._work = work
        self._busy = threading.Lock()

    def run_bounded(
        self,
        sources: Iterable[str],
        _limit: timedelta,
        more: Callable[[], Iterable[str]],
        going_on: Callable[[frozenset[str]], None],
    ) -> Summary:
        self.more, self.going_on = more, going_on
        self.meetings += not self._busy.acquire(blocking=False)
        try:
            self.passes.append(list(sources))
            self._work(len(self.passes))
        finally:
            self._busy.release()
        return Summary(datetime.now(UTC), 0.0, {}, 0, 0, 0, 0)

    def calls_to(self, name: str) -> int:
        return self.answered[name]

    def erase(self, after: timedelta) -> int | None:
        self.erased.append(after)
        return None if self.puts_off else 0

    def care(self) -> None:
        self.cared += 1

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True


def work_of(engine: FakeEngine, every: Mapping[str, timedelta] = QUICK) -> Work:
    double: Any = engine
    return Work(double, every, AFTER, timedelta(seconds=5))


def served(engine: FakeEngine, flags: Flags, every: Mapping[str, timedelta] = QUICK, **more: Any) -> None:
    """Serves until a pass of its own sets the flag, or for PATIENCE."""
    timer = threading.Timer(PATIENCE, flags.stop.set)
    timer.start()
    try:
        serve(work_of(engine, every), flags=flags, systemd=more.pop("systemd", Systemd({})), **more)
    finally:
        timer.cancel()
