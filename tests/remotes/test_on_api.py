"""The ON-API client's claims, over real HTTP: where it asks, what it reads, what it sends, and to whom (on_api.md)."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import Answer, Http, Limits, _TooLarge
from syncer.remotes.on_api import NetworkOrder, OnApi
from syncer.simulators.host import Fault, Host
from syncer.simulators.on_api import OnApiSimulator, Script
from syncer.simulators.on_api.simulator import VERSIONS
from tests.remotes.canned import Asked, Canned, Server, serving

ACCESS, FAST, SLOW = "prov0001", "FIBER-250-250", "FIBER-100-100"
PASSWORD = "lösen-till-nätet"
LIMITS = Limits(timeout=20, rate=10_000, max_answer=1_000_000)
BODY = {"accessId": ACCESS, "service": FAST, "spReference": "tg.1.s1", "spSubscriptionId": "tg.1"}
WAITS = Script(received_ticks=1, progress_ticks=1)


@dataclass
class Bench:
    """A network that listens, with one access, and clients of it."""

    host: Host
    net: OnApiSimulator

    def client(self, *, limits: Limits = LIMITS, password: str = PASSWORD, **options: Any) -> OnApi:
        http = Http("net", limits, auth=("sp", password))
        return OnApi(http, self.host.url_of("/net") + self.net.base, self.net.version, **options)

    def count(self, operation: str) -> int:
        return len(self.host.calls("net", operation))


@pytest.fixture
def benches() -> Iterator[Any]:
    """Makes networks: any version, any options."""
    with ExitStack() as stack:

        def make(version: str = "2.4", script: Script | None = None, **options: Any) -> Bench:
            net = OnApiSimulator("net", version, "sp", PASSWORD, mount="/net", **options)
            net.add_access(ACCESS, [FAST, SLOW], script)
            net.add_access("prov0002", [SLOW])
            return Bench(stack.enter_context(Host({"/net": net})), net)

        yield make


@pytest.fixture
def bench(benches: Any) -> Bench:
    made: Bench = benches()
    return made


def canned_client(server: Server, version: str = "2.4", **options: Any) -> OnApi:
    http = Http("net", LIMITS, auth=("sp", PASSWORD))
    return OnApi(http, f"{server.url}/onapi/{version}/", version, **options)


def as_json(content: Any, status: int = 200, **headers: str) -> Canned:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Canned(json.dumps(content).encode(), status, "application/json", named)


# ------------------------------------------------------------------------------------------------ discovery


@pytest.mark.parametrize("version", VERSIONS)
def test_discovery_tells_the_endpoints_and_is_asked_once(benches: Any, version: str) -> None:
    bench = benches(version, order_path="order/", scheduling=False)
    client = bench.client()
    for _ in range(3):
        assert client.abilities().unsupported == {"requestedDateTime"}
    assert client.abilities().found
    assert client.abilities().urls["orders"] == f"{bench.host.url}/net{bench.net.base}order/"
    client.activate(BODY)
    assert bench.count("discovery") == 1
    assert len(bench.net.activations()) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_network_without_discovery_is_asked_at_the_usual_paths(benches: Any, version: str) -> None:
    bench = benches(version, discovery=False)
    client = bench.client()
    assert not client.abilities().found
    assert client.activate(BODY).created
    assert client.orders(ACCESS)[0].reference == "tg.1.s1"
    assert bench.client(discovery=False).services(ACCESS) == [FAST, SLOW]
    assert bench.count("discovery") == 1


def test_configured_paths_go_before_what_discovery_says(benches: Any) -> None:
    bench = benches(order_path="order/")
    with pytest.raises(Rejected):
        bench.client(paths={"orders": "elsewhere/"}).activate(BODY)
    for path in ("order/", "order"):
        assert bench.client(paths={"orders": path}).orders(ACCESS) == []
    bench.client(discovery=False, paths={"orders": "order"}).activate(BODY)
    assert bench.client(discovery=False, paths={"orders": "order"}).order("o-5001") is not None


def _entry(name: str, endpoint: Any, version: Any = "2.4", **more: Any) -> dict[str, Any]:
    return {"name": name, "endpoint": endpoint, "version": version, "documentation": "x", **more}


def test_an_endpoint_is_used_wherever_and_however_it_is_written_on_our_host() -> None:
    ways = ["/onapi/2.4/order/", "/onapi/2.4/order", "order/", "{url}/onapi/2.4/order", "/inside/onapi/2.4/order/"]
    for way in ways:

        def answer(asked: Asked, way: str = way) -> Canned:
            if asked.path == "/onapi/2.4/":
                return as_json([_entry("order", way.replace("{url}", f"http://{asked.headers['host']}"))])
            return as_json({"orderId": "o-1", "state": "RECEIVED"})

        with serving(answer) as server:
            order = canned_client(server).order("o-1")
            assert order is not None
            assert server.asked[-1].path == "/onapi/2.4/order/o-1", way


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:1/onapi/2.4/orders/",
        "https://other.example/onapi/2.4/orders/",
        "//other.example/onapi/2.4/orders/",
        "http://[half/2.4/orders/",
        "http://127.0.0.1:999999/2.4/orders/",
        "",
        None,
        7,
        ["/onapi/2.4/orders/"],
        {"path": "/"},
    ],
)
def test_an_endpoint_elsewhere_or_nowhere_is_not_used(endpoint: Any) -> None:
    with serving(lambda asked: as_json([_entry("orders", endpoint)] if asked.path == "/onapi/2.4/" else [])) as server:
        assert canned_client(server, hosts=["127.0.0.1"]).orders(ACCESS) == []
        assert [asked.path for asked in server.asked] == ["/onapi/2.4/", "/onapi/2.4/orders/"]


def test_an_endpoint_on_a_configured_host_is_used_over_tls_only() -> None:
    found = [_entry("orders", "https://two.example/2.4/orders/"), _entry("accesses", "http://two.example/2.4/a/")]
    with serving(as_json(found)) as server:
        urls = canned_client(server, hosts=["two.example"]).abilities().urls
    assert urls == {"orders": "https://two.example/2.4/orders/"}


@pytest.mark.parametrize("version", ["2.3.1", "2.5", ["2.5"], {}, [], 2.5])
def test_entries_of_another_version_count_for_nothing(version: Any) -> None:
    found = [
        _entry("orders", "/onapi/2.5/orders/", version, unsupportedFields=["equipment"]),
        _entry("orders", "/onapi/2.4/orders/", "2.4", unsupportedFields=["externalNote", 7, None]),
        _entry("order", "/onapi/2.4/order/", "2.4"),
        "orders",
        None,
        _entry("accesses", "/onapi/2.4/accesses/", 2.4),
        {"name": None, "endpoint": "/onapi/2.4/x/"},
        {},
    ]
    with serving(as_json(found)) as server:
        abilities = canned_client(server).abilities()
    if version:  # an empty one is no version
        assert abilities.unsupported == {"externalNote"}
        assert abilities.urls["orders"] == f"{server.url}/onapi/2.4/orders/"
    assert abilities.urls["accesses"] == f"{server.url}/onapi/2.4/accesses/"


@pytest.mark.parametrize(
    "answer",
    [
        Canned(b"<html>Login</html>", content_type="text/html"),
        Canned(b"[", content_type="application/json"),
        Canned(b"", content_type="application/json"),
        as_json({"name": "orders"}),
        as_json([], 400),
        as_json([], 302, Location="http://127.0.0.1:1/"),
        as_json([], 302, Location="http://[half/"),
        as_json([], 301, Location="http://127.0.0.1:999999/"),
        as_json([], 500),
        Canned(b"[" * 100_000, content_type="application/json"),
    ],
)
def test_discovery_that_cannot_be_read_may_be_an_outage_and_is_asked_again(answer: Canned) -> None:
    with serving(answer) as server:
        client = canned_client(server)
        for _ in range(2):
            with pytest.raises(Unavailable):
                client.activate(BODY)
        assert [asked.method for asked in server.asked] == ["GET", "GET"]
        server.answer = lambda _: as_json([])
        assert client.abilities().found


# ----------------------------------------------------------------------------- accesses and subscriptions


@pytest.mark.parametrize("version", VERSIONS)
def test_the_services_of_an_access_are_read_in_each_version(benches: Any, version: str) -> None:
    client = benches(version).client()
    assert client.services(ACCESS) == [FAST, SLOW]
    assert client.services("unknown") is None


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"cause": "?"}, 501),
        as_json({"accessId": ACCESS}),
        as_json({"accessId": ACCESS, "services": "all"}),
        as_json({"accessId": ACCESS, "services": None}),
    ],
)
def test_offers_that_cannot_be_told_are_none(answer: Canned) -> None:
    with serving(answer) as server:
        assert canned_client(server, discovery=False).services(ACCESS) is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("empty", [200, 404])
def test_our_subscriptions_on_an_access_are_read_in_each_version(benches: Any, version: str, empty: int) -> None:
    bench = benches(version, empty_subscriptions=empty)
    client = bench.client()
    assert client.subscriptions(ACCESS) == []
    assert client.subscriptions("unknown") == []
    bench.net.add_subscription("prov0002", SLOW, "K-2")
    bench.net.add_subscription(ACCESS, FAST, "K-1", "S-1")
    bench.net.add_subscription(ACCESS, SLOW, "other")
    (mine,) = client.subscriptions(ACCESS) or []
    assert (mine.access, mine.service, mine.reference, mine.sp_subscription_id) == (ACCESS, FAST, "K-1", "S-1")
    assert (mine.subscription_id, mine.state) == ("sub-7002", "ACTIVATED")


def test_subscriptions_that_a_network_does_not_show_are_none_and_not_no_subscriptions(benches: Any) -> None:
    assert benches("2.6", subscriptions=False).client().subscriptions(ACCESS) is None


SUB = {"subscriptionId": "s-1", "service": FAST, "spReference": "K-1"}


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("2.4", [{**SUB, "accessId": ACCESS}, {**SUB, "accessId": "prov0002"}]),
        ("2.4", [SUB]),
        ("2.4", [{"accessId": ACCESS, "subscriptions": [SUB]}]),
        ("2.6", {"accessId": ACCESS, "subscriptions": [SUB]}),
        ("2.6", {"subscriptions": [SUB]}),
        ("2.6", [{"accessId": ACCESS, "subscriptions": [SUB]}, {"accessId": "prov0002", "subscriptions": [SUB]}]),
        ("2.6", [{**SUB, "accessId": ACCESS}]),
    ],
)
def test_subscriptions_are_read_flat_and_grouped_with_and_without_their_access(version: str, found: Any) -> None:
    def answer(asked: Asked) -> Canned:
        return as_json(found) if "subscriptions" in asked.path else as_json({"accessId": ACCESS})

    with serving(answer) as server:
        items = canned_client(server, version, discovery=False).subscriptions(ACCESS) or []
    assert [(item.subscription_id, item.reference) for item in items] == [("s-1", "K-1")]


@pytest.mark.parametrize("found", [{}, {"cause": "oops"}, "none", 0, None, ["none"], [[SUB]]])
@pytest.mark.parametrize("version", ["2.4", "2.6"])
def test_what_is_no_list_is_never_read_as_an_empty_one(version: str, found: Any) -> None:
    def answer(asked: Asked) -> Canned:
        return as_json({"accessId": ACCESS}) if "accesses" in asked.path else as_json(found)

    with serving(answer) as server:
        client = canned_client(server, version, discovery=False)
        with pytest.raises(Unreadable):
            client.subscriptions(ACCESS)
        with pytest.raises(Unreadable):
            client.orders(ACCESS)


# --------------------------------------------------------------------------------------------------- orders


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_is_placed_followed_listed_and_cancelled(benches: Any, version: str) -> None:
    bench = benches(version, WAITS)
    client = bench.client()
    placed = client.activate(BODY)
    assert (placed.created, placed.order_id, placed.state, placed.reference) == (True, "o-5001", "RECEIVED", "tg.1.s1")
    assert placed.path == f"/net{bench.net.base}orders/o-5001"
    for ref in ("o-5001", placed.path, f"{bench.host.url}{placed.path}"):
        found = client.order(ref)
        assert found is not None
        assert found.order_id == "o-5001"
    assert [order.order_id for order in client.orders(ACCESS)] == ["o-5001"]
    assert client.orders("prov0002") == []
    client.cancel("o-5001")
    assert client.order("o-5001") is None


@pytest.mark.parametrize("state_field", ["state", "status"])
def test_the_state_is_read_under_either_name_and_in_capitals(benches: Any, state_field: str) -> None:
    client = benches(script=WAITS, state_field=state_field).client()
    assert client.activate(BODY).state == "RECEIVED"
    with serving(as_json({"orderId": "o-1", state_field: "done_success"})) as server:
        found = canned_client(server, discovery=False).order("o-1")
    assert found is not None
    assert found.state == "DONE_SUCCESS"


@pytest.mark.parametrize("full", [True, False])
def test_an_order_that_stands_already_is_told_from_a_new_one(benches: Any, full: bool) -> None:
    bench = benches(script=WAITS, full_existing=full)
    client = bench.client()
    client.activate(BODY)
    again = client.activate(BODY)
    assert (again.created, again.state) == (False, "RECEIVED")
    assert again.path == f"/net{bench.net.base}orders/o-5001"
    assert again.reference == ("tg.1.s1" if full else None)


def test_what_is_active_already_is_an_order_without_a_path(bench: Bench) -> None:
    bench.net.add_subscription(ACCESS, FAST, "K-1")
    placed = bench.client().activate(BODY)
    assert (placed.created, placed.state, placed.ref, placed.reference) == (False, "DONE_SUCCESS", None, None)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/onapi/2.4/orders/o-7", "/onapi/2.4/orders/o-7"),
        ("o-7", "/onapi/2.4/orders/o-7"),
        ("{url}/onapi/2.4/orders/o-7", "/onapi/2.4/orders/o-7"),
        ("http://127.0.0.1:1/onapi/2.4/orders/o-7", "http://127.0.0.1:1/onapi/2.4/orders/o-7"),
        ("http://[half/", None),
    ],
)
def test_an_order_without_an_id_is_known_by_its_location(location: str, path: str | None) -> None:
    def answer(asked: Asked) -> Canned:
        where = location.replace("{url}", f"http://{asked.headers['host']}")
        return as_json({"state": "RECEIVED"}, 201, Location=where)

    with serving(answer) as server:
        placed = canned_client(server, discovery=False).activate(BODY)
    assert (placed.created, placed.ref) == (True, path)


def test_an_order_at_another_host_is_not_asked_for() -> None:
    with serving(as_json({})) as server:
        client = canned_client(server, discovery=False)
        for ref in ("http://127.0.0.1:1/onapi/2.4/orders/o-7", "//other.example/o-7", "http://[half/", "https://x:y/"):
            with pytest.raises(Rejected, match="another host"):
                client.order(ref)
            with pytest.raises(Rejected, match="another host"):
                client.cancel(ref)
        assert server.asked == []


def test_an_answer_about_another_order_is_unreadable() -> None:
    with serving(as_json({"orderId": "o-2", "state": "DONE_SUCCESS"})) as server:
        client = canned_client(server, discovery=False)
        with pytest.raises(Unreadable, match="another order"):
            client.order("o-1")


def test_orders_of_another_access_are_left_out_where_the_filter_is_ignored() -> None:
    found = [{"orderId": "o-1", "accessId": ACCESS}, {"orderId": "o-2", "accessId": "prov0002"}, {"orderId": "o-3"}]
    with serving(as_json(found)) as server:
        orders = canned_client(server, discovery=False).orders(ACCESS)
        assert server.asked[0].query == {"accessId": ACCESS}
    assert [order.order_id for order in orders] == ["o-1", "o-3"]


def test_fields_of_any_type_make_an_order_or_leave_it_empty() -> None:
    odd: dict[str, Any] = {
        "orderId": 7,
        "path": None,
        "state": 3.5,
        "message": ["x"],
        "service": {},
        "spReference": True,
    }
    with serving(as_json(odd)) as server:
        found = canned_client(server, discovery=False).order("7")
    assert found == NetworkOrder(order_id="7")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (as_json({"cause": "Ref 40017"}, 400), Rejected),
        (as_json({"cause": "Upptagen"}, 409), Rejected),
        (as_json({"cause": "?"}, 404), Rejected),
        (as_json({"cause": "?"}, 501), Rejected),
        (as_json({}, 401), AccessDenied),
        (as_json({}, 403), AccessDenied),
        (as_json({}, 429), Unavailable),
        (as_json({"cause": "Fel 7"}, 500), Uncertain),
        (as_json({}, 503), Uncertain),
        (as_json({}, 301, Location="/x"), Unavailable),
        (as_json({}, 307, Location="/x"), Unavailable),
        (as_json({}, 308, Location="/x"), Unavailable),
        (as_json({}, 302, Location="/x"), Uncertain),
        (as_json({}, 303, Location="/onapi/2.4/orders/o-1"), Uncertain),
        (as_json([], 201), Uncertain),
        (as_json("RECEIVED", 200), Uncertain),
        (Canned(b"", 201), Uncertain),
        (Canned(b"", 204), Uncertain),
        (Canned(b"<html>OK</html>", 200, "text/html"), Uncertain),
        (Canned(b'{"orderId": "o-1", "sta', 201, "application/json"), Uncertain),
        (Canned(b"[" * 100_000, 201, "application/json"), Uncertain),
    ],
)
def test_a_post_is_refused_without_effect_or_uncertain_by_its_answer(answer: Canned, kind: type[RemoteError]) -> None:
    with serving(answer) as server:
        with pytest.raises(kind):
            canned_client(server, discovery=False).activate(BODY)
        assert [asked.method for asked in server.asked] == ["POST"]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (as_json({"cause": "Service 'X' saknas. Ref 40017"}, 400), "Service 'X' saknas. Ref 40017"),
        (as_json({"cause": "x" * 999}, 400), "x" * 255),
        (as_json({"cause": ""}, 409), "HTTP 409"),
        (as_json({"cause": ["x"]}, 409), "HTTP 409"),
        (as_json({}, 400), "HTTP 400"),
        (as_json([], 400), "HTTP 400"),
        (Canned(b"", 400), "HTTP 400"),
        (Canned(b"<html><h1>Bad Request</h1></html>", 400, "text/html"), "HTTP 400"),
    ],
)
def test_a_refusal_carries_the_networks_cause_and_never_a_page(answer: Canned, cause: str) -> None:
    with serving(answer) as server, pytest.raises(Rejected) as caught:
        canned_client(server, discovery=False).activate(BODY)
    assert caught.value.cause == cause


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_cancel_that_comes_too_late_is_refused_whatever_the_code(status: int) -> None:
    with serving(as_json({}, status)) as server, pytest.raises(Rejected):
        canned_client(server, discovery=False).cancel("o-1")


def test_a_cancel_that_is_answered_with_nothing_and_no_204_is_uncertain() -> None:
    with serving(lambda _asked: Canned(b"", status=200)) as server, pytest.raises(Uncertain):
        canned_client(server, discovery=False).cancel("o-1")


def test_a_cancel_with_wrong_credentials_is_access_denied(bench: Bench) -> None:
    with pytest.raises(AccessDenied):
        bench.client(discovery=False, password="fel").cancel("o-1")


def test_events_are_read_from_the_last_one_on(bench: Bench) -> None:
    bench.net.set_script(ACCESS, WAITS)
    client = bench.client()
    assert client.events(None) == []
    client.activate(BODY)
    ((first, order),) = client.events(None)
    assert (order.path, order.access, order.service) == ("/net/onapi/2.4/orders/o-5001", ACCESS, FAST)
    assert client.events(first) == []
    bench.net.tick(2)
    assert [order.state for _, order in client.events(first)] == ["IN_PROGRESS", "DONE_SUCCESS"]
    with pytest.raises(Rejected):
        client.events("unknown")


def test_events_that_make_no_sense_are_left_out() -> None:
    found = [None, 7, {}, {"event": 1}, {"event": 2, "order": {"path": 5}}, {"order": {"path": "/a"}}]
    with serving(as_json([*found, {"event": 3, "order": {"path": "/a/o-1"}}])) as server:
        events = canned_client(server, discovery=False).events(None)
    assert [(event, order.path) for event, order in events] == [("3", "/a/o-1")]


# ------------------------------------------------------------------------------------------ slashes, redirects


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("slashes", ["either", "required", "redirect"])
def test_the_usual_slashes_are_right_for_every_network(benches: Any, version: str, slashes: str) -> None:
    bench = benches(version, WAITS, trailing_slash=slashes)
    client = bench.client()
    client.activate(BODY)
    assert client.order("o-5001")
    assert client.orders(ACCESS)
    assert client.services(ACCESS)
    assert client.subscriptions(ACCESS) == []
    client.cancel("o-5001")
    assert bench.net.complaints() == []


def test_a_read_follows_a_redirect_for_a_slash_and_keeps_its_filter(benches: Any) -> None:
    bench = benches(script=WAITS, trailing_slash="redirect")
    bench.client().activate(BODY)
    bench.net.add_access("prov0003", [FAST])
    client = bench.client(paths={"orders": "orders"})
    assert client.orders("prov0003") == []
    assert [order.order_id for order in client.orders(ACCESS)] == ["o-5001"]


def test_a_write_follows_no_redirect(benches: Any) -> None:
    bench = benches(script=WAITS, trailing_slash="redirect")
    with pytest.raises(Unavailable, match="paths"):
        bench.client(paths={"orders": "orders"}).activate(BODY)
    assert bench.host.effects() == []
    assert bench.count("orders.create") == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_read_follows_one_redirect_on_its_own_host_and_none_elsewhere(status: int) -> None:
    with serving(as_json([{"orderId": "o-9"}])) as elsewhere:
        for target in (elsewhere.url + "/", "https://127.0.0.1/", "http://[half/", "/loop"):
            with serving(as_json([], status, Location=target)) as server:
                client = canned_client(server, discovery=False)
                with pytest.raises(Unavailable):
                    client.orders(ACCESS)
                assert len(server.asked) == (2 if target == "/loop" else 1)
        assert elsewhere.asked == []


# --------------------------------------------------------------------------- credentials, and what is not sent


def test_the_credentials_of_one_network_never_reach_another() -> None:
    """Each network points at the other in every way that an answer can."""
    with serving(as_json([])) as one, serving(as_json([])) as two:

        def lure(other: Server) -> Any:
            def answer(asked: Asked) -> Canned:
                if asked.method == "POST":
                    return as_json({"path": f"{other.url}/2.4/orders/o-1"}, 201, Location=f"{other.url}/2.4/orders/o-1")
                if asked.path.endswith("/2.4/"):
                    names = ("orders", "accesses", "services", "subscriptions", "orderevents")
                    return as_json([_entry(name, f"{other.url}/onapi/2.4/{name}/") for name in names])
                return as_json([], 302, Location=f"{other.url}{asked.path}")

            return answer

        one.answer, two.answer = lure(two), lure(one)
        for server, password in ((one, "first-secret"), (two, "second-secret")):
            client = OnApi(Http("n", LIMITS, auth=("sp", password)), f"{server.url}/onapi/2.4/", "2.4")
            placed = client.activate(BODY)
            _fails_each(
                partial(client.order, placed.ref or ""),
                partial(client.cancel, placed.ref or ""),
                partial(client.orders, ACCESS),
                partial(client.services, ACCESS),
                partial(client.subscriptions, ACCESS),
                partial(client.events, None),
            )
        sent = [{asked.headers["authorization"] for asked in server.asked} for server in (one, two)]
    assert [len(headers) for headers in sent] == [1, 1]
    assert sent[0].isdisjoint(sent[1])


def _fails_each(*calls: Callable[[], object]) -> None:
    for call in calls:
        with pytest.raises((Unavailable, Rejected)):
            call()


def test_a_wrong_password_is_access_denied_and_not_shown(bench: Bench) -> None:
    with pytest.raises(AccessDenied) as caught:
        bench.client(password="fel-lösen").orders(ACCESS)
    assert "fel" not in str(caught.value) + repr(vars(caught.value))


def test_an_order_is_sent_as_utf8_json_with_what_was_asked_and_the_operation(bench: Bench) -> None:
    bench.client().activate(BODY)
    (entry,) = bench.host.calls("net", "orders.create")
    assert json.loads(entry.body) == {"operation": "ACTIVATE", **BODY}
    assert entry.headers["content-type"] == "application/json"


HASTY = Limits(timeout=0.15, rate=10_000, max_answer=1_000_000)
OPTIONS: dict[Fault, dict[str, Any]] = {
    Fault.HUGE: {"size": 8_000_000},
    Fault.GZIP_BOMB: {"size": 8_000_000},
    Fault.DRIP: {"every": 0.05},
}


@pytest.mark.parametrize("fault", Fault)
def test_no_fault_makes_a_read_succeed_or_is_read_as_absence(bench: Bench, fault: Fault) -> None:
    bench.net.set_script(ACCESS, WAITS)
    client = bench.client(limits=HASTY)
    client.activate(BODY)
    calls: dict[str, Callable[[], object]] = {
        "orders.list": partial(client.orders, ACCESS),
        "orders.get": partial(client.order, "o-5001"),
        "accesses.get": partial(client.subscriptions, ACCESS),
    }
    for operation, call in calls.items():
        bench.host.fault(fault, "net", operation, **OPTIONS.get(fault, {}))
        with pytest.raises((Unavailable, Unreadable, Rejected)):
            call()


@pytest.mark.parametrize("fault", Fault)
def test_no_fault_hides_that_an_order_was_placed_and_none_is_sent_twice(bench: Bench, fault: Fault) -> None:
    client = bench.client(limits=HASTY)
    client.abilities()
    bench.host.fault(fault, "net", "orders.create", **OPTIONS.get(fault, {}))
    with pytest.raises(RemoteError) as caught:
        client.activate(BODY)
    assert isinstance(caught.value, Uncertain) or bench.host.effects() == []
    assert bench.count("orders.create") == 1
    assert PASSWORD not in str(caught.value)
    assert bench.host.url not in str(caught.value)


def test_an_order_whose_answer_is_cut_at_any_byte_is_uncertain(bench: Bench) -> None:
    bench.net.set_script(ACCESS, WAITS)
    whole = json.dumps({"orderId": "o-1", "path": "/onapi/2.4/orders/o-1", "state": "DONE_SUCCESS", **BODY}).encode()
    cut = [whole]
    with serving(lambda _: Canned(cut[0], 201, "application/json")) as server:
        client = canned_client(server, discovery=False)
        assert client.activate(BODY).state == "DONE_SUCCESS"
        for end in range(len(whole)):
            cut[0] = whole[:end]
            with pytest.raises(Uncertain):
                client.activate(BODY)


def test_a_late_cut_or_a_wrong_type_never_reads_as_cancelled(benches: Any) -> None:
    bench = benches(script=WAITS)
    client = bench.client(limits=HASTY)
    client.activate(BODY)
    for fault in (Fault.RESET_BEFORE, Fault.TIMEOUT_BEFORE, Fault.ERROR_BEFORE, Fault.REDIRECT):
        bench.host.fault(fault, "net", "orders.cancel")
        with pytest.raises((Uncertain, Unavailable)):
            client.cancel("o-5001")
    assert [order["state"] for order in bench.net.orders()] == ["RECEIVED"]


def test_every_pair_of_a_version_and_a_deviation_is_read(benches: Any) -> None:
    deviations: list[dict[str, Any]] = [
        {"sparse_lists": True},
        {"causes": False},
        {"swedish_causes": True},
        {"html_errors": True},
        {"early_subscription_id": False},
        {"echo_reference": False},
    ]
    for version, options in itertools.product(VERSIONS, deviations):
        client = benches(version, WAITS, **options).client()
        assert client.activate(BODY).state == "RECEIVED"
        assert client.services(ACCESS) == [FAST, SLOW]
        assert client.services("unknown") is None
        assert client.order("o-9999") is None
        with pytest.raises(Rejected) as caught:
            client.activate({**BODY, "accessId": "unknown"})
        assert "<" not in caught.value.cause


def test_a_list_of_endpoints_that_is_too_long_is_an_outage_and_no_bug() -> None:
    """As one that can't be read: it is asked for again before anything is concluded from it."""

    class Endless(Http):
        def _send(self, method: str, url: str, request: dict[str, Any]) -> Answer:
            raise _TooLarge

    client = OnApi(Endless("net", Limits()), "http://127.0.0.1:1/onapi/2.4/", "2.4")
    with pytest.raises(Unavailable, match=r"the answer passes .*discovery = false"):
        client.abilities()
