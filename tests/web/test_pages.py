"""Claims about what the pages answer, as a client on the wire sees it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import pytest

from syncer.orders import Cursor, IntentState, Listed, Page, Refused
from syncer.pulse import Pulse
from syncer.store import StoreError
from tests.web.asking import ask
from tests.web.scenes import SHORT, SITE, ZONE, Filling, Served, now, pulse

Pages = Callable[..., Served]
PATHS = ["/", "/healthz", "/metrics", "/orders/tjansteguiden:770101", "/static/style.css"]
NASTY = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


# --- health ---------------------------------------------------------------------------------------------------


def test_health_is_200_while_passes_complete_and_503_with_the_reason_when_they_do_not(pages: Pages) -> None:
    web = pages("quiet")
    assert (ask(web.url, "/healthz").status, ask(web.url, "/healthz").text) == (200, "ok\n")
    web.pulse = pulse(overdue="no pass has completed for 200 s")
    told = ask(web.url, "/healthz")
    assert (told.status, told.text) == (503, "no pass has completed for 200 s\n")
    web.pulse = pulse()
    assert ask(web.url, "/healthz").status == 200


def test_health_needs_no_store(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    web = pages("quiet")
    _break(web, monkeypatch)
    assert ask(web.url, "/healthz").status == 200


def _break(web: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("store /var/lib/syncer/syncer.db: the disk is full: free some space")

    monkeypatch.setattr(type(web.store), "figures", fail)


def test_a_store_that_cannot_be_read_is_said_with_what_to_do(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    web = pages("quiet")
    _break(web, monkeypatch)
    told = ask(web.url)
    assert told.status == 503
    assert "the disk is full: free some space" in told.text
    assert "syncer_store_up 0.0" in ask(web.url, "/metrics").text
    assert "syncer_healthy 1.0" in ask(web.url, "/metrics").text


def test_a_bug_in_a_page_is_its_own(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    web = pages("quiet")

    def fail(*_: object, **__: object) -> None:
        raise KeyError("Kanåriefågel")

    monkeypatch.setattr(type(web.store), "orders", fail)
    told = ask(web.url)
    assert told.status == 500
    assert "Kanåriefågel" not in told.text
    assert ask(web.url, "/healthz").status == 200


# --- what holds for every answer ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/orders/tjansteguiden:1"])
def test_every_answer_forbids_the_browser_what_the_pages_do_not_need(standing: Pages, path: str) -> None:
    headers = ask(standing("quiet").url, path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["server"] == "syncer"


@pytest.mark.parametrize("path", PATHS)
def test_only_reading_is_allowed(standing: Pages, path: str) -> None:
    web = standing("quiet")
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        refused = ask(web.url, path, method)
        assert (method, refused.status) == (method, 405)
        assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(standing: Pages, path: str) -> None:
    web = standing("quiet")
    got = ask(web.url, path, "HEAD")
    assert (got.status, got.text) == (200, "")
    assert ask(web.url, path).text != ""


@pytest.mark.parametrize(
    "path", ["/nowhere", "/orders", "/orders/", "/orders/tjansteguiden:1", "/static/../app.py", "/push/kode/x"]
)
def test_what_is_not_there_is_not_found(standing: Pages, path: str) -> None:
    assert ask(standing("quiet").url, path).status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "", "[::1", "a b"])
def test_a_name_that_is_not_ours_leads_nowhere(standing: Pages, host: str) -> None:
    """A page elsewhere may have its own name lead to 127.0.0.1, and read on in its visitor's browser."""
    web = standing("quiet")
    for path in PATHS:
        told = ask(web.url, path, Host=host)
        assert told.status in {400, 421}
        assert "770101" not in told.text


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8321", "localhost", "[::1]:8321", "10.0.0.7", "syncer.example", "SYNCER.example:80"]
)
def test_addresses_and_the_configured_name_are_ours(standing: Pages, host: str) -> None:
    web = standing("quiet", replace(SITE, public_host="syncer.example"))
    assert ask(web.url, "/", Host=host).status == 200


# --- the status page ------------------------------------------------------------------------------------------


def test_an_empty_store_says_kindly_that_nothing_has_come_yet(standing: Pages) -> None:
    text = ask(standing().url).text
    assert "No orders yet" in text
    assert "Nothing is parked" in text
    assert "not called yet" in text


def test_a_service_that_has_just_started_says_so(pages: Pages) -> None:
    web = pages(None, SITE, Pulse(now() - timedelta(seconds=2)))
    assert "Just started" in ask(web.url).text
    assert "none yet" in ask(web.url).text


def test_all_is_well_when_it_is(standing: Pages) -> None:
    text = ask(standing("quiet").url).text
    assert "All is well" in text
    assert "11 orders came today" in text
    assert "up since" in text


def test_what_is_parked_is_there_with_its_reason_and_the_command_that_helps(standing: Pages) -> None:
    text = ask(standing("parked").url).text
    assert "4 orders wait for a person" in text
    for words in (
        "no route for service 3399 of malmo",
        "Accessen LT0008B02 är upptagen av en annan tjänst (409)",
        "<code>syncer retry malmo:770101</code>",
        "<code>syncer resolve tjansteguiden:770301</code> done, or not-done",
    ):
        assert words in text
    assert "All is well" not in text


def test_an_outage_is_there_with_its_cause_and_since_when(standing: Pages) -> None:
    text = ask(standing("outage").url).text
    assert "Down: malmo and nordnet" in text
    assert "nordnet orders.create: connection refused" in text
    assert "it asked to be left alone until" in text
    assert text.count("down since") == 2


def test_passes_that_do_not_complete_come_before_all_else(pages: Pages) -> None:
    web = pages("outage", SITE, pulse(overdue="no pass has completed for 200 s"))
    text = ask(web.url).text
    assert '<h1 id="verdict">Passes do not complete</h1>' in text
    assert "no pass has completed for 200 s; Down: malmo and nordnet" in text


def test_the_page_looks_again_by_itself_unless_it_is_told_to_keep_still(standing: Pages) -> None:
    web = standing("quiet")
    assert '<meta http-equiv="refresh" content="10">' in ask(web.url).text
    assert "refresh" not in ask(web.url, "/?still").text
    assert '<meta http-equiv="refresh" content="10">' in ask(web.url, "/orders/tjansteguiden:770111").text
    assert "refresh" not in ask(web.url, "/orders/tjansteguiden:770101").text  # it has ended


def test_times_are_on_the_portals_clock(standing: Pages) -> None:
    assert f"</time>, {ZONE.key}" in ask(standing("quiet").url).text


def test_more_parked_orders_than_a_page_has_room_for_are_counted(pages: Pages) -> None:
    web = pages()
    filling = Filling(web.store)
    for _ in range(23):
        filling.received(SHORT, service="77")
    text = ask(web.url).text
    assert text.count("What helps:") == 20
    assert "There are 3 more" in text


# --- an order's page ------------------------------------------------------------------------------------------


def test_an_orders_page_tells_its_history_its_calls_and_what_happens_next(standing: Pages) -> None:
    web = standing("parked")
    text = ask(web.url, "/orders/tjansteguiden:770301").text
    for words in ("order.listed", "the portal was told received", "hand the order over", "770301.<wbr>s1"):
        assert words in text
    assert "whether submit had its effect must be said by a person" in text
    ended = ask(web.url, "/orders/tjansteguiden:770101").text
    assert "Nothing: the order is delivered, and tjansteguiden knows." in ended
    going = ask(web.url, "/orders/tjansteguiden:770110").text
    assert "nordnet is at work on it" in going


def test_a_long_history_is_cut_to_its_end(pages: Pages) -> None:
    web = pages("quiet")
    for number in range(250):
        web.store.mark(
            "tjansteguiden:770111", "tjansteguiden.770111.s1", IntentState.PLANNED, now(), outcome=f"not sent {number}."
        )
    text = ask(web.url, "/orders/tjansteguiden:770111").text
    assert "not sent 249." in text
    assert "not sent 49." not in text
    assert "<code>syncer log tjansteguiden:770111</code> has them all" in text


def test_hostile_texts_are_only_texts(pages: Pages) -> None:
    """Every text that can come from outside, in every field that is shown."""
    web = pages()
    at = now()
    web.store.ingest("tjansteguiden", Page((Listed(NASTY, "new", NASTY, "f", {}),), (), Cursor("2031", None)), at)
    filling = Filling(web.store)
    key = filling.came(SHORT, external_id=f"{NASTY}/2", service=NASTY, status=NASTY)
    other = filling.received(SHORT)
    filling.submitted(other, Refused(NASTY), SHORT)
    web.store.note_remote("nordnet", up=False, since=at, cause=NASTY)
    web.pulse = pulse(overdue=NASTY)
    for path in ("/", *(f"/orders/{quote(f'tjansteguiden:{one}')}" for one in (NASTY, key, other))):
        got = ask(web.url, path)
        assert (path, got.status) == (path, 200)
        assert "<script" not in got.text
        assert "<img" not in got.text
        assert "onerror=alert(1)&gt;" in got.text
    assert ask(web.url, f"/{quote(NASTY)}").text.count("<script") == 0


@pytest.mark.parametrize("key", ["a/b", "a//b", "å ä%20ö", "a?b#c", "a:b", "%2e%2e", "a\\b", "..hidden", "+"])
def test_every_id_has_a_page_that_its_link_leads_to(pages: Pages, key: str) -> None:
    web = pages()
    Filling(web.store).came(SHORT, external_id=key)
    links = re.findall(r'class="order" href="([^"]+)"', ask(web.url).text)
    assert links
    for link in links:
        got = ask(web.url, unescape(link))
        assert (link, got.status) == (link, 200)
        assert "order.listed" in got.text


def test_no_page_shows_what_an_order_says_of_people(standing: Pages) -> None:
    web = standing("parked")
    paths = ["/", *(f"/orders/{quote(order.name)}" for order in web.store.orders())]
    texts = [ask(web.url, path).text for path in paths]
    assert len(texts) > 10
    assert [path for path, text in zip(paths, texts, strict=True) if "Åsa" in text or "XY0202B07" in text] == []


def test_a_request_that_names_no_host_or_says_nonsense_is_refused(standing: Pages) -> None:
    web = standing("quiet")
    assert ask(web.url, "/orders/" + "x" * 20_000).status in {400, 404, 413, 414}
    assert ask(web.url, "/", X="y" * 20_000).status in {400, 413, 431}
