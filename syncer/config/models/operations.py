"""A call that Vitec may have and no page of its describes, as the file says it (vitec.md, section 6).

Its path and body are templates that can name the fields below and nothing else.
"""

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from syncer.config.complaints import FieldError, nearest
from syncer.config.lists import Numbers
from syncer.config.models.base import Model
from syncer.config.values import to_text

OPERATION_FIELDS = (
    "at",
    "chain_id",
    "customer_id",
    "message",
    "order_id",
    "owner_id",
    "reference",
    "service_id",
    "state",
    "status",
    "target_id",
    "target_type",
    "tenant_id",
    "url",
    "user_id",
)
_FIELD = re.compile(r"\{([^{}]*)\}")
_PATH = 'Write path = "Service/Order/…/{customer_id}": where the call goes, below the url.'
_BODY = 'Write body = \'{"id": "{order_id}"}\': JSON with fields in its texts; or a table; or leave it out.'
_NUMBERS = "Write status = [200]: the HTTP codes of an answer that means done."


def _relative(value: object) -> str:
    path = to_text(value)
    place = path.lstrip("/").partition("?")[0]
    odd = path.startswith("//") or re.search(r"[#\s]", path) or re.search(r"[:\\%]", place)
    if odd or {".", "..", ""} & set(place.split("/")):
        raise FieldError("is not a path below the url")
    return path


def _plain(value: object) -> str:
    if re.search("[{}?]", path := _relative(value)):
        raise FieldError("is not a plain path")
    return path


def _template(value: object) -> str:
    path = _relative(value)
    _check_fields(path)
    return path


def _check_fields(text: str) -> None:
    for name in _FIELD.findall(text):
        if name not in OPERATION_FIELDS:
            raise FieldError(f"{{{name}}} is not a field that a call can have", nearest(name, OPERATION_FIELDS))
    if set(_FIELD.sub("", text)) & {"{", "}"}:
        raise FieldError("has a brace that stands alone")


def _body(value: object) -> Any:
    """What the call sends; a text is read as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=float)
        except (ValueError, RecursionError):
            raise FieldError("is not JSON") from None
    for part in _leaves(value):
        if isinstance(part, str):
            _check_fields(part)
        elif not (part is None or isinstance(part, bool | int) or (isinstance(part, float) and isfinite(part))):
            raise FieldError("has a value that JSON doesn't have", "Write dates and times as texts, in quotes.")
    return value


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def _plain_value(value: object) -> object:
    if value is not None and not isinstance(value, str | int):
        raise FieldError("is not a text, a whole number, true or false")
    return value


RelativePath = Annotated[str, BeforeValidator(_plain)]


class Success(Model):
    """What tells that a call was done: one of the codes, and where `field` is given, its value.

    `field` is a path of names with dots between, and "" is the whole answer, as a bare `true` is.
    """

    status: Numbers = Field(default=(200, 201, 202, 204), description=_NUMBERS)
    field: str | None = Field(
        default=None, description='Write field = "data.status", or "" for the whole answer; or leave it out.'
    )
    equals: Annotated[str | int | bool | None, BeforeValidator(_plain_value)] = Field(
        default=True, description="Write equals = true, or the text or number that means done."
    )

    @field_validator("status")
    @classmethod
    def _are_codes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not all(200 <= code < 300 for code in value):
            raise FieldError("holds a number that is no HTTP code of a success")
        return value

    @field_validator("equals")
    @classmethod
    def _has_a_field(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("field", "") is None:
            raise FieldError("stands without field", 'Write field = "…" too; "" is the whole answer.')
        return value


class Operation(Model):
    """One configured call. `body` is what JSON sends, with fields in its texts; None for no body."""

    method: Literal["PUT", "POST", "PATCH", "DELETE", "GET"] = Field(
        description='Write method = "PUT", "POST", "PATCH", "DELETE" or "GET".'
    )
    path: Annotated[str, BeforeValidator(_template)] = Field(description=_PATH)
    body: Annotated[Any, BeforeValidator(_body)] = Field(default=None, description=_BODY)
    success: Success = Field(
        default=Success(), description='Write success = { status = [200], field = "", equals = true }.'
    )
