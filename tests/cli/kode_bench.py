"""What the claims about `syncer kode` have in common: the words of an order, and what came of it."""

from typing import Any

from tests.ring.harness import Ran
from tests.ring.kode import PLACE, KodeWorld

PACKAGE = "WI99990101"
WHERE = ("--cadastre", PLACE["cadastre"], "--address", PLACE["address"])
WANTED = ("kode", "order", "cadastre", "--product", PACKAGE, *WHERE, "--reference", "OPPDRAG-42")


def ordered(world: KodeWorld, *words: str) -> Ran:
    """The order, agreed to beforehand."""
    return world.say(*WANTED, "--yes", *words)


def creates(world: KodeWorld) -> int:
    """The calls that may have placed an order, whatever became of them."""
    return len(world.host.calls("kode", "orders.create"))


def journal(world: KodeWorld) -> list[tuple[str, dict[str, Any]]]:
    """What the journal says of orders: each event, with its facts."""
    with world.reading() as store:
        return [(line.event, line.facts) for line in store.journal() if line.event.startswith("kode.")]
