"""The GKS4 simulator's claims, each from gks4.md: what it answers, what it refuses, and what took effect."""

import copy
import json
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.host import Fault, Host
from syncer.simulators.wire import Reply, Request

SECRET = "invented-secret"
CUSTOMER = "K200315"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


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
def gks(clock: Clock) -> Gks4Simulator:
    simulator = Gks4Simulator(client_id="bridge", secret=SECRET, now=clock)
    simulator.add_customer(CUSTOMER)
    return simulator


def token_call(gks: Gks4Simulator, content_type: str = FORM, **form: str) -> Reply:
    given = {"client_id": "bridge", "client_secret": SECRET, "grant_type": "client_credentials", **form}
    query = {name: text for name, text in given.items() if text != "-"}
    return gks.handle(Request("POST", "/connect/token", query, {"content-type": content_type}))


def token(gks: Gks4Simulator) -> str:
    return str(json.loads(token_call(gks).body)["access_token"])


def call(
    gks: Gks4Simulator, method: str, path: str, body: Any = None, *, bearer: str | None = None, **query: str
) -> Reply:
    headers = {"authorization": f"Bearer {bearer or token(gks)}"}
    if body is None:
        return gks.handle(Request(method, path, query, headers))
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gks.handle(Request(method, path, query, {**headers, "content-type": JSON}, text))


def read(reply: Reply) -> Any:
    return json.loads(reply.body)


def new_customer(**fields: Any) -> dict[str, Any]:
    body = {
        "name": "Påhittade Mäklare AB",
        "number": "K7",
        "invoiceEmail": None,
        "corporateIdentityNumber": "559999-0002",
        **fields,
    }
    return {name: value for name, value in body.items() if value != "-"}


def create(gks: Gks4Simulator, **fields: Any) -> Reply:
    return call(gks, "POST", "/api/v1/customers", new_customer(**fields))


def order(gks: Gks4Simulator, **fields: Any) -> Reply:
    body = {"customerNumber": CUSTOMER, "name": "vitec:ord-1", "purchaseOrderNumber": "ord-1", **fields}
    return call(gks, "POST", "/api/v1/salesorders", body)


def wrong_fields(reply: Reply) -> set[str]:
    """The fields of a validation error; the answer must be one, with no effect."""
    assert (reply.status, reply.effect) == (400, None)
    assert reply.content_type.startswith("application/problem+json")
    return set(read(reply)["errors"])


def search(gks: Gks4Simulator, **query: str) -> list[str | None]:
    return [row["number"] for row in read(call(gks, "GET", "/api/v1/customers", **query))]


# Tokens


def test_token_is_given_for_client_credentials_in_a_form(gks: Gks4Simulator) -> None:
    answer = read(token_call(gks))
    assert set(answer) == {"access_token", "expires_in", "token_type"}
    assert (answer["expires_in"], answer["token_type"]) == (3600, "Bearer")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "other"}, 401, "invalid_client"),
        ({"client_id": "-"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "gks"}, 400, "invalid_scope"),
        ({"content_type": JSON}, 400, "invalid_request"),
    ],
)
def test_other_token_calls_are_refused(gks: Gks4Simulator, form: dict[str, str], status: int, error: str) -> None:
    refused = token_call(gks, **form)
    assert (refused.status, read(refused)) == (status, {"error": error})
    assert gks.token_calls() == {"asked": 1, "given": 0}


def test_wrong_secret_may_be_a_400_and_a_scope_may_be_demanded(gks: Gks4Simulator) -> None:
    gks.configure(token_failure=400, scope="gks.api")
    assert token_call(gks, client_secret="x").status == 400
    assert read(token_call(gks)) == {"error": "invalid_scope"}
    assert token_call(gks, scope="gks.api").status == 200


@pytest.mark.parametrize(
    ("how", "shown"), [("number", {"expires_in": 90}), ("text", {"expires_in": "90"}), ("absent", {})]
)
def test_tokens_life_may_be_told_or_not(gks: Gks4Simulator, how: str, shown: dict[str, Any]) -> None:
    gks.configure(expires_in=how, token_life=90)
    answer = read(token_call(gks))
    assert {name: answer[name] for name in answer if name == "expires_in"} == shown


def test_token_dies_at_the_end_of_its_life_by_the_worlds_clock(gks: Gks4Simulator, clock: Clock) -> None:
    bearer = token(gks)
    clock.turn(3599)
    assert call(gks, "GET", "/api/v1/customers", bearer=bearer).status == 200
    clock.turn(1)
    refused = call(gks, "GET", "/api/v1/customers", bearer=bearer)
    assert (refused.status, refused.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    assert "expired" in gks.complaints()[-1]["cause"]


def test_revoked_tokens_are_dead_and_new_ones_are_given(gks: Gks4Simulator) -> None:
    bearer = token(gks)
    gks.revoke()
    assert call(gks, "GET", "/api/v1/customers", bearer=bearer).status == 401
    assert call(gks, "GET", "/api/v1/customers").status == 200
    assert gks.token_calls() == {"asked": 2, "given": 2}


def test_old_tokens_live_beside_new_ones_unless_only_one_may(gks: Gks4Simulator) -> None:
    first = token(gks)
    token(gks)
    assert call(gks, "GET", "/api/v1/customers", bearer=first).status == 200
    gks.configure(one_token=True)
    token(gks)
    assert call(gks, "GET", "/api/v1/customers", bearer=first).status == 401


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer x"}, {"authorization": "Basic eDp5"}])
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/salesorders"), ("GET", "/api/v1/customers/K1")])
def test_call_without_a_living_token_is_a_401(
    gks: Gks4Simulator, header: Mapping[str, str], method: str, path: str
) -> None:
    assert gks.handle(Request(method, path, {}, header)).status == 401


def test_changed_secret_leaves_tokens_alive(gks: Gks4Simulator) -> None:
    bearer = token(gks)
    gks.change_secret("newer")
    assert token_call(gks).status == 401
    assert call(gks, "GET", "/api/v1/customers", bearer=bearer).status == 200
    assert token_call(gks, client_secret="newer").status == 200


def test_client_may_be_forbidden_everything(gks: Gks4Simulator) -> None:
    gks.configure(forbidden=True)
    assert order(gks).status == 403
    assert gks.sales_orders() == []


# Customers


def test_created_customer_is_a_200_without_a_body_and_can_be_read(gks: Gks4Simulator) -> None:
    address = {"address1": "Lilla gatan 7", "city": "Lund", "zipCode": "222 22", "countryCode": "SE"}
    made = create(gks, postalAddress=address)
    assert (made.status, made.body, made.content_type) == (200, b"", "")
    assert made.effect == {"what": "customer", "customer": "K7", "corporate": "5599990002"}
    assert read(call(gks, "GET", "/api/v1/customers/K7")) == {
        "name": "Påhittade Mäklare AB",
        "number": "K7",
        "invoiceEmail": None,
        "corporateIdentityNumber": "559999-0002",
        "postalAddress": {**address, "address2": None, "address3": None, "state": None},
    }


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"number": "-"}, {"number"}),
        ({"invoiceEmail": "-"}, {"invoiceEmail"}),
        ({"name": None}, {"name"}),
        ({"name": " "}, {"name"}),
        ({"number": ""}, {"number"}),
        ({"number": 7}, {"number"}),
        ({"corporateIdentityNumber": "-", "name": "-"}, {"corporateIdentityNumber", "name"}),
        ({"corporateIdentityNumber": None}, {"corporateIdentityNumber"}),
        ({"postalAddress": "Lund"}, {"postalAddress"}),
        ({"postalAddress": {"zipCode": 22222}}, {"postalAddress.zipCode"}),
    ],
)
def test_customer_lacks_nothing_that_is_required_though_some_may_be_null(
    gks: Gks4Simulator, fields: dict[str, Any], wrong: set[str]
) -> None:
    assert wrong_fields(create(gks, **fields)) == wrong
    assert len(gks.customers()) == 1


def test_address_and_form_of_the_corporate_number_may_be_demanded(gks: Gks4Simulator) -> None:
    gks.configure(address_required=True, corporate_format="ten_digits")
    assert wrong_fields(create(gks, corporateIdentityNumber="NO 1")) == {"postalAddress", "corporateIdentityNumber"}
    assert create(gks, corporateIdentityNumber="559999 - 0002", postalAddress={}).status == 200


@pytest.mark.parametrize(("how", "number"), [("assigned", "K100001"), ("nameless", None)])
def test_customer_without_a_number_may_get_one_and_is_not_told(
    gks: Gks4Simulator, how: str, number: str | None
) -> None:
    gks.configure(null_number=how)
    assert create(gks, number=None).body == b""
    assert search(gks, corporateIdentityNumber="5599990002") == [number]


def test_two_customers_may_have_no_number(gks: Gks4Simulator) -> None:
    gks.configure(null_number="nameless")
    for corporate in ("1", "2"):
        assert create(gks, number=None, corporateIdentityNumber=corporate).status == 200
    assert [each["number"] for each in gks.customers()] == [CUSTOMER, None, None]


def test_assigned_numbers_are_nobody_elses(gks: Gks4Simulator) -> None:
    gks.add_customer("K100001")
    for _ in range(2):
        create(gks, number=None)
    assert [each["number"] for each in gks.customers()] == [CUSTOMER, "K100001", "K100002", "K100003"]


def test_customer_without_a_number_may_be_refused(gks: Gks4Simulator) -> None:
    gks.configure(null_number="refused")
    assert wrong_fields(create(gks, number=None)) == {"number"}


@pytest.mark.parametrize(
    ("how", "status", "names"),
    [("refused", 400, ["A"]), ("ignored", 200, ["A"]), ("second", 200, ["A", "B"]), ("replaced", 200, ["B"])],
)
def test_second_customer_of_a_number_becomes_what_the_option_says(
    gks: Gks4Simulator, how: str, status: int, names: list[str]
) -> None:
    gks.configure(same_number=how)
    create(gks, name="A")
    again = create(gks, name="B")
    assert again.status == status
    assert [each["name"] for each in gks.customers() if each["number"] == "K7"] == names
    assert (again.effect or {}).get("repeat") == ("yes" if names != ["A"] else None)


def test_second_customer_of_a_company_is_visible_or_refused(gks: Gks4Simulator) -> None:
    create(gks)
    assert (create(gks, number="K8", corporateIdentityNumber="5599990002").effect or {})["repeat"] == "yes"
    gks.configure(same_company="refused")
    assert wrong_fields(create(gks, number="K9")) == {"corporateIdentityNumber"}


def test_unknown_customer_is_a_404_and_a_number_is_unquoted(gks: Gks4Simulator) -> None:
    gks.add_customer("K 1/2å")
    assert call(gks, "GET", "/api/v1/customers/K9").status == 404
    assert read(call(gks, "GET", f"/api/v1/customers/{quote('K 1/2å', safe='')}"))["number"] == "K 1/2å"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"name": NaN}', b'{"name":"\xff"}', b"[" * 100_000, b'{"x":"\\ud800"}']
)
def test_body_that_is_no_json_object_is_a_400(gks: Gks4Simulator, body: bytes) -> None:
    assert call(gks, "POST", "/api/v1/customers", body).status == 400


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "application/json; charset=latin-1"])
def test_body_that_does_not_say_that_it_is_json_in_utf_8_is_a_400(gks: Gks4Simulator, content_type: str) -> None:
    headers = {"authorization": f"Bearer {token(gks)}", "content-type": content_type}
    body = json.dumps(new_customer()).encode()
    assert gks.handle(Request("POST", "/api/v1/customers", {}, headers, body)).status == 400
    headers["content-type"] = 'application/json; charset="UTF-8"'
    assert gks.handle(Request("POST", "/api/v1/customers", {}, headers, body)).status == 200


# Search


def test_search_compares_the_number_whole_and_the_name_anywhere(gks: Gks4Simulator) -> None:
    create(gks, number="K2003", name="Norra Mäklarna")
    assert search(gks, number="K2003") == ["K2003"]
    assert search(gks, name="mäklarna") == [CUSTOMER, "K2003"]
    assert search(gks, name="mäklarna", number="K1") == []


@pytest.mark.parametrize("typed", ["5599990001", "559999-0001", "55 99 99 - 0001"])
@pytest.mark.parametrize("kept", ["5599990001", "559999-0001", "559999 0001"])
def test_search_ignores_spaces_and_dashes_of_the_corporate_number(gks: Gks4Simulator, typed: str, kept: str) -> None:
    gks.remove_customer(CUSTOMER)
    gks.add_customer("K1", kept)
    gks.add_customer("K2", "559999-0003")
    assert search(gks, corporateIdentityNumber=typed) == ["K1"]


def test_search_is_paged_from_one_by_fifty_and_at_most_a_hundred(gks: Gks4Simulator) -> None:
    for number in range(119):
        gks.add_customer(f"N{number}")
    assert [len(search(gks, page=str(page))) for page in (1, 2, 3, 4)] == [50, 50, 20, 0]
    assert len(search(gks, pageSize="100")) == 100
    assert search(gks) == search(gks, page="1")
    assert wrong_fields(call(gks, "GET", "/api/v1/customers", pageSize="101")) == {"pageSize"}
    gks.configure(over_max="capped")
    assert len(search(gks, pageSize="1000")) == 100


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "one"}, {"pageSize": "-1"}, {"pageSize": "9" * 5000}])
def test_page_that_is_no_number_is_a_400(gks: Gks4Simulator, query: dict[str, str]) -> None:
    assert wrong_fields(call(gks, "GET", "/api/v1/customers", **query)) == set(query)


def test_unknown_parameter_is_ignored_so_that_everyone_is_found_and_is_a_mistake(gks: Gks4Simulator) -> None:
    gks.add_customer("K2", "559999-0003")
    assert search(gks, orgNumber="5599990003") == [CUSTOMER, "K2"]
    assert [mistake["cause"] for mistake in gks.mistakes()] == ["the search has no parameter orgNumber"]
    gks.configure(unknown_parameters="refused")
    assert wrong_fields(call(gks, "GET", "/api/v1/customers", orgNumber="1")) == {"orgNumber"}


def test_search_may_return_everyone_whatever_is_asked(gks: Gks4Simulator) -> None:
    gks.add_customer("K2", "559999-0003")
    gks.configure(filters="ignored")
    assert search(gks, corporateIdentityNumber="1", number="K9") == [CUSTOMER, "K2"]
    assert search(gks, number="K9", page="2") == []


@pytest.mark.parametrize("envelope", ["items", "data", "results", "customers", "value"])
def test_rows_may_come_in_an_envelope(gks: Gks4Simulator, envelope: str) -> None:
    gks.configure(envelope=envelope, total=True, decoy=True)
    answer = read(call(gks, "GET", "/api/v1/customers"))
    assert [row["number"] for row in answer.pop(envelope)] == [CUSTOMER]
    assert answer == {"warnings": [], "totalCount": 1}


def test_search_may_have_another_path_and_other_names(gks: Gks4Simulator) -> None:
    gks.configure(search_path="/api/v1/customers/search", parameters={"number": "customerNumber"}, sort="newest")
    gks.add_customer("K2")
    found = read(call(gks, "GET", "/api/v1/customers/search", customerNumber="K2"))
    assert [row["number"] for row in found] == ["K2"]
    assert [row["number"] for row in read(call(gks, "GET", "/api/v1/customers/search"))] == ["K2", CUSTOMER]
    assert call(gks, "GET", "/api/v1/customers").status == 405


def test_answers_may_have_fields_that_nobody_has_heard_of(gks: Gks4Simulator) -> None:
    gks.configure(extra_fields=True)
    assert "approvalStatus" in read(call(gks, "GET", f"/api/v1/customers/{CUSTOMER}"))
    assert read(order(gks)) == {"status": "Registered", "number": "500001"}


# Options, state and the host


@pytest.mark.parametrize(
    "options",
    [
        {"enveloppe": "items"},
        {"envelope": "rows"},
        {"token_failure": 403},
        {"total": 1},
        {"token_life": "long"},
        {"currencies": "SEK"},
        {"names": {"foo": "bar"}},
        {"line_names": {"description": "quantity"}},
        {"search_path": "customers"},
        {"sales_orders_path": "/orders/"},
    ],
)
def test_option_that_does_not_exist_is_a_mistake(gks: Gks4Simulator, options: dict[str, Any]) -> None:
    before = gks.options
    with pytest.raises((TypeError, ValueError)):
        gks.configure(**options)
    assert gks.options == before


def test_unknown_customer_can_not_be_removed(gks: Gks4Simulator) -> None:
    with pytest.raises(ValueError, match="K9"):
        gks.remove_customer("K9")


def test_state_is_json_without_secrets(gks: Gks4Simulator) -> None:
    gks.add_article("A-100")
    bearer = token(gks)
    order(gks, salesOrderLines=[{"articleNumber": "A-100", "unitPrice": 9.5}])
    text = json.dumps(gks.state(), default=str)
    assert "vitec:ord-1" in text
    assert SECRET not in text
    assert bearer not in text


def test_simulator_is_pickled_and_copied_with_its_state(gks: Gks4Simulator) -> None:
    bearer = token(gks)
    order(gks)
    for twin in (pickle.loads(pickle.dumps(gks)), copy.deepcopy(gks)):  # noqa: S301 - our own
        assert twin.sales_orders() == gks.sales_orders()
        assert call(twin, "GET", "/api/v1/customers", bearer=bearer).status == 200
        assert (order(twin).effect or {})["repeat"] == "yes"
    assert len(gks.sales_orders()) == 1


def test_lost_answer_leaves_the_order_made_and_in_the_journal(gks: Gks4Simulator) -> None:
    with Host({"/gks4": gks}) as host, requests.Session() as session:
        form = {"client_id": "bridge", "client_secret": SECRET, "grant_type": "client_credentials"}
        url = host.url_of("/gks4")
        bearer = session.post(f"{url}/connect/token", data=form, timeout=9).json()["access_token"]
        host.fault(Fault.ERROR_AFTER, "gks4", "sales_orders.create")
        headers = {"Authorization": f"Bearer {bearer}"}
        body = {"customerNumber": CUSTOMER, "purchaseOrderNumber": "ord-1"}
        for status in (503, 200):
            sent = session.post(f"{url}/api/v1/salesorders", json=body, headers=headers, timeout=9)
            assert sent.status_code == status
        assert session.get(f"{url}/api/v1/customers/{CUSTOMER}", headers=headers, timeout=9).ok
        effects = [entry.effect or {} for entry in host.effects("gks4", "sales_order")]
    assert [(each["reference"], each.get("repeat")) for each in effects] == [("ord-1", None), ("ord-1", "yes")]
    assert host.crashes == []


def test_control_interface_reaches_the_verbs(gks: Gks4Simulator) -> None:
    host = Host({"/gks4": gks})
    said = host.control("POST", "/_control/call", b'{"remote":"gks4","verb":"add_article","arguments":{"article":"B"}}')
    assert said.status == 200
    for verb in gks.VERBS:
        assert callable(getattr(gks, verb))
    assert json.loads(host.control("GET", "/_control/state", b"").body)["result"]["gks4"]["articles"] == {
        "B": "Kommunal information"
    }
