"""A list that is all that its portal says of an order: what is kept of a row follows it, and no other owner's row."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import Cursor, Listed, Order, Page, Read, Rules, State, Supplied, Told
from syncer.store import Store
from tests.store.filled import NOW

RULES = Rules(gives=frozenset({"vitec"}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'syncer.db'}") as opened:
        yield opened


def row(key: str = "ord-1", status: str = "Unnamed", mark: str = "m", **head: str) -> Listed:
    given = {"customer_id": "M1", "vitec_status": status, **head}
    return Listed(key, status, "812", mark, given)


def poll(store: Store, *rows: Listed, owner: str = "customer_id") -> tuple[int, int, int, int]:
    counted = store.ingest("vitec", Page(rows, (), Cursor(), owner=owner), NOW)
    return counted.new, counted.changed, counted.unchanged, counted.unreadable


def of(store: Store, key: str = "ord-1") -> Order:
    found = store.load(f"vitec:{key}")
    assert found is not None
    return found[0]


def hear(store: Store, seen: Any) -> Order:
    return store.apply("vitec:ord-1", seen, NOW, RULES).order


def test_what_a_changed_row_says_is_kept_and_what_others_supplied_stays(store: Store) -> None:
    poll(store, row())
    hear(store, Supplied("ticket", {"target_id": "OBJ1"}))
    assert poll(store, row(status="Error")) == (0, 1, 0, 0)
    order = of(store)
    assert order.details == {
        "head": {"customer_id": "M1", "vitec_status": "Error"},
        "ticket": {"target_id": "OBJ1"},
    }
    assert order.look_due


def test_an_order_that_was_named_before_it_was_listed_gets_its_head(store: Store) -> None:
    store.watch("vitec", ["ord-1"], NOW)
    hear(store, Supplied("ticket", {"target_id": "OBJ1"}))
    assert poll(store, row()) == (0, 1, 0, 0)
    assert of(store).details["head"]["customer_id"] == "M1"
    assert poll(store, row()) == (0, 0, 1, 0)


def test_a_row_with_the_id_of_another_owners_order_is_set_aside_once_and_changes_nothing(store: Store) -> None:
    poll(store, row())
    before = of(store)
    for parked in (1, 0):
        counted = store.ingest(
            "vitec", Page((row(mark="x", customer_id="M2"),), (), Cursor(), owner="customer_id"), NOW
        )
        assert (counted.listed, counted.changed, counted.unreadable, counted.parked) == (1, 0, 1, parked)
    assert of(store) == before
    (strange,) = store.orders(parked=True)
    assert strange.parked == (
        "unreadable: listed with the id of an order of M1, ord-1: which of the two is meant can't be told"
    )


def test_other_lists_keep_what_was_listed_first(store: Store) -> None:
    poll(store, row(), owner="")
    poll(store, row(status="Error"), owner="")
    assert of(store).details["head"]["vitec_status"] == "Unnamed"


def test_what_was_told_here_alone_is_no_news_when_the_list_goes_on_as_before(store: Store) -> None:
    assert poll(store, row()) == (1, 0, 0, 0)
    hear(store, Read("new", "812", details={"head": {"customer_id": "M1"}}, listed="Unnamed"))
    assert poll(store, row()) == (0, 0, 1, 0)
    for status in ("received", "active"):
        hear(store, Told(status, "Unnamed"))
        assert poll(store, row()) == (0, 0, 1, 0)
    assert poll(store, row(status="Error")) == (0, 1, 0, 0)


def test_what_was_told_by_a_call_is_no_news_when_the_list_shows_it_as_our_state(store: Store) -> None:
    poll(store, row())
    hear(store, Read("new", "812", details={"head": {"customer_id": "M1"}}, listed="Unnamed"))
    hear(store, Told("received"))
    assert poll(store, row(status="received")) == (0, 0, 1, 0)


def test_what_is_awaited_and_given_survives_the_disk(store: Store) -> None:
    poll(store, row())
    until = NOW + timedelta(days=1)
    order = hear(store, Read("new", "812", details={"head": {}}, awaits="the agent", awaits_until=until))
    assert (of(store).awaits, of(store).awaits_until) == ("the agent", until)
    assert (of(store).given, of(store).given_all, order.state) == (0, False, State.RECEIVED)
