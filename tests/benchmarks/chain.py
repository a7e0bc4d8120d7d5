"""Agents' orders through the whole chain, against a bare loop that makes the same calls and keeps nothing.

`python -m tests.benchmarks.chain ORDERS SECONDS` is the other end: it prints its address and each order's link as JSON,
and lives until its standard input ends. What is measured begins when the orders are there, and ends when all are given.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from syncer import config as conf
from syncer import wiring
from syncer.remotes.http import Answer, Http
from syncer.simulators.host import Host
from syncer.simulators.kode import KodeSimulator, Script
from syncer.simulators.rest import real_now
from syncer.simulators.xsp import XspSimulator
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.web.agent import Opened
from tests.benchmarks.backlog import AT_ONCE, Call
from tests.benchmarks.disk import on_disk
from tests.benchmarks.figures import Figure, Taken, medians, turn
from tests.benchmarks.logs import logged
from tests.prove.chain_configured import FORM
from tests.prove.chain_outside import Chain
from tests.prove.chain_town import FILES, configure
from tests.prove.kills import KEY

MOST_PASSES = 40
LEAST = 0.6  # of the bare loop's orders per second, at 50 ms
SENT = frozenset({"params", "data", "json", "headers"})  # what of a call goes out
Link = Mapping[str, str]


def serve(orders: int, latency: float) -> None:
    """So many agents' orders; KODE is done with what is placed there at once."""
    chain, kode = Chain(real_now), KodeSimulator(mount="/kode")
    kode.set_script(Script(((0.0, "FINISHED"),), tuple(replace(file, after=0.0) for file in FILES)))
    links = [chain.vitec.place_order() for _ in range(orders)]
    with Host({**chain.mounts, "/kode": kode, "/xsp": XspSimulator(name="tg", api_key=KEY)}) as host:
        host.latency = latency
        print(json.dumps([host.url, links]), flush=True)
        sys.stdin.read()


@contextmanager
def running(orders: int, latency: float) -> Iterator[tuple[str, list[Link]]]:
    """The address of such remotes, and the links of their orders."""
    command = [sys.executable, "-m", "tests.benchmarks.chain", str(orders), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, links = json.loads(process.stdout.readline())
        yield url, links
        process.communicate("")


# --- both sides -----------------------------------------------------------------------------------------------


def ours(url: str, links: list[Link], made: list[Call]) -> Taken:
    """What the program takes; `made` gets its calls."""

    class Noted(Http):
        def _send(self, method: str, url: str, request: dict[str, Any]) -> Answer:
            made.append(Call(method, url, {name: part for name, part in request.items() if part}))
            return super()._send(method, url, request)

        def _begun(self, method: str, url: str, request: dict[str, Any]) -> requests.Response:
            made.append(Call(method, url, {name: part for name, part in request.items() if part}))
            return super()._begun(method, url, request)

    with on_disk() as name:
        folder = Path(name)
        config = conf.load(configure(folder, url, timeout="20s", more=f"parallel = {AT_ONCE}"))
        redactor = Redactor(config.secrets())
        with logged(folder / "log", redactor), Store.open(config.store.url) as store:
            parts = wiring.remotes_of(config, redactor, wire=Noted, store=store, tap=store.tap)
            engine = wiring.engine_of(config, store, redactor, made=parts, workers=AT_ONCE)
            desk = wiring.desks_of(config, parts, store)["vitec"]
            return turn(lambda: _all_of_it(engine, desk, store, links))


def _all_of_it(engine: Any, desk: Any, store: Store, links: list[Link]) -> None:
    def come(link: Link) -> None:
        name = f"vitec:{link['order']}"
        assert desk.exchange(link["customerId"], link["token"]) == Opened(name)
        assert desk.place(name, FORM) is None

    engine.run_pass(once=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(come, links))
    for _ in range(MOST_PASSES):
        engine.run_pass(once=True)
        over = store.orders(portal="vitec", state="delivered")
        if len(over) == len(links) and all(one.given_all for one in over):
            return
    raise AssertionError("not all orders are given")


def bare(made: list[Call], old: str, url: str) -> Taken:
    """What a loop takes that makes the same calls and reads the answers' bodies, and does nothing else."""
    session = requests.Session()
    session.trust_env = False

    def send(call: Call) -> None:
        request = {name: part for name, part in call.request.items() if name in SENT}
        session.request(call.method, call.url.replace(old, url), timeout=20, **request).content  # noqa: B018 - it reads

    def whole() -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(send, made))

    return turn(whole)


# --- the figure -----------------------------------------------------------------------------------------------


def chain(latency: float, orders: int, rounds: int) -> Figure:
    """Orders per second, ours against the bare loop's, each against remotes that have seen nothing yet."""
    took: dict[str, list[Taken]] = {"ours": [], "bare": []}
    calls = 0
    for _ in range(rounds):
        made: list[Call] = []
        with running(orders, latency) as (url, links):
            took["ours"].append(ours(url, links, made))
        with running(orders, latency) as (other, _):
            took["bare"].append(bare(made, url, other))
        calls = len(made)
    ratio = statistics.median(bare.clock / ours.clock for ours, bare in zip(took["ours"], took["bare"], strict=True))
    return Figure(
        name=f"{orders} agents' orders through the chain at {latency * 1000:g} ms",
        ratio=ratio,
        meaning=f"our orders per second / a bare loop's, {AT_ONCE} at once, {calls / orders:.0f} calls each",
        seconds={f"an order, {name}": seconds / orders for name, seconds in medians(took).items()},
        target=f"at least {LEAST:g}",
        ok=ratio >= LEAST,
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]))
