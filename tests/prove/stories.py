"""The values that a scenario is made of: steps, orders as they come, and stories. What is told is not for here."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncer.simulators.on_api import Script


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, which `play.py` knows how to do; `who` is the place of the order that it is about."""

    what: str
    who: int = -1
    value: Any = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One order as it comes: its fields in the portal, and what it meets in the networks."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    script: Script | None = None
    portal: str = "tg"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, from the first listing until nothing can be waited for any more."""

    seed: int
    arrivals: tuple[Arrival, ...]
    steps: tuple[Step, ...]
    portal: Mapping[str, Any]
    nordnet: Mapping[str, Any]
    sydnet: Mapping[str, Any]
    portal_lines: str = ""
    late: tuple[str, ...] = ()
    kode: Mapping[str, Any] | None = None
    chain: Mapping[str, Any] | None = None
    pushes: bool = False

    def __str__(self) -> str:
        return f"seed {self.seed}: {', '.join(arrival.kind for arrival in self.arrivals)}"


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of order: how it comes, and what happens about it after the first pass, the second and so on."""

    arrival: Arrival
    rounds: tuple[tuple[Step, ...], ...] = ()
    before: tuple[Step, ...] = ()


Teller = Callable[[random.Random], Story]
TICK = Step("tick")


def story_of(
    kind: str,
    *rounds: Sequence[Step],
    script: Script | None = None,
    before: Sequence[Step] = (),
    portal: str = "tg",
    **fields: Any,
) -> Story:
    """A story out of its order's kind and fields, and what happens in each round."""
    return Story(Arrival(kind, fields, script, portal), tuple(tuple(steps) for steps in rounds), tuple(before))


def about(who: int, steps: Sequence[Step]) -> Iterator[Step]:
    """What happens about the first order, about another."""
    return (step if step.who < 0 else replace(step, who=who) for step in steps)
