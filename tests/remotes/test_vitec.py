"""The Vitec client's claims, over real HTTP: where it asks, with whose password, and what it sends."""

import base64
import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import AccessDenied, Rejected, Uncertain, Unreadable
from syncer.remotes.http import Http, Limits
from syncer.remotes.vitec import (
    Credentials,
    CustomerDenied,
    Expired,
    NotGranted,
    PasswordRefused,
    Ticket,
    Vitec,
)
from tests.remotes.canned import Asked, Canned, serving
from tests.remotes.vitec_bench import (
    AT,
    EVERY,
    LOOK_UPS,
    PASSWORD,
    PNG,
    SAFE,
    TICKET,
    TOKEN,
    UNSAFE,
    as_json,
    basic,
    client,
    done,
)

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
