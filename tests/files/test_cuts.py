"""Wherever the program is cut, what is on the disk is whole, and the same again leads to the same end."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.files import Shelf
from tests.files.bench import (
    MOST,
    NAME,
    NEW,
    OLD,
    ORDER,
    Cut,
    Roots,
    Scissors,
    ended,
    in_another_process,
    numbered,
    pour,
    sha,
    tree,
)

WAYS = ["raised", "raised from there on", "killed"]


def _keep(shelf: Shelf) -> object:
    return shelf.keep(ORDER, NAME, pour(NEW), most=MOST)


def _keep_old(shelf: Shelf) -> object:
    return shelf.keep(ORDER, NAME, pour(OLD), most=MOST)


def _remove(shelf: Shelf) -> object:
    return shelf.remove(ORDER, NAME)


def _nothing(_shelf: Shelf) -> None:
    pass


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _cut(root: Path, act: Callable[[Shelf], object], number: int, way: str) -> None:
    if way == "killed":
        assert ended(in_another_process(lambda: act(Shelf(root, Scissors(number, end=_die))))) == -signal.SIGKILL
        return
    with pytest.raises(Cut):
        act(Shelf(root, Scissors(number, dead=way != "raised")))


def _told(root: Path) -> bytes | None:
    path = root / ORDER / NAME
    return path.read_bytes() if path.exists() else None


def _parts(root: Path) -> list[Path]:
    return list(root.rglob(".part-*"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("before", [None, OLD])
def test_a_file_whose_keeping_is_cut_anywhere_is_whole_or_as_before_and_kept_the_next_time(
    tmp_path: Path, before: bytes | None, way: str
) -> None:
    roots = Roots(tmp_path, _keep_old if before else _nothing)
    for number, root in numbered(_keep, roots):
        _cut(root, _keep, number, way)
        assert _told(root) in {before, NEW}
        assert way != "raised" or _parts(root) == []
        shelf = Shelf(root)
        shelf.sweep()
        assert _parts(root) == []
        _keep(shelf)
        assert shelf.check(ORDER, NAME, len(NEW), sha(NEW)) is None
        assert list(tree(root)) == [ORDER, f"{ORDER}/{NAME}"]


@pytest.mark.parametrize("way", WAYS)
def test_a_file_whose_keeping_is_cut_is_kept_the_next_time_without_a_sweep_and_swept_afterwards(
    tmp_path: Path, way: str
) -> None:
    for number, root in numbered(_keep, Roots(tmp_path, _nothing)):
        _cut(root, _keep, number, way)
        shelf = Shelf(root)
        _keep(shelf)
        assert shelf.strays(ORDER, [NAME]) == ()
        shelf.sweep()
        assert list(tree(root)) == [ORDER, f"{ORDER}/{NAME}"]
        assert shelf.check(ORDER, NAME, len(NEW), sha(NEW)) is None


@pytest.mark.parametrize("way", WAYS)
def test_a_file_whose_removal_is_cut_anywhere_is_whole_or_gone_and_gone_the_next_time(tmp_path: Path, way: str) -> None:
    for number, root in numbered(_remove, Roots(tmp_path, _keep_old)):
        _cut(root, _remove, number, way)
        assert _told(root) in {None, OLD}
        there = _told(root) is not None
        assert Shelf(root).remove(ORDER, NAME) is there
        assert tree(root) == {}


@pytest.mark.parametrize("way", WAYS)
def test_a_sweep_that_is_cut_anywhere_is_done_the_next_time(tmp_path: Path, way: str) -> None:
    def leave(shelf: Shelf) -> None:
        root = shelf.path(ORDER, NAME).parents[1]
        shelf.keep("kode:1", NAME, pour(OLD), most=MOST)
        for order in ("kode:1", "kode:2"):
            _cut(root, lambda shelf, order=order: shelf.keep(order, NAME, pour(NEW), most=MOST), 6, "killed")  # type: ignore[misc]

    for number, root in numbered(Shelf.sweep, Roots(tmp_path, leave)):
        _cut(root, Shelf.sweep, number, way)
        Shelf(root).sweep()
        assert list(tree(root)) == ["kode:1", f"kode:1/{NAME}"]
