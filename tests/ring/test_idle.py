"""A pass that has nothing to do changes nothing, and a rehearsal never does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.simulators.on_api import Script
from tests.ring.harness import DESK, PROGRAM, UNMAPPED, World
from tests.ring.kinds import LATER, program, runs

KEPT_RUNNING = Script(received_ticks=99)
STARTED = Script(progress_ticks=99)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None, more=program(tmp_path)) as world:
        yield world


def fill(world: World) -> None:
    """One order of every kind."""
    world.order()
    world.order(KEPT_RUNNING)
    world.order(STARTED)
    world.order(Script(odd_state="PAUSED", odd_ticks=99))
    world.order(Script(refuse=409, cause="Porten är upptagen"))
    world.order(Script(end="DONE_FAILED", message="Mörk fiber"))
    world.order(socket="LT9999X09")
    world.order(socket="inte ett id")
    world.order(service=UNMAPPED)
    world.order(delivery=f"{world.clock().year + 2}-05-10 08:00:00")
    world.order(service=DESK)
    world.order(service=PROGRAM)
    for status in ("received", "active", "waiting", "delivered", "cancelled"):
        world.order(status=status)
    world.order(status="pausad")
    world.portal.break_detail(world.order(), "broken_xml")
    world.portal.break_detail(world.order(), "empty")
    world.portal.break_row(world.order(), "no_id")
    world.portal.break_row(world.order(), "absurd")


def read_since(world: World, before: int) -> set[str]:
    return {entry.params["id"] for entry in world.host.calls("tg", "order_info") if entry.number > before}


def test_a_second_pass_right_after_the_first_writes_nothing_and_reads_no_unchanged_order(world: World) -> None:
    fill(world)
    first = world.once()
    assert first.ingested == len(world.portal.state()) - 2
    before = len(world.host.calls())
    second = world.once()
    assert (second.ingested, second.advanced, second.parked, second.problems) == (0, 0, 0, ())
    assert world.writes(before) == []
    assert read_since(world, before) == set()
    assert len(runs(world)) == 1


def test_passes_go_on_changing_nothing_while_nothing_happens(world: World) -> None:
    fill(world)
    world.once()
    before, orders = len(world.host.calls()), world.outcome()
    for _ in range(4):
        world.once()
    assert world.writes(before) == []
    assert world.outcome() == orders


def test_an_order_that_changed_is_the_only_one_that_is_read(world: World) -> None:
    fill(world)
    world.once()
    before = len(world.host.calls())
    changed = world.order(status="delivered")
    world.once()
    assert read_since(world, before) == {changed}


def test_an_order_that_waits_for_its_day_costs_no_call(tmp_path: Path) -> None:
    with World(tmp_path, network={"scheduling": False}) as world:
        world.order(delivery=LATER)
        world.once()
        before = len(world.host.calls())
        world.once()
        assert [entry.operation for entry in world.host.calls()[before:]] == ["api_login", "orders"]


# --- the rehearsal --------------------------------------------------------------------------------------------


def files(world: World) -> dict[str, bytes]:
    return {
        str(file.relative_to(world.folder)): file.read_bytes()
        for file in sorted(world.folder.rglob("*"))
        if file.is_file()
    }


def rehearse(world: World, *words: str) -> list[str]:
    """A dry run that must leave everything as it is; what it says that it would do."""
    before, calls = files(world), len(world.host.calls())
    ran = world.run("--once", "--dry-run", *words)
    assert ran.code in {0, 1}, ran.err
    assert files(world) == before
    assert world.writes(calls) == []
    assert world.host.effects()[-1:] == [entry for entry in world.host.effects() if entry.number <= calls][-1:]
    lines: list[str] = ran.json["would"] if "--json" in words else ran.out.splitlines()
    return [line for line in lines if line.startswith("would ")]


def test_a_dry_run_without_a_database_writes_nothing_and_leaves_no_file(world: World) -> None:
    fill(world)
    would = rehearse(world)
    assert runs(world) == []
    plain = next(iter(world.portal.state()))
    assert f"would tell tg that tg:{plain} is received" in would
    assert f"would have nordnet deliver tg:{plain} as FIBER-250-250" in would


def test_a_dry_run_beside_a_database_changes_no_byte_of_it(world: World) -> None:
    fill(world)
    world.once()
    new = world.order()
    assert {line for line in rehearse(world, "--json") if f"tg:{new}" in line} == {
        f"would tell tg that tg:{new} is received",
        f"would have nordnet deliver tg:{new} as FIBER-250-250",
    }


def test_a_dry_run_does_not_take_anything_over_nor_cancel_anything(world: World) -> None:
    running = world.order(KEPT_RUNNING)
    world.once()
    world.portal.change_status(running, "cancelled")
    assert rehearse(world) == [f"would have nordnet cancel tg:{running}"]
    assert [order["cancelled"] for order in world.network.orders()] == [False]


def test_a_dry_run_would_tell_the_portal_of_just_those_orders_that_the_pass_then_tells_it_of(world: World) -> None:
    fill(world)
    said = {line for line in rehearse(world, "--json") if line.endswith(" is received")}
    world.once()
    effects = [entry.effect for entry in world.host.effects("tg", "status") if entry.effect is not None]
    assert said == {
        f"would tell tg that tg:{effect['order']} is received" for effect in effects if effect["value"] == "received"
    }
