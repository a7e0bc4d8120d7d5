"""Claims about an order's page: what it shows, to whom, for how long; and about its files."""

import http.client
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from syncer.store import Purpose, StoreError
from syncer.web import server as serving
from syncer.web.agent import Awaited, Fault, FormKind, Product, downloads, routes, words
from syncer.web.agent.seals import file_address
from tests.web.asking import ask
from tests.web.desks import AT, EMPTY, PDF, Office
from tests.web.scenes import SITE, now
from tests.web.test_pages import NASTY
from tests.web.visiting import Agent, link, post

Offices = Callable[..., Office]
ORDER = "vitec:ord-7781"


def _links(text: str) -> list[str]:
    return [unescape(part.partition('"')[0]) for part in text.split('<a href="')[1:] if part.startswith("/vitec/f/")]


# --- what it shows --------------------------------------------------------------------------------------------


def test_the_page_tells_what_is_ordered_for_which_home_and_how_far_it_is(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    for text in ("Kommunalt underlag", "Provgatan 9, 0155 Oslo", "1700000001", "Mottagen", "några uppgifter från dig"):
        assert text in agent.seen.text
    office.desk.deliver(ORDER, "Plan.pdf")
    agent.looks()
    for text in ("Levererad", "Plan.pdf", "72\N{NO-BREAK SPACE}kB", "2031-05-04 kl.", "Ladda ner"):
        assert text in agent.seen.text
    assert "<form" not in agent.seen.text


@pytest.mark.parametrize("state", ["new", "received", "active", "waiting", "delivered", "cancelled"])
def test_every_state_has_a_swedish_word(offices: Offices, state: str) -> None:
    office = offices()
    office.desk.add("ord-7781", replace(EMPTY, state=state, awaited=Awaited.NOTHING))
    assert f">{words.STATES[state]}</span>" in Agent.opens(office).seen.text


def test_every_word_of_the_desk_has_a_sentence() -> None:
    assert words.AWAITED.keys() == set(Awaited)
    assert words.FAULTS.keys() == set(Fault)
    assert words.REFUSED.keys() == routes.CODES.keys()


def test_a_map_has_no_form_but_a_sentence(offices: Offices) -> None:
    office = offices()
    office.desk.add("ord-7781", replace(EMPTY, form=FormKind.MAP))
    agent = Agent.opens(office)
    assert "En karta går inte att beställa på den här sidan" in agent.seen.text
    assert "<form" not in agent.seen.text
    assert post(office.url, agent.page, {"cadastre": "0301-1-1-0-0"}).status == 303
    assert office.desk.checks == []


def test_the_page_looks_again_by_itself_only_while_something_is_under_way(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    assert "http-equiv" not in agent.seen.text  # somebody fills it in
    office.desk.sheets[ORDER] = replace(EMPTY, state="active", awaited=Awaited.SUPPLIER)
    assert f'content="{routes.REFRESH}"' in agent.looks().text
    office.desk.deliver(ORDER)
    assert "http-equiv" not in agent.looks().text


def test_hostile_texts_are_only_texts(offices: Offices) -> None:
    """Every text that can come from outside, in every field that is shown."""
    office = offices()
    sheet = replace(
        EMPTY,
        service=NASTY,
        home=NASTY,
        address=NASTY,
        state=NASTY,
        form=FormKind.CADASTRE,
        values={"cadastre": NASTY, "address": NASTY, "product": NASTY},
        products=(Product("A1", NASTY),),
    )
    office.desk.add("ord-7781", sheet)
    office.desk.costs = {"A1": 1}  # type: ignore[dict-item] # as good as a Decimal
    agent = Agent.opens(office)
    shown = [agent.seen.text]
    shown.append(agent.sends({"cadastre": NASTY, "address": NASTY, "product": NASTY}).text)
    agent.looks()
    shown.append(agent.sends({"cadastre": "1-2-3-4-5", "address": NASTY, "product": "A1"}).text)
    assert "Kontrollera och beställ" in shown[-1]
    office.desk.deliver(ORDER, NASTY)
    shown.append(agent.looks().text)
    for text in shown:
        assert "<script" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text


def test_the_page_holds_nothing_but_what_the_desk_said_of_the_order(offices: Offices) -> None:
    """No link leads to the operator's pages, and nothing of other orders is there."""
    office = offices()
    office.desk.add("ord-9999", replace(EMPTY, service="En annans beställning"))
    text = Agent.opens(office).seen.text
    for other in ('href="/"', "/metrics", "/healthz", "/orders/", "ord-9999", "En annans", "ord-7781", "M40017"):
        assert other not in text


# --- who may see it -------------------------------------------------------------------------------------------


def test_an_address_that_nobody_was_given_leads_nowhere(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    for path in (
        agent.page[:-1],
        agent.page + "A",
        "/vitec/o/" + "A" * 43,
        "/vitec/o/" + ORDER,
        "/vitec/o/%00",
        "/vitec/o/%ff%fe",
        "/vitec/o/..%2f..%2forders",
        "/vitec/o/",
        agent.page.replace("/o/", "/f/"),
    ):
        told = ask(office.url, path)
        assert (path, told.status) == (path, 404)
        assert "Öppna beställningen igen från Vitec" in told.text


def test_a_page_ends_by_itself(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    (made,) = office.store.addresses(ORDER)
    assert made.expires_at - made.made_at == timedelta(hours=12)
    old = office.store.make_address(ORDER, Purpose.PAGE, now() - timedelta(days=1), now() - timedelta(seconds=1))
    told = ask(office.url, f"/vitec/o/{old}")
    assert (told.status, agent.looks().status) == (404, 200)
    assert "Sidan finns inte längre" in told.text


def test_what_is_revoked_is_gone_at_once_for_reading_writing_and_files(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    form = agent.seen
    office.desk.deliver(ORDER, "Plan.pdf")
    (file,) = _links(agent.looks().text)
    office.store.revoke(ORDER, now())
    agent.seen = form
    assert agent.sends({}).status == 404
    assert agent.looks().status == 404
    assert ask(office.url, file).status == 404
    assert Agent.opens(office).seen.status == 200  # anew, from the portal


def test_an_address_of_one_portal_s_order_opens_nothing_at_another_s(offices: Offices) -> None:
    office = offices(SITE, "norge")
    agent = Agent.opens(office)
    assert ask(office.url, agent.page.replace("/vitec/", "/norge/")).status == 404


def test_every_answer_forbids_the_browser_what_the_page_does_not_need(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    for path in (agent.page, link(), "/vitec/start", "/vitec/o/unknown"):
        headers = ask(office.url, path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert "unsafe" not in str(policy)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    assert "<script" not in agent.seen.text
    assert "style=" not in agent.seen.text


def test_a_store_that_cannot_be_read_is_said_in_swedish_and_without_where_it_is(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = offices()
    agent = Agent.opens(office)

    def fail(*_: object) -> None:
        raise StoreError("store /var/lib/syncer/syncer.db: the disk is full: free some space")

    monkeypatch.setattr(type(office.store), "address", fail)
    told = agent.looks()
    assert told.status == 503
    assert "Något gick fel hos oss" in told.text
    assert "syncer.db" not in told.text


# --- files ----------------------------------------------------------------------------------------------------


def test_a_file_is_saved_by_its_name_and_never_shown(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    office.desk.deliver(ORDER, "Plankarta Årsta.pdf")
    (path,) = _links(agent.looks().text)
    got = ask(office.url, path)
    assert got.status == 200
    assert got.text.encode() == PDF
    assert got.headers["content-length"] == str(len(PDF))
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"Plankarta Arsta.pdf\"; filename*=UTF-8''Plankarta%20%C3%85rsta.pdf"
    )
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "transfer-encoding" not in got.headers
    assert ask(office.url, path, "HEAD").text == ""


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\r\nSet-Cookie: x.pdf", "a__Set-Cookie_ x.pdf"),
        ('a".pdf', "a_.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("", "fil"),
        ("...", "fil"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("Å" * 300, "Å" * 120),
    ],
)
def test_a_file_s_name_is_only_a_name(name: str, safe: str) -> None:
    assert downloads.safe_name(name) == safe
    header = downloads.disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_a_kind_that_a_browser_might_run_is_sent_as_mere_bytes(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = offices()
    agent = Agent.opens(office)
    office.desk.deliver(ORDER, "sida.html", content=b"<script>alert(1)</script>")
    monkeypatch.setattr(downloads, "KINDS", frozenset[str]())
    got = ask(office.url, _links(agent.looks().text)[0])
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"].startswith("attachment;")


def test_a_file_s_link_stays_the_same_and_leads_to_the_file_alone(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    office.desk.deliver(ORDER, "a.pdf", "b.pdf")
    links = _links(agent.looks().text)
    assert links == _links(agent.looks().text)
    assert len(set(links)) == 2
    address = links[0].rpartition("/")[2]
    assert address == file_address(agent.page.rpartition("/")[2], "a0")
    assert ask(office.url, f"/vitec/o/{address}").status == 404
    assert address not in agent.page


def test_a_link_to_a_file_lives_as_long_as_the_site_says(offices: Offices) -> None:
    office = offices(replace(SITE, file_links=timedelta(days=9)))
    agent = Agent.opens(office)
    office.desk.deliver(ORDER, "a.pdf")
    agent.looks()
    (made,) = [one for one in office.store.addresses(ORDER) if one.purpose is Purpose.FILE]
    assert timedelta(days=8) < made.expires_at - made.made_at <= timedelta(days=9)


def test_a_link_in_a_note_opens_its_file_until_it_ends(offices: Offices) -> None:
    """As the wiring makes it, without any page."""
    office = offices()
    Agent.opens(office)
    office.desk.deliver(ORDER, "a.pdf")
    made = office.store.make_address(ORDER, Purpose.FILE, now(), now() + timedelta(days=30), "a0")
    old = office.store.make_address(ORDER, Purpose.FILE, now() - timedelta(days=30), now(), "a0")
    gone = office.store.make_address(ORDER, Purpose.FILE, now(), now() + timedelta(days=30), "a7")
    assert ask(office.url, f"/vitec/f/{made}").text.encode() == PDF
    assert ask(office.url, f"/vitec/f/{old}").status == 404
    told = ask(office.url, f"/vitec/f/{gone}")
    assert told.status == 404
    assert "Filen finns inte längre" in told.text


def test_a_slow_reader_of_a_large_file_gets_all_of_it(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it takes longer than a request may: it goes on all the time."""
    monkeypatch.setattr(serving, "DEADLINE", 0.4)
    office = offices()
    agent = Agent.opens(office)
    large = bytes(12_000_000)
    office.desk.deliver(ORDER, "a.pdf", content=large)
    path = _links(agent.looks().text)[0]
    line = http.client.HTTPConnection(urlsplit(office.url).netloc, timeout=20)
    line.connect()
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    line.request("GET", path)
    answer = line.getresponse()
    count = 0
    began = time.monotonic()
    while piece := answer.read(1_000_000):
        count += len(piece)
        time.sleep(0.08)
    line.close()
    assert count == len(large)
    assert time.monotonic() - began > 2 * serving.DEADLINE


def test_half_a_file_does_not_look_like_a_whole_one(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    office = offices()
    agent = Agent.opens(office)
    office.desk.deliver(ORDER, "a.pdf")
    path = _links(agent.looks().text)[0]
    cut = type(office.desk).open

    def shorter(desk: object, order: str, asset: str) -> object:
        found = cut(office.desk, order, asset)
        assert found is not None
        found.stream.seek(1000)
        return found

    monkeypatch.setattr(type(office.desk), "open", shorter)
    with pytest.raises(http.client.IncompleteRead):
        ask(office.url, path)


def test_who_reads_nothing_keeps_nobody_from_files_for_ever(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.3)
    office = offices()
    agent = Agent.opens(office)
    office.desk.deliver(ORDER, "a.pdf", content=bytes(30_000_000))
    path = _links(agent.looks().text)[0]
    lines = []
    for _ in range(downloads.AT_ONCE):
        line = socket.create_connection(("127.0.0.1", urlsplit(office.url).port or 0), timeout=10)
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 200"
        lines.append(line)
    told = ask(office.url, path, "HEAD").status
    until = time.monotonic() + 15
    while ask(office.url, path, "HEAD").status != 200 and time.monotonic() < until:
        time.sleep(0.05)
    for line in lines:
        line.close()
    assert told == 503
    assert ask(office.url, path, "HEAD").status == 200


def test_a_file_that_was_sent_is_closed(offices: Offices, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    office = offices()
    agent = Agent.opens(office)
    office.desk.deliver(ORDER, "a.pdf")
    path = _links(agent.looks().text)[0]
    opened = []
    true = type(office.desk).open

    def noted(_desk: object, order: str, asset: str) -> object:
        opened.append(true(office.desk, order, asset))
        return opened[-1]

    monkeypatch.setattr(type(office.desk), "open", noted)
    for method in ("GET", "HEAD", "GET", "GET"):
        assert ask(office.url, path, method).status == 200
    until = time.monotonic() + 5
    while not all(one is not None and one.stream.closed for one in opened) and time.monotonic() < until:
        time.sleep(0.01)
    assert [one is not None and one.stream.closed for one in opened] == [True] * 4


def test_times_and_amounts_are_written_as_in_swedish() -> None:
    assert words.moment(AT, SITE.zone).count("kl.") == 1
    assert [words.size(count) for count in (0, 812, 34_400, 1_240_000)] == [
        "0\N{NO-BREAK SPACE}byte",
        "812\N{NO-BREAK SPACE}byte",
        "34\N{NO-BREAK SPACE}kB",
        "1,2\N{NO-BREAK SPACE}MB",
    ]
