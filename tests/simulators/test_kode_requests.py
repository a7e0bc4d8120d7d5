"""Claims about what the simulated KODE takes as an order (kode.md, section 6), and what it counts as a mistake."""

import copy
import json
import random
from typing import Any

import pytest

from tests.simulators.kode_bench import (
    AREA,
    CADASTRE,
    CO_OP,
    LOGIN,
    MAP,
    NONE,
    PACKAGE,
    PLAIN,
    RING,
    SHARE,
    Bench,
    cause,
    order_body,
)


@pytest.mark.parametrize("kind", ["cadastre", "share", "map"])
def test_an_order_of_each_kind_is_taken(kind: str) -> None:
    bench = Bench()
    tree = bench.created(kind)
    assert bench.sim.order(tree["id"])["kind"] == kind
    assert bench.sim.refusals() == []


@pytest.mark.parametrize("status", [200, 201, 202])
def test_the_status_of_success_can_be_any(status: int) -> None:
    assert Bench(create_status=status).create().status == status


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"reference": NONE}, "reference"),
        ({"reference": ""}, "reference"),
        ({"reference": 42}, "reference"),
        ({"technicalReference": 42}, "technicalReference"),
        ({"technicalReference": " "}, "technicalReference"),
        ({"orderData": NONE}, "orderData"),
        ({"orderData": []}, "orderData"),
        ({"products": NONE}, "products"),
        ({"products": []}, "products"),
        ({"products": {"code": PACKAGE}}, "products"),
        ({"products": [PACKAGE]}, "products[0].code"),
        ({"products": [{"code": PACKAGE}, {"code": "WI99999999"}]}, "products[1].code"),
        ({"products": [{"code": PACKAGE, "data": "UTM"}]}, "products[0].data"),
        ({"products": [{"code": PACKAGE, "amount": 2}]}, "products[0].amount"),
        ({"products": [{"code": SHARE}]}, "products[0].code"),
        ({"idempotencyKey": "1"}, "idempotencyKey"),
        ({"deliveryInformation": "Kari"}, "deliveryInformation"),
        ({"deliveryInformation": {"city": "Infoland"}}, "deliveryInformation.city"),
        ({"deliveryInformation": {"postalCode": 155}}, "deliveryInformation.postalCode"),
    ],
)
def test_what_is_wrong_with_an_order_is_named_and_counted(change: dict[str, Any], named: str) -> None:
    bench = Bench()
    reply = bench.create(**change)
    assert reply.status == 400
    assert cause(reply).startswith(f"{named}:")
    assert reply.effect is None
    assert (bench.sim.orders(), bench.sim.pushes()) == ([], [])
    (refusal,) = bench.sim.refusals()
    assert (refusal["status"], refusal["cause"]) == (400, cause(reply))
    assert bench.sim.complaints() == []


def test_who_gets_it_may_be_said_in_nine_optional_texts_and_no_reference_of_ones_own_is_needed() -> None:
    names = ["address", "address2", "address3", "alias", "companyName", "email", "name", "phone", "postalCode"]
    bench = Bench()
    bench.created(deliveryInformation=dict.fromkeys(names, "x") | {"alias": None}, technicalReference=NONE)
    bench.created(deliveryInformation={})


@pytest.mark.parametrize("address", ["Prøveveien 7", "Prøveveien 7, Infoland", "Prøveveien 7 9999 Infoland", "", 7])
def test_an_address_is_street_comma_code_and_place(address: Any) -> None:
    reply = Bench().create(orderData={**CADASTRE, "address": address})
    assert (reply.status, cause(reply).partition(":")[0]) == (400, "orderData.address")


@pytest.mark.parametrize(
    "cadastre", ["9999-12-34-0", "999-12-34-0-0", "9999/12/34/0/0", "9999-12-34-0-", "9999-012-34-0-0", 9999, ""]
)
def test_a_cadastre_has_five_numbers_and_the_municipality_four_digits(cadastre: Any) -> None:
    reply = Bench().create(orderData={**CADASTRE, "cadastre": cadastre})
    assert (reply.status, cause(reply).partition(":")[0]) == (400, "orderData.cadastre")


def test_a_municipalitys_leading_zero_is_kept_and_its_products_are_its_own() -> None:
    bench = Bench()
    bench.sim.add_product(code="WI03010001", name="Målebrev")
    oslo = {"address": "Prøveveien 7, 0155 Oslo", "cadastre": "0301-12-34-0-0"}
    bench.created(orderData=oslo, products=[{"code": "WI03010001"}])
    assert bench.create(orderData=oslo).status == 400


@pytest.mark.parametrize(
    ("options", "organization", "share", "status"),
    [
        ({}, 999_999_999, 17, 200),
        ({}, "999999999", "17", 400),
        ({"share_numbers": "text"}, "999999999", "17", 200),
        ({"share_numbers": "text"}, 999_999_999, 17, 400),
        ({"share_numbers": "either"}, "999999999", 17, 200),
        ({"share_numbers": "text"}, "9" * 5000, "17", 400),
        ({}, 99, 17, 400),
        ({}, 999_999_999, 0, 400),
        ({}, 999_999_999, True, 400),
        ({}, 999_999_999, 1.5, 400),
        ({}, 999_999_999, None, 400),
    ],
)
def test_a_share_is_numbers_or_where_chosen_texts(
    options: dict[str, Any], organization: Any, share: Any, status: int
) -> None:
    data = {"organizationNumber": organization, "shareNumber": share}
    assert Bench(**options).create("share", orderData=data).status == status


@pytest.mark.parametrize(
    ("kind", "data"), [("share", CADASTRE), ("map", CO_OP), ("cadastre", AREA), ("share", {"shareNumber": 17})]
)
def test_the_order_data_must_be_of_the_paths_shape(kind: str, data: dict[str, Any]) -> None:
    assert Bench().create(kind, orderData=data).status == 400


def area(rings: Any, **changes: Any) -> dict[str, Any]:
    return {**AREA, "geometry": {"type": "Polygon", "coordinates": rings}, **changes}


@pytest.mark.parametrize(
    "data",
    [
        area([RING[:-1]]),
        area([RING[:2] + RING[-1:]]),
        area(RING),
        area([]),
        area("everywhere"),
        area([[[10.7, 59.9], [10.8, 59.9], [10.8, 60.0], [10.7, 59.9]]]),
        area([[["6", "7"], *RING[1:]]]),
        area([[[10**400, 6_640_000.0], *RING[1:]]]),
        area([[[True, 6_640_000.0], *RING[1:]]]),
        area([[[600_000.0], *RING[1:]]]),
        {**AREA, "geometry": {"type": "Point", "coordinates": RING[0]}},
        {**AREA, "geometry": None},
        {**AREA, "spatialReference": 25832},
        {**AREA, "spatialReference": "4326"},
        {"geometry": AREA["geometry"]},
    ],
)
def test_an_area_is_a_closed_ring_in_metres_of_a_named_zone(data: dict[str, Any]) -> None:
    reply = Bench().create("map", orderData=data)
    assert reply.status == 400
    assert cause(reply).startswith("orderData.")


def test_a_number_that_is_none_is_no_json() -> None:
    bench = Bench()
    data = copy.deepcopy(AREA)
    data["geometry"]["coordinates"][0][1][0] = float("nan")  # type: ignore[index]
    assert bench.create("map", orderData=data).status == 400
    endless = json.dumps(order_body("map")).replace("600500.0", "1e999").encode()
    assert bench.ask("POST", "/kode/v1/orders/map", endless).status == 400


def test_holes_in_an_area_can_be_forbidden() -> None:
    assert Bench().create("map", orderData=area([RING, RING])).status == 200
    assert Bench(holes=False).create("map", orderData=area([RING, RING])).status == 400


@pytest.mark.parametrize("zone", ["25832", "25833"])
def test_two_zones_are_known(zone: str) -> None:
    assert Bench().create("map", orderData={**AREA, "spatialReference": zone}).status == 200


@pytest.mark.parametrize(
    ("wanted", "data", "status"),
    [
        ("system", {"system": "UTM"}, 200),
        ("system", {"format": "UTM"}, 400),
        ("system", {}, 400),
        ("format", {"format": "UTM"}, 200),
        ("format", {"system": "UTM"}, 400),
        ("either", {"format": "UTM"}, 200),
        ("either", {"system": "UTM"}, 200),
    ],
)
def test_a_map_needs_its_data_under_one_name_or_the_other(wanted: str, data: dict[str, Any], status: int) -> None:
    product = {"code": MAP, "data": data}
    assert Bench(data_key=wanted).create("map", products=[product]).status == status


def test_a_product_can_need_data_of_any_name() -> None:
    bench = Bench()
    bench.sim.add_product(code=PLAIN, name="Ferdigattest", needs=["floor"])
    assert bench.create(products=[{"code": PLAIN, "data": {"floor": "2"}}]).status == 200
    reply = bench.create(products=[{"code": PLAIN, "data": {"floor": ""}}])
    assert cause(reply).startswith("products[0].data.floor:")


def test_data_that_nobody_asked_for_is_taken() -> None:
    Bench().created(products=[{"code": PLAIN, "data": {"colour": ["red"]}}])


def test_a_product_that_is_no_longer_sold_is_refused() -> None:
    bench = Bench()
    bench.sim.add_product(code=PLAIN, name="Ferdigattest", status="INACTIVE")
    assert bench.create(products=[{"code": PLAIN}]).status == 400


def test_unknown_fields_can_be_let_pass() -> None:
    Bench(extra_fields=True).created(idempotencyKey="1")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(raw: bytes) -> None:
    bench = Bench()
    assert bench.ask("POST", "/kode/v1/orders/cadastre", raw).status == 400
    assert len(bench.sim.refusals()) == 1


def test_a_body_that_does_not_say_it_is_json_is_refused() -> None:
    reply = Bench().ask("POST", "/kode/v1/orders/cadastre", order_body(), {"content-type": "text/plain"})
    assert reply.status == 415


def test_an_order_of_another_kind_of_thing_is_not_there() -> None:
    bench = Bench()
    assert bench.ask("POST", "/kode/v1/orders/boat", order_body()).status == 404
    assert bench.sim.complaints()[-1]["operation"] == "unknown"


def test_an_expired_login_is_no_mistake_of_the_orders_and_makes_none() -> None:
    bench = Bench()
    token = bench.token
    bench.clock.pass_(3600)
    reply = bench.ask("POST", "/kode/v1/orders/cadastre", order_body(), bearer=token)
    assert (reply.status, bench.sim.orders()) == (401, [])


# --- doubling -------------------------------------------------------------------------------------------------------


def test_each_create_makes_an_order_and_the_journal_has_its_references() -> None:
    bench = Bench()
    first, second = bench.create(technicalReference="t-1"), bench.create(technicalReference="t-2")
    assert first.effect == {
        "what": "order", "order": "7000001", "reference": "OPPDRAG-42", "technicalReference": "t-1",
    }  # fmt: skip
    assert second.effect is not None
    assert "repeat" not in second.effect
    assert [made["order"] for made in bench.sim.created()] == [7_000_001, 7_000_002]


def test_a_repeated_create_makes_a_second_order_and_shows_as_a_repeat() -> None:
    bench = Bench()
    first, second = bench.create(), bench.create()
    assert json.loads(first.body)["id"] != json.loads(second.body)["id"]
    assert (second.effect or {})["repeat"] == "yes"
    assert [made["repeat"] for made in bench.sim.created()] == [False, True]


def test_without_a_technical_reference_the_same_body_is_the_repeat() -> None:
    bench = Bench()
    replies = [bench.create(technicalReference=NONE, reference=name) for name in ("A", "B", "A")]
    assert ["repeat" in (reply.effect or {}) for reply in replies] == [False, False, True]


def test_one_reference_ties_several_orders_together() -> None:
    bench = Bench()
    bench.created(technicalReference="t-1", reference="A")
    assert "repeat" not in (bench.create(technicalReference="t-2", reference="A").effect or {})


def test_references_of_any_characters_are_kept_and_the_journal_can_hold_them() -> None:
    bench = Bench()
    reply = bench.create(reference="\ud800/../\x00", technicalReference="Å\n")
    assert reply.status == 200
    assert json.dumps(reply.effect, ensure_ascii=False).encode()
    assert bench.sim.created()[0]["reference"] == "\ud800/../\x00"


# --- whatever comes -------------------------------------------------------------------------------------------------

JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**400, 1e308, "", "x", "\ud800", "0" * 5000, [], {}, [[]], {"a": {}}, [[[1, 2]]],
)  # fmt: skip


def spoiled(value: Any, chance: random.Random) -> Any:
    """The value with some of its parts exchanged, or gone."""
    if chance.random() < 0.15:
        return copy.deepcopy(chance.choice(JUNK))
    if isinstance(value, dict):
        return {name: spoiled(part, chance) for name, part in value.items() if chance.random() < 0.95}
    return [spoiled(part, chance) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("numbers", ["number", "text", "either"])
def test_no_body_breaks_it_and_what_it_refuses_makes_no_order(numbers: str) -> None:
    bench, chance, taken = Bench(share_numbers=numbers), random.Random(1), 0
    for _ in range(600):
        kind = chance.choice(["cadastre", "share", "map"])
        raw = json.dumps(spoiled(order_body(kind), chance)).encode()
        raw = raw[: len(raw) // 2] if chance.random() < 0.05 else raw
        reply = bench.ask("POST", f"/kode/v1/orders/{kind}", raw)
        assert reply.status in {200, 400}
        assert (reply.effect is None) == (reply.status == 400)
        taken += reply.status == 200
        bench.ask("POST", f"/kode/v1/prices/{kind}", raw)
        assert bench.ask_token(json.dumps(spoiled(LOGIN, chance)).encode()).status in {200, 400, 401}
    assert 0 < taken < 600
    assert len(bench.sim.orders()) == len(bench.sim.created()) == taken
    assert len(bench.sim.refusals()) == 600 - taken
