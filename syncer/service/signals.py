"""What a signal asks for: a handler sets a flag, and does nothing else."""

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
    """Within, SIGTERM and SIGINT ask for a stop, and SIGHUP for the configuration to be read again."""
    before = {number: signal.signal(number, _setting(flags.stop)) for number in STOP}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _setting(flags.reread))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _setting(flag: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        flag.set()

    return handle
