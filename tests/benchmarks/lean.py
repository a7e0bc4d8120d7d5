"""A portal and a network in one lean process, so that what a backlog costs is ours, and not the simulators'.

`python -m tests.benchmarks.lean N SECONDS EACH` prints its address, lists N orders, of which each EACH-th is new and
the others are over, and answers each request so many seconds after it came, until its standard input ends. Answers are
canned, but for what an order's state changes in them; no fault, no rule and no check belongs here: the simulators are
for those.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

API_USER, API_KEY, PASSWORD = "1234", "an-invented-key", "an-invented-password"
PORTAL, NETWORK = "/plain/serviceguide_log", "/onapi/2.4/"
TALLY, HIDE, SHOW = "/tally", "/hide", "/show"  # how a benchmark asks, and is answered at once
SERVICE, FIBER = "3105", "FIBER-250-250"
FIRST, BEHIND = 770101, 700000  # the first order's number, and how far its customer's is behind

METHODS = frozenset({"api_login", "orders", "order_info", "customer_info", "set_status"})
HEAD = (
    "<order><id>{id}</id><type>order</type><date>{date}</date><status>{status}</status><service>3105</service>"
    "<xsp>41000</xsp><delivery>asap</delivery><customer>{customer}</customer></order>"
)
LOGIN = "<message>Åsa Påhittad logged in</message><hash_key>cd613e30d8f16adf91b7584a2265b1f5</hash_key>"
DATA = "<data><phone>0701740605</phone><premise>1203</premise></data>"
CUSTOMER = (
    "<customer><id>{id}</id><socket>LT{id}A01</socket><serial>190013320001</serial><firstname>Åsa</firstname>"
    "<surname>Påhittad</surname><email>asa@example.org</email><address>Låtsasvägen 7 B</address><zip>99999</zip>"
    "<city>Låtsasköping</city></customer>"
)
ACCESS = {
    "streetName": "Provgatan",
    "streetNumber": "1",
    "city": "Provstad",
    "accessState": "CONNECTED",
    "services": [{"service": FIBER, "connection": "YES", "available": "YES", "forcedTakeoverPossible": False}],
    "subscriptions": [],
}
ENDPOINTS = [{"name": name, "endpoint": f"{NETWORK}{name}/", "version": "2.4"} for name in ("accesses", "orders")]


class Remotes:
    """What both answer, and the little that they remember: each order's status, and how often each call was made."""

    def __init__(self, orders: int, each: int = 1) -> None:
        numbers = range(FIRST, FIRST + orders)
        self.status = {str(number): "new" if (number - FIRST) % each == 0 else "delivered" for number in numbers}
        self.customer = {str(number): str(number - BEHIND) for number in numbers}
        self.placed: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.shown = True
        self._worked: list[float] = []  # when the first call about an order came, and when the last
        self._day = f"{datetime.now(ZoneInfo('Europe/Stockholm')):%Y-%m-%d} 00:00:00"

    def answer(self, method: str, target: str, body: bytes) -> bytes:
        """The whole answer to one request."""
        path, _, query = target.partition("?")
        if path == PORTAL:
            asked = dict(parse_qsl(query))
            self.calls[asked["method"]] += 1
            return _xml(asked["method"], self._portal(asked))
        if path in {TALLY, HIDE, SHOW}:
            self.shown = self.shown if path == TALLY else path == SHOW
            return _json(200, self.tally())
        return self._network(method, path.removeprefix(NETWORK), body)

    def tally(self) -> dict[str, Any]:
        """What was done here, for who compares; `seconds` from the first call about an order to the last."""
        return {
            "calls": dict(self.calls),
            "statuses": dict(Counter(self.status.values())),
            "placed": len(self.placed),
            "seconds": self._worked[-1] - self._worked[0] if self._worked else 0.0,
        }

    def _portal(self, asked: dict[str, str]) -> str:
        if "id" in asked:
            self._worked[1:] = [time.monotonic()]
        match asked["method"]:
            case "api_login":
                return LOGIN
            case "orders":
                return self.listing() if self.shown else ""
            case "order_info":
                return self._head(asked["id"]) + DATA
            case "customer_info":
                return CUSTOMER.format(id=asked["id"]) + DATA
            case _:
                self.status[asked["id"]] = asked["status"]
                return f"<message>Status changed to {asked['status']} for order {asked['id']}</message>"

    def listing(self) -> str:
        """Every order, as the list shows it."""
        return "".join(map(self._head, self.status))

    def _head(self, key: str) -> str:
        return HEAD.format(id=key, date=self._day, status=self.status[key], customer=self.customer[key])

    def _network(self, method: str, path: str, body: bytes) -> bytes:
        self.calls[f"{method} {path.partition('/')[0]}"] += 1
        if method == "POST":
            asked = json.loads(body)
            self.placed.add(asked["accessId"])
            ref = f"o-{5000 + len(self.placed)}"
            return _json(201, {**asked, "orderId": ref, "path": f"{NETWORK}orders/{ref}", "state": "DONE_SUCCESS"})
        if path:
            return _json(200, {"accessId": path.rpartition("/")[2], **ACCESS})
        return _json(200, ENDPOINTS)


def document(method: str, inside: str) -> bytes:
    """An answer of the portal."""
    body = f"<{method}><response>{inside}</response><status>success</status></{method}>"
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{body}".encode()


def _xml(method: str, inside: str) -> bytes:
    return _http(200, "application/xml", document(method, inside))


def _json(status: int, body: Any) -> bytes:
    return _http(status, "application/json", json.dumps(body).encode())


def _http(status: int, kind: str, body: bytes) -> bytes:
    date = f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}"
    head = f"HTTP/1.1 {status} OK\r\nServer: lean\r\nDate: {date}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One client's connection, which is kept open; its next request comes after its last answer."""

    def __init__(self, remotes: Remotes, latency: float) -> None:
        self._remotes = remotes
        self._latency = latency
        self._held = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        head, found, body = (self._held + data).partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            self._held += data
            return
        self._held = b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        answer = self._remotes.answer(method, target, body)
        if self._latency and target not in {TALLY, HIDE, SHOW}:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def serve(orders: int, latency: float, each: int) -> None:
    """Answers until standard input ends."""
    remotes, loop = Remotes(orders, each), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(remotes, latency), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def running(orders: int, latency: float = 0.0, each: int = 1) -> Iterator[str]:
    """The address of a process that lists so many orders, each so many-th of them new, and answers after a while."""
    command = [sys.executable, "-m", "tests.benchmarks.lean", str(orders), str(latency), str(each)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate("")


def tally(url: str, ask: str = TALLY) -> dict[str, Any]:
    """What was done there so far. `ask` HIDE has the portal list nothing until SHOW."""
    import requests  # the server does without

    found: dict[str, Any] = requests.get(url + ask, timeout=20).json()
    return found


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
