"""The HTTP server that carries the simulators: mounts them, keeps the journal, spoils answers on demand.

No remote's rule may be in here: what a request means is the simulator's to say. Nothing of the program's own
is imported, so that the judge and the judged share no code.
"""

import copy
import functools
import html
import json
import random
import socket
import socketserver
import struct
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from syncer.simulators.wire import Part, Reply, Request, Simulator, Stream

MAX_BODY = 10 * 1024 * 1024
CONTROL = "/_control"
_MIB = 1024 * 1024
_CHUNK = 64 * 1024
_HTML = "text/html; charset=utf-8"
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Fault(StrEnum):
    """What can go wrong with one exchange. `..._after` and the spoiled answers happen after the effect."""

    REFUSE = "refuse"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TOO_MANY = "too_many"
    HTML = "html"
    HTML_AFTER = "html_after"
    EMPTY = "empty"
    EMPTY_AFTER = "empty_after"
    TRUNCATED = "truncated"
    CUT = "cut"
    GARBAGE = "garbage"
    GARBAGE_AFTER = "garbage_after"
    WRONG_TYPE = "wrong_type"
    HUGE = "huge"
    BOMB = "bomb"
    GZIP_BOMB = "gzip_bomb"
    DRIP = "drip"
    REDIRECT = "redirect"
    ECHO_500 = "echo_500"
    ECHO_400 = "echo_400"


_AFTER = frozenset(
    {
        Fault.RESET_AFTER,
        Fault.TIMEOUT_AFTER,
        Fault.ERROR_AFTER,
        Fault.HTML_AFTER,
        Fault.EMPTY_AFTER,
        Fault.TRUNCATED,
        Fault.CUT,
        Fault.GARBAGE_AFTER,
        Fault.WRONG_TYPE,
        Fault.DRIP,
    }
)
_EARLY = frozenset({Fault.REFUSE})
_LATE = frozenset(Fault) - _EARLY
_ERROR: dict[str, Any] = {"status": 503, "retry_after": None}
_NOISE: dict[str, Any] = {"seed": 1, "size": 512}
_OPTIONS: dict[Fault, dict[str, Any]] = {
    Fault.TIMEOUT_BEFORE: {"seconds": 30},
    Fault.TIMEOUT_AFTER: {"seconds": 30},
    Fault.ERROR_BEFORE: _ERROR,
    Fault.ERROR_AFTER: _ERROR,
    Fault.TOO_MANY: {"retry_after": None},
    Fault.GARBAGE: _NOISE,
    Fault.GARBAGE_AFTER: _NOISE,
    Fault.HUGE: {"size": 64 * _MIB},
    Fault.GZIP_BOMB: {"size": 300 * _MIB},
    Fault.DRIP: {"every": 0.2},
    Fault.REDIRECT: {"to": "http://127.0.0.1:1/"},
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One request in the journal. `status` is None when no answer was sent; `fault` is the fault's name."""

    number: int
    at: datetime
    remote: str
    operation: str
    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: str
    status: int | None
    effect: dict[str, str] | None = None
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON can hold it."""
        return {**asdict(self), "at": self.at.isoformat()}


@dataclass(slots=True)
class Armed:
    """A fault that waits for its requests. `taken` counts those that it has spoiled."""

    kind: Fault
    remote: str | None
    operation: str | None
    skip: int
    times: int | None
    where: Callable[[Request], bool] | None
    options: dict[str, Any]
    taken: int = 0

    def matches(self, remote: str, operation: str, request: Request) -> bool:
        """Whether this request is of the kind that the fault waits for."""
        return (
            self.remote in {None, remote}
            and self.operation in {None, operation}
            and (self.where is None or self.where(request))
        )

    def strikes(self) -> bool:
        """Counts a matching request off `skip`; true when the fault is due now."""
        if self.skip > 0:
            self.skip -= 1
            return False
        return self.times is None or self.taken < self.times


class Manner(StrEnum):
    """How an answer goes out on the wire."""

    WHOLE = "whole"
    RESET = "reset"
    HOLD = "hold"
    SHORT = "short"
    DRIP = "drip"
    HUGE = "huge"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out on the wire; `amount` is seconds for HOLD and DRIP, bytes for HUGE. A `stream` is the body."""

    status: int | None
    body: bytes = b""
    content_type: str = _HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE
    amount: float = 0.0
    stream: Stream | None = None

    @property
    def length(self) -> int:
        """All bytes of the body."""
        return len(self.body) if self.stream is None else len(self.stream)

    def pieces(self, length: int) -> Iterator[bytes]:
        """The first `length` bytes of the body."""
        return iter([self.body[:length]]) if self.stream is None else self.stream.pieces(length)


class _TooLargeError(Exception):
    """The request's body is over what is read."""


class _ControlError(Exception):
    """A control request that can't be done, with the sentence that says why."""


@functools.lru_cache(maxsize=2)
def _gzip_bomb(size: int) -> bytes:
    """What looks like an answer's beginning, `size` bytes once decoded. Kept, for it is slow to make."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    opening = b'<?xml version="1.0"?><orders><response>'
    packed = [packer.compress(opening[:size])]
    left, block = size - len(opening), b" " * _MIB
    while left > 0:
        packed.append(packer.compress(block[:left]))
        left -= _MIB
    return b"".join([*packed, packer.flush()])


def _xml_bomb() -> bytes:
    """Ten levels of entities, each ten of the one below: ten milliard words once expanded."""
    lines = ['<!ENTITY e0 "order">']
    lines += [f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 11)]
    return f'<?xml version="1.0"?><!DOCTYPE orders [{"".join(lines)}]><orders>&e10;</orders>'.encode()


def _bomb(content_type: str) -> Answer:
    if "json" in content_type:
        return Answer(200, b"[" * 100_000 + b"]" * 100_000, content_type)
    return Answer(200, _xml_bomb(), "application/xml")


def _page(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    title = f"{status} {responses.get(status, 'Unknown')}"
    return Answer(status, _PAGE.format(title).encode(), headers=headers or {})


def _retry(options: Mapping[str, Any]) -> dict[str, str]:
    after = options["retry_after"]
    return {} if after is None else {"Retry-After": str(after)}


def _echo(status: int, line: str, request: Request) -> Answer:
    """A debug page, as of a framework in development mode: all that was sent, secrets included."""
    parts = [line, *(f"{name} = {value}" for name, value in request.query.items())]
    parts += [f"{name}: {value}" for name, value in request.headers.items()]
    text = html.escape("\n".join([*parts, request.body.decode("utf-8", "replace")]), quote=False)
    return Answer(status, f"<html><body><h1>Debug</h1><pre>{text}</pre></body></html>".encode())


def _whole(reply: Reply) -> Answer:
    return Answer(reply.status, reply.body, reply.content_type, dict(reply.headers), stream=reply.stream)


def _half(answer: Answer) -> Answer:
    half = answer.length // 2
    stream = None if answer.stream is None else Part(answer.stream, half)
    return replace(answer, body=answer.body[:half], stream=stream)


def _noise(options: Mapping[str, Any], content_type: str) -> Answer:
    return Answer(200, random.Random(options["seed"]).randbytes(options["size"]), content_type)


def _spoiled_answer(armed: Armed, reply: Reply) -> Answer:
    """The faults that come after the effect: the right answer is there, and is lost or spoiled."""
    kind, options, right = armed.kind, armed.options, _whole(reply)
    makers: dict[Fault, Callable[[], Answer]] = {
        Fault.RESET_AFTER: lambda: Answer(None, manner=Manner.RESET),
        Fault.TIMEOUT_AFTER: lambda: Answer(None, manner=Manner.HOLD, amount=options["seconds"]),
        Fault.ERROR_AFTER: lambda: _page(options["status"], _retry(options)),
        Fault.HTML_AFTER: lambda: _page(200),
        Fault.EMPTY_AFTER: lambda: replace(right, status=200, body=b"", stream=None),
        Fault.TRUNCATED: lambda: replace(right, manner=Manner.SHORT),
        Fault.CUT: lambda: _half(right),
        Fault.GARBAGE_AFTER: lambda: _noise(options, reply.content_type),
        Fault.WRONG_TYPE: lambda: replace(right, content_type="text/plain"),
        Fault.DRIP: lambda: replace(right, manner=Manner.DRIP, amount=options["every"]),
    }
    return makers[kind]()


def _answer_instead(armed: Armed, request: Request, line: str) -> Answer:
    """The faults that come instead of the simulator: nothing has taken effect."""
    kind, options = armed.kind, armed.options
    makers: dict[Fault, Callable[[], Answer]] = {
        Fault.REFUSE: lambda: Answer(None, manner=Manner.RESET),
        Fault.RESET_BEFORE: lambda: Answer(None, manner=Manner.RESET),
        Fault.TIMEOUT_BEFORE: lambda: Answer(None, manner=Manner.HOLD, amount=options["seconds"]),
        Fault.ERROR_BEFORE: lambda: _page(options["status"], _retry(options)),
        Fault.TOO_MANY: lambda: _page(429, _retry(options)),
        Fault.HTML: lambda: _page(200),
        Fault.EMPTY: lambda: Answer(200, content_type="application/xml"),
        Fault.GARBAGE: lambda: _noise(options, "application/xml"),
        Fault.HUGE: lambda: Answer(200, b"", "application/xml", manner=Manner.HUGE, amount=options["size"]),
        Fault.GZIP_BOMB: lambda: Answer(
            200, _gzip_bomb(options["size"]), "application/xml", {"Content-Encoding": "gzip"}
        ),
        Fault.REDIRECT: lambda: _page(302, {"Location": options["to"]}),
        Fault.ECHO_500: lambda: _echo(500, line, request),
        Fault.ECHO_400: lambda: _echo(400, line, request),
    }
    return makers[kind]()


def _form(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")


def _params(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True, errors="replace"))


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Host:
    """Serves the mounted simulators on 127.0.0.1, over HTTP/1.1 with keep-alive.

    A simulator must survive `copy.deepcopy`: the `bomb` fault asks a copy what it would have answered.
    """

    def __init__(
        self,
        simulators: Mapping[str, Simulator],
        port: int = 0,
        journal_path: Path | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._mounts = {prefix.rstrip("/"): simulator for prefix, simulator in simulators.items()}
        self._port = port
        self._journal_path = journal_path
        self._now = now
        self._lock = threading.RLock()
        self._listener: _Listener | None = None
        self._armed: list[Armed] = []
        self.journal: list[Entry] = []
        self.crashes: list[str] = []
        self.latency = 0.0

    # Life

    def start(self) -> None:
        """Binds the port and listens."""
        self._listener = _Listener(self, self._port)
        self._port = self._listener.server_address[1]
        self._listener.open()

    def stop(self) -> None:
        """Stops listening and closes every connection, also those that a fault holds."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def down(self) -> None:
        """Refuses connections from now on, and closes those that are open.

        The port stays bound, without listening, so that nobody else gets it before `up`.
        """
        self.stop()
        self._listener = _Listener(self, self._port)

    def up(self) -> None:
        """Listens again, on the port that it had."""
        if self._listener is None:
            self.start()
        elif not self._listener.listening:
            self._listener.open()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address without a path. There is none before `start` when the port was left open."""
        if not self._port:
            raise RuntimeError("The host has no address before it is started")
        return f"http://127.0.0.1:{self._port}"

    def url_of(self, prefix: str) -> str:
        """The address of what is mounted at `prefix`."""
        if prefix.rstrip("/") not in self._mounts:
            raise ValueError(f"Nothing is mounted at {prefix!r}")
        return self.url + prefix.rstrip("/")

    # Journal

    def calls(self, remote: str | None = None, operation: str | None = None) -> list[Entry]:
        """The requests so far, to one remote and of one operation where these are given."""
        with self._lock:
            return [
                entry
                for entry in self.journal
                if remote in {None, entry.remote} and operation in {None, entry.operation}
            ]

    def effects(self, remote: str | None = None, what: str | None = None) -> list[Entry]:
        """The requests that changed something, whether or not their answer arrived."""
        return [
            entry
            for entry in self.calls(remote)
            if entry.effect is not None and what in {None, entry.effect.get("what")}
        ]

    def _record(
        self,
        remote: str,
        operation: str,
        request: Request,
        *,
        status: int | None,
        effect: dict[str, str] | None = None,
        fault: Armed | None = None,
    ) -> None:
        entry = Entry(
            number=len(self.journal) + 1,
            at=self._now(),
            remote=remote,
            operation=operation,
            method=request.method,
            path=request.path,
            params=dict(request.query),
            headers=dict(request.headers),
            body=request.body.decode("utf-8", "replace"),
            status=status,
            effect=dict(effect) if effect is not None else None,
            fault=fault.kind.value if fault else None,
        )
        self.journal.append(entry)
        if self._journal_path is not None:
            # Opened for each line, so that each is on disk before the answer is on the wire.
            with self._journal_path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(entry.as_json(), ensure_ascii=False) + "\n")

    # Faults

    def fault(
        self,
        kind: Fault | str,
        remote: str | None = None,
        operation: str | None = None,
        *,
        skip: int = 0,
        times: int | None = 1,
        where: Callable[[Request], bool] | None = None,
        **options: Any,
    ) -> Armed:
        """Arms a fault for the next matching requests: the first `skip` pass, then `times` are struck.

        Of several that are due, the one armed first strikes. `skip` counts every matching request, also those
        that another fault took.
        """
        fault = Fault(kind)
        known = _OPTIONS.get(fault, {})
        if unknown := sorted(set(options) - set(known)):
            raise ValueError(f"The fault {fault} has no option {', '.join(unknown)}")
        armed = Armed(fault, remote, operation, skip, times, where, {**known, **options})
        with self._lock:
            self._armed.append(armed)
        return armed

    def clear_faults(self) -> None:
        """Disarms every fault. One that holds a connection already goes on holding it."""
        with self._lock:
            self._armed.clear()

    def _take(self, simulator: Simulator, operation: str, request: Request, kinds: frozenset[Fault]) -> Armed | None:
        matching = [
            armed for armed in self._armed if armed.kind in kinds and armed.matches(simulator.name, operation, request)
        ]
        # A list, not a generator: each fault must count the request off its skip.
        due = [armed for armed in matching if armed.strikes()]
        if not due:
            return None
        due[0].taken += 1
        return due[0]

    # Requests

    def _mounted(self, path: str) -> tuple[Simulator | None, str]:
        """The simulator at the longest prefix, and the path below it, as it was sent (percent-encoded)."""
        for prefix in sorted(self._mounts, key=len, reverse=True):
            if path == prefix or path.startswith(prefix + "/"):
                return self._mounts[prefix], path[len(prefix) :] or "/"
        return None, path

    def ask(self, method: str, target: str, headers: Mapping[str, str], read: Callable[[], bytes], line: str) -> Answer:
        """Answers one request and records it. The body is read late: a refusal comes before it."""
        parts = urlsplit(target)
        simulator, path = self._mounted(parts.path)
        request = Request(method, path, _params(parts.query), headers)
        # What a form asks for stands in its body, so a fault for it can't be chosen earlier.
        early = not _form(headers)
        if early and simulator is not None and (refusal := self._refusal(simulator, request)):
            return refusal
        try:
            body = read()
        except _TooLargeError:
            with self._lock:
                self._record(simulator.name if simulator else "host", "too_large", request, status=413)
            return _page(413, {"Connection": "close"})
        query = {**request.query, **_params(body.decode("utf-8", "replace"))} if not early else request.query
        request = replace(request, query=query, body=body)
        with self._lock:
            if simulator is None:
                self._record("host", "unmounted", request, status=404)
                return _page(404)
            return self._exchange(simulator, request, line, _LATE if early else frozenset(Fault))

    def _refusal(self, simulator: Simulator, request: Request) -> Answer | None:
        with self._lock:
            operation = simulator.operation(request)
            armed = self._take(simulator, operation, request, _EARLY)
            if armed is None:
                return None
            self._record(simulator.name, operation, request, status=None, fault=armed)
            return _answer_instead(armed, request, "")

    def _exchange(self, simulator: Simulator, request: Request, line: str, kinds: frozenset[Fault]) -> Answer:
        """One request, the lock held: fault or simulator or both, and the journal before anything is sent."""
        operation = simulator.operation(request)
        armed = self._take(simulator, operation, request, kinds)
        reply: Reply | None = None
        if armed is None or armed.kind in _AFTER:
            reply = self._handled(simulator, request)
            answer = _whole(reply) if armed is None else _spoiled_answer(armed, reply)
        elif armed.kind is Fault.BOMB:
            answer = _bomb(self._handled(copy.deepcopy(simulator), request).content_type)
        else:
            answer = _answer_instead(armed, request, line)
        effect = reply.effect if reply is not None else None
        self._record(simulator.name, operation, request, status=answer.status, effect=effect, fault=armed)
        return answer

    def _handled(self, simulator: Simulator, request: Request) -> Reply:
        try:
            return simulator.handle(request)
        except Exception:  # noqa: BLE001 -- a fault of the simulator's own must show, not hang the client
            trace = traceback.format_exc()
            self.crashes.append(trace)
            return Reply(500, trace.encode(), "text/plain; charset=utf-8")

    # Control

    def control(self, method: str, path: str, body: bytes) -> Answer:
        """The control API under `/_control`: JSON in and out, 400 with a sentence for what can't be done."""
        doers: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "/journal"): lambda _: [entry.as_json() for entry in self.journal],
            ("GET", "/state"): lambda _: self._states(),
            ("POST", "/fault"): self._control_fault,
            ("POST", "/clear"): lambda _: self.clear_faults(),
            ("POST", "/call"): self._control_call,
        }
        status = 200
        try:
            doer = doers.get((method, path.removeprefix(CONTROL).rstrip("/")), _nothing_there)
            arguments = _arguments(body)
            with self._lock:
                result = {"result": doer(arguments)}
        except _ControlError as error:
            status, result = 400, {"error": str(error)}
        text = json.dumps(result, ensure_ascii=False, default=str)
        # Half a surrogate pair, as a hostile name may hold, is escaped: JSON reads that.
        return Answer(status, text.encode("utf-8", "backslashreplace"), "application/json")

    def _states(self) -> dict[str, Any]:
        """What each simulator tells of itself; one that has no `state` tells nothing."""
        return {simulator.name: simulator.state() for simulator in self._mounts.values() if hasattr(simulator, "state")}

    def _control_fault(self, arguments: dict[str, Any]) -> None:
        if "where" in arguments:
            raise _ControlError("A fault's `where` is Python, and can't come from outside")
        try:
            self.fault(**arguments)
        except (TypeError, ValueError) as error:
            raise _ControlError(f"The fault can't be armed: {error}") from error

    def _control_call(self, arguments: dict[str, Any]) -> Any:
        remote, verb = arguments.get("remote"), str(arguments.get("verb"))
        simulator = next((each for each in self._mounts.values() if each.name == remote), None)
        if simulator is None:
            raise _ControlError(f"There is no remote {remote!r}")
        if verb not in getattr(simulator, "VERBS", frozenset()):
            raise _ControlError(f"The remote {remote!r} has no verb {verb!r}")
        try:
            return getattr(simulator, verb)(**arguments.get("arguments", {}))
        except (TypeError, ValueError, LookupError) as error:
            raise _ControlError(f"{verb} can't be done: {error}") from error


def _nothing_there(_arguments: dict[str, Any]) -> Any:
    raise _ControlError("There is GET journal and state, and POST fault, clear and call; nothing else")


def _arguments(body: bytes) -> dict[str, Any]:
    try:
        arguments = json.loads(body or b"{}")
    except ValueError as error:
        raise _ControlError(f"The body is not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise _ControlError("The body must be a JSON object")
    return arguments


class _Listener(ThreadingHTTPServer):
    """One period of listening, from `open` to `close`. It knows its connections, so that it can end them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: Host, port: int) -> None:
        self.host = host
        self.ended = threading.Event()
        self.listening = False
        self._guard = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._to_reset: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        # Not HTTPServer's own, which asks the name service for our name and can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def open(self) -> None:
        self.server_activate()
        self.listening = True
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Ends the listening, then every connection, and gives their threads a second to see it."""
        self.ended.set()
        if self.listening:
            self.shutdown()
        self.server_close()
        with self._guard:
            threads = list(self._open.values())
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster
        deadline = time.monotonic() + 1.0
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._guard:
            self._open[request] = thread
        thread.start()

    def reset(self, connection: socket.socket) -> None:
        """Has the connection end in RST instead of FIN once its handler lets go of it."""
        with self._guard:
            self._to_reset.add(connection)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(request, None)
            reset = request in self._to_reset
            self._to_reset.discard(request)
        if not reset:
            super().shutdown_request(request)
            return
        # A linger time of nought makes close() send RST; a shutdown() before it would send FIN.
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- the base's signature
        # A connection that broke is an everyday thing here; anything else is a fault of ours.
        if not isinstance(sys.exception(), OSError):
            self.host.crashes.append(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, and puts the host's answers on the wire in the manner they ask for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits for the client's delayed acknowledgement
    server: _Listener

    def handle_any(self) -> None:
        path = urlsplit(self.path).path
        try:
            if path == CONTROL or path.startswith(CONTROL + "/"):
                self._send(self.server.host.control(self.command, path, self._read()))
                return
            headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
            host = self.server.host
            answer = host.ask(self.command, self.path, headers, self._read, self.requestline)
            self.server.ended.wait(host.latency)
            self._send(answer)
        except _TooLargeError:
            self._send(_page(413, {"Connection": "close"}))
        except OSError:
            self.close_connection = True  # the client went away, or the host is stopping

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 -- the base's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's signature
        """Says nothing: the journal has it all."""

    def _read(self) -> bytes:
        """The request's body. One without a stated length is refused as too large."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MAX_BODY:
            raise _TooLargeError
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("The client hung up inside its request")
        return body

    def _send(self, answer: Answer) -> None:
        manners: dict[Manner, Callable[[Answer], None]] = {
            Manner.WHOLE: self._send_whole,
            Manner.RESET: self._send_reset,
            Manner.HOLD: self._send_silence,
            Manner.SHORT: self._send_short,
            Manner.DRIP: self._send_drip,
            Manner.HUGE: self._send_huge,
        }
        manners[answer.manner](answer)

    def _send_head(self, answer: Answer, length: int | None) -> None:
        assert answer.status is not None
        self.send_response(answer.status)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in answer.headers.items():
            if length is None or name != "Transfer-Encoding":  # the two contradict one another
                self.send_header(name, value)
        self.end_headers()

    def _send_whole(self, answer: Answer) -> None:
        if "Transfer-Encoding" in answer.headers:
            self._send_chunked(answer, answer.pieces(answer.length))
            return
        self._send_head(answer, answer.length)
        for piece in answer.pieces(answer.length):
            self.wfile.write(piece)

    def _send_reset(self, _answer: Answer) -> None:
        self.server.reset(self.connection)
        self.close_connection = True

    def _send_silence(self, answer: Answer) -> None:
        self.close_connection = True
        self.server.ended.wait(answer.amount)

    def _send_short(self, answer: Answer) -> None:
        self.close_connection = True
        self._send_head(answer, answer.length)
        for piece in answer.pieces(answer.length // 2):
            self.wfile.write(piece)

    def _send_drip(self, answer: Answer) -> None:
        self._send_head(answer, answer.length)
        for byte in (piece[place : place + 1] for piece in answer.pieces(answer.length) for place in range(len(piece))):
            if self.server.ended.wait(answer.amount):
                self.close_connection = True
                return
            self.wfile.write(byte)

    def _send_huge(self, answer: Answer) -> None:
        """Chunked, so that no length warns the client; a client that hangs up ends it by an OSError."""
        headers = {**answer.headers, "Transfer-Encoding": "chunked"}
        self._send_chunked(replace(answer, headers=headers), _endless_orders(int(answer.amount)))

    def _send_chunked(self, answer: Answer, pieces: Iterator[bytes]) -> None:
        self._send_head(answer, None)
        for piece in pieces:
            if piece:  # an empty chunk would be the end
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


def _endless_orders(size: int) -> Iterator[bytes]:
    """A list of orders that is `size` bytes long, in pieces, its document never closed."""
    yield (start := b'<?xml version="1.0"?><orders><response>')
    row = b"<order><id>1</id><status>new</status></order>"
    block, left = row * (_CHUNK // len(row)), size - len(start)
    while left > 0:
        yield block[:left]
        left -= len(block)
