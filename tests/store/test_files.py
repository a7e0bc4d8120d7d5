"""Claims about orders that somebody names, and about their files: each is written down once, before all else."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncer.orders import Begun, Cursor, File, FileState, Listed, Page, Read, Route, Rules, Watch
from syncer.store import Store
from tests.store.filled import DETAILS, NOW, due, everything

RULES = Rules(watched={"kode": Watch()})
PLAN, MAP = File("a1", "Plan.pdf", "Plan: Storgata 9.pdf"), File("a2", "Kart.pdf", "Kart.pdf", category="PLAN")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncer.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{file}") as opened:
        yield opened


def read(store: Store, *files: File, status: str = "active") -> None:
    seen = Read(status, files=files, files_due=bool(files), details=DETAILS)
    store.apply("kode:4711", seen, NOW, RULES)


def test_an_order_that_is_named_is_taken_down_once_and_is_due(store: Store) -> None:
    assert store.watch("kode", ["4711", "4712"], NOW) == 2
    assert store.watch("kode", ["4711", "4713"], NOW) == 1
    assert sorted(due(store, NOW)) == ["kode:4711", "kode:4712", "kode:4713"]


def test_one_that_is_named_again_is_due_at_once_whatever_it_waited_for(store: Store) -> None:
    store.watch("kode", ["4711"], NOW)
    read(store)
    assert due(store, NOW) == []
    store.watch("kode", ["4711"], NOW)
    assert due(store, NOW) == ["kode:4711"]


def test_files_are_written_down_with_the_reading_that_listed_them(store: Store) -> None:
    store.watch("kode", ["4711"], NOW)
    read(store, PLAN, MAP)
    found = store.load("kode:4711")
    assert found is not None
    assert found[0].files_due
    assert [(one.asset, one.name, one.state) for one in store.files("kode:4711")] == [
        ("a1", "Plan.pdf", FileState.WANTED),
        ("a2", "Kart.pdf", FileState.WANTED),
    ]


def test_what_became_of_a_file_is_in_the_history_without_its_name(store: Store) -> None:
    store.watch("kode", ["4711"], NOW)
    read(store, PLAN)
    kept = File("a1", "Plan.pdf", PLAN.called, state=FileState.KEPT, size=12, sha256="ab")
    assert store.note_file("kode:4711", kept, NOW, FileState.WANTED)
    assert not store.note_file("kode:4711", kept, NOW, FileState.WANTED)
    (one,) = store.files("kode:4711")
    assert (one.state, one.size, one.sha256) == (FileState.KEPT, 12, "ab")
    (line,) = [entry for entry in store.history(order="kode:4711") if entry.event == "file.kept"]
    assert line.text == "a1, 12 bytes"


def test_the_name_that_a_file_had_outside_is_erased_with_the_order_s_people(store: Store, file: Path) -> None:
    store.watch("kode", ["4711"], NOW)
    read(store, PLAN, status="delivered")
    assert "Storgata" in str(everything(file)["files"])
    assert store.erase(NOW + timedelta(days=1), NOW + timedelta(days=1)) == 1
    assert "Storgata" not in str(everything(file)["files"])
    assert [one.asset for one in store.files("kode:4711")] == ["a1"]


def test_an_order_that_is_placed_in_a_portal_is_followed_there_from_the_commit_on_that_tells_of_it(
    store: Store,
) -> None:
    rules = Rules(watched={"kode": Watch()}, accounts={"kode_orders": "kode"}, routes=(Route("tj", "kode_orders"),))
    store.ingest("tj", Page((Listed("1", "new", "7", "f"),), (), Cursor()), NOW)
    store.apply("tj:1", Read("received", "7"), NOW, rules)
    assert store.load("kode:7000001") is None
    for _ in range(2):
        store.apply("tj:1", Begun("7000001"), NOW, rules)
    assert "kode:7000001" in due(store, NOW)
    assert [line.text for line in store.history(order="kode:7000001")] == ["named by us, who placed it"]
