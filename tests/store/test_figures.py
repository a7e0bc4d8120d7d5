"""Claims about the store in numbers, on both kinds of database."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import func, select

from syncer.orders import (
    Begun,
    CancelledByHand,
    DeliveredByHand,
    IntentState,
    Observation,
    Read,
    Retried,
    Told,
)
from syncer.store import Store
from syncer.store.rows import ORDERS
from tests.postgres import Server, postgres_fixture
from tests.store.filled import DETAILS, LATER, NOW, RULES, fill, ingest, listed, page, read

__all__ = ["postgres_fixture"]

DAY = NOW.replace(hour=0)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        with Store.open(f"sqlite:///{tmp_path}/syncer.db") as opened:
            yield opened
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.database()
    with Store.open(url) as opened:
        yield opened
    server.drop(url)


def _counted(store: Store) -> dict[str, int]:
    """How many orders are in each state, by counting them."""
    with store._read() as tx:
        rows = tx.execute(select(ORDERS.c.state, func.count()).group_by(ORDERS.c.state)).all()
    return {str(row[0]): int(row[1]) for row in rows}


def test_orders_are_counted_by_state_as_they_change(store: Store) -> None:
    assert store.figures(DAY, NOW).states == store.overview().states == {}
    fill(store)
    assert store.figures(DAY, NOW).states == _counted(store) == {"new": 3, "received": 1, "active": 1, "delivered": 1}
    assert store.overview().states == _counted(store)


def test_whatever_happens_the_counts_are_those_of_the_orders(store: Store) -> None:
    """By many threads at the same time, as the engine has."""
    ingest(store, *map(str, range(40)))
    ingest(store, *map(str, range(20, 60)))  # half of them known
    words: list[Observation] = [
        *(Read(status, "3105", details=DETAILS) for status in ("new", "received", "delivered", "cancelled")),
        *(DeliveredByHand(), CancelledByHand(), Retried()),
    ]

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(60):
            store.apply(f"stads:{chance.randrange(60)}", chance.choice(words), NOW, RULES)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = _counted(store)
    assert sum(counted.values()) == 60
    assert len(counted) >= 3
    assert store.figures(DAY, NOW).states == counted


def test_what_is_rolled_back_is_not_counted(store: Store) -> None:
    ingest(store, "1")
    before = store.figures(DAY, NOW).states

    def cut(where: str) -> None:
        if where == "commit.before":
            raise RuntimeError(where)

    store.tap, kept = cut, store.tap
    with pytest.raises(RuntimeError):
        ingest(store, "2")
    store.tap = kept
    assert store.figures(DAY, NOW).states == before == _counted(store)


def test_orders_that_came_today_are_counted_whether_or_not_they_have_ended(store: Store) -> None:
    yesterday = DAY - timedelta(hours=1)
    ingest(store, "old", "ends today", now=yesterday)
    read(store, "ends today", "delivered")
    fill(store)
    figures = store.figures(DAY, LATER)
    assert figures.today == {"new": 3, "received": 1, "active": 1, "delivered": 1}
    assert figures.today_parked == 1
    assert figures.states["new"] == 4


def test_the_oldest_order_is_told_by_what_the_portal_has_been_told(store: Store) -> None:
    for hours, key in enumerate(("1", "2", "3", "4", "5")):
        ingest(store, key, now=NOW - timedelta(hours=10 - hours))
    read(store, "1", "delivered")  # ended
    for key in ("2", "3", "4"):
        read(store, key)
    for key in ("2", "3"):
        store.apply(f"stads:{key}", Told("received"), NOW, RULES)
    store.apply("stads:2", Begun("o-1"), NOW, RULES)
    assert store.overview().states == {"active": 1, "delivered": 1, "new": 1, "received": 2}
    oldest = {step: found.order for (step, parked), found in store.figures(DAY, NOW).oldest.items() if not parked}
    assert oldest == {"received": "stads:4", "active": "stads:2", "delivered": "stads:2"}
    store.apply("stads:2", Told("active"), NOW, RULES)
    figures = store.figures(DAY, NOW)
    assert figures.oldest["active", False].order == "stads:3"
    assert figures.oldest["delivered", False].order == "stads:2"
    assert figures.oldest["delivered", False].since == NOW - timedelta(hours=9)


def test_a_parked_order_is_not_the_oldest_of_those_that_go_on(store: Store) -> None:
    store.ingest("stads", page(listed("1")), NOW - timedelta(hours=5))
    store.apply("stads:1", Read("new", "77", details={"head": {"service": "77"}}), NOW, RULES)
    store.apply("stads:1", Told("received"), NOW, RULES)
    ingest(store, "2")
    figures = store.figures(DAY, NOW)
    assert figures.parked == {"route": 1}
    assert figures.oldest["delivered", True].order == "stads:1"
    assert figures.oldest["delivered", False].order == "stads:2"
    oldest = store.standing().oldest
    assert {step: found.order for step, found in oldest.items() if found is not None} == {
        "received": "stads:2",
        "active": "stads:1",
        "delivered": "stads:1",
    }


def test_of_orders_that_came_together_the_first_is_the_oldest_whoever_asks(store: Store) -> None:
    for key in ("3", "1", "2"):
        ingest(store, key)
    figures = store.figures(DAY, NOW)
    for step, found in store.standing().oldest.items():
        assert found is not None
        assert found == figures.oldest[step, False]
        assert found.order == "stads:3"


def test_where_no_order_is_open_none_is_the_oldest(store: Store) -> None:
    ingest(store, "1")
    read(store, "1", "delivered")
    assert store.standing().oldest == {"received": None, "active": None, "delivered": None}


def test_a_call_under_way_is_of_unknown_outcome_only_when_no_call_takes_that_long(store: Store) -> None:
    ingest(store, "1")
    applied = read(store, "1")
    assert applied.intent is not None
    store.begin("stads:1", applied.intent, NOW)
    assert store.figures(DAY, NOW + timedelta(minutes=1)).unknown == 0
    assert store.figures(DAY, NOW + timedelta(minutes=6)).unknown == 1
    store.mark("stads:1", applied.intent.key, IntentState.UNCERTAIN, NOW, outcome="the line broke")
    figures = store.figures(DAY, NOW)
    assert (figures.unknown, figures.intents) == (1, {"uncertain": 1})


def test_a_story_has_the_last_lines_and_no_raw_answer(store: Store) -> None:
    fill(store)
    assert store.story("stads:9", 10) is None
    whole, short = store.story("stads:3", 100), store.story("stads:3", 2)
    explained = store.explain("stads:3")
    assert explained is not None
    assert whole is not None
    assert short is not None
    assert (whole.order, whole.history, whole.intents) == (explained.order, explained.history, explained.intents)
    assert (short.history, short.intents) == (whole.history[-2:], whole.intents[-2:])
    nameless = next(order.name for order in store.orders() if order.nameless)
    broken = store.story(nameless, 5)
    assert broken is not None
    assert broken.raw is None


def test_a_store_of_an_older_program_is_counted_when_it_is_brought_up_to_date(store: Store) -> None:
    """As if the orders had been there before the counting was."""
    fill(store)
    with store._write() as tx:
        tx.exec_driver_sql("DELETE FROM tallies")
        tx.exec_driver_sql(import_module("syncer.store.migrations.versions.0004_tallies").FILLED)
    assert store.figures(DAY, NOW).states == _counted(store)
    store.apply("stads:1", Read("delivered", "3105"), NOW, RULES)
    ingest(store, "77")
    assert store.figures(DAY, NOW).states == _counted(store)
    assert Counter(_counted(store)).total() == 7


def test_figures_do_not_walk_through_what_has_ended(store: Store) -> None:
    """Or they would cost as much as all the orders that there ever were."""
    if store._engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what is in the tables, and here there is nothing")
    from syncer.store import figures

    with store._read() as tx:
        for query in (figures._OPEN, figures._ENDED, figures._PARKED, figures._INTENTS, figures._UNKNOWN):
            text = str(query.params(day=DAY, past=NOW).compile(tx.engine, compile_kwargs={"render_postcompile": True}))
            plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (None,) * text.count("?")).all()
            told = " ".join(str(row[3]) for row in plan)
            assert "USING" in told, text
            assert "ix_" in told, told
