"""Several threads and processes on one shelf: each file is one of those that were poured, whole."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from os import getpid, kill
from pathlib import Path

from syncer.files import NotThere, Shelf
from tests.files.bench import MOST, NAME, ORDER, ended, in_another_process, pour, sha

TIMES = 40


def _data(who: int) -> bytes:
    return f"{who}".encode() * (10_000 + who)


WHOLE = {_data(who) for who in range(4)}


def _keep_often(root: Path, who: int) -> None:
    shelf = Shelf(root)
    for _ in range(TIMES):
        kept = shelf.keep(ORDER, NAME, pour(_data(who), step=1000), most=MOST)
        assert kept.sha256 == sha(_data(who))


def _remove_and_sweep_often(root: Path) -> None:
    shelf = Shelf(root)
    for _ in range(TIMES * 3):
        shelf.remove(ORDER, NAME)
        shelf.sweep()  # may take one that was just made and isn't locked yet: its writer makes another


def _read_often(root: Path) -> None:
    for _ in range(TIMES * 3):
        with suppress(NotThere), Shelf(root).open(ORDER, NAME) as file:
            assert file.read() in WHOLE


def _jobs(root: Path) -> list[Callable[[], None]]:
    return [
        lambda: _keep_often(root, 0),
        lambda: _keep_often(root, 1),
        lambda: _keep_often(root, 2),
        lambda: _remove_and_sweep_often(root),
        lambda: _read_often(root),
    ]


def _assert_whole(root: Path) -> None:
    shelf = Shelf(root)
    _keep_often(root, 3)
    assert shelf.check(ORDER, NAME, len(_data(3)), sha(_data(3))) is None
    assert list(root.rglob("*")) == [root / ORDER, root / ORDER / NAME]


def test_processes_that_keep_remove_sweep_and_read_one_file_at_once_never_see_half_of_it(tmp_path: Path) -> None:
    root = tmp_path / "files"
    children = [in_another_process(job) for job in _jobs(root)]
    assert [ended(child) for child in children] == [0] * 5
    _assert_whole(root)


def test_threads_that_do_so_neither(tmp_path: Path) -> None:
    root = tmp_path / "files"
    with ThreadPoolExecutor(5) as pool:
        for done in [pool.submit(job) for job in _jobs(root)]:
            done.result()
    _assert_whole(root)


def test_what_another_process_writes_is_swept_once_that_one_is_killed_and_not_before(tmp_path: Path) -> None:
    root = tmp_path / "files"

    def slow(write: Callable[[bytes], None]) -> None:
        write(b"half")
        time.sleep(30)
        kill(getpid(), signal.SIGKILL)

    child = in_another_process(lambda: Shelf(root).keep(ORDER, NAME, slow, most=MOST))
    try:
        until = time.monotonic() + 20
        while not any(part.stat().st_size for part in root.rglob(".part-*")):
            assert time.monotonic() < until
            time.sleep(0.005)
        assert Shelf(root).sweep() == 0
        assert Shelf(root).strays(ORDER, []) == ()
    finally:
        kill(child, signal.SIGKILL)
        ended(child)
    assert Shelf(root).sweep() == 1
    assert list(root.iterdir()) == []
