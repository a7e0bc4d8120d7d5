"""Claims about `serve`: its passes, what ends it, clocks that jump, and a configuration that is read again."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from syncer import service
from syncer.service import Flags, Work, runner, schedule
from syncer.service.schedule import Chore
from syncer.store import StoreError
from tests.service.doubles import AFTER, QUICK, FakeEngine, served, work_of

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
    engine = ending(flags, 2)
    served(engine, flags, EVERY)
    assert engine.passes[0] == ["malmö", "stads"]
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
    new = ending(flags, 3)
    old = FakeEngine(lambda _number: flags.reread.set())

    def reread() -> Work:
        assert not new.passes
        return work_of(new, EVERY)

    served(old, flags, reread=reread)
    assert old.stopped
    assert old.closed
    assert ["malmö", "stads"] in new.passes[:2]  # the first may have been due before
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


def test_a_portal_that_left_the_configuration_is_not_polled_though_it_was_due(flags: Flags) -> None:
    new = ending(flags, 3)
    old: FakeEngine

    def work(_number: int) -> None:
        flags.reread.set()
        time.sleep(0.3)  # its job marks it once more meanwhile

    old = FakeEngine(work)
    served(old, flags, QUICK, reread=lambda: work_of(new, {"malmö": timedelta(hours=1)}))
    assert {name for names in new.passes for name in names} == {"malmö"}


@pytest.mark.parametrize("trouble", [StoreError("the database is away"), KeyError("Kanåriefågel")])
def test_a_configuration_that_can_not_be_gone_on_with_ends_nothing(
    flags: Flags, trouble: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []

    def work(number: int) -> None:
        if number == 1:
            flags.reread.set()
        elif asked and number > asked[0] + 1:
            flags.stop.set()

    def reread() -> Work:
        asked.append(len(engine.passes))
        raise trouble

    engine = FakeEngine(work)
    served(engine, flags, reread=reread)
    said = capsys.readouterr()
    assert len(engine.passes) == asked[0] + 2
    assert (said.out + said.err).count("config.rejected") == 1
    assert "riefågel" not in said.out + said.err


# --- chores ---------------------------------------------------------------------------------------------------


def test_a_chore_that_failed_is_tried_again_before_its_next_day(flags: Flags, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AGAIN", 0.1)
    tried: list[int] = []

    def erase(_after: timedelta) -> int:
        tried.append(len(engine.passes))
        if len(tried) < 3:
            raise StoreError("the disk is full")
        return 0

    engine = FakeEngine(lambda number: flags.stop.set() if number == 40 or len(tried) == 3 else None)
    engine.erase = erase  # type: ignore[method-assign, assignment]
    served(engine, flags)
    assert len(tried) == 3
    assert tried[0] < tried[1] < tried[2] < 40


def test_an_erasure_that_is_put_off_is_asked_for_again_before_its_next_day(
    flags: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AGAIN", 0.1)
    engine = FakeEngine(lambda number: flags.stop.set() if number == 40 or len(engine.erased) == 3 else None)
    engine.puts_off = True
    served(engine, flags)
    assert len(engine.erased) == 3


def test_no_chore_begins_after_a_stop(flags: Flags) -> None:
    engine = ending(flags, 1)
    served(engine, flags)
    assert engine.erased == []


# --- a pass that does not end ---------------------------------------------------------------------------------


def test_a_pass_that_hangs_is_said_once_with_its_place_and_its_end_too(
    flags: Flags, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "LONGEST_PASS", timedelta(seconds=-39.9))  # a tenth of a second, with all that it waits

    def work(number: int) -> None:
        if number == 2:
            time.sleep(0.5)
        elif number == 4:
            flags.stop.set()

    served(FakeEngine(work), flags)
    said = capsys.readouterr()
    told = (said.out + said.err).splitlines()
    (overdue,) = (line for line in told if "pass.overdue" in line)
    assert "passes: runner.py:" in overdue
    assert sum("pass.resumed" in line for line in told) == 1


def test_what_is_due_meanwhile_is_told_to_the_pass_that_is_under_way(flags: Flags) -> None:
    told: list[str] = []

    def work(_number: int) -> None:
        until = time.monotonic() + 20
        while not told and time.monotonic() < until:
            told.extend(engine.more())
            time.sleep(0.01)
        flags.stop.set()

    engine = FakeEngine(work)
    served(engine, flags)
    assert told == ["stads"]
