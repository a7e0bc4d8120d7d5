"""Many orders at once: each one's steps one after another, and at each remote no more calls than it takes.

An order whose next call finds its remote full waits in that remote's queue, and its worker takes another order: one
slow remote can't hold the others' orders up.
"""

import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from syncer.engine.steps import Step, Walk

QUEUE = 2  # orders that wait at a remote, for each call that it takes at once
LONGEST = 64  # more that wait all the same, since they were in hand already
Refill = Callable[[frozenset[str]], list[Walk]]


class Flow:
    """Works on what `refill` gives until it gives nothing more.

    `refill` is asked for orders whose next step is about none of the remotes that it is given: enough wait there.
    `parallel` is how many calls each remote takes at once; one that isn't named takes any number. `done` is told of
    each order that has come as far as it goes now, `left` of each that may go on soon, and doesn't wait for it here.
    """

    def __init__(
        self,
        refill: Refill,
        parallel: Mapping[str, int],
        done: Callable[[Walk], None],
        left: Callable[[Walk], None],
    ) -> None:
        self._refill = refill
        self._parallel = parallel
        self._done = done
        self._left = left
        self._changed = threading.Condition()
        self._ready: deque[Walk] = deque()
        self._waiting: dict[str, deque[Walk]] = {}
        self._busy: Counter[str] = Counter()
        self._under_way = 0
        self._refilling = False
        self._dry: frozenset[str] | None = None  # nothing more is due, but for these remotes, which were full
        self._failure: BaseException | None = None
        self._ended = False

    def run(self, pool: ThreadPoolExecutor, workers: int) -> None:
        """Works with so many threads, this one and the pool's; raises what any of them met that ends the pass."""
        self._fill()
        tasks: list[Future[Any]] = []
        with suppress(RuntimeError):  # no more threads are to be had: those that there are do it, and this one
            for _ in range(min(workers, len(self._ready)) - 1):
                tasks.append(pool.submit(copy_context().run, self._work))  # noqa: PERF401 - those before a failure count
        self._work()
        for task in tasks:
            task.result()
        with self._changed:
            self._ended = True  # one that the pool begins late finds nothing to do
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while (walk := self._take()) is not None:
                self._walk(walk)
        except BaseException as end:  # noqa: BLE001 - it is raised where the pass is run
            with self._changed:
                self._failure = self._failure or end
                self._changed.notify_all()

    def _take(self) -> Walk | None:
        """An order to go on with; None at the end."""
        while True:
            with self._changed:
                while not (self._ready or self._over() or self._may_refill()):
                    self._changed.wait()
                if self._over():
                    return None
                if self._ready:
                    self._under_way += 1
                    return self._ready.popleft()
                self._refilling = True
            self._fill()

    def _may_refill(self) -> bool:
        return not self._refilling and self._dry is None

    def _over(self) -> bool:
        idle = not self._ready and not self._under_way and not any(self._waiting.values())
        return (
            self._ended
            or self._failure is not None
            or (idle and not self._dry and self._dry is not None and not self._refilling)
        )

    def _fill(self) -> None:
        with self._changed:
            full = frozenset(filter(self._sated, self._waiting))
        more: list[Walk] = []
        try:
            more = self._refill(full)
        finally:
            with self._changed:
                self._refilling = False
                self._ready.extend(more)
                freed = not all(map(self._sated, full))  # while it was looked
                self._dry = None if more or freed else full
                self._changed.notify_all()

    def _most(self, remote: str) -> int:
        return self._parallel.get(remote, sys.maxsize)

    def _sated(self, remote: str) -> bool:
        """Whether as many orders wait at a remote as should."""
        return len(self._waiting.get(remote, ())) >= QUEUE * self._most(remote)

    # --- one order --------------------------------------------------------------------------------------------

    def _walk(self, walk: Walk) -> None:
        """Takes an order's steps, as long as their remotes have a place for them."""
        walk.reserve = self._reserve
        try:
            while (step := walk.next()) is not None:
                if walk.place != step.remote:
                    self._leave(walk)
                if step.remote is not None and not self._enter(walk, step.remote):
                    return
                self._step(walk, step)
            self._leave(walk)
            (self._left if walk.again else self._done)(walk)
        except BaseException:
            self._leave(walk)
            raise
        finally:
            with self._changed:
                self._under_way -= 1
                if self._over():
                    self._changed.notify_all()

    def _step(self, walk: Walk, step: Step) -> None:
        """Takes one step, and leaves its remote unless the next one goes there too."""
        walk.keeps = None
        try:
            walk.take(step)
        finally:
            if walk.keeps != walk.place:
                self._leave(walk)
                walk.place = walk.keeps

    def _enter(self, walk: Walk, remote: str) -> bool:
        """Takes a place at a remote, or has the order wait for one, or leaves it for later."""
        if walk.place == remote:
            return True
        with self._changed:
            if self._has_place(remote):
                walk.place = remote
                return True
            queue = self._waiting.setdefault(remote, deque())
            waits = len(queue) < QUEUE * self._most(remote) + LONGEST
            if waits:
                queue.append(walk)
        if not waits:
            walk.leave()
            self._left(walk)
        return False

    def _reserve(self, remote: str) -> bool:
        """Takes a place at a remote, if it has one now."""
        with self._changed:
            return self._has_place(remote)

    def _has_place(self, remote: str) -> bool:
        if self._busy[remote] >= self._most(remote):
            return False
        self._busy[remote] += 1
        return True

    def _leave(self, walk: Walk) -> None:
        """Hands an order's place at a remote on to the one that has waited longest for it."""
        remote, walk.place = walk.place, None
        if remote is None:
            return
        with self._changed:
            queue = self._waiting.get(remote)
            if queue:
                following = queue.popleft()
                following.place = remote
                self._ready.appendleft(following)
            else:
                self._busy[remote] -= 1
            if self._dry and len(queue or ()) <= self._most(remote):  # half of them: more may be looked for
                self._dry = None
            self._changed.notify()
