"""Claims about the link that an agent comes by: its token is exchanged, opens the order, and is seen nowhere."""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import pytest

from syncer.telemetry import Redactor, configure
from syncer.web import agent
from syncer.web.agent import FormKind, gate, link, routes
from tests.web.asking import ask
from tests.web.desks import EMPTY, TOKEN, Office
from tests.web.scenes import SITE
from tests.web.visiting import Agent
from tests.web.visiting import link as path_of

Offices = Callable[..., Office]


# --- the way in -----------------------------------------------------------------------------------------------


def test_the_link_leads_to_the_order_s_page_by_an_address_without_the_token(offices: Offices) -> None:
    office = offices()
    led = ask(office.url, path_of())
    assert led.status == 303
    assert led.headers["location"].startswith("/vitec/o/")
    page = ask(office.url, led.headers["location"])
    assert page.status == 200
    assert "Kommunalt underlag" in page.text
    assert '<html lang="sv">' in page.text


def test_the_order_is_in_the_store_when_the_redirect_comes(offices: Offices) -> None:
    office = offices()
    ask(office.url, path_of())
    assert office.store.load("vitec:ord-7781") is not None


def test_the_page_may_be_opened_again_and_again_and_stays_one_order(offices: Offices) -> None:
    office = offices()
    office.desk.tokens["another+token=="] = ("M40017", "ord-7781")
    pages = [Agent.opens(office, path) for path in (path_of(), path_of(), path_of("another+token=="))]
    assert len({one.page for one in pages}) == 3
    assert [one.looks().status for one in pages] == [200] * 3
    assert len(office.store.orders()) == 1


def test_a_portal_is_reached_by_its_own_name_too(offices: Offices) -> None:
    office = offices(SITE, "norge")
    assert ask(office.url, path_of(portal="norge")).status == 403  # where nobody knows the token
    assert ask(office.url, path_of(portal="elsewhere")).status == 404


def test_the_token_reaches_the_portal_as_it_was(offices: Offices) -> None:
    """A `+` is no space, and what was escaped twice is not undone twice."""
    office = offices()
    for sent in ("Q0hB+Tk9/UUmVhbA==", "Q0hB%2BTk9%2FUUmVhbA%3D%3D", "Q0hB%2bTk9/UUmVhbA=%3d"):
        assert ask(office.url, f"/vitec/start?customerId=M40017&token={sent}").status == 303
    assert ask(office.url, "/vitec/start?customerId=M40017&token=Q0hB%252BTk9").status == 400


@pytest.mark.parametrize(
    "query",
    [
        "",
        "customerId=M40017",
        "token=abc",
        "customerId=&token=abc",
        "customerId=M40017&token=",
        "customerId=M40017&token=a&token=b",
        "customerId=M40017&customerId=M40018&token=abc",
        "customerId=M40017&token=a%20b",
        "customerId=M40017&token=a%0Ab",
        "customerId=M40017&token=a%00b",
        "customerId=M40017&token=%C3%A5",
        "customerId=M40017&token=%FF",
        "customerId=M4/../17&token=abc",
        "customerId=M40017%0d%0aX:y&token=abc",
        "customerId=<script>&token=abc",
        "customerId=" + "M" * 41 + "&token=abc",
        "customerId=M40017&token=" + "a" * 4097,
    ],
)
def test_a_link_that_is_none_is_refused_without_a_call(offices: Offices, query: str) -> None:
    office = offices()
    told = ask(office.url, f"/vitec/start?{query}")
    assert told.status == 400
    assert "Länken är inte hel" in told.text
    assert office.desk.exchanges == []


def test_a_look_ahead_opens_nothing(offices: Offices) -> None:
    office = offices()
    assert ask(office.url, path_of(), "HEAD").status == 404
    assert ask(office.url, path_of(), "POST").status == 405
    assert office.desk.exchanges == []


# --- who comes with what isn't theirs -------------------------------------------------------------------------


def test_a_customer_that_is_not_configured_is_refused_without_a_call(offices: Offices) -> None:
    office = offices()
    told = ask(office.url, path_of(customer="M99999"))
    assert told.status == 403
    assert office.desk.exchanges == []
    assert "M99999" not in told.text


def test_who_asks_cannot_tell_which_customers_are_configured(offices: Offices) -> None:
    office = offices()
    answers = {ask(office.url, path_of("forged", customer)).text for customer in ("M99999", "M40018")}
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("token", "customer", "words"),
    [
        (TOKEN, "M40018", "Beställningen kunde inte öppnas"),  # another customer's
        ("Zm9yZ2Vk", "M40017", "Beställningen kunde inte öppnas"),
        ("b2xk", "M40017", "Länken har gått ut"),
    ],
)
def test_a_token_of_others_a_forged_and_an_old_one_open_nothing(
    offices: Offices, token: str, customer: str, words: str
) -> None:
    office = offices()
    office.desk.expired.add("b2xk")
    told = ask(office.url, path_of(token, customer))
    assert told.status == 403
    assert words in told.text
    assert "Vitec" in told.text
    assert office.store.orders() == []


def test_a_refused_token_that_is_sent_again_costs_no_second_call(offices: Offices) -> None:
    office = offices()
    answers = {ask(office.url, path_of("Zm9yZ2Vk")).text for _ in range(5)}
    assert len(answers) == 1
    assert office.desk.exchanges == ["M40017"]
    assert ask(office.url, path_of()).status == 303  # the right one is asked about


# --- the token is a secret ------------------------------------------------------------------------------------


def test_the_token_is_in_no_log_no_page_no_header_and_not_in_the_store(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = io.StringIO()
    configure("debug", "json", lines, Redactor([]))
    office = offices()
    led = ask(office.url, path_of())
    answers = [led, ask(office.url, led.headers["location"]), ask(office.url, path_of("Zm9yZ2Vk+A=="))]
    monkeypatch.setattr(type(office.desk), "exchange", _broken)
    answers.append(ask(office.url, path_of("YnJva2Vu+A==")))
    assert [one.status for one in answers] == [303, 200, 403, 500]
    said = lines.getvalue() + "".join(f"{one.headers} {one.text}" for one in answers)
    office.store.empty_log()
    kept = b"".join(path.read_bytes() for path in office.file.parent.rglob("*") if path.is_file())
    assert '"event": "agent.opened"' in said
    assert '"event": "web.bug"' in said
    for token in (TOKEN, "Zm9yZ2Vk+A==", "YnJva2Vu+A=="):
        for form in (token, token.replace("+", "%2B"), token.rstrip("="), unquote(token)):
            assert form not in said
            assert form.encode() not in kept


def _broken(_desk: object, _customer: str, token: str) -> None:
    raise ValueError(f"a bug that quotes {token}")


def test_no_browser_carries_the_token_elsewhere(offices: Offices) -> None:
    office = offices()
    for path in (path_of(), path_of("Zm9yZ2Vk"), "/vitec/start"):
        headers = ask(office.url, path).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_neither_a_link_nor_its_error_shows_the_token() -> None:
    found = link.link_of(f"customerId=M40017&token={TOKEN}")
    assert found is not None
    assert found.token == TOKEN
    assert TOKEN not in repr(found)


# --- a flood --------------------------------------------------------------------------------------------------


def _at_once(office: Office, paths: list[str]) -> list[int]:
    told: list[int] = []
    threads = [threading.Thread(target=lambda path=path: told.append(ask(office.url, path).status)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return told


def test_a_flood_costs_the_portal_few_calls_and_keeps_nobody_from_asking_after_health(offices: Offices) -> None:
    office = offices()
    let_go = threading.Event()
    office.desk.hold = lambda: let_go.wait(10)
    flood = threading.Thread(target=_at_once, args=(office, [path_of(f"Zm9yZ2Vk{number}") for number in range(20)]))
    flood.start()
    until = time.monotonic() + 10
    while len(office.desk.exchanges) < gate.AT_ONCE and time.monotonic() < until:
        time.sleep(0.01)
    began = time.monotonic()
    health = ask(office.url, "/healthz").status
    took = time.monotonic() - began
    let_go.set()
    flood.join(20)
    assert health == 200
    assert took < 4
    assert len(office.desk.exchanges) <= gate.BURST


def test_who_finds_no_room_is_told_kindly_and_comes_again_by_itself(offices: Offices) -> None:
    office = offices()
    let_go = threading.Event()
    office.desk.hold = lambda: let_go.wait(10)
    busy = threading.Thread(target=_at_once, args=(office, [path_of(f"Zm9yZ2Vk{number}") for number in range(2)]))
    busy.start()
    until = time.monotonic() + 10
    while len(office.desk.exchanges) < gate.AT_ONCE and time.monotonic() < until:
        time.sleep(0.01)
    told = ask(office.url, path_of())
    let_go.set()
    busy.join(20)
    assert told.status == 503
    assert "Sidan försöker igen" in told.text
    assert f'<meta http-equiv="refresh" content="{routes.AGAIN}">' in told.text
    assert TOKEN not in told.text
    assert ask(office.url, path_of()).status == 303


def test_one_customer_s_flood_leaves_the_others_their_turns() -> None:
    clock = [0.0]
    made = gate.Gate(clock=lambda: clock[0])
    taken = 0
    for _ in range(100):
        with made.turn("M40017") as may:
            taken += may
    assert taken == gate.BURST
    with made.turn("M40018") as may:
        assert may
    clock[0] += 1 / gate.PER_SECOND
    with made.turn("M40017") as may:
        assert may


def test_only_so_many_are_in_at_a_time() -> None:
    made = gate.Gate(at_once=1)
    with made.turn("a") as first, made.turn("b") as second:
        assert (first, second) == (True, False)
    with made.turn("b") as third:
        assert third


def test_what_is_remembered_of_visitors_has_an_end() -> None:
    clock = [0.0]
    refusals, made = gate.Refusals(lambda: clock[0]), gate.Gate()
    for number in range(3 * gate.MOST):
        refusals.note(f"t{number}", "denied")
        with made.turn(f"M{number}"):
            pass
    assert (len(refusals._why), len(made._left)) == (gate.MOST, gate.MOST)
    assert refusals.why(f"t{3 * gate.MOST - 1}") == "denied"
    clock[0] = gate.REMEMBERED + 1
    assert refusals.why(f"t{3 * gate.MOST - 1}") is None
    refusals.note(TOKEN, "denied")
    assert TOKEN not in repr(refusals._why)


# --- where it is reached --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8321", 303),
        ("localhost", 303),
        ("[::1]:80", 303),
        ("orders.supplier.example", 303),
        ("10.0.0.7", 421),
        ("evil.example", 421),
        ("orders.supplier.example.evil.example", 421),
    ],
)
def test_the_pages_are_there_under_the_public_name_and_on_loopback_only(
    offices: Offices, host: str, status: int
) -> None:
    office = offices(replace(SITE, public_host="orders.supplier.example"))
    assert ask(office.url, path_of(), Host=host).status == status
    assert (office.desk.exchanges == []) == (status == 421)


def test_without_a_desk_there_is_no_such_page(pages: Callable[..., Office]) -> None:
    assert ask(pages().url, path_of()).status == 404


def test_the_desk_s_package_can_be_had_without_flask() -> None:
    assert agent.Sheet is type(replace(EMPTY, form=FormKind.MAP))
