"""Claims about Vitec Connect in the configuration."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncer.config import Success, VitecPortal
from syncer.config.models.operations import OPERATION_FIELDS
from syncer.remotes.vitec import FIELDS, Credentials
from syncer.remotes.vitec import Operation as Call
from syncer.remotes.vitec import Success as CallSuccess
from tests.config.written import DESK, VITEC, VITEC_PASSWORD, WEB, WHOLE, key_of, problems, read

SECRET = '{ env = "VITEC_M40017" }'
ONE = "passwords = { M40017 = " + SECRET + " }"
OPERATION = """
[portals.vitec.operations.delivered]
method = "PUT"
path = "Service/Order/Status/{customer_id}"
"""


def portal(file: Path, text: str) -> VitecPortal:
    made = read(file, text).portals["vitec"]
    assert isinstance(made, VitecPortal)
    return made


def keyed(*keys: str) -> str:
    return VITEC.replace(ONE, "passwords = { " + ", ".join(f'"{key}" = {SECRET}' for key in keys) + " }")


def test_what_is_left_out_has_its_default(file: Path) -> None:
    vitec = portal(file, VITEC)
    assert (vitec.customers, vitec.services, vitec.members) == (("M40017",), (812,), {})
    assert (vitec.poll_every, vitec.since, vitec.overlap) == (timedelta(minutes=15), None, timedelta(hours=1))
    assert (vitec.rescan_days, vitec.unopened_after) == (14, timedelta(days=1))
    assert (vitec.timezone, vitec.statuses, vitec.operations) == (ZoneInfo("Europe/Stockholm"), {}, {})
    assert (vitec.image_path, vitec.image_category) == ("Image", None)
    assert (vitec.notes, vitec.images, vitec.ask_user, vitec.link_days) == (True, True, True, timedelta(days=90))


def test_passwords_are_withheld_and_shown_nowhere(file: Path) -> None:
    config = read(file, VITEC)
    assert config.secrets() == (VITEC_PASSWORD,)
    assert VITEC_PASSWORD not in f"{config} {config!r} {config.model_dump()} {config.portals} {config.warnings}"


@pytest.mark.parametrize(
    ("keys", "customers"),
    [
        (["M40017", "S3", "O5", "G7", "T3"], ("M40017", "S3")),
        (["M40017/Service", "M40017/Note", "M2"], ("M40017", "M2")),
    ],
)
def test_the_offices_with_a_password_are_polled_where_none_are_named(
    file: Path, keys: list[str], customers: tuple[str, ...]
) -> None:
    assert portal(file, keyed(*keys)).customers == customers


@pytest.mark.parametrize(
    ("keys", "more", "right"),
    [
        (["G7"], "", True),
        (["T3/Service"], "", True),
        (["G7", "G8"], "", False),
        (["G7", "G8"], 'members = { M1 = ["G8"] }', True),
        (["G7", "G8"], 'members = { M1 = ["G9"] }', False),
        (["M1/Note"], "", False),
        (["M1/Service"], "", True),
    ],
)
def test_a_customer_has_a_password_just_where_the_client_would_find_one(
    file: Path, keys: list[str], more: str, right: bool
) -> None:
    text = f'{keyed(*keys)}customers = ["M1"]\n{more}'
    if right:
        made = portal(file, text)
        passwords = {key: secret.get_secret_value() for key, secret in made.passwords.items()}
        assert Credentials("partner", passwords, made.members).of("M1", "Service")
    else:
        assert [key_of(problem) for problem in problems(file, text)] == ["portals.vitec.customers"]


def test_a_call_can_name_the_fields_that_the_client_has_and_no_others() -> None:
    assert set(OPERATION_FIELDS) == FIELDS


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("""body = '{"id": "{order_id}", "status": 3, "at": ["{at}"], "x": null}'""", None),
        ('body = { id = "{order_id}", status = 3, at = ["{at}"] }', None),
        ("body = '\"{order_id}\"'", "{order_id}"),
        ("", None),
    ],
)
def test_an_operation_is_one_that_the_client_takes(file: Path, body: str, value: Any) -> None:
    text = VITEC + OPERATION + body + '\nsuccess = { status = [200], field = "", equals = true }'
    made = portal(file, text).operations["delivered"]
    assert made.success == Success(status=(200,), field="", equals=True)
    if value:
        assert made.body == value
    success = CallSuccess(frozenset(made.success.status), made.success.field, made.success.equals)
    call = Call("delivered", made.method, made.path, made.body, success)
    assert call.path_for({"customer_id": "M40017"}) == "Service/Order/Status/M40017"


def test_success_is_what_the_client_takes_for_one_unless_told(file: Path) -> None:
    made, usual = portal(file, VITEC + OPERATION).operations["delivered"].success, CallSuccess()
    assert (frozenset(made.status), made.field, made.equals) == (usual.statuses, usual.field, usual.equals)


WRONG = [
    (VITEC.replace('"partner"', '"part:ner"'), "portals.vitec.username", "username ="),
    (VITEC.replace(ONE, ""), "portals.vitec.passwords", "M40017"),
    (VITEC.replace(ONE, "passwords = {}"), "portals.vitec.passwords", "M40017"),
    (VITEC.replace(SECRET, '"hunter2"'), "portals.vitec.passwords.M40017", "passwords = { KEY = { file"),
    (VITEC.replace("VITEC_M40017", "UNSET"), "portals.vitec.passwords.M40017", "Set UNSET"),
    (VITEC.replace("M40017 =", "hunter2 ="), "portals.vitec.passwords", "M40017/Note"),
    (VITEC.replace("M40017 =", '"M40017/" ='), "portals.vitec.passwords", "M40017/Note"),
    (VITEC.replace("M40017 =", "m40017 ="), "portals.vitec.passwords", "M40017/Note"),
    (keyed("G7"), "portals.vitec.customers", '["M40017"]'),
    (VITEC + 'customers = ["40017"]', "portals.vitec.customers", '["M40017"]'),
    (VITEC + 'customers = ["M1"]', "portals.vitec.customers", "passwords ="),
    (VITEC + 'customers = ["M40017", "M40017"]', "portals.vitec.customers", '["M40017"]'),
    (VITEC + 'members = { M1 = "G7" }', "portals.vitec.members", '["G7", "T3"]'),
    (VITEC + 'members = { G7 = ["T3"] }', "portals.vitec.members", '["G7", "T3"]'),
    (VITEC.replace("[812]", "[]"), "portals.vitec.services", "[812]"),
    (VITEC.replace("[812]", '["812"]'), "portals.vitec.services", "[812]"),
    (VITEC.replace("[812]", "812"), "portals.vitec.services", "[812]"),
    (VITEC.replace("services = [812]", ""), "portals.vitec.services", "[812]"),
    (VITEC + 'overlap = "59m"', "portals.vitec.overlap", "an hour"),
    (VITEC + 'since = "2026-11-01"', "portals.vitec.since", "without quotes"),
    (VITEC + 'statuses = { Error = "wating" }', "portals.vitec.statuses", "waiting"),
    (VITEC + 'statuses = { Error = "Waiting" }', "portals.vitec.statuses", "waiting"),
    (VITEC + 'statuses = { Error = ["new"] }', "portals.vitec.statuses", "waiting"),
    (VITEC + 'image_path = "https://evil.example/"', "portals.vitec.image_path", "CRM/Image"),
    (VITEC + 'image_path = "../Image"', "portals.vitec.image_path", "CRM/Image"),
    (VITEC + 'image_path = "{url}"', "portals.vitec.image_path", "CRM/Image"),
    (VITEC + "notes = 1", "portals.vitec.notes", "true"),
    (VITEC + OPERATION.replace("delivered", "received"), "portals.vitec.operations", "delivered"),
    (VITEC + OPERATION.replace('"PUT"', '"put"'), "portals.vitec.operations.delivered.method", "PUT"),
    (VITEC + OPERATION.replace("method", "methd"), "portals.vitec.operations.delivered.methd", "method"),
    (VITEC + OPERATION.replace("method", "methd"), "portals.vitec.operations.delivered.method", "PUT"),
    (VITEC + OPERATION.replace("{customer", "{custmer"), "portals.vitec.operations.delivered.path", "customer_id"),
    (VITEC + OPERATION.replace("{customer", "customer"), "portals.vitec.operations.delivered.path", "below the url"),
    (VITEC + OPERATION.replace("Service", "//evil"), "portals.vitec.operations.delivered.path", "below the url"),
    (VITEC + OPERATION.replace("Status", ".."), "portals.vitec.operations.delivered.path", "below the url"),
    (VITEC + OPERATION + "body = '{'", "portals.vitec.operations.delivered.body", "JSON"),
    (VITEC + OPERATION + "body = '[NaN]'", "portals.vitec.operations.delivered.body", "quotes"),
    (VITEC + OPERATION + "body = '[[\"{id}\"]]'", "portals.vitec.operations.delivered.body", "order_id"),
    (VITEC + OPERATION + "body = { at = 2026-11-01 }", "portals.vitec.operations.delivered.body", "quotes"),
    (VITEC + OPERATION + "success = { status = [] }", "portals.vitec.operations.delivered.success.status", "[200]"),
    (VITEC + OPERATION + "success = { status = [404] }", "portals.vitec.operations.delivered.success.status", "[200]"),
    (VITEC + OPERATION + "success = { equals = 1 }", "portals.vitec.operations.delivered.success.equals", "field ="),
    (
        VITEC + OPERATION + 'success = { field = "", equals = 1.5 }',
        "portals.vitec.operations.delivered.success.equals",
        "equals = true",
    ),
    (VITEC + OPERATION + "success = { filed = 1 }", "portals.vitec.operations.delivered.success.filed", "field"),
    (VITEC + OPERATION + "success = 200", "portals.vitec.operations.delivered.success", "[200]"),
    (VITEC + "[portals.vitec.operations]\ndelivered = 1", "portals.vitec.operations.delivered", "PUT"),
]


@pytest.mark.parametrize(("text", "place", "cure"), WRONG)
def test_what_is_wrong_is_refused_with_its_place_and_its_cure(file: Path, text: str, place: str, cure: str) -> None:
    found = {key_of(problem): problem for problem in problems(file, text)}
    assert place in found
    assert cure in found[place].cure
    assert "hunter2" not in "".join(map(str, found.values()))


def test_a_mistake_deep_in_an_operation_has_its_own_line(file: Path) -> None:
    text = VITEC + OPERATION + "\n[portals.vitec.operations.delivered.success]\nstatus = [200]\nfiled = 1"
    assert problems(file, text)[0].place == "syncer.toml:15: portals.vitec.operations.delivered.success.filed"


def test_a_password_for_calls_that_are_never_made_is_odd(file: Path) -> None:
    (warning,) = read(file, WHOLE.replace("M40017 =", f'M40017 = {SECRET}, "M40017/Notes" =')).warnings
    assert key_of(warning) == "portals.vitec.passwords"
    text = WHOLE.replace("M40017 =", f'M40017 = {SECRET}, "M40017/CRM" =')
    assert read(file, text.replace("services", 'image_path = "CRM/Image"\nservices')).warnings == ()


def test_a_first_day_in_the_future_is_odd(file: Path) -> None:
    text = WEB + VITEC + "since = 2026-11-23" + DESK + '[[routes]]\nportal = "vitec"\nfulfilment = "desk"'
    config = read(file, text)
    assert [key_of(warning) for warning in config.warnings] == ["portals.vitec.since"]
    assert portal(file, text).since == date(2026, 11, 23)


def test_a_route_for_a_service_of_somebody_else_is_odd(file: Path) -> None:
    route = '[[routes]]\nportal = "vitec"\nmatch = { service = "%s" }\nfulfilment = "desk"'
    assert read(file, WEB + VITEC + DESK + route % "812").warnings == ()
    (warning,) = read(file, WEB + VITEC + DESK + route % "813").warnings
    assert key_of(warning) == "routes[1].match"
    assert "Add 813" in warning.cure
