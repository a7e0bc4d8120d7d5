"""No wrong clock has people's data erased too early, and no right one keeps it for ever."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from tests.engine.doubles import Bench

KEPT = timedelta(days=90)
YEARS = 3652.0  # days
QUARTER = timedelta(minutes=15)  # as often as the service asks again


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """One order, which has ended and is not old, and a service that has erased daily so far."""
    made = Bench(tmp_path)
    made.engine.run_pass(once=True)
    made.clock.pass_(hours=1)
    made.engine.run_pass(once=True)
    assert made.order().ended_at is not None
    for _ in range(3):
        assert made.engine.erase(KEPT) == 0
        made.clock.pass_(days=1)
    yield made
    made.store.close()
    structlog.reset_defaults()


def erased(bench: Bench) -> bool:
    return not bench.order().details


def said(bench: Bench) -> list[float]:
    """By how many days the clock was said to be ahead, each time that it was said."""
    return [event["seconds"] / 86400 for event in bench.events("store.erasure_put_off")]


def lines(bench: Bench) -> int:
    return sum(line.event == "store.erasure_put_off" for line in bench.store.journal())


def hours_until_erased(bench: Bench, every: timedelta = QUARTER, most: int = 1000) -> float:
    """How many hours it takes where it is asked for so often."""
    began = bench.clock()
    for _ in range(most):
        if bench.engine.erase(KEPT) is not None:
            return (bench.clock() - began).total_seconds() / 3600
        bench.clock.time += every
    raise AssertionError("it is never erased")


def test_a_clock_that_leaps_ahead_erases_nothing_and_it_is_said_once(bench: Bench) -> None:
    bench.clock.pass_(days=YEARS)
    for _ in range(90):  # and a pass each time, which is recorded too
        bench.engine.run_pass()
        assert bench.engine.erase(KEPT) is None
        bench.clock.time += QUARTER
    assert not erased(bench)
    assert said(bench) == [pytest.approx(YEARS + 1, abs=0.1)]
    assert lines(bench) == 1


def test_a_clock_that_is_set_right_again_has_erased_nobody(bench: Bench) -> None:
    right = bench.clock()
    bench.clock.pass_(days=YEARS)
    assert bench.engine.erase(KEPT) is None
    bench.clock.time = right + timedelta(hours=3)
    assert bench.engine.erase(KEPT) == 0
    assert not erased(bench)
    bench.clock.pass_(days=1)
    assert bench.engine.erase(KEPT) == 0
    assert len(said(bench)) == 1


def test_a_second_leap_is_watched_for_a_whole_day_as_the_first_was(bench: Bench) -> None:
    right = bench.clock()
    bench.clock.pass_(days=YEARS)
    for _ in range(80):
        bench.engine.erase(KEPT)
        bench.clock.time += QUARTER
    wrong, bench.clock.time = bench.clock(), right + timedelta(minutes=30)
    assert bench.engine.erase(KEPT) == 0
    bench.clock.time = wrong
    assert hours_until_erased(bench) == 24
    assert len(said(bench)) == 2


def test_one_that_leaps_while_it_is_watched_begins_its_day_anew(bench: Bench) -> None:
    for days in (YEARS, 400, -300):
        bench.clock.pass_(days=days)
        assert bench.engine.erase(KEPT) is None
        bench.clock.pass_(hours=23)
    assert not erased(bench)
    assert len(said(bench)) == 3


def test_a_machine_that_was_off_for_months_erases_a_day_later(bench: Bench) -> None:
    bench.clock.pass_(days=120)
    bench.restart()
    assert hours_until_erased(bench) == 24
    assert erased(bench)
    bench.clock.pass_(days=1)
    assert bench.engine.erase(KEPT) == 0  # and goes on as ever


def test_the_day_is_one_of_running_and_a_restart_goes_on_with_it(bench: Bench) -> None:
    bench.clock.pass_(days=120)
    for _ in range(3):  # at work for half an hour, and off for two days
        bench.engine.erase(KEPT)
        bench.clock.pass_(minutes=30)
        assert bench.engine.erase(KEPT) is None
        bench.clock.pass_(days=2)
        bench.restart()
    assert not erased(bench)
    assert 0 < hours_until_erased(bench) < 24
    assert len(said(bench)) == 1


def test_one_pass_a_day_by_a_timer_erases_within_a_week(bench: Bench) -> None:
    bench.clock.pass_(days=120)
    assert hours_until_erased(bench, timedelta(days=1)) <= 7 * 24
    assert erased(bench)


@pytest.mark.parametrize("hours", [-2, 1, 20, 24, 44, 65])
def test_a_clock_that_is_set_a_little_or_a_machine_off_for_a_weekend_is_not_doubted(bench: Bench, hours: int) -> None:
    bench.engine.erase(KEPT)
    bench.clock.pass_(hours=hours)
    assert bench.engine.erase(KEPT) == 0
    assert said(bench) == []


def test_where_nothing_was_recorded_yet_the_clock_is_believed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, orders=0)
    assert bench.engine.erase(KEPT) == 0
    bench.store.close()
    structlog.reset_defaults()


def test_an_operator_who_says_forget_does_not_wait(bench: Bench) -> None:
    bench.clock.pass_(days=120)
    assert bench.engine.erase(KEPT) is None
    assert bench.store.erase(bench.clock() - KEPT, bench.clock()) == 1
