"""Kills the real program with SIGKILL, over and over on one database, and has the remotes' journal judged afterwards.

`python -m tests.prove.kills --kills 1000` runs it, `--program dbos` puts DBOS through the same. The program is a
process that knows nothing of the harness; the simulated remotes are a process of their own, one to each world. What
was done to an order is the checker's to say, never the harness's, and never the program's.

`--store postgresql` puts syncer's stores on a server of that kind. A worker that is killed there leaves leases, which
time would end: some are ended at once, as though the next life had begun later.

The seed fixes what is drawn (orders, faults, moments), not where the machine's threads are at such a moment: a seed
that failed once is run again several times.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NoReturn
from urllib.parse import parse_qs, urlsplit

from syncer.simulators.courier import CourierSimulator
from syncer.simulators.host import Answer, Host
from syncer.simulators.kode import Credentials, File, KodeSimulator
from syncer.simulators.kode import Script as KodeScript
from syncer.simulators.on_api import OnApiSimulator, Script, Service
from syncer.simulators.wire import Reply, Request, Simulator, Stream
from syncer.simulators.xsp import XspSimulator
from tests.postgres import Server, server
from tests.prove.checker import Verdict, judge, misplaced
from tests.ring.kode import PLACE, PLACED

ROOT = Path(__file__).parents[2]
DBOS_PYTHON = ROOT / ".venv-dbos" / "bin" / "python"
PINS = "requirements-dbos.txt"
KEY, PASSWORD = "påhittad nyckel", "hemligt-lösen-å"
FIBER = "FIBER-250-250"
SERVICES = {"deliver": "3105", "refuse": "3105", "parcel": "3300", "unrouted": "77", "placed": PLACED}
FATES = ("deliver",) * 6 + ("refuse", "unrouted", "parcel")
KODE_FATES = ("files",) * 4 + ("placed",) * 3 + ("deliver", "unrouted")
WRITES = frozenset({"set_status", "add_message", "orders.create", "parcels.book"})
DOWNLOAD = "assets.download"
DRIP = 0.08  # seconds for 64 KiB of a file
SIZES = ((150_000, 90_000, 200_000), (400_000, 120_000, 70_000), (70_000, 300_000, 100_000))  # bytes
OF_FILES = 2.0  # seconds in which most files are on their way
PLACED_TAKES = 0.8  # seconds that KODE takes over what we place there
QUICK, SLOW = 0.005, 0.06  # seconds that a call takes at the remote
PATIENCE = 90.0  # seconds until what doesn't end, or never gets done, is given up
LOOK_EVERY = 0.01
WORLD_OF = 50  # kills of one world: a longer one has a longer listing
PUSH_SECRET = "en-hemlighet-som-ingen-gissar"
OURS = frozenset(
    {"state", "syncer.toml", "journal.jsonl", "under_way.jsonl", "program.log", "remotes.log"}
    | {f"{name}.secret" for name in ("key", "password", "client", "kode", "push")}
)  # all that lies in a world's folder
NO_MORE = 0.6  # seconds of start-up within which some of the kills land

LEAD_ENDS = "UPDATE leases SET until = now() - interval '1 s'"
LEASES_END = "UPDATE orders SET leased_until = now() - interval '1 s' WHERE leased_until IS NOT NULL"
MAKING = threading.Lock()  # the worlds are made by several threads

CONFIG = """
{store}
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
parallel = 8
rate = 1000

[fulfilments.nordnet]
kind = "on_api"
url = "{url}/nordnet/onapi/2.4/"
username = "sp"
password = {{ file = "password.secret" }}
poll_every = "0.5s"
timeout = "1s"
parallel = 8
rate = 1000

[fulfilments.courier]
kind = "command"
command = {command}
timeout = "8s"
retry_every = "1s"
parallel = 4

[[routes]]
portal = "tg"
match = {{ service = "3105" }}
fulfilment = "nordnet"
service = "FIBER-250-250"

[[routes]]
portal = "tg"
match = {{ service = "3300" }}
fulfilment = "courier"
"""

OF_KODE = """
[web]
listen = "127.0.0.1:{port}"

[portals.kode]
kind = "kode"
url = "{url}/kode/kode/v1"
token_url = "{url}/kode/authentication/v2/token"
client_id = "acme-client"
client_secret = {{ file = "client.secret" }}
username = "acme-api"
password = {{ file = "kode.secret" }}
push_secret = {{ file = "push.secret" }}
poll_every = "0.5s"
timeout = "1s"
file_timeout = "10s"
parallel = 4
rate = 1000

[fulfilments.kode_orders]
kind = "kode"
portal = "kode"
poll_every = "0.5s"

[[routes]]
portal = "tg"
match = {{ service = "7700" }}
fulfilment = "kode_orders"
order = "cadastre"
products = ["WI99990101"]
fields = {{ cadastre = "{{cadastre}}", address = "{{address}}" }}
"""

# --- the remotes, in a process of their own -------------------------------------------------------------------


class Town:
    """Where orders come from: each with an access of its own, and a fate, which is written in the journal too; but for
    those that come from KODE, whose fate is to have files.
    """

    VERBS: ClassVar[frozenset[str]] = frozenset({"order"})
    name = "town"

    def __init__(self, portal: XspSimulator, network: OnApiSimulator, account: KodeSimulator) -> None:
        self._portal, self._network, self._account = portal, network, account
        self._arrived = 0
        self.record: Callable[[Request], None] = lambda _: None

    def order(self, fate: str, takes: float = 0.0) -> str:
        """A customer orders; the network will take so many seconds over it. The order's number."""
        if fate == "files":
            return str(self._account.add_order(script=with_files(takes)))
        self._arrived += 1
        access = f"LT{self._arrived:04d}B02"
        refuse = 409 if fate == "refuse" else 0
        script = Script(progress_seconds=takes, refuse=refuse, cause="Porten är upptagen")
        self._network.add_access(access, [Service(FIBER)], script)
        takes = PLACED_TAKES if fate == "placed" else takes
        number = self._portal.add_order(service=SERVICES[fate], socket=access, **PLACE)
        story = {"order": number, "access": access, "fate": fate, "takes": str(takes)}
        self.record(Request("POST", "/", story))
        return number

    def operation(self, request: Request) -> str:
        return "arrives"

    def handle(self, request: Request) -> Reply:
        return Reply(404)


class SlowHost(Host):
    """A host whose calls take a while, part of it before they take effect; notes when each writing call was under way.

    A call of the operation `hold` has no effect, and says so by the file `holding`, until there is a file `go`.
    """

    def __init__(self, folder: Path, seed: int, hold: str) -> None:
        portal = XspSimulator(name="tg", api_key=KEY)
        network = OnApiSimulator("nordnet", username="sp", password=PASSWORD, mount="/nordnet")
        account = KodeSimulator(mount="/kode", push_retries=True)
        account.set_script(with_files(PLACED_TAKES))
        self._town = Town(portal, network, account)
        self._town.record = lambda request: self._record("town", "arrives", request, status=None)
        mounts: dict[str, Simulator] = {
            "/xsp": portal,
            "/nordnet": network,
            "/courier": CourierSimulator(),
            "/kode": account,
            "/town": self._town,
        }
        super().__init__(mounts, journal_path=folder / "journal.jsonl")
        self._folder = folder
        self._draw = random.Random(seed)
        self._hold = hold

    def ask(self, method: str, target: str, headers: Mapping[str, str], read: Callable[[], bytes], line: str) -> Answer:
        """As ever, only slower."""
        began, operation = time.time(), _asked(method, target)
        takes = self._draw.uniform(QUICK, SLOW)
        before = takes * self._draw.random()
        time.sleep(before)
        if operation is not None and operation == self._hold:
            self._await_go()
        answer = super().ask(method, target, headers, read, line)
        time.sleep(takes - before)
        if operation is not None:
            self._note(began, operation)
        if answer.stream is None:
            return answer
        return replace(answer, stream=Dripping(answer.stream, lambda: self._note(began, DOWNLOAD)))

    def _note(self, began: float, operation: str) -> None:
        with (self._folder / "under_way.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps([began, time.time(), operation]) + "\n")

    def _await_go(self) -> None:
        (self._folder / "holding").touch()
        until = time.monotonic() + PATIENCE
        while not (self._folder / "go").exists() and time.monotonic() < until:
            time.sleep(LOOK_EVERY)


@dataclass(frozen=True, slots=True)
class Dripping:
    """A file that comes slowly. `over` is told when it has come, or when nobody takes it any more."""

    stream: Stream
    over: Callable[[], None]

    def __len__(self) -> int:
        return len(self.stream)

    def pieces(self, length: int) -> Iterator[bytes]:
        try:
            for piece in self.stream.pieces(length):
                time.sleep(DRIP)
                yield piece
        finally:
            self.over()


def with_files(takes: float) -> KodeScript:
    """An order at KODE that is finished after so many seconds, with a file before, and one after that."""
    sizes = SIZES[int(takes * 100) % len(SIZES)]
    moments = (0.0, takes / 2, takes + 0.3)
    files = tuple(File(after=after, size=size, on="order") for after, size in zip(moments, sizes, strict=True))
    return KodeScript(((takes, "FINISHED"),), files)


def _asked(method: str, target: str) -> str | None:
    """The name of a call that may change something."""
    parts = urlsplit(target)
    if parts.path.startswith("/xsp"):
        name = parse_qs(parts.query).get("method", [""])[0]
        return name if name in WRITES else None
    if parts.path.startswith("/kode"):
        return "orders.create" if method == "POST" and "/orders/" in parts.path else None
    posted = "orders.create" if parts.path.startswith("/nordnet") else "parcels.book"
    return posted if method == "POST" else None


def serve(folder: Path, seed: int, hold: str) -> int:
    """The remotes, until standard input ends: they don't outlive whoever started them."""
    with SlowHost(folder, seed, hold) as host:
        print(host.url, flush=True)
        sys.stdin.read()
        for trace in host.crashes:
            print(trace, file=sys.stderr)
        return 1 if host.crashes else 0


@dataclass(frozen=True)
class Remotes:
    """The other end of the remotes' process: their address, and their levers."""

    url: str
    digests: dict[str, str] = field(default_factory=dict)

    def say(self, door: str, /, **arguments: object) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.url}/_control/{door}", json.dumps(arguments).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)["result"]

    def push(self, port: int) -> None:
        """KODE pushes what it has to say, to whoever is there; what was not taken goes again next time."""
        url = f"http://127.0.0.1:{port}/push/kode/{PUSH_SECRET}"
        self.say("call", remote="kode", verb="send_pushes", arguments={"url": url})

    def account(self) -> list[dict[str, Any]]:
        """What KODE has by now: its orders and their files, each with the digest of its bytes."""
        found: list[dict[str, Any]] = self.say("call", remote="kode", verb="orders", arguments={})
        for file in [file for order in found for file in order["files"]]:
            file["digest"] = self.digests.get(file["asset"]) or self._digest(file["asset"])
        return found

    def _digest(self, asset: str) -> str:
        made: str = self.say("call", remote="kode", verb="digest", arguments={"asset": asset})
        return self.digests.setdefault(asset, made)

    def order(self, fate: str, takes: float) -> None:
        self.say("call", remote="town", verb="order", arguments={"fate": fate, "takes": takes})


@contextmanager
def remotes(folder: Path, seed: int, hold: str = "") -> Iterator[Remotes]:
    """Starts the remotes of one world; a fault of their own is an error of the harness."""
    words = ["serve", str(folder), "--seed", str(seed), "--hold", hold]
    with (folder / "remotes.log").open("wb") as log, subprocess.Popen(
        [sys.executable, "-m", "tests.prove.kills", *words],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield Remotes(process.stdout.readline().decode().strip())
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0, f"a simulator broke: see {folder / 'remotes.log'}"


# --- the programs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """A program to be killed: how it is started in a folder, as a service and (perhaps) for one pass, and who helps it.

    `prepare` writes what it needs into the folder. `help_on` is a person's part: what the program can't know, it is
    told. `look_again` is the pass after the last, which must change nothing. One that is not `ours` is measured only.
    """

    name: str
    service: tuple[str, ...]
    once: tuple[str, ...] | None
    prepare: Callable[["World"], None]
    help_on: Callable[["World"], None] = lambda _: None
    look_again: Callable[["World"], None] = lambda _: None
    ours: bool = True


def _command(world: "World") -> list[str]:
    return [sys.executable, "-m", "syncer.simulators.send_router", f"{world.remotes.url}/courier/parcels"]


def _prepare_syncer(world: "World") -> None:
    for name, secret in (("key", KEY), ("password", PASSWORD)):
        file = world.folder / f"{name}.secret"
        file.write_text(secret, encoding="utf-8")
        file.chmod(0o600)
    placed = f'[store]\nurl = "{world.database}"' if world.database else ""
    known = Credentials()
    if world.account:
        given = {"client": known.client_secret, "kode": known.password, "push": PUSH_SECRET}
        for name, secret in given.items():
            (world.folder / f"{name}.secret").write_text(secret, encoding="utf-8")
            (world.folder / f"{name}.secret").chmod(0o600)
    text = CONFIG + (OF_KODE if world.account else "")
    config = text.format(store=placed, url=world.remotes.url, command=json.dumps(_command(world)), port=world.port)
    (world.folder / "syncer.toml").write_text(config, encoding="utf-8")


def _resolve(world: "World") -> None:
    """A person asks the courier about each parcel that syncer is not sure of, and KODE about each order placed there,
    and passes the answer on.
    """
    listed = world.say(*SYNCER.service[:-1], "orders", "--parked", "--json")
    uncertain = [each["external_id"] for each in json.loads(listed) if each["parked"].startswith("uncertain")]
    booked = {
        entry["effect"]["order"]
        for entry in world.journal()
        if entry["operation"] == "parcels.book" and entry["effect"]
    }
    placed = {str(one["reference"]).split(".")[1]: one["order"] for one in world.remotes.account() if one["ours"]}
    for number in set(uncertain) & set(judge(world.lines()).open):
        ref = ("--ref", str(placed[number])) if number in placed else ()
        done = number in booked or number in placed
        world.say(*SYNCER.service[:-1], "resolve", f"tg:{number}", "done" if done else "not-done", *ref)


def _pass_more(world: "World") -> None:
    world.say(*SYNCER.service[:-1], "--once", "--json")


def _prepare_dbos(world: "World") -> None:
    settings: dict[str, object] = {
        "url": world.remotes.url,
        "api_user": "1234",
        "api_key": KEY,
        "username": "sp",
        "password": PASSWORD,
    }
    settings |= {"service": FIBER, "command": _command(world), "database": f"sqlite:///{world.folder}/dbos.sqlite"}
    (world.folder / "dbos.json").write_text(json.dumps(settings), encoding="utf-8")


_SYNCER = (sys.executable, "-m", "syncer", "--config", "syncer.toml")
SYNCER = Program("syncer", (*_SYNCER, "run"), (*_SYNCER, "--once"), _prepare_syncer, _resolve, _pass_more)
_DBOS = (str(DBOS_PYTHON), str(Path(__file__).with_name("dbos_ring.py")), "dbos.json")
DBOS = Program("dbos", _DBOS, None, _prepare_dbos, ours=False)
PROGRAMS = {program.name: program for program in (SYNCER, DBOS)}

# --- one world ------------------------------------------------------------------------------------------------

LOST_ANSWERS = ("reset_after", "error_after", "timeout_after", "html_after", "empty_after", "truncated")
NEVER_THERE = ("reset_before", "error_before", "refuse", "too_many")
READS = ("orders", "order_info", "customer_info", "order_log", "accesses.get", "orders.list", "orders.get")
KODE_READS = ("orders", "order_info", "token", "orders.get", DOWNLOAD, DOWNLOAD)
MORE: Mapping[str, dict[str, object]] = {"timeout_after": {"seconds": 2}, "too_many": {"retry_after": 1}}


class StoppedError(Exception):
    """The proof is given up: another world failed, or somebody wants it to end."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL, and when its process had been started; by the wall clock, in seconds."""

    started: float
    at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one world. `middle`: the kills after their life's first write, with more left to be written;
    `under_way`: those that met a writing call between its request and its answer; `downloading`: those that met a file
    on its way. Of `files`, some are `misplaced`, or something else is wrong with what lies on the disk.
    """

    seed: int
    kills: int
    middle: int
    under_way: int
    faults: int
    verdict: Verdict
    restless: bool
    kept: Path | None = None
    downloading: int = 0
    files: int = 0
    misplaced: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.verdict.ok and self.verdict.settled and not self.restless and not self.misplaced


@dataclass
class World:
    """The remotes, a folder, and a program that is killed in it. `span` is how long a life is, at most, in seconds.

    `store` is the server that its database is on, where it isn't a file. `stop` ends it before its time.
    """

    folder: Path
    program: Program
    remotes: Remotes
    seed: int
    span: float = 1.5
    faults: bool = True
    killed: list[Kill] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    store: Server | None = None
    database: str = ""
    account: bool = False
    port: int = 0

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        if self.account:
            self.port = _free_port()
        if self.store is not None:
            with MAKING:
                self.database = self.store.database()
        self.program.prepare(self)

    # What the program is given

    def arrive(self, count: int) -> None:
        """So many new orders, each of a fate that is drawn."""
        for _ in range(count):
            self.remotes.order(
                self._draw.choice(KODE_FATES if self.account else FATES), round(self._draw.uniform(0, 1.5), 2)
            )

    def arm(self) -> None:
        """Perhaps a fault for one of the next calls: mostly a lost answer to a writing one."""
        if not self.faults or self._draw.random() < 0.3:
            return
        reading = self._draw.random() < 0.2
        kind = self._draw.choice(NEVER_THERE if reading or self._draw.random() < 0.25 else LOST_ANSWERS)
        reads = KODE_READS if self.account else READS
        operation = self._draw.choice(reads if reading else sorted(WRITES))
        skip = self._draw.randint(0, 2)
        self.remotes.say("fault", kind=kind, operation=operation, skip=skip, **MORE.get(kind, {}))

    # Lives

    @contextmanager
    def alive(self, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """The program as a process of its own, which doesn't outlive the block."""
        with (
            (self.folder / "program.log").open("ab") as log,
            subprocess.Popen(
                words, cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(ROOT)}

    def say(self, *words: str) -> str:
        """One command of the program's, to its end; its standard output."""
        ran = subprocess.run(
            words, cwd=self.folder, env=self._environment(), capture_output=True, check=False, timeout=PATIENCE
        )
        with (self.folder / "program.log").open("ab") as log:
            log.write(ran.stderr)
        return ran.stdout.decode()

    def end_leases(self, *statements: str) -> None:
        """What dead workers had leased is free, as it is in time."""
        if self.store is not None:
            with self.store.admin(urlsplit(self.database).path[1:]) as connection:
                for statement in statements:
                    connection.execute(statement)

    def live(self) -> None:
        """One life: orders come before it and in it, and it ends by a kill, unless a single pass is done earlier."""
        self._unless_stopped()
        if self.store is not None:
            self.end_leases(LEAD_ENDS, *[LEASES_END] * (self._draw.random() < 0.7))
        self.arrive(self._draw.randint(2, 4))
        self.arm()
        once = self.program.once is not None and self._draw.random() < 0.2
        early = self._draw.random() < 0.1
        words = self.program.once if once and self.program.once is not None else self.program.service
        seen = self.size()
        started = time.time()
        with self.alive(words) as process:
            if early:
                self._wait(process, self._draw.uniform(0, NO_MORE))
            else:
                self._await_call(process, seen)
                self._push()
                length = self._draw.uniform(0, self.span)
                self._wait(process, length / 2)
                self.arrive(self._draw.randint(1, 2))
                self._push()
                self._wait(process, length / 2)
            at = time.time()
            process.kill()
        if process.returncode == -signal.SIGKILL:
            self.killed.append(Kill(started, at))
        elif not once:
            raise AssertionError(f"it ended by itself with {process.returncode}: see {self.folder / 'program.log'}")

    def _push(self) -> None:
        if self.account:
            self.remotes.push(self.port)

    def _unless_stopped(self) -> None:
        if self.stop.is_set():
            raise StoppedError

    def _wait(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)

    def _await_call(self, process: subprocess.Popen[bytes], seen: int) -> None:
        """Waits for the program's first call to the portal."""
        until = time.monotonic() + PATIENCE
        while process.poll() is None and not self.called(seen):
            assert time.monotonic() < until, "the program never calls"
            time.sleep(LOOK_EVERY)

    def called(self, seen: int) -> bool:
        """Whether the portal was called since the journal had this size."""
        if not self.size():
            return False
        with (self.folder / "journal.jsonl").open("rb") as journal:
            journal.seek(seen)
            return b'"remote": "tg"' in journal.read()

    def size(self) -> int:
        """The journal's size in bytes."""
        file = self.folder / "journal.jsonl"
        return file.stat().st_size if file.exists() else 0

    # The end

    def go_through(self, kills: int) -> Outcome:
        """So many kills, and the end."""
        for _ in range(kills * 3):  # a single pass may be done before its kill
            if len(self.killed) == kills:
                break
            self.live()
        restless = self.finish()
        return self.outcome(restless=restless)

    def finish(self) -> bool:
        """Lets it finish undisturbed, with a person's help where it asks for it, for as long as anything goes on.

        Returns whether it wrote anything once all was done.
        """
        self.remotes.say("clear")
        self.end_leases(LEAD_ENDS, LEASES_END)
        self._await_orphans()
        done, until = -1, 0.0
        with self.alive(self.program.service):
            while not (verdict := judge(self.lines())).settled or self.misplaced():
                self._push()
                if (effects := self._effects()) > done:
                    done, until = effects, time.monotonic() + PATIENCE
                if time.monotonic() > until:
                    break
                if verdict.open and not verdict.lost and not verdict.stuck:
                    self.program.help_on(self)
                self.stop.wait(0.5)
                self._unless_stopped()
        done = self.size()
        self.program.look_again(self)
        return self._wrote_after(done)

    def misplaced(self) -> list[str]:
        """What is wrong with the files on the disk by now, and what lies where nothing should."""
        if not self.account:
            return []
        state = self.folder / "state"
        strange = {file.name for file in self.folder.iterdir()} - OURS
        strange |= {file.name for file in state.iterdir() if not file.name.startswith("syncer.db")} - {"files"}
        found = misplaced(self.remotes.account(), state / "files")
        return [*found, *(f"{name} lies outside of the files' directory" for name in sorted(strange))]

    def _await_orphans(self) -> None:
        """Commands outlive a killed program for a moment; a person wouldn't ask the courier before they are over."""
        until = time.monotonic() + PATIENCE
        mine = f"{self.remotes.url}/courier".encode()
        while time.monotonic() < until and any(mine in words for words in _command_lines()):
            time.sleep(0.1)

    def _effects(self) -> int:
        return sum(entry["effect"] is not None for entry in self.journal())

    def _wrote_after(self, size: int) -> bool:
        with (self.folder / "journal.jsonl").open("rb") as journal:
            journal.seek(size)
            return any(json.loads(line)["operation"] in WRITES for line in journal)

    def lines(self) -> list[str]:
        """The journal's lines."""
        return (self.folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()

    def journal(self) -> list[dict[str, Any]]:
        """The journal's entries."""
        return [json.loads(line) for line in self.lines()]

    def outcome(self, *, restless: bool) -> Outcome:
        """The judgement."""
        journal = self.journal()
        under_way = _under_way(self.folder / "under_way.jsonl")
        files = [file for order in self.remotes.account() for file in order["files"]] if self.account else []
        return Outcome(
            seed=self.seed,
            kills=len(self.killed),
            middle=sum(_in_the_middle(kill, journal) for kill in self.killed),
            under_way=sum(_met(kill, under_way) for kill in self.killed),
            downloading=sum(_met(kill, under_way, DOWNLOAD) for kill in self.killed),
            files=len(files),
            misplaced=tuple(self.misplaced()),
            faults=sum(entry["fault"] is not None for entry in journal),
            verdict=judge(self.lines()),
            restless=restless,
        )


def _command_lines() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_bytes()


def _under_way(file: Path) -> list[tuple[float, float, str]]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [(began, ended, operation) for began, ended, operation in map(json.loads, lines)]


def _met(kill: Kill, under_way: Iterable[tuple[float, float, str]], operation: str = "") -> bool:
    """Whether a kill met a call that was under way: a writing one, or one of the operation."""
    wanted = {operation} if operation else WRITES
    return any(began <= kill.at <= ended for began, ended, what in under_way if what in wanted)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _in_the_middle(kill: Kill, journal: Iterable[Mapping[str, Any]]) -> bool:
    """Whether something had been written in this life, and something about an order that was there already was not."""
    arrived: set[str] = set()
    written = left = False
    for entry in journal:
        at = datetime.fromisoformat(entry["at"]).timestamp()
        if entry["operation"] == "arrives" and at < kill.at:
            arrived.add(entry["params"]["order"])
        elif entry["effect"] is not None:
            written = written or kill.started <= at <= kill.at
            left = left or (at > kill.at and entry["params"].get("id") in arrived)
    return written and left


def run_world(
    program: Program, kills: int, seed: int, span: float, *, faults: bool = True, stop: threading.Event | None = None,
    store: Server | None = None, account: bool = False,
) -> Outcome:  # fmt: skip
    """One world, to its judgement. Its folder is kept where something is wrong with it."""
    folder = Path(tempfile.mkdtemp(prefix=f"kills-{program.name}-{seed}-"))
    try:
        with remotes(folder, seed) as there:
            world = World(
                folder, program, there, seed, span, faults, stop=stop or threading.Event(), store=store,
                account=account,
            )  # fmt: skip
            outcome = world.go_through(kills)
    except StoppedError:
        shutil.rmtree(folder)
        raise
    if outcome.ok or not program.ours:
        shutil.rmtree(folder)
        return outcome
    return replace(outcome, kept=folder)


# --- many worlds ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """Many worlds' outcomes for one program. `span` is the working life that its kills were spread over, in seconds."""

    program: str
    span: float
    outcomes: tuple[Outcome, ...]
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return all(outcome.ok for outcome in self.outcomes)

    @property
    def counts(self) -> dict[str, int]:
        """All that is counted, over all worlds."""
        counted = ("kills", "middle", "under_way", "downloading", "faults", "files", "restless")
        figures = {name: sum(getattr(outcome, name) for outcome in self.outcomes) for name in counted}
        figures["misplaced"] = sum(len(outcome.misplaced) for outcome in self.outcomes)
        for kind in Verdict().counts:
            figures[kind] = sum(outcome.verdict.counts[kind] for outcome in self.outcomes)
        return figures


def prove(
    kills: int = 1000, seed: int = 1, processes: int = 4, program: Program = SYNCER, *, world_of: int = WORLD_OF,
    faults: bool = True, span: float | None = None, say: Callable[[str], object] = lambda _: None,
    store: Server | None = None, account: bool = False,
) -> Proof:  # fmt: skip
    """So many kills, in worlds of `world_of` each, `processes` worlds at once. Each is said; what failed is kept."""
    began = time.monotonic()
    span = span or (OF_FILES if account else working_life(program, seed))
    stop = threading.Event()
    shares = [min(world_of, kills - done) for done in range(0, kills, world_of)]

    def one(number: int) -> Outcome:
        outcome = run_world(
            program, shares[number], seed + number, span, faults=faults, stop=stop, store=store, account=account
        )
        where = ("" if store is None else " --store postgresql") + (" --account" if account else "")
        say(_word_on(outcome, program, span, faults=faults, where=where))
        return outcome

    with ThreadPoolExecutor(processes) as pool:
        try:
            outcomes = tuple(pool.map(one, range(len(shares))))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Proof(program.name, span, outcomes, time.monotonic() - began)


def working_life(program: Program, seed: int = 1, orders: int = 12) -> float:
    """The seconds from the first call to the last write, where it works on some orders undisturbed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-span-")))
        world = World(folder, program, stack.enter_context(remotes(folder, seed)), seed, faults=False)
        world.arrive(orders)
        restless = world.finish()
        verdict = judge(world.lines())
        assert verdict.ok and verdict.settled and not restless, f"not right even when undisturbed: {verdict}"  # noqa: PT018
        calls = [entry for entry in world.journal() if entry["operation"] != "arrives"]
        moments = [
            datetime.fromisoformat(entry["at"]) for entry in (calls[0], *(each for each in calls if each["effect"]))
        ]
        return (moments[-1] - moments[0]).total_seconds()


def _word_on(outcome: Outcome, program: Program, span: float, *, faults: bool, where: str = "") -> str:
    counts = {kind: count for kind, count in outcome.verdict.counts.items() if count and kind != "orders"}
    found = f"{counts or 'all well'}{', wrote after all was done' if outcome.restless else ''}"
    word = f"{program.name} {outcome.seed}: {outcome.kills} kills, {len(outcome.verdict.orders)} orders: {found}"
    if outcome.kept is None:
        return word
    drawn = f"--kills {outcome.kills} --seed {outcome.seed} --span {span:.2f}{'' if faults else ' --no-faults'}{where}"
    wrong = [f"  {text}" for text in (*outcome.verdict.wrong[:5], *outcome.misplaced[:5])]
    again = f"  again: python -m tests.prove.kills --program {program.name} {drawn}"
    return "\n".join([word, *wrong, f"  kept: {outcome.kept}", again])


COLUMNS: Mapping[str, str] = {
    "kills": "kills",
    "middle": "in mid-work",
    "under_way": "in a writing call",
    "downloading": "in a download",
    "faults": "faults",
    "orders": "orders",
    "lost": "lost",
    "stuck": "stuck",
    "open": "open",
    "activations": "activations twice",
    "statuses": "statuses twice",
    "messages": "messages twice",
    "commands": "commands twice",
    "wrong": "wrong",
    "restless": "restless",
    "files": "files",
    "misplaced": "files wrong",
}


def table(proofs: Sequence[Proof]) -> str:
    """The figures side by side, those of orders also in percent of all orders."""
    rows = [["", *(proof.program for proof in proofs)]]
    rows += [[title, *(_cell(proof.counts, name) for proof in proofs)] for name, title in COLUMNS.items()]
    rows.append(["kills spread over", *(f"{proof.span:.1f} s" for proof in proofs)])
    rows.append(["took", *(f"{proof.seconds:.0f} s" for proof in proofs)])
    return "\n".join(f"{row[0]:<20}" + "".join(f"{cell:>18}" for cell in row[1:]) for row in rows)


def _cell(counts: Mapping[str, int], name: str) -> str:
    count, orders = counts[name], counts["orders"]
    of_orders = name in {"lost", "stuck", "open", "activations", "statuses", "messages", "commands"}
    return f"{count} ({count / orders:.1%})" if of_orders and orders else str(count)


def main() -> int:
    """Exit 1 where syncer lost, doubled or left anything. DBOS is measured, not judged."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove.kills", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["prove", "serve"], default="prove", help=argparse.SUPPRESS)
    parser.add_argument("folder", nargs="?", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--hold", default="", help=argparse.SUPPRESS)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=4, help="worlds at once")
    parser.add_argument("--program", choices=[*PROGRAMS, "both"], default="syncer")
    parser.add_argument("--dbos-kills", type=int, help="DBOS's share, with both; a quarter where not given")
    parser.add_argument("--span", type=float, help="seconds over which the kills are spread; measured where not given")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite", help="syncer's")
    parser.add_argument("--account", action="store_true", help="orders of KODE, whose files are on their way")
    parser.add_argument("--no-faults", action="store_true", help="kills alone")
    arguments = parser.parse_args()
    if arguments.what == "serve":
        return serve(arguments.folder, arguments.seed, arguments.hold)
    signal.signal(signal.SIGTERM, _leave)
    chosen = list(PROGRAMS.values()) if arguments.program == "both" else [PROGRAMS[arguments.program]]
    if DBOS in chosen and not DBOS_PYTHON.exists():
        parser.error(f"DBOS is not installed: make a .venv-dbos, and in it pip install --require-hashes -r {PINS}")
    proofs = [_proof(program, arguments) for program in chosen]
    print(table(proofs))
    return 0 if all(proof.ok for proof in proofs if PROGRAMS[proof.program].ours) else 1


def _proof(program: Program, arguments: argparse.Namespace) -> Proof:
    share = arguments.dbos_kills or max(1, arguments.kills // 4)
    kills = share if program is DBOS and arguments.program == "both" else arguments.kills
    with ExitStack() as stack:
        shared = arguments.store == "postgresql" and program is not DBOS
        return prove(
            kills, arguments.seed, arguments.processes, program,
            faults=not arguments.no_faults, span=arguments.span, say=partial(print, flush=True),
            store=stack.enter_context(server()) if shared else None, account=arguments.account,
        )  # fmt: skip


def _leave(number: int, _frame: object) -> NoReturn:
    """SIGTERM ends as Ctrl-C does: with everything that was started."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    raise SystemExit(main())
