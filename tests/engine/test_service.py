"""Claims about `syncer run`'s schedule."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from syncer import service
from syncer.service import Passes, Rota, Steady, serve
from syncer.store import StoreError

EVERY = {"stads": timedelta(minutes=2), "malmö": timedelta(seconds=30)}
QUICK = {"stads": timedelta(milliseconds=20)}
PATIENCE = 30.0  # seconds until a test that waits in vain gives up


class FakeEngine:
    """Runs `work` for a pass, and knows whether two ever met."""

    def __init__(self, work: Callable[[int], None] = lambda _number: None) -> None:
        self.passes: list[list[str]] = []
        self.erased: list[timedelta] = []
        self.meetings = 0
        self.stopped = False
        self._work = work
        self._busy = threading.Lock()

    def run_pass(self, sources: Iterable[str]) -> None:
        self.meetings += not self._busy.acquire(blocking=False)
        try:
            self.passes.append(list(sources))
            self._work(len(self.passes))
        finally:
            self._busy.release()

    def erase(self, after: timedelta) -> None:
        self.erased.append(after)

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(service, "STALLED", 0.1)


def _serve(engine: FakeEngine, every: dict[str, timedelta] = QUICK) -> None:
    """Serves until the engine is stopped by a pass of its own, or for PATIENCE."""
    timer = threading.Timer(PATIENCE, engine.stop)
    timer.start()
    try:
        serve(engine, every, timedelta(days=90))  # type: ignore[arg-type] # a double
    finally:
        timer.cancel()


# --- the rota -------------------------------------------------------------------------------------------------


def test_every_source_is_polled_at_first_and_then_each_at_its_own_interval() -> None:
    rota = Rota(EVERY)
    polled = {at: rota.due(float(at)) for at in range(0, 241, 5)}
    assert polled[0] == ["stads", "malmö"]
    assert [at for at, names in polled.items() if "malmö" in names] == list(range(0, 241, 30))
    assert [at for at, names in polled.items() if "stads" in names] == [0, 120, 240]


def test_a_source_that_is_late_is_polled_once_and_not_made_up_for() -> None:
    rota = Rota(EVERY)
    rota.due(0.0)
    assert rota.due(10_000.0) == ["stads", "malmö"]
    assert rota.due(10_005.0) == []


def test_a_tick_that_is_a_hair_early_does_not_cost_a_whole_tick() -> None:
    rota = Rota({"stads": timedelta(seconds=5)})
    rota.due(0.0)
    assert rota.due(4.999) == ["stads"]


def test_the_erasure_is_due_at_the_start_and_once_a_day() -> None:
    rota = Rota({})
    assert [hour for hour in range(100) if rota.erasing(hour * 3600.0)] == [0, 24, 48, 72, 96]


# --- passes ---------------------------------------------------------------------------------------------------


def test_passes_follow_one_another_and_never_meet() -> None:
    def work(number: int) -> None:
        time.sleep(0.06)  # three ticks long
        if number == 4:
            engine.stop()

    engine = FakeEngine(work)
    _serve(engine)
    assert engine.meetings == 0
    assert len(engine.passes) == 4


def test_the_first_pass_polls_every_source_and_erases_what_is_old() -> None:
    engine = FakeEngine(lambda _number: engine.stop())
    _serve(engine, EVERY)
    assert engine.passes == [["stads", "malmö"]]
    assert engine.erased == [timedelta(days=90)]


@pytest.mark.parametrize("trouble", [StoreError("the disk is full"), KeyError("Kanåriefågel")])
def test_a_pass_that_fails_is_said_and_the_next_one_tries_again(
    trouble: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(number: int) -> None:
        if number < 3:
            raise trouble
        engine.stop()

    engine = FakeEngine(work)
    _serve(engine)
    told = capsys.readouterr()
    assert len(engine.passes) == 3
    assert (told.out + told.err).count("pass.failed") == 2
    assert "riefågel" not in told.out + told.err


def test_what_no_pass_can_survive_ends_the_service_and_is_raised() -> None:
    def work(_number: int) -> None:
        raise MemoryError

    def leave(_number: int) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        _serve(FakeEngine(leave))
    engine = FakeEngine(lambda number: engine.stop() if number == 2 else work(number))
    _serve(engine)
    assert len(engine.passes) == 2


def test_a_stop_waits_for_the_pass_under_way() -> None:
    finished: list[int] = []

    def work(number: int) -> None:
        engine.stop()
        time.sleep(0.1)
        finished.append(number)

    engine = FakeEngine(work)
    _serve(engine)
    assert finished == [1]


def test_a_pass_that_was_due_when_the_service_was_stopped_does_not_begin() -> None:
    engine = FakeEngine()
    engine.stop()
    Passes(engine, Rota(EVERY), timedelta(days=90)).run()  # type: ignore[arg-type] # a double
    assert engine.passes == []


# --- clocks that jump -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(hours=-5), timedelta(days=3650)])
def test_a_wall_clock_that_jumps_neither_stalls_the_passes_nor_makes_up_for_years(jump: timedelta) -> None:
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:

        def work(number: int) -> None:
            if number == 2:
                clock.shift(jump)
            if number == 5:
                engine.stop()

        engine = FakeEngine(work)
        _serve(engine)
    assert len(engine.passes) == 5
    assert engine.meetings == 0


def test_a_late_pass_runs_once_and_the_next_is_counted_from_now() -> None:
    now = datetime(2031, 5, 4, 12, tzinfo=UTC)
    trigger = Steady(timedelta(seconds=5))
    assert trigger.get_next_fire_time(now - timedelta(days=3650), now) == now + timedelta(seconds=5)
    assert trigger.get_next_fire_time(None, now) == now + timedelta(seconds=5)
