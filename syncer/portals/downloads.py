"""Downloads that go on beside the passes: a large file may take minutes, and no order of another portal waits for it.

Knows which are under way, so that none is begun twice, and nothing of what a file is.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from threading import Semaphore
from typing import Generic, TypeVar

Made = TypeVar("Made")
BESIDE = 2  # threads to each call: while one file is brought to the disk, the next one comes
Key = tuple[str, str]  # an order's name, and an asset of it


@dataclass(frozen=True, slots=True)
class _Work(Generic[Made]):
    """One that waits for its turn. It is done within the context of whoever began it: a log line names its order."""

    task: Future[Made]
    make: Callable[[], Made]
    context: Context


class Downloads(Generic[Made]):
    """Many at the same time, in threads of their own, which end when nothing is left and hold up no exit.

    Orders take turns, and one has `calls` under way at most (`lane`), of one more that there may be: so that one of
    very many or very large files keeps no other's waiting. While a file is brought to the disk, another may come.
    """

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.parallel = BESIDE * (calls + 1)
        self._most = BESIDE * calls  # of one order
        self._lanes: dict[str, Semaphore] = {}
        self._lock = threading.Lock()
        self._tasks: dict[Key, Future[Made]] = {}
        self._queues: dict[str, deque[_Work[Made]]] = {}
        self._busy: Counter[str] = Counter()
        self._threads = 0
        self._moved_at = time.monotonic()

    def begin(self, key: Key, make: Callable[[], Made]) -> None:
        """Begins one, unless it is under way, or its outcome has not been taken."""
        with self._lock:
            if key in self._tasks:
                return
            task: Future[Made] = Future()
            self._tasks[key] = task
            self._queues.setdefault(key[0], deque()).append(_Work(task, make, copy_context()))
            if self._threads == self.parallel:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="download", daemon=True).start()
        except RuntimeError:  # no thread is to be had: in this one
            self._work()

    @contextmanager
    def lane(self, order: str) -> Iterator[None]:
        """Within is one of the calls that an order has under way."""
        with self._lock:
            lane = self._lanes.setdefault(order, Semaphore(self.calls))
        with lane:
            yield

    def stuck(self, seconds: float) -> bool:
        """Whether every thread is taken, and none has come to an end for so long: nothing new begins soon."""
        with self._lock:
            return self._threads == self.parallel and time.monotonic() - self._moved_at > seconds

    def under_way(self, keys: Iterable[Key]) -> set[Key]:
        """Those of some that are not over."""
        with self._lock:
            return {key for key in keys if key in self._tasks and not self._tasks[key].done()}

    def known(self, keys: Iterable[Key]) -> set[Key]:
        """Those of some that are under way, or whose outcome has not been taken."""
        with self._lock:
            return {key for key in keys if key in self._tasks}

    def over(self, order: str) -> list[Key]:
        """Those of an order that are over, and whose outcome has not been taken."""
        with self._lock:
            return [key for key, task in self._tasks.items() if key[0] == order and task.done()]

    def wait(self, keys: Iterable[Key], seconds: float) -> None:
        """Until all of some are over, or for so long."""
        with self._lock:
            tasks = [self._tasks[key] for key in keys if key in self._tasks]
        wait(tasks, seconds)

    def take(self, key: Key) -> Made | None:
        """The outcome of one that is over, once; raises what it met. None where there is none yet."""
        with self._lock:
            task = self._tasks.get(key)
            if task is None or not task.done():
                return None
            del self._tasks[key]
        return task.result()

    def _work(self) -> None:
        before = None
        while (found := self._next(before)) is not None:
            before, work = found
            try:
                work.task.set_result(work.context.run(work.make))
            except BaseException as end:  # noqa: BLE001 - it is raised where the outcome is taken
                work.task.set_exception(end)

    def _next(self, before: str | None) -> tuple[str, _Work[Made]] | None:
        """The next one, and its order, for a thread that has just done one of `before`."""
        with self._lock:
            self._moved_at = time.monotonic()
            if before is not None:
                self._busy -= Counter([before])
                self._forget(before)
            order = next((order for order in self._queues if self._busy[order] < self._most), None)
            if order is None:
                self._threads -= 1
                return None
            self._busy[order] += 1
            queue = self._queues.pop(order)
            work = queue.popleft()
            if queue:
                self._queues[order] = queue  # to the end
            return order, work

    def _forget(self, order: str) -> None:
        """An order that has nothing under way has no lane."""
        if not self._busy[order]:
            self._lanes.pop(order, None)
