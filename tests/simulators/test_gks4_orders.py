"""The GKS4 simulator's claims about sales orders, each from gks4.md: what is taken, and what it starts."""

from typing import Any

import pytest

from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.wire import Request
from tests.simulators.test_gks4 import CUSTOMER, SECRET, Clock, call, create, order, read, wrong_fields


@pytest.fixture
def gks() -> Gks4Simulator:
    simulator = Gks4Simulator(client_id="bridge", secret=SECRET, now=Clock())
    simulator.add_customer(CUSTOMER)
    return simulator


# Sales orders


def test_sales_order_is_taken_with_header_and_lines(gks: Gks4Simulator) -> None:
    taken = order(
        gks,
        language="sv",
        currency="SEK",
        noteFromCustomer="Lämnas i receptionen",
        promisedDeliveryDate="2031-05-10",
        billingCompanyInfo={"name": "Påhittade AB", "invoiceEmail": "f@exempel.example"},
        billTo={"address1": "Lilla gatan 7", "address2": None, "city": "Lund", "zipCode": "222 22"},
        billingContact={"firstName": "Kim", "lastName": "Exempel"},
        salesOrderLines=[{"description": "Kommunal information", "quantity": 1, "unitPrice": "950.00"}],
    )
    assert (taken.status, read(taken)) == (200, {"number": "500001"})
    assert taken.effect == {
        "what": "sales_order",
        "order": "500001",
        "customer": CUSTOMER,
        "name": "vitec:ord-1",
        "reference": "ord-1",
        "production": "",
    }
    (kept,) = gks.sales_orders("ord-1")
    assert kept["asked"]["salesOrderLines"] == [
        {"description": "Kommunal information", "quantity": 1, "unitPrice": "950.00"}
    ]
    assert (kept["ignored"], gks.mistakes()) == ([], [])


def test_repeat_makes_a_second_order_and_its_effect_says_so(gks: Gks4Simulator) -> None:
    order(gks)
    again = order(gks)
    assert read(again) == {"number": "500002"}
    assert (again.effect or {})["repeat"] == "yes"
    assert [each["number"] for each in gks.sales_orders("vitec:ord-1")] == ["500001", "500002"]


def test_same_order_to_another_customer_is_a_repeat(gks: Gks4Simulator) -> None:
    gks.add_customer("K2")
    order(gks)
    assert (order(gks, customerNumber="K2").effect or {})["repeat"] == "yes"


@pytest.mark.parametrize("other", [{"name": "vitec:ord-2"}, {"purchaseOrderNumber": "ord-2"}])
def test_other_orders_of_the_same_customer_are_no_repeats(gks: Gks4Simulator, other: dict[str, str]) -> None:
    order(gks)
    assert "repeat" not in (order(gks, **other).effect or {})


def test_order_without_a_mark_gets_the_default_name_and_is_no_repeat(gks: Gks4Simulator) -> None:
    for _ in range(2):
        effect = order(gks, name=None, purchaseOrderNumber=None).effect or {}
        assert effect["name"] == "Webshop order"
        assert "repeat" not in effect


def test_unknown_customer_is_a_404_until_it_exists(gks: Gks4Simulator) -> None:
    refused = order(gks, customerNumber="K7")
    assert (refused.status, refused.effect) == (404, None)
    create(gks)
    assert order(gks, customerNumber="K7").status == 200


def test_malformed_order_of_an_unknown_customer_is_a_400(gks: Gks4Simulator) -> None:
    assert wrong_fields(order(gks, customerNumber="K7", language="de")) == {"language"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"customerNumber": None}, "customerNumber"),
        ({"customerNumber": ""}, "customerNumber"),
        ({"name": 7}, "name"),
        ({"language": "se"}, "language"),
        ({"language": ["sv"]}, "language"),
        ({"currency": "kr"}, "currency"),
        ({"promisedDeliveryDate": "4/5 2031"}, "promisedDeliveryDate"),
        ({"promisedDeliveryDate": "2031-02-30"}, "promisedDeliveryDate"),
        ({"promisedDeliveryDate": 20310504}, "promisedDeliveryDate"),
        ({"billTo": "Lund"}, "billTo"),
        ({"billTo": {"city": 1}}, "billTo.city"),
        ({"salesOrderLines": {}}, "salesOrderLines"),
        ({"salesOrderLines": ["A-100"]}, "salesOrderLines"),
        ({"salesOrderLines": [{}, {"quantity": "many"}]}, "salesOrderLines[1].quantity"),
        ({"salesOrderLines": [{"quantity": True}]}, "salesOrderLines[0].quantity"),
        ({"salesOrderLines": [{"unitPrice": "1,50"}]}, "salesOrderLines[0].unitPrice"),
        ({"salesOrderLines": [{"deliveryAddresses": [{"quantity": "x"}]}]},
         "salesOrderLines[0].deliveryAddresses[0].quantity"),
        ({"salesOrderLines": [{"deliveryAddresses": "Lund"}]}, "salesOrderLines[0].deliveryAddresses"),
    ],
)  # fmt: skip
def test_validation_error_names_its_field(gks: Gks4Simulator, fields: dict[str, Any], wrong: str) -> None:
    assert wrong_fields(order(gks, **fields)) == {wrong}
    assert gks.sales_orders() == []


def test_line_can_go_to_several_addresses_each_with_its_quantity(gks: Gks4Simulator) -> None:
    deliveries = [{"name": "Kim", "address1": "Lilla gatan 7", "quantity": 2}, {"city": "Lund", "quantity": "1"}]
    assert order(gks, salesOrderLines=[{"quantity": 3, "deliveryAddresses": deliveries}]).status == 200
    assert gks.sales_orders()[0]["ignored"] == []


def test_amounts_dates_currencies_and_lines_may_be_demanded_in_one_form(gks: Gks4Simulator) -> None:
    gks.configure(amounts="number", dates="date", currencies=["SEK"], lines_required=True)
    lines = [{"quantity": 1, "unitPrice": 9.5}]
    assert order(gks, salesOrderLines=lines, promisedDeliveryDate="2031-05-10", currency="SEK").status == 200
    wrong = order(gks, salesOrderLines=[{"quantity": "1"}], promisedDeliveryDate="2031-05-10T00:00:00", currency="NOK")
    assert wrong_fields(wrong) == {"salesOrderLines[0].quantity", "promisedDeliveryDate", "currency"}
    assert wrong_fields(order(gks)) == {"salesOrderLines"}
    gks.configure(amounts="text", dates="date_time")
    assert wrong_fields(order(gks, salesOrderLines=lines, promisedDeliveryDate="2031-05-10")) == {
        "salesOrderLines[0].quantity",
        "salesOrderLines[0].unitPrice",
        "promisedDeliveryDate",
    }


def test_header_and_lines_may_have_other_names(gks: Gks4Simulator) -> None:
    gks.configure(
        names={"language": "languageCode", "salesOrderLines": "rows"}, line_names={"articleNumber": "article"}
    )
    gks.add_article("A-100")
    taken = order(gks, languageCode="sv", rows=[{"article": "A-100"}], language="ignored")
    assert (taken.effect or {})["production"] == "A-100"
    assert gks.sales_orders()[0]["ignored"] == ["language"]
    assert wrong_fields(order(gks, languageCode="de")) == {"languageCode"}


def test_field_of_an_unknown_name_is_ignored_unless_refused(gks: Gks4Simulator) -> None:
    odd = {"freight": "DHL", "billTo": {"street": "x"}, "salesOrderLines": [{"price": 1}]}
    order(gks, **odd)
    assert gks.sales_orders()[0]["ignored"] == ["freight", "billTo.street", "salesOrderLines[0].price"]
    gks.configure(unknown_fields="refused")
    assert wrong_fields(order(gks, **odd)) == {"freight", "billTo.street", "salesOrderLines[0].price"}


def test_known_article_starts_production(gks: Gks4Simulator) -> None:
    gks.add_article("A-100", "Broschyr")
    lines = [{"articleNumber": "A-100", "quantity": 3}, {"description": "Frakt"}]
    assert (order(gks, salesOrderLines=lines).effect or {})["production"] == "A-100"
    assert gks.productions() == [{"order": "500001", "article": "A-100", "product": "Broschyr", "quantity": "3"}]
    assert gks.mistakes() == []


def test_guessed_article_starts_nothing_and_is_a_mistake(gks: Gks4Simulator) -> None:
    lines = [{"articleNumber": "A-1"}]
    assert order(gks, salesOrderLines=lines).status == 200
    assert [mistake["cause"] for mistake in gks.mistakes()] == ["there is no article A-1"]
    assert gks.productions() == []
    gks.configure(unknown_article="refused")
    assert wrong_fields(order(gks, salesOrderLines=lines)) == {"salesOrderLines"}


def test_removed_article_is_unknown(gks: Gks4Simulator) -> None:
    gks.add_article("A-100")
    gks.remove_article("A-100")
    order(gks, salesOrderLines=[{"articleNumber": "A-100"}])
    assert len(gks.mistakes()) == 1


@pytest.mark.parametrize("line", [{"description": "x" * 257}, {"unitPrice": "9.505"}, {"unitPrice": 9.505}])
def test_line_that_would_be_cut_later_is_a_mistake_or_refused(gks: Gks4Simulator, line: dict[str, Any]) -> None:
    assert order(gks, salesOrderLines=[line]).status == 200
    assert len(gks.mistakes()) == 1
    gks.configure(strict_lines=True)
    assert len(wrong_fields(order(gks, salesOrderLines=[line]))) == 1


@pytest.mark.parametrize("line", [{"description": "x" * 256}, {"unitPrice": "9.500"}, {"unitPrice": 9.5}])
def test_line_within_the_limits_is_no_mistake(gks: Gks4Simulator, line: dict[str, Any]) -> None:
    order(gks, salesOrderLines=[line])
    assert gks.mistakes() == []


def test_date_of_purchase_is_obsolete_and_a_mistake(gks: Gks4Simulator) -> None:
    assert order(gks, purchaseDate="2031-05-04").status == 200
    assert "obsolete" in gks.mistakes()[0]["cause"]


@pytest.mark.parametrize("shape", ["number", "orderNumber", "salesOrderNumber", "id"])
@pytest.mark.parametrize(("kind", "value"), [("text", "500001"), ("number", 500001)])
def test_answer_may_hold_the_number_under_one_of_four_names(
    gks: Gks4Simulator, shape: str, kind: str, value: Any
) -> None:
    gks.configure(answer=shape, number_type=kind)
    assert read(order(gks)) == {shape: value}


@pytest.mark.parametrize(("shape", "place"), [("location", "/gks4/api/v1/salesorders/500001"), ("empty", None)])
def test_answer_may_be_empty_with_a_location_or_without(shape: str, place: str | None) -> None:
    gks = Gks4Simulator(client_id="bridge", secret=SECRET, now=Clock(), mount="/gks4", answer=shape)
    gks.add_customer(CUSTOMER)
    taken = order(gks)
    assert (taken.status, taken.body, taken.headers.get("Location")) == (200, b"", place)
    assert taken.effect is not None


def test_sales_orders_path_is_an_option(gks: Gks4Simulator) -> None:
    gks.configure(sales_orders_path="/api/v1/sales-orders")
    assert order(gks).status == 404
    assert call(gks, "POST", "/api/v1/sales-orders", {"customerNumber": CUSTOMER}).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/salesorders"),
        ("GET", "/api/v1/salesorders/500001"),
        ("DELETE", "/api/v1/salesorders/500001"),
        ("PUT", f"/api/v1/customers/{CUSTOMER}"),
        ("DELETE", f"/api/v1/customers/{CUSTOMER}"),
    ],
)
def test_what_does_not_exist_is_a_405_and_a_mistake_to_try(gks: Gks4Simulator, method: str, path: str) -> None:
    order(gks)
    assert call(gks, method, path, purchaseOrderNumber="ord-1").status == 405
    assert len(gks.mistakes()) == 1
    assert gks.operation(Request(method, path)) == "unknown"


def test_other_paths_are_not_found(gks: Gks4Simulator) -> None:
    assert call(gks, "GET", "/api/v1/articles").status == 404
    assert gks.complaints()[-1]["path"] == "/api/v1/articles"


@pytest.mark.parametrize(
    ("how", "kind", "body"),
    [
        ("text", "text/plain", b"language: Not one of"),
        ("html", "text/html", b"<p>language: Not one of"),
        ("empty", "", b""),
    ],
)
def test_error_may_look_otherwise(gks: Gks4Simulator, how: str, kind: str, body: bytes) -> None:
    gks.configure(error_body=how)
    refused = order(gks, language="de")
    assert (refused.status, refused.content_type.partition(";")[0]) == (400, kind)
    assert body in refused.body
