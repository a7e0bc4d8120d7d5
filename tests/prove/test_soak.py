"""The long watch over the service: its rules can fail, and a sample of it.

The long run is `python -m tests.prove.soak`.
"""

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.service.schedule import Phased
from tests.prove.soak import (
    LIMITS,
    MB,
    SOON,
    Pace,
    Polls,
    Sample,
    judged,
    polls,
    sample,
    soak,
    table,
    trend,
)

NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)
EVERY = timedelta(seconds=5)
PACE = Pace(
    backlog=20,
    sample=0.5,
    scrape=2,
    command=3,
    fault=2,
    outage=7,
    outage_lasts=2,
    hangup=4,
    person=6,
    other_side=0.5,
    listed=3,
)
MANY = 300
LEAKS = {
    "nothing": "pass",
    "descriptors": "kept.append(open('/dev/null'))",
    "threads": "kept.append(threading.Thread(target=threading.Event().wait, daemon=True)); kept[-1].start()",
    "memory": "kept.append(b'x' * 500_000)",
}


@pytest.fixture(autouse=True)
def kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a watch keeps stays with the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


# --- the rule for what must not grow --------------------------------------------------------------------------


def series(*, slope: float = 0.0, noise: float = 0.0, level: float = 100.0, saw: int = 0, seed: int = 1) -> list[float]:
    """Samples that rise by `slope` in all, with noise as a standard deviation, or teeth of so many samples."""
    chance = random.Random(seed)
    return [
        level + slope * at / MANY + chance.gauss(0, noise) + (10 * (at % saw) / saw if saw else 0) for at in range(MANY)
    ]


def grows(values: list[float], floor: float = 1.0) -> bool:
    found = trend(values)
    return found.grown > found.allowed(floor)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("noise", [0.0, 0.5, 10.0])
def test_what_is_flat_does_not_grow_however_noisy_it_is(noise: float, seed: int) -> None:
    assert not grows(series(noise=noise, seed=seed))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("slope", "noise"), [(4.0, 0.0), (5.0, 0.1), (6.0, 0.3), (100.0, 10.0)])
def test_what_grows_is_seen_through_the_noise(slope: float, noise: float, seed: int) -> None:
    assert grows(series(slope=slope, noise=noise, seed=seed))


def test_a_steady_growth_is_no_noise_that_would_excuse_itself() -> None:
    found = trend(series(slope=1000.0))
    assert found.noise < 0.001
    assert found.grown == pytest.approx(1000 / 3, rel=0.02)


def test_what_fills_and_empties_in_turn_does_not_grow_unless_it_fills_more_each_time() -> None:
    assert not grows(series(saw=17))
    assert grows(series(saw=17, slope=60.0))


def test_what_is_taken_while_it_warms_up_and_what_strays_once_is_no_growth() -> None:
    warming = [min(at, MANY // 4) for at in range(MANY)]
    assert not grows([float(value) for value in warming])
    straying = series(noise=0.1)
    straying[-5:] = [1000.0] * 5
    assert not grows(straying)


def test_what_shrinks_is_all_right() -> None:
    assert not grows(series(slope=-50.0))


def test_a_log_that_was_too_large_once_is_too_large() -> None:
    samples = [Sample(float(at), 100 * 10**6, 20, 30, 4 * 10**6, 10**6) for at in range(30)]
    assert all(finding.ok for finding in judged(samples))
    samples[3] = Sample(3.0, 100 * 10**6, 20, 30, int(LIMITS["log"].most) + 1, 10**6)
    assert [finding.name for finding in judged(samples) if not finding.ok] == ["log"]


# --- a leak that was planted ----------------------------------------------------------------------------------


@contextmanager
def leaking(what: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that leaks once for each line that it is sent, and answers each."""
    script = f"import sys, threading\nkept = []\nfor line in sys.stdin:\n    {LEAKS[what]}\n    print(flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        answered(process)  # it has begun: what beginning takes is no leak
        yield process
        process.communicate(timeout=60)


def answered(process: "subprocess.Popen[str]") -> None:
    """Has it leak once."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    process.stdout.readline()


@pytest.mark.parametrize("what", LEAKS)
def test_a_process_that_leaks_is_caught_and_another_is_not(what: str, tmp_path: Path) -> None:
    samples = []
    with leaking(what) as process:
        for _ in range(36):
            answered(process)
            samples.append(sample(process.pid, tmp_path / "none.db"))
    assert [finding.name for finding in judged(samples) if not finding.ok] == ([] if what == "nothing" else [what])


def test_a_log_that_is_never_emptied_is_caught(tmp_path: Path) -> None:
    database, samples = tmp_path / "syncer.db", []
    with leaking("nothing") as process, (tmp_path / "syncer.db-wal").open("wb") as log:
        for _ in range(36):
            log.truncate(log.seek(int(0.3 * MB), 1))
            samples.append(sample(process.pid, database))
    assert [finding.name for finding in judged(samples) if not finding.ok] == ["log"]


# --- polls ----------------------------------------------------------------------------------------------------


def dues(count: int) -> list[datetime]:
    trigger, found = Phased("poll tg", EVERY), [NOON]
    while len(found) <= count:
        found.append(trigger.get_next_fire_time(found[-1], found[-1]))
    return found[1:]


def event(name: str, at: datetime) -> dict[str, Any]:
    return {"event": name, "remote": "tg", "timestamp": at.isoformat()}


def seen(events: list[dict[str, Any]], count: int) -> Polls:
    return polls(events, "tg", EVERY, NOON.timestamp(), (dues(count)[-1] + EVERY).timestamp())


def test_polls_on_time_are_on_time() -> None:
    found = seen([event("portal.polled", due + timedelta(seconds=0.2)) for due in dues(40)], 40)
    assert found.late == pytest.approx([0.2] * 40, abs=0.001)
    assert (found.missed, found.excused) == (0, 0)
    assert all(finding.ok for finding in found.findings())


def test_a_poll_that_was_left_out_is_missed() -> None:
    events = [event("portal.polled", due + timedelta(seconds=0.2)) for due in dues(40)]
    del events[20]
    found = seen(events, 40)
    assert found.missed == 1
    assert not found.findings()[0].ok


def test_polls_that_are_late_more_often_than_now_and_then_are_not_on_time() -> None:
    late = [SOON + 1 if number % 10 == 0 else 0.2 for number in range(40)]
    found = seen([event("portal.polled", d + timedelta(seconds=s)) for d, s in zip(dues(40), late, strict=True)], 40)
    assert found.missed == 0
    assert not found.findings()[0].ok


def test_polls_that_are_ever_later_are_not_on_time() -> None:
    events = [event("portal.polled", due + timedelta(seconds=0.04 * at)) for at, due in enumerate(dues(45))]
    polled, lateness = seen(events, 45).findings()
    assert polled.ok
    assert not lateness.ok


def test_no_poll_at_all_is_not_on_time_and_an_outage_excuses_only_itself() -> None:
    assert not seen([], 10).findings()[0].ok
    times = dues(10)
    down, up = times[3] + timedelta(seconds=0.1), times[5] + timedelta(seconds=0.1)
    events = [event("portal.polled", due + timedelta(seconds=0.1)) for due in times[:3] + times[5:]]
    found = seen([*events, event("remote.down", down), event("remote.up", up)], 10)
    assert (len(found.late), found.missed, found.excused) == (7, 0, 3)
    found = seen([*events, event("remote.down", down), event("remote.up", down)], 10)
    assert found.missed == 1


def test_an_outage_that_is_said_twice_excuses_no_more_than_itself() -> None:
    """Two threads, or two lives, may each say that it begins; then it still ends once."""
    times = dues(10)
    down, up = times[3] + timedelta(seconds=0.1), times[5] + timedelta(seconds=0.1)
    polled = [event("portal.polled", due + timedelta(seconds=0.1)) for due in times[:3] + times[5:]]
    twice = [event("remote.down", down), event("remote.down", down + timedelta(seconds=1)), event("remote.up", up)]
    found = seen([*polled, *twice], 10)
    assert (len(found.late), found.missed, found.excused) == (7, 0, 3)


def test_polls_that_were_mostly_excused_are_not_judged_to_be_on_time() -> None:
    times = dues(10)
    events = [event("portal.polled", due + timedelta(seconds=0.1)) for due in times]
    endless = seen([*events, event("remote.down", times[2] + timedelta(seconds=0.1))], 10)
    assert (endless.missed, endless.findings()[0].ok) == (0, False)


# --- the sample -----------------------------------------------------------------------------------------------


def test_twenty_seconds_of_load_lose_nothing_and_double_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = soak(20 / 60, pace=PACE, timed=False)
    with capsys.disabled():
        print("", *(f"{finding.name}: {finding.figures}" for finding in found.findings), sep="\n")
    assert found.ok, [finding for finding in found.findings if not finding.ok]
    assert len(found.outcome.verdict.orders) > 20
    assert found.polls.late or found.polls.excused  # an outage may cover all of so short a time
    assert len(found.samples) > 10
    assert table(found).row_count == len(found.findings)
    assert 'syncer_calls_total{operation="command",outcome="done",remote="courier"}' in found.metrics
