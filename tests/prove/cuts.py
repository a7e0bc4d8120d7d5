"""Cut everywhere: each scenario is run whole, then cut at each event of I/O, and has to end as the whole one did.

A run that is cut at an event begins from a snapshot of that moment, exactly as a killed process leaves it: the files as
they are, and the world outside. Events between which nothing lasting changes leave the same, and are one run.
"""

import math
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncer.orders import Park
from tests.prove import many
from tests.prove.play import PATIENCE, Outcome, Place, Play, full, quiet
from tests.prove.scenarios import Scenario, scenario
from tests.prove.world import Event, Knife, Snapshot, World, folder_in_memory

LASTING = frozenset(Event) - {
    Event.REQUEST_BEFORE, Event.REQUEST_ANSWER, Event.COMMIT_BEFORE, Event.COMMAND_BEFORE,
}  # fmt: skip
DEEP = 16  # one run in so many goes on to the scenario's end, though it has become equal to the whole one before
STRUCK = frozenset({"pass", "opens", "fills"})  # steps in which faults are tried
PAIRED = 1  # the orders of a scenario that is cut twice


@dataclass(slots=True)
class Moment:
    """What lasts at one event and at those after it that change nothing."""

    number: int
    events: list[str]
    place: Place
    snapshot: Snapshot

    def __str__(self) -> str:
        return f"{self.number} ({self.events[0]})"


@dataclass(slots=True)
class Whole:
    """A run without a cut: its moments, and how all stood before and after each pass. After a `restless` one, one more
    pass makes calls, because `--once` doesn't wait for what the service waits for; how that pass left all is kept, and
    what the whole comes to `with_one_more` pass then.
    """

    scenario: Scenario
    most: int
    moments: list[Moment] = field(default_factory=list)
    before: dict[int, tuple[Place, Snapshot]] = field(default_factory=dict)
    after: dict[int, Any] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=dict)
    restless: dict[int, tuple[Place, Snapshot]] = field(default_factory=dict)
    with_one_more: dict[int, Outcome] = field(default_factory=dict)

    def next_pass(self, step: int) -> int:
        """The step after the first pass that is over before `step`, or comes then."""
        steps = self.scenario.steps
        return next(number for number in range(step, len(steps) + 1) if steps[number - 1].what == "pass")


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that went wrong, and the words that play it again."""

    seed: int
    most: int
    cuts: tuple[int, ...]
    kind: str
    problems: tuple[str, ...]

    @property
    def replay(self) -> str:
        """The command that plays it again."""
        return " ".join(map(str, ("python -m tests.prove.cuts", self.seed, self.most, *self.cuts)))

    def __str__(self) -> str:
        return "\n  ".join([f"{self.kind}: {self.replay}", *self.problems])


@dataclass(slots=True)
class Result:
    """What was tried, and what went wrong."""

    scenarios: int = 0
    points: int = 0
    runs: int = 0
    pairs: int = 0
    to_the_end: int = 0
    asked: int = 0
    events: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        """Takes another's figures in."""
        for name in ("scenarios", "points", "runs", "pairs", "to_the_end", "asked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.events += other.events
        self.failures += other.failures

    def count(self, kind: str) -> int:
        """How many runs failed so: lost, doubled, stuck."""
        return sum(failure.kind == kind for failure in self.failures)

    def __str__(self) -> str:
        counts = ", ".join(f"{self.count(kind)} {kind}" for kind in ("lost", "doubled", "stuck"))
        return (
            f"{self.scenarios} scenarios, {self.points} cut points, {self.runs} runs ({self.pairs} cut twice, "
            f"{self.to_the_end} to the end, {self.asked} with a person asked): {counts}"
        )


# --- recording ------------------------------------------------------------------------------------------------


class Recorder:
    """Watches a run, and keeps each of its moments."""

    def __init__(self, play: Play) -> None:
        self.moments: list[Moment] = []
        self._play = play
        self._step = -1

    def __call__(self, number: int, event: str) -> None:
        place = self._play.place
        if place.step == self._step and event not in LASTING:
            self.moments[-1].events.append(event)
            return
        snapshot = self._play.world.snapshot()
        if place.step == self._step and self.moments[-1].snapshot == snapshot:
            self.moments[-1].events.append(event)
            return
        self._step = place.step
        self.moments.append(Moment(number, [event], place, snapshot))


def world_of(chosen: Scenario, folder: Path) -> World:
    """The world of a scenario."""
    return World(
        folder,
        portal=chosen.portal,
        nordnet=chosen.nordnet,
        sydnet=chosen.sydnet,
        kode=chosen.kode,
        chain=chosen.chain,
        portal_lines=chosen.portal_lines,
        late=chosen.late,
    )


def record(chosen: Scenario, world: World, most: int) -> Whole:
    """Runs a scenario whole."""
    play, whole = Play(world, chosen), Whole(chosen, most)
    recorder = Recorder(play)
    world.knife = Knife(watch=recorder)
    passed: list[tuple[Place, Snapshot]] = []
    for number, step in enumerate(chosen.steps):
        if step.what in STRUCK:
            whole.before[number] = play.place, world.snapshot()
        play.step(number)
        if step.what == "pass":
            whole.after[number] = full(play)
            passed.append((play.place, world.snapshot()))
    whole.moments, whole.outcome = recorder.moments, play.outcome
    world.knife = Knife()
    assert not (moved := quiet(play)), f"{chosen}: it doesn't come to rest: {moved}"
    bugs = [order.parked for order in world.orders().values() if order.park is Park.BUG]
    assert not (amiss := [*world.outside.doubled(), *play.bugs, *bugs, *play.misplaced()]), f"{chosen}: {amiss}"
    for place, snapshot in passed:
        world.restore(snapshot)
        if quiet(Play(world, chosen, place)):
            whole.restless[place.step] = place, snapshot
    return whole


# --- cutting --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Run:
    """A run that goes on after a cut: the moments of its first step, and what was wrong."""

    moments: list[Moment] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    to_the_end: bool = False
    asked: bool = False


def resume(whole: Whole, moment: Moment, world: World, *, deep: bool, again: bool = False) -> Run:
    """The program's next life after a cut at a moment, until it has caught up with the whole run, or to the end.

    `deep` lets it go to the end in any case; `again` keeps its moments, to be cut once more.
    """
    world.restore(moment.snapshot)
    run, play = Run(), Play(world, whole.scenario, moment.place)
    if again:
        recorder = Recorder(play)
        world.knife = Knife(watch=recorder)
        run.moments = recorder.moments
    play.recover()
    world.knife = Knife()
    play.run(until=whole.next_pass(play.place.step))
    run.asked = play.place.asked != moment.place.asked
    if deep or not _caught_up(whole, play):
        run.to_the_end = True
        play.run()
        run.problems = [*_differences(whole.outcome, play.outcome, play.place.asked)]
        if run.problems and (known := _with_one_more(whole, whole.next_pass(moment.place.step + 1), world)):
            run.problems = [*_differences(known, play.outcome, play.place.asked)]
    if play.place.step not in whole.restless:
        run.problems += [("stuck", f"it moves still: {call}") for call in quiet(play)]
    run.problems += [("doubled", text) for text in world.outside.doubled()] + [("stuck", bug) for bug in play.bugs]
    run.problems += [("lost", text) for text in play.misplaced()]
    return run


def _with_one_more(whole: Whole, step: int, world: World) -> Outcome | None:
    """What the uncut run comes to with one more pass after this one, as a cut life makes it to ask about a call; None
    where it makes no difference.
    """
    if step in whole.restless and step not in whole.with_one_more:
        kept = world.snapshot()
        place, snapshot = whole.restless[step]
        world.restore(snapshot)
        play = Play(world, whole.scenario, place)
        world.clock.go_on(seconds=PATIENCE)
        world.run_pass(once=bool(whole.scenario.steps[step - 1].value))
        play.ask()
        play.run()
        whole.with_one_more[step] = play.outcome
        world.restore(kept)
    return whole.with_one_more.get(step)


def _caught_up(whole: Whole, play: Play) -> bool:
    """Whether all stands as it stood in the whole run after this step, so that the rest is the same."""
    return bool(whole.after[play.place.step - 1] == full(play))


def _differences(whole: Outcome, cut: Outcome, asked: frozenset[str]) -> Iterator[tuple[str, str]]:
    for number in sorted({*whole, *cut}):
        before, after = whole.get(number), cut.get(number)
        if before is None or before[1] is None or after == before:
            continue
        if after is None or after[1] is None:
            yield "lost", f"{number} is gone: {after}"
        elif not (number in asked and as_a_person_said(before, after)):
            yield _kind(before, after), f"{number} ended as {after}, and uncut as {before}"


def _kind(before: Any, after: Any) -> str:
    if before[0] is None or after[0] is None:
        return "stuck"
    more = len(after[0].told) > len(before[0].told) or after[0].said > before[0].said
    twice = len(after[0].activations) > len(before[0].activations) or after[0].parcels > before[0].parcels
    return "doubled" if more or twice else "stuck"


def as_a_person_said(before: Any, after: Any) -> bool:
    """THE ONE EXCEPTION: where a remote can't be asked, a person says that the call had its effect. The portal is then
    told `active` on the way to what came of it, which the remote's own answer would have told at once; and what came of
    it is seen a poll later, by which time the order may be over here already.
    """
    same = (after[1].state, after[1].portal_status, after[1].park)
    here = same == (before[1].state, before[1].portal_status, before[1].park)
    return bool(here and _without_active(after[0]) == _without_active(before[0]))


def _without_active(ended: Any) -> Any:
    told = tuple(status for status in ended.told if status != "active")
    return (ended.status, told, ended.said, ended.activations, ended.subscriptions, ended.parcels, ended.beyond)


# --- proving --------------------------------------------------------------------------------------------------


def prove_one(seed: int, folder: Path, *, most: int = 4, paired: int = PAIRED, until: float = math.inf) -> Result:
    """Everything that a seed's scenario can be put through, as far as that goes until a time; with at most `paired`
    orders it is cut twice, too.
    """
    chosen = scenario(seed, most)
    world, result = world_of(chosen, folder), Result(scenarios=1)
    try:
        whole = record(chosen, world, most)
        for number, moment in enumerate(whole.moments):
            if time.time() > until:
                break
            result.points += len(moment.events)
            result.events.update(moment.events)
            again = len(chosen.arrivals) <= paired
            run = _tried(result, whole, moment, world, deep=number % DEEP == seed % DEEP, again=again)
            for second in run.moments:
                result.pairs += 1
                result.points += len(second.events)
                _tried(result, whole, second, world, deep=False, first=moment)
    finally:
        world.end()
    return result


def _tried(
    result: Result,
    whole: Whole,
    moment: Moment,
    world: World,
    *,
    deep: bool,
    again: bool = False,
    first: Moment | None = None,
) -> Run:
    run = resume(whole, moment, world, deep=deep, again=again)
    result.runs += 1
    result.to_the_end += run.to_the_end
    result.asked += run.asked
    if run.problems:
        cuts = (moment.number,) if first is None else (first.number, moment.number)
        kind = min((kind for kind, _ in run.problems), key=("lost", "doubled", "stuck").index)
        texts = tuple(text for _, text in run.problems)
        result.failures.append(Failure(whole.scenario.seed, whole.most, cuts, kind, texts))
    return run


def prove(runs: int, seed: int = 1, processes: int = 2, budget: float = 600.0) -> Result:
    """Cuts the scenarios of a seed and those after it, until there were so many runs, for at most `budget` s."""
    return many.prove(_prove_one, Result(), runs, seed, processes, budget)


def _prove_one(seed: int, folder: Path, until: float) -> Result:
    return prove_one(seed, folder, until=until)


# --- playing one again ----------------------------------------------------------------------------------------


def replay(seed: int, most: int, *cuts: int) -> Run:
    """One run again, told at length."""
    chosen = scenario(seed, most)
    print(chosen, dict(chosen.portal), dict(chosen.nordnet), dict(chosen.sydnet), chosen.portal_lines, sep="\n")
    with folder_in_memory() as folder:
        world = world_of(chosen, folder)
        whole = record(chosen, world, most)
        moments, run = whole.moments, Run()
        for number in cuts:
            moment = next(moment for moment in reversed(moments) if moment.number <= number)
            print(f"cut at {moment} in step {moment.place.step}, {chosen.steps[moment.place.step]}")
            run = resume(whole, moment, world, deep=True, again=True)
            moments = run.moments
        for order in world.store.orders():
            for entry in world.store.history(order=order.name):
                print(entry.at.time(), order.name, entry.event, entry.text)
        world.end()
    for kind, text in run.problems:
        print(f"{kind}: {text}")
    return run


if __name__ == "__main__":
    sys.exit(bool(replay(*map(int, sys.argv[1:])).problems))
