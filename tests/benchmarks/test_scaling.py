"""Claims about the simulation of very many orders: that it makes what it says, and finds what grows."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncer.config.models import OnApi, XspPortal
from syncer.engine.passes import EVENTED
from syncer.store import Store
from tests.benchmarks.scaling.__main__ import grown, main
from tests.benchmarks.scaling.fill import PORTALS, fill, named, rough, take_down
from tests.benchmarks.scaling.measure import BYTES_BARE, measure, room_for
from tests.benchmarks.scaling.model import PAGE, derived, figures, simulated
from tests.benchmarks.scaling.watch import watching
from tests.benchmarks.scaling.works import live, works
from tests.postgres import ADMIN, Server, postgres_fixture

__all__ = ["postgres_fixture"]

ORDERS = 11_000


def _url(folder: Path) -> str:
    return f"sqlite:///{folder}/syncer.db"


def _filled(folder: Path, orders: int, story_of: int = 1) -> Store:
    store = Store.open(_url(folder))
    with rough(_url(folder)) as tx:
        fill(store, tx, orders, story_of, lambda _: None)
    return store


def test_what_is_filled_in_is_like_what_the_verbs_made(tmp_path: Path) -> None:
    with _filled(tmp_path, 500) as store:
        assert store.overview().states == {"delivered": 500}
        first, later = (store.explain(":".join(named(number))) for number in (7, 487))
        assert first is not None
        assert later is not None
        assert [entry.text for entry in later.history] == [entry.text for entry in first.history]
        assert [intent.state for intent in later.intents] == [intent.state for intent in first.intents]
        assert later.order.ended_at is not None
        assert first.order.ended_at is not None
        assert later.order.ended_at > first.order.ended_at
        assert later.order.details["customer"] == first.order.details["customer"]
        erased = store.explain(":".join(named(107)))
        assert erased is not None
        assert erased.order.details == {}
        assert {order.portal for order in store.orders(limit=20)} == set(PORTALS)


def test_a_story_for_some_is_left_out_for_the_others(tmp_path: Path) -> None:
    with _filled(tmp_path, 500, story_of=2) as store:
        stories = [store.explain(":".join(named(number))) for number in (11, 21)]
    assert [bool(one and one.history) for one in stories] == [False, True]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_work_is_done_and_counted(kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "postgresql":
        request.getfixturevalue("postgres")  # which skips where there is none
    found = measure(kind, ORDERS, 1, lambda _: None, rounds=1)
    assert len(found.costs) > 20
    assert all(cost.work > 0 for cost in found.costs if cost.when == "each order")
    assert found.rows["orders"] > ORDERS
    assert found.rows["intents"] > 4 * ORDERS
    assert sum(found.bytes.values()) > ORDERS * BYTES_BARE
    assert found.written_bytes_per_order > 1000
    json.dumps(found.as_json())


def test_a_work_that_walks_through_a_table_is_named(tmp_path: Path) -> None:
    with _filled(tmp_path, ORDERS) as store:
        with watching(store._engine) as good:
            store.oldest_open("portal3")
        with store._engine.connect().execution_options(writes=True) as tx, tx.begin():
            tx.exec_driver_sql("DROP INDEX ix_orders_open")
        with watching(store._engine) as bad:
            store.oldest_open("portal3")
    assert good.walks == set()
    assert bad.work > 20 * good.work


def test_what_grows_is_told_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [measure("sqlite", ORDERS, 1, lambda _: None, rounds=1) for _ in range(2)]
    monkeypatch.setattr("tests.benchmarks.scaling.__main__.measure", lambda *_: found.pop(0))
    often = [cost for cost in found[1].costs if cost.when == "each order"]
    assert not {cost.name for cost in often} & set(grown(*found))
    found[1].costs = [
        type(cost)(cost.name, cost.when, cost.seconds, cost.work + 10_000_000, cost.statements, cost.walks)
        for cost in found[1].costs
    ]
    assert {cost.name for cost in often} <= set(grown(*found))
    assert main(["--orders", "1000", "--database", "sqlite", "--json", str(tmp_path / "scaling.json")]) == 1


def test_too_many_orders_for_the_disk_are_refused_and_many_are_made_without_their_stories(tmp_path: Path) -> None:
    assert room_for(1000, tmp_path, most=1000 * 3000) == 1
    assert room_for(1000, tmp_path, most=1000 * 2000) == 2
    with pytest.raises(OSError, match="don't fit"):
        room_for(1000, tmp_path, most=1000 * 100)


def test_what_the_paper_derives_is_what_its_figures_give() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert derived(page) == page
    assert derived(page.replace("| `rate` | 25 |", "| `rate` | 50 |")) != page


def test_the_paper_s_defaults_are_the_configuration_s() -> None:
    found = figures(PAGE.read_text(encoding="utf-8"))
    portal, network = XspPortal.model_fields, OnApi.model_fields
    assert found["rate"] == portal["rate"].default
    assert found["parallel"] == portal["parallel"].default
    assert found["max_answer"] == portal["max_answer"].default
    assert found["rescan_days"] == portal["rescan_days"].default
    assert found["poll_s"] == portal["poll_every"].default.total_seconds()
    assert found["network_poll_s"] == network["poll_every"].default.total_seconds()
    assert found["evented"] == EVENTED


def test_a_simulation_s_costs_come_onto_the_page(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    cost = {"name": "a work", "when": "each pass", "seconds": 0.002, "work": 7, "walks": ["orders"]}
    found = [{"database": "sqlite", "orders": number, "costs": [cost]} for number in (2_000_000, 1_000)]
    line = "| a work | each pass | 2.0 | 7 | 7 | `orders` |"
    assert line in simulated(page, found)
    assert line not in page


# --- what the program must do for the paper to hold -----------------------------------------------------------


def test_a_claim_does_not_walk_through_the_orders_that_have_ended(tmp_path: Path) -> None:
    with _filled(tmp_path, ORDERS) as store, watching(store._engine) as seen:
        assert store.claim(datetime.now(UTC), limit=64) == []
    assert seen.walks == set()
    assert seen.work < ORDERS


def test_keeping_leases_does_not_walk_through_all_orders(postgres: Server) -> None:
    url = postgres.database()
    filler = f"postgresql+psycopg://{ADMIN}@/{url.rpartition('/')[2]}?host={postgres.folder}&port={postgres.port}"
    with Store.open(url) as store:
        with rough(filler) as tx:
            fill(store, tx, ORDERS, 1, lambda _: None)
            tx.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM (ANALYZE)")
        live(store, ORDERS)
        (keep,) = [work for work in works(store, url, ORDERS) if work.name == "leases are kept"]
        with watching(store._engine) as seen:
            keep.do(0)
    postgres.drop(url)
    assert "orders" not in seen.walks


def test_a_new_order_does_not_cost_more_where_its_portal_has_many(tmp_path: Path) -> None:
    work = []
    for orders in (1000, ORDERS):
        (tmp_path / str(orders)).mkdir()
        with _filled(tmp_path / str(orders), orders) as store, watching(store._engine) as seen:
            take_down(store, [orders + 1], datetime.now(UTC))
        work.append(seen.work)
    assert work[1] < 2 * work[0]
