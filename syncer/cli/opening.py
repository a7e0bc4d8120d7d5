"""What most commands begin with: the configuration, the logs, the store."""

import argparse
import os
import sys
from pathlib import Path
from typing import TextIO

from syncer.cli.streams import aside
from syncer.config import Config, load
from syncer.errors import ConfigError, Problem
from syncer.store import Store, with_password
from syncer.telemetry import Redactor, configure

PLACES = (Path("syncer.toml"), Path("/etc/syncer/syncer.toml"))


def config_path(arguments: argparse.Namespace) -> Path:
    """Which file holds the configuration: the option, SYNCER_CONFIG, or the first of the usual places that exists."""
    named = arguments.config or os.environ.get("SYNCER_CONFIG")
    if named:
        return Path(named)
    found = next((place for place in PLACES if place.exists()), None)
    if found is None:
        cure = "write one after config/syncer.toml, or name it: --config FILE, or SYNCER_CONFIG"
        raise ConfigError([Problem(" or ".join(map(str, PLACES)), "there is no configuration", cure)])
    return found


def opened(arguments: argparse.Namespace, stream: TextIO | None = None) -> tuple[Config, Redactor]:
    """The configuration, with logs set up for a command: to stderr, and on a terminal only what needs a look."""
    config = load(config_path(arguments))
    stream = stream or sys.stderr
    redactor = Redactor(config.secrets())
    wanted = level(arguments, config)
    if stream is sys.stderr and stream.isatty() and wanted == "info":
        wanted = "warning"
    configure(wanted, config.log.format, aside(stream), redactor)
    return config, redactor


def level(arguments: argparse.Namespace, config: Config) -> str:
    """How much is logged."""
    return "debug" if arguments.debug else config.log.level


def store_url(config: Config) -> str:
    """The store's URL, with its password."""
    if config.store.password is None:
        return config.store.url
    return with_password(config.store.url, config.store.password.get_secret_value())


def reading_store(config: Config) -> Store:
    """The store to read from, which another syncer may hold; an empty one in memory where there is none yet."""
    file = config.store.file
    if file is not None and not file.exists():
        return Store.open("sqlite://", exclusive=False)
    return Store.open(store_url(config), exclusive=False)
