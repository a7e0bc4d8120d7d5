"""The GKS4 client's claims, over real HTTP: its token, its customers, and an order that is never sent twice."""

import json
import time
import traceback
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.gks4 import (
    Address,
    Customer,
    CustomerUnknown,
    Line,
    Paths,
    SalesOrder,
    Settings,
)
from tests.remotes.canned import Asked, Canned
from tests.remotes.gks4_bench import (
    ACCESS,
    CALLS,
    CUSTOMER,
    CUT,
    HTML,
    ORDER,
    ROW,
    SAFE,
    SECRET,
    UNSAFE,
    Bench,
    as_json,
    standing,
)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with standing() as made:
        yield made


# ------------------------------------------------------------------------------------------------- the token


def test_a_token_is_got_by_a_form_without_a_scope_and_carried_by_every_call(bench: Bench) -> None:
    bench.answer = lambda asked: as_json([] if asked.query else ROW)
    client = bench.client()
    for call in CALLS.values():
        call(client)
    (asked,) = bench.tokens
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    form = {"client_id": ["bridge"], "client_secret": [SECRET], "grant_type": ["client_credentials"]}
    assert (asked.method, parse_qs(asked.body.decode())) == ("POST", form)
    assert "authorization" not in asked.headers
    for call_made in bench.calls:
        assert call_made.headers["authorization"] == "Bearer " + ACCESS.format(1)
        assert call_made.headers["content-type"] == call_made.headers["accept"] == "application/json"


def test_a_scope_is_sent_where_it_is_configured(bench: Bench) -> None:
    bench.answer = lambda _: as_json([])
    bench.client(scope="gks.orders").search(number="K1")
    assert parse_qs(bench.tokens[0].body.decode())["scope"] == ["gks.orders"]


@pytest.mark.parametrize(
    ("told", "kept", "renewed"), [({"expires_in": 3600}, 3500, 3590), ({}, 260, 310), ({"expires_in": None}, 260, 310)]
)
def test_a_token_is_kept_as_long_as_is_told_else_five_minutes(
    bench: Bench, told: dict[str, Any], kept: float, renewed: float
) -> None:
    bench.token = lambda count: as_json({"access_token": ACCESS.format(count), **told})
    bench.answer = lambda _: as_json([])
    client = bench.client()
    for seconds, tokens in ((0, 1), (kept, 1), (renewed, 2)):
        bench.clock.now = 1000 + seconds
        client.search(number="K1")
        assert len(bench.tokens) == tokens


@pytest.mark.parametrize("name", CALLS)
def test_a_401_is_answered_with_one_new_token_and_one_more_call(bench: Bench, name: str) -> None:
    old = "Bearer " + ACCESS.format(1)
    good = as_json([ROW] if name == "search" else ROW)
    bench.answer = lambda asked: Canned(status=401) if asked.headers["authorization"] == old else good
    CALLS[name](bench.client())
    assert (len(bench.tokens), len(bench.calls)) == (2, 2)
    assert bench.calls[0].body == bench.calls[1].body


@pytest.mark.parametrize("name", CALLS)
def test_a_second_401_is_the_credentials_fault(bench: Bench, name: str) -> None:
    bench.answer = lambda _: Canned(status=401)
    with pytest.raises(AccessDenied):
        CALLS[name](bench.client())
    assert (len(bench.tokens), len(bench.calls)) == (2, 2)


@pytest.mark.parametrize("name", CALLS)
def test_a_403_is_not_tried_again(bench: Bench, name: str) -> None:
    bench.answer = lambda _: Canned(status=403)
    with pytest.raises(AccessDenied):
        CALLS[name](bench.client())
    assert (len(bench.tokens), len(bench.calls)) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (as_json({"error": "invalid_client"}, 400), AccessDenied),
        (as_json({"error": "invalid_client"}, 401), AccessDenied),
        (Canned(status=500), Unavailable),
        (Canned(status=429), Unavailable),
        (Canned(raw=b""), Unavailable),
        (CUT, Unavailable),
        (HTML, Unavailable),
        (as_json({}), Unavailable),
        (as_json({"access_token": None}), Unavailable),
        (as_json({"access_token": "a b\r\nX: y"}), Unavailable),
        (Canned(b"[" * 100_000, content_type="application/json"), Unavailable),
    ],
)
@pytest.mark.parametrize("name", CALLS)
def test_without_a_token_nothing_is_sent_so_that_nothing_is_uncertain(
    bench: Bench, name: str, answer: Canned, error: type[RemoteError]
) -> None:
    bench.token = lambda _: answer
    with pytest.raises(error):
        CALLS[name](bench.client())
    assert bench.calls == []


def test_no_secret_is_in_any_error_fact_or_repr(bench: Bench) -> None:
    echo = {"message": f"{SECRET} Bearer {ACCESS.format(1)}", "error": SECRET}
    client = bench.client()
    shown = repr(client)
    for status in (400, 404, 403, 500, 200):
        bench.answer = lambda _, status=status: as_json(echo, status)  # type: ignore[misc]
        for call in CALLS.values():
            try:
                shown += repr(call(client))
            except RemoteError as failed:
                shown += "".join(traceback.format_exception(failed)) + repr(vars(failed))
    shown += repr(bench.facts)
    assert "[hidden]" in shown
    assert SECRET not in shown
    assert ACCESS.format(1) not in shown


# -------------------------------------------------------------------------------------------- one customer


def test_a_customer_is_made_with_the_keys_that_have_to_be_there(bench: Bench) -> None:
    bench.answer = lambda _: Canned()
    client = bench.client()
    client.create_customer(Customer("Ny AB", None, "559999-0002"))
    client.create_customer(Customer("Ny AB", "K1", "559999-0002", "f@x.example", Address("Gatan 1", city="Lund")))
    first, second = (json.loads(asked.body) for asked in bench.calls)
    assert (bench.calls[0].method, bench.calls[0].path) == ("POST", "/api/v1/customers")
    assert first == {"name": "Ny AB", "number": None, "invoiceEmail": None, "corporateIdentityNumber": "559999-0002"}
    assert second["postalAddress"] == {
        "address1": "Gatan 1",
        "address2": None,
        "address3": None,
        "city": "Lund",
        "zipCode": None,
        "state": None,
        "countryCode": None,
    }
    assert (second["number"], second["invoiceEmail"]) == ("K1", "f@x.example")


@pytest.mark.parametrize(("name", "corporate"), [("", "559999-0002"), ("Ny AB", ""), (" ", "559999-0002")])
def test_a_customer_without_a_name_or_corporate_number_is_not_sent(bench: Bench, name: str, corporate: str) -> None:
    with pytest.raises(Rejected, match="not sent"):
        bench.client().create_customer(Customer(name, "K1", corporate))
    assert bench.server.asked == []


@pytest.mark.parametrize("answer", [Canned(), Canned(status=204), Canned(status=201), as_json({"number": "K1"})])
def test_a_customer_is_made_whatever_the_answer_holds(bench: Bench, answer: Canned) -> None:
    bench.answer = lambda _: answer
    bench.client().create_customer(CUSTOMER)
    assert len(bench.calls) == 1


def test_a_customer_is_read_by_its_number_which_is_escaped(bench: Bench) -> None:
    bench.answer = lambda _: as_json({**ROW, "Number": "x", "number": "K 1/ö?#", "new": {"field": []}})
    found = bench.client().customer("K 1/ö?#")
    assert bench.calls[0].method == "GET"
    assert bench.calls[0].path == "/api/v1/customers/K%201%2F%C3%B6%3F%23"
    address = Address("Lilla gatan 7", city="Lund", zip_code="222 22", country_code="SE")
    wanted = Customer("Exempelmäklarna AB", "K 1/ö?#", "559999-0001", "faktura@exempel.example", address)
    assert found == wanted


@pytest.mark.parametrize("number", ["", ".", "..", " .. "])
def test_a_number_that_would_lead_elsewhere_is_not_sent(bench: Bench, number: str) -> None:
    with pytest.raises(Rejected, match="not sent"):
        bench.client().customer(number)
    assert bench.server.asked == []


def test_a_customer_that_is_not_there_is_none(bench: Bench) -> None:
    bench.answer = lambda _: as_json({"title": "Not Found"}, 404)
    assert bench.client().customer("K1") is None


@pytest.mark.parametrize(
    "answer",
    [
        as_json({**ROW, "number": "K2004"}),
        as_json({**ROW, "number": None}),
        as_json({**ROW, "number": ["K2003"]}),
        as_json({**ROW, "name": {}}),
        as_json({**ROW, "corporateIdentityNumber": 1.5}),
        as_json({}),
        as_json([]),
        as_json(None),
        Canned(),
        HTML,
        Canned(b"[" * 100_000, content_type="application/json"),
        Canned(b'{"number": NaN}', content_type="application/json"),
    ],
)
def test_an_answer_about_another_customer_or_none_is_unreadable(bench: Bench, answer: Canned) -> None:
    bench.answer = lambda _: answer
    with pytest.raises(Unreadable):
        bench.client().customer("K2003")


def test_a_customer_shows_neither_name_nor_address() -> None:
    shown = repr(Customer("Kim Exempel", "K1", "559999-0001", "kim@x.example", Address("Gatan 1")))
    assert not any(part in shown for part in ("Kim", "kim@", "Gatan"))


# --------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("name", SAFE)
def test_an_outage_in_a_read_is_unavailable(name: str) -> None:
    for answer in (Canned(status=500), Canned(status=503), Canned(status=429), Canned(raw=b""), CUT):
        with standing(answer) as bench:
            with pytest.raises(Unavailable):
                CALLS[name](bench.client())
            assert len(bench.calls) == 1


@pytest.mark.parametrize("name", UNSAFE)
def test_an_outage_in_a_create_is_uncertain_and_never_sent_again(name: str) -> None:
    statuses = [Canned(status=status) for status in (303, 408, 500, 501, 502, 503, 504, 505, 599)]
    for answer in (*statuses, Canned(raw=b""), CUT, HTML):
        with standing(answer) as bench:
            with pytest.raises(Uncertain):
                CALLS[name](bench.client())
            assert len(bench.calls) == 1


@pytest.mark.parametrize("name", UNSAFE)
def test_a_create_that_is_late_is_uncertain(bench: Bench, name: str) -> None:
    def answer(_: Asked) -> Canned:
        time.sleep(0.5)
        return Canned()

    bench.answer = answer
    with pytest.raises(Uncertain) as late:
        CALLS[name](bench.client(timeout=0.2))
    assert late.value.settle_seconds == 0.2


@pytest.mark.parametrize("name", UNSAFE)
def test_what_surely_did_not_arrive_is_not_uncertain(name: str) -> None:
    for answer in (Canned(status=429), Canned(status=307, headers={"Location": "/x"}), Canned(status=301)):
        with standing(answer) as bench:
            with pytest.raises(Unavailable):
                CALLS[name](bench.client())
            assert len(bench.calls) == 1
    with standing() as bench:
        client = bench.client()
        client._base = "http://127.0.0.1:1"
        with pytest.raises(Unavailable, match="refused"):
            CALLS[name](client)


PROBLEM = {
    "type": "https://tools.ietf.org/html/rfc9110",
    "title": "One or more errors occurred.",
    "status": 400,
    "errors": {"salesOrderLines[0].unitPrice": ["Too many decimals."], "name": ["Too long."]},
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            as_json(PROBLEM, 400, "application/problem+json"),
            "One or more errors occurred.; salesOrderLines[0].unitPrice: Too many decimals.; name: Too long.",
        ),
        (as_json({"error": {"message": "Nej"}}, 400), "message: Nej"),
        (as_json("Nej", 400), "Nej"),
        (Canned(b"Nej", 400, "text/plain"), "Nej"),
        (Canned(b"<html/>", 400, "text/html"), "HTTP 400"),
        (Canned(b"", 400), "HTTP 400"),
        (as_json({"title": "Conflict"}, 409), "Conflict"),
        (as_json({}, 422), "HTTP 422"),
    ],
)
def test_a_refusal_is_final_and_says_why(name: str, answer: Canned, said: str) -> None:
    with standing(answer) as bench:
        with pytest.raises(Rejected) as refused:
            CALLS[name](bench.client())
        assert len(bench.calls) == 1
    assert refused.value.cause == said
    assert not isinstance(refused.value, CustomerUnknown)


def test_a_sales_order_for_an_unknown_customer_says_so(bench: Bench) -> None:
    bench.answer = lambda _: as_json({"title": "Not Found"}, 404)
    with pytest.raises(CustomerUnknown) as refused:
        bench.client().create_sales_order(ORDER)
    assert isinstance(refused.value, Rejected)
    assert refused.value.cause == "Not Found"
    with pytest.raises(Rejected) as other:
        bench.client().create_customer(CUSTOMER)
    assert not isinstance(other.value, CustomerUnknown)


# ------------------------------------------------------------------------------------------ sales orders


def test_a_sales_order_is_sent_to_the_configured_path_once(bench: Bench) -> None:
    bench.answer = lambda _: as_json({"orderNumber": 10045})
    made = bench.client(Settings(paths=Paths(sales_orders="api/v1/sales-orders"))).create_sales_order(ORDER)
    (asked,) = bench.calls
    assert (asked.method, asked.path, made.number) == ("POST", "/api/v1/sales-orders", "10045")
    line = {"articleNumber": "A-100", "description": "Kommunal information", "quantity": 1, "unitPrice": 950}
    assert json.loads(asked.body) == {"customerNumber": "K2003", "name": "v:ord-1", "salesOrderLines": [line]}


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (as_json({"number": "S-1", "orderNumber": "x", "id": 5}), "S-1"),
        (as_json({"OrderNumber": "S-1"}), "S-1"),
        (as_json({"salesOrderNumber": 77}), "77"),
        (as_json({"id": "1f0e"}), "1f0e"),
        (as_json({"number": None, "id": 5}), "5"),
        (as_json({"number": "", "id": True, "orderNumber": ["x"]}), None),
        (as_json({"data": {"number": "S-1"}}), "S-1"),
        (as_json({"result": {"id": 3}}), "3"),
        (as_json("S-1"), "S-1"),
        (as_json(10045), "10045"),
        (Canned(b"10045", content_type="text/plain"), "10045"),
        (as_json(None, Location="/api/v1/salesorders/10045"), "10045"),
        (Canned(status=201, headers={"Location": "https://x.example/so/S%2D1/?x=y"}), "S-1"),
        (Canned(headers={"Location": "/api/v1/salesorders/"}), None),
        (Canned(headers={"Location": "http://[half/1"}), None),
        (as_json({"number": "S-1"}, Location="/x/2"), "S-1"),
        (Canned(), None),
        (Canned(status=204), None),
        (as_json({}), None),
        (as_json([]), None),
        (as_json(True), None),
        (as_json({"number": "x" * 101}), None),
        (as_json({"number": "a\nb"}), None),
        (Canned(b"{broken", headers={"Location": "/api/v1/salesorders/10045"}), "10045"),
    ],
)
def test_a_sales_order_is_made_with_or_without_a_number(bench: Bench, answer: Canned, number: str | None) -> None:
    bench.answer = lambda _: answer
    made = bench.client().create_sales_order(ORDER)
    assert made.number == number
    assert made.location == answer.headers.get("Location")
    assert made.raw == answer.body.decode("utf-8", "replace")[:10_000]
    assert len(bench.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Canned(b"{broken", content_type="application/json"),
        Canned(b'{"number": "S-', content_type="text/plain"),
        Canned(b"[" * 100_000, content_type="application/json"),
        Canned(b"\xff", content_type="application/octet-stream"),
        Canned(b"<html>Logga in</html>", content_type="text/plain"),
        Canned(b"Closed for maintenance", content_type="text/plain"),
    ],
)
def test_what_no_gks_would_say_of_a_sales_order_that_it_made_is_uncertain(bench: Bench, answer: Canned) -> None:
    bench.answer = lambda _: answer
    with pytest.raises(Uncertain):
        bench.client().create_sales_order(ORDER)
    assert len(bench.calls) == 1


def test_what_can_not_be_sent_is_refused_before_it_is(bench: Bench) -> None:
    bad: Mapping[str, Any] = {"lines": (Line("x", Decimal(1), Decimal("9.999")),)}
    with pytest.raises(Rejected, match="not sent: the price of line 1"):
        bench.client().create_sales_order(SalesOrder("K1", **bad))
    assert bench.server.asked == []
