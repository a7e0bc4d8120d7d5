"""XSP as a portal, over real HTTP: how far back it is read, what an order says, and what is told to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncer.errors import AccessDenied, Rejected, Unavailable, Uncertain, Unreadable
from syncer.orders import (
    Absent,
    CannotTell,
    Cursor,
    Found,
    Intent,
    Kind,
    MessageLeft,
    MessageRefused,
    Moved,
    Order,
    Page,
    Read,
    State,
    TellRefused,
    Told,
)
from syncer.portals import Window, XspPortal
from syncer.remotes.http import Http, Limits
from syncer.remotes.xsp import Xsp
from syncer.simulators.host import Fault, Host
from syncer.simulators.wire import Request
from syncer.simulators.xsp import STATUSES, XspSimulator

ZONE = ZoneInfo("Europe/Stockholm")
NOON = datetime(2031, 5, 4, 10, 0, tzinfo=UTC)


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Bench:
    """A portal that listens, and the adapter. The portal has a clock of its own, which is right."""

    host: Host
    portal: XspSimulator
    portal_clock: Clock
    clock: Clock
    cursor: Cursor = field(default_factory=Cursor)
    window: Window = field(default_factory=Window)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def adapter(self, **options: Any) -> XspPortal:
        http = Http("tg", Limits(timeout=20, rate=10_000))
        client = Xsp(http, self.host.url_of("/xsp"), "1234", self.portal.api_key, **options)
        return XspPortal("tg", client, self.window, ZONE, self.clock)

    def poll(self, oldest_open: datetime | None = None) -> Page:
        """Polls as from a new process, keeping the cursor."""
        page = self.adapter().poll(self.cursor, lambda: oldest_open)
        self.cursor = page.cursor
        return page

    def news(self) -> list[str]:
        """The orders of a poll that are new, or other than before."""
        rows = {(row.external_id, row.status, row.fingerprint) for row in self.poll().rows}
        fresh = sorted(row[0] for row in rows - self.seen)
        self.seen |= rows
        return fresh

    def asked(self) -> date:
        """The day that the last listing was asked from."""
        return date.fromisoformat(self.host.calls("xsp", "orders")[-1].params["date"])

    def both(self, **span: float) -> None:
        self.clock.turn(**span)
        self.portal_clock.turn(**span)

    def order(self, number: str, state: State = State.NEW) -> Order:
        """The order as it was listed."""
        rows = self.adapter().poll(Cursor("2000-01-01"), lambda: None).rows
        head = next((row.head for row in rows if row.external_id == number), {"id": number})
        return Order("tg", number, state=state, details={"head": head})

    def read(self, number: str, state: State = State.NEW) -> Read:
        found = self.adapter().read(self.order(number, state))
        assert isinstance(found, Read)
        return found


@pytest.fixture
def bench() -> Iterator[Bench]:
    portal_clock = Clock()
    portal = XspSimulator(now=portal_clock)
    with Host({"/xsp": portal}) as host:
        yield Bench(host, portal, portal_clock, Clock())
    assert host.crashes == []


# --------------------------------------------------------------------------------------------- how far back


def test_the_first_poll_reads_from_since_or_as_deep_as_every_days_re_read(bench: Bench) -> None:
    bench.poll()
    assert bench.asked() == date(2031, 4, 20)
    bench.cursor, bench.window = Cursor(), Window(since=date(2031, 1, 1))
    bench.poll()
    assert bench.asked() == date(2031, 1, 1)


def test_five_polls_give_one_none_one_one_one(bench: Bench) -> None:
    first = bench.portal.add_order()
    assert bench.news() == [first]
    assert bench.news() == []
    second = bench.portal.add_order()
    assert bench.news() == [second]
    bench.portal.change_status(first, "received")
    assert bench.news() == [first]
    late = bench.portal.add_order(date=bench.portal_clock() - timedelta(days=1))
    assert bench.news() == [late]


def test_later_polls_of_a_day_read_from_the_newest_order_with_the_overlap(bench: Bench) -> None:
    bench.window = Window(overlap=2)
    bench.portal.add_order(date="2031-05-01 08:00:00")
    bench.portal.add_order(date="2031-04-29 08:00:00")
    bench.poll()
    bench.poll()
    assert bench.asked() == date(2031, 4, 29)
    assert bench.cursor.position == "2031-05-01"


def test_a_deep_re_read_is_made_once_a_day_by_the_portals_calendar(bench: Bench) -> None:
    bench.portal.add_order()
    bench.poll()
    bench.both(hours=11)  # 23:00 at the portal
    bench.poll()
    assert bench.asked() == date(2031, 5, 3)
    bench.both(hours=1, minutes=30)  # 00:30 there, still the same day in UTC
    bench.poll()
    assert bench.asked() == date(2031, 4, 21)
    bench.poll()
    assert bench.asked() == date(2031, 5, 3)


def test_the_deep_re_read_reaches_back_to_the_oldest_open_order(bench: Bench) -> None:
    bench.portal.add_order()
    bench.poll()
    bench.both(days=1)
    bench.poll(oldest_open=datetime(2031, 3, 10, 23, 30, tzinfo=UTC))  # the 11th at the portal
    assert bench.asked() == date(2031, 3, 10)
    bench.both(days=1)
    bench.poll(oldest_open=bench.clock())
    assert bench.asked() == date(2031, 4, 22)


def test_nothing_is_read_from_before_since(bench: Bench) -> None:
    bench.window = Window(since=date(2031, 5, 4))
    bench.portal.add_order()
    for _ in range(3):
        bench.poll(oldest_open=datetime(2031, 1, 1, tzinfo=UTC))
        assert bench.asked() >= date(2031, 5, 4)
        bench.both(days=1)


def test_an_order_dated_in_the_future_does_not_hide_those_of_today_or_yesterday(bench: Bench) -> None:
    bench.portal.add_order(date="2032-05-04 08:00:00")
    bench.portal.add_order(date="2031-05-05 00:10:00")
    assert len(bench.news()) == 2
    today = bench.portal.add_order()
    assert bench.news() == [today]
    late = bench.portal.add_order(date=bench.portal_clock() - timedelta(days=1))
    assert bench.news() == [late]


@pytest.mark.parametrize("wrong", [timedelta(days=-400), timedelta(days=-1), timedelta(hours=3), timedelta(days=400)])
@pytest.mark.parametrize("since", [None, date(2031, 4, 1)])
def test_a_clock_of_ours_that_was_wrong_does_not_carry_the_cursor_past_an_order(
    bench: Bench, wrong: timedelta, since: date | None
) -> None:
    bench.window = Window(since=since)
    before = bench.portal.add_order()
    bench.clock.at += wrong
    bench.news()
    bench.clock.at -= wrong
    bench.news()  # the day's deep re-read, or the first poll with the clock put right
    assert before in {row[0] for row in bench.seen}
    for _ in range(3):
        new = bench.portal.add_order()
        assert bench.news() == [new]
        late = bench.portal.add_order(date=bench.portal_clock() - timedelta(days=1))
        assert bench.news() == [late]
        bench.both(hours=3)


@pytest.mark.parametrize("wrong", [timedelta(days=-400), timedelta(days=400)])
def test_orders_are_seen_while_our_clock_is_wrong(bench: Bench, wrong: timedelta) -> None:
    bench.window = Window(since=date(2031, 4, 1))
    bench.clock.at += wrong
    for _ in range(3):
        new = bench.portal.add_order()
        assert bench.news() == [new]
        bench.both(days=1)


def test_a_listing_that_fails_moves_no_cursor(bench: Bench) -> None:
    bench.portal.add_order()
    bench.poll()
    before = bench.cursor
    bench.both(days=1)
    for fault, kind in ((Fault.GARBAGE, Unreadable), (Fault.CUT, Unreadable), (Fault.ERROR_BEFORE, Unavailable)):
        bench.host.fault(fault, "xsp", "orders")
        with pytest.raises(kind):
            bench.poll()
    assert bench.cursor is before


# --------------------------------------------------------------------------------------------------- rows


def test_a_broken_row_is_told_apart_and_the_others_go_on(bench: Bench) -> None:
    numbers = [bench.portal.add_order() for _ in range(4)]
    bench.portal.break_row(numbers[1], "no_id")
    bench.portal.break_row(numbers[2], "absurd")
    page, again = bench.poll(), bench.poll()
    assert sorted(row.external_id for row in page.rows) == [numbers[0], numbers[3]]
    assert len({row.external_id for row in page.broken}) == 2
    assert [row.external_id for row in page.broken] == [row.external_id for row in again.broken]
    assert all("<order>" in row.raw for row in page.broken)


def test_a_fingerprint_covers_every_field_but_the_status(bench: Bench) -> None:
    number = bench.portal.add_order(service="3105", campaign="a")
    (first,) = bench.poll().rows
    bench.portal.change_status(number, "active")
    (second,) = bench.poll().rows
    assert (second.status, second.fingerprint) == ("active", first.fingerprint)
    bench.portal._orders[number].head["campaign"] = "b"
    (third,) = bench.poll().rows
    assert third.fingerprint != first.fingerprint


@pytest.mark.parametrize("option", ["shuffled", "duplicated"])
def test_order_and_repetition_in_a_listing_mean_nothing(bench: Bench, option: str) -> None:
    numbers = {bench.portal.add_order() for _ in range(10)}
    plain = {(row.external_id, row.fingerprint) for row in bench.poll().rows}
    bench.portal.configure(**{option: True})
    assert {(row.external_id, row.fingerprint) for row in bench.poll().rows} == plain
    assert {number for number, _ in plain} == numbers


def test_the_same_adapter_sees_a_row_change_and_change_back(bench: Bench) -> None:
    number = bench.portal.add_order()
    adapter, statuses = bench.adapter(), []
    for status in ("new", "active", "active", "new"):
        bench.portal.change_status(number, status)
        (row,) = adapter.poll(bench.cursor, lambda: None).rows
        statuses.append((row.status, row.head["status"]))
    assert statuses == [("new", "new"), ("active", "active"), ("active", "active"), ("new", "new")]


def test_exactly_a_hundred_rows_are_warned_of(bench: Bench) -> None:
    for _ in range(99):
        bench.portal.add_order()
    assert bench.poll().warning == ""
    bench.portal.add_order()
    assert "100" in bench.poll().warning


# ------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("delivery", "wish"),
    [
        ("asap", None),
        ("ASAP", None),
        ("2031-05-10 00:00:00", datetime(2031, 5, 9, 22, 0, tzinfo=UTC)),
        ("2031-05-10", datetime(2031, 5, 9, 22, 0, tzinfo=UTC)),
        ("2031-12-01 08:30:00", datetime(2031, 12, 1, 7, 30, tzinfo=UTC)),
        ("2031-12-01 08:30", datetime(2031, 12, 1, 7, 30, tzinfo=UTC)),
        ("2031-03-30 01:59:59", datetime(2031, 3, 30, 0, 59, 59, tzinfo=UTC)),
        ("2031-03-30 02:30:00", datetime(2031, 3, 30, 1, 30, tzinfo=UTC)),  # a time that no clock shows
        ("2031-03-30 03:00:00", datetime(2031, 3, 30, 1, 0, tzinfo=UTC)),
        ("2031-10-26 00:00:00", datetime(2031, 10, 25, 22, 0, tzinfo=UTC)),
        ("2031-10-26 02:30:00", datetime(2031, 10, 26, 0, 30, tzinfo=UTC)),  # the first of the two
        ("2031-10-26 03:00:00", datetime(2031, 10, 26, 2, 0, tzinfo=UTC)),
        ("2031-05-10T00:00:00Z", datetime(2031, 5, 10, 0, 0, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01 00:00:00", None),
    ],
)
@pytest.mark.parametrize("name", ["delivery", "delivery_date"])
def test_a_wished_delivery_is_local_time(bench: Bench, delivery: str, wish: datetime | None, name: Any) -> None:
    bench.portal.configure(delivery_name=name)
    assert bench.read(bench.portal.add_order(delivery=delivery)).wish_at == wish


@pytest.mark.parametrize("delivery", ["2031-02-30 00:00:00", "2031-05-10 24:30:00", "snarast", "10/5 2031"])
def test_a_wish_that_is_no_date_is_not_taken_for_asap(bench: Bench, delivery: str) -> None:
    with pytest.raises(Unreadable, match="wished delivery"):
        bench.read(bench.portal.add_order(delivery=delivery))


def test_an_order_is_read_with_its_customer(bench: Bench) -> None:
    number = bench.portal.add_order(
        service="3105", socket="XY0202B07", firstname="Åsa", campaign="juni", data={"note": "Ring först"}
    )
    found = bench.read(number)
    assert (found.status, found.service, found.explained) == ("new", "3105", False)
    assert found.details["head"]["id"] == found.details["order"]["id"] == number
    assert found.details["customer"]["socket"] == "XY0202B07"
    assert found.details["order"]["campaign"] == "juni"
    assert found.details["data"]["note"] == "Ring först"


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_that_the_details_do_not_have_is_taken_from_the_list(bench: Bench, status: str) -> None:
    number = bench.portal.add_order(status=status)
    bench.portal.add_order()
    bench.portal.configure(detail="no_status")
    assert bench.read(number).status == status


def test_the_details_are_believed_before_a_list_that_lags(bench: Bench) -> None:
    number = bench.portal.add_order()
    bench.portal.change_status(number, "cancelled")
    bench.portal.stale(number, 100)
    assert bench.read(number).status == "cancelled"


def test_an_order_whose_status_stands_nowhere_is_unreadable(bench: Bench) -> None:
    number = bench.portal.add_order()
    order = bench.order(number)
    bench.portal.configure(detail="no_status")
    bench.portal.hide(number)
    for asked in (order, order.but(details={})):
        with pytest.raises(Unreadable, match="status"):
            bench.adapter().read(asked)


@pytest.mark.parametrize("how", ["broken_xml", "empty"])
def test_broken_details_are_unreadable_and_kept(bench: Bench, how: Any) -> None:
    number = bench.portal.add_order()
    bench.portal.break_detail(number, how)
    with pytest.raises(Unreadable) as caught:
        bench.read(number)
    assert caught.value.raw


def test_an_order_whose_customer_the_portal_does_not_know_is_unreadable(bench: Bench) -> None:
    number = bench.portal.add_order()
    bench.portal._customers.clear()
    with pytest.raises(Unreadable, match="Unknown customer"):
        bench.read(number)


def test_an_order_that_names_no_customer_is_read_without_one(bench: Bench) -> None:
    number = bench.portal.add_order()
    bench.portal._orders[number].head["customer"] = ""
    assert bench.read(number).details["customer"] == {}


def test_an_order_that_the_portal_no_longer_knows_is_unreadable(bench: Bench) -> None:
    with pytest.raises(Unreadable, match="Unknown order"):
        bench.adapter().read(Order("tg", "999"))


def test_a_failure_of_ours_that_stands_in_the_log_is_recognised_after_amnesia(bench: Bench) -> None:
    number = bench.portal.add_order(status="waiting")
    order = bench.order(number)
    assert bench.read(number).explained is False
    bench.adapter().perform(_message(order, "Accessen är okänd"), order)
    assert bench.read(number).explained is True
    assert bench.read(number, State.WAITING).explained is False  # asked only of an order that is new to us


def test_a_log_that_is_refused_makes_the_order_unreadable_and_is_no_bug(bench: Bench) -> None:
    number = bench.portal.add_order(status="waiting")
    bench.host.fault(Fault.ECHO_400, "xsp", "order_log")
    with pytest.raises(Unreadable):
        bench.read(number)


def test_reading_raises_what_a_source_may_raise_whatever_is_refused(bench: Bench) -> None:
    number = bench.portal.add_order(status="waiting")
    order = bench.order(number)
    bench.portal.configure(detail="no_status")
    for operation in ("order_info", "orders", "customer_info", "order_log"):
        for fault in (Fault.ECHO_400, Fault.HTML, Fault.EMPTY, Fault.ERROR_BEFORE, Fault.TOO_MANY, Fault.BOMB):
            bench.host.fault(fault, "xsp", operation)
            with pytest.raises((Unavailable, Unreadable)):
                bench.adapter().read(order)


# ------------------------------------------------------------------------------------------------- telling


def _status(order: Order, wanted: str, before: str = "new") -> Intent:
    return Intent(f"{order.reference}.t1", Kind.STATUS, "tg", {"status": wanted, "from": before})


def _message(order: Order, text: str, number: int = 1, kind: str = "error") -> Intent:
    key = f"{order.reference}.m{number}"
    return Intent(key, Kind.MESSAGE, "tg", {"type": kind, "text": f"{text} [{key}]"})


def _operations(bench: Bench) -> list[str]:
    return [entry.operation for entry in bench.host.calls()]


def test_the_portal_is_read_before_it_is_written(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    seen = bench.adapter().perform(_status(order, "received"), order)
    assert seen == Told("received")
    assert _operations(bench)[-2:] == ["order_info", "set_status"]
    assert bench.portal.statuses_written(order.external_id) == ["received"]


@pytest.mark.parametrize("detail", ["full", "no_status"])
def test_a_status_that_is_there_already_is_not_written(bench: Bench, detail: Any) -> None:
    order = bench.order(bench.portal.add_order(status="received"))
    bench.portal.configure(detail=detail)
    assert bench.adapter().perform(_status(order, "received"), order) == Told("received")
    assert bench.portal.statuses_written(order.external_id) == []


@pytest.mark.parametrize("other", ["active", "waiting", "cancelled", "delivered"])
def test_a_persons_change_is_never_overwritten(bench: Bench, other: str) -> None:
    order = bench.order(bench.portal.add_order())
    bench.portal.change_status(order.external_id, other)
    assert bench.adapter().perform(_status(order, "received"), order) == Moved(other)
    assert bench.portal.statuses_written(order.external_id) == []


def test_a_refused_status_is_an_observation_with_the_portals_cause(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order(status="delivered"))
    bench.portal.configure(strict=True)
    seen = bench.adapter().perform(_status(order, "active", "delivered"), order)
    assert isinstance(seen, TellRefused)
    assert "delivered" in seen.cause


def test_a_refusal_of_what_is_so_by_now_is_no_refusal(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())

    def somebody_is_faster(_: Request) -> bool:
        bench.portal.change_status(order.external_id, "received")
        return True

    bench.host.fault(Fault.ECHO_400, "xsp", "set_status", where=somebody_is_faster)
    assert bench.adapter().perform(_status(order, "received"), order) == Told("received")


@pytest.mark.parametrize(("fault", "found"), [(Fault.RESET_AFTER, True), (Fault.RESET_BEFORE, False)])
def test_an_uncertain_status_is_found_by_reading_the_order(bench: Bench, fault: Fault, found: bool) -> None:
    order = bench.order(bench.portal.add_order())
    adapter, intent = bench.adapter(), _status(order, "received")
    bench.host.fault(fault, "xsp", "set_status")
    with pytest.raises(Uncertain):
        adapter.perform(intent, order)
    assert adapter.find(intent, order) == (Found(Told("received")) if found else Absent())
    bench.portal.change_status(order.external_id, "cancelled")
    assert adapter.find(intent, order) == Found(Moved("cancelled"))


def test_an_outage_before_the_write_is_no_uncertainty(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    bench.host.fault(Fault.TIMEOUT_BEFORE, "xsp", "order_info", seconds=0)
    with pytest.raises(Unavailable):
        bench.adapter().perform(_status(order, "received"), order)
    assert bench.host.effects() == []


def test_a_status_that_cannot_be_read_is_not_written_over(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    bench.portal.break_detail(order.external_id)
    with pytest.raises(Unreadable):
        bench.adapter().perform(_status(order, "received"), order)
    with pytest.raises(Unreadable):
        bench.adapter().find(_status(order, "received"), order)
    assert bench.host.effects() == []


# ------------------------------------------------------------------------------------------------- messages


def test_a_message_is_written_once_and_found_by_its_key(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    adapter = bench.adapter()
    assert adapter.perform(_message(order, "Åtkomsten saknas", 1), order) == MessageLeft()
    assert bench.portal.messages(order.external_id) == [("error", f"Åtkomsten saknas [{order.reference}.m1]")]
    assert adapter.find(_message(order, "Åtkomsten saknas", 1), order) == Found(MessageLeft())
    assert adapter.find(_message(order, "Åtkomsten saknas", 2), order) == Absent()


def test_a_key_is_not_found_in_a_longer_one(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    adapter = bench.adapter()
    adapter.perform(_message(order, "text", 12), order)
    assert adapter.find(_message(order, "text", 1), order) == Absent()
    assert adapter.find(_message(order, "text", 2), order) == Absent()


@pytest.mark.parametrize(("fault", "found"), [(Fault.HTML_AFTER, Found(MessageLeft())), (Fault.HTML, Absent())])
def test_an_uncertain_message_is_looked_up_in_the_log(bench: Bench, fault: Fault, found: Found | Absent) -> None:
    order = bench.order(bench.portal.add_order())
    bench.portal.change_status(order.external_id, "received")
    adapter, intent = bench.adapter(), _message(order, "text")
    bench.host.fault(fault, "xsp", "add_message")
    with pytest.raises(Uncertain):
        adapter.perform(intent, order)
    assert adapter.find(intent, order) == found


def test_a_log_that_shows_nothing_cannot_tell_and_says_what_to_look_for(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    bench.portal.configure(log_visible=False)
    found = bench.adapter().find(_message(order, "text"), order)
    assert isinstance(found, CannotTell)
    assert f"[{order.reference}.m1]" in found.why


def test_a_refused_message_is_an_observation(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    seen = bench.adapter().perform(_message(order, "text", kind="nonsense"), order)
    assert seen == MessageRefused("Unknown message type")


def test_a_message_refused_for_its_authentication_names_the_setting(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    bench.host.fault(Fault.ERROR_BEFORE, "xsp", "add_message", status=403, times=None)
    seen = bench.adapter().perform(_message(order, "text"), order)
    assert isinstance(seen, MessageRefused)
    assert "message_auth" in seen.cause


def test_find_asks_and_never_writes(bench: Bench) -> None:
    order = bench.order(bench.portal.add_order())
    for intent in (_status(order, "received"), _message(order, "text")):
        bench.adapter().find(intent, order)
    assert bench.host.effects() == []


def test_check_signs_in_and_lists(bench: Bench) -> None:
    bench.portal.add_order()
    assert "1 orders today" in bench.adapter().check()
    bench.portal.configure(api_key="changed")
    client = Xsp(Http("tg", Limits()), bench.host.url_of("/xsp"), "1234", "old")
    with pytest.raises((AccessDenied, Rejected)):
        XspPortal("tg", client, Window(), ZONE, bench.clock).check()
