"""The XSP simulator's claims, each from xsp.md: what it answers, what it refuses, and what took effect."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import pytest

from syncer.simulators.host import Host
from syncer.simulators.wire import Reply, Request
from syncer.simulators.xsp import METHODS, STATUSES, XspSimulator

KEY = "invented-key"
DAY = "2031-05-04"


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.at = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def portal(clock: Clock) -> XspSimulator:
    return XspSimulator(api_key=KEY, now=clock)


def ask(portal: XspSimulator, method: str, **arguments: str) -> Reply:
    return portal.handle(Request("GET", "/", {"method": method, **arguments}))


def tree(reply: Reply) -> ET.Element:
    return ET.fromstring(reply.body)


def failed(reply: Reply) -> str:
    """The refusal's message; the answer must be a refusal, with no effect."""
    root = tree(reply)
    assert root.findtext("status") == "failed"
    assert reply.effect is None
    return root.findtext("response/message") or ""


def login(portal: XspSimulator) -> str:
    return tree(ask(portal, "api_login", api_user="1234", api_key=KEY)).findtext(".//hash_key") or ""


def call(portal: XspSimulator, method: str, **arguments: str) -> Reply:
    return ask(portal, method, hash=login(portal), **arguments)


def listed(portal: XspSimulator, day: str = DAY) -> list[str | None]:
    return [row.findtext("id") for row in tree(call(portal, "orders", date=day)).iter("order")]


# Login and hash


def test_login_gives_a_hash_of_32_lower_case_hex_digits(portal: XspSimulator) -> None:
    key = login(portal)
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")


@pytest.mark.parametrize("arguments", [{"api_user": "1234"}, {"api_user": "1234", "api_key": "other"}, {}])
def test_login_without_the_right_key_is_refused(portal: XspSimulator, arguments: dict[str, str]) -> None:
    assert failed(ask(portal, "api_login", **arguments))


def test_hash_dies_twenty_minutes_after_login_whatever_its_use(portal: XspSimulator, clock: Clock) -> None:
    key = login(portal)
    clock.turn(1199)
    assert tree(ask(portal, "orders", hash=key, date=DAY)).findtext("status") == "success"
    clock.turn(1)
    assert failed(ask(portal, "orders", hash=key, date=DAY)) == "Not logged in"


@pytest.mark.parametrize("method", sorted(METHODS - {"api_login"}))
@pytest.mark.parametrize("key", [{}, {"hash": ""}, {"hash": "0" * 32}])
def test_missing_and_unknown_hash_are_refused(portal: XspSimulator, method: str, key: dict[str, str]) -> None:
    order = portal.add_order()
    arguments = {"id": order, "date": DAY, "status": "received", "message": "m", "type": "log"}
    assert failed(ask(portal, method, **arguments, **key)) == "Not logged in"
    assert portal.statuses_written(order) == []


def test_old_hashes_live_beside_new_ones_unless_only_one_may(portal: XspSimulator) -> None:
    first = login(portal)
    login(portal)
    assert tree(ask(portal, "orders", hash=first, date=DAY)).findtext("status") == "success"
    portal.one_hash = True
    login(portal)
    assert failed(ask(portal, "orders", hash=first, date=DAY))


def test_dead_hash_can_be_answered_by_a_login_page_or_by_403(portal: XspSimulator) -> None:
    portal.expired = "html"
    page = ask(portal, "orders", date=DAY)
    assert (page.status, b"<form" in page.body, page.content_type[:9]) == (200, True, "text/html")
    portal.expired = "403"
    assert ask(portal, "orders", date=DAY).status == 403


def test_forgotten_hashes_are_refused(portal: XspSimulator) -> None:
    key = login(portal)
    portal.expire_hashes()
    assert failed(ask(portal, "orders", hash=key, date=DAY))


# Transport


def test_form_by_post_is_answered_as_a_get_is(portal: XspSimulator) -> None:
    query = {"method": "orders", "hash": login(portal), "date": DAY}
    path = "/plain/serviceguide_log"
    assert portal.handle(Request("POST", path, query)).body == portal.handle(Request("GET", "/", query)).body


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", "/", 405), ("GET", "/plain/other", 404)])
def test_other_verbs_and_paths_are_refused(portal: XspSimulator, method: str, path: str, status: int) -> None:
    assert portal.handle(Request(method, path, {"method": "orders"})).status == status


@pytest.mark.parametrize("query", [{}, {"method": "Orders"}, {"method": "orders_\x00"}])
def test_unknown_method_is_refused(portal: XspSimulator, query: dict[str, str]) -> None:
    request = Request("GET", "/", query)
    assert portal.operation(request) == "unknown"
    assert failed(portal.handle(request))


# Reading


def test_listing_has_the_heads_of_the_orders(portal: XspSimulator) -> None:
    portal.add_order(service="4001", campaign="May & June")
    second = portal.add_order(delivery="2031-05-10", status="delivered")
    rows = list(tree(call(portal, "orders", date=DAY)).iter("order"))
    assert {child.tag: child.text for child in rows[0]} == {
        "id": "770101",
        "type": "order",
        "date": "2031-05-04 09:15:00",
        "status": "new",
        "service": "4001",
        "xsp": "41000",
        "delivery": "asap",
        "customer": "55012",
        "campaign": "May & June",
    }
    assert [rows[1].findtext(name) for name in ("id", "status", "delivery")] == [
        second,
        "delivered",
        "2031-05-10 00:00:00",
    ]


def test_listing_begins_with_the_day_and_includes_it(portal: XspSimulator) -> None:
    orders = [portal.add_order(date=f"2031-05-0{day} 23:59:59") for day in (3, 4, 5)]
    assert listed(portal) == orders[1:]


def test_day_is_the_portals_own_and_not_utc(portal: XspSimulator) -> None:
    order = portal.add_order(date=datetime(2031, 5, 3, 22, 30, tzinfo=UTC))
    assert listed(portal) == [order]
    portal.zone = "UTC"
    portal.add_order(date=datetime(2031, 5, 3, 22, 30, tzinfo=UTC))
    assert listed(portal) == [order]


@pytest.mark.parametrize(
    "day",
    ["", "2031-5-4", "20310504", "2031-02-30", "2031-05-04 00:00:00", "2031-W18-7", "\u0662\u0660\u0663\u0661-05-04"],
)
def test_date_of_another_form_is_refused(portal: XspSimulator, day: str) -> None:
    portal.add_order()
    assert failed(call(portal, "orders", date=day))
    assert failed(call(portal, "customers", date=day))


def test_delivery_can_go_by_its_other_name(portal: XspSimulator) -> None:
    portal.add_order()
    portal.delivery_name = "delivery_date"
    row = tree(call(portal, "orders", date=DAY)).find("response/order")
    assert row is not None
    assert (row.findtext("delivery_date"), row.find("delivery")) == ("asap", None)


@pytest.mark.parametrize(("detail", "has_status", "has_data"), [("full", 1, 1), ("head", 1, 0), ("no_status", 0, 1)])
def test_detail_has_as_much_as_it_is_told(portal: XspSimulator, detail: str, has_status: int, has_data: int) -> None:
    order = portal.add_order(data={"note": "å"})
    portal.configure(detail=detail)
    root = tree(call(portal, "order_info", id=order))
    assert root.findtext("response/order/id") == order
    assert len(root.findall("response/order/status")) == has_status
    assert [each.text for each in root.findall("response/data/note")] == ["å"] * has_data


def test_customer_has_every_field_and_an_open_block_of_data(portal: XspSimulator) -> None:
    portal.add_order(socket="0042", serial="19001332123456", firstname="Ö", zip="11111", data={"message": "<b>"})
    root = tree(call(portal, "customer_info", id="55012"))
    customer = {child.tag: child.text for child in root.iterfind("response/customer/*")}
    assert customer.keys() == {*("id", "socket", "serial", "firstname", "surname", "email", "address", "zip", "city")}
    assert (customer["socket"], customer["serial"], customer["firstname"]) == ("0042", "19001332123456", "Ö")
    assert root.findtext("response/data/message") == "<b>"
    assert root.find("response/data/phone") is not None


def test_two_orders_can_have_one_customer(portal: XspSimulator) -> None:
    first = portal.add_order()
    customer = tree(call(portal, "order_info", id=first)).findtext(".//customer") or ""
    portal.add_order(customer=customer)
    assert len(list(tree(call(portal, "customers", date=DAY)).iter("customer"))) == 1
    with pytest.raises(ValueError, match="unknown"):
        portal.add_order(customer="1")


def test_customers_are_listed_by_day_without_seconds(portal: XspSimulator) -> None:
    portal.add_order(date="2031-05-03")
    portal.add_order()
    rows = list(tree(call(portal, "customers", date=DAY)).iter("customer"))
    assert [row.findtext("date") for row in rows] == ["2031-05-04 09:15"]
    assert [child.tag for child in rows[0]] == ["id", "socket", "serial", "firstname", "surname", "date"]


@pytest.mark.parametrize("method", ["order_info", "customer_info", "order_log", "set_status", "add_message"])
@pytest.mark.parametrize(
    "number", ["", "1", "x", "0770101", " 770101", "770101.0", "\u0667\u0667\u0660\u0661\u0660\u0661"]
)
def test_id_of_nothing_is_refused(portal: XspSimulator, method: str, number: str) -> None:
    portal.add_order()
    arguments = {"status": "received", "message": "m", "type": "log"}
    assert failed(call(portal, method, id=number, **arguments))


def test_log_has_messages_and_changes_of_status(portal: XspSimulator) -> None:
    order = portal.add_order()
    call(portal, "set_status", id=order, status="received")
    call(portal, "add_message", id=order, type="alert", message="Å?")
    portal.change_status(order, "active", by="co 9")
    entries = list(tree(call(portal, "order_log", id=order)).iter("entry"))
    assert [entry.findtext("type") for entry in entries] == ["status", "alert", "status"]
    assert [entry.findtext("user") for entry in entries] == ["xsp 1234", "xsp 1234", "co 9"]
    assert entries[1].findtext("message") == "Å?"
    assert [entry["date"] for entry in portal.log(order)] == ["2031-05-04 09:15:00"] * 3


def test_log_can_lag_and_can_be_invisible(portal: XspSimulator, clock: Clock) -> None:
    order = portal.add_order()
    portal.log_lag = 60
    call(portal, "add_message", id=order, type="log", message="m")
    assert list(tree(call(portal, "order_log", id=order)).iter("entry")) == []
    clock.turn(60)
    assert len(list(tree(call(portal, "order_log", id=order)).iter("entry"))) == 1
    portal.log_visible = False
    assert list(tree(call(portal, "order_log", id=order)).iter("entry")) == []


# Writing


def test_status_is_written_and_its_effect_told(portal: XspSimulator) -> None:
    order = portal.add_order()
    reply = call(portal, "set_status", id=order, status="received")
    assert reply.effect == {"what": "status", "order": order, "value": "received", "from": "new"}
    assert "received for order 770101" in (tree(reply).findtext("response/message") or "")
    assert (portal.status(order), portal.statuses_written(order)) == ("received", ["received"])


def test_repeated_status_is_an_effect_that_says_so(portal: XspSimulator) -> None:
    order = portal.add_order()
    call(portal, "set_status", id=order, status="received")
    effect = call(portal, "set_status", id=order, status="received").effect
    assert effect is not None
    assert (effect["from"], effect["repeat"]) == ("received", "yes")
    assert portal.statuses_written(order) == ["received", "received"]
    assert len(portal.log(order)) == 2


@pytest.mark.parametrize("status", ["", "Received", "done", "success"])
def test_unknown_status_is_refused(portal: XspSimulator, status: str) -> None:
    order = portal.add_order()
    assert failed(call(portal, "set_status", id=order, status=status))
    assert portal.status(order) == "new"


def test_any_status_follows_any_unless_strict(portal: XspSimulator) -> None:
    order = portal.add_order(status="delivered")
    for status in STATUSES:
        assert call(portal, "set_status", id=order, status=status).effect
    portal.strict = True
    assert failed(call(portal, "set_status", id=order, status="active"))
    assert call(portal, "set_status", id=order, status="delivered").effect


def test_other_partys_change_is_seen_but_not_counted_as_written(portal: XspSimulator) -> None:
    order = portal.add_order()
    portal.change_status(order, "cancelled")
    assert tree(call(portal, "order_info", id=order)).findtext("response/order/status") == "cancelled"
    assert portal.statuses_written(order) == []


@pytest.mark.parametrize(
    ("accepted", "sent", "outcome"),
    [
        ({"api_user", "hash"}, {"api_user"}, True),
        ({"api_user", "hash"}, {"hash"}, True),
        ({"api_user"}, {"api_user"}, True),
        ({"api_user"}, {"hash"}, False),
        ({"api_user"}, {"api_user", "hash"}, True),
        ({"hash"}, {"api_user"}, False),
        ({"hash"}, {"api_user", "hash"}, True),
    ],
)
def test_message_is_accepted_only_by_an_accepted_authentication(
    portal: XspSimulator, accepted: set[str], sent: set[str], *, outcome: bool
) -> None:
    order = portal.add_order()
    portal.message_auth = frozenset(accepted)
    values = {"api_user": "1234", "hash": login(portal)}
    arguments = {name: values[name] for name in sent}
    reply = ask(portal, "add_message", id=order, type="log", message="m", **arguments)
    assert (reply.effect is not None) is outcome
    assert portal.messages(order) == ([("log", "m")] if outcome else [])


def test_message_of_another_user_is_refused(portal: XspSimulator) -> None:
    order = portal.add_order()
    assert failed(ask(portal, "add_message", id=order, type="log", message="m", api_user="9"))
    portal.message_auth = frozenset({"api_user"})
    assert failed(ask(portal, "add_message", id=order, type="log", message="m", api_user="9"))


def test_same_message_twice_is_two_messages(portal: XspSimulator) -> None:
    order = portal.add_order()
    for _ in range(2):
        effect = call(portal, "add_message", id=order, type="error", message="Ö\nx").effect
        assert effect == {"what": "message", "order": order, "type": "error", "text": "Ö\nx"}
    assert portal.messages(order) == [("error", "Ö\nx")] * 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"type": "note", "message": "m"},
        {"type": "log", "message": ""},
        {"type": "log", "message": "\x00"},
        {"message": "m"},
    ],
)
def test_message_without_text_or_known_type_is_refused(portal: XspSimulator, arguments: dict[str, str]) -> None:
    order = portal.add_order()
    assert failed(call(portal, "add_message", id=order, **arguments))
    assert portal.messages(order) == []


# Envelopes


@pytest.mark.parametrize(
    ("envelope", "root", "children"),
    [
        ("plain", "orders", ["response", "status"]),
        ("wrapped", "TjansteGuiden", ["orders"]),
        ("status_first", "orders", ["status", "response"]),
        ("root_without_status", "serviceguide", ["response"]),
        ("bare", "orders", ["order", "order"]),
        ("response_only", "orders", ["response"]),
        ("key_n", "orders", ["response", "status"]),
        ("no_response", "orders", ["response", "status"]),
    ],
)
def test_listing_comes_in_the_envelope(portal: XspSimulator, envelope: str, root: str, children: list[str]) -> None:
    portal.add_order()
    portal.add_order()
    portal.configure(envelope=envelope)
    answer = tree(call(portal, "orders", date=DAY))
    assert (answer.tag, [child.tag for child in answer]) == (root, children)
    # An order's own head has an id; a customer's number in it is no element of that name.
    assert [each.text for each in answer.iter("id")] == ["770101", "770102"]


def test_wrapper_is_the_server_class_and_its_type(portal: XspSimulator) -> None:
    portal.envelope = "wrapped"
    reply = call(portal, "orders", date=DAY)
    assert tree(reply).attrib == {"generator": "zend", "version": "1.0"}
    assert [child.tag for child in tree(reply)[0]] == ["response", "status"]
    assert reply.content_type == "text/xml"


def test_items_are_numbered_in_key_n_duplicates_too(portal: XspSimulator) -> None:
    order = portal.add_order()
    portal.configure(envelope="key_n", duplicated=True)
    answer = tree(call(portal, "orders", date=DAY))
    assert [child.tag for child in answer.iterfind("response/*")] == ["key_0", "key_1"]
    call(portal, "set_status", id=order, status="received")
    assert tree(call(portal, "order_log", id=order)).find("response/log/key_0/date") is not None


def test_acknowledgement_without_response_is_a_bare_success(portal: XspSimulator) -> None:
    order = portal.add_order()
    portal.envelope = "no_response"
    arguments = {"id": order, "status": "received", "type": "log", "message": "m"}
    for method in ("set_status", "add_message"):
        answer = tree(call(portal, method, **arguments))
        assert [(child.tag, child.text) for child in answer] == [("status", "success")]


@pytest.mark.parametrize("envelope", ["plain", "status_first", "root_without_status", "bare", "response_only"])
@pytest.mark.parametrize(("failure", "code"), [("failed_200", 200), ("failed_400", 400), ("failed_404", 404)])
def test_refusal_says_failed_in_every_envelope(portal: XspSimulator, envelope: str, failure: str, code: int) -> None:
    portal.configure(envelope=envelope, failure=failure)
    reply = call(portal, "order_info", id="1")
    assert (reply.status, failed(reply)) == (code, "Unknown order")


def test_empty_listing_is_answered_as_it_is_told(portal: XspSimulator) -> None:
    answer = tree(call(portal, "orders", date=DAY))
    assert [child.tag for child in answer] == ["response", "status"]
    portal.empty = "no_response"
    answer = tree(call(portal, "orders", date=DAY))
    assert [(child.tag, child.text) for child in answer] == [("status", "success")]
    portal.empty = "failed"
    assert failed(call(portal, "customers", date=DAY))


# Trouble


def test_hidden_order_is_not_listed_until_shown_with_its_old_date(portal: XspSimulator) -> None:
    order = portal.add_order(date="2031-05-04 00:00:01")
    portal.hide(order)
    assert listed(portal) == []
    portal.show(order)
    assert listed(portal) == [order]


def test_stale_listing_shows_the_status_before_the_latest_change(portal: XspSimulator) -> None:
    order = portal.add_order()
    portal.stale(order, 2)
    call(portal, "set_status", id=order, status="received")
    call(portal, "set_status", id=order, status="received")
    shown = [tree(call(portal, "orders", date=DAY)).findtext("response/order/status") for _ in range(3)]
    assert shown == ["new", "new", "received"]
    assert portal.status(order) == "received"


def test_broken_detail_has_nothing_usable_until_mended(portal: XspSimulator) -> None:
    order = portal.add_order()
    portal.break_detail(order)
    with pytest.raises(ET.ParseError):
        tree(call(portal, "order_info", id=order))
    for how in ("empty", "no_ids"):
        portal.break_detail(order, how)
        assert list(tree(call(portal, "order_info", id=order)).iter("id")) == []
    portal.break_detail(order, "whole")
    assert tree(call(portal, "order_info", id=order)).findtext("response/order/id") == order
    assert listed(portal) == [order]


def test_broken_row_lacks_its_id_or_is_absurd_beside_whole_rows(portal: XspSimulator) -> None:
    order, whole = portal.add_order(), portal.add_order()
    portal.break_row(order)
    assert listed(portal) == [None, whole]
    portal.break_row(order, "absurd")
    assert listed(portal) == ["n/a", whole]


def test_listing_can_be_shuffled_and_have_duplicates_the_same_for_a_seed(clock: Clock) -> None:
    portals = [XspSimulator(api_key=KEY, now=clock, shuffled=True, duplicated=True, seed=3) for _ in range(2)]
    for portal in portals:
        for _ in range(8):
            portal.add_order()
    first, second = (listed(portal) for portal in portals)
    assert first == second
    assert (len(first), len(set(first)), first != sorted(map(str, first))) == (12, 8, True)


# For tests themselves


@pytest.mark.parametrize(
    "options",
    [{"envelope": "odd"}, {"message_auth": {"token"}}, {"strict": "yes"}, {"zone": 1}, {"colour": "red"}],
)
def test_option_that_does_not_exist_is_a_mistake(portal: XspSimulator, options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        portal.configure(**options)


def test_order_that_xml_cannot_hold_or_that_exists_is_a_mistake(portal: XspSimulator) -> None:
    portal.add_order(id=5)
    for fields in ({"id": "5"}, {"firstname": "\x01"}, {"a b": "c"}):
        with pytest.raises(ValueError, match=r"already|can't hold"):
            portal.add_order(**fields)
    with pytest.raises(ValueError, match="no order"):
        portal.status("6")


def test_every_verb_is_a_method(portal: XspSimulator) -> None:
    assert all(callable(getattr(portal, verb)) for verb in portal.VERBS)


def test_portal_is_served_over_http_and_its_effects_journaled(portal: XspSimulator) -> None:
    order = portal.add_order()
    with Host({"/xsp": portal}) as host:
        query = f"method=add_message&api_user=1234&id={order}&type=log&message={quote('Hej å')}"
        with urlopen(f"{host.url_of('/xsp')}/plain/serviceguide_log?{query}", timeout=5) as answer:  # noqa: S310 -- ours
            assert answer.status == 200
        assert [entry.operation for entry in host.effects("xsp", "message")] == ["add_message"]
        assert host.crashes == []
    assert portal.messages(order) == [("log", "Hej å")]
    assert portal.state()[order]["messages"] == [["log", "Hej å"]]
