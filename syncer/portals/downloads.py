"""Downloads that go on beside the passes: a large file may take minutes, and no order of another portal waits for it.

Knows which are under way, so that none is begun twice, and nothing of what a file is.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Generic, TypeVar

Made = TypeVar("Made")
Key = tuple[str, str]  # an order's name, and an asset of it


class Downloads(Generic[Made]):
    """So many at the same time, in threads of their own, which end when nothing is left and hold up no exit.

    Orders take turns, so that one of very many files keeps no other's waiting.
    """

    def __init__(self, parallel: int) -> None:
        self.parallel = parallel
        self._lock = threading.Lock()
        self._tasks: dict[Key, Future[Made]] = {}
        self._queues: dict[str, deque[tuple[Future[Made], Callable[[], Made]]]] = {}
        self._threads = 0

    def begin(self, key: Key, make: Callable[[], Made]) -> None:
        """Begins one, unless it is under way, or its outcome has not been taken."""
        with self._lock:
            if key in self._tasks:
                return
            task: Future[Made] = Future()
            self._tasks[key] = task
            self._queues.setdefault(key[0], deque()).append((task, make))
            if self._threads == self.parallel:
                return
            self._threads += 1
        try:
            threading.Thread(target=copy_context().run, args=(self._work,), name="download", daemon=True).start()
        except RuntimeError:  # no thread is to be had: in this one
            self._work()

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
        while (work := self._next()) is not None:
            task, make = work
            try:
                task.set_result(make())
            except BaseException as end:  # noqa: BLE001 - it is raised where the outcome is taken
                task.set_exception(end)

    def _next(self) -> tuple[Future[Made], Callable[[], Made]] | None:
        with self._lock:
            if not self._queues:
                self._threads -= 1
                return None
            order = next(iter(self._queues))
            queue = self._queues.pop(order)
            work = queue.popleft()
            if queue:
                self._queues[order] = queue  # to the end
            return work
