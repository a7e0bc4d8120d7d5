"""KODE's files: fetched whole or not at all, and the token goes nowhere but where it belongs."""

import gzip
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Unreadable
from syncer.remotes.http import CHUNK
from syncer.remotes.kode import Asset, Kode, StaleAddress
from syncer.remotes.kode.hosts import Hosts
from tests.remotes.canned import Canned, Server, serving
from tests.remotes.kode_bench import ACCESS, Bench, bearer, granted, standing

PDF = Canned(b"%PDF-1.7 " * 20_000, content_type="application/pdf")
PLACE = "/shopping/v2/assets/a1"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with standing(PDF) as made:
        yield made


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Another host: the same machine under another port, whose token is nobody's business."""
    with serving(PDF) as server:
        yield server
        for asked in server.asked:
            assert ACCESS.format(1) not in str(asked)


def fetched(client: Kode, asset: Asset, most: int = 1_000_000) -> bytes:
    parts: list[bytes] = []
    client.download(asset, parts.append, most=most)
    assert max(map(len, parts), default=0) <= CHUNK
    return b"".join(parts)


def failure(client: Kode, asset: Asset, most: int = 1_000_000) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        client.download(asset, lambda _: None, most=most)
    return caught.value


def sent_on(to: str, status: int = 302) -> Canned:
    return Canned(b"elsewhere", status, headers={"Location": to})


# ------------------------------------------------------------------------------------------------- the bytes


def test_a_file_is_fetched_with_the_token(bench: Bench) -> None:
    assert fetched(bench.client(), bench.asset()) == PDF.body
    (asked,) = bench.calls
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("GET", PLACE, bearer(1))


def test_a_file_is_fetched_without_a_token_where_none_is_wanted(bench: Bench) -> None:
    assert fetched(bench.client(download_auth=False), bench.asset()) == PDF.body
    assert (bench.tokens, "authorization" in bench.calls[0].headers) == ([], False)


def test_an_address_without_a_host_is_kode_s_own(bench: Bench) -> None:
    assert fetched(bench.client(), bench.asset(PLACE)) == PDF.body


def test_an_empty_file_is_one(bench: Bench) -> None:
    bench.answer = lambda _: Canned(b"", content_type="application/pdf")
    assert fetched(bench.client(), bench.asset()) == b""


@pytest.mark.parametrize(
    "answer",
    [
        PDF,
        Canned(gzip.compress(b"\0" * 2_000_000), headers={"Content-Encoding": "gzip"}),
        Canned(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000),
    ],
    ids=["said", "bomb", "endless"],
)
def test_a_file_that_is_too_long_is_given_up(bench: Bench, answer: Canned) -> None:
    bench.answer = lambda _: answer
    assert type(failure(bench.client(), bench.asset(), most=150_000)) is Unreadable


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n%PDF", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConte"],
)
def test_a_file_that_does_not_come_whole_is_fetched_later(bench: Bench, raw: bytes) -> None:
    bench.answer = lambda _: Canned(raw=raw)
    assert type(failure(bench.client(), bench.asset())) is Unavailable


def test_what_the_taker_raises_passes_through(bench: Bench) -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        bench.client().download(bench.asset(), full, most=1_000_000)


# ---------------------------------------------------------------------------------------- what isn't the file


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_gateway_s_page_is_no_file_and_nothing_of_it_is_taken(bench: Bench, kind: str) -> None:
    bench.answer = lambda _: Canned(b"<html>Logg inn", content_type=kind)
    parts: list[bytes] = []
    with pytest.raises(Unavailable, match="web page") as caught:
        bench.client().download(bench.asset(), parts.append, most=1000)
    assert (parts, caught.value.order_only, isinstance(caught.value, StaleAddress)) == ([], True, False)


@pytest.mark.parametrize("names", [{"name": "kart.HTML"}, {"filename": "kart.htm "}])
def test_a_page_is_a_file_where_that_is_what_it_is(bench: Bench, names: dict[str, str]) -> None:
    bench.answer = lambda _: Canned(b"<html>kart", content_type="text/html")
    assert fetched(bench.client(), bench.asset(**names)) == b"<html>kart"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_is_no_good_any_more_asks_for_the_order_to_be_read_anew(bench: Bench, status: int) -> None:
    bench.answer = lambda _: Canned(b"no", status)
    error = failure(bench.client(), bench.asset())
    assert isinstance(error, StaleAddress)
    assert error.order_only


def test_a_401_is_first_answered_with_a_new_token(bench: Bench) -> None:
    bench.answer = lambda asked: Canned(status=401) if asked.headers["authorization"] == bearer(1) else PDF
    assert fetched(bench.client(), bench.asset()) == PDF.body
    assert (len(bench.tokens), len(bench.calls)) == (2, 2)


def test_many_stale_addresses_cost_one_new_token(bench: Bench) -> None:
    bench.answer = lambda _: Canned(status=401)
    client = bench.client()
    for _ in range(5):
        assert isinstance(failure(client, bench.asset()), StaleAddress)
    assert (len(bench.tokens), len(bench.calls)) == (2, 6)


def test_a_token_that_cannot_be_had_is_not_the_address_s_fault(bench: Bench) -> None:
    bench.token = lambda *_: Canned(status=401)
    assert type(failure(bench.client(), bench.asset())) is AccessDenied


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Canned(b"no", 400), Rejected),
        (Canned(b"no", 429), Unavailable),
        (Canned(b"no", 500), Unavailable),
        (Canned(b"no", 501), Unavailable),
        (Canned(b"", 204), Unavailable),
        (Canned(b"wait", 202), Unavailable),
        (Canned(b"part", 206), Unavailable),
        (Canned(b"", 304), Unavailable),
        (Canned(b"", 302), Unavailable),
    ],
)
def test_any_other_answer_brings_no_file(bench: Bench, answer: Canned, kind: type[RemoteError]) -> None:
    bench.answer = lambda _: answer
    parts: list[bytes] = []
    with pytest.raises(kind) as caught:
        bench.client().download(bench.asset(), parts.append, most=1000)
    assert (type(caught.value), parts) == (kind, [])


# --------------------------------------------------------------------------------- where the token may not go


def test_a_file_on_another_host_is_not_fetched_and_the_host_is_named(bench: Bench, elsewhere: Server) -> None:
    error = failure(bench.client(), bench.asset(f"{elsewhere.url}/files/1"))
    assert (type(error), elsewhere.asked) == (Unreadable, [])
    assert "127.0.0.1" in error.cause
    assert isinstance(error, Unreadable)
    assert error.raw == ""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_to_another_host(bench: Bench, elsewhere: Server, status: int) -> None:
    bench.answer = lambda _: sent_on(f"{elsewhere.url}/files/1", status)
    assert type(failure(bench.client(), bench.asset())) is Unreadable
    assert elsewhere.asked == []


@pytest.mark.parametrize("auth", [True, False])
def test_nobody_is_followed_from_an_allowed_host_to_another_one(bench: Bench, elsewhere: Server, auth: bool) -> None:
    with serving(sent_on(f"{elsewhere.url}/files/1")) as allowed:
        client = bench.client(download_hosts=[allowed.url.removeprefix("http://")], download_auth=auth)
        assert type(failure(client, bench.asset(f"{allowed.url}/x"))) is Unreadable
        assert len(allowed.asked) == 1
    assert elsewhere.asked == []


@pytest.mark.parametrize("to", ["{url}/blobs/1", "/blobs/1", "../blobs/1"])
def test_a_redirect_on_the_own_host_is_followed_with_the_token(bench: Bench, to: str) -> None:
    bench.answer = lambda asked: sent_on(to.format(url=bench.server.url)) if asked.path == PLACE else PDF
    assert fetched(bench.client(), bench.asset()) == PDF.body
    assert [asked.headers["authorization"] for asked in bench.calls] == [bearer(1)] * 2


@pytest.mark.parametrize("port", [True, False])
def test_a_redirect_to_a_configured_host_is_followed_with_the_token(bench: Bench, port: bool) -> None:
    with serving(PDF) as allowed:
        bench.answer = lambda _: sent_on(f"{allowed.url}/files/1")
        host = allowed.url.removeprefix("http://")
        client = bench.client(download_hosts=[host if port else host.partition(":")[0]])
        assert fetched(client, bench.asset()) == PDF.body
        assert [asked.headers["authorization"] for asked in allowed.asked] == [bearer(1)]


@pytest.mark.parametrize(("times", "is_followed"), [(5, True), (6, False)])
def test_no_more_than_five_redirects_are_followed(bench: Bench, times: int, is_followed: bool) -> None:
    bench.answer = lambda _: sent_on(f"/{len(bench.calls)}") if len(bench.calls) <= times else PDF
    client = bench.client()
    if is_followed:
        assert fetched(client, bench.asset()) == PDF.body
    else:
        assert type(failure(client, bench.asset())) is Unavailable
    assert len(bench.calls) == 6


@pytest.mark.parametrize("to", ["", "http://[half/", "javascript:alert(1)", "file:///etc/passwd", "\\\\host\\x"])
def test_a_redirect_to_nowhere_is_not_followed(bench: Bench, to: str) -> None:
    bench.answer = lambda _: sent_on(to)
    assert type(failure(bench.client(), bench.asset())) is Unreadable
    assert len(bench.calls) == 1


OWN = "https://beta-api.ambita.example/kode/v1"
ALLOWED = [
    "https://beta-api.ambita.example/shopping/v2/assets/1",
    "https://beta-api.ambita.example:443/a",
    "https://BETA-API.ambita.example/a",
    "https://beta-api.ambita.example?a=b",
    "https://files.ambita.example/a",
    "https://files.ambita.example:443/a",
    "https://cdn.example:8443/a",
]
REFUSED = [
    "",
    "x",
    "http://beta-api.ambita.example/a",
    "http://files.ambita.example/a",
    "https://beta-api.ambita.example:444/a",
    "https://files.ambita.example:8443/a",
    "https://cdn.example/a",
    "https://beta-api.ambita.example.evil.example/a",
    "https://evil.example/beta-api.ambita.example",
    "https://evil.example#@beta-api.ambita.example/",
    "https://beta-api.ambita.example@evil.example/a",
    "https://evil.example@beta-api.ambita.example/a",
    "https://user:word@beta-api.ambita.example/a",
    "https://evil.example\\@beta-api.ambita.example/a",
    "https://beta-api.ambita.example\\.evil.example/a",
    "https://beta-api.ambita.example%2eevil.example/a",
    "https://beta-api.ambita.example./a",
    "https://beta-api.ambita.example /a",
    " https://beta-api.ambita.example/a",
    "https://beta-api.ambita.example/a\r\nX: y",
    "https://beta-api.ambita.example\t/a",
    "https:/beta-api.ambita.example/a",
    "https:///beta-api.ambita.example/a",
    "//beta-api.ambita.example/a",
    "ftp://beta-api.ambita.example/a",
    "https://b\u0435ta-api.ambita.example/a",
    "https://beta-api.ambita.example:99999/a",
    "https://beta-api.ambita.example:0/a",
    "https://beta-api.ambita.example:/a",
    "https://beta-api.ambita.example/" + "a" * 9000,
    "http://127.0.0.1/a",
    "https://127.0.0.1/a",
    "https://[::1]/a",
]


@pytest.mark.parametrize("url", ALLOWED)
def test_an_address_of_ours_is_allowed(url: str) -> None:
    assert Hosts(OWN, ["files.ambita.example", "CDN.example:8443"]).allow(url)


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_surely_ours_is_refused(url: str) -> None:
    assert not Hosts(OWN, ["files.ambita.example", "cdn.example:8443"]).allow(url)


def test_plain_http_is_for_this_machine_alone_and_only_where_the_api_is_there_too() -> None:
    hosts = ["localhost", "[::1]:8080", "files.example"]
    here, there = Hosts("http://127.0.0.1:9000/kode/v1", hosts), Hosts(OWN, hosts)
    for url in ("http://localhost:9001/a", "http://localhost/a", "http://[::1]:8080/a"):
        assert (here.allow(url), there.allow(url)) == (True, False)
    for url in ("http://files.example/a", "http://[::1]:8081/a", "http://127.0.0.1:9001/a"):
        assert (here.allow(url), there.allow(url)) == (False, False)


@pytest.mark.parametrize("url", [*REFUSED[3:20], "http://no\udce5/"])
def test_an_address_that_is_not_ours_is_never_called(bench: Bench, url: str) -> None:
    error = failure(bench.client(), bench.asset(url))
    assert type(error) is Unreadable
    assert bench.server.asked == []


def test_files_are_fetched_side_by_side_with_one_token(bench: Bench) -> None:
    bench.token = lambda _, count: granted(count)
    client, found = bench.client(), dict[int, Any]()
    threads = [threading.Thread(target=lambda n=n: found.update({n: fetched(client, bench.asset())})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (list(found.values()), len(bench.tokens)) == ([PDF.body] * 8, 1)
