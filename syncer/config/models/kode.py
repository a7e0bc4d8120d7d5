"""KODE, as the file says it: the portal that is asked about its orders, and the fulfilment that places them there.

Contract: kode.md; what its section 14 calls unknown is a key here.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from syncer.config.addresses import Hosts, RemoteUrl
from syncer.config.complaints import FieldError
from syncer.config.files import KeptHere
from syncer.config.models.base import DEADLINE, POLL, HttpRemote, Model
from syncer.config.secrets import WAYS, Secret
from syncer.config.values import Duration, Size, Text, Zone

_URL = 'Write url = "https://beta-api.ambita.com/kode/v1": where KODE is; ask Ambita for the one of production.'
_TOKENS = 'Write token_url = "https://beta-api.ambita.com/authentication/v2/token": where tokens are got.'
_PUSH = (
    f"Write push_secret = {WAYS}: at least 16 letters, digits, - and _, since it stands in an address; "
    "make one with: openssl rand -hex 24"
)
_FILE_TIMEOUT = 'Write file_timeout = "10m": how long one download may take, "1s" to "2h".'


class KodePortal(HttpRemote):
    """An account at KODE, whose orders are followed. `files_dir` is whole, and may be another portal's too.

    `poll_every` is for an order's first hour. `max_file_size` is bytes; `timezone` is of times without an offset.
    """

    kind: Literal["kode"] = Field(default="kode", description='Write kind = "kode".')
    url: RemoteUrl = Field(description=_URL)
    token_url: RemoteUrl = Field(description=_TOKENS)
    client_id: Text = Field(description='Write client_id = "acme": your client\'s name, from Ambita.')
    client_secret: Secret = Field(description=f"Write client_secret = {WAYS}: your client's, from Ambita.")
    username: Text = Field(description='Write username = "acme-api": your API user, from Ambita.')
    password: Secret = Field(description=f"Write password = {WAYS}: your API user's, from Ambita.")
    poll_every: Duration = Field(default=timedelta(minutes=1), description=POLL)
    follow_after_finished: Duration = Field(
        default=timedelta(days=30),
        description='Write follow_after_finished = "30d": files may come that long after an order\'s end.',
    )
    files_dir: KeptHere = Field(
        default=Path("files"),
        validate_default=True,
        description='Write files_dir = "files": a directory, relative to state_dir.',
    )
    download_hosts: Hosts = Field(
        default=(),
        description='Write download_hosts = ["files.ambita.example"]: hosts besides the url\'s that files come from.',
    )
    max_file_size: Size = Field(
        default=500_000_000, description='Write max_file_size = "500MB": a larger file is not fetched.'
    )
    file_timeout: Duration = Field(
        default=timedelta(minutes=10), ge=timedelta(seconds=1), le=timedelta(hours=2), description=_FILE_TIMEOUT
    )
    push_secret: Secret | None = Field(default=None, description=_PUSH)
    timezone: Zone = Field(
        default=ZoneInfo("Europe/Oslo"), description='Write timezone = "Europe/Oslo": the clock of KODE\'s times.'
    )
    client_on_refresh: bool = Field(
        default=True,
        description="Write client_on_refresh = true, or false to renew a token without client_id and client_secret.",
    )
    token_form: bool = Field(
        default=False, description="Write token_form = false, or true to ask for tokens with a form instead of JSON."
    )
    old_prices: bool = Field(
        default=False, description="Write old_prices = false, or true to ask for prices of cadastre and share too."
    )
    download_auth: bool = Field(
        default=True, description="Write download_auth = true, or false to fetch files without the token."
    )

    @field_validator("push_secret")
    @classmethod
    def _push_secret_can_stand_in_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[A-Za-z0-9_-]{16,200}", value.get_secret_value()):
            raise FieldError("is short, long, or has a character that can't stand in an address")
        return value


class KodeFulfilment(Model):
    """Places orders with the account of `portal`, whose limits and secrets are its own."""

    kind: Literal["kode"] = Field(default="kode", description='Write kind = "kode".')
    portal: Text = Field(description='Write portal = "NAME": a [portals.NAME] of kind "kode", whose account is used.')
    poll_every: Duration = Field(default=timedelta(minutes=1), description=POLL)
    deadline: Duration | None = Field(default=timedelta(days=30), description=DEADLINE.replace("14d", "30d"))
