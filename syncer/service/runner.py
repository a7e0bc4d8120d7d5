"""The one thread that runs passes. It takes what is due, does it, and says that it lives.

What feeds systemd's watchdog is work that was completed, and nothing else:

- a pass that has completed;
- within one, that everything was done but what waits for lists that are still being read, if each of those remotes has
  answered a call since the last sign of life. A list may take many calls, each within its own `timeout`, so that a slow
  one passes WatchdogSec though nothing hangs; one that never comes answers no call, and is no sign of life even while
  all other work is done. Nor is one that answers for an hour on end;
- a pass that the store has ended by saying what is the matter with it. A restart mends no full disk, and no database
  that is away or locked, and it makes things worse, as we have tried: one that can't open its store when it starts is
  given up by systemd after a while, where one that runs goes on; and where the file was moved away, it begins a new one
  that nobody has asked for. A store that says nothing hangs the pass, and that is no sign of life.

So between two signs of life there is at most what one list waits for one call, and a pass for its longest ones.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from syncer.engine import Engine, Summary, is_bug, troubles_told
from syncer.service.schedule import AT_ONCE, Agenda, Chore, Due
from syncer.service.standstill import whereabouts
from syncer.service.systemd import Systemd
from syncer.telemetry import log

LONGEST_PASS = timedelta(minutes=1)  # in which orders are taken further; then a pass only waits for what is under way
CALLS = 2  # of the longest, one after the other, that a pass may wait for at its end
OVERDUE = timedelta(seconds=30)  # more than that, before it is said
BEFORE = 0.8  # of the time after which systemd ends a service that hangs: that it hangs is said until then
LONGEST_READ = 3600.0  # seconds; a list that takes longer has no end
AGAIN = 900.0  # seconds until a chore that failed, or was put off, is tried again
FAILED = "the last pass has failed: the log says why"


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do: by which engine, how often each source is polled. No call takes longer than `patience`."""

    engine: Engine
    every: Mapping[str, timedelta]
    erase_after: timedelta
    patience: timedelta = timedelta(seconds=20)


class Runner:
    """Passes one after the other, as `agenda` says, until `stop`. `failure` is what ended it before its time."""

    def __init__(
        self,
        work: Work,
        agenda: Agenda,
        stop: threading.Event,
        on_pass: Callable[[Summary], None],
        systemd: Systemd,
    ) -> None:
        self.work = work
        self.failure: BaseException | None = None
        self._next = work
        self._agenda = agenda
        self._stop = stop
        self._on_pass = on_pass
        self._systemd = systemd
        self._passes = 0
        self._again: dict[Chore, float] = {}  # chores that have failed, and when they are tried again
        self._busy_since: float | None = None
        self._said = False  # that the pass is overdue
        self._pass_began = 0.0
        self._answered: dict[str, int] = {}  # calls that had ended when a sign of life was given, of remotes being read
        self._thread = threading.Thread(target=self._run, name="passes", daemon=True)

    def start(self) -> None:
        """Begins with what is due."""
        self._thread.start()

    def go_on_with(self, work: Work) -> None:
        """From the next pass on. The one under way begins no call any more."""
        before, self._next = self._next, work
        before.engine.stop()

    def look(self) -> None:
        """Says in the log, once, that a pass takes longer than any should, and where it is. To be called often."""
        since = self._busy_since
        seconds = 0.0 if since is None else time.monotonic() - since
        if seconds > self._longest() and not self._said:
            self._said = True
            log().error("pass.overdue", seconds=round(seconds, 1), at=whereabouts())

    def _longest(self) -> float:
        longest = (LONGEST_PASS + CALLS * self.work.patience + OVERDUE).total_seconds()
        return longest if self._systemd.watchdog is None else min(longest, BEFORE * self._systemd.watchdog)

    def stop(self, within: float) -> bool:
        """No new call begins; waits for those under way. False where that took longer than so many seconds."""
        self._stop.set()
        self._agenda.close()
        for work in (self.work, self._next):
            work.engine.stop()
        self._thread.join(within)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (due := self._agenda.take()) is not None:
                if self.work is not self._next:
                    self.work.engine.close()
                    self.work = self._next
                if self._stop.is_set():
                    return
                self._begin()
                self._pass_began, self._answered = time.monotonic(), {}
                self.do(due)
                self._over()
        except BaseException as end:  # noqa: BLE001 - it is raised where the service is run
            self.failure = end

    def _begin(self) -> None:
        self._said, self._busy_since = False, time.monotonic()

    def _over(self) -> None:
        since, self._busy_since = self._busy_since, None
        if self._said and since is not None:
            log().info("pass.resumed", seconds=round(time.monotonic() - since, 1))

    def do(self, due: Due) -> None:
        """One pass, and chores. What fails is said, and tried again when it is due again.

        Whether that is a sign of life, the top of this file says.
        """
        work, said = self.work, FAILED
        with troubles_told() as troubles:
            summary = work.engine.run_bounded(self._known(due.sources), LONGEST_PASS, self._more, self._going_on)
            self._passes += 1
            said = _in_words(self._passes, summary)
            self._on_pass(summary)
        if work is not self._next and not self._stop.is_set():  # cut short for a new configuration, which goes on
            self._agenda.mark(*AT_ONCE, sources=frozenset(self._next.every))
        self._see_to(due.chores)
        if any(map(is_bug, troubles)):
            self._systemd.status(said)
        else:
            self._systemd.alive(said)

    def _going_on(self, reading: frozenset[str]) -> None:
        """All is done but what waits for these remotes, which are still being read."""
        answered = {name: self.work.engine.calls_to(name) for name in reading}
        moves = all(number > self._answered.get(name, number) for name, number in answered.items())
        if moves and time.monotonic() - self._pass_began < LONGEST_READ:
            self._over()
            self._begin()
            self._systemd.alive(f"pass {self._passes + 1} goes on: {', '.join(sorted(reading))} is still being read")
            self._answered = answered
        else:  # one that is seen for the first time has answered nothing yet
            self._answered = answered | self._answered

    def _known(self, sources: Iterable[str]) -> list[str]:
        """Those that are in the configuration still: what is due may have been marked before it was read again."""
        return sorted(name for name in sources if name in self.work.every)

    def _more(self) -> list[str]:
        """The sources that have become due while a pass is under way."""
        return self._known(self._agenda.take_sources())

    def _see_to(self, chores: frozenset[Chore]) -> None:
        """The chores that are due, and those that have failed before; none once the service is to stop."""
        does: dict[Chore, Callable[[], bool]] = {Chore.ERASE: self._erased, Chore.CARE: self._cared}
        for chore, do in does.items():
            now = time.monotonic()
            if (chore in chores or self._again.get(chore, math.inf) <= now) and not self._stop.is_set():
                self._again[chore] = now + AGAIN
                with troubles_told():
                    if do():
                        del self._again[chore]

    def _erased(self) -> bool:
        """Whether it was done, and not put off."""
        return self.work.engine.erase(self.work.erase_after) is not None

    def _cared(self) -> bool:
        self.work.engine.care()
        return True


def _in_words(passes: int, summary: Summary) -> str:
    """What `systemctl status` shows; nothing of an order."""
    troubled = f", {len(summary.problems)} not polled" if summary.problems else ""
    return (
        f"pass {passes} at {summary.at:%H:%M:%S} UTC: {summary.ingested} new, {summary.advanced} advanced, "
        f"{summary.parked} parked, {summary.calls} calls in {summary.seconds:.1f} s{troubled}"
    )
