"""Whose turn it is: work goes on between two readings, and neither may keep the other waiting.

Knows of time and of names, and nothing of what is read or done.
"""

import threading
import time
from collections.abc import Callable


class Turn:
    """The time for work between two readings. It is over at `until`, or once a source is due, as `more` tells.

    That it is due is asked for `not_before` a while, or a portal whose list takes long to read would leave no time for
    work; and not when the whole pass is `over`. Many threads ask.
    """

    def __init__(self, *, until: float, not_before: float, over: float, more: Callable[[], list[str]]) -> None:
        self._until, self._not_before, self._pass_over, self._more = until, not_before, over, more
        self.cut_short_for: list[str] = []
        self._lock = threading.Lock()

    def is_over(self) -> bool:
        """Whether no step is to be begun."""
        now = time.monotonic()
        return now > self._until or (now >= self._not_before and bool(self.due()))

    def due(self) -> list[str]:
        """The sources that are to be read next."""
        with self._lock:
            if not self.cut_short_for and time.monotonic() < self._pass_over:
                self.cut_short_for = self._more()
            return self.cut_short_for
