"""The table of what becomes of each kind of order, row by row, as the portal and the network saw it.

Every row is played by the real ring over HTTP, each pass by a new life of the program with the same database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.engine import Summary
from syncer.orders import Park, reference
from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from tests.ring.harness import FIBER, STOCKHOLM, World, assert_nothing_twice

SLOW = Script(received_ticks=1, progress_ticks=1)
LATER = datetime(2031, 5, 10, 8, 0, tzinfo=STOCKHOLM)
HELD_HERE = {"scheduling": False}


def play(world: World, *happenings: Callable[[], object]) -> Summary:
    """A pass, and one more after each thing that happens."""
    summary = world.once()
    for happens in happenings:
        happens()
        summary = world.once()
    return summary


def mine(number: str) -> str:
    """The reference that our order carries at the network."""
    return reference("tg", number) + ".s1"


def assert_row(world: World, number: str, told: list[str], said: int = 0, park: Park | None = None) -> None:
    order = world.orders()[number]
    assert world.told(number) == told
    assert len(world.said(number)) == said
    assert (order.park, order.parked is None) == (park, park is None)
    assert_nothing_twice(world)


def cancels(world: World, number: str) -> Callable[[], None]:
    return lambda: world.portal.change_status(number, "cancelled")


def sets(world: World, at: datetime) -> Callable[[], None]:
    return lambda: world.clock.set(at)


def later(world: World, **by: float) -> Callable[[], None]:
    return lambda: world.clock.go_on(**by)


# --- plain ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.4", "2.5", "2.6"])
def test_plain_done_at_once(tmp_path: Path, version: str) -> None:
    with World(tmp_path, network={"version": version}) as world:
        number = world.order()
        world.once()
        assert_row(world, number, ["received", "active", "delivered"])
        (made,) = world.network.activations()
        assert (made["service"], made["reference"]) == (FIBER, mine(number))


@pytest.mark.parametrize("version", ["2.4", "2.5", "2.6"])
def test_plain_done_after_a_while(tmp_path: Path, version: str) -> None:
    with World(tmp_path, network={"version": version}) as world:
        number = world.order(SLOW)
        world.once()
        assert_row(world, number, ["received", "active"])
        play(world, world.network.tick)
        assert_row(world, number, ["received", "active"])
        play(world, world.network.tick)
        assert_row(world, number, ["received", "active", "delivered"])
        assert len(world.network.activations()) == 1


def test_received_is_told_before_the_network_is_asked_and_active_before_delivered(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.order()
        world.once()
        effects = [(entry.effect or {}) for entry in world.host.effects()]
        assert [effect.get("value", effect["what"]) for effect in effects] == [
            "received",
            "activate",
            "active",
            "delivered",
        ]


# --- wished for later -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [LATER, "2031-05-10 08:00:00"])
def test_wished_for_later_travels_with_the_order_where_the_network_can_schedule(tmp_path: Path, wish: Any) -> None:
    with World(tmp_path) as world:
        number = world.order(delivery=wish)
        world.once()
        assert world.told(number)[0] == "received"
        assert world.told(number)[1:] in (["waiting"], ["active"])
        assert [order["requested"] for order in world.network.orders()] == ["2031-05-10T06:00:00Z"]
        play(world, sets(world, LATER + timedelta(minutes=1)))
        assert world.told(number)[-1] == "delivered"
        assert_row(world, number, ["received", "active", "delivered"])


def test_wished_for_later_is_kept_here_where_the_network_can_not_schedule(tmp_path: Path) -> None:
    with World(tmp_path, network=HELD_HERE) as world:
        number = world.order(delivery=LATER)
        play(world, sets(world, LATER - timedelta(minutes=5)))
        assert_row(world, number, ["received", "waiting"])
        assert world.host.calls("nordnet", "orders.create") == []
        play(world, sets(world, LATER + timedelta(minutes=1)))
        assert_row(world, number, ["received", "waiting", "active", "delivered"])
        assert [order["requested"] for order in world.network.orders()] == [""]


def test_a_wish_in_the_past_is_delivered_at_once(tmp_path: Path) -> None:
    with World(tmp_path, network=HELD_HERE) as world:
        number = world.order(delivery="2031-05-01 00:00:00")
        world.once()
        assert_row(world, number, ["received", "active", "delivered"])


def test_held_here_and_cancelled_before_its_day_is_never_ordered(tmp_path: Path) -> None:
    with World(tmp_path, network=HELD_HERE) as world:
        number = world.order(delivery=LATER)
        play(world, cancels(world, number), sets(world, LATER + timedelta(minutes=1)))
        assert_row(world, number, ["received", "waiting"])
        assert world.network.orders() == []


# --- ended before we saw it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["delivered", "cancelled"])
def test_first_read_as_ended_is_imported_and_nothing_is_written_anywhere(tmp_path: Path, status: str) -> None:
    with World(tmp_path) as world:
        number = world.order(status=status)
        play(world, lambda: None)
        assert_row(world, number, [])
        assert world.orders()[number].state == status
        assert world.writes() == []


# --- cancelled there ------------------------------------------------------------------------------------------


def test_cancelled_there_before_we_activated_writes_nothing_after_that(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        world.host.fault(Fault.REFUSE, "nordnet")
        play(world, cancels(world, number), lambda: None)
        assert_row(world, number, ["received"])
        assert world.network.orders() == []


def test_cancelled_between_our_reading_and_our_activating_is_noticed(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        world.host.fault(Fault.TOO_MANY, "nordnet", "accesses.get", retry_after=300)
        world.once()
        world.portal.change_status(number, "cancelled")
        world.portal.stale(number, 99)  # the list does not show it yet: only the order itself does
        world.clock.go_on(minutes=6)
        world.once()
        assert_row(world, number, ["received"])
        assert world.network.orders() == []


def test_cancelled_there_while_the_network_can_still_cancel_is_cancelled_there_too(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order(SLOW)
        play(world, cancels(world, number))
        assert_row(world, number, ["received", "active"])
        assert [order["cancelled"] for order in world.network.orders()] == [True]
        before = len(world.host.calls())
        world.once()
        assert world.writes(before) == []


def test_cancelled_there_too_late_for_the_network_asks_a_person(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order(SLOW)
        world.once()
        world.network.tick()
        play(world, cancels(world, number))
        assert_row(world, number, ["received", "active"], 1, Park.CANCEL)
        assert world.orders()[number].state == "cancelled"
        play(world, world.network.tick)
        assert_row(world, number, ["received", "active"], 1, Park.CANCEL)


def test_cancelled_there_after_it_was_delivered_asks_a_person(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        play(world, cancels(world, number), lambda: None)
        assert_row(world, number, ["received", "active", "delivered"], 1, Park.CANCEL)


# --- no route -------------------------------------------------------------------------------------------------


def test_no_route_for_its_service_is_received_told_once_and_parked_with_the_service_named(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order(service="7788")
        play(world, lambda: None)
        assert_row(world, number, ["received"], 1, Park.ROUTE)
        assert "7788" in (world.orders()[number].parked or "")
        assert "7788" in world.said(number)[0]
        assert world.host.calls("nordnet", "orders.create") == []


# --- refused, failed, overdue ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 409])
def test_refused_waits_with_one_message_that_tells_the_networks_cause(tmp_path: Path, code: int) -> None:
    with World(tmp_path) as world:
        number = world.order(Script(refuse=code, cause="Porten är upptagen. Ärende 40017"))
        play(world, lambda: None)
        assert_row(world, number, ["received", "waiting"], 1, Park.REFUSED)
        assert "Porten är upptagen. Ärende 40017" in world.said(number)[0]
        assert "Porten är upptagen. Ärende 40017" in (world.orders()[number].parked or "")


@pytest.mark.parametrize("check_access", ["true", "false"])
def test_an_access_that_the_network_does_not_know_is_a_refusal(tmp_path: Path, check_access: str) -> None:
    with World(tmp_path, network_lines=f"check_access = {check_access}") as world:
        number = world.order(socket="LT9999X09")
        play(world, lambda: None)
        assert_row(world, number, ["received", "waiting"], 1, Park.REFUSED)
        assert "LT9999X09" in world.said(number)[0]


def test_a_service_that_the_access_is_not_offered_is_refused_without_being_ordered(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.network.add_access("LT9000C01", ["FIBER-100-100"])
        number = world.order(socket="LT9000C01")
        world.once()
        assert_row(world, number, ["received", "waiting"], 1, Park.REFUSED)
        assert FIBER in world.said(number)[0]
        assert world.host.calls("nordnet", "orders.create") == []


def test_another_providers_service_on_the_access_is_a_refusal_and_never_taken_over(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order(socket=world.access(subscription=(FIBER, "other")))
        world.once()
        assert_row(world, number, ["received", "waiting"], 1, Park.REFUSED)
        assert all("forcedTakeover" not in entry.body for entry in world.host.calls("nordnet", "orders.create"))


def test_active_already_for_another_customer_of_ours_is_not_taken_for_this_order(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order(socket=world.access(subscription=(FIBER, "K-2041")))
        world.once()
        assert_row(world, number, ["received", "waiting"], 1, Park.REFUSED)


@pytest.mark.parametrize("script", [Script(end="DONE_FAILED", message="Fibern är mörk"), None])
def test_failed_waits_with_one_message_that_tells_the_networks_cause(tmp_path: Path, script: Script | None) -> None:
    with World(tmp_path) as world:
        slow = Script(received_ticks=1, end="DONE_FAILED", message="Fibern är mörk")
        number = world.order(script or slow)
        play(world, world.network.tick, lambda: None)
        assert world.told(number) in (["received", "waiting"], ["received", "active", "waiting"])
        assert_row(world, number, world.told(number), 1, Park.FAILED)
        assert "Fibern är mörk" in world.said(number)[0]
        assert len(world.network.activations()) == 1


def test_not_done_by_the_deadline_is_parked_and_told_once(tmp_path: Path) -> None:
    with World(tmp_path, network_lines='deadline = "3d"') as world:
        number = world.order(Script(received_ticks=99))
        play(world, later(world, days=2))
        assert_row(world, number, ["received", "active"])
        play(world, later(world, days=2), lambda: None)
        assert_row(world, number, ["received", "active", "waiting"], 1, Park.DEADLINE)


def test_done_after_the_deadline_all_the_same_is_delivered(tmp_path: Path) -> None:
    with World(tmp_path, network_lines='deadline = "3d"') as world:
        number = world.order(Script(received_ticks=1))
        play(world, later(world, days=4))
        world.network.tick()
        play(world, later(world, hours=2))
        assert world.told(number) == ["received", "active", "waiting", "active", "delivered"]
        assert (len(world.said(number)), world.orders()[number].park) == (1, None)
        assert len(world.network.activations()) == 1


# --- taken over -----------------------------------------------------------------------------------------------


def test_first_read_as_received_is_looked_up_and_then_delivered(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order(status="received")
        play(world, lambda: None)
        assert_row(world, number, ["active", "delivered"])
        operations = [entry.operation for entry in world.host.calls("nordnet")]
        assert operations.index("orders.list") < operations.index("orders.create")


@pytest.mark.parametrize("status", ["received", "active", "waiting"])
@pytest.mark.parametrize("script", [Script(received_ticks=1), Script()])
def test_found_with_the_network_is_followed_and_not_ordered_again(tmp_path: Path, status: str, script: Script) -> None:
    with World(tmp_path) as world:
        number = world.order(script)
        world.once()
        world.forget()
        world.portal.change_status(number, status)
        before = len(world.told(number))
        play(world, world.network.tick, lambda: None)
        assert world.portal.status(number) == "delivered"
        assert world.told(number)[before:] in (["active", "delivered"], ["delivered"])
        assert world.orders()[number].park is None
        assert len(world.host.calls("nordnet", "orders.create")) == 1


@pytest.mark.parametrize("status", ["active", "waiting"])
def test_first_read_as_begun_without_an_order_of_ours_is_parked(tmp_path: Path, status: str) -> None:
    with World(tmp_path) as world:
        number = world.order(status=status)
        play(world, lambda: None)
        assert len(world.said(number)) <= 1
        assert_row(world, number, [], len(world.said(number)), Park.TAKEOVER)
        assert world.host.calls("nordnet", "orders.create") == []


@pytest.mark.parametrize("status", ["received", "active", "waiting"])
def test_what_a_network_that_names_no_references_can_not_tell_is_parked(tmp_path: Path, status: str) -> None:
    with World(tmp_path, network={"echo_reference": False, "version": "2.5"}) as world:
        number = world.order(Script(received_ticks=9))
        world.once()
        world.forget()
        world.portal.change_status(number, status)
        told = len(world.told(number))
        play(world, lambda: None)
        assert world.told(number)[told:] == []
        assert len(world.said(number)) <= 1
        assert world.orders()[number].park is Park.UNCERTAIN
        assert len(world.host.calls("nordnet", "orders.create")) == 1


# --- unreadable -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["broken_xml", "empty"])
def test_unreadable_is_parked_with_its_raw_answer_and_nothing_is_written_on_a_guess(tmp_path: Path, how: Any) -> None:
    with World(tmp_path) as world:
        number, good = world.order(), world.order()
        world.portal.break_detail(number, how)
        play(world, lambda: None)
        assert_row(world, number, [], 0, Park.UNREADABLE)
        with world.reading() as store:
            explained = store.explain(f"tg:{number}")
        assert explained is not None
        assert "<response" in (explained.raw or "")
        assert_row(world, good, ["received", "active", "delivered"])


def test_unreadable_and_then_mended_goes_on_by_itself(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        world.portal.break_detail(number)
        world.once()
        world.portal.break_detail(number, "whole")
        world.clock.go_on(hours=1)
        world.once()
        assert_row(world, number, ["received", "active", "delivered"])


# --- down, slow, too many -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    name: str
    kind: Fault
    remote: str
    operation: str | None


TROUBLES = [
    Trouble(f"{remote} {kind}", kind, remote, None)
    for remote in ("tg", "nordnet")
    for kind in (Fault.REFUSE, Fault.ERROR_BEFORE, Fault.TIMEOUT_BEFORE)
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_a_remote_that_is_down_or_slow_makes_an_order_late_and_nothing_else(tmp_path: Path, trouble: Trouble) -> None:
    with World(tmp_path, timeout="1s") as world:
        number = world.order()
        world.host.fault(trouble.kind, trouble.remote, trouble.operation, times=None)
        summary = play(world, lambda: None)
        assert summary.problems
        world.host.clear_faults()
        world.once()
        assert_row(world, number, ["received", "active", "delivered"])
        assert len(world.network.activations()) == 1


def test_a_remote_whose_port_is_closed_makes_an_order_late_and_nothing_else(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        world.host.down()
        assert world.once().problems
        world.host.up()
        world.once()
        assert_row(world, number, ["received", "active", "delivered"])


@pytest.mark.parametrize(
    ("remote", "operation"),
    [("tg", "orders"), ("tg", "order_info"), ("tg", "set_status"), ("nordnet", "orders.create"), ("nordnet", None)],
)
def test_too_many_calls_makes_an_order_late_by_as_much_as_was_asked_for(
    tmp_path: Path, remote: str, operation: str | None
) -> None:
    with World(tmp_path) as world:
        number = world.order()
        world.host.fault(Fault.TOO_MANY, remote, operation, retry_after=120)
        world.once()
        asked = len(world.host.calls(remote))
        world.once()
        assert len(world.host.calls(remote)) == asked
        world.clock.go_on(seconds=121)
        world.once()
        assert_row(world, number, ["received", "active", "delivered"])
        assert len(world.network.activations()) == 1


def test_too_many_calls_for_a_message_makes_the_message_late_and_not_double(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order(service="77")
        world.host.fault(Fault.TOO_MANY, "tg", "add_message", retry_after=120)
        world.once()
        assert world.said(number) == []
        world.clock.go_on(seconds=121)
        play(world, lambda: None)
        assert_row(world, number, ["received"], 1, Park.ROUTE)
