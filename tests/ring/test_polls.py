"""Promise 1, through the whole ring: whatever a portal lists is ingested, once, whenever and however it shows."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from syncer.engine import Summary
from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from syncer.simulators.xsp import Envelope, XspSimulator
from tests.ring.harness import KEY, NOON, STOCKHOLM, World, assert_nothing_twice

SLOW = Script(received_ticks=99)
BEGINS = {
    "by day": datetime(2031, 5, 4, 9, 0, tzinfo=STOCKHOLM),
    "before and after midnight": datetime(2031, 5, 4, 23, 46, tzinfo=STOCKHOLM),
    "when UTC's midnight passes": datetime(2031, 5, 4, 1, 46, tzinfo=STOCKHOLM),
    "when the clock is put forward": datetime(2031, 3, 30, 1, 46, tzinfo=STOCKHOLM),
    "when the clock is put back": datetime(2031, 10, 26, 2, 46, tzinfo=STOCKHOLM),
    "the midnight before it is put forward": datetime(2031, 3, 29, 23, 46, tzinfo=STOCKHOLM),
    "the midnight after it is put back": datetime(2031, 10, 26, 23, 46, tzinfo=STOCKHOLM),
}


@pytest.fixture(params=["UTC", "Pacific/Auckland"])
def process_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def today(world: World) -> date:
    return world.clock().astimezone(STOCKHOLM).date()


def days_ago(world: World, days: int) -> str:
    return f"{today(world) - timedelta(days=days)} 14:05:00"


def position(world: World) -> str:
    with world.reading() as store:
        return store.cursor("tg").position or ""


def five_polls(world: World) -> list[Summary]:
    """First; nothing new; a new one the same day; a status change the same day; a late one dated yesterday."""
    first = world.order(SLOW)
    happenings: dict[int, Callable[[], object]] = {
        3: lambda: world.order(SLOW),
        4: lambda: world.portal.change_status(first, "waiting"),
        5: lambda: world.order(SLOW, date=days_ago(world, 1)),
    }
    summaries = []
    for poll in range(1, 6):
        if poll in happenings:
            happenings[poll]()
        summaries.append(world.once())
        world.clock.go_on(minutes=8)
    return summaries


def assert_five(world: World, summaries: list[Summary]) -> None:
    assert [summary.problems for summary in summaries] == [()] * 5
    assert [summary.ingested for summary in summaries] == [1, 0, 1, 1, 1]
    for summary in summaries:
        assert_adds_up(summary)
    assert set(world.orders()) == set(world.portal.state())
    assert_nothing_twice(world)


def assert_adds_up(summary: Summary) -> None:
    for one in summary.polled.values():
        assert one.listed == one.unchanged + one.changed + one.new + one.unreadable


# --- the five polls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("envelope", get_args(Envelope))
def test_five_polls_yield_1_0_1_1_1_in_every_envelope(tmp_path: Path, envelope: str) -> None:
    with World(tmp_path, portal={"envelope": envelope}) as world:
        assert_five(world, five_polls(world))


@pytest.mark.parametrize("begin", BEGINS.values(), ids=BEGINS)
def test_five_polls_yield_1_0_1_1_1_at_any_hour_and_in_any_zone_of_the_process(
    tmp_path: Path, begin: datetime, process_zone: str
) -> None:
    with World(tmp_path, at=begin) as world:
        assert_five(world, five_polls(world))


@pytest.mark.parametrize(
    "oddity",
    [
        {"shuffled": True},
        {"duplicated": True},
        {"shuffled": True, "duplicated": True, "envelope": "key_n"},
        {"delivery_name": "delivery_date"},
        {"detail": "no_status"},
        {"detail": "head"},
    ],
    ids=lambda oddity: " ".join(f"{name}={value}" for name, value in oddity.items()),
)
def test_five_polls_yield_1_0_1_1_1_however_the_list_is_written(tmp_path: Path, oddity: dict[str, object]) -> None:
    with World(tmp_path, portal=oddity) as world:
        assert_five(world, five_polls(world))


@pytest.mark.parametrize("empty", ["empty_response", "no_response", "failed"])
@pytest.mark.parametrize("envelope", ["plain", "root_without_status", "bare"])
def test_an_empty_list_is_a_good_poll(tmp_path: Path, envelope: str, empty: str) -> None:
    with World(tmp_path, portal={"envelope": envelope, "empty": empty}) as world:
        summary = world.once()
        assert (summary.problems, summary.ingested) == ((), 0)
        assert summary.polled["tg"].listed == 0
        world.order()
        assert world.once().ingested == 1


# --- accounting -----------------------------------------------------------------------------------------------


def test_the_accounting_tells_each_kind_of_row(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        kept, moved = world.order(SLOW), world.order(SLOW)
        world.once()
        world.portal.change_status(moved, "waiting")
        world.order()
        world.portal.break_row(world.order(), "no_id")
        world.portal.break_row(world.order(), "absurd")
        found = world.once().polled["tg"]
        assert (found.listed, found.unchanged, found.changed, found.new, found.unreadable) == (5, 1, 1, 1, 2)
        assert kept in world.orders()


def test_a_row_listed_twice_is_counted_and_not_worked_on_twice(tmp_path: Path) -> None:
    with World(tmp_path, portal={"duplicated": True}) as world:
        world.order()
        world.order()
        summary = world.once()
        assert_adds_up(summary)
        assert (summary.polled["tg"].listed, summary.ingested) == (3, 2)
        assert world.once().ingested == 0
        assert_nothing_twice(world)


def test_what_we_wrote_ourselves_is_not_changed_when_it_is_listed_again(tmp_path: Path) -> None:
    scripts = Script(), SLOW, Script(refuse=409, cause="Upptaget"), Script(end="DONE_FAILED", message="Mörk fiber")
    with World(tmp_path) as world:
        for script in scripts:
            world.order(script)
        world.order(service="77")
        first = world.once()
        assert {world.portal.status(number) for number in world.orders()} == {
            "received",
            "active",
            "waiting",
            "delivered",
        }
        second = world.once()
        assert (first.ingested, second.ingested, second.polled["tg"].changed) == (5, 0, 0)


def test_the_json_sums_over_portals_and_tells_each(tmp_path: Path) -> None:
    other = XspSimulator(name="annan", api_key=KEY)
    more = (
        '[portals.annan]\nkind = "xsp"\nurl = "{url}/other/plain/serviceguide_log"\napi_user = 1234\n'
        'api_key = { file = "key.secret" }\nsince = 2020-01-01\n'
    )
    with World(tmp_path, at=None, others={"/other": other}, more=more) as world:
        world.order()
        world.portal.break_row(world.order(), "no_id")
        for _ in range(2):
            other.add_order(status="delivered")
        found = world.run("--once", "--json").json
    rows = "listed", "unchanged", "changed", "new", "unreadable"
    assert {name: [one[row] for row in rows] for name, one in found["polled"].items()} == {
        "tg": [2, 0, 0, 1, 1],
        "annan": [2, 0, 0, 2, 0],
    }
    assert [found[row] for row in rows] == [4, 0, 0, 3, 1]
    assert (found["ingested"], found["parked"], found["problems"]) == (3, 1, [])


# --- late ones ------------------------------------------------------------------------------------------------


def test_a_late_order_ten_days_old_comes_with_the_next_days_deeper_reread(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        late = world.order(date=days_ago(world, 10))
        world.portal.hide(late)
        world.order()
        world.once()
        world.portal.show(late)
        assert world.once().ingested == 0
        world.clock.go_on(days=1)
        assert world.once().ingested == 1
        assert world.told(late) == ["received", "active", "delivered"]


def test_the_deeper_reread_is_made_once_a_day(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.order()
        for hours in (0, 1, 1, 24, 1):
            world.clock.go_on(hours=hours)
            world.once()
        dates = [entry.params["date"] for entry in world.host.calls("tg", "orders")]
        assert dates == ["2020-01-01", "2031-05-03", "2031-05-03", "2031-04-21", "2031-05-03"]


def test_an_open_order_thirty_days_old_that_is_cancelled_is_seen_by_the_daily_reread(tmp_path: Path) -> None:
    with World(tmp_path, network_lines='deadline = "90d"') as world:
        old = world.order(SLOW)
        world.once()
        for _ in range(2):
            world.clock.go_on(days=15)
            world.order(status="delivered")  # the cursor goes on
            world.once()
        world.portal.change_status(old, "cancelled")
        assert world.once().ingested == 0
        world.clock.go_on(days=1)
        assert world.once().ingested == 1
        assert world.orders()[old].state == "cancelled"
        assert world.told(old) == ["received", "active"]
        assert [order["cancelled"] for order in world.network.orders()] == [True]


def test_an_open_order_that_was_old_when_it_was_first_read_stays_within_the_daily_reread(tmp_path: Path) -> None:
    with World(tmp_path, network_lines='deadline = "90d"') as world:
        old = world.order(SLOW, date=days_ago(world, 60))
        world.order()
        world.once()
        world.clock.go_on(days=2)
        world.portal.change_status(old, "cancelled")
        assert world.once().ingested == 1
        assert world.orders()[old].state == "cancelled"


def test_an_ended_order_does_not_hold_the_daily_reread_back(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.order(date=days_ago(world, 60))
        world.order()
        world.once()
        world.clock.go_on(days=1)
        world.once()
        assert world.host.calls("tg", "orders")[-1].params["date"] == "2031-04-21"


def test_nothing_before_the_first_date_is_ever_read(tmp_path: Path) -> None:
    with World(tmp_path, since="2031-05-01") as world:
        before = world.order(date="2031-04-30 10:00:00")
        first = world.order(date="2031-05-01 00:00:00")
        world.once()
        world.clock.go_on(days=1)
        world.once()
        assert before not in world.orders()
        assert first in world.orders()
        assert {entry.params["date"] for entry in world.host.calls("tg", "orders")} == {"2031-05-01"}


# --- the cursor -----------------------------------------------------------------------------------------------


def test_the_cursor_never_moves_back(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        orders = [world.order()]
        positions = []
        for days, hidden in ((0, False), (3, False), (-2, False), (-30, True), (40, True), (1, False)):
            world.clock.go_on(days=days)
            orders.append(world.order())
            for number in orders:
                (world.portal.hide if hidden else world.portal.show)(number)
            world.once()
            positions.append(position(world))
        expected = "2031-05-04", "2031-05-07", "2031-05-07", "2031-05-07", "2031-05-07", "2031-05-16"
        assert positions == list(expected)


def test_a_clock_of_ours_that_is_a_year_ahead_does_not_carry_the_cursor_past_an_order(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.order()
        world.clock.go_on(days=365)
        world.once()
        world.clock.set(NOON)
        world.clock.go_on(minutes=10)
        late = world.order()
        assert world.once().ingested == 1
        assert world.told(late) == ["received", "active", "delivered"]


def test_an_order_dated_next_year_does_not_hide_today(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.order(date="2032-12-31 12:00:00")
        world.once()
        for _ in range(3):
            world.order()
            assert world.once().ingested == 1
            world.clock.go_on(days=1)


SPOILED = [
    Fault.REFUSE, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TIMEOUT_BEFORE, Fault.ERROR_BEFORE, Fault.ERROR_AFTER,
    Fault.TOO_MANY, Fault.HTML, Fault.EMPTY, Fault.TRUNCATED, Fault.CUT, Fault.GARBAGE, Fault.WRONG_TYPE, Fault.HUGE,
    Fault.BOMB, Fault.GZIP_BOMB, Fault.DRIP, Fault.REDIRECT, Fault.ECHO_500, Fault.ECHO_400,
]  # fmt: skip


@pytest.mark.parametrize("kind", SPOILED)
def test_a_listing_that_fails_moves_nothing_and_the_next_one_makes_up_for_it(tmp_path: Path, kind: Fault) -> None:
    with World(tmp_path, timeout="1s") as world:
        world.order(date=days_ago(world, 1))
        world.once()
        before = position(world)
        late, new = world.order(date=days_ago(world, 1)), world.order()
        world.host.fault(kind, "tg", "orders", times=None)
        summary = world.once()
        assert len(summary.problems) == 1
        assert (summary.ingested, summary.polled, position(world)) == (0, {}, before)
        world.host.clear_faults()
        assert world.once().ingested == 2
        assert world.told(late) == world.told(new) == ["received", "active", "delivered"]
        assert_nothing_twice(world)


@pytest.mark.parametrize("failure", ["failed_200", "failed_400", "failed_404"])
@pytest.mark.parametrize("envelope", ["plain", "wrapped", "status_first", "bare"])
def test_a_listing_that_is_refused_moves_nothing(tmp_path: Path, failure: str, envelope: str) -> None:
    with World(tmp_path, portal={"failure": failure, "envelope": envelope}) as world:
        world.order()
        world.portal.configure(api_key="en annan")
        summary = world.once()
        assert len(summary.problems) == 1
        assert (summary.ingested, world.orders()) == (0, {})
        world.portal.configure(api_key=KEY)
        assert world.once().ingested == 1


@pytest.mark.parametrize("expired", ["failed", "html", "403"])
def test_a_hash_that_the_portal_has_forgotten_is_renewed_within_the_poll(tmp_path: Path, expired: str) -> None:
    with World(tmp_path, portal={"expired": expired}) as world, world.engine() as engine:
        engine.run_pass(once=True)
        world.order()
        world.portal.expire_hashes()
        summary = engine.run_pass(once=True)
        assert (summary.problems, summary.ingested) == ((), 1)


def test_one_unreadable_row_keeps_no_other_from_being_ingested_and_is_parked_once(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.portal.break_row(world.order(), "no_id")
        good = world.order()
        first, second = world.once(), world.once()
        assert (first.ingested, first.parked, second.ingested, second.parked) == (1, 1, 0, 0)
        assert world.portal.status(good) == "delivered"
        nameless = [order for order in world.orders().values() if order.nameless]
        assert [order.parked for order in nameless] == ["unreadable: a listed row has no usable id"]
