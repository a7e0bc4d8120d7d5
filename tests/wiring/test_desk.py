"""The desk of Vitec's agents: whose token it is, what the page shows, what it costs, and that it is wanted once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import Park, State, Supplied
from syncer.simulators.kode.model import File
from syncer.web.agent import Awaited, Fault, FormKind, Opened, Reason, Refused
from tests.ring.chain import FORM, ChainWorld, assert_each_once
from tests.store.filled import everything
from tests.wiring.desks import AtDesk, at_desk

SOLD_ELSEWHERE = "WI99980101"
MANUAL = """
[[routes]]
portal = "vitec"
match = { service = "813" }
fulfilment = "desk"

[[routes]]
portal = "vitec"
match = { service = "814" }
fulfilment = "kode_orders"
order = "map"
products = ["WI99990101"]
fields = { geometry = "{geometry}", spatial_reference = "EPSG:25833" }

[[routes]]
portal = "vitec"
match = { service = "815" }
fulfilment = "kode_orders"
order = "share"
products = ["WI99990301"]
fields = { organization_number = "{organization_number}", share_number = "{share_number}" }
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ChainWorld]:
    with ChainWorld(tmp_path) as made:
        yield made


@pytest.fixture
def office(world: ChainWorld) -> Iterator[AtDesk]:
    with at_desk(world) as made:
        yield made


# --- the link -------------------------------------------------------------------------------------------------


def test_a_token_opens_its_order_and_stores_it_without_the_token(world: ChainWorld, office: AtDesk) -> None:
    name = office.ordered()
    assert office.details(name)["ticket"]["customer_id"] == "M40017"
    token = world.vitec.open_order(name.removeprefix("vitec:"))["token"]
    office.desk.exchange("M40017", token)
    assert token not in str(everything(world.database))


def test_opening_it_again_is_the_same_order(world: ChainWorld, office: AtDesk) -> None:
    number = world.ordered()
    for _ in range(3):
        assert office.opens(number) == Opened(f"vitec:{number}")
    assert len(office.store.orders()) == 1


def test_a_token_of_another_customer_than_the_link_s_opens_nothing(world: ChainWorld, office: AtDesk) -> None:
    world.vitec.add_office("M40018")
    number = world.ordered()
    assert office.opens(number, customer="M40018") == Refused(Reason.DENIED)
    assert office.store.orders() == []


def test_a_ticket_of_a_customer_that_is_not_configured_opens_nothing(world: ChainWorld, office: AtDesk) -> None:
    world.vitec.add_office("M40099")
    number = world.ordered(customer_id="M40099")
    assert not office.desk.knows("M40099")
    assert office.opens(number) == Refused(Reason.DENIED)
    assert office.store.orders() == []


def test_an_order_that_is_known_under_another_office_is_not_opened(world: ChainWorld, office: AtDesk) -> None:
    number = world.ordered()
    office.store.watch("vitec", [number], world.clock())
    other = Supplied("ticket", {"customer_id": "M40018", "tenant_id": "T3", "order_id": number})
    office.store.apply(f"vitec:{number}", other, world.clock(), office.desk._rules)
    assert office.opens(number) == Refused(Reason.DENIED)
    assert office.details(f"vitec:{number}")["ticket"]["customer_id"] == "M40018"


def test_an_order_that_is_known_under_another_tenant_is_not_opened(world: ChainWorld, office: AtDesk) -> None:
    name = office.ordered()
    world.vitec.agency.offices["M40017"].tenant = "T4"
    assert office.opens(name.removeprefix("vitec:")) == Refused(Reason.DENIED)
    assert office.details(name)["ticket"]["tenant_id"] == "T3"


@pytest.mark.parametrize("fields", ["filled", "null", "empty", "absent"])
def test_an_expired_token_says_so(world: ChainWorld, office: AtDesk, fields: str) -> None:
    world.vitec.configure(expired_fields=fields)
    number = world.ordered()
    link = world.vitec.open_order(number)
    world.vitec.expire(number)
    assert office.desk.exchange(link["customerId"], link["token"]) == Refused(Reason.EXPIRED)
    assert office.store.orders() == []


def test_a_token_that_is_good_once_opens_nothing_a_second_time(world: ChainWorld, office: AtDesk) -> None:
    world.vitec.configure(one_time=True)
    link = world.vitec.open_order(world.ordered())
    assert isinstance(office.desk.exchange(link["customerId"], link["token"]), Opened)
    assert office.desk.exchange(link["customerId"], link["token"]) in [Refused(Reason.DENIED), Refused(Reason.EXPIRED)]


@pytest.mark.parametrize("token", ["nobodys", "<script>", "../../Note/M40017", "x" * 4096])
def test_a_token_that_nobody_was_given_opens_nothing(world: ChainWorld, office: AtDesk, token: str) -> None:
    world.ordered()
    assert office.desk.exchange("M40017", token) == Refused(Reason.DENIED)


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_after", "garbage", "html", "too_many"])
def test_a_portal_that_can_not_be_asked_is_to_be_tried_again(world: ChainWorld, office: AtDesk, fault: str) -> None:
    number = world.ordered()
    world.host.fault(fault, "vitec", "order.token")
    assert office.opens(number) == Refused(Reason.BUSY)
    assert office.opens(number) == Opened(f"vitec:{number}")


# --- the page -------------------------------------------------------------------------------------------------


def test_the_page_has_a_form_until_it_was_sent(office: AtDesk) -> None:
    name = office.ordered()
    sheet = office.desk.sheet(name)
    assert sheet is not None
    assert (sheet.form, sheet.awaited, sheet.service) == (FormKind.CADASTRE, Awaited.AGENT, "Kommunal information")
    assert office.desk.place(name, FORM) is None
    sheet = office.desk.sheet(name)
    assert sheet is not None
    assert (sheet.form, sheet.awaited, sheet.address) == (None, Awaited.US, FORM["address"])


def test_another_portal_s_order_and_one_that_is_not_there_have_no_page(world: ChainWorld, office: AtDesk) -> None:
    world.order()
    world.once()
    for name in ("tg:770101", *(order.name for order in office.store.orders()), "vitec:none", "", ":"):
        assert office.desk.sheet(name) is None
        assert office.desk.open(name, "1") is None
        assert office.desk.place(name, FORM) is None
        assert office.desk.check(name, FORM).faults


def with_services(folder: Path) -> ChainWorld:
    made = ChainWorld(folder, more=MANUAL)
    made._settings["more"] = made._settings["more"].replace("services = [812]", "services = [812, 813, 814, 815]")
    return made


def test_an_order_whose_service_is_not_known_yet_is_not_said_to_be_under_way(tmp_path: Path) -> None:
    with with_services(tmp_path) as world, at_desk(world) as office:
        number = world.ordered(service=812)
        world.vitec.hide(number)
        assert office.opens(number) == Opened(f"vitec:{number}")
        sheet = office.desk.sheet(f"vitec:{number}")
        assert sheet is not None
        assert (sheet.form, sheet.awaited) == (None, Awaited.US)
        world.vitec.show(number)
        world.once()
        sheet = office.desk.sheet(f"vitec:{number}")
        assert sheet is not None
        assert (sheet.form, sheet.awaited) == (FormKind.CADASTRE, Awaited.AGENT)


@pytest.mark.parametrize(("service", "form"), [(812, FormKind.CADASTRE), (813, None), (815, FormKind.SHARE)])
def test_each_service_has_the_form_of_its_route(tmp_path: Path, service: int, form: FormKind | None) -> None:
    with with_services(tmp_path) as world, at_desk(world) as office:
        name = office.ordered(service=service)
        world.once()
        sheet = office.desk.sheet(name)
        assert sheet is not None
        assert sheet.form is form


def test_a_map_is_not_asked_for_on_the_page(tmp_path: Path) -> None:
    with with_services(tmp_path) as world, at_desk(world) as office:
        name = office.ordered(service=814)
        world.once()
        sheet = office.desk.sheet(name)
        assert sheet is not None
        assert sheet.awaited is not Awaited.SUPPLIER
        assert world.kode.created() == []
        assert world.agent_order(name.removeprefix("vitec:")).parked


def test_a_route_that_is_not_kode_s_has_no_form_and_takes_none(tmp_path: Path) -> None:
    with with_services(tmp_path) as world, at_desk(world) as office:
        name = office.ordered(service=813)
        world.once()
        assert office.desk.check(name, FORM).faults == {"": Fault.REFUSED}
        assert office.desk.place(name, FORM) is None
        assert "form" not in office.details(name)


# --- the form -------------------------------------------------------------------------------------------------


def test_the_form_is_priced_with_vat_by_its_product(office: AtDesk) -> None:
    checked = office.desk.check(office.ordered(), FORM)
    assert checked.faults == {}
    assert checked.price is not None
    assert checked.price.gross > checked.price.net > 0
    assert len(checked.products) == 1


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({}, {"cadastre": Fault.MISSING, "address": Fault.MISSING}),
        ({"cadastre": "9999-12", "address": "x"}, {"cadastre": Fault.MALFORMED}),
        ({"cadastre": "9999-12-34-0-0", "address": ""}, {"address": Fault.MISSING}),
        ({"cadastre": "0000-12-34-0-0", "address": "x"}, {"": Fault.REFUSED}),
    ],
)
def test_each_wrong_value_is_named(office: AtDesk, values: dict[str, str], faults: dict[str, Fault]) -> None:
    name = office.ordered()
    assert dict(office.desk.check(name, values).faults) == faults
    assert dict(office.desk.place(name, values) or {}) == faults
    assert "form" not in office.details(name)


def test_a_municipality_without_products_has_nothing_to_order(office: AtDesk) -> None:
    name = office.ordered()
    faults = office.desk.check(name, FORM | {"cadastre": "0301-12-34-0-0"}).faults
    assert list(faults.values()) == [Fault.NO_PRODUCT]


def test_a_municipality_that_sells_others_offers_those_and_the_chosen_one_is_placed(
    world: ChainWorld, office: AtDesk
) -> None:
    world.kode.add_product(code=SOLD_ELSEWHERE, name="Annan pakke", net=50.0)
    name, values = office.ordered(), FORM | {"cadastre": "9998-12-34-0-0"}
    assert dict(office.desk.check(name, values).faults) == {"product": Fault.MISSING}
    sheet = office.desk.sheet(name)
    assert sheet is not None
    assert [one.code for one in sheet.products] == [SOLD_ELSEWHERE]
    assert office.desk.place(name, values | {"product": SOLD_ELSEWHERE}) is None
    world.once()
    assert [row["code"] for row in products_placed(world)] == [SOLD_ELSEWHERE]


def products_placed(world: ChainWorld) -> list[Any]:
    return [row for call in world.host.calls("kode", "orders.create") for row in json.loads(call.body)["products"]]


@pytest.mark.parametrize("code", ["WI99980777", "nonsense", "WI99980101 WI99980777", "WI99990101", "WI99980202"])
def test_a_product_that_is_not_offered_is_not_placed(world: ChainWorld, office: AtDesk, code: str) -> None:
    world.kode.add_product(code=SOLD_ELSEWHERE, name="Annan pakke", net=50.0)
    world.kode.add_product(code="WI99980202", name="Et kart", input_type="MAP")
    name = office.ordered()
    values = FORM | {"cadastre": "9998-12-34-0-0", "product": code}
    assert office.desk.place(name, values) == {"product": Fault.NOT_OFFERED}
    assert "form" not in office.details(name)


def test_a_product_that_was_not_offered_does_not_take_the_place_of_the_route_s(
    world: ChainWorld, office: AtDesk
) -> None:
    world.kode.add_product(code="WI99990909", name="Dyr pakke", net=99_000.0)
    name = office.ordered()
    assert office.desk.place(name, FORM | {"product": "WI99990909"}) is None
    world.once()
    assert [row["code"] for row in products_placed(world)] == ["WI99990101"]


@pytest.mark.parametrize("fault", ["reset_before", "error_before", "garbage", "html", "too_many"])
def test_a_kode_that_is_down_while_the_form_is_checked_is_to_be_tried_again(
    world: ChainWorld, office: AtDesk, fault: str
) -> None:
    name = office.ordered()
    world.host.fault(fault, "kode", "products.list", times=None)
    assert office.desk.check(name, FORM).faults == {"": Fault.LATER}
    assert office.desk.place(name, FORM) == {"": Fault.LATER}
    assert "form" not in office.details(name)
    world.host.clear_faults()
    assert office.desk.place(name, FORM) is None


def test_a_price_that_changes_is_the_new_one_at_the_next_look(world: ChainWorld, office: AtDesk) -> None:
    name = office.ordered()
    before = office.desk.check(name, FORM).price
    world.kode.add_product(code="WI99990101", name="Megler", net=4321.0)
    after = office.desk.check(name, FORM).price
    assert before is not None
    assert after is not None
    assert (str(after.net), before == after) == ("4321.0", False)


def test_of_two_tabs_the_first_counts(world: ChainWorld, office: AtDesk) -> None:
    name = office.ordered()
    with at_desk(world) as other:  # another process, say
        assert other.desk.sheet(name) is not None
        assert office.desk.place(name, FORM) is None
        assert other.desk.place(name, FORM | {"address": "En annan"}) is None
    assert office.details(name)["form"]["address"] == FORM["address"]


def test_a_second_form_that_slipped_through_changes_nothing(office: AtDesk, world: ChainWorld) -> None:
    name = office.ordered()
    for address in (FORM["address"], "En annan"):
        seen = Supplied("form", FORM | {"address": address})
        office.store.apply(name, seen, world.clock(), office.desk._rules)
    assert office.details(name)["form"]["address"] == FORM["address"]


# --- the files ------------------------------------------------------------------------------------------------


def delivered(world: ChainWorld, office: AtDesk) -> str:
    name = office.ordered()
    assert office.desk.place(name, FORM) is None
    world.once()
    world.kode.add_file(int(world.placed()), File(name="plan.pdf"))
    world.kode.change_status(int(world.placed()), "FINISHED")
    for _ in range(3):
        world.later(minutes=2)
    assert world.agent_order(name.removeprefix("vitec:")).state is State.DELIVERED
    return name


def test_files_come_and_go_on_the_page(world: ChainWorld, office: AtDesk) -> None:
    name = delivered(world, office)
    sheet = office.desk.sheet(name)
    assert sheet is not None
    (document,) = sheet.files
    content = office.desk.open(name, document.asset)
    assert content is not None
    with content.stream:
        assert len(content.stream.read()) == document.size == content.size
    assert office.desk.open(name, "no such") is None
    world.kode.delete_file(document.asset)
    world.later(hours=1)
    sheet = office.desk.sheet(name)
    assert sheet is not None
    assert sheet.files == ()
    assert office.desk.open(name, document.asset) is None


def test_a_file_that_is_not_on_the_disk_any_more_is_no_error(world: ChainWorld, office: AtDesk) -> None:
    name = delivered(world, office)
    sheet = office.desk.sheet(name)
    assert sheet is not None
    for path in world.root.rglob("*.pdf"):
        path.unlink()
    assert office.desk.open(name, sheet.files[0].asset) is None


def test_another_order_s_file_is_not_opened(world: ChainWorld, office: AtDesk) -> None:
    name = delivered(world, office)
    sheet = office.desk.sheet(name)
    assert sheet is not None
    other = office.ordered()
    assert office.desk.open(other, sheet.files[0].asset) is None
    assert_each_once(world)


# --- what is erased -------------------------------------------------------------------------------------------


def test_nothing_of_an_erased_order_is_shown_and_nothing_is_learnt_anew(world: ChainWorld, office: AtDesk) -> None:
    name = delivered(world, office)
    sheet = office.desk.sheet(name)
    assert sheet is not None
    assert office.store.erase_these([name], world.clock()) == 1
    assert office.desk.sheet(name) is None
    assert office.desk.open(name, sheet.files[0].asset) is None
    assert office.opens(name.removeprefix("vitec:")) == Refused(Reason.OVER)
    assert office.details(name) == {}
    assert office.desk.place(name, FORM) is None
    assert office.details(name) == {}


@pytest.mark.xfail(strict=True, reason="a refused form stays: a person orders it by hand, and then says deliver")
def test_a_form_that_kode_refuses_can_be_corrected_on_the_page(world: ChainWorld, office: AtDesk) -> None:
    name = office.ordered()
    assert office.desk.place(name, FORM) is None
    world.host.fault("echo_400", "kode", "orders.create")
    world.once()
    assert world.agent_order(name.removeprefix("vitec:")).park is Park.REFUSED
    sheet = office.desk.sheet(name)
    assert sheet is not None
    assert sheet.form is FormKind.CADASTRE
