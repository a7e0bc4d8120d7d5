"""The works whose cost must not grow with what is stored, and those whose cost does and that are rare."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from syncer.orders import Cursor, Mentions, Page
from syncer.store import Store
from tests.benchmarks.scaling.fill import KEPT, NETWORK, begin, deliver, doubt, listed, named, take_down

LISTED = 1000  # rows of a poll
DUE = 200  # orders that are due; as many more are under way, and a tenth of them in doubt
CLAIMED = 64


class When(StrEnum):
    """How often a work is done."""

    PASS = "each pass"
    ORDER = "each order"
    DAY = "once a day"
    ASKED = "when asked"


@dataclass(frozen=True, slots=True)
class Work:
    """A work of the store's, done again and again: `do` is told the how manyeth time it is."""

    name: str
    when: When
    do: Callable[[int], object]


def live(store: Store, orders: int) -> None:
    """What is under way beside the orders that have ended: due, at the networks, in doubt, and just listed."""
    now = datetime.now(UTC)
    store.erase(now - KEPT * 1.01, now)  # as it has been done each day before
    take_down(store, range(orders + 1, orders + 1 + 2 * DUE), now)
    for number in range(orders + 1, orders + 1 + DUE):
        begin(store, number, now)
    for number in range(orders + 1 + DUE, orders + 1 + DUE + DUE // 10):
        doubt(store, number, now)


def works(store: Store, url: str, orders: int) -> list[Work]:
    """Everything that is measured, for a store that `live` has been at. Each starts where the one before ended."""
    now = datetime.now(UTC)
    recent = [number for number in range(orders - 10 * LISTED + 1, orders + 1) if named(number)[0] == "portal3"]
    known = Page(tuple(listed(number) for number in recent), (), Cursor("2031-05-04", "2031-05-04"))
    fresh = iter(range(orders + 10_000, orders + 10_000_000))
    begun = ":".join(named(orders + 1))
    ended = ":".join(named(orders // 2))
    mentioned = frozenset(f"o-{named(number)[1]}" for number in range(orders - 200, orders + 1))
    history = [entry.id for entry in _explained(store, begun).history]
    return [
        Work(f"a poll of {LISTED:,} known orders", When.PASS, lambda _: _nothing_new(store, known, now)),
        Work(f"a claim of {CLAIMED} due orders", When.PASS, lambda _: store.claim(now, limit=CLAIMED)),
        Work("a claim, nothing due", When.PASS, lambda _: store.claim(now - timedelta(hours=1), limit=CLAIMED)),
        Work("what may wait is made due, nothing does", When.PASS, lambda _: store.hasten(now + timedelta(days=30))),
        Work("the next call in doubt", When.PASS, lambda _: store.next_uncertain()),
        Work("a network's 200 events", When.PASS, lambda _: _rouse(store, mentioned, now)),
        Work("leases are kept", When.PASS, lambda _: _keep(store, url, now)),
        Work("what is known of the remotes", When.PASS, lambda _: (store.remotes(), store.cursor("portal3"))),
        Work("an order, from listed to delivered", When.ORDER, lambda _: deliver_one(store, next(fresh), now)),
        Work("an order put off", When.ORDER, lambda _: store.wait(begun, now + timedelta(minutes=1), now)),
        Work("an order looked for by its name", When.ORDER, lambda _: store.load(ended)),
        Work("the oldest open order of a portal", When.DAY, lambda _: store.oldest_open("portal3")),
        Work("erasure, nothing to erase", When.DAY, lambda _: store.erase(now - KEPT * 1.01, now)),
        Work("erasure of one day's orders", When.DAY, lambda n: store.erase(now - KEPT + timedelta(days=1 + n), now)),
        Work("syncer status", When.ASKED, lambda _: store.overview()),
        Work("syncer show", When.ASKED, lambda _: _explained(store, ended)),
        Work("syncer show, without the portal's name", When.ASKED, lambda _: store.named(named(orders // 2)[1])),
        Work("syncer orders --limit 20", When.ASKED, lambda _: store.orders(limit=20)),
        Work("syncer orders --parked", When.ASKED, lambda _: store.orders(parked=True)),
        Work("syncer orders --state active", When.ASKED, lambda _: store.orders(state="active")),
        Work("syncer log ORDER", When.ASKED, lambda _: list(store.history(order=ended))),
        Work("syncer log --follow", When.ASKED, lambda _: list(store.history(after=max(history)))),
        Work("syncer log --since, an hour", When.ASKED, lambda _: _some(store, now - timedelta(hours=1))),
    ]


def _explained(store: Store, name: str) -> Any:
    found = store.explain(name)
    assert found is not None, name
    return found


def _nothing_new(store: Store, page: Page, now: datetime) -> None:
    accounting = store.ingest("portal3", page, now)
    assert accounting.unchanged == len(page.rows), accounting


def _rouse(store: Store, refs: frozenset[str], now: datetime) -> None:
    store.rouse(NETWORK, Mentions(refs, Cursor("9")), f"{NETWORK} events", now)


def deliver_one(store: Store, number: int, now: datetime) -> None:
    """One order, from its listing to its end."""
    portal, _ = named(number)
    store.ingest(portal, Page((listed(number, "new"),), (), Cursor("2031-05-04", "2031-05-04")), now)
    deliver(store, number, now)


def _keep(store: Store, url: str, now: datetime) -> None:
    """Has a worker of the same engine's lease an order, and keep it: by a thread of its own, a moment later."""
    other = Store(store._engine, url)
    other.leases.seconds = 0.4
    other.claim(now, limit=1)
    time.sleep(0.15)
    other.leases.end()


def _some(store: Store, since: datetime) -> int:
    return sum(1 for _ in store.history(since=since))
