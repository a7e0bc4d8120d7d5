"""The top of the file, and the small sections: database, log, web server and privacy.

It must never hold anything of a remote or of a route.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from syncer.config.addresses import STORE_CURE, Listen, PublicUrl, StoreUrl
from syncer.config.complaints import notes_of
from syncer.config.files import Directory
from syncer.config.models.base import Model
from syncer.config.secrets import WAYS, Secret
from syncer.config.values import Duration, Zone


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


class General(Model):
    """The keys at the top of the file, above its sections."""

    timezone: Zone = Field(
        default=ZoneInfo("Europe/Stockholm"),
        description='Write timezone = "Europe/Stockholm": the portals\' wall clock.',
    )
    state_dir: Directory = Field(description='Write state_dir = "state": a directory, relative to this file.')
