"""Where a benchmark's store may lie: on a disk, since a commit into memory costs nothing; and what one costs there.

The usual temporary folder is in memory on many machines.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

MEMORY = frozenset({"tmpfs", "ramfs"})
MOUNTS = Path("/proc/self/mounts")


def on_disk() -> "TemporaryDirectory[str]":
    """A temporary folder; in the working directory where the usual place is no disk."""
    usual = Path(gettempdir()).resolve()
    return TemporaryDirectory(prefix=".bench-", dir=Path.cwd() if kind_of(usual) in MEMORY else usual)


def kind_of(folder: Path, mounts: Path = MOUNTS) -> str:
    """The kind of file system that a folder is on, as the kernel calls it; empty where that isn't told."""
    if not mounts.exists():
        return ""
    found = [line.split()[1:3] for line in mounts.read_text(encoding="utf-8").splitlines()]
    return max([(len(place), kind) for place, kind in found if folder.is_relative_to(place)], default=(0, ""))[1]


def commit(folder: Path, times: int = 100) -> float:
    """The seconds that SQLite takes to write one row down, as the program has it do: with `synchronous=FULL`."""
    with closing(sqlite3.connect(folder / "commits.db", isolation_level=None)) as database:
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE rows (n INTEGER)"):
            database.execute(statement)
        began = time.perf_counter()
        for number in range(times):
            database.execute("INSERT INTO rows VALUES (?)", [number])
        return (time.perf_counter() - began) / times
