"""An estate agent of the day: orders in Vitec, fills in the supplier's page, and saves the files that come.

And KODE's people, who deliver what was ordered. What the agent saw and saved is remembered for the judge.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException

from syncer.simulators.browser import Browser
from syncer.simulators.kode import File, KodeSimulator
from syncer.simulators.vitec import VitecSimulator

OFFICE, CORPORATE = "M40017", "559999-0001"
PLACE = {"cadastre": "9999-70-71-0-0", "address": "Infoveien 70, 9999 Infoland"}
FILES = ("Ferdigattest.pdf", "Situasjonskart.pdf")
SOON = 20.0  # seconds that the agent waits for anything; what comes later has not come


class Broker:
    """The agent. `number` is the order's in Vitec, `saved` the hashes of the files by their names."""

    def __init__(self, vitec: VitecSimulator, kode: KodeSimulator) -> None:
        self._vitec = vitec
        self._kode = kode
        self.number = ""
        self.home = ""
        self.saved: dict[str, str] = {}
        self.by_note: dict[str, str] = {}
        self.troubles: list[str] = []

    def order(self) -> dict[str, str]:
        """Orders in Vitec; what the browser opens then."""
        link = self._vitec.place_order(OFFICE)
        self.number = link["order"]
        self.home = str(self._vitec.orders()[-1]["target_id"])
        return link

    def visit(self, url: str, secret: str) -> Iterator[str]:
        """Sees to the order at the supplier's page, at `url`; a sentence for each thing that was done and seen.

        `secret` is that of KODE's pushes. What goes wrong is remembered, and ends the visit.
        """
        try:
            yield from self._visit(Browser(url), url, secret)
        except (OSError, HTTPException, LookupError) as trouble:
            self.troubles.append(str(trouble))

    def _visit(self, page: Browser, url: str, secret: str) -> Iterator[str]:
        page.opens(f"{url}/vitec/start?{self._vitec.open_order(self.number)['query']}")
        yield self._sees(page, "opens the order in Vitec, and is at our page", "Vi behöver några uppgifter från dig")
        page.presses("Visa priset", {"cadastre": "9999-70", "address": ""})
        yield self._sees(page, "fills in half of the form", "Skriv som i exemplet.", "Fyll i det här fältet.")
        page.presses("Visa priset", PLACE)
        yield self._sees(page, "fills it in", "Meglerpakke", "2 050,00 NOK")
        page.presses("Beställ", times=2)
        yield self._waits(page, "presses the button, twice", "Underlaget är beställt.")
        self._deliver(f"{url}/push/{self._kode.name}/{secret}")
        yield self._waits(page, "KODE delivers two files, and says so in a push", "Levererad", *FILES)
        self._save(page)
        yield f"the agent saves {len(self.saved)} files from the page, and {len(self.by_note)} by the note on the home"

    def _sees(self, page: Browser, what: str, *texts: str) -> str:
        missing = [text for text in texts if text not in page.text]
        if missing:
            raise LookupError(f"the page lacks “{missing[0]}”: {page.text}")
        return f"{what}: “{' '.join(texts)}”"

    def _waits(self, page: Browser, what: str, *texts: str) -> str:
        began = time.monotonic()
        self._until(lambda: _shows(page, texts))
        return f"{self._sees(page, what, *texts)}, {time.monotonic() - began:.1f} s later"

    def _until(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + SOON
        while not true() and time.monotonic() < until:
            time.sleep(0.1)

    # --- KODE's people ----------------------------------------------------------------------------------------

    def placed(self) -> list[int]:
        """KODE's numbers of what was ordered for the agent."""
        made = self._kode.created()
        return [one["order"] for one in made if self.number in (one["technical_reference"] or "")]

    def _deliver(self, push_to: str) -> None:
        for order in self.placed()[:1]:
            for name in FILES:
                self._kode.add_file(order, File(name=name, filename=name, size=60_000))
            self._kode.change_status(order, "FINISHED")
        self._kode.send_pushes(push_to)

    # --- the files --------------------------------------------------------------------------------------------

    def _save(self, page: Browser) -> None:
        for name in FILES:
            self.saved[name] = _hash(page, page.links[f"Ladda ner {name}"])
        self._until(lambda: bool(self._vitec.notes(self.home)))
        for note in self._vitec.notes(self.home)[:1]:
            for line in note["text"].splitlines():
                name, _, address = line.partition(": ")
                if name in FILES:
                    self.by_note[name] = _hash(page, address)


def _shows(page: Browser, texts: tuple[str, ...]) -> bool:
    page.again()
    return all(text in page.text for text in texts)


def _hash(page: Browser, address: str) -> str:
    saved = page.saves(address)
    return hashlib.sha256(saved.content).hexdigest() if saved.status == 200 else f"status {saved.status}"
