"""The whole ring over real HTTP: simulated remotes under a host, a configuration, and passes of the real program.

A pass runs in this process with a clock that the simulators share, or as a process of its own where the claim is about
the program. The store is SQLite's, or a database of a PostgreSQL server that the world is given. What must always be
true of the remotes' own journal stands here too.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from syncer import cli, wiring
from syncer import config as conf
from syncer.engine import Engine, Summary
from syncer.orders import Order
from syncer.simulators.host import Entry, Host
from syncer.simulators.on_api import OnApiSimulator, Script, Service
from syncer.simulators.wire import Request, Simulator
from syncer.simulators.xsp import XspSimulator
from syncer.store import Store
from syncer.telemetry import Redactor
from tests.postgres import Server

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = datetime(2031, 5, 4, 12, 0, tzinfo=STOCKHOLM).astimezone(UTC)
KEY, PASSWORD = "påhittad nyckel & mer", "hemligt-lösen-å"
FIBER = "FIBER-250-250"
PLAIN, DESK, PROGRAM, UNMAPPED = "3105", "3200", "3300", "77"
PATIENCE = 120.0  # seconds until a process that hangs is killed
LATER = (
    "UPDATE orders SET leased_until = leased_until - make_interval(secs => %(seconds)s)",
    "UPDATE leases SET until = until - make_interval(secs => %(seconds)s)",
)
WRITES = frozenset({"set_status", "add_message"})

HEAD = """
{top}
{store}
[log]
level = "{level}"

[portals.tg]
kind = "xsp"
url = "{url}/xsp/plain/serviceguide_log"
api_user = 1234
api_key = {{ file = "key.secret" }}
since = {since}
timeout = "{timeout}"
rate = 1000
max_answer = "1MB"
{portal_lines}

[fulfilments.nordnet]
kind = "on_api"
url = "{url}/nordnet/onapi/{version}/"
username = "sp"
password = {{ file = "password.secret" }}
timeout = "{timeout}"
rate = 1000
max_answer = "1MB"
{network_lines}

[fulfilments.desk]
kind = "manual"
{more}

[[routes]]
portal = "tg"
match = {{ service = "3105" }}
fulfilment = "nordnet"
service = "FIBER-250-250"

[[routes]]
portal = "tg"
match = {{ service = "3200" }}
fulfilment = "desk"
"""
DEFAULTS: Mapping[str, str] = {
    "top": "",
    "level": "error",
    "since": "2020-01-01",
    "timeout": "5s",
    "portal_lines": "",
    "network_lines": "",
    "more": "",
}


class Clock:
    """A clock that can be set, and goes on from there as time does."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def __call__(self) -> datetime:
        return self._at + timedelta(seconds=time.monotonic() - self._began)

    def set(self, at: datetime) -> None:
        self._at, self._began = at.astimezone(UTC), time.monotonic()

    def go_on(self, **by: float) -> None:
        self.set(self() + timedelta(**by))


@dataclass(frozen=True)
class Ran:
    """What a process of the program left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class World:
    """A portal, a network, and a program that lives between them, at a time of its own or (`at` None) at present.

    `store` is the PostgreSQL server that its database is on, where it isn't SQLite's. `settings` fill the
    configuration's gaps.
    """

    server: ClassVar[Server | None] = None  # that all worlds' databases are on, where `--store postgresql` says so

    def __init__(
        self,
        folder: Path,
        *,
        at: datetime | None = NOON,
        portal: Mapping[str, Any] | None = None,
        network: Mapping[str, Any] | None = None,
        others: Mapping[str, Simulator] | None = None,
        store: Server | None = None,
        **settings: str,
    ) -> None:
        self.folder = folder
        self._server = store or self.server
        self.store_url = f"sqlite:///{self.database}" if self._server is None else self._server.database()
        self.clock = Clock(wiring.utc() if at is None else at)
        options = {"version": "2.4", **(network or {})}
        self.portal = XspSimulator(name="tg", api_key=KEY, now=self.clock, **(portal or {}))
        self.network = OnApiSimulator(
            "nordnet", username="sp", password=PASSWORD, mount="/nordnet", now=self.clock, **options
        )
        mounts: dict[str, Simulator] = {"/xsp": self.portal, "/nordnet": self.network, **(others or {})}
        self.host = Host(mounts, now=self.clock)
        for name, secret in (("key", KEY), ("password", PASSWORD)):
            (folder / f"{name}.secret").write_text(secret, encoding="utf-8")
            (folder / f"{name}.secret").chmod(0o600)
        placed = "" if self._server is None else f'[store]\nurl = "{self.store_url}"'
        self._settings = {**DEFAULTS, "version": str(options["version"]), "store": placed, **settings}
        self._ports = 0

    def __enter__(self) -> Self:
        self.host.start()
        self.configure()
        return self

    def __exit__(self, *_: object) -> None:
        self.host.stop()
        if self._server is not None and self._server.pid is not None:
            self._server.drop(self.store_url)
        assert self.host.crashes == []

    # --- the program --------------------------------------------------------------------------------------------

    @property
    def config_file(self) -> Path:
        return self.folder / "syncer.toml"

    @property
    def database(self) -> Path:
        """SQLite's file, where the store is in one."""
        return self.folder / "state" / "syncer.db"

    def configure(self, **settings: str) -> None:
        """Writes the configuration, with some of its gaps filled differently from now on."""
        self._settings |= settings
        filled = {name: text.replace("{url}", self.host.url) for name, text in self._settings.items()}
        self.config_file.write_text(HEAD.format(url=self.host.url, **filled), encoding="utf-8")

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """The program, alive in this process. Where there is no database it gets an empty one, quicker than its own."""
        config = conf.load(self.config_file)
        if self._server is None and not self.database.exists():
            self.database.parent.mkdir(exist_ok=True)
            self.database.write_bytes(empty_database())
        redactor = Redactor(config.secrets())
        with Store.open(config.store.url) as store:
            yield wiring.engine_of(config, store, redactor, now=self.clock)

    def once(self, times: int = 1) -> Summary:
        """So many lives of the program, of one `--once` pass each; the last one's summary."""
        assert times > 0
        for _ in range(times):
            with self.engine() as engine:
                summary = engine.run_pass(once=True)
        return summary

    def forget(self) -> None:
        """The database is gone, as with a lost disk; or, on a server, a new one is there in its place."""
        if self._server is not None:
            self._server.empty(self.store_url)
        for file in self.database.parent.glob("syncer.db*"):
            file.unlink()

    def wait_out(self, seconds: float) -> None:
        """So much time goes by: on the world's clock, and on the database's, which says when a lease ends."""
        self.clock.go_on(seconds=seconds)
        if self._server is not None:
            with self._server.admin(urlsplit(self.store_url).path[1:]) as connection:
                for statement in LATER:
                    connection.execute(statement, {"seconds": seconds})

    @contextmanager
    def start(self, *words: str, **more: str) -> Iterator["subprocess.Popen[str]"]:
        """The real program as a process of its own, which doesn't outlive the test, nor anybody's patience.

        Of the environment, only what is needed is passed on.
        """
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONWARNINGS": "error"}
        with subprocess.Popen(
            [sys.executable, "-m", "syncer", *words],
            cwd=self.folder,
            env=environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            patience = threading.Timer(PATIENCE, process.kill)
            patience.start()
            try:
                yield process
            finally:
                patience.cancel()
                process.kill()

    def run(self, *words: str, **more: str) -> Ran:
        """A process of the program, to its end."""
        with self.start(*words, **more) as process:
            out, err = process.communicate()
        return Ran(process.returncode, out, err)

    def say(self, *words: str) -> Ran:
        """A command of the program within this process: the same as `run`, and much quicker."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code: Any = cli.main([*words, "--config", str(self.config_file)])
            except SystemExit as end:
                code = end.code
        return Ran(code, out.getvalue(), err.getvalue())

    # --- the remotes --------------------------------------------------------------------------------------------

    def access(self, script: Script | None = None, **more: Any) -> str:
        """A new access of the network, where an order meets `script`."""
        self._ports += 1
        name = f"LT{self._ports:04d}B02"
        self.network.add_access(name, [Service(FIBER)], script, **more)
        return name

    def order(self, script: Script | None = None, **fields: Any) -> str:
        """A new order in the portal, for an access of its own; its id."""
        if "socket" not in fields:
            fields["socket"] = self.access(script)
        return self.portal.add_order(**{"service": PLAIN, **fields})

    # --- what came of it ----------------------------------------------------------------------------------------

    def reading(self) -> Store:
        """The store, to be looked into, whoever works with it."""
        return Store.open(self.store_url, exclusive=False)

    def orders(self) -> dict[str, Order]:
        """The program's orders by their portal's id."""
        with self.reading() as store:
            return {order.external_id: order for order in store.orders()}

    def told(self, number: str) -> list[str]:
        """The statuses that the portal was told of an order."""
        return self.portal.statuses_written(number)

    def said(self, number: str) -> list[str]:
        """The texts of the messages on an order."""
        return [text for _, text in self.portal.messages(number)]

    def writes(self, since: int = 0) -> list[Entry]:
        """The requests that could change something, whether or not they did, after so many requests."""
        return [
            entry
            for entry in self.host.calls()[since:]
            if entry.operation in WRITES or (entry.method not in {"GET", "HEAD"} and entry.operation != "token")
        ]

    def outcome(self) -> dict[str, tuple[Any, ...]]:
        """How each order ended in the three places: statuses told, number of messages, ours and parked or not."""
        ours = self.orders()
        return {
            number: (
                self.portal.status(number),
                tuple(self.told(number)),
                len(self.said(number)),
                ours[number].state.value,
                ours[number].park,
            )
            for number in sorted(ours)
            if not ours[number].nameless
        }


@cache
def empty_database() -> bytes:
    """The bytes of a database that has its tables, and nothing in them."""
    with TemporaryDirectory() as folder:
        with Store.open(f"sqlite:///{folder}/empty.db"):
            pass
        return Path(folder, "empty.db").read_bytes()


def changes_something(request: Request) -> bool:
    """Whether a request is one that may change something at the remote."""
    return request.query.get("method") in WRITES or request.method not in {"GET", "HEAD"}


def assert_nothing_twice(world: World) -> None:
    """By the remotes' own journal: no activation, no status and no message was made, or sent after it was, twice."""
    made: set[str] = set()
    for entry in world.host.calls("nordnet", "orders.create"):
        if not entry.body:  # refused before it was sent whole
            continue
        access = json.loads(entry.body)["accessId"]
        assert access not in made, f"{access} was ordered again after it had taken effect"
        if entry.effect is not None:
            made.add(access)
    assert [entry for entry in world.host.effects() if entry.effect and "repeat" in entry.effect] == []
    for what, value in (("status", "value"), ("message", "text")):
        effects = [entry.effect for entry in world.host.effects("tg", what) if entry.effect is not None]
        counts = Counter((effect["order"], effect[value]) for effect in effects)
        assert [key for key, count in counts.items() if count > 1] == []
