"""While a remote is down: what is waiting for it costs the others nothing."""

from pathlib import Path

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
