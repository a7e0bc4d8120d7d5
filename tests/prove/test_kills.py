"""The real program is killed at any moment, again and again: nothing is lost, and nothing is done twice.

The long run is `python -m tests.prove.kills`; here is a sample of it, and what makes it worth believing.
"""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.postgres import Server, postgres_fixture
from tests.prove import kills
from tests.prove.checker import Verdict
from tests.prove.kills import (
    DBOS,
    DBOS_PYTHON,
    SYNCER,
    Outcome,
    Program,
    Proof,
    World,
    prove,
    remotes,
    run_world,
    table,
)

__all__ = ["postgres_fixture"]
STILL_AT_WORK = [("add_message", "unrouted"), ("set_status", "unrouted"), ("orders.create", "deliver")]
BLIND = """
import sys
from syncer.cli import main
from syncer.fulfilment import OnApiFulfilment
from syncer.orders import Absent
from syncer.portals import XspPortal

XspPortal.find = OnApiFulfilment.find = lambda self, intent, order: Absent()
sys.exit(main())
"""


@pytest.fixture(autouse=True)
def kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a world keeps stays with the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@contextmanager
def a_world(folder: Path, program: Program = SYNCER, hold: str = "") -> Iterator[World]:
    with remotes(folder, 1, hold) as there:
        yield World(folder, program, there, seed=1, faults=False)


def wait_until(claim: Callable[[], object]) -> None:
    until = time.monotonic() + kills.PATIENCE
    while not claim():
        assert time.monotonic() < until, "that never happens"
        time.sleep(0.02)


def effects(world: World, operation: str) -> list[dict[str, str]]:
    entries = [entry for entry in world.journal() if entry["operation"] == operation]
    return [entry["effect"] for entry in entries if entry["effect"] is not None]


def planted(source: str) -> Program:
    """Our program with a bug in it."""

    def prepare(world: World) -> None:
        SYNCER.prepare(world)
        (world.folder / "planted.py").write_text(source, encoding="utf-8")

    service = (sys.executable, "planted.py", "--config", "syncer.toml", "run")
    return Program("planted", service, None, prepare, SYNCER.help_on)


# --- the proof ------------------------------------------------------------------------------------------------


def test_sixty_kills_lose_nothing_and_double_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    proof = prove(60, seed=1, processes=4, world_of=15, span=1.2, say=said.append)
    with capsys.disabled():
        print(f"\n{table([proof])}")
    assert proof.ok, "\n".join(said)
    counts = proof.counts
    assert (counts["kills"], counts["orders"] > 60) == (60, True)
    assert counts["middle"] > 0, "no kill came in the middle of anything"
    assert counts["under_way"] > 0, "no kill met a writing call"
    assert counts["faults"] > 0


def test_twelve_kills_while_files_are_on_their_way_leave_each_file_once_and_whole() -> None:
    said: list[str] = []
    proof = prove(12, seed=1, processes=2, world_of=6, say=said.append, account=True)
    assert proof.ok, "\n".join(said)
    assert (proof.counts["kills"], proof.counts["misplaced"]) == (12, 0)
    assert proof.counts["files"] > 50
    assert proof.counts["downloading"] > 0, "no kill met a file on its way"


def test_ten_kills_of_workers_on_postgresql_lose_nothing_and_double_nothing(postgres: Server) -> None:
    said: list[str] = []
    proof = prove(10, seed=70, processes=2, world_of=5, span=1.2, say=said.append, store=postgres)
    assert proof.ok, "\n".join(said)
    assert (proof.counts["kills"], proof.counts["orders"] > 10) == (10, True)
    assert proof.counts["middle"] > 0, "no kill came in the middle of anything"


# --- what makes it worth believing ----------------------------------------------------------------------------


def test_a_program_that_tries_again_blindly_is_found_out(tmp_path: Path) -> None:
    with a_world(tmp_path, planted(BLIND)) as world:
        world.remotes.order("unrouted", 0.0)
        world.remotes.say("fault", kind="reset_after", operation="add_message")
        with world.alive(world.program.service):
            wait_until(lambda: len(effects(world, "add_message")) > 1)
        assert world.outcome(restless=False).verdict.messages


def test_a_program_that_ends_by_itself_is_no_killed_one(tmp_path: Path) -> None:
    dead = Program("dead", (sys.executable, "-c", "raise SystemExit(3)"), None, lambda _: None)
    with a_world(tmp_path, dead) as world, pytest.raises(AssertionError, match="ended by itself with 3"):
        world.live()


def test_a_kill_counts_as_under_way_between_a_writing_call_s_request_and_its_answer(tmp_path: Path) -> None:
    with a_world(tmp_path, hold="set_status") as world:
        world.remotes.order("unrouted", 0.0)
        with world.alive(world.program.service):
            wait_until((world.folder / "holding").exists)
            now = time.time()
            world.killed += [kills.Kill(now - 60, now - 59), kills.Kill(now - 60, now)]
            (world.folder / "go").touch()
            wait_until((world.folder / "under_way.jsonl").exists)
        world.killed.append(kills.Kill(now, now + 60))
        outcome = world.outcome(restless=False)
    assert (outcome.kills, outcome.under_way) == (3, 1)


def test_an_order_that_nobody_sees_to_is_told_from_one_that_is_done(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        world.arrive(1)
        assert world.outcome(restless=False).verdict.lost
        assert not world.outcome(restless=False).ok
        assert not world.finish()
        assert world.outcome(restless=False).ok


def test_what_fails_is_kept_and_says_how_it_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Outcome(7, 3, 1, 1, 0, Verdict(orders=("1", "2"), statuses=("1",)), restless=False, kept=Path("/kept"))
    monkeypatch.setattr(kills, "run_world", lambda *_, **__: outcome)
    said: list[str] = []
    proof = prove(3, seed=7, processes=1, span=1.5, faults=False, say=said.append)
    assert not proof.ok
    assert "{'statuses': 1}" in said[0]
    assert "kept: /kept" in said[0]
    assert "tests.prove.kills --program syncer --kills 3 --seed 7 --span 1.50 --no-faults" in said[0]


def test_a_world_that_is_well_leaves_nothing_behind(tmp_path: Path) -> None:
    outcome = run_world(SYNCER, kills=1, seed=3, span=0.5, faults=False)
    assert outcome.ok
    assert outcome.kills == 1
    assert list(tmp_path.iterdir()) == []


def test_the_table_has_the_programs_side_by_side_in_percent_of_their_orders() -> None:
    first = Outcome(1, 10, 5, 2, 3, Verdict(orders=("1", "2", "3", "4")), restless=False)
    second = Outcome(1, 10, 5, 2, 3, Verdict(orders=("1", "2", "3", "4"), messages=("3",)), restless=False)
    text = table([Proof("syncer", 2.0, (first, first)), Proof("dbos", 2.0, (second,))])
    assert re.search(r"^kills +20 +10$", text, re.MULTILINE)
    assert re.search(r"^messages twice +0 \(0\.0%\) +1 \(25\.0%\)$", text, re.MULTILINE)


# --- another program, by the same measure ---------------------------------------------------------------------


@pytest.mark.skipif(not DBOS_PYTHON.exists(), reason="DBOS is not installed in .venv-dbos")
def test_dbos_goes_on_after_a_kill_and_repeats_the_step_whose_answer_was_lost(tmp_path: Path) -> None:
    with a_world(tmp_path, DBOS) as world:
        world.remotes.order("deliver", 0.5)
        world.remotes.say("fault", kind="reset_after", operation="set_status")
        with world.alive(world.program.service):
            wait_until(lambda: effects(world, "orders.create"))
        assert not world.finish()
        verdict = world.outcome(restless=False).verdict
    assert verdict.settled
    assert verdict.statuses == verdict.orders


# --- found by it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "fate"), STILL_AT_WORK)
def test_a_call_that_the_remote_is_still_at_work_on_is_not_made_again_after_a_kill(
    tmp_path: Path, operation: str, fate: str
) -> None:
    with a_world(tmp_path, hold=operation) as world:
        config = world.folder / "syncer.toml"
        config.write_text(config.read_text(encoding="utf-8").replace('timeout = "1s"', 'timeout = "8s"'))
        world.remotes.order(fate, 0.0)
        with world.alive(world.program.service):
            wait_until((world.folder / "holding").exists)
        with world.alive(world.program.service):
            seen = world.size()
            wait_until(lambda: world.called(seen))
            time.sleep(2)  # long enough to ask, and well within the time limit of the call
            (world.folder / "go").touch()  # now the remote is done with it
            wait_until(lambda: world.outcome(restless=False).verdict.settled)
            time.sleep(1)
        verdict = world.outcome(restless=False).verdict
    assert (verdict.statuses, verdict.messages, verdict.activations) == ((), (), ())
