"""KODE and its token endpoint, whose answers a test writes, and the calls that its client makes."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from syncer.remotes.http import CallFact, Http, Limits
from syncer.remotes.kode import Asset, Kind, Kode, Placing, Wanted
from tests.remotes.canned import Asked, Canned, Server, serving

SECRET, PASSWORD = "hemmelig-nøkkel-19", "passord-på-tur-7"
ACCESS, REFRESH = "access-1111-{}", "refresh-6666-{}"
NUMBER = 7_000_001
PERSON = "Kari Påfunn"
ASSET = {
    "id": "a1b2c3d4e5f60718293a4b5c6d7e8f9z",
    "name": "scan_001.pdf",
    "filename": "Ferdigattest.pdf",
    "downloadUrl": "{url}/shopping/v2/assets/a1",
    "assetStatus": "OK",
    "productCategory": "PLAN_KART_REGULERING",
}
CADASTRE = Placing(
    Kind.CADASTRE,
    (Wanted("WI99990101"),),
    "OPPDRAG-42",
    "ord-7f3a",
    address="Prøveveien 7, 9999 Infoland",
    cadastre="9999-12-34-0-0",
    delivery={"name": PERSON, "email": "kari@example.test"},
)
SHARE = Placing(Kind.SHARE, (Wanted("WI99990201"),), "OPPDRAG-43", organization_number="999999999", share_number=17)
RING = [[600_000.0, 6_640_000.0], [600_000.0, 6_640_500.0], [600_500.0, 6_640_500.0], [600_000.0, 6_640_000.0]]
MAP = Placing(
    Kind.MAP,
    (Wanted("WI99990301", {"system": "UTM"}),),
    "OPPDRAG-44",
    geometry={"type": "Polygon", "coordinates": [RING]},
    spatial_reference="25832",
)
CUT = Canned(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
HTML = Canned(b"<html>Logg inn</html>", content_type="text/html")

CALLS: dict[str, Callable[[Kode], Any]] = {
    "order": lambda kode: kode.order(str(NUMBER)),
    "products": lambda kode: kode.products("9999"),
    "price": lambda kode: kode.price(MAP),
    "place": lambda kode: kode.place(CADASTRE),
}
SAFE = ["order", "products", "price"]


def line(**changes: Any) -> dict[str, Any]:
    made = {
        "id": 9_000_001,
        "status": "NEW",
        "product": "WI99990101",
        "productName": "Meglerpakke",
        "productType": "PACKAGE",
        "priceNet": 800.0,
        "priceVat": 1000.0,
        "packageLineId": None,
        "assets": [],
    }
    return made | changes


def order(**changes: Any) -> dict[str, Any]:
    made = {
        "id": 8_000_001,
        "supplierName": "Infoland Kommune - demo",
        "user": PERSON,
        "technicalReference": "ord-7f3a",
        "assets": [],
        "orderLines": [line()],
    }
    return made | changes


def collection(**changes: Any) -> dict[str, Any]:
    made = {
        "id": NUMBER,
        "status": "PROGRESS",
        "priceNet": 800.0,
        "priceVat": 1000.0,
        "dateOrdered": "03.02.2025 09:15:00",
        "dateStatus": "03.02.2025 11:40:12",
        "orders": [order()],
    }
    return made | changes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """KODE and its token endpoint, whose answers a test writes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answer: Callable[[Asked], Canned] = lambda _: as_json(collection())
        self.token: Callable[[Asked, int], Canned] = lambda _, count: granted(count)
        self.clock = Clock()
        self.facts: list[CallFact] = []

    def __call__(self, asked: Asked) -> Canned:
        return self.token(asked, len(self.tokens)) if is_token(asked) else self.answer(asked)

    @property
    def tokens(self) -> list[Asked]:
        return [asked for asked in self.server.asked if is_token(asked)]

    @property
    def calls(self) -> list[Asked]:
        return [asked for asked in self.server.asked if not is_token(asked)]

    @property
    def grants(self) -> list[dict[str, Any]]:
        return [json.loads(asked.body) for asked in self.tokens]

    def client(self, *, timeout: float = 20, **options: Any) -> Kode:
        limits = Limits(timeout=timeout, rate=10_000, max_answer=1_000_000)
        http, files = (Http("kode", limits, observe=self.facts.append) for _ in range(2))
        url, token_url = f"{self.server.url}/kode/v1", f"{self.server.url}/authentication/v2/token"
        secrets = ("acme-client", SECRET, "acme-api", PASSWORD)
        return Kode(http, files, url, token_url, *secrets, **{"clock": self.clock, **options})

    def asset(self, url: str = "{url}/shopping/v2/assets/a1", **changes: Any) -> Asset:
        fields = {"id": "a1", "name": "scan_001.pdf", "filename": "Ferdigattest.pdf", "status": "OK", **changes}
        return Asset(url=url.format(url=self.server.url), **fields)


def is_token(asked: Asked) -> bool:
    return asked.path == "/authentication/v2/token"


def granted(count: int, **changes: Any) -> Canned:
    made = {
        "access_token": ACCESS.format(count),
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": REFRESH.format(count),
        "scope": ["kode.order.write", "kode.order.read"],
    }
    return as_json({name: value for name, value in (made | changes).items() if value is not None})


def as_json(content: Any, status: int = 200, kind: str = "application/json", **headers: str) -> Canned:
    return Canned(json.dumps(content).encode(), status, kind, headers)


def bearer(count: int) -> str:
    return "Bearer " + ACCESS.format(count)


@contextmanager
def standing(answer: Canned | None = None) -> Iterator[Bench]:
    with serving(Canned()) as server:
        made = Bench(server)
        server.answer = made
        if answer is not None:
            made.answer = lambda _: answer
        yield made
