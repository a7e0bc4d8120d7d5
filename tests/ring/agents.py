"""The chain as it runs: `syncer run` as a process with its pages, the simulated remotes, and an agent's browser."""

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from syncer.orders import Order
from tests.ring.chain import FORM, ChainWorld
from tests.web.asking import Got, ask
from tests.web.visiting import ACTION, HIDDEN, post

QUICK = 'poll_every = "1s"'
PATIENCE = 150.0  # seconds
FILE = re.compile(r'href="(/[^"]*/f/[^"]+)"')


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class LiveWorld(ChainWorld):
    """The same world at present, with a service in it that is killed and begins anew as a test wants it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.port = free_port()
        web = f'\n[web]\nlisten = "127.0.0.1:{self.port}"\npublic_url = "http://127.0.0.1:{self.port}"\n'
        super().__init__(folder, at=None, web=web, lines=QUICK, level="info", timeout="3s", **settings)
        placer = '[fulfilments.kode_orders]\nkind = "kode"\n'
        self._settings["more"] = self._settings["more"].replace(placer, f"{placer}{QUICK}\n")
        self.logs: list[str] = []
        self._process: Any = None
        self._life: Any = None

    @property
    def pages(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- the service --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._life = self.start("run", "--config", str(self.config_file))
        self._process = self._life.__enter__()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            assert self._process.poll() is None, self._process.communicate()
            with suppress(OSError, http.client.HTTPException):
                ask(self.pages, "/healthz")
                return
            time.sleep(0.05)
        raise AssertionError("the service doesn't serve")

    def kill(self) -> None:
        """As kill -9."""
        self._process.kill()
        out, err = self._process.communicate()
        self.logs += [out, err]
        self._life.__exit__(None, None, None)

    def again(self) -> None:
        self.kill()
        self.begin()

    @contextmanager
    def serving(self) -> Iterator["LiveWorld"]:
        self.begin()
        try:
            yield self
        finally:
            self.kill()

    # --- waiting ------------------------------------------------------------------------------------------------

    def until(self, what: Callable[[], Any], patience: float = PATIENCE) -> float:
        """Waits until that is so; how many seconds it took."""
        began = time.monotonic()
        while not what():
            assert time.monotonic() - began < patience, f"waited in vain: {self.stand()}"
            time.sleep(0.02)
        return time.monotonic() - began

    def stand(self) -> Any:
        with self.reading() as store:
            return [(one.name, one.state, one.park, one.parked, one.wake_at) for one in store.orders()]

    def one(self, name: str) -> Order | None:
        with self.reading() as store:
            loaded = store.load(name)
        return None if loaded is None else loaded[0]


@dataclass
class Browser:
    """An agent at an order's page."""

    world: LiveWorld
    number: str
    page: str = ""
    seen: Got = field(default=Got(0, {}, ""), repr=False)
    tokens: list[str] = field(default_factory=list, repr=False)

    def opens(self) -> Got:
        link = self.world.vitec.open_order(self.number)
        self.tokens.append(link["token"])
        led = ask(self.world.pages, f"/vitec/start?{link['query']}")
        if led.status == 303:
            self.page = led.headers["location"]
        return led

    def looks(self) -> Got:
        self.seen = ask(self.world.pages, self.page)
        return self.seen

    def sends(self, fields: dict[str, str]) -> Got:
        form = re.findall(r"<form.*?</form>", self.seen.text, re.DOTALL)[0]
        action = unescape(ACTION.findall(form)[0])
        hidden = [(unescape(name), unescape(value)) for name, value in HIDDEN.findall(form)]
        self.seen = post(self.world.pages, action, [*hidden, *fields.items()])
        return self.seen

    def orders(self) -> None:
        """Link, page, form, price, confirmed."""
        assert self.opens().status == 303
        assert self.looks().status == 200
        assert self.sends(FORM).status == 200
        assert self.sends({}).status == 303

    def files(self) -> list[str]:
        return FILE.findall(self.looks().text)


def as_rows(text: str) -> list[Any]:
    """The log's lines that are JSON."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


__all__ = ["Browser", "LiveWorld", "as_rows", "urlsplit"]
