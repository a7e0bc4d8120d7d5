"""The judge of the day's files: each that KODE has must be on the disk, once, whole, and in its order's folder.

It compares what KODE remembers, the journal, the disk and the program's own word. Nothing is changed in here, and
only the files' directory is read.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncer.simulators.bureau import Errand
from syncer.simulators.host import Entry
from syncer.simulators.kode import KodeSimulator

STATES = {
    "NEW": "received",
    "PROGRESS": "active",
    "FINISHED": "delivered",
    "CANCELLED": "cancelled",
    "REFUNDED": "cancelled",
}
TAKEN_BACK = frozenset({"CANCELLED", "REFUNDED"})
Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is left of the day: each file on the disk by its path, with its SHA-256, and the program's word on files.

    The paths are relative to the files' directory; `told` has, for some orders, what `syncer files --json` says.
    """

    disk: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Sequence[Seen]] = field(default_factory=dict)


NO_EVIDENCE = Evidence()


def on_disk(root: Path) -> dict[str, str]:
    """Everything below a directory that is no directory, with its hash; nothing where there is no such directory."""
    found = sorted(path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(root).as_posix(): _hash(path) for path in found}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else "no file"


@dataclass(frozen=True, slots=True)
class Filed:
    """What came of one order's files. `order` is KODE's number; `complaints` are sentences."""

    order: str
    kind: str
    status: str
    kept: int
    removed: int
    parked: str | None
    complaints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """The witnesses: KODE, the journal, and what is left of the day."""

    kode: KodeSimulator
    errands: Sequence[Errand]
    journal: Sequence[Entry]
    evidence: Evidence

    def judge(self, seen: Sequence[Seen]) -> tuple[Filed, ...]:
        """A verdict to each order that KODE has; `seen` is the program's own view of its orders."""
        own = {str(order["order"]): order for order in seen}
        return tuple(self._filed(order, own.get(self._name(order))) for order in self.kode.orders())

    def strays(self) -> Iterator[str]:
        """What belongs to no order of KODE's, and where a token went that should not have gone there."""
        names = {self._name(order) for order in self.kode.orders()}
        for path in self.evidence.disk:
            if path.partition("/")[0] not in names:
                yield f"a file lies where none belongs: {path}"
        for leak in self.kode.leaks():
            yield f"a token of KODE's went elsewhere: {leak['where']}"

    # --- one order --------------------------------------------------------------------------------------------

    def _filed(self, order: Seen, seen: Seen | None) -> Filed:
        errand = next((errand for errand in self.errands if errand.order == order["order"]), None)
        complaints = [
            *self._in_the_program(order, seen, errand),
            *self._on_the_disk(order, errand),
            *self._in_the_journal(order, errand),
            *self._told(order, errand),
        ]
        return Filed(
            str(order["order"]),
            errand.kind if errand else f"ordered for {order['reference']}",
            str(order["status"]),
            sum(path.partition("/")[0] == self._name(order) for path in self.evidence.disk),
            len(order["files"]) - len(_kept(order)),
            None if seen is None else seen["parked"],
            tuple(complaints),
        )

    def _name(self, order: Seen) -> str:
        return f"{self.kode.name}:{order['order']}"

    def _in_the_program(self, order: Seen, seen: Seen | None, errand: Errand | None) -> Iterator[str]:
        if seen is None:
            yield "the program doesn't know the order"
            return
        due = STATES[order["status"]]
        if {seen["state"], seen["portal_status"]} != {due}:
            yield f"the program says {seen['state']}, not {due}"
        why, expected = seen["parked"], errand and errand.parked
        if expected is None and why is not None:
            yield f"set aside: {why}"
        if expected is not None and expected not in (why or ""):
            yield f"not set aside because of “{expected}”"

    def _on_the_disk(self, order: Seen, errand: Errand | None) -> Iterator[str]:
        """Each file once, whatever it is called there, and nothing beside."""
        due = Counter(self.kode.digest(file["asset"]) for file in _wanted(order, errand))
        folder = self._name(order) + "/"
        there = Counter(digest for path, digest in self.evidence.disk.items() if path.startswith(folder))
        if missing := (due - there).total():
            yield f"{missing} of its files are not on the disk, or not whole"
        if beside := (there - due).total():
            yield f"{beside} files on the disk are none of its own, or there twice"

    def _in_the_journal(self, order: Seen, errand: Errand | None) -> Iterator[str]:
        """Each file was fetched once; whether one that is gone was ever fetched is the day's affair."""
        effects = [entry.effect for entry in self.journal if entry.effect is not None]
        fetched = Counter(effect["asset"] for effect in effects if effect["what"] == "download")
        for file in order["files"]:
            times = fetched[file["asset"]]
            if times > 1 or (times == 0 and file in _wanted(order, errand)):
                yield f"{file['filename']} was fetched {times} times, not once"

    def _told(self, order: Seen, errand: Errand | None) -> Iterator[str]:
        """The program's receipts: what it keeps, and what it doesn't or no longer keeps, and why."""
        if self._name(order) not in self.evidence.told:
            return
        told = {file["asset"]: file for file in self.evidence.told[self._name(order)]}
        kept = _kept(order)
        due = {file["asset"]: "refused" if errand is not None and errand.parked else "kept" for file in kept}
        for file in order["files"]:
            own = told.get(file["asset"], {"state": "unknown", "why": "", "sha256": None})
            state = due.get(file["asset"], "gone")
            if own["state"] != state:
                yield f"of {file['filename']} the program says {own['state']}, not {state}"
            elif state != "kept" and not own["why"]:
                yield f"of {file['filename']} the program doesn't say why it is {state}"
            elif state == "kept" and own["sha256"] != self.kode.digest(file["asset"]):
                yield f"of {file['filename']} the program has a wrong hash"


def _kept(order: Seen) -> list[Seen]:
    """The files that are to be had there, and kept here."""
    return [] if order["status"] in TAKEN_BACK else [file for file in order["files"] if file["status"] == "OK"]


def _wanted(order: Seen, errand: Errand | None) -> list[Seen]:
    """As `_kept`, but none that can't be kept."""
    return [] if errand is not None and errand.parked else _kept(order)
