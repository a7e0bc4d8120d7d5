"""The configuration: TOML in, frozen models out, and every problem at once with its place and its cure.

This room reads the file, the secrets that it names, and asks the file system whether what it points to is there.
It never calls a remote, opens the store, logs or decides about an order, and no text that it makes repeats a value
that could be a secret: most problems name the place and leave the value out. Contract: interface.md, section 2.

Other rooms import from here alone. Inside, from the bottom up: `complaints`, `places`, `values`, `files`, `addresses`,
`secrets`, `models`, `source`, `reading`, `checks`, `loading`; each imports only from those before it.
"""

from syncer.config.addresses import RemoteUrl
from syncer.config.loading import load
from syncer.config.models import (
    Command,
    Config,
    Fulfilment,
    HttpRemote,
    Log,
    Manual,
    Model,
    OnApi,
    Privacy,
    Route,
    Store,
    Web,
    XspPortal,
)
from syncer.config.secrets import Secret
from syncer.config.values import Duration, Text

__all__ = [
    "Command",
    "Config",
    "Duration",
    "Fulfilment",
    "HttpRemote",
    "Log",
    "Manual",
    "Model",
    "OnApi",
    "Privacy",
    "RemoteUrl",
    "Route",
    "Secret",
    "Store",
    "Text",
    "Web",
    "XspPortal",
    "load",
]
