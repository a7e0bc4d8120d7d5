"""Claims about KODE in the configuration: the portal that is followed, and the fulfilment that places orders there."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from syncer.config import KodeFulfilment, KodePortal
from tests.config.written import (
    GKS4,
    KODE,
    KODE_ORDERS,
    KODE_PASSWORD,
    KODE_SECRET,
    PUSH_SECRET,
    TO_KODE,
    VITEC,
    WEB,
    WHOLE,
    XSP,
    key_of,
    problems,
    read,
)

PUSH = 'push_secret = { env = "KODE_PUSH" }\n'
ON_SHARE = TO_KODE.replace('"cadastre"', '"share"')
PLACED = VITEC + KODE + KODE_ORDERS


def portal(file: Path, text: str, name: str = "kode") -> KodePortal:
    made = read(file, text).portals[name]
    assert isinstance(made, KodePortal)
    return made


def test_what_is_left_out_of_a_portal_has_its_default(file: Path) -> None:
    kode = portal(file, KODE)
    assert (kode.poll_every, kode.follow_after_finished) == (timedelta(minutes=1), timedelta(days=30))
    assert (kode.files_dir, kode.download_hosts) == (file.parent / "state" / "files", ())
    assert (kode.max_file_size, kode.file_timeout) == (500_000_000, timedelta(minutes=10))
    assert (kode.push_secret, kode.timezone) == (None, ZoneInfo("Europe/Oslo"))
    assert (kode.client_on_refresh, kode.token_form, kode.old_prices, kode.download_auth) == (True, False, False, True)
    assert (kode.timeout, kode.parallel) == (timedelta(seconds=20), 4)


def test_what_is_left_out_of_a_fulfilment_has_its_default(file: Path) -> None:
    made = read(file, KODE + KODE_ORDERS).fulfilments["kode_orders"]
    assert made == KodeFulfilment(portal="kode", poll_every=timedelta(minutes=1), deadline=timedelta(days=30))


def test_files_are_kept_below_state_dir_wherever_that_is(file: Path) -> None:
    assert portal(file, 'state_dir = "s"' + KODE + 'files_dir = "f"').files_dir == file.parent / "s" / "f"
    assert portal(file, KODE + 'files_dir = "/srv/files"').files_dir == Path("/srv/files")


def test_two_portals_may_share_a_directory(file: Path) -> None:
    text = KODE + KODE.replace("portals.kode", "portals.beta")
    assert portal(file, text).files_dir == portal(file, text, "beta").files_dir


def test_its_secrets_are_all_withheld_and_shown_nowhere(file: Path) -> None:
    config = read(file, WEB + KODE + PUSH)
    assert config.secrets() == (KODE_SECRET, KODE_PASSWORD, PUSH_SECRET)
    shown = f"{config} {config!r} {config.model_dump()} {config.portals}"
    assert not any(secret in shown for secret in config.secrets())


WRONG = [
    (KODE.replace("client_id =", "client ="), "portals.kode.client_id", 'client_id = "acme"'),
    (KODE.replace('{ env = "KODE_SECRET" }', '"hunter2"'), "portals.kode.client_secret", "client_secret = { file"),
    (KODE.replace("token_url", "tokenurl"), "portals.kode.token_url", "/authentication/v2/token"),
    (KODE + 'push_secret = { env = "SHORT" }', "portals.kode.push_secret", "at least 16"),
    (KODE + 'push_secret = { env = "PATH" }', "portals.kode.push_secret", "letters"),
    (KODE + 'file_timeout = "0.5s"', "portals.kode.file_timeout", '"1s" to "2h"'),
    (KODE + 'file_timeout = "121m"', "portals.kode.file_timeout", '"1s" to "2h"'),
    (KODE + 'max_file_size = "many"', "portals.kode.max_file_size", "500kB"),
    (KODE + 'download_hosts = ["https://files.example/"]', "portals.kode.download_hosts", "["),
    (KODE + 'timezone = "Oslo"', "portals.kode.timezone", "Europe/Oslo"),
    (KODE + "token_form = 1", "portals.kode.token_form", "true"),
    (KODE + "follow_after_finished = 30", "portals.kode.follow_after_finished", '"14d"'),
    ('state_dir = "."' + KODE + 'files_dir = "onapi.secret"', "portals.kode.files_dir", "relative to state_dir"),
    (KODE + "since = 2026-11-01", "portals.kode.since", "There is: "),
    (KODE_ORDERS, "fulfilments.kode_orders.portal", "none yet"),
    (KODE + KODE_ORDERS.replace('"kode"\n', '"kdoe"\n', 2), "fulfilments.kode_orders.kind", '"kode"'),
    (KODE + KODE_ORDERS.replace('portal = "kode"', 'portal = "kdoe"'), "fulfilments.kode_orders.portal", "kode"),
    (KODE + XSP + KODE_ORDERS.replace('portal = "kode"', 'portal = "acme"'), "fulfilments.kode_orders.portal", "kode"),
    (KODE + KODE_ORDERS + 'url = "https://x"', "fulfilments.kode_orders.url", "portal"),
    # routes
    (PLACED + TO_KODE.replace('"vitec"', '"kode"'), "routes[1].portal", "Take this route out"),
    (PLACED + TO_KODE.replace('order = "cadastre"\n', ""), "routes[1].order", '"share"'),
    (PLACED + TO_KODE.replace('"cadastre"', '"plot"'), "routes[1].order", '"map"'),
    (PLACED + TO_KODE.replace('products = ["WI99990777"]\n', ""), "routes[1].products", "WI99990777"),
    (PLACED + TO_KODE.replace('["WI99990777"]', "[]"), "routes[1].products", "WI99990777"),
    (PLACED + TO_KODE.replace('["WI99990777"]', '["A", "A"]'), "routes[1].products", "each once"),
    (PLACED + TO_KODE.replace('["WI99990777"]', "[777]"), "routes[1].products", "WI99990777"),
    (PLACED + TO_KODE.replace("{ cadastre", "{ cadaster"), "routes[1].fields", "cadastre"),
    (PLACED + TO_KODE.replace(', address = "{address}"', ""), "routes[1].fields", "address ="),
    (PLACED + TO_KODE.replace("fields", "fileds"), "routes[1].fields", "cadastre ="),
    (PLACED + TO_KODE.replace("{address}", "{address"), "routes[1].fields.address", "SECTION.FIELD"),
    (PLACED + TO_KODE.replace("{address}", "{address!r}"), "routes[1].fields.address", "SECTION.FIELD"),
    (PLACED + TO_KODE.replace("{address}", "{a.b.c}"), "routes[1].fields.address", "SECTION.FIELD"),
    (PLACED + TO_KODE.replace("{address}", "{}"), "routes[1].fields.address", "SECTION.FIELD"),
    (PLACED + TO_KODE.replace("{address}", "{0:>{9}}"), "routes[1].fields.address", "SECTION.FIELD"),
    (PLACED + ON_SHARE, "routes[1].fields", "share_number ="),
    (PLACED + ON_SHARE, "routes[1].fields.cadastre", "Take it out"),
    (PLACED + TO_KODE + 'service = "FIBER"', "routes[1].service", "Take it out"),
    (PLACED + TO_KODE + "data = { system = 1.5 }", "routes[1].data", "UTM"),
    (GKS4 + KODE.replace("portals.kode", "portals.gks4"), "order_systems.gks4", "another name"),
]


@pytest.mark.parametrize(("text", "place", "cure"), WRONG)
def test_what_is_wrong_is_refused_with_its_place_and_its_cure(file: Path, text: str, place: str, cure: str) -> None:
    found = [problem for problem in problems(file, text) if key_of(problem) == place]
    assert found
    assert any(cure in problem.cure for problem in found)
    assert "hunter2" not in "".join(map(str, found))


def test_a_push_secret_that_is_refused_is_not_repeated(file: Path) -> None:
    assert "5c6d7e8f" not in str(problems(file, KODE + 'push_secret = { env = "SHORT" }'))


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        ("cadastre", 'cadastre = "{form.cadastre}", address = "{street}, {zip}", company_name = "Eksempel {{AS}}"'),
        ("share", 'organization_number = "{o}", share_number = "17", reference = "{ticket.targetId}"'),
        ("map", 'geometry = "{geometry}", spatial_reference = "25833", delivery_address = "{office.address}"'),
    ],
)
def test_each_kind_of_order_has_its_fields(file: Path, order: str, fields: str) -> None:
    text = WHOLE.replace('"cadastre"', f'"{order}"').replace('cadastre = "{cadastre}", address = "{address}"', fields)
    config = read(file, text)
    assert config.routes[0].order == order
    assert len(config.routes[0].fields) == fields.count(" = ")
    assert config.warnings == ()


def test_a_portal_of_kode_needs_no_route(file: Path) -> None:
    assert read(file, KODE).warnings == ()


ODD = [
    (KODE + PUSH, "portals.kode.push_secret", "[web]"),
    (WHOLE.removeprefix(WEB), "routes[1]", "[web]"),
    (WHOLE.removeprefix(WEB), "portals.vitec", "[web]"),
    (KODE.replace("https://kode.example/auth", "http://kode.example/auth"), "portals.kode.token_url", "https"),
]


@pytest.mark.parametrize(("text", "place", "cure"), ODD)
def test_what_is_odd_but_works_is_a_warning(file: Path, text: str, place: str, cure: str) -> None:
    found = {key_of(warning): warning for warning in read(file, text).warnings}
    assert cure in found[place].cure
