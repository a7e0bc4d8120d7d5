"""How KODE's order is read: in both generations of its documents, nothing lost, nothing guessed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncer.remotes.json import Malformed
from syncer.remotes.kode import Tree
from syncer.remotes.kode.tree import tree
from tests.remotes.kode_bench import ASSET, NUMBER, collection, line, order

OSLO = ZoneInfo("Europe/Oslo")
SUMMER, WINTER = datetime(2025, 7, 3, 7, 15, tzinfo=UTC), datetime(2025, 2, 3, 8, 15, tzinfo=UTC)


def read(found: Any) -> Tree:
    return tree(found, OSLO)


def asset(made: Any = "a1", /, **changes: Any) -> dict[str, Any]:
    return {**ASSET, "id": made, **changes}


def with_assets(on_order: Any = (), on_line: Any = ()) -> dict[str, Any]:
    return collection(orders=[order(assets=list(on_order), orderLines=[line(assets=list(on_line))])])


def test_everything_documented_is_read() -> None:
    found = read(with_assets([asset("a1")], [asset("a2")]))
    assert (found.id, found.status) == (str(NUMBER), "PROGRESS")
    assert (found.price_net, found.price_vat) == (Decimal(800), Decimal(1000))
    assert (found.ordered_at, found.status_at) == (WINTER, datetime(2025, 2, 3, 10, 40, 12, tzinfo=UTC))
    (part,) = found.orders
    assert (part.id, part.supplier, part.technical_reference) == ("8000001", "Infoland Kommune - demo", "ord-7f3a")
    (row,) = part.lines
    assert (row.id, row.status, row.product, row.product_name) == ("9000001", "NEW", "WI99990101", "Meglerpakke")
    assert (row.product_type, row.price_net, row.price_vat, row.package_line_id) == (
        "PACKAGE",
        Decimal(800),
        Decimal(1000),
        None,
    )
    assert [file.id for file in found.assets] == ["a1", "a2"]
    file = found.assets[0]
    assert (file.name, file.filename, file.url) == (ASSET["name"], ASSET["filename"], ASSET["downloadUrl"])
    assert (file.category, file.status, file.fetchable, file.deleted) == ("PLAN_KART_REGULERING", "OK", True, False)


def test_an_order_is_read_in_any_case_of_names_and_with_fields_that_nobody_knows() -> None:
    found = {name.upper(): value for name, value in collection(extra={"a": [1]}).items()}
    assert read(found) == read(collection())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("NEW", "NEW"),
        ("new", "NEW"),
        ({"code": "NEW", "name": "Ny"}, "NEW"),
        ({"code": "0", "name": "NEW"}, "NEW"),
        ({"code": 0, "name": "New"}, "NEW"),
        ({"code": "NEW"}, "NEW"),
        ({"name": "NEW"}, "NEW"),
        ({"code": "7"}, "7"),
        (7, "7"),
        ("NOBODY_KNOWS", "NOBODY_KNOWS"),
        ({}, ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_status_is_a_code_whether_text_or_object(status: Any, expected: str) -> None:
    found = read(collection(status=status, orders=[order(orderLines=[line(status=status)])]))
    assert (found.status, found.orders[0].lines[0].status) == (expected, expected)


def test_a_status_that_is_missing_is_none() -> None:
    assert read({"id": 7}) == Tree("7", "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("PACKAGE", "PACKAGE"),
        ("NORMAL", "NORMAL"),
        ({"code": "1", "name": "PACKAGE"}, "PACKAGE"),
        ({"code": 1, "name": "Pakke"}, "PACKAGE"),
        ({"code": "0", "name": "NORMAL"}, "NORMAL"),
        ({"code": "0"}, "NORMAL"),
        ({"code": "NORMAL"}, "NORMAL"),
        ("1", "PACKAGE"),
        ("ODD", "ODD"),
        (None, ""),
    ],
)
def test_a_line_s_type_is_a_word_whatever_its_code(kind: Any, expected: str) -> None:
    assert read(collection(orders=[order(orderLines=[line(productType=kind)])])).orders[0].lines[0].product_type == (
        expected
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("03.02.2025 09:15:00", WINTER),
        ("03.02.2025 09:15", WINTER),
        ("3.2.2025 9:15", WINTER),
        ("03.07.2025 09:15:00", SUMMER),
        ("03.02.2025", datetime(2025, 2, 2, 23, tzinfo=UTC)),
        ("2025-02-03T09:15:00+0100", WINTER),
        ("2025-02-03T09:15:00+01:00", WINTER),
        ("2025-02-03T09:15:00.000+0100", WINTER),
        ("2025-02-03T08:15:00Z", WINTER),
        ("2025-07-03T09:15:00", SUMMER),
        (" 03.02.2025 09:15:00 ", WINTER),
        ("30.02.2025", None),
        ("03.13.2025", None),
        ("02/03/2025", None),
        ("03.02.2025 25:00:00", None),
        ("i går", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("\u06603.02.2025", None),
        ("", None),
        (None, None),
        (1_738_570_500_000, None),
        ({"a": 1}, None),
    ],
)
def test_a_date_is_read_in_either_writing_and_is_none_where_it_cannot_be(said: Any, expected: datetime | None) -> None:
    found = read(collection(dateOrdered=said, dateStatus=said))
    assert (found.ordered_at, found.status_at) == (expected, expected)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (800.1, Decimal("800.1")),
        (0, Decimal(0)),
        ("800.10", Decimal("800.1")),
        (-5, Decimal(-5)),
        (True, None),
        ("gratis", None),
        ("NaN", None),
        (1e300, None),
        ([1], None),
        (None, None),
    ],
)
def test_a_price_is_exact_or_none(said: Any, expected: Decimal | None) -> None:
    assert read(collection(priceNet=said)).price_net == expected


@pytest.mark.parametrize("nothing", [None, [], "absent"])
def test_lists_that_are_missing_null_or_empty_are_empty(nothing: Any) -> None:
    def without(item: dict[str, Any], name: str) -> dict[str, Any]:
        rest = {key: value for key, value in item.items() if key != name}
        return rest if nothing == "absent" else {**rest, name: nothing}

    assert read(without(collection(), "orders")).orders == ()
    assert read(collection(orders=[without(order(), "orderLines")])).orders[0].lines == ()
    assert read(collection(orders=[without(order(), "assets")])).assets == ()
    assert read(collection(orders=[order(orderLines=[without(line(), "assets")])])).assets == ()


@pytest.mark.parametrize(
    ("found", "expected"),
    [(7, "7"), ("7", "7"), ("007", "7"), (" 7 ", "7"), ("9" * 18, "9" * 18)],
)
def test_an_id_is_a_number_or_its_digits(found: Any, expected: str) -> None:
    assert read({"id": found}).id == expected


@pytest.mark.parametrize("found", [None, "", "x", -7, 7.0, True, [], {}, "9" * 19, 10**18, "7a", "\u0667"])
def test_what_is_no_id_is_malformed(found: Any) -> None:
    with pytest.raises(Malformed):
        read({"id": found})


# ------------------------------------------------------------------------------------------------- the files


@pytest.mark.parametrize(
    ("status", "fetchable", "deleted"),
    [
        ("OK", True, False),
        ("ok", True, False),
        ({"code": "OK", "name": "Tilgjengelig"}, True, False),
        ("DELETED", False, True),
        ("QUARANTINED", False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_a_file_is_fetched_where_it_is_ok_and_deleted_where_it_is_deleted(
    status: Any, fetchable: bool, deleted: bool
) -> None:
    (file,) = read(with_assets([asset(assetStatus=status)])).assets
    assert (file.fetchable, file.deleted) == (fetchable, deleted)


def test_a_file_s_status_may_have_its_other_name() -> None:
    other = {name: value for name, value in asset(status="DELETED").items() if name != "assetStatus"}
    assert read(with_assets([other])).assets[0].deleted


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("PRODUKT_UTEN_KATEGORI", "PRODUKT_UTEN_KATEGORI"),
        ("PRODUCT_UTEN_KATEGORI", "PRODUKT_UTEN_KATEGORI"),
        ("VEDTEKTER", "VEDTEKTER"),
        (None, ""),
    ],
)
def test_both_spellings_of_no_category_are_one(said: Any, expected: str) -> None:
    assert read(with_assets([asset(productCategory=said)])).assets[0].category == expected


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("OK", "DELETED"), "DELETED"),
        (("DELETED", "OK"), "DELETED"),
        (("DELETED", "ODD", "OK"), "DELETED"),
        (("ODD", "OK"), "OK"),
        (("OK", "ODD"), "OK"),
        (("ODD", "EVEN"), "ODD"),
    ],
)
def test_of_files_with_one_id_the_deleted_one_counts(statuses: tuple[str, ...], expected: str) -> None:
    files = [asset("same", assetStatus=status) for status in statuses]
    found = read(with_assets([asset("first")], [*files, asset("last")]))
    assert [file.id for file in found.assets] == ["first", "same", "last"]
    assert found.assets[1].status == expected


@pytest.mark.parametrize("name", ["a b", "æ/ø", "../x", "a" * 200, 17, "%2e"])
def test_a_file_s_id_is_any_printable_text(name: Any) -> None:
    assert read(with_assets([asset(name)])).assets[0].id == str(name)


@pytest.mark.parametrize("where", ["order", "line"])
@pytest.mark.parametrize(
    "broken",
    [
        None,
        "x",
        [],
        {},
        asset(""),
        asset("a" * 201),
        asset("a\nb"),
        asset("a\u202eb"),
        asset(["a"]),
        asset(True),
        asset(downloadUrl=["x"]),
        asset(assetStatus=["OK"]),
    ],
)
def test_a_file_that_cannot_be_read_makes_the_order_malformed(broken: Any, where: str) -> None:
    files = [asset("a1"), broken]
    with pytest.raises(Malformed):
        read(with_assets(files) if where == "order" else with_assets((), files))


@pytest.mark.parametrize(
    "broken",
    [
        {"orders": {}},
        {"orders": "none"},
        {"orders": [7]},
        {"orders": [None]},
        {"orders": [order(orderLines="none")]},
        {"orders": [order(orderLines=[[]])]},
        {"orders": [order(assets={"a": 1})]},
    ],
)
def test_a_part_that_may_hold_files_and_cannot_be_read_makes_the_order_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read(collection(**broken))


@pytest.mark.parametrize("odd", [None, ["x"], {"a": 1}, True, 1.5])
def test_a_text_for_people_that_cannot_be_read_spoils_nothing(odd: Any) -> None:
    rows = [line(product=odd, productName=odd, id=odd, packageLineId=odd, assets=[asset(name=odd, filename=odd)])]
    found = read(collection(reference=odd, orders=[order(id=odd, supplierName=odd, orderLines=rows)]))
    assert (found.reference, found.orders[0].supplier, len(found.assets)) == (None, "", 1)


def test_hostile_names_are_kept_but_for_what_cannot_be_stored() -> None:
    found = read(with_assets([asset(name="../../etc/passwd", filename="a\0b\ud800.pdf", downloadUrl="")]))
    assert (found.assets[0].name, found.assets[0].filename, found.assets[0].url) == ("../../etc/passwd", "ab?.pdf", "")


def test_technical_references_are_those_of_all_orders() -> None:
    orders = [order(technicalReference=name) for name in ("a", "b", "a", None, "")]
    assert read(collection(orders=orders)).technical_references == frozenset({"a", "b"})
