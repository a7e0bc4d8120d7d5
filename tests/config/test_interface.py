"""Claims about the documented example of KODE, Vitec and GKS4: it can be read as it stands, but for its secrets."""

from pathlib import Path

import pytest

from syncer.config import Gks4, KodeFulfilment, KodePortal, VitecPortal
from tests.config.written import GKS4_SECRET, KODE_PASSWORD, KODE_SECRET, PUSH_SECRET, VITEC_PASSWORD, WEB, read

DOCUMENTED = """
[portals.kode]
kind = "kode"
url = "https://beta-api.ambita.com/kode/v1"
token_url = "https://beta-api.ambita.com/authentication/v2/token"
client_id = "acme"
client_secret = { env = "KODE_SECRET" }
username = "acme-api"
password = { env = "KODE_PASSWORD" }
poll_every = "1m"                   # at first; rarer as an order ages
follow_after_finished = "30d"       # files may still come
files_dir = "files"                 # under state_dir: files_dir/ORDER/NAME
download_hosts = []                 # the url's host, and these
max_file_size = "500MB"
push_secret = { env = "KODE_PUSH" }   # turns on POST /push/PORTAL/SECRET

[fulfilments.kode_orders]
kind = "kode"
portal = "kode"                     # places orders with that portal's account

[portals.vitec]
kind = "vitec"
url = "https://connect.maklare.vitec.net"
username = "partner"
passwords = { M40017 = { env = "VITEC_M40017" } }   # per customer, group or tenant id
services = [812]                    # the list holds others' too, perhaps
poll_every = "15m"

[order_systems.gks4]
kind = "gks4"
url = "https://gks.example"         # not documented: ask Simutek
token_url = "https://id.simutek.se/connect/token"
client_id = "bridge"
client_secret = { env = "GKS4_SECRET" }
paths = { customers = "/api/v1/customers", sales_orders = "/api/v1/salesorders" }
language = "sv"
currency = "SEK"
create_missing_customers = false
resend_uncertain = false

[[routes]]
portal = "vitec"
match = { service = "812" }
fulfilment = "kode_orders"
order = "cadastre"                  # cadastre | share | map
products = ["WI99990777"]
fields = { cadastre = "{cadastre}", address = "{address}" }   # from the order's named fields
register = "gks4"                   # before fulfilment; also on any other route
customer = { corporate_identity_number = "{office.corporateNumber}" }   # or { number = "K100421" }
lines = [{ article = "A-100", description = "Kommunal information", quantity = 1, unit_price = "950.00" }]
"""


def test_the_documented_example_is_right_and_has_nothing_odd(file: Path) -> None:
    config = read(file, WEB + DOCUMENTED)
    assert config.warnings == ()
    assert {name: type(remote) for name, remote in config.remotes.items()} == {
        "kode": KodePortal,
        "vitec": VitecPortal,
        "kode_orders": KodeFulfilment,
        "gks4": Gks4,
    }
    assert set(config.secrets()) == {KODE_SECRET, KODE_PASSWORD, PUSH_SECRET, VITEC_PASSWORD, GKS4_SECRET}


def test_its_customer_can_be_a_number(file: Path) -> None:
    found = '{ corporate_identity_number = "{office.corporateNumber}" }'
    config = read(file, WEB + DOCUMENTED.replace(found, '{ number = "K100421" }'))
    assert config.routes[0].customer is not None
    assert config.routes[0].customer.number == "K100421"


def test_its_secrets_can_be_credentials_of_systemd(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for name in ("kode_secret", "kode_password", "kode_push", "vitec_m40017", "gks4_secret"):
        (tmp_path / name).write_text(f"{name}-0123456789\n", encoding="utf-8")
    text = DOCUMENTED.replace("env =", "credential =")
    for name in ("KODE_SECRET", "KODE_PASSWORD", "KODE_PUSH", "VITEC_M40017", "GKS4_SECRET"):
        text = text.replace(name, name.lower())
    assert "vitec_m40017-0123456789" in read(file, WEB + text).secrets()
