"""A deadline over a whole call.

A read timeout counts for each read of the socket, so that a remote which drips a byte now and then is never late.
Here a watcher cuts the socket of a call that is.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from syncer.remotes.http.failures import Unwatched


@dataclass(slots=True, eq=False)
class Call:
    """A call under way: until when it may last, and what is known of it. `late` is set by who cuts it."""

    until: float
    sock: socket.socket | None = None
    sent: bool = False
    late: bool = False


class Watcher:
    """Cuts the calls that are past their deadline. Its thread lives while there are calls."""

    LOOK_EVERY = 0.1

    def __init__(self) -> None:
        self._here = threading.local()
        self._lock = threading.Lock()
        self._calls: set[Call] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, call: Call) -> Iterator[None]:
        self._here.call = call
        with self._lock:
            self._calls.add(call)
            if self._thread is None:
                self._begin(call)
        try:
            yield
        finally:
            self._here.call = None
            with self._lock:
                self._calls.discard(call)

    def _begin(self, call: Call) -> None:
        thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._calls.discard(call)
            raise Unwatched from None
        self._thread = thread

    def note(self, sock: socket.socket | None, *, sent: bool = False) -> None:
        """Tells which socket this thread's call uses. The connection itself forgets it before the body is read."""
        call: Call | None = getattr(self._here, "call", None)
        if call is not None and sock is not None:
            call.sock, call.sent = sock, call.sent or sent

    def _watch(self) -> None:
        idle = 0
        while idle < 50:
            time.sleep(self.LOOK_EVERY)
            with self._lock:
                calls = list(self._calls)
                idle = 0 if calls else idle + 1
                if idle >= 50:
                    self._thread = None
                    return
            for call in calls:
                if time.monotonic() > call.until:
                    self._cut(call)

    def _cut(self, call: Call) -> None:
        call.late = True
        if call.sock is not None:
            with suppress(OSError, ValueError):
                call.sock.shutdown(socket.SHUT_RDWR)


WATCHER = Watcher()
