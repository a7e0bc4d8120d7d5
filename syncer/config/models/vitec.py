"""Vitec Connect, as the file says it: the portal where estate agents order. Contract: vitec.md.

What no page of Vitec's describes is a key here, and off or empty unless it is written.
"""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from syncer.config.addresses import RemoteUrl
from syncer.config.complaints import FieldError, notes_of
from syncer.config.lists import Names, Numbers, check_keys
from syncer.config.models.base import POLL, HttpRemote
from syncer.config.models.operations import Operation, RelativePath
from syncer.config.places import dotted
from syncer.config.secrets import WAYS, KeyedSecret
from syncer.config.values import Duration, Text, Zone, to_text

State = Literal["new", "received", "active", "waiting", "delivered", "cancelled"]
STATES = ("new", "received", "active", "waiting", "delivered", "cancelled")
TOLD = ("active", "waiting", "delivered")  # the states that Vitec can be told of, where it can be at all
AREAS = frozenset({"Service", "Note", "User", "Office"})  # the first parts of the paths that are called

_URL = 'Write url = "https://connect.maklare.vitec.net": where Vitec Connect is.'
_PASSWORDS = f"Write passwords = {{ M40017 = {WAYS} }}: one for each office, group or tenant."
_CUSTOMERS = 'Write customers = ["M40017"]: the offices whose orders are listed; by default those with a password.'
_OPERATIONS = (
    'Write operations.delivered = { method = "PUT", path = "Service/Order/…/{customer_id}", body = \'…\' } as Vitec '
    "says it; or leave it out."
)
_KEY = re.compile(r"[MSOGT][0-9]+(?:/[A-Za-z]+)?")
_CUSTOMER = re.compile("[MSO][0-9]+")
_OFFICE = re.compile("[MS][0-9]+")
_OWNER = re.compile("[GT][0-9]+")


def _username(value: object) -> str:
    if ":" in (text := to_text(value)):
        raise FieldError("holds a colon, which can't be signed in with")
    return text


def _passwords(value: object) -> object:
    if not isinstance(value, dict) or not value:
        raise FieldError("must be a table with a password in it")
    for key in value:
        if not _KEY.fullmatch(key):
            cure = 'Write M, S, O, G or T and a number, as in M40017; for one function group "M40017/Note", in quotes.'
            raise FieldError("holds a key that is no customer, group or tenant", cure)  # it may be a secret
    return value


def _states(value: object) -> object:
    if not isinstance(value, dict):
        raise FieldError("must be a table")
    for name, state in value.items():
        if not name.strip() or state not in STATES:
            raise FieldError(f"{dotted((name,))} is not one of our states", f"There is: {', '.join(STATES)}.")
    return value


def _members(value: object) -> object:
    if not isinstance(value, dict):
        raise FieldError("must be a table")
    for name, owners in value.items():
        if not _CUSTOMER.fullmatch(name):
            raise FieldError(f"{dotted((name,))} is no customer")
        if not isinstance(owners, list | tuple) or not all(_is(_OWNER, owner) for owner in owners):
            raise FieldError(f"{dotted((name,))} must be a list of groups and tenants")
    return {name: tuple(owners) for name, owners in value.items()}


def _is(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


class VitecPortal(HttpRemote):
    """A partner's account at Vitec Connect, over all `customers` whose lists are polled.

    A password's key is a customer, group or tenant id, or that and a function group (section 1). `statuses` maps
    Vitec's words to our states, and an unmapped one changes nothing. `since` is the first day ever read.
    """

    kind: Literal["vitec"] = Field(default="vitec", description='Write kind = "vitec".')
    url: RemoteUrl = Field(description=_URL)
    username: Annotated[str, BeforeValidator(_username)] = Field(
        description='Write username = "partner": your user at Vitec Connect.'
    )
    image_path: RelativePath = Field(
        default="Image", description='Write image_path = "Image", or "CRM/Image" where that is what was granted.'
    )
    operations: dict[Literal["active", "waiting", "delivered"], Operation] = Field(
        default_factory=dict, description=_OPERATIONS
    )
    passwords: Annotated[dict[str, KeyedSecret], BeforeValidator(_passwords)] = Field(description=_PASSWORDS)
    members: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_members)] = Field(
        default_factory=dict,
        description='Write members = { M40017 = ["G7", "T3"] }: the group and tenant whose password is an office\'s.',
    )
    customers: Names = Field(default=(), validate_default=True, description=_CUSTOMERS)
    services: Numbers = Field(description="Write services = [812]: the numbers of your services, at least one.")
    poll_every: Duration = Field(default=timedelta(minutes=15), description=POLL.replace("2m", "15m"))
    since: date | None = Field(
        default=None,
        description="Write since = 2026-11-01, a date without quotes: the first that is ever read. "
        "Unset, each list is read from rescan_days before the first run's day.",
    )
    overlap: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(hours=1),
        description='Write overlap = "1h": what each poll reads again, an hour or more.',
    )
    rescan_days: int = Field(
        default=14, ge=0, le=3650, description="Write rescan_days = 14: days that are read again once a day."
    )
    unopened_after: Duration = Field(
        default=timedelta(days=1),
        description='Write unopened_after = "1d": an order whose page nobody opened by then is parked.',
    )
    timezone: Zone = Field(
        default=ZoneInfo("Europe/Stockholm"),
        description='Write timezone = "Europe/Stockholm": the clock of Vitec\'s times.',
    )
    statuses: Annotated[dict[str, State], BeforeValidator(_states)] = Field(
        default_factory=dict, description='Write statuses = { Error = "waiting" }: Vitec\'s words, and our states.'
    )
    image_category: Text | None = Field(
        default=None, description='Write image_category = "Interiör": one of those that the office has.'
    )
    notes: bool = Field(default=True, description="Write notes = true, or false to write no note on the home.")
    images: bool = Field(default=True, description="Write images = true, or false to add no image to the home.")
    ask_user: bool = Field(
        default=True, description="Write ask_user = true, or false to never ask the agent through Vitec."
    )
    link_days: Duration = Field(
        default=timedelta(days=90), description='Write link_days = "90d": how long a link to a file works.'
    )

    @field_validator("operations", mode="before")
    @classmethod
    def _states_can_be_told(cls, value: Any) -> Any:
        return check_keys(value, TOLD, "a state that Vitec can be told of")

    @field_validator("passwords")
    @classmethod
    def _areas_are_called(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        paths = [info.data.get("image_path", "Image"), *(one.path for one in info.data.get("operations", {}).values())]
        areas = AREAS | {path.lstrip("/").partition("/")[0] for path in paths}
        for key in value:
            area = key.partition("/")[2]
            if area and area not in areas:
                notes_of(info).warn(info, f"{dotted((key,))} is for calls that are never made", "Take it out.")
        return value

    @field_validator("customers")
    @classmethod
    def _customers_have_passwords(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "passwords" not in info.data:
            return value  # a problem of its own
        owners = list(dict.fromkeys(key.partition("/")[0] for key in info.data["passwords"]))
        value = value or tuple(owner for owner in owners if _OFFICE.fullmatch(owner))
        if not value:
            raise FieldError("is missing, and no password is an office's own")
        for customer in value:
            if not _CUSTOMER.fullmatch(customer):
                raise FieldError(f"{dotted((customer,))} is no customer")
            if not _has_password(customer, info.data):
                raise FieldError(f"{customer} has no password for its orders", _PASSWORDS)
        return value


def _has_password(customer: str, data: dict[str, Any]) -> bool:
    """Whether one is found for its orders: its own, else its group's, else its tenant's (section 1)."""
    passwords = data["passwords"]
    groups = {key.partition("/")[0] for key in passwords}
    sole = [found[0] for prefix in "GT" if len(found := [one for one in groups if one.startswith(prefix)]) == 1]
    owners = (customer, *data.get("members", {}).get(customer, sole))
    return any(owner in passwords or f"{owner}/Service" in passwords for owner in owners)
