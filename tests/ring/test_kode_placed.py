"""KODE as what delivers a portal's order: placed once, followed, and never sent again on a guess."""

from pathlib import Path

import pytest

from syncer.orders import FileState, Park, State
from syncer.simulators.kode.model import File
from tests.ring.harness import World, assert_nothing_twice
from tests.ring.kode import PLACE, PLACED, KodeWorld, assert_files_are_right


def order(world: World) -> str:
    return world.order(None, service=PLACED, **PLACE)


def placed(world: KodeWorld) -> str:
    (one,) = world.kode.created()
    return str(one["order"])


def test_an_order_is_placed_with_our_key_and_followed_until_it_is_finished(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        number = order(world)
        world.once()
        (made,) = world.kode.created()
        assert made["reference"] == made["technical_reference"] == f"tg.{number}.s1"
        assert world.told(number) == ["received", "active"]
        world.kode.change_status(int(placed(world)), "PROGRESS")
        world.later(minutes=2)
        assert world.portal.status(number) == "active"
        world.kode.add_file(int(placed(world)), File())
        world.kode.change_status(int(placed(world)), "FINISHED")
        world.later(minutes=2)
        assert world.told(number) == ["received", "active", "delivered"]
        world.later(minutes=2)
        assert [file.state for file in world.files(placed(world))] == [FileState.KEPT]
        assert_nothing_twice(world)
        assert_files_are_right(world)


@pytest.mark.parametrize("status", ["CANCELLED", "REFUNDED"])
def test_one_that_kode_takes_back_is_parked_and_told_on_the_order(tmp_path: Path, status: str) -> None:
    with KodeWorld(tmp_path) as world:
        number = order(world)
        world.once()
        world.kode.change_status(int(placed(world)), status)
        world.later(minutes=2)
        ours = world.orders()[number]
        assert (ours.park, ours.state) == (Park.FAILED, State.WAITING)
        assert len(world.said(number)) == 1
        assert status.lower() in world.said(number)[0]


def test_a_field_that_the_order_lacks_is_named_and_nothing_is_placed(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        number = world.order(service=PLACED, address=PLACE["address"])
        world.once()
        assert world.orders()[number].park is Park.REFUSED
        assert "cadastre" in (world.orders()[number].parked or "")
        assert world.kode.created() == []


def test_a_cadastre_that_lacks_a_part_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        number = world.order(service=PLACED, address=PLACE["address"], cadastre="9999-12-34")
        world.once()
        assert "cadastre" in (world.orders()[number].parked or "")
        assert world.host.calls("kode", "orders.create") == []


@pytest.mark.parametrize("fault", ["reset_after", "error_after", "timeout_after", "garbage_after"])
def test_a_lost_answer_is_never_sent_again_and_a_person_is_asked(tmp_path: Path, fault: str) -> None:
    with KodeWorld(tmp_path) as world:
        number = order(world)
        world.host.fault(fault, "kode", "orders.create")
        for _ in range(3):
            world.later(hours=2)
        ours = world.orders()[number]
        assert ours.park is Park.UNCERTAIN
        assert f"tg.{number}.s1" in (ours.parked or "")
        assert len(world.kode.created()) == 1
        assert world.say("resolve", f"tg:{number}", "done", "--ref", placed(world)).code == 0
        world.kode.change_status(int(placed(world)), "FINISHED")
        world.later(minutes=2)
        assert world.portal.status(number) == "delivered"
        assert len(world.kode.created()) == 1


def test_a_push_with_our_key_settles_what_was_uncertain_once_kode_itself_says_so(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        number = order(world)
        world.host.fault("reset_after", "kode", "orders.create")
        world.once()
        assert world.orders()[number].park is Park.UNCERTAIN
        with world.reading() as store:
            store.push("kode", [(placed(world), f"tg.{number}.s1")], world.clock())
        world.once()
        ours = world.orders()[number]
        assert (ours.park, ours.fulfilment_ref) == (None, placed(world))
        assert world.portal.status(number) == "active"
        assert_nothing_twice(world)


def test_a_push_that_lies_settles_nothing(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        number = order(world)
        other = world.kode.add_order(technical_reference="somebody-elses")
        world.host.fault("reset_before", "kode", "orders.create")
        world.once()
        with world.reading() as store:
            store.push("kode", [(str(other), f"tg.{number}.s1")], world.clock())
        world.once()
        assert world.orders()[number].park is Park.UNCERTAIN


def test_an_order_cancelled_in_the_portal_asks_a_person_since_kode_cannot_be_told(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        number = order(world)
        world.once()
        world.portal.change_status(number, "cancelled")
        world.later(minutes=2)
        ours = world.orders()[number]
        assert (ours.park, ours.state) == (Park.CANCEL, State.CANCELLED)
        assert len(world.said(number)) == 1


def test_a_reading_that_is_refused_once_is_no_failure_of_the_order(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        number = order(world)
        world.once()
        world.host.fault("echo_400", "kode", "orders.get", times=2)
        world.later(minutes=2)
        assert (world.orders()[number].park, world.said(number)) == (None, [])
        world.kode.change_status(int(placed(world)), "FINISHED")
        world.later(minutes=2)
        assert world.told(number) == ["received", "active", "delivered"]
