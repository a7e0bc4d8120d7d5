"""How much of others' work visitors may cause: so many calls at once, so many a second for each who asks.

A flood of links costs the portal little, and leaves the server threads for everybody else. Who finds no room is told
so at once, and waits in the own browser.
"""

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

AT_ONCE = 2  # of the server's six threads
BURST, PER_SECOND = 10.0, 0.5  # of one customer, or of one page
REMEMBERED = 60.0  # seconds that a refused token is refused again without asking
MOST = 1024  # whatever is remembered
Clock = Callable[[], float]


class Gate:
    """Lets so many in at a time, and of each name so many a second."""

    def __init__(self, at_once: int = AT_ONCE, clock: Clock = time.monotonic) -> None:
        self._room = threading.BoundedSemaphore(at_once)
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @contextmanager
    def turn(self, name: str) -> Iterator[bool]:
        """Whether there is room now, which is taken until the end; nobody waits."""
        if not self._room.acquire(blocking=False):
            yield False
            return
        try:
            yield self._takes(name)
        finally:
            self._room.release()

    def _takes(self, name: str) -> bool:
        """Takes one of a name's turns, if one is left: they come back with time."""
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(name, (BURST, now))
            left = min(BURST, left + (now - at) * PER_SECOND)
            self._left[name] = (max(left - 1, 0.0) if left >= 1 else left, now)
            while len(self._left) > MOST:
                self._left.popitem(last=False)
            return left >= 1


class Refusals:
    """What was refused a moment ago is refused again without asking. It holds no token, but a hash under a key that
    lives and dies with this process.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._why: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    def note(self, secret: str, why: str) -> None:
        """Remembers a refusal for a minute."""
        with self._lock:
            self._why[self._mark(secret)] = (self._clock() + REMEMBERED, why)
            while len(self._why) > MOST:
                self._why.popitem(last=False)

    def why(self, secret: str) -> str | None:
        """Why this was refused within the last minute, if it was."""
        with self._lock:
            until, why = self._why.get(self._mark(secret), (0.0, ""))
        return why if until > self._clock() else None

    def _mark(self, secret: str) -> bytes:
        return hmac.digest(self._key, secret.encode(), sha256)
