"""The day's property data: what people order in KODE, and what becomes of it there, hour after hour.

The orders that we place ourselves are in plots.py, with the others of the portal. Nothing is judged in here.
"""

from dataclasses import dataclass

from syncer.simulators.kode import File, KodeSimulator


@dataclass(frozen=True, slots=True)
class Errand:
    """One order in KODE that somebody placed elsewhere. `parked` is a part of the reason why it is set aside, if so."""

    order: int
    kind: str
    parked: str | None = None


class Bureau:
    """KODE's people at work, on orders that somebody placed elsewhere and on ours."""

    def __init__(self, kode: KodeSimulator) -> None:
        self._kode = kode
        self.errands: list[Errand] = []
        self._taken_back = ""

    @property
    def name(self) -> str:
        """KODE's."""
        return self._kode.name

    @property
    def refunded(self) -> int:
        """The order that is refunded after its files came."""
        return self.errands[1].order

    def begin(self) -> None:
        """Three orders are placed elsewhere."""
        self._place("OPPDRAG-41", "two files, a late one, one taken back")
        self._place("OPPDRAG-42", "refunded after its files came")
        self._place("OPPDRAG-43", "a file at a host that isn't KODE's", parked="a file can't be kept")

    def _place(self, reference: str, kind: str, parked: str | None = None) -> None:
        self.errands.append(Errand(self._kode.add_order(reference=reference), kind, parked))

    def take_up(self, placed: int) -> None:
        """All but one are under way, our order `placed` too, and the first files come. 0 is no order."""
        whole, refunded, _ = (errand.order for errand in self.errands)
        for order in filter(None, (whole, refunded, placed)):
            self._kode.change_status(order, "PROGRESS")
        self._kode.add_file(whole, name="skann_001.pdf", filename="Ferdigattest.pdf", size=48_200)
        self._kode.add_file(refunded, name="plan.pdf", filename="Reguleringsplan.pdf", size=120_400)

    def finish(self, placed: int, elsewhere: str) -> None:
        """All are finished, with a file each; one of them is at the address `elsewhere`."""
        whole, refunded, foreign = (errand.order for errand in self.errands)
        self._taken_back = self._kode.add_file(
            whole, name="avgifter.xlsx", filename="Kommunale avgifter.xlsx", size=9_100
        )
        self._kode.add_file(refunded, name="kart.pdf", filename="Situasjonskart.pdf", size=64_000)
        self._kode.add_file(foreign, File(name="kart.dxf", filename="Grunnkart.dxf", url=elsewhere))
        self._finish(placed, 310_000)
        for order in (whole, refunded, foreign):
            self._kode.change_status(order, "FINISHED")

    def _finish(self, placed: int, size: int) -> None:
        if placed:
            self._kode.add_file(placed, name="pakke.zip", filename="Meglerpakke.zip", size=size)
            self._kode.change_status(placed, "FINISHED")

    def go_back(self) -> None:
        """A file comes late, and an order is refunded."""
        whole, refunded, _ = (errand.order for errand in self.errands)
        self._kode.add_file(whole, name="skann_002.pdf", filename="Ferdigattest.pdf", size=51_700, on="order")
        self._kode.change_status(refunded, "REFUNDED")

    def take_back(self, found: int) -> None:
        """A file is taken back, and the order whose answer was lost is finished."""
        self._kode.delete_file(self._taken_back)
        self._finish(found, 290_000)

    def placed_for(self, reference: str) -> list[int]:
        """The orders that were placed with a reference, ours."""
        return [made["order"] for made in self._kode.created() if made["reference"] == reference]
