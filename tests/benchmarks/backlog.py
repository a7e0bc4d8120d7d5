"""A backlog of orders, taken from new to delivered, against a bare loop that makes the same calls and keeps nothing.

The calls are not written down here: they are what the program was seen to make for one order.
"""

import statistics
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from syncer.config import Config, load
from syncer.engine import Engine, Summary
from syncer.remotes.http import Answer, Http
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.wiring import Wire, engine_of
from tests.benchmarks import lean
from tests.benchmarks.disk import on_disk
from tests.benchmarks.figures import Figure, Taken, medians, turn
from tests.benchmarks.logs import logged

AT_ONCE = 8  # orders worked on, and so calls under way, on either side
LEAST = {0.0: 0.6, 0.05: 0.95}  # of the bare loop's orders per second, by latency in seconds
# Both remotes take all of them: most of an order's calls go to the portal, so that half of them each would be less.
CONFIGURATION = """
{more}
[portals.portal]
kind = "xsp"
url = "{portal}"
api_user = {user}
api_key = {{ file = "xsp.secret" }}
poll_every = "{poll_every}"
parallel = {parallel}
rate = 1000
max_answer = "64MB"

[fulfilments.network]
kind = "on_api"
url = "{network}"
username = "sp"
password = {{ file = "network.secret" }}
parallel = {parallel}
rate = 1000

[[routes]]
portal = "portal"
match = {{ service = "3105" }}
fulfilment = "network"
service = "FIBER-250-250"
"""


def configured(folder: Path, url: str, *, parallel: int = AT_ONCE, more: str = "", poll_every: str = "2m") -> Config:
    """A configuration for those remotes, with its store in the folder unless `more` has another."""
    for name, text in {"xsp.secret": lean.API_KEY, "network.secret": lean.PASSWORD}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    file = folder / "syncer.toml"
    portal, network = url + lean.PORTAL, url + lean.NETWORK
    gaps = {"parallel": parallel, "more": more, "poll_every": poll_every}
    file.write_text(CONFIGURATION.format(portal=portal, network=network, user=lean.API_USER, **gaps))
    return load(file)


@contextmanager
def engine(
    folder: Path, url: str, *, wire: Wire = Http, at_once: int = AT_ONCE, parallel: int = AT_ONCE
) -> Iterator[Engine]:
    """The program over those remotes, of which each takes `parallel` calls, with its store and its log on the disk."""
    config = configured(folder, url, parallel=parallel)
    redactor = Redactor(config.secrets())
    with logged(folder / "log", redactor), Store.open(config.store.url) as store:
        yield engine_of(config, store, redactor, wire=wire, workers=at_once)


# --- the calls ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it went out. Of an order's, its number and its customer's are left open."""

    method: str
    url: str
    request: Mapping[str, Any]

    def about(self, gaps: Mapping[str, str]) -> "Call":
        """The same call with some texts for others."""
        return Call(self.method, _filled(self.url, gaps), _filled(self.request, gaps))


def _filled(value: Any, gaps: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(part, gaps) for name, part in value.items()}
    if not isinstance(value, str):
        return value
    for gap, text in gaps.items():
        value = value.replace(gap, text)
    return value


@dataclass(frozen=True, slots=True)
class Calls:
    """What the program calls once for all orders, before them, and for each one, in order."""

    first: tuple[Call, ...]
    each: tuple[Call, ...]


def seen() -> Calls:
    """The calls that the program makes. Two orders are enough to tell those for each from those for all."""
    made: list[Call] = []

    class Noted(Http):
        def __init__(self, *args: Any, auth: tuple[str, str] | None = None, **kwargs: Any) -> None:
            super().__init__(*args, auth=auth, **kwargs)
            self._given = {"auth": auth} if auth else {}

        def _send(self, method: str, url: str, request: dict[str, Any]) -> Answer:
            made.append(Call(method, url, self._given | {name: part for name, part in request.items() if part}))
            return super()._send(method, url, request)

    with (
        TemporaryDirectory() as folder,
        lean.running(2) as url,
        engine(Path(folder), url, wire=Noted, at_once=1) as one,
    ):
        summary = one.run_pass(once=True)
    assert (summary.advanced, summary.parked, summary.problems) == (2, 0, ()), summary
    made = [call.about({url: "{url}"}) for call in made]
    keys = [str(lean.FIRST), str(lean.FIRST + 1)]
    each = [[open_ for call in made if (open_ := call.about(_gaps(key))) != call] for key in keys]
    assert each[0] == each[1], "the orders were not treated alike"
    return Calls(tuple(call for call in made if all(call.about(_gaps(key)) == call for key in keys)), tuple(each[0]))


def _gaps(key: str) -> dict[str, str]:
    return {key: "{order}", str(int(key) - lean.BEHIND): "{customer}"}


def _of_order(key: str) -> dict[str, str]:
    return {gap: text for text, gap in _gaps(key).items()}


# --- both sides -----------------------------------------------------------------------------------------------


def bare(url: str, calls: Calls, orders: int) -> Taken:
    """What a loop takes that makes the same calls and reads the answers' bodies, and does nothing else."""
    local = threading.local()
    here = {"{url}": url}

    def send(call: Call) -> None:
        session = getattr(local, "session", None)
        if session is None:
            session = local.session = requests.Session()
            session.trust_env = False
        session.request(call.method, call.url, timeout=20, **call.request).content  # noqa: B018 - it reads the body

    def work(written: list[Call]) -> None:
        for call in written:
            send(call)

    keys = [str(lean.FIRST + number) for number in range(orders)]
    first = [call.about(here) for call in calls.first]
    each = [[call.about(_of_order(key) | here) for call in calls.each] for key in keys]

    def whole() -> None:
        work(first)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(work, each))

    return turn(whole)


def ours(url: str, orders: int) -> Taken:
    """What a pass of the program takes."""
    summaries: list[Summary] = []
    with on_disk() as folder, engine(Path(folder), url) as one:
        taken = turn(lambda: summaries.append(one.run_pass(once=True)))
        delivered = len(one.room.store.orders(state="delivered"))
    assert (summaries[0].ingested, delivered, summaries[0].problems) == (orders, orders, ()), summaries
    return taken


# --- the figure -----------------------------------------------------------------------------------------------


def backlog(latency: float, orders: int, rounds: int) -> Figure:
    """Orders per second, ours against the bare loop's, in turns, each against remotes that have seen nothing yet."""
    calls = seen()
    sides: Mapping[str, Callable[[str], Taken]] = {
        "ours": lambda url: ours(url, orders),
        "bare": lambda url: bare(url, calls, orders),
    }
    took: dict[str, list[Taken]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sorted(sides, reverse=bool(number % 2)):
            with lean.running(orders, latency) as url:
                took[name].append(sides[name](url))
                _check(lean.tally(url), calls, orders)
    ratio = statistics.median(bare.clock / ours.clock for ours, bare in zip(took["ours"], took["bare"], strict=True))
    processor = {name: statistics.median(taken.processor for taken in turns) for name, turns in took.items()}
    return Figure(
        name=f"a backlog of {orders} orders at {latency * 1000:g} ms",
        ratio=ratio,
        meaning=f"our orders per second / a bare loop's, {AT_ONCE} at once, {len(calls.each)} calls each",
        seconds={f"an order, {name}": seconds / orders for name, seconds in medians(took).items()}
        | {f"an order, {name}, of the processor": seconds / orders for name, seconds in processor.items()},
        target=f"at least {LEAST[latency]:g}" if latency in LEAST else "",
        ok=ratio >= LEAST[latency] if latency in LEAST else None,
    )


def _check(told: Mapping[str, Any], calls: Calls, orders: int) -> None:
    """Each order was delivered, by exactly its calls."""
    assert told["statuses"] == {"delivered": orders}, told
    assert told["placed"] == orders, told
    # What is asked once for all may be asked by each thread that is the first to need it.
    assert 0 <= sum(told["calls"].values()) - len(calls.each) * orders - len(calls.first) < AT_ONCE, told
