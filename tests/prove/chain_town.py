"""The other end of the chain's kills, in a process of its own: the remotes, slowly, and where orders come from.

`python -m tests.prove.chain_town FOLDER SEED` prints its address, and lives until its standard input ends. What the
program makes of it is not for here, but for the configuration that it is given.
"""

import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, ClassVar

from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.host import Answer, Host
from syncer.simulators.kode import Credentials, KodeSimulator
from syncer.simulators.kode.model import File
from syncer.simulators.kode.model import Script as KodeScript
from syncer.simulators.on_api import OnApiSimulator, Script, Service
from syncer.simulators.vitec import VitecSimulator
from syncer.simulators.wire import Reply, Request
from syncer.simulators.xsp import XspSimulator
from tests.prove.chain_configured import (
    BILLED,
    BILLED_AND_PLACED,
    CHAIN,
    CUSTOMER,
    GKS4_SECRET,
    NEW_OFFICE,
    OFFICE,
    VITEC_SECRET,
)
from tests.prove.kills import FIBER, KEY, PASSWORD, PATIENCE, QUICK, ROOT, SLOW, Remotes
from tests.ring.kode import PLACE

SERVICES = {"billed": BILLED, "direct": BILLED, "placed": BILLED_AND_PLACED}
FILES = (
    File(after=0.1, size=40_000, name="plan.pdf", filename="plan.pdf"),
    File(after=0.2, size=5_000, name="k.png", filename="k.png"),
)
FINISHED = KodeScript(((0.4, "FINISHED"),), FILES)
CONFIG = """
[log]
level = "warning"

[portals.tg]
kind = "xsp"
url = "{url}/xsp/plain/serviceguide_log"
api_user = 1234
api_key = {{ file = "key.secret" }}
since = 2020-01-01
poll_every = "0.5s"
timeout = "1s"
rate = 1000

[fulfilments.nordnet]
kind = "on_api"
url = "{url}/nordnet/onapi/2.4/"
username = "sp"
password = {{ file = "password.secret" }}
poll_every = "0.5s"
timeout = "1s"
rate = 1000

[portals.kode]
kind = "kode"
url = "{url}/kode/kode/v1"
token_url = "{url}/kode/authentication/v2/token"
client_id = "acme-client"
client_secret = {{ file = "client.secret" }}
username = "acme-api"
password = {{ file = "kode.secret" }}
poll_every = "0.5s"
timeout = "1s"
rate = 1000

[fulfilments.kode_orders]
kind = "kode"
portal = "kode"
poll_every = "0.5s"
"""


def configure(folder: Path, url: str, pages: str = "127.0.0.1:0", *, timeout: str = "1s", more: str = "") -> Path:
    """Writes the configuration and its secrets into a folder; `more` are lines of each remote."""
    known = Credentials()
    given = {"key": KEY, "password": PASSWORD, "client": known.client_secret, "kode": known.password}
    for name, secret in (given | {"vitec": VITEC_SECRET, "gks4": GKS4_SECRET}).items():
        (folder / f"{name}.secret").write_text(secret, encoding="utf-8")
        (folder / f"{name}.secret").chmod(0o600)
    chain = CHAIN.replace("http://127.0.0.1:9", url).replace("127.0.0.1:0", pages)
    chain = chain.replace("since = 2020-01-01", 'since = 2020-01-01\npoll_every = "0.5s"')
    text = (CONFIG.format(url=url) + chain).replace("rate = 1000", f"rate = 1000\n{more}")
    file = folder / "syncer.toml"
    file.write_text(re.sub('timeout = "10?s"', f'timeout = "{timeout}"', text), encoding="utf-8")
    return file


# --- the remotes, in a process of their own -------------------------------------------------------------------


class Town:
    """Where orders come from: each with a fate, which is written in the journal too."""

    VERBS: ClassVar[frozenset[str]] = frozenset({"order"})
    name = "town"

    def __init__(self, portal: XspSimulator, network: OnApiSimulator, vitec: VitecSimulator) -> None:
        self._portal, self._network, self._vitec = portal, network, vitec
        self._arrived = 0
        self.record: Callable[[Request], None] = lambda _: None

    def order(self, fate: str) -> str:
        """Somebody orders; the order's number."""
        self._arrived += 1
        access = f"LT{self._arrived:04d}B02"
        self._network.add_access(access, [Service(FIBER)], Script())
        number = self._agent_s() if fate == "agent" else self._other_s(fate, access)
        self.record(Request("POST", "/", {"order": number, "access": access, "fate": fate}))
        return number

    def _agent_s(self) -> str:
        customer = "M40018" if self._arrived % 5 == 0 else "M40017"
        return self._vitec.place_order(customer_id=customer)["order"]

    def _other_s(self, fate: str, access: str) -> str:
        more = {"status": "delivered"} if fate == "direct" else {}
        return self._portal.add_order(service=SERVICES[fate], socket=access, **PLACE, **more)

    def operation(self, request: Request) -> str:
        return "arrives"

    def handle(self, request: Request) -> Reply:
        return Reply(404)


class ChainHost(Host):
    """A host whose calls take a while, part of it before they take effect; notes when each writing call was made."""

    def __init__(self, folder: Path, seed: int) -> None:
        portal, network = (
            XspSimulator(name="tg", api_key=KEY),
            OnApiSimulator("nordnet", username="sp", password=PASSWORD, mount="/nordnet"),
        )
        vitec = VitecSimulator(passwords=dict.fromkeys(("M40017", "M40018"), VITEC_SECRET))
        vitec.add_office("M40017", corporateNumber=OFFICE)
        vitec.add_office("M40018", chain="G8", tenant="T4", corporateNumber=NEW_OFFICE)
        gks4, kode = Gks4Simulator(secret=GKS4_SECRET, mount="/gks4"), KodeSimulator(mount="/kode")
        gks4.add_customer(CUSTOMER, OFFICE)
        gks4.add_article("A-100")
        kode.set_script(FINISHED)
        town = Town(portal, network, vitec)
        town.record = lambda request: self._record("town", "arrives", request, status=None)
        mounts: dict[str, Any] = {
            "/xsp": portal, "/nordnet": network, "/vitec": vitec, "/gks4": gks4, "/kode": kode, "/town": town,
        }  # fmt: skip
        super().__init__(mounts, journal_path=folder / "journal.jsonl")
        self._folder, self._draw = folder, random.Random(seed)

    def ask(self, method: str, target: str, headers: Mapping[str, str], read: Callable[[], bytes], line: str) -> Answer:
        """As ever, only slower."""
        began = time.time()
        takes = self._draw.uniform(QUICK, SLOW)
        before = takes * self._draw.random()
        time.sleep(before)
        answer = super().ask(method, target, headers, read, line)
        time.sleep(takes - before)
        if method == "POST" or "method=set_status" in target:
            with (self._folder / "under_way.jsonl").open("a", encoding="utf-8") as lines:
                lines.write(json.dumps([began, time.time(), target.partition("?")[0]]) + "\n")
        return answer


def serve(folder: Path, seed: int) -> int:
    """The remotes, until standard input ends: they don't outlive whoever started them."""
    with ChainHost(folder, seed) as host:
        print(host.url, flush=True)
        sys.stdin.read()
        for trace in host.crashes:
            print(trace, file=sys.stderr)
        return 1 if host.crashes else 0


@contextmanager
def remotes(folder: Path, seed: int) -> Iterator[Remotes]:
    """Starts the remotes of one world; a fault of their own is an error of the harness."""
    words = [sys.executable, "-m", "tests.prove.chain_town", str(folder), str(seed)]
    with (folder / "remotes.log").open("wb") as log, Popen(words, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=log) as run:
        try:
            assert run.stdout is not None
            yield Remotes(run.stdout.readline().decode().strip())
            run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
    assert run.returncode == 0, f"a simulator broke: see {folder / 'remotes.log'}"


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1]), int(sys.argv[2])))
