"""Where portals push: `POST /push/PORTAL/SECRET`, stored durably before it is answered.

A push is never believed: it makes its order due to be asked about. Whoever has no secret learns nothing in here: every
other request is passed on, to end as one for a page that there isn't. No secret is ever logged, kept or shown.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from cheroot.errors import MaxSizeExceeded

from syncer.store import Notice, StoreError
from syncer.telemetry import log, place, story
from syncer.web.app import HEADERS, PUSHES
from syncer.web.glance import Glance
from syncer.web.metrics import Metrics
from syncer.web.push import Malformed, Post, Pushed

LARGEST = 65_536  # bytes of a push
AT_ONCE = 3  # pushes that are being stored: one thread of the server's is always left for the pages
PATIENCE = 1.0  # seconds that a push waits to be stored; then none waits for so long, since something is wrong
AGAIN = "5"  # seconds after which the portal may try again, as HTTP writes it
CUSTOMER = "CUSTOMER"  # the audience of notices that are no trouble of ours; all others may be
OUTCOMES = {
    HTTPStatus.OK: "stored",
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.SERVICE_UNAVAILABLE: "not_stored",
    HTTPStatus.INTERNAL_SERVER_ERROR: "bug",
}


class _TooLarge(Exception):
    """More was sent than any push has."""


class _Busy(Exception):
    """The store is not quick enough."""


def _no_reader(_body: bytes) -> Pushed:
    raise Malformed("no portal of that name is pushed by")


class Inbox:
    """Takes pushes, and nothing else."""

    def __init__(self, glance: Glance, metrics: Metrics) -> None:
        self._glance = glance
        self._metrics = metrics
        self._gate = _Gate(AT_ONCE, PATIENCE)
        self._nobody = Post(os.urandom(32), _no_reader)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes] | None:
        """The answer to a push; None, and nothing is answered or read, where the request is none of a portal's own."""
        path: str = environ["PATH_INFO"]
        if not path.startswith(PUSHES):
            return None
        portal, _, secret = path.removeprefix(PUSHES).partition("/")
        post = self._glance.site.posts.get(portal, self._nobody)
        if not post.knows(secret.encode("latin-1")) or environ["REQUEST_METHOD"] != "POST":  # as WSGI has its bytes
            return None
        status = self._take(portal, post, environ)
        self._metrics.pushed(portal, OUTCOMES[status])
        more = [("Retry-After", AGAIN)] if status is HTTPStatus.SERVICE_UNAVAILABLE else []
        start_response(f"{status.value} {status.phrase}", [("Content-Length", "0"), *HEADERS.items(), *more])
        return []

    def _take(self, portal: str, post: Post, environ: dict[str, Any]) -> HTTPStatus:
        try:
            self._store(portal, post.understand(_body(environ)))
        except _TooLarge:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except Malformed:
            return HTTPStatus.BAD_REQUEST
        except (StoreError, _Busy):
            return HTTPStatus.SERVICE_UNAVAILABLE
        except OSError:  # the line was cut, or too slow: the server's own affair
            raise
        except Exception as bug:  # noqa: BLE001 - whatever it is, the portal has to try again
            log().error("web.bug", bug=place(bug), traceback=story(bug))
            return HTTPStatus.INTERNAL_SERVER_ERROR
        return HTTPStatus.OK

    def _store(self, portal: str, pushed: Pushed) -> None:
        kept = None
        with self._gate.passed():
            if pushed.order_id is not None:
                self._glance.store.push(portal, [(pushed.order_id, pushed.reference)], self._glance.now())
            if pushed.notice is not None:
                kept = self._glance.store.note_notice(portal, pushed.notice, self._glance.now())
        if kept is not None:
            _tell(kept)


def _tell(notice: Notice) -> None:
    """Says a notice in the log, once; loudly, unless it is for customers only."""
    if notice.audience == CUSTOMER:
        log().info(
            "portal.message", remote=notice.portal, audience=notice.audience, sender=notice.sender, text=notice.text
        )
    else:
        log().warning(
            "portal.message", remote=notice.portal, audience=notice.audience, sender=notice.sender, text=notice.text
        )


def _body(environ: dict[str, Any]) -> bytes:
    """What was sent, never much more of it than is allowed.

    Raises:
        Malformed: it comes in chunks that aren't, or its length isn't what was said.
        OSError: the line was cut, or is too slow.
    """
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):  # one below zero has cheroot read without an end
        raise Malformed("its length is no number")
    try:
        found: bytes = environ["wsgi.input"].read(LARGEST + 1)
    except MaxSizeExceeded:
        raise _TooLarge from None
    except ValueError:
        raise Malformed("its chunks are broken") from None
    except OSError as error:
        if error.errno is None and not isinstance(error, TimeoutError):  # cheroot's own, of a chunk
            raise _TooLarge from None
        raise
    if len(found) > LARGEST:
        raise _TooLarge
    if len(found) < int(length) and not environ.get("wsgi.input_terminated"):
        raise Malformed("its end is missing")
    return found


class _Gate:
    """Lets so many through at once. Who comes then waits a little; where that was in vain, nobody waits for a while."""

    def __init__(self, many: int, patience: float) -> None:
        self._free = threading.Semaphore(many)
        self._patience = patience
        self._shut_until = 0.0

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Within, one of them."""
        waits = time.monotonic() >= self._shut_until
        if not self._free.acquire(timeout=self._patience if waits else 0):
            self._shut_until = time.monotonic() + self._patience
            raise _Busy
        try:
            yield
        finally:
            self._free.release()
