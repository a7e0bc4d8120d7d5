"""Claims about how many orders are worked on at once: each to its end, and no remote with more calls than it takes."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from syncer.engine.flow import Flow
from syncer.engine.steps import Step
from syncer.orders import Act, Next

NEXT = Next(Act.LOOK, "a step")


class FakeWalk:
    """Steps at remotes, one after another; a step without a remote is one of ours."""

    def __init__(self, town: "Town", name: str, remotes: Iterable[str | None]) -> None:
        self.name, self.left = name, list(remotes)
        self.again = False
        self.place: str | None = None
        self.keeps: str | None = None
        self.reserve: Callable[[str], bool] = lambda _: True
        self._town = town

    def next(self) -> Step | None:
        return Step(NEXT, self.left[0]) if self.left else None

    def take(self, step: Step) -> None:
        self._town.call(self, step.remote)
        self.left.pop(0)
        if self.left and self.left[0] and (self.left[0] == self.place or self.reserve(self.left[0])):
            self.keeps = self.left[0]

    def leave(self) -> None:
        """It goes no further now."""


class Town:
    """The remotes, and who is where."""

    def __init__(self, pause: Callable[[str], float] = lambda _: 0.0) -> None:
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.overlaps: list[str] = []
        self._inside: set[str] = set()
        self._pause = pause
        self._lock = threading.Lock()

    def call(self, walk: FakeWalk, remote: str | None) -> None:
        if remote is None:
            return
        with self._lock:
            if walk.name in self._inside:
                self.overlaps.append(walk.name)
            self._inside.add(walk.name)
            self.at_once[remote] += 1
            self.most[remote] = max(self.most[remote], self.at_once[remote])
        time.sleep(self._pause(remote))
        with self._lock:
            self._inside.discard(walk.name)
            self.at_once[remote] -= 1


def run(walks: list[FakeWalk], parallel: dict[str, int], workers: int, portion: int = 4) -> list[str]:
    """Works on all of them; the names of those that came to their end, in order."""
    over: list[str] = []
    waiting = list(walks)

    def refill(full: Collection[str]) -> Any:
        chosen = [walk for walk in waiting if walk.left and walk.left[0] not in full][:portion]
        for walk in chosen:
            waiting.remove(walk)
        return chosen

    def done(walk: Any) -> None:
        over.append(walk.name)

    def left(walk: Any) -> None:
        waiting.append(walk)

    with ThreadPoolExecutor(workers) as pool:
        Flow(refill, parallel, done, left).run(pool, workers)
    return over


@pytest.mark.parametrize("seed", range(40))
def test_every_order_comes_to_its_end_and_no_remote_gets_more_calls_than_it_takes(seed: int) -> None:
    chance = random.Random(seed)
    parallel = {name: chance.randint(1, 3) for name in ("portal", "network", "other")}
    town = Town(lambda _: chance.choice([0.0, 0.0, 0.0005]))
    remotes = [*parallel, None]
    walks = [FakeWalk(town, str(n), chance.choices(remotes, k=chance.randint(1, 8))) for n in range(60)]
    over = run(walks, parallel, workers=chance.randint(1, 9), portion=chance.randint(1, 20))
    assert sorted(over, key=int) == [str(number) for number in range(60)]
    assert all(town.most[name] <= most for name, most in parallel.items())
    assert town.overlaps == []


def test_orders_of_a_slow_remote_hold_up_no_other_s() -> None:
    town = Town(lambda remote: 0.2 if remote == "slow" else 0.0)
    slow = [FakeWalk(town, f"slow {number}", ["portal", "slow"]) for number in range(40)]
    quick = [FakeWalk(town, f"quick {number}", ["portal", "quick"]) for number in range(40)]
    over = run([*slow, *quick], {"portal": 2, "slow": 2, "quick": 2}, workers=6)
    assert len(over) == 80
    assert sum(name.startswith("slow") for name in over[:45]) <= 8  # all the quick ones pass them by


def test_one_order_alone_needs_no_other_thread() -> None:
    town = Town()
    before = threading.active_count()
    with ThreadPoolExecutor(8) as pool:
        walks: list[Any] = [FakeWalk(town, "1", ["portal", "network", "portal"])]
        over: list[str] = []
        Flow(lambda _: [walks.pop()] if walks else [], {"portal": 1}, lambda w: over.append(w.name), print).run(pool, 8)
        assert threading.active_count() == before
    assert over == ["1"]


def test_what_ends_the_pass_in_one_thread_ends_it_in_all() -> None:
    town = Town()

    class Cut(BaseException):
        pass

    def call(walk: FakeWalk, remote: str | None) -> None:
        raise Cut

    town.call = call  # type: ignore[method-assign] # the double's own
    with pytest.raises(Cut):
        run([FakeWalk(town, str(number), ["portal"]) for number in range(20)], {"portal": 2}, workers=4)


def test_a_place_that_gets_free_while_more_is_looked_for_is_not_missed() -> None:
    asked, first_over, over = threading.Event(), threading.Event(), []
    town = Town(lambda _: float(not asked.wait(30)))  # a call lasts until more is looked for
    todo: list[Any] = [FakeWalk(town, name, ["portal"]) for name in ("1", "2", "3", "4")]

    def refill(full: Collection[str]) -> list[Any]:
        if "portal" in full:
            asked.set()
            first_over.wait(30)
            return []
        return [todo.pop(0)] if todo else []

    def done(walk: Any) -> None:
        over.append(walk.name)
        first_over.set()  # its place is free by then

    flow = Flow(refill, {"portal": 1}, done, print)
    workers = [threading.Thread(target=flow._work, daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert not any(worker.is_alive() for worker in workers)
    assert over == ["1", "2", "3", "4"]
