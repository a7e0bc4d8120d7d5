"""Lists that come late, without chance: what a service reads beside its work, in an order that is always the same.

The answer to a late list's first question is given at once, and read only after all other work was done: what the
program does meanwhile, it does with a list under way that knows nothing of it. What a list holds is not for here.
"""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

from syncer.engine.readings import Readings, make


class Reader(threading.Thread):
    """Reads one list up to its first answer, and on from there when it is let. Two threads, of which one goes."""

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._all_of_it = run
        self._paused, self._on = threading.Semaphore(0), threading.Semaphore(0)
        self._answered = False
        self.start()
        self._paused.acquire()

    def run(self) -> None:
        """All of the list."""
        try:
            self._all_of_it()
        finally:
            self._paused.release()

    def pause(self) -> None:
        """Called where an answer has come; it is the first only that is late."""
        if not self._answered:
            self._answered = True
            self._paused.release()
            self._on.acquire()

    def go_on(self) -> None:
        """Has it read the rest, and waits for that."""
        if self._answered:
            self._on.release()
            self._paused.acquire()
        self.join()


class Late(Readings):
    """Those of one pass, of which some come late, and all others before anything else is done."""

    def __init__(self, late: Collection[str]) -> None:
        super().__init__()
        self._late = late
        self._readers: list[Reader] = []
        self._waits = 0

    def begin(self, remote: str, read: Callable[[], Any]) -> None:
        """Begins one."""
        given: Future[Any] = Future()
        self._begun.append((remote, given))
        if remote in self._late:
            self._readers.append(Reader(lambda: make(given, read)))
        else:
            make(given, read)

    def wait(self, seconds: float | None = None) -> None:
        """What is late comes when it is waited for the second time, or for good."""
        self._waits += 1
        if seconds is None or self._waits > 1:
            for reader in self._readers:
                reader.go_on()
            self._readers = []


def answered() -> None:
    """An answer has come, to whoever asked."""
    here = threading.current_thread()
    if isinstance(here, Reader):
        here.pause()
