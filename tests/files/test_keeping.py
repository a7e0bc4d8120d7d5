"""A file is kept whole or not at all, over what was there, for good, and for its owner only."""

import errno
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.files import DiskTrouble, Kept, NotThere, Shelf, TooLarge
from tests.files.bench import MOST, NAME, NEW, OLD, ORDER, Cut, Scissors, pour, sha, tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "files"


@pytest.fixture
def shelf(root: Path) -> Shelf:
    return Shelf(root)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_poured_is_kept_with_its_size_and_checksum(shelf: Shelf, root: Path) -> None:
    kept = shelf.keep(ORDER, NAME, pour(NEW), most=len(NEW))
    assert kept == Kept(len(NEW), sha(NEW))
    assert (root / ORDER / NAME).read_bytes() == NEW
    assert shelf.check(ORDER, NAME, kept.size, kept.sha256) is None
    with shelf.open(ORDER, NAME) as file:
        assert file.read() == NEW


def test_a_file_without_bytes_is_a_file(shelf: Shelf) -> None:
    assert shelf.keep(ORDER, NAME, pour(b""), most=0) == Kept(0, sha(b""))
    assert shelf.check(ORDER, NAME, 0, sha(b"")) is None


def test_only_the_owner_may_look_at_it(shelf: Shelf, root: Path) -> None:
    shelf.keep(ORDER, NAME, pour(NEW), most=MOST)
    assert [_mode(path) for path in (root.parent, root, root / ORDER, root / ORDER / NAME)] == [0o700] * 3 + [0o600]


def test_a_file_takes_the_place_of_the_one_before(shelf: Shelf, root: Path) -> None:
    shelf.keep(ORDER, NAME, pour(OLD), most=MOST)
    kept = shelf.keep(ORDER, NAME, pour(NEW), most=MOST)
    assert shelf.check(ORDER, NAME, kept.size, kept.sha256) is None
    assert shelf.strays(ORDER, [NAME]) == ()


def test_it_is_on_the_disk_before_it_has_its_name_and_its_name_is_before_keep_is_done(root: Path) -> None:
    events: list[str] = []
    Shelf(root, events.append).keep(ORDER, NAME, pour(NEW), most=MOST)
    effects = [event.removesuffix(".after") for event in events if event.endswith(".after")]
    assert effects == [
        "root.make", "root.sync", "root.make", "root.sync",
        "folder.make", "part.make", "file.write", "file.write", "file.sync", "file.rename", "folder.sync", "root.sync",
    ]  # fmt: skip


@pytest.mark.parametrize("before", [True, False])
def test_a_file_that_is_too_large_leaves_nothing_and_costs_nothing(shelf: Shelf, root: Path, before: bool) -> None:
    if before:
        shelf.keep(ORDER, NAME, pour(OLD), most=MOST)
    was = tree(root)
    with pytest.raises(TooLarge, match=f"more than {len(NEW) - 1} bytes"):
        shelf.keep(ORDER, NAME, pour(NEW, step=100), most=len(NEW) - 1)
    assert tree(root) == was


def test_an_error_of_who_pours_comes_out_as_it_is_and_leaves_nothing(shelf: Shelf, root: Path) -> None:
    def half(write: Callable[[bytes], None]) -> None:
        write(NEW[:100])
        raise ConnectionResetError(errno.ECONNRESET, "the line was cut")

    with pytest.raises(ConnectionResetError, match="the line was cut"):
        shelf.keep(ORDER, NAME, half, most=MOST)
    assert tree(root) == {}


def test_an_error_that_who_pours_keeps_to_itself_is_told_nevertheless(shelf: Shelf, root: Path) -> None:
    def deaf(write: Callable[[bytes], None]) -> None:
        for _ in range(3):
            try:
                write(NEW)
            except Exception:  # noqa: BLE001, S112
                continue

    with pytest.raises(TooLarge):
        shelf.keep(ORDER, NAME, deaf, most=len(NEW) + 1)
    assert tree(root) == {}


def test_nothing_can_be_written_once_the_file_is_kept(shelf: Shelf, root: Path) -> None:
    late: list[Callable[[bytes], None]] = []
    kept = shelf.keep(ORDER, NAME, late.append, most=MOST)
    with (root / "another file").open("wb"), pytest.raises(ValueError, match="closed"):
        late[0](NEW)
    assert shelf.check(ORDER, NAME, kept.size, kept.sha256) is None
    assert (root / "another file").read_bytes() == b""


def test_little_memory_is_needed_for_a_large_file(shelf: Shelf) -> None:
    chunk, many = b"x" * 65_536, 320  # 20 MiB

    def much(write: Callable[[bytes], None]) -> None:
        for _ in range(many):
            write(chunk)

    tracemalloc.start()
    try:
        kept = shelf.keep(ORDER, NAME, much, most=10**9)
        assert shelf.check(ORDER, NAME, kept.size, kept.sha256) is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept.size == many * len(chunk)
    assert peak < 2_000_000


def test_who_waits_for_a_large_file_is_told_how_much_of_it_was_read(shelf: Shelf) -> None:
    parts: list[int] = []
    kept = shelf.keep(ORDER, NAME, lambda write: write(b"x" * 1_000_000), most=10**9)
    assert shelf.check(ORDER, NAME, kept.size, kept.sha256, parts.append) is None
    assert sum(parts) == kept.size
    assert len(parts) > 2


# --- removing -------------------------------------------------------------------------------------------------


def test_a_removed_file_is_gone_and_its_folder_with_the_last_one(shelf: Shelf, root: Path) -> None:
    shelf.keep(ORDER, NAME, pour(NEW), most=MOST)
    shelf.keep(ORDER, "other.pdf", pour(NEW), most=MOST)
    assert shelf.remove(ORDER, NAME) is True
    assert [path.name for path in (root / ORDER).iterdir()] == ["other.pdf"]
    assert shelf.remove(ORDER, "other.pdf") is True
    assert shelf.folders() == ()


@pytest.mark.parametrize(
    ("there", "effects"),
    [
        (True, ["file.remove", "folder.sync", "folder.remove", "root.sync"]),
        (False, ["folder.sync", "root.sync"]),
        (None, ["root.sync"]),
    ],
)
def test_a_removal_is_on_the_disk_when_it_is_done_also_one_of_a_life_that_ended_in_the_middle(
    root: Path, there: bool | None, effects: list[str]
) -> None:
    events: list[str] = []
    if there is not None:
        Shelf(root).keep(ORDER, NAME if there else "other.pdf", pour(NEW), most=MOST)
    root.mkdir(parents=True, exist_ok=True)
    assert Shelf(root, events.append).remove(ORDER, NAME) is bool(there)
    assert [event.removesuffix(".after") for event in events if event.endswith(".after")] == effects


def test_what_is_not_there_need_not_be_removed(shelf: Shelf, root: Path) -> None:
    assert shelf.remove(ORDER, NAME) is False
    assert not root.exists()
    shelf.keep(ORDER, "other.pdf", pour(NEW), most=MOST)
    assert shelf.remove(ORDER, NAME) is False
    assert shelf.remove("kode:2", NAME) is False
    assert shelf.folders() == (ORDER,)


# --- looking --------------------------------------------------------------------------------------------------


def test_what_was_changed_is_told_from_what_is_missing(shelf: Shelf, root: Path) -> None:
    kept = shelf.keep(ORDER, NAME, pour(b"x" * 20), most=MOST)
    path = root / ORDER / NAME

    def told() -> str | None:
        return shelf.check(ORDER, NAME, kept.size, kept.sha256)

    path.write_bytes(b"x" * 12)
    assert told() == "was changed: 12 bytes instead of 20"
    path.write_bytes(b"y" * 20)
    assert told() == "was changed: other contents"
    path.unlink()
    assert told() == "is missing"
    path.mkdir()
    assert told() == "is not a file"
    path.rmdir()
    path.parent.rmdir()
    assert told() == "is missing"
    root.rmdir()
    assert told() == "is missing"


def test_what_lies_besides_is_listed_and_what_is_being_written_is_not(shelf: Shelf, root: Path) -> None:
    seen: list[tuple[str, ...]] = []

    def look(write: Callable[[bytes], None]) -> None:
        write(NEW)
        seen.append(shelf.strays(ORDER, [NAME]))

    assert shelf.strays(ORDER, []) == ()
    shelf.keep(ORDER, "b.pdf", pour(NEW), most=MOST)
    (root / ORDER / "a folder").mkdir()
    (root / ORDER / f".part-{'a' * 32}").mkdir()
    (root / ORDER / f".part-{'b' * 32}").symlink_to(root / ORDER / "b.pdf")
    shelf.keep(ORDER, NAME, look, most=MOST)
    assert seen == [(f".part-{'a' * 32}", f".part-{'b' * 32}", "a folder", "b.pdf")]


def test_folders_are_listed_and_nothing_else(shelf: Shelf, root: Path) -> None:
    assert shelf.folders() == ()
    for order in ("kode:2", "kode:1"):
        shelf.keep(order, NAME, pour(NEW), most=MOST)
    (root / "a file").touch()
    (root / "a link").symlink_to(root / "kode:1")
    assert shelf.folders() == ("kode:1", "kode:2")


def test_a_path_is_whole_wherever_the_program_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shelf = Shelf(Path("files"))
    monkeypatch.chdir("/")
    shelf.keep(ORDER, NAME, pour(NEW), most=MOST)
    assert shelf.path(ORDER, NAME) == tmp_path / "files" / ORDER / NAME
    assert shelf.path(ORDER, NAME).read_bytes() == NEW


def test_what_is_not_there_cannot_be_opened(shelf: Shelf, root: Path) -> None:
    with pytest.raises(NotThere):
        shelf.open(ORDER, NAME)
    (root / ORDER / NAME).mkdir(parents=True)
    with pytest.raises(NotThere):
        shelf.open(ORDER, NAME)


# --- sweeping -------------------------------------------------------------------------------------------------


def test_what_a_crash_left_is_swept_and_its_empty_folder_too(root: Path) -> None:
    shelf = Shelf(root)
    assert shelf.sweep() == 0
    assert not root.exists()
    shelf.keep("kode:1", NAME, pour(OLD), most=MOST)
    for order in ("kode:1", "kode:2"):
        with pytest.raises(Cut):
            Shelf(root, Scissors(6, dead=True)).keep(order, NAME, pour(NEW), most=MOST)
    assert len(list(root.rglob(".part-*"))) == 2
    assert shelf.sweep() == 2
    assert [str(path.relative_to(root)) for path in root.rglob("*")] == ["kode:1", f"kode:1/{NAME}"]


def test_what_is_being_written_is_not_swept(shelf: Shelf, root: Path) -> None:
    swept: list[int] = []

    def sweeping(write: Callable[[bytes], None]) -> None:
        swept.append(Shelf(root).sweep())
        write(NEW)
        swept.append(Shelf(root).sweep())

    kept = shelf.keep(ORDER, NAME, sweeping, most=MOST)
    assert swept == [0, 0]
    assert shelf.check(ORDER, NAME, kept.size, kept.sha256) is None


def test_what_is_swept_before_it_is_locked_is_begun_again(root: Path) -> None:
    swept: list[int] = []

    def tap(event: str) -> None:
        if event == "part.make.after" and not swept:
            swept.append(Shelf(root).sweep())

    kept = Shelf(root, tap).keep(ORDER, NAME, pour(NEW), most=MOST)
    assert swept == [1]
    assert Shelf(root).check(ORDER, NAME, kept.size, kept.sha256) is None
    assert Shelf(root).strays(ORDER, [NAME]) == ()


def test_a_folder_that_is_removed_as_empty_is_made_again(root: Path) -> None:
    times: list[str] = []

    def tap(event: str) -> None:
        if event == "part.make.before" and len(times) < 5:
            times.append(event)
            (root / ORDER).rmdir()

    kept = Shelf(root, tap).keep(ORDER, NAME, pour(NEW), most=MOST)
    assert Shelf(root).check(ORDER, NAME, kept.size, kept.sha256) is None


def test_a_folder_that_is_removed_for_ever_is_trouble(root: Path) -> None:
    def tap(event: str) -> None:
        if event == "part.make.before":
            (root / ORDER).rmdir()

    with pytest.raises(DiskTrouble, match="again and again"):
        Shelf(root, tap).keep(ORDER, NAME, pour(NEW), most=MOST)


def test_what_only_looks_like_one_is_left_alone(shelf: Shelf, root: Path) -> None:
    folder = root / ORDER
    folder.mkdir(parents=True)
    (folder / f".part-{'a' * 32}").mkdir()
    (folder / f".part-{'b' * 32}").symlink_to("/etc/passwd")
    (folder / ".part-short").touch()
    (folder / f"x.part-{'c' * 32}").touch()
    was = tree(root)
    assert shelf.sweep() == 0
    assert tree(root) == was
