"""How often one remote may be called. Nothing of HTTP stands here."""

import threading
import time
from collections import deque
from collections.abc import Callable


class Pace:
    """At most so many calls in a second, or one in several; whoever comes sooner waits for its turn."""

    def __init__(self, rate: float, stopped: Callable[[], bool] = lambda: False) -> None:
        self._span = 1.0 if rate >= 1 else 1 / rate
        self._turns: deque[float] = deque(maxlen=max(1, round(rate)))
        self._stopped = stopped
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when it is the caller's turn, or nobody is to call any more."""
        with self._lock:
            now = time.monotonic()
            full = len(self._turns) == self._turns.maxlen
            turn = max(now, self._turns[0] + self._span) if full else now
            self._turns.append(turn)
        while (left := turn - time.monotonic()) > 0 and not self._stopped():
            time.sleep(min(left, 0.2))
