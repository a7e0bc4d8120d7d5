"""Faults at every request: each way in which an exchange can go wrong, at each request of a scenario, alone and with a
cut after it.

A fault may make an order late, or park it with a true reason. It may never have anything done twice, lose an order, or
delay another order by more than one pass.
"""

import math
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from syncer.orders import Park, is_ours, reference
from tests.prove import many
from tests.prove.chain_faults import SILENT, not_made, not_shown, worked_on
from tests.prove.cuts import Moment, Recorder, Whole, as_a_person_said, record, world_of
from tests.prove.outside import TOKEN, writes
from tests.prove.play import Outcome, Place, Play, full, quiet
from tests.prove.scenarios import CHAINED, scenario
from tests.prove.world import Event, Fault, Knife, Outside, Snapshot, World, folder_in_memory

CHAIN_EVERY = 11  # one fault in so many of a scenario of the chain, which has many calls: others in each scenario
LATER = 90.0  # seconds from the pass with the fault to the next: longer than any remote asks for
REST = (1201.0, 4201.0)  # seconds to passes after which nothing is waited for that a fault made wait
UNSEEN = frozenset({Fault.EMPTY, Fault.EMPTY_AFTER, Fault.GARBAGE, Fault.GARBAGE_AFTER, Fault.CUT, Fault.BOMB})
"""AN EXCEPTION: an answer of 200 with other bytes than a file's. Nothing that KODE says tells one from the file."""
LOST = frozenset(kind for kind in Fault if kind.value.endswith("_after"))  # for a read the same as without an effect


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a pass: what it asks, whether it may change something, and the order that it is about; and the
    file that it is for.
    """

    operation: str
    writes: bool
    number: str | None
    asset: str | None = None

    def concerns(self, number: str) -> bool:
        """Whether it is about an order, or about the one at KODE that was placed for it."""
        portals = ("tg", "vitec")
        mine = self.number is not None and any(is_ours(number, reference(one, self.number)) for one in portals)
        return number == self.number or mine


@dataclass(slots=True)
class Plain:
    """A pass without a fault: what was asked, how all stood after one more pass, and once nothing waited any more."""

    place: Place
    snapshot: Snapshot
    asked: list[Asked] = field(default_factory=list)
    outcome: Outcome = field(default_factory=dict)
    full: Any = None
    rested: Outcome = field(default_factory=dict)
    restless: bool = False


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at one request of the pass that is a scenario's step; `cut` is an event after it, if the program dies."""

    step: int
    request: int
    kind: Fault
    cut: int | None = None

    def __str__(self) -> str:
        return f"{self.step} {self.request} {self.kind}" + (f" {self.cut}" if self.cut is not None else "")


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that went wrong, and the words that play it again."""

    seed: int
    most: int
    strike: Strike
    kind: str
    problems: tuple[str, ...]

    @property
    def replay(self) -> str:
        """The command that plays it again."""
        return f"python -m tests.prove.faults {self.seed} {self.most} {self.strike}"

    def __str__(self) -> str:
        return "\n  ".join([f"{self.kind}: {self.replay}", *self.problems])


@dataclass(slots=True)
class Result:
    """What was tried, and what went wrong."""

    scenarios: int = 0
    runs: int = 0
    cut: int = 0
    parked: int = 0
    asked: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        """Takes another's figures in."""
        for name in ("scenarios", "runs", "cut", "parked", "asked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults += other.faults
        self.operations += other.operations
        self.failures += other.failures

    def count(self, kind: str) -> int:
        """How many runs failed so: lost, doubled, stuck, delayed."""
        return sum(failure.kind == kind for failure in self.failures)

    def __str__(self) -> str:
        counts = ", ".join(f"{self.count(kind)} {kind}" for kind in KINDS)
        how = f"{self.cut} with a cut, {self.parked} parked and retried, {self.asked} with a person asked"
        return (
            f"{self.scenarios} scenarios, {len(self.faults)} faults at {len(self.operations)} operations, "
            f"{self.runs} runs ({how}): {counts}"
        )


KINDS = ("lost", "doubled", "stuck", "delayed")


# --- without a fault ------------------------------------------------------------------------------------------


def plain_pass(whole: Whole, step: int, world: World) -> Plain:
    """The pass of a step in a life of its own, one more pass, and the rest."""
    plain = Plain(*whole.before[step])
    world.restore(plain.snapshot)
    play = Play(world, whole.scenario, plain.place)

    def watch(_number: int, event: str) -> None:
        if event in {Event.REQUEST_EFFECT, Event.COMMAND_AFTER}:
            plain.asked.append(_asked(world.outside, plain.asked))

    world.knife = Knife(watch=watch)
    play.step(step)
    world.knife = Knife()
    _one_more(play, once=_as_it_was(play))
    plain.outcome, plain.full = play.outcome, full(play)
    _one_more(play, *REST)
    plain.rested, plain.restless = play.outcome, bool(quiet(play))
    return plain


def _one_more(play: Play, *waits: float, once: bool = True) -> None:
    """One more pass a while later, or several."""
    for seconds in waits or (LATER,):
        play.world.clock.go_on(seconds=seconds)
        play.world.run_pass(once=once)
        play.ask()


def _as_it_was(play: Play) -> bool:
    """Whether the last pass was as `--once` makes it. The next is of its kind: the service is told by events what to
    look at, and `--once` looks at it.
    """
    return bool(play.scenario.steps[play.place.step - 1].value)


def _asked(outside: Outside, before: Sequence[Asked]) -> Asked:
    _, operation, request = outside.last
    if operation == "assets.download":
        return _for_a_file(outside, unquote(request.path.rpartition("/")[2]))
    number = _about(outside)
    if number is None and outside.chain is not None:
        number = worked_on()
    elif number is None and before:  # made for the sake of the order that the last one was about, if any
        number = before[-1].number
    return Asked(operation, writes(request), number)


def _for_a_file(outside: Outside, asset: str) -> Asked:
    assert outside.kode is not None
    number = _of_kode(outside, str(outside.kode.desk.owner(asset).collection_id))
    return Asked("assets.download", writes=False, number=number, asset=asset)


def _of_kode(outside: Outside, number: str) -> str:
    """The portal's order that one at KODE was placed for, if it was."""
    known = outside.known_as(number)
    return next((mine for mine in outside.ours if is_ours(known, outside.stem(mine))), number)


def _about(outside: Outside) -> str | None:
    """The order that the last request was about, as far as one is named in it."""
    remote, operation, request = outside.last
    if operation == "customer_info":
        customers = {order.customer: number for number, order in outside.portal._orders.items()}
        return customers.get(request.query["id"])
    if "id" in request.query:
        return request.query["id"]
    text = f"{request.path} {request.query} {request.body.decode()}"
    if remote == "kode":
        return _about_kode(outside, operation, request.path, text)
    if outside.chain is not None and remote in {"vitec", "gks4"}:
        return outside.chain.about(text, outside.ours)
    if remote == "courier":
        return next((number for number in outside.accesses if f'"{number}"' in text), None)
    network = {"nordnet": outside.nordnet, "sydnet": outside.sydnet}.get(remote)
    made = {order["order"]: order["access"] for order in network.orders()} if network is not None else {}
    access = next((made[part] for part in request.path.split("/") if part in made), None)
    sockets = outside.accesses.items()
    return next((number for number, socket in sockets if socket and (socket == access or socket in text)), None)


def _about_kode(outside: Outside, operation: str, path: str, text: str) -> str | None:
    if operation == "orders.get":
        return _of_kode(outside, path.rpartition("/")[2])
    return next((number for number in outside.ours if f'"{outside.stem(number)}.' in text), None)


# --- with one -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Run:
    """A run with a fault: the moments after it, and what was wrong."""

    moments: list[Moment] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    parked: bool = False
    asked: bool = False


def struck(whole: Whole, plain: Plain, strike: Strike, world: World) -> Run:
    """The pass with the fault, one more, and the rest where that didn't make all equal again."""
    world.restore(plain.snapshot)
    play = Play(world, whole.scenario, plain.place)
    world.outside.strike(strike.kind, skip=strike.request)
    recorder, hits = Recorder(play), []

    def watch(number: int, event: str) -> None:
        if event in {Event.REQUEST_EFFECT, Event.COMMAND_AFTER} and world.outside.struck is not None:
            hits.append(number)
        recorder(number, event)

    world.knife = Knife(watch=watch)
    play.step(strike.step)
    world.knife = Knife()
    assert len(hits) == 1, f"the fault struck {len(hits)} times"
    run = _go_on(plain, strike, play)
    run.moments = [moment for moment in recorder.moments if moment.number >= hits[0]]
    return run


def _go_on(plain: Plain, strike: Strike, play: Play) -> Run:
    """One more pass, after which no other order may be behind; and time for the one that was struck, if it needs it.

    AN EXCEPTION: a command that puts us off once takes one pass more by itself, when it is begun a pass later.

    AN EXCEPTION: who refuses our credentials, as a 400 does where a token is asked for, is left alone until a restart.
    """
    hit = plain.asked[strike.request]
    shut = hit.operation == TOKEN and strike.kind is Fault.ECHO_400
    put_off = {
        number
        for number, arrival in zip(play.place.numbers, play.scenario.arrivals, strict=False)
        if arrival.kind.endswith("put off")
    }
    _one_more(play, once=_as_it_was(play))
    if shut:
        play.world.end()
    run = Run(asked=play.place.asked != plain.place.asked)
    run.problems += [
        ("delayed", f"{number} stands as {now}, and without the fault as {then}")
        for number, then, now in _differing(plain.outcome, play.outcome)
        if not (shut or number in put_off or hit.concerns(number) or _begun_by_a_word(play, number))
        and not (number in play.place.asked and as_a_person_said(then, now))
    ]
    if full(play) != plain.full:
        _one_more(play, *REST)
        if not plain.restless:
            run.problems += [("stuck", f"it moves still: {call}") for call in quiet(play)]
        run.problems += _rested(plain, strike, play, run)
    spoilt = {hit.asset} if hit.asset is not None and strike.kind in UNSEEN else set[str]()
    run.problems += [("lost", text) for text in play.misplaced(frozenset(spoilt))]
    doubled = play.world.outside.doubled()
    run.problems += [("doubled", text) for text in doubled] + [("stuck", bug) for bug in play.bugs]
    return run


def _differing(then: Outcome, now: Outcome) -> Iterator[tuple[str, Any, Any]]:
    for number in sorted({*then, *now}):
        if then.get(number) != now.get(number):
            yield number, then.get(number), now.get(number)


def _rested(plain: Plain, strike: Strike, play: Play, run: Run) -> Iterator[tuple[str, str]]:
    hit = plain.asked[strike.request]
    reasons = {number: _true_reason(play, number) for number in play.outcome if hit.concerns(number)}
    for number, then, now in list(_differing(plain.rested, play.outcome)):
        reason = reasons.get(number)
        if reason is None and number != hit.number and hit.concerns(number) and reasons.get(hit.number or ""):
            continue  # what is placed for it is seen to with it
        if now is None or now[1] is None:
            yield "lost", f"{number} is gone: {now}"
        elif _excepted(strike, hit, number, then, now):
            continue
        elif reason is not None:
            run.parked = True
            yield from _retried(play, number, then, reason)
        elif not (number in play.place.asked and (as_a_person_said(then, now) or _begun_on_a_word(then))):
            yield "stuck", f"{number} ended as {now}, and without the fault as {then}"


def _begun_by_a_word(play: Play, number: str) -> bool:
    """AN EXCEPTION: what a person said was placed is first seen by the pass after that word."""
    return any(is_ours(number, play.world.outside.stem(one)) for one in play.place.asked)


def _excepted(strike: Strike, hit: Asked, number: str, then: Any, now: Any) -> bool:
    """THE EXCEPTIONS, of which each says itself what it is."""
    if hit.asset is not None:
        other = strike.kind in UNSEEN and then[1] is not None and then[1].park is Park.FILES
        return hit.concerns(number) and (
            other or not_shown(then, now)
        )  # other bytes may be kept than what is too large
    if strike.kind is Fault.EMPTY and hit.operation in SILENT:
        return hit.concerns(number) and not_made(then, now)
    return strike.kind is Fault.ECHO_400 and hit == Asked("add_message", True, number) and _unsaid(then, now)


def _begun_on_a_word(then: Any) -> bool:
    """AN EXCEPTION: what was taken over as begun by nobody that we know is parked. Where the network can't be asked, it
    is parked as uncertain instead, and a person who says `not-done` has it begun.
    """
    return bool(then[1].park == Park.TAKEOVER)


def _unsaid(then: Any, now: Any) -> bool:
    """AN EXCEPTION: a message that the portal refuses with a 400 isn't written, and else all is the same."""
    return bool(now[1] == then[1] and replace(now[0], said=now[0].said + 1) == then[0])


TRUE_REASONS = {
    Park.REFUSED: ("HTTP 400",),
    Park.PORTAL: ("HTTP 400",),
    Park.CANCEL: ("HTTP 400",),
    Park.UNREADABLE: ("unreadable",),
    Park.REGISTER: ("HTTP 400", "has no office.corporateNumber"),
    Park.FILES: ("larger than max_file_size", "its address is at 127.0.0.1", "HTTP 400"),
}


def _true_reason(play: Play, number: str) -> str | None:
    """Why an order is parked, where that is what the fault did: a 400 is a refusal, whoever sent it."""
    order = play.world.orders().get(_there(play, number))
    if order is None:
        return None
    marks = TRUE_REASONS.get(order.park, ()) if order.park is not None else ()
    return order.parked if order.parked is not None and any(mark in order.parked for mark in marks) else None


def _there(play: Play, number: str) -> str:
    """The number of an order, which in the end is known by another's reference."""
    outside, ours = play.world.outside, play.world.orders()
    return next((one for one in ours if outside.known_as(one) == number), number)


def _retried(play: Play, number: str, then: Any, reason: str) -> Iterator[tuple[str, str]]:
    """An operator who says `retry` has it end as it would have, told once more at most; unless it would have been
    parked in any case, where `retry` means to begin anew.
    """
    if then[1].park is not None:
        return
    play.world.say("retry", _there(play, number))
    _one_more(play)
    now: Any = play.outcome[number]
    if now[1] != then[1] or now[0].status != then[0].status:
        yield "stuck", f"{number} was parked ({reason}), and retried ended as {now}, and without the fault as {then}"
    if now[0].said > then[0].said + 1 or now[0].parcels > then[0].parcels:
        yield "doubled", f"{number} was parked ({reason}), and ended as {now}, and without the fault as {then}"


# --- proving --------------------------------------------------------------------------------------------------


def prove_one(seed: int, folder: Path, *, most: int = 3, until: float = math.inf, every: int = 1) -> Result:
    """Every fault at every request of a seed's scenario, in each pass that writes and in the first that doesn't; as far
    as that goes until a time. For a sample, one in `every`.
    """
    chosen, result = scenario(seed, most), Result(scenarios=1)
    world, chance = world_of(chosen, folder), random.Random(seed)
    turn = count(seed if seed >= CHAINED else 0)
    try:
        whole = record(chosen, world, most)
        for plain in _worth_striking(whole, world):
            for request, asked in enumerate(plain.asked):
                for kind in Fault if time.time() < until else ():
                    if (asked.writes or kind not in LOST) and next(turn) % every == 0:
                        result.operations[asked.operation] += 1
                        result.faults[kind] += 1
                        _try(result, whole, plain, Strike(plain.place.step, request, kind), world, chance)
    finally:
        world.end()
    return result


def _worth_striking(whole: Whole, world: World) -> Iterator[Plain]:
    idle = False
    for step in whole.before:
        plain = plain_pass(whole, step, world)
        wrote = any(asked.writes for asked in plain.asked)
        if wrote or not idle or whole.scenario.steps[step].what != "pass":
            yield plain
        idle = idle or not wrote


def _try(result: Result, whole: Whole, plain: Plain, strike: Strike, world: World, chance: random.Random) -> None:
    run = struck(whole, plain, strike, world)
    _note(result, whole, strike, run)
    if run.moments:
        moment = chance.choice(run.moments)
        again = Strike(strike.step, strike.request, strike.kind, moment.number)
        result.cut += 1
        _note(result, whole, again, _cut_after(whole, plain, again, moment, world))


def _cut_after(whole: Whole, plain: Plain, strike: Strike, moment: Moment, world: World) -> Run:
    """The next life, after a fault and a cut."""
    world.restore(moment.snapshot)
    play = Play(world, whole.scenario, moment.place)
    play.step(strike.step)
    return _go_on(plain, strike, play)


def _note(result: Result, whole: Whole, strike: Strike, run: Run) -> None:
    result.runs += 1
    result.parked += run.parked
    result.asked += run.asked
    if run.problems:
        kind = min((kind for kind, _ in run.problems), key=KINDS.index)
        texts = tuple(dict.fromkeys(text for _, text in run.problems))
        result.failures.append(Failure(whole.scenario.seed, whole.most, strike, kind, texts))


def prove(runs: int, seed: int = 1, processes: int = 2, budget: float = 600.0) -> Result:
    """Strikes the scenarios of a seed and those after it, until there were so many runs, for at most `budget` s."""
    return many.prove(_prove_one, Result(), runs, seed, processes, budget)


def _prove_one(seed: int, folder: Path, until: float) -> Result:
    return prove_one(seed, folder, until=until, every=CHAIN_EVERY if seed >= CHAINED else 1)


# --- playing one again ----------------------------------------------------------------------------------------


def replay(seed: int, most: int, strike: Strike) -> Run:
    """One run again, told at length."""
    chosen = scenario(seed, most)
    print(chosen, dict(chosen.portal), dict(chosen.nordnet), dict(chosen.sydnet), chosen.portal_lines, sep="\n")
    with folder_in_memory() as folder:
        world = world_of(chosen, folder)
        whole = record(chosen, world, most)
        plain = plain_pass(whole, strike.step, world)
        print(f"{strike.kind} at {plain.asked[strike.request]} in step {strike.step}, {chosen.steps[strike.step]}")
        run = struck(whole, plain, strike, world)
        if strike.cut is not None:
            moment = next(moment for moment in run.moments if moment.number == strike.cut)
            print(f"cut at {moment}")
            run = _cut_after(whole, plain, strike, moment, world)
        for order in world.store.orders():
            for entry in world.store.history(order=order.name):
                print(entry.at.time(), order.name, entry.event, entry.text)
        world.end()
    for kind, text in run.problems:
        print(f"{kind}: {text}")
    return run


def _main(words: Sequence[str]) -> int:
    seed, most, step, request, kind, *cut = words
    strike = Strike(int(step), int(request), Fault(kind), int(cut[0]) if cut else None)
    return bool(replay(int(seed), int(most), strike).problems)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
