"""What the tests of the configuration write into a file, and how they read it."""

from datetime import date
from pathlib import Path

import pytest

from syncer.config import Config, load
from syncer.errors import ConfigError, Problem

TODAY = date(2026, 11, 22)
KEY = "key-0a1b2c3d"
PASSWORD = "pass-4e5f6a7b"

XSP = """
[portals.acme]
kind = "xsp"
url = "https://portal.example/plain"
api_user = 1234
api_key = { env = "XSP_API_KEY" }
"""
NET = """
[fulfilments.net]
kind = "on_api"
url = "https://net.example/onapi/2.5/"
username = "sp"
password = { file = "onapi.secret" }
"""
DESK = """
[fulfilments.desk]
kind = "manual"
"""
SCRIPT = """
[fulfilments.script]
kind = "command"
"""
TO_NET = """
[[routes]]
portal = "acme"
match = { service = "3105" }
fulfilment = "net"
service = "FIBER"
"""
TO_DESK = """
[[routes]]
portal = "acme"
match = { service = "3200" }
fulfilment = "desk"
"""
GOOD = XSP + NET + DESK + TO_NET + TO_DESK

KODE_SECRET = "kode-7a8b9c0d"
KODE_PASSWORD = "pass-1e2f3a4b"
PUSH_SECRET = "push-5c6d7e8f-9a0b1c2d"
VITEC_PASSWORD = "vitec-3e4f5a6b"
GKS4_SECRET = "gks4-7c8d9e0f"
ENVIRONMENT = {
    "XSP_API_KEY": KEY,
    "KODE_SECRET": KODE_SECRET,
    "KODE_PASSWORD": KODE_PASSWORD,
    "KODE_PUSH": PUSH_SECRET,
    "VITEC_M40017": VITEC_PASSWORD,
    "GKS4_SECRET": GKS4_SECRET,
    "SHORT": "push-5c6d7e8f",
    "EMPTY": "",
}
WEB = "[web]\n"
KODE = """
[portals.kode]
kind = "kode"
url = "https://kode.example/kode/v1"
token_url = "https://kode.example/authentication/v2/token"
client_id = "acme"
client_secret = { env = "KODE_SECRET" }
username = "acme-api"
password = { env = "KODE_PASSWORD" }
"""
KODE_ORDERS = """
[fulfilments.kode_orders]
kind = "kode"
portal = "kode"
"""
VITEC = """
[portals.vitec]
kind = "vitec"
url = "https://vitec.example"
username = "partner"
passwords = { M40017 = { env = "VITEC_M40017" } }
services = [812]
"""
GKS4 = """
[order_systems.gks4]
kind = "gks4"
url = "https://gks.example"
client_id = "bridge"
client_secret = { env = "GKS4_SECRET" }
paths = { sales_orders = "/api/v1/salesorders" }
"""
TO_KODE = """
[[routes]]
portal = "vitec"
fulfilment = "kode_orders"
order = "cadastre"
products = ["WI99990777"]
fields = { cadastre = "{cadastre}", address = "{address}" }
"""
REGISTER = """
register = "gks4"
customer = { number = "K100421" }
lines = [{ article = "A-100", description = "Kommunal information", quantity = 1, unit_price = "950.00" }]
"""
WHOLE = WEB + KODE + VITEC + KODE_ORDERS + GKS4 + TO_KODE + REGISTER


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def read(file: Path, text: str) -> Config:
    file.write_text(text)
    return load(file, TODAY)


def problems(file: Path, text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    return caught.value.problems


def key_of(problem: Problem) -> str:
    return problem.place.split(": ", 1)[1]
