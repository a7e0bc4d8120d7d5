"""GKS4 and its token endpoint, whose answers a test writes, and the calls that its client makes."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from syncer.remotes.gks4 import (
    Customer,
    Gks4,
    Line,
    SalesOrder,
    Settings,
)
from syncer.remotes.http import CallFact, Http, Limits
from tests.remotes.canned import Asked, Canned, Server, serving

SECRET, ACCESS = "hemlig-nyckel", "eyJ-access-{}"
ROW = {
    "name": "Exempelmäklarna AB",
    "number": "K2003",
    "invoiceEmail": "faktura@exempel.example",
    "postalAddress": {"address1": "Lilla gatan 7", "city": "Lund", "zipCode": "222 22", "countryCode": "SE"},
    "corporateIdentityNumber": "559999-0001",
}
CUSTOMER = Customer("Exempelmäklarna AB", "K2003", "559999-0001", "faktura@exempel.example")
ORDER = SalesOrder("K2003", (Line("Kommunal information", Decimal(1), Decimal("950.00"), "A-100"),), name="v:ord-1")
CUT = Canned(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
HTML = Canned(b"<html>Logga in</html>", content_type="text/html")

USUAL = Settings()

CALLS: dict[str, Callable[[Gks4], Any]] = {
    "create": lambda gks: gks.create_customer(CUSTOMER),
    "order": lambda gks: gks.create_sales_order(ORDER),
    "get": lambda gks: gks.customer("K2003"),
    "search": lambda gks: gks.search(number="K2003"),
}
UNSAFE, SAFE = ["create", "order"], ["get", "search"]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """GKS4 and its token endpoint, whose answers a test writes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answer: Callable[[Asked], Canned] = lambda _: as_json({})
        self.token: Callable[[int], Canned] = lambda count: as_json(
            {"access_token": ACCESS.format(count), "expires_in": 3600, "token_type": "Bearer"}
        )
        self.clock = Clock()
        self.facts: list[CallFact] = []

    def __call__(self, asked: Asked) -> Canned:
        return self.token(len(self.tokens)) if asked.path == "/connect/token" else self.answer(asked)

    @property
    def tokens(self) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.path == "/connect/token"]

    @property
    def calls(self) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.path != "/connect/token"]

    def client(self, settings: Settings = USUAL, *, timeout: float = 20, **options: Any) -> Gks4:
        http = Http("gks4", Limits(timeout=timeout, rate=10_000, max_answer=1_000_000), observe=self.facts.append)
        url, token_url = self.server.url, f"{self.server.url}/connect/token"
        return Gks4(http, url, token_url, "bridge", SECRET, settings=settings, clock=self.clock, **options)


def as_json(content: Any, status: int = 200, kind: str = "application/json", **headers: str) -> Canned:
    return Canned(json.dumps(content).encode(), status, kind, headers)


@contextmanager
def standing(answer: Canned | None = None) -> Iterator[Bench]:
    with serving(Canned()) as server:
        made = Bench(server)
        server.answer = made
        if answer is not None:
            made.answer = lambda _: answer
        yield made
