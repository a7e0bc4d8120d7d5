"""The server: cheroot in a few threads of its own, so bounded that no client, slow or eager, can hurt the passes.

A connection costs a thread only while it says something, and only for so long; there are so many of them at most, and
so many requests a second are answered. What goes wrong is said in the log, and ends nothing but its own request.
"""

import errno
import logging
import queue
import socket
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from cheroot import connections, wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from syncer.errors import SyncerError
from syncer.telemetry import log, place, story

THREADS = 6  # two may be taken by agents' calls and two by their files, and nobody else waits
MOST_CONNECTIONS = 64
MOST_WAITING = 32  # requests that wait for a thread
RATE = 25.0  # requests a second that are answered; the rest wait
PATIENCE = 2  # seconds that a connection may say nothing
DEADLINE = 10.0  # seconds for a whole request, and its answer
LARGEST_HEAD, LARGEST_BODY = 16_384, 65_536  # bytes
LOOK_EVERY = 0.2  # seconds
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class WebError(SyncerError):
    """The pages can't be served where the configuration says; the text says what to do."""


def _nothing(_environ: dict[str, Any], _start_response: Any) -> None:
    """Answers no request."""


class Server:
    """Serves a WSGI application on an address, from `start` to `stop`.

    `first` is asked first, as an application is, but may return None; what it answers isn't slowed down.
    """

    def __init__(self, application: Any, host: str, port: int, first: Any = _nothing) -> None:
        self._address = (host, port)
        self._http = _Http(self._address, _first(first, _paced(application, RATE)))
        self._where = f"[{host}]" if ":" in host else host
        self._port = port
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address, with the port that was given where any free one was asked for."""
        return f"http://{self._where}:{self._http.bind_addr[1]}"

    def start(self) -> None:
        """Listens from now on.

        Raises:
            WebError: the address can't be had.
        """
        failures: list[OSError] = []
        beginning = threading.Thread(target=self._begin, args=(failures,), name="web", daemon=True)
        beginning.start()
        while not self._http.ready and beginning.is_alive():
            time.sleep(0.01)
        if failures:
            raise WebError(self._sentence(failures[0]))
        self._thread = beginning
        log().info("web.started", url=self.url)

    def _begin(self, failures: list[OSError]) -> None:
        """In a thread that stops no program from ending; all that cheroot begins inherits that."""
        try:
            _see_that_it_is_free(*self._address)
            self._http.prepare()
        except OSError as error:
            failures.append(error)
        else:
            self._http.serve()

    def stop(self) -> None:
        """Listens no longer, and gives requests under way a moment to end; one that hangs is left behind."""
        ending = threading.Thread(target=self._http.stop, name="web-end", daemon=True)
        ending.start()
        for thread in (ending, self._thread):
            if thread is not None:
                thread.join(PATIENCE)

    def _sentence(self, error: OSError) -> str:
        told = {
            errno.EADDRINUSE: f"another program listens there: end it (`ss -ltnp` names it), or {ANOTHER}",
            errno.EACCES: f"ports below 1024 are for root: {ANOTHER}",
            errno.EADDRNOTAVAIL: "this machine has no such address: set [web] listen to one that it has, or 127.0.0.1",
        }
        cure = told.get(error.errno or 0, f"see that [web] listen is an address of this machine, or {ANOTHER}")
        cause = error.strerror or "it can't be listened on"
        return f"web {self._where}:{self._port}: {cause} — {cure}"


ANOTHER = "set [web] listen to another port"


def _see_that_it_is_free(host: str, port: int) -> None:
    """Binds once for trying: cheroot makes a text of the system's own error, and leaves its socket open."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _first(one: Any, other: Any) -> Any:
    """The answer of one, or of the other where that is None."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        found: Iterable[bytes] | None = one(environ, start_response)
        answered: Iterable[bytes] = other(environ, start_response) if found is None else found
        return answered

    return answer


def _paced(application: Any, rate: float) -> Any:
    """The application, at most so many requests a second: whoever comes sooner waits."""
    lock = threading.Lock()
    turn = 0.0

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        nonlocal turn
        with lock:
            now = time.monotonic()
            turn = max(turn + 1 / rate, now - 1.0)  # a second's worth at once
        if turn > now:
            time.sleep(min(turn - now, 1.0))
        found: Iterable[bytes] = application(environ, start_response)
        return found

    return answer


# --- cheroot, bounded -----------------------------------------------------------------------------------------


class _Reaper:
    """Cuts the connections whose request takes too long: a read's own time limit begins anew with each byte."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[Any, float] = {}
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="web-deadlines", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def begin(self, connection: Any, seconds: float | None = None) -> None:
        with self._lock:
            self._until[connection] = time.monotonic() + (DEADLINE if seconds is None else seconds)

    def end(self, connection: Any) -> None:
        with self._lock:
            self._until.pop(connection, None)

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            now = time.monotonic()
            with self._lock:
                late = [connection for connection, until in self._until.items() if until < now]
            for connection in late:
                with suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)


class _Request(HTTPRequest):
    def respond(self) -> None:
        """What comes after a body whose end isn't sure is not believed to be a request: it may be the body's rest."""
        sure = not self.chunked_read and self.inheaders.get(b"Content-Length", b"0").isdigit()
        self.close_connection = self.close_connection or not sure
        super().respond()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request

    def communicate(self) -> Any:
        self.server.reaper.begin(self)
        try:
            return super().communicate()  # type: ignore[no-untyped-call] # nor is its stub's
        finally:
            self.server.reaper.end(self)


class _Gateway(wsgi.Gateway_10):
    def get_environ(self) -> dict[str, Any]:  # type: ignore[override] # its stub says None
        """With a way to have more time, for an answer that is long, or has to be waited for."""
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call] # nor is its stub's
        return environ | {"syncer.more_time": partial(self.req.server.reaper.begin, self.req.conn)}


class _Doorkeeper(connections.ConnectionManager):
    """A new connection gets no thread until it says something, and none is let in when there are too many."""

    def _from_server_socket(self, server_socket: Any) -> None:
        try:
            connection = super()._from_server_socket(server_socket)  # type: ignore[misc] # its stubs leave it out
        except OSError:  # no more files, say: the one that knocks goes on knocking
            time.sleep(LOOK_EVERY)
            return
        if connection is None:
            return
        if self._num_connections >= MOST_CONNECTIONS:  # type: ignore[attr-defined]
            connection.close()
            return
        self.put(connection)


class _Http(wsgi.Server):
    ConnectionClass = _Connection
    keep_alive_conn_limit = MOST_CONNECTIONS // 2
    expiration_interval = LOOK_EVERY
    max_request_header_size = LARGEST_HEAD
    max_request_body_size = LARGEST_BODY

    def __init__(self, address: tuple[str, int], application: Any) -> None:
        super().__init__(
            address,
            application,
            numthreads=THREADS,
            max=THREADS,
            server_name="syncer",
            request_queue_size=16,
            timeout=PATIENCE,
            shutdown_timeout=2,
            accepted_queue_size=MOST_WAITING,
            accepted_queue_timeout=0,
        )
        self.gateway = _Gateway
        self.reaper = _Reaper()

    def prepare(self) -> None:
        super().prepare()
        self._connections.close()  # type: ignore[has-type] # its stubs leave it out
        self._connections = _Doorkeeper(self)
        self.reaper.start()

    def process_conn(self, conn: Any) -> None:
        """Hands a request to a thread; where too many wait already, it is sent away at once, and nothing kept of it."""
        try:
            self.requests.put(conn)
        except queue.Full:
            with suppress(OSError):
                conn.socket.settimeout(0)
                conn.socket.send(BUSY)
            conn.close()

    def stop(self) -> None:
        super().stop()
        self.reaper.stop()

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: ARG002 - its own
        """What cheroot has to say: its troubles with clients are no news, and the rest is a bug."""
        bug = sys.exception()
        if level >= logging.ERROR and bug is not None:
            log().error("web.bug", bug=place(bug), traceback=story(bug))
