"""The calls to one remote, and what becomes of them.

Each call says whether it is `safe` to repeat, since a verb doesn't tell (XSP writes with GET). From that follows which
error a failure is. No call is ever repeated in here, no redirect followed, and no URL, header or body leaves in an
error or a log.
"""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from json import dumps
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3

from syncer.errors import AccessDenied, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import deadlines
from syncer.remotes.http.addresses import address, harmless
from syncer.remotes.http.bodies import CHUNK, Pouring, bounded, unpacked
from syncer.remotes.http.connections import WatchedAdapter
from syncer.remotes.http.deadlines import Call
from syncer.remotes.http.failures import LATE, TOO_LONG, NotTaken, TooLarge, Unwatched, what
from syncer.remotes.http.pace import Pace
from syncer.remotes.http.values import Answer, CallFact, Limits, retry_after

PASSING = 8  # secrets of run time that may still be echoed
SHORTEST_HIDDEN = 6  # a shorter secret may stand in any word of an answer
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class Http:
    """The calls to one remote: connections that are kept, a limit on calls under way, and a deadline on each.

    `observe` is told of each call. With `read_only`, a call that isn't safe is a bug, and raised as one. Once
    `stopped`, no call begins.
    """

    def __init__(
        self,
        remote: str,
        limits: Limits,
        *,
        auth: tuple[str, str] | None = None,
        observe: Callable[[CallFact], None] = lambda _: None,
        read_only: bool = False,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.remote = remote
        self.limits = limits
        self._hidden = _basic(auth)
        self._passing: list[bytes] = []
        self._observe = observe
        self._read_only = read_only
        self._stopped = stopped
        self._headers = dict(requests.utils.default_headers()) | {"User-Agent": "syncer"}
        if auth is not None:
            self._headers["Authorization"] = f"Basic {self._hidden[-1].decode()}"
        # Connections are kept and shared: whoever calls takes the one that was used last.
        self._adapter = WatchedAdapter(pool_connections=4, pool_maxsize=limits.parallel, max_retries=0)
        self._places = threading.BoundedSemaphore(limits.parallel)
        self._pace = Pace(limits.rate, stopped)

    def hide(self, secret: str, *, lasting: bool = True) -> None:
        """A text that no answer may bring back in: a remote may echo what it was sent, hash and all.

        Of those that don't last, the newest few are remembered.
        """
        if lasting:
            self._hidden = [*self._hidden, secret.encode()]
        else:
            self._passing = [*self._passing[1 - PASSING :], secret.encode()]

    def close(self) -> None:
        """Closes the connections that are kept; one whose call is under way, once that is over."""
        self._adapter.close()

    def call(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        safe: bool,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        reveal: bool = False,
    ) -> Answer:
        """Makes one call and returns whatever was answered below 500, 401, 403 and 429 apart.

        Secrets that are echoed are hidden, unless the answer is there to `reveal` one.

        Raises:
            Unavailable: surely without effect.
            AccessDenied: 401 or 403.
            Uncertain: it isn't safe, and may have had its effect.
        """
        if self._read_only and not safe:
            raise AssertionError(f"{self.remote} {operation} would write")
        request = {"params": params, "data": form, "json": json, "headers": headers}
        shown, sent = harmless(url, params or form or {}), len(_body(form, json) or b"")
        about = CallFact(self.remote, operation, 0.0, "", safe, method, shown, sent)
        answer = self._placed(about, lambda: self._send(method, url, request))
        return answer if reveal else self._veiled(answer)

    def stream(
        self,
        operation: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        take: Callable[[bytes], object],
        most: int,
        expected: Callable[[Answer], bool] = lambda _: True,
    ) -> Answer:
        """GETs a body of any length, and hands it on in parts of at most CHUNK bytes as it comes. Safe.

        Only a 200 is handed on, decoded, and only where its head is as `expected`; it is returned without its body.
        Any other answer is returned as `call` does, and a redirect as the answer that it is. What `take` raises passes
        through. After an error some of the body may have been handed on already.

        Raises:
            Unreadable: the body passes `most` bytes.
            Unavailable: it came too late, or not whole.
            AccessDenied: 401 or 403.
        """
        pouring = Pouring(take, most, expected)
        about = CallFact(self.remote, operation, 0.0, "", True, "GET", harmless(url, {}))
        return self._veiled(self._placed(about, lambda: self._pour(url, headers or {}, operation, pouring), pouring))

    def _placed(self, about: CallFact, send: Callable[[], Answer], pouring: Pouring | None = None) -> Answer:
        """One call when there is a place for it and it is its turn; `about` is what is told of it, but its end."""
        with self._places:
            self._pace.wait()
            if self._stopped():
                raise Unavailable(self.remote, about.operation, "not sent: syncer was stopped before", order_only=True)
            began = time.monotonic()
            answer, error = self._attempt(about.operation, send, safe=about.safe)
            outcome = str(answer.status) if answer is not None else type(error).__name__
            seconds = time.monotonic() - began
            size = (0 if answer is None else len(answer.body)) + (0 if pouring is None else pouring.size)
            self._observe(replace(about, seconds=seconds, outcome=outcome, size=size))
        if error is not None:
            raise error
        assert answer is not None
        return answer

    def veil(self, text: str) -> str:
        """A text that was read out of an answer, whose escapes may have hidden a secret until then."""
        for secret in (*self._hidden, *self._passing):
            if len(secret) >= SHORTEST_HIDDEN:
                text = text.replace(secret.decode(), "[hidden]")
        return text

    def _veiled(self, answer: Answer) -> Answer:
        body = answer.body
        for secret in (*self._hidden, *self._passing):
            if len(secret) >= SHORTEST_HIDDEN:
                body = body.replace(secret, b"[hidden]")
        return answer if body is answer.body else Answer(answer.status, body, answer.headers)

    def _attempt(
        self, operation: str, send: Callable[[], Answer], *, safe: bool
    ) -> tuple[Answer | None, Exception | None]:
        """The answer or the error, so that nothing is raised while requests' own error, with its URL, is at hand."""
        call = Call(time.monotonic() + self.limits.timeout)
        try:
            with deadlines.WATCHER.over(call):
                answer = send()
        except Unwatched:
            return None, Unavailable(self.remote, operation, "not sent: no thread could be started to watch over it")
        except NotTaken as stopped:
            return None, stopped.why
        except TooLarge as large:
            most = large.args[0] if large.args else self.limits.max_answer
            return None, self._unreadable(operation, f"{TOO_LONG} {most} bytes", safe=safe)
        except Exception as cause:
            known = isinstance(cause, requests.RequestException | urllib3.exceptions.HTTPError | OSError)
            if not known and not call.late:
                raise
            return None, self._broken(operation, cause, call, safe=safe)
        if call.late:  # what was cut can look whole: a body, or even the headers, may end where the line does
            return None, self._broken(operation, None, call, safe=safe)
        return answer, self._refused(operation, answer, safe=safe)

    def _send(self, method: str, url: str, request: dict[str, Any]) -> Answer:
        response = self._begun(method, url, request)
        try:
            return _answer(response, b"".join(bounded(response.iter_content(CHUNK), self.limits.max_answer)))
        finally:
            response.close()

    def _pour(self, url: str, headers: Mapping[str, str], operation: str, pouring: Pouring) -> Answer:
        # Not packed, so that its length is the file's.
        response = self._begun("GET", url, {"headers": {"Accept-Encoding": "identity", **headers}})
        try:
            head = _answer(response, b"")
            if head.status != 200 or not pouring.expected(head):
                return _answer(response, b"".join(bounded(response.iter_content(CHUNK), self.limits.max_answer)))
            pouring.refuse_longer(head)
            for part in bounded(unpacked(response), pouring.most):
                if self._stopped():
                    raise NotTaken(Unavailable(self.remote, operation, "syncer was stopped", order_only=True))
                pouring.on(part)
            if not pouring.size and not head.headers.keys() & {"content-length", "transfer-encoding"}:
                raise requests.ConnectionError  # a head that was cut looks like this, and no file does
            return head
        finally:
            response.close()  # and the connection, where there was more to come

    def _begun(self, method: str, url: str, request: dict[str, Any]) -> requests.Response:
        """Sends a request and reads the head of its answer."""
        return self._adapter.send(
            self._prepared(method, url, **request),
            stream=True,
            timeout=self.limits.timeout,
            verify=str(self.limits.ca_file) if self.limits.ca_file else True,
            cert=str(self.limits.client_cert) if self.limits.client_cert else None,
        )

    def _prepared(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.PreparedRequest:
        """The request, without what a session adds: no ~/.netrc, no proxy of the environment, no cookies.

        A session's own preparing costs more than the rest of a call.
        """
        made = requests.PreparedRequest()
        made.method, made.url = method, address(url)
        if params:
            made.url += ("&" if "?" in made.url else "?") + urlencode(params)
        made.headers = requests.structures.CaseInsensitiveDict(self._headers | dict(headers or {}))
        made.body = _body(data, json)
        if made.body is not None:
            made.headers["Content-Type"] = JSON if data is None else FORM
        if made.body is not None or method not in {"GET", "HEAD"}:
            made.headers["Content-Length"] = str(len(made.body or b""))
        return made

    # --- what a failure is ------------------------------------------------------------------------------------

    def _broken(self, operation: str, cause: BaseException | None, call: Call, *, safe: bool) -> RemoteError:
        late = call.late or cause is None
        said, began = (LATE, call.sock is not None) if late else what(cause, sent=call.sent)  # type: ignore[arg-type]
        if safe or not began:
            return Unavailable(self.remote, operation, said)
        settle = self.limits.timeout if said == LATE else 0.0
        return Uncertain(self.remote, operation, said, settle_seconds=settle)

    def _unreadable(self, operation: str, said: str, *, safe: bool) -> RemoteError:
        if safe:
            return Unreadable(self.remote, operation, said)
        return Uncertain(self.remote, operation, said)

    def _refused(self, operation: str, answer: Answer, *, safe: bool) -> RemoteError | None:
        status = answer.status
        if status == 429:
            return Unavailable(self.remote, operation, "429 too many calls", retry_after=retry_after(answer))
        if status in {401, 403}:
            return AccessDenied(self.remote, operation, f"HTTP {status}", "see that its credentials are right")
        if (status < 500 and status not in {408, 425}) or status == 501:
            return None
        if safe:
            return Unavailable(self.remote, operation, f"HTTP {status}", retry_after=retry_after(answer))
        return Uncertain(self.remote, operation, f"HTTP {status}")


JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def _body(data: Mapping[str, str] | None, json: Any) -> bytes | None:
    if data is not None:
        return urlencode(data).encode()
    return None if json is None else dumps(json, allow_nan=False).encode()


def _basic(auth: tuple[str, str] | None) -> list[bytes]:
    """The password, as it is and as Basic authentication carries it."""
    if auth is None:
        return []
    return [auth[1].encode(), base64.b64encode(f"{auth[0]}:{auth[1]}".encode())]


def _answer(response: requests.Response, body: bytes) -> Answer:
    return Answer(response.status_code, body, {name.lower(): text for name, text in response.headers.items()})
