"""A desk over a world of simulated remotes, which a test comes to as an agent's browser would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncer import config as conf
from syncer import wiring
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.web.agent import Opened, Refused
from syncer.wiring.desk import VitecDesk
from tests.ring.chain import ChainWorld


class AtDesk:
    """The desk, and the store and the world that are behind it."""

    def __init__(self, world: ChainWorld, desk: Any, store: Store) -> None:
        self.world = world
        assert isinstance(desk, VitecDesk)
        self.desk = desk
        self.store = store

    def opens(self, number: str, *, customer: str | None = None, user: str | None = None) -> Opened | Refused:
        """An agent opens an order's page."""
        link = self.world.vitec.open_order(number, user_id=user)
        return self.desk.exchange(customer or link["customerId"], link["token"])

    def ordered(self, **fields: Any) -> str:
        """An agent has ordered, and is at the order's page; the order's name."""
        number = self.world.ordered(**fields)
        name = f"vitec:{number}"
        assert self.opens(number) == Opened(name)
        return name

    def details(self, order: str) -> Any:
        """What is known of an order."""
        loaded = self.store.load(order)
        return None if loaded is None else loaded[0].details


@contextmanager
def at_desk(world: ChainWorld, portal: str = "vitec") -> Iterator[AtDesk]:
    """The desk of a portal, with its own remotes."""
    config = conf.load(world.config_file)
    with world.reading() as store:
        made = wiring.remotes_of(config, Redactor(config.secrets()), world.clock, store=store)
        try:
            yield AtDesk(world, wiring.desks_of(config, made, store, world.clock)[portal], store)
        finally:
            made.close()
