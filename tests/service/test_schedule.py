"""Claims about what is due when."""

import itertools
import threading
from datetime import UTC, datetime, timedelta

import pytest

from syncer.service.schedule import Agenda, Chore, Due, Phased

NOW = datetime(2031, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STADS = frozenset({"stads"})


def times(name: str, every: timedelta, begin: datetime = NOW, count: int = 5) -> list[datetime]:
    """When a job fires, one after the other."""
    trigger, found = Phased(name, every), [begin]
    for _ in range(count):
        found.append(trigger.get_next_fire_time(found[-1], found[-1]))
    return found[1:]


def test_a_job_fires_at_its_interval_and_never_drifts() -> None:
    found = times("stads", MINUTE, count=1000)
    assert {later - sooner for sooner, later in itertools.pairwise(found)} == {MINUTE}
    assert times("stads", MINUTE, NOW + timedelta(seconds=0.3), 1)[0] in found  # whoever asks late gets the same times


def test_jobs_of_one_interval_have_each_a_phase_of_their_own_for_ever() -> None:
    first = {name: times(name, MINUTE, count=1)[0] for name in ("stads", "malmö", "nord", "syd")}
    assert len(set(first.values())) == 4
    assert first == {name: times(name, MINUTE, count=1)[0] for name in first}


@pytest.mark.parametrize("missed", [timedelta(seconds=61), timedelta(days=3650)])
def test_what_was_missed_is_not_made_up_for(missed: timedelta) -> None:
    trigger = Phased("stads", MINUTE)
    at = trigger.get_next_fire_time(NOW - missed, NOW)
    assert NOW < at <= NOW + MINUTE


def test_a_clock_that_was_set_back_is_followed() -> None:
    back = NOW - timedelta(days=1)
    assert back < Phased("stads", MINUTE).get_next_fire_time(NOW, back) <= back + MINUTE


def test_what_is_marked_often_is_due_once_and_kept_until_it_is_taken() -> None:
    agenda = Agenda()
    for _ in range(3):
        agenda.mark(Chore.WORK, sources=STADS)
    agenda.mark(sources=frozenset({"malmö"}))
    assert agenda.take() == Due(STADS | {"malmö"}, frozenset({Chore.WORK}))
    agenda.mark(Chore.ERASE)
    assert agenda.take() == Due(chores=frozenset({Chore.ERASE}))


def test_whoever_waits_for_something_due_hears_of_the_end() -> None:
    agenda, taken = Agenda(), [Due()]
    thread = threading.Thread(target=lambda: taken.append(agenda.take()))  # type: ignore[arg-type]
    thread.start()
    agenda.close()
    thread.join(20)
    assert taken[1:] == [None]


def test_what_is_due_at_the_end_is_not_begun() -> None:
    agenda = Agenda()
    agenda.mark(Chore.WORK, sources=STADS)
    agenda.close()
    assert agenda.take() is None
