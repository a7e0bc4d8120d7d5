"""A search of GKS4's customers, over real HTTP: whatever the server ignores, nobody is missed without a word."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncer.errors import Rejected, Unreadable
from syncer.remotes.gks4 import (
    Paths,
    SearchNames,
    Settings,
)
from tests.remotes.canned import Asked, Canned
from tests.remotes.gks4_bench import ROW, USUAL, Bench, as_json, standing


@pytest.fixture
def bench() -> Iterator[Bench]:
    with standing() as made:
        yield made


# -------------------------------------------------------------------------------------------------- search


def everyone(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {**ROW, "number": f"K{place}", "corporateIdentityNumber": f"55{place:06}-0001", **more}
        for place in range(count)
    ]


def paged(rows: list[dict[str, Any]], names: SearchNames = USUAL.search, **ignoring: bool) -> Callable[[Asked], Canned]:
    """A search that may not know a parameter: `page`, `size`, or the filter."""

    def answer(asked: Asked) -> Canned:
        size = DEFAULT if ignoring.get("size") else int(asked.query.get(names.page_size, DEFAULT))
        place = 1 if ignoring.get("page") else int(asked.query.get(names.page, 1))
        wanted = asked.query.get(names.number)
        fitting = [row for row in rows if ignoring.get("filter") or wanted in {None, row["number"]}]
        return as_json(fitting if ignoring.get("all") else fitting[(place - 1) * size : place * size])

    return answer


DEFAULT = 50


def test_a_search_asks_by_the_likely_names_and_one_page_is_enough_where_it_is_short(bench: Bench) -> None:
    bench.answer = lambda _: as_json([ROW])
    (found,) = bench.client().search(number="K 2003", corporate_identity_number="5599990001", name="mäklarna")
    assert found.number == "K2003"
    (asked,) = bench.calls
    assert (asked.method, asked.path) == ("GET", "/api/v1/customers")
    assert asked.query == {
        "number": "K 2003",
        "corporateIdentityNumber": "5599990001",
        "name": "mäklarna",
        "page": "1",
        "pageSize": "50",
    }


def test_paths_and_names_of_a_search_are_settings(bench: Bench) -> None:
    names = SearchNames(number="customerNumber", page="p", page_size="", rows=("hits",))
    settings = Settings(paths=Paths("/v2/customers/", search="find/customers"), search=names)
    bench.answer = lambda asked: as_json({"hits": [ROW]} if asked.query else ROW)
    client = bench.client(settings)
    assert len(client.search(number="K2003")) == 1
    client.customer("K2003")
    assert bench.calls[0].query == {"customerNumber": "K2003", "p": "1"}
    assert [asked.path for asked in bench.calls] == ["/find/customers", "/v2/customers/K2003"]
    bench.client(Settings(paths=Paths(customer="/c/{number}/card"))).customer("K2003")
    assert bench.calls[-1].path == "/c/K2003/card"


@pytest.mark.parametrize("asked", [{}, {"number": ""}, {"number": " - "}, {"number": "K1", "name": ""}])
def test_a_search_for_nobody_in_particular_is_not_sent(bench: Bench, asked: dict[str, str]) -> None:
    with pytest.raises(Rejected, match="not sent"):
        bench.client().search(**asked)
    assert bench.server.asked == []


@pytest.mark.parametrize("name", [None, "items", "data", "results", "customers", "value", "Items", "VALUE"])
def test_the_rows_are_a_bare_array_or_under_a_likely_name(bench: Bench, name: str | None) -> None:
    bench.answer = lambda _: as_json([ROW] if name is None else {"page": 1, name: [ROW]})
    assert len(bench.client().search(number="K2003")) == 1


@pytest.mark.parametrize(
    "content", [{}, {"rows": [ROW]}, {"items": {}}, None, "x", 7, [None], [["K2003"]], [{}], [{**ROW, "number": {}}]]
)
def test_what_holds_no_rows_that_can_be_compared_is_never_nobody(bench: Bench, content: Any) -> None:
    bench.answer = lambda _: as_json(content)
    with pytest.raises(Unreadable):
        bench.client().search(number="K1")


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"number": "K1-7"}, ["K17"]),
        ({"number": "k 17"}, ["K17"]),
        ({"number": "K1"}, []),
        ({"corporate_identity_number": "55 9999 0001"}, ["K17", "K18"]),
        ({"corporate_identity_number": "5599990001", "number": "K18"}, ["K18"]),
        ({"corporate_identity_number": "559999\u20110001", "name": "syd"}, ["K18"]),
        ({"corporate_identity_number": "559999"}, []),
        ({"name": "MÄKLARNA"}, ["K17", "K18"]),
    ],
)
def test_every_row_is_compared_here_since_everyone_may_come_back(
    bench: Bench, asked: dict[str, str], fits: list[str]
) -> None:
    rows = [
        {**ROW, "number": "K17"},
        {**ROW, "number": "K18", "name": "Exempelmäklarna Syd"},
        {**ROW, "number": None, "corporateIdentityNumber": None, "name": "Annan"},
        {**ROW, "number": "K20", "corporateIdentityNumber": "559999-0002", "name": ""},
    ]
    bench.answer = lambda _: as_json(rows)
    assert [found.number for found in bench.client().search(**asked)] == fits


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 149])
def test_a_search_goes_on_until_a_short_page(bench: Bench, count: int) -> None:
    bench.answer = paged(everyone(count), filter=True)
    found = bench.client().search(number=f"K{count - 1}")
    assert len(found) == (1 if count else 0)
    assert [asked.query["page"] for asked in bench.calls] == [str(place + 1) for place in range(count // 50 + 1)]


@pytest.mark.parametrize("size", [10, 50, 100])
@pytest.mark.parametrize(
    "ignoring",
    [{"size": True}, {"all": True}, {"all": True, "page": True}, {"page": True}, {"size": True, "page": True}],
)
@pytest.mark.parametrize("count", [7, 10, 50, 60, 100, 130])
@pytest.mark.parametrize("filters", [True, False])
def test_whatever_a_server_ignores_a_search_finds_the_customer_or_says_that_it_cannot(
    size: int, ignoring: dict[str, Any], count: int, filters: bool
) -> None:
    with standing() as bench:
        bench.answer = paged(everyone(count), filter=not filters, **ignoring)
        client = bench.client(Settings(page_size=size))
        for number, there in ((f"K{count - 1}", True), ("K999", False)):
            try:
                found = client.search(number=number)
            except Unreadable:
                assert not filters  # only a list of everyone can be too long
                continue
            assert len(found) == there
        assert len(bench.calls) <= 2 * 40


def test_a_page_that_comes_twice_ends_the_search_and_is_sure_only_if_it_was_everyone(bench: Bench) -> None:
    bench.answer = paged(everyone(60), filter=True, all=True)
    assert len(bench.client().search(number="K59")) == 1
    assert len(bench.calls) == 2
    bench.answer = paged(everyone(60), filter=True, page=True)
    with pytest.raises(Unreadable, match="goes on after 50"):
        bench.client().search(number="K3")
    bench.answer = lambda _: as_json({"items": everyone(50), "totalCount": 50})
    assert len(bench.client().search(number="K3")) == 1


def test_a_short_page_of_a_longer_list_is_not_the_last(bench: Bench) -> None:
    rows = everyone(30)

    def answer(asked: Asked) -> Canned:  # at most 20 rows a page, whatever is asked for
        place = int(asked.query["page"])
        return as_json({"data": rows[(place - 1) * 20 : place * 20], "totalCount": 30})

    bench.answer = answer
    assert len(bench.client().search(number="K29")) == 1


def test_a_search_without_end_is_given_up_and_is_never_nobody(bench: Bench) -> None:
    def answer(asked: Asked) -> Canned:
        first = int(asked.query["page"]) * 1000
        return as_json([{**ROW, "number": f"K{first + place}"} for place in range(50)])

    bench.answer = answer
    with pytest.raises(Unreadable, match="goes on after 150"):
        bench.client(Settings(most_pages=3)).search(number="K1")
    assert len(bench.calls) == 3


def test_a_customer_on_two_pages_is_one_and_two_are_several(bench: Bench) -> None:
    rows = [*everyone(49), ROW, ROW, *everyone(3)]
    bench.answer = paged(rows, filter=True)
    assert len(bench.client().search(number="K2003")) == 1
    bench.answer = paged([ROW, {**ROW, "number": "K2004"}], filter=True)
    assert len(bench.client().search(corporate_identity_number="559999-0001")) == 2
