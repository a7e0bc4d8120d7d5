"""Claims about erasing and copying, as the bytes of the files show them."""

import random
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncer.orders import Cursor, Listed, Page, Read
from syncer.store import Store, StoreError
from tests.store.filled import NOW, RULES, everything, fill, ingest, read, rows_of

LONG_AFTER = NOW + timedelta(days=100)
CANARY = re.compile(rb"KANARIE(\d{6})")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncer.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{file}") as store:
        yield store


def crowd(store: Store, count: int) -> None:
    """Orders with details of all sizes, which SQLite moves to and fro; every other one has ended."""
    chance = random.Random(3)

    def about(number: int, most: int) -> dict[str, str]:
        return {"name": f"KANARIE{number:06d}" + "x" * chance.randint(0, most)}

    rows = tuple(Listed(str(number), "new", "3105", "f", about(number, 900)) for number in range(count))
    store.ingest("stads", Page(rows, (), Cursor("2031-05-04")), NOW)
    for number in range(count):
        raw = f"<KANARIE{number:06d}>" + "z" * chance.randint(0, 9000) if number % 5 == 0 else None
        for _ in range(1 + (number % 7 == 0)):
            seen = Read("delivered" if number % 2 else "received", "3105", details={"head": about(number, 3000)})
            store.apply(f"stads:{number}", seen, NOW, RULES, raw=raw)


def canaries(folder: Path) -> set[int]:
    return {int(number) for path in folder.iterdir() for number in CANARY.findall(path.read_bytes())}


def test_what_is_erased_leaves_no_copy_between_the_rows(store: Store, file: Path) -> None:
    crowd(store, 2000)
    assert canaries(file.parent) == set(range(2000))
    assert store.erase(LONG_AFTER, LONG_AFTER) == 1000
    assert canaries(file.parent) == set(range(0, 2000, 2))


def test_the_store_is_as_before_but_for_what_was_erased(store: Store, file: Path) -> None:
    fill(store)
    before = everything(file)
    store.erase(LONG_AFTER, LONG_AFTER)
    after = everything(file)
    assert {name for name in before if before[name] != after[name]} <= {"details", "raw_answers", "orders", "journal"}
    schema = "SELECT sql FROM sqlite_master WHERE name IN ('details', 'raw_answers') ORDER BY name"
    assert [text.split("(")[0].strip() for (text,) in rows_of(file, schema)] == [
        "CREATE TABLE details",
        "CREATE TABLE raw_answers",
    ]
    kept = "SELECT count(*) FROM details d JOIN orders o ON o.id = d.order_id WHERE o.ended_at IS NULL"
    assert rows_of(file, kept) == rows_of(file, "SELECT count(*) FROM orders WHERE ended_at IS NULL")


def test_that_it_was_done_is_noted_once_a_day_and_each_time_that_something_was_erased(store: Store) -> None:
    def erasures() -> list[int]:
        return [line.facts["erased"] for line in store.journal() if line.event == "store.erased"]

    store.erase(NOW, NOW)
    store.erase(NOW, NOW + timedelta(hours=1))
    assert erasures() == [0]
    store.erase(NOW, NOW + timedelta(hours=21))
    assert erasures() == [0, 0]
    ingest(store, "1")
    read(store, "1", "delivered")
    store.erase(LONG_AFTER, NOW + timedelta(hours=22))
    assert erasures() == [0, 0, 1]
    standing = store.standing()
    assert standing.erased is not None
    assert standing.erased.facts == {"erased": 1, "left": False}


def test_an_erasure_that_left_traces_is_made_good_by_the_next(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(store, 20)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "empty_log", lambda _self, _patience=0.0: False)
        store.erase(LONG_AFTER, LONG_AFTER)
    assert canaries(file.parent) > set(range(0, 20, 2))
    assert store.erase(LONG_AFTER, LONG_AFTER + timedelta(minutes=5)) == 0
    assert canaries(file.parent) == set(range(0, 20, 2))


def test_many_orders_are_erased_without_keeping_a_writer_waiting_for_all_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncer.store import keeping

    monkeypatch.setattr(keeping, "AT_ONCE", 3)
    crowd(store, 20)
    commits: list[str] = []
    monkeypatch.setattr(store, "tap", commits.append)
    assert store.erase(LONG_AFTER, LONG_AFTER) == 10
    assert commits.count("commit.after") >= 4 + 2


# --- copies ---------------------------------------------------------------------------------------------------


def test_a_copy_is_of_one_moment_however_much_is_written_meanwhile(store: Store, file: Path) -> None:
    crowd(store, 600)
    copying, copied = threading.Event(), threading.Event()

    def say(_done: int, _total: int) -> None:
        copying.set()

    def write() -> None:
        copying.wait(30)
        for number in range(600, 700):
            ingest(store, str(number))
        copied.set()

    writer = threading.Thread(target=write)
    writer.start()
    copy = file.with_name("copy.db")
    with Store.open(f"sqlite:///{file}", exclusive=False) as other:
        other.copy_to(copy, NOW, say=say)
    writer.join(60)
    assert copied.is_set()
    ((orders,),) = rows_of(copy, "SELECT count(*) FROM orders")
    ((histories,),) = rows_of(copy, "SELECT count(DISTINCT order_id) FROM history")
    assert 600 <= orders == histories <= 700
    assert len(store.orders()) == 700


def test_a_damaged_store_is_not_copied_over_a_good_copy(file: Path) -> None:
    copy = file.with_name("copy.db")
    with Store.open(f"sqlite:///{file}") as store:
        crowd(store, 200)
        store.copy_to(copy, NOW)
    good = copy.read_bytes()
    with file.open("rb+") as damaged:
        damaged.seek(len(good) // 2 // 4096 * 4096)
        damaged.write(b"\xff" * 4096 * 10)
    with (
        Store.open(f"sqlite:///{file}", exclusive=False) as store,
        pytest.raises(StoreError, match=r"damaged|malformed"),
    ):
        store.copy_to(copy, NOW, force=True)
    assert copy.read_bytes() == good


def test_what_interrupts_a_copy_leaves_nothing_of_it(store: Store, file: Path) -> None:
    crowd(store, 400)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.copy_to(file.with_name("copy.db"), NOW, say=interrupt)
    assert not [path.name for path in file.parent.iterdir() if "copy" in path.name]
    ingest(store, "later")  # and nobody is kept from writing


def test_two_copies_to_one_place_at_the_same_time_are_not_mixed(store: Store, file: Path) -> None:
    fill(store)
    copy, refused = file.with_name("copy.db"), list[str]()

    def say(_done: int, _total: int) -> None:
        if not refused:
            try:
                store.copy_to(copy, NOW)
            except StoreError as error:
                refused.append(str(error))

    store.copy_to(copy, NOW, say=say)
    assert "another one is just being made there" in refused[0]
    assert rows_of(copy, "PRAGMA integrity_check") == [("ok",)]
