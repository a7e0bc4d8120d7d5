"""Three days of the service in a few seconds: its jobs fire on a clock that is set from one to the next."""

import gc
import heapq
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from syncer.orders import State
from syncer.service import Flags, Runner, Systemd, Work
from syncer.service.schedule import CHORES, Agenda, Chore, Phased
from tests.engine.doubles import NOW, Bench

DAYS = 3
EVERY = timedelta(minutes=4)
AFTER = timedelta(days=1)
ORDERS_EVERY = timedelta(hours=2)
LARGEST_LOG = 5_000_000  # bytes: SQLite folds it into the file after 1,000 pages, a little late


@dataclass(frozen=True)
class Size:
    """What must not grow from one day to the next."""

    threads: int
    files: int
    log: int
    objects: int


def size(bench: Bench, folder: Path) -> Size:
    bench.calls.made.clear()
    bench.logged.seek(0)
    bench.logged.truncate()
    gc.collect()
    log = (folder / "syncer.db-wal").stat().st_size
    return Size(threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), log, len(gc.get_objects()))


class Days:
    """The service's jobs, fired one after another, and one runner that does what they mark."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.agenda = bench, Agenda()
        self.fired: Counter[str] = Counter()
        self._runner = Runner(
            Work(bench.engine, {"stads": EVERY}, AFTER), self.agenda, Flags().stop, lambda _: None, Systemd({})
        )
        # Work that is looked for each five seconds would take a while.
        spans = {"poll stads": EVERY} | {str(chore): max(span, EVERY) for chore, span in CHORES.items()}
        self._jobs = {name: Phased(name, span) for name, span in spans.items()}
        self._next = [(trigger.get_next_fire_time(None, NOW), name) for name, trigger in self._jobs.items()]
        heapq.heapify(self._next)
        self._orders = NOW

    def until(self, hours: int) -> None:
        """Goes on until so many hours are over since the beginning."""
        while self._next[0][0] < NOW + timedelta(hours=hours):
            at, name = self._next[0]
            self.bench.clock.time = at
            self._listed(at)
            self.fired[name] += 1
            chores = [Chore(name)] if name in CHORES else []
            self.agenda.mark(*chores, sources=frozenset() if chores else frozenset({"stads"}))
            due = self.agenda.take()
            assert due is not None
            self._runner.do(due)
            heapq.heapreplace(self._next, (self._jobs[name].get_next_fire_time(at, at), name))

    def _listed(self, at: datetime) -> None:
        while self._orders <= at:
            self._orders += ORDERS_EVERY
            number = len(self.bench.portal.status)
            self.bench.portal.status[str(880_000 + number)] = "new"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()
    structlog.reset_defaults()


def test_in_three_days_nothing_grows_and_each_job_has_its_turns(bench: Bench, tmp_path: Path) -> None:
    days = Days(bench)
    days.until(48)  # by then each job has had its turn, and what it asks the store is known to SQLAlchemy
    before = size(bench, tmp_path)
    days.until(24 * DAYS)
    after = size(bench, tmp_path)
    assert (after.threads <= before.threads, after.files <= before.files) == (True, True)
    assert after.log <= LARGEST_LOG
    assert after.objects - before.objects < days.fired[Chore.WORK] // 2  # not one for every second pass
    assert days.fired == {"poll stads": DAYS * 360, Chore.WORK: DAYS * 360, Chore.ERASE: DAYS, Chore.CARE: DAYS}
    orders = {order.external_id: order for order in bench.store.orders()}
    assert len(orders) == DAYS * 12 + 1
    assert {order.state for order in orders.values()} == {State.DELIVERED}
    assert not bench.order("880001").details  # erased on the second day
    assert bench.order(max(orders)).details
