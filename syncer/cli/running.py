"""The service's command: `syncer run`."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from syncer.cli.acting import warn
from syncer.cli.opening import config_path, opened, store_url
from syncer.cli.streams import aside, let_go
from syncer.config import Config, load
from syncer.engine import Summary
from syncer.errors import ConfigError, Problem
from syncer.pulse import LATE, Heart
from syncer.service import Flags, Systemd, Work, heeding, serve
from syncer.store import Store
from syncer.telemetry import Redactor, configure, log
from syncer.web import Called, counting, serving
from syncer.wiring import engine_of, site_of

MIGRATION = 600  # seconds that a large database may take at its first start after an upgrade


def run(arguments: argparse.Namespace) -> int:
    """The service."""
    config, redactor = opened(arguments, sys.stdout)
    warn(config)
    systemd, flags = Systemd(), Flags()
    with heeding(flags):
        systemd.extend(MIGRATION, "opens the database, and brings it up to date")
        with Store.open(store_url(config)) as store, _watched(config, store) as watch:
            again = _Again(arguments, store, config, redactor, watch)
            serve(again.work(), flags=flags, reread=again.reread, on_pass=watch.passed, systemd=systemd)
    let_go(sys.stdout)  # a log that finds no room is no failure of the service
    return 0


@dataclass(frozen=True, slots=True)
class _Watch:
    """Who is told of each pass, of each call, and of a configuration that was read again."""

    passed: Callable[[Summary], None]
    called: Callable[[Called], None] | None = None
    follow: Callable[[Config], None] = lambda _: None


@contextmanager
def _watched(config: Config, store: Store) -> Iterator[_Watch]:
    """Within, health, metrics and the status page are served, where they are configured."""
    if config.web is None:
        yield _Watch(lambda _: None)
        return
    heart, metrics = Heart(_late(config)), counting()

    def passed(summary: Summary) -> None:
        heart.beat(summary.seconds, summary.polled)
        metrics.passed(summary)

    with serving(site_of(config), store, heart.pulse, metrics) as pages:
        yield _Watch(passed, metrics.called, lambda config: pages.follow(site_of(config)))


def _late(config: Config) -> timedelta:
    """When a pass is late: none begins anything after a minute, and what it has begun takes a call or two more."""
    return LATE + 2 * longest_call(config)


@dataclass(slots=True)
class _Again:
    """What the configuration says, and says when it is read again. The store stays, and whatever else can't change."""

    arguments: argparse.Namespace
    store: Store
    config: Config
    redactor: Redactor
    watch: _Watch

    def work(self) -> Work:
        """As the configuration stands."""
        every = {name: portal.poll_every for name, portal in self.config.portals.items()}
        engine = engine_of(self.config, self.store, self.redactor, called=self.watch.called)
        return Work(engine, every, self.config.privacy.erase_after, longest_call(self.config))

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
        self.redactor = Redactor([*self.config.secrets(), *config.secrets()])  # the old ones may still come back in
        self.config = config
        configure(config.log.level, config.log.format, aside(sys.stdout), self.redactor)
        for warning in config.warnings:
            log().warning("config.odd", text=str(warning))
        self.watch.follow(config)
        return self.work()


def longest_call(config: Config) -> timedelta:
    """How long one call may take, of whichever remote."""
    return max((getattr(one, "timeout", timedelta()) for one in config.remotes.values()), default=timedelta())


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
