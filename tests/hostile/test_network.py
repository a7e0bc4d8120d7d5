"""A network that hangs, drips, never ends or isn't there: each call is bounded, and other orders go on meanwhile."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from syncer import config as conf
from syncer import wiring
from syncer.simulators.on_api import OnApiSimulator, Service
from syncer.store import Store
from syncer.telemetry import Redactor
from tests.hostile.impostor import AT_ONCE, Manner, aim, black_hole, closed_port, in_place_of_the_network
from tests.hostile.machine import assert_all_end_well, assert_delivered, open_intents
from tests.ring.harness import FIBER, PASSWORD, World, assert_nothing_twice

SOUTH = """
[fulfilments.sydnet]
kind = "on_api"
url = "{url}/sydnet/onapi/2.4/"
username = "sp"
password = { file = "password.secret" }
timeout = "0.5s"
rate = 1000

[[routes]]
portal = "tg"
match = { service = "3400" }
fulfilment = "sydnet"
service = "FIBER-250-250"
"""
NOWHERE = "nowhere.example"
Place = Callable[[], AbstractContextManager[str]]


@contextmanager
def two_networks(folder: Path) -> Iterator[tuple[World, OnApiSimulator]]:
    """A world with a second network, which is well."""
    south = OnApiSimulator("sydnet", username="sp", password=PASSWORD, mount="/sydnet", version="2.4")
    with World(folder, timeout="0.5s", others={"/sydnet": south}, more=SOUTH) as world:
        yield world, south


def southern_order(world: World, south: OnApiSimulator) -> str:
    south.add_access("LT9001C03", [Service(FIBER)])
    return world.order(service="3400", socket="LT9001C03")


def assert_others_go_on(world: World, south: OnApiSimulator) -> list[str]:
    """Two passes with a bad network: another one's order ends in the first, and nothing is done twice."""
    ours = [world.order(), world.order()]
    other = southern_order(world, south)
    for _ in range(2):
        world.once()
        assert_delivered(world, other)
    assert_nothing_twice(world)
    assert {number: world.told(number)[:1] for number in ours} == {number: ["received"] for number in ours}
    assert {number: world.said(number) for number in ours} == {number: [] for number in ours}
    return [*ours, other]


@pytest.mark.parametrize("manner", [one for one in Manner if one is not Manner.HANDSHAKE_DRIPS], ids=str)
def test_a_network_with_bad_manners_delays_no_other_s_orders_and_its_own_end_when_it_is_well(
    tmp_path: Path, manner: Manner
) -> None:
    with two_networks(tmp_path) as (world, south), in_place_of_the_network(world, lambda _: manner) as impostor:
        numbers = assert_others_go_on(world, south)
        assert impostor.struck
        impostor.manner = lambda _: None
        world.clock.go_on(minutes=20)  # what could not be read is read again after a quarter of an hour
        assert_all_end_well(world, *numbers, passes=3)


@pytest.mark.parametrize("manner", [Manner.HANDSHAKE_DRIPS, Manner.NEVER_READ, Manner.ANSWERED_TOO_EARLY], ids=str)
def test_a_handshake_that_never_ends_delays_no_other_s_orders(tmp_path: Path, manner: Manner) -> None:
    with two_networks(tmp_path) as (world, south), in_place_of_the_network(world, lambda _: manner) as impostor:
        aim(world, impostor.url.replace("http", "https"), impostor.url)
        numbers = assert_others_go_on(world, south)
        assert impostor.struck
        assert open_intents(world) == []
        world.configure()
        assert_all_end_well(world, *numbers)


@pytest.mark.parametrize("place", [closed_port, black_hole], ids=lambda place: place.__name__)
def test_a_network_that_is_not_there_delays_no_other_s_orders_and_its_own_end_when_it_is(
    tmp_path: Path, place: Place
) -> None:
    with two_networks(tmp_path) as (world, south):
        with place() as url:
            aim(world, url)
            numbers = assert_others_go_on(world, south)
            assert open_intents(world) == []
        world.configure()
        assert_all_end_well(world, *numbers)


@pytest.mark.parametrize("host", ["x" * 70 + ".example", "a..example", "[::1]:1"])
def test_an_address_that_can_not_be_called_delays_no_other_s_orders(tmp_path: Path, host: str) -> None:
    with two_networks(tmp_path) as (world, south):
        aim(world, f"http://{host}")
        numbers = assert_others_go_on(world, south)
        assert open_intents(world) == []
        world.configure()
        assert_all_end_well(world, *numbers)


@pytest.mark.parametrize("manner", [one for one in Manner if one not in AT_ONCE], ids=str)
def test_an_answer_to_an_order_that_misbehaves_leaves_the_order_to_be_asked_about(
    tmp_path: Path, manner: Manner
) -> None:
    with World(tmp_path, at=None, timeout="0.5s") as world:
        struck: list[str] = []

        def first_create(request: str) -> Manner | None:
            if request.startswith("POST") and not struck:
                struck.append(request)
                return manner
            return None

        with in_place_of_the_network(world, first_create):
            numbers = [world.order(), world.order()]
            world.once()
            assert struck
            assert_nothing_twice(world)
            assert_all_end_well(world, *numbers, passes=3)


# --- names ----------------------------------------------------------------------------------------------------


@dataclass
class Resolver:
    """The system's resolver, for which one name is a trouble: it doesn't know it, or never says (till it gives up)."""

    silent: bool
    gave_up: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    real: Callable[..., Any] = socket.getaddrinfo

    def __call__(self, host: Any, *arguments: Any, **more: Any) -> Any:
        if host != NOWHERE:
            return self.real(host, *arguments, **more)
        if self.silent:
            self.gave_up |= not self.ended.wait(5)  # ten times as long as a call may take
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize("silent", [False, True])
def test_a_name_that_does_not_resolve_delays_no_other_s_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    resolver = Resolver(silent)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with two_networks(tmp_path) as (world, south):
        aim(world, f"http://{NOWHERE}")
        numbers = assert_others_go_on(world, south)
        assert open_intents(world) == []
        resolver.ended.set()
        assert not resolver.gave_up
        world.configure()
        assert_all_end_well(world, *numbers)


# --- one order alone ------------------------------------------------------------------------------------------


@contextmanager
def lives(world: World, workers: int) -> Iterator[Callable[[], object]]:
    """The program in this process with so many workers; each call is a pass, as the service makes them."""
    config = conf.load(world.config_file)
    with Store.open(config.store.url) as store:
        engine = wiring.engine_of(config, store, Redactor(config.secrets()), now=world.clock, workers=workers)
        yield lambda: engine.run_pass(sources=["tg"])


@pytest.mark.parametrize("manner", [Manner.HUNG, Manner.BODY_DRIPS], ids=str)
@pytest.mark.parametrize(("bad", "workers"), [(1, 4), (1, 1), (2, 2)])
def test_orders_that_a_network_never_answers_delay_the_others_by_one_pass_at_most(
    tmp_path: Path, manner: Manner, bad: int, workers: int
) -> None:
    poisonous = {f"LT{number + 1:04d}B02" for number in range(bad)}

    def poison(request: str) -> Manner | None:
        return manner if any(access in request for access in poisonous) else None

    with World(tmp_path, timeout="0.5s") as world, in_place_of_the_network(world, poison) as impostor:
        numbers = [world.order() for _ in range(bad + 3)]
        with lives(world, workers) as a_pass:
            for _ in range(3):
                a_pass()
                world.clock.go_on(minutes=2)
        assert_delivered(world, *numbers[bad:])
        assert [world.told(number) for number in numbers[:bad]] == [["received"]] * bad
        impostor.manner = lambda _: None
        world.clock.go_on(hours=1)
        assert_all_end_well(world, *numbers)
