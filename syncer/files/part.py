"""One file that is being written: under a name of its own until it is whole and on the disk.

Its writer holds a lock on it, so that what a crash left can be told from what is still written. No name from outside
ever begins like it.
"""

import fcntl
import hashlib
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from syncer.files.disk import Tap, open_file, sync, tapped
from syncer.files.trouble import TooLarge, explained

_NAME = re.compile(r"\.part-[0-9a-f]{32}")
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it was kept: its bytes, and their SHA-256 in small hexadecimal digits."""

    size: int
    sha256: str


def is_part(name: str) -> bool:
    """Whether a file of this name is one that is, or was, being written."""
    return _NAME.fullmatch(name) is not None


@dataclass(slots=True)
class Part:
    """A file that is being written into an open folder. `place` is what a sentence about it names."""

    name: str
    number: int
    folder: int
    place: Path
    most: int
    tap: Tap
    size: int = 0
    trouble: Exception | None = None
    sum: Any = field(default_factory=hashlib.sha256)

    def write(self, chunk: bytes) -> None:
        """Adds some bytes.

        Raises:
            DiskTrouble: the disk doesn't take them.
            TooLarge: they are more than are allowed.
        """
        if self.trouble:
            raise self.trouble
        try:
            self._add(chunk)
        except Exception as error:  # told again at the end, should who pours have kept it to itself
            self.trouble = error
            raise

    def _add(self, chunk: bytes) -> None:
        if self.size + len(chunk) > self.most:
            raise TooLarge(self.most)
        with explained(self.place), tapped(self.tap, "file.write"):
            left = memoryview(chunk)
            while left:
                left = left[os.write(self.number, left) :]
        self.sum.update(chunk)
        self.size += len(chunk)

    def put(self, name: str) -> Kept:
        """Has the disk keep it, and puts it in its place, over what was there."""
        if self.trouble:
            raise self.trouble
        with explained(self.place):
            with tapped(self.tap, "file.sync"):
                os.fsync(self.number)
            with tapped(self.tap, "file.rename"):
                os.rename(self.name, name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
            sync(self.folder, self.tap, "folder.sync")
        return Kept(self.size, self.sum.hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Lets go of it and of its folder; where something was raised, it is removed if it still is there."""
        try:
            if kind is not None:
                _drop(self.name, self.folder, self.tap)
        finally:
            self.trouble = ValueError("the file is closed")  # its number may be another file's soon
            os.close(self.number)
            os.close(self.folder)


def begin(folder: int, place: Path, most: int, tap: Tap) -> Part:
    """A new, locked file in an open folder, which is the file's then: closed with it, or when there is an error.

    FileNotFoundError: the folder was just removed.
    """
    try:
        while True:
            name = f".part-{secrets.token_hex(16)}"
            if (number := _made(name, folder, tap)) is not None:
                return Part(name, number, folder, place, most, tap)
    except BaseException:
        os.close(folder)
        raise


def _made(name: str, folder: int, tap: Tap) -> int | None:
    """An open file of its own; None where a sweep took it before it was locked."""
    tap("part.make.before")
    number = os.open(name, _MAKE, 0o600, dir_fd=folder)
    try:
        tap("part.make.after")
        if _lock(number) and os.fstat(number).st_nlink:
            return number
    except BaseException:
        os.close(number)
        _drop(name, folder, tap)
        raise
    os.close(number)
    return None


def _drop(name: str, folder: int, tap: Tap) -> None:
    """Removes it where it still is; what can't be removed now is swept later."""
    with suppress(OSError), tapped(tap, "part.remove"):
        os.unlink(name, dir_fd=folder)


def _lock(number: int) -> bool:
    """Takes it, where the disk has such a thing; False where another has it."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # then no sweep can lock it either, and none removes it
        return True
    return True


def sweep(name: str, folder: int, tap: Tap) -> bool:
    """Removes one that nobody writes any more; whether it was one."""
    try:
        number = open_file(name, folder, os.O_RDWR)
        if number is None:
            return False
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with tapped(tap, "part.remove"):
            os.unlink(name, dir_fd=folder)
    except OSError:  # it is written to just now, or was put in its place meanwhile
        return False
    finally:
        os.close(number)
    return True
