"""Claims about what portals push: stored before it is answered, never believed, and harmless whoever sends it."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog

from syncer.store import Notice, Store, StoreError
from syncer.telemetry import Redactor, configure
from syncer.web import Post, Pushed, digest_of
from syncer.web import inbox as taking
from tests.store.filled import due
from tests.web.asking import Got, ask
from tests.web.pushed import HERE, PUSHED, SECRET
from tests.web.scenes import SITE, Served

Pages = Callable[..., Served]
CLOCK = re.compile(r"<time [^>]*>[^<]*")


def push(url: str, body: Any = b"", path: str = HERE, method: str = "POST", **headers: str) -> Got:
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    with closing(line):
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        line.request(method, path, sent, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = line.getresponse()
        text = answer.read().decode()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)


def raw(url: str, *parts: bytes) -> bytes:
    """What is answered to these bytes."""
    where = urlsplit(url)
    assert where.port is not None
    with socket.create_connection((where.hostname, where.port), timeout=20) as line:
        for part in parts:
            line.sendall(part)
        answered = b""
        while more := line.recv(65_536):
            answered += more
        return answered


def now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


@pytest.fixture
def web(pages: Pages) -> Served:
    return pages(site=PUSHED)


@pytest.fixture
def said() -> Iterator[StringIO]:
    """All that is logged."""
    lines = StringIO()
    configure("debug", "json", lines, Redactor())
    yield lines
    structlog.reset_defaults()


# --- what becomes of a push -----------------------------------------------------------------------------------


def test_a_push_is_stored_before_it_is_answered(web: Served) -> None:
    got = push(web.url, {"order": 4711})
    assert (got.status, got.text) == (200, "")
    assert due(web.store, now()) == ["kode:4711"]


def test_a_push_that_comes_again_is_the_same_order(web: Served) -> None:
    assert {push(web.url, {"order": 4711}).status for _ in range(3)} == {200}
    assert [order.name for order in web.store.orders()] == ["kode:4711"]


def test_a_message_is_kept_and_told_to_the_operator_once(web: Served, said: StringIO) -> None:
    for _ in range(2):
        assert push(web.url, {"id": "m-1", "message": "Planlagt <b>vedlikehold</b>"}).status == 200
    assert push(web.url, {"id": "m-2", "for": "CUSTOMER", "message": "Nye priser"}).status == 200
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    told = [(line["level"], line["text"]) for line in lines if line["event"] == "portal.message"]
    assert told == [("warning", "Planlagt <b>vedlikehold</b>"), ("info", "Nye priser")]
    page = ask(web.url).text
    assert "Planlagt &lt;b&gt;vedlikehold" in page
    assert "Nye priser" in page


def test_the_status_page_shows_the_three_newest_messages_of_two_weeks(web: Served) -> None:
    for days in range(1, 6):
        web.store.note_notice(
            "kode", Notice(f"m{days}", "", "", f"of day {days}" + "x" * 3000), now() - timedelta(days)
        )
    web.store.note_notice("kode", Notice("old", "", "", "of long ago"), now() - timedelta(days=15))
    page = ask(web.url).text
    assert [days for days in range(1, 6) if f"of day {days}" in page] == [1, 2, 3]
    assert "x" * 600 not in page
    assert "of long ago" not in page


def test_a_page_without_messages_says_nothing_of_them(web: Served) -> None:
    assert "Messages from portals" not in ask(web.url).text


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[]", b'{"order": ""}', b'{"order": "\\u0000"}', b"\xff\xfe"])
def test_a_malformed_push_is_refused_and_nothing_is_kept(web: Served, body: bytes) -> None:
    assert push(web.url, body).status == 400
    assert web.store.orders() == []


def test_a_store_that_cannot_be_written_has_the_portal_try_again(web: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "push", full)
        got = push(web.url, {"order": 4711})
    assert (got.status, got.headers["retry-after"]) == (503, "5")
    assert push(web.url, {"order": 4711}).status == 200


def test_a_bug_is_told_without_what_was_pushed_and_has_the_portal_try_again(pages: Pages, said: StringIO) -> None:
    def broken(body: bytes) -> Pushed:
        raise RuntimeError(body.decode())

    web = pages(site=replace(SITE, posts={"kode": Post(digest_of(SECRET), broken)}))
    assert push(web.url, b"Kari Nordmann").status == 500
    assert "web.bug" in said.getvalue()
    assert "Nordmann" not in said.getvalue()
    assert SECRET not in said.getvalue()


def test_pushes_are_counted_by_what_came_of_them(web: Served) -> None:
    ask(web.url, "/metrics")
    push(web.url, {"order": 1})
    push(web.url, b"?")
    push(web.url, {"order": 1}, "/push/kode/wrong")
    push(web.url, {"order": 1}, f"/push/other/{SECRET}")
    read = [line for line in ask(web.url, "/metrics").text.splitlines() if line.startswith("syncer_pushes_total")]
    assert 'syncer_pushes_total{outcome="stored",portal="kode"} 1.0' in read
    assert 'syncer_pushes_total{outcome="malformed",portal="kode"} 1.0' in read
    assert 'syncer_pushes_total{outcome="not_stored",portal="kode"} 0.0' in read
    assert len(read) == len(taking.OUTCOMES)


# --- who may push ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/push/kode/wrong"),
        ("POST", f"/push/kode/{SECRET}x"),
        ("POST", f"/push/kode/{SECRET}/"),
        ("POST", f"/push/kode/{SECRET[:-1]}"),
        ("POST", "/push/kode/"),
        ("POST", "/push/kode"),
        ("POST", "/push/"),
        ("POST", f"/push/other/{SECRET}"),
        ("POST", f"/push//{SECRET}"),
        ("GET", HERE),
        ("PUT", HERE),
        ("DELETE", HERE),
        ("OPTIONS", HERE),
        ("PROPFIND", HERE),
    ],
)
def test_whoever_has_no_secret_finds_what_is_found_where_nothing_is(web: Served, method: str, path: str) -> None:
    nothing = push(web.url, {"order": 1}, "/nothing/of/that/name", method)
    got = push(web.url, {"order": 1}, path, method)
    assert got.status == nothing.status == 404
    assert CLOCK.sub("", got.text) == CLOCK.sub("", nothing.text)
    assert got.headers.keys() == nothing.headers.keys()
    assert web.store.orders() == []


def test_a_portal_that_does_not_push_has_no_address(pages: Pages) -> None:
    web = pages()
    assert push(web.url, {"order": 1}).status == 404


def test_a_push_comes_whatever_name_the_proxy_calls_us_by(web: Served) -> None:
    got = push(web.url, {"order": 4711}, Host="pushes.example", X_Forwarded_For="192.0.2.1")
    assert got.status == 200
    assert push(web.url, {"order": 4711}, "/push/kode/wrong", Host="pushes.example").status == 404
    assert ask(web.url, "/", Host="pushes.example").status == 421


def test_the_secret_is_in_no_log_no_page_and_no_header(web: Served, said: StringIO) -> None:
    answers = [
        push(web.url, body, path, method)
        for body in ({"order": 1}, b"?", b"x" * 70_000)
        for path in (HERE, f"/push/other/{SECRET}", f"{HERE}/more", f"{HERE}?x={SECRET}")
        for method in ("POST", "GET")
    ]
    raw(web.url, f"POST {HERE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode())
    raw(web.url, f"POST {HERE} HTTP/9.9\r\n\r\n".encode())
    answers += [ask(web.url), ask(web.url, "/metrics")]
    shown = "".join(f"{got.text}{got.headers}" for got in answers)
    assert SECRET not in shown + said.getvalue() + repr(PUSHED)


def test_every_answer_to_a_push_has_the_headers_of_all_pages(web: Served) -> None:
    page = ask(web.url).headers
    for body in ({"order": 1}, b"?"):
        got = push(web.url, body)
        assert all(got.headers[name] == page[name] for name in ("content-security-policy", "cache-control"))


# --- what a push may not do -----------------------------------------------------------------------------------


def test_a_push_that_is_too_large_is_not_read(web: Served) -> None:
    assert push(web.url, {"order": 1, "more": "x" * 65_000}).status == 200
    head = f"POST {HERE} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"
    assert raw(web.url, head.encode()).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("chunk", [1000, 60_000, 70_000])
def test_a_push_in_chunks_may_be_no_larger(web: Served, chunk: int) -> None:
    head = f"POST {HERE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    part = f"{chunk:x}\r\n".encode() + b"x" * chunk + b"\r\n"
    answered = raw(web.url, head, *[part] * (66_000 // chunk + 1))
    assert answered.startswith(b"HTTP/1.1 413 ")


def test_a_push_in_chunks_is_read_and_what_follows_it_on_the_line_is_no_request(web: Served) -> None:
    head = "HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = 'd\r\n{"order":4711\r\n1\r\n}\r\n0\r\n\r\n'
    hidden = f'POST {HERE} HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{{"order":1}}'
    answered = raw(web.url, f"POST {HERE} {head}{body}".encode(), hidden.encode())
    assert answered.count(b"HTTP/1.1 ") == 1
    assert answered.startswith(b"HTTP/1.1 200 ")
    unread = raw(web.url, f"POST /push/kode/wrong {head}{body}".encode(), hidden.encode())
    assert unread.count(b"HTTP/1.1 ") == 1
    assert [order.name for order in web.store.orders()] == ["kode:4711"]


@pytest.mark.parametrize("length", ["-1", "-7", "+11", "1_1"])
def test_a_length_that_is_none_has_nothing_read(web: Served, length: str) -> None:
    head = f"POST {HERE} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    assert raw(web.url, head.encode(), b'{"order":1}').startswith(b"HTTP/1.1 400 ")
    assert web.store.orders() == []


def test_a_push_whose_end_does_not_come_is_not_stored(web: Served) -> None:
    head = f"POST {HERE} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n"
    where = urlsplit(web.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as line:
        line.sendall(head.encode() + b'{"order":1}')
        line.shutdown(socket.SHUT_WR)
        assert line.recv(100).startswith(b"HTTP/1.1 400 ")
    assert web.store.orders() == []


# --- floods ---------------------------------------------------------------------------------------------------


@contextmanager
def flood(url: str, body: Callable[[int], bytes], path: str = HERE, lines: int = 16) -> Iterator[list[int]]:
    """Pushes as fast as they are answered, on so many connections; what was answered."""
    over, answered = threading.Event(), list[int]()

    def send(number: int) -> None:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as line:
            while not over.is_set():
                number += lines
                try:
                    line.request("POST", path, body(number))
                    answer = line.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    line.close()
                else:
                    answered.append(answer.status)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(lines)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        over.set()
        for thread in threads:
            thread.join()


def looks(url: str, times: int = 5) -> float:
    """How long the health took to be told, at most."""
    longest = 0.0
    for _ in range(times):
        began = time.monotonic()
        assert ask(url, "/healthz").status == 200
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.05)
    return longest


def test_a_flood_of_pushes_keeps_nobody_from_the_health(web: Served) -> None:
    with flood(web.url, lambda number: b'{"order":%d}' % number) as answered:
        longest = looks(web.url)
    assert longest < 2.0
    assert set(answered) == {200}
    assert len(web.store.orders()) == len(answered)


def test_a_flood_without_the_secret_is_slowed_down_and_keeps_nobody_from_the_health(web: Served) -> None:
    began = time.monotonic()
    with flood(web.url, lambda _: b'{"order":1}', "/push/kode/wrong") as answered:
        assert looks(web.url, 2) < 4.0
    took = time.monotonic() - began
    assert set(answered) == {404}
    assert len(answered) < 25 * (took + 2)


def test_a_store_that_hangs_keeps_nobody_from_the_health(web: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    monkeypatch.setattr(Store, "push", lambda *_: hang.wait(20))
    with flood(web.url, lambda _: b'{"order":1}', lines=12) as answered:
        time.sleep(0.5)
        longest = looks(web.url, 3)
        hang.set()
    assert longest < 3.0
    assert {200, 503} >= set(answered) >= {503}
