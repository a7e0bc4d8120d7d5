"""While a remote is down: what is waiting for it costs the others nothing."""

from pathlib import Path

import pytest

from syncer.orders import Park
from syncer.simulators.host import Fault
from tests.ring.harness import World

ORDERS = 5
PASSES = 10


def test_orders_that_wait_for_a_network_are_not_read_at_the_portal_again_and_again(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        numbers = [world.order() for _ in range(ORDERS)]
        world.host.fault(Fault.RESET_BEFORE, "nordnet", times=None)
        with world.engine() as engine:
            engine.run_pass(sources=["tg"])
            before = len(world.host.calls("tg", "order_info"))
            for _ in range(PASSES):
                world.clock.go_on(minutes=2)  # longer than a look at the portal stays fresh
                engine.run_pass(sources=["tg"])
            assert len(world.host.calls("tg", "order_info")) - before <= PASSES * 2  # the one that tries the network
            world.host.clear_faults()
            world.clock.go_on(minutes=10)
            engine.run_pass(sources=["tg"])
        assert {tuple(world.told(number)) for number in numbers} == {("received", "active", "delivered")}


def test_an_order_that_was_reopened_at_the_portal_can_be_delivered_by_hand(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        world.once()
        world.portal.change_status(number, "active")
        world.once()
        assert world.orders()[number].park == "reopened"
        assert world.say("deliver", f"tg:{number}").code == 0
        assert world.portal.status(number) == "delivered"
        assert world.orders()[number].parked is None


@pytest.mark.parametrize("word", ["deliver", "cancel"])
def test_an_ended_order_that_changed_and_can_not_be_read_is_read_before_a_person_s_word_ends_it(
    tmp_path: Path, word: str
) -> None:
    with World(tmp_path) as world:
        number = world.order(status="delivered")
        world.once()
        world.portal.change_status(number, "active")
        world.portal.break_detail(number)
        world.once()
        assert world.orders()[number].park is Park.UNREADABLE
        assert world.say(word, f"tg:{number}").code == 0
        world.portal.break_detail(number, "whole")
        world.clock.go_on(minutes=20)
        world.once()
        order = world.orders()[number]
        assert world.portal.status(number) == order.portal_status
        assert order.park is not None or order.state == order.portal_status
