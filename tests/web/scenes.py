"""Stores in the situations that an operator meets, and the pages served over them.

No claim belongs here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from syncer.orders import (
    Begun,
    Broken,
    Cursor,
    Done,
    IntentState,
    Listed,
    Page,
    Read,
    Refused,
    Route,
    Rules,
    Terms,
    Told,
    Unclear,
)
from syncer.pulse import Pulse
from syncer.store import Settled, Store
from syncer.web import Site, Vitals, counting, serving
from syncer.web.metrics import Metrics
from syncer.web.server import Server
from tests.ring.harness import empty_database

ZONE = ZoneInfo(f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")  # where it is about noon: what came just now came today
RULES = Rules(
    (
        Route("tjansteguiden", "nordnet", {"service": "3105"}, service="FIBER-250"),
        Route("tjansteguiden", "desk", {"service": "3200"}),
        Route("malmo", "sydnet", {"service": "3105"}, service="FIBER-250"),
    ),
    {"nordnet": Terms(), "sydnet": Terms(), "desk": Terms(followed=False)},
)
SITE = Site(
    "127.0.0.1",
    0,
    ZONE,
    RULES,
    {"tjansteguiden": timedelta(minutes=2), "malmo": timedelta(minutes=2)},
    ("nordnet", "sydnet", "desk"),
    version="0.1.0",
)


def now() -> datetime:
    return datetime.now(UTC)


def pulse(overdue: str | None = None) -> Pulse:
    """A service that has run for a day, and had a pass four seconds ago."""
    return Pulse(now() - timedelta(hours=26), now() - timedelta(seconds=4), 0.21, 18_724, overdue)


class Filling:
    """A store that is being filled: each order comes, and goes as far as it is said to."""

    def __init__(self, store: Store, portal: str = "tjansteguiden") -> None:
        self.store = store
        self.portal = portal
        self._number = 770_100

    def came(
        self, ago: timedelta, *, service: str = "3105", external_id: str | None = None, status: str = "new"
    ) -> str:
        self._number += 1
        key = external_id or str(self._number)
        at = now() - ago
        row = Listed(key, status, service, "f1", {"id": key, "service": service})
        self.store.ingest(self.portal, Page((row,), (), Cursor(f"{at:%Y-%m-%d}", None)), at)
        details = {"head": {"service": service}, "customer": {"firstname": "Åsa", "socket": "XY0202B07"}}
        self._see(key, Read(status, service, details=details), at)
        return key

    def _see(self, key: str, seen: object, at: datetime) -> None:
        self.store.apply(f"{self.portal}:{key}", seen, at, RULES)  # type: ignore[arg-type] # any observation

    def told(self, key: str, *statuses: str, ago: timedelta) -> None:
        for status in statuses:
            name = f"{self.portal}:{key}"
            held = self.store.load(name)
            settled = None
            if held is not None and held[1] is not None:
                settled = Settled(held[1].key, IntentState.DONE, f"the portal was told {status}")
            self.store.apply(name, Told(status), now() - ago, RULES, settled=settled)

    def submitted(self, key: str, outcome: object, ago: timedelta) -> None:
        """The activation was sent, and this came of it; None: nobody knows."""
        name, at = f"{self.portal}:{key}", now() - ago
        held = self.store.load(name)
        assert held is not None
        intent = held[1]
        assert intent is not None
        self.store.begin(name, intent, at)
        if outcome is None:
            self.store.mark(name, intent.key, IntentState.UNCERTAIN, at, outcome="nordnet: the connection broke")
            return
        rejected = isinstance(outcome, Refused)
        state = IntentState.REJECTED if rejected else IntentState.DONE
        settled = Settled(intent.key, state, outcome.text)  # type: ignore[attr-defined]
        self.store.apply(name, outcome, at, RULES, settled=settled)  # type: ignore[arg-type]

    def received(self, ago: timedelta, **more: str) -> str:
        key = self.came(ago, **more)
        self.told(key, "received", ago=ago)
        return key

    def active(self, ago: timedelta) -> str:
        key = self.received(ago)
        self.submitted(key, Begun(f"o-{key}", "in progress"), ago)
        self.told(key, "active", ago=ago)
        return key

    def delivered(self, ago: timedelta) -> str:
        key = self.active(ago)
        self._see(key, Done(f"o-{key}", "done"), ago_at(ago))
        self.told(key, "delivered", ago=ago)
        return key

    def polled(self) -> None:
        """Both portals were read just now, and every remote answered."""
        for portal in SITE.portals:
            self.store.ingest(portal, Page((), (), Cursor(f"{now():%Y-%m-%d}", None)), now() - timedelta(seconds=40))
            self.store.note_remote(portal, up=True, since=now() - timedelta(days=3, hours=2))
        self.store.note_remote("nordnet", up=True, since=now() - timedelta(hours=9))


def ago_at(ago: timedelta) -> datetime:
    return now() - ago


SHORT = timedelta(minutes=1)


def quiet(store: Store) -> None:
    filling = Filling(store)
    filling.polled()
    for minutes in range(9, 0, -1):
        filling.delivered(timedelta(seconds=20 * minutes))
    filling.active(timedelta(seconds=50))
    filling.received(timedelta(seconds=30))


def parked(store: Store) -> None:
    quiet(store)
    filling = Filling(store, "malmo")
    filling.received(timedelta(minutes=5), service="3399")
    key = filling.received(SHORT, external_id="GV-2031-00017")
    filling.submitted(key, Refused("Accessen LT0008B02 är upptagen av en annan tjänst (409)"), SHORT)
    mine = Filling(store)
    mine._number = 770_300
    key = mine.received(SHORT)
    mine.submitted(key, None, SHORT)
    unclear = f"uncertain: whether submit at nordnet took effect for tjansteguiden:{key} can't be told: look for {key}"
    held = store.load(f"tjansteguiden:{key}")
    assert held is not None
    assert held[1] is not None
    store.apply(
        f"tjansteguiden:{key}",
        Unclear(unclear),
        now(),
        RULES,
        settled=Settled(held[1].key, IntentState.UNCERTAIN, unclear),
    )
    page = Page((), (Broken("<order>", "no id"),), Cursor(f"{now():%Y-%m-%d}", None))
    store.ingest("malmo", page, now() - SHORT)


def outage(store: Store) -> None:
    quiet(store)
    filling = Filling(store)
    filling._number = 770_400
    for _ in range(4):
        filling.received(timedelta(minutes=14))
    cause = "nordnet orders.create: connection refused"
    store.note_remote("nordnet", up=False, since=now() - timedelta(minutes=12), cause=cause)
    until = now() + timedelta(minutes=4)
    cause = "malmo orders: 429 too many calls"
    store.note_remote("malmo", up=False, since=now() - timedelta(minutes=2), cause=cause, not_before=until)


SITUATIONS = {"quiet": quiet, "parked": parked, "outage": outage}


@dataclass
class Served:
    """The pages, while they are served. `pulse` may be changed."""

    server: Server
    store: Store
    metrics: Metrics
    pulse: Pulse

    @property
    def url(self) -> str:
        return self.server.url


@contextmanager
def served(
    folder: Path,
    situation: str | None = None,
    site: Site = SITE,
    pulsing: Pulse | None = None,
    *,
    vitals: Callable[[], Vitals] | None = None,
    existing: bool = False,
) -> Iterator[Served]:
    """The pages over a store in one of the situations, or over an empty one, or the one that is there."""
    metrics = counting()
    if not existing:
        (folder / "syncer.db").write_bytes(empty_database())
    with Store.open(f"sqlite:///{folder}/syncer.db") as store:
        if situation is not None:
            SITUATIONS[situation](store)
        box: list[Served] = []

        def of_the_box() -> Pulse:
            return box[0].pulse if box else pulse()

        with serving(lambda: site, store, vitals or of_the_box, metrics) as server:
            box.append(Served(server, store, metrics, pulsing or pulse()))
            yield box[0]
