"""The agent who orders, opens the page and fills in its form, by the desk's own verbs; and what happens at both ends.

A person who is cut off, or told to come again, does it once more. What it should lead to is not for here.
"""

from typing import Any

from syncer.orders import Intent, Kind, Order
from syncer.web.agent import Opened
from tests.prove import chain_outside
from tests.prove.stories import Step
from tests.prove.world import World

TRIES = 4
AGAIN = 20.0  # seconds until somebody tries again


class AtTheDesk:
    """The steps of the chain in a run."""

    world: World

    def _number(self, step: Step) -> str:
        raise NotImplementedError

    def _opens(self, step: Step) -> None:
        """The agent opens the order's page, again if need be, and by a link of that moment."""
        number = self._number(step)
        for _ in range(TRIES):
            assert self.world.outside.chain is not None
            link = self.world.outside.chain.vitec.open_order(number)
            opened = self.world.desk.exchange(link["customerId"], link["token"])
            if opened == Opened(self.world.name(number)):
                return
            self.world.clock.go_on(seconds=AGAIN)
        raise AssertionError(f"the page of {number} can't be opened: {opened}")

    def _fills(self, step: Step) -> None:
        """The agent sends the form, which is taken, or a value of it is said to be wrong; again where it is neither."""
        values: dict[str, str] = step.value
        name = self.world.name(self._number(step))
        for _ in range(TRIES):
            faults = self.world.desk.place(name, values)
            if not faults or "" not in faults:
                return
            self.world.clock.go_on(seconds=AGAIN)
        raise AssertionError(f"the form of {name} can't be looked over")

    def _vitec(self, step: Step) -> None:
        verb, facts = step.value
        assert self.world.outside.chain is not None
        getattr(self.world.outside.chain.vitec, verb)(self._number(step), **facts)

    def _gks4(self, step: Step) -> None:
        verb, facts = step.value
        assert self.world.outside.chain is not None
        getattr(self.world.outside.chain.gks4, verb)(**facts)


def sought(order: Order, intent: Intent) -> Any:
    """What the sentence must hold that an uncertain order is parked with, besides the order's name."""
    if intent.target in {"vitec", "gks4"}:
        return chain_outside.sought(order, intent)
    return intent.key if intent.kind is Kind.SUBMIT and intent.target == "kode_orders" else order.name
