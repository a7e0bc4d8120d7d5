"""The XSP client's claims, over real HTTP: every envelope, every failure, and hashes that die (xsp.md)."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from xml.etree.ElementTree import fromstring

import pytest

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import Http, Limits
from syncer.remotes.xsp import Xsp
from syncer.simulators import xsp as simulated
from syncer.simulators.host import Fault, Host
from syncer.simulators.wire import Request
from syncer.simulators.xsp import XspSimulator
from tests.remotes.canned import Asked, Canned, Server, serving

KEY = "påhittad-nyckel-5f2c"
TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
DAY = date(2031, 5, 4)
LIMITS = Limits(timeout=20, rate=10_000, parallel=8, max_answer=1_000_000)
ENVELOPES = get_args(simulated.Envelope)
FAILURES = get_args(simulated.Failure)
EXPIRED = get_args(simulated.Expired)


@dataclass
class Clock:
    """The portal's clock, and the client's in seconds."""

    at: datetime = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)

    def __call__(self) -> float:
        return self.at.timestamp()

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Bench:
    """A portal that listens, with one order, and clients of it."""

    host: Host
    portal: XspSimulator
    clock: Clock
    order: str
    hashes: list[str] = field(default_factory=list)

    def client(self, limits: Limits = LIMITS, **options: Any) -> Xsp:
        chosen: dict[str, Any] = {"keep_secret": self.hashes.append, "clock": self.clock, "api_key": KEY} | options
        http = Http("portal", limits)
        return Xsp(http, self.host.url_of("/xsp"), "1234", **chosen)

    def count(self, operation: str) -> int:
        return len(self.host.calls("xsp", operation))


@pytest.fixture
def bench() -> Iterator[Bench]:
    clock = Clock()
    portal = XspSimulator(api_key=KEY, now=lambda: clock.at)
    order = portal.add_order(service="3105", campaign="Maj & juni", data={"note": "Ring först"}, socket="XY0202B07")
    with Host({"/xsp": portal}, now=lambda: clock.at) as host:
        yield Bench(host, portal, clock, order)
    assert host.crashes == []


def canned_client(server: Server, **options: Any) -> Xsp:
    return Xsp(Http("portal", LIMITS), server.url, "1234", KEY, **options)


def answering(body: bytes | str, status: int = 200, content_type: str = "application/xml") -> Callable[[Asked], Canned]:
    """Answers a login rightly, and everything else with this."""
    login = f"<api_login><response><hash_key>{TOKEN}</hash_key></response><status>success</status></api_login>"
    raw = body.encode() if isinstance(body, str) else body

    def answer(asked: Asked) -> Canned:
        if asked.query.get("method") == "api_login":
            return Canned(login.encode())
        return Canned(raw, status, content_type)

    return answer


# ------------------------------------------------------------------------------------------------ envelopes


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_every_method_is_read_in_every_envelope(bench: Bench, envelope: Any) -> None:
    bench.portal.configure(envelope=envelope)
    client, order = bench.client(), bench.order
    (row,) = client.orders(DAY)
    assert (row.id, row.fields["service"], row.fields["campaign"], row.raw) == (order, "3105", "Maj & juni", "")
    customer = client.customer_info(row.fields["customer"])
    assert (customer.customer["socket"], customer.customer["city"]) == ("XY0202B07", "Låtsasköping")
    assert customer.data == {"phone": "0701740605", "premise": "1203", "note": "Ring först"}
    assert [row.fields["socket"] for row in client.customers(DAY)] == ["XY0202B07"]
    client.set_status(order, "received")
    client.add_message(order, "Åtgärdat [k-1]", "log")
    assert bench.portal.statuses_written(order) == ["received"]
    assert bench.portal.messages(order) == [("log", "Åtgärdat [k-1]")]
    log = client.order_log(order)
    assert log.has("[k-1]")
    assert not log.has("[k-2]")


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_every_refusal_is_told_from_success_in_every_envelope(bench: Bench, envelope: Any) -> None:
    client = bench.client()
    calls: list[Callable[[], object]] = [
        lambda: client.set_status("999", "received"),
        lambda: client.set_status(bench.order, "nonsense"),
        lambda: client.add_message(bench.order, "text", "nonsense"),
        lambda: client.order_info("999"),
        lambda: client.customer_info("999"),
        lambda: client.order_log("999"),
    ]
    unknown = ("order", "status", "message type", "order", "customer", "order")
    for failure, (call, what) in itertools.product(FAILURES, list(zip(calls, unknown, strict=True))):
        bench.portal.configure(envelope=envelope, failure=failure)
        with pytest.raises(Rejected) as caught:
            call()
        assert caught.value.cause == f"Unknown {what}"
    assert bench.host.effects() == []


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_wrong_credentials_are_access_denied_in_every_envelope(bench: Bench, envelope: Any) -> None:
    for failure in FAILURES:
        bench.portal.configure(envelope=envelope, failure=failure)
        with pytest.raises(AccessDenied) as caught:
            bench.client(api_key="fel-nyckel").orders(DAY)
        assert "fel-nyckel" not in str(caught.value)
    assert bench.count("api_login") == len(FAILURES)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_details_are_read_in_every_form(bench: Bench, envelope: Any) -> None:
    client, data = bench.client(), {"phone": "0701740605", "premise": "1203", "note": "Ring först"}
    for detail in get_args(simulated.Detail):
        bench.portal.configure(envelope=envelope, detail=detail)
        found = client.order_info(bench.order)
        assert found.order["id"] == bench.order
        assert found.order["campaign"] == "Maj & juni"
        assert found.order.get("status") == (None if detail == "no_status" else "new")
        assert found.data == ({} if detail == "head" else data)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_the_orders_own_status_is_never_taken_for_the_envelopes(bench: Bench, envelope: Any) -> None:
    bench.portal.configure(envelope=envelope)
    client = bench.client()
    for status in simulated.STATUSES:
        bench.portal.change_status(bench.order, status)
        assert client.order_info(bench.order).order["status"] == status


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_no_orders_are_an_empty_list_in_every_form(bench: Bench, envelope: Any) -> None:
    client = bench.client()
    for empty in get_args(simulated.Empty):
        bench.portal.configure(envelope=envelope, empty=empty)
        assert client.orders(date(2032, 1, 1)) == []
        assert client.customers(date(2032, 1, 1)) == []


@pytest.mark.parametrize(
    ("message", "empty"),
    [
        ("No orders found", True),
        ("Inga ordrar", True),
        ("Inga nya ordrar hittades", True),
        ("0 träffar", True),
        ("No access to orders", False),
        ("You have no permission to list orders", False),
        ("Inget tillstånd för ordrar", False),
        ("Unknown order", False),
        ("Database error", False),
    ],
)
def test_only_a_refusal_that_says_so_is_an_empty_list(message: str, empty: bool) -> None:
    body = f"<orders><response><message>{message}</message></response><status>failed</status></orders>"
    with serving(answering(body)) as server:
        if empty:
            assert canned_client(server).orders(DAY) == []
        else:
            with pytest.raises((Rejected, AccessDenied)):
                canned_client(server).orders(DAY)


ROW = "<id>770101</id><status>new</status><service>3105</service>"
LISTS = {
    "as documented for the sibling": f"<serviceguide><response><order>{ROW}</order></response></serviceguide>",
    "wrapped": f"<X><orders><response><order>{ROW}</order></response><status>success</status></orders></X>",
    "without response": f"<orders><order>{ROW}</order><status>success</status></orders>",
    "in an element of its own": f"<orders><response><orders><order>{ROW}</order></orders></response></orders>",
    "in one, with a count": (
        f"<orders><response><orders><order>{ROW}</order><total>1</total></orders></response></orders>"
    ),
    "in keys": f"<orders><response><key_0>{ROW}</key_0></response><status>success</status></orders>",
    "in keys in an order": f"<orders><response><order><key_0>{ROW}</key_0></order></response></orders>",
    "an order in each key": f"<orders><response><key_0><order>{ROW}</order></key_0></response></orders>",
    "bare": f"<orders><response>{ROW}</response><status>success</status></orders>",
    "with a namespace": f'<o:orders xmlns:o="urn:x"><response><order>{ROW}</order></response></o:orders>',
    "with a count": f"<orders><response><count>1</count><order>{ROW}</order></response></orders>",
}


@pytest.mark.parametrize("body", LISTS.values(), ids=LISTS.keys())
def test_a_row_is_found_wherever_the_platform_puts_it(body: str) -> None:
    with serving(answering(body)) as server:
        rows = canned_client(server).orders(DAY)
    assert [(row.id, row.fields["service"]) for row in rows] == [("770101", "3105")]


NO_LISTS = {
    "rows of an unknown name": f"<orders><response><post>{ROW}</post></response><status>success</status></orders>",
    "rows in an unknown list": (
        f"<orders><response><list><post>{ROW}</post></list></response><status>success</status></orders>"
    ),
    "another method's answer": "<set_status><response><message>ok</message></response></set_status>",
    "another method's success": "<set_status><response/><status>success</status></set_status>",
    "a stranger's answer": "<nothing><response/></nothing>",
    "a page in XML": "<html><body><p>orders</p></body></html>",
    "nothing of it": "<nothing/>",
    "a text": "<nothing>orders</nothing>",
}


@pytest.mark.parametrize("body", NO_LISTS.values(), ids=NO_LISTS.keys())
def test_what_cannot_be_understood_is_never_an_empty_list(body: str) -> None:
    with serving(answering(body)) as server, pytest.raises(Unreadable):
        canned_client(server).orders(DAY)


@pytest.mark.parametrize("bad", ["", "n/a", "1 2", "../1", "1" * 37])
def test_a_row_without_a_usable_id_keeps_itself_whole(bad: str) -> None:
    body = f"<orders><response><order><id>{bad}</id><service>7</service></order></response></orders>"
    with serving(answering(body)) as server:
        (row,) = canned_client(server).orders(DAY)
    assert row.id is None
    assert fromstring(row.raw).findtext("service") == "7"


DETAILS = {
    "fields alone": f"<order_info>{ROW}</order_info>",
    "fields in a response": f"<order_info><response>{ROW}</response><status>success</status></order_info>",
    "fields beside a success": (
        "<order_info><id>770101</id><service>3105</service><status>success</status></order_info>"
    ),
    "in a key": f"<order_info><response><key_0>{ROW}</key_0></response><status>success</status></order_info>",
    "as the payload": f"<order_info><response><order>{ROW}</order></response></order_info>",
}


@pytest.mark.parametrize("body", DETAILS.values(), ids=DETAILS.keys())
def test_details_are_found_wherever_the_platform_puts_them(body: str) -> None:
    with serving(answering(body)) as server:
        found = canned_client(server).order_info("770101").order
    assert (found["id"], found["service"]) == ("770101", "3105")
    assert found.get("status") in {None, "new"}


def test_a_customer_inside_the_order_is_a_section_too() -> None:
    body = (
        f"<order_info><response><order>{ROW}<customer><socket>A1</socket></customer></order>"
        "<data><premise>2</premise></data></response><status>success</status></order_info>"
    )
    with serving(answering(body)) as server:
        found = canned_client(server).order_info("770101")
    assert (found.customer, found.data) == ({"socket": "A1"}, {"premise": "2"})


@pytest.mark.parametrize("how", ["broken_xml", "empty"])
def test_details_that_hold_nothing_are_unreadable(bench: Bench, how: Any) -> None:
    bench.portal.break_detail(bench.order, how)
    with pytest.raises(Unreadable) as caught:
        bench.client().order_info(bench.order)
    assert caught.value.raw.lstrip().startswith("<")


def test_an_answer_about_another_order_is_unreadable() -> None:
    with serving(answering(f"<order_info><response><order>{ROW}</order></response></order_info>")) as server:
        client = canned_client(server)
        with pytest.raises(Unreadable, match="another order"):
            client.order_info("770102")


def test_an_answer_about_another_customer_is_unreadable() -> None:
    body = "<customer_info><response><customer><id>7</id><socket>A1</socket></customer></response></customer_info>"
    with serving(answering(body)) as server:
        client = canned_client(server)
        assert client.customer_info("7").customer["socket"] == "A1"
        with pytest.raises(Unreadable, match="another customer"):
            client.customer_info("8")


@pytest.mark.parametrize(
    ("body", "entries"),
    [
        ("<order_log><status>success</status></order_log>", 0),
        ("<order_log><response/><status>success</status></order_log>", 0),
        ("<order_log><response><log/></response></order_log>", 0),
        ("<order_log/>", 0),
        ("<order_log><entry>one</entry><status>success</status></order_log>", 1),
    ],
)
def test_a_log_that_shows_nothing_has_no_entries(body: str, entries: int) -> None:
    with serving(answering(body)) as server:
        assert canned_client(server).order_log("1").entries == entries


# --------------------------------------------------------------------------------- what is not a success at all


SAID = "<response><message>Status changed</message></response>"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (f"<set_status>{SAID}<status>success</status></set_status>", 200, None),
        (f"<set_status>{SAID}<status>Success</status></set_status>", 200, None),
        (f"<set_status>{SAID}<status>success</status></set_status>", 400, None),  # `status` is authoritative
        (f"<set_status>{SAID}</set_status>", 200, None),
        (f"<set_status>{SAID}</set_status>", 400, Rejected),
        (f"<set_status>{SAID}<status>failed</status></set_status>", 200, Rejected),
        (f"<set_status>{SAID}<status>error</status></set_status>", 200, Rejected),
        ("<set_status><status>failed</status></set_status>", 404, Rejected),
        (f"<set_status>{SAID}<status>success</status></set_status>", 500, Uncertain),
        (f"<set_status>{SAID}<status>success</status></set_status>", 302, Uncertain),
        ("<set_status/>", 200, Uncertain),
        ("<set_status><response/></set_status>", 200, Uncertain),
        ("<orders><response/></orders>", 200, Uncertain),
        (f"<add_message>{SAID}<status>success</status></add_message>", 200, Uncertain),
        (f"<add_message>{SAID}<status>failed</status></add_message>", 200, Rejected),
        ("<html><message>ok</message></html>", 200, Uncertain),
        ("<!DOCTYPE set_status><set_status><status>success</status></set_status>", 200, Uncertain),
        ('{"status": "success"}', 200, Uncertain),
        ("", 200, Uncertain),
        ("", 204, Uncertain),
    ],
)
def test_a_write_is_done_refused_or_uncertain_by_what_the_answer_says(
    body: str, status: int, kind: type[RemoteError] | None
) -> None:
    with serving(answering(body, status)) as server:
        client = canned_client(server)
        if kind is None:
            assert client.set_status("1", "received") == "Status changed"
        else:
            with pytest.raises(kind):
                client.set_status("1", "received")
        assert [asked.query["method"] for asked in server.asked] == ["api_login", "set_status"]


@pytest.mark.parametrize(
    "content_type", ["application/xml", "text/xml; charset=utf-8", "TEXT/XML", "application/atom+xml", ""]
)
def test_xml_is_taken_under_its_usual_types(content_type: str) -> None:
    body = f"<set_status>{SAID}<status>success</status></set_status>"
    with serving(answering(body, content_type=content_type)) as server:
        assert canned_client(server).set_status("1", "received")


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/json", "image/png"])
def test_a_wrong_type_is_no_answer(content_type: str) -> None:
    body = f"<set_status>{SAID}<status>success</status></set_status>"
    with serving(answering(body, content_type=content_type)) as server:
        with pytest.raises(Uncertain):
            canned_client(server).set_status("1", "received")
        with pytest.raises(Unreadable):
            canned_client(server).orders(DAY)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_write_whose_answer_is_cut_at_any_byte_is_uncertain(bench: Bench, envelope: Any) -> None:
    bench.portal.configure(envelope=envelope)
    token = fromstring(_handled(bench.portal, "api_login", api_user="1234", api_key=KEY)).findtext(".//hash_key") or ""
    whole = _handled(bench.portal, "set_status", hash=token, id=bench.order, status="received")
    with serving(answering(whole)) as server:
        client = canned_client(server)
        client.set_status("1", "received")  # whole, it is a success
        for end in range(len(whole)):
            server.answer = answering(whole[:end])
            with pytest.raises(Uncertain):
                client.set_status("1", "received")


@pytest.mark.parametrize("operation", ["orders", "order_info", "customer_info", "order_log"])
def test_a_read_whose_answer_is_cut_at_any_byte_is_unreadable(bench: Bench, operation: str) -> None:
    token = fromstring(_handled(bench.portal, "api_login", api_user="1234", api_key=KEY)).findtext(".//hash_key") or ""
    number = "55012" if operation == "customer_info" else bench.order
    whole = _handled(bench.portal, operation, hash=token, id=number, date=DAY.isoformat())
    with serving(answering(whole)) as server:
        client = canned_client(server)
        for end in range(0, len(whole), 3):
            server.answer = answering(whole[:end])
            with pytest.raises(Unreadable):
                _call(client, operation, number)


def _handled(portal: XspSimulator, method: str, **arguments: str) -> bytes:
    return portal.handle(Request("GET", "/", {"method": method, **arguments})).body


def _call(client: Xsp, operation: str, order: str) -> object:
    calls: dict[str, Callable[[], object]] = {
        "orders": lambda: client.orders(DAY),
        "order_info": lambda: client.order_info(order),
        "customer_info": lambda: client.customer_info(order),
        "order_log": lambda: client.order_log(order),
        "set_status": lambda: client.set_status(order, "received"),
        "add_message": lambda: client.add_message(order, "text", "log"),
    }
    return calls[operation]()


SAFE_ERRORS = (Unavailable, Unreadable, Rejected)
HASTY = Limits(timeout=0.15, rate=10_000, max_answer=1_000_000)
OPTIONS: dict[Fault, dict[str, Any]] = {
    Fault.HUGE: {"size": 8_000_000},
    Fault.GZIP_BOMB: {"size": 8_000_000},
    Fault.DRIP: {"every": 0.05},
}


@pytest.mark.parametrize("fault", Fault)
def test_no_fault_makes_a_read_succeed_or_is_answered_by_an_empty_list(bench: Bench, fault: Fault) -> None:
    client = bench.client(HASTY)
    client.order_info(bench.order)
    for operation in ("orders", "order_info", "order_log"):
        bench.host.fault(fault, "xsp", operation, **OPTIONS.get(fault, {}))
        with pytest.raises(SAFE_ERRORS) as caught:
            _call(client, operation, bench.order)
        _assert_clean(bench, caught.value)


@pytest.mark.parametrize("fault", Fault)
def test_no_fault_hides_that_a_write_took_effect_and_none_is_sent_twice(bench: Bench, fault: Fault) -> None:
    client = bench.client(HASTY)
    client.order_info(bench.order)
    for operation, what in (("set_status", "status"), ("add_message", "message")):
        bench.host.fault(fault, "xsp", operation, **OPTIONS.get(fault, {}))
        with pytest.raises(RemoteError) as caught:
            _call(client, operation, bench.order)
        assert isinstance(caught.value, Uncertain) or bench.host.effects("xsp", what) == []
        assert bench.count(operation) == 1
        _assert_clean(bench, caught.value)


@pytest.mark.parametrize("fault", Fault)
def test_no_fault_of_a_login_is_mistaken_for_wrong_credentials(bench: Bench, fault: Fault) -> None:
    bench.host.fault(fault, "xsp", "api_login", **OPTIONS.get(fault, {}))
    with pytest.raises((Unavailable, Unreadable)) as caught:
        bench.client(HASTY).set_status(bench.order, "received")
    _assert_clean(bench, caught.value)
    assert bench.count("set_status") == 0


def _assert_clean(bench: Bench, error: RemoteError) -> None:
    shown = str(error) + repr(error) + repr(vars(error))
    for secret in (KEY, "p%C3%A5hittad", *bench.hashes, bench.host.url):
        assert secret not in shown


def test_what_the_portal_echoes_of_our_secrets_is_not_repeated() -> None:
    for method, body in (
        (
            "api_login",
            f"<api_login><response><message>Bad key {KEY}</message></response><status>failed</status></api_login>",
        ),
        ("orders", f"<orders><response><message>Dead: {TOKEN}</message></response><status>failed</status></orders>"),
        ("orders", f"<oops>{TOKEN} {KEY}</oops>"),
    ):

        def answer(asked: Asked, method: str = method, body: str = body) -> Canned:
            return Canned(body.encode()) if asked.query["method"] == method else answering("")(asked)

        with serving(answer) as server, pytest.raises(RemoteError) as caught:
            canned_client(server).orders(DAY)
        shown = str(caught.value) + repr(vars(caught.value))
        assert KEY not in shown
        assert TOKEN not in shown


# ------------------------------------------------------------------------------------------------- the hash


def test_a_hash_is_asked_for_once_and_told_to_whoever_keeps_secrets(bench: Bench) -> None:
    client = bench.client()
    client.orders(DAY)
    client.order_info(bench.order)
    client.set_status(bench.order, "received")
    assert bench.count("api_login") == 1
    assert [len(found) for found in bench.hashes] == [32]
    assert {entry.params["hash"] for entry in bench.host.calls() if "hash" in entry.params} == set(bench.hashes)


def test_a_hash_is_renewed_before_its_twenty_minutes_are_over(bench: Bench) -> None:
    client = bench.client()
    for _ in range(90):
        client.set_status(bench.order, "received")  # a write is never tried twice, so that it shows
        bench.clock.turn(60)
    assert bench.count("set_status") == 90
    assert 5 <= bench.count("api_login") <= 6


@pytest.mark.parametrize("operation", ["orders", "order_info", "order_log"])
@pytest.mark.parametrize("expired", EXPIRED)
def test_a_read_with_a_dead_hash_is_made_once_more_with_a_new_one(bench: Bench, expired: Any, operation: str) -> None:
    bench.portal.configure(expired=expired)
    client = bench.client()
    client.orders(DAY)
    bench.portal.expire_hashes()
    _call(client, operation, bench.order)
    assert bench.count("api_login") == 2
    _call(client, operation, bench.order)
    assert bench.count("api_login") == 2


@pytest.mark.parametrize("expired", EXPIRED)
def test_a_hash_that_is_always_dead_is_not_asked_for_in_a_loop(bench: Bench, expired: Any) -> None:
    bench.portal.configure(expired=expired, hash_life=0)
    client = bench.client()
    with pytest.raises((Rejected, AccessDenied, Unreadable)):
        client.orders(DAY)
    assert (bench.count("api_login"), bench.count("orders")) == (2, 2)


@pytest.mark.parametrize("expired", ["failed", "403"])
def test_a_write_that_was_refused_for_its_hash_had_no_effect_and_is_made_once_more(bench: Bench, expired: Any) -> None:
    bench.portal.configure(expired=expired)
    client = bench.client()
    client.orders(DAY)
    bench.portal.expire_hashes()
    client.set_status(bench.order, "received")
    assert bench.portal.statuses_written(bench.order) == ["received"]
    assert bench.count("set_status") == 2


def test_a_write_answered_by_a_login_page_is_uncertain_and_the_next_read_renews_the_hash(bench: Bench) -> None:
    bench.portal.configure(expired="html")
    client = bench.client()
    client.orders(DAY)
    bench.portal.expire_hashes()
    with pytest.raises(Uncertain):
        client.set_status(bench.order, "received")
    assert bench.count("set_status") == 1
    client.order_info(bench.order)
    client.set_status(bench.order, "received")
    assert bench.portal.statuses_written(bench.order) == ["received"]


def test_an_odd_failure_with_an_old_hash_is_tried_with_a_new_one_but_not_with_a_young_one(bench: Bench) -> None:
    client = bench.client()
    client.orders(DAY)
    bench.host.fault(Fault.GARBAGE, "xsp", "orders")
    with pytest.raises(Unreadable):
        client.orders(DAY)
    bench.clock.turn(6 * 60)
    bench.host.fault(Fault.GARBAGE, "xsp", "orders")
    assert len(client.orders(DAY)) == 1
    assert bench.count("api_login") == 2


def test_a_portal_that_keeps_one_hash_alive_is_not_fought_over(bench: Bench) -> None:
    bench.portal.configure(one_hash=True)
    mine, other = bench.client(), bench.client()
    mine.orders(DAY)
    other.orders(DAY)
    assert len(mine.orders(DAY)) == 1
    assert bench.count("api_login") == 3


def _together(count: int, work: Callable[[], object]) -> list[BaseException]:
    barrier, errors = threading.Barrier(count), list[BaseException]()

    def run() -> None:
        barrier.wait()
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("expired", EXPIRED)
def test_eight_threads_share_one_login(bench: Bench, expired: Any) -> None:
    bench.portal.configure(expired=expired)
    client = bench.client()
    assert _together(8, lambda: client.orders(DAY)) == []
    assert bench.count("api_login") == 1
    bench.portal.expire_hashes()
    assert _together(8, lambda: client.orders(DAY)) == []
    assert bench.count("api_login") == 2


# ----------------------------------------------------------------------------------------- how it is sent


@pytest.mark.parametrize(
    ("way", "sent", "taken"),
    [
        ("api_user", {"api_user"}, [{"api_user"}, {"api_user", "hash"}]),
        ("hash", {"hash"}, [{"hash"}, {"api_user", "hash"}]),
        ("both", {"api_user", "hash"}, [{"api_user"}, {"hash"}, {"api_user", "hash"}]),
    ],
)
def test_a_message_is_authenticated_in_the_configured_way(
    bench: Bench, way: str, sent: set[str], taken: list[set[str]]
) -> None:
    client = bench.client(message_auth=way)
    for accepted in ({"api_user"}, {"hash"}, {"api_user", "hash"}):
        bench.portal.configure(message_auth=accepted)
        before = len(bench.portal.messages(bench.order))
        with suppress(Rejected):
            client.add_message(bench.order, "text", "error")
        assert len(bench.portal.messages(bench.order)) - before == (1 if accepted in taken else 0)
    for entry in bench.host.calls("xsp", "add_message"):
        assert {"api_user", "hash"} & set(entry.params) == sent
    assert (bench.count("api_login") == 0) is (way == "api_user")


@pytest.mark.parametrize("verb", ["get", "post"])
def test_everything_can_be_sent_by_get_or_by_post(bench: Bench, verb: str) -> None:
    client = bench.client(verb=verb)
    assert len(client.orders(DAY)) == 1
    client.add_message(bench.order, "Åäö & <b>+%", "alert")
    client.set_status(bench.order, "received")
    assert bench.portal.messages(bench.order) == [("alert", "Åäö & <b>+%")]
    assert bench.portal.statuses_written(bench.order) == ["received"]
    for entry in bench.host.calls():
        assert entry.method == verb.upper()
        assert ("method=" in entry.body) is (verb == "post")


def test_the_secrets_of_a_post_are_not_in_its_address() -> None:
    with serving(answering("<orders><response/></orders>")) as server, suppress(RemoteError):
        canned_client(server, verb="post").orders(DAY)
    assert [dict(asked.query) for asked in server.asked] == [{}]
    assert KEY.split("-")[1].encode() in server.asked[0].body
