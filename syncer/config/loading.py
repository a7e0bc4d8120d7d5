"""The loading: a path goes in; a whole configuration, or all of its problems in one error, comes out.

It decides in which order the other rooms work and which kinds of remote there are. It must never hold a rule about a
value, a section or a route.
"""

import os
from datetime import date
from pathlib import Path
from typing import Any

from syncer.config import models
from syncer.config.checks import find_oddities, find_problems
from syncer.config.models import Config, General, Log, Privacy, Store, Web
from syncer.config.reading import Kinds, Reading
from syncer.errors import ConfigError, Problem

_SECTIONS = ("store", "log", "web", "privacy", "portals", "fulfilments", "order_systems", "routes")
_PORTALS: Kinds = {
    "xsp": lambda: models.XspPortal,
    "kode": lambda: models.KodePortal,
    "vitec": lambda: models.VitecPortal,
}
_FULFILMENTS: Kinds = {
    "on_api": lambda: models.OnApi,
    "command": lambda: models.Command,
    "manual": lambda: models.Manual,
    "kode": lambda: models.KodeFulfilment,
}
_ORDER_SYSTEMS: Kinds = {"gks4": lambda: models.Gks4}


def load(path: Path, today: date | None = None) -> Config:
    """Reads the file and the secrets that it names; raises `ConfigError` with every problem, in the file's order.

    `today` decides what is in the future; by default it is the date now, on the portals' clock.
    """
    reading = Reading.of(path)
    parts = _parts(reading)
    find_problems(reading)
    if reading.problems:
        raise ConfigError(_in_order(reading.problems))
    find_oddities(reading, parts, today)
    return Config.model_validate({**parts, "path": reading.path, "warnings": tuple(_in_order(reading.warnings))})


def _in_order(found: list[tuple[int, Problem]]) -> list[Problem]:
    return [problem for _, problem in sorted(found, key=lambda item: item[0])]


def _parts(reading: Reading) -> dict[str, Any]:
    """The sections as models, as far as they are right."""
    raw = reading.raw
    # systemd gives a list, with colons, where a unit has several.
    state_dir = os.environ.get("STATE_DIRECTORY", "").split(":")[0] or "state"
    keys = {"state_dir": state_dir, **{name: raw[name] for name in raw if name not in _SECTIONS}}
    general = reading.model(General, (), keys, (*General.model_fields, *_SECTIONS))
    reading.state_dir = general.state_dir if general else reading.path.parent / state_dir
    url = f"sqlite:///{reading.state_dir / 'syncer.db'}"
    store = raw.get("store", {})
    return {
        **(dict(general) if general else {}),
        "store": reading.model(Store, ("store",), {"url": url, **store} if isinstance(store, dict) else store),
        "log": reading.model(Log, ("log",), raw.get("log", {})),
        "web": reading.model(Web, ("web",), raw["web"]) if "web" in raw else None,
        "privacy": reading.model(Privacy, ("privacy",), raw.get("privacy", {})),
        "portals": reading.remotes("portals", _PORTALS),
        "fulfilments": reading.remotes("fulfilments", _FULFILMENTS),
        "order_systems": reading.remotes("order_systems", _ORDER_SYSTEMS),
        "routes": tuple(reading.routes()),
    }
