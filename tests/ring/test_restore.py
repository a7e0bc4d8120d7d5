"""A copy of the store that is brought back, made at whatever moment: nothing is lost, and nothing is done twice."""

import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncer import config as conf
from syncer import wiring
from syncer.engine import Engine
from syncer.orders import DeliveredByHand, Observation, Park, Retried, State
from syncer.simulators.on_api import Script
from syncer.store import Store
from syncer.telemetry import Redactor
from tests.ring.harness import PROGRAM, World
from tests.ring.kinds import (
    COMMANDED,
    FAILED,
    MANUAL,
    PLAIN_KIND,
    REFUSED,
    SCHEDULED,
    SLOW_KIND,
    UNROUTED,
    program,
    runs,
    tick,
    until_later,
)

STORY = (PLAIN_KIND, SLOW_KIND, REFUSED, FAILED, UNROUTED, SCHEDULED, MANUAL, COMMANDED)
EVERY = 18  # commits from one that is gone on from to the next
ACTIVATIONS = 7  # of two plain ones, the slow one, the scheduled one, the refused one, and twice of the failed one
PLAINLY = ["received", "active", "delivered"]
AGAIN = ["received", "active", "waiting", "active", "delivered"]
EXPECTED: dict[str, tuple[list[str], int]] = {
    "unmapped": (["received"], 1),
    "refused": (["received", "waiting", "active", "delivered"], 1),
    "failed": (AGAIN, 1),
}
Tap = Callable[[str], None]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, more=program(tmp_path)) as world:
        yield world


def arrive(world: World) -> dict[str, str]:
    return {kind.name: kind.arrive(world) for kind in STORY}


@contextmanager
def alive(world: World, tap: Tap) -> Iterator[Engine]:
    """The program, whose store tells of each commit."""
    config = conf.load(world.config_file)
    with Store.open(config.store.url, tap=tap) as store:
        yield wiring.engine_of(config, store, Redactor(config.secrets()), now=world.clock)


def say(world: World, number: str, word: Observation) -> None:
    """A person's word, at the world's time."""
    with world.engine() as engine:
        engine.hear(f"tg:{number}", word)


def mended(world: World, numbers: dict[str, str]) -> None:
    """The network has seen to what was wrong, and a person says so."""
    for access in world.network.network.accesses.values():
        access.script = Script(received_ticks=1)
    for name in ("refused", "failed"):
        say(world, numbers[name], Retried())


def delivered(world: World, numbers: dict[str, str]) -> None:
    say(world, numbers["manual"], DeliveredByHand())


def another(world: World, numbers: dict[str, str]) -> None:
    numbers.setdefault("another", PLAIN_KIND.arrive(world))


THEN: tuple[Callable[[World, dict[str, str]], None], ...] = (
    lambda world, _: tick(world),
    lambda world, _: tick(world),
    mended,
    another,
    lambda world, _: tick(world),
    delivered,
    lambda world, _: until_later(world),
    lambda *_: None,
)


def live(world: World, numbers: dict[str, str], tap: Tap = lambda _: None) -> Iterator[None]:
    """A pass after each thing that happens; told of each stage that is over."""
    for happens in (lambda *_: None, *THEN):
        happens(world, numbers)
        with alive(world, tap) as engine:
            engine.run_pass(once=True)
        yield


class Copies:
    """A copy of the store after each commit that is `wanted`, by its number."""

    def __init__(self, world: World, wanted: Callable[[int], bool]) -> None:
        self._world = world
        self._wanted = wanted
        self._one_at_a_time = threading.Lock()
        self.commits = 0
        self.made: list[Path] = []

    def __call__(self, what: str) -> None:
        if what != "commit.after":
            return
        with self._one_at_a_time:
            self.commits += 1
            if self._wanted(self.commits):
                with self._world.reading() as store:
                    copy = self._world.folder / f"copy-{self.commits}.db"
                    self.made.append(store.copy_to(copy, self._world.clock()).file)


def bring_back(world: World, copy: Path) -> None:
    """As a person does by hand: the syncer is stopped, and the copy put where the database was."""
    world.forget()
    shutil.copyfile(copy, world.database)


def assert_as_it_should_be(world: World, numbers: dict[str, str]) -> None:
    assert [entry for entry in world.host.effects() if entry.effect and "repeat" in entry.effect] == []
    references = Counter(json.loads(entry.body)["spReference"] for entry in world.host.effects("nordnet", "activate"))
    assert [key for key, count in references.items() if count > 1] == []
    assert len(references) == ACTIVATIONS
    assert len(runs(world)) == 1
    ours = world.orders()
    for name, number in numbers.items():
        order = ours[number]
        assert (world.told(number), len(world.said(number))) == EXPECTED.get(name, (PLAINLY, 0)), name
        if name == "unmapped":
            assert order.park is Park.ROUTE
        elif name == "command" and order.park is Park.UNCERTAIN:
            assert order.service == PROGRAM  # it can't be asked: a person says
        else:
            assert (order.state, world.portal.status(number), order.park) == (State.DELIVERED, "delivered", None), name


def test_a_copy_of_any_moment_brought_back_at_the_end_changes_nothing_anywhere(world: World) -> None:
    numbers, copies = arrive(world), Copies(world, lambda number: number % 2 == 0)
    for _ in live(world, numbers, copies):
        pass
    assert_as_it_should_be(world, numbers)
    assert len(copies.made) > 20
    effects, ran = len(world.host.effects()), len(runs(world))
    for copy in copies.made:
        bring_back(world, copy)
        world.once(2)
        assert (len(world.host.effects()), len(runs(world))) == (effects, ran), copy
        assert_as_it_should_be(world, numbers)


def goes_on(folder: Path, at: int) -> bool:
    """The story, in which a copy of commit `at` is brought back once that pass is over; whether it has so many."""
    folder.mkdir()
    with World(folder, more=program(folder)) as world:
        numbers, copies, brought = arrive(world), Copies(world, at.__eq__), False
        for _ in live(world, numbers, copies):
            if copies.made and not brought:
                bring_back(world, copies.made[0])
                brought = True
        if brought:
            _persons_word(world, numbers)
            assert_as_it_should_be(world, numbers)
        return brought


@pytest.mark.parametrize("first", [1, 10])
def test_the_story_goes_on_from_a_copy_of_any_moment_as_if_nothing_had_been(tmp_path: Path, first: int) -> None:
    at = first
    while goes_on(tmp_path / str(at), at):
        at += EVERY
    assert at > 2 * EVERY


def _persons_word(world: World, numbers: dict[str, str]) -> None:
    """What was asked of a person again, since the copy could not know what they had said, they say again."""
    for name in ("refused", "failed", "manual"):
        order = world.orders()[numbers[name]]
        if order.park in {Park.TAKEOVER, Park.REFUSED, Park.FAILED}:
            say(world, numbers[name], Retried())
        elif not order.final and name == "manual":
            say(world, numbers[name], DeliveredByHand())
    for _ in range(2):
        tick(world)
        world.once()


def test_a_copy_is_for_the_service_s_user_alone_whatever_the_umask(world: World) -> None:
    world.order()
    world.once()
    before = os.umask(0)
    try:
        with world.reading() as store:
            made = store.copy_to(world.folder / "copy.db", world.clock())
    finally:
        os.umask(before)
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in world.folder.glob(".copy*")) == []
