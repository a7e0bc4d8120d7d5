"""What a sales order is sent as (gks4.md, sections 5 and 8): names by settings, amounts exactly, no guesses."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.remotes.gks4 import Address, Line, LineNames, OrderNames, SalesOrder, SearchNames, Settings, cut_lines
from syncer.remotes.gks4.customers import Customer, Page, customer, page
from syncer.remotes.gks4.orders import created, order_body
from syncer.remotes.http import Answer
from syncer.remotes.json import Malformed
from tests.remotes.test_vitec_values import ANYTHING

USUAL = Settings()
MONEY = st.decimals(-(10**11), 10**11, places=2)


def sent(order: SalesOrder, settings: Settings = USUAL) -> Any:
    """The body as it arrives, with its numbers as they were written."""
    return json.loads(json.dumps(order_body(order, settings), allow_nan=False), parse_float=Decimal, parse_int=Decimal)


def line(price: Any = None, quantity: Any = Decimal(1), **more: Any) -> SalesOrder:
    return SalesOrder("K1", (Line("x", quantity, price, **more),))


FULL = SalesOrder(
    "K2003",
    (Line("Kommunal information", Decimal("1.5"), Decimal("950.50"), "A-100"), Line("Frakt", Decimal(1))),
    name="vitec:ord-1",
    purchase_order_number="vitec:ord-1",
    language="sv",
    currency="SEK",
    note="Lämnas i receptionen",
    billing_company=("Exempelmäklarna AB", None),
    bill_to=Address("Lilla gatan 7", None, None, "Lund", "222 22", None, "SE"),
    billing_contact=("Kim", "Exempel"),
    promised_delivery_date=date(2026, 12, 4),
)


def test_the_whole_header_is_sent_by_its_likely_names() -> None:
    assert sent(FULL) == {
        "customerNumber": "K2003",
        "name": "vitec:ord-1",
        "purchaseOrderNumber": "vitec:ord-1",
        "language": "sv",
        "currency": "SEK",
        "noteFromCustomer": "Lämnas i receptionen",
        "billingCompanyInfo": {"name": "Exempelmäklarna AB", "invoiceEmail": None},
        "billTo": {"address1": "Lilla gatan 7", "address2": None, "city": "Lund", "zipCode": "222 22"},
        "billingContact": {"firstName": "Kim", "lastName": "Exempel"},
        "promisedDeliveryDate": "2026-12-04",
        "salesOrderLines": [
            {
                "articleNumber": "A-100",
                "description": "Kommunal information",
                "quantity": Decimal("1.5"),
                "unitPrice": Decimal("950.5"),
            },
            {"description": "Frakt", "quantity": 1},
        ],
    }


def test_every_name_is_a_setting_and_an_empty_one_sends_nothing() -> None:
    settings = Settings(
        order=OrderNames("c", "", "p", "l", "u", "", "", "", "", "d", "rows"), line=LineNames("a", "t", "q", "")
    )
    assert sent(FULL, settings) == {
        "c": "K2003",
        "p": "vitec:ord-1",
        "l": "sv",
        "u": "SEK",
        "d": "2026-12-04",
        "rows": [{"a": "A-100", "t": "Kommunal information", "q": Decimal("1.5")}, {"t": "Frakt", "q": 1}],
    }


def test_what_is_not_given_is_not_sent() -> None:
    assert sent(SalesOrder("K1")) == {"customerNumber": "K1", "salesOrderLines": []}


def test_what_else_gks_may_want_is_added_by_its_own_names() -> None:
    addresses = [{"address1": "Gatan 1", "quantity": Decimal("2.50")}]
    order = SalesOrder("K1", (Line("x", Decimal(1), more={"discountRate": Decimal("0.1"), "to": addresses}),))
    assert sent(order)["salesOrderLines"] == [
        {"description": "x", "quantity": 1, "discountRate": "0.1", "to": [{"address1": "Gatan 1", "quantity": "2.50"}]}
    ]
    assert sent(SalesOrder("K1", more={"terms": 30, "test": True, "x": None}))["terms"] == 30


@pytest.mark.parametrize("strange", [0.1, float("nan"), Decimal("NaN"), Decimal("1E+99"), date(2026, 1, 1), {1}, b"x"])
def test_nothing_else_is_added(strange: Any) -> None:
    for order in (line(more={"x": [strange]}), SalesOrder("K1", more={"x": strange})):
        with pytest.raises(Malformed):
            order_body(order, USUAL)


@pytest.mark.parametrize("language", ["sv", "no", "en"])
def test_the_documented_languages_are_taken(language: str) -> None:
    assert sent(SalesOrder("K1", language=language))["language"] == language


@pytest.mark.parametrize("bad", [{"language": "da"}, {"language": "SV"}, {"currency": "kr"}, {"currency": "sek"}])
def test_another_language_or_currency_is_not_sent(bad: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        order_body(SalesOrder("K1", **bad), USUAL)


def test_an_order_without_a_customer_is_not_sent() -> None:
    with pytest.raises(Malformed):
        order_body(SalesOrder(" "), USUAL)


# -------------------------------------------------------------------------------------------------- amounts


@given(MONEY, st.decimals(0, 10**6, places=3))
def test_every_amount_arrives_exactly_as_a_number(price: Decimal, quantity: Decimal) -> None:
    (row,) = sent(line(price, quantity))["salesOrderLines"]
    assert (row["unitPrice"], row["quantity"]) == (price, quantity)


@given(MONEY)
def test_every_amount_arrives_exactly_as_a_text(price: Decimal) -> None:
    (row,) = sent(line(price), Settings(amounts_as_text=True))["salesOrderLines"]
    assert row["unitPrice"] == f"{price:f}"
    assert Decimal(row["unitPrice"]) == price


@pytest.mark.parametrize(
    "price",
    [
        Decimal("9.999"),
        Decimal("0.001"),
        Decimal("950.0000001"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+999999"),
        Decimal("1E-999999"),
        Decimal("12345678901234567.25"),
        950.0,
        950,
        "950.00",
        True,
    ],
)
@pytest.mark.parametrize("settings", [USUAL, Settings(amounts_as_text=True)])
def test_a_price_is_exact_with_two_decimals_at_most_or_is_not_sent(price: Any, settings: Settings) -> None:
    with pytest.raises(Malformed, match="line 1"):
        order_body(line(price), settings)


def test_an_amount_that_no_number_holds_is_sent_as_a_text_only() -> None:
    order = line(Decimal("99999999999999.99"))
    with pytest.raises(Malformed, match="more digits"):
        order_body(order, USUAL)
    assert sent(order, Settings(amounts_as_text=True))["salesOrderLines"][0]["unitPrice"] == "99999999999999.99"


@pytest.mark.parametrize(("price", "number"), [("950", 950), ("950.00", 950), ("9.5E+2", 950), ("0.00", 0), ("-5", -5)])
def test_a_whole_amount_is_a_whole_number(price: str, number: int) -> None:
    body = order_body(line(Decimal(price)), USUAL)["salesOrderLines"][0]["unitPrice"]
    assert (body, type(body)) == (number, int)


@pytest.mark.parametrize("quantity", [1, 1.5, "1", Decimal("NaN"), Decimal("1E+20"), Decimal("1E-20")])
def test_a_quantity_that_is_no_exact_number_is_not_sent(quantity: Any) -> None:
    with pytest.raises(Malformed, match="quantity of line 1"):
        order_body(line(quantity=quantity), USUAL)


# --------------------------------------------------------------------------------------------------- texts


def test_a_text_is_cut_where_an_invoice_would_cut_it_and_that_is_said() -> None:
    order = SalesOrder("K1", (Line("å" * 256, Decimal(1)), Line("å" * 257, Decimal(1)), Line("x", Decimal(1))))
    assert [len(row["description"]) for row in sent(order)["salesOrderLines"]] == [256, 256, 1]
    assert cut_lines(order) == (2,)
    assert created(Answer(200, b""), order, USUAL).cut_lines == (2,)


def test_an_order_shows_nobody() -> None:
    shown = repr(FULL)
    assert not any(part in shown for part in ("Kim", "Lilla gatan", "receptionen", "Exempelmäklarna"))


# ------------------------------------------------------------------------------------------------ hostile


@given(ANYTHING)
def test_whatever_comes_is_a_customer_or_malformed(found: Any) -> None:
    row = {"name": "A", "number": "K1", "corporateIdentityNumber": "1", "invoiceEmail": "a@b", "postalAddress": {}}
    hostile = [found, {**row, "postalAddress": {"city": found, "zipCode": found}}]
    for item in [*hostile, *({**row, name: found} for name in row)]:
        try:
            assert isinstance(customer(item), Customer)
        except Malformed as malformed:
            assert len(str(malformed)) < 100  # noqa: PT017 - a sentence of ours, where there is one
        for answer in (item, [item], {"items": item}, {"items": [item]}, {"items": [], "total": item}):
            try:
                assert isinstance(page(answer, SearchNames()), Page)
            except Malformed:
                continue


@given(ANYTHING, st.text(max_size=30))
def test_whatever_comes_after_a_create_is_a_sales_order_or_malformed(found: Any, location: str) -> None:
    for content in (found, {"number": found}, {"data": {"id": found}}):
        answer = Answer(200, json.dumps(content).encode(), {"content-type": "application/json", "location": location})
        try:
            made = created(answer, FULL, USUAL)
        except Malformed:  # a number that is none, or too deep
            continue
        assert made.number is None or (0 < len(made.number) <= 100 and made.number.isprintable())


@given(st.binary(max_size=100))
def test_any_bytes_after_a_create_are_a_sales_order_or_malformed(body: bytes) -> None:
    for kind in ("application/json", "text/plain", "", "text/html"):
        try:
            assert created(Answer(200, body, {"content-type": kind}), FULL, USUAL).cut_lines == ()
        except Malformed as malformed:
            assert len(str(malformed)) < 100  # noqa: PT017 - a sentence of ours


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"", None),
        (b"{}", None),
        (b'{"number": "SO-7"}', "SO-7"),
        (b'"SO-7"', "SO-7"),
        (b"10452", "10452"),
        (b'{"data": {"orderNumber": 17}}', "17"),
    ],
)
def test_a_number_is_found_whatever_the_answer_is_called(kind: str, body: bytes, number: str | None) -> None:
    assert created(Answer(200, body, {"content-type": kind}), FULL, USUAL).number == number


@pytest.mark.parametrize(("body", "number"), [(b"SO-10452", "SO-10452"), (b"OK", None)])
def test_a_bare_word_is_a_number_only_with_a_digit_in_it(body: bytes, number: str | None) -> None:
    assert created(Answer(200, body, {"content-type": "text/plain"}), FULL, USUAL).number == number


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/xml"])
@pytest.mark.parametrize(
    "body", [b'{"number": "SO-', b"<html>Logga in</html>", b"Down for maintenance until 4", b'["', b"\xff\xfe", b"[1"]
)
def test_what_no_gks_would_say_of_an_order_that_it_made_is_malformed(kind: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        created(Answer(200, body, {"content-type": kind}), FULL, USUAL)
