"""What all models share, and what every remote over HTTP takes; the cures that several of them give.

It must never name a system, nor know which key stands in which section.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo

from syncer.config.complaints import FieldError
from syncer.config.files import ExistingFile, PrivateFile
from syncer.config.lists import to_tuple
from syncer.config.values import Duration, Size

TIMEOUT = 'Write timeout = "20s": how long one call may take, "0.1s" to "300s".'
POLL = 'Write poll_every = "2m": how often the remote is asked.'
DEADLINE = 'Write deadline = "14d": an order that isn\'t done by then is parked.'


class Model(BaseModel):
    """What all models share: frozen, nothing unknown, nothing converted behind the operator's back.

    Each is built when the file first has one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)


_M = TypeVar("_M", bound=Model)


class Inside(FieldError):
    """A field is a table whose `model` is built only when there is one; `errors` is what pydantic says of it."""

    def __init__(self, model: type[Model], errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("has mistakes in it")
        self.model = model
        self.errors = errors


def inside(model: type[_M], value: object, info: ValidationInfo) -> _M:
    """A table within a field, as its model. Raises `Inside`."""
    try:
        return model.model_validate(value, context=info.context)
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_input=False)
    raise Inside(model, errors)  # outside of the handler, whose error holds what the file says


def all_inside(model: type[_M], value: object, info: ValidationInfo) -> tuple[_M, ...]:
    """A list of such tables. Raises `Inside` with what is wrong in all of them, each with its place in the list."""
    made: list[_M] = []
    errors: list[Mapping[str, Any]] = []
    for place, part in enumerate(to_tuple(value)):
        try:
            made.append(inside(model, part, info))
        except Inside as found:
            errors += [{**error, "loc": (place, *error["loc"])} for error in found.errors]
    if errors:
        raise Inside(model, errors)
    return tuple(made)


class HttpRemote(Model):
    """What every remote over HTTP takes. `rate` is calls a second, `max_answer` is bytes."""

    timeout: Duration = Field(
        default=timedelta(seconds=20),
        ge=timedelta(seconds=0.1),
        le=timedelta(seconds=300),
        description=TIMEOUT,
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
