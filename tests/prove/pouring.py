"""Files on the wire of a program in one process: an answer of the remotes' as requests would have it, in small parts.

What the program's own client makes of a body is left to it. Downloads are made where they are begun, so that a run
always goes the same way.
"""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import requests
import urllib3

from syncer.portals.downloads import Downloads, Key
from syncer.remotes.http import bodies
from syncer.simulators.host import Answer as Sent
from syncer.simulators.host import Manner

PART = 1024  # bytes: most files come in two parts or more


class Inline(Downloads[Any]):
    """Downloads that are over when they have been begun."""

    def begin(self, key: Key, make: Callable[[], Any]) -> None:
        """Makes one, unless its outcome has not been taken."""
        if key in self._tasks:
            return
        self._tasks[key] = task = Future[Any]()
        try:
            task.set_result(make())
        except Exception as end:  # noqa: BLE001 - it is raised where the outcome is taken
            task.set_exception(end)


@contextmanager
def in_parts(size: int = PART) -> Iterator[None]:
    """Within, bodies come in parts of so many bytes."""
    usual = bodies.CHUNK
    bodies.CHUNK = size
    try:
        yield
    finally:
        bodies.CHUNK = usual


def response_of(sent: Sent) -> requests.Response:
    """What came in, as it is before its body is read."""
    assert sent.status is not None
    length = int(sent.amount) if sent.manner is Manner.HUGE else sent.length
    body = b" " * length if sent.manner is Manner.HUGE else b"".join(sent.pieces(sent.length))
    headers = {**sent.headers, **({"Content-Type": sent.content_type} if sent.content_type else {})}
    if "Transfer-Encoding" not in headers or sent.manner is Manner.SHORT:
        headers = {**headers, "Content-Length": str(length)}
        headers.pop("Transfer-Encoding", None)
    cut = body[: length // 2] if sent.manner is Manner.SHORT else body
    response = requests.Response()
    response.status_code = sent.status
    response.headers = requests.structures.CaseInsensitiveDict(headers)
    plain = {name: text for name, text in headers.items() if name != "Transfer-Encoding"}  # it is not chunked here
    response.raw = urllib3.HTTPResponse(io.BytesIO(cut), plain, sent.status, preload_content=False)
    return response
