"""Two portals and two networks full of canaries, the real program between them, and all that it ever said."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from syncer.cli import main
from syncer.errors import Rejected, RemoteError
from syncer.simulators.host import Host
from syncer.simulators.on_api import OnApiSimulator, Script, Service
from syncer.simulators.wire import Reply, Request
from syncer.simulators.xsp import XspSimulator
from syncer.store.connect import sqlite_driver
from tests.privacy.canaries import (
    CAUSE,
    CUSTOMER,
    DATA,
    HEAD,
    MALMO_KEY,
    NORD_PASSWORD,
    PEOPLE,
    SECRETS,
    STADS_KEY,
    SYD_PASSWORD,
    USER,
    found_in,
)

FIBER = "FIBER-250-250"
COMMAND = """
import json, os, sys
order = sys.stdin.read()
with open(os.environ["SEEN"], "a", encoding="utf-8") as seen:
    seen.write(json.dumps(dict(os.environ)) + "\\n")
how = sys.argv[1]
sys.stdout.write(order)
text = {"json": order, "ascii": json.dumps(json.loads(order)), "repr": repr(json.loads(order)),
        "compact": json.dumps(json.loads(order), ensure_ascii=False, separators=(",", ":"))}[sys.argv[2]]
sys.stderr.buffer.write(text.encode())
sys.exit(int(how))
"""
CONFIG = """
[log]
level = "debug"
format = "{form}"

[portals.stads]
kind = "xsp"
url = "{url}/stads/plain/serviceguide_log"
api_user = 1234
api_key = {{ env = "STADS_KEY" }}
since = 2020-01-01
timeout = "{timeout}"
rate = 1000
max_answer = "100KB"
verb = "{verb}"

[portals.malmo]
kind = "xsp"
url = "{url}/malmo/plain/serviceguide_log"
api_user = 5678
api_key = {{ file = "malmo.secret" }}
since = 2020-01-01
timeout = "{timeout}"
rate = 1000

[fulfilments.nordnet]
kind = "on_api"
url = "{url}/nordnet/onapi/2.4/"
username = "sp"
password = {{ env = "NORD_PASSWORD" }}
timeout = "{timeout}"
rate = 1000
max_answer = "100KB"

[fulfilments.sydnet]
kind = "on_api"
url = "{url}/sydnet/onapi/2.6/"
username = "sp"
password = {{ file = "syd.secret" }}
timeout = "{timeout}"
rate = 1000

[fulfilments.desk]
kind = "manual"
"""
ROUTES = """
[[routes]]
portal = "{portal}"
match = {{ service = "{service}" }}
fulfilment = "{fulfilment}"
"""
COMMANDS = {
    f"{code}-{form}": (code, form)
    for code, form in (
        (0, "json"),
        (65, "json"),
        (65, "ascii"),
        (65, "compact"),
        (1, "json"),
        (1, "repr"),
        (75, "json"),
    )
}


class Parrot(XspSimulator):
    """A portal whose refusals repeat all that they were asked, key and hash too."""

    def handle(self, request: Request) -> Reply:
        self._asked = " ".join(f"{name}={text}" for name, text in request.query.items())
        return super().handle(request)

    def _refused(self, method: str, message: str) -> Reply:
        return super()._refused(method, f"{message}: {self._asked}"[:2000])


class Scene:
    """The world, its program run in this process, and everything that came out."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], **options: Any) -> None:
        self.folder = folder
        self.file = folder / "state" / "syncer.db"
        self._capture = capture
        portal: dict[str, Any] = {"parrot": False, "verb": "get", "form": "json", "timeout": "20s"} | options
        self._settings = {name: portal.pop(name) for name in ("form", "verb", "timeout")}
        make = Parrot if portal.pop("parrot") else XspSimulator
        self.stads = make(name="stads", api_user="1234", api_key=STADS_KEY, **portal)
        self.malmo = XspSimulator(name="malmo", api_user="5678", api_key=MALMO_KEY, seed=2)
        self.nordnet = OnApiSimulator("nordnet", "2.4", USER, NORD_PASSWORD, mount="/nordnet")
        self.sydnet = OnApiSimulator("sydnet", "2.6", USER, SYD_PASSWORD, mount="/sydnet")
        mounts = {f"/{one.name}": one for one in (self.stads, self.malmo, self.nordnet, self.sydnet)}
        self.host = Host(mounts)
        self.said: list[tuple[str, str]] = []
        self.errors: list[str] = []

    @contextmanager
    def open(self, patch: pytest.MonkeyPatch) -> Iterator["Scene"]:
        before = RemoteError.__init__

        def remember(error: RemoteError, *args: Any, **options: Any) -> None:
            before(error, *args, **options)
            if isinstance(error, Rejected) and error.operation == "api_login":
                return  # the client's own: what leaves it is an AccessDenied
            self.errors.append(f"{error} {error.args} {error.cause} {error.hint}")

        patch.setattr(RemoteError, "__init__", remember)
        patch.setenv("STADS_KEY", STADS_KEY)
        patch.setenv("NORD_PASSWORD", NORD_PASSWORD)
        patch.setenv("SEEN", str(self.folder / "environments"))
        patch.setenv("HAS_A_SECRET_INSIDE", f"postgres://u:{SYD_PASSWORD}@db")
        with self.host:
            self._configure()
            yield self
        assert self.host.crashes == []

    def _configure(self) -> None:
        for name, secret in (("malmo", MALMO_KEY), ("syd", SYD_PASSWORD)):
            file = self.folder / f"{name}.secret"
            file.write_text(secret, encoding="utf-8")
            file.chmod(0o600)
        script = self.folder / "command.py"
        script.write_text(COMMAND, encoding="utf-8")
        text = CONFIG.format(url=self.host.url, **self._settings)
        for name, (code, form) in COMMANDS.items():
            command = json.dumps([sys.executable, "-I", str(script), str(code), form])
            text += f'\n[fulfilments.c{name}]\nkind = "command"\ncommand = {command}\n'
            text += ROUTES.format(portal="stads", service=f"c{name}", fulfilment=f"c{name}")
        text += ROUTES.format(portal="stads", service="3105", fulfilment="nordnet") + f'service = "{FIBER}"\n'
        text += ROUTES.format(portal="malmo", service="3105", fulfilment="sydnet") + f'service = "{FIBER}"\n'
        text += ROUTES.format(portal="stads", service="3200", fulfilment="desk")
        (self.folder / "syncer.toml").write_text(text, encoding="utf-8")

    # --- orders -----------------------------------------------------------------------------------------------

    def order(self, script: Script | None = None, *, known: bool = True, **values: Any) -> str:
        """An order of the customer whose every field is a canary, on an access of its own."""
        socket = f"P{len(self.nordnet.network.accesses) + 1}x{known}"
        self.nordnet.add_access(socket, [Service(FIBER)], script, known=known)
        return self.stads.add_order(**{**CUSTOMER, **HEAD, "data": DATA, "socket": socket, **values})

    def fill(self, *wanted: str) -> dict[str, str]:
        """One order of each kind, or of the `wanted` ones; their names by kind."""
        kinds = self._kinds()
        made = {kind: kinds[kind]() for kind in wanted or kinds}
        if "unreadable" in made:
            self.stads.break_detail(made["unreadable"])
        if "without an id" in made:
            self.stads.break_row(made["without an id"])
        if "absurd" in made:
            self.stads.break_row(made["absurd"], "absurd")
        self.sydnet.add_access("S1", [Service(FIBER)])
        self.malmo.add_order(**{**CUSTOMER, "data": DATA, "socket": "S1"})
        return {kind: f"stads:{number}" for kind, number in made.items()}

    def _kinds(self) -> dict[str, Callable[[], str]]:
        order = partial(partial, self.order)
        return {
            "plain": order(),
            "running": order(Script(received_ticks=1, progress_ticks=1)),
            "refused": order(Script(refuse=409, cause=CAUSE)),
            "refused at length": order(Script(refuse=400, cause="nej " * 50 + CAUSE)),
            "failed": order(Script(end="DONE_FAILED", message=CAUSE)),
            "unknown access": order(known=False),
            "unmapped": order(service="77"),
            "unreadable": order(note=CAUSE),
            "without an id": order(note=CAUSE),
            "absurd": order(note=CAUSE),
            "taken over": order(status="active"),
            "delivered": order(status="delivered"),
            "cancelled": order(status="cancelled"),
            "by hand": order(service="3200"),
            **{name: order(service=f"c{name}") for name in COMMANDS},
        }

    # --- running ----------------------------------------------------------------------------------------------

    def run(self, *words: str) -> str:
        """One command in this process; returns its stdout. What it said is kept."""
        self._capture.readouterr()
        main(["--config", str(self.folder / "syncer.toml"), *words])
        told = self._capture.readouterr()
        self.said += [(f"stdout of {' '.join(words)}", told.out), (f"stderr of {' '.join(words)}", told.err)]
        return told.out

    def names(self) -> list[str]:
        """Every order that the program knows."""
        return [order["order"] for order in json.loads(self.run("orders", "--json"))]

    def look(self, *, closely: bool = True) -> None:
        """Every command that only reads; `closely`, each order is shown too."""
        for words in (["check"], ["status"], ["orders"], ["log"], ["check", "--json"], ["status", "--json"]):
            self.run(*words)
        for words in (
            ["verify"],
            ["verify", "--json"],
            ["forget"],
            ["backup", "--force", str(self.folder / "copy.db")],
        ):
            self.run(*words)
        for words in (["orders", "--json"], ["log", "--json"], ["log", "--failures"], ["--once", "--dry-run"]):
            self.run(*words)
        for name in self.names() if closely else []:
            document = json.loads(self.run("show", name, "--json"))
            del document["details"]  # theirs is the place
            self.said[-2] = (f"show {name}", json.dumps(document, ensure_ascii=False))

    # --- judging ----------------------------------------------------------------------------------------------

    def secrets(self) -> dict[str, str]:
        """The configured ones, and every hash that was ever sent."""
        hashes = {entry.params["hash"] for entry in self.host.journal if entry.params.get("hash")}
        return SECRETS | {f"hash {number}": text for number, text in enumerate(sorted(hashes))}

    def leaks(self) -> list[tuple[str, set[str]]]:
        """Where something came out that must not, and what."""
        secrets, all_of_it = self.secrets(), self.secrets() | PEOPLE
        found = [(where, found_in(text, all_of_it)) for where, text in self.said]
        found += [(error, found_in(error, secrets)) for error in self.errors]
        found += [(f"message {text}", found_in(text, all_of_it)) for text in self.messages()]
        found += [(f"table {name}", found_in(text, all_of_it)) for name, text in self.tables().items()]
        found += [(f"kept in {name}", found_in(text, secrets)) for name, text in self.tables(kept=True).items()]
        found += [(f"bytes of {name}", found_in(text, secrets)) for name, text in self.files().items()]
        return [(where, names) for where, names in found if names]

    def messages(self) -> list[str]:
        portals = (self.stads, self.malmo)
        return [text for portal in portals for number in portal.state() for _, text in portal.messages(number)]

    def tables(self, *, kept: bool = False) -> dict[str, str]:
        """The rows of each table as a text: of those where people may be, or of all others."""
        connection = sqlite_driver().connect(str(self.file))
        try:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            chosen = [name for name in names if (name in {"details", "raw_answers"}) == kept]
            return {name: str(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in chosen}  # noqa: S608
        finally:
            connection.close()

    def files(self) -> dict[str, str]:
        """Every byte below the state directory."""
        return {path.name: path.read_bytes().decode("utf-8", "replace") for path in self.file.parent.rglob("*")}
