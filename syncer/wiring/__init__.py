"""Which class stands for which configured kind: the only room that names every concrete one.

A sixth system needs an adapter and a line in here. What only some configurations need is imported where it is asked
for.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncer import config as conf
from syncer.engine import Engine, Health, Parties, Progress, Rehearsal, Room, Unmoved
from syncer.fulfilment import CommandFulfilment, ManualFulfilment, OnApiFulfilment
from syncer.orders import Intent, Order
from syncer.portals import Window, XspPortal
from syncer.remotes.http import CallFact, Http
from syncer.remotes.on_api import OnApi
from syncer.remotes.xsp import Xsp
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.web import Site
from syncer.web.push import Post
from syncer.wiring.remotes import Clock, Counter, Remotes, Wire, limits, longest, utc
from syncer.wiring.rules import registers, rules_of

if TYPE_CHECKING:
    from syncer.web.agent import Desk

__all__ = [
    "Clock",
    "Counter",
    "Remotes",
    "Wire",
    "desks_of",
    "engine_of",
    "parties_of",
    "remotes_of",
    "rules_of",
    "site_of",
    "utc",
]

LEASE = 10.0  # seconds that a worker's orders stay its own after its death, besides the time for two calls
LINKS = timedelta(days=30)  # that a link to a file works, where no portal says otherwise
MANY = 64  # workers at most; a person takes any number of orders at once


def remotes_of(
    config: conf.Config,
    redactor: Redactor,
    now: Clock = utc,
    *,
    read_only: bool = False,
    wire: Wire = Http,
    store: Store | None = None,
    tap: Callable[[str], None] = lambda _: None,
) -> Remotes:
    """Builds every configured remote. `read_only` makes any call that writes a bug; `wire` makes each one's `Http`.

    Without a `store`, they are good for harmless calls only.
    """
    made = Remotes(wire=wire, tap=tap)
    for name, portal in config.portals.items():
        match portal.kind:
            case "xsp":
                _add_xsp(made, name, portal, config, redactor, now, read_only=read_only)
            case "kode":
                from syncer.wiring.kode import Unknown, add_kode

                add_kode(made, name, portal, config, store or Unknown(), now, read_only=read_only)
            case "vitec":
                from syncer.wiring import vitec

                vitec.add_vitec(made, name, portal, config, store or vitec.Unknown(), now, read_only=read_only)
    for name, fulfilment in config.fulfilments.items():
        match fulfilment.kind:
            case "on_api":
                _add_on_api(made, name, fulfilment, now, read_only=read_only)
            case "command":
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
            case "manual":
                made.sinks[name] = ManualFulfilment(name)
    for name, system in config.order_systems.items():
        from syncer.wiring.gks4 import add_gks4

        add_gks4(made, name, system, config, read_only=read_only)
    return made


def _add_xsp(
    made: Remotes,
    name: str,
    portal: "conf.XspPortal",
    config: conf.Config,
    redactor: Redactor,
    now: Clock,
    *,
    read_only: bool,
) -> None:
    client = Xsp(
        made.http(name, limits(portal), read_only=read_only),
        portal.url,
        portal.api_user,
        portal.api_key.get_secret_value(),
        verb=portal.verb,
        message_auth=portal.message_auth,
        keep_secret=redactor.add,
    )
    window = Window(portal.since, portal.overlap_days, portal.rescan_days)
    adapter = XspPortal(name, client, window, config.timezone, now, registers=registers(config))
    made.sources[name] = made.sinks[name] = adapter
    made.checks[name] = adapter.check


def _add_on_api(made: Remotes, name: str, network: "conf.OnApi", now: Clock, *, read_only: bool) -> None:
    auth = (network.username, network.password.get_secret_value())
    client = OnApi(
        made.http(name, limits(network), auth=auth, read_only=read_only),
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
        posts=dict(_posts(config)),
        public_host=urlsplit(config.web.public_url or "").hostname,
        file_links=max((one.link_days for one in config.portals.values() if one.kind == "vitec"), default=LINKS),
        version=version("syncer"),
    )


def _posts(config: conf.Config) -> Iterator[tuple[str, Post]]:
    """The portals that may push, each with how that is read."""
    for name, portal in config.portals.items():
        if portal.kind == "kode":
            from syncer.wiring.kode import post_of

            post = post_of(portal)
            if post is not None:
                yield name, post


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
    made: Remotes | None = None,
) -> Engine:
    """The engine over every configured remote. With `rehearse`, no call that writes is made: it is told of each.

    `workers` is how many orders are worked on at once; as many as the remotes take together where it isn't given.
    `called` is told of each call. `made` are the remotes, where they are there already.
    """
    dry = rehearse is not None
    remotes = made or remotes_of(config, redactor, now, read_only=dry, wire=wire, store=store, tap=store.tap)
    remotes.counter.called = called
    sinks, porters = dict(remotes.sinks), dict(remotes.porters)
    if rehearse is not None:
        sinks = {name: Rehearsal(sink, rehearse) for name, sink in sinks.items()}
        porters = {name: Unmoved(name) for name in porters}
    every = {name: remote.poll_every for name, remote in config.remotes.items() if hasattr(remote, "poll_every")}
    store.leases.seconds = LEASE + 2 * max((longest(remote) for remote in config.remotes.values()), default=0.0)
    parallel = {name: getattr(remote, "parallel", MANY) for name, remote in config.remotes.items()}
    room = Room(
        store, remotes.sources, sinks, remotes.followers, Health(store, every), redactor, now, parallel, porters
    )
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


def desks_of(config: conf.Config, made: Remotes, store: Store, now: Clock = utc) -> "dict[str, Desk]":
    """The desks that estate agents come to, one for each of Vitec's accounts, over the remotes that the ring has."""
    if all(portal.kind != "vitec" for portal in config.portals.values()):
        return {}
    from syncer.wiring.desk import VitecDesk

    rules = rules_of(config)
    return {
        name: VitecDesk(name, portal, config, made, store, rules, now)
        for name, portal in config.portals.items()
        if portal.kind == "vitec"
    }


def parties_of(
    config: conf.Config, store: Store, redactor: Redactor, help_for: Callable[[Order], str], *, now: Clock = utc
) -> Parties:
    """What `verify` compares: every configured remote, none of which can be written to."""
    remotes = remotes_of(config, redactor, now, read_only=True, store=store)
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
        cabinets=remotes.cabinets,
    )
