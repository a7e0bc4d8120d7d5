"""syncer installed on a machine with a real systemd, and the remotes that it calls. No claim is made here."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ring.harness import KEY, PASSWORD, PROGRAM, World
from tests.systemd.machine import Machine

STATE = "/var/lib/private/syncer"
OFTEN = 'poll_every = "1s"'
# What a program of one's own needs under the hardening: Python, its input, and the service's own folder.
DELIVER = f"""#!/usr/bin/python3
import json, os, sys, time
name = json.load(sys.stdin)["order"]
def note(text):
    with open("{STATE.replace("/private", "")}/runs", "a") as runs:
        print(name, text, file=runs)
note("begun")
time.sleep(3 if os.path.exists("/etc/syncer/slowly") else 0)
note("done")
"""
COMMAND = f"""
[fulfilments.script]
kind = "command"
command = ["/usr/local/bin/deliver"]
timeout = "5s"

[[routes]]
portal = "tg"
match = {{ service = "{PROGRAM}" }}
fulfilment = "script"
"""
CLONE = "cd / && rm -rf /srv/syncer && cp -r /src /srv/syncer"
INSTALL = "umask 077; cd /srv/syncer && make install"  # as careful people's shells have it
# A newer version, whose migration can be made; or can't.
MIGRATION = """
revision, down_revision = {revision!r}, {before!r}
def upgrade():
    {does}
"""
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "HOME": "/srv"}
WEB = '[web]\nlisten = "127.0.0.1:{port}"'


@dataclass(frozen=True)
class Server:
    """The machine with syncer on it, and the remotes that it calls."""

    machine: Machine
    world: World

    def configure(self, text: str | None = None) -> None:
        """The configuration, whose secrets are credentials."""
        text = text or self.world.config_file.read_text(encoding="utf-8")
        for name in ("key", "password"):
            text = text.replace(f'file = "{name}.secret"', f'credential = "tg_{name}"')
        self.machine.write("/etc/syncer/syncer.toml", text)

    def said(self, event: str, unit: str = "syncer") -> list[dict[str, Any]]:
        """The lines of the journal with that event."""
        lines = [json.loads(line) for line in self.machine.journal(unit) if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def upgrade(self, revision: str, does: str) -> None:
        """A newer version in the clone, with a migration more."""
        connect, known = "/srv/syncer/syncer/store/connect.py", re.compile(r'^REVISIONS = .*"(\d+)"\)', re.MULTILINE)
        there = self.machine.do("cat", connect)
        (before,) = known.findall(there)
        text = MIGRATION.format(revision=revision, before=before, does=does)
        self.machine.write(f"/srv/syncer/syncer/store/migrations/versions/{revision}_newer.py", text)
        self.machine.write(connect, there.replace(f'"{before}")', f'"{before}", "{revision}")', 1))

    def tables(self, file: str) -> set[str]:
        """The tables of a database."""
        script = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT name FROM sqlite_schema'))"
        return set(re.findall(r"'(\w+)'", self.machine.do("python3", "-c", script, file)))

    def runs(self) -> list[str]:
        """What the program that delivers has noted."""
        return self.machine.do("cat", f"{STATE}/runs").splitlines()

    def wait_until_delivered(self, *numbers: str) -> None:
        wanted = {"delivered"}
        self.machine.wait_for(
            lambda: {self.world.portal.status(number) for number in numbers} == wanted,
            lambda: "\n".join(self.machine.journal("syncer")[-30:]),
        )


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def installed(machine: Machine, folder: Path, **settings: Any) -> Iterator[Server]:
    """syncer on the machine, and not started yet; the world of its remotes is in the folder."""
    machine.do("sh", "-c", CLONE)
    machine.do("sh", "-c", INSTALL, **OFFLINE)
    more = COMMAND + WEB.format(port=free_port())
    given: dict[str, Any] = {"portal_lines": OFTEN, "level": "info", "more": more, **settings}
    with World(folder, at=None, **given) as world:
        found = Server(machine, world)
        machine.write("/etc/syncer/credentials/tg_key", KEY, "600")
        machine.write("/etc/syncer/credentials/tg_password", PASSWORD, "600")
        machine.write("/usr/local/bin/deliver", DELIVER, "755")
        found.configure()
        yield found
