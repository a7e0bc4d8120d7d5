"""Promise 3: with the database gone at whatever moment, nothing is done again, and the orders end the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import Park
from syncer.simulators.host import Fault
from tests.postgres import Server
from tests.ring.harness import World, assert_nothing_twice, changes_something
from tests.ring.kinds import (
    COMMANDED,
    FAILED,
    HELD,
    KINDS,
    MANUAL,
    PLAIN_KIND,
    REFUSED,
    SLOW_KIND,
    UNROUTED,
    Kind,
    runs,
    until_later,
)

Ending = tuple[str, tuple[str, ...], bool]


def nothing(world: World) -> None:
    """What happens when nothing does."""


def to_the_end(world: World, kind: Kind, *, forgetful: bool = False) -> None:
    """A pass, and one more after each thing that happens; then two in which nothing does."""
    for happens in (*kind.then, nothing, nothing):
        world.once()
        if forgetful:
            world.forget()
        happens(world)
    world.once()


def ending(world: World, number: str) -> Ending:
    """How an order ended, as the portal and a person see it."""
    order = world.orders()[number]
    assert order.final or order.parked or order.fulfilment == "desk", f"{order} has not come to an end"
    return world.portal.status(number), tuple(world.told(number)), order.park is not None


def undisturbed(folder: Path, kind: Kind) -> tuple[Ending, int, int]:
    """The ending without any loss, and how many messages and writing calls it took."""
    with kind.world(folder) as world:
        number = kind.arrive(world)
        to_the_end(world, kind)
        return ending(world, number), len(world.said(number)), len(world.writes())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not HELD], ids=lambda kind: kind.name)
def test_an_order_ends_the_same_when_the_database_is_lost_after_every_pass(
    tmp_path: Path, store: Server | None, kind: Kind
) -> None:
    expected, said, _ = undisturbed(tmp_path / "undisturbed", kind)
    with kind.world(tmp_path / "forgetful", store=store) as world:
        number = kind.arrive(world)
        to_the_end(world, kind, forgetful=True)
        assert ending(world, number) == expected
        assert len(world.said(number)) == said
        assert len(runs(world)) <= 1
        assert_nothing_twice(world)


def lose_it_at_call(world: World, kind: Kind, number_of_call: int, answered: Fault) -> None:
    """The program runs until a writing call is made, whose answer is lost, and with it everything but the remotes."""
    lost = world.host.fault(answered, where=changes_something, skip=number_of_call)
    world.host.fault(Fault.REFUSE, times=None, where=lambda _: lost.taken > 0)
    for happens in (*kind.then, nothing):
        world.once()
        if lost.taken:
            break
        happens(world)
    assert lost.taken, "this call is never made"
    world.host.clear_faults()
    world.forget()


CALLED = [kind for kind in KINDS if kind.name != "direct-activated"]


@pytest.mark.parametrize("answered", [Fault.RESET_AFTER, Fault.RESET_BEFORE], ids=["after", "before"])
@pytest.mark.parametrize("kind", CALLED, ids=lambda kind: kind.name)
def test_an_order_ends_the_same_when_the_database_is_lost_at_any_writing_call(
    tmp_path: Path, kind: Kind, answered: Fault
) -> None:
    expected, said, writes = undisturbed(tmp_path / "undisturbed", kind)
    for number_of_call in range(writes):
        with kind.world(tmp_path / str(number_of_call)) as world:
            number = kind.arrive(world)
            lose_it_at_call(world, kind, number_of_call, answered)
            to_the_end(world, kind)
            assert_ended_as(world, number, kind, expected)
            assert len(world.said(number)) <= said
            assert_nothing_twice(world)


def test_an_order_kept_here_until_its_day_is_kept_again_and_ordered_on_that_day(tmp_path: Path) -> None:
    with HELD.world(tmp_path) as world:
        number = HELD.arrive(world)
        for _ in range(3):
            world.once()
            world.forget()
        world.once()
        until_later(world)
        world.once()
        assert world.told(number) == ["received", "waiting", "active", "delivered"]
        assert world.orders()[number].park is None
        assert_nothing_twice(world)


def test_an_order_kept_here_and_forgotten_until_after_its_day_is_a_persons(tmp_path: Path) -> None:
    with HELD.world(tmp_path) as world:
        number = HELD.arrive(world)
        world.once()
        world.forget()
        until_later(world)
        world.once()
        assert world.orders()[number].park is Park.TAKEOVER
        assert (world.told(number), world.said(number)) == (["received", "waiting"], [])
        assert world.network.orders() == []


QUIRKS: list[dict[str, Any]] = [
    {"finished_listed": False},
    {"finished_listed": False, "events": False},
    {"subscriptions": False, "version": "2.6"},
    {"echo_reference": False, "version": "2.5"},
    {"full_existing": True},
    {"early_subscription_id": False},
    {"state_field": "status", "extra_fields": True},
    {"find_lag": 3600},
    {"discovery": False},
    {"generic_events": True, "order_path": "order/"},
]


@pytest.mark.parametrize("kind", [PLAIN_KIND, SLOW_KIND, FAILED, REFUSED], ids=lambda kind: kind.name)
@pytest.mark.parametrize("quirk", QUIRKS, ids=str)
def test_however_a_network_shows_its_orders_a_lost_database_activates_nothing_twice(
    tmp_path: Path, kind: Kind, quirk: dict[str, Any]
) -> None:
    with replace(kind, network=quirk).world(tmp_path, network_lines=lines_for(quirk)) as world:
        number = kind.arrive(world)
        lose_it_at_call(world, kind, 1, Fault.RESET_AFTER)
        to_the_end(world, kind, forgetful=True)
        order = world.orders()[number]
        assert order.final or order.park is not None
        assert len(world.network.activations()) <= 1
        assert len(world.said(number)) <= 1
        statuses = world.told(number)
        assert statuses == list(dict.fromkeys(statuses))


def lines_for(quirk: dict[str, Any]) -> str:
    return "discovery = false" if quirk.get("discovery") is False else ""


@pytest.mark.parametrize("portal", [{"log_visible": False}, {"log_lag": 3600}, {"detail": "no_status"}], ids=str)
@pytest.mark.parametrize("kind", [UNROUTED, REFUSED, FAILED], ids=lambda kind: kind.name)
def test_however_a_portal_shows_its_log_a_lost_database_writes_no_message_twice(
    tmp_path: Path, kind: Kind, portal: dict[str, Any]
) -> None:
    with kind.world(tmp_path, portal=portal) as world:
        number = kind.arrive(world)
        to_the_end(world, kind, forgetful=True)
        assert len(world.said(number)) <= 1
        assert world.orders()[number].park is not None
        assert_nothing_twice(world)


def test_a_lost_database_changes_nothing_for_orders_that_a_person_delivers(tmp_path: Path) -> None:
    with MANUAL.world(tmp_path, at=None) as world:
        number = MANUAL.arrive(world)
        world.once()
        world.forget()
        world.once()
        assert world.run("deliver", f"tg:{number}").code == 0
        assert world.told(number) == ["received", "active", "delivered"]


def assert_ended_as(world: World, number: str, kind: Kind, expected: Ending) -> None:
    order = world.orders()[number]
    if kind is COMMANDED and order.park is Park.UNCERTAIN:  # a command can't be asked: a person says
        assert len(runs(world)) <= 1
        assert f"tg:{number}" in (order.parked or "")
        return
    if kind is HELD and order.park is Park.TAKEOVER:  # its day has come, so that nothing tells it from a person's
        assert world.network.activations() == []
        return
    assert ending(world, number) == expected
