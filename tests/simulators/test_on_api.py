"""Claims about the simulated ON-API, from on_api.md; the program's own client has no part in them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncer.simulators.on_api import OnApiSimulator, Script, Service
from syncer.simulators.wire import Reply, Request

FAST, SLOW = "FIBER-250-250", "FIBER-100-100"
START = datetime(2030, 1, 15, 12, 0, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Bench:
    """A simulator with one access, and short ways to ask it."""

    def __init__(self, version: str = "2.4", script: Script | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.sim = OnApiSimulator("net", version, "user", "lösen", now=self.clock, **options)
        self.sim.add_access("prov0001", [FAST, SLOW, Service("TV-1", kind="tv")], script)

    def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> Reply:
        path, _, query = path.partition("?")
        pairs = dict(part.split("=", 1) for part in query.split("&") if part)
        token = base64.b64encode("user:lösen".encode()).decode()
        sent = {"authorization": f"Basic {token}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.sim.handle(Request(method, self.sim.base + path, pairs, sent, raw))

    def get(self, path: str) -> Any:
        reply = self.ask("GET", path)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def order(self, **fields: Any) -> Reply:
        return self.ask("POST", "orders/", _activate(**fields))

    def placed(self, **fields: Any) -> str:
        reply = self.order(**fields)
        assert reply.status == 201, reply.body
        return str(json.loads(reply.body)["orderId"])

    def state_of(self, order: str) -> str:
        return str(self.get(f"orders/{order}")["state"])


def _activate(**fields: Any) -> dict[str, Any]:
    body = {"accessId": "prov0001", "service": FAST, "operation": "ACTIVATE", "spReference": "K-2041"} | fields
    return {name: value for name, value in body.items() if value != "(none)"}


def _cause(reply: Reply) -> str:
    return str(json.loads(reply.body)["cause"])


def _http_date(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


# ----------------------------------------------------------------------------------------- who and where


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!", "Basic dXNlcjp4", "Bearer dXNlcjp4"])
def test_wrong_credentials_are_refused_everywhere(header: str) -> None:
    bench = Bench()
    for path in ("", "accesses/", "nowhere"):
        reply = bench.ask("GET", path, authorization=header)
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"].startswith("Basic")


def test_a_forbidden_user_gets_403() -> None:
    assert Bench(forbidden=True).ask("GET", "accesses/").status == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "tickets"), ("POST", "accesses/"), ("GET", "order/"), ("DELETE", "orders/"), ("GET", "services/")],
)
def test_what_is_not_implemented_is_501(method: str, path: str) -> None:
    assert Bench().ask(method, path).status == 501


def test_another_version_in_the_path_is_501() -> None:
    bench = Bench("2.5")
    assert bench.ask("GET", "orders/").status == 200
    token = base64.b64encode("user:lösen".encode()).decode()
    elsewhere = Request("GET", "/onapi/2.4/orders/", {}, {"authorization": f"Basic {token}"})
    assert bench.sim.handle(elsewhere).status == 501


def test_discovery_lists_the_endpoints_below_the_mount() -> None:
    found = Bench(mount="/net").get("")
    assert {item["name"]: item["endpoint"] for item in found} == {
        "accesses": "/net/onapi/2.4/accesses/",
        "subscriptions": "/net/onapi/2.4/subscriptions/",
        "orders": "/net/onapi/2.4/orders/",
        "orderevents": "/net/onapi/2.4/orderevents/",
    }
    assert all(item["version"] == "2.4" and item["documentation"] for item in found)


def test_discovery_can_be_missing() -> None:
    assert Bench(discovery=False).ask("GET").status == 501


def test_a_network_without_scheduling_says_so_and_refuses_a_future_date() -> None:
    bench = Bench(scheduling=False)
    assert {"requestedDateTime"} == {name for item in bench.get("") for name in item.get("unsupportedFields", ())}
    reply = bench.order(requestedDateTime="2031-01-01T00:00:00Z")
    assert reply.status == 400
    assert "requestedDateTime" in _cause(reply)
    assert bench.order(requestedDateTime="2029-01-01T00:00:00Z").status == 201


def test_the_singular_order_path_is_the_only_one_where_it_is_chosen() -> None:
    bench = Bench(order_path="order/")
    reply = bench.ask("POST", "order/", _activate())
    assert reply.headers["Location"] == "/onapi/2.4/order/o-5001"
    assert bench.ask("GET", "order/o-5001").status == 200
    assert bench.ask("GET", "orders/").status == 501
    assert "order" in [item["name"] for item in bench.get("")]


def test_trailing_slashes_can_matter() -> None:
    assert Bench().ask("GET", "orders").status == 200
    assert Bench(trailing_slash="required").ask("GET", "orders").status == 404
    redirected = Bench(trailing_slash="redirect").ask("GET", "orders")
    assert (redirected.status, redirected.headers["Location"]) == (301, "orders/")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "", "discovery"),
        ("GET", "accesses/", "accesses.list"),
        ("GET", "accesses/prov0001", "accesses.get"),
        ("GET", "orders/", "orders.list"),
        ("GET", "orders/o-1", "orders.get"),
        ("POST", "orders/", "orders.create"),
        ("PUT", "orders/o-1", "orders.replace"),
        ("PATCH", "orders/o-1", "orders.change"),
        ("DELETE", "orders/o-1", "orders.cancel"),
        ("GET", "orderevents/", "orderevents.list"),
        ("GET", "tickets", "unknown"),
    ],
)
def test_operations_have_names(method: str, path: str, name: str) -> None:
    sim = Bench().sim
    assert sim.operation(Request(method, sim.base + path)) == name


# ------------------------------------------------------------------------------- accesses, subscriptions


def test_an_access_of_24_has_yes_and_no_and_its_subscriptions() -> None:
    bench = Bench()
    bench.sim.add_subscription("prov0001", SLOW, "K-1", "S-1")
    access = bench.get("accesses/prov0001")
    assert access["services"][0]["connection"] == "YES"
    assert access["services"][0]["available"] == "YES"  # our own other speed doesn't count
    assert [sub["spReference"] for sub in access["subscriptions"]] == ["K-1"]
    assert "subscriptions" not in bench.get("accesses/")[0]


def test_an_access_of_25_has_date_times() -> None:
    service = Bench("2.5").get("accesses/prov0001")["services"][0]
    assert service["connectionDateTime"].endswith("Z")
    assert service["disconnectionDateTime"] == ""
    assert "available" not in service


def test_an_access_of_26_has_its_services_elsewhere() -> None:
    bench = Bench("2.6")
    assert "services" not in bench.get("accesses/prov0001")
    assert bench.get("services/")[0]["accessId"] == "prov0001"
    assert [item["service"] for item in bench.get("services/prov0001")["services"]] == [FAST, SLOW, "TV-1"]


def test_another_providers_service_makes_its_kind_unavailable_and_stays_hidden() -> None:
    bench = Bench()
    bench.sim.add_subscription("prov0001", SLOW, "other")
    access = bench.get("accesses/prov0001")
    assert [item["available"] for item in access["services"]] == ["NO", "NO", "YES"]
    assert access["subscriptions"] == []
    assert bench.get("subscriptions/") == []


def test_no_access_at_all_is_404_and_so_is_an_unknown_one() -> None:
    empty = Bench()
    empty.sim.network.accesses.clear()
    assert empty.ask("GET", "accesses/").status == 404
    assert Bench().ask("GET", "accesses/prov0009").status == 404


def test_an_access_that_is_not_known_gets_no_orders() -> None:
    bench = Bench()
    bench.sim.add_access("prov0002", [FAST], known=False)
    reply = bench.order(accessId="prov0002")
    assert reply.status == 400
    assert "accessId" in _cause(reply)


def test_if_modified_since_gives_only_what_changed() -> None:
    bench = Bench()
    bench.clock.pass_(10)
    first = bench.ask("GET", "accesses/")
    stamp = first.headers["Last-Modified"]
    assert bench.ask("GET", "accesses/", if_modified_since=stamp).status == 304
    bench.sim.add_access("prov0002", [FAST])
    later = bench.ask("GET", "accesses/", if_modified_since=stamp)
    assert [item["accessId"] for item in json.loads(later.body)] == ["prov0002"]


def test_a_change_in_the_second_of_an_answer_is_not_missed() -> None:
    bench = Bench()
    stamp = bench.ask("GET", "accesses/").headers["Last-Modified"]
    bench.clock.pass_(0.5)
    bench.sim.add_subscription("prov0001", FAST)
    assert bench.ask("GET", "accesses/", if_modified_since=stamp).status == 200


@pytest.mark.parametrize("stamp", ["yesterday", "2030-01-15T12:00:00Z", "Tue, 15 Jan 2030 12:00:00 +0100"])
def test_if_modified_since_must_be_an_http_date(stamp: str) -> None:
    assert Bench().ask("GET", "accesses/", if_modified_since=stamp).status == 400


def test_subscriptions_are_flat_until_25_and_grouped_in_26() -> None:
    for version in ("2.4", "2.5"):
        bench = Bench(version)
        bench.sim.add_subscription("prov0001", FAST)
        assert bench.get("subscriptions/")[0]["operationalState"] == "ACTIVATED"
        assert bench.ask("GET", "subscriptions/prov0001").status == 501
    bench = Bench("2.6")
    bench.sim.add_subscription("prov0001", FAST)
    group = bench.get("subscriptions/prov0001")
    assert bench.get("subscriptions/") == [group]
    assert group["subscriptions"][0]["connectionDate"] == "2030-01-15"


def test_an_ended_subscription_is_a_change() -> None:
    bench = Bench()
    subscription = bench.sim.add_subscription("prov0001", FAST)
    bench.clock.pass_(5)
    stamp = bench.ask("GET", "subscriptions/").headers["Last-Modified"]
    assert bench.ask("GET", "subscriptions/", if_modified_since=stamp).status == 304
    bench.sim.end_subscription(subscription)
    assert bench.ask("GET", "subscriptions/", if_modified_since=stamp).body == b"[]"


def test_subscriptions_can_be_unimplemented() -> None:
    bench = Bench(subscriptions=False)
    assert bench.ask("GET", "subscriptions/").status == 501
    assert "subscriptions" not in [item["name"] for item in bench.get("")]


# ------------------------------------------------------------------------------------- what is accepted


def test_an_activation_answers_201_with_location_and_has_an_effect() -> None:
    bench = Bench(mount="/net")
    reply = bench.order(spSubscriptionId="S-90017")
    view = json.loads(reply.body)
    assert reply.status == 201
    assert reply.headers["Location"] == view["path"] == "/net/onapi/2.4/orders/o-5001"
    assert view["state"] == "DONE_SUCCESS"
    assert (view["spReference"], view["spSubscriptionId"]) == ("K-2041", "S-90017")
    expected = {"access": "prov0001", "service": FAST, "order": "o-5001", "reference": "K-2041"}
    assert reply.effect == {"what": "activate", **expected}
    assert [made["reference"] for made in bench.sim.activations("prov0001")] == ["K-2041"]


def test_a_finished_activation_is_a_subscription() -> None:
    bench = Bench()
    made = json.loads(bench.order(spSubscriptionId="S-90017").body)
    [sub] = bench.get("subscriptions/")
    assert sub["subscriptionId"] == made["subscriptionId"]
    assert (sub["spReference"], sub["spSubscriptionId"]) == ("K-2041", "S-90017")


def test_answers_can_leave_out_our_references() -> None:
    bench = Bench(echo_reference=False)
    reply = bench.order(spSubscriptionId="S-90017")
    for view in (json.loads(reply.body), bench.get("subscriptions/")[0], bench.get("orders/o-5001")):
        assert not {"spReference", "spSubscriptionId"} & view.keys()
    assert bench.sim.subscriptions_of("prov0001")[0]["reference"] == "K-2041"


def test_the_state_can_be_called_status() -> None:
    view = json.loads(Bench(state_field="status").order().body)
    assert view["status"] == "DONE_SUCCESS"
    assert "state" not in view


def test_the_subscription_id_can_come_late() -> None:
    bench = Bench(script=Script(received_ticks=1), early_subscription_id=False)
    order = bench.placed()
    assert "subscriptionId" not in bench.get(f"orders/{order}")
    bench.sim.tick()
    assert "subscriptionId" in bench.get(f"orders/{order}")


def test_null_is_as_good_as_absent_for_an_optional_field() -> None:
    assert Bench().order(equipment=None, requestedDateTime=None).status == 201


@pytest.mark.parametrize("version", ["2.5", "2.6"])
def test_a_reference_is_mandatory_in_24_only(version: str) -> None:
    assert "spReference" in _cause(Bench("2.4").order(spReference="(none)"))
    assert Bench(version).order(spReference="(none)").status == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accessId", "(none)"),
        ("accessId", None),
        ("accessId", 1),
        ("accessId", "prov_0001"),
        ("accessId", "prov0009"),
        ("service", ""),
        ("service", "x" * 256),
        ("service", "FIBER-9"),
        ("service", "fiber-250-250"),
        ("operation", "activate"),
        ("operation", "(none)"),
        ("operation", ["ACTIVATE"]),
        ("spReference", ""),
        ("spReference", "K" * 37),
        ("spReference", "K 1"),
        ("spReference", "K-1\n"),
        ("spReference", 2041),
        ("spReference", "19811218-9876"),
        ("spSubscriptionId", "K-8112189876"),
        ("spSubscriptionId", "å"),
        ("requestedDateTime", "2031-05-10"),
        ("requestedDateTime", "2031-05-10T00:00:00"),
        ("requestedDateTime", "2031-05-10T00:00:00+02:00"),
        ("requestedDateTime", "2031-05-10 00:00:00Z"),
        ("requestedDateTime", "2031-05-10T00:00:00.12345Z"),
        ("requestedDateTime", "2031-02-30T00:00:00Z"),
        ("requestedDateTime", 1904688000),
        ("forcedTakeover", "false"),
        ("forcedTakeover", 0),
        ("forcedTakeover", True),
        ("equipment", {"vendorId": "x"}),
        ("equipment", [{"vendorId": "x", "macAddress": "0A1B2C3D4E5F"}]),
        ("equipment", [{"vendor": "x"}]),
        ("characteristics", []),
        ("characteristics", {"fixedIp": "yes"}),
        ("characteristics", {"ipAddresses": ["192.0.2.300"]}),
        ("externalNote", 5),
        ("orderId", "o-1"),
        ("state", "RECEIVED"),
        ("customerName", "Prov Person"),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused_by_name(field: str, value: Any) -> None:
    bench = Bench()
    reply = bench.order(**{field: value})
    assert reply.status == 400
    assert field in _cause(reply)
    assert reply.effect is None
    assert bench.sim.orders() == []
    assert [item["cause"] for item in bench.sim.refused] == [_cause(reply)]


@pytest.mark.parametrize("time", ["2031-05-10T00:00:00Z", "2031-05-10T00:00:00.1234Z"])
def test_a_utc_date_time_is_accepted(time: str) -> None:
    assert Bench().order(requestedDateTime=time).status == 201


def test_digits_that_are_no_personal_number_are_accepted() -> None:
    for reference in ("8112189875", "770101", "8113189876", "198112189876001"):
        assert Bench().order(spReference=reference).status == 201


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff{}", '{"accessId": "å"}'.encode("latin-1")])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    assert Bench().ask("POST", "orders/", body).status == 400


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_has_to_be_called_json(kind: str) -> None:
    reply = Bench().ask("POST", "orders/", _activate(), content_type=kind)
    assert reply.status == 400
    assert "Content-Type" in _cause(reply)


def test_unknown_fields_can_be_let_through() -> None:
    assert Bench(extra_fields=True).order(extra="x").status == 201


def test_a_required_characteristic_is_demanded() -> None:
    bench = Bench()
    rule = {"SLA": {"required": True, "values": ["BASIC", "PLUS"]}}
    bench.sim.add_access("prov0002", [{"name": FAST, "characteristics": rule}])
    assert "SLA" in _cause(bench.order(accessId="prov0002"))
    assert "SLA" in _cause(bench.order(accessId="prov0002", characteristics={"SLA": "BEST"}))
    assert bench.order(accessId="prov0002", characteristics={"SLA": "PLUS"}).status == 201


def test_an_access_moving_out_takes_no_orders_in_26() -> None:
    bench = Bench("2.6")
    bench.sim.add_access("prov0002", [FAST], access_state="OUTMIGRATION")
    assert bench.order(accessId="prov0002").status == 400


# ----------------------------------------------------------------------------------------- idempotence


def test_a_repeated_activation_gets_the_open_order_and_changes_nothing() -> None:
    bench = Bench(script=Script(received_ticks=1))
    order = bench.placed()
    again = bench.order(spReference="K-9999")
    assert (again.status, again.effect) == (200, None)
    assert json.loads(again.body) == {
        "path": f"/onapi/2.4/orders/{order}",
        "accessId": "prov0001",
        "service": FAST,
        "operation": "ACTIVATE",
        "state": "RECEIVED",
        "message": "",
    }
    assert len(bench.sim.activations()) == 1


def test_a_200_can_hold_the_whole_order() -> None:
    bench = Bench(script=Script(received_ticks=1), full_existing=True)
    order = bench.placed()
    assert json.loads(bench.order().body)["orderId"] == order


def test_already_active_is_done_without_a_path_whoever_asked_first() -> None:
    bench = Bench()
    bench.sim.add_subscription("prov0001", FAST, "K-someone")
    reply = bench.order()
    assert (reply.status, reply.effect) == (200, None)
    view = json.loads(reply.body)
    assert view["state"] == "DONE_SUCCESS"
    assert not {"path", "orderId", "spReference"} & view.keys()
    assert bench.sim.activations() == []


@pytest.mark.parametrize("code", [409, 400])
@pytest.mark.parametrize("owner", [None, "other"])
def test_another_service_of_the_kind_is_busy(code: int, owner: str | None) -> None:
    bench = Bench(busy_code=code)
    bench.sim.add_access("prov0002", [FAST, SLOW, Service("TV-1", kind="tv")], subscription=(SLOW, owner))
    assert bench.order(accessId="prov0002").status == code
    assert bench.order(accessId="prov0002", service="TV-1").status == 201


def test_the_same_service_at_another_provider_is_busy() -> None:
    bench = Bench()
    bench.sim.add_subscription("prov0001", FAST, "other")
    assert bench.order().status == 409


def test_another_service_on_order_is_busy() -> None:
    bench = Bench(script=Script(received_ticks=1))
    bench.placed()
    assert bench.order(service=SLOW).status == 409


def test_a_forced_takeover_replaces_the_other_providers_service_where_it_is_possible() -> None:
    bench = Bench()
    service = Service(FAST, forced_takeover_possible=True)
    bench.sim.add_access("prov0002", [service], subscription=(FAST, "other"))
    assert bench.order(accessId="prov0002", forcedTakeover=False).status == 409
    assert bench.order(accessId="prov0002", forcedTakeover=True).status == 201
    assert [sub["ours"] for sub in bench.sim.subscriptions_of("prov0002")] == [True]


def test_a_failed_order_does_not_stand_in_the_way() -> None:
    bench = Bench(script=Script(end="DONE_FAILED", message="Ingen länk"))
    first = json.loads(bench.order().body)
    assert (first["state"], first["message"]) == ("DONE_FAILED", "Ingen länk")
    bench.sim.set_script("prov0001")
    assert bench.order().status == 201
    assert len(bench.sim.activations()) == 2


# ----------------------------------------------------------------------------------------- going on


def test_ticks_move_an_order_through_its_states() -> None:
    bench = Bench(script=Script(received_ticks=1, progress_ticks=2))
    order = bench.placed()
    seen = [bench.state_of(order)]
    for _ in range(3):
        bench.sim.tick()
        seen.append(bench.state_of(order))
    assert seen == ["RECEIVED", "IN_PROGRESS", "IN_PROGRESS", "DONE_SUCCESS"]


def test_the_clock_moves_an_order_through_its_states() -> None:
    bench = Bench(script=Script(received_seconds=10, progress_seconds=20))
    order = bench.placed()
    bench.clock.pass_(9)
    assert bench.state_of(order) == "RECEIVED"
    bench.clock.pass_(1)
    assert bench.state_of(order) == "IN_PROGRESS"
    bench.clock.pass_(60)
    assert bench.state_of(order) == "DONE_SUCCESS"


def test_an_odd_state_passes() -> None:
    bench = Bench(script=Script(odd_state="AWAITING_CUSTOMER", odd_ticks=2))
    order = bench.placed()
    bench.sim.tick()
    assert bench.state_of(order) == "AWAITING_CUSTOMER"
    bench.sim.tick()
    assert bench.state_of(order) == "DONE_SUCCESS"


def test_an_order_can_go_on_for_ever() -> None:
    bench = Bench(script=Script(end="IN_PROGRESS"))
    order = bench.placed()
    bench.sim.tick(50)
    bench.clock.pass_(1e7)
    assert bench.state_of(order) == "IN_PROGRESS"
    assert bench.sim.subscriptions_of("prov0001") == []


def test_a_future_date_keeps_an_order_received_until_then() -> None:
    bench = Bench(script=Script(progress_ticks=1))
    order = bench.placed(requestedDateTime="2030-01-15T13:00:00Z")
    bench.sim.tick(5)
    assert bench.state_of(order) == "RECEIVED"
    bench.clock.pass_(3600)
    assert bench.state_of(order) == "IN_PROGRESS"
    bench.sim.tick()
    assert bench.state_of(order) == "DONE_SUCCESS"


def test_a_script_can_refuse_with_its_own_code_and_cause() -> None:
    bench = Bench(script=Script(refuse=409, cause="Porten är stängd"))
    reply = bench.order()
    assert (reply.status, _cause(reply)) == (409, "Porten är stängd")
    assert bench.sim.refused[0]["spReference"] == "K-2041"


def test_a_service_can_have_a_script_of_its_own() -> None:
    bench = Bench()
    bench.sim.set_script("prov0001", {"end": "DONE_FAILED", "message": "Nej"}, SLOW)
    assert json.loads(bench.order(service=SLOW).body)["state"] == "DONE_FAILED"
    assert json.loads(bench.order(service=FAST).body)["state"] == "DONE_SUCCESS"


def test_finish_forces_an_end_that_never_changes() -> None:
    bench = Bench(script=Script(end="IN_PROGRESS"))
    order = bench.placed()
    bench.sim.finish(order, "DONE_FAILED", "Avgrävd kabel")
    assert bench.get(f"orders/{order}")["message"] == "Avgrävd kabel"
    with pytest.raises(ValueError, match="never changes"):
        bench.sim.finish(order)


def test_a_lost_order_is_404_and_goes_on() -> None:
    bench = Bench(script=Script(received_ticks=2))
    order = bench.placed()
    bench.sim.lose(order)
    assert bench.ask("GET", f"orders/{order}").status == 404
    assert bench.get("orders/?accessId=prov0001") == []
    assert bench.order().status == 200
    bench.sim.tick(2)
    assert bench.get("subscriptions/")


# --------------------------------------------------------------------------------------------- listing


def test_the_list_has_unfinished_orders_and_filters() -> None:
    bench = Bench()
    bench.sim.add_access("prov0002", [FAST], Script(received_ticks=1))
    done, waiting = bench.placed(), bench.placed(accessId="prov0002")
    listed = {
        query: [item["orderId"] for item in bench.get(f"orders/{query}")]
        for query in ("", "?accessId=prov0001", '?state="RECEIVED"', "?state=RECEIVED", "?state=DONE_SUCCESS")
    }
    assert listed == {
        "": [waiting],
        "?accessId=prov0001": [done],
        '?state="RECEIVED"': [waiting],
        "?state=RECEIVED": [waiting],
        "?state=DONE_SUCCESS": [done],
    }
    bench.sim.configure(finished_listed=False)
    assert bench.get("orders/?accessId=prov0001") == []


@pytest.mark.parametrize("query", ["?state=DONE", "?accessId=", "?reference=K-2041"])
def test_a_filter_that_the_contract_lacks_is_refused(query: str) -> None:
    assert Bench().ask("GET", f"orders/{query}").status == 400


def test_an_order_younger_than_the_lag_is_not_listed_yet_stops_a_second_one() -> None:
    bench = Bench(script=Script(received_ticks=1), find_lag=30)
    order = bench.placed()
    assert bench.get("orders/?accessId=prov0001") == []
    assert bench.order().status == 200
    bench.clock.pass_(30)
    assert [item["orderId"] for item in bench.get("orders/?accessId=prov0001")] == [order]


# ------------------------------------------------------------------------------- changing, cancelling


def test_a_received_order_can_be_cancelled_once() -> None:
    bench = Bench(script=Script(received_ticks=1))
    order = bench.placed()
    reply = bench.ask("DELETE", f"orders/{order}")
    assert (reply.status, reply.effect) == (204, {"what": "cancel", "order": order})
    assert bench.ask("GET", f"orders/{order}").status == 404
    assert bench.ask("DELETE", f"orders/{order}").status == 404
    bench.sim.tick(5)
    assert bench.sim.subscriptions_of("prov0001") == []
    assert bench.order().status == 201


def test_a_cancelled_order_can_be_seen_as_failed() -> None:
    bench = Bench(script=Script(received_ticks=1), after_delete="DONE_FAILED")
    order = bench.placed()
    bench.ask("DELETE", f"orders/{order}")
    assert bench.state_of(order) == "DONE_FAILED"
    assert bench.ask("DELETE", f"orders/{order}").status == 409


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT"])
def test_an_order_in_progress_cannot_be_changed(method: str) -> None:
    bench = Bench(script=Script(progress_ticks=1))
    order = bench.placed()
    reply = bench.ask(method, f"orders/{order}", _activate(spReference="K-1"))
    assert (reply.status, reply.effect) == (409, None)
    assert bench.sim.complaints()[0]["status"] == 409


def test_a_patch_changes_fields_and_null_removes_one() -> None:
    bench = Bench(script=Script(received_ticks=1))
    order = bench.placed(requestedDateTime="2031-01-01T00:00:00Z", externalNote="hej")
    body = {"requestedDateTime": "2030-06-01T00:00:00Z", "externalNote": None}
    reply = bench.ask("PATCH", f"orders/{order}", body)
    assert (reply.status, reply.effect) == (204, {"what": "amend", "order": order})
    view = bench.get(f"orders/{order}")
    assert view["requestedDateTime"] == "2030-06-01T00:00:00Z"
    assert "externalNote" not in view
    again = bench.ask("PATCH", f"orders/{order}", body)
    assert again.effect == {"what": "amend", "order": order, "repeat": "yes"}


def test_a_put_replaces_the_whole_order() -> None:
    bench = Bench(script=Script(received_ticks=1))
    order = bench.placed(externalNote="hej")
    reply = bench.ask("PUT", f"orders/{order}", _activate(service=SLOW))
    assert reply.status == 204
    assert bench.get(f"orders/{order}")["service"] == SLOW
    assert bench.ask("PUT", f"orders/{order}", {"service": SLOW}).status == 400
    assert bench.sim.activations()[0]["service"] == FAST  # as it came in


# ------------------------------------------------------------------------------------ other operations


def test_a_24_deactivation_goes_by_access_and_service() -> None:
    bench = Bench()
    bench.sim.add_subscription("prov0001", FAST)
    body = {"operation": "DEACTIVATE", "accessId": "prov0001", "service": FAST}
    reply = bench.ask("POST", "orders/", body)
    assert reply.status == 201
    assert reply.effect is not None
    assert reply.effect["what"] == "deactivate"
    assert bench.get("subscriptions/") == []
    again = bench.ask("POST", "orders/", body)
    assert (again.status, again.effect) == (200, None)
    assert "path" not in json.loads(again.body)


def test_a_25_deactivation_goes_by_subscription() -> None:
    bench = Bench("2.5")
    held = bench.sim.add_subscription("prov0001", FAST)
    bare = {"operation": "DEACTIVATE", "accessId": "prov0001", "service": FAST}
    assert "subscriptionId" in _cause(bench.ask("POST", "orders/", bare))
    wrong = {**bare, "subscriptionId": held, "service": SLOW}
    assert "service" in _cause(bench.ask("POST", "orders/", wrong))
    unknown = {**bare, "subscriptionId": "sub-1"}
    assert "subscriptionId" in _cause(bench.ask("POST", "orders/", unknown))
    right = {"operation": "DEACTIVATE", "subscriptionId": held}
    assert [bench.ask("POST", "orders/", right).status for _ in range(2)] == [201, 200]


def test_another_providers_service_cannot_be_deactivated() -> None:
    bench = Bench()
    bench.sim.add_subscription("prov0001", FAST, "other")
    body = {"operation": "DEACTIVATE", "accessId": "prov0001", "service": FAST}
    assert bench.ask("POST", "orders/", body).status == 409


def test_a_takeover_is_for_activations_only() -> None:
    bench = Bench()
    body = {"operation": "DEACTIVATE", "accessId": "prov0001", "service": FAST, "forcedTakeover": True}
    assert "forcedTakeover" in _cause(bench.ask("POST", "orders/", body))


def test_suspend_resume_modify_and_change_leave_their_mark() -> None:
    bench = Bench("2.5")
    held = bench.sim.add_subscription("prov0001", FAST, "K-1")
    seen = []
    for extra in (
        {"operation": "SUSPEND", "externalNote": "Obetald faktura"},
        {"operation": "SUSPEND"},
        {"operation": "RESUME"},
        {"operation": "MODIFY", "spReference": "K-2"},
        {"operation": "CHANGE", "service": SLOW},
    ):
        reply = bench.ask("POST", "orders/", {"subscriptionId": held, **extra})
        assert reply.effect is not None, reply.body
        [sub] = bench.sim.subscriptions_of("prov0001")
        seen.append((reply.effect.get("repeat"), sub["suspended"], sub["reference"], sub["service"]))
    assert seen == [
        (None, True, "K-1", FAST),
        ("yes", True, "K-1", FAST),
        (None, False, "K-1", FAST),
        (None, False, "K-2", FAST),
        (None, False, "K-2", SLOW),
    ]


def test_an_open_order_answers_for_its_service_or_for_its_operation() -> None:
    date = "2031-01-01T00:00:00Z"
    for key, status, operation in (("service", 200, "DEACTIVATE"), ("operation", 200, "ACTIVATE")):
        bench = Bench(open_order_key=key)
        bench.sim.add_subscription("prov0001", FAST)
        leave = {"operation": "DEACTIVATE", "accessId": "prov0001", "service": FAST, "requestedDateTime": date}
        assert bench.ask("POST", "orders/", leave).status == 201
        reply = bench.order()
        assert (reply.status, json.loads(reply.body)["operation"]) == (status, operation)


# ---------------------------------------------------------------------------------------------- events


def test_order_events_come_in_order_and_after_since() -> None:
    bench = Bench(script=Script(received_ticks=1, progress_ticks=1))
    order = bench.placed()
    bench.sim.tick()
    first = bench.get("orderevents/")
    assert [item["order"]["state"] for item in first] == ["RECEIVED", "IN_PROGRESS"]
    assert first[0]["order"]["path"].endswith(order)
    assert "orderId" not in first[0]["order"]
    assert bench.get(f"orderevents/?since={first[-1]['event']}") == []
    bench.sim.tick()
    [last] = bench.get(f"orderevents/?since={first[-1]['event']}")
    assert last["order"]["state"] == "DONE_SUCCESS"
    assert bench.ask("GET", "orderevents/?since=1").status == 400


def test_order_events_can_be_missing() -> None:
    assert Bench(events=False).ask("GET", "orderevents/").status == 501


def test_generic_events_withhold_the_present_second() -> None:
    bench = Bench(generic_events=True)
    bench.placed()
    assert bench.get("events/") == []
    bench.clock.pass_(1)
    reply = bench.ask("GET", "events/")
    found = [(item["type"], item["objectType"]) for item in json.loads(reply.body)]
    assert found == [("CREATE", "orders"), ("CREATE", "subscriptions")]
    stamp = reply.headers["Last-Modified"]
    assert stamp == _http_date(START)
    assert bench.ask("GET", "events/", if_modified_since=stamp).status == 304


# ------------------------------------------------------------------------------------------ the odds


def test_causes_can_have_tickets_and_swedish_letters_or_be_missing() -> None:
    first, second = (_cause(Bench(swedish_causes=True).order(service="X")) for _ in range(2))
    assert first == second
    assert "Ärende 40017" in first
    assert Bench(causes=False).order(service="X").body == b""
    assert Bench(html_errors=True).ask("GET", "orders/o-1").content_type.startswith("text/html")


def test_refused_posts_are_recorded_and_other_refusals_apart() -> None:
    bench = Bench()
    bench.order(service="FIBER-9")
    bench.ask("POST", "orders/", _activate(), authorization="")
    bench.ask("GET", "orders/o-1")
    assert [item["status"] for item in bench.sim.refusals()] == [400, 401]
    assert [item["status"] for item in bench.sim.complaints()] == [404]


def test_the_verbs_take_and_give_json() -> None:
    bench = Bench()
    script = {"received_ticks": 1, "operations": ["ACTIVATE"]}
    television = {"name": "TV-1", "kind": "tv"}
    bench.sim.add_access("prov0002", [{"name": FAST, "script": script}, television], None, ["TV-1", "K-1"])
    bench.placed(accessId="prov0002")
    state = json.loads(json.dumps(bench.sim.state()))
    assert state["orders"][0]["state"] == bench.sim.order("o-5001")["state"] == "RECEIVED"
    assert all(callable(getattr(bench.sim, verb)) for verb in OnApiSimulator.VERBS)


def test_a_misspelt_option_is_an_error() -> None:
    with pytest.raises(TypeError):
        Bench(finished=True)
    with pytest.raises(ValueError, match="after_delete"):
        Bench().sim.configure(after_delete="gone")
    with pytest.raises(ValueError, match="version"):
        Bench("2.3.1")
