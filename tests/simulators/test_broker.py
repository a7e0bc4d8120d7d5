"""Claims about the agent of the demo's day: what is wrong at the page is noticed, and every doubt is judged."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from syncer.simulators.browser import Browser
from syncer.simulators.day import Day

PAGE = b"""<html><head><title>Not read</title></head><body><h1>Karta och\xc2\xa0plan</h1>
<form action="/next"><input type="hidden" name="seal" value="s1">
<input name="address" value=""><button>Send</button></form>
<a aria-label="Ladda ner plan.pdf" href="/f/1">plan<wbr>.pdf</a></body></html>"""


class Site(BaseHTTPRequestHandler):
    """A page with a form that leads to the page again, and a file."""

    sent: list[bytes]

    def do_GET(self) -> None:
        self._answer(200, PAGE if self.path != "/f/1" else b"%PDF")

    def do_POST(self) -> None:
        self.sent.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(303)
        self.send_header("Location", "/" if self.path == "/next" else self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    Site.sent = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_browser_reads_fills_in_presses_and_saves(site: str) -> None:
    page = Browser(site)
    page.opens(f"{site}/")
    assert page.text == "Karta och plan Send plan.pdf"
    page.presses("Send", {"address": "Provgatan 9"}, times=2)
    assert Site.sent == [b"seal=s1&address=Provgatan+9"] * 2
    assert page.text.startswith("Karta och plan")
    assert page.saves(page.links["Ladda ner plan.pdf"]).content == b"%PDF"
    with pytest.raises(LookupError, match="no button"):
        page.presses("Pay")


def test_a_page_that_is_not_there_or_says_something_else_is_the_judge_s_affair(site: str) -> None:
    with Day() as day:
        day.broker.order()
        assert list(day.visit(site)) == []
        (billed,) = day.judge([]).billed
        assert not day.judge([]).ok
    assert any("the page lacks" in one for one in billed.complaints)
    for complaint in ("0 sales orders", "0 orders in KODE", "0 notes", "doesn't know the order", "could not be saved"):
        assert any(complaint in one for one in billed.complaints), complaint


def test_a_service_that_is_not_there_ends_the_visit() -> None:
    with Day() as day:
        day.broker.order()
        assert list(day.visit("http://127.0.0.1:1")) == []
        assert day.broker.troubles != []
