"""The judge of what was billed and given back: one sales order to each order that is billed, and one note to the agent.

It compares what GKS4, Vitec and KODE remember, the journal, what the agent saved, and the program's own word. Nothing
is changed in here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncer.simulators.broker import FILES, Broker
from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.host import Entry
from syncer.simulators.kode import KodeSimulator
from syncer.simulators.vitec import VitecSimulator

Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """An order that is to be billed: its name (`PORTAL:ID`), what it was, and the customer's number in GKS4."""

    order: str
    kind: str
    customer: str


@dataclass(frozen=True, slots=True)
class Billed:
    """What came of one order in GKS4, and for an agent's the files and notes; `complaints` are sentences."""

    order: str
    kind: str
    sales_orders: tuple[str, ...]
    placed: tuple[str, ...] = ()
    saved: int = 0
    notes: int = 0
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """The witnesses: GKS4, Vitec, KODE, the agent, and the journal. `customer` is the agent's office in GKS4."""

    gks4: Gks4Simulator
    vitec: VitecSimulator
    kode: KodeSimulator
    broker: Broker
    customer: str
    journal: Sequence[Entry]

    @property
    def agents(self) -> str:
        """The agent's order; empty where none was made."""
        return f"{self.vitec.name}:{self.broker.number}" if self.broker.number else ""

    def judge(self, dues: Iterable[Due], seen: Sequence[Seen]) -> tuple[Billed, ...]:
        """A verdict to each order that is to be billed; `seen` is the program's own view of its orders."""
        found = [self._billed(due) for due in dues]
        return (*found, self._agents(seen)) if self.agents else tuple(found)

    def strays(self, dues: Iterable[Due]) -> Iterator[str]:
        """What belongs to no order that is to be billed."""
        names = {due.order for due in dues} | {self.agents}
        for order in self.gks4.sales_orders():
            if order["reference"] not in names:
                yield f"a sales order that no order asked for: {order['number']}"
        for wrong in (*self.vitec.mistakes(), *self.gks4.mistakes()):
            yield f"a call that nobody should have made: {wrong}"

    def accounts_for(self, effect: Mapping[str, str]) -> bool:
        """Whether an effect is about an order that is judged here."""
        match effect["what"]:
            case "sales_order":
                return True  # `strays` has looked at each
            case "note" | "image":
                return bool(self.agents) and effect["estate"] == self.broker.home
            case "order":
                return bool(self.agents) and self.broker.number in effect.get("technicalReference", "")
        return False

    # --- one order --------------------------------------------------------------------------------------------

    def _billed(self, due: Due) -> Billed:
        return Billed(due.order, due.kind, self._numbers(due.order), complaints=tuple(self._in_gks4(due)))

    def _numbers(self, order: str) -> tuple[str, ...]:
        return tuple(str(one["number"]) for one in self.gks4.sales_orders(order))

    def _in_gks4(self, due: Due) -> Iterator[str]:
        made = self.gks4.sales_orders(due.order)
        if len(made) != 1:
            yield f"{len(made)} sales orders, not 1"
        for one in made:
            if one["customer"] != due.customer:
                yield f"billed to {one['customer']}, not to {due.customer}"
        effects = [entry.effect for entry in self.journal if entry.effect and entry.effect["what"] == "sales_order"]
        sent = sum(effect["reference"] == due.order for effect in effects)
        if sent != len(made):
            yield f"the journal has {sent} sales orders, GKS4 {len(made)}"

    def _agents(self, seen: Sequence[Seen]) -> Billed:
        due = Due(self.agents, "an agent's order, by way of KODE", self.customer)
        placed, notes = self.broker.placed(), self.vitec.notes(self.broker.home)
        complaints = [
            *self.broker.troubles,
            *self._in_gks4(due),
            *([] if len(placed) == 1 else [f"{len(placed)} orders in KODE, not 1"]),
            *([] if len(notes) == 1 else [f"{len(notes)} notes on the home, not 1"]),
            *self._saved(placed),
            *self._in_the_program(seen),
        ]
        numbers, saved = tuple(map(str, placed)), len(self.broker.saved)
        return Billed(
            due.order, due.kind, self._numbers(due.order), numbers, saved, len(notes), tuple(map(str, complaints))
        )

    def _saved(self, placed: Sequence[int]) -> Iterator[str]:
        """What the agent saved, from the page and by the note, is what KODE delivered."""
        files = [file for order in self.kode.orders() if order["order"] in placed for file in order["files"]]
        true = {str(file["filename"]): self.kode.digest(file["asset"]) for file in files}
        for what, saved in (("the page", self.broker.saved), ("the note", self.broker.by_note)):
            for name in FILES:
                if saved.get(name) != true.get(name, "nothing"):
                    yield f"{name} could not be saved whole from {what}"

    def _in_the_program(self, seen: Sequence[Seen]) -> Iterator[str]:
        own = next((order for order in seen if order["order"] == self.agents), None)
        if own is None:
            yield "the program doesn't know the order"
        elif own["state"] != "delivered" or own["parked"]:
            yield f"the program says {own['state']}" + (f", set aside: {own['parked']}" if own["parked"] else "")
