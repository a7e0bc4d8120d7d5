"""Claims about `serve`: its passes, what ends it, clocks that jump, and a configuration that is read again."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from syncer import service
from syncer.service import Flags, Work, schedule
from syncer.service.schedule import Chore
from syncer.store import StoreError
from tests.service.doubles import AFTER, FakeEngine, served, work_of

EVERY = {"stads": timedelta(minutes=2), "malmö": timedelta(seconds=30)}


@pytest.fixture
def flags() -> Flags:
    return Flags()


def ending(flags: Flags, after: int) -> FakeEngine:
    """An engine whose so many-th pass sets the flag."""
    return FakeEngine(lambda number: flags.stop.set() if number >= after else None)


# --- passes ---------------------------------------------------------------------------------------------------


def test_passes_follow_one_another_and_never_meet(flags: Flags) -> None:
    def work(number: int) -> None:
        time.sleep(0.06)  # three intervals long
        if number == 4:
            flags.stop.set()

    engine = FakeEngine(work)
    served(engine, flags)
    assert engine.meetings == 0
    assert len(engine.passes) == 4


def test_the_first_pass_polls_every_source_and_erases_what_is_old(flags: Flags) -> None:
    engine = ending(flags, 1)
    served(engine, flags, EVERY)
    assert engine.passes == [["malmö", "stads"]]
    assert (engine.erased, engine.cared) == ([AFTER], 0)


def test_the_database_is_cared_for_when_its_time_has_come(flags: Flags, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schedule.CHORES, Chore.CARE, timedelta(milliseconds=50))
    engine = FakeEngine(lambda _number: flags.stop.set() if engine.cared else None)
    served(engine, flags)
    assert engine.cared


def test_due_work_is_done_between_polls(flags: Flags) -> None:
    engine = ending(flags, 4)
    served(engine, flags, {"stads": timedelta(hours=1)})
    assert engine.passes == [["stads"], [], [], []]


def test_each_completed_pass_is_told_of(flags: Flags) -> None:
    told: list[Any] = []
    served(ending(flags, 3), flags, on_pass=told.append)
    assert len(told) == 3


@pytest.mark.parametrize("trouble", [StoreError("the disk is full"), KeyError("Kanåriefågel")])
def test_a_pass_that_fails_is_said_and_the_next_one_tries_again(
    flags: Flags, trouble: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(number: int) -> None:
        if number < 3:
            raise trouble
        flags.stop.set()

    engine, told = FakeEngine(work), list[Any]()
    served(engine, flags, on_pass=told.append)
    said = capsys.readouterr()
    assert (len(engine.passes), len(told)) == (3, 1)
    assert (said.out + said.err).count("pass.failed") == 2
    assert "riefågel" not in said.out + said.err


def test_what_no_pass_can_survive_ends_the_service_and_is_raised(flags: Flags) -> None:
    def leave(_number: int) -> None:
        raise SystemExit(3)

    engine = FakeEngine(leave)
    with pytest.raises(SystemExit):
        served(engine, flags)
    assert len(engine.passes) == 1


def test_a_stop_waits_for_the_pass_under_way(flags: Flags) -> None:
    finished: list[int] = []

    def work(number: int) -> None:
        flags.stop.set()
        time.sleep(0.1)
        finished.append(number)

    engine = FakeEngine(work)
    served(engine, flags)
    assert finished == [1]
    assert engine.stopped


def test_a_pass_that_hangs_does_not_keep_the_service_from_ending(
    flags: Flags, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left, hung = list[int](), threading.Event()
    monkeypatch.setattr(service, "GRACE", -4.9)  # a tenth of a second after the patience of a call
    monkeypatch.setattr(os, "_exit", left.append)

    def work(_number: int) -> None:
        flags.stop.set()
        hung.wait(20)

    served(FakeEngine(work), flags)
    hung.set()
    assert left == [service.EX_SOFTWARE]
    said = capsys.readouterr()
    assert "service.hung" in said.out + said.err


# --- clocks that jump -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(hours=-5), timedelta(days=3650)])
def test_a_wall_clock_that_jumps_neither_stalls_the_passes_nor_makes_up_for_years(
    flags: Flags, jump: timedelta, capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:

        def work(number: int) -> None:
            if number == 2:
                clock.shift(jump)
            if number == 8:
                flags.stop.set()

        engine = FakeEngine(work)
        served(engine, flags, {"stads": timedelta(hours=1)})
    assert len(engine.passes) == 8
    assert engine.meetings == 0
    assert engine.passes.count(["stads"]) in {2, 3}  # at the start, for the jump, and by the job that was due then
    said = capsys.readouterr()
    assert (said.out + said.err).count("clock.jumped") == 1


# --- a configuration that is read again -----------------------------------------------------------------------


def test_what_is_read_again_is_gone_on_with_and_the_pass_before_has_begun_no_call_since(flags: Flags) -> None:
    new = ending(flags, 2)
    old = FakeEngine(lambda _number: flags.reread.set())

    def reread() -> Work:
        assert not new.passes
        return work_of(new, EVERY)

    served(old, flags, reread=reread)
    assert old.stopped
    assert old.closed
    assert new.passes[0] == ["malmö", "stads"]
    assert not new.closed


def test_a_configuration_that_is_wrong_changes_nothing(flags: Flags) -> None:
    asked: list[int] = []

    def work(number: int) -> None:
        if number == 1:
            flags.reread.set()
        if number >= 5:
            flags.stop.set()

    engine = FakeEngine(work)
    served(engine, flags, reread=lambda: asked.append(len(engine.passes)))
    assert len(asked) == 1
    assert len(engine.passes) == 5


def test_sources_whose_poll_was_cut_short_by_a_new_configuration_are_polled_by_it(flags: Flags) -> None:
    begun, may = threading.Event(), threading.Event()
    new = ending(flags, 1)

    def work(_number: int) -> None:
        begun.set()
        may.wait(20)

    old = FakeEngine(work)

    def reread() -> Work:
        threading.Timer(0.1, may.set).start()  # the old engine's pass ends after the new jobs were made
        return work_of(new, {"stads": timedelta(hours=1)})

    def hang_up() -> None:
        begun.wait(20)
        flags.reread.set()

    threading.Thread(target=hang_up).start()
    served(old, flags, {"stads": timedelta(hours=1)}, reread=reread)
    assert new.passes[0] == ["stads"]
