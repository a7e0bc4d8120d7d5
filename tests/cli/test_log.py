"""`syncer log`: the story across restarts, and `--follow`, which ends when nobody reads on and outlives the service."""

import json
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import Cursor, Listed, Page
from syncer.simulators.on_api import Script
from tests.postgres import Server, postgres_fixture
from tests.ring.harness import World

__all__ = ["postgres_fixture"]
PATIENCE = 60.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None) as world:
        yield world


class Lines:
    """What a process prints, as it comes."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, wanted: Callable[[str], bool]) -> list[str]:
        """The lines up to one that is wanted."""
        found: list[str] = []
        while not found or not wanted(found[-1]):
            found.append(self._lines.get(timeout=PATIENCE))
        return found


@contextmanager
def following(world: World, *words: str) -> Iterator[Lines]:
    with world.start("log", "--follow", "--config", str(world.config_file), *words) as process:
        yield Lines(process)


def serve_once(world: World) -> None:
    """A service that starts, passes, erases what is old, and ends cleanly."""
    with world.start("run", "--config", str(world.config_file)) as service:
        lines, wanted = Lines(service), {"the portal was told delivered", "store.erased"}

        def is_last(line: str) -> bool:
            wanted.difference_update([text for text in wanted if text in line])
            return not wanted

        lines.until(is_last)
        service.send_signal(signal.SIGTERM)
        service.wait(PATIENCE)


def test_the_log_goes_on_over_restarts_of_the_service_and_ends_on_ctrl_c(world: World) -> None:
    world.configure(level="info")
    with following(world) as lines:  # before there is a database
        for _ in range(2):
            number = world.order()
            serve_once(world)
            seen = lines.until(lambda line: "service.stopped" in line)
            assert any(number in line and "delivered" in line for line in seen), seen
            assert any("service.started" in line for line in seen)
        lines.process.send_signal(signal.SIGINT)
        assert lines.process.wait(PATIENCE) == 0
        assert lines.process.stderr is not None
        assert lines.process.stderr.read() == ""


def test_the_log_ends_when_nobody_reads_on_though_nothing_happens(world: World) -> None:
    world.order()
    world.once()
    with world.start("log", "--follow", "--config", str(world.config_file)) as process:
        assert process.stdout is not None
        assert "order.listed" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 0


def test_each_line_comes_once_and_in_order(world: World) -> None:
    world.configure(level="info")
    world.order(Script(received_ticks=1))
    world.once()
    before = world.say("log", "--json").out.splitlines()
    with following(world, "--json") as lines:
        first = lines.until(lambda line: line.strip() == before[-1])
        world.network.tick()
        world.once()
        rest = lines.until(lambda line: "the portal was told delivered" in line)
        lines.process.terminate()
    assert [line.strip() for line in first] == before
    whole = world.say("log", "--json").out.splitlines()
    assert [line.strip() for line in first + rest] == whole
    assert [json.loads(line)["at"] for line in whole] == sorted(json.loads(line)["at"] for line in whole)


def test_the_log_of_one_order_is_of_nothing_else(world: World) -> None:
    number, other = world.order(), world.order()
    world.configure(level="info")
    serve_once(world)
    ours = [json.loads(line) for line in world.say("log", f"tg:{number}", "--json").out.splitlines()]
    assert {line["order"] for line in ours} == {f"tg:{number}"}
    whole = [json.loads(line) for line in world.say("log", "--json").out.splitlines()]
    assert {line["order"] for line in whole} == {f"tg:{number}", f"tg:{other}", None}
    assert [line["event"] for line in whole if line["order"] is None] == [
        "service.started",
        "store.erased",
        "service.stopped",
    ]
    assert world.say("log", "--failures").out == ""


def test_a_store_that_is_away_is_said_once_and_waited_for(world: World) -> None:
    world.order()
    world.once()
    away = world.database.with_name("away")
    with following(world) as lines:
        lines.until(lambda line: "delivered" in line)
        world.database.rename(away)
        world.database.write_text("no database at all, for a while " * 100, encoding="utf-8")
        assert lines.process.stderr is not None
        assert "is not a SQLite database" in lines.process.stderr.readline()
        away.rename(world.database)
        world.order()
        world.once()
        lines.until(lambda line: "delivered" in line)
        lines.process.terminate()


def test_on_postgresql_a_line_that_is_committed_late_is_not_missed(tmp_path: Path, postgres: Server) -> None:
    """A worker may get its line's number before another one's, and commit after it."""
    with World(tmp_path, at=None, store=postgres) as world:
        world.order()
        world.once()
        with following(world) as lines:
            lines.until(lambda line: "delivered" in line)
            with postgres.admin(world.store_url.rpartition("/")[2].partition("?")[0]) as late:
                late.autocommit = False
                late.execute(
                    "INSERT INTO history (order_id, at, event, text) "
                    "SELECT id, now(), 'order.read', 'committed late' FROM orders LIMIT 1"
                )
                row = Listed("1", "new", "77", "f", {"id": "1"})
                with world.reading() as store:
                    store.ingest("tg", Page((row,), (), Cursor()), world.clock())
                lines.until(lambda line: "tg:1 " in line)
                late.commit()
            lines.until(lambda line: "committed late" in line)
            lines.process.terminate()
