"""What delivers an order without an API: a program of the user's, or a person."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from syncer.config.files import Program
from syncer.config.models.base import DEADLINE, Model
from syncer.config.values import Duration

_COMMAND = 'Write command = ["/usr/local/bin/activate", "--fast"]: a list, the program first; there is no shell.'


class Command(Model):
    """A program of the user's that delivers one order: JSON on its stdin, never a shell."""

    kind: Literal["command"] = Field(default="command", description='Write kind = "command".')
    command: Program = Field(description=_COMMAND)
    timeout: Duration = Field(
        default=timedelta(seconds=60), description='Write timeout = "60s": how long one run may take.'
    )
    deadline: Duration = Field(default=timedelta(days=14), description=DEADLINE)
    parallel: int = Field(default=1, ge=1, le=64, description="Write parallel = 1: runs at once, 1 to 64.")
    retry_every: Duration = Field(
        default=timedelta(minutes=5), description='Write retry_every = "5m": the wait after exit code 75.'
    )


class Manual(Model):
    """A person who ends orders with `syncer deliver` and `syncer cancel`. No deadline unless there is one here."""

    kind: Literal["manual"] = Field(default="manual", description='Write kind = "manual".')
    deadline: Duration | None = Field(default=None, description=DEADLINE)
