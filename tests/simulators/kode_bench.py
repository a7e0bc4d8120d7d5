"""A simulated KODE, a clock, and short ways to ask it. The program's own client has no part in it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.simulators.kode import KodeSimulator
from syncer.simulators.wire import Reply, Request

START = datetime(2030, 1, 15, 12, 0, 0, tzinfo=UTC)
PACKAGE, PLAIN, SHARE, MAP = "WI99990101", "WI99990102", "WI99990201", "WI99990301"
LOGIN = {
    "grant_type": "password",
    "client_id": "acme-client",
    "client_secret": "not-a-real-secret-19a",
    "username": "acme-api",
    "password": "not-a-real-password-7b",
}
CADASTRE = {"address": "Prøveveien 7, 9999 Infoland", "cadastre": "9999-12-34-0-0"}
CO_OP = {"organizationNumber": 999_999_999, "shareNumber": 17}
RING = [[600_000.0, 6_640_000.0], [600_000.0, 6_640_500.0], [600_500.0, 6_640_500.0], [600_000.0, 6_640_000.0]]
AREA = {"geometry": {"type": "Polygon", "coordinates": [RING]}, "spatialReference": "25832"}
NONE = "(none)"


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Bench:
    """A simulator under an invented host's name, and who is logged in to it."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.sim = KodeSimulator(now=self.clock, url="http://kode.test", mount="/kode", **options)
        self._token: str | None = None

    @property
    def token(self) -> str:
        if self._token is None:
            self._token = str(self.login()["access_token"])
        return self._token

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        bearer: str | None = None,
    ) -> Reply:
        """One request; `bearer` is the token to send, "" for none."""
        path, _, query = path.partition("?")
        pairs = dict(part.split("=", 1) for part in query.split("&") if part)
        token = self.token if bearer is None else bearer
        sent = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.sim.handle(Request(method, path, pairs, sent | dict(headers or {}), raw))

    def get(self, path: str) -> Any:
        reply = self.ask("GET", path)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def ask_token(self, asked: Any, **headers: str) -> Reply:
        return self.ask(
            "POST",
            "/authentication/v2/token",
            asked,
            {name.replace("_", "-"): text for name, text in headers.items()},
            bearer="",
        )

    def login(self, **changes: Any) -> dict[str, Any]:
        reply = self.ask_token({**LOGIN, **changes})
        assert reply.status == 200, reply.body
        return dict(json.loads(reply.body))

    def refresh(self, token: str, **more: Any) -> Reply:
        return self.ask_token({"grant_type": "refresh_token", "refresh_token": token, **more})

    def create(self, kind: str = "cadastre", **fields: Any) -> Reply:
        return self.ask("POST", f"/kode/v1/orders/{kind}", order_body(kind, **fields))

    def created(self, kind: str = "cadastre", **fields: Any) -> dict[str, Any]:
        reply = self.create(kind, **fields)
        assert 200 <= reply.status < 300, reply.body
        return dict(json.loads(reply.body))

    def tree(self, order: int) -> dict[str, Any]:
        return dict(self.get(f"/kode/v1/orders/{order}"))

    def download(self, asset: Mapping[str, Any], *, bearer: str | None = None) -> Reply:
        path = str(asset["downloadUrl"]).removeprefix("http://kode.test/kode")
        return self.ask("GET", path, bearer=bearer)

    def pushed(self) -> list[Any]:
        return [push["body"]["status"] for push in self.sim.pushes()]


def order_body(kind: str = "cadastre", **fields: Any) -> dict[str, Any]:
    """A body that is right, with some fields changed or, by NONE, left out."""
    shapes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "cadastre": (CADASTRE, {"code": PACKAGE}),
        "share": (CO_OP, {"code": SHARE}),
        "map": (AREA, {"code": MAP, "data": {"system": "UTM"}}),
    }
    data, product = shapes[kind]
    body = {"orderData": data, "products": [product], "reference": "OPPDRAG-42", "technicalReference": "t-1"} | fields
    return {name: value for name, value in body.items() if value != NONE}


def assets_of(tree: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files of a tree, on orders and on lines."""
    found = [asset for order in tree["orders"] for asset in order.get("assets") or []]
    lines = [line for order in tree["orders"] for line in order["orderLines"]]
    return found + [asset for line in lines for asset in line.get("assets") or []]


def cause(reply: Reply) -> str:
    return str(json.loads(reply.body)["message"])
