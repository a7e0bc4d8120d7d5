"""Which class stands for which configured kind: the only file that names every concrete one.

A sixth system needs an adapter and a line in here.
"""

import threading
from collections import Counter as Counts
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from syncer import config as conf
from syncer.engine import Engine, Follower, Health, Parties, Progress, Rehearsal, Room, Sink, Source
from syncer.fulfilment import CommandFulfilment, ManualFulfilment, OnApiFulfilment
from syncer.orders import Intent, Order, Route, Rules, Terms
from syncer.portals import Window, XspPortal
from syncer.remotes.http import CallFact, Http, Limits
from syncer.remotes.on_api import OnApi
from syncer.remotes.xsp import Xsp
from syncer.store import Store
from syncer.telemetry import Redactor, log
from syncer.web import Site

Clock = Callable[[], datetime]
Wire = Callable[..., Http]
LEASE = 10.0  # seconds that a worker's orders stay its own after its death, besides the time for two calls
MANY = 64  # workers at most; a person takes any number of orders at once


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
    """Every configured remote, by the parts that it plays; `checks` makes one harmless call to each."""

    sources: dict[str, Source] = field(default_factory=dict)
    sinks: dict[str, Sink] = field(default_factory=dict)
    followers: dict[str, Follower] = field(default_factory=dict)
    checks: dict[str, Callable[[], str]] = field(default_factory=dict)
    counter: Counter = field(default_factory=Counter)
    wire: Wire = Http
    stop: threading.Event = field(default_factory=threading.Event)
    wires: list[Http] = field(default_factory=list)

    def http(self, name: str, limits: Limits, **more: Any) -> Http:
        """The calls to one remote, which end when the engine is stopped."""
        made = self.wire(name, limits, observe=self.counter, stopped=self.stop.is_set, **more)
        self.wires.append(made)
        return made

    def close(self) -> None:
        """Closes every connection that is kept."""
        for wire in self.wires:
            wire.close()


def remotes_of(
    config: conf.Config, redactor: Redactor, now: Clock = utc, *, read_only: bool = False, wire: Wire = Http
) -> Remotes:
    """Builds every configured remote. `read_only` makes any call that writes a bug; `wire` makes each one's `Http`."""
    made = Remotes(wire=wire)
    for name, portal in config.portals.items():
        if isinstance(portal, conf.XspPortal):
            _add_xsp(made, name, portal, config, redactor, now, read_only=read_only)
    for name, fulfilment in config.fulfilments.items():
        match fulfilment:
            case conf.OnApi():
                _add_on_api(made, name, fulfilment, now, read_only=read_only)
            case conf.Command():
                command = CommandFulfilment(
                    name,
                    fulfilment.command,
                    timeout=fulfilment.timeout.total_seconds(),
                    retry_after=fulfilment.retry_every.total_seconds(),
                    parallel=fulfilment.parallel,
                    withhold=config.secrets(),
                    now=now,
                    observe=made.counter,
                )
                made.sinks[name], made.checks[name] = command, command.check
            case conf.Manual():
                made.sinks[name] = ManualFulfilment(name)
    return made


def _add_xsp(
    made: Remotes,
    name: str,
    portal: conf.XspPortal,
    config: conf.Config,
    redactor: Redactor,
    now: Clock,
    *,
    read_only: bool,
) -> None:
    client = Xsp(
        made.http(name, _limits(portal), read_only=read_only),
        portal.url,
        portal.api_user,
        portal.api_key.get_secret_value(),
        verb=portal.verb,
        message_auth=portal.message_auth,
        keep_secret=redactor.add,
    )
    window = Window(portal.since, portal.overlap_days, portal.rescan_days)
    adapter = XspPortal(name, client, window, config.timezone, now)
    made.sources[name] = made.sinks[name] = adapter
    made.checks[name] = adapter.check


def _add_on_api(made: Remotes, name: str, network: conf.OnApi, now: Clock, *, read_only: bool) -> None:
    auth = (network.username, network.password.get_secret_value())
    client = OnApi(
        made.http(name, _limits(network), auth=auth, read_only=read_only),
        network.url,
        network.version,
        paths=network.paths,
        discovery=network.discovery,
        hosts=network.hosts,
    )
    adapter = OnApiFulfilment(
        name, client, check_access=network.check_access, lists_finished=network.lists_finished, now=now
    )
    made.sinks[name] = made.followers[name] = adapter
    made.checks[name] = adapter.check


def _longest(remote: object) -> float:
    """The seconds that one call may take."""
    timeout: timedelta = getattr(remote, "timeout", timedelta())
    return timeout.total_seconds()


def _limits(remote: conf.HttpRemote) -> Limits:
    return Limits(
        timeout=remote.timeout.total_seconds(),
        parallel=remote.parallel,
        rate=remote.rate,
        max_answer=remote.max_answer,
        ca_file=remote.ca_file,
        client_cert=remote.client_cert,
    )


def rules_of(config: conf.Config) -> Rules:
    """What the operator has decided beforehand, as the core reads it."""
    terms = {name: _terms(fulfilment) for name, fulfilment in config.fulfilments.items()}
    routes = tuple(
        Route(
            portal=route.portal,
            fulfilment=route.fulfilment,
            match=dict(route.match),
            service=route.service or "",
            access=route.access or "",
        )
        for route in config.routes
    )
    patience = {name: timedelta(seconds=_longest(remote)) for name, remote in config.remotes.items()}
    return Rules(routes, terms, patience)


def _terms(fulfilment: conf.Fulfilment) -> Terms:
    if isinstance(fulfilment, conf.OnApi):
        return Terms(fulfilment.poll_every, fulfilment.deadline, followed=True)
    return Terms(deadline=fulfilment.deadline, followed=False)


def site_of(config: conf.Config) -> Site:
    """What the pages say of the configuration; only where there are to be any."""
    from importlib.metadata import version  # 20 ms, that a pass has no use for

    assert config.web is not None
    return Site(
        host=config.web.host,
        port=config.web.port,
        zone=config.timezone,
        rules=rules_of(config),
        portals={name: portal.poll_every for name, portal in config.portals.items()},
        fulfilments=tuple(config.fulfilments),
        public_host=urlsplit(config.web.public_url or "").hostname,
        version=version("syncer"),
    )


def engine_of(
    config: conf.Config,
    store: Store,
    redactor: Redactor,
    *,
    now: Clock = utc,
    progress: Progress | None = None,
    rehearse: Callable[[Order, Intent], None] | None = None,
    wire: Wire = Http,
    workers: int | None = None,
    called: Callable[[CallFact], None] | None = None,
) -> Engine:
    """The engine over every configured remote. With `rehearse`, no call that writes is made: it is told of each.

    `workers` is how many orders are worked on at once; as many as the remotes take together where it isn't given.
    `called` is told of each call.
    """
    remotes = remotes_of(config, redactor, now, read_only=rehearse is not None, wire=wire)
    remotes.counter.called = called
    sinks = dict(remotes.sinks)
    if rehearse is not None:
        sinks = {name: Rehearsal(sink, rehearse) for name, sink in sinks.items()}
    every = {name: remote.poll_every for name, remote in config.remotes.items() if hasattr(remote, "poll_every")}
    store.leases.seconds = LEASE + 2 * max((_longest(remote) for remote in config.remotes.values()), default=0.0)
    parallel = {name: getattr(remote, "parallel", MANY) for name, remote in config.remotes.items()}
    room = Room(store, remotes.sources, sinks, remotes.followers, Health(store, every), redactor, now, parallel)
    workers = workers or min(MANY, sum(number for number in parallel.values() if number < MANY) or 1)
    return Engine(
        room,
        rules_of(config),
        workers=workers,
        calls=lambda: remotes.counter.calls,
        calls_to=lambda name: remotes.counter.calls_to[name],
        progress=progress,
        stop=remotes.stop,
        release=remotes.close,
    )


def parties_of(
    config: conf.Config, store: Store, redactor: Redactor, help_for: Callable[[Order], str], *, now: Clock = utc
) -> Parties:
    """What `verify` compares: every configured remote, none of which can be written to."""
    remotes = remotes_of(config, redactor, now, read_only=True)
    parallel = {name: getattr(remote, "parallel", 1) for name, remote in config.remotes.items()}
    return Parties(
        store,
        remotes.sources,
        remotes.sinks,
        remotes.followers,
        parallel,
        rules_of(config),
        redactor,
        now,
        help_for,
    )
