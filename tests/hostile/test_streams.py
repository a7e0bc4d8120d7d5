"""Nobody listens: streams that are closed, broken or full. The work is done all the same, and the exit code tells."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hostile.machine import (
    OFTEN,
    assert_all_end_well,
    assert_delivered,
    ended,
    needs_full_device,
    service,
    started,
    wait_until,
)
from tests.ring.harness import World

READING = [["orders"], ["orders", "--json"], ["status"], ["status", "--json"], ["log"], ["log", "--json"]]
SHUT = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]


@contextmanager
def broken_pipe() -> Iterator[int]:
    """A pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, words: list[str]) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        world.once()
        with broken_pipe() as pipe, started(world, *words, out=pipe) as process:
            code, _, err = ended(process)
        assert (code, err) == (0, "")
        assert_delivered(world, number)


@pytest.mark.parametrize("words", [["orders"], ["log"]], ids=" ".join)
def test_more_than_a_pipe_holds_is_no_error_either(tmp_path: Path, words: list[str]) -> None:
    with World(tmp_path, at=None) as world:
        for _ in range(300):
            world.order(status="delivered")
        world.once()
        with (
            started(world, *words) as process,
            subprocess.Popen(["head", "-1"], stdin=process.stdout, stdout=subprocess.PIPE, text=True) as head,
        ):
            assert process.stdout is not None
            process.stdout.close()
            line = head.communicate()[0]
            assert process.stderr is not None
            err = process.stderr.read()
            process.wait()
        assert (process.returncode, err) == (0, "")
        assert len(line.splitlines()) == 1


@pytest.mark.parametrize("words", [["--once"], ["--once", "--json"], ["orders"], ["log"]], ids=" ".join)
def test_output_that_finds_no_room_is_said_and_the_work_is_done_all_the_same(tmp_path: Path, words: list[str]) -> None:
    needs_full_device()
    with World(tmp_path, at=None) as world:
        number = world.order()
        if "--once" not in words:
            world.once()
        with Path("/dev/full").open("w") as full, started(world, *words, out=full) as process:
            code, _, err = ended(process)
        assert (code, err) == (1, "standard output: No space left on device — what was printed is lost\n")
        assert_delivered(world, number)


def test_a_pass_whose_output_nobody_reads_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        world.order(service="77")
        with broken_pipe() as pipe, started(world, "--once", out=pipe) as process:
            code, _, err = ended(process)
        assert (code, err) == (1, "")
        assert_all_end_well(world, number)


def test_warnings_that_nobody_reads_stop_no_pass(tmp_path: Path) -> None:
    with World(tmp_path, at=None, level="debug") as world:
        (world.folder / "key.secret").chmod(0o644)  # worth a warning
        number = world.order()
        with broken_pipe() as pipe, started(world, "--once", "--json", err=pipe) as process:
            code, out, _ = ended(process)
        assert (code, json.loads(out)["problems"]) == (0, [])
        assert_delivered(world, number)


def test_a_pass_without_any_stream_does_its_work(tmp_path: Path) -> None:
    with World(tmp_path, at=None, level="debug") as world:
        number = world.order()
        with started(world, "--once", before=SHUT) as process:
            assert ended(process)[0] == 0
        assert_delivered(world, number)


@pytest.mark.parametrize("words", [["status"], ["orders", "--json"], ["check"], ["fly"]], ids=" ".join)
def test_without_any_stream_a_command_ends_with_the_exit_code_that_it_would_have(
    tmp_path: Path, words: list[str]
) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        world.once()
        with started(world, *words, before=SHUT) as process:
            assert ended(process)[0] == (2 if words == ["fly"] else 0)
        assert_delivered(world, number)


def test_a_service_without_any_stream_works_and_ends_cleanly(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN, level="debug") as world:
        number = world.order()
        with started(world, "run", before=SHUT) as process:
            wait_until(lambda: world.portal.status(number) == "delivered", process)
            process.terminate()
            assert ended(process)[0] == 0
        assert_delivered(world, number)


def test_a_service_whose_log_nobody_reads_any_more_works_and_ends_cleanly(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN, level="debug") as world, broken_pipe() as pipe:
        number = world.order()
        with started(world, "run", out=pipe, err=pipe) as process:
            wait_until(lambda: world.portal.status(number) == "delivered", process)
            process.send_signal(signal.SIGTERM)
            assert ended(process)[0] == 0
        assert_delivered(world, number)


def test_a_service_whose_log_goes_to_a_full_device_works_and_ends_cleanly(tmp_path: Path) -> None:
    needs_full_device()
    with World(tmp_path, at=None, portal_lines=OFTEN, level="debug") as world:
        number = world.order()
        with Path("/dev/full").open("w") as full, started(world, "run", out=full, err=full) as process:
            wait_until(lambda: world.portal.status(number) == "delivered", process)
            process.terminate()
            assert ended(process)[0] == 0
        assert_delivered(world, number)


def test_the_log_of_a_service_that_is_read_is_whole(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world:
        number = world.order()
        with service(world) as running:
            running.wait_for(lambda: world.portal.status(number) == "delivered")
            assert running.end() == 0
        events = [line["event"] for line in running.lines()]
        assert len(events) == len(running.log.read_text(encoding="utf-8").splitlines())
        assert (events[0], events[-1]) == ("service.started", "service.stopped")
        assert_delivered(world, number)
