"""What is read beside the work: each list in a thread of its own, so that one that hangs holds nothing else up.

Knows when a reading is over, and nothing of what is read.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Any


class Readings:
    """Those of one pass."""

    def __init__(self) -> None:
        self._begun: list[tuple[str, Future[Any]]] = []

    def begin(self, remote: str, read: Callable[[], Any]) -> None:
        """Begins one. Where no thread is to be had for it, it is made at once."""
        given: Future[Any] = Future()
        self._begun.append((remote, given))
        run, arguments = copy_context().run, (make, given, read)
        try:
            threading.Thread(target=run, args=arguments, name=f"read {remote}", daemon=True).start()
        except RuntimeError:
            make(given, read)

    @property
    def under_way(self) -> frozenset[str]:
        """The remotes that are read just now."""
        return frozenset(remote for remote, given in self._begun if not given.done())

    def wait(self, seconds: float | None = None) -> None:
        """Until all are over, or for so long."""
        wait([given for _, given in self._begun], seconds)

    def take(self) -> list[tuple[str, Any]]:
        """What those gave that are over, each once; raises what one of them met."""
        over = [(remote, given) for remote, given in self._begun if given.done()]
        self._begun = [one for one in self._begun if one not in over]
        return [(remote, given.result()) for remote, given in over]


def make(given: Future[Any], read: Callable[[], Any]) -> None:
    """Reads, and gives what came of it, or what was met."""
    try:
        given.set_result(read())
    except BaseException as end:  # noqa: BLE001 - it is raised where it is waited for
        given.set_exception(end)
