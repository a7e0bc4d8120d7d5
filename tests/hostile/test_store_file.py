"""A database that is read-only, locked, damaged, gone or another's: refused with what to do, and left as it was."""

import json
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from tests.hostile.machine import (
    OFTEN,
    REQUESTS,
    At,
    assert_all_end_well,
    assert_delivered,
    ended,
    read_only,
    service,
    started,
    wait_until,
)
from tests.ring.harness import Ran, World, assert_nothing_twice

PAGE = 4096


def data_of(world: World) -> dict[str, bytes]:
    """The bytes of the database, and of its log where there are any; -shm is SQLite's scratch paper."""
    files = {file.name: file.read_bytes() for file in world.database.parent.glob("syncer.db*")}
    return {name: data for name, data in files.items() if data and not name.endswith("-shm")}


def assert_refused(ran: Ran, *words: str) -> None:
    assert (ran.code, ran.out) == (1, ""), ran
    assert "Traceback" not in ran.err
    assert len(ran.err.splitlines()) == 1
    assert [word for word in words if word not in ran.err] == [], ran.err


# --- read-only ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_database_that_can_only_be_read_is_refused_with_what_to_do_and_nothing_is_called(
    tmp_path: Path, what: str
) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        with world.engine():
            pass
        before = data_of(world)
        with read_only(world.database if what == "file" else world.database.parent):
            assert_refused(world.say("--once"), "syncer.db", "Read-only file system", "may write to")
            assert world.writes() == []
        assert data_of(world) == before
        assert_all_end_well(world, number)


def test_a_place_for_the_database_that_can_only_be_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        with read_only(world.folder):
            for words in (["--once"], ["run"]):
                assert_refused(world.say(*words), "syncer.db", "may write to")
        assert world.host.calls() == []
        assert_all_end_well(world, number)


@pytest.mark.parametrize("words", [["status"], ["orders"], ["log"], ["retry", "--all-parked"]], ids=" ".join)
def test_a_command_that_finds_a_database_which_can_only_be_read_says_what_to_do(
    tmp_path: Path, words: list[str]
) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        world.once()
        with read_only(world.database.parent):
            assert_refused(world.say(*words), "syncer.db", "may write to")
        assert_delivered(world, number)


# --- locked ---------------------------------------------------------------------------------------------------


@contextmanager
def writer(world: World) -> Iterator[sqlite3.Connection]:
    """Another program that holds the database."""
    with closing(sqlite3.connect(world.database, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_writer_who_holds_the_database_for_three_seconds_is_waited_for(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        with world.engine():
            pass
        with writer(world) as other, started(world, "--once", "--json") as process:
            wait_until(lambda: world.host.calls("tg", "orders"), process)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(3)
            assert world.writes() == []
            other.rollback()
            code, out, err = ended(process)
        assert (code, err, json.loads(out)["problems"]) == (0, "", [])
        assert_delivered(world, number)


def test_a_writer_who_never_ends_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        with world.engine():
            pass
        with writer(world):
            ran = world.run("--once")
        assert_refused(ran, "syncer.db", "another program holds the database", "end that program")
        assert world.writes() == []
        assert_all_end_well(world, number)


def test_a_writer_who_comes_in_the_middle_of_a_call_and_stays_is_named_by_a_service_that_goes_on_afterwards(
    tmp_path: Path,
) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN) as world:
        number = world.order()
        with world.engine():
            pass
        with closing(sqlite3.connect(world.database, isolation_level=None, check_same_thread=False)) as other:
            moment = At(world, 8, lambda: other.execute("BEGIN IMMEDIATE"))
            with service(world) as running:
                running.wait_for(lambda: running.said("pass.failed"))
                assert moment.done.is_set()
                assert "another program holds the database" in running.said("pass.failed")[0]["cause"]
                other.rollback()
                running.wait_for(lambda: world.portal.status(number) == "delivered")
                assert running.end() == 0
        assert_delivered(world, number)


# --- damaged --------------------------------------------------------------------------------------------------


def truncated(data: bytes) -> bytes:
    return data[: 3 * PAGE + 100]


def cut_in_its_last_page(data: bytes) -> bytes:
    return data[: len(data) - PAGE // 2]


def garbage_in_the_middle(data: bytes) -> bytes:
    return data[:PAGE] + b"\xa5" * (len(data) - 2 * PAGE) + data[-PAGE:]


def garbage_at_the_start(data: bytes) -> bytes:
    return b"\xa5" * PAGE + data[PAGE:]


def another_kind_of_file(_data: bytes) -> bytes:
    return b"<html>not a database</html>\n" * 500


def only_zeros(data: bytes) -> bytes:
    return bytes(len(data))


DAMAGES = {
    truncated: ("restore a backup",),
    cut_in_its_last_page: ("restore a backup",),
    garbage_in_the_middle: ("restore a backup",),
    garbage_at_the_start: ("move it away",),
    another_kind_of_file: ("move it away",),
    only_zeros: ("move it away",),
}


NOTICED = list(DAMAGES)


@pytest.mark.parametrize("damage", NOTICED, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_refused_with_what_to_do_and_left_as_it_was(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    with World(tmp_path, at=None) as world:
        numbers = [world.order() for _ in range(3)]
        world.once()
        good = world.database.read_bytes()
        world.database.write_bytes(damage(good))
        before, calls = data_of(world), len(world.host.calls())
        for words in (["--once"], ["run"]):
            assert_refused(world.say(*words), "syncer.db", *DAMAGES[damage])
            assert data_of(world) == before
        assert world.writes(calls) == []
        world.database.write_bytes(good)
        assert_all_end_well(world, *numbers)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_that_is_taken_away_is_made_anew_from_the_portal(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order(Script(received_ticks=1))
        world.once()
        world.database.write_bytes(damage(world.database.read_bytes()))
        world.forget()
        world.network.tick(2)
        assert_all_end_well(world, number)


def test_an_empty_file_is_begun_anew_from_the_portal(tmp_path: Path) -> None:
    """As SQLite leaves one where its program was killed before it had written: it is no damage."""
    with World(tmp_path, at=None) as world:
        number = world.order(Script(received_ticks=1))
        world.once()
        world.database.write_bytes(b"")
        world.network.tick(2)
        assert_all_end_well(world, number)


# --- the write-ahead log --------------------------------------------------------------------------------------


def killed_at(world: World, number: int) -> None:
    """The program, killed at a request, with a log that was not yet put into the database."""
    world.host.fault(Fault.TIMEOUT_BEFORE, skip=number, seconds=60)
    with started(world, "--once") as process:
        wait_until(lambda: len(world.host.calls()) > number, process)
        process.kill()
        process.wait()
    world.host.clear_faults()
    assert world.database.with_name("syncer.db-wal").stat().st_size > 0


def test_a_missing_shm_is_made_again_from_the_log(tmp_path: Path) -> None:
    with World(tmp_path, at=None, timeout="2s") as world:
        numbers = [world.order(), world.order()]
        killed_at(world, 12)
        world.database.with_name("syncer.db-shm").unlink()
        assert_all_end_well(world, *numbers)


@pytest.mark.parametrize("number", [5, 8, 10])
def test_a_missing_log_is_an_older_database_and_nothing_is_done_twice(tmp_path: Path, number: int) -> None:
    with World(tmp_path, at=None, timeout="2s") as world:
        order = world.order()
        with world.engine():
            pass
        killed_at(world, number)
        for end in ("wal", "shm"):
            world.database.with_name(f"syncer.db-{end}").unlink()
        world.once(3)
        assert_nothing_twice(world)
        assert world.portal.status(order) == "delivered"
        assert world.orders()[order].state == "delivered"


def test_a_torn_log_loses_nothing_but_its_end(tmp_path: Path) -> None:
    with World(tmp_path, at=None, timeout="2s") as world:
        numbers = [world.order(), world.order()]
        killed_at(world, 14)
        log = world.database.with_name("syncer.db-wal")
        log.write_bytes(log.read_bytes()[: -PAGE // 2])
        world.once(3)
        assert_nothing_twice(world)
        assert {world.portal.status(number) for number in numbers} == {"delivered"}


def test_the_log_of_another_database_has_nothing_done_twice(tmp_path: Path) -> None:
    """SQLite takes it for ours, for nothing in it says whose it is. The portal doesn't know the other's orders."""
    (tmp_path / "other").mkdir()
    (tmp_path / "ours").mkdir()
    with World(tmp_path / "other", at=None, timeout="2s") as other:
        for _ in range(5):
            other.order()
        with other.engine():
            pass
        killed_at(other, 20)
        with World(tmp_path / "ours", at=None) as world:
            numbers = [world.order() for _ in range(3)]
            world.once()
            shutil.copy(other.database.with_name("syncer.db-wal"), world.database.with_name("syncer.db-wal"))
            assert world.say("--once").code == 1
            assert_nothing_twice(world)
            world.forget()
            assert_all_end_well(world, *numbers)


# --- another syncer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--once"], ["run"]], ids=" ".join)
def test_a_second_syncer_ends_with_75_and_the_first_is_not_disturbed(tmp_path: Path, words: list[str]) -> None:
    with World(tmp_path, at=None, timeout="60s") as world:
        number, go_on = world.order(), threading.Event()
        held = At(world, 8, lambda: go_on.wait(60))
        with started(world, "--once", "--json") as first:
            wait_until(lambda: held.begun, first)
            second = world.run(*words)
            assert (second.code, second.out) == (75, "")
            assert "another syncer holds it" in second.err
            assert first.poll() is None
            go_on.set()
            code, out, _ = ended(first)
        assert (code, json.loads(out)["problems"]) == (0, [])
        assert len(world.host.calls()) == REQUESTS
        assert_delivered(world, number)


@pytest.mark.parametrize("words", [["--once"], ["run"]], ids=" ".join)
def test_the_lock_of_a_killed_syncer_stops_nobody(tmp_path: Path, words: list[str]) -> None:
    with World(tmp_path, at=None, timeout="2s", portal_lines=OFTEN) as world:
        number = world.order()
        held = world.host.fault(Fault.TIMEOUT_AFTER, "nordnet", "orders.create", seconds=60)
        with started(world, *words) as first:
            wait_until(lambda: held.taken, first)
            first.kill()
            first.wait()
        assert world.database.with_name("syncer.db.lock").exists()
        assert world.say("--once").code == 0
        assert_all_end_well(world, number)


def test_a_lock_file_that_somebody_wrote_by_hand_stops_nobody(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        world.database.parent.mkdir()
        world.database.with_name("syncer.db.lock").write_text("12345\n", encoding="utf-8")
        assert world.say("--once").code == 0
        assert_all_end_well(world, number)
