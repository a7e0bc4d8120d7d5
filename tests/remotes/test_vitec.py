"""The Vitec client's claims, over real HTTP: where it asks, with whose password, and which error a failure is."""

import base64
import json
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import AccessDenied, ConfigError, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import CallFact, Http, Limits
from syncer.remotes.json import Malformed
from syncer.remotes.vitec import (
    FIELDS,
    Credentials,
    CustomerDenied,
    Expired,
    NotGranted,
    Operation,
    PasswordRefused,
    Success,
    Ticket,
    Vitec,
)
from tests.remotes.canned import Asked, Canned, Server, serving

PASSWORD, TOKEN = "lösen-för-kontoret", "Q0hB+Tk9/UUmVhbA=="
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
TICKET = {"orderId": "ord-1", "customerId": "M1", "tenantId": "T3", "hasExpired": False}
ENTRY = {"id": "ord-1", "createdAt": "2026-11-03T09:12:44", "status": "Error", "serviceId": 812}
AT = datetime(2026, 11, 4, 7, 0, 0, tzinfo=UTC)


def client(
    server: Server, passwords: dict[str, str] | None = None, *, timeout: float = 20, seen: Any = None, **options: Any
) -> Vitec:
    limits = Limits(timeout=timeout, rate=10_000, max_answer=1_000_000)
    http = Http("vitec", limits, observe=seen or (lambda _: None))
    members = options.pop("members", {})
    credentials = Credentials("partner", passwords or {"M1": PASSWORD}, members)
    return Vitec(http, server.url, credentials, **options)


def as_json(content: Any, status: int = 200, **headers: str) -> Canned:
    return Canned(json.dumps(content).encode(), status, "application/json", headers)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"partner:{password}".encode()).decode()


def done(name: str = "vitec.done", **parts: Any) -> Operation:
    given = {"method": "PUT", "path": "Service/Order/Done/{customer_id}", "body": {"id": "{order_id}"}} | parts
    return Operation(name, **given)


UNSAFE: list[Callable[[Vitec], Any]] = [
    lambda vitec: vitec.ask_user("M1", "ord-1", "https://x.example/o", "Läs"),
    lambda vitec: vitec.add_note("M1", "Klart", AT),
    lambda vitec: vitec.add_image("M1", "OBJ1_2", PNG, "a.png"),
    lambda vitec: vitec.perform(done(), "M1", {"order_id": "ord-1"}),
]
SAFE: list[Callable[[Vitec], Any]] = [
    lambda vitec: vitec.exchange("M1", TOKEN),
    lambda vitec: vitec.orders("M1", AT),
    lambda vitec: vitec.image_categories("M1"),
    lambda vitec: vitec.user("M1", "HAN1"),
    lambda vitec: vitec.offices("M1"),
]
EVERY = [*UNSAFE, *SAFE]
LOOK_UPS = SAFE[2:]


# ---------------------------------------------------------------------------------------------- passwords


@pytest.mark.parametrize(
    ("passwords", "members", "used"),
    [
        ({"M1": "one-pw", "G7": "group-pw", "T3": "tenant-pw"}, {}, "one-pw"),
        ({"M2": "other-pw", "G7": "group-pw", "T3": "tenant-pw"}, {}, "group-pw"),
        ({"M2": "other-pw", "T3": "tenant-pw"}, {}, "tenant-pw"),
        ({"G7": "group-pw", "G8": "eight-pw", "T3": "tenant-pw"}, {"M1": ["T3", "G8"]}, "eight-pw"),
        ({"G7": "group-pw", "G8": "eight-pw", "T3": "tenant-pw"}, {"M1": ["T3"]}, "tenant-pw"),
        ({"G7": "group-pw", "G8": "eight-pw", "T3": "tenant-pw"}, {}, "tenant-pw"),
        ({"M1": "one-pw", "M1/Service": "orders-pw", "M1/CRM": "crm-pw"}, {}, "orders-pw"),
        ({"M1": "one-pw", "G7/Service": "group-pw"}, {}, "one-pw"),
        ({"M1/CRM": "crm-pw", "G7": "group-pw"}, {}, "group-pw"),
    ],
)
def test_the_password_is_the_customers_else_its_groups_else_its_tenants(
    passwords: dict[str, str], members: dict[str, list[str]], used: str
) -> None:
    with serving(as_json([])) as server:
        client(server, passwords, members=members).orders("M1", AT)
        assert server.asked[0].headers["authorization"] == basic(used)


@pytest.mark.parametrize("passwords", [{"M2": PASSWORD}, {"G7": PASSWORD, "G8": PASSWORD}, {"M1/CRM": PASSWORD}])
def test_a_customer_without_a_password_is_denied_and_not_called(passwords: dict[str, str]) -> None:
    with serving(as_json([])) as server:
        with pytest.raises(CustomerDenied, match="no password") as denied:
            client(server, passwords).orders("M1", AT)
        assert (denied.value.customer_id, server.asked) == ("M1", [])


def test_every_call_asks_for_json_with_a_password_of_its_own_area() -> None:
    passwords = {"M1": PASSWORD, "M1/Note": "note-pw", "M1/CRM": "crm-pw", "M1/User": "user-pw"}
    with serving(as_json(True)) as server:
        vitec = client(server, passwords)
        for call in EVERY:
            with pytest.raises(Unreadable) if call in SAFE else nullcontext():
                call(vitec)
        assert {asked.headers["accept"] for asked in server.asked} == {"application/json"}
        used = {asked.path.split("/")[1]: asked.headers["authorization"] for asked in server.asked}
    assert used == {
        "Service": basic(PASSWORD),
        "Note": basic("note-pw"),
        "Image": basic(PASSWORD),
        "CRM": basic("crm-pw"),
        "User": basic("user-pw"),
        "Office": basic(PASSWORD),
    }


@pytest.mark.parametrize("call", [*UNSAFE, *SAFE[:2]])
def test_403_denies_that_customer_and_says_what_was_asked_for(call: Callable[[Vitec], Any]) -> None:
    with serving(as_json({"message": "no"}, 403)) as server:
        with pytest.raises(CustomerDenied) as denied:
            call(client(server))
        assert len(server.asked) == 1
    assert isinstance(denied.value, AccessDenied)
    assert denied.value.customer_id == "M1"
    assert denied.value.area == server.asked[0].path.split("/")[1]
    assert not isinstance(denied.value, PasswordRefused)


@pytest.mark.parametrize("call", [*UNSAFE, *SAFE[:2]])
def test_401_names_the_password_and_is_not_sent_again(call: Callable[[Vitec], Any]) -> None:
    with serving(Canned(status=401)) as server:
        with pytest.raises(PasswordRefused) as refused:
            call(client(server, {"G7": PASSWORD}))
        assert len(server.asked) == 1
    assert (refused.value.key, refused.value.customer_id) == ("G7", "M1")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("call", LOOK_UPS)
def test_a_look_up_that_is_not_granted_is_a_value(call: Callable[[Vitec], Any], status: int) -> None:
    with serving(Canned(status=status)) as server:
        assert call(client(server)) == NotGranted(f"HTTP {status}")
        assert isinstance(call(client(server, {"M2": PASSWORD})), NotGranted)
        assert len(server.asked) == 1


# ------------------------------------------------------------------------------------------ what is sent


def test_a_token_is_sent_as_it_was_decoded_and_exchanged_for_a_ticket() -> None:
    with serving(as_json({**TICKET, "orderUserId": "HAN2"})) as server:
        found = client(server).exchange("M1", TOKEN)
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/Service/Order/Token/M1")
    assert json.loads(asked.body) == {"data": TOKEN}
    assert asked.headers["content-type"] == "application/json"
    assert found == Ticket("ord-1", "M1", "T3", owner_id="HAN2")


def test_an_expired_token_is_a_value() -> None:
    with serving(as_json({**TICKET, "hasExpired": True})) as server:
        assert client(server).exchange("M1", TOKEN) == Expired()


def test_the_list_is_asked_for_in_swedish_wall_clock_without_an_offset() -> None:
    with serving(as_json([])) as server:
        vitec = client(server)
        vitec.orders("M1", datetime(2026, 7, 1, 10, 0, 0, 900_000, UTC), datetime(2026, 12, 1, 10, 0, 0, 1, UTC))
        vitec.orders("M1", AT)
        first, second = (asked.query for asked in server.asked)
        assert server.asked[0].path == "/Service/Order/M1"
    assert first == {"MinValue": "2026-07-01T12:00:00", "MaxValue": "2026-12-01T11:00:01"}
    assert second == {"MinValue": "2026-11-04T08:00:00"}


def test_another_zone_is_sent_where_it_is_configured() -> None:
    with serving(as_json([])) as server:
        client(server, zone=ZoneInfo("Europe/Helsinki")).orders("M1", AT)
        assert server.asked[0].query == {"MinValue": "2026-11-04T09:00:00"}


def test_in_the_hour_that_autumn_has_twice_the_window_holds_both() -> None:
    for minutes in range(0, 120, 30):
        at = datetime(2026, 10, 25, 0, minutes % 60, tzinfo=UTC) + timedelta(hours=minutes // 60)
        with serving(as_json([])) as server:
            client(server).orders("M1", at, at)
            window = server.asked[0].query
        zone = ZoneInfo("Europe/Stockholm")
        for fold in (0, 1):  # whichever of the two Vitec reads
            since, until = (
                datetime.fromisoformat(window[name]).replace(tzinfo=zone, fold=fold)
                for name in ("MinValue", "MaxValue")
            )
            assert since.astimezone(UTC) <= at <= until.astimezone(UTC)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.sampled_from([0, 1]),
)
def test_no_window_is_narrower_than_what_was_asked_for(at: datetime, fold: int) -> None:
    vitec = Vitec(Http("vitec", Limits()), "http://x.example", Credentials("partner", {}))
    zone = ZoneInfo("Europe/Stockholm")
    since = datetime.fromisoformat(vitec._wall_clock(at, timedelta(hours=-1))).replace(tzinfo=zone, fold=fold)
    assert since.astimezone(UTC) <= at


def test_the_agent_is_asked_with_a_page_and_a_comment() -> None:
    with serving(as_json(True)) as server:
        assert client(server).ask_user("M1", "ord-1", "https://x.example/o", "Läs & svara") is True
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("PUT", "/Service/Order/UserInteraction/M1")
    assert json.loads(asked.body) == {"id": "ord-1", "url": "https://x.example/o", "comment": "Läs & svara"}


@pytest.mark.parametrize(("said", "truth"), [(True, True), (False, False), ("true", True), ("False", False)])
def test_whether_the_agent_is_asked_is_a_boolean_or_the_text_of_one(said: Any, truth: bool) -> None:
    with serving(as_json(said)) as server:
        assert client(server).ask_user("M1", "ord-1", "https://x.example/o", "") is truth
        assert len(server.asked) == 1


@pytest.mark.parametrize("said", [None, 1, "yes", [], [True], {"result": True}])
def test_an_answer_that_is_neither_true_nor_false_is_uncertain(said: Any) -> None:
    with serving(as_json(said)) as server, pytest.raises(Uncertain):
        client(server).ask_user("M1", "ord-1", "https://x.example/o", "")


def test_a_note_holds_what_is_given_and_nothing_else() -> None:
    with serving(Canned(status=204)) as server:
        vitec = client(server)
        vitec.add_note("M1", "Klart", AT, estate_id="OBJ1_2", user_id="HAN2")
        vitec.add_note("M1", "Klart", AT)
        first, second = (json.loads(asked.body) for asked in server.asked)
        assert (server.asked[0].method, server.asked[0].path) == ("POST", "/Note/M1")
    assert second == {"date": "2026-11-04T08:00:00+01:00", "text": "Klart"}
    assert first == {**second, "estateId": "OBJ1_2", "userId": "HAN2"}


@pytest.mark.parametrize("answer", [Canned(), Canned(status=204), as_json(None), as_json("NOT1"), as_json({}, 201)])
def test_a_note_is_written_whatever_the_answer_holds(answer: Canned) -> None:
    with serving(answer) as server:
        client(server).add_note("M1", "Klart", AT)
        assert len(server.asked) == 1


def test_a_picture_travels_as_base64_and_its_id_comes_back() -> None:
    with serving(as_json("IMG-1")) as server:
        vitec = client(server)
        assert vitec.add_image("M1", "OBJ1_2", PNG, "a.png", caption="Kök", category="Interiör") == "IMG-1"
        client(server, image_path="/CRM/Image/").add_image("M1", "OBJ1_2", PNG, "a.png")
        first, second = server.asked
    assert (first.method, first.path, second.path) == ("POST", "/Image/M1/OBJ1_2", "/CRM/Image/M1/OBJ1_2")
    sent = json.loads(first.body)
    assert base64.b64decode(sent.pop("data")) == PNG
    assert sent == {"name": "a.png", "caption": "Kök", "advertise": False, "category": "Interiör"}
    assert "category" not in json.loads(second.body)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (as_json(7), "7"),
        (Canned(status=204), None),
        (as_json({"id": 1}), None),
        (as_json(" "), None),
        (as_json(True), None),
    ],
)
def test_a_picture_is_added_also_where_no_id_is_told(answer: Canned, told: str | None) -> None:
    with serving(answer) as server:
        assert client(server).add_image("M1", "OBJ1_2", PNG, "a.png") == told


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"<svg/>", b"MZ"])
def test_what_is_no_picture_is_not_sent(data: bytes) -> None:
    with serving(as_json("IMG-1")) as server:
        with pytest.raises(Rejected, match="not sent"):
            client(server).add_image("M1", "OBJ1_2", data, "a.png")
        assert server.asked == []


def test_what_may_be_known_besides_is_looked_up() -> None:
    def answer(asked: Asked) -> Canned:
        return as_json([{"userId": "HAN1", "customerId": "M1", "categories": ["A"], "corporateNumber": "559999-0001"}])

    with serving(answer) as server:
        vitec = client(server)
        user, (office,) = vitec.user("M1", "HAN1"), told(vitec.offices("M1"))
        assert vitec.image_categories("M1") == ("A",)
        asked = [(one.method, one.path, one.query) for one in server.asked]
    assert user is not None
    assert office.fields["corporateNumber"] == "559999-0001"
    assert asked == [
        ("GET", "/User/GetUser", {"UserId": "HAN1", "CustomerId": "M1"}),
        ("GET", "/Office/GetOffice", {"CustomerId": "M1"}),
        ("GET", "/CRM/Image/GetImageCategories", {"customerId": "M1"}),
    ]


def told(found: Any) -> Any:
    assert not isinstance(found, NotGranted)
    return found


@pytest.mark.parametrize(("call", "empty"), list(zip(LOOK_UPS, [(), None, ()], strict=True)))
def test_a_look_up_that_finds_nothing_is_no_error(call: Callable[[Vitec], Any], empty: Any) -> None:
    for answer in (as_json([]), as_json({"message": "?"}, 404)):
        with serving(answer) as server:
            assert call(client(server)) == empty


# --------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize("name", ["", ".", "..", " .. ", "a/b", "..%2f", "a\\b", "a?b", "a#b", "a;b", "a\nb", "a\0b"])
def test_an_id_that_could_lead_an_address_elsewhere_is_not_sent(name: str) -> None:
    with serving(as_json(TICKET)) as server:
        vitec = client(server, {name: PASSWORD, "M1": PASSWORD, "G7": PASSWORD})
        for call in (
            lambda: vitec.exchange(name, TOKEN),
            lambda: vitec.orders(name, AT),
            lambda: vitec.ask_user(name, "ord-1", "https://x.example", ""),
            lambda: vitec.add_note(name, "x", AT),
            lambda: vitec.add_image("M1", name, PNG, "a.png"),
            lambda: vitec.perform(done(path="Done/{order_id}"), "M1", {"order_id": name}),
        ):
            with pytest.raises(Rejected, match="not sent"):
                call()
        assert server.asked == []


def test_an_odd_id_is_escaped_and_opaque() -> None:
    with serving(as_json([])) as server:
        client(server, {"Mö 1+": PASSWORD}).orders("Mö 1+", AT)
        assert server.asked[0].path == "/Service/Order/M%C3%B6%201%2B"


# ---------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("call", SAFE)
def test_an_outage_in_a_read_is_unavailable(call: Callable[[Vitec], Any]) -> None:
    cut = Canned(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[")
    for answer in (Canned(status=500), Canned(status=503), Canned(status=429), Canned(raw=b""), cut):
        with serving(answer) as server:
            with pytest.raises(Unavailable):
                call(client(server))
            assert len(server.asked) == 1


@pytest.mark.parametrize("call", UNSAFE)
def test_an_outage_in_a_write_is_uncertain_and_never_sent_again(call: Callable[[Vitec], Any]) -> None:
    cut = Canned(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntr")
    for answer in (
        Canned(status=500),
        Canned(status=503),
        Canned(raw=b""),
        cut,
        Canned(status=303),
        Canned(b"<html/>"),
    ):
        with serving(answer) as server:
            if answer.body and call is UNSAFE[3]:
                continue  # by its status alone it was done
            with pytest.raises(Uncertain):
                call(client(server))
            assert len(server.asked) == 1


@pytest.mark.parametrize("call", UNSAFE)
def test_a_write_that_is_late_is_uncertain(call: Callable[[Vitec], Any]) -> None:
    half = Canned(raw=b"")

    def answer(asked: Asked) -> Canned:
        time.sleep(0.5)
        return half

    with serving(answer) as server, pytest.raises(Uncertain):
        call(client(server, timeout=0.2))


@pytest.mark.parametrize("call", EVERY)
def test_an_answer_that_leads_elsewhere_is_not_followed(call: Callable[[Vitec], Any]) -> None:
    with serving(Canned(status=307, headers={"Location": "/elsewhere"})) as server:
        with pytest.raises(Unavailable, match="leads elsewhere"):
            call(client(server))
        assert len(server.asked) == 1


@pytest.mark.parametrize("call", EVERY)
def test_400_is_final_and_says_why(call: Callable[[Vitec], Any]) -> None:
    refusal = {"message": "Felaktig begäran.", "modelState": {"order.Id": ["Id saknas.", "Id är för kort."]}}
    with serving(as_json(refusal, 400)) as server:
        with pytest.raises(Rejected) as refused:
            call(client(server))
        assert len(server.asked) == 1
    assert refused.value.cause == "Felaktig begäran.; order.Id: Id saknas.; order.Id: Id är för kort."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"Message": "Nej", "other": "x"}, "Nej"),
        ({"modelState": {"a": ["b"]}}, "a: b"),
        ({"field": ["is wrong"]}, "field: is wrong"),
        (["one", "two", "one"], "one; two"),
        ("just a text", "just a text"),
        (7, "HTTP 400"),
        ({}, "HTTP 400"),
        (None, "HTTP 400"),
        ({"message": ["a\nb\x1b[2J"]}, "a b [2J"),
        ({"message": "x" * 5000}, "x" * 500),
        ({"message": {"a": {"b": {"c": {"d": {"e": "too deep"}}}}}}, "HTTP 400"),
    ],
)
def test_a_refusal_of_any_shape_is_read(content: Any, said: str) -> None:
    with serving(as_json(content, 400)) as server, pytest.raises(Rejected) as refused:
        client(server).orders("M1", AT)
    assert refused.value.cause == said


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"no such thing", "text/plain", "no such thing"),
        (b"<html>oops</html>", "text/html", "HTTP 400"),
        (b"{broken", "application/json", "HTTP 400"),
        (b"", "", "HTTP 400"),
    ],
)
def test_a_refusal_that_is_no_json_is_one_all_the_same(body: bytes, kind: str, said: str) -> None:
    with serving(Canned(body, 400, kind)) as server, pytest.raises(Rejected) as refused:
        client(server).orders("M1", AT)
    assert refused.value.cause == said


@pytest.mark.parametrize("call", [*UNSAFE, *SAFE[:2]])
def test_404_is_a_refusal(call: Callable[[Vitec], Any]) -> None:
    with serving(Canned(status=404)) as server, pytest.raises(Rejected):
        call(client(server))


@pytest.mark.parametrize("call", SAFE)
@pytest.mark.parametrize("answer", [Canned(b"<html/>", content_type="text/html"), Canned(), as_json(7), as_json("x")])
def test_an_answer_to_a_read_that_cannot_be_read_is_unreadable(call: Callable[[Vitec], Any], answer: Canned) -> None:
    with serving(answer) as server, pytest.raises(Unreadable):
        call(client(server))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'[{"id": NaN}]', b"[1e999]", b"[" + b"9" * 5000 + b"]"])
def test_hostile_json_is_unreadable(body: bytes) -> None:
    for call in SAFE:
        with serving(Canned(body, content_type="application/json")) as server, pytest.raises(Unreadable):
            call(client(server))


# ----------------------------------------------------------------------------------------------- secrets


def escapes(token: str) -> str:
    return token.replace("+", "\\u002B").replace("/", "\\/").replace("=", "\\u003d")


@pytest.mark.parametrize("written", [TOKEN, escapes(TOKEN)])
@pytest.mark.parametrize("status", [200, 400, 403, 500])
@pytest.mark.parametrize(
    "shape",
    ['{{"message": "bad {0}"}}', '{{"hasExpired": false, "orderId": "{0}"}}', '["{0}"]', "{0}", '{{"{0}": 1}}'],
)
def test_a_token_that_is_echoed_is_in_no_error(shape: str, status: int, written: str) -> None:
    body = shape.format(written).encode()
    facts: list[CallFact] = []
    with serving(Canned(body, status, "application/json")) as server, pytest.raises(RemoteError) as failed:
        client(server, seen=facts.append).exchange("M1", TOKEN)
    shown = "".join(traceback.format_exception(failed.value)) + repr(vars(failed.value)) + repr(facts)
    for secret in (TOKEN, escapes(TOKEN), PASSWORD, basic(PASSWORD)[6:]):
        assert secret not in shown


def test_a_token_that_was_taken_is_hidden_from_later_answers() -> None:
    def answer(asked: Asked) -> Canned:
        return as_json(TICKET) if asked.method == "POST" else as_json({"message": f"bad {TOKEN}"}, 400)

    with serving(answer) as server:
        vitec = client(server)
        vitec.exchange("M1", TOKEN)
        with pytest.raises(Rejected) as refused:
            vitec.orders("M1", AT)
    assert refused.value.cause == "bad [hidden]"


def test_a_visitor_s_made_up_token_blots_nothing_out_of_other_answers() -> None:
    def answer(asked: Asked) -> Canned:
        refused = asked.method == "POST" and b"lastUpdatedAt" in asked.body
        return (
            as_json({"message": "?"}, 400) if refused else as_json([{**ENTRY, "lastUpdatedAt": "2026-11-05T00:00:00"}])
        )

    with serving(answer) as server:
        vitec = client(server)
        with pytest.raises(Rejected):
            vitec.exchange("M1", "lastUpdatedAt")
        (row,) = vitec.orders("M1", AT)
    assert row.updated_at is not None


def test_passwords_are_in_no_answer_and_no_repr() -> None:
    credentials = Credentials("partner", {"M1": PASSWORD})
    found = credentials.of("M1", "Service")
    assert PASSWORD not in repr(credentials) + repr(found)
    assert basic(PASSWORD)[6:] not in repr(credentials) + repr(found)
    echo = {"message": f"{PASSWORD} {basic(PASSWORD)}"}
    answer = Canned(json.dumps(echo, ensure_ascii=False).encode(), 400, "application/json")
    with serving(answer) as server, pytest.raises(Rejected) as refused:
        client(server).orders("M1", AT)
    assert refused.value.cause == "[hidden] Basic [hidden]"


def test_a_password_that_an_escape_hid_in_an_answer_is_in_no_refusal() -> None:
    for status, success in ((400, Success()), (200, Success(field="error", equals=None))):
        with serving(as_json({"error": f"not {PASSWORD}"}, status)) as server:
            with pytest.raises(Rejected) as refused:
                client(server).perform(done(success=success), "M1", {"order_id": "ord-1"})
            assert refused.value.cause == "not [hidden]"


# -------------------------------------------------------------------------------- configured operations


def test_an_operation_sends_its_templates_filled() -> None:
    operation = done(
        method="POST",
        path="/Service/Order/{order_id}/Status/{customer_id}?by={message}",
        body={"id": "{order_id}", "n": 1, "s": ["{service_id}", None, True], "t": "Klar: {message} ({order_id})"},
    )
    with serving(Canned(status=204)) as server:
        fields: dict[str, str | int | None] = {
            "order_id": 'o "1"',
            "service_id": 812,
            "message": 'å&{"order_id"}',
        }
        client(server).perform(operation, "M1", fields)
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/Service/Order/o%20%221%22/Status/M1")
    assert asked.query == {"by": 'å&{"order_id"}'}
    sent = {"id": 'o "1"', "n": 1, "s": [812, None, True], "t": 'Klar: å&{"order_id"} (o "1")'}
    assert json.loads(asked.body) == sent


def test_an_operation_without_a_body_sends_none_and_what_is_missing_is_null() -> None:
    with serving(Canned()) as server:
        vitec = client(server)
        vitec.perform(done(body=None, method="DELETE"), "M1", {})
        vitec.perform(done(body=["{order_id}", "at {at}"]), "M1", {"at": None})
        assert [asked.body for asked in server.asked] == [b"", b'[null, "at "]']
        with pytest.raises(Rejected, match="no order_id"):
            vitec.perform(done(path="Done/{order_id}"), "M1", {})


def test_the_customer_of_an_operation_is_the_one_whose_password_is_used() -> None:
    with serving(Canned()) as server:
        client(server).perform(done(), "M1", {"customer_id": "M2", "order_id": "o"})
        assert server.asked[0].path == "/Service/Order/Done/M1"


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ({"method": "get"}, "method"),
        ({"method": "PUT\r\nX: y"}, "method"),
        ({"path": ""}, "path"),
        ({"path": "//other.example/x"}, "path"),
        ({"path": "https://other.example/x"}, "path"),
        ({"path": "../x"}, "path"),
        ({"path": "a/./b"}, "path"),
        ({"path": "a/%2e%2e/b"}, "path"),
        ({"path": "a\\b"}, "path"),
        ({"path": "a b"}, "path"),
        ({"path": "a?x#y"}, "path"),
        ({"path": "a/{token}"}, "{token}"),
        ({"path": "a/{order_id.__class__}"}, "{order_id.__class__}"),
        ({"path": "a/{order_id!r}"}, "{order_id!r}"),
        ({"path": "a/{0}"}, "{0}"),
        ({"path": "a/{}"}, "{}"),
        ({"path": "a/{order_id"}, "brace"),
        ({"body": {"a": ["{password}"]}}, "{password}"),
        ({"body": "{{order_id}}"}, "brace"),
        ({"body": {"at": AT}}, "JSON"),
        ({"body": [float("nan")]}, "JSON"),
    ],
)
def test_a_template_reaches_its_fields_and_nothing_else(parts: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        done(**parts)
    assert wrong in str(refused.value)
    assert refused.value.problems[0].place == "vitec.done"


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(), min_size=len(FIELDS)))
def test_no_value_changes_the_shape_of_a_body(fields: dict[str, str]) -> None:
    body = {name: f"<{{{name}}}>" for name in FIELDS}
    assert done(body=body).body_for(fields) == {name: f"<{fields[name]}>" for name in FIELDS}


@given(st.text(min_size=1, max_size=20))
def test_no_value_leads_a_path_elsewhere(value: str) -> None:
    try:
        path = done(path="Done/{order_id}/End?x={order_id}").path_for({"order_id": value})
    except (Malformed, UnicodeEncodeError):
        return
    place, _, query = path.partition("?")
    assert (place.count("/"), place[:5], place[-4:]) == (2, "Done/", "/End")
    assert not set(query) & set("&#?/ ")


@pytest.mark.parametrize(
    ("success", "said", "outcome"),
    [
        (Success(), {"ok": False}, None),
        (Success(field=""), True, None),
        (Success(field=""), "true", None),
        (Success(field=""), False, Rejected),
        (Success(field=""), {"ok": True}, Rejected),
        (Success(field=""), None, Uncertain),
        (Success(field="result.Done"), {"Result": {"done": True}}, None),
        (Success(field="result.done"), {"result": {"done": False}}, Rejected),
        (Success(field="result.done"), {"result": []}, Uncertain),
        (Success(field="result.done"), {}, Uncertain),
        (Success(field="code", equals=0), {"code": 0}, None),
        (Success(field="code", equals=0), {"code": False}, Rejected),
        (Success(field="code", equals="OK"), {"code": "OK"}, None),
        (Success(field="code", equals="OK"), {"code": "NO"}, Rejected),
        (Success(field="error", equals=None), {}, None),
        (Success(field="error", equals=None), {"error": "x"}, Rejected),
        (Success(statuses=frozenset({202})), {}, Uncertain),
    ],
)
def test_an_operation_was_done_where_its_answer_says_so(
    success: Success, said: Any, outcome: type[RemoteError] | None
) -> None:
    with serving(as_json(said)) as server:
        with pytest.raises(outcome) if outcome is not None else nullcontext():
            client(server).perform(done(success=success), "M1", {"order_id": "ord-1"})
        assert len(server.asked) == 1
