"""A disk that is full, forbidden or failing: said with what to do, nothing lost, and no half file."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.files import DiskTrouble, Shelf
from tests.files.bench import MOST, NAME, NEW, OLD, ORDER, Scissors, ended, in_another_process, pour, sha, tree
from tests.hostile.machine import read_only, small_disk

BIG = b"x" * 2_000_000
HINTS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "give it the right",
    errno.EROFS: "mount it for writing",
    errno.EIO: "look into the system's log",
    errno.EMFILE: "LimitNOFILE",
}


def _failing(root: Path, number: int, code: int) -> Shelf:
    """A shelf whose nth effect on the disk fails, the first time."""
    cut = Scissors(number, end=lambda: _fail(code))
    return Shelf(root, cut)


def _fail(code: int) -> None:
    raise OSError(code, os.strerror(code), "/somewhere/Storgata 9.pdf")


@pytest.mark.parametrize("code", HINTS, ids=errno.errorcode.get)
def test_any_effect_that_the_system_refuses_is_trouble_that_says_what_to_do_and_costs_nothing(
    tmp_path: Path, code: int
) -> None:
    root = tmp_path / "files"
    events = Scissors(-1)
    Shelf(root).keep(ORDER, NAME, pour(OLD), most=MOST)
    Shelf(root, events).keep(ORDER, NAME, pour(NEW), most=MOST)
    for number in range(len(events.events)):
        Shelf(root).keep(ORDER, NAME, pour(OLD), most=MOST)
        with pytest.raises(DiskTrouble, match=HINTS[code]) as caught:
            _failing(root, number, code).keep(ORDER, NAME, pour(NEW), most=MOST)
        assert HINTS[code] in caught.value.hint
        assert "Storgata" not in str(caught.value)
        assert NAME not in str(caught.value)
        assert (root / ORDER / NAME).read_bytes() in {OLD, NEW}
        assert Shelf(root).strays(ORDER, [NAME]) == ()
        assert list(root.rglob(".part-*")) == []


@pytest.mark.parametrize("before", [True, False])
def test_a_disk_that_fills_up_keeps_what_was_there_and_takes_the_file_once_there_is_space(
    tmp_path: Path, before: bool
) -> None:
    with small_disk(tmp_path / "files", "1m") as disk:
        shelf = Shelf(disk.place)
        if before:
            shelf.keep(ORDER, NAME, pour(OLD), most=MOST)
        was = tree(disk.place)
        with pytest.raises(DiskTrouble, match="the disk is full: free some space"):
            shelf.keep(ORDER, NAME, pour(BIG, step=65_536), most=len(BIG))
        assert tree(disk.place) == was
        disk.fill()
        if before:
            assert shelf.check(ORDER, NAME, len(OLD), sha(OLD)) is None
            assert shelf.remove(ORDER, NAME)
        disk.make_space()
        shelf.keep(ORDER, NAME, pour(NEW), most=MOST)
        assert shelf.check(ORDER, NAME, len(NEW), sha(NEW)) is None


def _keep(shelf: Shelf) -> object:
    return shelf.keep(ORDER, NAME, pour(NEW), most=MOST)


def _remove(shelf: Shelf) -> object:
    return shelf.remove(ORDER, NAME)


@pytest.mark.parametrize("act", [_keep, _remove])
def test_a_disk_that_is_read_only_is_trouble_and_can_be_read(tmp_path: Path, act: Callable[[Shelf], object]) -> None:
    root = tmp_path / "files"
    shelf = Shelf(root)
    shelf.keep(ORDER, NAME, pour(OLD), most=MOST)
    with read_only(root):
        with pytest.raises(DiskTrouble, match="read-only"):
            act(shelf)
        assert shelf.sweep() == 0
        assert shelf.check(ORDER, NAME, len(OLD), sha(OLD)) is None


def test_a_limit_of_the_system_is_trouble_and_no_end_of_the_program(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(DiskTrouble, match="LimitFSIZE"):
            _keep(Shelf(tmp_path / "files"))

    assert ended(in_another_process(limited)) == 0
    assert tree(tmp_path / "files") == {}


def test_a_user_without_the_right_is_told_so(tmp_path: Path) -> None:
    """Who runs this as root becomes someone else for it, in a folder that was opened before."""

    def forbidden() -> None:
        os.chdir(tmp_path)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setuid(65_534)
        shelf = Shelf(Path("files"))
        shelf._root = Path("files")  # the way there is closed to that user, too
        for act in (_keep, _remove):
            with pytest.raises(DiskTrouble, match="give it the right"):
                act(shelf)
        assert shelf.check(ORDER, NAME, len(OLD), sha(OLD)) == "can't be read: Permission denied"
        assert shelf.sweep() == 0

    shelf = Shelf(tmp_path / "files")
    shelf.keep(ORDER, NAME, pour(OLD), most=MOST)
    (tmp_path / "files").chmod(0o755)
    (tmp_path / "files" / ORDER).chmod(0o000)
    tmp_path.chmod(0o755)
    try:
        assert ended(in_another_process(forbidden)) == 0
    finally:
        (tmp_path / "files" / ORDER).chmod(0o700)
    assert shelf.check(ORDER, NAME, len(OLD), sha(OLD)) is None


def test_a_disk_that_cannot_sync_folders_or_lock_files_keeps_them_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def no_folders(number: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{number}"):  # noqa: PTH112
            raise OSError(errno.EINVAL, "no such thing")
        sync(number)

    def no_locks(number: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(os, "fsync", no_folders)
    monkeypatch.setattr("fcntl.flock", no_locks)
    shelf, swept = Shelf(tmp_path / "files"), list[int]()

    def sweeping(write: Callable[[bytes], None]) -> None:
        write(NEW)
        swept.append(shelf.sweep())  # what can't be locked may be someone's

    kept = shelf.keep(ORDER, NAME, sweeping, most=MOST)
    assert swept == [0]
    assert shelf.check(ORDER, NAME, kept.size, kept.sha256) is None
