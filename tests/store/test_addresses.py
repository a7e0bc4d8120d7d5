"""Claims about addresses: each opens one thing, for a while, and the database opens nothing."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncer.store import Address, Purpose, Store, new_address
from tests.store.filled import LATER, NOW, everything, ingest, read

HOURS = timedelta(hours=12)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncer.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{file}") as opened:
        ingest(opened, "1", "2")
        yield opened


def page(store: Store, order: str = "stads:1") -> str:
    made = store.make_address(order, Purpose.PAGE, NOW, NOW + HOURS)
    assert made is not None
    return made


def test_an_address_opens_what_it_was_made_for_and_nothing_else(store: Store) -> None:
    made = page(store)
    assert store.address(made, Purpose.PAGE, LATER) == Address("stads:1", Purpose.PAGE, "", NOW, NOW + HOURS)
    assert store.address(made, Purpose.FILE, LATER) is None
    assert store.address(made[:-1], Purpose.PAGE, LATER) is None
    assert store.address("", Purpose.PAGE, LATER) is None


def test_no_two_addresses_are_alike_and_each_has_256_bits() -> None:
    made = {new_address() for _ in range(1000)}
    assert len(made) == 1000
    assert {len(one) for one in made} == {43}


def test_the_database_holds_no_address(store: Store, file: Path) -> None:
    made = page(store)
    store.lend(made, {"f" * 43: "a1"}, NOW, NOW + HOURS)
    store.empty_log()
    assert made not in str(everything(file))
    for path in file.parent.iterdir():
        assert made.encode() not in path.read_bytes()
        assert b"f" * 43 not in path.read_bytes()


def test_an_address_ends_with_its_time(store: Store) -> None:
    made = page(store)
    assert store.address(made, Purpose.PAGE, NOW + HOURS - timedelta(seconds=1)) is not None
    assert store.address(made, Purpose.PAGE, NOW + HOURS) is None


def test_an_order_that_is_not_there_has_none(store: Store) -> None:
    assert store.make_address("stads:9", Purpose.PAGE, NOW, NOW + HOURS) is None
    assert store.addresses("stads:9") == []
    assert store.revoke("stads:9", NOW) == 0


def test_revoking_ends_every_address_of_an_order_and_of_no_other(store: Store) -> None:
    mine, other = page(store), page(store, "stads:2")
    second = page(store)
    store.lend(mine, {"f1": "a1"}, NOW, NOW + HOURS)
    assert store.revoke("stads:1", LATER) == 3
    assert [store.address(one, Purpose.PAGE, LATER) for one in (mine, second)] == [None, None]
    assert store.address("f1", Purpose.FILE, LATER) is None
    assert store.address(other, Purpose.PAGE, LATER) is not None
    assert store.revoke("stads:1", LATER) == 0
    assert [one.revoked_at for one in store.addresses("stads:1")] == [LATER] * 3


def test_what_has_expired_by_itself_is_not_counted_as_revoked(store: Store) -> None:
    page(store)
    assert store.revoke("stads:1", NOW + HOURS) == 0


def test_what_is_erased_is_not_to_be_opened_any_more(store: Store) -> None:
    mine, other = page(store), page(store, "stads:2")
    store.lend(mine, {"f1": "a1"}, NOW, NOW + HOURS)
    read(store, "1", "delivered")
    assert store.erase(LATER, LATER) == 1
    assert store.address(mine, Purpose.PAGE, LATER) is None
    assert store.address("f1", Purpose.FILE, LATER) is None
    assert store.address(other, Purpose.PAGE, LATER) is not None
    assert not store.lend(mine, {"f2": "a2"}, LATER, LATER + HOURS)


def test_a_page_s_files_are_lent_once_with_the_time_of_the_first(store: Store) -> None:
    made = page(store)
    for at in (NOW, LATER):
        assert store.lend(made, {"f1": "a1", "f2": "a2"}, at, at + HOURS)
    assert store.lend(made, {"f1": "a1", "f3": "a3"}, LATER, LATER + HOURS)
    found = [(one.asset, one.expires_at) for one in store.addresses("stads:1") if one.asset]
    assert sorted(found) == [("a1", NOW + HOURS), ("a2", NOW + HOURS), ("a3", LATER + HOURS)]


def test_lending_what_is_lent_writes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = page(store)
    store.lend(made, {"f1": "a1"}, NOW, NOW + HOURS)
    monkeypatch.setattr(Store, "_write", lambda _: pytest.fail("it wrote"))
    assert store.lend(made, {"f1": "a1"}, LATER, LATER + HOURS)
    assert store.lend(made, {}, LATER, LATER + HOURS)


def test_a_page_that_is_revoked_lends_no_file_any_more(store: Store) -> None:
    made = page(store)
    store.revoke("stads:1", NOW)
    assert not store.lend(made, {"f1": "a1"}, NOW, NOW + HOURS)
    assert not store.lend("unknown", {"f2": "a1"}, NOW, NOW + HOURS)
    assert store.address("f1", Purpose.FILE, NOW) is None


def test_two_who_lend_the_same_file_at_once_hinder_nobody(store: Store) -> None:
    made, told = page(store), []
    threads = [
        threading.Thread(target=lambda: told.append(store.lend(made, {"f1": "a1", "f2": "a2"}, NOW, NOW + HOURS)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert told == [True] * 8
    assert len(store.addresses("stads:1")) == 3


def test_dead_addresses_are_taken_away_a_month_later(store: Store) -> None:
    page(store)
    long_after = NOW + HOURS + timedelta(days=31)
    made = store.make_address("stads:1", Purpose.FILE, long_after, long_after + HOURS, "a1")
    assert made is not None
    assert [one.asset for one in store.addresses("stads:1")] == ["a1"]
