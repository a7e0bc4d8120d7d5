"""What is read out of Vitec's JSON, and out of the link that an agent opens (vitec.md), whatever comes."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.remotes.http import Answer
from syncer.remotes.json import Malformed, document
from syncer.remotes.vitec import STOCKHOLM, Expired, Link, Row, Ticket, image_kind, token_of
from syncer.remotes.vitec import values as reading

TICKET = {
    "orderId": "ord-1",
    "userId": "HAN1",
    "orderUserId": "HAN2",
    "targetId": "OBJ1_2",
    "targetType": "Farm",
    "tenantId": "T3",
    "chainId": "G7",
    "customerId": "M1",
    "hasExpired": False,
}
ENTRY = {
    "id": "ord-1",
    "createdAt": "2026-11-03T09:12:44.31",
    "lastUpdatedAt": "2026-11-03T10:00:02",
    "status": "Error",
    "targetId": "OBJ1_2",
    "userId": "HAN1",
    "serviceId": 812,
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=20),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3),
    max_leaves=8,
)


def as_answer(body: Any, kind: str = "application/json") -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(200, sent, {"content-type": kind})


# ------------------------------------------------------------------------------------------------- the link


def test_the_token_is_unescaped_once_and_keeps_its_plus_signs() -> None:
    wanted = Link("M40017", "Q0hB+Tk9UUmVhbA==")
    assert token_of("customerId=M40017&token=Q0hB%2BTk9UUmVhbA%3D%3D") == wanted
    assert token_of("?token=Q0hB+Tk9UUmVhbA==&customerId=M40017&lang=sv") == wanted
    assert token_of("CUSTOMERID=M40017&Token=Q0hB%2bTk9UUmVhbA%3d%3d") == wanted
    twice = token_of("customerId=M40017&token=Q0hB%252BTk9U")
    assert twice is not None
    assert twice.token == "Q0hB%2BTk9U"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "customerId=M1",
        "token=abc",
        "customerId=&token=abc",
        "customerId=M1&token=",
        "customerId=M1&token=abc&token=abd",
        "customerId=M1&customerId=M2&token=abc",
        "customerId=M1&token=a%20b",
        "customerId=M1&token=a b",
        "customerId=M1&token=a%0D%0Ab",
        "customerId=M1&token=%C3%A5",
        "customerId=M1&token=å",
        "customerId=M%001&token=abc",
        "customerId=M1&token=" + "a" * 5000,
        "customerId=M1;token=abc",
    ],
)
def test_a_query_that_names_not_one_customer_and_one_token_is_no_link(query: str) -> None:
    assert token_of(query) is None


@given(st.text(max_size=60))
def test_no_query_raises_anything(query: str) -> None:
    for found in (token_of(query), token_of(f"customerId=M1&token={query}")):
        assert found is None or (found.token.isascii() and " " not in found.token)


@given(st.binary(min_size=1, max_size=64))
def test_every_base64_comes_through_as_it_was_made(raw: bytes) -> None:
    token = b64encode(raw).decode()
    for sent in (quote(token, safe=""), token):
        assert token_of(f"customerId=M1&token={sent}") == Link("M1", token)


def test_a_link_does_not_show_its_token() -> None:
    assert "hemlig" not in repr(token_of("customerId=M1&token=hemlig"))


# ------------------------------------------------------------------------------------------------- tickets


def test_a_ticket_is_read_with_all_that_it_holds_in_any_case() -> None:
    wanted = Ticket("ord-1", "M1", "T3", "G7", "HAN1", "HAN2", "OBJ1_2", "Farm")
    assert reading.ticket(TICKET) == wanted
    assert reading.ticket({name[:1].upper() + name[1:]: value for name, value in TICKET.items()}) == wanted
    assert reading.ticket({**TICKET, "OrderId": "other", "new": {"field": []}}) == wanted


@pytest.mark.parametrize("kind", ["Farm", 4, "Something new", None])
def test_the_kind_of_home_is_any_text_or_number(kind: Any) -> None:
    found = reading.ticket({**TICKET, "targetType": kind})
    assert isinstance(found, Ticket)
    assert found.target_type == (None if kind is None else str(kind))


@pytest.mark.parametrize("said", [True, "true", "True", " TRUE "])
@pytest.mark.parametrize("name", ["hasExpired", "HasExpired", "orderTicketHasExpired"])
def test_an_expired_token_is_a_value_whatever_else_is_there(said: Any, name: str) -> None:
    others = {key: value for key, value in TICKET.items() if key != "hasExpired"}
    assert reading.ticket({**others, name: said}) == Expired()
    assert reading.ticket({name: said, "orderId": None, "customerId": ["?"]}) == Expired()


def test_the_documented_name_goes_before_its_odd_twin() -> None:
    assert isinstance(reading.ticket({**TICKET, "orderTicketHasExpired": True}), Ticket)
    assert reading.ticket({**TICKET, "hasExpired": True, "orderTicketHasExpired": False}) == Expired()
    assert isinstance(reading.ticket({**TICKET, "hasExpired": "false"}), Ticket)
    assert reading.ticket({**TICKET, "hasExpired": None, "orderTicketHasExpired": True}) == Expired()


@pytest.mark.parametrize("said", [None, "", "no", 0, 1, [], {}])
def test_a_ticket_that_does_not_say_whether_it_has_expired_is_not_trusted(said: Any) -> None:
    with pytest.raises(Malformed):
        reading.ticket({**TICKET, "hasExpired": said})


@pytest.mark.parametrize("order_id", [None, "", "  ", [], {}, True, 1.5, "a\nb", "a\x1b[2J", "x" * 101, "\u202e"])
def test_a_ticket_without_an_order_is_malformed(order_id: Any) -> None:
    with pytest.raises(Malformed):
        reading.ticket({**TICKET, "orderId": order_id})
    with pytest.raises(Malformed):
        reading.ticket({"hasExpired": False})


@given(st.sampled_from(sorted(TICKET)), ANYTHING)
def test_a_strange_field_makes_a_ticket_malformed_or_a_text(name: str, value: Any) -> None:
    try:
        found = reading.ticket({**TICKET, name: value})
    except Malformed:
        return
    assert isinstance(found, Ticket | Expired)
    repr(found).encode()


@given(ANYTHING)
def test_whatever_comes_is_read_or_malformed(found: Any) -> None:
    for read in (
        reading.ticket,
        lambda it: reading.rows(it, STOCKHOLM),
        lambda it: reading.rows([it, {"id": it}, {**ENTRY, "id": it}], STOCKHOLM),
        lambda it: reading.user([{"userId": it}], "HAN1"),
        lambda it: reading.offices([{"customerId": "M1", "officeId": it, "city": it}], "M1"),
        lambda it: reading.categories([{"customerId": "M1", "categories": it}], "M1"),
        lambda it: reading.user(it, "HAN1"),
        lambda it: reading.offices(it, "M1"),
        lambda it: reading.categories(it, "M1"),
    ):
        try:
            read(found)
        except Malformed as malformed:
            assert len(str(malformed)) < 100  # noqa: PT017 - a sentence of ours, where there is one


# ----------------------------------------------------------------------------------------------- the list


@pytest.mark.parametrize("wrapped", [lambda it: it, lambda it: {"rows": it}, lambda it: {"Rows": it, "index": 0}])
def test_the_list_is_an_array_or_an_object_with_rows(wrapped: Any) -> None:
    (row,) = reading.rows(wrapped([ENTRY]), STOCKHOLM)
    assert row == Row(
        "ord-1",
        datetime(2026, 11, 3, 8, 12, 44, 310_000, UTC),
        datetime(2026, 11, 3, 9, 0, 2, tzinfo=UTC),
        "Error",
        "OBJ1_2",
        "HAN1",
        "812",
    )
    assert reading.rows(wrapped([]), STOCKHOLM) == []


@pytest.mark.parametrize("found", [{}, {"message": "?"}, {"rows": {}}, {"rows": None}, "[]", None, True, 0])
def test_what_is_no_list_is_never_an_empty_one(found: Any) -> None:
    with pytest.raises(Malformed):
        reading.rows(found, STOCKHOLM)


def test_a_list_that_says_it_is_not_whole_is_not_read_as_if_it_were() -> None:
    with pytest.raises(Malformed, match="shorter"):
        reading.rows({"index": 0, "count": 1, "totalRowCount": 2, "rows": [ENTRY]}, STOCKHOLM)
    assert len(reading.rows({"index": 0, "count": 1, "totalRowCount": 1, "rows": [ENTRY]}, STOCKHOLM)) == 1


def test_an_order_that_is_listed_twice_is_one_as_it_was_last_updated() -> None:
    newer = {**ENTRY, "status": "Later", "lastUpdatedAt": "2026-11-03T10:00:03"}
    unknown = {**ENTRY, "status": "New", "lastUpdatedAt": None, "createdAt": None}
    for listed in ([ENTRY, newer, unknown], [unknown, newer, ENTRY], [newer, newer, ENTRY]):
        assert [row.status for row in reading.rows(listed, STOCKHOLM)] == ["Later"]
    rows = reading.rows([{**ENTRY, "id": "b"}, ENTRY, {**ENTRY, "id": "b"}], STOCKHOLM)
    assert [row.order_id for row in rows] == ["b", "ord-1"]


@pytest.mark.parametrize("entry", [None, 7, "ord-1", [], {}, {"id": None}, {"id": ["x"]}, {**ENTRY, "status": {}}])
def test_a_row_that_cannot_be_read_is_kept_whole_and_hides_no_other(entry: Any) -> None:
    strange, good = reading.rows([entry, ENTRY], STOCKHOLM)
    assert (strange.order_id, good.order_id) == (None, "ord-1")
    assert json.loads(strange.raw) == entry


@pytest.mark.parametrize(
    ("said", "hour"),
    [
        ("2026-11-03T09:00:00", 8),
        ("2026-07-03T09:00:00", 7),
        ("2026-07-03T09:00:00+02:00", 7),
        ("2026-07-03T09:00:00.1234567+01:00", 8),
        ("2026-07-03T09:00:00Z", 9),
        (" 2026-07-03T09:00:00Z ", 9),
    ],
)
def test_a_time_without_an_offset_is_swedish_wall_clock(said: str, hour: int) -> None:
    at = reading.moment(said, STOCKHOLM)
    assert at is not None
    assert (at.hour, at.tzinfo) == (hour, UTC)


def test_another_zone_can_be_configured() -> None:
    assert reading.moment("2026-07-03T09:00:00", UTC) == datetime(2026, 7, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize("said", [None, "", "soon", 1, [], "0001-01-01T00:00:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_none_leaves_the_row_readable(said: Any) -> None:
    (row,) = reading.rows([{**ENTRY, "createdAt": said, "lastUpdatedAt": said}], STOCKHOLM)
    assert (row.order_id, row.created_at, row.updated_at) == ("ord-1", None, None)


# --------------------------------------------------------------------------------------------- look-ups


def test_a_user_is_the_one_asked_for_and_its_person_is_not_shown() -> None:
    listed = [
        {"userId": "HAN0", "userName": "Annan"},
        {"UserId": "HAN1", "UserName": "Kim Exempel", "cellPhone": 46701, "title": None, "emailAddress": []},
    ]
    found = reading.user(listed, "HAN1")
    assert found is not None
    assert found.fields == {"userId": "HAN1", "userName": "Kim Exempel", "cellPhone": "46701"}
    assert "Kim" not in repr(found)
    assert reading.user(listed, "HAN2") is None
    assert reading.user([], "HAN1") is None


def test_offices_are_those_of_the_customer_that_are_not_archived() -> None:
    listed = [
        {"customerId": "M1", "officeId": "FIR1", "corporateNumber": "559999-0001", "archived": False, "vat": True},
        {"customerId": "M1", "officeId": "FIR2", "archived": True},
        {"customerId": "M2", "officeId": "FIR3"},
    ]
    (found,) = reading.offices(listed, "M1")
    assert (found.office_id, found.fields["corporateNumber"]) == ("FIR1", "559999-0001")
    assert "vat" not in found.fields


def test_image_categories_are_the_customers_each_once() -> None:
    listed = [{"customerId": "M2", "categories": ["X"]}, {"customerId": "M1", "categories": ["A", "B", "A", 7, ""]}]
    assert reading.categories(listed, "M1") == ("A", "B")


# --------------------------------------------------------------------------------------------- documents


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b"<html/>",
        b"[" * 100_000,
        b"[" * 60 + b"]" * 60,
        b'{"a":' * 60 + b"1" + b"}" * 60,
        b"NaN",
        b'{"a": -Infinity}',
        b"1e999",
        b"1" * 5000,
        b"\xff\xfe\xff",
        b'"\xc3\x28"',
        b"true false",
    ],
)
def test_what_is_no_json_or_too_deep_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        document(as_answer(body))


@pytest.mark.parametrize("kind", ["application/json", "text/json", "", "application/problem+json"])
def test_json_is_read_under_each_of_its_names(kind: str) -> None:
    assert document(as_answer(b"\xef\xbb\xbftrue", kind)) is True


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/xml", "x" * 5000, "\x1b[2J/x"])
def test_another_type_is_no_json_whatever_its_name(kind: str) -> None:
    with pytest.raises(Malformed) as refused:
        document(as_answer(b"true", kind))
    assert len(str(refused.value)) < 150
    assert str(refused.value).isprintable()


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_malformed(body: bytes) -> None:
    try:
        document(as_answer(body))
    except Malformed as malformed:
        assert malformed.__suppress_context__ or malformed.__context__ is None  # noqa: PT017 - where there is one


def test_half_a_character_and_a_nul_are_not_handed_on() -> None:
    found = reading.ticket(json.loads('{"hasExpired": false, "orderId": "o\\u00001", "targetType": "\\ud800x"}'))
    assert found == Ticket("o1", target_type="?x")


# ------------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF89a...", "gif"),
        (b"GIF87a...", "gif"),
        (b"\xff\xd8\xff\xe0..", "jpg"),
        (b"II*\0....", "tiff"),
        (b"MM\0*....", "tiff"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"BM" + (66).to_bytes(4, "little") + bytes(4) + bytes(56), "bmp"),
        (b"BMW, a car that is parked outside the house", None),
        (b"BM", None),
        (b"", None),
        (b"%PDF-1.7", None),
        (b"<svg/>", None),
        (b"RIFF....WEBPVP8 ", None),
        (b" \x89PNG\r\n\x1a\n", None),
    ],
)
def test_the_kind_of_a_picture_is_told_by_its_first_bytes(data: bytes, kind: str | None) -> None:
    assert image_kind(data) == kind
