"""Pushes to the real service, which is killed among them: each good one leads to a reading of its order at KODE.

SYNCER_PUSHES says how many; a sample without it.
"""

import http.client
import json
import os
import signal
import socket
import subprocess  # noqa: TC003 - tests import what they annotate
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.ring.kode import SECRET, KodeWorld

MANY = int(os.environ.get("SYNCER_PUSHES", "400"))
LINES = 16
GROWTH = 24_000  # kB that a life may grow by, once it is warm
PATIENCE = 60.0


def a_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Service:
    """`syncer run`, which may be killed, and begins anew on the same port."""

    def __init__(self, world: KodeWorld, port: int) -> None:
        self._world = world
        self.port = port
        self._process: subprocess.Popen[str] | None = None

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Until it is killed, or ends well."""
        with self._world.start("run") as self._process:
            drain = threading.Thread(target=self._process.stdout.read, daemon=True)  # type: ignore[union-attr]
            drain.start()
            self._wait_until_it_answers()
            yield

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                with closing(socket.create_connection(("127.0.0.1", self.port), timeout=1)):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the service doesn't answer")

    def memory(self) -> int:
        """In kB."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)


class Pusher:
    """Pushes over so many connections, each until it is answered for good; `sent` is when each order's was answered."""

    def __init__(self, port: int, orders: list[str]) -> None:
        self._port = port
        self._orders = orders
        self.sent: dict[str, datetime] = {}
        self.answers: list[int] = []
        self.lock = threading.Lock()

    def begin(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._push_all, args=(line,)) for line in range(LINES)]
        for thread in threads:
            thread.start()
        return threads

    def _push_all(self, line: int) -> None:
        for number in range(line, MANY, LINES):
            kind, order = number // LINES % 10, self._orders[number % len(self._orders)]
            if kind == 0:
                assert self._push(b'{"orderCollectionId": [' + b"?" * 50) == 400
                continue
            name = "orderId" if kind == 1 else "orderCollectionId"
            body = {name: int(order), "status": "UPDATE" if kind == 3 else "UPDATED", "reference": "x"}
            for _ in range(2 if kind == 2 else 1):
                began = datetime.now(UTC)
                assert self._push(json.dumps(body).encode()) == 200
            with self.lock:
                self.sent[order] = max(began, self.sent.get(order, began))

    def _push(self, body: bytes) -> int:
        while True:
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)) as line:
                    line.request("POST", f"/push/kode/{SECRET}", body, {"Content-Type": "application/json"})
                    status = line.getresponse().status
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # it was killed
                continue
            if status == 503:
                time.sleep(0.05)
                continue
            with self.lock:
                self.answers.append(status)
            return status

    def wait_for(self, share: float) -> None:
        until = time.monotonic() + PATIENCE + MANY / 20
        while len(self.answers) < MANY * share:
            assert time.monotonic() < until, f"{len(self.answers)} of {MANY} pushes were answered"
            time.sleep(0.01)


def unread(world: KodeWorld, sent: dict[str, datetime]) -> set[str]:
    """The orders that were not read at KODE since they were last pushed."""
    last = {entry.path.rpartition("/")[2]: entry.at for entry in world.host.calls("kode", "orders.get")}
    return {order for order, at in sent.items() if order not in last or last[order] < at}


@pytest.mark.parametrize("orders", [MANY // 2])
def test_each_good_push_leads_to_a_reading_though_the_service_is_killed_twice(tmp_path: Path, orders: int) -> None:
    port = a_port()
    web = f'[web]\nlisten = "127.0.0.1:{port}"\n'
    with KodeWorld(tmp_path, at=None, lines="parallel = 8", more=web) as world:
        numbers = [str(world.kode.add_order()) for _ in range(orders)]
        service, pusher = Service(world, port), Pusher(port, numbers)
        threads: list[threading.Thread] = []
        for share in (0.25, 0.5):
            with service.alive():
                threads = threads or pusher.begin()
                pusher.wait_for(share)
                service.kill()
        with service.alive():
            pusher.wait_for(0.7)
            warm = service.memory()
            for thread in threads:
                thread.join()
            until = time.monotonic() + PATIENCE + MANY / 20
            while unread(world, pusher.sent) and time.monotonic() < until:
                time.sleep(0.2)
            grown = service.memory() - warm
            assert unread(world, pusher.sent) == set()
            assert service.stop() == 0
        assert grown < GROWTH
        assert len(pusher.answers) >= MANY
        assert set(world.orders()) >= set(pusher.sent)
