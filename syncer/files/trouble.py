"""What can go wrong with a disk, as sentences that say what to do.

A file's name must never be in one: it comes from outside, and may hold an address.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncer.errors import SyncerError

_FULL = "the disk is full: free some space; nothing was lost, and the next pass goes on"
_DENIED = "syncer's user may not do this: give it the right to read and write that folder and all in it"
_IN_THE_WAY = "something else stands where a folder or file of syncer's belongs: move it away"
_FAILING = "the disk can't be read or written: look into the system's log; nothing was lost"
_CURES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "the disk is read-only: mount it for writing, or set files_dir to a folder on another one",
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ELOOP: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
    errno.EFBIG: "the disk or a limit (LimitFSIZE) lets no file be so large: raise it, or use another disk",
    errno.EMFILE: "the program may open no more files: raise its limit (LimitNOFILE)",
    errno.ENFILE: "the system may open no more files: end what holds so many",
    errno.ENOENT: "the folder is missing, or a link that leads nowhere: see what files_dir is",
    errno.ENAMETOOLONG: "a name is too long for this disk: set files_dir to a folder on another one",
}


class DiskTrouble(SyncerError):
    """The disk can't do it now: full, forbidden, or something in the way. Nothing was lost, and no half file is left.

    The text says what to do, and `hint` is that part of it. Reaction: try again later.
    """

    def __init__(self, cause: str, hint: str = "") -> None:
        super().__init__(cause + (f" — {hint}" if hint else ""))
        self.hint = hint


class NotThere(DiskTrouble):
    """There is no such file, or what stands there is none."""


class TooLarge(SyncerError):
    """A file has more bytes than are allowed, `most`; nothing of it is left. Reaction: trying again is of no use."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the file has more than {most} bytes, which is the most that is allowed")
        self.most = most


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """The system's own errors as `DiskTrouble`; `place` is a folder, and is what the sentence names."""
    try:
        yield
    except OSError as error:
        raise DiskTrouble(
            f"files {place}: {error.strerror or type(error).__name__}", _CURES.get(error.errno or 0, _FAILING)
        ) from None
