"""The whole configuration, as the other rooms get it.

Its parts are made by the reading, and only looked at here: building them anew would cost each pass time. For that
reason too it must never name the model of a kind that the file may not have, but for mypy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr

from syncer.config.complaints import FieldError
from syncer.config.models.base import Model
from syncer.config.models.general import General, Log, Privacy

if TYPE_CHECKING:
    from syncer.config.models.general import Store, Web
    from syncer.config.models.gks4 import Gks4
    from syncer.config.models.kode import KodeFulfilment, KodePortal
    from syncer.config.models.local import Command, Manual
    from syncer.config.models.on_api import OnApi
    from syncer.config.models.routes import Route
    from syncer.config.models.vitec import VitecPortal
    from syncer.config.models.xsp import XspPortal
    from syncer.errors import Problem

    Portal = XspPortal | KodePortal | VitecPortal
    Fulfilment = OnApi | Command | Manual | KodeFulfilment
    OrderSystem = Gks4
else:

    def _made(value: object) -> object:
        if not isinstance(value, Model):
            raise FieldError("is not one of the models")
        return value

    Store = Web = Portal = Fulfilment = OrderSystem = Route = Annotated[Any, BeforeValidator(_made)]
    Problem = Any


class Config(General):
    """The whole configuration, checked. `path` is the file's, and `warnings` is what is odd but works."""

    store: Store
    log: Log = Field(default_factory=Log)
    web: Web | None = None
    privacy: Privacy = Field(default_factory=Privacy)
    portals: dict[str, Portal] = Field(default_factory=dict)
    fulfilments: dict[str, Fulfilment] = Field(default_factory=dict)
    order_systems: dict[str, OrderSystem] = Field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    path: Path
    warnings: tuple[Problem, ...] = ()

    @property
    def remotes(self) -> dict[str, Portal | Fulfilment | OrderSystem]:
        """Portals, fulfilments and order systems together, by name: they never share one."""
        return {**self.portals, **self.fulfilments, **self.order_systems}

    def routes_of(self, portal: str) -> tuple[Route, ...]:
        """The portal's routes, in the order in which they are tried."""
        return tuple(route for route in self.routes if route.portal == portal)

    def secrets(self) -> tuple[str, ...]:
        """Every secret's text, each once, for the redaction and for nothing else."""
        holders: tuple[Model, ...] = (self.store, *self.remotes.values())
        values = (getattr(holder, name) for holder in holders for name in type(holder).model_fields)
        return tuple(dict.fromkeys(text for value in values for text in _secrets_in(value)))


def _secrets_in(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, dict):
        for part in value.values():
            yield from _secrets_in(part)
