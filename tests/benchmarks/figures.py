"""What a benchmark says, and how it measures: things to compare take turns, so that a slow moment hits them all."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio, with the absolute figures that it was made of. `ok` None: there is no target.

    `ratio` None: what it would be compared with isn't here, and `meaning` says how to get it.
    """

    name: str
    ratio: float | None
    meaning: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    megabytes: Mapping[str, float] = field(default_factory=dict)
    target: str = ""
    ok: bool | None = None

    @property
    def verdict(self) -> str:
        """One word for the table."""
        return {True: "ok", False: "missed", None: "for orientation"}[self.ok]

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "meaning": self.meaning,
            "seconds": {name: round(seconds, 6) for name, seconds in self.seconds.items()},
            "megabytes": {name: round(size, 1) for name, size in self.megabytes.items()},
            "target": self.target,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """What one turn took, in seconds: on the clock, and of the processor, which a busy machine changes less."""

    clock: float
    processor: float


def take_turns(works: Mapping[str, Work], rounds: int) -> dict[str, list[Taken]]:
    """What each work took in each round; each round does every one once, after one round that isn't kept.

    Each begins with its garbage collected, so that none pays for another's, and each round begins with another one.
    """
    names = list(works)
    taken: dict[str, list[Taken]] = {name: [] for name in names}
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            took = turn(works[name])
            if number:
                taken[name].append(took)
    return taken


def turn(work: Work) -> Taken:
    """Does a work once, its garbage being its own."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - clock, time.process_time() - processor)


def medians(taken: Mapping[str, list[Taken]]) -> dict[str, float]:
    """The median of each, on the clock."""
    return {name: statistics.median(turn.clock for turn in turns) for name, turns in taken.items()}
