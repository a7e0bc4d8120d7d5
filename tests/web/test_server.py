"""Claims about the server itself: where it listens, and what clients can't do to it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from syncer.web import server as serving
from syncer.web.server import Server, WebError
from tests.ring.harness import World
from tests.web.asking import ask
from tests.web.scenes import Served

Pages = Callable[..., Served]
PATIENCE = 20.0


def _hello(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@contextmanager
def _served(application: Any = _hello) -> Iterator[Server]:
    server = Server(application, "127.0.0.1", 0)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _connected(server: Server | Served) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


# --- where it listens -----------------------------------------------------------------------------------------


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WebError) as raised:
            Server(_hello, "127.0.0.1", port).start()
    told = str(raised.value)
    assert f"web 127.0.0.1:{port}: Address already in use" in told
    assert "set [web] listen to another port" in told


def test_an_address_of_another_machine_is_said_with_what_to_do() -> None:
    with pytest.raises(WebError, match=r"no such address: set \[web\] listen to one that it has"):
        Server(_hello, "192.0.2.1", 0).start()


def test_the_program_does_not_start_where_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = f'[web]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"'
        with World(tmp_path, at=None, top=web) as world:
            ran = world.run("run")
            assert world.host.calls() == []
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "another program listens there" in ran.err


def test_it_listens_on_ipv6_too() -> None:
    server = Server(_hello, "::1", 0)
    server.start()
    try:
        assert server.url.startswith("http://[::1]:")
        assert ask(server.url).text == "hello"
    finally:
        server.stop()


def test_after_a_stop_nobody_listens_and_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    with _served() as server:
        assert ask(server.url).text == "hello"
        url = server.url
    with pytest.raises(ConnectionRefusedError):
        ask(url)
    until = time.monotonic() + PATIENCE
    while (left := set(threading.enumerate()) - before) and time.monotonic() < until:
        time.sleep(0.02)
    assert left == set()


def test_a_request_that_hangs_keeps_nobody_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.3)
    hang, begun = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        begun.set()
        hang.wait(PATIENCE * 3)
        return _hello(environ, start_response)

    with _served(application) as server, _connected(server) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(PATIENCE)
        began = time.monotonic()
    took = time.monotonic() - began
    hang.set()
    assert took < PATIENCE


# --- what clients can't do ------------------------------------------------------------------------------------


def test_those_who_say_nothing_keep_nobody_waiting() -> None:
    with _served() as server, ExitStack() as lines:
        for _ in range(3 * serving.THREADS):
            lines.enter_context(_connected(server))
        assert ask(server.url).text == "hello"


def test_who_says_a_byte_now_and_then_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "DEADLINE", 0.5)
    with _served() as server, ExitStack() as lines:
        slow = [lines.enter_context(_connected(server)) for _ in range(serving.THREADS)]
        for line in slow:
            line.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert ask(server.url).text == "hello"  # after that time, for lack of a thread before
        for line in slow:
            assert _is_cut(line)


def _is_cut(line: socket.socket) -> bool:
    """Whether the other side has given up, though we go on dripping."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            line.sendall(b"y")
            line.settimeout(0.05)
            if line.recv(1000) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_who_does_not_read_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "DEADLINE", 0.5)
    large = b"x" * 50_000_000  # more than any socket holds

    def application(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(len(large)))])
        return [large]

    with _served(application) as server, ExitStack() as lines:
        for _ in range(serving.THREADS):
            line = lines.enter_context(_connected(server))
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        last = lines.enter_context(_connected(server))
        last.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert last.recv(12) == b"HTTP/1.1 200"


def test_there_are_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 10)
    with _served() as server, ExitStack() as lines:
        opened = [lines.enter_context(_connected(server)) for _ in range(40)]
        closed = 0
        for line in reversed(opened):  # the first ones are those that are let in
            line.settimeout(5.0)
            try:
                closed += line.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionResetError:
                closed += 1
            if closed >= 30:
                break
        assert closed >= 30


def test_a_flood_is_sent_away_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-said requests take every thread and every place to wait; then there come many more."""
    monkeypatch.setattr(serving, "PATIENCE", 15)  # or a slow machine has room again before they have come
    with _served() as server:
        files = len(list(Path("/proc/self/fd").iterdir()))
        with ExitStack() as lines:
            for _ in range(serving.THREADS + serving.MOST_WAITING):
                lines.enter_context(_connected(server)).sendall(b"GET / HT")
            sent_away = 0
            for _ in range(200):
                with _connected(server) as line, suppress(ConnectionError):
                    line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    sent_away += line.recv(12) != b"HTTP/1.1 200"
            assert sent_away > 100
        until = time.monotonic() + PATIENCE
        while (left := len(list(Path("/proc/self/fd").iterdir()))) > files and time.monotonic() < until:
            time.sleep(0.05)
        assert left <= files
        assert ask(server.url).text == "hello"


def test_more_requests_than_are_answered_in_a_second_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "RATE", 10.0)
    with _served() as server:
        began = time.monotonic()
        assert [ask(server.url).text for _ in range(16)] == ["hello"] * 16
        assert time.monotonic() - began >= 0.4  # ten at once, and then one each tenth


@pytest.mark.parametrize(
    "said",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(100)),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
        b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%00%ff%c3%28 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /orders/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /orders/" + b"%f0%9f" * 100 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_nonsense_harms_nobody(standing: Pages, said: bytes) -> None:
    web = standing("quiet")
    with _connected(web) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        answer = line.recv(65_536)
        assert b" 200 " not in answer[:20]
        assert b" 500 " not in answer[:20]
    assert ask(web.url, "/healthz").status == 200
