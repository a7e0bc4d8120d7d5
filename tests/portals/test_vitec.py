"""Vitec as a source, over real HTTP: how far back each customer's list is read, and what is known of an order."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from syncer.errors import AccessDenied, Unavailable, Unreadable
from syncer.orders import Cursor, Order, State
from syncer.portals.vitec import Reach, supplied
from syncer.remotes.vitec import Ticket
from syncer.simulators.host import Fault
from tests.portals.vitec_bench import NOON, OFFICE, OTHER, THIRD, Bench, listening

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPEN_IT = "the agent must open its page within a day of the order"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with listening() as made:
        yield made


# --------------------------------------------------------------------------------------------- how far back


def test_the_first_poll_reads_from_since_or_as_deep_as_every_days_re_read(bench: Bench) -> None:
    bench.poll()
    assert bench.asked() == NOON - 14 * DAY
    bench.cursor, bench.reach = Cursor(), Reach(since=date(2031, 1, 1))
    bench.poll()
    assert bench.asked() == datetime(2030, 12, 31, 23, 0, tzinfo=UTC)


def test_five_polls_give_one_none_one_one_one(bench: Bench) -> None:
    first = bench.place()
    assert bench.news() == [first]
    assert bench.news() == []
    second = bench.place()
    assert bench.news() == [second]
    bench.vitec.change_status(first, "Error")
    assert bench.news() == [first]
    late = bench.place(at=NOON - HOUR / 2)
    assert bench.news() == [late]


def test_a_later_poll_reads_from_the_newest_order_with_an_hours_overlap_at_least(bench: Bench) -> None:
    bench.place(at=NOON - 3 * DAY)
    bench.place(at=NOON - 2 * DAY)
    bench.poll()
    bench.poll()
    assert bench.asked() == NOON - 2 * DAY - HOUR
    bench.reach = Reach(overlap=timedelta())
    bench.poll()
    assert bench.asked() == NOON - 2 * DAY - HOUR


def test_a_deep_re_read_is_made_once_a_day_by_the_portals_calendar_and_reaches_each_open_order(bench: Bench) -> None:
    bench.place()
    bench.poll()
    bench.clock.turn(hours=13)  # 01:00 there, still the same day in UTC
    bench.poll(NOON - 40 * DAY)
    assert bench.asked() == NOON - 40 * DAY - HOUR
    bench.poll(NOON - 40 * DAY)
    assert bench.asked() == NOON - HOUR


def test_each_customer_has_a_place_of_its_own_that_is_never_our_clocks(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER)
    bench.place(at=NOON - DAY)
    bench.poll()
    assert json.loads(bench.cursor.position or "") == {OFFICE: (NOON - DAY).isoformat()}
    bench.place(OTHER, at=NOON - 2 * DAY)
    bench.poll()
    assert json.loads(bench.cursor.position or "")[OTHER] == (NOON - 2 * DAY).isoformat()
    bench.poll()
    assert (bench.asked(), bench.asked(OTHER)) == (NOON - DAY - HOUR, NOON - 2 * DAY - HOUR)


@pytest.mark.parametrize("position", [None, "", "2031-05-04", "[]", '{"M40017": 7}', '{"M40017": "never"}', "{"])
def test_a_place_that_cannot_be_read_is_none(bench: Bench, position: str | None) -> None:
    key = bench.place(at=NOON - 2 * DAY)
    bench.cursor = Cursor(position, NOON.date().isoformat())
    assert [row.external_id for row in bench.poll().rows] == [key]


def test_an_order_dated_next_year_closes_nothing(bench: Bench) -> None:
    bench.place(at=NOON + 300 * DAY)
    bench.poll()
    bench.poll()
    assert bench.asked() == NOON - HOUR


def test_a_list_that_is_too_long_is_read_in_halves(bench: Bench) -> None:
    bench.vitec.configure(list_shape="rows", page_size=3)
    keys = {bench.place(at=NOON - number * DAY) for number in range(8)}
    page = bench.poll()
    assert {row.external_id for row in page.rows} == keys
    assert len(page.rows) == 8
    assert page.warning == ""


def test_a_daily_re_read_that_cannot_be_had_leaves_what_is_new(bench: Bench) -> None:
    bench.place()
    bench.poll()
    bench.clock.turn(days=1)
    key = bench.place()
    bench.host.fault(Fault.ERROR_BEFORE, "vitec", "order.list")
    page = bench.poll()
    assert key in [row.external_id for row in page.rows]
    assert "the daily re-read of M40017 could not be had" in page.warning


# ------------------------------------------------------------------------------------- rows, ours and others'


def test_a_row_says_whose_order_it_is_what_for_and_when(bench: Bench) -> None:
    key = bench.place(at=NOON - HOUR)
    (row,) = bench.poll().rows
    known = bench.vitec.orders()[0]
    assert (row.external_id, row.status, row.service) == (key, "Unnamed", "812")
    assert row.head == {
        "customer_id": OFFICE,
        "target_id": known["target_id"],
        "user_id": known["user_id"],
        "service": "812",
        "created_at": (NOON - HOUR).isoformat(),
        "vitec_status": "Unnamed",
    }
    assert bench.poll().owner == "customer_id"


def test_other_services_are_left_out(bench: Bench) -> None:
    bench.place(service=900)
    assert bench.poll().rows == ()


def test_a_mapped_status_is_listed_as_our_state(bench: Bench) -> None:
    bench.options = {"statuses": {"Error": "waiting"}}
    bench.place(status="Error")
    assert bench.poll().rows[0].status == "waiting"


def test_what_our_own_calls_update_is_no_news(bench: Bench) -> None:
    key = bench.place()
    assert bench.news() == [key]
    bench.clock.turn(minutes=1)
    bench.adapter()._client.ask_user(OFFICE, key, "https://orders.example/o", "hej")
    assert bench.news() == []


def test_the_same_id_of_two_customers_is_the_firsts_and_the_second_is_set_aside(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER)
    key, other = bench.place(), bench.place(OTHER)
    bench.vitec.agency.orders[other].id = key
    page = bench.poll()
    assert [row.head["customer_id"] for row in page.rows] == [OFFICE]
    (broken,) = page.broken
    assert broken.cause == f"order {key} is listed by {OFFICE} and by {OTHER}: which is meant can't be told"
    assert bench.poll().broken[0].external_id == broken.external_id


@pytest.mark.parametrize(("field", "cause"), [("id", "no usable id"), ("service_id", "without its service")])
def test_a_row_that_cannot_be_told_is_set_aside_with_all_that_it_said(bench: Bench, field: str, cause: str) -> None:
    key = bench.place()
    setattr(bench.vitec.agency.orders[key], field, None)
    page = bench.poll()
    assert page.rows == ()
    assert cause in page.broken[0].cause
    assert "OBJ40017" in page.broken[0].raw


def test_another_suppliers_row_that_cannot_be_read_is_nobodys_trouble(bench: Bench) -> None:
    key = bench.place(service=900)
    bench.vitec.agency.orders[key].id = ""
    assert bench.poll().broken == ()


# ------------------------------------------------------------------------------------------ one customer's trouble


def test_a_customer_that_refuses_us_is_not_asked_again_and_the_others_go_on(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER)
    bench.vitec.deny(OFFICE)
    key, adapter = bench.place(OTHER), bench.adapter()
    page = bench.poll(adapter=adapter)
    assert [row.external_id for row in page.rows] == [key]
    assert page.warning.startswith(f"the lists of some customers could not be read: {OFFICE}: HTTP 403")
    bench.clock.turn(days=1)
    assert OFFICE in bench.poll(adapter=adapter).warning
    assert bench.vitec.mistakes() == []
    assert page.cursor.reread_on == "2031-05-04"


def test_a_customer_whose_list_cannot_be_had_keeps_its_place_and_the_others_move(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER)
    bench.place(at=NOON - DAY), bench.place(OTHER, at=NOON - DAY)
    bench.poll()
    bench.clock.turn(hours=1)
    missed, other = bench.place(), bench.place(OTHER)
    bench.host.fault(Fault.ERROR_BEFORE, "vitec", "order.list", where=lambda asked: asked.path.endswith(OFFICE))
    page = bench.poll()
    places = json.loads(page.cursor.position or "")
    assert places == {OFFICE: (NOON - DAY).isoformat(), OTHER: (NOON + HOUR).isoformat()}
    assert other in [row.external_id for row in page.rows]
    assert f"{OFFICE}: HTTP 503" in page.warning
    assert missed in [row.external_id for row in bench.poll().rows]


def test_the_days_deep_re_read_is_made_up_for_by_those_that_missed_it(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER)
    bench.place(), bench.place(OTHER)
    bench.poll()
    bench.clock.turn(days=1)
    adapter = bench.adapter()
    for _ in range(2):
        bench.host.fault(Fault.ERROR_BEFORE, "vitec", "order.list", where=lambda asked: asked.path.endswith(OFFICE))
    assert bench.poll(adapter=adapter).cursor.reread_on == "2031-05-04"
    assert bench.poll(adapter=adapter).cursor.reread_on == "2031-05-05"
    assert bench.asked(OFFICE) == NOON - 13 * DAY
    assert bench.asked(OTHER) == NOON - HOUR  # it had its own the first time


def test_where_no_list_can_be_had_an_outage_is_raised_before_a_refusal(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER)
    bench.vitec.deny(OFFICE)
    bench.host.fault(Fault.ERROR_BEFORE, "vitec", "order.list", where=lambda asked: asked.path.endswith(OTHER))
    with pytest.raises(Unavailable):
        bench.poll()
    bench.vitec.deny(OTHER)
    with pytest.raises(AccessDenied):
        bench.poll()
    assert bench.cursor == Cursor()


@pytest.mark.parametrize("fault", [Fault.ECHO_400, Fault.HTML, Fault.EMPTY, Fault.TOO_MANY, Fault.BOMB, Fault.REFUSE])
def test_polling_raises_what_a_source_may_raise_whatever_goes_wrong(bench: Bench, fault: Fault) -> None:
    for _ in range(2):
        bench.host.fault(fault, "vitec", "order.list")
    with pytest.raises((Unavailable, Unreadable)):
        bench.poll()


def test_asked_to_be_left_alone_it_asks_for_no_other_customer_either(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER, THIRD)
    bench.poll()
    before = bench.calls("order.list")
    at_other = {"where": lambda asked: asked.path.endswith(OTHER)}
    bench.host.fault(Fault.TOO_MANY, "vitec", "order.list", **at_other, retry_after=7)  # type: ignore[arg-type]
    adapter = bench.adapter()
    assert "left alone" in bench.poll(adapter=adapter).warning
    assert bench.calls("order.list") == before + 2
    assert bench.poll(adapter=adapter).warning == ""


# ----------------------------------------------------------------------------------------------------- reading


def test_an_order_waits_for_its_page_to_be_opened_within_a_day_of_the_order_itself(bench: Bench) -> None:
    key = bench.place(at=NOON - 2 * DAY)
    read = bench.read(bench.order(key, opened=False))
    assert (read.status, read.service) == ("new", "812")
    assert (read.awaits, read.awaits_until) == (OPEN_IT, NOON - DAY)


@pytest.mark.parametrize(
    ("span", "words"),
    [(3 * DAY, "3 days"), (2 * HOUR, "2 hours"), (timedelta(minutes=90), "1.5 hours"), (DAY, "a day")],
)
def test_how_long_is_configured_and_said(bench: Bench, span: timedelta, words: str) -> None:
    read = bench.read(bench.order(bench.place(), opened=False), unopened_after=span)
    assert f"within {words} of" in read.awaits
    assert read.awaits_until == NOON + span


def test_opened_it_waits_for_nothing_or_for_the_form(bench: Bench) -> None:
    order = bench.order(bench.place())
    assert bench.read(order).awaits == ""
    read = bench.read(order, needs_form=lambda _: True)
    assert (read.awaits, read.awaits_until) == ("the agent must fill in the form", None)
    filled = order.but(details={**order.details, "form": {"cadastre": "0301-1-2-0-0"}})
    assert bench.read(filled, needs_form=lambda _: True).awaits == ""


def test_a_read_of_what_is_known_costs_no_call(bench: Bench) -> None:
    order = bench.order(bench.place(), details={"office": {}, "user": {}})
    before = len(bench.host.calls())
    bench.read(order)
    bench.read(order.but(details={"head": order.details["head"]}))
    assert len(bench.host.calls()) == before


def test_who_pays_and_who_ordered_are_looked_up_once_the_page_is_open_and_once_only(bench: Bench) -> None:
    order = bench.order(bench.place())
    read = bench.read(order)
    assert read.details["office"]["corporateNumber"] == "559999-0001"
    assert read.details["user"]["userName"] == "Robin Påhittad"  # who handles the home
    assert read.details["ticket"] == order.details["ticket"]
    bench.read(order.but(details=read.details))
    assert (bench.calls("office.list"), bench.calls("user.list")) == (1, 1)


def test_what_is_not_granted_is_done_without_and_not_asked_for_again(bench: Bench) -> None:
    bench.vitec.deny(OFFICE, "office")
    bench.vitec.deny(OFFICE, "user")
    adapter = bench.adapter()
    for key in (bench.place(), bench.place()):
        read: Any = adapter.read(bench.order(key))
        assert (read.details.keys() & {"office", "user"}, read.awaits) == (set(), "")
    assert bench.vitec.mistakes() == []


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.HTML, Fault.ECHO_400, Fault.EMPTY])
def test_a_look_up_that_fails_is_made_at_the_next_reading(bench: Bench, fault: Fault) -> None:
    order = bench.order(bench.place())
    bench.host.fault(fault, "vitec", "office.list")
    assert "office" not in bench.read(order).details
    assert bench.read(order).details["office"]["customerName"]


def test_once_it_is_granted_a_new_life_looks_it_up(bench: Bench) -> None:
    bench.vitec.deny(OFFICE, "office")
    order = bench.order(bench.place())
    before: Any = bench.adapter().read(order)
    bench.vitec.allow(OFFICE)
    after: Any = bench.adapter().read(order.but(details=before.details))
    assert after.details["office"]["corporateNumber"]


def test_of_two_offices_none_is_chosen(bench: Bench) -> None:
    order = bench.order(bench.place())
    adapter = bench.adapter()
    (office,) = adapter._client.offices(OFFICE)  # type: ignore[misc]
    adapter._client.offices = lambda _: (office, office)  # type: ignore[method-assign,assignment]
    read: Any = adapter.read(order)
    assert read.details["office"] == {}


def test_an_order_that_only_its_page_has_named_is_looked_for_in_the_list(bench: Bench) -> None:
    key = bench.place()
    order = Order("vitec", key, details={"ticket": dict(supplied(bench.ticket(key)).values)}, created_at=NOON)
    read = bench.read(order)
    assert (read.service, read.awaits, read.status) == ("812", "", "new")
    assert read.details["head"]["created_at"] == NOON.isoformat()
    bench.vitec.hide(key)
    read = bench.read(order)
    assert (read.awaits, read.awaits_until) == ("Vitec must list it, which tells its service", NOON + DAY)
    bench.vitec.deny(OFFICE, "order")
    assert bench.read(order).awaits == "Vitec must list it, which tells its service"


def test_an_order_of_another_service_is_never_begun(bench: Bench) -> None:
    key = bench.place(service=900)
    order = Order("vitec", key, details={"ticket": dict(supplied(bench.ticket(key)).values)}, created_at=NOON)
    with pytest.raises(Unreadable, match="service 900"):
        bench.adapter().read(order)


def test_a_page_that_was_opened_for_another_customer_is_not_believed(bench: Bench) -> None:
    order = bench.order(bench.place(), details={"ticket": dict(supplied(Ticket("x", customer_id=OTHER)).values)})
    with pytest.raises(Unreadable, match="another customer"):
        bench.adapter().read(order)


# ---------------------------------------------------------------------------------------------------- statuses

WORDS = {"Error": "waiting", "Working": "active", "Done": "delivered", "Gone": "cancelled", "Unnamed": "new"}


@pytest.mark.parametrize(
    ("raw", "last", "before", "status"),
    [
        ("Unnamed", None, None, "new"),
        ("Strange", None, None, "new"),
        ("Working", None, None, "active"),
        ("Gone", None, None, "cancelled"),
        ("Unnamed", "Unnamed", "received", "received"),  # what was told here stands, though Vitec wasn't
        ("Strange", "Unnamed", "active", "active"),
        ("Error", "Unnamed", "active", "waiting"),
        ("Error", "Error", "active", "active"),  # no news since
        ("Gone", "Unnamed", "active", "cancelled"),
        ("Done", "Working", "active", "delivered"),
        ("Unnamed", "Working", "active", "active"),  # a list that is behind leads nowhere
        ("Working", "Done", "delivered", "delivered"),
    ],
)
def test_a_listed_status_counts_once_it_changes_and_leads_on(
    bench: Bench, raw: str, last: str | None, before: str | None, status: str
) -> None:
    details = {"order": {} if last is None else {"vitec_status": last}}
    order = bench.order(bench.place(status=raw), details=details, portal_status=before, state=State.ACTIVE)
    read = bench.read(order, statuses=WORDS)
    assert read.status == status
    assert read.listed == WORDS.get(raw, raw)
    assert read.details["order"] == {"vitec_status": raw}


# ------------------------------------------------------------------------------------------------------- check


def test_check_lists_each_customers_orders_and_names_the_one_that_fails(bench: Bench) -> None:
    bench.customers = (OFFICE, OTHER)
    bench.place()
    assert bench.adapter().check() == "signed in for 2 customers; 1 orders since yesterday"
    assert bench.calls("order.list") == 2
    bench.vitec.deny(OTHER)
    with pytest.raises(AccessDenied, match=f"{OTHER}: HTTP 403"):
        bench.adapter().check()
    bench.host.down()
    with pytest.raises(Unavailable, match=f"{OFFICE}: .*; {OTHER}: "):
        bench.adapter().check()
