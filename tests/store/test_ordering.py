"""Claims about what a person orders elsewhere: begun once, and known to be placed, not placed, or neither."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import File, FileState, Read, Rules, Watch
from syncer.store import Store
from tests.postgres import postgres_fixture, postgres_url_fixture
from tests.store.filled import NOW, due

__all__ = ["postgres_fixture", "postgres_url_fixture"]

RULES = Rules(watched={"kode": Watch()})
KEY, OTHER, SAME = "cli.one", "cli.two", "d1"
LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/syncer.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


def begin(store: Store, key: str, same: str = SAME, *, again: bool = False) -> bool:
    return store.begin_ordering("kode", key, same, NOW, again=again)


def open_key(store: Store, same: str = SAME) -> str | None:
    found = store.unsettled("kode", same)
    return None if found is None else found.key


def journal(store: Store) -> list[tuple[str, dict[str, Any]]]:
    return [(line.event, line.facts) for line in store.journal()]


def test_the_same_is_begun_once_until_it_is_settled(store: Store) -> None:
    assert begin(store, KEY)
    assert not begin(store, OTHER)
    assert begin(store, OTHER, "d2")
    assert (open_key(store), open_key(store, "d2")) == (KEY, OTHER)
    assert store.unsettled("another", SAME) is None
    store.note_not_ordered("kode", KEY, NOW)
    assert open_key(store) is None
    assert begin(store, KEY + "b")


def test_one_that_is_uncertain_stays_open_until_a_person_says_again(store: Store) -> None:
    begin(store, KEY)
    store.note_uncertain("kode", KEY, NOW)
    assert open_key(store) == KEY
    assert begin(store, OTHER, again=True)
    assert open_key(store) == OTHER
    store.follow("kode", [("7", OTHER)], NOW)
    assert open_key(store) is None


def test_an_order_that_was_placed_is_followed_and_settled_in_one(store: Store) -> None:
    begin(store, KEY)
    cuts = iter(["commit.before"])

    def cut(what: str) -> None:
        if what == next(cuts, None):
            raise InterruptedError

    store.tap = cut
    with pytest.raises(InterruptedError):
        store.follow("kode", [("7", KEY)], NOW)
    assert (open_key(store), due(store, NOW)) == (KEY, [])
    store.follow("kode", [("7", KEY)], NOW)
    assert (open_key(store), due(store, NOW)) == (None, ["kode:7"])
    assert journal(store) == [
        ("kode.ordering", {"portal": "kode", "key": KEY}),
        ("kode.ordered", {"portal": "kode", "key": KEY, "order": "kode:7"}),
    ]


def test_what_was_ordered_is_recognised_only_as_long_as_that_is_of_use(store: Store) -> None:
    begin(store, KEY)
    assert journal(store)[0][1]["digest"] == SAME
    store.note_not_ordered("kode", KEY, NOW)
    assert SAME not in str(journal(store))


def test_an_order_that_was_read_to_carry_the_key_is_named(store: Store) -> None:
    begin(store, KEY)
    store.watch("kode", ["7"], NOW)
    details = {"head": {"technical_reference": f"another, {KEY}"}}
    store.apply("kode:7", Read("received", details=details), NOW, RULES)
    found = store.unsettled("kode", SAME)
    assert found is not None
    assert (found.key, found.at, found.order) == (KEY, NOW, "kode:7")


@pytest.mark.parametrize("odd", ["\0", "\ud800", "%", "'"])
def test_an_odd_reference_of_theirs_settles_nothing_and_stops_nothing(store: Store, odd: str) -> None:
    begin(store, KEY)
    assert store.follow("kode", [("7", odd), ("8", "")], NOW) == []
    assert open_key(store) == KEY
    assert sorted(due(store, NOW)) == ["kode:7", "kode:8"]


def test_of_several_that_begin_the_same_at_once_one_may(url: str) -> None:
    stores = [Store.open(url, exclusive=False) for _ in range(4)]
    ready, began = threading.Barrier(4), []

    def go(number: int) -> None:
        ready.wait()
        began.append(begin(stores[number], f"cli.{number}"))

    threads = [threading.Thread(target=go, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert sorted(began) == [False, False, False, True]


def test_files_that_are_wanted_again_are_due_and_said_in_the_history(store: Store) -> None:
    store.watch("kode", ["7"], NOW)
    files = (File("a1", "Plan.pdf"), File("a2", "Kart.pdf"), File("a3", "Brev.pdf"))
    store.apply("kode:7", Read("delivered", files=files, files_due=True, details={}), NOW, RULES)
    for file in files[:2]:
        kept = File(file.asset, file.name, state=FileState.KEPT, size=3, sha256="ab")
        store.note_file("kode:7", kept, NOW, FileState.WANTED)
    assert store.want_again("kode:7", ["a1", "a3", "a9"], LATER) == 1
    found = {file.asset: (file.state, file.size) for file in store.files("kode:7")}
    assert found == {"a1": (FileState.WANTED, None), "a2": (FileState.KEPT, 3), "a3": (FileState.WANTED, None)}
    loaded = store.load("kode:7")
    assert loaded is not None
    assert (loaded[0].files_due, loaded[0].look_due, loaded[0].wake_at) == (True, True, LATER)
    last = list(store.history(order="kode:7"))[-1]
    assert (last.event, last.at) == ("file.wanted", LATER)
    assert "a1" in last.text
    assert "Plan" not in last.text
