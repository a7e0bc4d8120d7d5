"""A folder of folders of files: kept whole, looked after, and removed.

Names are taken as they are given and must be plain; which name a file gets is not decided here (`safe_name`,
`folder_of`). Whatever is planted in the folder, nothing outside of it is ever written, read or removed: each call
goes through an open folder, and no link is followed.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from syncer.files import disk, part
from syncer.files.disk import Tap
from syncer.files.part import Kept, Part
from syncer.files.trouble import NotThere, explained

ATTEMPTS = 100  # at a folder that another process removes each time, since it is empty
PIECE = 256 * 1024  # bytes that are read at once
Pour = Callable[[Callable[[bytes], None]], None]


class Shelf:
    """The files below `root`, which is made when it is first needed. Threads and processes may share it.

    `tap` is told "file.write.before", "file.write.after" and so on, around each effect on the disk.
    """

    def __init__(self, root: Path, tap: Tap = disk.untapped) -> None:
        self._root = root.absolute()
        self._tap = tap

    def keep(self, folder: str, name: str, pour: Pour, *, most: int) -> Kept:
        """Keeps what `pour` writes, `most` bytes at most, over what has that name; then it is on the disk for good.

        What `pour` raises comes out as it is. Whatever is raised, no half file stays, and what was there before does.

        Raises:
            DiskTrouble: the disk can't take it.
            TooLarge: it has more bytes than that.
            ValueError: one of the names is not plain.
        """
        _see_that_plain(folder, name)
        with self._made_root() as root, self._part(root, folder, most) as new:
            pour(new.write)
            kept = new.put(name)
            with explained(self._root):
                disk.sync(root, self._tap, "root.sync")
        return kept

    def remove(self, folder: str, name: str) -> bool:
        """Removes a file for good, and its folder where it was the last one; False where it wasn't there.

        Raises:
            DiskTrouble: it can't be removed.
            ValueError: one of the names is not plain.
        """
        _see_that_plain(folder, name)
        with explained(self._root / folder), self._opened_root() as root:
            if root is None:
                return False
            removed = self._unlinked(root, folder, name)
            disk.sync(root, self._tap, "root.sync")
        return removed

    def check(
        self, folder: str, name: str, size: int, sha256: str, seen: Callable[[int], None] = lambda _: None
    ) -> str | None:
        """What is wrong with a file that was kept so, as the end of a sentence about it; None where nothing is.

        `seen` is told of how many bytes more were read.
        """
        try:
            number = self._number(folder, name)
            if number is None:
                return "is not a file"
            with os.fdopen(number, "rb") as file:
                return _difference(file, Kept(size, sha256), seen)
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"can't be read: {error.strerror}"

    def strays(self, folder: str, names: Collection[str]) -> tuple[str, ...]:
        """What lies in a folder besides these names and files being written, sorted.

        The names are as the disk has them, in whatever letters: not to be printed as they are.
        """
        _see_that_plain(folder)
        with explained(self._root / folder), self._opened_root() as root, _opened(root, folder) as place:
            if place is None:
                return ()
            others = sorted(set(disk.names_in(place)) - set(names))
            return tuple(other for other in others if not (part.is_part(other) and disk.is_file(other, place)))

    def folders(self) -> tuple[str, ...]:
        """The folders that there are, sorted."""
        with explained(self._root), self._opened_root() as root:
            return () if root is None else tuple(disk.folders_in(root))

    def path(self, folder: str, name: str) -> Path:
        """Where a file is or would be, for people and links: nothing of ours opens it by this."""
        _see_that_plain(folder, name)
        return self._root / folder / name

    def open(self, folder: str, name: str) -> BinaryIO:
        """A file's bytes, to be closed by the caller.

        Raises:
            NotThere: there is no such file.
            DiskTrouble: it can't be read.
        """
        place = self._root / folder
        with explained(place):
            try:
                number = self._number(folder, name)
            except FileNotFoundError:
                raise NotThere(f"files {place}: the file is missing") from None
        if number is None:
            raise NotThere(f"files {place}: what has that name is not a file")
        return os.fdopen(number, "rb")

    def sweep(self) -> int:
        """Removes what was being written when its writer ended, never what is written now; how many files.

        A folder that can't be looked into is left for another time.
        """
        swept = 0
        with explained(self._root), self._opened_root() as root:
            if root is None:
                return 0
            for folder in disk.folders_in(root):
                with suppress(OSError):
                    swept += self._swept(root, folder)
        return swept

    # --- the inside -------------------------------------------------------------------------------------------

    @contextmanager
    def _made_root(self) -> Iterator[int]:
        with explained(self._root):
            disk.make_root(self._root, self._tap)
            root = disk.open_root(self._root)
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _opened_root(self) -> Iterator[int | None]:
        """None where nothing was ever kept."""
        try:
            root = disk.open_root(self._root)
        except FileNotFoundError:
            yield None
            return
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _part(self, root: int, folder: str, most: int) -> Iterator[Part]:
        """A new file in a folder that is made where it is missing; gone at the end, unless it was put in its place."""
        try:
            with explained(self._root / folder):
                new = self._begin(root, folder, most)
            with new:
                yield new
        except BaseException:
            with suppress(OSError):
                disk.remove_if_empty(folder, root, self._tap)
            raise

    def _begin(self, root: int, folder: str, most: int) -> Part:
        for _ in range(ATTEMPTS):
            with suppress(FileNotFoundError):
                disk.make_folder(folder, self._tap, "folder.make", root)
                return part.begin(disk.open_folder(folder, root), self._root / folder, most, self._tap)
        raise FileNotFoundError(errno.ENOENT, "the folder is removed again and again")

    def _unlinked(self, root: int, folder: str, name: str) -> bool:
        with _opened(root, folder) as place:
            if place is None:
                return False
            removed = disk.remove(name, place, self._tap)
            disk.sync(place, self._tap, "folder.sync")  # also for a life that ended before it came so far
        disk.remove_if_empty(folder, root, self._tap)
        return removed

    def _number(self, folder: str, name: str) -> int | None:
        """A file that is opened; None where it is none."""
        _see_that_plain(folder, name)
        with self._opened_root() as root, _opened(root, folder) as place:
            if place is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            return disk.open_file(name, place)

    def _swept(self, root: int, folder: str) -> int:
        with _opened(root, folder) as place:
            left = () if place is None else tuple(filter(part.is_part, disk.names_in(place)))
            swept = sum(part.sweep(name, place, self._tap) for name in left if place is not None)
        disk.remove_if_empty(folder, root, self._tap)
        return swept


@contextmanager
def _opened(root: int | None, folder: str) -> Iterator[int | None]:
    """A folder of the root's; None where it is missing."""
    try:
        place = None if root is None else disk.open_folder(folder, root)
    except FileNotFoundError:
        place = None
    try:
        yield place
    finally:
        if place is not None:
            os.close(place)


def _see_that_plain(*names: str) -> None:
    """One part of a path each, and none that begins with a dot: neither the folder above nor what is being written."""
    for name in names:
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise ValueError("not a plain name for a file or a folder")


def _difference(file: BufferedReader, kept: Kept, seen: Callable[[int], None]) -> str | None:
    size = os.fstat(file.fileno()).st_size
    if size != kept.size:
        return f"was changed: {size} bytes instead of {kept.size}"
    found = hashlib.sha256()
    while piece := file.read(PIECE):
        found.update(piece)
        seen(len(piece))
    return None if found.hexdigest() == kept.sha256 else "was changed: other contents"
