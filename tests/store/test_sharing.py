"""Claims about several hands on one store: threads that share a commit, workers that share a PostgreSQL database."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from syncer.orders import CancelledByHand, Intent, IntentState, State, Told
from syncer.store import InHand, Settled, Store, changes
from tests.postgres import Server, postgres_fixture
from tests.store.filled import LATER, NOW, RULES, due, fill, ingest, listed, page, read

__all__ = ["postgres_fixture"]
Opener = Callable[[], Store]


@pytest.fixture(params=["sqlite", "postgresql"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens one more hand on the same database; SQLite's second one is no engine's."""
    opened: list[Store] = []
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'syncer.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.database()

    def more() -> Store:
        opened.append(Store.open(url, exclusive=not opened and request.param == "sqlite"))
        return opened[-1]

    yield more
    for store in opened:
        store.close()


@pytest.fixture
def workers(postgres: Server) -> Iterator[list[Store]]:
    """Three workers on one PostgreSQL database."""
    url = postgres.database()
    opened = [Store.open(url) for _ in range(3)]
    yield opened
    for store in opened:
        store.close()


def rows(claimed: Sequence[object]) -> list[int]:
    return [one.id for one in claimed if isinstance(one, InHand)]


# --- compare and set ------------------------------------------------------------------------------------------


def test_what_is_decided_upon_an_order_that_has_changed_meanwhile_is_decided_anew(opener: Opener) -> None:
    store, other = opener(), opener()
    ingest(store, "1")
    planned = read(store, "1")
    assert planned.intent is not None
    other.apply("stads:1", CancelledByHand(), NOW, RULES)  # an operator's word, while we were about to tell received
    settled = Settled(planned.intent.key, IntentState.DONE, "told")
    applied = store.apply("stads:1", Told("received"), LATER, RULES, settled=settled, held=planned.held)
    assert applied.order.state is State.CANCELLED
    assert applied.order.portal_status == "received"
    explained = store.explain("stads:1")
    assert explained is not None
    assert [line.event for line in explained.history].count("order.cancelled_by_hand") == 1


def test_a_call_is_not_begun_where_its_intent_is_no_longer_planned(opener: Opener) -> None:
    store, other = opener(), opener()
    ingest(store, "1")
    planned = read(store, "1")
    assert planned.intent is not None
    other.apply("stads:1", CancelledByHand(), NOW, RULES)
    assert store.begin("stads:1", planned.intent, LATER, planned.held) is None
    loaded = store.load("stads:1")
    assert loaded is not None
    assert loaded[1] is None or loaded[1].state is IntentState.PLANNED


def test_a_commit_whose_answer_was_lost_is_not_made_twice(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opener()
    ingest(store, "1")
    planned = read(store, "1")
    assert planned.intent is not None
    lost: list[str] = []

    def lose(name: str) -> None:
        if name == "commit.after" and not lost:
            lost.append(name)
            raise OSError("the line was cut")

    monkeypatch.setattr(store, "tap", lose)
    settled = Settled(planned.intent.key, IntentState.DONE, "told")
    applied = store.apply("stads:1", Told("received"), LATER, RULES, settled=settled, held=planned.held)
    assert lost
    assert applied.order.tells == 1
    explained = store.explain("stads:1")
    assert explained is not None
    assert [line.event for line in explained.history].count("order.told") == 1


# --- one commit for many --------------------------------------------------------------------------------------


def test_what_many_threads_write_at_once_shares_commits_and_is_all_there(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opener()
    keys = [str(number) for number in range(100)]
    ingest(store, *keys)
    taken = {one.order.external_id: one for one in store.claim(NOW, limit=500) if isinstance(one, InHand)}
    commits: list[str] = []
    monkeypatch.setattr(store, "tap", commits.append)
    with store._writer, ThreadPoolExecutor(len(keys)) as pool:
        tasks = [pool.submit(store.wait, f"stads:{key}", LATER, NOW, held=taken[key]) for key in keys]
        while len(store._jobs) < len(keys):  # they wait for us, who hold the writer's place
            time.sleep(0.001)
        store._writer.release()
        for task in tasks:
            task.result()
        store._writer.acquire()
    assert commits.count("commit.after") == 2  # of up to 64 each
    assert due(store, NOW) == []
    assert len(due(store, LATER)) == len(keys)


def test_one_order_that_can_t_be_written_does_not_take_those_along_that_share_its_commit(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opener()
    ingest(store, "1", "2", "3")
    taken = {one.order.external_id: one for one in store.claim(NOW, limit=5) if isinstance(one, InHand)}
    write, outcomes = changes.write, {}

    def poisoned(tx: object, written: list[changes.Change]) -> bool:
        if any(change.held.order.external_id == "2" for change in written):
            raise KeyError("poison")
        return write(tx, written)  # type: ignore[arg-type] # it is handed on

    def put_off(key: str) -> None:
        try:
            store.wait(f"stads:{key}", LATER, NOW, held=taken[key])
        except KeyError:
            outcomes[key] = "poisoned"

    monkeypatch.setattr(changes, "write", poisoned)
    with store._writer:
        threads = [threading.Thread(target=put_off, args=(key,)) for key in ("1", "2", "3")]
        for thread in threads:
            thread.start()
        while len(store._jobs) < 3:
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert outcomes == {"2": "poisoned"}
    assert due(store, NOW) == ["stads:2"]


# --- leases ---------------------------------------------------------------------------------------------------


def test_workers_never_get_the_same_order(workers: list[Store]) -> None:
    ingest(workers[0], *(str(number) for number in range(90)))
    with ThreadPoolExecutor(3) as pool:
        portions = list(pool.map(lambda store: [rows(store.claim(NOW, limit=10)) for _ in range(4)], workers))
    claimed = [row for portion in portions for part in portion[:1] for row in part]
    assert len(claimed) == len(set(claimed)) == 30
    mine = [{row for part in portion for row in part} for portion in portions]
    assert len(set.union(*mine)) == sum(map(len, mine))


def test_what_a_worker_gives_back_another_gets(workers: list[Store]) -> None:
    ingest(workers[0], "1", "2")
    first = rows(workers[0].claim(NOW, limit=1))
    assert rows(workers[1].claim(NOW, limit=5)) != first
    workers[0].let_go(first)
    workers[2].claim(NOW, limit=5)
    assert rows(workers[2].claim(NOW, limit=5)) == first
    assert workers[1].hold("stads:1") is None or workers[1].hold("stads:2") is None


def test_a_dead_worker_s_orders_are_another_s_once_its_lease_is_over(workers: list[Store]) -> None:
    ingest(workers[0], "1")
    dead = workers[0]
    dead.leases.seconds = 0.4
    dead.leases._ended.set()  # as if killed: nobody keeps what it has
    assert len(dead.claim(NOW, limit=1)) == 1
    assert workers[1].claim(NOW, limit=1) == []
    assert workers[1].hold("stads:1") is None
    until = time.monotonic() + 30
    while not (taken := workers[1].claim(NOW, limit=1)):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len(taken) == 1


def test_a_living_worker_keeps_what_it_has_longer_than_its_lease(workers: list[Store]) -> None:
    ingest(workers[0], "1")
    workers[0].leases.seconds = 0.8
    assert len(workers[0].claim(NOW, limit=1)) == 1
    for _ in range(8):
        time.sleep(0.2)
        assert workers[1].claim(NOW, limit=1) == []
    assert workers[0].leases.sure()


def test_a_worker_that_can_not_keep_its_leases_is_not_sure_of_them(workers: list[Store]) -> None:
    workers[0].leases.seconds = 0.2
    ingest(workers[0], "1")
    workers[0].claim(NOW, limit=1)
    workers[0].leases._ended.set()
    time.sleep(0.3)
    assert not workers[0].leases.sure()


def test_one_worker_leads_and_another_follows_it_when_it_is_gone(workers: list[Store]) -> None:
    first, second, _ = workers
    assert first.leases.lead("polling")
    assert first.leases.lead("polling")
    assert not second.leases.lead("polling")
    first.close()
    assert second.leases.lead("polling")


def test_with_sqlite_every_lease_is_had_for_nothing(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'syncer.db'}") as store:
        fill(store)
        assert store.leases.lead("polling")
        assert store.leases.sure()
        first = store.claim(NOW, limit=10)
        assert first == store.claim(NOW, limit=10)


# --- the cursor -----------------------------------------------------------------------------------------------


def test_a_listing_that_was_begun_before_another_was_stored_does_not_set_the_cursor_back(opener: Opener) -> None:
    store, other = opener(), opener()
    ingest(store, "1")
    begun = store.cursor("stads")
    other.ingest("stads", page(position="2031-05-06"), LATER, begun)
    accounting = store.ingest("stads", page(listed("2"), position="2031-05-05"), LATER + timedelta(minutes=1), begun)
    assert accounting.new == 1
    assert store.cursor("stads").position == "2031-05-06"


def test_intents_are_handed_over_with_their_order(opener: Opener) -> None:
    store = opener()
    ingest(store, "1")
    planned = read(store, "1").intent
    (taken,) = store.claim(NOW, limit=5)
    assert isinstance(taken, InHand)
    assert isinstance(taken.intent, Intent)
    assert taken.intent == planned
