"""The Vitec simulator's claims about who may ask and about orders, each from vitec.md."""

import base64
import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
import requests

from syncer.simulators.host import Fault, Host
from syncer.simulators.vitec import VitecSimulator
from syncer.simulators.wire import Reply, Request

PASSWORD = "invented-password"
OFFICE = "M40017"
LIST = f"/Service/Order/{OFFICE}"
TOKEN = f"/Service/Order/Token/{OFFICE}"
ACT = f"/Service/Order/UserInteraction/{OFFICE}"
PAGE = "https://orders.supplier.example/o/1"
BY_BODY = {
    "active": {"path": "/Service/Order/Status/{customerId}", "when": {"status": "Working"}, "status": "Working"},
    "delivered": {"path": "/Service/Order/Status/{customerId}", "when": {"status": "Done"}, "answer": "true"},
}


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.at = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vitec(clock: Clock) -> VitecSimulator:
    return VitecSimulator(passwords={OFFICE: PASSWORD}, now=clock)


def login(password: str = PASSWORD, username: str = "partner") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def call(
    vitec: VitecSimulator, method: str, path: str, body: Any = None, *, password: str = PASSWORD, **query: str
) -> Reply:
    headers = login(password)
    if body is None:
        return vitec.handle(Request(method, path, query, headers))
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return vitec.handle(Request(method, path, query, {**headers, "content-type": "application/json"}, text))


def read(reply: Reply) -> Any:
    assert reply.status == 200, reply
    return json.loads(reply.body)


def exchange(vitec: VitecSimulator, data: str, path: str = TOKEN) -> Reply:
    return call(vitec, "POST", path, {"data": data})


def listed(vitec: VitecSimulator, **query: str) -> list[str]:
    return [row["id"] for row in read(call(vitec, "GET", LIST, **query))]


def act(vitec: VitecSimulator, order: str, url: str = PAGE, comment: str = "Godkänn korrekturet") -> Reply:
    return call(vitec, "PUT", ACT, {"id": order, "url": url, "comment": comment})


def wrong_fields(reply: Reply) -> set[str]:
    """The fields of a validation error; the answer must be one, with no effect."""
    assert (reply.status, reply.effect) == (400, None)
    return set(json.loads(reply.body)["modelState"])


def blamed(vitec: VitecSimulator) -> list[str]:
    return [mistake["cause"] for mistake in vitec.mistakes()]


# Who may ask


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic ?"}, login("other"), login(username="somebody"), {"authorization": "Bearer x"}],
)
@pytest.mark.parametrize(("method", "path"), [("GET", LIST), ("POST", TOKEN), ("GET", "/nothing")])
def test_wrong_credentials_are_a_401_on_every_call(
    vitec: VitecSimulator, headers: dict[str, str], method: str, path: str
) -> None:
    refused = vitec.handle(Request(method, path, {}, headers))
    assert (refused.status, refused.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    assert vitec.complaints()[0]["status"] == 401


@pytest.mark.parametrize("owner", ["M40018", "G9", "T4"])
def test_password_opens_its_customer_or_its_chains_or_tenants_customers(vitec: VitecSimulator, owner: str) -> None:
    vitec.add_office("M40018", chain="G9", tenant="T4")
    vitec.add_credential(owner, "another")
    assert call(vitec, "GET", "/Service/Order/M40018", password="another").status == 200
    assert call(vitec, "GET", LIST, password="another").status == 403
    assert call(vitec, "GET", "/Service/Order/M40018").status == 403


def test_password_may_be_for_some_function_groups_alone(vitec: VitecSimulator) -> None:
    vitec.remove_credential(OFFICE)
    vitec.add_credential(OFFICE, "orders", ["order"])
    vitec.add_credential(OFFICE, "people", ["user", "office"])
    assert call(vitec, "GET", LIST, password="orders").status == 200
    assert call(vitec, "GET", "/User/GetUser", password="orders", CustomerId=OFFICE).status == 403
    assert call(vitec, "GET", "/User/GetUser", password="people", CustomerId=OFFICE).status == 200
    assert call(vitec, "GET", LIST).status == 401
    with pytest.raises(ValueError, match="orders"):
        vitec.add_credential(OFFICE, "x", ["orders"])


def test_call_after_a_403_for_the_customer_is_a_mistake_until_it_is_allowed_again(vitec: VitecSimulator) -> None:
    vitec.deny(OFFICE)
    assert call(vitec, "GET", LIST).status == 403
    assert blamed(vitec) == []
    assert call(vitec, "GET", LIST).status == 403
    assert len(blamed(vitec)) == 1
    assert OFFICE in blamed(vitec)[0]
    vitec.allow(OFFICE)
    assert call(vitec, "GET", LIST).status == 200
    vitec.deny(OFFICE)
    assert call(vitec, "GET", LIST).status == 403
    assert len(blamed(vitec)) == 1


def test_refusal_of_one_function_group_leaves_the_others_open(vitec: VitecSimulator) -> None:
    vitec.deny(OFFICE, "user")
    for _ in range(2):
        assert call(vitec, "GET", "/User/GetUser", CustomerId=OFFICE).status == 403
    assert call(vitec, "GET", LIST).status == 200
    assert len(blamed(vitec)) == 1
    with pytest.raises(ValueError, match="people"):
        vitec.deny(OFFICE, "people")


def test_repeated_calls_against_a_refusal_may_get_the_client_blocked(vitec: VitecSimulator) -> None:
    vitec.add_credential("M40018", "another")
    vitec.add_office("M40018")
    vitec.configure(block_after=2)
    vitec.deny(OFFICE)
    statuses = [call(vitec, "GET", LIST).status for _ in range(3)]
    assert statuses == [403] * 3
    assert call(vitec, "GET", "/Service/Order/M40018", password="another").status == 403
    assert vitec.state()["blocked"]
    vitec.unblock()
    assert call(vitec, "GET", "/Service/Order/M40018", password="another").status == 200


# The link and its token


def test_agents_order_gives_the_link_that_the_browser_opens(vitec: VitecSimulator) -> None:
    link = vitec.place_order()
    query = parse_qs(link["query"], strict_parsing=True)
    assert query == {"customerId": [OFFICE], "token": [link["token"]]}
    assert link["query"] == f"customerId={OFFICE}&token={quote(link['token'], safe='')}"
    base64.b64decode(link["token"], validate=True)
    assert {"+", "/", "="} <= set(link["token"])


def test_token_is_exchanged_for_the_ticket(vitec: VitecSimulator) -> None:
    link = vitec.place_order(target_id="OBJ40017_1", target_type="House")
    ticket = read(exchange(vitec, link["token"]))
    agents = [ticket.pop(name) for name in ("userId", "orderUserId")]
    assert ticket == {
        "orderId": link["order"],
        "targetId": "OBJ40017_1",
        "targetType": "House",
        "tenantId": "T3",
        "chainId": "G7",
        "customerId": OFFICE,
        "hasExpired": False,
    }
    assert all(len(agent) == 35 and agent.startswith("HAN") for agent in agents)
    assert len(set(agents)) == 2


def test_ticket_names_who_opened_the_page_and_who_owns_the_order(vitec: VitecSimulator) -> None:
    link = vitec.place_order(user_id="HAN1", order_user_id="HAN2")
    opened = vitec.open_order(link["order"], user_id="HAN3")
    ticket = read(exchange(vitec, opened["token"]))
    assert (ticket["userId"], ticket["orderUserId"]) == ("HAN3", "HAN2")


def test_each_visit_has_a_token_of_its_own_or_they_share_one(vitec: VitecSimulator) -> None:
    first = vitec.place_order()
    again = vitec.open_order(first["order"])
    assert again["token"] != first["token"]
    assert read(exchange(vitec, again["token"])) == read(exchange(vitec, first["token"]))
    vitec.configure(token_per_visit=False)
    assert vitec.open_order(first["order"])["token"] == again["token"]
    assert vitec.open_order(first["order"], user_id="HAN3")["token"] != again["token"]
    vitec.expire()
    assert vitec.open_order(first["order"])["token"] != again["token"]


def test_token_expires_by_the_worlds_clock_and_its_200_says_so(vitec: VitecSimulator, clock: Clock) -> None:
    link = vitec.place_order()
    clock.turn(599)
    assert read(exchange(vitec, link["token"]))["hasExpired"] is False
    clock.turn(1)
    ticket = read(exchange(vitec, link["token"]))
    assert (ticket["hasExpired"], ticket["orderId"]) == (True, link["order"])


def test_tokens_of_one_order_or_all_can_be_made_to_expire(vitec: VitecSimulator) -> None:
    one, other = vitec.place_order(), vitec.place_order()
    vitec.expire(one["order"])
    assert [read(exchange(vitec, link["token"]))["hasExpired"] for link in (one, other)] == [True, False]
    vitec.expire()
    assert read(exchange(vitec, other["token"]))["hasExpired"] is True


@pytest.mark.parametrize(("how", "left"), [("null", {None}), ("empty", {""}), ("absent", set())])
def test_expired_tokens_ticket_may_be_empty(vitec: VitecSimulator, how: str, left: set[Any]) -> None:
    vitec.configure(expired_fields=how)
    link = vitec.place_order()
    vitec.expire()
    ticket = read(exchange(vitec, link["token"]))
    assert ticket.pop("hasExpired") is True
    assert set(ticket.values()) == left


@pytest.mark.parametrize(
    ("name", "shown"),
    [("orderTicketHasExpired", {"orderTicketHasExpired"}), ("both", {"hasExpired", "orderTicketHasExpired"})],
)
@pytest.mark.parametrize("expired", [True, False])
def test_expiry_may_have_its_odd_name(vitec: VitecSimulator, name: str, shown: set[str], expired: bool) -> None:
    vitec.configure(expired_name=name)
    link = vitec.place_order()
    if expired:
        vitec.expire()
    ticket = read(exchange(vitec, link["token"]))
    assert {key: value for key, value in ticket.items() if "xpired" in key} == dict.fromkeys(shown, expired)


def test_token_may_be_good_for_one_time(vitec: VitecSimulator) -> None:
    vitec.configure(one_time=True)
    link = vitec.place_order()
    assert [read(exchange(vitec, link["token"]))["hasExpired"] for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize(("how", "chain"), [("shown", {"chainId": "G7"}), ("null", {"chainId": None}), ("absent", {})])
def test_chain_may_be_missing(vitec: VitecSimulator, how: str, chain: dict[str, Any]) -> None:
    vitec.configure(chain=how)
    ticket = read(exchange(vitec, vitec.place_order()["token"]))
    assert {name: value for name, value in ticket.items() if name == "chainId"} == chain


@pytest.mark.parametrize(("kind", "shown"), [("HousingCooperative", 2), ("House", 0), ("Project", "Project")])
def test_kind_of_home_may_be_a_number(vitec: VitecSimulator, kind: str, shown: int | str) -> None:
    vitec.configure(target_type="number")
    assert read(exchange(vitec, vitec.place_order(target_type=kind)["token"]))["targetType"] == shown


@pytest.mark.parametrize(("how", "status"), [("400", 400), ("404", 404), ("expired", 200)])
def test_unknown_token_is_refused_or_expired(vitec: VitecSimulator, how: str, status: int) -> None:
    vitec.configure(unknown_token=how)
    answer = exchange(vitec, "bm90IGEgdG9rZW4=")
    assert answer.status == status
    if how == "expired":
        ticket = read(answer)
        assert (ticket.pop("hasExpired"), set(ticket.values())) == (True, {None})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(lambda text: text.replace("+", " "), "spaces"), (lambda text: quote(text, safe=""), "percent")],
)
def test_token_spoiled_on_the_way_is_a_mistake(vitec: VitecSimulator, spoil: Any, why: str) -> None:
    assert exchange(vitec, spoil(vitec.place_order()["token"])).status == 400
    assert why in blamed(vitec)[0]


def test_token_of_another_customers_link_is_unknown_and_a_mistake(vitec: VitecSimulator) -> None:
    vitec.add_office("M40018")
    vitec.add_credential("M40018", "another")
    link = vitec.place_order("M40018")
    assert exchange(vitec, link["token"]).status == 400
    assert "another customer" in blamed(vitec)[0]


def test_tickets_customer_may_differ_from_the_links(vitec: VitecSimulator) -> None:
    link = vitec.place_order("M40018", opened_as=OFFICE)
    assert link["customerId"] == OFFICE
    assert read(exchange(vitec, link["token"]))["customerId"] == "M40018"


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": ""}, {"data": 7}])
def test_exchange_without_a_token_is_a_400(vitec: VitecSimulator, body: Any) -> None:
    assert wrong_fields(call(vitec, "POST", TOKEN, body)) == {"data"}


def test_bodies_fields_are_read_in_any_case(vitec: VitecSimulator) -> None:
    assert call(vitec, "POST", TOKEN, {"Data": vitec.place_order()["token"]}).status == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"data":"\xff"}', b"[" * 100_000, b'{"x":"\\ud800"}'])
def test_body_that_is_no_json_object_is_a_400(vitec: VitecSimulator, body: bytes) -> None:
    assert call(vitec, "POST", TOKEN, body).status == 400


@pytest.mark.parametrize(("kind", "status"), [("text/json", 200), ("application/xml", 400), ("", 400)])
def test_body_is_json_by_its_type(vitec: VitecSimulator, kind: str, status: int) -> None:
    body = json.dumps({"data": vitec.place_order()["token"]}).encode()
    assert vitec.handle(Request("POST", TOKEN, {}, {**login(), "content-type": kind}, body)).status == status


def test_answers_may_be_in_pascal_case(vitec: VitecSimulator) -> None:
    vitec.configure(casing="pascal")
    link = vitec.place_order()
    assert read(exchange(vitec, link["token"]))["OrderId"] == link["order"]
    assert read(call(vitec, "GET", LIST))[0]["Id"] == link["order"]


# Errors, options, state and the host


@pytest.mark.parametrize(
    ("how", "kind", "body"),
    [
        ("message", "application/json", b'"modelState"'),
        ("array", "application/json", b'["url: Not a full'),
        ("text", "text/plain", b"url: Not a full"),
        ("html", "text/html", b"<p>url: Not a full"),
        ("empty", "", b""),
    ],
)
def test_error_may_have_any_shape(vitec: VitecSimulator, how: str, kind: str, body: bytes) -> None:
    vitec.configure(error_body=how)
    refused = act(vitec, vitec.place_order()["order"], url="x")
    assert (refused.status, refused.content_type.partition(";")[0]) == (400, kind)
    assert body in refused.body


@pytest.mark.parametrize(
    "options",
    [
        {"windows": "inclusive"},
        {"window": "open"},
        {"unknown_id": 403},
        {"one_time": "yes"},
        {"page_size": True},
        {"zone": "Europe/Atlantis"},
        {"transitions": {"active": {"pathh": "/x"}}},
        {"transitions": {"active": {}}},
        {"transitions": {"active": {"path": "/x", "answer": "maybe"}}},
    ],
)
def test_option_that_does_not_exist_is_a_mistake(vitec: VitecSimulator, options: dict[str, Any]) -> None:
    before = vitec.options
    with pytest.raises((TypeError, ValueError, LookupError)):
        vitec.configure(**options)
    assert vitec.options == before


def test_verb_on_an_order_that_is_not_there_or_is_there_already_is_a_mistake(vitec: VitecSimulator) -> None:
    vitec.place_order(id="ord-1")
    with pytest.raises(ValueError, match="ord-1"):
        vitec.place_order(id="ord-1")
    with pytest.raises(ValueError, match="ord-2"):
        vitec.open_order("ord-2")
    with pytest.raises(ValueError, match="offset"):
        vitec.place_order(at="2031-05-04T07:00:00")
    with pytest.raises(TypeError, match="colour"):
        vitec.place_order(colour="red")


def test_state_is_json_without_passwords_and_tokens(vitec: VitecSimulator) -> None:
    link = vitec.place_order()
    act(vitec, link["order"])
    vitec.configure(transitions=BY_BODY)
    text = json.dumps(vitec.state())
    assert link["order"] in text
    assert PASSWORD not in text
    assert link["token"] not in text


def test_simulator_is_pickled_and_copied_with_its_state(vitec: VitecSimulator) -> None:
    link = vitec.place_order()
    act(vitec, link["order"])
    for twin in (pickle.loads(pickle.dumps(vitec)), copy.deepcopy(vitec)):  # noqa: S301 - our own
        assert read(exchange(twin, link["token"]))["orderId"] == link["order"]
        assert (act(twin, link["order"]).effect or {})["repeat"] == "yes"
        twin.configure(casing="pascal")
        assert "OrderId" in read(exchange(twin, link["token"]))
    assert len(vitec.interactions(link["order"])) == 1
    assert vitec.options.casing == "camel"


def test_lost_answer_leaves_the_interaction_asked_and_in_the_journal(vitec: VitecSimulator) -> None:
    link = vitec.place_order()
    with Host({"/vitec": vitec}) as host, requests.Session() as session:
        session.auth = ("partner", PASSWORD)
        host.fault(Fault.ERROR_AFTER, "vitec", "order.interaction")
        body = {"id": link["order"], "url": PAGE, "comment": "x"}
        for status in (503, 200):
            assert session.put(host.url_of("/vitec") + ACT, json=body, timeout=9).status_code == status
        ticket = session.post(host.url_of("/vitec") + TOKEN, json={"data": link["token"]}, timeout=9).json()
        window = {"MinValue": "2031-05-04T07:00:00+00:00"}
        rows = session.get(host.url_of("/vitec") + LIST, params=window, timeout=9).json()
        effects = [entry.effect or {} for entry in host.effects("vitec", "user_interaction")]
    assert ticket["orderId"] == rows[0]["id"] == link["order"]
    assert [each.get("repeat") for each in effects] == [None, "yes"]
    assert host.crashes == []


def test_control_interface_makes_an_agents_order(vitec: VitecSimulator) -> None:
    host = Host({"/vitec": vitec})
    said = host.control("POST", "/_control/call", b'{"remote":"vitec","verb":"place_order","arguments":{}}')
    link = json.loads(said.body)["result"]
    assert read(exchange(vitec, link["token"]))["orderId"] == link["order"]
    for verb in vitec.VERBS:
        assert callable(getattr(vitec, verb))
