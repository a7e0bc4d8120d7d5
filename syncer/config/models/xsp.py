"""A portal that speaks XSP, as the file says it. Contract: xsp.md."""

from datetime import date, timedelta
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from syncer.config.addresses import RemoteUrl
from syncer.config.complaints import FieldError
from syncer.config.models.base import POLL, HttpRemote
from syncer.config.secrets import Secret
from syncer.config.values import Digits, Duration

_URL = 'Write url = "https://www.stadsnatsportalen.se/plain/serviceguide_log": the portal\'s endpoint.'


class XspPortal(HttpRemote):
    """A portal that speaks XSP. `api_user` is digits, as a text; `since` is the first date ever read.

    Where `since` is None, the portal is read from `rescan_days` before the first run's day.
    """

    kind: Literal["xsp"] = Field(default="xsp", description='Write kind = "xsp".')
    url: RemoteUrl = Field(description=_URL)
    api_user: Digits = Field(description="Write api_user = 1234: the number of your API user.")
    api_key: Secret = Field(
        description='Write api_key = { env = "XSP_API_KEY" }, { file = "…" } or { credential = "…" }.'
    )
    poll_every: Duration = Field(default=timedelta(minutes=2), description=POLL)
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
