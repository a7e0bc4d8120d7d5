"""A city network that speaks ON-API, as the file says it. Contract: on_api.md."""

import re
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from syncer.config.addresses import BaseUrl, Endpoints, Hosts
from syncer.config.complaints import notes_of
from syncer.config.models.base import DEADLINE, POLL, HttpRemote
from syncer.config.secrets import Secret
from syncer.config.values import Duration, Text

_URL = 'Write url = "https://NETWORK/onapi/2.4/": the network\'s ON-API with its version.'
_VERSION = 'Write version = "2.4", "2.5" or "2.6", in quotes; or leave it out where the url holds it.'


class OnApi(HttpRemote):
    """A city network that speaks ON-API. `url` ends in a slash; `paths` has only what differs from discovery."""

    kind: Literal["on_api"] = Field(default="on_api", description='Write kind = "on_api".')
    url: BaseUrl = Field(description=_URL)
    username: Text = Field(description='Write username = "sp": your user at the network.')
    password: Secret = Field(
        description='Write password = { file = "onapi.secret" }, { env = "…" } or { credential = "…" }.'
    )
    version: Literal["2.4", "2.5", "2.6"] = Field(default="2.4", description=_VERSION)
    poll_every: Duration = Field(default=timedelta(minutes=1), description=POLL)
    deadline: Duration = Field(default=timedelta(days=14), description=DEADLINE)
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
