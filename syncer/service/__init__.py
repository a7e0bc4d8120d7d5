"""`syncer run`: passes on a schedule, until it is told to stop.

Knows when, and nothing of what: a pass is the engine's. What an operator may say to it (signals), and what it says to
systemd, are rooms of their own.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from syncer.engine import BUG, Summary, is_bug
from syncer.service.runner import Runner, Work
from syncer.service.schedule import Schedule
from syncer.service.signals import Flags, heeding
from syncer.service.standstill import whereabouts
from syncer.service.systemd import Systemd
from syncer.telemetry import log, place, story

LOOK_EVERY = 0.2
GRACE = 10.0  # seconds more than any call takes, which a pass has to end in once it was told to
EX_SOFTWARE = 70

__all__ = ["Flags", "Runner", "Schedule", "Systemd", "Work", "heeding", "serve"]


def serve(
    work: Work,
    *,
    flags: Flags,
    reread: Callable[[], Work | None] = lambda: None,
    on_pass: Callable[[Summary], None] = lambda _: None,
    systemd: Systemd | None = None,
) -> None:
    """Runs passes until `flags` say stop: each source at its own interval, and due work in between.

    Jobs say what is due, and one thread does it, so that no two passes meet; what is late is done once, and never
    dropped. A pass that fails is said in the log, and the next one tries again. `reread` is asked for what to do
    from now on when `flags` say so, and has said why where it returns None. `on_pass` is told of each that completes.

    Raises:
        BaseException: what no pass can survive, such as a want of memory.
    """
    systemd = systemd or Systemd()
    schedule = Schedule()
    runner = Runner(work, schedule.agenda, flags.stop, on_pass, systemd)
    with _running(schedule, runner, systemd):
        schedule.follow(work.every)
        log().info("service.started", sources=list(work.every))
        systemd.ready("the first pass has begun")
        while not flags.stop.wait(LOOK_EVERY) and runner.failure is None:
            schedule.look()
            runner.look()
            if flags.reread.is_set():
                flags.reread.clear()
                _reread(runner, schedule, reread, systemd)
    log().info("service.stopped")
    if runner.failure is not None:
        raise runner.failure


def _reread(runner: Runner, schedule: Schedule, reread: Callable[[], Work | None], systemd: Systemd) -> None:
    """Goes on with what the configuration says now, from the next pass; or as before, where it is wrong."""
    systemd.reloading()
    work = None
    try:
        work = reread()
    except Exception as trouble:  # noqa: BLE001 - the service goes on as before, whatever is wrong
        if is_bug(trouble):
            log().error("config.rejected", problems=[BUG], bug=place(trouble), traceback=story(trouble))
        else:
            log().error("config.rejected", problems=[str(trouble)])
    if work is not None:
        runner.go_on_with(work)
        schedule.follow(work.every)
        log().info("config.reread", sources=list(work.every))
    systemd.ready("goes on as before: the configuration is wrong" if work is None else "the configuration was read")


@contextmanager
def _running(schedule: Schedule, runner: Runner, systemd: Systemd) -> Iterator[None]:
    """Within, jobs and passes run. At the end no new call begins, and those under way are waited for."""
    runner.start()
    schedule.start()
    try:
        yield
    finally:
        within = runner.work.patience.total_seconds() + GRACE
        systemd.stopping(within + GRACE)
        schedule.stop()
        if not runner.stop(within):
            log().error("service.hung", seconds=within, at=whereabouts())
            os._exit(EX_SOFTWARE)  # its threads can't be ended; what they have begun is written down
