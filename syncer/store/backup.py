"""Copies of a SQLite database as files: made while others use it, checked, and put in their place whole or not at all.

What stands in the database is not for here.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from syncer.store import connect as opening
from syncer.store.connect import StoreError
from syncer.store.tables import plain_json

PAGES = 1024  # to a step
Mark = Callable[[Connection], object]
Say = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was made: where, and how many bytes."""

    file: Path
    size: int


def not_here(url: str) -> str:
    """What to do instead, for a database that isn't in a file."""
    parsed = make_url(url).set(drivername="postgresql", password=None)
    return (
        f"store {parsed.render_as_string()}: a PostgreSQL database is copied by its own program — "
        f"pg_dump --format=custom --file=FILE {parsed.render_as_string()}; once it is brought back, and before syncer "
        "is started: syncer recheck"
    )


def make(source: Path, target: Path, mark: Mark, *, force: bool, say: Say) -> Copy:
    """Copies a database to `target`, lets `mark` change the copy, checks it, and puts it in its place.

    Raises:
        StoreError: it can't be done, and nothing of it is left.
    """
    with _explained(target):
        _may_be_put(source, target, force=force)
    with _explained(target), _beside(target) as part:
        _copy(source, part, say)
        _finish(part, mark)
        _place(part, target)
    return Copy(target, target.stat().st_size)


def bring_back(copy: Path, place: Path, mark: Mark, stamp: str, say: Say) -> list[Path]:
    """Puts a copy where the database is, whose files are moved aside; returns where they are then.

    Nobody may have the database open: the caller holds its lock.

    Raises:
        StoreError: the copy can't be used, and nothing was changed.
    """
    if not copy.is_file():
        raise StoreError(f"{copy}: there is no such file")
    if place.exists() and copy.samefile(place):
        raise StoreError(f"{copy}: that is the database itself")
    with _explained(place):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _explained(copy), _beside(place) as part:
        _copy(copy, part, say)
        _see_that_it_is_ours(copy, part)
        _finish(part, mark)
        _give_away(part, place if place.exists() else place.parent)
        aside = _move_aside(place, stamp)
        _place(part, place)
    return aside


def _may_be_put(source: Path, target: Path, *, force: bool) -> None:
    if not target.parent.is_dir():
        raise StoreError(f"{target}: there is no folder {target.parent} — make it, or name another file")
    if target.is_dir():
        raise StoreError(f"{target}: that is a folder — name a file in it")
    own = {f"{source.resolve()}{end}" for end in ("", "-wal", "-shm", "-journal", ".lock")}
    if str(target.resolve()) in own:
        raise StoreError(f"{target}: that is the store's own file — name another one")
    if target.exists() and not force:
        raise StoreError(f"{target}: it is there already — name another file, or say --force")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A file of our own beside the target, on the same disk; gone at the end, unless it was put in its place."""
    part = target.parent / f".{target.name}.part"
    number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = part.exists() and os.path.samestat(os.fstat(number), part.stat())
        except BlockingIOError:
            ours = False
        if not ours:
            raise StoreError(f"{target}: another one is just being made there — wait until it is done")
        os.ftruncate(number, 0)  # what a killed one left
        os.fchmod(number, 0o600)
        try:
            yield part
        finally:
            for left in (part, Path(f"{part}-journal"), Path(f"{part}-wal"), Path(f"{part}-shm")):
                left.unlink(missing_ok=True)
    finally:
        os.close(number)


def _copy(source: Path, part: Path, say: Say) -> None:
    """All pages as they are at one moment. A reader keeps no writer waiting, and one that reads on isn't overtaken."""
    driver = opening.sqlite_driver()
    with closing(driver.connect(str(source))) as ours, closing(driver.connect(str(part))) as copy:
        ours.isolation_level = None
        for pragma in (f"busy_timeout={opening.BUSY_MS}", "query_only=ON"):
            ours.execute(f"PRAGMA {pragma}")
        ours.execute("BEGIN")
        ours.execute("SELECT count(*) FROM sqlite_master").fetchone()
        ours.backup(copy, pages=PAGES, progress=lambda _state, left, total: say(total - left, total))
        ours.execute("COMMIT")


def _finish(part: Path, mark: Mark) -> None:
    """Marks the copy, checks it, and has it on the disk as one file."""
    driver = opening.sqlite_driver()
    with closing(driver.connect(str(part), isolation_level=None, check_same_thread=False)) as connection:
        for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "secure_delete=ON"):  # a copy that fails is dropped
            connection.execute(f"PRAGMA {pragma}")
        _check(part, connection)
        engine = create_engine(
            "sqlite://", creator=lambda: connection, poolclass=StaticPool, json_serializer=plain_json,
            hide_parameters=True, module=driver,
        )  # fmt: skip
        opening.migrate(engine)
        connection.execute("BEGIN")
        with engine.connect() as tx:
            mark(tx)
            tx.commit()
        connection.execute("PRAGMA journal_mode=DELETE")
        _check(part, connection)
        engine.dispose()
    with part.open("rb+") as file:
        os.fsync(file.fileno())


def _see_that_it_is_ours(copy: Path, part: Path) -> None:
    """That a file holds a store, and none of a newer program."""
    with closing(opening.sqlite_driver().connect(str(part))) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            raise StoreError(f"{copy}: that is no copy of a store — name another file")
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    if found not in opening.REVISIONS:
        raise StoreError(f"{copy}: made by a newer syncer (revision {found}) — use that version")


def _check(part: Path, connection: Any) -> None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"{part}: the database is damaged ({found}) — keep it, and use an older copy")


def _give_away(part: Path, like: Path) -> None:
    """To whom the database belonged, or its folder: root may bring a copy back for the service's user."""
    owner = like.stat()
    if (owner.st_uid, owner.st_gid) != (part.stat().st_uid, part.stat().st_gid) and os.geteuid() == 0:
        os.chown(part, owner.st_uid, owner.st_gid)


def _move_aside(place: Path, stamp: str) -> list[Path]:
    """The database and its helpers under other names: a helper of another database would spoil it."""
    moved = []
    for end in ("", "-wal", "-shm", "-journal"):
        file = Path(f"{place}{end}")
        if file.exists():
            moved.append(file.rename(f"{place}.{stamp}{end}"))
    return moved


def _place(part: Path, target: Path) -> None:
    part.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # some disks have no such thing
        os.fsync(folder)
    os.close(folder)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """The system's and SQLite's own errors as sentences that say what to do."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{target}: {error.strerror} — nothing of it is left; {_cure(error.strerror or '')}") from None
    except opening.sqlite_driver().Error as error:
        raise StoreError(f"{target}: {error} — nothing of it is left; {_cure(str(error))}") from None


def _cure(cause: str) -> str:
    if "full" in cause or "No space" in cause or "quota" in cause:
        return "free some space, or name a file on another disk"
    if "not a database" in cause:
        return "that is no copy of a store: name another file"
    return "see that the disk works, and that you may write there"
