"""Which error each failure of Vitec's is, and that no secret is in any of them."""

import json
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from syncer.errors import Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.vitec import (
    Credentials,
    Success,
    Vitec,
)
from tests.remotes.canned import Asked, Canned, serving
from tests.remotes.vitec_bench import (
    AT,
    ENTRY,
    EVERY,
    PASSWORD,
    SAFE,
    TICKET,
    TOKEN,
    UNSAFE,
    as_json,
    basic,
    client,
    done,
)

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
    facts: list[object] = []
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
