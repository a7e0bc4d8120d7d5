"""Whatever a file is called and whatever is planted: nothing outside of the shelf is written, read or removed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from syncer.files import DiskTrouble, NotThere, Shelf, safe_name
from syncer.simulators.kode.names import hostile_names
from tests.files.bench import MOST, NAME, NEW, OLD, ORDER, ended, in_another_process, pour, sha, tree

SECRET = b"a secret of someone else's"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the shelf, with files of the names that the shelf uses."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in (NAME, f".part-{'a' * 32}"):
        (folder / name).write_bytes(SECRET)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    return root


@contextmanager
def untouched(*folders: Path) -> Iterator[None]:
    before = [tree(folder) for folder in folders]
    yield
    assert [tree(folder) for folder in folders] == before


def _keep(shelf: Shelf, folder: str, name: str) -> object:
    return shelf.keep(folder, name, pour(NEW), most=MOST)


def _check(shelf: Shelf, folder: str, name: str) -> object:
    return shelf.check(folder, name, len(SECRET), sha(SECRET))


def _strays(shelf: Shelf, folder: str, name: str) -> object:
    return shelf.strays(folder, [])


def _open(shelf: Shelf, folder: str, name: str) -> object:
    with shelf.open(folder, name) as file:
        return file.read()


def _sweep(shelf: Shelf, folder: str, name: str) -> object:
    return shelf.sweep()


Act = Callable[[Shelf, str, str], object]
ACTS: dict[str, Act] = {
    "keep": _keep,
    "remove": Shelf.remove,
    "check": _check,
    "strays": _strays,
    "open": _open,
    "path": Shelf.path,
    "sweep": _sweep,
}
NOT_PLAIN = ["", ".", "..", "/", "/etc", "../outside", "a/b", "a/", "/a", "a\0b", ".part-x", ".hidden"]


# --- names ----------------------------------------------------------------------------------------------------


def test_files_of_hostile_names_are_kept_within_their_folder_each_under_a_name_of_its_own(
    tmp_path: Path, root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # so many take their time
    shelf, taken = Shelf(root), list[str]()
    was = tree(tmp_path)
    for number, called in enumerate(hostile_names(600)):
        name = safe_name(called, f"asset{number}", taken)
        shelf.keep(ORDER, name, pour(str(number).encode()), most=MOST)
        taken.append(name)
    found = tree(tmp_path)
    assert {path for path in found if path not in was} == {f"files/{ORDER}"} | {f"files/{ORDER}/{n}" for n in taken}
    assert all(shelf.check(ORDER, name, len(str(n)), sha(str(n).encode())) is None for n, name in enumerate(taken))
    assert {path: found[path] for path in was} == was
    assert shelf.strays(ORDER, taken) == ()
    assert [name for name in taken if not shelf.remove(ORDER, name)] == []
    assert tree(tmp_path) == was


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_hostile_names_as_they_come_touch_nothing_outside(tmp_path: Path, root: Path, outside: Path, act: Act) -> None:
    shelf = Shelf(root)
    with untouched(outside):
        for called in hostile_names(500):
            for folder, name in ((ORDER, called), (called, NAME)):
                with suppress(ValueError, DiskTrouble):
                    act(shelf, folder, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "outside"]


@pytest.mark.parametrize("bad", NOT_PLAIN)
@pytest.mark.parametrize("act", [_keep, Shelf.remove, _check, _open, Shelf.path])
def test_a_name_that_is_not_plain_is_refused_before_anything_is_done(root: Path, bad: str, act: Act) -> None:
    with untouched(root):
        for folder, name in ((ORDER, bad), (bad, NAME)):
            with pytest.raises(ValueError, match="not a plain name"):
                act(Shelf(root), folder, name)


# --- links ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [_keep, Shelf.remove, _strays, _open])
def test_a_folder_that_is_a_link_is_trouble_and_is_not_followed(root: Path, outside: Path, act: Act) -> None:
    (root / ORDER).symlink_to(outside)
    with untouched(root, outside), pytest.raises(DiskTrouble, match="move it away") as caught:
        act(Shelf(root), ORDER, NAME)
    assert str(root / ORDER) in str(caught.value)


def test_a_link_to_a_folder_is_neither_listed_nor_swept_nor_looked_into(root: Path, outside: Path) -> None:
    (root / ORDER).symlink_to(outside)
    shelf = Shelf(root)
    with untouched(root, outside):
        assert shelf.folders() == ()
        assert shelf.sweep() == 0
        assert shelf.check(ORDER, NAME, len(SECRET), sha(SECRET)) == "can't be read: Not a directory"


def test_a_link_in_the_place_of_a_file_is_no_file_and_is_replaced_or_removed_itself(root: Path, outside: Path) -> None:
    shelf, link = Shelf(root), root / ORDER / NAME
    link.parent.mkdir()
    with untouched(outside):
        link.symlink_to(outside / NAME)
        assert shelf.check(ORDER, NAME, len(SECRET), sha(SECRET)) == "is not a file"
        with pytest.raises(NotThere):
            shelf.open(ORDER, NAME)
        shelf.keep(ORDER, NAME, pour(NEW), most=MOST)
        assert link.read_bytes() == NEW
        link.unlink()
        link.symlink_to(outside / NAME)
        assert shelf.remove(ORDER, NAME)


def test_a_second_name_of_a_file_outside_is_replaced_and_not_written_to(root: Path, outside: Path) -> None:
    (root / ORDER).mkdir()
    os.link(outside / NAME, root / ORDER / NAME)
    Shelf(root).keep(ORDER, NAME, pour(NEW), most=MOST)
    assert (outside / NAME).read_bytes() == SECRET


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_told_and_never_waited_for(root: Path, make: Callable[[Path], None]) -> None:
    def look() -> None:
        signal.alarm(10)
        assert Shelf(root).check(ORDER, NAME, 1, sha(b"x")) == "is not a file"
        with pytest.raises(NotThere):
            Shelf(root).open(ORDER, NAME)

    (root / ORDER).mkdir()
    make(root / ORDER / NAME)
    assert ended(in_another_process(look)) == 0


@pytest.mark.parametrize("act", [_keep, Shelf.remove])
def test_a_folder_in_the_place_of_a_file_is_trouble(root: Path, act: Act) -> None:
    (root / ORDER / NAME / "more").mkdir(parents=True)
    with untouched(root), pytest.raises(DiskTrouble, match="move it away"):
        act(Shelf(root), ORDER, NAME)


def test_a_file_in_the_place_of_a_folder_is_trouble(root: Path) -> None:
    (root / ORDER).write_bytes(OLD)
    with untouched(root), pytest.raises(DiskTrouble, match="move it away"):
        Shelf(root).keep(ORDER, NAME, pour(NEW), most=MOST)


def test_the_operators_own_link_to_the_shelf_is_followed(tmp_path: Path, root: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    Shelf(link).keep(ORDER, NAME, pour(NEW), most=MOST)
    assert (root / ORDER / NAME).read_bytes() == NEW


def test_the_operators_link_to_nowhere_is_trouble(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DiskTrouble, match="leads nowhere"):
        Shelf(tmp_path / "link").keep(ORDER, NAME, pour(NEW), most=MOST)


@contextmanager
def swapping(folder: Path, outside: Path) -> Iterator[list[int]]:
    """Meanwhile the folder is a folder, a link to the outside, and missing, by turns and fast; how often it turned."""
    over, turns = Event(), [0]
    aside = folder.with_name("aside")

    def turn() -> None:
        while not over.is_set():
            with suppress(OSError):
                folder.rename(aside)
            folder.symlink_to(outside)
            time.sleep(0)
            folder.unlink()
            with suppress(OSError):
                aside.rename(folder)
            turns[0] += 1

    def turn_on() -> None:
        while not over.is_set():
            with suppress(OSError):  # the shelf made a folder meanwhile
                turn()

    thread = Thread(target=turn_on)
    thread.start()
    try:
        yield turns
    finally:
        over.set()
        thread.join()


def test_a_folder_that_turns_into_a_link_at_any_moment_leads_nowhere(root: Path, outside: Path) -> None:
    shelf = Shelf(root)
    shelf.keep(ORDER, NAME, pour(OLD), most=MOST)
    read, done = set[bytes](), 0
    with untouched(outside), swapping(root / ORDER, outside) as turns:
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            for act in ACTS.values():
                with suppress(DiskTrouble):
                    said = act(shelf, ORDER, NAME)
                    done += 1
                    read |= {said} if isinstance(said, bytes) else set()
    assert turns[0] > 10
    assert done > 10
    assert read <= {OLD, NEW}


def test_a_folder_that_turns_into_a_link_between_any_two_steps_leads_nowhere(root: Path, outside: Path) -> None:
    def tap(_event: str) -> None:
        folder = root / ORDER
        if folder.is_symlink():
            folder.unlink()
            (root / "aside").rename(folder)
        elif folder.exists():
            folder.rename(root / "aside")
            folder.symlink_to(outside)

    shelf = Shelf(root, tap)
    with untouched(outside):
        for act in list(ACTS.values()) * 3:
            with suppress(DiskTrouble):
                assert act(shelf, ORDER, NAME) != SECRET
    assert list(root.rglob(".part-*")) == []
