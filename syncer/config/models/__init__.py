"""The models: each section of the file, frozen, and each key with its default and its cure.

A field's description is the cure when it is wrong, so each begins with what to write. No model may read the file,
compare one section with another, or say how a value's text is read: those are the reading, the checks and the values.

The models of the kinds that few files have are built when they are first named: a pass with others has no use for them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from syncer.config.models.base import HttpRemote, Model
from syncer.config.models.general import General, Log, Privacy, Store, Web
from syncer.config.models.local import Command, Manual
from syncer.config.models.on_api import OnApi
from syncer.config.models.routes import DELIVERY_FIELDS, Route
from syncer.config.models.whole import Config, Fulfilment, OrderSystem, Portal
from syncer.config.models.xsp import XspPortal

if TYPE_CHECKING:
    from syncer.config.models.gks4 import Gks4
    from syncer.config.models.kode import KodeFulfilment, KodePortal
    from syncer.config.models.operations import Operation, Success
    from syncer.config.models.registering import Payer, RouteLine
    from syncer.config.models.vitec import VitecPortal

LATER = {
    "Gks4": "gks4",
    "KodeFulfilment": "kode",
    "KodePortal": "kode",
    "Operation": "operations",
    "Payer": "registering",
    "RouteLine": "registering",
    "Success": "operations",
    "VitecPortal": "vitec",
}

if not TYPE_CHECKING:  # mypy would take any name to be one of these

    def __getattr__(name: str) -> Any:
        if name not in LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{LATER[name]}"), name)


__all__ = [
    "DELIVERY_FIELDS",
    "LATER",
    "Command",
    "Config",
    "Fulfilment",
    "General",
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
    "Route",
    "RouteLine",
    "Store",
    "Success",
    "VitecPortal",
    "Web",
    "XspPortal",
]
