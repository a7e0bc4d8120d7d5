"""Claims about what systemd is told, over a real socket."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncer.service import Flags, Systemd, runner
from syncer.service.systemd import SOCKET, WATCHDOG, WATCHDOG_PID
from syncer.store import StoreError
from tests.service.doubles import FakeEngine, served


@pytest.fixture(params=["a path", "an abstract name"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens as systemd's does, and its address as systemd gives it."""
    name = str(tmp_path / "notify") if request.param == "a path" else f"@syncer-test-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind("\0" + name[1:] if name.startswith("@") else name)
        listening.settimeout(20)
        yield listening, name


def heard(listening: socket.socket) -> list[list[str]]:
    """What was said so far, each time in lines."""
    listening.setblocking(False)
    found = []
    while True:
        try:
            found.append(listening.recv(4096).decode().splitlines())
        except BlockingIOError:
            return found


def test_a_service_is_ready_lives_with_each_pass_and_says_when_it_stops(line: tuple[socket.socket, str]) -> None:
    listening, name = line
    flags = Flags()
    engine = FakeEngine(lambda number: flags.stop.set() if number == 3 else None)
    served(engine, flags, systemd=Systemd({SOCKET: name, WATCHDOG: "60000000"}))
    said = heard(listening)
    alive = [lines for lines in said if "WATCHDOG=1" in lines]
    assert [lines for lines in said if "READY=1" in lines] == [["READY=1", "STATUS=the first pass has begun"]]
    assert len(alive) == 3
    assert all(any(text.startswith("STATUS=pass ") for text in lines) for lines in alive)
    assert [lines[0] for lines in said if "STOPPING=1" in lines] == ["STOPPING=1"]
    assert said.index(["READY=1", "STATUS=the first pass has begun"]) == 0 or "WATCHDOG=1" in said[0]


def test_a_pass_that_hangs_feeds_no_watchdog(line: tuple[socket.socket, str]) -> None:
    listening, name = line
    flags, said = Flags(), list[list[str]]()

    def work(number: int) -> None:
        if number == 2:
            time.sleep(0.3)
            said.extend(heard(listening))
            flags.stop.set()

    served(FakeEngine(work), flags, systemd=Systemd({SOCKET: name, WATCHDOG: "60000000"}))
    assert sum("WATCHDOG=1" in lines for lines in said) == 1  # the first pass, in all that time


def signs_of(line: tuple[socket.socket, str], work: Callable[[FakeEngine], None]) -> int:
    """How many signs of life one pass gives, besides the one at its end."""
    listening, name = line
    flags = Flags()

    def do(_number: int) -> None:
        work(engine)
        flags.stop.set()

    engine = FakeEngine(do)
    served(engine, flags, systemd=Systemd({SOCKET: name, WATCHDOG: "60000000"}))
    return sum("WATCHDOG=1" in lines for lines in heard(listening)) - 1


def answering(engine: FakeEngine, *answers: str, reading: frozenset[str] = frozenset({"stads"})) -> None:
    """A round of work for each of these remotes, which has answered a call in it."""
    for name in answers:
        engine.answered[name] += 1
        engine.going_on(reading)


def test_a_list_that_is_slow_and_answers_is_a_sign_of_life_when_all_else_is_done(
    line: tuple[socket.socket, str],
) -> None:
    assert signs_of(line, lambda engine: answering(engine, *["stads"] * 4)) == 3  # nothing is known of the first


def test_a_list_that_never_comes_is_none_though_all_else_is_done_again_and_again(
    line: tuple[socket.socket, str],
) -> None:
    assert signs_of(line, lambda engine: answering(engine, *["malmö"] * 50)) == 0


def test_of_two_lists_both_have_to_answer(line: tuple[socket.socket, str]) -> None:
    both = frozenset({"stads", "malmö"})
    assert signs_of(line, lambda engine: answering(engine, *["stads"] * 50, reading=both)) == 0
    assert signs_of(line, lambda engine: answering(engine, "malmö", "stads", "stads", "malmö", reading=both)) == 1


def test_a_list_without_end_is_none_after_an_hour(
    line: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST_READ", -1.0)
    assert signs_of(line, lambda engine: answering(engine, *["stads"] * 50)) == 0


@pytest.mark.parametrize(("trouble", "signs"), [(StoreError("the disk is full"), 3), (KeyError("a bug"), 2)])
def test_a_pass_that_met_a_bug_is_no_sign_of_life_and_one_without_a_store_is(
    line: tuple[socket.socket, str], trouble: Exception, signs: int
) -> None:
    """A restart may mend the one; it would only keep the other from going on when the store is there again."""
    listening, name = line
    flags = Flags()

    def work(number: int) -> None:
        if number == 2:
            raise trouble
        if number == 3:
            flags.stop.set()

    served(FakeEngine(work), flags, systemd=Systemd({SOCKET: name, WATCHDOG: "60000000"}))
    said = heard(listening)
    assert sum("WATCHDOG=1" in lines for lines in said) == signs
    assert any("failed" in text for lines in said for text in lines)


def test_systemd_waits_for_the_end_as_long_as_the_longest_call_takes(line: tuple[socket.socket, str]) -> None:
    listening, name = line
    flags = Flags()
    served(FakeEngine(lambda _number: flags.stop.set()), flags, systemd=Systemd({SOCKET: name}))
    (said,) = (lines for lines in heard(listening) if "STOPPING=1" in lines)
    assert "EXTEND_TIMEOUT_USEC=25000000" in said  # a call's five seconds, and twice the grace


def test_a_reread_is_told_with_the_time_and_ends_in_ready(line: tuple[socket.socket, str]) -> None:
    listening, name = line
    flags = Flags()

    def work(number: int) -> None:
        if number in {1, 4}:
            (flags.reread if number == 1 else flags.stop).set()

    served(FakeEngine(work), flags, systemd=Systemd({SOCKET: name}), reread=lambda: None)
    said = heard(listening)
    at = next(at for at, lines in enumerate(said) if "RELOADING=1" in lines)
    assert said[at][1].startswith("MONOTONIC_USEC=")
    assert "READY=1" in next(lines for lines in said[at + 1 :] if not lines[0].startswith("STATUS="))
    assert not any("WATCHDOG=1" in lines for lines in said)  # nobody has asked for it


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({WATCHDOG: "30000000"}, 30.0),
        ({WATCHDOG: "30000000", WATCHDOG_PID: "1"}, None),
        ({WATCHDOG: "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_who_systemd_says_it_is(given: dict[str, str], seconds: float | None) -> None:
    assert Systemd(given).watchdog == seconds


def test_a_command_that_we_start_can_not_speak_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SOCKET, WATCHDOG, WATCHDOG_PID):
        monkeypatch.setenv(name, "1")
    Systemd()
    assert not {SOCKET, WATCHDOG, WATCHDOG_PID} & set(os.environ)


def test_a_systemd_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    Systemd({SOCKET: str(tmp_path / "nothing")}).ready("")
    Systemd({}).ready("")
