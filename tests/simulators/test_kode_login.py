"""Claims about the simulated KODE's login, products and prices (kode.md, sections 3 to 5 and 12)."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from syncer.simulators.kode import Credentials, KodeSimulator
from syncer.simulators.wire import Reply, Request
from tests.simulators.kode_bench import LOGIN, MAP, NONE, PACKAGE, PLAIN, START, Bench, cause, order_body

DAY = 86_400
PRODUCTS = "/kode/v1/products?municipality=9999"


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_password_gives_a_token_for_an_hour_with_its_scopes_as_a_list() -> None:
    answer = Bench().login()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert answer["scope"] == ["kode.order.write", "kode.order.read", "kode.product.read", "kode.price.read"]
    assert len({answer["access_token"], answer["refresh_token"]}) == 2


def test_a_form_is_as_good_as_json_and_can_be_refused() -> None:
    def ask(bench: Bench) -> Reply:
        # The host reads a form into the query.
        form = {"content-type": "application/x-www-form-urlencoded"}
        return bench.sim.handle(Request("POST", "/authentication/v2/token", LOGIN, form, urlencode(LOGIN).encode()))

    assert ask(Bench()).status == 200
    assert ask(Bench(form_bodies=False)).status == 415


@pytest.mark.parametrize("name", ["client_id", "client_secret", "username", "password"])
@pytest.mark.parametrize("value", ["wrong", None, "\ud800"])
def test_each_part_of_the_login_has_to_be_right(name: str, value: Any) -> None:
    bench = Bench(bad_login_status=400)
    reply = bench.ask_token({**LOGIN, name: value})
    assert reply.status == 400
    assert "access_token" not in reply.body.decode()
    assert [call["status"] for call in bench.sim.token_calls()] == [400]


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"grant_type": "client_credentials"}', b"{}"])
def test_what_is_no_known_grant_is_refused(body: bytes) -> None:
    assert Bench().ask_token(body).status == 400


def test_credentials_can_be_chosen() -> None:
    sim = KodeSimulator(credentials=Credentials("c", "s", "u", "p"), now=lambda: START)
    asked = {"grant_type": "password", "client_id": "c", "client_secret": "s", "username": "u", "password": "p"}
    request = Request(
        "POST", "/authentication/v2/token", {}, {"content-type": "application/json"}, json.dumps(asked).encode()
    )
    assert sim.handle(request).status == 200


def test_an_access_token_expires_by_the_clock() -> None:
    bench = Bench()
    bench.get(PRODUCTS)
    bench.clock.pass_(3599)
    bench.get(PRODUCTS)
    bench.clock.pass_(1)
    reply = bench.ask("GET", PRODUCTS)
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nobody's", "Basic YTpi"])
def test_every_call_but_the_tokens_own_needs_a_token(header: str) -> None:
    bench = Bench()
    for method, path in (("GET", PRODUCTS), ("GET", "/kode/v1/orders/1"), ("POST", "/kode/v1/orders/cadastre")):
        assert bench.ask(method, path, headers={"authorization": header}, bearer="").status == 401


def test_refreshing_with_two_fields_rotates_the_refresh_token() -> None:
    bench = Bench()
    first = bench.login()
    second = json.loads(bench.refresh(first["refresh_token"]).body)
    assert second["refresh_token"] != first["refresh_token"]
    assert bench.refresh(first["refresh_token"]).status == 401
    assert bench.refresh(second["refresh_token"]).status == 200
    assert bench.ask("GET", PRODUCTS, bearer=first["access_token"]).status == 200


def test_a_refresh_token_lives_thirty_days_and_so_does_the_next_one() -> None:
    bench = Bench()
    token = bench.login()["refresh_token"]
    for _ in range(2):
        bench.clock.pass_(30 * DAY - 1)
        token = json.loads(bench.refresh(token).body)["refresh_token"]
    bench.clock.pass_(30 * DAY)
    assert bench.refresh(token).status == 401
    bench.login()


def test_a_confidential_client_says_who_it_is_when_refreshing_too() -> None:
    bench = Bench(confidential=True)
    token = bench.login()["refresh_token"]
    assert bench.refresh(token).status == 401
    client = {"client_id": LOGIN["client_id"], "client_secret": LOGIN["client_secret"]}
    assert bench.refresh(token, **client).status == 200


def test_a_client_that_says_who_it_is_without_need_must_say_it_right() -> None:
    bench = Bench()
    token = bench.login()["refresh_token"]
    assert bench.refresh(token, client_id=LOGIN["client_id"], client_secret="wrong").status == 401
    client = {"client_id": LOGIN["client_id"], "client_secret": LOGIN["client_secret"]}
    assert bench.refresh(token, **client).status == 200


def test_a_used_refresh_token_may_still_be_good_or_end_everything() -> None:
    lenient = Bench(reused="accepted")
    token = lenient.login()["refresh_token"]
    assert [lenient.refresh(token).status for _ in range(3)] == [200, 200, 200]
    strict = Bench(reused="revokes")
    first = strict.login()
    second = json.loads(strict.refresh(first["refresh_token"]).body)
    assert strict.refresh(first["refresh_token"]).status == 401
    assert strict.refresh(second["refresh_token"]).status == 401
    assert strict.ask("GET", PRODUCTS, bearer=second["access_token"]).status == 401


def test_a_new_token_can_end_the_earlier_ones() -> None:
    bench = Bench(one_token=True)
    first, second = bench.login()["access_token"], bench.login()["access_token"]
    assert [bench.ask("GET", PRODUCTS, bearer=each).status for each in (first, second)] == [401, 200]


def test_tokens_can_be_revoked_whatever_their_age() -> None:
    bench = Bench()
    answer = bench.login()
    bench.sim.revoke_tokens()
    assert bench.ask("GET", PRODUCTS, bearer=answer["access_token"]).status == 401
    renewed = json.loads(bench.refresh(answer["refresh_token"]).body)
    bench.sim.revoke_tokens(refresh=True)
    assert bench.refresh(renewed["refresh_token"]).status == 401


def test_every_token_call_is_counted_and_journaled() -> None:
    bench = Bench()
    reply = bench.ask_token(LOGIN)
    assert reply.effect == {"what": "token", "grant": "password"}
    token = json.loads(reply.body)["refresh_token"]
    assert bench.refresh(token).effect == {"what": "token", "grant": "refresh_token"}
    assert bench.refresh(token).effect is None
    assert [(call["grant"], call["status"]) for call in bench.sim.token_calls()] == [
        ("password", 200), ("refresh_token", 200), ("refresh_token", 401),
    ]  # fmt: skip


def test_token_calls_over_the_limit_are_put_off_until_the_window_has_room() -> None:
    bench = Bench(token_limit=2, token_window=60)
    bench.login()
    bench.clock.pass_(10)
    bench.login()
    reply = bench.ask_token(LOGIN)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "51")
    assert reply.effect is None
    bench.clock.pass_(60)
    bench.login()


def test_scopes_can_be_missing_old_or_a_text() -> None:
    bench = Bench(missing_scopes=["kode.price.read"])
    assert "kode.price.read" not in bench.login()["scope"]
    bench.get(PRODUCTS)
    assert bench.ask("POST", "/kode/v1/prices/map", {}).status == 403
    assert Bench(old_scopes=True).login()["scope"] == ["shopping.write", "shopping.read", "productcatalog.read"]
    assert Bench(scope_text=True).login()["scope"].startswith("kode.order.write kode.order.read ")


# --- products -------------------------------------------------------------------------------------------------------


def test_products_are_a_bare_list_with_net_and_gross_prices() -> None:
    found = Bench().get(PRODUCTS)
    package = next(product for product in found if product["code"] == PACKAGE)
    assert package["delivery"] == {"code": "DIGITAL", "name": "Elektronisk"}
    assert package["inputType"] == {"code": "CADASTRE", "name": "Matrikkel"}
    assert package["status"] == {"code": "ACTIVE", "name": "Aktivt"}
    assert package["type"] == {"code": "PACKAGE", "name": "Pakke"}
    assert package["price"] == {"salesPriceNet": 1640.0, "salesPriceVat": 2050.0}
    assert package["children"] == [
        {"code": PLAIN, "name": "Ferdigattest"},
        {"code": "WI99990103", "name": "Kommunale avgifter"},
    ]


@pytest.mark.parametrize(("option", "expected"), [("list", []), ("absent", None)])
def test_a_product_without_contents_has_no_children_in_one_way_or_the_other(option: str, expected: Any) -> None:
    found = Bench(children=option).get(PRODUCTS)
    assert next(product for product in found if product["code"] == PLAIN).get("children") == expected


def test_a_municipality_has_its_own_products_only() -> None:
    bench = Bench()
    bench.sim.add_product(code="WI03010001", name="Målebrev", net=99.5)
    assert [product["code"] for product in bench.get("/kode/v1/products?municipality=0301")] == ["WI03010001"]
    assert bench.get("/kode/v1/products?municipality=4601") == []
    strict = Bench(unknown_municipality="404")
    assert strict.ask("GET", "/kode/v1/products?municipality=4601").status == 404


@pytest.mark.parametrize("query", ["", "?municipality=301", "?municipality=Oslo"])
def test_a_municipality_has_four_digits(query: str) -> None:
    bench = Bench()
    assert bench.ask("GET", f"/kode/v1/products{query}").status == 400
    assert bench.sim.complaints()[-1]["operation"] == "products.list"


# --- prices ---------------------------------------------------------------------------------------------------------


def ask_prices(bench: Bench, kind: str, **changes: Any) -> Reply:
    body = order_body(kind, reference=NONE, technicalReference=NONE, **changes)
    return bench.ask("POST", f"/kode/v1/prices/{kind}", body)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [{"code": MAP, "name": "Situasjonskart", "salesPriceNet": 275.0, "salesPriceVat": 343.75}]),
        ({"prices": "nested"}, [{"code": MAP, "price": {"salesPriceNet": 275.0, "salesPriceVat": 343.75}}]),
        ({"prices": "total", "price_names": "plain"}, {"priceNet": 275.0, "priceVat": 343.75}),
    ],
)
def test_a_maps_price_comes_in_one_of_the_shapes_that_it_could_have(options: dict[str, Any], expected: Any) -> None:
    reply = ask_prices(Bench(**options), "map")
    assert (reply.status, json.loads(reply.body), reply.effect) == (200, expected, None)


def test_prices_as_an_object_hold_each_and_the_sum() -> None:
    answer = json.loads(ask_prices(Bench(prices="object"), "map").body)
    assert (answer["salesPriceNet"], len(answer["products"])) == (275.0, 1)


@pytest.mark.parametrize("kind", ["cadastre", "share"])
def test_other_prices_are_asked_in_the_old_documents_alone(kind: str) -> None:
    assert ask_prices(Bench(), kind).status == 404
    assert ask_prices(Bench(old_paths=True), kind).status == 200


def test_a_question_for_prices_holds_no_reference() -> None:
    reply = Bench().ask("POST", "/kode/v1/prices/map", order_body("map", technicalReference=NONE))
    assert reply.status == 400
    assert "reference" in cause(reply)


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "content_type", "begins"),
    [
        ("object", "application/json", b'{"status": 404'),
        ("text", "text/plain; charset=utf-8", b"There is nothing"),
        ("html", "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("empty", "", b""),
    ],
)
def test_errors_come_in_one_of_the_shapes_that_they_could_have(shape: str, content_type: str, begins: bytes) -> None:
    reply = Bench(errors=shape).ask("GET", "/kode/v1/orders")
    assert (reply.status, reply.content_type) == (404, content_type)
    assert reply.body.startswith(begins)


def test_another_method_is_not_allowed() -> None:
    assert Bench().ask("DELETE", "/kode/v1/orders/7000001").status == 405


@pytest.mark.parametrize(
    "options",
    [{"generation": "v18"}, {"create_status": 204}, {"holes": "no"}, {"redirect": "away"}, {"statuses": None}],
)
def test_an_option_that_there_is_not_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Bench(**options)
    bench = Bench()
    with pytest.raises((ValueError, TypeError)):
        bench.sim.configure(**options)
    assert bench.sim.options == Bench().sim.options
    with pytest.raises(TypeError):
        bench.sim.configure(colour="red")
