"""The service's command: `syncer run`."""

import argparse
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from syncer.cli.opening import config_path, level, opened, store_url
from syncer.cli.streams import aside, let_go
from syncer.config import Config, load
from syncer.engine import Summary
from syncer.errors import ConfigError, Problem
from syncer.pulse import LATE, Heart
from syncer.service import Flags, Systemd, Work, heeding, serve
from syncer.store import Store, StoreError
from syncer.telemetry import Redactor, configure, log
from syncer.web import Called, Site
from syncer.wiring import desks_of, engine_of, remotes_of, site_of, utc

if TYPE_CHECKING:
    from syncer.web.agent import Desk

MIGRATION = 600  # seconds that a large database may take at its first start after an upgrade


def run(arguments: argparse.Namespace) -> int:
    """The service."""
    config, redactor = opened(arguments, sys.stdout)
    _say_what_is_odd(config)
    systemd, flags = Systemd(), Flags()
    with heeding(flags):
        systemd.extend(MIGRATION, "opens the database, and brings it up to date")
        with Store.open(store_url(config)) as store:
            service = _Configured(arguments, store, config, redactor, Heart(_late(config)))
            with _pages(service) as (work, passed), _noted(store):
                serve(work, flags=flags, reread=service.reread, on_pass=passed, systemd=systemd)
    let_go(sys.stdout)  # a log that finds no room is no failure of the service
    return 0


@contextmanager
def _noted(store: Store) -> Iterator[None]:
    """Writes down that the service begins, and that it has ended cleanly; it goes on where that finds no room."""
    facts = {"worker": store.leases.owner, "host": socket.gethostname(), "pid": os.getpid()}
    with suppress(StoreError):
        store.note("service.started", f"on {facts['host']}", utc(), **facts)
    yield
    with suppress(StoreError):
        store.note("service.stopped", f"on {facts['host']}", utc(), **facts)


@contextmanager
def _pages(service: "_Configured") -> Iterator[tuple[Work, Callable[[Summary], None]]]:
    """Health, metrics and the pages, where they are configured; to be told of each pass. The work to be done is made
    before anybody can ask: an agent would find nobody at the desk.
    """
    heart = service.heart
    if service.config.web is None:
        yield service.work(), lambda summary: heart.beat(summary.seconds, summary.polled)
        return
    from syncer.web import counting, serving  # Flask takes a while

    metrics = counting()
    service.called = metrics.called

    def passed(summary: Summary) -> None:
        heart.beat(summary.seconds, summary.polled)
        metrics.passed(summary)

    work = service.work()
    with serving(service.site, service.store, heart.pulse, metrics, lambda: service.desks):
        yield work, passed


@dataclass(slots=True)
class _Configured:
    """What the configuration says, and says when it is read again. The store stays, and whatever else can't change."""

    arguments: argparse.Namespace
    store: Store
    config: Config
    redactor: Redactor
    heart: Heart
    called: Callable[[Called], None] | None = None
    shown: Site | None = None
    desks: "Mapping[str, Desk]" = field(default_factory=dict)

    def site(self) -> Site:
        """What the pages say of the configuration."""
        shown = self.shown or site_of(self.config)  # the configuration may be read again meanwhile, by another thread
        self.shown = shown
        return shown

    def work(self) -> Work:
        """As the configuration stands."""
        return self._work_of(self.config)

    def _work_of(self, config: Config) -> Work:
        every = {name: portal.poll_every for name, portal in config.portals.items()}
        made = remotes_of(config, self.redactor, store=self.store)
        engine = engine_of(config, self.store, self.redactor, called=self.called, made=made)
        self.desks = desks_of(config, made, self.store)
        return Work(engine, every, config.privacy.erase_after, _longest_call(config))

    def reread(self) -> Work | None:
        """As the file says now; None, with every problem in the log, where it is wrong or needs a restart."""
        try:
            config = load(config_path(self.arguments))
            problems = list(_fixed(self.config, config))
        except ConfigError as wrong:
            problems = wrong.problems
        if problems:
            log().error("config.rejected", problems=[self.redactor.scrub(str(problem)) for problem in problems])
            return None
        self.redactor.keep(config.secrets())
        work = self._work_of(config)  # it reads the store, and may fail: nothing is otherwise until then
        self.config, self.shown = config, None
        self.heart.allow(_late(config))
        configure(level(self.arguments, config), config.log.format, aside(sys.stdout), self.redactor)
        _say_what_is_odd(config)
        return work


def _say_what_is_odd(config: Config) -> None:
    """What works and is perhaps not meant; in the log, which has nothing but events."""
    for warning in config.warnings:
        log().warning("config.odd", text=str(warning))


def _longest_call(config: Config) -> timedelta:
    """How long one call may take, of whichever remote."""
    return max((getattr(one, "timeout", timedelta()) for one in config.remotes.values()), default=timedelta())


def _late(config: Config) -> timedelta:
    """How long no pass may complete before something is wrong."""
    return LATE + 2 * _longest_call(config)


def _fixed(before: Config, after: Config) -> Iterator[Problem]:
    """What is otherwise than before, and can't be changed while the service runs."""
    kept = {
        "store": (before.store, after.store),
        "state_dir": (before.state_dir, after.state_dir),
        "web": (before.web, after.web),
    }
    for key, (old, new) in kept.items():
        if old != new:
            yield Problem(key, "can't be changed while syncer runs", "restart it: systemctl restart syncer")
