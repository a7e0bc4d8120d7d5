"""A city network as fulfilment, over real HTTP: nothing ordered twice, and nobody else's order taken for ours."""

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncer.errors import AccessDenied, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.fulfilment import OnApiFulfilment
from syncer.orders import (
    Absent,
    Begun,
    CannotTell,
    Cursor,
    Done,
    Failed,
    Found,
    Held,
    Intent,
    Kind,
    Observation,
    Order,
    Refused,
    Vanished,
    Withdrawn,
    WithdrawRefused,
)
from syncer.remotes.http import Http, Limits
from syncer.remotes.on_api import OnApi
from syncer.simulators.host import Fault, Host
from syncer.simulators.on_api import OnApiSimulator, Script
from syncer.simulators.on_api.simulator import VERSIONS
from tests.remotes.canned import Asked, Canned, serving

NOW = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)
ACCESS, FAST, SLOW = "prov0001", "FIBER-250-250", "FIBER-100-100"
LIMITS = Limits(timeout=20, rate=10_000, max_answer=1_000_000)
WAITS = Script(received_ticks=1, progress_ticks=1)
DONE, FAILS = Script(), Script(end="DONE_FAILED", message="Ingen länk. Ref 40017")
ORDER = Order("tg", "770101", details={"head": {"service": "3105"}, "customer": {"socket": ACCESS}})
OTHER = Order("tg", "770102", details=ORDER.details)
KEY, STEM = "tg.770101.s1", "tg.770101"


def submit(order: Order = ORDER, number: int = 1, **payload: str) -> Intent:
    stem = order.reference
    asked = {"service": FAST, "access": "", "stem": stem} | payload
    return Intent(f"{stem}.s{number}", Kind.SUBMIT, "net", asked)


CANCEL = Intent(f"{STEM}.c1", Kind.CANCEL, "net", {"ref": "o-5001"})


@dataclass
class Clock:
    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Bench:
    """A network that listens, with one access, and the adapter."""

    host: Host
    net: OnApiSimulator
    clock: Clock

    def adapter(self, *, lists_finished: bool = True, **options: Any) -> OnApiFulfilment:
        http = Http("net", LIMITS, auth=("sp", "lösen"))
        client = OnApi(http, self.host.url_of("/net") + self.net.base, self.net.version, **options)
        return OnApiFulfilment("net", client, lists_finished=lists_finished, now=self.clock)

    def perform(self, intent: Intent | None = None, order: Order = ORDER) -> Observation:
        return self.adapter().perform(intent or submit(), order)

    def find(self, intent: Intent | None = None, order: Order = ORDER) -> Found | Absent | CannotTell:
        return self.adapter().find(intent or submit(), order)

    def read(self, order: Order = ORDER, ref: str | None = "o-5001") -> Observation:
        return self.adapter().read(order.but(fulfilment_ref=ref))

    def posts(self) -> list[dict[str, Any]]:
        return [json.loads(entry.body) for entry in self.host.calls("net", "orders.create")]


@pytest.fixture
def benches() -> Iterator[Any]:
    """Makes networks: any version, any script, any options."""
    with ExitStack() as stack:

        def make(version: str = "2.4", script: Script | None = None, **options: Any) -> Bench:
            clock = Clock()
            net = OnApiSimulator("net", version, "sp", "lösen", mount="/net", now=clock, **options)
            net.add_access(ACCESS, [FAST, SLOW], script)
            bench = Bench(stack.enter_context(Host({"/net": net})), net, clock)
            hosts.append(bench.host)
            return bench

        hosts: list[Host] = []
        yield make
    for host in hosts:
        assert host.crashes == []
        assert all("forcedTakeover" not in entry.body for entry in host.calls())  # it is never ours to decide


# ------------------------------------------------------------------------------------------------ ordering


@pytest.mark.parametrize("version", VERSIONS)
def test_an_activation_carries_our_references_and_nothing_about_the_customer(benches: Any, version: str) -> None:
    bench = benches(version, WAITS)
    details = {**ORDER.details, "customer": {"socket": ACCESS, "serial": "190013320001", "firstname": "Åsa"}}
    assert bench.perform(order=ORDER.but(details=details)) == Begun("o-5001", "RECEIVED")
    assert bench.posts() == [
        {
            "operation": "ACTIVATE",
            "accessId": ACCESS,
            "service": FAST,
            "spReference": KEY,
            "spSubscriptionId": STEM,
        }
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("script", "seen"),
    [
        (DONE, Done("o-5001", "DONE_SUCCESS")),
        (WAITS, Begun("o-5001", "RECEIVED")),
        (Script(progress_ticks=1), Begun("o-5001", "IN_PROGRESS")),
        (FAILS, Failed("Ingen länk. Ref 40017", ref="o-5001")),
        (Script(end="DONE_FAILED"), Failed("DONE_FAILED, without a reason", ref="o-5001")),
        (Script(odd_state="AWAITING_CUSTOMER"), Begun("o-5001", "unknown state AWAITING_CUSTOMER")),
        (Script(odd_state="DONE_PARTLY"), Begun("o-5001", "unknown state DONE_PARTLY")),
    ],
)
def test_each_state_of_a_new_order_is_told_and_an_unknown_one_is_no_end(
    benches: Any, version: str, script: Script, seen: Observation
) -> None:
    for state_field in ("state", "status"):
        assert benches(version, script, state_field=state_field).perform() == seen


def test_an_order_is_followed_to_its_end(benches: Any) -> None:
    bench = benches(script=WAITS)
    bench.perform()
    seen = [bench.read()]
    for _ in range(2):
        bench.net.tick()
        seen.append(bench.read())
    assert seen == [Begun("o-5001", "RECEIVED"), Begun("o-5001", "IN_PROGRESS"), Done("o-5001", "DONE_SUCCESS")]


@pytest.mark.parametrize(
    ("details", "access", "found"),
    [
        ({"customer": {"socket": "prov0001"}}, "", True),
        ({"order": {"socket": "prov0001"}}, "", True),
        ({"order": {"accessId": "prov0001"}, "customer": {}}, "", True),
        ({"data": {"port": "prov0001"}, "customer": {"socket": "other"}}, "data.port", True),
        ({"data": {"port": ""}, "customer": {"socket": "prov0001"}}, "data.port", False),
        ({"customer": {"socket": ""}}, "", False),
        ({"customer": {"socket": "prov 0001"}}, "", False),
        ({"customer": {"socket": "../orders"}}, "", False),
        ({"customer": {"socket": "x" * 37}}, "", False),
        ({"customer": {"firstname": "Åsa"}}, "", False),
        ({}, "", False),
    ],
)
def test_the_access_is_the_routes_field_or_the_socket_and_never_a_guess(
    benches: Any, details: Any, access: str, found: bool
) -> None:
    bench = benches(script=WAITS)
    order = ORDER.but(details=details)
    seen = bench.perform(submit(access=access), order)
    assert isinstance(seen, Begun if found else Refused)
    assert len(bench.posts()) == int(found)
    if not found:
        assert bench.find(submit(access=access), order) == Absent()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_service_that_is_not_offered_is_refused_by_name_before_it_is_ordered(benches: Any, version: str) -> None:
    bench = benches(version)
    seen = bench.perform(submit(service="FIBER-9"))
    assert isinstance(seen, Refused)
    for word in ("FIBER-9", FAST, ACCESS):
        assert word in seen.cause
    assert bench.posts() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_access_is_refused_with_the_networks_cause(benches: Any, version: str) -> None:
    bench = benches(version)
    seen = bench.perform(order=ORDER.but(details={"customer": {"socket": "nowhere"}}))
    assert isinstance(seen, Refused)
    assert "nowhere" in seen.cause


@pytest.mark.parametrize("code", [400, 409])
def test_a_refusal_is_an_observation_with_the_cause_whichever_its_code(benches: Any, code: int) -> None:
    bench = benches(script=Script(refuse=code, cause="Porten är upptagen. Ärende 7"))
    assert bench.perform() == Refused("Porten är upptagen. Ärende 7")
    held = benches(busy_code=code)
    held.net.add_subscription(ACCESS, SLOW, "other")
    seen = held.perform()
    assert isinstance(seen, Refused)
    assert "another service provider" in seen.cause


def test_a_refusal_as_a_web_page_or_without_a_word_is_one_still(benches: Any) -> None:
    bench = benches()
    bench.host.fault(Fault.ECHO_400, "net", "orders.create")
    assert bench.perform() == Refused("HTTP 400")
    silent = benches(script=Script(refuse=409, cause="x"), causes=False)
    assert silent.perform() == Refused("HTTP 409")


def test_too_many_calls_are_an_outage_with_the_time_to_wait(benches: Any) -> None:
    bench = benches()
    bench.host.fault(Fault.TOO_MANY, "net", "orders.create", retry_after=30)
    with pytest.raises(Unavailable) as caught:
        bench.perform()
    assert caught.value.retry_after == 30
    assert bench.net.activations() == []


# -------------------------------------------------------------------------------------- what stands already


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("full", [True, False])
def test_our_own_order_that_stands_already_is_taken_for_ours(benches: Any, version: str, full: bool) -> None:
    bench = benches(version, WAITS, full_existing=full)
    first = bench.perform()
    again = bench.perform()
    assert isinstance(again, Begun)
    assert bench.read(ref=again.ref) == first
    assert bench.perform(submit(number=2)) == again  # the same order of the portal, another round
    assert len(bench.net.activations()) == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("script", [WAITS, DONE])
def test_anothers_order_or_service_that_stands_already_is_not_taken_for_ours(
    benches: Any, version: str, full: bool, script: Script
) -> None:
    bench = benches(version, script, full_existing=full)
    bench.perform(submit(OTHER), OTHER)
    seen = bench.perform()
    assert isinstance(seen, Refused)
    assert "already" in seen.cause
    assert len(bench.net.activations()) == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("full", [True, False])
def test_our_own_service_that_is_active_already_is_done(benches: Any, version: str, full: bool) -> None:
    bench = benches(version, DONE, full_existing=full)
    bench.perform()
    assert isinstance(bench.perform(), Done)
    assert len(bench.net.activations()) == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reference", [None, "K-2041", "tg.7701011.s1", "TG.770101.s1"])
def test_a_service_that_is_active_without_our_reference_is_not_ours(
    benches: Any, version: str, reference: str | None
) -> None:
    bench = benches(version)
    bench.net.add_subscription(ACCESS, FAST, reference)
    seen = bench.perform()
    assert isinstance(seen, Refused)
    assert "already active" in seen.cause


def test_a_subscription_that_has_our_own_id_alone_is_ours(benches: Any) -> None:
    bench = benches()
    bench.net.add_subscription(ACCESS, FAST, None, STEM)
    assert bench.perform() == Done("sub-7001", "subscription")
    assert bench.find() == Found(Done("sub-7001", "subscription"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("script", [WAITS, DONE])
def test_what_a_network_without_references_has_already_cannot_be_shown_to_be_ours(
    benches: Any, version: str, script: Script
) -> None:
    bench = benches(version, script, echo_reference=False)
    bench.perform()
    seen = bench.perform()
    assert isinstance(seen, Refused)
    assert "without a reference" in seen.cause


def test_an_open_order_of_another_kind_is_not_ours(benches: Any) -> None:
    bench = benches(script=Script(received_ticks=1, operations=("ACTIVATE", "DEACTIVATE")))
    body = {"operation": "DEACTIVATE", "state": "RECEIVED", "path": "/o-1", "spReference": KEY, "orderId": "o-1"}
    with serving(Canned(json.dumps(body).encode(), 200, "application/json")) as server:
        client = OnApi(Http("net", LIMITS), f"{server.url}/2.4/", "2.4", discovery=False)
        seen = OnApiFulfilment("net", client, check_access=False).perform(submit(), ORDER)
    assert seen == Refused(f"another order (DEACTIVATE) is open on {ACCESS}")
    assert bench.posts() == []


# --------------------------------------------------------------------------------------------- wished dates


@pytest.mark.parametrize("version", VERSIONS)
def test_a_later_date_travels_in_utc_and_one_gone_by_does_not(benches: Any, version: str) -> None:
    bench = benches(version)
    assert bench.perform(submit(wish_at="2031-05-10T00:00:00+02:00")) == Begun("o-5001", "RECEIVED")
    assert bench.posts()[0]["requestedDateTime"] == "2031-05-09T22:00:00Z"
    bench.net.add_access("prov0002", [FAST])
    order = OTHER.but(details={"customer": {"socket": "prov0002"}})
    bench.perform(submit(order, wish_at="2031-05-04T07:15:00+00:00"), order)
    assert "requestedDateTime" not in bench.posts()[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_network_that_cannot_schedule_gets_the_order_when_its_day_has_come(benches: Any, version: str) -> None:
    bench = benches(version, scheduling=False)
    wish = submit(wish_at="2031-05-10T00:00:00+00:00")
    seen = bench.perform(wish)
    assert isinstance(seen, Held)
    assert seen.until == datetime(2031, 5, 10, tzinfo=UTC)
    assert bench.posts() == []
    bench.clock.at = seen.until
    assert isinstance(bench.perform(wish), Done)
    assert "requestedDateTime" not in bench.posts()[0]


# ------------------------------------------------------------------------------------------------- finding


def lost(bench: Bench, fault: Fault, intent: Intent | None = None) -> None:
    """An activation whose answer never came."""
    bench.host.fault(fault, "net", "orders.create")
    with pytest.raises(Uncertain):
        bench.perform(intent)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("script", [WAITS, DONE, FAILS])
def test_an_uncertain_activation_is_found_or_surely_absent(benches: Any, version: str, script: Script) -> None:
    bench = benches(version, script)
    lost(bench, Fault.RESET_BEFORE)
    assert bench.find() == Absent()
    lost(bench, Fault.RESET_AFTER)
    found = bench.find()
    assert isinstance(found, Found)
    assert found.seen == bench.read()


SWITCHES = ("echo_reference", "subscriptions", "finished_listed", "events", "discovery")


@pytest.mark.parametrize("version", ["2.4", "2.6"])  # 2.5 has the addresses of 2.4
@pytest.mark.parametrize("script", [WAITS, DONE, FAILS], ids=["waits", "done", "fails"])
def test_what_took_effect_is_never_absent_and_what_did_not_is_never_found(
    benches: Any, version: str, script: Script
) -> None:
    bench = benches(version, script)
    lost(bench, Fault.RESET_BEFORE)
    for options in _combinations() if script is WAITS else []:
        bench.net.configure(**options)
        assert not isinstance(bench.find(), Found), options
    lost(bench, Fault.RESET_AFTER)
    for options in _combinations():
        bench.net.configure(**options)
        events = options["events"] and options["discovery"]
        if script is FAILS and not (options["finished_listed"] or events):
            continue  # it has left no trace anywhere
        assert not isinstance(bench.find(), Absent), options


def test_a_withdrawal_that_the_network_never_heeds_is_a_person_s_after_the_third(benches: Any) -> None:
    bench = benches("2.4", WAITS)
    bench.perform()
    order = ORDER.but(fulfilment_ref="o-5001")
    for attempts, kind in ((1, Absent), (2, Absent), (3, CannotTell)):
        assert isinstance(bench.find(replace(CANCEL, attempts=attempts), order), kind)
    bench.perform(CANCEL, order)
    assert bench.find(replace(CANCEL, attempts=3), order) == Found(Withdrawn())


def test_where_a_failed_order_can_be_gone_without_a_trace_absence_is_not_believed(benches: Any) -> None:
    bench = benches("2.4", FAILS, finished_listed=False, events=False)
    lost(bench, Fault.RESET_AFTER)
    assert bench.find() == Absent()
    found = bench.adapter(lists_finished=False).find(submit(), ORDER)
    assert isinstance(found, CannotTell)
    assert KEY in found.why
    bench.net.configure(events=True)
    assert isinstance(bench.adapter(lists_finished=False).find(submit(), ORDER), Found)


def _combinations() -> list[dict[str, bool]]:
    values = itertools.product((True, False), repeat=len(SWITCHES))
    return [dict(zip(SWITCHES, chosen, strict=True)) for chosen in values]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_network_that_shows_too_little_cannot_tell_and_says_what_to_look_for(benches: Any, version: str) -> None:
    bench = benches(version, WAITS, echo_reference=False)
    lost(bench, Fault.RESET_AFTER)
    found = bench.find()
    assert isinstance(found, CannotTell)
    for word in ("net", FAST, ACCESS, KEY):
        assert word in found.why


def test_a_network_that_does_not_show_our_subscriptions_cannot_tell(benches: Any) -> None:
    found = benches("2.6", subscriptions=False).find()
    assert isinstance(found, CannotTell)
    assert "subscriptions" in found.why


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("script", [WAITS, DONE])
@pytest.mark.parametrize("events", [True, False])
def test_an_order_that_the_lists_show_late_is_not_made_twice(
    benches: Any, version: str, script: Script, events: bool
) -> None:
    bench = benches(version, script, find_lag=600, events=events)
    lost(bench, Fault.RESET_AFTER)
    if isinstance(bench.find(), Absent):
        assert isinstance(bench.perform(), Begun | Done)  # the network has it, and says that it is ours
    assert len(bench.net.activations()) == 1
    bench.clock.turn(minutes=11)
    assert isinstance(bench.find(), Found)


@pytest.mark.parametrize("version", VERSIONS)
def test_anothers_order_is_not_found_to_be_ours(benches: Any, version: str) -> None:
    bench = benches(version, WAITS)
    longer = Order("tg", "7701011", details=ORDER.details)
    bench.perform(submit(longer), longer)
    assert bench.find() == Absent()
    bench.net.tick(2)
    assert bench.find() == Absent()


def test_a_failure_of_an_earlier_round_is_not_this_rounds(benches: Any) -> None:
    bench = benches(script=FAILS)
    bench.perform()
    assert bench.find(submit(number=2)) == Absent()
    assert bench.find(submit(number=1)) == Found(Failed("Ingen länk. Ref 40017", ref="o-5001"))
    taken_over = ORDER.but(taken_over=True)  # which round it was is forgotten
    assert isinstance(bench.find(submit(number=2), taken_over), Found)
    bench.net.set_script(ACCESS, WAITS)
    bench.perform(submit(number=2))
    assert bench.find(submit(number=2)) == Found(Begun("o-5002", "RECEIVED"))


@pytest.mark.parametrize("fault", Fault)
def test_no_fault_is_read_as_absence(benches: Any, fault: Fault) -> None:
    bench = benches(script=WAITS)
    lost(bench, Fault.RESET_AFTER)
    options = {Fault.HUGE: {"size": 8_000_000}, Fault.GZIP_BOMB: {"size": 8_000_000}, Fault.DRIP: {"every": 0}}
    waits = {Fault.TIMEOUT_BEFORE: {"seconds": 0}, Fault.TIMEOUT_AFTER: {"seconds": 0}}
    bench.host.fault(fault, "net", "orders.list", **(options | waits).get(fault, {}))
    try:
        assert isinstance(bench.find(), Found)
    except RemoteError:
        assert fault is not Fault.DRIP  # without a pause, it is slow and whole


def test_find_asks_and_never_writes(benches: Any) -> None:
    bench = benches(script=WAITS)
    bench.find()
    bench.find(CANCEL, ORDER.but(fulfilment_ref="o-5001"))
    assert bench.host.effects() == []


# ----------------------------------------------------------------------------------------------- following


@pytest.mark.parametrize("version", VERSIONS)
def test_a_finished_order_that_is_forgotten_is_told_by_its_subscription(benches: Any, version: str) -> None:
    bench = benches(version, DONE)
    bench.perform()
    bench.net.lose("o-5001")
    assert bench.read() == Done("sub-7001", "subscription")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_is_gone_without_a_result_has_vanished(benches: Any, version: str) -> None:
    bench = benches(version, WAITS)
    bench.perform()
    bench.net.lose("o-5001")
    bench.net.add_subscription(ACCESS, SLOW, "K-1")
    seen = bench.read()
    assert isinstance(seen, Vanished)
    assert "no subscription is ours" in seen.cause


def test_a_network_that_shows_no_subscriptions_is_not_said_to_have_none_of_ours(benches: Any) -> None:
    bench = benches("2.6", WAITS, subscriptions=False)
    bench.perform()
    bench.net.lose("o-5001")
    seen = bench.read()
    assert isinstance(seen, Vanished)
    assert "not shown" in seen.cause


def test_an_answer_about_another_order_is_unreadable(benches: Any) -> None:
    bench = benches(script=WAITS)
    bench.perform(submit(OTHER), OTHER)
    with pytest.raises(Unreadable, match="another order"):
        bench.read()
    with pytest.raises(Unreadable, match="another order"):
        bench.perform(CANCEL, ORDER.but(fulfilment_ref="o-5001"))
    with pytest.raises(Unreadable, match="not known here"):
        bench.read(ref=None)
    assert [order["state"] for order in bench.net.orders()] == ["RECEIVED"]


def test_reading_raises_what_a_follower_may_raise_whatever_is_refused(benches: Any) -> None:
    bench = benches("2.6", WAITS)
    bench.perform()
    bench.net.lose("o-5001")
    for operation in ("orders.get", "subscriptions.get"):
        for fault in (Fault.ECHO_400, Fault.HTML, Fault.EMPTY, Fault.ERROR_BEFORE, Fault.REDIRECT):
            bench.host.fault(fault, "net", operation)
            with pytest.raises((Unavailable, Unreadable)):
                bench.read()


def test_events_tell_which_orders_to_read_and_are_never_believed(benches: Any) -> None:
    bench = benches(script=WAITS)
    adapter = bench.adapter()
    start = adapter.poll(Cursor())
    assert start is not None
    assert start.refs == frozenset()
    bench.perform()
    after = adapter.poll(start.cursor)
    assert after is not None
    assert after.refs == {"o-5001", "/net/onapi/2.4/orders/o-5001"}
    same = adapter.poll(after.cursor)
    assert same is not None
    assert (same.refs, same.cursor.position) == (frozenset(), after.cursor.position)


def test_a_network_without_usable_events_is_polled_order_by_order(benches: Any) -> None:
    assert benches(events=False).adapter().poll(Cursor()) is None
    bench = benches()
    assert bench.adapter().poll(Cursor("an-event-that-is-forgotten")) is None
    bench.host.fault(Fault.GARBAGE, "net", "orderevents.list")
    assert bench.adapter().poll(Cursor()) is None


# ---------------------------------------------------------------------------------------------- cancelling


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("after", ["404", "DONE_FAILED"])
def test_an_order_is_cancelled_while_it_is_received(benches: Any, version: str, after: str) -> None:
    bench = benches(version, WAITS, after_delete=after)
    bench.perform()
    order = ORDER.but(fulfilment_ref="o-5001")
    assert bench.find(CANCEL, order) == Absent()
    assert bench.perform(CANCEL, order) == Withdrawn()
    assert bench.find(CANCEL, order) == Found(Withdrawn())
    assert bench.perform(CANCEL, order) == Withdrawn()
    assert len(bench.host.calls("net", "orders.cancel")) == 1
    assert bench.net.subscriptions_of(ACCESS) == []


@pytest.mark.parametrize(("ticks", "state"), [(1, "IN_PROGRESS"), (2, "DONE_SUCCESS")])
def test_a_cancel_that_is_too_late_is_not_sent(benches: Any, ticks: int, state: str) -> None:
    bench = benches(script=WAITS)
    bench.perform()
    bench.net.tick(ticks)
    order = ORDER.but(fulfilment_ref="o-5001")
    assert bench.perform(CANCEL, order) == WithdrawRefused(f"it is {state}")
    assert bench.find(CANCEL, order) == Found(WithdrawRefused(f"it is {state}"))
    assert bench.host.calls("net", "orders.cancel") == []


@pytest.mark.parametrize("code", [400, 403, 404, 409])
def test_a_cancel_that_is_overtaken_is_too_late_whatever_the_code(benches: Any, code: int) -> None:
    bench = benches(script=WAITS)
    bench.perform()

    def overtakes(_: object) -> bool:
        bench.net.tick()
        return True

    bench.host.fault(Fault.ERROR_BEFORE, "net", "orders.cancel", where=overtakes, status=code)
    assert bench.perform(CANCEL, ORDER.but(fulfilment_ref="o-5001")) == WithdrawRefused("it is IN_PROGRESS")


def test_a_cancel_that_is_refused_though_the_order_waits_says_why(benches: Any) -> None:
    bench = benches(script=WAITS)
    bench.perform()
    bench.host.fault(Fault.ECHO_400, "net", "orders.cancel")
    assert bench.perform(CANCEL, ORDER.but(fulfilment_ref="o-5001")) == WithdrawRefused("HTTP 400")


@pytest.mark.parametrize(("fault", "found"), [(Fault.RESET_AFTER, Found(Withdrawn())), (Fault.RESET_BEFORE, Absent())])
def test_an_uncertain_cancel_is_looked_up(benches: Any, fault: Fault, found: Found | Absent) -> None:
    bench = benches(script=WAITS)
    bench.perform()
    order = ORDER.but(fulfilment_ref="o-5001")
    bench.host.fault(fault, "net", "orders.cancel")
    with pytest.raises(Uncertain):
        bench.perform(CANCEL, order)
    assert bench.find(CANCEL, order) == found


def test_an_order_whose_number_is_not_known_cannot_be_cancelled(benches: Any) -> None:
    seen = benches().perform(CANCEL, ORDER)
    assert isinstance(seen, WithdrawRefused)
    assert "not known" in seen.cause


# -------------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize("version", VERSIONS)
def test_check_says_what_the_network_can(benches: Any, version: str) -> None:
    assert "without requestedDateTime" in benches(version, scheduling=False).adapter().check()
    assert "no discovery" in benches(version, discovery=False).adapter().check()


@pytest.mark.parametrize("discovery", [True, False])
def test_check_shows_wrong_credentials(benches: Any, discovery: bool) -> None:
    bench = benches(discovery=discovery, forbidden=True)
    with pytest.raises(AccessDenied):
        bench.adapter().check()


def test_a_slow_look_up_of_offers_is_an_outage_and_nothing_is_ordered(benches: Any) -> None:
    bench = benches()
    bench.host.fault(Fault.ERROR_BEFORE, "net", "accesses.get")
    with pytest.raises(Unavailable):
        bench.perform()
    assert bench.posts() == []
    for fault in (Fault.HTML, Fault.ECHO_400):  # and offers that can't be told are left to the order
        bench.host.fault(fault, "net", "accesses.get")
        assert isinstance(bench.perform(), Done)


def test_an_order_accepted_for_later_is_begun_and_not_somebody_elses() -> None:
    def answer(asked: Asked) -> Canned:
        content = {"orderId": "o-1"} if asked.method == "POST" else {"services": [{"service": FAST}]}
        return Canned(json.dumps(content).encode(), 202 if asked.method == "POST" else 200, "application/json")

    with serving(answer) as server:
        client = OnApi(Http("net", LIMITS), f"{server.url}/2.4/", "2.4", discovery=False)
        assert OnApiFulfilment("net", client).perform(submit(), ORDER) == Begun("o-1", "unknown state None")
