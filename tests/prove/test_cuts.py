"""Cut everywhere, a sample: the long run is `cuts.prove`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.prove import kode_stories
from tests.prove.cuts import Whole, prove_one, record, resume, world_of
from tests.prove.play import Play, quiet
from tests.prove.scenarios import KINDS, Arrival, Scenario, Step, scenario
from tests.prove.world import UNMAPPED, Cut, Event, Fault, Knife, Script, World, folder_in_memory

SEEDS = (3, 8, 21, 34)
KODE_SEEDS = (17, 52)
PAIRED = 55
SMALL = Scenario(
    0,
    arrivals=(
        Arrival("plain"),
        Arrival("slow", script=Script(received_ticks=1)),
        Arrival("none", {"service": UNMAPPED}),
    ),
    steps=(
        *(Step("arrive", who) for who in range(3)),
        Step("pass", value=True),
        Step("tick"),
        Step("time", value=61.0),
        Step("pass", value=True),
    ),
    portal={},
    nordnet={},
    sydnet={},
)
FILES = Scenario(
    0,
    arrivals=(Arrival("files", portal="kode"),),
    steps=(
        Step("arrive", 0),
        Step("kode", 0, ("add_file", {"filename": "plan.pdf", "on": "order"})),
        Step("name", 0),
        Step("pass", value=True),
        Step("kode", 0, ("delete_file", {"file": 0})),
        Step("time", value=61.0),
        Step("pass", value=True),
    ),
    portal={},
    nordnet={},
    sydnet={},
    kode={},
)


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_in_memory() as made:
        yield made


@pytest.fixture
def whole(folder: Path) -> Iterator[tuple[Whole, World]]:
    world = world_of(SMALL, folder)
    yield record(SMALL, world, 3), world
    world.end()


def test_the_same_scenario_runs_the_same_way_each_time(folder: Path) -> None:
    runs = []
    for _ in range(2):
        world, events = world_of(scenario(7), folder), list[str]()
        world.knife = Knife(watch=lambda _, event, events=events: events.append(event))  # type: ignore[misc]
        play = Play(world, scenario(7))
        play.run()
        runs.append((events, play.outcome))
        world.end()
    assert runs[0] == runs[1]


def test_a_program_that_was_cut_does_nothing_any_more(folder: Path) -> None:
    world = World(folder)
    world.outside.order()
    world.knife = Knife(at=20)
    with pytest.raises(Cut):
        world.run_pass()
    asked, left = world.outside.asked, world.snapshot()
    with pytest.raises(Cut):
        world.run_pass()
    assert (world.outside.asked, world.snapshot()) == (asked, left)
    world.end()


def test_a_life_from_a_snapshot_goes_as_one_after_a_real_cut(whole: tuple[Whole, World], folder: Path) -> None:
    recorded, world = whole
    for moment in recorded.moments[::4]:
        resumed = resume(recorded, moment, world, deep=True)
        assert resumed.problems == []
        from_snapshot = world.outside.ended(), world.orders()
        world.end()
        really = world_of(SMALL, folder)
        play = Play(really, SMALL)
        really.knife = Knife(at=moment.number)
        with really.mortal():
            play.run()
        play.recover()
        play.run()
        quiet(play)
        assert (really.outside.ended(), really.orders()) == from_snapshot
        really.end()


def test_every_event_is_a_cut_point_and_those_that_change_nothing_share_a_run(whole: tuple[Whole, World]) -> None:
    recorded, _ = whole
    points = sum(len(moment.events) for moment in recorded.moments)
    assert recorded.moments[-1].number + len(recorded.moments[-1].events) - 1 == points
    first = {moment.events[0] for moment in recorded.moments}
    assert first == {Event.REQUEST_BEFORE, Event.REQUEST_EFFECT, Event.COMMIT_AFTER}


def test_every_kind_of_order_comes_in_the_first_scenarios() -> None:
    names = {teller.__name__ for teller in (*KINDS, *kode_stories.KINDS)}
    kinds = {arrival.kind for seed in range(600) for arrival in scenario(seed).arrivals}
    assert len(kinds) >= len(names)


def test_a_fifth_of_the_scenarios_has_an_account_at_kode_of_either_generation() -> None:
    accounts = [chosen.kode for chosen in map(scenario, range(200)) if chosen.kode is not None]
    assert len(accounts) == 40
    assert {account.get("generation", "v20") for account in accounts} == {"v20", "v17"}


def test_each_effect_on_the_disk_is_a_cut_point(folder: Path) -> None:
    world = world_of(FILES, folder)
    recorded = record(FILES, world, 1)
    first = {moment.events[0] for moment in recorded.moments}
    assert first >= {Event.PART_MADE, Event.FILE_WRITTEN, Event.FILE_RENAMED, Event.FILE_REMOVED}
    assert {path for moment in recorded.moments for path in moment.snapshot.files} >= {"kode:7000001/plan.pdf"}
    world.end()


def test_what_is_ours_already_is_told_so_whether_or_not_the_answer_is_lost(folder: Path) -> None:
    ended = []
    for cut in (False, True):
        world = World(folder, nordnet={"version": "2.6", "subscriptions": False})
        number = world.outside.order()
        world.run_pass()
        world.outside.portal.change_status(number, "active")  # reopened there
        world.run_pass()
        world.outside.fault(Fault.RESET_AFTER, "nordnet", "orders.create", times=int(cut))
        world.say("retry", number)
        world.run_pass()
        ended.append((world.outside.portal.status(number), world.orders()[number].park))
        world.end()
    assert ended == [("delivered", None)] * 2


def test_an_order_that_failed_is_not_made_again_where_it_can_not_be_seen(folder: Path) -> None:
    world = World(folder, nordnet={"events": False, "finished_listed": False})
    number = world.outside.order(Script(end="DONE_FAILED", message="Mörk fiber"))
    world.outside.fault(Fault.RESET_AFTER, "nordnet", "orders.create")
    world.run_pass()
    world.end()
    assert world.outside.ended()[number].activations == ("DONE_FAILED",)


def test_what_was_done_while_nobody_looked_is_not_called_overdue(folder: Path) -> None:
    world = World(folder)
    number = world.outside.order(Script(received_ticks=1))
    world.run_pass()
    world.outside.tick()
    world.outside.portal.change_status(number, "waiting")  # so that it is read before the network is asked
    world.clock.go_on(days=15)
    world.run_pass()
    world.clock.go_on(minutes=2)
    world.run_pass()
    ended = world.outside.ended()[number]
    world.end()
    assert (ended.status, ended.said) == ("delivered", 0)


@pytest.mark.parametrize("seed", SEEDS + KODE_SEEDS)
def test_cut_at_any_event_a_scenario_ends_as_it_does_uncut(folder: Path, seed: int) -> None:
    result = prove_one(seed, folder, most=3, paired=0)
    assert [str(failure) for failure in result.failures] == []
    assert result.runs > 20


def test_cut_while_it_recovers_from_a_cut_a_scenario_ends_as_it_does_uncut(folder: Path) -> None:
    result = prove_one(PAIRED, folder, most=1)
    assert [str(failure) for failure in result.failures] == []
    assert result.pairs > 50
