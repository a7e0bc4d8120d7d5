"""What KODE pushes is read in all its shapes; what is none of them is refused, whatever it is."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.remotes.json import Malformed
from syncer.remotes.kode import Message, OrderPush, push_of

PUSH = {"orderCollectionId": 7_000_001, "reference": "OPPDRAG-42", "status": "UPDATED", "technicalReference": "t-1"}
INNER = {
    "id": "0a0a0a0a-1b1b-2c2c-3d3d-4e4e4e4e4e4e",
    "message": "Planlagt vedlikehold",
    "municipalityName": "INFOLAND",
    "municipalityNumber": "9999",
    "dateCreated": "03-02-2025",
    "type": "CUSTOMER",
}


def read(found: Any) -> OrderPush | Message:
    return push_of(json.dumps(found).encode())


def enveloped(content: Any) -> dict[str, Any]:
    return {"content": content, "eventAction": "Created", "eventType": "DistributorMessages"}


def message(content: Any) -> Message:
    found = read(enveloped(content))
    assert isinstance(found, Message)
    return found


def test_a_push_of_an_order_says_which() -> None:
    assert read(PUSH) == OrderPush("7000001", "UPDATED", "OPPDRAG-42", "t-1")


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"orderCollectionId": 7}, "7"),
        ({"orderId": 7}, "7"),
        ({"orderCollectionId": "7"}, "7"),
        ({"orderCollectionId": 7, "orderId": 8}, "7"),
        ({"orderCollectionId": None, "orderId": "008"}, "8"),
    ],
)
def test_its_id_has_two_names(ids: dict[str, Any], expected: str) -> None:
    assert read({**ids, "status": "NEW"}) == OrderPush(expected, "NEW", "", "")


@pytest.mark.parametrize(
    ("said", "expected"),
    [("UPDATE", "UPDATED"), ("updated", "UPDATED"), ("FINISHED", "FINISHED"), ({"code": "NEW"}, "NEW"), (None, "")],
)
def test_update_and_updated_are_one(said: Any, expected: str) -> None:
    found = read({**PUSH, "status": said})
    assert isinstance(found, OrderPush)
    assert found.status == expected


def test_a_message_is_read_flat_and_nested() -> None:
    expected = Message(INNER["id"], INNER["message"], "INFOLAND", "9999", "03-02-2025", "CUSTOMER", "Created")
    assert message(INNER) == expected
    assert message({"body": INNER}) == expected


@pytest.mark.parametrize(
    ("said", "expected"), [(301, "0301"), ("301", "0301"), ("0301", "0301"), (None, ""), ("x", ""), (12345, "")]
)
def test_a_municipality_s_number_has_four_digits(said: Any, expected: str) -> None:
    assert message({**INNER, "municipalityNumber": said}).municipality_number == expected


@pytest.mark.parametrize(("said", "expected"), [("301", ("", "0301")), (9999, ("", "9999")), ("INFO", ("INFO", ""))])
def test_the_oldest_shape_has_one_code_for_both(said: Any, expected: tuple[str, str]) -> None:
    old = {name: value for name, value in INNER.items() if not name.startswith("municipality")}
    found = message({**old, "organizationCode": said})
    assert (found.municipality_name, found.municipality_number) == expected


def test_a_message_without_an_id_has_one_of_its_content() -> None:
    bare = {name: value for name, value in INNER.items() if name != "id"}
    first, again = message(bare), message(dict(reversed(bare.items())))
    assert first == again
    assert len(first.id) == 64
    assert first.id != message({**bare, "message": "Noe annet"}).id


NONSENSE: list[Any] = [
    None,
    7,
    "x",
    [],
    [PUSH],
    {},
    {"status": "NEW"},
    {"orderCollectionId": "x"},
    {"orderCollectionId": 10**18},
    {"orderCollectionId": "9" * 19},
    {"orderCollectionId": -7},
    {"orderCollectionId": 7.5},
    {"orderCollectionId": True},
    {"orderCollectionId": ["7"]},
    {**PUSH, "status": ["NEW"]},
    {**PUSH, "reference": {"a": 1}},
    enveloped(None),
    enveloped({}),
    enveloped([INNER]),
    enveloped({"body": {}}),
    enveloped({**INNER, "message": ""}),
    enveloped({**INNER, "id": "a" * 101}),
    enveloped({**INNER, "id": "a\nb"}),
    enveloped({**INNER, "type": 1.5}),
]


@pytest.mark.parametrize("found", NONSENSE)
def test_a_push_that_is_none_is_malformed(found: Any) -> None:
    with pytest.raises(Malformed):
        read(found)


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"\xff\xfe", b"[" * 100_000, b'{"orderCollectionId": NaN}', b"{}x"])
def test_a_body_that_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        push_of(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PUSH, *INNER, "content"]), inner),
    max_leaves=8,
)


@given(JSON)
def test_any_json_at_all_is_read_or_malformed(found: Any) -> None:
    with suppress(Malformed):
        assert isinstance(read(found), OrderPush | Message)
