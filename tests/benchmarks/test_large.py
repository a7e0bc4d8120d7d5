"""Claims about what a large store costs, counted in SQLite's own steps: no clock is asked."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from syncer.engine import Engine
from syncer.store import Store
from tests.benchmarks import lean
from tests.benchmarks.filled import fill
from tests.benchmarks.idle import engine, nothing_new, stored
from tests.benchmarks.ingest import _engine, _wire, written

EVERY = 10  # steps of SQLite's machine are counted in tens
FEW, MANY = 300, 6000
MORE = 1.5  # times the work that a store of few orders makes: deeper indexes, and nothing that is read through


class Steps:
    """Counts what the database does for a store."""

    def __init__(self, store: Store) -> None:
        self.count = 0
        event.listen(store._engine, "checkout", self._attach)

    def _attach(self, connection: Any, *_: object) -> None:
        connection.set_progress_handler(self._step, EVERY)

    def _step(self) -> int:
        self.count += 1
        return 0


def _ingest(folder: Path, stored: int) -> int:
    """What it takes to take down 200 new orders."""
    folder.mkdir()
    written(folder / "orders.xml", 200)
    fill(folder / "state" / "syncer.db", stored)
    with _engine(folder, _wire((folder / "orders.xml").read_bytes()), []) as one:
        steps = Steps(one.room.store)
        assert one.run_pass(once=True).ingested == 200
    return steps.count


def test_taking_down_new_orders_does_not_read_those_that_are_stored(tmp_path: Path) -> None:
    few, many = _ingest(tmp_path / "few", FEW), _ingest(tmp_path / "many", MANY)
    assert few > 0
    assert many <= MORE * few


def _idle(folder: Path, stored_orders: int, work: Callable[[Engine], object]) -> int:
    """What a work takes where nothing is new."""
    with lean.running(20, each=4) as url, engine(stored(folder, url, stored_orders, 20)) as one:
        nothing_new(one, 20)
        steps = Steps(one.room.store)
        work(one)
    return steps.count


def _service(one: Engine) -> None:
    nothing_new(one, 20)


def _once(one: Engine) -> None:
    """As the command does it."""
    one.run_pass(once=True)
    one.erase(timedelta(days=90))
    one.room.store.orders(parked=True)


@pytest.mark.parametrize("work", [_service, _once])
def test_a_pass_with_nothing_new_does_not_read_what_has_ended(tmp_path: Path, work: Callable[[Engine], object]) -> None:
    few, many = (_idle(tmp_path / str(size), size, work) for size in (FEW, MANY))
    assert few > 0
    assert many <= MORE * few
