"""Calls over HTTP, and the only importer of requests.

Each call says whether it is `safe` to repeat, since a verb doesn't tell (XSP writes with GET). From that follows which
error a failure is. No call is ever repeated in here, no redirect followed, and no URL, header or body leaves in an
error or a log.
"""

import base64
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import ip_address
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from syncer.errors import AccessDenied, RemoteError, Unavailable, Uncertain, Unreadable

CHUNK = 65_536
LATE, TOO_LONG = "no answer in time", "the answer passes"
LONGEST_PAUSE = 86_400.0  # seconds
PASSING = 8  # secrets of run time that may still be echoed
HARMLESS = frozenset({"method", "id", "date", "status", "type", "api_user", "accessId", "since"})  # in a query
SHORTEST_HIDDEN = 6  # a shorter secret may stand in any word of an answer


@dataclass(frozen=True, slots=True)
class Limits:
    """What one remote may take of us. `timeout` is for a whole call, in seconds; `rate` is calls a second."""

    timeout: float = 20.0
    parallel: int = 4
    rate: float = 10.0
    max_answer: int = 32_000_000
    ca_file: Path | None = None
    client_cert: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `text` is for parsing only; it may hold secrets and people."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class CallFact:
    """One call, as telemetry sees it. `outcome` is a status code, or the name of an error.

    `url` holds no secret and no person: of what stands in the query, only what is known to be harmless. `sent` and
    `size` are the bytes of the request's body and of the answer's.
    """

    remote: str
    operation: str
    seconds: float
    outcome: str
    safe: bool
    method: str = ""
    url: str = ""
    sent: int = 0
    size: int = 0


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
        self._adapter = _WatchedAdapter(pool_connections=4, pool_maxsize=limits.parallel, max_retries=0)
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
        with self._places:
            self._pace.wait()
            if self._stopped():
                raise Unavailable(self.remote, operation, "not sent: syncer was stopped before", order_only=True)
            began = time.monotonic()
            answer, error = self._attempt(operation, method, url, request, safe=safe)
            outcome = str(answer.status) if answer is not None else type(error).__name__
            seconds = time.monotonic() - began
            self._observe(
                CallFact(
                    self.remote,
                    operation,
                    seconds,
                    outcome,
                    safe,
                    method,
                    harmless(url, params or form or {}),
                    len(_body(form, json) or b""),
                    0 if answer is None else len(answer.body),
                )
            )
        if error is not None:
            raise error
        assert answer is not None
        return answer if reveal else self._veiled(answer)

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
        self, operation: str, method: str, url: str, request: dict[str, Any], *, safe: bool
    ) -> tuple[Answer | None, RemoteError | None]:
        """The answer or the error, so that nothing is raised while requests' own error, with its URL, is at hand."""
        call = _Call(time.monotonic() + self.limits.timeout)
        try:
            with _WATCHER.over(call):
                answer = self._send(method, url, request)
        except _Unwatched:
            return None, Unavailable(self.remote, operation, "not sent: no thread could be started to watch over it")
        except _TooLarge:
            return None, self._unreadable(operation, f"{TOO_LONG} {self.limits.max_answer} bytes", safe=safe)
        except Exception as cause:
            known = isinstance(cause, requests.RequestException | urllib3.exceptions.HTTPError | OSError)
            if not known and not call.late:
                raise
            return None, self._broken(operation, cause, call, safe=safe)
        if call.late:  # what was cut can look whole: a body, or even the headers, may end where the line does
            return None, self._broken(operation, None, call, safe=safe)
        return answer, self._refused(operation, answer, safe=safe)

    def _send(self, method: str, url: str, request: dict[str, Any]) -> Answer:
        response = self._adapter.send(
            self._prepared(method, url, **request),
            stream=True,
            timeout=self.limits.timeout,
            verify=str(self.limits.ca_file) if self.limits.ca_file else True,
            cert=str(self.limits.client_cert) if self.limits.client_cert else None,
        )
        try:
            body = b"".join(_bounded(response, self.limits.max_answer))
        finally:
            response.close()
        return Answer(response.status_code, body, {name.lower(): text for name, text in response.headers.items()})

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
        made.method, made.url = method, _address(url)
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

    def _broken(self, operation: str, cause: BaseException | None, call: "_Call", *, safe: bool) -> RemoteError:
        late = call.late or cause is None
        what, began = (LATE, call.sock is not None) if late else _what(cause, sent=call.sent)  # type: ignore[arg-type]
        if safe or not began:
            return Unavailable(self.remote, operation, what)
        settle = self.limits.timeout if what == LATE else 0.0
        return Uncertain(self.remote, operation, what, settle_seconds=settle)

    def _unreadable(self, operation: str, what: str, *, safe: bool) -> RemoteError:
        if safe:
            return Unreadable(self.remote, operation, what)
        return Uncertain(self.remote, operation, what)

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


def harmless(url: str, params: Mapping[str, str]) -> str:
    """A URL as it may be logged: without user, password and fragment, and of its query the harmless values alone."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "(no address)"
    given = [*parse_qsl(parts.query, keep_blank_values=True), *params.items()]
    query = "&".join(f"{name}={value if name in HARMLESS else '[hidden]'}" for name, value in given)
    place = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}{parts.path}"
    return f"{place}?{query}" if query else place


@lru_cache(maxsize=256)
def _address(url: str) -> str:
    """A URL as it goes out, its odd characters quoted; raises requests' own errors for one that is none."""
    prepared = requests.Request("GET", url).prepare().url
    return "" if prepared is None else prepared.partition("#")[0]


def _body(data: Mapping[str, str] | None, json: Any) -> bytes | None:
    if data is not None:
        return urlencode(data).encode()
    return None if json is None else dumps(json, allow_nan=False).encode()


def _basic(auth: tuple[str, str] | None) -> list[bytes]:
    """The password, as it is and as Basic authentication carries it."""
    if auth is None:
        return []
    return [auth[1].encode(), base64.b64encode(f"{auth[0]}:{auth[1]}".encode())]


class Pace:
    """At most so many calls in a second, or one in several; whoever comes sooner waits for its turn."""

    def __init__(self, rate: float, stopped: Callable[[], bool] = lambda: False) -> None:
        self._span = 1.0 if rate >= 1 else 1 / rate
        self._turns: deque[float] = deque(maxlen=max(1, round(rate)))
        self._stopped = stopped
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when it is the caller's turn, or nobody is to call any more."""
        with self._lock:
            now = time.monotonic()
            full = len(self._turns) == self._turns.maxlen
            turn = max(now, self._turns[0] + self._span) if full else now
            self._turns.append(turn)
        while (left := turn - time.monotonic()) > 0 and not self._stopped():
            time.sleep(min(left, 0.2))


_NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)


def _what(cause: BaseException, *, sent: bool) -> tuple[str, bool]:  # noqa: PLR0911 - a table of failures, in order
    """A failure in a few words without any URL, and whether the request may have reached the remote.

    `sent`: the request was begun to be sent over TLS, so that its handshake was done.
    """
    chain = list(_chain(cause))
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


def _chain(error: BaseException) -> Iterator[BaseException]:
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


def retry_after(answer: Answer) -> float | None:
    """The seconds that `Retry-After` asks for, given as seconds or as a date; None where it says nothing usable.

    More than a day is a day: nobody means that, and a remote may not silence us for ever.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return min(LONGEST_PAUSE, float(text))
    try:
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError, TypeError, IndexError):  # all of these, for one garbage or another
        return None
    return min(LONGEST_PAUSE, max(0.0, seconds))


def same_host(one: str, other: str) -> bool:
    """Whether two URLs lead to the same scheme, host and port, so that credentials for one may go to the other."""
    try:
        return _place(one) == _place(other)
    except ValueError:  # one of them is none
        return False


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class _TooLarge(Exception):
    pass


class _Unwatched(Exception):
    """Nothing could keep the call's deadline, so it was not made."""


def _bounded(response: requests.Response, most: int) -> Iterator[bytes]:
    """The decoded body in parts, given up where it passes `most` bytes: a small gzip can hold a huge body."""
    size = 0
    for part in response.iter_content(CHUNK):
        size += len(part)
        if size > most:
            raise _TooLarge
        yield part


# --- a deadline over the whole call ---------------------------------------------------------------------------
# A read timeout counts for each read of the socket, so that a remote which drips a byte now and then is never late.
# Here a watcher cuts the socket of a call that is.


@dataclass(slots=True, eq=False)
class _Call:
    until: float
    sock: socket.socket | None = None
    sent: bool = False
    late: bool = False


class _Watcher:
    """Cuts the calls that are past their deadline. Its thread lives while there are calls."""

    LOOK_EVERY = 0.1

    def __init__(self) -> None:
        self._here = threading.local()
        self._lock = threading.Lock()
        self._calls: set[_Call] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, call: _Call) -> Iterator[None]:
        self._here.call = call
        with self._lock:
            self._calls.add(call)
            if self._thread is None:
                self._begin(call)
        try:
            yield
        finally:
            self._here.call = None
            with self._lock:
                self._calls.discard(call)

    def _begin(self, call: _Call) -> None:
        thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._calls.discard(call)
            raise _Unwatched from None
        self._thread = thread

    def note(self, sock: socket.socket | None, *, sent: bool = False) -> None:
        """Tells which socket this thread's call uses. The connection itself forgets it before the body is read."""
        call: _Call | None = getattr(self._here, "call", None)
        if call is not None and sock is not None:
            call.sock, call.sent = sock, call.sent or sent

    def _watch(self) -> None:
        idle = 0
        while idle < 50:
            time.sleep(self.LOOK_EVERY)
            with self._lock:
                calls = list(self._calls)
                idle = 0 if calls else idle + 1
                if idle >= 50:
                    self._thread = None
                    return
            for call in calls:
                if time.monotonic() > call.until:
                    self._cut(call)

    def _cut(self, call: _Call) -> None:
        call.late = True
        if call.sock is not None:
            with suppress(OSError, ValueError):
                call.sock.shutdown(socket.SHUT_RDWR)


_WATCHER = _Watcher()


# --- names ----------------------------------------------------------------------------------------------------
# The system's own look-up has no time limit, and can't be cut: it goes on in a thread of its own, and whoever asks for
# the same name meanwhile waits for the same answer.


class _Names:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, Future[list[str]]] = {}

    def addresses(self, name: str, seconds: float | None) -> list[str]:
        """The addresses of a name; an address is its own.

        Raises:
            OSError: there is none, or it was not told in time.
        """
        with suppress(ValueError):
            return [str(ip_address(name))]
        with self._lock:
            asked = self._asked.get(name)
            if asked is None:
                asked = self._asked[name] = Future()
                threading.Thread(target=self._ask, args=(name, asked), name="names", daemon=True).start()
        return asked.result(seconds)

    def _ask(self, name: str, asked: "Future[list[str]]") -> None:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            asked.set_result(list(dict.fromkeys(str(address[4][0]) for address in found)))
        except (OSError, UnicodeError) as error:
            asked.set_exception(error)
        finally:
            with self._lock:
                del self._asked[name]


_NAMES = _Names()


class _Named(urllib3.connection.HTTPConnection):
    """A connection whose name is looked up within the time that it has to connect."""

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        seconds = self.timeout if isinstance(self.timeout, int | float) else None
        try:
            addresses = _NAMES.addresses(name.strip("[]"), seconds)
        except (OSError, UnicodeError, RuntimeError) as error:  # the last where no thread could be started
            raise urllib3.exceptions.NameResolutionError(name, self, socket.gaierror(str(error))) from None
        try:
            return self._first(addresses)
        finally:
            self._dns_host = name

    def _first(self, addresses: list[str]) -> socket.socket:
        """A connection to the first of the addresses that takes one."""
        *others, last = addresses
        for address in others:
            self._dns_host = address
            with suppress(urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
                return super()._new_conn()
        self._dns_host = last
        return super()._new_conn()


class _WatchedConnection(_Named):
    def connect(self) -> None:
        super().connect()
        _WATCHER.note(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _WATCHER.note(self.sock)
        super().request(*args, **kwargs)


class _WatchedHttps(_Named, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _WATCHER.note(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _WATCHER.note(self.sock, sent=True)  # urllib3 has shaken hands before
        super().request(*args, **kwargs)


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedHttps


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
