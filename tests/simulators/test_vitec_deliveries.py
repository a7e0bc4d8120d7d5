"""The Vitec simulator's claims about notes, images and look-ups, each from vitec.md."""

import base64
from typing import Any

import pytest

from syncer.simulators.vitec import VitecSimulator
from syncer.simulators.wire import Reply
from tests.simulators.test_vitec import OFFICE, PASSWORD, blamed, call, read, wrong_fields

HOME = "OBJ40017_1"
GIF = b"GIF89a invented"
CALLS = [("/Image", "image"), ("/CRM/Image", "crm_image")]


@pytest.fixture
def vitec() -> VitecSimulator:
    simulator = VitecSimulator(passwords={OFFICE: PASSWORD})
    simulator.add_estate(OFFICE, HOME)
    return simulator


def note(vitec: VitecSimulator, **fields: Any) -> Reply:
    body = {"text": "Filer: https://orders.supplier.example/f/1", "estateId": HOME, **fields}
    return call(vitec, "POST", f"/Note/{OFFICE}", body)


def image(
    vitec: VitecSimulator, data: bytes | str = GIF, home: str = HOME, path: str = "/Image", **fields: Any
) -> Reply:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return call(vitec, "POST", f"{path}/{OFFICE}/{home}", {"data": text, **fields})


# Notes


def test_note_is_kept_and_answered_without_a_body(vitec: VitecSimulator) -> None:
    made = note(vitec, date="2031-05-04T08:00:00+02:00", userId="HAN1")
    assert (made.status, made.body) == (200, b"")
    assert made.effect == {
        "what": "note",
        "customer": OFFICE,
        "estate": HOME,
        "user": "HAN1",
        "text": "Filer: https://orders.supplier.example/f/1",
    }
    assert vitec.notes(HOME)[0]["date"] == "2031-05-04T08:00:00+02:00"
    assert blamed(vitec) == []


@pytest.mark.parametrize(("how", "status", "body"), [("204", 204, b""), ("text", 200, b'"NOT000001"')])
def test_note_may_be_answered_otherwise(vitec: VitecSimulator, how: str, status: int, body: bytes) -> None:
    vitec.configure(note_answer=how)
    made = note(vitec)
    assert (made.status, made.body) == (status, body)


def test_repeated_note_is_a_second_one_and_says_so(vitec: VitecSimulator) -> None:
    note(vitec)
    assert "repeat" not in (note(vitec, text="Något annat").effect or {})
    assert (note(vitec, date="2031-05-04T08:00:00").effect or {})["repeat"] == "yes"
    assert len(vitec.notes()) == 3


def test_note_requires_no_field_but_says_nothing_without_a_text(vitec: VitecSimulator) -> None:
    assert call(vitec, "POST", f"/Note/{OFFICE}", {}).status == 200
    assert note(vitec, estateId=None).status == 200
    assert note(vitec, estateId=None, contactId="ADR1").status == 200
    assert len(blamed(vitec)) == 2


@pytest.mark.parametrize(
    ("fields", "wrong"), [({"text": 7}, "text"), ({"date": "i morgon"}, "date"), ({"userId": []}, "userId")]
)
def test_note_of_the_wrong_types_is_a_400(vitec: VitecSimulator, fields: dict[str, Any], wrong: str) -> None:
    assert wrong_fields(note(vitec, **fields)) == {wrong}
    assert vitec.notes() == []


def test_note_on_a_home_that_is_not_the_offices_is_refused(vitec: VitecSimulator) -> None:
    vitec.add_estate("M40018", "OBJ2")
    assert [note(vitec, estateId=each).status for each in ("OBJ2", "OBJ9")] == [404, 404]
    vitec.configure(unknown_id=400)
    assert note(vitec, estateId="OBJ9").status == 400


# Images


@pytest.mark.parametrize(("path", "by"), CALLS)
def test_image_is_kept_and_answered_by_its_id(vitec: VitecSimulator, path: str, by: str) -> None:
    made = image(vitec, path=path, name="ord-1.gif", caption="Kök", advertise=True, category="Interiör")
    assert read(made) == "BIL000001"
    effect = made.effect or {}
    assert (effect["what"], effect["estate"], effect["image"], effect["by"]) == ("image", HOME, "BIL000001", by)
    (kept,) = vitec.images(HOME)
    assert (kept["kind"], kept["size"], kept["caption"], kept["advertise"]) == ("gif", len(GIF), "Kök", True)
    assert blamed(vitec) == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF87a", "gif"),
        (b"\xff\xd8\xff\xe0JFIF", "jpg"),
        (b"II*\x00", "tiff"),
        (b"MM\x00*", "tiff"),
        (b"BM\x00", "bmp"),
        (b"\x89PNG\r\n\x1a\n", "png"),
    ],
)
def test_image_is_one_of_five_kinds_by_how_it_begins(vitec: VitecSimulator, data: bytes, kind: str) -> None:
    assert image(vitec, data).status == 200
    assert vitec.images()[0]["kind"] == kind


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7", b"<svg/>", b"RIFF....WEBP", "GIF89a", "data:image/gif;base64,R0lGODlh", ""]
)
@pytest.mark.parametrize("path", [path for path, _ in CALLS])
def test_what_is_no_such_image_in_base64_is_a_400(vitec: VitecSimulator, data: bytes | str, path: str) -> None:
    assert wrong_fields(image(vitec, data, path=path)) == {"data"}
    assert vitec.images() == []


def test_repeated_image_is_a_second_one_and_says_so(vitec: VitecSimulator) -> None:
    vitec.add_estate(OFFICE, "OBJ2")
    image(vitec)
    assert "repeat" not in (image(vitec, home="OBJ2").effect or {})
    again = image(vitec, path="/CRM/Image", name="other.gif")
    assert (read(again), (again.effect or {})["repeat"]) == ("BIL000003", "yes")


@pytest.mark.parametrize(("how", "status"), [("204", 204), ("empty", 200)])
def test_image_may_be_answered_without_its_id(vitec: VitecSimulator, how: str, status: int) -> None:
    vitec.configure(image_answer=how)
    made = image(vitec)
    assert (made.status, made.body) == (status, b"")
    assert made.effect is not None


@pytest.mark.parametrize(
    ("fields", "wrong"), [({"name": 1}, "name"), ({"advertise": "no"}, "advertise"), ({"category": {}}, "category")]
)
def test_image_of_the_wrong_types_is_a_400(vitec: VitecSimulator, fields: dict[str, Any], wrong: str) -> None:
    assert wrong_fields(image(vitec, **fields)) == {wrong}
    assert vitec.images() == []


def test_image_on_an_unknown_home_is_refused(vitec: VitecSimulator) -> None:
    assert image(vitec, home="OBJ9").status == 404


def test_images_may_have_a_largest_size(vitec: VitecSimulator) -> None:
    vitec.configure(max_image=len(GIF))
    assert image(vitec).status == 200
    assert wrong_fields(image(vitec, GIF + b"!")) == {"data"}


def test_category_that_the_office_lacks_is_a_mistake_or_refused(vitec: VitecSimulator) -> None:
    assert image(vitec, category="Badrum").status == 200
    assert "Badrum" in blamed(vitec)[0]
    vitec.configure(category_checked=True)
    assert wrong_fields(image(vitec, category="Badrum")) == {"category"}
    vitec.add_office(OFFICE, categories=["Badrum"])
    assert image(vitec, category="Badrum").status == 200


def test_image_named_as_another_kind_is_a_mistake(vitec: VitecSimulator) -> None:
    image(vitec, b"\xff\xd8\xff", name="a.jpeg")
    assert blamed(vitec) == []
    image(vitec, b"\xff\xd8\xff", name="a.png")
    assert "jpg" in blamed(vitec)[0]


def test_image_categories_are_the_offices(vitec: VitecSimulator) -> None:
    path = "/CRM/Image/GetImageCategories"
    vitec.add_office(OFFICE, categories=["Kök"])
    assert read(call(vitec, "GET", path, customerId=OFFICE)) == [{"customerId": OFFICE, "categories": ["Kök"]}]
    assert wrong_fields(call(vitec, "GET", path)) == {"customerId"}
    assert call(vitec, "GET", path, customerId="M40018").status == 403
    vitec.add_credential("G7", "chain")
    assert call(vitec, "GET", path, password="chain", customerId="G7").status == 404


def test_function_groups_of_deliveries_can_be_refused_each(vitec: VitecSimulator) -> None:
    vitec.deny(OFFICE, "crm")
    assert image(vitec, path="/CRM/Image").status == 403
    assert image(vitec).status == 200
    vitec.deny(OFFICE, "note")
    assert note(vitec).status == 403
    assert vitec.notes() == []


# Look-ups


def test_user_look_up_finds_public_users_alone(vitec: VitecSimulator) -> None:
    vitec.add_user("HAN1", OFFICE, userName="Kim Påhittad")
    vitec.add_user("HAN2", OFFICE, public=False)
    vitec.add_user("HAN3", "M40018", userName="Alex Låtsas")
    (found,) = read(call(vitec, "GET", "/User/GetUser", CustomerId=OFFICE))
    assert (found["userId"], found["customerId"], found["archived"]) == ("HAN1", [OFFICE], False)
    assert read(call(vitec, "GET", "/User/GetUser", UserId="HAN2", CustomerId=OFFICE)) == []
    assert [user["userId"] for user in read(call(vitec, "GET", "/User/GetUser", SearchText="låtsas"))] == ["HAN3"]


def test_office_look_up_gives_who_pays(vitec: VitecSimulator) -> None:
    vitec.add_office(OFFICE, corporateNumber="559999-0009", archived=True)
    (found,) = read(call(vitec, "GET", "/Office/GetOffice", CustomerId=OFFICE, OfficeId="FIR40017", GroupId="G7"))
    assert (found["corporateNumber"], found["archived"], found["chain"]["id"]) == ("559999-0009", True, "G7")
    assert read(call(vitec, "GET", "/Office/GetOffice", CustomerId=OFFICE, OfficeId="FIR1")) == []
    assert wrong_fields(call(vitec, "GET", "/Office/GetOffice")) == {"CustomerId"}


def test_home_look_up_gives_the_websites_view(vitec: VitecSimulator) -> None:
    vitec.add_estate(OFFICE, "OBJ2", referenceId="R1")
    home = read(call(vitec, "GET", f"/Advertising/Estate/{OFFICE}/OBJ2"))
    assert (home["id"], home["referenceId"], home["office"]["customerId"]) == ("OBJ2", "R1", OFFICE)
    assert home["address"]["streetAddress"]
    assert call(vitec, "GET", f"/Advertising/Estate/{OFFICE}/OBJ9").status == 404


@pytest.mark.parametrize(
    ("function", "path"),
    [
        ("user", "/User/GetUser"),
        ("office", "/Office/GetOffice"),
        ("advertising", f"/Advertising/Estate/{OFFICE}/{HOME}"),
    ],
)
def test_look_up_that_is_not_granted_is_a_403(vitec: VitecSimulator, function: str, path: str) -> None:
    assert call(vitec, "GET", path, CustomerId=OFFICE).status == 200
    vitec.deny(OFFICE, function)
    assert call(vitec, "GET", path, CustomerId=OFFICE).status == 403


def test_agents_of_an_order_can_be_looked_up(vitec: VitecSimulator) -> None:
    vitec.place_order()
    (order,) = vitec.orders()
    (found,) = read(call(vitec, "GET", "/User/GetUser", CustomerId=OFFICE, UserId=order["order_user_id"]))
    assert found["userName"] == "Robin Påhittad"
