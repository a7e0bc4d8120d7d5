"""The one thread that runs passes. It takes what is due, does it, and says that it lives."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from syncer.engine import Engine, Summary, troubles_told
from syncer.service.schedule import AT_ONCE, Agenda, Chore, Due
from syncer.service.systemd import Systemd

LONGEST_PASS = timedelta(minutes=1)  # in which orders are begun: polls come in between, however many orders are due


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
        self._thread = threading.Thread(target=self._run, name="passes", daemon=True)

    def start(self) -> None:
        """Begins with what is due."""
        self._thread.start()

    def go_on_with(self, work: Work) -> None:
        """From the next pass on. The one under way begins no call any more."""
        before, self._next = self._next, work
        before.engine.stop()

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
                self._do(due)
        except BaseException as end:  # noqa: BLE001 - it is raised where the service is run
            self.failure = end

    def _do(self, due: Due) -> None:
        """One pass, and chores. What fails is said, and tried again when it is due again."""
        engine, said = self.work.engine, "the last pass has failed: the log says why"
        with troubles_told():
            summary = engine.run_pass(sources=sorted(due.sources), limit=LONGEST_PASS)
            if engine.stopped and not self._stop.is_set():  # cut short for a new configuration, which goes on
                self._agenda.mark(*AT_ONCE, sources=frozenset(self._next.every))
            self._passes += 1
            said = _in_words(self._passes, summary)
            self._on_pass(summary)
        with troubles_told():
            if Chore.ERASE in due.chores:
                engine.erase(self.work.erase_after)
            if Chore.CARE in due.chores:
                engine.care()
        self._systemd.alive(said)


def _in_words(passes: int, summary: Summary) -> str:
    """What `systemctl status` shows; nothing of an order."""
    troubled = f", {len(summary.problems)} not polled" if summary.problems else ""
    return (
        f"pass {passes} at {summary.at:%H:%M:%S} UTC: {summary.ingested} new, {summary.advanced} advanced, "
        f"{summary.parked} parked, {summary.calls} calls in {summary.seconds:.1f} s{troubled}"
    )
