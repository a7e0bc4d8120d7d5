"""Whether the files of orders lie on the disk as they were kept. Reads only: what is wrong is told, and never mended.

Where they lie, and how one is read, the wiring knows.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from syncer.engine.differing import About, Difference
from syncer.errors import SyncerError
from syncer.orders import File, FileState
from syncer.store import Store

MB = 1_000_000
HERE = frozenset({FileState.KEPT, FileState.WANTED, FileState.LEAVING})  # whose names may well be on the disk
MOST_NAMED, MOST_LETTERS = 3, 60  # of files that aren't ours, and of the name of each


class Cabinet(Protocol):
    """The files of a portal's orders on the disk."""

    def wrong(self, order: str, file: File, seen: Callable[[int], None]) -> str | None:
        """What is wrong with a file that was kept, as the end of a sentence about it; None where nothing is.

        `seen` is told of how many bytes more were read.
        """
        ...

    def strays(self, order: str, names: Collection[str]) -> tuple[str, ...]:
        """What lies in an order's folder besides these names, in whatever letters.

        Raises:
            SyncerError: the folder can't be read.
        """
        ...


@dataclass(slots=True)
class Disks:
    """Compares orders' files with what the store says of them. `say` is told how far it is, in millions of bytes.

    `files` counts those that were compared.
    """

    store: Store
    cabinets: Mapping[str, Cabinet]
    say: Callable[[str, int, int], None]
    files: int = 0
    _read: int = 0
    _total: int = 0
    _known: dict[str, list[File]] = field(default_factory=dict)

    def compare(self, names: Collection[str]) -> Iterator[Difference]:
        """The differences of these orders, one of each file, and one of what else lies in an order's folder."""
        self._known = {name: found for name in names if (found := self.store.files(name))}
        kept = [file for found in self._known.values() for file in found if file.state is FileState.KEPT]
        self._total = sum(file.size or 0 for file in kept)
        self.files = len(kept)
        for name, found in self._known.items():
            for file in found:
                if file.state is FileState.KEPT:
                    yield from self._file(name, file)
            yield from self._strays(name, found)

    def _file(self, name: str, file: File) -> Iterator[Difference]:
        cabinet = self._cabinet(name)
        why = cabinet.wrong(name, file, self._seen)
        if why is not None and file in self.store.files(name):  # else it was fetched anew, or removed, meanwhile
            ours = f"{file.name}, {file.size} bytes"
            yield Difference(name, _portal(name), About.FILE, ours, f"it {why}", f"syncer files {name} --again")

    def _strays(self, name: str, found: list[File]) -> Iterator[Difference]:
        portal, cabinet = _portal(name), self._cabinet(name)
        try:
            others = cabinet.strays(name, _names(found))
        except SyncerError as trouble:
            yield Difference(name, portal, About.FILE, "a folder of files", str(trouble), "see that it can be read")
            return
        others = tuple(sorted(set(others) - _names(self.store.files(name))))
        if others:
            said = ", ".join(_legible(one) for one in others[:MOST_NAMED]) + (", …" if others[MOST_NAMED:] else "")
            more = "1 more in its folder" if len(others) == 1 else f"{len(others)} more in its folder"
            command = f"remove by hand what nobody needs: syncer files {name} tells where"
            ours = len(_names(found))
            here = "1 file" if ours == 1 else f"{ours} files"
            yield Difference(name, portal, About.FILE, here, f"{more}: {said}", command)

    def _seen(self, size: int) -> None:
        self._read += size
        self.say("MB of files read", self._read // MB, self._total // MB)

    def _cabinet(self, name: str) -> Cabinet:
        return self.cabinets[_portal(name)]


def _portal(name: str) -> str:
    return name.partition(":")[0]


def _names(files: list[File]) -> set[str]:
    return {file.name for file in files if file.state in HERE}


def _legible(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name[:MOST_LETTERS])
    return shown + ("…" if name[MOST_LETTERS:] else "")
