"""The KODE client's claims, over real HTTP: its token, its reads, and an order that is never placed twice."""

import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.kode import OrderUnknown, Price, Tree
from tests.remotes.canned import Asked, Canned
from tests.remotes.kode_bench import (
    ACCESS,
    CADASTRE,
    CALLS,
    CUT,
    HTML,
    MAP,
    NUMBER,
    PASSWORD,
    PERSON,
    REFRESH,
    SAFE,
    SECRET,
    SHARE,
    Bench,
    as_json,
    bearer,
    collection,
    granted,
    standing,
)

BY_PASSWORD = {
    "grant_type": "password",
    "client_id": "acme-client",
    "client_secret": SECRET,
    "username": "acme-api",
    "password": PASSWORD,
}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with standing() as made:
        yield made


def good(asked: Asked) -> Canned:
    return as_json([] if asked.path.endswith(("products", "map")) and "orders" not in asked.path else collection())


# ------------------------------------------------------------------------------------------------- the token


def test_the_first_token_is_got_by_password_as_json_and_carried_by_every_call(bench: Bench) -> None:
    bench.answer = good
    client = bench.client()
    for call in CALLS.values():
        call(client)
    (asked,) = bench.tokens
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert bench.grants == [BY_PASSWORD]
    assert "authorization" not in asked.headers
    assert {call.headers["authorization"] for call in bench.calls} == {bearer(1)}


def test_a_token_can_be_asked_for_with_a_form(bench: Bench) -> None:
    assert bench.client(token_form=True).check() == "signed in"
    form = {name: [value] for name, value in BY_PASSWORD.items()}
    assert parse_qs(bench.tokens[0].body.decode()) == form


def test_the_check_signs_in_and_asks_for_nothing_else(bench: Bench) -> None:
    bench.client().check()
    assert (len(bench.tokens), bench.calls) == (1, [])


@pytest.mark.parametrize("client_too", [True, False])
def test_a_token_is_renewed_early_by_a_refresh_token_that_each_refresh_replaces(bench: Bench, client_too: bool) -> None:
    client = bench.client(client_on_refresh=client_too)
    for seconds, tokens in ((0, 1), (3500, 1), (3541, 2), (7000, 2), (7082, 3)):
        bench.clock.now = 1000 + seconds
        client.order(str(NUMBER))
        assert (len(bench.tokens), bench.calls[-1].headers["authorization"]) == (tokens, bearer(tokens))
    more = {"client_id": "acme-client", "client_secret": SECRET} if client_too else {}
    assert bench.grants == [
        BY_PASSWORD,
        *({"grant_type": "refresh_token", "refresh_token": REFRESH.format(n), **more} for n in (1, 2)),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_refused_refresh_falls_back_to_the_password(bench: Bench, status: int) -> None:
    def token(asked: Asked, count: int) -> Canned:
        return as_json({"error": "invalid_grant"}, status) if b"refresh_token" in asked.body else granted(count)

    bench.token = token
    client = bench.client()
    client.check()
    bench.clock.now += 4000
    client.check()
    assert [grant["grant_type"] for grant in bench.grants] == ["password", "refresh_token", "password"]


def test_a_refresh_token_whose_answer_was_lost_is_not_used_again(bench: Bench) -> None:
    bench.token = lambda asked, count: CUT if b"refresh_token" in asked.body else granted(count)
    client = bench.client()
    client.check()
    bench.clock.now += 4000
    with pytest.raises(Unavailable):
        client.check()
    client.check()
    assert [grant["grant_type"] for grant in bench.grants] == ["password", "refresh_token", "password"]


def test_without_a_refresh_token_the_password_gets_the_next_one(bench: Bench) -> None:
    bench.token = lambda _, count: granted(count, refresh_token=None)
    client = bench.client()
    client.check()
    bench.clock.now += 4000
    client.check()
    assert bench.grants == [BY_PASSWORD, BY_PASSWORD]


@pytest.mark.parametrize("name", CALLS)
def test_a_401_is_answered_with_one_new_token_and_one_more_call(bench: Bench, name: str) -> None:
    bench.answer = lambda asked: Canned(status=401) if asked.headers["authorization"] == bearer(1) else good(asked)
    CALLS[name](bench.client())
    assert (len(bench.tokens), len(bench.calls)) == (2, 2)
    assert bench.calls[0].body == bench.calls[1].body


@pytest.mark.parametrize(("status", "calls"), [(401, 2), (403, 1)])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_refused_for_good_is_the_credentials_fault(bench: Bench, name: str, status: int, calls: int) -> None:
    bench.answer = lambda _: Canned(status=status)
    with pytest.raises(AccessDenied):
        CALLS[name](bench.client())
    assert len(bench.calls) == calls


def test_many_threads_share_one_sign_in(bench: Bench) -> None:
    client = bench.client()
    threads = [threading.Thread(target=client.order, args=(str(NUMBER),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(bench.tokens), len(bench.calls)) == (1, 8)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (as_json({"error": "invalid_client"}, 400), AccessDenied),
        (Canned(b"no", 401), AccessDenied),
        (Canned(status=500), Unavailable),
        (Canned(status=429), Unavailable),
        (Canned(status=302, headers={"Location": "http://127.0.0.1:1/"}), Unavailable),
        (Canned(raw=b""), Unavailable),
        (CUT, Unavailable),
        (HTML, Unavailable),
        (as_json({}), Unavailable),
        (as_json([]), Unavailable),
        (granted(1, access_token=7), Unavailable),
        (granted(1, access_token="a b\r\nX: y"), Unavailable),
        (Canned(b"[" * 100_000, content_type="application/json"), Unavailable),
    ],
)
@pytest.mark.parametrize("name", [*CALLS, "download"])
def test_without_a_token_nothing_is_sent_so_that_nothing_is_uncertain(
    bench: Bench, name: str, answer: Canned, error: type[RemoteError]
) -> None:
    bench.token = lambda *_: answer
    client = bench.client()
    with pytest.raises(error) as caught:
        client.download(bench.asset(), len, most=1) if name == "download" else CALLS[name](client)
    assert (type(caught.value), bench.calls) == (error, [])


def test_no_secret_and_no_person_is_in_any_error_fact_or_repr(bench: Bench) -> None:
    told = f"{SECRET} {PASSWORD} Bearer {ACCESS.format(1)} {REFRESH.format(1)} {PERSON} Prøveveien 7, 9999 Infoland"
    client, shown = bench.client(), ""
    calls = [CALLS[name] for name in ("order", "products", "place")]
    calls.append(lambda kode: kode.download(bench.asset(), len, most=1))
    for status in (400, 404, 403, 500, 200):
        bench.answer = lambda _, status=status: as_json({"message": told}, status)  # type: ignore[misc]
        for call in calls:
            try:
                call(client)
            except RemoteError as failed:
                kept = {name: value for name, value in vars(failed).items() if name != "raw"}
                shown += "".join(traceback.format_exception(failed)) + repr(kept)
    shown += repr(bench.facts) + repr(client) + repr(CADASTRE) + repr(bench.asset())
    assert "[hidden]" in shown
    for secret in (SECRET, PASSWORD, ACCESS.format(1), REFRESH.format(1)):
        assert secret not in shown
    assert PERSON not in shown
    assert "Prøveveien" not in shown


# ------------------------------------------------------------------------------------------------- the reads


def test_an_order_is_read_by_its_id(bench: Bench) -> None:
    found = bench.client().order(str(NUMBER))
    assert (found.id, found.status, found.technical_references) == (str(NUMBER), "PROGRESS", frozenset({"ord-7f3a"}))
    assert (bench.calls[0].method, bench.calls[0].path) == ("GET", f"/kode/v1/orders/{NUMBER}")


@pytest.mark.parametrize("number", ["", "7/../8", "x7", "7" * 19, "-7", "7 ", "\u0667"])
def test_what_is_no_id_is_not_asked_for(bench: Bench, number: str) -> None:
    with pytest.raises(Rejected, match="not sent"):
        bench.client().order(number)
    assert bench.server.asked == []


def test_an_order_that_kode_does_not_know_is_said_to_be_unknown(bench: Bench) -> None:
    bench.answer = lambda _: as_json({"message": "Finnes ikke"}, 404)
    with pytest.raises(OrderUnknown, match="HTTP 404"):
        bench.client().order(str(NUMBER))


def test_an_answer_about_another_order_is_unreadable_and_not_kept(bench: Bench) -> None:
    bench.answer = lambda _: as_json(collection(id=NUMBER + 1))
    with pytest.raises(Unreadable, match="another order") as caught:
        bench.client().order(str(NUMBER))
    assert caught.value.raw == ""


NONSENSE = {
    "half JSON": Canned(b'{"id": 7000001, "orders": [', content_type="application/json"),
    "nothing": Canned(b"", content_type="application/json"),
    "a page": HTML,
    "a text": as_json("OK"),
    "null": as_json(None),
    "NaN": Canned(b'{"id": NaN}', content_type="application/json"),
    "too deep": Canned(b'{"id":7000001,"orders":' + b"[" * 5000 + b"]" * 5000 + b"}", content_type="application/json"),
    "a huge number": Canned(b'{"id": ' + b"9" * 5000 + b"}", content_type="application/json"),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("name", ["order", "products"])
def test_what_cannot_be_read_is_unreadable_and_kept(bench: Bench, name: str, answer: Canned) -> None:
    bench.answer = lambda _: answer
    with pytest.raises(Unreadable) as caught:
        CALLS[name](bench.client())
    assert caught.value.raw == answer.body.decode()


@pytest.mark.parametrize(
    "answer",
    [Canned(status=500), Canned(status=503), Canned(raw=b""), CUT, Canned(status=302, headers={"Location": "/x"})],
)
@pytest.mark.parametrize("name", SAFE)
def test_an_outage_of_a_read_is_without_effect(bench: Bench, name: str, answer: Canned) -> None:
    bench.answer = lambda _: answer
    with pytest.raises(Unavailable):
        CALLS[name](bench.client())
    assert len(bench.calls) == 1


# ---------------------------------------------------------------------------------------- products and prices

ROW = {
    "code": "WI99990101",
    "name": "Meglerpakke",
    "description": "Det meste",
    "delivery": {"code": "DIGITAL", "name": "Elektronisk"},
    "inputType": {"code": "CADASTRE", "name": "Matrikkel"},
    "price": {"salesPriceNet": 1640.1, "salesPriceVat": 2050.13},
    "status": {"code": "ACTIVE", "name": "Aktivt"},
    "type": {"code": "PACKAGE", "name": "Pakke"},
    "children": [{"code": "WI99990102", "name": "Ferdigattest"}],
    "unheardOf": [1],
}


@pytest.mark.parametrize(("number", "sent"), [("9999", "9999"), ("301", "0301"), (" 0301 ", "0301")])
def test_products_are_asked_for_by_four_digits(bench: Bench, number: str, sent: str) -> None:
    bench.answer = lambda _: as_json([ROW])
    (found,) = bench.client().products(number)
    assert (bench.calls[0].path, bench.calls[0].query) == ("/kode/v1/products", {"municipality": sent})
    assert (found.code, found.input_type, found.status, found.type) == ("WI99990101", "CADASTRE", "ACTIVE", "PACKAGE")
    assert (found.delivery, found.children) == ("DIGITAL", (("WI99990102", "Ferdigattest"),))
    assert found.price == Price(Decimal("1640.1"), Decimal("2050.13"))


@pytest.mark.parametrize(
    "changes",
    [
        {"children": None, "price": None, "description": None},
        {"inputType": "CADASTRE", "status": "ACTIVE", "type": "PACKAGE", "delivery": "DIGITAL"},
        {"price": {"priceNet": "1640.1"}},
    ],
)
def test_a_product_may_lack_things_or_have_texts_for_objects(bench: Bench, changes: dict[str, Any]) -> None:
    bench.answer = lambda _: as_json([ROW | changes])
    (found,) = bench.client().products("9999")
    assert (found.input_type, found.status, found.type) == ("CADASTRE", "ACTIVE", "PACKAGE")


@pytest.mark.parametrize("number", ["", "12345", "abcd", "03 1", "-301", "\u0660\u0663\u0660\u0661"])
def test_what_is_no_municipality_is_not_asked_for(bench: Bench, number: str) -> None:
    with pytest.raises(Rejected, match="not sent"):
        bench.client().products(number)
    assert bench.server.asked == []


@pytest.mark.parametrize("answer", [{"products": []}, [7], [{"name": "x"}], [{"code": ["a"]}], [{"code": "a\nb"}]])
def test_a_list_that_is_not_of_products_is_unreadable(bench: Bench, answer: Any) -> None:
    bench.answer = lambda _: as_json(answer)
    with pytest.raises(Unreadable):
        bench.client().products("9999")


ONE, TWO = {"salesPriceNet": 80.0, "salesPriceVat": 100.0}, {"priceNet": 160, "priceVat": "200.00"}
SUM = Price(Decimal(240), Decimal(300))
PRICES = {
    "a list": ([{"code": "a", **ONE}, {"code": "b", **TWO}], SUM),
    "a list of objects with a price": ([{"code": "a", "price": ONE}, {"price": TWO}], SUM),
    "an object": (TWO, Price(Decimal(160), Decimal(200))),
    "an object with its parts": ({"products": [ONE, ONE], **TWO}, Price(Decimal(160), Decimal(200))),
    "parts in an envelope": ({"products": [ONE, TWO], "currency": "NOK"}, SUM),
    "a total in an envelope": ({"total": TWO, "products": [ONE]}, Price(Decimal(160), Decimal(200))),
    "one that has only the net": ({"priceNet": 5}, Price(Decimal(5), None)),
    "nothing": ([], None),
    "null": (None, None),
    "something else": ({"message": "ok"}, None),
    "a part without a price": ([ONE, {"code": "b"}], None),
    "a price that is none": ({"priceNet": True, "priceVat": "gratis"}, None),
    "two that it could be": ({"a": ONE, "b": TWO}, None),
}


@pytest.mark.parametrize(("answer", "expected"), PRICES.values(), ids=PRICES.keys())
def test_a_price_is_read_in_any_shape_and_none_where_none_is_said(
    bench: Bench, answer: Any, expected: Price | None
) -> None:
    bench.answer = lambda _: as_json(answer)
    assert bench.client().price(MAP) == expected
    assert (bench.calls[0].method, bench.calls[0].path) == ("POST", "/kode/v1/prices/map")
    assert b"eference" not in bench.calls[0].body.replace(b"spatialReference", b"")


def test_other_prices_are_asked_for_only_where_the_old_paths_are_said_to_be_there(bench: Bench) -> None:
    bench.answer = lambda _: as_json(TWO)
    assert bench.client().price(SHARE) is None
    assert bench.server.asked == []
    assert bench.client(old_prices=True).price(SHARE) == Price(Decimal(160), Decimal(200))
    assert bench.calls[0].path == "/kode/v1/prices/share"


def test_a_price_needs_no_reference(bench: Bench) -> None:
    bench.answer = lambda _: as_json(TWO)
    assert bench.client().price(replace(MAP, reference="")) is not None


# ---------------------------------------------------------------------------------------------------- placing


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_order_is_placed_by_any_success_with_an_id(bench: Bench, status: int) -> None:
    bench.answer = lambda _: as_json(collection(), status)
    assert bench.client().place(CADASTRE).id == str(NUMBER)
    assert (bench.calls[0].method, bench.calls[0].path) == ("POST", "/kode/v1/orders/cadastre")
    assert bench.calls[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "answer",
    [
        Canned(b'{"id": "7000001"}', content_type="text/plain"),
        as_json({"id": NUMBER, "orders": [{"assets": [{"name": "x"}]}]}),
        as_json({"id": NUMBER, "orders": "none"}),
    ],
)
def test_an_order_whose_id_alone_can_be_read_is_placed(bench: Bench, answer: Canned) -> None:
    bench.answer = lambda _: answer
    assert bench.client().place(CADASTRE) == Tree(str(NUMBER), "")


USELESS = {
    **NONSENSE,
    "no id": as_json({"status": "NEW"}),
    "an id that is none": as_json({"id": True}),
    "an id with a point": as_json({"id": 7.5}),
    "an id of letters": as_json({"id": "abc"}),
    "an id that is too long": as_json({"id": "7" * 19}),
    "a list": as_json([collection()]),
    "a success without content": Canned(status=204),
    "an error of its own": Canned(status=500),
    "not implemented": Canned(status=501),
    "a gateway's time-out": Canned(status=504),
    "a time-out of its own": Canned(status=408),
    "found elsewhere": Canned(status=302, headers={"Location": "/kode/v1/orders/7"}),
    "see other": Canned(status=303, headers={"Location": "/kode/v1/orders/7"}),
    "a cut answer": CUT,
    "no answer": Canned(raw=b""),
    "two lengths": Canned(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"),
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS.keys())
def test_an_order_of_which_nothing_is_sure_is_uncertain_and_sent_once(bench: Bench, answer: Canned) -> None:
    bench.answer = lambda _: answer
    with pytest.raises(Uncertain):
        bench.client().place(CADASTRE)
    assert len(bench.calls) == 1


def test_an_answer_that_is_late_leaves_the_order_uncertain(bench: Bench) -> None:
    held = threading.Event()

    def hold(_: Asked) -> Canned:
        held.wait(5)
        return as_json(collection())

    bench.answer = hold
    client = bench.client(timeout=0.3)
    client.check()
    with pytest.raises(Uncertain) as caught:
        client.place(CADASTRE)
    held.set()
    assert (caught.value.settle_seconds, len(bench.calls)) == (0.3, 1)


@pytest.mark.parametrize(("status", "kind"), [(301, Unavailable), (307, Unavailable), (308, Unavailable)])
def test_an_order_that_was_not_taken_here_is_surely_not_placed(
    bench: Bench, status: int, kind: type[RemoteError]
) -> None:
    bench.answer = lambda _: Canned(status=status, headers={"Location": f"{bench.server.url}/x"})
    with pytest.raises(kind):
        bench.client().place(CADASTRE)
    assert len(bench.calls) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 415, 422])
def test_a_refused_order_is_rejected_with_kode_s_word_for_it_but_nobody_s_address(bench: Bench, status: int) -> None:
    said = f"unknown product for {PERSON}, Prøveveien 7, 9999 Infoland"
    bench.answer = lambda _: as_json({"message": said}, status)
    with pytest.raises(Rejected) as caught:
        bench.client().place(CADASTRE)
    assert caught.value.cause == "unknown product for [hidden], [hidden]"


def test_a_wrong_order_is_not_sent_and_its_fields_are_named_without_their_values(bench: Bench) -> None:
    wrong = replace(CADASTRE, cadastre="777-8-9-0-0", reference=" ", products=())
    with pytest.raises(Rejected) as caught:
        bench.client().place(wrong)
    assert bench.server.asked == []
    assert caught.value.cause.startswith("not sent: ")
    for name in ("reference", "cadastre", "products"):
        assert name in caught.value.cause
    assert "777" not in caught.value.cause
