"""A disk that is full: said with what to do, survived, and nothing is lost or done twice."""

from pathlib import Path

import pytest

from tests.hostile.machine import OFTEN, REQUESTS, At, assert_all_end_well, assert_delivered, service, small_disk
from tests.ring.harness import World

CURE = "the disk is full: free some space; nothing was lost, and the next pass goes on"


@pytest.mark.parametrize("opened_before", [True, False])
def test_a_disk_that_is_full_before_a_pass_is_said_and_nothing_is_called(tmp_path: Path, opened_before: bool) -> None:
    with small_disk(tmp_path / "state") as disk, World(tmp_path, at=None) as world:
        number = world.order()
        if opened_before:
            with world.engine():
                pass
        disk.fill()
        ran = world.run("--once")
        assert (ran.code, ran.out) == (1, "")
        assert "Traceback" not in ran.err
        assert CURE in ran.err
        assert world.writes() == []
        disk.make_space()
        assert_all_end_well(world, number)


@pytest.mark.parametrize("number", range(REQUESTS))
def test_a_disk_that_fills_up_in_the_middle_of_a_pass_is_said_and_the_next_life_goes_on(
    tmp_path: Path, number: int
) -> None:
    with small_disk(tmp_path / "state") as disk, World(tmp_path, at=None) as world:
        orders = [world.order()]
        moment = At(world, number, disk.fill)
        ran = world.say("--once")
        assert moment.done.is_set()
        assert (ran.code, ran.out) == (1, "")
        assert CURE in ran.err
        again = world.say("--once")
        assert (again.code, again.out) == (1, "")
        assert CURE in again.err
        disk.make_space()
        assert_all_end_well(world, *orders)


@pytest.mark.parametrize("number", [7, 15, 24, 33])
def test_a_disk_that_fills_up_while_several_orders_are_worked_on_costs_none_of_them_anything(
    tmp_path: Path, number: int
) -> None:
    with small_disk(tmp_path / "state") as disk, World(tmp_path, at=None) as world:
        orders = [world.order() for _ in range(4)]
        moment = At(world, number, disk.fill)
        assert world.say("--once").code == 1
        assert moment.done.is_set()
        disk.make_space()
        assert_all_end_well(world, *orders)


# --- the service ----------------------------------------------------------------------------------------------


def test_a_service_on_a_full_disk_says_so_and_goes_on_by_itself_when_there_is_space(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "state") as disk,
        World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world,
        service(world) as running,
    ):
        running.wait_for(lambda: running.said("portal.polled"))
        disk.fill()
        number = world.order()
        running.wait_for(lambda: len(running.said("pass.failed")) > 1)
        assert all(CURE in line["cause"] for line in running.said("pass.failed"))
        assert world.writes() == []
        disk.make_space()
        running.wait_for(lambda: world.portal.status(number) == "delivered")
        assert running.end() == 0
        assert_delivered(world, number)


@pytest.mark.parametrize("number", [4, 10])
def test_a_service_whose_disk_fills_up_during_a_call_asks_what_became_of_it_and_goes_on(
    tmp_path: Path, number: int
) -> None:
    with (
        small_disk(tmp_path / "state") as disk,
        World(tmp_path, at=None, portal_lines=OFTEN) as world,
    ):
        order = world.order()
        At(world, number, disk.fill)
        with service(world) as running:
            running.wait_for(lambda: running.said("pass.failed"))
            disk.make_space()
            running.wait_for(lambda: world.portal.status(order) == "delivered")
            assert running.end() == 0
        assert_delivered(world, order)


def test_a_service_whose_log_is_on_the_full_disk_too_goes_on_by_itself(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "state") as disk,
        World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world,
        service(world, disk.place / "syncer.log") as running,
    ):
        running.wait_for(lambda: running.said("portal.polled"))
        disk.fill(running.log)
        number = world.order()
        before = len(world.host.calls("tg", "orders"))
        running.wait_for(lambda: len(world.host.calls("tg", "orders")) > before + 2)
        disk.make_space()
        running.wait_for(lambda: world.portal.status(number) == "delivered")
        assert running.said("portal.polled")
        assert running.end() == 0
        assert_delivered(world, number)


def test_a_full_disk_under_the_log_alone_changes_nothing_for_the_orders(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "log") as disk,
        World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world,
    ):
        number = world.order()
        disk.fill()
        with service(world, disk.place / "syncer.log") as running:
            running.wait_for(lambda: world.portal.status(number) == "delivered")
            disk.make_space()
            running.wait_for(lambda: running.said("portal.polled"))
            assert running.end() == 0
        assert_delivered(world, number)
