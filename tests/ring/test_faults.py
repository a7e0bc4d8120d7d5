"""Each fault of the wire, once, in each operation: late at worst, or parked with the reason; never anything twice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from tests.postgres import Server
from tests.ring.harness import UNMAPPED, World, assert_nothing_twice

OPTIONS: dict[Fault, dict[str, Any]] = {
    Fault.HUGE: {"size": 2_000_000},
    Fault.GZIP_BOMB: {"size": 2_000_000},
    Fault.TOO_MANY: {"retry_after": 60},
    Fault.TIMEOUT_BEFORE: {"seconds": 5},
    Fault.TIMEOUT_AFTER: {"seconds": 5},
}
Outcome = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Place:
    """An operation, and what has to go wrong before so that it is called at all."""

    operation: str
    remote: str = "tg"
    before: tuple[tuple[Fault, str, str], ...] = ()
    version: str = "2.4"

    def __str__(self) -> str:
        return self.operation


LOST_MESSAGE = (Fault.RESET_AFTER, "tg", "add_message")
LOST_ORDER = (Fault.RESET_BEFORE, "nordnet", "orders.create")
PLACES = [
    Place("api_login"),
    Place("orders"),
    Place("order_info"),
    Place("customer_info"),
    Place("set_status"),
    Place("add_message"),
    Place("order_log", before=(LOST_MESSAGE,)),
    Place("discovery", "nordnet"),
    Place("accesses.get", "nordnet"),
    Place("services.get", "nordnet", version="2.6"),
    Place("orders.create", "nordnet"),
    Place("orders.get", "nordnet"),
    Place("orders.list", "nordnet", (LOST_ORDER,)),
    Place("subscriptions.list", "nordnet", (LOST_ORDER,) * 5),  # the unknown access's too: two others try twice before
    Place("subscriptions.get", "nordnet", (LOST_ORDER,), "2.6"),
]


WRITING = frozenset({"set_status", "add_message", "orders.create"})
LOST_EFFECT = frozenset(kind for kind in Fault if kind.value.endswith("_after"))  # in a read, the same as without it
CASES = [(kind, place) for place in PLACES for kind in Fault if place.operation in WRITING or kind not in LOST_EFFECT]
SAMPLE = frozenset({Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TIMEOUT_AFTER, Fault.TOO_MANY})  # for the other store


def play(world: World) -> Outcome:
    """A slow order, a refused one, one for an unknown access and one without a route, to their ends."""
    world.order(Script(received_ticks=1))
    world.order(Script(refuse=409, cause="Porten är upptagen"))
    world.order(socket="LT9999X09")
    world.order(service=UNMAPPED)
    with world.engine() as engine:
        for minutes in (0, 2, 20, 20, 70):
            world.clock.go_on(minutes=minutes)
            engine.run_pass(once=True)
            world.network.tick(min(minutes, 1))
    return world.outcome()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    with World(tmp_path_factory.mktemp("undisturbed")) as world:
        outcome = play(world)
    assert [ended[0] for ended in outcome.values()] == ["delivered", "waiting", "waiting", "received"]
    return outcome


@pytest.mark.parametrize(("kind", "place"), CASES, ids=str)
def test_a_fault_makes_an_order_late_or_parks_it_and_does_nothing_twice(
    tmp_path: Path, undisturbed: Outcome, kind: Fault, place: Place
) -> None:
    assert_late_at_worst(tmp_path, undisturbed, kind, place)


@pytest.mark.parametrize(
    ("kind", "place"),
    [(kind, place) for kind, place in CASES if kind in SAMPLE and place.operation in WRITING],
    ids=str,
)
def test_a_fault_does_no_more_harm_where_the_store_is_on_postgresql(
    tmp_path: Path, undisturbed: Outcome, postgres: Server, kind: Fault, place: Place
) -> None:
    assert_late_at_worst(tmp_path, undisturbed, kind, place, postgres)


def assert_late_at_worst(
    folder: Path, undisturbed: Outcome, kind: Fault, place: Place, store: Server | None = None
) -> None:
    with World(folder, timeout="0.5s", network={"version": place.version}, store=store) as world:
        for before in place.before:
            world.host.fault(*before)
        struck = world.host.fault(kind, place.remote, place.operation, **OPTIONS.get(kind, {}))
        outcome = play(world)
        assert struck.taken == 1
        assert_nothing_twice(world)
        assert len(world.network.activations()) <= 1
        changed = {number for number, ended in outcome.items() if ended != undisturbed[number]}
        if kind is not Fault.ECHO_400:
            assert {number: outcome[number] for number in changed} == {}
        for number in changed:
            assert_refusal_is_told_apart(world, number, undisturbed[number])


def assert_refusal_is_told_apart(world: World, number: str, undisturbed: tuple[Any, ...]) -> None:
    """A 400 is a refusal, whoever made it: the order is parked, and has been told nothing that isn't so."""
    reason = world.orders()[number].parked or ""
    assert "HTTP 400" in reason or world.orders()[number].park is undisturbed[4]
    assert len(world.said(number)) <= 1
    assert "delivered" not in world.told(number)
