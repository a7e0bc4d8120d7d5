"""What becomes of a body that is streamed: handed on in parts, bounded, whole or an error. Over real HTTP."""

import gzip
import hashlib
import random
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from syncer.errors import AccessDenied, RemoteError, Unavailable, Unreadable
from syncer.remotes import http
from syncer.remotes.http import CHUNK, Answer, CallFact, Http, Limits
from tests.remotes.canned import Asked, Canned, serving, talking

MIB = 1024 * 1024
BODY = bytes(range(256)) * 1000
SECRET = "hemlig-nyckel-0f1e2d3c4b5a"
HASTY = Limits(timeout=0.15, rate=10_000, max_answer=1000)
CALM = Limits(timeout=20, rate=10_000, max_answer=1000)


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are looked at more often than they have to be in earnest."""
    monkeypatch.setattr(http._Watcher, "LOOK_EVERY", 0.02)


def fetch(
    url: str, limits: Limits = CALM, most: int = MIB, client: Http | None = None, **more: Any
) -> tuple[Answer, list[bytes]]:
    taken: list[bytes] = []
    answer = (client or Http("net", limits)).stream("file", url, take=taken.append, most=most, **more)
    return answer, taken


def failure(url: str, limits: Limits = CALM, most: int = MIB) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        fetch(f"{url}/x?hash={SECRET}", limits, most)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert SECRET not in shown
    assert url not in shown
    return caught.value


def test_a_body_is_handed_on_in_parts_and_is_not_in_the_answer() -> None:
    with serving(Canned(BODY, content_type="application/pdf")) as server:
        answer, taken = fetch(server.url, headers={"Authorization": "Bearer abc"})
    assert (answer.status, answer.body, answer.content_type) == (200, b"", "application/pdf")
    assert b"".join(taken) == BODY
    assert len(taken) > 1
    assert max(map(len, taken)) <= CHUNK
    assert server.asked[0].headers["authorization"] == "Bearer abc"
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("packed", [(gzip.compress, "GZIP"), (gzip.compress, "x-gzip"), (zlib.compress, "deflate")])
def test_a_packed_body_is_unpacked_in_parts(packed: tuple[Callable[[bytes], bytes], str]) -> None:
    pack, kind = packed
    with serving(Canned(pack(BODY), headers={"Content-Encoding": kind})) as server:
        _, taken = fetch(server.url)
    assert b"".join(taken) == BODY
    assert max(map(len, taken)) <= CHUNK


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_body_of_just_the_most_is_taken(size: int) -> None:
    with serving(Canned(b"x" * size)) as server:
        assert b"".join(fetch(server.url, most=size)[1]) == b"x" * size


def test_a_body_that_says_that_it_is_too_long_is_not_begun() -> None:
    taken: list[bytes] = []
    with serving(Canned(b"x" * 1001)) as server, pytest.raises(Unreadable, match="passes 1000 bytes"):
        Http("net", CALM).stream("file", server.url, take=taken.append, most=1000)
    assert taken == []


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        Canned(raw=CHUNKED + b"0\r\n\r\n"),
        Canned(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1024),
        Canned(gzip.compress(b"x" * 1024), headers={"Content-Encoding": "gzip"}),
    ],
    ids=["in chunks", "to the connection's end", "packed"],
)
def test_a_body_that_passes_the_most_is_given_up(answer: Canned) -> None:
    with serving(answer) as server:
        assert len(b"".join(fetch(server.url, most=1024)[1])) == 1024
        assert type(failure(server.url, most=1000)) is Unreadable


def test_a_bomb_is_given_up_long_before_it_is_held() -> None:
    bomb = gzip.compress(b"\0" * 24 * MIB)
    with serving(Canned(bomb, headers={"Content-Encoding": "gzip"})) as server:
        tracemalloc.start()
        try:
            with pytest.raises(Unreadable):
                Http("net", CALM).stream("file", server.url, take=len, most=16 * MIB)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 4 * MIB


PACKED = gzip.compress(random.Random(1).randbytes(100_000))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (PACKED[:50_000], "gzip"),
        (PACKED[:-1], "gzip"),
        (PACKED[:-8] + b"12345678", "gzip"),
        (PACKED + PACKED, "gzip"),
        (PACKED + b"x", "gzip"),
        (b"", "gzip"),
        (BODY, "gzip"),
        (BODY, "br"),
        (PACKED, "gzip, gzip"),
    ],
    ids=["half", "a byte missing", "a wrong sum", "two", "more", "nothing", "not packed", "unknown", "twice"],
)
def test_a_packed_body_that_is_not_whole_is_an_outage(body: bytes, kind: str) -> None:
    with serving(Canned(body, headers={"Content-Encoding": kind})) as server:
        assert type(failure(server.url)) is Unavailable


CUT = {
    "a shorter body than said": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
    "a head and nothing else": b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n",
    "nothing of a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    "chunks without an end": CHUNKED,
    "half a chunk": CHUNKED[:-500],
    "no answer": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "no gzip though it says so": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
}


@pytest.mark.parametrize("raw", CUT.values(), ids=CUT.keys())
def test_a_body_that_is_not_whole_is_an_outage(raw: bytes) -> None:
    with serving(Canned(raw=raw)) as server:
        assert type(failure(server.url)) is Unavailable


def _drip(start: bytes, ended: threading.Event) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(start)
        while not ended.wait(0.02):
            connection.sendall(b"a")

    return talk


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["head", "length", "endless"],
)
def test_a_body_that_drips_is_given_up_at_the_deadline_of_the_whole_call(start: bytes) -> None:
    ended, began = threading.Event(), time.monotonic()
    with talking(_drip(start, ended)) as place:
        error = failure(f"http://{place}", HASTY)
        ended.set()
    assert (type(error), error.cause) == (Unavailable, "no answer in time")
    assert time.monotonic() - began < 5


def test_a_taker_that_is_slow_is_late_too() -> None:
    with serving(Canned(BODY)) as server, pytest.raises(Unavailable, match="no answer in time"):
        Http("net", HASTY).stream("file", server.url, take=lambda _: time.sleep(0.2), most=MIB)


@pytest.mark.parametrize("status", [404, 410, 400, 204, 206, 301, 302, 307])
def test_any_other_status_is_an_answer_whose_body_is_not_handed_on(status: int) -> None:
    with serving(Canned(b"" if status == 204 else b"no", status, headers={"Location": "/elsewhere"})) as server:
        answer, taken = fetch(server.url)
    assert (answer.status, taken) == (status, [])
    assert answer.headers["location"] == "/elsewhere"
    assert len(server.asked) == 1  # and nobody is followed


def test_the_body_of_another_status_is_bounded() -> None:
    with serving(Canned(b"x" * 1001, 404)) as server:
        assert type(failure(server.url)) is Unreadable


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AccessDenied), (403, AccessDenied), (429, Unavailable), (500, Unavailable)]
)
def test_a_status_that_is_an_error_is_one(status: int, kind: type[RemoteError]) -> None:
    with serving(Canned(b"no", status, headers={"Retry-After": "7"})) as server:
        error = failure(server.url)
    assert type(error) is kind
    assert not isinstance(error, Unavailable) or error.retry_after == 7


def test_a_head_that_is_not_expected_hands_nothing_on() -> None:
    with serving(Canned(b"<html>", content_type="text/html")) as server:
        answer, taken = fetch(server.url, expected=lambda head: head.content_type == "application/pdf")
    assert (answer.body, taken) == (b"<html>", [])


class Full(OSError):
    pass


@pytest.mark.parametrize("kind", [Full, ValueError, KeyboardInterrupt])
def test_what_the_taker_raises_passes_through_and_the_connection_is_closed(kind: type[BaseException]) -> None:
    def refuse(_: bytes) -> None:
        raise kind("no space left")

    with serving(Canned(BODY)) as server:
        client = Http("net", CALM)
        with pytest.raises(kind, match="no space left"):
            client.stream("file", server.url, take=refuse, most=MIB)
        assert b"".join(fetch(server.url, client=client)[1]) == BODY
        assert server.connections == 2  # what was left of the first body is in nobody's way


def test_a_connection_is_kept_after_a_whole_body() -> None:
    with serving(Canned(BODY)) as server:
        client = Http("net", CALM)
        for _ in range(3):
            fetch(server.url, client=client)
        assert server.connections == 1


def test_a_stream_takes_a_place_and_is_told_of() -> None:
    facts: list[CallFact] = []
    with serving(Canned(BODY)) as server:
        client = Http("net", Limits(timeout=20, rate=10_000, parallel=1), observe=facts.append)
        fetch(f"{server.url}/files/1?hash={SECRET}", client=client)
        with pytest.raises(Full):
            client.stream("file", server.url, take=_full, most=MIB)
    good, bad = facts
    assert (good.outcome, good.size, good.safe, good.method, good.sent) == ("200", len(BODY), True, "GET", 0)
    assert good.url == f"{server.url}/files/1?hash=[hidden]"
    assert (bad.outcome, bad.size) == ("Full", 0)


def _full(_: bytes) -> None:
    raise Full


def test_a_stream_waits_for_its_place() -> None:
    with serving(Canned(BODY)) as server:
        client = Http("net", Limits(timeout=20, rate=10_000, parallel=1))
        first, go_on = threading.Event(), threading.Event()

        def hold(_: bytes) -> None:
            first.set()
            go_on.wait(5)

        one = threading.Thread(target=lambda: client.stream("file", server.url, take=hold, most=MIB))
        two = threading.Thread(target=lambda: client.call("get", "GET", server.url, safe=True))
        one.start()
        first.wait(5)
        two.start()
        two.join(0.1)
        assert (two.is_alive(), len(server.asked)) == (True, 1)
        go_on.set()
        one.join(5)
        two.join(5)


def test_nothing_is_begun_and_nothing_goes_on_once_it_is_stopped() -> None:
    parts: list[bytes] = []
    with serving(Canned(BODY)) as server:
        client = Http("net", CALM, stopped=lambda: bool(parts))
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                client.stream("file", server.url, take=parts.append, most=MIB)
            assert caught.value.order_only
        assert (len(parts), len(server.asked)) == (1, 1)


def test_a_reader_streams_though_it_may_not_write() -> None:
    with serving(Canned(BODY)) as server:
        assert fetch(server.url, client=Http("net", CALM, read_only=True))[0].status == 200


def _long(connection: socket.socket) -> None:
    connection.recv(65_536)
    piece = bytes(range(256)) * 256
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
    for _ in range(64 * MIB // len(piece)):
        connection.sendall(piece)


def test_a_long_body_is_never_held() -> None:
    digest, size = hashlib.sha256(), 0

    def take(part: bytes) -> None:
        nonlocal size
        size += len(part)
        digest.update(part)

    with talking(_long) as place:
        tracemalloc.start()
        try:
            Http("net", CALM).stream("file", f"http://{place}/", take=take, most=64 * MIB)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert size == 64 * MIB
    assert digest.hexdigest() == hashlib.sha256(bytes(range(256)) * (64 * MIB // 256)).hexdigest()
    assert peak < 4 * MIB


def test_many_streams_at_once_each_get_their_own() -> None:
    def body(asked: Asked) -> Canned:
        return Canned(asked.path.encode() * 40_000)

    with serving(body) as server:
        client = Http("net", CALM)
        found: dict[int, bytes] = {}
        threads = [
            threading.Thread(
                target=lambda number=number: found.update(
                    {number: b"".join(fetch(f"{server.url}/{number}", client=client)[1])}
                )
            )
            for number in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert found == {number: f"/{number}".encode() * 40_000 for number in range(6)}
