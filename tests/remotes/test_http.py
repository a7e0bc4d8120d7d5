"""What becomes of a call when the wire, or what is at its other end, misbehaves. Over real HTTP throughout."""

import gzip
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import example, given
from hypothesis import strategies as st

from syncer.errors import AccessDenied, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes import http
from syncer.remotes.http import Answer, CallFact, Http, Limits, retry_after, same_host
from syncer.remotes.http.names import Names
from syncer.simulators.host import Fault, Host
from syncer.simulators.wire import Reply, Request
from tests.remotes.canned import Asked, Canned, serving, talking

SECRET = "hemlig-nyckel-0f1e2d3c4b5a"
PASSWORD = "lösen-å-77"
BODY = b"<doc>" + b"word " * 200 + b"</doc>"
HASTY = Limits(timeout=0.15, rate=10_000, max_answer=1_000_000)
CALM = Limits(timeout=20, rate=10_000, max_answer=1_000_000)


@dataclass
class Writer:
    """A remote where each request changes something."""

    name: str = "writer"
    seen: list[Request] = field(default_factory=list)

    def operation(self, request: Request) -> str:
        return "write"

    def handle(self, request: Request) -> Reply:
        self.seen.append(request)
        return Reply(200, BODY, effect={"what": "write"})


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are looked at more often than they have to be in earnest."""
    monkeypatch.setattr(http._Watcher, "LOOK_EVERY", 0.02)


@pytest.fixture
def host() -> Iterator[Host]:
    with Host({"/w": Writer()}) as host:
        yield host
    assert host.crashes == []


def http_to(limits: Limits = CALM, **options: Any) -> Http:
    return Http("net", limits, auth=("sp", PASSWORD), **options)


def ask(client: Http, url: str, *, safe: bool = True, method: str = "GET", **more: Any) -> Answer:
    return client.call("write", method, url, safe=safe, params={"hash": SECRET}, **more)


def failure(client: Http, url: str, *, safe: bool, **more: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        ask(client, url, safe=safe, **more)
    return caught.value


# ---------------------------------------------------------------------------------------- each of the faults

ANSWERED = None
ERRORS: dict[Fault, tuple[type[RemoteError] | None, type[RemoteError] | None]] = {
    Fault.REFUSE: (Unavailable, Uncertain),  # the connection stood already
    Fault.RESET_BEFORE: (Unavailable, Uncertain),
    Fault.RESET_AFTER: (Unavailable, Uncertain),
    Fault.TIMEOUT_BEFORE: (Unavailable, Uncertain),
    Fault.TIMEOUT_AFTER: (Unavailable, Uncertain),
    Fault.ERROR_BEFORE: (Unavailable, Uncertain),
    Fault.ERROR_AFTER: (Unavailable, Uncertain),
    Fault.TOO_MANY: (Unavailable, Unavailable),
    Fault.HTML: (ANSWERED, ANSWERED),
    Fault.HTML_AFTER: (ANSWERED, ANSWERED),
    Fault.EMPTY: (ANSWERED, ANSWERED),
    Fault.EMPTY_AFTER: (ANSWERED, ANSWERED),
    Fault.TRUNCATED: (Unavailable, Uncertain),
    Fault.CUT: (ANSWERED, ANSWERED),
    Fault.GARBAGE: (ANSWERED, ANSWERED),
    Fault.GARBAGE_AFTER: (ANSWERED, ANSWERED),
    Fault.WRONG_TYPE: (ANSWERED, ANSWERED),
    Fault.HUGE: (Unreadable, Uncertain),
    Fault.BOMB: (ANSWERED, ANSWERED),
    Fault.GZIP_BOMB: (Unreadable, Uncertain),
    Fault.DRIP: (Unavailable, Uncertain),
    Fault.REDIRECT: (ANSWERED, ANSWERED),
    Fault.ECHO_500: (Unavailable, Uncertain),
    Fault.ECHO_400: (ANSWERED, ANSWERED),
}
SLOW_FAULTS = {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.DRIP}
OPTIONS: dict[Fault, dict[str, Any]] = {
    Fault.HUGE: {"size": 8_000_000},
    Fault.GZIP_BOMB: {"size": 8_000_000},
    Fault.DRIP: {"every": 0.05},
}


def test_each_fault_of_the_host_is_expected_here() -> None:
    assert set(ERRORS) == set(Fault)


def _struck(host: Host, fault: Fault) -> Http:
    host.fault(fault, **OPTIONS.get(fault, {}))
    return http_to(HASTY if fault in SLOW_FAULTS else CALM)


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_becomes_the_error_that_demands_the_right_reaction(host: Host, fault: Fault, safe: bool) -> None:
    expected = ERRORS[fault][0 if safe else 1]
    host.fault(fault, **OPTIONS.get(fault, {}))
    client = http_to(HASTY if fault in SLOW_FAULTS else CALM)
    if expected is None:
        ask(client, host.url_of("/w"), safe=safe)
    else:
        error = failure(client, host.url_of("/w"), safe=safe, method="POST", json={"name": SECRET})
        assert type(error) is expected
        assert safe or expected is Uncertain or host.effects() == []  # surely without effect
        assert_clean(error, host.url)
    assert len(host.calls()) == 1  # and nothing is ever sent again from in here


def assert_clean(error: BaseException, url: str) -> None:
    """Nothing in an error, in those behind it, or in their tracebacks shows what was sent, or where to."""
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
    behind: BaseException | None = error
    while behind is not None:
        shown += str(behind) + repr(behind) + repr(behind.args)
        behind = behind.__context__ or behind.__cause__
    for secret in (SECRET, PASSWORD, url, url.rpartition(":")[2], "hash="):
        assert secret not in shown


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("safe", [True, False])
def test_wrong_credentials_are_access_denied(status: int, safe: bool) -> None:
    with serving(Canned(b"<no/>", status)) as server:
        error = failure(http_to(), server.url, safe=safe)
        assert type(error) is AccessDenied
        assert_clean(error, server.url)


@pytest.mark.parametrize(
    ("status", "safe", "kind"),
    [
        (408, True, Unavailable),
        (408, False, Uncertain),
        (425, False, Uncertain),
        (500, False, Uncertain),
        (502, True, Unavailable),
        (504, False, Uncertain),
        (599, False, Uncertain),
    ],
)
def test_a_status_that_says_outage_is_one(status: int, safe: bool, kind: type[RemoteError]) -> None:
    with serving(Canned(b"<no/>", status, headers={"Retry-After": "9"})) as server:
        error = failure(http_to(), server.url, safe=safe)
    assert type(error) is kind
    assert not isinstance(error, Unavailable) or error.retry_after == 9


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 404, 409, 410, 501])
def test_any_other_status_is_for_the_client_to_read(status: int) -> None:
    with serving(Canned(b"" if status == 204 else b"<a/>", status)) as server:
        assert ask(http_to(), server.url, safe=False).status == status


# ------------------------------------------------------------------------------------- surely without effect


@pytest.mark.parametrize("safe", [True, False])
def test_a_remote_that_refuses_connections_has_done_nothing(host: Host, safe: bool) -> None:
    host.down()
    error = failure(http_to(), host.url_of("/w"), safe=safe)
    assert type(error) is Unavailable
    assert "refused" in error.cause
    assert_clean(error, host.url)


@pytest.mark.parametrize("safe", [True, False])
def test_a_host_without_an_address_has_done_nothing(safe: bool) -> None:
    error = failure(http_to(), "http://nowhere.invalid/x", safe=safe)
    assert type(error) is Unavailable
    assert error.cause == "no such host"
    assert_clean(error, "nowhere.invalid")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "http://", "nonsense", "http://[half/", "http://127.0.0.1:999999/"]
)
def test_an_address_that_cannot_be_called_is_unavailable_and_not_shown(url: str) -> None:
    error = failure(http_to(), url, safe=False)
    assert type(error) is Unavailable
    assert url not in str(error)


def test_an_outage_ends_without_a_new_client(host: Host) -> None:
    client = http_to()
    ask(client, host.url_of("/w"))
    host.down()
    failure(client, host.url_of("/w"), safe=True)
    host.up()
    assert ask(client, host.url_of("/w")).status == 200
    assert len(host.calls()) == 2


def test_a_connection_that_was_closed_while_idle_is_made_anew_and_the_call_sent_once(host: Host) -> None:
    client = http_to()
    ask(client, host.url_of("/w"), safe=False)
    host.down()
    host.up()
    ask(client, host.url_of("/w"), safe=False)
    assert len(host.calls()) == 2


# ------------------------------------------------------------------------------------------------- deadlines


def _drip(start: bytes, ended: threading.Event) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(start)
        while not ended.wait(0.02):
            connection.sendall(b"a")

    return talk


DRIPS = {
    "in its status line": b"HTTP/1.1 200 O",
    "in its headers": b"HTTP/1.1 200 OK\r\nX-Long: ",
    "in a body of stated length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    "in a body that the connection's end ends": b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n<a/>",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
}


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("start", DRIPS.values(), ids=DRIPS.keys())
def test_an_answer_that_drips_is_given_up_at_the_deadline_of_the_whole_call(start: bytes, safe: bool) -> None:
    ended = threading.Event()
    with talking(_drip(start, ended)) as place:
        error = failure(http_to(HASTY), f"http://{place}/", safe=safe)
        ended.set()
    assert type(error) is (Unavailable if safe else Uncertain)
    assert error.cause == "no answer in time"


def test_a_late_write_may_still_be_at_work_for_as_long_as_it_was_waited_for(host: Host) -> None:
    host.fault(Fault.TIMEOUT_AFTER)
    error = failure(http_to(HASTY), host.url_of("/w"), safe=False)
    assert isinstance(error, Uncertain)
    assert error.settle_seconds == HASTY.timeout


def test_one_slow_call_does_not_cut_another(host: Host) -> None:
    host.fault(Fault.TIMEOUT_BEFORE, where=lambda request: request.path == "/slow")
    late: list[RemoteError] = []
    hasty, calm = http_to(HASTY), http_to()
    thread = threading.Thread(target=lambda: late.append(failure(hasty, host.url_of("/w") + "/slow", safe=True)))
    thread.start()
    while thread.is_alive():
        assert ask(calm, host.url_of("/w")).status == 200
    assert [type(error) for error in late] == [Unavailable]


# ---------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("fault", [Fault.GZIP_BOMB, Fault.HUGE])
def test_a_huge_answer_is_cut_long_before_it_is_held(host: Host, fault: Fault) -> None:
    host.fault(fault, size=64_000_000, times=2)
    client = http_to()
    failure(client, host.url_of("/w"), safe=True)  # the host has made its bomb by now
    tracemalloc.start()
    try:
        failure(client, host.url_of("/w"), safe=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * CALM.max_answer


def test_an_answer_of_just_the_limit_is_taken() -> None:
    limits = Limits(timeout=20, rate=10_000, max_answer=1000)
    with serving(lambda asked: Canned(b"x" * int(asked.path.strip("/")))) as server:
        assert len(ask(http_to(limits), f"{server.url}/1000").body) == 1000
        assert type(failure(http_to(limits), f"{server.url}/1001", safe=True)) is Unreadable


def test_a_body_that_is_no_gzip_though_it_says_so_is_a_broken_answer() -> None:
    with serving(Canned(b"not gzip", headers={"Content-Encoding": "gzip"})) as server:
        assert type(failure(http_to(), server.url, safe=True)) is Unavailable
        assert type(failure(http_to(), server.url, safe=False)) is Uncertain


MALFORMED = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "nothing": b"",
    "half a status line": b"HTTP/1.1",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "more headers than anyone needs": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 200_000 + b"\r\n\r\n",
    "a chunk that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
    "a shorter body than said": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
    "chunks without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    "too many encodings": b"HTTP/1.1 200 OK\r\nContent-Encoding: " + b", ".join([b"gzip"] * 50) + b"\r\n\r\nx",
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_answer_is_an_outage_and_of_unknown_effect(raw: bytes) -> None:
    with serving(Canned(raw=raw)) as server:
        for safe, kind in ((True, Unavailable), (False, Uncertain)):
            error = failure(http_to(), server.url, safe=safe)
            assert type(error) is kind
            assert_clean(error, server.url)


# -------------------------------------------------------------------------- what goes out, and what never does


def test_credentials_go_out_as_utf8_basic_authentication(host: Host) -> None:
    ask(http_to(), host.url_of("/w"))
    assert host.calls()[0].headers["authorization"] == "Basic c3A6bMO2c2VuLcOlLTc3"


@pytest.mark.parametrize("auth", [None, ("sp", PASSWORD)])
def test_the_users_netrc_and_proxies_are_ignored(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: tuple[str, str] | None
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    Http("net", CALM, auth=auth).call("write", "GET", host.url_of("/w"), safe=True)
    sent = host.calls()[0].headers.get("authorization")
    assert sent == (None if auth is None else "Basic c3A6bMO2c2VuLcOlLTc3")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with serving(b"<elsewhere/>") as elsewhere:
        moved = Canned(b"", status, headers={"Location": elsewhere.url})
        with serving(moved) as server:
            answer = ask(http_to(), server.url, method="POST", safe=False)
            assert (answer.status, answer.headers["location"]) == (status, elsewhere.url)
        assert elsewhere.asked == []


@pytest.mark.parametrize("location", ["http://[half/", "http://127.0.0.1:999999/", "//", "\x00", "javascript:1"])
def test_where_a_redirect_leads_is_not_even_looked_at(location: str) -> None:
    with serving(Canned(b"<moved/>", 302, headers={"Location": location})) as server:
        assert ask(http_to(), server.url, safe=False).status == 302


def test_a_redirect_may_be_no_longer_than_any_answer() -> None:
    bomb = gzip.compress(b" " * 64_000_000, 1)
    with serving(Canned(bomb, 302, headers={"Location": "/x", "Content-Encoding": "gzip"})) as server:
        tracemalloc.start()
        try:
            error = failure(http_to(), server.url, safe=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert type(error) is Unreadable
    assert peak < 10 * CALM.max_answer


def test_a_connection_is_used_again() -> None:
    with serving(BODY) as server:
        client = http_to()
        for _ in range(5):
            ask(client, server.url)
        assert (len(server.asked), server.connections) == (5, 1)


def test_no_more_calls_are_under_way_than_allowed() -> None:
    guard, now, most = threading.Lock(), [0], [0]

    def answer(_: Asked) -> Canned:
        with guard:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with guard:
            now[0] -= 1
        return Canned(b"<a/>")

    with serving(answer) as server:
        client = http_to(Limits(timeout=20, rate=10_000, parallel=2))
        threads = [threading.Thread(target=ask, args=(client, server.url)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(server.asked), most[0]) == (10, 2)


def test_a_write_in_a_rehearsal_is_a_bug_and_never_goes_out(host: Host) -> None:
    client = http_to(read_only=True)
    assert ask(client, host.url_of("/w")).status == 200
    with pytest.raises(AssertionError) as caught:
        ask(client, host.url_of("/w"), safe=False)
    assert SECRET not in str(caught.value)
    assert len(host.calls()) == 1


def test_each_call_is_told_of_with_its_outcome_and_nothing_private(host: Host) -> None:
    facts: list[CallFact] = []
    client = http_to(observe=facts.append)
    ask(client, host.url_of("/w"))
    host.fault(Fault.ERROR_AFTER)
    failure(client, host.url_of("/w"), safe=False)
    host.fault(Fault.HUGE, size=8_000_000)
    failure(client, host.url_of("/w"), safe=True)
    assert [(fact.remote, fact.operation, fact.safe) for fact in facts] == [
        ("net", "write", True),
        ("net", "write", False),
        ("net", "write", True),
    ]
    assert [fact.outcome for fact in facts] == ["200", "503", "Unreadable"]
    assert SECRET not in repr(facts)


# ----------------------------------------------------------------------------------------------- Retry-After

NOW = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)


def _told(text: str) -> float | None:
    return retry_after(Answer(429, b"", {"retry-after": text}))


@pytest.mark.parametrize("fault", [Fault.TOO_MANY, Fault.ERROR_BEFORE])
def test_retry_after_comes_with_the_error(host: Host, fault: Fault) -> None:
    host.fault(fault, retry_after=17)
    error = failure(http_to(), host.url_of("/w"), safe=True)
    assert isinstance(error, Unavailable)
    assert error.retry_after == 17


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        (format_datetime(NOW.replace(minute=16), usegmt=True), 60),
        ("Sun, 04 May 2031 09:16:00 +0200", 60),
        ("Sun, 04 May 2031 07:16:00", 60),
        ("Sun, 04 May 2031 07:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    with time_machine.travel(NOW, tick=False):
        assert _told(text) == seconds


@given(st.text(max_size=60))
@example("9" * 400)
@example("999999999999999")
@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Mon, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 2031 00:00:00 +99999999999")
@example(",")
@example("²")
def test_no_retry_after_does_harm(text: str) -> None:
    seconds = _told(text)
    assert seconds is None or 0 <= seconds <= 86_400


# ------------------------------------------------------------------------------------------------ same host


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://net.example/a/", "https://net.example/b", True),
        ("https://net.example/", "https://NET.example/", True),
        ("https://net.example/", "https://net.example:443/", True),
        ("http://net.example:80/", "http://net.example/", True),
        ("https://net.example/", "http://net.example/", False),
        ("https://net.example/", "https://net.example:8443/", False),
        ("https://net.example/", "https://net.example.evil.example/", False),
        ("https://net.example/", "https://net.example@evil.example/", False),
        ("https://net.example/", "https://net.example:99999/", False),
        ("https://net.example/", "https://[half/", False),
    ],
)
def test_credentials_may_go_only_to_the_same_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert same_host(one, other) is same


# ------------------------------------------------------------------------------------------------------ TLS


@dataclass(frozen=True)
class Papers:
    """A server's and a client's invented certificate, each its own authority."""

    server: Path
    client: Path

    def context(self, *, demand: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        if demand:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client)
        return context


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("papers")
    for name in ("server", "client"):
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        make += ["-days", "3", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        make += ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"]
        subprocess.run(make, check=True, capture_output=True)
        both = (folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text()
        (folder / f"{name}.pem").write_text(both)
    return Papers(folder / "server.pem", folder / "client.pem")


def _tls_limits(ca_file: Path | None = None, client_cert: Path | None = None) -> Limits:
    return Limits(timeout=20, rate=10_000, ca_file=ca_file, client_cert=client_cert)


@pytest.mark.parametrize("safe", [True, False])
def test_a_certificate_that_nobody_vouches_for_ends_the_call_before_it_is_sent(papers: Papers, safe: bool) -> None:
    with serving(b"<a/>", papers.context()) as server:
        error = failure(http_to(_tls_limits()), server.url, safe=safe)
        assert type(error) is Unavailable
        assert "TLS" in error.cause
        assert_clean(error, server.url)
        assert server.asked == []


def test_a_private_authority_and_a_client_certificate_are_used(papers: Papers) -> None:
    with serving(b"<a/>", papers.context(demand=True)) as server:
        client = http_to(_tls_limits(papers.server, papers.client))
        assert ask(client, server.url).status == 200
        error = failure(http_to(_tls_limits(papers.server)), server.url, safe=True)
        assert type(error) is Unavailable
        assert len(server.asked) == 1


def test_a_tls_line_that_breaks_after_the_write_was_sent_is_uncertain(papers: Papers) -> None:
    received: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        with papers.context().wrap_socket(connection, server_side=True) as secure:
            received.append(secure.recv(65_536))
            os.write(secure.fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)  # a record that nobody can decrypt
            while secure.recv(65_536):
                continue

    with talking(talk) as place:
        error = failure(http_to(_tls_limits(papers.server)), f"https://{place}/", safe=False)
    assert received[0].startswith(b"GET /")
    assert type(error) is Uncertain


# --- names ----------------------------------------------------------------------------------------------------


def named(monkeypatch: pytest.MonkeyPatch, *addresses: str, wait: threading.Event | None = None) -> list[str]:
    """The system's look-up says so of `net.example`, once it may; the names that it was asked for."""
    real, asked = socket.getaddrinfo, []

    def look_up(name: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        if name != "net.example":
            return real(name, port, *arguments, **more)
        asked.append(name)
        if wait is not None:
            wait.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_each_address_of_a_name_is_tried_and_the_remote_hears_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _asked: Canned(b"<a/>")) as server:
        port = server.server_address[1]
        asked = named(monkeypatch, "127.0.0.3", "127.0.0.2", "127.0.0.1")  # the server listens on the last alone
        client = http_to()
        for _ in range(2):
            assert ask(client, f"http://net.example:{port}/").body == b"<a/>"
        assert asked == ["net.example"]  # the connection was kept
        assert {one.headers["host"] for one in server.asked} == {f"net.example:{port}"}


def test_a_name_without_an_address_that_answers_is_surely_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "127.0.0.3", "127.0.0.2")
    assert isinstance(failure(http_to(), "http://net.example:9/", safe=False), Unavailable)


def test_a_look_up_that_has_answered_is_nobody_s_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "127.0.0.1")
    names, asked = Names(), Future[list[str]]()
    kept: list[bool] = []
    names._asked["net.example"] = asked
    asked.add_done_callback(lambda _: kept.append("net.example" in names._asked))
    names._ask("net.example", asked)
    assert (asked.result(), kept) == (["127.0.0.1"], [False])


@pytest.mark.parametrize("safe", [True, False])
def test_a_look_up_that_is_late_is_surely_no_effect_and_asked_for_once_at_a_time(
    monkeypatch: pytest.MonkeyPatch, *, safe: bool
) -> None:
    may = threading.Event()
    asked = named(monkeypatch, "127.0.0.1", wait=may)
    client = http_to(HASTY)
    for _ in range(3):
        assert isinstance(failure(client, "http://net.example:9/", safe=safe), Unavailable)
    may.set()
    assert asked == ["net.example"]
