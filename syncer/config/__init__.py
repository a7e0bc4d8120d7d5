"""The configuration: TOML in, frozen models out, and every problem at once with its place and its cure.

This room reads the file, the secrets that it names, and asks the file system whether what it points to is there.
It never calls a remote, opens the store, logs or decides about an order, and no text that it makes repeats a value
that could be a secret: most problems name the place and leave the value out. Contract: interface.md, section 2.

Other rooms import from here alone. Inside, from the bottom up: `complaints`, `places`, `values`, `lists`,
`templates`, `files`, `addresses`, `secrets`, `models`, `source`, `reading`, `kinds`, `checks`, `loading`;
each imports only from those before it.
"""

from typing import TYPE_CHECKING, Any

from syncer.config import models
from syncer.config.addresses import RemoteUrl
from syncer.config.loading import load
from syncer.config.models import (
    DELIVERY_FIELDS,
    Command,
    Config,
    Fulfilment,
    HttpRemote,
    Log,
    Manual,
    Model,
    OnApi,
    OrderSystem,
    Portal,
    Privacy,
    Route,
    Store,
    Web,
    XspPortal,
)
from syncer.config.secrets import Secret
from syncer.config.values import Duration, Text

if TYPE_CHECKING:
    from syncer.config.models import Gks4, KodeFulfilment, KodePortal, Operation, Payer, RouteLine, Success, VitecPortal
else:

    def __getattr__(name: str) -> Any:
        """The models that are built when they are first named."""
        if name not in models.LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(models, name)


__all__ = [
    "DELIVERY_FIELDS",
    "Command",
    "Config",
    "Duration",
    "Fulfilment",
    "Gks4",
    "HttpRemote",
    "KodeFulfilment",
    "KodePortal",
    "Log",
    "Manual",
    "Model",
    "OnApi",
    "Operation",
    "OrderSystem",
    "Payer",
    "Portal",
    "Privacy",
    "RemoteUrl",
    "Route",
    "RouteLine",
    "Secret",
    "Store",
    "Success",
    "Text",
    "VitecPortal",
    "Web",
    "XspPortal",
    "load",
]
