"""Files that vanish or change while the service runs: its own state, its configuration, its secrets."""

from pathlib import Path

import pytest

from tests.hostile.machine import OFTEN, assert_all_end_well, assert_delivered, service
from tests.ring.harness import PASSWORD, World, assert_nothing_twice
from tests.ring.kinds import SLOW


@pytest.mark.parametrize("text", ["this is no TOML [", "", '[portals.tg]\nkind = "xsp"\n'])
def test_a_configuration_that_changes_is_not_looked_at_before_it_is_asked_for(tmp_path: Path, text: str) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN) as world, service(world) as running:
        orders = [world.order()]
        running.wait_for(lambda: world.portal.status(orders[0]) == "delivered")
        world.config_file.write_text(text, encoding="utf-8")
        (world.folder / "password.secret").write_text("fel", encoding="utf-8")
        orders.append(world.order())
        running.wait_for(lambda: world.portal.status(orders[1]) == "delivered")
        assert running.lines() == []
        assert running.end() == 0
        world.configure()
        (world.folder / "password.secret").write_text(PASSWORD, encoding="utf-8")
        assert_all_end_well(world, *orders)


def test_a_state_directory_that_vanishes_from_under_a_service_costs_nothing_in_the_next_life(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN) as world, service(world) as running:
        orders = [world.order(SLOW)]
        running.wait_for(lambda: world.portal.status(orders[0]) == "active")
        world.database.parent.rename(world.folder / "elsewhere")
        orders.append(world.order())
        running.wait_for(lambda: world.portal.status(orders[1]) == "delivered" or running.lines())
        assert running.end() == 0
        world.network.tick(2)
        assert_all_end_well(world, *orders)


def test_a_state_directory_that_vanishes_from_under_a_service_is_said(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN) as world, service(world) as running:
        orders = [world.order()]
        running.wait_for(lambda: world.portal.status(orders[0]) == "delivered")
        world.database.parent.rename(world.folder / "elsewhere")
        orders.append(world.order())
        running.wait_for(lambda: world.portal.status(orders[1]) == "delivered" or running.lines())
        running.end()
        assert_nothing_twice(world)
        assert [line for line in running.lines() if "syncer.db" in line.get("cause", "")] != []


def test_a_state_directory_that_vanishes_between_two_lives_costs_nothing(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        orders = [world.order(SLOW), world.order()]
        world.once()
        world.database.parent.rename(world.folder / "elsewhere")
        world.network.tick(2)
        assert_all_end_well(world, *orders)
        assert_delivered(world, *orders)
