"""Configured calls to Vitec: what a template reaches, and what tells that it was done (vitec.md, section 6)."""

import json
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import ConfigError, Rejected, RemoteError, Uncertain
from syncer.remotes.json import Malformed
from syncer.remotes.vitec import (
    FIELDS,
    Success,
)
from tests.remotes.canned import Canned, serving
from tests.remotes.vitec_bench import AT, as_json, client, done

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
