"""Claims about the simulated KODE's order tree in both generations, and about its clock (kode.md, section 7)."""

import copy
import json
import pickle
from typing import Any

import pytest

from syncer.simulators.kode import File, Script
from syncer.simulators.kode.breakage import WAYS
from tests.simulators.kode_bench import NONE, PACKAGE, PLAIN, START, Bench, assets_of

USUAL = Script.usual(60, 600)


def line_of(tree: dict[str, Any], place: int = 0) -> dict[str, Any]:
    return dict(tree["orders"][0]["orderLines"][place])


# --- the tree -------------------------------------------------------------------------------------------------------


def test_a_created_order_is_a_tree_of_three_levels_with_numbers_of_their_own() -> None:
    tree = Bench().created(deliveryInformation={"name": "Kari Eksempel"})
    assert (tree["id"], tree["status"], tree["priceNet"], tree["priceVat"]) == (7_000_001, "NEW", 1640.0, 2050.0)
    (order,) = tree["orders"]
    assert (order["id"], order["supplierName"]) == (8_000_001, "Infoland Kommune - demo")
    assert (order["user"], order["technicalReference"]) == ("Kari Eksempel", "t-1")
    assert [line["id"] for line in order["orderLines"]] == [9_000_001, 9_000_002, 9_000_003]


def test_a_package_has_a_line_and_one_to_each_of_its_contents_which_cost_nothing() -> None:
    package, child, _ = Bench().created()["orders"][0]["orderLines"]
    assert (package["product"], package["productType"], package["mediaType"]) == (PACKAGE, "PACKAGE", "Ukjent")
    assert (package["priceNet"], package["priceVat"], package["packageLineId"]) == (1640.0, 2050.0, None)
    assert (child["product"], child["productType"], child["mediaType"]) == (PLAIN, "NORMAL", "Datafil")
    assert (child["priceNet"], child["priceVat"], child["packageLineId"]) == (0, 0, package["id"])
    assert {package["delivery"], child["delivery"]} == {"Elektronisk"}


def test_each_supplier_has_an_order_of_its_own() -> None:
    bench = Bench()
    bench.sim.add_product(code="WI99990104", name="Brannvesen", supplier="Låtsas Brannvesen IKS")
    tree = bench.created(products=[{"code": PLAIN}, {"code": "WI99990104"}])
    assert [order["supplierName"] for order in tree["orders"]] == ["Infoland Kommune - demo", "Låtsas Brannvesen IKS"]
    assert [order["id"] for order in tree["orders"]] == [8_000_001, 8_000_002]


def test_an_order_is_found_by_its_collections_number_alone() -> None:
    bench = Bench()
    tree = bench.created()
    assert bench.tree(tree["id"])["id"] == tree["id"]
    assert bench.ask("GET", f"/kode/v1/orders/{tree['orders'][0]['id']}").status == 404
    assert bench.ask("GET", "/kode/v1/orders/OPPDRAG-42").status == 404
    assert len(bench.sim.complaints()) == 2


def test_the_first_two_levels_can_have_the_same_number() -> None:
    tree = Bench(same_ids=True).created()
    assert tree["orders"][0]["id"] == tree["id"]


def test_files_are_no_part_of_the_creates_answer_but_lines_have_an_empty_list() -> None:
    bench = Bench()
    tree = bench.created()
    assert "assets" not in tree["orders"][0]
    assert line_of(tree)["assets"] == []
    assert bench.tree(tree["id"])["orders"][0]["assets"] == []
    assert Bench(created_assets=True).created()["orders"][0]["assets"] == []


@pytest.mark.parametrize(("option", "expected"), [("list", []), ("null", None), ("absent", "(absent)")])
def test_no_files_are_an_empty_list_null_or_nothing(option: str, expected: Any) -> None:
    bench = Bench(empty_assets=option)
    tree = bench.tree(bench.created()["id"])
    assert tree["orders"][0].get("assets", "(absent)") == expected
    assert line_of(tree).get("assets", "(absent)") == expected


@pytest.mark.parametrize(("option", "expected"), [("null", None), ("absent", "(absent)")])
def test_what_is_not_there_is_null_or_missing(option: str, expected: Any) -> None:
    tree = Bench(nothing=option).created(technicalReference=NONE)
    assert tree["orders"][0].get("technicalReference", "(absent)") == expected
    assert line_of(tree).get("packageLineId", "(absent)") == expected


def test_dates_are_norwegian_in_local_time_and_on_lines_without_a_time() -> None:
    bench = Bench()
    bench.clock.time = START.replace(hour=23, minute=30)
    tree = bench.created()
    assert (tree["dateOrdered"], line_of(tree)["dateStatus"]) == ("16.01.2030 00:30:00", "16.01.2030")


def test_the_old_generation_has_iso_dates_objects_and_fewer_fields_on_its_lines() -> None:
    bench = Bench(generation="v17")
    tree = bench.created()
    assert tree["dateOrdered"] == tree["dateStatus"] == "2030-01-15T13:00:00+0100"
    assert tree["status"] == "NEW"
    package, child, _ = tree["orders"][0]["orderLines"]
    assert package["status"] == {"code": "NEW", "name": "Ny"}
    assert package["productType"] == {"code": "1", "name": "PACKAGE"}
    assert child["productType"] == {"code": "0", "name": "NORMAL"}
    assert not {"dateStatus", "packageLineId", "assets"} & package.keys()


def test_where_lines_show_no_files_their_order_has_them() -> None:
    bench = Bench(generation="v17")
    number = bench.created()["id"]
    asset = bench.sim.add_file(number, on=PLAIN)
    assert [each["id"] for each in bench.tree(number)["orders"][0]["assets"]] == [asset]


def test_parts_of_the_generations_can_be_mixed() -> None:
    tree = Bench(statuses="object", dates="iso", line_extras="absent", status_codes="number").created()
    assert line_of(tree)["status"] == {"code": "0", "name": "NEW"}
    assert tree["dateOrdered"].endswith("+0100")
    assert "assets" not in line_of(tree)
    mixed = Bench(generation="v17", statuses="text", dates="norwegian", line_extras="shown").created()
    assert (line_of(mixed)["status"], line_of(mixed)["dateStatus"]) == ("NEW", "15.01.2030")
    assert Bench(top_status="object").created()["status"]["code"] == "NEW"


def test_what_no_example_shows_may_be_there() -> None:
    bench = Bench(show_reference=True, order_status=True, beta=True)
    tree = bench.created(deliveryInformation={"companyName": "Eksempel Megling AS"})
    assert (tree["reference"], tree["orders"][0]["status"]) == ("OPPDRAG-42", "NEW")
    assert tree["orders"][0]["user"] == "(BETA) Eksempel Megling AS"
    assert "reference" not in Bench().created()


# --- the clock ------------------------------------------------------------------------------------------------------


def test_without_a_script_an_order_stays_new() -> None:
    bench = Bench()
    number = bench.created()["id"]
    bench.clock.pass_(10_000_000)
    assert bench.sim.order(number)["status"] == "NEW"


def test_a_script_takes_an_order_from_new_to_finished_and_its_files_come() -> None:
    bench = Bench()
    bench.sim.set_script(Script.usual(60, 600, [File(300), File(500, on="order"), File(900)]))
    number = bench.created()["id"]
    seen = []
    for seconds in (59, 1, 240, 200, 99, 1, 300):
        bench.clock.pass_(seconds)
        tree = bench.tree(number)
        seen.append((tree["status"], line_of(tree, 1)["status"], len(assets_of(tree))))
    assert seen == [
        ("NEW", "NEW", 0),
        ("PROGRESS", "PROGRESS", 0),
        ("PROGRESS", "PROGRESS", 1),
        ("PROGRESS", "PROGRESS", 2),
        ("PROGRESS", "PROGRESS", 2),
        ("FINISHED", "FINISHED", 2),
        ("FINISHED", "FINISHED", 3),
    ]
    assert bench.tree(number)["dateStatus"] == "15.01.2030 13:10:00"


def test_what_is_due_happens_in_the_order_of_its_time_whoever_asks() -> None:
    bench = Bench()
    bench.sim.set_script({"steps": [[100, "PROGRESS"], [50, "FINISHED"]], "files": []})
    first = bench.created()["id"]
    bench.clock.pass_(30)
    bench.sim.set_script({"steps": [[40, "FINISHED"]]})
    second = bench.created()["id"]
    bench.clock.pass_(1000)
    assert [bench.sim.order(number)["status"] for number in (first, second)] == ["PROGRESS", "FINISHED"]
    assert [(push["body"]["orderCollectionId"], push["at"][14:19]) for push in bench.sim.pushes()] == [
        (first, "00:00"), (second, "00:30"), (first, "00:50"), (second, "01:10"),
    ]  # fmt: skip


def test_an_order_of_somebody_elses_is_followed_like_ones_own() -> None:
    bench = Bench()
    number = bench.sim.add_order(reference="HOS-ANDRE", user="Kari Eksempel", script=USUAL)
    bench.clock.pass_(600)
    tree = bench.tree(number)
    assert (tree["status"], tree["orders"][0]["technicalReference"]) == ("FINISHED", None)
    assert (bench.sim.order(number)["ours"], bench.sim.created()) == (False, [])
    later = bench.sim.add_order(["WI99990301"], status="PROGRESS")
    assert bench.tree(later)["status"] == "PROGRESS"
    with pytest.raises(LookupError):
        bench.sim.add_order(["WI00000000"])
    with pytest.raises(ValueError, match="a product"):
        bench.sim.add_order([])


@pytest.mark.parametrize("status", ["CANCELLED", "REFUNDED", "PROCESSING", "Venter på svar", ""])
def test_an_order_can_have_any_status_and_the_clock_lets_it_be(status: str) -> None:
    bench = Bench()
    bench.sim.set_script(USUAL)
    number = bench.created()["id"]
    bench.sim.change_status(number, status)
    bench.clock.pass_(1000)
    tree = bench.tree(number)
    assert (tree["status"], line_of(tree)["status"]) == (status, status)


def test_an_order_changed_by_hand_can_go_on_by_the_clock_all_the_same() -> None:
    bench = Bench()
    bench.sim.set_script(USUAL)
    number = bench.created()["id"]
    bench.sim.change_status(number, "FINISHED", keep_plan=True, lines=False)
    assert line_of(bench.tree(number))["status"] == "NEW"
    bench.clock.pass_(60)
    assert bench.tree(number)["status"] == "PROGRESS"


def test_an_unfinished_order_can_get_another_script() -> None:
    bench = Bench()
    bench.sim.set_script(USUAL)
    number = bench.created()["id"]
    bench.sim.set_script({"steps": [[30, "CANCELLED"]]}, order=number)
    bench.clock.pass_(1000)
    assert bench.tree(number)["status"] == "CANCELLED"
    bench.sim.set_script(None, order=number)
    with pytest.raises(ValueError, match="steps and files"):
        bench.sim.set_script({"stages": []})


def test_a_line_can_be_cancelled_by_itself_and_stays_so() -> None:
    bench = Bench()
    number = bench.created()["id"]
    bench.sim.change_line(number, PLAIN, "CANCELLED")
    bench.sim.change_status(number, "FINISHED")
    tree = bench.tree(number)
    assert [line["status"] for line in tree["orders"][0]["orderLines"]] == ["FINISHED", "CANCELLED", "FINISHED"]


@pytest.mark.parametrize("how", WAYS)
def test_one_orders_answer_can_be_broken_and_mended_and_the_others_stay_whole(how: str) -> None:
    bench = Bench()
    one, other = (bench.created(technicalReference=name)["id"] for name in ("t-1", "t-2"))
    whole = bench.ask("GET", f"/kode/v1/orders/{one}").body
    bench.sim.break_order(one, how)
    reply = bench.ask("GET", f"/kode/v1/orders/{one}")
    assert reply.status == (404 if how == "gone" else 200)
    assert (reply.body == whole) == (how == "whole")
    assert bench.tree(other)["id"] == other
    bench.sim.break_order(one, "whole")
    assert bench.ask("GET", f"/kode/v1/orders/{one}").body == whole
    with pytest.raises(ValueError, match="broken in one of"):
        bench.sim.break_order(one, "a_bit")


# --- the house's own demands ----------------------------------------------------------------------------------------


def test_it_survives_a_pickle_and_a_deep_copy_and_goes_on_alike() -> None:
    bench = Bench(generation="v17", address_life=60, names="hostile")
    bench.sim.set_script(Script.usual(60, 600, [File(300, deleted_after=400), File(700)]))
    number = bench.created()["id"]
    bench.clock.pass_(350)
    bench.tree(number)
    twins = [bench.sim, pickle.loads(pickle.dumps(bench.sim)), copy.deepcopy(bench.sim)]  # noqa: S301 - our own
    states = []
    for twin in twins:
        twin.desk.now.time = START.replace(hour=13)
        states.append(json.dumps([twin.state(), twin.pushes()]))
    assert len(set(states)) == 1


def test_reading_changes_nothing_that_a_snapshot_would_show() -> None:
    bench = Bench()
    number = bench.created()["id"]
    bench.sim.add_file(number)
    before = pickle.dumps(bench.sim)
    bench.tree(number)
    bench.get("/kode/v1/products?municipality=9999")
    bench.sim.state()
    bench.sim.pushes()
    bench.sim.created()
    assert pickle.dumps(bench.sim) == before


def test_state_is_json() -> None:
    bench = Bench()
    bench.sim.set_script(USUAL)
    bench.created()
    bench.clock.pass_(1000)
    assert json.loads(json.dumps(bench.sim.state()))["orders"][0]["status"] == "FINISHED"
