"""Remotes that live in memory and can be told to fail, an engine over them, and its log."""

import io
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from syncer.engine import Engine, Health, Room, Sink
from syncer.orders import (
    Absent,
    Begun,
    CannotTell,
    Cursor,
    Done,
    Found,
    Intent,
    Kind,
    Listed,
    Mentions,
    MessageLeft,
    Observation,
    Order,
    Page,
    Read,
    Route,
    Rules,
    Terms,
    Told,
)
from syncer.store import Store
from syncer.telemetry import Redactor, configure

NOW = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)
RULES = Rules((Route("stads", "nordnet", service="FIBER-250"),), {"nordnet": Terms(timedelta(minutes=1))})


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **by: float) -> None:
        self.time += timedelta(**by)


@dataclass
class Calls:
    """What was called, in order; and whether one order's calls ever overlapped."""

    made: list[tuple[str, str, str]] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    most_at_once: int = 0
    _under_way: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, remote: str | None = None, what: str | None = None, name: str | None = None) -> int:
        return sum(remote in {None, one[0]} and what in {None, one[1]} and name in {None, one[2]} for one in self.made)

    @contextmanager
    def one(self, remote: str, what: str, name: str) -> Any:
        with self._lock:
            self.made.append((remote, what, name))
            self._under_way[name] += 1
            if self._under_way[name] > 1:
                self.overlaps.append(name)
            self.most_at_once = max(self.most_at_once, sum(self._under_way.values()))
        try:
            yield
        finally:
            with self._lock:
                self._under_way[name] -= 1


Trouble = Callable[[str, str], None]  # given the kind of call and the order's name, raises or doesn't


class Portal:
    """A source and sink that knows each order's status. `trouble` may raise in any call."""

    def __init__(self, name: str, calls: Calls) -> None:
        self.name = name
        self.status: dict[str, str] = {}
        self.messages: dict[str, list[str]] = defaultdict(list)
        self.trouble: Trouble = lambda _what, _name: None
        self._calls = calls

    def poll(self, cursor: Cursor, oldest_open: Callable[[], datetime | None]) -> Page:
        with self._calls.one(self.name, "poll", ""):
            self.trouble("poll", "")
            rows = tuple(Listed(key, status, "3105", "f1", {"id": key}) for key, status in self.status.items())
            return Page(rows, (), Cursor("2031-05-04", "2031-05-04"))

    def read(self, order: Order) -> Observation:
        with self._calls.one(self.name, "read", order.name):
            self.trouble("read", order.name)
            details = {"head": {"service": "3105"}, "customer": {"firstname": "Åsa", "surname": "Kanåriefågel"}}
            return Read(self.status[order.external_id], "3105", details=details)

    def perform(self, intent: Intent, order: Order) -> Observation:
        with self._calls.one(self.name, intent.kind, order.name):
            self.trouble(intent.kind, order.name)
            if intent.kind is Kind.STATUS:
                self.status[order.external_id] = intent.payload["status"]
                return Told(intent.payload["status"])
            self.messages[order.external_id].append(intent.payload["text"])
            return MessageLeft()

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        with self._calls.one(self.name, "find", order.name):
            self.trouble("find", order.name)
            if intent.kind is Kind.MESSAGE:
                told = any(intent.key in text for text in self.messages[order.external_id])
                return Found(MessageLeft()) if told else Absent()
            at = self.status[order.external_id]
            return Found(Told(at)) if at == intent.payload["status"] else Absent()


class Network:
    """A sink that can be followed. An order is done once it is in `done`."""

    def __init__(self, name: str, calls: Calls) -> None:
        self.name = name
        self.placed: dict[str, str] = {}
        self.done: set[str] = set()
        self.at_once = True
        self.trouble: Trouble = lambda _what, _name: None
        self._calls = calls

    def perform(self, intent: Intent, order: Order) -> Observation:
        with self._calls.one(self.name, intent.kind, order.name):
            self.trouble(intent.kind, order.name)
            self.placed[order.name] = f"o-{len(self.placed) + 1}"
            if self.at_once:
                self.done.add(order.name)
            return self._seen(order)

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        with self._calls.one(self.name, "find", order.name):
            self.trouble("find", order.name)
            return Found(self._seen(order)) if order.name in self.placed else Absent()

    def poll(self, cursor: Cursor) -> Mentions | None:
        with self._calls.one(self.name, "poll", ""):
            self.trouble("poll", "")
            return None

    def read(self, order: Order) -> Observation:
        with self._calls.one(self.name, "follow", order.name):
            self.trouble("follow", order.name)
            return self._seen(order)

    def _seen(self, order: Order) -> Observation:
        ref = self.placed[order.name]
        return Done(ref, "DONE_SUCCESS") if order.name in self.done else Begun(ref, "IN_PROGRESS")


class Bench:
    """An engine over a store on the disk, a portal and a network in memory, and a clock that stands still."""

    def __init__(self, folder: Path, *, workers: int = 4, orders: int = 1) -> None:
        self.calls = Calls()
        self.portal, self.network = Portal("stads", self.calls), Network("nordnet", self.calls)
        self.portal.status = {str(770101 + number): "new" for number in range(orders)}
        self.clock = Clock()
        self.redactor = Redactor()
        self.logged = io.StringIO()
        configure("debug", "json", self.logged, self.redactor)
        self.store = Store.open(f"sqlite:///{folder / 'syncer.db'}")
        self.workers = workers
        self.restart()

    def restart(self) -> None:
        """A new process: everything but the store is forgotten."""
        self.health = Health(self.store)
        self.sinks: dict[str, Sink] = {"stads": self.portal, "nordnet": self.network}
        followers = {"nordnet": self.network}
        sources = {"stads": self.portal}
        room = Room(self.store, sources, self.sinks, followers, self.health, self.redactor, self.clock)
        self.engine = Engine(room, RULES, workers=self.workers, sleep=lambda seconds: self.clock.pass_(seconds=seconds))

    def order(self, key: str = "770101") -> Order:
        loaded = self.store.load(f"stads:{key}")
        assert loaded is not None
        return loaded[0]

    def events(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.logged.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]
