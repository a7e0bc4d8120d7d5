"""Claims about the form on an order's page: looked over, shown with its price, and placed once, by the agent alone."""

import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from syncer.web.agent import Awaited, Fault, FormKind, Price, forms, gate, seals, words
from tests.web.asking import ask
from tests.web.desks import EMPTY, FILLED, MAP, PLAN, Office
from tests.web.visiting import HIDDEN, Agent, post

Offices = Callable[..., Office]
ORDER = "vitec:ord-7781"


def test_an_order_is_filled_in_shown_with_its_price_and_placed(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    shown = agent.sends(FILLED)
    assert shown.status == 200
    for text in ("0301-12-34-0-0", "Provgatan 9, 0155 Oslo", "Kommunal information", "Pris inkl. moms"):
        assert text in shown.text
    assert "1\N{NO-BREAK SPACE}000,00\N{NO-BREAK SPACE}NOK" in shown.text
    assert "800,00\N{NO-BREAK SPACE}NOK exkl. moms" in shown.text
    assert office.desk.placed == []
    led = agent.confirms()
    assert (led.status, led.headers["location"]) == (303, agent.page)
    assert office.desk.placed == [(ORDER, FILLED)]
    assert "Underlaget är beställt" in agent.looks().text
    assert "<form" not in agent.seen.text


def test_the_fields_have_the_names_that_are_promised(offices: Offices) -> None:
    office = offices()
    names = {kind: [field.name for field in forms.FIELDS[kind]] for kind in FormKind}
    assert names[FormKind.CADASTRE] == ["cadastre", "address"]
    assert names[FormKind.SHARE] == ["organization_number", "share_number"]
    office.desk.add("ord-7781", replace(EMPTY, form=FormKind.SHARE))
    agent = Agent.opens(office)
    for name in names[FormKind.SHARE]:
        assert f'name="{name}"' in agent.seen.text
        assert f'<label for="{name}">' in agent.seen.text
    agent.sends({"organization_number": "999999999", "share_number": "17"})
    assert "Priset är inte känt i förväg" in agent.seen.text
    agent.confirms()
    assert office.desk.placed == [(ORDER, {"organization_number": "999999999", "share_number": "17"})]


def test_what_is_known_already_is_filled_in(offices: Offices) -> None:
    office = offices()
    office.desk.add("ord-7781", replace(EMPTY, form=FormKind.CADASTRE, products=(PLAN, MAP), values=FILLED))
    text = Agent.opens(office).seen.text
    assert 'value="0301-12-34-0-0"' in text
    assert f'value="{PLAN.code}" checked' in text
    assert f'value="{MAP.code}" checked' not in text


def test_several_products_are_ordered_together(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED | {"product": f"{PLAN.code} {MAP.code}"})
    assert "1\N{NO-BREAK SPACE}250,50\N{NO-BREAK SPACE}NOK" in agent.seen.text
    agent.confirms()
    assert office.desk.placed[0][1]["product"] == f"{PLAN.code} {MAP.code}"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cadastre": ""}, words.FAULTS[Fault.MISSING]),
        ({"cadastre": "0301/12"}, words.FAULTS[Fault.MALFORMED]),
        ({"product": "WI99990000"}, words.FAULTS[Fault.NOT_OFFERED]),
        ({"product": ""}, words.NO_PRODUCT_CHOSEN),
        ({"address": "x" * 201}, words.FAULTS[Fault.TOO_LONG]),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_that_was_written_is_lost(
    offices: Offices, fields: dict[str, str], said: str
) -> None:
    office = offices()
    agent = Agent.opens(office)
    told = agent.sends({**FILLED, "address": "Storgata 1, 0155 Oslo", **fields})
    assert told.status == 422
    assert said in told.text
    assert words.SEE_BELOW in told.text
    assert fields.get("address", "Storgata 1, 0155 Oslo") in told.text
    assert agent.sends(FILLED).status == 200  # mended, on that very page
    assert office.desk.placed == []


def test_a_fault_of_the_whole_form_is_said_above_it(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED)
    monkeypatch.setattr(type(office.desk), "place", lambda *_: {"": Fault.LATER})
    told = agent.confirms()
    assert told.status == 422
    assert words.FAULTS[Fault.LATER] in told.text
    assert 'value="0301-12-34-0-0"' in told.text


def test_one_who_wants_to_change_something_finds_it_filled_in(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED)
    told = agent.sends({}, which=1)  # Ändra
    assert told.status == 200
    assert 'value="0301-12-34-0-0"' in told.text
    assert f'value="{PLAN.code}" checked' in told.text
    assert office.desk.placed == []


def test_the_agent_pays_no_price_that_was_not_shown(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED)
    office.desk.costs[PLAN.code] = Decimal("900.00")
    again = agent.confirms()
    assert again.status == 200
    assert words.PRICE_CHANGED in again.text
    assert "1\N{NO-BREAK SPACE}125,00\N{NO-BREAK SPACE}NOK" in again.text
    assert office.desk.placed == []
    assert agent.confirms().status == 303
    assert len(office.desk.placed) == 1


def test_what_was_looked_over_is_looked_over_again_before_it_is_placed(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED)
    fields = dict(HIDDEN.findall(agent.seen.text.partition("</form>")[0])) | {"cadastre": "nonsense"}
    assert post(office.url, agent.page, fields).status == 422
    assert office.desk.placed == []


def test_however_often_and_in_however_many_tabs_it_is_pressed_there_is_one_placing(offices: Offices) -> None:
    office = offices()
    tabs = [Agent.opens(office) for _ in range(3)]
    for tab in tabs:
        tab.sends(FILLED)
    shown = [(tab, HIDDEN.findall(tab.seen.text.partition("</form>")[0])) for tab in tabs]
    told: list[int] = []

    def press(tab: Agent, fields: list[tuple[str, str]]) -> None:
        told.append(post(office.url, tab.page, fields).status)

    threads = [threading.Thread(target=press, args=one) for one in shown for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(office.desk.placed) == 1
    assert set(told) <= {303, 503}
    for tab, fields in shown:
        assert post(office.url, tab.page, fields).status == 303
    assert len(office.desk.placed) == 1


def test_looking_at_the_page_changes_nothing(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    for query in ("?steg=bekr%C3%A4fta&cadastre=0301-1-1-0-0", "?pris=0"):
        assert ask(office.url, agent.page + query).status == 200
        assert ask(office.url, agent.page + query, "HEAD").status == 200
    assert (office.desk.checks, office.desk.placed) == ([], [])


# --- who may send it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    ],
)
def test_a_form_from_another_page_is_refused(offices: Offices, headers: dict[str, str]) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED)
    fields = HIDDEN.findall(agent.seen.text.partition("</form>")[0])
    told = post(office.url, agent.page, fields, headers)
    assert told.status == 403
    assert "Inget har beställts" in told.text
    assert office.desk.placed == []
    assert post(office.url, agent.page, fields).status == 303


@pytest.mark.parametrize(
    ("origin", "host", "public", "ours"),
    [
        ("null", "127.0.0.1:8321", None, True),
        ("http://127.0.0.1:8321", "127.0.0.1:8321", None, True),
        ("https://orders.supplier.example", "127.0.0.1:8321", "orders.supplier.example", True),  # behind a proxy
        ("https://orders.supplier.example", "127.0.0.1:8321", None, False),
        ("http://127.0.0.1:9", "127.0.0.1:8321", None, False),
    ],
)
def test_our_own_page_is_known_by_the_browser_s_word(origin: str, host: str, public: str | None, ours: bool) -> None:
    assert seals.is_from_here({"Origin": origin}, host, public) is ours


@pytest.mark.parametrize("seal", ["", "x", "å" * 43, "\x00"])
def test_a_form_without_its_page_s_seal_is_shown_again_and_not_placed(offices: Offices, seal: str) -> None:
    office = offices()
    agent = Agent.opens(office)
    told = post(office.url, agent.page, FILLED | {"sigill": seal, "steg": "bekräfta", "pris": "1000.0000 NOK"})
    assert told.status == 403
    assert words.STALE in told.text
    assert 'value="0301-12-34-0-0"' in told.text
    assert office.desk.checks == []
    assert agent.sends(FILLED).status == 200


def test_the_seal_of_one_page_is_none_of_another_s(offices: Offices) -> None:
    office = offices()
    one, other = Agent.opens(office), Agent.opens(office)
    seal = seals.seal_of(one.page.rpartition("/")[2])
    assert seals.is_sealed(one.page.rpartition("/")[2], seal)
    assert post(office.url, other.page, FILLED | {"sigill": seal}).status == 403


def test_a_form_of_another_kind_or_too_large_a_one_is_refused(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    assert post(office.url, agent.page, FILLED, {"Content-Type": "application/json"}).status == 415
    assert post(office.url, agent.page, FILLED, {"Content-Type": "multipart/form-data; boundary=x"}).status == 415
    assert post(office.url, agent.page, FILLED | {"address": "x" * 20_000}).status == 413
    assert post(office.url, agent.page, [(f"n{number}", "") for number in range(3000)]).status in {403, 413}
    assert (office.desk.checks, office.desk.placed) == ([], [])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_other_method_does_anything(offices: Offices, method: str) -> None:
    office = offices()
    agent = Agent.opens(office)
    assert ask(office.url, agent.page, method).status == 405


def test_what_is_written_reaches_the_desk_as_one_plain_line(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(
        FILLED
        | {"address": " A\u030argatan\t9,\r\n0155\x00\x1b[31m \u202eOslo\ud800 ".encode("utf-8", "replace").decode()}
    )
    assert office.desk.checks[-1]["address"] == "Årgatan 9, 0155 [31m Oslo?"
    assert office.desk.checks[-1].keys() == FILLED.keys()


def test_fields_that_the_form_does_not_have_go_nowhere(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED | {"share_number": "17", "order": "vitec:ord-9999", "price": "0"})
    assert office.desk.checks == [FILLED]
    agent.confirms()
    assert office.desk.placed == [(ORDER, FILLED)]


def test_one_who_presses_all_the_time_is_slowed_down(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BURST", 2.0)
    monkeypatch.setattr(gate, "PER_SECOND", 0.01)
    office = offices()
    agent = Agent.opens(office)
    told = [post(office.url, agent.page, FILLED | {"sigill": _seal(agent)}) for _ in range(4)]
    assert [one.status for one in told] == [200, 200, 503, 503]
    assert words.CROWDED in told[-1].text
    assert 'value="0301-12-34-0-0"' in told[-1].text
    assert len(office.desk.checks) == 2


def _seal(agent: Agent) -> str:
    return seals.seal_of(agent.page.rpartition("/")[2])


def test_amounts_are_written_as_in_swedish() -> None:
    price = Price(Decimal(1000), Decimal("1250.5"), "SEK")
    assert words.money(price) == "1\N{NO-BREAK SPACE}250,50\N{NO-BREAK SPACE}kr"
    assert words.money(price, gross=False) == "1\N{NO-BREAK SPACE}000,00\N{NO-BREAK SPACE}kr"


def test_an_order_that_was_placed_elsewhere_meanwhile_is_shown_as_it_is(offices: Offices) -> None:
    office = offices()
    agent = Agent.opens(office)
    agent.sends(FILLED)
    office.desk.sheets[ORDER] = replace(EMPTY, state="active", awaited=Awaited.SUPPLIER)
    assert agent.confirms().status == 303
    assert office.desk.placed == []
