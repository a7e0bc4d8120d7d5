"""A client of a Vitec whose answers a test writes, and the calls that it makes."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from syncer.remotes.http import Http, Limits
from syncer.remotes.vitec import (
    Credentials,
    Operation,
    Vitec,
)
from tests.remotes.canned import Canned, Server

PASSWORD, TOKEN = "lösen-för-kontoret", "Q0hB+Tk9/UUmVhbA=="
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
TICKET = {"orderId": "ord-1", "customerId": "M1", "tenantId": "T3", "hasExpired": False}
ENTRY = {"id": "ord-1", "createdAt": "2026-11-03T09:12:44", "status": "Error", "serviceId": 812}
AT = datetime(2026, 11, 4, 7, 0, 0, tzinfo=UTC)


def client(
    server: Server, passwords: dict[str, str] | None = None, *, timeout: float = 20, seen: Any = None, **options: Any
) -> Vitec:
    limits = Limits(timeout=timeout, rate=10_000, max_answer=1_000_000)
    http = Http("vitec", limits, observe=seen or (lambda _: None))
    members = options.pop("members", {})
    credentials = Credentials("partner", passwords or {"M1": PASSWORD}, members)
    return Vitec(http, server.url, credentials, **options)


def as_json(content: Any, status: int = 200, **headers: str) -> Canned:
    return Canned(json.dumps(content).encode(), status, "application/json", headers)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"partner:{password}".encode()).decode()


def done(name: str = "vitec.done", **parts: Any) -> Operation:
    given = {"method": "PUT", "path": "Service/Order/Done/{customer_id}", "body": {"id": "{order_id}"}} | parts
    return Operation(name, **given)


UNSAFE: list[Callable[[Vitec], Any]] = [
    lambda vitec: vitec.ask_user("M1", "ord-1", "https://x.example/o", "Läs"),
    lambda vitec: vitec.add_note("M1", "Klart", AT),
    lambda vitec: vitec.add_image("M1", "OBJ1_2", PNG, "a.png"),
    lambda vitec: vitec.perform(done(), "M1", {"order_id": "ord-1"}),
]
SAFE: list[Callable[[Vitec], Any]] = [
    lambda vitec: vitec.exchange("M1", TOKEN),
    lambda vitec: vitec.orders("M1", AT),
    lambda vitec: vitec.image_categories("M1"),
    lambda vitec: vitec.user("M1", "HAN1"),
    lambda vitec: vitec.offices("M1"),
]
EVERY = [*UNSAFE, *SAFE]
LOOK_UPS = SAFE[2:]
