"""A customer is made where that is allowed, with what the route says, and never twice."""

import threading
import time
from dataclasses import replace

import pytest

from syncer.errors import Rejected, Unavailable, Uncertain
from syncer.orders import Registered, RegisterRefused
from syncer.remotes.gks4 import Address, Customer
from tests.order_systems.gks4_bench import (
    COMPANY,
    DETAILS,
    INTENT,
    KNOWN,
    NUMBERED,
    ORDER,
    OTHER,
    WHOLE,
    Clock,
    Fake,
    adapter,
)


def uncertain(settle: float = 0.0) -> Uncertain:
    return Uncertain("gks4", "customers.create", "HTTP 500", settle_seconds=settle)


def test_a_missing_customer_is_made_with_what_the_route_says_and_billed() -> None:
    gks = Fake()
    assert isinstance(adapter(gks, WHOLE, create_missing=True).perform(INTENT, ORDER), Registered)
    address = Address(city="Lund", country_code="SE")  # the order has no address of the office's
    made = Customer("Exempelmäklarna i Lund AB", "K200000", COMPANY, "faktura@exempel.example", address)
    assert gks.customers == [made]
    assert [order.customer_number for order in gks.orders] == ["K200000"]


def test_a_missing_customer_gets_the_number_that_the_route_says() -> None:
    gks = Fake()
    assert isinstance(adapter(gks, NUMBERED, create_missing=True).perform(INTENT, ORDER), Registered)
    assert [each.number for each in gks.customers] == ["K7"]
    assert [order.customer_number for order in gks.orders] == ["K7"]


def test_a_customer_without_any_address_is_made_without_one() -> None:
    gks = Fake()
    payer = replace(WHOLE, city="", country_code="", invoice_email="{nowhere}")
    adapter(gks, payer, create_missing=True).perform(INTENT, ORDER)
    assert (gks.customers[0].postal_address, gks.customers[0].invoice_email) == (None, None)


def test_no_second_customer_of_a_company_is_made_for_the_sake_of_a_number() -> None:
    gks = Fake([KNOWN])
    seen = adapter(gks, NUMBERED, create_missing=True).perform(INTENT, ORDER)
    assert isinstance(seen, RegisterRefused)
    assert "customer K7 is not in GKS, and its corporate identity number is customer K100421's" in seen.cause
    assert (gks.customers, gks.orders) == ([KNOWN], [])


def test_a_customer_that_is_found_by_its_company_alone_is_billed_without_being_made() -> None:
    class Misled(Fake):
        def customer(self, number: str) -> Customer | None:
            return None  # its path is wrong, say

    gks = Misled([replace(KNOWN, number="K7")])
    assert isinstance(adapter(gks, NUMBERED, create_missing=True).perform(INTENT, ORDER), Registered)
    assert len(gks.customers) == 1


def test_a_lost_answer_to_a_customer_that_was_made_is_looked_up_and_the_order_goes_on() -> None:
    gks = Fake(after={"create": [uncertain()]})
    assert isinstance(adapter(gks, WHOLE, create_missing=True).perform(INTENT, ORDER), Registered)
    assert gks.calls == ["search", "search", "create", "search", "order"]


def test_a_customer_that_may_still_come_is_not_made_again_before_its_time() -> None:
    gks, clock = Fake(before={"create": [uncertain(90)]}), Clock()
    system = adapter(gks, WHOLE, create_missing=True, clock=clock)
    for order, left in ((ORDER, 90), (ORDER, 50), (OTHER, 10)):
        clock.now = 1090.0 - left
        with pytest.raises(Unavailable) as later:
            system.perform(INTENT, order)
        assert (later.value.order_only, later.value.retry_after) == (True, left)
    assert gks.calls.count("create") == 1
    clock.now = 1090.0
    assert isinstance(system.perform(INTENT, ORDER), Registered)
    assert len(gks.customers) == 1


def test_a_customer_that_comes_late_is_found() -> None:
    gks = Fake(before={"create": [uncertain()]})
    system = adapter(gks, WHOLE, create_missing=True)
    with pytest.raises(Unavailable) as later:
        system.perform(INTENT, ORDER)
    assert later.value.retry_after == 60
    gks.customers.append(KNOWN)
    assert isinstance(system.perform(INTENT, ORDER), Registered)
    assert gks.calls.count("create") == 1


def test_gks_is_not_told_for_ever_to_make_a_customer() -> None:
    gks, clock = Fake(before={"create": [uncertain() for _ in range(9)]}), Clock()
    system = adapter(gks, WHOLE, create_missing=True, clock=clock)
    for _ in range(3):
        with pytest.raises(Unavailable):
            system.perform(INTENT, ORDER)
        clock.now += 60
    seen = system.perform(INTENT, ORDER)
    assert isinstance(seen, RegisterRefused)
    assert "3 times" in seen.cause
    assert gks.calls.count("create") == 3
    gks.before.clear()
    assert isinstance(system.perform(INTENT, ORDER), Registered)  # a person says retry
    assert len(gks.customers) == 1


def test_a_customer_that_was_made_and_is_not_shown_is_not_made_again() -> None:
    gks, clock = Fake(shows=False), Clock()
    system = adapter(gks, WHOLE, create_missing=True, clock=clock)
    for _ in range(3):
        seen = system.perform(INTENT, ORDER)
        assert isinstance(seen, RegisterRefused)
        assert "its search doesn't show it" in seen.cause
        clock.now += 1_000_000
    assert (len(gks.customers), gks.orders) == (1, [])
    gks.shows = True
    assert isinstance(system.perform(INTENT, ORDER), Registered)


def test_a_customer_that_can_not_be_read_back_now_is_found_later() -> None:
    gks = Fake()
    gks.between = lambda call: (
        gks.before.update(search=[Unavailable("gks4", "x", "HTTP 503")]) if call == "create" else None
    )
    system = adapter(gks, WHOLE, create_missing=True)
    with pytest.raises(Unavailable):
        system.perform(INTENT, ORDER)
    assert isinstance(system.perform(INTENT, ORDER), Registered)
    assert len(gks.customers) == 1


def test_a_customer_that_a_person_has_removed_again_is_made_anew() -> None:
    gks = Fake()
    system = adapter(gks, WHOLE, create_missing=True)
    assert isinstance(system.perform(INTENT, ORDER), Registered)
    gks.customers.clear()
    assert isinstance(system.perform(INTENT, OTHER), Registered)
    assert len(gks.customers) == 1


@pytest.mark.parametrize("assigns", [True, False])
def test_a_customer_that_gks_makes_without_a_number_is_a_person_s(assigns: bool) -> None:
    gks = Fake(assigns=assigns)
    seen = adapter(gks, WHOLE, create_missing=True).perform(INTENT, ORDER)
    assert isinstance(seen, Registered) is assigns
    assert len(gks.customers) == 1


def test_a_refused_customer_is_told_in_gks_s_words_and_made_once_it_can_be() -> None:
    gks = Fake(before={"create": [Rejected("gks4", "customers.create", "corporateIdentityNumber: not valid")]})
    system = adapter(gks, WHOLE, create_missing=True)
    seen = system.perform(INTENT, ORDER)
    assert seen == RegisterRefused("GKS refused to make the customer: corporateIdentityNumber: not valid")
    assert isinstance(system.perform(INTENT, ORDER), Registered)
    assert len(gks.customers) == 1


def test_orders_of_one_new_customer_at_once_make_it_once() -> None:
    start, gks = threading.Barrier(4), Fake()

    def together(call: str) -> None:
        if call == "search" and gks.calls.count("search") <= 4:
            start.wait(5)
        if call == "create":
            time.sleep(0.05)

    gks.between = together
    system = adapter(gks, WHOLE, create_missing=True)
    orders = [ORDER.but(external_id=f"ord-{number}") for number in range(4)]
    threads = [threading.Thread(target=system.perform, args=(INTENT, order)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(gks.customers), len(gks.orders)) == (1, 4)


@pytest.mark.parametrize("at", ["before", "after"])
def test_dashes_and_spaces_do_not_make_another_customer(at: str) -> None:
    gks, clock = Fake(**{at: {"create": [uncertain()]}}), Clock()  # type: ignore[arg-type]
    system = adapter(gks, WHOLE, create_missing=True, clock=clock)
    other = OTHER.but(details=DETAILS | {"office": DETAILS["office"] | {"corporateNumber": "55 99990001"}})
    for order in (ORDER, other, ORDER, other):
        try:
            system.perform(INTENT, order)
        except Unavailable:
            clock.now += 30
    assert len(gks.customers) == 1
