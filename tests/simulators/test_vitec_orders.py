"""The Vitec simulator's claims about the list, asking the user and moving an order on, each from vitec.md."""

from urllib.parse import quote

import pytest

from syncer.simulators.vitec import VitecSimulator
from syncer.simulators.wire import Request
from tests.simulators.test_vitec import (
    BY_BODY,
    LIST,
    OFFICE,
    PAGE,
    PASSWORD,
    Clock,
    act,
    blamed,
    call,
    listed,
    read,
    wrong_fields,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vitec(clock: Clock) -> VitecSimulator:
    return VitecSimulator(passwords={OFFICE: PASSWORD}, now=clock)


# The list


def test_list_has_the_offices_orders_with_what_the_ticket_lacks(vitec: VitecSimulator) -> None:
    link = vitec.place_order(user_id="HAN1", target_id="OBJ1", service=813, status="Error")
    vitec.place_order("M40018")
    (row,) = read(call(vitec, "GET", LIST))
    assert row == {
        "id": link["order"],
        "createdAt": "2031-05-04T09:15:00",
        "lastUpdatedAt": None,
        "status": "Error",
        "targetId": "OBJ1",
        "userId": "HAN1",
        "serviceId": 813,
    }


def test_empty_list_is_a_200(vitec: VitecSimulator) -> None:
    assert listed(vitec) == []


def test_filters_are_all_to_be_met(vitec: VitecSimulator) -> None:
    one = vitec.place_order(target_id="OBJ1", status="Error")["order"]
    vitec.place_order(target_id="OBJ1")
    vitec.place_order(target_id="OBJ2", status="Error")
    assert listed(vitec, TargetId="OBJ1", Status="Error") == [one]
    assert listed(vitec, targetid="OBJ1", status="Error") == [one]
    assert listed(vitec, TargetId="OBJ9") == []


@pytest.mark.parametrize(
    ("window", "seen"),
    [("inclusive", [0, 1, 2]), ("exclusive", [1]), ("half_open", [0, 1])],
)
def test_windows_ends_belong_to_it_as_the_option_says(vitec: VitecSimulator, window: str, seen: list[int]) -> None:
    vitec.configure(window=window)
    times = [f"2031-05-04T0{hour}:00:00+00:00" for hour in (5, 6, 7)]
    orders = [vitec.place_order(at=time)["order"] for time in times]
    found = listed(vitec, MinValue="2031-05-04T07:00:00", MaxValue="2031-05-04T09:00:00")
    assert found == [orders[place] for place in seen]


@pytest.mark.parametrize(
    ("least", "seen"),
    [
        ("2031-05-04T09:15:00", True),
        ("2031-05-04T09:15:01", False),
        ("2031-05-04T09:15:00+02:00", True),
        ("2031-05-04T07:15:01Z", False),
        ("2031-05-04T07:15:00+00:00", True),
        ("2031-05-04", True),
    ],
)
def test_bare_time_is_swedish_and_an_offset_is_honoured(vitec: VitecSimulator, least: str, seen: bool) -> None:
    vitec.place_order()
    assert bool(listed(vitec, MinValue=least)) == seen


def test_bare_winter_time_is_an_hour_after_utc(vitec: VitecSimulator) -> None:
    vitec.place_order(at="2031-01-15T08:00:00.310000+00:00")
    assert read(call(vitec, "GET", LIST))[0]["createdAt"] == "2031-01-15T09:00:00.31"
    assert listed(vitec, MinValue="2031-01-15T09:00:00", MaxValue="2031-01-15T09:00:01")


@pytest.mark.parametrize(("form", "text"), [("offset", "2031-05-04T09:15:00+02:00"), ("utc", "2031-05-04T07:15:00Z")])
def test_times_may_have_offsets(vitec: VitecSimulator, form: str, text: str) -> None:
    vitec.configure(times=form)
    vitec.place_order()
    assert read(call(vitec, "GET", LIST))[0]["createdAt"] == text


def test_time_that_is_none_is_a_400_and_an_unescaped_plus_a_mistake(vitec: VitecSimulator) -> None:
    assert wrong_fields(call(vitec, "GET", LIST, MinValue="yesterday")) == {"MinValue"}
    assert blamed(vitec) == []
    assert wrong_fields(call(vitec, "GET", LIST, MaxValue="2031-05-04T09:15:00 02:00")) == {"MaxValue"}
    assert "plus" in blamed(vitec)[0]


def test_list_may_be_an_object_with_rows_and_pages(vitec: VitecSimulator) -> None:
    vitec.configure(list_shape="rows", page_size=2)
    orders = [vitec.place_order()["order"] for _ in range(5)]
    first = read(call(vitec, "GET", LIST))
    assert [row["id"] for row in first.pop("rows")] == orders[:2]
    assert first == {"index": 0, "count": 2, "totalRowCount": 5}
    last = read(call(vitec, "GET", LIST, **{"paging.pageSize": "3", "paging.pageIndex": "1"}))
    assert [row["id"] for row in last["rows"]] == orders[3:]
    assert wrong_fields(call(vitec, "GET", LIST, **{"paging.pageIndex": "x"})) == {"paging.pageIndex"}


def test_array_may_be_cut_without_a_word(vitec: VitecSimulator) -> None:
    vitec.configure(page_size=1, sort="newest")
    vitec.place_order(at="2031-05-04T05:00:00+00:00")
    newest = vitec.place_order()["order"]
    assert listed(vitec) == [newest]


def test_order_of_the_rows_is_an_option(vitec: VitecSimulator) -> None:
    orders = [vitec.place_order(at=f"2031-05-04T05:00:{second:02d}+00:00")["order"] for second in range(20)]
    assert listed(vitec) == orders
    vitec.configure(sort="newest")
    assert listed(vitec) == orders[::-1]
    vitec.configure(sort="shuffled")
    shuffled = listed(vitec)
    assert shuffled not in (orders, orders[::-1])
    assert sorted(shuffled) == sorted(orders)


def test_other_suppliers_orders_may_be_in_the_list(vitec: VitecSimulator) -> None:
    own, foreign = vitec.place_order()["order"], vitec.place_order(service=900)["order"]
    assert listed(vitec) == [own, foreign]
    vitec.configure(foreign_listed=False)
    assert listed(vitec) == [own]


def test_last_update_may_be_null_until_something_moves(vitec: VitecSimulator, clock: Clock) -> None:
    order = vitec.place_order()["order"]
    vitec.configure(last_updated="created")
    assert read(call(vitec, "GET", LIST))[0]["lastUpdatedAt"] == "2031-05-04T09:15:00"
    clock.turn(60)
    vitec.change_status(order, "Error")
    (row,) = read(call(vitec, "GET", LIST))
    assert (row["lastUpdatedAt"], row["status"]) == ("2031-05-04T09:16:00", "Error")


def test_hidden_order_comes_late_with_its_old_time(vitec: VitecSimulator, clock: Clock) -> None:
    order = vitec.place_order()["order"]
    vitec.hide(order)
    assert listed(vitec) == []
    clock.turn(3600)
    vitec.show(order)
    assert read(call(vitec, "GET", LIST))[0]["createdAt"] == "2031-05-04T09:15:00"


def test_unknown_parameter_is_ignored_and_a_mistake_or_refused(vitec: VitecSimulator) -> None:
    order = vitec.place_order()["order"]
    assert listed(vitec, From="2040-01-01T00:00:00") == [order]
    assert "From" in blamed(vitec)[0]
    vitec.configure(unknown_parameters="refused")
    assert wrong_fields(call(vitec, "GET", LIST, From="x")) == {"From"}


def test_list_of_what_is_no_office_is_a_404(vitec: VitecSimulator) -> None:
    vitec.add_credential("G7", "chain")
    assert call(vitec, "GET", "/Service/Order/G7", password="chain").status == 404


# Asking the user to act


def test_interaction_is_answered_by_a_bare_true_and_kept(vitec: VitecSimulator, clock: Clock) -> None:
    order = vitec.place_order()["order"]
    clock.turn(60)
    answer = act(vitec, order)
    assert read(answer) is True
    assert answer.effect == {
        "what": "user_interaction",
        "order": order,
        "url": PAGE,
        "comment": "Godkänn korrekturet",
    }
    assert read(call(vitec, "GET", LIST))[0]["lastUpdatedAt"] == "2031-05-04T09:16:00"


def test_repeated_interaction_is_a_second_one_and_says_so(vitec: VitecSimulator) -> None:
    order = vitec.place_order()["order"]
    act(vitec, order)
    assert "repeat" not in (act(vitec, order, comment="Något annat").effect or {})
    assert (act(vitec, order).effect or {})["repeat"] == "yes"
    assert len(vitec.interactions(order)) == 3


@pytest.mark.parametrize(("how", "kept"), [("false", 0), ("false_kept", 1)])
def test_interaction_may_be_answered_by_false(vitec: VitecSimulator, how: str, kept: int) -> None:
    order = vitec.place_order()["order"]
    vitec.configure(interaction=how)
    answer = act(vitec, order)
    assert read(answer) is False
    assert (answer.effect is not None, len(vitec.interactions(order))) == (bool(kept), kept)


def test_interactions_of_one_order_can_be_refused(vitec: VitecSimulator) -> None:
    one, other = vitec.place_order()["order"], vitec.place_order()["order"]
    vitec.refuse_interactions(one)
    assert (read(act(vitec, one)), read(act(vitec, other))) == (False, True)
    vitec.refuse_interactions(one, refuses=False)
    assert read(act(vitec, one)) is True


@pytest.mark.parametrize("url", ["", "orders.supplier.example/o/1", "ftp://x.example/", "https://", "https://a b"])
def test_interaction_needs_a_full_address(vitec: VitecSimulator, url: str) -> None:
    order = vitec.place_order()["order"]
    assert wrong_fields(act(vitec, order, url=url)) == {"url"}
    assert vitec.interactions(order) == []


def test_interaction_on_an_order_that_is_not_there_is_refused(vitec: VitecSimulator) -> None:
    others = vitec.place_order("M40018")["order"]
    assert act(vitec, "ord-1").status == 404
    assert act(vitec, others).status == 404
    assert wrong_fields(act(vitec, "")) == {"id"}
    vitec.configure(unknown_id=400)
    assert act(vitec, "ord-1").status == 400


# Configured transitions


def test_no_transition_exists_unless_it_is_configured(vitec: VitecSimulator) -> None:
    order = vitec.place_order()["order"]
    body = {"id": order, "status": "Working"}
    assert call(vitec, "PUT", f"/Service/Order/Status/{OFFICE}", body).status == 404
    vitec.configure(transitions=BY_BODY)
    moved = call(vitec, "PUT", f"/Service/Order/Status/{OFFICE}", body)
    assert (moved.status, moved.body) == (200, b"")
    assert moved.effect == {"what": "transition", "order": order, "value": "active", "from": "Unnamed"}
    assert read(call(vitec, "GET", LIST))[0]["status"] == "Working"


def test_transitions_on_one_path_are_told_apart_by_the_body(vitec: VitecSimulator) -> None:
    vitec.configure(transitions=BY_BODY)
    order = vitec.place_order()["order"]
    path = f"/Service/Order/Status/{OFFICE}"
    assert read(call(vitec, "PUT", path, {"id": order, "status": "Done"})) is True
    assert vitec.transitions(order) == ["delivered"]
    assert call(vitec, "PUT", path, {"id": order, "status": "Gone"}).status == 404
    assert vitec.operation(Request("PUT", path, {}, {}, b'{"status": "Done"}')) == "transition.delivered"
    assert vitec.operation(Request("PUT", path, {}, {}, b"[")) == "unknown"


def test_transition_may_name_its_order_in_the_path_and_a_repeat_says_so(vitec: VitecSimulator) -> None:
    vitec.configure(transitions={"waiting": {"method": "POST", "path": "/Service/Order/{customerId}/{orderId}/Wait"}})
    order = vitec.place_order(id="ord/1")["order"]
    path = f"/Service/Order/{OFFICE}/{quote(order, safe='')}/Wait"
    assert "repeat" not in (call(vitec, "POST", path).effect or {})
    assert (call(vitec, "POST", path).effect or {})["repeat"] == "yes"
    assert vitec.transitions(order) == ["waiting", "waiting"]
    assert call(vitec, "POST", f"/Service/Order/{OFFICE}/ord-9/Wait").status == 404
    vitec.deny(OFFICE, "order")
    assert call(vitec, "POST", path).status == 403


def test_transition_answered_by_false_changes_nothing(vitec: VitecSimulator) -> None:
    vitec.configure(transitions={"active": {"path": "/Go/{customerId}", "id": "orderId", "answer": "false"}})
    order = vitec.place_order()["order"]
    answer = call(vitec, "PUT", f"/Go/{OFFICE}", {"orderId": order})
    assert (read(answer), answer.effect, vitec.transitions(order)) == (False, None, [])
    assert wrong_fields(call(vitec, "PUT", f"/Go/{OFFICE}", {"id": order})) == {"orderId"}
