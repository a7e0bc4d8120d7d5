"""`syncer demo` and `syncer simulate`: the simulated remotes, and the real program run against them.

The program is run as anyone would run it, as a process of its own; nothing of it is called from here. What the day
holds, and whether it went well, is the simulators' business; how it looks is screen.py's.
"""

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

from syncer.cli.screen import Ran, Screen, export_lines
from syncer.simulators.archive import NO_EVIDENCE, Evidence, on_disk
from syncer.simulators.day import API_USER, GKS4_SECRET, NORD_USER, PUSH_PORT, SYD_USER, VITEC_PASSWORD, Day

PATIENCE = 116.0  # seconds that the whole demo may take
PORT = 9000  # config/demo.toml's
TICK_EVERY = 4.0
ORDER_EVERY = 20.0
OWN_WORDS = {0, 1, 2}  # exit codes that are a command's own verdict: well, trouble, usage


class GivenUp(Exception):
    """The demo can't go on: the program hangs or breaks."""


def demo_file() -> Path:
    """The demo's configuration: beside the package in a wheel, in config/ in a clone."""
    package = Path(__file__).parent.parent
    shipped = package / "demo.toml"
    return shipped if shipped.exists() else package.parent / "config" / "demo.toml"


# --- demo -----------------------------------------------------------------------------------------------------


def demo(arguments: argparse.Namespace) -> int:
    """Plays a day; exit 1 where the program, the portal and the networks don't agree at its end."""
    keep: Path | None = arguments.keep
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        print(f"syncer demo: {keep} is not an empty directory", file=sys.stderr)
        return 2
    screen = Screen()
    with _on([signal.SIGTERM], _leave), _folder(keep) as folder, Day(journal_path=folder / "journal.jsonl") as day:
        try:
            ok = play(day, Program(day, folder), screen)
        except GivenUp as why:
            screen.trouble(f"The demo is given up: {why}.")
            ok = False
        if keep is not None:
            screen.kept(folder, day.secrets)
    return 0 if ok else 1


def play(day: Day, program: "Program", screen: Screen) -> bool:
    """Hour after hour: what happens, an operator's words, a pass, and how the orders stand. Then the judgement."""
    screen.begin()
    orders: list[dict[str, Any]] = []
    for hour in day.hours():
        screen.hour(hour)
        program.wait_until(hour.not_before, screen)
        for words in hour.words:
            say(words, day, program, screen)
        if hour.visit:
            before, orders = orders, received(day, program, screen)
            screen.stand(before, orders)
            continue
        with screen.busy("a pass", day.host):
            ran = program.run("--once", "--json", kill_after=hour.kill_after)
            before, orders = orders, program.orders()
        screen.one_pass(ran, before, orders)
    screen.look_on()
    for words in day.last_words():
        say(words, day, program, screen)
    return conclude(day, orders, screen, program.evidence())


def received(day: Day, program: "Program", screen: Screen) -> list[dict[str, Any]]:
    """The agent at the page of the service, which runs for so long; how the orders stand then."""
    screen.service()
    with program.serving() as url, screen.busy("the agent's visit", day.host):
        for what in day.visit(url):
            screen.seen(what)
    return program.orders()


def say(words: tuple[str, ...], day: Day, program: "Program", screen: Screen) -> None:
    """A person's command, and its answer."""
    with screen.busy(" ".join(words), day.host):
        ran = program.run(*words)
    screen.word(ran)


def conclude(day: Day, orders: list[dict[str, Any]], screen: Screen, evidence: Evidence = NO_EVIDENCE) -> bool:
    """Shows what came of each order, and returns whether all is as it should be."""
    judgement = day.judge(orders, evidence)
    screen.judgement(judgement, day.host.journal)
    return judgement.ok


class Program:
    """The real program, run on the demo's configuration with the address of this day's simulators."""

    def __init__(self, day: Day, folder: Path) -> None:
        self._day = day
        self._log = folder / "syncer.log"
        self._config = folder / "demo.toml"
        self._pages = f"127.0.0.1:{_free_port()}"
        text = _localized(demo_file().read_text(encoding="utf-8"), day.host.url)
        self._config.write_text(text.replace(f"127.0.0.1:{PUSH_PORT}", self._pages), encoding="utf-8")
        self._until = time.monotonic() + PATIENCE
        self._files = folder / "state" / "files"
        self._environment = {name: text for name, text in os.environ.items() if name != "SYNCER_CONFIG"} | dict(
            day.secrets
        )

    def run(self, *words: str, kill_after: int | None = None) -> Ran:
        """Runs one command to its end, or until so many more requests were made. Its log goes to a file."""
        began = time.monotonic()
        with self._log.open("ab") as log, self._started(words, log) as process:
            try:
                if kill_after is not None:
                    self._kill_after(process, kill_after)
                out, _ = process.communicate(timeout=max(0.1, self._until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise GivenUp(f"`syncer {' '.join(words)}` does not end") from None
            finally:
                process.kill()  # nothing where it has ended
        ran = Ran(words, process.returncode, out.decode("utf-8", "replace"), time.monotonic() - began)
        if ran.code not in {*OWN_WORDS, *([-signal.SIGKILL] if kill_after is not None else [])}:
            raise GivenUp(f"`syncer {' '.join(words)}` ended with {ran.code}: {self._last_word()}")
        return ran

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The program as a service, and where its pages are; it is told to end afterwards."""
        with self._log.open("ab") as log, self._started(("run",), log, log) as process:
            try:
                self._wait_for_pages(process)
                yield f"http://{self._pages}"
                process.terminate()
                code = process.wait(max(0.1, self._until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise GivenUp("`syncer run` does not end") from None
            finally:
                process.kill()  # nothing where it has ended
        if code:
            raise GivenUp(f"`syncer run` ended with {code}: {self._last_word()}")

    def _wait_for_pages(self, process: subprocess.Popen[bytes]) -> None:
        host, _, port = self._pages.partition(":")
        while process.poll() is None and time.monotonic() < self._until:
            with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                return
            time.sleep(0.05)
        raise GivenUp(f"`syncer run` does not begin: {self._last_word()}")

    def _started(
        self, words: tuple[str, ...], log: IO[bytes], out: IO[bytes] | int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "syncer", "--config", str(self._config), *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            env=self._environment,
            start_new_session=True,
        )

    def orders(self) -> list[dict[str, Any]]:
        """The program's own view of its orders."""
        found: list[dict[str, Any]] = json.loads(self.run("orders", "--json").out)
        return found

    def evidence(self) -> Evidence:
        """What lies in the files' directory, and the program's word on the order whose files all went again."""
        name = f"{self._day.bureau.name}:{self._day.bureau.refunded}"
        return Evidence(on_disk(self._files), {name: json.loads(self.run("files", name, "--json").out)})

    def wait_until(self, at: datetime | None, screen: Screen) -> None:
        """Waits for a moment of the day, if it hasn't come yet."""
        if at is None:
            return
        with screen.busy("waiting for the wished moment", self._day.host):
            time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))

    def _kill_after(self, process: subprocess.Popen[bytes], requests: int) -> None:
        journal = self._day.host.journal
        enough = len(journal) + requests
        while process.poll() is None and len(journal) < enough and time.monotonic() < self._until:
            time.sleep(0.002)
        process.kill()

    def _last_word(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _localized(text: str, url: str) -> str:
    """The configuration with this day's address, and this Python for its command."""
    return text.replace(f"http://127.0.0.1:{PORT}", url).replace('"python3"', json.dumps(sys.executable))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="syncer-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends as Ctrl-C does: at once, with everything that was started."""
    raise SystemExit(128 + number)


@contextmanager
def _on(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


# --- simulate -------------------------------------------------------------------------------------------------


def simulate(arguments: argparse.Namespace) -> int:
    """The simulated remotes alone, until SIGINT or SIGTERM."""
    over = threading.Event()
    day = Day(arguments.port)
    with _on([signal.SIGINT, signal.SIGTERM], lambda *_: over.set()), ExitStack() as stack:
        try:
            stack.enter_context(day)
        except (OSError, OverflowError) as error:  # taken, not allowed; or no port at all
            why = getattr(error, "strerror", None) or error
            text = f"syncer simulate: port {arguments.port}: {why}; say --port N, or 0 for any free one"
            print(text, file=sys.stderr)
            return 1
        if not arguments.empty:
            day.begin()
        print("\n".join([*_how_to(day), *([] if arguments.empty else _agents_link(day))]), flush=True)
        _live(day, over, empty=arguments.empty)
    return 0


def _live(day: Day, over: threading.Event, *, empty: bool) -> None:
    """The networks work on, and now and then somebody orders something."""
    next_order = time.monotonic() + ORDER_EVERY
    while not over.wait(TICK_EVERY):
        day.tick()
        day.push()
        if not empty and time.monotonic() >= next_order:
            next_order += ORDER_EVERY
            case = day.add_another()
            print(
                f"{datetime.now(UTC).astimezone():%H:%M:%S}  a new order, {case.number}: {case.plot.kind}", flush=True
            )


def _agents_link(day: Day) -> Iterator[str]:
    query = day.broker.order()["query"]
    yield "With `syncer run` in place of `--once`, an agent's order is at, for ten minutes:"
    yield ""
    yield f"  http://127.0.0.1:{PUSH_PORT}/vitec/start?{query}"
    yield ""


def _how_to(day: Day) -> Iterator[str]:
    url, file = day.host.url, demo_file()
    yield f"Simulated remotes, until Ctrl-C: {len(day.cases)} orders wait in the portal."
    yield ""
    yield f"  portal      {url}/xsp/plain/serviceguide_log   api_user {API_USER}"
    yield f"  nordnet     {url}/nordnet/onapi/2.4/           username {NORD_USER}"
    yield f"  sydnet      {url}/sydnet/onapi/2.6/            username {SYD_USER}, can't schedule"
    yield f"  courier     {url}/courier/parcels              no password"
    kode = day.kode.tokens.credentials
    yield f"  kode        {url}/kode                         client {kode.client_id} {kode.client_secret}"
    yield f"                                                 user {kode.username} {kode.password}"
    yield f"                                                 pushes to `syncer run` on port {PUSH_PORT}"
    yield f"  vitec       {url}/vitec/                       username partner, password of M40017 {VITEC_PASSWORD}"
    yield f"  gks4        {url}/gks4/                        client_id shop-bridge, client_secret {GKS4_SECRET}"
    yield f"  control     {url}/_control                     GET journal, state; POST fault, clear, call"
    yield ""
    yield "In another terminal:"
    yield ""
    yield from (f"  {line}" for line in export_lines(day.secrets))
    if day.host.url.endswith(f":{PORT}"):
        yield f"  syncer --config {shlex.quote(str(file))} --once"
    else:
        shown = shlex.quote(str(file))
        yield f"  sed 's|http://127.0.0.1:{PORT}|{url}|' {shown} > demo.toml"
        yield "  syncer --config demo.toml --once"
    yield ""
