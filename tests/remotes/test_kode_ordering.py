"""What is wrong with an order is said before it is sent, and what is sent is what the contract shows."""

from dataclasses import replace
from typing import Any

import pytest

from syncer.remotes.kode import Kind, Placing, Wanted, check
from syncer.remotes.kode.ordering import is_organization_number, order_body, price_body
from tests.remotes.kode_bench import CADASTRE, MAP, RING, SHARE

PERSON = "Kari Påfunn"


def wrong(placing: Placing, **changes: Any) -> list[str]:
    return [fault.field for fault in check(replace(placing, **changes))]


@pytest.mark.parametrize("placing", [CADASTRE, SHARE, MAP], ids=lambda placing: placing.kind)
def test_what_the_contract_shows_is_right(placing: Placing) -> None:
    assert check(placing) == ()


def test_the_bodies_are_those_of_the_contract() -> None:
    assert order_body(CADASTRE) == {
        "deliveryInformation": {"name": PERSON, "email": "kari@example.test"},
        "orderData": {"address": "Prøveveien 7, 9999 Infoland", "cadastre": "9999-12-34-0-0"},
        "products": [{"code": "WI99990101"}],
        "reference": "OPPDRAG-42",
        "technicalReference": "ord-7f3a",
    }
    assert order_body(SHARE) == {
        "orderData": {"organizationNumber": 999_999_999, "shareNumber": 17},
        "products": [{"code": "WI99990201"}],
        "reference": "OPPDRAG-43",
    }
    assert price_body(MAP) == {
        "orderData": {"geometry": {"type": "Polygon", "coordinates": [RING]}, "spatialReference": "25832"},
        "products": [{"code": "WI99990301", "data": {"system": "UTM"}}],
    }


@pytest.mark.parametrize("reference", ["", "  ", None, 7, "a\nb", "a" * 1001])
def test_a_reference_says_something(reference: Any) -> None:
    assert wrong(CADASTRE, reference=reference) == ["reference"]
    expected = [] if reference is None else ["technicalReference"]
    assert wrong(CADASTRE, technical_reference=reference) == expected


@pytest.mark.parametrize("cadastre", ["0301-1-2-0-0", "9999-12-34-5-6", "5401-999999-1-0-0", "0301-0-0-0-0"])
def test_five_numbers_are_a_cadastre(cadastre: str) -> None:
    assert wrong(CADASTRE, cadastre=cadastre) == []


@pytest.mark.parametrize(
    "cadastre",
    [
        None,
        "",
        "301-1-2-0-0",
        "0301-1-2-0",
        "0301-1-2-0-0-0",
        "0301-1-2--0",
        "0301-01-2-0-0",
        "0301/1/2/0/0",
        "0301-1-2-0-0\n",
        "0301 -1-2-0-0",
        "\u0660301-1-2-0-0",
        "0301-1-2-0-x",
        "0301-1234567-2-0-0",
        3011200,
    ],
)
def test_anything_else_is_no_cadastre(cadastre: Any) -> None:
    assert wrong(CADASTRE, cadastre=cadastre) == ["cadastre"]


@pytest.mark.parametrize(("address", "is_wrong"), [(None, True), (" ", True), ("Storgata 9", False)])
def test_an_address_is_there_and_its_form_is_kode_s_to_judge(address: Any, is_wrong: bool) -> None:
    assert wrong(CADASTRE, address=address) == (["address"] if is_wrong else [])


@pytest.mark.parametrize("number", ["999999999", "974760673", 974760673, "974 760 673", "971035854"])
def test_an_organisation_number_is_checked_by_its_last_digit(number: Any) -> None:
    assert wrong(SHARE, organization_number=number) == []
    assert isinstance(order_body(replace(SHARE, organization_number=number))["orderData"]["organizationNumber"], int)


@pytest.mark.parametrize(
    "number",
    [None, "", "974760674", "97476067", "9747606730", "97476067x", -974760673, True, 9.0, 10**30, "\u0669" * 9],
)
def test_another_number_is_no_organisation_s(number: Any) -> None:
    assert wrong(SHARE, organization_number=number) == ["organizationNumber"]


def test_exactly_one_last_digit_is_right_or_none() -> None:
    for first in ("97476067", "12345678", "00000006", "99999999", "91234567"):
        assert sum(is_organization_number(f"{first}{last}") for last in range(10)) <= 1
    assert not any(is_organization_number(f"00000006{last}") for last in range(10))  # the check digit would be ten


@pytest.mark.parametrize(
    ("share", "is_wrong"),
    [
        (17, False),
        ("17", False),
        (0, True),
        ("0", True),
        (-1, True),
        ("x", True),
        (None, True),
        (True, True),
        (1.5, True),
    ],
)
def test_a_share_is_a_positive_number(share: Any, is_wrong: bool) -> None:
    assert wrong(SHARE, share_number=share) == (["shareNumber"] if is_wrong else [])


@pytest.mark.parametrize(("system", "is_wrong"), [("25833", False), ("25831", True), ("4326", True), (None, True)])
def test_a_map_is_in_one_of_two_systems(system: Any, is_wrong: bool) -> None:
    assert wrong(MAP, spatial_reference=system) == (["spatialReference"] if is_wrong else [])


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


HOLE = [[600_100.0, 6_640_100.0], [600_200.0, 6_640_100.0], [600_200.0, 6_640_200.0], [600_100.0, 6_640_100.0]]


@pytest.mark.parametrize(
    "geometry",
    [
        polygon(RING),
        polygon(RING, HOLE),
        polygon([[*position, 12.5] for position in RING]),
        polygon(tuple(map(tuple, RING))),
    ],
)
def test_closed_rings_in_metres_are_an_area(geometry: Any) -> None:
    assert wrong(MAP, geometry=geometry) == []


DEGREES = [[10.7, 59.9], [10.8, 59.9], [10.8, 60.0], [10.7, 59.9]]


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {},
        {"type": "Polygon"},
        {"type": "MultiPolygon", "coordinates": [[RING]]},
        {"type": "Polygon", "coordinates": RING},
        polygon(),
        polygon([]),
        polygon(7),
        polygon(RING[:3]),
        polygon([*RING[:3], [600_001.0, 6_640_000.0]]),
        polygon(RING, HOLE[:3]),
        polygon(DEGREES),
        polygon(RING, DEGREES),
        polygon([[north, east] for east, north in RING]),
        polygon([[float("nan"), 6_640_000.0]] * 4),
        polygon([[float("inf"), 6_640_000.0]] * 4),
        polygon([["600000", "6640000"]] * 4),
        polygon([[True, 6_640_000.0]] * 4),
        polygon([[600_000.0]] * 4),
        polygon([[10**400, 6_640_000]] * 4),
        polygon(["ab"] * 4),
        polygon([RING[0]] * 10_001),
    ],
)
def test_anything_else_is_no_area(geometry: Any) -> None:
    assert wrong(MAP, geometry=geometry) == ["geometry"]


def test_degrees_are_called_what_they_are() -> None:
    (fault,) = check(replace(MAP, geometry=polygon(DEGREES)))
    assert "WGS84" in fault.what


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        ((), ["products"]),
        ((Wanted(""),), ["products[0].code"]),
        ((Wanted("WI99990101"), Wanted(" ")), ["products[1].code"]),
        ((Wanted("WI99990101", {"a": float("nan")}),), ["products[0].data"]),
        ((Wanted("WI99990101", {"a": object()}),), ["products[0].data"]),
        ((Wanted("WI99990101", ["x"]),), ["products[0].data"]),  # type: ignore[arg-type]
        ((Wanted("WI03010101"),), []),  # another municipality's, as far as can be guessed: KODE says
        ((Wanted("own-code", {"any": {"thing": [1, None]}}),), []),
    ],
)
def test_products_have_codes_and_data_that_can_be_sent(products: Any, expected: list[str]) -> None:
    assert wrong(CADASTRE, products=products) == expected


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        ({}, []),
        ({"address2": "x", "alias": "", "postalCode": "0155"}, []),
        ({"city": "Oslo"}, ["deliveryInformation"]),
        ({"phone": 4799999999}, ["deliveryInformation.phone"]),
        ({"name": "a" * 1001}, ["deliveryInformation.name"]),
    ],
)
def test_who_it_is_delivered_to_has_the_documented_fields(delivery: Any, expected: list[str]) -> None:
    assert wrong(CADASTRE, delivery=delivery) == expected


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert [fault.field for fault in check(Placing(Kind.CADASTRE, (), ""))] == [
        "reference",
        "address",
        "cadastre",
        "products",
    ]
