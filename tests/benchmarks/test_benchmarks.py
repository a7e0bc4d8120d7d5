"""Claims about the benchmarks: that they measure, and how. None about how long anything takes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.benchmarks.__main__ import BENCHMARKS, document, figures, table
from tests.benchmarks.figures import Figure, Taken, medians, take_turns
from tests.benchmarks.passes import _left, unchanged

HEAVY = {"sqlmodel", "sqlalchemy", "alembic", "requests", "pydantic", "rich"}
LOADED = """
import sys
from syncer.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


MEASURED = {
    "backlog": {
        "a backlog of 8 orders at 0 ms": {"an order, ours", "an order, bare"},
        "a backlog of 8 orders at 50 ms": {"an order, ours", "an order, bare"},
    },
    "bookkeeping": {"bookkeeping of an order of 5 steps": {"ours"}},
    "idle": {
        "a pass with nothing new, 20 to 40 stored": {"20", "40"},
        "syncer --once, nothing new, 20 to 40 stored": {"20", "40"},
    },
    "ingest": {"ingest of one listing of 50 orders": {"ingest", "parse"}},
    "passes": {"a pass over 12 unchanged orders": {"pass", "call", "parsing", "own", "own, of the processor"}},
    "starts": {"syncer --help": {"--help", "nothing"}, "syncer --once, nothing to do": {"--once", "imports"}},
}


@pytest.fixture
def _no_dbos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYNCER_DBOS_PYTHON", str(tmp_path / "none"))


def test_every_benchmark_is_tried_here() -> None:
    assert MEASURED.keys() == BENCHMARKS.keys()


@pytest.mark.usefixtures("_no_dbos")
@pytest.mark.parametrize("name", MEASURED)
def test_each_benchmark_runs_and_says_what_it_measured(name: str) -> None:
    found = list(figures([name], quick=True))
    assert {figure.name: set(figure.seconds) for figure in found} == MEASURED[name]
    assert all(figure.ratio is None or figure.ratio > 0 for figure in found)
    assert all(figure.target and figure.ok is not None for figure in found)
    assert table(found).row_count == len(found)
    assert [one["name"] for one in json.loads(document(found))["figures"]] == [figure.name for figure in found]


def test_a_pass_that_makes_another_call_is_not_measured_as_one_that_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncer.remotes.xsp.RENEW_AFTER", -1.0)  # so that each call signs in anew
    with pytest.raises(AssertionError, match="calls=2"):
        unchanged(tmp_path, 1, 1)


def test_things_to_compare_take_turns_and_the_first_round_is_not_kept() -> None:
    done: list[str] = []
    taken = take_turns({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, rounds=2)
    assert done == ["a", "b", "b", "a", "a", "b"]
    assert {name: len(turns) for name, turns in taken.items()} == {"a": 2, "b": 2}


def test_the_middle_is_the_median() -> None:
    assert medians({"a": [Taken(3.0, 9.0), Taken(1.0, 8.0), Taken(100.0, 7.0)]}) == {"a": 3.0}


def test_our_own_time_is_what_is_left_of_a_pass_in_the_same_round() -> None:
    taken = {
        "pass": [Taken(10.0, 5.0), Taken(30.0, 5.0), Taken(11.0, 6.0)],
        "call": [Taken(4.0, 1.0), Taken(23.0, 1.0), Taken(4.0, 1.0)],
        "parsing": [Taken(2.0, 2.0), Taken(2.0, 2.0), Taken(2.0, 2.0)],
    }
    assert _left(taken, lambda turn: turn.clock) == 5.0  # 4, 5 and 5: the slow call of the second round is not ours
    assert _left(taken, lambda turn: turn.processor) == 2.0


@pytest.mark.parametrize(("ok", "verdict"), [(True, "ok"), (False, "missed"), (None, "for orientation")])
def test_a_figure_says_whether_its_target_is_met(*, ok: bool | None, verdict: str) -> None:
    assert Figure("x", 1.0, "a / b", ok=ok).as_json()["verdict"] == verdict


def modules_after(*arguments: str) -> tuple[str, set[str]]:
    """What a command prints, and the modules that it has loaded."""
    ran = subprocess.run([sys.executable, "-c", LOADED, *arguments], check=True, capture_output=True, text=True)
    return ran.stdout, set(ran.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["orders", "--help"]])
def test_help_comes_without_the_heavy_packages(arguments: list[str]) -> None:
    said, modules = modules_after(*arguments)
    assert said.startswith("usage: syncer")
    assert not HEAVY & modules


def test_a_command_that_works_loads_what_help_does_without(tmp_path: Path) -> None:
    """Or the claim above would hold for misspelt names too."""
    file = tmp_path / "syncer.toml"
    file.write_text("")
    _, modules = modules_after("--config", str(file), "--once")
    assert modules >= HEAVY
