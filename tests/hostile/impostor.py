"""A server in a remote's place: it passes requests on to the real simulator, or misbehaves as no HTTP server should.

What a request means is not known here; the simulators' own faults, which answer well-formed HTTP, are the host's.
"""

import http.client
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

from tests.ring.harness import World

LONGEST = 30.0  # seconds until the impostor itself gives up, and so its test
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Manner(StrEnum):
    """How a connection, or a request on it, is treated."""

    CLOSED_AT_ONCE = "closed at once"
    RESET_AT_ONCE = "reset at once"
    NEVER_READ = "never read"
    ANSWERED_TOO_EARLY = "answered too early"
    HUNG = "hung"
    HEAD_DRIPS = "head drips"
    BODY_DRIPS = "body drips"
    ENDLESS_BODY = "endless body"
    ENDLESS_CHUNK_LINE = "endless chunk line"
    ENDLESS_TRAILER = "endless trailer"
    ENDLESS_HEADER = "endless header"
    MANY_HEADERS = "many headers"
    ENDLESS_CONTINUE = "endless continue"
    HANDSHAKE_DRIPS = "handshake drips"
    NO_HTTP = "no HTTP"
    SHORT_BODY = "short body"
    WRONG_LENGTH = "wrong length"


AT_ONCE = frozenset(
    {
        Manner.CLOSED_AT_ONCE,
        Manner.RESET_AT_ONCE,
        Manner.NEVER_READ,
        Manner.ANSWERED_TOO_EARLY,
        Manner.HANDSHAKE_DRIPS,
    }
)
ENDLESS: dict[Manner, tuple[bytes, bytes, float]] = {  # what comes first, what comes again and again, how often
    Manner.HUNG: (b"", b"", 0.2),
    Manner.HEAD_DRIPS: (HEAD, b"X", 0.2),
    Manner.BODY_DRIPS: (HEAD + b"Content-Length: 100000\r\n\r\n", b" ", 0.2),
    Manner.ENDLESS_BODY: (HEAD + b"\r\n", b" " * 65_536, 0.0),
    Manner.ENDLESS_CHUNK_LINE: (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1024, 0.01),
    Manner.ENDLESS_TRAILER: (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n", b"X: y\r\n", 0.01),
    Manner.ENDLESS_HEADER: (HEAD + b"X-Long: ", b"x" * 4096, 0.01),
    Manner.MANY_HEADERS: (HEAD, b"X-Many: y\r\n" * 20, 0.01),
    Manner.HANDSHAKE_DRIPS: (b"\x16\x03\x03\x40\x00", b"\x02", 0.2),
    Manner.ENDLESS_CONTINUE: (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
}
FINITE: dict[Manner, bytes] = {
    Manner.NO_HTTP: b"\x16\x03\x01\x00\xa5 220 mail.example ESMTP ready\r\n",
    Manner.SHORT_BODY: HEAD + b"Content-Length: 1000\r\n\r\n[",
    Manner.WRONG_LENGTH: HEAD + b"Content-Length: -7\r\n\r\n[]",
}


class Impostor:
    """Listens on loopback. `manner` chooses by the request's text (empty where it isn't read); None: pass it on."""

    def __init__(self, upstream: str, manner: Callable[[str], Manner | None], longest: float = LONGEST) -> None:
        self.manner = manner
        self._longest = longest
        self.gave_up = False
        self.struck = 0
        self._upstream = urlsplit(upstream).netloc
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                self._begin(self._serve, self._listener.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            manner = self.manner("")
            if manner in AT_ONCE:
                self._misbehave(connection, manner)
                return
            while (request := self._read(connection)) is not None:
                manner = self.manner(request.decode("utf-8", "replace"))
                if manner is not None:
                    self._misbehave(connection, manner)
                    return
                connection.sendall(self._passed_on(request))

    def _read(self, connection: socket.socket) -> bytes | None:
        """One whole request, or None where no more come."""
        data = b""
        while not _whole(data):
            if self._ended.is_set():
                return None
            if select.select([connection], [], [], 0.05)[0]:
                part = connection.recv(65_536)
                if not part:
                    return None
                data += part
        return data

    def _passed_on(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        upstream = http.client.HTTPConnection(self._upstream, timeout=LONGEST)
        try:
            upstream.request(method, target, body, dict(line.split(": ", 1) for line in lines))
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        kept = f"Content-Type: {answer.headers['Content-Type']}\r\nContent-Length: {len(content)}\r\n\r\n"
        return f"HTTP/1.1 {answer.status} X\r\n{kept}".encode() + content

    def _misbehave(self, connection: socket.socket, manner: Manner) -> None:
        self.struck += 1
        if manner is Manner.RESET_AT_ONCE:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif manner is Manner.ANSWERED_TOO_EARLY:
            connection.sendall(REFUSAL)
        elif manner is Manner.NEVER_READ:
            self._go_on(connection, b"", 0.2)
        elif manner in FINITE:
            connection.sendall(FINITE[manner])
        elif manner in ENDLESS:
            first, again, every = ENDLESS[manner]
            connection.sendall(first)
            self._go_on(connection, again, every)

    def _go_on(self, connection: socket.socket, again: bytes, every: float) -> None:
        """Until the client hangs up, or the test is over; that neither comes is the client's failure."""
        connection.settimeout(0.2)
        waited = 0.0
        while not self._ended.wait(every):
            waited += every
            if waited > self._longest:
                self.gave_up = True
                return
            if not again and select.select([connection], [], [], 0)[0] and not connection.recv(65_536):
                return
            with suppress(TimeoutError):
                connection.sendall(again)


def _whole(data: bytes) -> bool:
    head, gap, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    return bool(gap) and len(body) >= length


@contextmanager
def in_place_of_the_network(world: World, manner: Callable[[str], Manner | None]) -> Iterator[Impostor]:
    """The program reaches the network through an impostor, which must not have to give up."""
    with Impostor(world.host.url, manner) as impostor:
        aim(world, impostor.url)
        yield impostor
        assert not impostor.gave_up


def aim(world: World, url: str, instead_of: str = "") -> None:
    """Has the configuration's network at another address."""
    text = world.config_file.read_text(encoding="utf-8")
    old = f"{instead_of or world.host.url}/nordnet"
    world.config_file.write_text(text.replace(old, f"{url}/nordnet"), encoding="utf-8")


@contextmanager
def closed_port() -> Iterator[str]:
    """An address where nobody listens, though nobody else can take it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def black_hole() -> Iterator[str]:
    """An address where connections are neither accepted nor refused: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for one in waiting:
                one.close()
