"""What the tests of the files share: things to pour, cuts, lives that are ended, and a folder's whole tree."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from syncer.files import Shelf
from syncer.files.shelf import Pour

ORDER, NAME = "kode:7000001", "Situasjonskart.pdf"
OLD, NEW = b"old" * 500, b"the new one" * 700
MOST = 1_000_000


class Cut(BaseException):
    """The program ends here."""


def pour(data: bytes, step: int = 4096) -> Pour:
    def write_all(write: Callable[[bytes], None]) -> None:
        for begin in range(0, len(data), step):
            write(data[begin : begin + step])

    return write_all


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Scissors:
    """Ends the program at the nth event, by raising: once, or at whatever it still tries to do then."""

    at: int
    dead: bool = False
    end: Callable[[], None] | None = None
    events: list[str] = field(default_factory=list)

    def __call__(self, event: str) -> None:
        self.events.append(event)
        number = len(self.events) - 1
        if number == self.at or (self.dead and number > self.at):
            if self.end:
                self.end()
            raise Cut(event)


def numbered(act: Callable[[Shelf], object], root: Callable[[], Path]) -> Iterator[tuple[int, Path]]:
    """Each of the events of `act`, with a fresh root where it is to be cut there."""
    listening = Scissors(-1)
    act(Shelf(root(), listening))
    assert listening.events
    for number in range(len(listening.events)):
        yield number, root()


@dataclass
class Roots:
    """As many new roots as are wanted, made ready by `prepare`."""

    folder: Path
    prepare: Callable[[Shelf], object]
    numbers: Iterator[int] = field(default_factory=count)

    def __call__(self) -> Path:
        root = self.folder / f"state{next(self.numbers)}" / "files"
        self.prepare(Shelf(root))
        return root


def in_another_process(act: Callable[[], object]) -> int:
    """A process that does it, by its id: it ends with 0 where it went well, with 1 where something was raised."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        act()
        code = 0
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """The exit code of a process, once it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """All that is in a folder and below, without following links: its mode, and its bytes or where it leads."""
    return {str(path.relative_to(folder)): (path.lstat().st_mode, _told(path)) for path in sorted(folder.rglob("*"))}


def _told(path: Path) -> str:
    if path.is_symlink():
        return str(path.readlink())
    return sha(path.read_bytes()) if path.is_file() else ""
