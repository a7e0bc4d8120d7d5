"""The six errors, each named by the reaction that it demands.

Nothing else is raised on purpose across a room's border. An error carries the remote, the operation and a hint
for the operator; never a URL, a header or a body, since those hold secrets and people.
"""

from dataclasses import dataclass


class SyncerError(Exception):
    """What the six have in common: a sentence that may be shown to anyone."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration: where it stands, what is wrong, and what to do about it."""

    place: str
    wrong: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.wrong}" + (f" — {self.cure}" if self.cure else "")


class ConfigError(SyncerError):
    """The operator's mistakes, all of them at once. Reaction: print them, exit 78."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class RemoteError(SyncerError):
    """Something went wrong in one call to one remote."""

    def __init__(self, remote: str, operation: str, cause: str, hint: str = "") -> None:
        super().__init__(f"{remote} {operation}: {cause}" + (f" ({hint})" if hint else ""))
        self.remote = remote
        self.operation = operation
        self.cause = cause
        self.hint = hint


class Unavailable(RemoteError):
    """Surely without effect: refused, no such host, 429, or any outage in a call that is safe to repeat.

    Reaction: leave this remote alone for a while. `retry_after` is in seconds, None where the remote said nothing.
    With `order_only` the remote is well, and it is this order that it wants later.
    """

    def __init__(
        self,
        remote: str,
        operation: str,
        cause: str,
        hint: str = "",
        *,
        retry_after: float | None = None,
        order_only: bool = False,
    ) -> None:
        super().__init__(remote, operation, cause, hint)
        self.retry_after = retry_after
        self.order_only = order_only


class AccessDenied(RemoteError):
    """The credentials are wrong. Reaction: stop calling this remote until a restart or `retry`, and say so loudly."""


class Rejected(RemoteError):
    """Understood and refused; `cause` is the remote's own word. Reaction: an observation, and `decide` chooses."""


class Unreadable(RemoteError):
    """The answer does not parse. Reaction: keep `raw`, park that order, go on."""

    def __init__(self, remote: str, operation: str, cause: str, hint: str = "", raw: str = "") -> None:
        super().__init__(remote, operation, cause, hint)
        self.raw = raw


class Uncertain(RemoteError):
    """It may have had its effect: a time-out, a cut line or a 5xx on an unsafe call. Reaction: `find` before all else.

    `settle_seconds` is how long the remote may still be at work on it, so that an earlier `find` proves nothing.
    """

    def __init__(self, remote: str, operation: str, cause: str, hint: str = "", settle_seconds: float = 0.0) -> None:
        super().__init__(remote, operation, cause, hint)
        self.settle_seconds = settle_seconds
