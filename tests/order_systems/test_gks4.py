"""GKS4 as order system: who pays, what is sent, what is refused, and what is never sent again."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.order_systems import BillingLine, Gks4OrderSystem, Payer
from syncer.orders import Absent, CannotTell, OurWord, Registered, RegisterRefused
from syncer.remotes.gks4 import Created, Customer, Line, SalesOrder
from tests.order_systems.gks4_bench import (
    BY_COMPANY,
    BY_NUMBER,
    COMPANY,
    DETAILS,
    INTENT,
    KNOWN,
    ORDER,
    WHOLE,
    Fake,
    adapter,
)

NOT_UNCERTAIN: list[RemoteError] = [
    Unavailable("gks4", "x", "connection refused"),
    AccessDenied("gks4", "x", "HTTP 403"),
    Unreadable("gks4", "x", "the answer is not well-formed JSON", raw="Kim Exempel, 19001332-0001"),
]


def refused(seen: object) -> str:
    assert isinstance(seen, RegisterRefused)
    return seen.cause


# ------------------------------------------------------------------------------------------ the sales order


@pytest.mark.parametrize("payer", [BY_NUMBER, BY_COMPANY, Payer(number="{customer_number}")])
def test_an_order_is_a_sales_order_of_its_customer_under_our_name(payer: Payer) -> None:
    gks = Fake([KNOWN])
    order = ORDER.but(details=DETAILS | {"data": {"customer_number": "K100421 "}})
    assert adapter(gks, payer).perform(INTENT, order) == Registered("gks4", "500001")
    assert gks.orders == [
        SalesOrder(
            "K100421",
            (Line("Kommunal information, Lilla gatan 7", Decimal(1), Decimal("950.00"), "A-100"),),
            name="vitec:ord-7781",
            purchase_order_number="vitec:ord-7781",
            language="sv",
            currency="SEK",
        )
    ]


def test_a_line_has_an_article_only_where_the_route_gives_it_one() -> None:
    gks = Fake([KNOWN])
    lines = BillingLine("{office.city}", Decimal(2)), BillingLine("B", Decimal("0.5"), article="{form.address}")
    adapter(gks, BY_NUMBER, *lines).perform(INTENT, ORDER)
    assert [line.article for line in gks.orders[0].lines] == [None, "{form.address}"]


def test_what_else_a_line_has_goes_with_it() -> None:
    gks = Fake([KNOWN])
    adapter(gks, BY_NUMBER, BillingLine("A", Decimal(1), more={"discountRate": 5})).perform(INTENT, ORDER)
    assert gks.orders[0].lines[0].more == {"discountRate": 5}


def test_what_is_not_as_it_was_sent_is_told() -> None:
    gks = Fake([KNOWN], answer=Created(None, cut_lines=(2, 3)))
    seen = adapter(gks).perform(INTENT, ORDER)
    assert isinstance(seen, Registered)
    assert isinstance(seen.note, OurWord)
    assert seen.text == "registered in gks4 (it told no number; the text was too long, and is cut, in line 2, 3)"


def test_a_refusal_is_told_in_gks_s_own_words() -> None:
    gks = Fake([KNOWN], before={"order": [Rejected("gks4", "salesorders.create", "language: not valid", "ask them")]})
    assert refused(adapter(gks).perform(INTENT, ORDER)) == "GKS refused it: language: not valid (ask them)"


def test_an_order_whose_route_is_gone_is_refused_without_a_call() -> None:
    gks = Fake([KNOWN])
    system = Gks4OrderSystem("gks4", gks, lambda _: None, language="sv", currency="SEK")  # type: ignore[arg-type]
    assert "no route says any more" in refused(system.perform(INTENT, ORDER))
    assert gks.calls == []


@pytest.mark.parametrize(
    ("payer", "line"),
    [
        (BY_NUMBER, BillingLine("{form.cadastre}", Decimal(1))),
        (Payer(number="{form.cadastre}"), BillingLine("A", Decimal(1))),
        (Payer(corporate_identity_number="{form.cadastre}"), BillingLine("A", Decimal(1))),
        (replace(WHOLE, name="{form.cadastre}"), BillingLine("A", Decimal(1))),
    ],
)
def test_a_field_that_the_order_lacks_is_named_and_nothing_is_made(payer: Payer, line: BillingLine) -> None:
    gks = Fake()
    cause = refused(adapter(gks, payer, line, create_missing=True).perform(INTENT, ORDER))
    assert cause == "the order has no form.cadastre, which the route wants for gks4"
    assert (gks.orders, gks.customers) == ([], [])


# --------------------------------------------------------------------------------------- what is not known


@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_lost_answer_is_a_person_s_who_is_told_what_to_look_for(effect: str) -> None:
    gks = Fake([KNOWN], **{effect: {"order": [Uncertain("gks4", "salesorders.create", "HTTP 500")]}})  # type: ignore[arg-type]
    system = adapter(gks)
    with pytest.raises(Uncertain):
        system.perform(INTENT, ORDER)
    looked = "look in GKS for a sales order whose purchase order number or name is vitec:ord-7781"
    assert system.find(INTENT, ORDER) == CannotTell(f"{looked}, of customer K100421")
    assert adapter(gks).find(INTENT, ORDER) == CannotTell(looked)  # begun anew, it has no idea who was to pay
    assert adapter(gks, Payer(number="{form.cadastre}")).find(INTENT, ORDER) == CannotTell(looked)
    assert adapter(gks, BY_NUMBER).find(INTENT, ORDER) == CannotTell(f"{looked}, of customer K100421")
    assert gks.calls == ["search", "order"]


def test_a_lost_answer_is_sent_again_only_where_that_is_configured() -> None:
    assert isinstance(adapter(Fake()).find(INTENT, ORDER), CannotTell)
    assert adapter(Fake(), resend_uncertain=True).find(INTENT, ORDER) == Absent()


def test_what_a_former_life_may_have_registered_is_never_sent_on_a_guess() -> None:
    doubt = replace(INTENT, attempts=0)
    assert isinstance(adapter(Fake(), resend_uncertain=True).find(doubt, ORDER), CannotTell)


@pytest.mark.parametrize("failure", NOT_UNCERTAIN, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("call", ["get", "search", "create", "order"])
def test_what_surely_had_no_effect_is_done_later(call: str, failure: RemoteError) -> None:
    gks = Fake([KNOWN] if call in {"get", "order"} else [], before={call: [failure]})
    system = adapter(gks, BY_NUMBER if call == "get" else WHOLE, create_missing=True)
    with pytest.raises(type(failure)):
        system.perform(INTENT, ORDER)
    assert gks.orders == []
    assert isinstance(system.perform(INTENT, ORDER), Registered)
    assert (len(gks.orders), len(gks.customers)) == (1, 1)


def test_other_customers_are_not_kept_with_the_order() -> None:
    gks = Fake(before={"search": [Unreadable("gks4", "customers.search", "no list", "see rows", raw="Kim Exempel")]})
    with pytest.raises(Unreadable) as failure:
        adapter(gks).perform(INTENT, ORDER)
    assert (failure.value.raw, failure.value.hint) == ("", "see rows")


# ------------------------------------------------------------------------------------------- the customer


@pytest.mark.parametrize("payer", [BY_NUMBER, WHOLE])
def test_a_customer_that_is_missing_is_a_person_s_to_make(payer: Payer) -> None:
    gks = Fake()
    assert "is not in GKS: make it there, then retry" in refused(adapter(gks, payer).perform(INTENT, ORDER))
    assert (gks.customers, gks.orders) == ([], [])


@pytest.mark.parametrize("payer", [BY_NUMBER, BY_COMPANY])
def test_a_customer_of_which_too_little_is_known_is_not_made(payer: Payer) -> None:
    gks = Fake()
    cause = refused(adapter(gks, payer, create_missing=True).perform(INTENT, ORDER))
    assert "give the route its name and corporate identity number" in cause
    assert (gks.customers, gks.orders) == ([], [])


def test_two_customers_of_one_company_are_a_person_s_to_choose_from() -> None:
    gks = Fake([KNOWN, replace(KNOWN, number="K2"), replace(KNOWN, number=None)])
    cause = refused(adapter(gks, create_missing=True).perform(INTENT, ORDER))
    assert "3 customers have the order's corporate identity number (K100421, K2, one without a number)" in cause
    assert (gks.orders, COMPANY in cause) == ([], False)


def test_a_customer_without_a_number_can_not_be_billed() -> None:
    gks = Fake([replace(KNOWN, number=None)])
    assert "has no number in GKS" in refused(adapter(gks).perform(INTENT, ORDER))


def test_the_number_is_sent_as_gks_writes_it() -> None:
    gks = Fake([replace(KNOWN, number="K 100-421")])
    adapter(gks, BY_NUMBER).perform(INTENT, ORDER)
    assert gks.orders[0].customer_number == "K 100-421"


def test_a_refused_look_up_says_what_was_refused() -> None:
    gks = Fake(before={"search": [Rejected("gks4", "customers.search", "HTTP 400")]})
    assert refused(adapter(gks).perform(INTENT, ORDER)) == "GKS refused to search its customers: HTTP 400"


@pytest.mark.parametrize("create_missing", [False, True])
def test_a_customer_that_goes_just_before_the_order_is_sent_is_refused_or_made(create_missing: bool) -> None:
    class Fading(Fake):
        def create_sales_order(self, order: SalesOrder) -> Created:
            self.customers = [each for each in self.customers if each is not KNOWN]
            return super().create_sales_order(order)

    gks = Fading([KNOWN])
    seen = adapter(gks, WHOLE, create_missing=create_missing).perform(INTENT, ORDER)
    assert isinstance(seen, Registered) is create_missing
    assert len(gks.orders) == len(gks.customers) == int(create_missing)


def test_a_customer_that_the_order_does_not_find_though_it_is_there_is_refused_after_one_more_try() -> None:
    class Wrong(Fake):
        def create_sales_order(self, order: SalesOrder) -> Created:
            return Fake(calls=self.calls).create_sales_order(order)

    gks = Wrong([KNOWN])
    cause = refused(adapter(gks, WHOLE, create_missing=True).perform(INTENT, ORDER))
    assert cause == "GKS refused it: HTTP 404 (see that paths.sales_orders is right)"
    assert gks.calls == ["search", "order"] * 2
    assert gks.customers == [KNOWN]


# --------------------------------------------------------------------------------------------------- check


def test_the_check_is_one_search_for_nobody() -> None:
    gks = Fake([KNOWN])
    assert adapter(gks).check().startswith("answers")
    assert gks.calls == ["search"]


def test_nothing_about_people_is_in_what_is_told() -> None:
    sole = {
        "office": {"corporateNumber": "19001332-0001", "customerName": "Kim Exempel", "emailAddress": "k@x.example"}
    }
    tellers: list[dict[str, Any]] = [
        {"customers": []},
        {"customers": [Customer("Kim Exempel", None, "190013320001")]},
        {"customers": [Customer("Kim Exempel", number, "190013320001") for number in ("K1", "K2")]},
        {"before": {"search": [Unreadable("gks4", "customers.search", "no list", raw="Kim Exempel")]}},
        {"before": {"create": [Uncertain("gks4", "customers.create", "HTTP 500")]}},
        {"shows": False},
    ]
    for options in tellers:
        for create_missing in (False, True):
            system = adapter(Fake(**options), WHOLE, BillingLine("A", Decimal(1)), create_missing=create_missing)
            try:
                said = system.perform(INTENT, ORDER.but(details=sole)).text
            except RemoteError as failure:
                said = f"{failure}{getattr(failure, 'raw', '')}"
            assert not any(word in said for word in ("Kim", "19001332", "k@x"))
            assert said
