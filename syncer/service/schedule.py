"""What is due when: jobs that mark it, on a clock that may jump.

A job does nothing itself and takes no time, so that none is ever late for another's sake. What is marked stays so until
it is done: late is done once, and never dropped.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from zlib import crc32

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from syncer.telemetry import log

JUMPED = 2.0  # seconds by which the wall clock and time itself differ more than before
STALLED = 2.0  # seconds that the work may be late before it is seen to without its job
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Chore(StrEnum):
    """What is done besides polling."""

    WORK = "work"  # whatever is due of the orders
    ERASE = "erase"  # personal data that has been kept for long enough
    CARE = "care"  # of the database


# The deeper re-read of each portal, once a day, is a part of its first poll of the day: its cursor knows whether it was
# done, also for `--once`, and a restart neither forgets nor repeats it.
AT_ONCE = (Chore.WORK, Chore.ERASE)  # at the start, too; a database is looked after at its time of the day
CHORES = {Chore.WORK: timedelta(seconds=5), Chore.ERASE: timedelta(days=1), Chore.CARE: timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done now: sources to be polled, in no order, and chores."""

    sources: frozenset[str] = frozenset()
    chores: frozenset[Chore] = frozenset()


class Agenda:
    """What is due and not begun yet; each thing once, however often it is marked."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sources: set[str] = set()
        self._chores: set[Chore] = set()
        self._closed = False

    def mark(self, *chores: Chore, sources: frozenset[str] = frozenset()) -> None:
        """This is due."""
        with self._changed:
            self._chores.update(chores)
            self._sources |= sources
            self._changed.notify_all()

    def take(self) -> Due | None:
        """Waits until something is due, and takes it all; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._chores or self._sources)
            due = Due(frozenset(self._sources), frozenset(self._chores))
            self._sources.clear()
            self._chores.clear()
            return None if self._closed else due

    def take_sources(self) -> frozenset[str]:
        """Takes the sources that are due now, if any."""
        with self._changed:
            due = frozenset(self._sources)
            self._sources.clear()
            return due

    def close(self) -> None:
        """Nothing is due any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Phased(BaseTrigger):  # type: ignore[misc] # apscheduler has no types
    """Every so often, at a phase that a name has for ever: jobs of one interval don't come all at once, nor drift."""

    def __init__(self, name: str, every: timedelta) -> None:
        self._every = every
        self._phase = every * (crc32(name.encode()) / 2**32)

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """As APScheduler asks it: the first time after now, whatever was missed."""
        passed = (now - EPOCH - self._phase) // self._every
        return EPOCH + self._phase + (passed + 1) * self._every


class Schedule:
    """The jobs, which mark in `agenda` what is due. `look` is to be called several times a second."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self._every: Mapping[str, timedelta] = {}
        # The clock is UTC, which has no hour twice. One thread is enough: a job only marks.
        self._scheduler = BackgroundScheduler(
            timezone=UTC, executors={"default": {"type": "threadpool", "max_workers": 1}}
        )
        self._ahead = _ahead()
        self._marked_at = time.monotonic()

    def start(self) -> None:
        """The jobs run from now on."""
        self._scheduler.start()

    def stop(self) -> None:
        """No job runs any more, and nothing is due."""
        self.agenda.close()
        self._scheduler.shutdown(wait=False)  # what runs takes no time

    def follow(self, every: Mapping[str, timedelta]) -> None:
        """These sources from now on, each at its own interval; all of it is due at once, and then in turn."""
        self._every = every
        self._scheduler.remove_all_jobs()
        for name, span in every.items():
            self._add(f"poll {name}", span, sources=frozenset({name}))
        for chore, span in CHORES.items():
            self._add(chore, span, chore)
        self._mark(*AT_ONCE, sources=frozenset(every))

    def _add(self, name: str, span: timedelta, *chores: Chore, sources: frozenset[str] = frozenset()) -> None:
        self._scheduler.add_job(
            partial(self._mark, *chores, sources=sources),
            Phased(name, span),
            id=name,
            max_instances=1,
            coalesce=True,  # a late one runs once,
            misfire_grace_time=None,  # and however late
        )

    def _mark(self, *chores: Chore, sources: frozenset[str] = frozenset()) -> None:
        self._marked_at = time.monotonic()
        self.agenda.mark(*chores, sources=sources)

    def look(self) -> None:
        """Sets the jobs anew where the wall clock was set, or their thread is asleep: else one set back stalls them."""
        jumped, asleep = _ahead() - self._ahead, time.monotonic() - self._marked_at
        if abs(jumped) > JUMPED:
            log().warning("clock.jumped", seconds=round(jumped, 1))
        elif asleep <= CHORES[Chore.WORK].total_seconds() + STALLED:
            return
        self._ahead = _ahead()
        self.follow(self._every)


def _ahead() -> float:
    """How far the wall clock is ahead of the one that only goes on; a sleeping machine stops that one alone."""
    return time.time() - time.monotonic()
