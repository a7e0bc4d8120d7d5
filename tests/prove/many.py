"""Many runs on every processor: the scenarios of one seed after another, until there were enough runs.

What a run is, and whether it went wrong, is not for here.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import count, islice
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from tests.prove.world import folder_in_memory

TELL_EVERY = 10.0  # seconds
AHEAD = 2  # seeds that wait for each process, so that none is ever without one


class Tried(Protocol):
    """What runs came to."""

    runs: int
    failures: list[Any]

    def add(self, other: Self, /) -> None:
        """Takes another's figures in."""


R = TypeVar("R", bound=Tried)
Try = Callable[[int, Path, float], R]  # a seed, a folder that is the process' own, and until when


def prove(work: Try[R], total: R, runs: int, seed: int, processes: int, budget: float) -> R:
    """Adds up what comes of a seed and those after it, until there were so many runs, or the seconds are over.

    Says now and then how far it is, and each failure at once.
    """
    told = time.monotonic()
    with folder_in_memory() as folder:
        for part in _parts(work, seed, processes, folder, time.time() + budget):
            total.add(part)
            for failure in part.failures:
                print(failure, flush=True)
            if time.monotonic() - told > TELL_EVERY:
                told = time.monotonic()
                print(total, flush=True)
            if total.runs >= runs:
                break
    return total


def _parts(work: Try[R], seed: int, processes: int, folder: Path, until: float) -> Iterator[R]:
    seeds = count(seed)
    with ProcessPoolExecutor(processes) as pool:
        waiting = {pool.submit(_one, work, one, folder, until) for one in islice(seeds, AHEAD * processes)}
        try:
            while time.time() < until:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting |= {pool.submit(_one, work, next(seeds), folder, until) for _ in done}
                for one in done:
                    yield one.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _one(work: Try[R], seed: int, folder: Path, until: float) -> R:
    mine = folder / str(os.getpid())  # for all its runs, so that it stays warm
    mine.mkdir(exist_ok=True)
    return work(seed, mine, until)
