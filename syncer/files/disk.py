"""The few calls to the system, each made from an open folder, so that no link ever leads them elsewhere.

What a file means must never be known here.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Tap = Callable[[str], None]
_READ = os.O_RDONLY | os.O_CLOEXEC
_NO_LINK = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # nor is a pipe waited for
_HAS_NO_SYNC = {errno.EINVAL, errno.ENOTSUP}


def untapped(_event: str) -> None:
    """Who listens to nothing."""


@contextmanager
def tapped(tap: Tap, event: str) -> Iterator[None]:
    """Around one effect on the disk: what a test hears of before it, and after it where it came about."""
    tap(f"{event}.before")
    yield
    tap(f"{event}.after")


@contextmanager
def opened(name: str | Path, flags: int, folder: int | None = None) -> Iterator[int]:
    """A file or folder that is open meanwhile."""
    number = os.open(name, flags, dir_fd=folder)
    try:
        yield number
    finally:
        os.close(number)


def open_folder(name: str, root: int) -> int:
    """A folder of the root's, which is no link; OSError else."""
    return os.open(name, _READ | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)


def open_root(root: Path) -> int:
    """The operator's own folder, which may be behind links."""
    return os.open(root, _READ | os.O_DIRECTORY)


def open_file(name: str, folder: int, flags: int = os.O_RDONLY) -> int | None:
    """A file that is one, and no link, pipe or folder; None where it isn't one, OSError where there is nothing."""
    try:
        number = os.open(name, flags | _NO_LINK, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
            return None
        raise
    if stat.S_ISREG(os.fstat(number).st_mode):
        return number
    os.close(number)
    return None


def is_file(name: str, folder: int) -> bool:
    """Whether there is a file of that name, which is no link."""
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def names_in(folder: int) -> list[str]:
    """The names of all that is in a folder."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def folders_in(root: int) -> list[str]:
    """The names of all folders, which are no links."""
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def make_folder(name: str | Path, tap: Tap, event: str, root: int | None = None) -> None:
    """Makes a folder that only its owner may look into, unless it is there."""
    try:
        with tapped(tap, event):
            os.mkdir(name, 0o700, dir_fd=root)
    except FileExistsError:
        return


def make_root(root: Path, tap: Tap) -> None:
    """Makes the operator's folder, and those above it that are missing, on the disk for good."""
    if root.is_dir():
        return
    make_root(root.parent, tap)
    make_folder(root, tap, "root.make")
    with opened(root.parent, _READ | os.O_DIRECTORY) as above:
        sync(above, tap, "root.sync")


def sync(folder: int, tap: Tap, event: str) -> None:
    """Has the disk keep the names in a folder, where it is one that can."""
    with tapped(tap, event):
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in _HAS_NO_SYNC:
                raise


def remove(name: str, folder: int, tap: Tap) -> bool:
    """Removes a file, or a link itself; False where there is nothing."""
    try:
        with tapped(tap, "file.remove"):
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def remove_if_empty(name: str, root: int, tap: Tap) -> None:
    """Removes a folder with nothing in it; another stays."""
    try:
        with tapped(tap, "folder.remove"):
            os.rmdir(name, dir_fd=root)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR}:
            raise
