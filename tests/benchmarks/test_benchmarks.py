"""Claims about the benchmarks: that they measure, and how. None about how long anything takes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
import structlog

from syncer.store import Store
from tests.benchmarks import backlog, fresh, lean
from tests.benchmarks.__main__ import BENCHMARKS, document, figures, main, table
from tests.benchmarks.bookkeeping import bookkeeping
from tests.benchmarks.disk import kind_of, on_disk
from tests.benchmarks.figures import Figure, Taken, medians, take_turns
from tests.benchmarks.filled import fill
from tests.benchmarks.fresh import peak
from tests.benchmarks.idle import engine, nothing_new
from tests.benchmarks.ingest import ingested, written
from tests.benchmarks.passes import _left, configured, unchanged
from tests.postgres import NotInstalled, postgres_fixture
from tests.ring.harness import World

__all__ = ["postgres_fixture"]

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


BACKLOG = {f"an order, {side}{of}" for side in ("ours", "bare") for of in ("", ", of the processor")}
MEASURED = {
    "backlog": {
        "a backlog of 8 orders at 0 ms": BACKLOG,
        "a backlog of 8 orders at 50 ms": BACKLOG,
    },
    "bookkeeping": {
        "bookkeeping of an order of 5 steps": {
            "ours",
            "ours, of the processor",
            "ours, places for half",
            "a bare commit",
        }
    },
    "chain": {"2 agents' orders through the chain at 10 ms": {"an order, ours", "an order, bare"}},
    "files": {
        "6 files of 0.1 MB at 10 ms": {"ours", "bare", "bare, each on the disk"},
        "a file of 200 MB": {"ours"},
    },
    "idle": {
        "a pass with nothing new, 20 to 40 stored": {"20", "40"},
        "syncer --once, nothing new, 20 to 40 stored": {"20", "40"},
    },
    "ingest": {"ingest of one listing of 50 orders": {"ingest", "parse"}},
    "passes": {"a pass over 12 unchanged orders": {"pass", "call", "parsing", "own", "own, of the processor"}},
    "starts": {"syncer --help": {"--help", "nothing"}, "syncer --once, nothing to do": {"--once", "imports"}},
    "workers": {"2 workers on PostgreSQL at 50 ms": {"an order, 1 worker", "an order, 2 workers"}},
}


@pytest.fixture
def _no_dbos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYNCER_DBOS_PYTHON", str(tmp_path / "none"))


def test_every_benchmark_is_tried_here() -> None:
    assert MEASURED.keys() == BENCHMARKS.keys()


@pytest.mark.usefixtures("_no_dbos")
@pytest.mark.parametrize("name", [name for name in MEASURED if name != "workers"])
def test_each_benchmark_runs_and_says_what_it_measured(name: str) -> None:
    _assert_it_measures(name)


@pytest.mark.usefixtures("postgres")
def test_workers_are_measured_where_there_is_postgresql() -> None:
    _assert_it_measures("workers")


def test_without_postgresql_the_figure_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise NotInstalled("install it")

    monkeypatch.setattr("tests.benchmarks.workers.programs", missing)
    assert [(figure.ratio, figure.meaning) for figure in figures(["workers"])] == [(None, "install it")]


def _assert_it_measures(name: str) -> None:
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


# --- a backlog ------------------------------------------------------------------------------------------------


def test_the_lean_remotes_are_called_as_the_simulators_are(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.order()
        world.once()
        simulated = [(entry.method, entry.operation) for entry in world.host.calls()]
    calls = backlog.seen()
    named = [(call.method, call.request.get("params", {}).get("method")) for call in (*calls.first, *calls.each)]
    of_network = {"GET": {"discovery", "accesses.get"}, "POST": {"orders.create"}}
    assert sorted(operation for _, operation in simulated if operation in lean.METHODS) == sorted(
        operation for _, operation in named if operation is not None
    )
    assert [method for method, operation in simulated if operation in of_network[method]] == [
        method for method, operation in named if operation is None
    ]


def test_a_loop_that_makes_fewer_calls_is_not_taken_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = backlog.seen()
    monkeypatch.setattr(backlog, "seen", lambda: backlog.Calls(calls.first, calls.each[:-1]))
    with pytest.raises(AssertionError):
        backlog.backlog(0.0, 3, 1)


def test_an_order_that_is_not_delivered_is_not_measured_as_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    parked = backlog.CONFIGURATION.replace('service = "FIBER-250-250"', 'service = "FIBER-9"')
    with lean.running(2) as url:
        monkeypatch.setattr(backlog, "CONFIGURATION", parked)
        with pytest.raises(AssertionError, match="parked=2"):
            backlog.ours(url, 2)


def test_remotes_that_take_their_time_take_it_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, transport = Mock(), Mock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    connection = lean.Connection(lean.Remotes(1), 0.05)
    connection.connection_made(transport)
    for _ in range(3):
        connection.data_received(b"GET /plain/serviceguide_log?method=api_login HTTP/1.1\r\n\r\n")
    assert [call.args[:2] for call in loop.call_later.call_args_list] == [(0.05, transport.write)] * 3
    assert not transport.write.called


def test_a_request_may_come_in_pieces() -> None:
    transport = Mock()
    connection = lean.Connection(lean.Remotes(1), 0.0)
    connection.connection_made(transport)
    body = b'{"accessId": "LT1"}'
    whole = b"POST /onapi/2.4/orders/ HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    for at in range(len(whole)):
        assert not transport.write.called
        connection.data_received(whole[at : at + 1])
    assert b"DONE_SUCCESS" in transport.write.call_args.args[0]


# --- the ring alone -------------------------------------------------------------------------------------------


def test_without_dbos_the_figure_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYNCER_DBOS_PYTHON", str(tmp_path / "none"))
    figure = bookkeeping(4, 1, 1)
    assert figure.ratio is None
    assert "SYNCER_DBOS_PYTHON" in figure.meaning
    assert figure.as_json()["ratio"] is None


def test_dbos_is_asked_for_as_many_steps_as_the_program_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$*" > "$0.asked"\necho \'{"seconds": 3600, "processor": 60, "steps": 5}\'\n')
    python.chmod(0o755)
    monkeypatch.setenv("SYNCER_DBOS_PYTHON", str(python))
    figure = bookkeeping(4, 1, 7)
    assert figure.ratio is not None
    assert figure.ratio > 1000
    assert figure.seconds["DBOS"] == 3600
    assert (tmp_path / "python.asked").read_text().split()[2:] == ["7", "5", "8"]


# --- large stores ---------------------------------------------------------------------------------------------


def test_a_filled_store_holds_orders_as_the_program_left_them(tmp_path: Path) -> None:
    fill(tmp_path / "syncer.db", 200)
    with Store.open(f"sqlite:///{tmp_path / 'syncer.db'}") as store:
        orders = store.orders()
        newest, oldest = store.explain(orders[0].name), store.explain(orders[-1].name)
        assert store.overview().states == {"delivered": 200}
    assert len({order.name for order in orders}) == 200
    assert newest is not None
    assert oldest is not None
    for one in (newest, oldest):
        assert [intent.state for intent in one.intents] == ["done"] * 4
        assert {intent.key.rpartition(".")[0] for intent in one.intents} == {one.order.reference}
        assert len(one.history) == 6
    assert newest.order.details
    assert not oldest.order.details  # erased long ago
    assert newest.order.ended_at is not None
    assert oldest.order.ended_at is not None
    assert newest.order.ended_at - oldest.order.ended_at > timedelta(days=1000)


def test_a_pass_that_finds_news_is_not_measured_as_one_that_finds_none(tmp_path: Path) -> None:
    with lean.running(4, each=2) as url, engine(configured(tmp_path, url + lean.PORTAL).path) as one:
        with pytest.raises(AssertionError, match="new=4"):
            nothing_new(one, 4)
        nothing_new(one, 4)
        with pytest.raises(AssertionError, match="unchanged=4"):
            nothing_new(one, 5)


def test_a_process_is_not_charged_for_the_memory_of_the_one_that_started_it(tmp_path: Path) -> None:
    written(tmp_path / "orders.xml", 5)
    ballast = bytearray(300_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert peak() > 300
    assert fresh.ran("parse", tmp_path / "orders.xml", 5)["megabytes"] < 250
    assert len(ballast) == 300_000_000


def test_the_most_memory_counts_that_which_was_given_back(tmp_path: Path) -> None:
    written(tmp_path / "orders.xml", 20_000)
    found = fresh.ran("parse", tmp_path / "orders.xml", 20_000)
    assert found["megabytes"] > found["before"] + 5


# --- a long listing -------------------------------------------------------------------------------------------


def test_ingest_is_measured_until_the_last_order_is_stored_and_no_further(tmp_path: Path) -> None:
    written(tmp_path / "orders.xml", 30)
    found = ingested(tmp_path / "orders.xml", 30)
    assert found["seconds"] > 0
    with pytest.raises(AssertionError, match="ingested=30"):
        ingested(tmp_path / "orders.xml", 31)


# --- the disk -------------------------------------------------------------------------------------------------


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n")
    found = [kind_of(Path(place), mounts) for place in ("/home", "/tmp/x", "/tmp/disk/x", "/tmpfs")]  # noqa: S108
    assert found == ["ext4", "tmpfs", "xfs", "ext4"]
    assert kind_of(Path("/home"), tmp_path / "none") == ""


def test_a_store_is_not_measured_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.benchmarks.disk.kind_of", lambda _: "tmpfs")
    monkeypatch.chdir(tmp_path)
    with on_disk() as folder:
        assert Path(folder).parent == tmp_path


# --- how it is measured and told ------------------------------------------------------------------------------


def test_an_unknown_name_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["backlog", "nonsense"])
    assert "nonsense" in capsys.readouterr().err


def test_only_what_is_named_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tests.benchmarks.__main__.BENCHMARKS", {"one": _one, "other": None})
    assert main(["one", "--quick"]) == 0
    assert "in a hurry" in capsys.readouterr().out
    assert [one["name"] for one in json.loads((tmp_path / "bench.json").read_text())["figures"]] == ["in a hurry"]


def _one(*, quick: bool) -> Iterator[Figure]:
    yield Figure("in a hurry" if quick else "at leisure", 1.0, "a / b")


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
