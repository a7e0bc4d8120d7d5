"""Claims about a listing that comes again: what the adapter remembers of the last one changes nothing that it says."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from syncer.orders import Cursor, Page
from syncer.portals import Window, XspPortal
from syncer.remotes.xsp import Row, Xsp

HEAD: dict[str, Any] = {"id": "770101", "date": "2031-05-04 09:15:00", "status": "new", "service": "3105"}


class Listing:
    """A client that lists what it is told to."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def orders(self, _since: date) -> list[Row]:
        return self.rows


def portal(listing: Listing) -> XspPortal:
    zone, now = ZoneInfo("Europe/Stockholm"), datetime(2031, 5, 4, 12, tzinfo=UTC)
    return XspPortal("stads", cast("Xsp", listing), Window(), zone, lambda: now)


def page(adapter: XspPortal, listing: Listing, *heads: Mapping[str, Any]) -> Page:
    listing.rows = [Row(dict(head)) for head in heads]
    return adapter.poll(Cursor("2031-05-04", "2031-05-04"), lambda: None)


CHANGES: list[dict[str, Any]] = [
    {"status": "active"},
    {"service": "3106"},
    {"date": "2031-05-04 09:15:01"},
    {"note": "one more field"},
    {"parts": {"a": "1"}},
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_changed_is_said_as_if_it_were_seen_for_the_first_time(change: dict[str, Any]) -> None:
    listing = Listing()
    adapter = portal(listing)
    before = page(adapter, listing, HEAD, HEAD | {"id": "770102"})
    changed = page(adapter, listing, HEAD | change, HEAD | {"id": "770102"})
    assert changed == page(portal(listing), listing, HEAD | change, HEAD | {"id": "770102"})
    assert changed.rows[0] != before.rows[0]
    assert changed.rows[1] == before.rows[1]
    assert page(adapter, listing, HEAD, HEAD | {"id": "770102"}) == before


def test_an_order_that_is_listed_twice_with_different_words_is_said_twice() -> None:
    listing = Listing()
    adapter = portal(listing)
    other = HEAD | {"status": "active"}
    first = page(adapter, listing, HEAD, other)
    assert [row.status for row in first.rows] == ["new", "active"]
    assert page(adapter, listing, HEAD, other) == first


def test_a_row_without_an_id_never_passes_for_the_one_before() -> None:
    listing = Listing()
    adapter = portal(listing)
    page(adapter, listing, HEAD)
    nameless = page(adapter, listing, {name: text for name, text in HEAD.items() if name != "id"})
    assert (len(nameless.rows), len(nameless.broken)) == (0, 1)
