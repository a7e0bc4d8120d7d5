"""What a signal asks for: a handler sets a flag, and does nothing else."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

STOP = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Flags:
    """What was asked for. `stop` stays set."""

    stop: threading.Event = field(default_factory=threading.Event)
    reread: threading.Event = field(default_factory=threading.Event)


@contextmanager
def heeding(flags: Flags) -> Iterator[None]:
    """Within, SIGTERM and SIGINT ask for a stop, and SIGHUP for the configuration to be read again.

    A SIGHUP that comes since our terminal was closed asks for a stop, unless we were started to outlive it (nohup).
    """
    before = {number: signal.signal(number, _setting(flags.stop)) for number in STOP}
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN or not _has_terminal()

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        (flags.reread if outlives or _has_terminal() else flags.stop).set()

    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _setting(flag: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        flag.set()

    return handle


def _has_terminal() -> bool:
    """Whether a terminal controls us."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
