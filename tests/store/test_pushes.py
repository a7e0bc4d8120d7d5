"""Claims about what portals say unasked: a push makes its order due and no more, and a notice is kept once."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncer.orders import DeliveredByHand, IntentState, Read, Rules, Told, Watch
from syncer.store import By, Notice, Store, StoreError
from tests.postgres import postgres_fixture, postgres_url_fixture
from tests.store.filled import DETAILS, LATER, NOW, due, ingest
from tests.store.filled import RULES as STADS
from tests.store.filled import read as first_read

__all__ = ["postgres_fixture", "postgres_url_fixture"]

RULES = Rules(watched={"kode": Watch()})
NOTICE = Notice("m-1", "DISTRIBUTOR", "Kommune 0301", "Planlagt vedlikehold")


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


def looked(store: Store, key: str, status: str = "active", at: timedelta = timedelta()) -> None:
    store.apply(f"kode:{key}", Read(status, details=DETAILS), NOW + at, RULES)


def events(store: Store, name: str) -> list[tuple[str, str]]:
    return [(line.event, line.text) for line in store.history(order=name)]


def uncertain(store: Store, key: str = "1") -> str:
    """An order whose hand-over has an unknown outcome; the intent's key."""
    ingest(store, key)
    first_read(store, key)
    store.apply(f"stads:{key}", Told("received"), NOW, STADS)
    held = store.load(f"stads:{key}")
    assert held is not None
    intent = held[1]
    assert intent is not None
    store.begin(f"stads:{key}", intent, NOW)
    store.mark(
        f"stads:{key}",
        intent.key,
        IntentState.UNCERTAIN,
        NOW,
        outcome="cut",
        wake_at=LATER + timedelta(hours=1),
        firm=True,
    )
    return intent.key


# --- orders that are named ------------------------------------------------------------------------------------


def test_a_push_about_an_unknown_order_has_it_followed(store: Store) -> None:
    store.push("kode", [("4711", "")], NOW)
    assert due(store, NOW) == ["kode:4711"]
    assert events(store, "kode:4711") == [("order.named", "named by a push")]


def test_a_push_makes_a_known_order_due_and_changes_nothing_else_about_it(store: Store) -> None:
    store.watch("kode", ["4711"], NOW)
    looked(store, "4711")
    before, told = store.load("kode:4711"), events(store, "kode:4711")
    assert due(store, LATER - timedelta(minutes=9, seconds=30)) == []
    store.push("kode", [("4711", "")], LATER)
    after = store.load("kode:4711")
    assert due(store, LATER) == ["kode:4711"]
    assert before is not None
    assert after is not None
    assert after[0].but(look_due=False, wake_at=before[0].wake_at) == before[0]
    assert events(store, "kode:4711") == told


def test_a_push_again_or_late_or_before_its_elder_does_no_harm(store: Store) -> None:
    for at in (LATER, NOW, LATER, NOW):
        store.push("kode", [("4711", ""), ("4711", "")], at)
    assert [order.name for order in store.orders()] == ["kode:4711"]
    assert due(store, NOW) == ["kode:4711"]


def test_a_push_that_comes_while_its_order_is_read_is_not_lost(store: Store) -> None:
    store.push("kode", [("4711", "")], NOW)
    held = store.hold("kode:4711")
    assert held is not None
    store.push("kode", [("4711", "")], NOW)
    store.apply("kode:4711", Read("active", details=DETAILS), NOW, RULES, held=held)
    store.let_go([held.id])
    assert due(store, NOW) == ["kode:4711"]


def test_an_ended_order_that_is_followed_no_longer_is_read_again_when_a_push_names_it(store: Store) -> None:
    store.watch("kode", ["4711"], NOW)
    looked(store, "4711", "delivered")
    looked(store, "4711", "delivered", timedelta(days=60))
    late = NOW + timedelta(days=365)
    assert due(store, late) == []
    store.push("kode", [("4711", "")], late)
    assert due(store, late) == ["kode:4711"]


def test_an_order_that_a_person_has_ended_here_stays_ended(store: Store) -> None:
    store.watch("kode", ["4711"], NOW)
    store.apply("kode:4711", DeliveredByHand(), NOW, RULES)
    store.push("kode", [("4711", "")], LATER)
    looked(store, "4711", "active")
    found = store.load("kode:4711")
    assert found is not None
    assert found[0].state == "delivered"
    assert due(store, LATER + timedelta(days=1)) == []


def test_what_is_named_twice_is_one_order(store: Store) -> None:
    assert store.watch("kode", ["4711", "4711", "4712"], NOW) == 2
    assert events(store, "kode:4711") == [("order.named", "named by a person")]
    assert store.watch("kode", ["4713"], NOW, By.PUSH) == 1
    assert events(store, "kode:4713") == [("order.named", "named by a push")]


def test_a_push_without_an_order_s_id_is_nothing(store: Store) -> None:
    store.push("kode", [("", "ref")], NOW)
    store.push("kode", [], NOW)
    assert store.orders() == []


# --- references -----------------------------------------------------------------------------------------------


def test_a_reference_of_ours_tells_which_order_it_became(store: Store) -> None:
    key = uncertain(store)
    assert store.pushed("kode", key) == ()
    store.push("kode", [("4711", key)], NOW)
    store.push("kode", [("4711", key), ("4712", key)], LATER)
    assert store.pushed("kode", key) == ("4712", "4711")
    assert store.pushed("another", key) == ()


def test_a_reference_that_is_not_ours_is_not_kept(store: Store) -> None:
    uncertain(store)
    store.push("kode", [("4711", "a stranger's"), ("4712", "\0\ud800")], NOW)
    assert store.pushed("kode", "a stranger's") == ()
    assert sorted(order.name for order in store.orders(portal="kode")) == ["kode:4711", "kode:4712"]


def test_an_uncertain_call_is_looked_up_at_once_when_a_push_has_its_reference(store: Store) -> None:
    key = uncertain(store)
    assert due(store, LATER) == []
    store.push("kode", [("4711", key)], LATER)
    assert sorted(due(store, LATER)) == ["kode:4711", "stads:1"]


def test_a_call_that_is_settled_is_not_looked_up_again(store: Store) -> None:
    key = uncertain(store)
    store.mark("stads:1", key, IntentState.DONE, NOW, wake_at=LATER + timedelta(hours=1))
    store.push("kode", [("4711", key)], LATER)
    assert due(store, LATER) == ["kode:4711"]
    assert store.pushed("kode", key) == ("4711",)


def test_what_is_thought_about_an_uncertain_call_before_a_push_is_thought_again(store: Store) -> None:
    key = uncertain(store)
    held = store.hold("stads:1")
    assert held is not None
    store.push("kode", [("4711", key)], NOW)
    fresh = store.hold("stads:1")
    assert fresh is not None
    assert fresh.rev > held.rev


# --- many at once ---------------------------------------------------------------------------------------------


def test_pushes_of_many_threads_are_all_stored(store: Store) -> None:
    key = uncertain(store)

    def send(thread: int) -> None:
        for number in range(25):
            store.push("kode", [(f"{thread * 20 + number}", key if number % 5 == 0 else "")], NOW)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.orders(portal="kode")) == 165
    assert len(due(store, NOW)) == 166


def test_a_push_that_cannot_be_stored_says_so(url: str) -> None:
    def full(word: str) -> None:
        if word == "commit.before" and armed:
            raise StoreError("the disk is full")

    armed: list[bool] = []
    with Store.open(url, tap=full) as store:
        armed.append(True)
        with pytest.raises(StoreError):
            store.push("kode", [("4711", "")], NOW)
        with pytest.raises(StoreError):
            store.note_notice("kode", NOTICE, NOW)
        armed.clear()
        assert store.orders() == []
        store.push("kode", [("4711", "")], NOW)
        assert due(store, NOW) == ["kode:4711"]


# --- notices --------------------------------------------------------------------------------------------------


def test_a_notice_is_kept_once_however_often_it_comes(store: Store) -> None:
    kept = store.note_notice("kode", NOTICE, NOW)
    assert kept is not None
    assert (kept.portal, kept.at, kept.text) == ("kode", NOW, NOTICE.text)
    assert store.note_notice("kode", NOTICE, LATER) is None
    assert store.note_notice("other", NOTICE, LATER) is not None
    assert [(one.portal, one.at) for one in store.notices()] == [("other", LATER), ("kode", NOW)]


def test_notices_come_newest_first_so_many_and_since_a_time(store: Store) -> None:
    for number in range(5):
        at = NOW + timedelta(hours=number)
        store.note_notice("kode", Notice(f"m-{number}", "CUSTOMER", "", f"number {number}"), at)
    assert [one.key for one in store.notices(2)] == ["m-4", "m-3"]
    assert [one.key for one in store.notices(since=NOW + timedelta(hours=4))] == ["m-4"]
    assert len(store.notices()) == 5


def test_a_notice_is_bounded_and_legible_whatever_was_sent(store: Store) -> None:
    odd = Notice("k" * 5000, "A" * 900, "x\x1b[31m\n", "first\nsecond\0\ud800\u202e" + "å" * 100_000)
    assert store.note_notice("kode", odd, NOW) is not None
    assert store.note_notice("kode", odd, NOW) is None
    (one,) = store.notices()
    assert one.text.startswith("first second   åå")
    assert (len(one.text), len(one.audience)) == (4096, 200)
    assert len(one.key) <= 200
    assert all(map(str.isprintable, (one.key, one.audience, one.sender, one.text)))
