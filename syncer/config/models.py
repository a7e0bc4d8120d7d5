"""The models: each section of the file, frozen, and each key with its default and its cure.

A field's description is the cure when it is wrong, so each begins with what to write. It must never read the file,
compare one section with another, or say how a value's text is read: those are the reading, the checks and the values.
"""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from syncer.config.addresses import (
    STORE_CURE,
    BaseUrl,
    Endpoints,
    Hosts,
    Listen,
    PublicUrl,
    RemoteUrl,
    StoreUrl,
)
from syncer.config.complaints import FieldError, notes_of
from syncer.config.files import Directory, ExistingFile, PrivateFile, Program
from syncer.config.secrets import WAYS, Secret
from syncer.config.values import Digits, Duration, Size, Text, Texts, Zone
from syncer.errors import Problem

_TIMEOUT = 'Write timeout = "20s": how long one call may take, "0.1s" to "300s".'
_POLL = 'Write poll_every = "2m": how often the remote is asked.'
_DEADLINE = 'Write deadline = "14d": an order that isn\'t done by then is parked.'
_XSP_URL = 'Write url = "https://www.stadsnatsportalen.se/plain/serviceguide_log": the portal\'s endpoint.'
_ON_API_URL = 'Write url = "https://NETWORK/onapi/2.4/": the network\'s ON-API with its version.'
_COMMAND = 'Write command = ["/usr/local/bin/activate", "--fast"]: a list, the program first; there is no shell.'
_VERSION = 'Write version = "2.4", "2.5" or "2.6", in quotes; or leave it out where the url holds it.'


class Model(BaseModel):
    """What all models share: frozen, nothing unknown, nothing converted behind the operator's back."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Store(Model):
    """Where orders are kept. `url` has an absolute path for SQLite, and never a password."""

    url: StoreUrl = Field(description=STORE_CURE)
    password: Secret | None = Field(
        default=None, description=f"Write password = {WAYS}: PostgreSQL's, if it wants one."
    )

    @field_validator("password")
    @classmethod
    def _password_is_of_use(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value and info.data.get("url", "").startswith("sqlite:"):
            notes_of(info).warn(info, "SQLite has no password, so it is not used", "Take it out.")
        return value

    @property
    def file(self) -> Path | None:
        """SQLite's file; None for PostgreSQL."""
        return Path(self.url.removeprefix("sqlite:///")) if self.url.startswith("sqlite:") else None


class Log(Model):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description='Write level = "info"; or "debug", "warning", "error".'
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description='Write format = "auto" (console on a terminal, else JSON), "json" or "console".'
    )


class Web(Model):
    """The web server of `syncer run`; its section's presence turns it on. `public_url` has no slash at its end."""

    listen: Listen = Field(
        default="127.0.0.1:8321", description='Write listen = "127.0.0.1:8321": a host and a port, 0 for any free.'
    )
    public_url: PublicUrl | None = Field(
        default=None, description='Write public_url = "https://syncer.example": how others reach the server.'
    )

    @property
    def host(self) -> str:
        """The address to listen on, without the brackets of IPv6."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 means any free one."""
        return int(self.listen.rpartition(":")[2])


class Privacy(Model):
    """How long personal data of ended orders is kept."""

    erase_after: Duration = Field(
        default=timedelta(days=90), description='Write erase_after = "90d": kept that long after an order ends.'
    )


class HttpRemote(Model):
    """What every remote over HTTP takes. `rate` is calls a second, `max_answer` is bytes."""

    timeout: Duration = Field(
        default=timedelta(seconds=20),
        ge=timedelta(seconds=0.1),
        le=timedelta(seconds=300),
        description=_TIMEOUT,
    )
    parallel: int = Field(default=4, ge=1, le=64, description="Write parallel = 4: calls under way at once, 1 to 64.")
    rate: float = Field(
        default=25.0, gt=0, le=1000, allow_inf_nan=False, description="Write rate = 25: at most so many calls a second."
    )
    max_answer: Size = Field(default=32_000_000, description='Write max_answer = "32MB": a longer answer is refused.')
    ca_file: ExistingFile | None = Field(
        default=None, description='Write ca_file = "ca.pem": trusted authorities, if not the machine\'s own.'
    )
    client_cert: PrivateFile | None = Field(
        default=None, description='Write client_cert = "client.pem": our certificate and its key in one file.'
    )


class XspPortal(HttpRemote):
    """A portal that speaks XSP. `api_user` is digits, as a text; `since` is the first date ever read.

    Where `since` is None, the portal is read from `rescan_days` before the first run's day.
    """

    kind: Literal["xsp"] = Field(default="xsp", description='Write kind = "xsp".')
    url: RemoteUrl = Field(description=_XSP_URL)
    api_user: Digits = Field(description="Write api_user = 1234: the number of your API user.")
    api_key: Secret = Field(
        description='Write api_key = { env = "XSP_API_KEY" }, { file = "…" } or { credential = "…" }.'
    )
    poll_every: Duration = Field(default=timedelta(minutes=2), description=_POLL)
    since: date | None = Field(
        default=None,
        description="Write since = 2026-11-01, a date without quotes: the first that is ever read. "
        "Unset, the portal is read from rescan_days before the first run's day.",
    )
    overlap_days: int = Field(
        default=1,
        ge=0,
        le=3650,
        description="Write overlap_days = 1: whole days that each poll reads again, 0 or more.",
    )
    rescan_days: int = Field(
        default=14,
        ge=0,
        le=3650,
        validate_default=True,
        description="Write rescan_days = 14: whole days that are read again once a day, not fewer than overlap_days.",
    )
    message_auth: Literal["both", "api_user", "hash"] = Field(
        default="both", description='Write message_auth = "both", "api_user" or "hash": how messages are signed.'
    )
    verb: Literal["get", "post"] = Field(
        default="get", description='Write verb = "get", or "post" to keep secrets out of web servers\' logs.'
    )

    @field_validator("rescan_days")
    @classmethod
    def _rescan_covers_the_overlap(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("overlap_days", 0):
            raise FieldError(f"{value} is less than overlap_days")
        return value


class OnApi(HttpRemote):
    """A city network that speaks ON-API. `url` ends in a slash; `paths` has only what differs from discovery."""

    kind: Literal["on_api"] = Field(default="on_api", description='Write kind = "on_api".')
    url: BaseUrl = Field(description=_ON_API_URL)
    username: Text = Field(description='Write username = "sp": your user at the network.')
    password: Secret = Field(
        description='Write password = { file = "onapi.secret" }, { env = "…" } or { credential = "…" }.'
    )
    version: Literal["2.4", "2.5", "2.6"] = Field(default="2.4", description=_VERSION)
    poll_every: Duration = Field(default=timedelta(minutes=1), description=_POLL)
    deadline: Duration = Field(default=timedelta(days=14), description=_DEADLINE)
    paths: Endpoints = Field(
        default_factory=dict, description='Write paths = { orders = "orders/" }: only those that discovery gets wrong.'
    )
    discovery: bool = Field(
        default=True, description="Write discovery = true, or false where the network has no list of endpoints."
    )
    check_access: bool = Field(
        default=True, description="Write check_access = true, or false to order without looking at the access first."
    )
    lists_finished: bool = Field(
        default=True,
        description="Write lists_finished = true, or false where a list of orders leaves out finished ones.",
    )
    hosts: Hosts = Field(
        default=(), description='Write hosts = ["api.network.example"]: other hosts that discovery may point to.'
    )

    @model_validator(mode="before")
    @classmethod
    def _version_from_the_url(cls, data: Any) -> Any:
        if isinstance(data, dict) and "version" not in data and (found := _version_in(data.get("url"))):
            return {**data, "version": found}
        return data

    @field_validator("version")
    @classmethod
    def _versions_agree(cls, value: str, info: ValidationInfo) -> str:
        if _version_in(info.data.get("url")) not in {None, value}:
            notes_of(info).warn(info, "the url holds another version", "Leave version out to use the url's.")
        return value


def _version_in(url: object) -> str | None:
    found = re.findall(r"(?<=/)2\.[456](?=/|$)", url) if isinstance(url, str) else []
    return found[-1] if found else None


class Command(Model):
    """A program of the user's that delivers one order: JSON on its stdin, never a shell."""

    kind: Literal["command"] = Field(default="command", description='Write kind = "command".')
    command: Program = Field(description=_COMMAND)
    timeout: Duration = Field(
        default=timedelta(seconds=60), description='Write timeout = "60s": how long one run may take.'
    )
    deadline: Duration = Field(default=timedelta(days=14), description=_DEADLINE)
    parallel: int = Field(default=1, ge=1, le=64, description="Write parallel = 1: runs at once, 1 to 64.")
    retry_every: Duration = Field(
        default=timedelta(minutes=5), description='Write retry_every = "5m": the wait after exit code 75.'
    )


class Manual(Model):
    """A person who ends orders with `syncer deliver` and `syncer cancel`. No deadline unless there is one here."""

    kind: Literal["manual"] = Field(default="manual", description='Write kind = "manual".')
    deadline: Duration | None = Field(default=None, description=_DEADLINE)


class Route(Model):
    """Orders of `portal` whose fields equal all of `match` go to `fulfilment`; the first route that matches wins."""

    portal: Text = Field(description='Write portal = "NAME": one of the names under [portals.NAME].')
    match: Texts = Field(
        default_factory=dict,
        description='Write match = { service = "3105" }: fields and texts; empty takes every order.',
    )
    fulfilment: Text = Field(description='Write fulfilment = "NAME": one of the names under [fulfilments.NAME].')
    service: Annotated[Text, Field(max_length=255)] | None = Field(
        default=None, description='Write service = "FIBER-250-250": the network\'s name for it, at most 255 characters.'
    )
    access: Text | None = Field(
        default=None, description='Write access = "FIELD": the order\'s field that holds the access (ON-API only).'
    )


Fulfilment = Annotated[OnApi | Command | Manual, Field(discriminator="kind")]


class General(Model):
    """The keys at the top of the file, above its sections."""

    timezone: Zone = Field(
        default=ZoneInfo("Europe/Stockholm"),
        description='Write timezone = "Europe/Stockholm": the portals\' wall clock.',
    )
    state_dir: Directory = Field(description='Write state_dir = "state": a directory, relative to this file.')


class Config(General):
    """The whole configuration, checked. `path` is the file's, and `warnings` is what is odd but works."""

    store: Store
    log: Log = Log()
    web: Web | None = None
    privacy: Privacy = Privacy()
    portals: dict[str, XspPortal] = Field(default_factory=dict)
    fulfilments: dict[str, Fulfilment] = Field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    path: Path
    warnings: tuple[Problem, ...] = ()

    @property
    def remotes(self) -> dict[str, XspPortal | OnApi | Command | Manual]:
        """Portals and fulfilments together, by name: they never share one."""
        return {**self.portals, **self.fulfilments}

    def routes_of(self, portal: str) -> tuple[Route, ...]:
        """The portal's routes, in the order in which they are tried."""
        return tuple(route for route in self.routes if route.portal == portal)

    def secrets(self) -> tuple[str, ...]:
        """Every secret's text, each once, for the redaction and for nothing else."""
        holders: tuple[Model, ...] = (self.store, *self.remotes.values())
        values = (getattr(holder, name) for holder in holders for name in type(holder).model_fields)
        return tuple(dict.fromkeys(v.get_secret_value() for v in values if isinstance(v, SecretStr)))
