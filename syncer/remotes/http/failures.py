"""What a call that failed says, in a few words that show no URL, and whether it may have had an effect.

Which error that becomes is the call's to say (`calls`).
"""

from collections.abc import Iterator

import requests
import urllib3

LATE, TOO_LONG = "no answer in time", "the answer passes"
_NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)


def what(cause: BaseException, *, sent: bool) -> tuple[str, bool]:  # noqa: PLR0911 - a table of failures, in order
    """A failure in a few words without any URL, and whether the request may have reached the remote.

    `sent`: the request was begun to be sent over TLS, so that its handshake was done.
    """
    chain = list(chain_of(cause))
    if any(isinstance(error, urllib3.exceptions.NameResolutionError) for error in chain):
        return "no such host", False
    if any(isinstance(error, ConnectionRefusedError) for error in chain):
        return "connection refused", False
    if any(isinstance(error, requests.exceptions.SSLError) for error in chain):
        return "the TLS certificate or connection is not accepted", sent
    if any(isinstance(error, requests.ConnectTimeout | urllib3.exceptions.NewConnectionError) for error in chain):
        return "no connection", False
    if isinstance(cause, _NO_ADDRESS):
        return "the configured address is not one that can be called", False
    if any(isinstance(error, requests.Timeout | TimeoutError | urllib3.exceptions.TimeoutError) for error in chain):
        return LATE, True
    return "the connection broke", True


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """An error, what it wraps, and what caused it, as far as they go."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        item = todo.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        todo += [item.__cause__, item.__context__]
        # An ssl.SSLError's `reason` is a text.
        wrapped = (getattr(item, "reason", None), *item.args)
        todo += [inside for inside in wrapped if isinstance(inside, BaseException)]


class TooLarge(Exception):
    """The answer passes what may be taken of it; it may say how many bytes that was."""


class Unwatched(Exception):
    """Nothing could keep the call's deadline, so it was not made."""


class NotTaken(Exception):
    """A body was given up on this side, and `why`: an error that is none of the wire's."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why
