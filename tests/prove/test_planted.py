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
from syncer.files.part import Kept, Part
from syncer.orders import Absent, FileState
from syncer.portals import kode
from syncer.portals.kode import KodePortal
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


def found(folder: Path, chosen: Scenario = ORDINARY) -> Found:
    """The kinds of trouble that cutting a scenario everywhere brings to light, the ordinary one say."""
    world = world_of(chosen, folder)
    whole = record(chosen, world, 3)
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


def noted_before_it_lies_there(patch: pytest.MonkeyPatch) -> None:
    """The store says that a file is kept, and then it is put in its place."""
    put = Part.put

    def early(new: Any, name: str) -> Kept:
        known = new.tap.__self__
        kept = Kept(new.size, new.sum.hexdigest())
        for order in known.store.orders(portal="kode"):
            for file in known.store.files(order.name):
                if file.name == name and file.state is FileState.WANTED:
                    facts = {"state": FileState.KEPT, "size": kept.size, "sha256": kept.sha256}
                    known.store.note_file(order.name, replace(file, **facts), known.clock(), file.state)
        return put(new, name)

    patch.setattr(Part, "put", early)
    patch.setattr(KodePortal, "_no_longer_wanted", lambda *_: None)


def absent_is_deleted(patch: pytest.MonkeyPatch) -> None:
    news = kode._news

    def planted(tree: Any, known: Any, *, retried: bool) -> Iterator[Any]:
        yield from news(tree, known, retried=retried)
        listed = {asset.id for asset in tree.assets}
        gone = [file for file in known.values() if file.asset not in listed]
        yield from (left for file in gone for left in kode._left(file, "not listed any more"))

    patch.setattr(kode, "_news", planted)


def nothing_is_swept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KodePortal, "_sweep", lambda _: None)


OF_FILES = Scenario(
    0,
    arrivals=(Arrival("files", portal="kode"),),
    steps=(
        Step("arrive", 0),
        *(Step("kode", 0, ("add_file", {"size": size, "on": "order"})) for size in (1500, 700)),
        *(Step("name", 0), Step("pass", value=True), Step("kode", 0, ("drop_file", {"file": 0}))),
        *(Step("time", value=4201.0), Step("pass", value=True)) * 2,
    ),
    portal={},
    nordnet={},
    sydnet={},
    kode={},
)
OF_FILES_PLANTED: list[tuple[Callable[[pytest.MonkeyPatch], None], Found]] = [
    (noted_before_it_lies_there, {"lost"}),
    (nothing_is_swept, {"lost"}),
]
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


def test_without_a_planted_bug_no_file_is_amiss(folder: Path) -> None:
    assert found(folder, OF_FILES) == set()


@pytest.mark.parametrize(("plant", "trouble"), OF_FILES_PLANTED, ids=lambda part: getattr(part, "__name__", ""))
def test_a_planted_bug_with_files_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], trouble: Found
) -> None:
    plant(monkeypatch)
    assert trouble <= found(folder, OF_FILES)


def test_a_file_that_goes_because_it_is_not_listed_is_missed_without_any_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent_is_deleted(monkeypatch)
    with pytest.raises(AssertionError, match="nobody has deleted"):
        found(folder, OF_FILES)
