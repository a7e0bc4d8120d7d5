"""What every remote gets of us: its calls counted and logged, its limits, and its place among the parts that it plays.

No kind of remote is named in here.
"""

import threading
from collections import Counter as Counts
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer import config as conf
from syncer.engine import Cabinet, Follower, Porter, Sink, Source
from syncer.remotes.http import CallFact, Http, Limits
from syncer.telemetry import log

Clock = Callable[[], datetime]
Wire = Callable[..., Http]


def utc() -> datetime:
    """The time now, aware."""
    return datetime.now(UTC)


class Counter:
    """Counts calls over all threads, logs each at debug, and passes it on to `called`; runs of a command too, but for
    `calls`, which are requests alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = 0
        self.calls_to: Counts[str] = Counts()
        self.called: Callable[[CallFact], None] | None = None

    def __call__(self, fact: CallFact) -> None:
        with self._lock:
            self.calls += fact.method != ""
            self.calls_to[fact.remote] += 1
        log().debug(
            "remote.call",
            remote=fact.remote,
            operation=fact.operation,
            method=fact.method,
            url=fact.url,
            seconds=round(fact.seconds, 4),
            outcome=fact.outcome,
            sent=fact.sent,
            size=fact.size,
        )
        if self.called is not None:
            self.called(fact)


@dataclass(slots=True)
class Remotes:
    """Every configured remote, by the parts that it plays; `checks` makes one harmless call to each.

    `clients` are those of portals whose pages ask for more than the ring does.
    `tap` is told of each effect on the disk besides the store's own (`files.Shelf`).
    """

    sources: dict[str, Source] = field(default_factory=dict)
    sinks: dict[str, Sink] = field(default_factory=dict)
    followers: dict[str, Follower] = field(default_factory=dict)
    porters: dict[str, Porter] = field(default_factory=dict)
    cabinets: dict[str, Cabinet] = field(default_factory=dict)
    clients: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, Callable[[], str]] = field(default_factory=dict)
    counter: Counter = field(default_factory=Counter)
    wire: Wire = Http
    stop: threading.Event = field(default_factory=threading.Event)
    wires: list[Http] = field(default_factory=list)
    tap: Callable[[str], None] = lambda _: None

    def http(self, name: str, limits: Limits, **more: Any) -> Http:
        """The calls to one remote, which end when the engine is stopped."""
        made = self.wire(name, limits, observe=self.counter, stopped=self.stop.is_set, **more)
        self.wires.append(made)
        return made

    def close(self) -> None:
        """Closes every connection that is kept."""
        for wire in self.wires:
            wire.close()


def longest(remote: object) -> float:
    """The seconds that one call may take."""
    timeout: timedelta = getattr(remote, "timeout", timedelta())
    return timeout.total_seconds()


def limits(remote: conf.HttpRemote) -> Limits:
    """What the operator allows us to take of a remote."""
    return Limits(
        timeout=remote.timeout.total_seconds(),
        parallel=remote.parallel,
        rate=remote.rate,
        max_answer=remote.max_answer,
        ca_file=remote.ca_file,
        client_cert=remote.client_cert,
    )
