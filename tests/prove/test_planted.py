"""Bugs that such programs have, planted one at a time: the harness finds each, and without them it finds nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from syncer.cli import acting
from syncer.engine.steps import Walk
from syncer.orders import Absent
from syncer.store import Store, changes, listing
from tests.prove.cuts import record, resume, world_of
from tests.prove.scenarios import Arrival, Scenario, Step
from tests.prove.world import UNMAPPED, folder_in_memory
from tests.ring.harness import NOON

Found = set[str]
ORDINARY = Scenario(
    0,
    arrivals=(
        Arrival("plain"),
        Arrival("unmapped", {"service": UNMAPPED}),
        Arrival("dated days ago", {"date": NOON - timedelta(days=5)}),
    ),
    steps=(*(Step("arrive", who) for who in range(3)), *(Step("pass", value=True), Step("time", value=4201.0)) * 2),
    portal={},
    nordnet={},
    sydnet={},
)


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_in_memory() as made:
        yield made


def found(folder: Path) -> Found:
    """The kinds of trouble that cutting the ordinary scenario everywhere brings to light."""
    world = world_of(ORDINARY, folder)
    whole = record(ORDINARY, world, 3)
    runs = [resume(whole, moment, world, deep=True) for moment in whole.moments]
    world.end()
    return {kind for run in runs for kind, _ in run.problems}


def mark_done_before_sending(patch: pytest.MonkeyPatch) -> None:
    def perform(walk: Any, order: Any, intent: Any) -> Any:
        engine: Any = SimpleNamespace(room=walk._room)
        held = walk._settle(order, intent, acting._as_done(engine, intent, None))
        walk._room.sinks[intent.target].perform(intent, order)
        return held

    patch.setattr(Walk, "_perform", perform)


def retry_blindly(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Walk, "_find", lambda walk, order, intent: walk._found(order, intent, Absent()))


def cursor_before_ingest(patch: pytest.MonkeyPatch) -> None:
    ingest = Store.ingest

    def planted(store: Any, portal: str, page: Any, now: Any, before: Any = None) -> Any:
        with store._write() as tx:
            listing.save_cursor(tx, portal, page.cursor, now)
        return ingest(store, portal, page, now)

    patch.setattr(Store, "ingest", planted)


def commit_after_the_call(patch: pytest.MonkeyPatch) -> None:
    def begin(_store: Any, _name: str, intent: Any, now: Any, held: Any) -> Any:
        begun = changes.beginning(intent, now)(held)
        return None if begun is None else replace(begun.after, rev=held.rev)

    patch.setattr(Walk, "_may_begin", lambda _walk, _intent: False)
    patch.setattr(Store, "begin", begin)


PLANTED: list[tuple[Callable[[pytest.MonkeyPatch], None], Found]] = [
    (mark_done_before_sending, {"stuck"}),
    (retry_blindly, {"doubled"}),
    (cursor_before_ingest, {"lost"}),
    (commit_after_the_call, {"doubled"}),
]


def test_without_a_planted_bug_nothing_is_found(folder: Path) -> None:
    assert found(folder) == set()


@pytest.mark.parametrize(("plant", "trouble"), PLANTED, ids=lambda part: getattr(part, "__name__", ""))
def test_a_planted_bug_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], trouble: Found
) -> None:
    plant(monkeypatch)
    assert trouble <= found(folder)
