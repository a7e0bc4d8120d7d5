"""The derived facts of values: references, matching, signatures, rungs, deadlines."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.orders import (
    OBSERVATIONS,
    Broken,
    Order,
    Route,
    Rules,
    State,
    Terms,
    deadline,
    is_ours,
    lookup,
    next_rung,
    reference,
    route_of,
    signed,
)
from syncer.remotes.on_api import ID
from tests.orders.world import NOW

PORTALS = st.from_regex(r"[a-z0-9][-_a-z0-9]{0,39}", fullmatch=True)
IDS = st.one_of(st.integers(0, 10**12).map(str), st.text(min_size=1, max_size=80))
STATUSES = [str(state) for state in State]

# --- references -------------------------------------------------------------------------------------------------


@given(PORTALS, IDS, st.integers(1, 99))
def test_every_reference_fits_the_networks_id_with_each_suffix(portal: str, external_id: str, number: int) -> None:
    stem = reference(portal, external_id)
    for letter in "smtc":
        assert ID.fullmatch(f"{stem}.{letter}{number:02}")


@given(PORTALS, IDS)
def test_a_reference_is_the_same_each_time(portal: str, external_id: str) -> None:
    assert reference(portal, external_id) == reference(portal, external_id)
    assert Order(portal, external_id).reference == reference(portal, external_id)


@given(st.lists(st.tuples(PORTALS, IDS), min_size=2, max_size=20, unique=True))
def test_different_orders_of_a_portal_have_different_references(orders: list[tuple[str, str]]) -> None:
    ours = {(portal.replace(".", "-"), external_id) for portal, external_id in orders}
    assert len({reference(*order) for order in ours}) == len(ours)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("tj", "a/b"), ("tj", "a-b")),
        (("tj", "1" * 60), ("tj", "1" * 61)),
        (("tj", "å"), ("tj", "ä")),
        (("tjansteguiden-nord", "770101"), ("tjansteguiden-syd", "770101")),
        (("tj", "1 "), ("tj", "1")),
    ],
)
def test_orders_that_look_alike_have_different_references(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert reference(*one) != reference(*other)


def test_a_short_plain_id_is_readable_in_its_reference() -> None:
    assert reference("tjansteguiden", "770101") == "tjansteguiden.770101"


@given(PORTALS, IDS, st.integers(1, 10**6))
def test_a_reference_of_any_round_is_ours(portal: str, external_id: str, number: int) -> None:
    stem = reference(portal, external_id)
    assert is_ours(stem, stem)
    assert is_ours(f"{stem}.s{number}", stem)


@pytest.mark.parametrize(
    "text", ["tj.12", "tj.1.s", "tj.1.sx", "tj.1.s1x", "tj-1.s1", "xtj.1.s1", "tj.1.m1", "tj.1.s1\n", "", None, 1]
)
def test_another_orders_reference_is_not_ours(text: object) -> None:
    assert not is_ours(text, "tj.1")


@given(st.text(max_size=200))
def test_a_row_without_an_id_gets_one_that_stands_for_it(raw: str) -> None:
    external_id = Broken(raw, "no id").external_id
    assert external_id == Broken(raw, "another cause").external_id
    assert external_id != Broken(raw + "x", "no id").external_id
    assert Order("tj", external_id).nameless


def test_an_order_with_an_id_is_not_nameless() -> None:
    assert not Order("tj", "770101").nameless
    assert Order("tj", "770101").name == "tj:770101"


# --- fields and routes ------------------------------------------------------------------------------------------

DETAILS: dict[str, dict[str, object]] = {
    "head": {"service": "1", "date": "2031-05-04"},
    "order": {"service": "2", "empty": None},
    "data": {"premise": 1101, "a.b": "dotted"},
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("service", "1"),
        ("order.service", "2"),
        ("premise", "1101"),
        ("data.premise", "1101"),
        ("head.premise", None),
        ("empty", None),
        ("nothing", None),
        ("nowhere.service", None),
        ("a.b", "dotted"),
    ],
)
def test_a_field_is_found_by_its_section_or_in_the_first_that_has_it(name: str, text: str | None) -> None:
    assert lookup(DETAILS, name) == text


def routed(*routes: Route) -> Route | None:
    return route_of(Order("tj", "1", details=DETAILS), Rules(routes))


def test_the_first_route_that_matches_is_taken() -> None:
    first, second = Route("tj", "a", {"service": "1"}), Route("tj", "b")
    assert routed(first, second) is first
    assert routed(second, first) is second


def test_a_route_matches_only_when_all_of_its_fields_are_equal() -> None:
    assert routed(Route("tj", "a", {"service": "1", "premise": "1102"})) is None
    assert routed(Route("tj", "a", {"service": "1", "premise": "1101"})) is not None


def test_a_route_of_another_portal_is_no_route() -> None:
    assert routed(Route("other", "a")) is None


def test_a_field_that_is_missing_matches_nothing_not_even_emptiness() -> None:
    assert routed(Route("tj", "a", {"nothing": ""})) is None
    assert routed(Route("tj", "a", {"nothing": "None"})) is None


# --- messages ---------------------------------------------------------------------------------------------------


@given(st.text(max_size=600), PORTALS, IDS, st.integers(1, 10**4))
def test_a_signed_message_ends_with_its_key_within_the_limit(text: str, portal: str, one: str, number: int) -> None:
    key = f"{reference(portal, one)}.m{number}"
    message = signed(text, key)
    assert message.endswith(f" [{key}]")
    assert len(message) <= 255
    body = message.removesuffix(f" [{key}]")
    assert body == text or (body.endswith("…") and text.startswith(body[:-1]))


def test_the_signature_of_a_former_message_is_not_that_of_a_later_one() -> None:
    assert "[tj.1.m1]" not in signed("x", "tj.1.m11")


# --- rungs ------------------------------------------------------------------------------------------------------


def climb(portal_status: str, goal: State) -> list[str]:
    """The statuses that are written on the way to a goal."""
    written = []
    while (rung := next_rung(portal_status, goal)) is not None:
        portal_status = str(rung)
        written.append(portal_status)
        assert len(written) < 10, "never there"
    return written


@pytest.mark.parametrize(
    ("portal_status", "goal", "written"),
    [
        ("new", State.RECEIVED, ["received"]),
        ("new", State.ACTIVE, ["received", "active"]),
        ("new", State.WAITING, ["received", "waiting"]),
        ("new", State.DELIVERED, ["received", "active", "delivered"]),
        ("new", State.CANCELLED, ["cancelled"]),
        ("received", State.WAITING, ["waiting"]),
        ("received", State.DELIVERED, ["active", "delivered"]),
        ("active", State.WAITING, ["waiting"]),
        ("active", State.RECEIVED, []),
        ("active", State.NEW, []),
        ("waiting", State.ACTIVE, ["active"]),
        ("waiting", State.RECEIVED, []),
        ("waiting", State.DELIVERED, ["active", "delivered"]),
        ("waiting", State.CANCELLED, ["cancelled"]),
    ],
)
def test_each_step_is_told_in_its_order(portal_status: str, goal: State, written: list[str]) -> None:
    assert climb(portal_status, goal) == written


@pytest.mark.parametrize("goal", State)
@pytest.mark.parametrize("portal_status", ["delivered", "cancelled", "paused", "", None])
def test_nothing_is_written_over_what_is_final_or_unknown(portal_status: str | None, goal: State) -> None:
    assert next_rung(portal_status, goal) is None


@given(st.sampled_from(STATUSES), st.sampled_from(list(State)))
def test_a_climb_ends_and_ends_at_the_goal_or_writes_nothing(portal_status: str, goal: State) -> None:
    written = climb(portal_status, goal)
    assert not written or written[-1] == goal


# --- deadlines --------------------------------------------------------------------------------------------------

TERMS = {"nordnet": Terms(deadline=timedelta(days=14)), "desk": Terms(followed=False)}


def due(**facts: object) -> object:
    return deadline(Order("tj", "1", **({"fulfilment": "nordnet"} | facts)), Rules(terms=TERMS))  # type: ignore[arg-type] # facts of many types


def test_a_deadline_counts_from_the_begin() -> None:
    assert due(begun_at=NOW) == NOW + timedelta(days=14)
    assert due(begun_at=NOW, wish_at=NOW - timedelta(days=3)) == NOW + timedelta(days=14)


def test_a_deadline_counts_from_the_wished_day_where_that_is_later() -> None:
    assert due(begun_at=NOW, wish_at=NOW + timedelta(days=3)) == NOW + timedelta(days=17)


def test_what_is_not_begun_or_may_take_for_ever_has_no_deadline() -> None:
    assert due() is None
    assert due(begun_at=NOW, fulfilment="desk") is None
    assert due(begun_at=NOW, fulfilment=None) is None


# --- observations -----------------------------------------------------------------------------------------------


def test_each_observation_has_an_event_name_of_its_own() -> None:
    names = {kind.event.fget(object.__new__(kind)) for kind in OBSERVATIONS}  # type: ignore[attr-defined] # a property
    assert len(names) == len(OBSERVATIONS)
    assert all(name.startswith("order.") and name == name.lower() for name in names)
