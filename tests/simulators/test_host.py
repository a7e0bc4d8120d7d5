"""The host's claims: mounting, the journal, each fault, and that it can always be stopped."""

import gzip
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest

from syncer.simulators.host import Fault, Host
from syncer.simulators.wire import Reply, Request

AT = datetime(2031, 5, 4, 9, 15, tzinfo=UTC)
BODY = "<doc><name>Åsa Påhittad</name></doc>".encode()


@dataclass
class Counter:
    """A remote that counts: POST adds one, GET reads, /crash is its own mistake."""

    name: str = "counter"
    content_type: str = "application/xml"
    count: int = 0
    seen: list[Request] = field(default_factory=list)

    VERBS: ClassVar[frozenset[str]] = frozenset({"set_count"})

    def operation(self, request: Request) -> str:
        return request.query.get("do", "read")

    def handle(self, request: Request) -> Reply:
        self.seen.append(request)
        if request.path == "/crash":
            raise RuntimeError("mistake")
        if self.operation(request) != "add":
            return Reply(200, BODY, self.content_type)
        self.count += 1
        return Reply(200, BODY, self.content_type, effect={"what": "add", "value": str(self.count)})

    def set_count(self, count: int) -> int:
        if count < 0:
            raise ValueError("less than nothing")
        self.count = count
        return count

    def state(self) -> dict[str, Any]:
        return {"count": self.count}


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def host(counter: Counter) -> Iterator[Host]:
    with Host({"/counter": counter}, now=lambda: AT) as host:
        yield host
    assert host.crashes == []


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    body: bytes


def connect(host: Host, seconds: float = 5) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", int(host.url.rsplit(":", 1)[1]), timeout=seconds)


def ask(
    host: Host,
    path: str = "/counter?do=add",
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    *,
    seconds: float = 5,
) -> Got:
    connection = connect(host, seconds)
    try:
        connection.request(method, path, body, headers or {})
        with connection.getresponse() as answer:
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Got(answer.status, named, answer.read())
    finally:
        connection.close()


def control(host: Host, what: str, arguments: dict[str, Any] | None = None) -> tuple[int, Any]:
    method = "GET" if arguments is None else "POST"
    body = None if arguments is None else json.dumps(arguments).encode()
    got = ask(host, f"/_control/{what}", method, body)
    return got.status, json.loads(got.body)


# Mounting and HTTP


def test_answer_of_the_simulator_arrives_whole(host: Host) -> None:
    got = ask(host)
    assert (got.status, got.body, got.headers["content-type"]) == (200, BODY, "application/xml")
    assert got.headers["content-length"] == str(len(BODY))


def test_longest_prefix_wins_and_is_taken_off_the_path() -> None:
    short, long = Counter("short"), Counter("long")
    with Host({"/a": short, "/a/b": long}) as host:
        for path in ("/a", "/a/bc", "/a/b/c%2Fd?x=1"):
            ask(host, path)
        assert host.url_of("/a/b") == host.url + "/a/b"
    assert [seen.path for seen in short.seen] == ["/", "/bc"]
    assert [seen.path for seen in long.seen] == ["/c%2Fd"]


def test_path_outside_every_mount_is_not_found_and_recorded(host: Host) -> None:
    assert ask(host, "/counters").status == 404
    assert [(entry.remote, entry.operation) for entry in host.journal] == [("host", "unmounted")]


def test_connection_is_kept_alive(host: Host) -> None:
    connection = connect(host)
    for _ in range(3):
        connection.request("GET", "/counter")
        with connection.getresponse() as answer:
            assert answer.read() == BODY
        assert connection.sock is not None
    connection.close()


def test_form_is_read_into_the_query_and_last_value_counts(host: Host, counter: Counter) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    ask(host, "/counter?do=read&a=1", "POST", urlencode({"do": "add", "text": "Å ä"}).encode(), form)
    assert counter.seen[0].query == {"do": "add", "a": "1", "text": "Å ä"}
    assert counter.count == 1


def test_body_of_another_type_stays_out_of_the_query(host: Host, counter: Counter) -> None:
    ask(host, "/counter", "PUT", b'{"do": "add"}', {"Content-Type": "application/json"})
    assert (counter.seen[0].query, counter.seen[0].body) == ({}, b'{"do": "add"}')


def test_body_over_ten_mib_is_refused(host: Host, counter: Counter) -> None:
    with socket.create_connection(("127.0.0.1", connect(host).port), timeout=5) as raw:
        raw.sendall(b"POST /counter?do=add HTTP/1.1\r\nHost: x\r\nContent-Length: 10485761\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
    assert counter.count == 0
    assert host.journal[0].status == 413


def test_mistake_of_the_simulator_is_an_answer_and_is_kept() -> None:
    with Host({"/counter": Counter()}) as host:
        got = ask(host, "/counter/crash")
        assert (got.status, b"RuntimeError: mistake" in got.body) == (500, True)
        assert len(host.crashes) == 1


def test_latency_delays_each_answer(host: Host) -> None:
    host.latency = 0.2
    started = time.monotonic()
    ask(host)
    assert time.monotonic() - started >= 0.2


def test_effects_of_many_clients_are_all_counted(host: Host, counter: Counter) -> None:
    threads = [threading.Thread(target=lambda: [ask(host) for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.count == 40
    assert [entry.number for entry in host.journal] == list(range(1, 41))


# Journal


def test_journal_has_the_request_the_status_and_the_effect(host: Host) -> None:
    ask(host, "/counter/x?do=add&n=%C3%A5", "POST", b"text", {"X-Mark": "m"})
    entry = host.journal[0]
    assert (entry.number, entry.at, entry.remote, entry.operation) == (1, AT, "counter", "add")
    assert (entry.method, entry.path, entry.params) == ("POST", "/x", {"do": "add", "n": "å"})
    assert (entry.headers["x-mark"], entry.body, entry.status) == ("m", "text", 200)
    assert (entry.effect, entry.fault) == ({"what": "add", "value": "1"}, None)


def test_calls_and_effects_are_chosen_by_remote_operation_and_what(host: Host) -> None:
    ask(host)
    ask(host, "/counter")
    assert len(host.calls("counter")) == 2
    assert len(host.calls(operation="read")) == 1
    assert len(host.effects("counter", "add")) == 1
    assert host.effects("other") == host.effects(what="other") == []


def test_journal_file_has_a_line_for_each_request(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Host({"/counter": Counter()}, journal_path=path) as host:
        ask(host)
        host.fault("reset_after")
        with pytest.raises(ConnectionError):
            ask(host)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["status"] for line in lines] == [200, None]
    assert [line["effect"]["value"] for line in lines] == ["1", "2"]
    assert datetime.fromisoformat(lines[0]["at"]).tzinfo is not None


# Faults


@pytest.mark.parametrize("kind", [Fault.REFUSE, Fault.RESET_BEFORE, Fault.RESET_AFTER])
def test_reset_has_its_effect_only_when_it_comes_after(host: Host, counter: Counter, kind: Fault) -> None:
    host.fault(kind)
    with pytest.raises(ConnectionResetError):
        ask(host, method="POST", body=b"text")
    assert counter.count == (kind is Fault.RESET_AFTER)
    assert (host.journal[0].status, host.journal[0].fault) == (None, kind.value)


def test_refused_request_is_cut_off_before_its_body(host: Host, counter: Counter) -> None:
    host.fault(Fault.REFUSE, operation="add")
    with socket.create_connection(("127.0.0.1", connect(host).port), timeout=5) as raw:
        raw.sendall(b"POST /counter?do=add HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            raw.recv(1)
    assert counter.count == 0


def test_refusal_finds_an_operation_that_stands_in_a_form(host: Host, counter: Counter) -> None:
    host.fault(Fault.REFUSE, operation="add")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with pytest.raises(ConnectionResetError):
        ask(host, "/counter", "POST", b"do=add", form)
    assert counter.count == 0


@pytest.mark.parametrize("kind", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER])
def test_timeout_is_silent_and_then_closes(host: Host, counter: Counter, kind: Fault) -> None:
    host.fault(kind, seconds=0.3)
    with pytest.raises(TimeoutError):
        ask(host, seconds=0.1)
    host.fault(kind, seconds=0.1)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(host)
    assert counter.count == (2 if kind is Fault.TIMEOUT_AFTER else 0)
    assert [entry.status for entry in host.journal] == [None, None]


@pytest.mark.parametrize(
    ("kind", "options", "status", "count"),
    [
        (Fault.ERROR_BEFORE, {}, 503, 0),
        (Fault.ERROR_AFTER, {"status": 502, "retry_after": 7}, 502, 1),
        (Fault.TOO_MANY, {"retry_after": 7}, 429, 0),
        (Fault.TOO_MANY, {}, 429, 0),
        (Fault.HTML, {}, 200, 0),
        (Fault.HTML_AFTER, {}, 200, 1),
        (Fault.REDIRECT, {}, 302, 0),
        (Fault.ECHO_500, {}, 500, 0),
        (Fault.ECHO_400, {}, 400, 0),
    ],
)
def test_page_comes_in_place_of_the_answer(
    host: Host, counter: Counter, *, kind: Fault, options: dict[str, Any], status: int, count: int
) -> None:
    host.fault(kind, **options)
    got = ask(host)
    assert (got.status, got.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert b"<html>" in got.body
    assert got.headers.get("retry-after") == (str(options["retry_after"]) if "retry_after" in options else None)
    assert (counter.count, host.journal[0].status, host.journal[0].fault) == (count, status, kind.value)
    assert ask(host, "/counter").body == BODY


def test_redirect_points_where_it_is_told(host: Host) -> None:
    host.fault(Fault.REDIRECT, to="http://127.0.0.1:1/elsewhere")
    assert ask(host).headers["location"] == "http://127.0.0.1:1/elsewhere"


def test_debug_page_echoes_line_parameters_headers_and_body(host: Host) -> None:
    host.fault(Fault.ECHO_500)
    got = ask(host, "/counter?do=add&key=s3cret", "POST", b"in the body", {"Authorization": "Basic eDp5"})
    for text in ("POST /counter?do=add&amp;key=s3cret", "key = s3cret", "Basic eDp5", "in the body"):
        assert text in got.body.decode()


@pytest.mark.parametrize(("kind", "count"), [(Fault.EMPTY, 0), (Fault.EMPTY_AFTER, 1)])
def test_empty_answer_is_200_without_a_body(host: Host, counter: Counter, kind: Fault, count: int) -> None:
    host.fault(kind)
    got = ask(host)
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")
    assert counter.count == count


def test_truncated_answer_is_shorter_than_its_length_says(host: Host, counter: Counter) -> None:
    host.fault(Fault.TRUNCATED)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(host)
    assert caught.value.partial == BODY[: len(BODY) // 2]
    assert counter.count == 1


def test_cut_answer_is_well_formed_http(host: Host, counter: Counter) -> None:
    host.fault(Fault.CUT)
    assert ask(host).body == BODY[: len(BODY) // 2]
    assert counter.count == 1


@pytest.mark.parametrize(("kind", "count"), [(Fault.GARBAGE, 0), (Fault.GARBAGE_AFTER, 1)])
def test_garbage_is_the_same_for_the_same_seed(host: Host, counter: Counter, kind: Fault, count: int) -> None:
    host.fault(kind, seed=5)
    first = ask(host)
    assert counter.count == count
    host.fault(kind, seed=5)
    host.fault(kind, seed=6)
    assert [ask(host).body == first.body for _ in range(2)] == [True, False]


def test_wrong_type_has_the_right_body(host: Host, counter: Counter) -> None:
    host.fault(Fault.WRONG_TYPE)
    got = ask(host)
    assert (got.headers["content-type"], got.body, counter.count) == ("text/plain", BODY, 1)


def test_huge_answer_has_its_size_and_looks_like_orders(host: Host, counter: Counter) -> None:
    host.fault(Fault.HUGE, size=1_000_000)
    got = ask(host)
    assert (len(got.body), counter.count) == (1_000_000, 0)
    assert got.body.startswith(b'<?xml version="1.0"?><orders>')
    assert "content-length" not in got.headers


def test_huge_answer_ends_when_the_client_hangs_up(host: Host) -> None:
    host.fault(Fault.HUGE)
    connection = connect(host)
    connection.request("GET", "/counter")
    answer = connection.getresponse()
    answer.read(10)
    answer.close()
    connection.close()
    assert ask(host).body == BODY


def test_bomb_is_nested_xml_for_a_remote_that_answers_xml(host: Host, counter: Counter) -> None:
    host.fault(Fault.BOMB)
    got = ask(host)
    assert b"<!ENTITY e10" in got.body
    assert (got.headers["content-type"], counter.count) == ("application/xml", 0)


def test_bomb_is_nested_json_for_a_remote_that_answers_json(host: Host, counter: Counter) -> None:
    counter.content_type = "application/json"
    host.fault(Fault.BOMB)
    got = ask(host)
    assert got.body.startswith(b"[[[[")
    with pytest.raises(RecursionError):
        json.loads(got.body)
    assert (got.headers["content-type"], counter.count) == ("application/json", 0)


def test_gzip_bomb_is_small_on_the_wire(host: Host, counter: Counter) -> None:
    size = 3_000_000
    host.fault(Fault.GZIP_BOMB, size=size)
    got = ask(host)
    assert (got.headers["content-encoding"], len(got.body) < 10_000, counter.count) == ("gzip", True, 0)
    assert len(gzip.GzipFile(fileobj=io.BytesIO(got.body)).read()) == size


def test_drip_gives_the_right_answer_slowly(host: Host, counter: Counter) -> None:
    host.fault(Fault.DRIP, every=0.005)
    started = time.monotonic()
    assert ask(host).body == BODY
    assert time.monotonic() - started >= 0.005 * len(BODY)
    assert counter.count == 1


def test_fault_skips_and_then_strikes_so_many_times(host: Host) -> None:
    armed = host.fault(Fault.TOO_MANY, skip=1, times=2)
    assert [ask(host).status for _ in range(4)] == [200, 429, 429, 200]
    assert armed.taken == 2


def test_fault_strikes_only_its_remote_operation_and_condition(host: Host) -> None:
    host.fault(Fault.TOO_MANY, remote="other")
    host.fault(Fault.TOO_MANY, operation="other")
    host.fault(Fault.TOO_MANY, remote="counter", operation="add", where=lambda request: "n" in request.query)
    paths = ("/counter?do=add", "/counter?n=1", "/counter?do=add&n=1")
    assert [ask(host, path).status for path in paths] == [200, 200, 429]


def test_fault_for_ever_lasts_until_it_is_cleared(host: Host) -> None:
    host.fault(Fault.ERROR_BEFORE, times=None)
    assert [ask(host).status for _ in range(3)] == [503, 503, 503]
    host.clear_faults()
    assert ask(host).status == 200


def test_of_two_faults_the_first_armed_strikes_and_the_second_counts_the_request(host: Host) -> None:
    host.fault(Fault.ERROR_BEFORE)
    host.fault(Fault.TOO_MANY, skip=1)
    assert [ask(host).status for _ in range(3)] == [503, 429, 200]


def test_unknown_fault_and_unknown_option_are_refused(host: Host) -> None:
    with pytest.raises(ValueError, match="lost"):
        host.fault("lost")
    with pytest.raises(ValueError, match="no option seconds"):
        host.fault(Fault.HTML, seconds=3)


# Going down, and stopping


def test_host_that_is_down_refuses_and_comes_up_on_the_same_port(host: Host) -> None:
    url = host.url
    kept = connect(host)
    kept.request("GET", "/counter")
    kept.getresponse().read()
    host.down()
    assert kept.sock.recv(1) == b""
    kept.close()
    with pytest.raises(ConnectionRefusedError):
        ask(host)
    host.up()
    assert (ask(host).status, host.url) == (200, url)


def test_stop_ends_every_held_connection_quickly(counter: Counter) -> None:
    host = Host({"/counter": counter})
    host.start()
    failures: list[Exception] = []

    def wait() -> None:
        try:
            ask(host, seconds=20)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    host.fault(Fault.TIMEOUT_AFTER)
    host.fault(Fault.DRIP, every=10)
    host.fault(Fault.HUGE, size=1 << 40)
    threads = [threading.Thread(target=wait, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(host.calls()) < 3:
        time.sleep(0.01)
    started = time.monotonic()
    host.stop()
    for thread in threads:
        thread.join(2)
    assert time.monotonic() - started < 1
    assert len(failures) == 3
    assert host.crashes == []


def test_stop_twice_and_address_before_start_are_harmless() -> None:
    host = Host({"/counter": Counter()})
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = host.url
    host.start()
    host.stop()
    host.stop()


# Control


def test_control_shows_the_journal_and_the_state(host: Host) -> None:
    ask(host)
    assert control(host, "journal")[1]["result"][0]["effect"] == {"what": "add", "value": "1"}
    assert control(host, "state") == (200, {"result": {"counter": {"count": 1}}})
    assert len(host.journal) == 1


def test_control_arms_and_clears_faults(host: Host) -> None:
    assert control(host, "fault", {"kind": "error_before", "times": None, "status": 500})[0] == 200
    assert ask(host).status == 500
    assert control(host, "clear", {})[0] == 200
    assert ask(host).status == 200


def test_control_calls_a_verb(host: Host, counter: Counter) -> None:
    call = {"remote": "counter", "verb": "set_count", "arguments": {"count": 7}}
    assert control(host, "call", call) == (200, {"result": 7})
    assert counter.count == 7


@pytest.mark.parametrize(
    ("what", "arguments", "sentence"),
    [
        ("fault", {"kind": "lost"}, "can't be armed"),
        ("fault", {"kind": "html", "where": "x"}, "is Python"),
        ("call", {"remote": "other", "verb": "set_count"}, "no remote"),
        ("call", {"remote": "counter", "verb": "handle"}, "no verb"),
        ("call", {"remote": "counter", "verb": "set_count", "arguments": {"count": -1}}, "less than nothing"),
        ("call", {"remote": "counter", "verb": "set_count", "arguments": {"other": 1}}, "can't be done"),
        ("nothing", {}, "nothing else"),
    ],
)
def test_control_says_in_a_sentence_what_cannot_be_done(
    host: Host, what: str, arguments: dict[str, Any], sentence: str
) -> None:
    status, answer = control(host, what, arguments)
    assert (status, sentence in answer["error"]) == (400, True)


def test_control_refuses_what_is_not_a_json_object(host: Host) -> None:
    assert [ask(host, "/_control/clear", "POST", body).status for body in (b"{", b"[]")] == [400, 400]
