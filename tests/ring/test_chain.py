"""An agent's order in Vitec, through KODE and GKS4, and back to the home: each step once."""

from pathlib import Path

import pytest

from syncer.orders import Park, State
from syncer.simulators.kode.model import File
from syncer.web.agent import Awaited, Fault
from tests.ring.chain import FORM, ChainWorld, assert_each_once
from tests.ring.kode import assert_files_are_right


def test_an_agent_s_order_is_placed_billed_delivered_and_noted_on_the_home(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        world.once()
        assert (world.agent_order(number).state, world.agent_order(number).park) == (State.RECEIVED, None)
        assert world.at_the_desk(number, FORM) is None
        world.once()
        (bill,) = world.gks4.sales_orders()
        assert (bill["reference"], bill["name"], bill["customer"]) == (f"vitec:{number}", f"vitec:{number}", "K100421")
        assert len(world.gks4.productions()) == 1
        assert world.agent_order(number).state is State.ACTIVE
        world.kode.add_file(int(world.placed()), File(name="plan.pdf"))
        world.kode.add_file(int(world.placed()), File(name="karta.png", filename="karta.png"))
        world.kode.change_status(int(world.placed()), "FINISHED")
        for _ in range(3):
            world.later(minutes=2)
        assert world.agent_order(number).state is State.DELIVERED
        (note,) = world.vitec.notes()
        assert note["estate_id"] == world.vitec.orders()[0]["target_id"]
        assert "https://syncer.example/vitec/f/" in note["text"]
        assert_each_once(world)
        assert_files_are_right(world)


def test_an_order_whose_page_is_open_before_it_is_listed_waits_for_its_form(tmp_path: Path) -> None:
    """As it is in the world: the agent orders and is there at once, and the list is read every quarter of an hour."""
    with ChainWorld(tmp_path) as world:
        world.once()
        number = world.ordered()
        world.at_the_desk(number)
        for once in (False, True):
            with world.engine() as engine:
                engine.run_pass(once=once, sources=None if once else [])
            assert (world.agent_order(number).state, world.agent_order(number).park) == (State.RECEIVED, None)
            assert (world.gks4.sales_orders(), world.kode.created()) == ([], [])
        assert world.at_the_desk(number, FORM) is None
        world.once()
        assert len(world.gks4.sales_orders()) == len(world.kode.created()) == 1


def test_an_order_whose_page_nobody_opens_is_parked_saying_so(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        world.once()
        assert world.agent_order(number).park is None
        world.later(hours=25)
        assert world.agent_order(number).park is Park.AWAITED
        assert "page" in (world.agent_order(number).parked or "")
        assert world.at_the_desk(number, FORM) is None
        world.later(minutes=2)
        assert world.agent_order(number).park is None
        assert len(world.kode.created()) == 1


def test_one_that_is_older_when_it_is_first_listed_is_parked_at_once(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        world.later(hours=30)
        assert world.agent_order(number).park is Park.TAKEOVER
        assert "its page was not opened here within a day" in (world.agent_order(number).parked or "")


@pytest.mark.parametrize(
    ("remote", "operation", "what"),
    [
        ("gks4", "sales_orders.create", "purchase order number"),
        ("kode", "orders.create", "reference"),
        ("vitec", "note.create", "home"),
    ],
)
@pytest.mark.parametrize("fault", ["reset_after", "error_after", "reset_before"])
def test_what_is_uncertain_is_never_sent_again_and_says_what_to_look_for(
    tmp_path: Path, remote: str, operation: str, what: str, fault: str
) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        world.host.fault(fault, remote, operation)
        world.at_the_desk(number, FORM)
        world.once()
        if world.kode.created():
            world.kode.add_file(int(world.placed()), File(name="plan.pdf"))
            world.kode.change_status(int(world.placed()), "FINISHED")
        for _ in range(4):
            world.later(minutes=2)
        ours = world.agent_order(number)
        assert ours.park is Park.UNCERTAIN
        assert what in (ours.parked or "")
        assert_each_once(world)
        assert len(world.host.calls(remote, operation)) == 1


def test_a_sales_order_of_unknown_outcome_goes_on_by_a_person_s_word(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        world.host.fault("reset_after", "gks4", "sales_orders.create")
        world.at_the_desk(number, FORM)
        world.once()
        assert world.kode.created() == []
        (bill,) = world.gks4.sales_orders()
        assert world.say("resolve", f"vitec:{number}", "done", "--ref", str(bill["number"])).code == 0
        assert world.agent_order(number).register_ref == str(bill["number"])
        assert len(world.kode.created()) == 1
        assert_each_once(world)


def test_the_form_is_asked_for_what_it_costs_and_placed_once(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        assert world.at_the_desk(number, {"cadastre": "9999-12", "address": "x"}) != {}
        for _ in range(3):
            assert world.at_the_desk(number, FORM) is None
        for _ in range(2):
            world.later(minutes=1)
        assert len(world.kode.created()) == 1
        assert_each_once(world)


def test_syncer_check_knows_all_of_them(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        ran = world.say("check")
        assert ran.code == 0, ran.out
        for name in ("kode", "kode_orders", "vitec", "gks4"):
            assert f"ok   {name}: " in ran.out


def test_who_placed_an_order_is_told_as_soon_as_its_last_file_is_here(tmp_path: Path) -> None:
    """By then it is days old, and would be asked about in turn once an hour."""
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        world.at_the_desk(number, FORM)
        world.once()
        world.later(days=3)
        world.kode.add_file(int(world.placed()), File(name="plan.pdf"))
        world.kode.change_status(int(world.placed()), "FINISHED")
        world.once()
        assert world.vitec.notes() == []
        world.name(world.placed())  # as a push does
        world.once()
        assert len(world.vitec.notes()) == 1
        assert world.agent_order(number).ended_at is not None


def test_to_the_agent_an_order_is_under_way_until_its_files_are_here(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        world.at_the_desk(number, FORM)
        world.once()
        world.kode.add_file(int(world.placed()), File(name="plan.pdf"))
        world.kode.change_status(int(world.placed()), "FINISHED")
        world.host.fault("error_before", "kode", "assets.download", times=None)
        world.later(minutes=2)
        assert world.agent_order(number).state is State.DELIVERED
        seen = world.sheet(number)
        assert (seen.state, seen.awaited, seen.files) == (State.ACTIVE, Awaited.SUPPLIER, ())
        world.host.clear_faults()
        world.later(minutes=10)
        seen = world.sheet(number)
        assert (seen.state, seen.awaited, len(seen.files)) == (State.DELIVERED, Awaited.NOTHING, 1)


def test_all_that_is_wrong_with_the_form_is_said_at_once(tmp_path: Path) -> None:
    with ChainWorld(tmp_path) as world:
        number = world.ordered()
        found = world.at_the_desk(number, {"cadastre": "9999-12", "address": ""})
        assert found == {"cadastre": Fault.MALFORMED, "address": Fault.MISSING}
