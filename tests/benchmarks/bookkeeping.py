"""What the ring itself costs for an order: everything but the calls, which remotes in memory answer at once.

Beside it the same number of steps as a workflow of DBOS, which does nothing in them either.
"""

import json
import os
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from syncer import wiring
from syncer.engine import Engine, Summary
from syncer.orders import Absent, Cursor, Done, Found, Intent, Listed, Mentions, Observation, Order, Page, Read, Told
from tests.benchmarks import backlog
from tests.benchmarks.disk import commit, on_disk
from tests.benchmarks.figures import Figure, Taken, turn

MOST = 0.0015  # seconds for an order
LEAST_LESS = 10  # times less than DBOS
STEPS = Path(__file__).with_name("dbos_steps.py")
DETAILS = {
    "head": {"service": "3105", "date": "2031-05-04 12:00:00", "status": "new", "customer": "55012"},
    "order": {"service": "3105", "date": "2031-05-04 12:00:00", "status": "new", "delivery": "asap"},
    "customer": {"id": "55012", "socket": "LT0001B02", "firstname": "Åsa", "surname": "Påhittad"},
    "data": {"phone": "0701740605", "premise": "1203"},
}


class Portal:
    """Lists so many new orders, and takes every status. `steps` counts what it was asked."""

    def __init__(self, orders: int, steps: Counter[str]) -> None:
        self.name = "portal"
        self._rows = tuple(Listed(str(key), "new", "3105", "f", DETAILS["head"]) for key in range(orders))
        self._steps = steps

    def poll(self, cursor: Cursor, oldest_open: Callable[[], object]) -> Page:
        return Page(self._rows, (), Cursor("2031-05-04", "2031-05-04"))

    def read(self, order: Order) -> Observation:
        self._steps["read"] += 1
        return Read("new", "3105", details=DETAILS)

    def perform(self, intent: Intent, order: Order) -> Observation:
        self._steps[intent.payload["status"]] += 1
        return Told(intent.payload["status"])

    def find(self, intent: Intent, order: Order) -> Found | Absent:
        raise AssertionError("nothing is ever uncertain here")


class Network:
    """Has delivered at once whatever it is asked to deliver."""

    def __init__(self, steps: Counter[str]) -> None:
        self.name = "network"
        self._steps = steps

    def poll(self, cursor: Cursor) -> Mentions | None:
        return None

    def read(self, order: Order) -> Observation:
        raise AssertionError("nothing is ever under way here")

    def perform(self, intent: Intent, order: Order) -> Observation:
        self._steps["submit"] += 1
        return Done("o-5001", "DONE_SUCCESS")

    def find(self, intent: Intent, order: Order) -> Found | Absent:
        raise AssertionError("nothing is ever uncertain here")


@contextmanager
def engine(folder: Path, orders: int, steps: Counter[str], *, parallel: int = backlog.AT_ONCE) -> Iterator[Engine]:
    """The program, wired as ever, but to remotes in memory."""
    portal, network = Portal(orders, steps), Network(steps)
    remotes: Any = wiring.Remotes()
    remotes.sources["portal"] = remotes.sinks["portal"] = portal
    remotes.sinks["network"] = remotes.followers["network"] = network
    with (
        patch.object(wiring, "remotes_of", lambda *_, **__: remotes),
        backlog.engine(folder, "http://127.0.0.1:1", parallel=parallel) as one,
    ):
        yield one


def ours(orders: int, parallel: int = backlog.AT_ONCE) -> tuple[Taken, int]:
    """What a pass over so many orders takes, with so many places at each remote, and how many steps an order has."""
    steps: Counter[str] = Counter()
    summaries: list[Summary] = []
    with on_disk() as folder, engine(Path(folder), orders, steps, parallel=parallel) as one:
        taken = turn(lambda: summaries.append(one.run_pass(once=True)))
        delivered = len(one.room.store.orders(state="delivered"))
    assert (summaries[0].ingested, delivered, summaries[0].problems) == (orders, orders, ()), summaries
    assert set(steps.values()) == {orders}, steps
    return taken, len(steps)


# --- beside DBOS ----------------------------------------------------------------------------------------------


def dbos_python() -> Path | None:
    """An interpreter that has DBOS, which is no dependency of ours; None where there is none."""
    named = os.environ.get("SYNCER_DBOS_PYTHON")
    found = Path(named) if named else Path(".venv-dbos/bin/python")
    return found if found.exists() else None


def theirs(python: Path, orders: int, steps: int) -> dict[str, float]:
    """The `seconds` that a workflow of so many steps takes there, and those of the `processor`."""
    with on_disk() as folder:
        words = [python.absolute(), STEPS, folder, orders, steps, backlog.AT_ONCE]
        ran = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    assert found["steps"] == steps, found
    return found


def bookkeeping(orders: int, rounds: int, workflows: int) -> Figure:
    """An order's bookkeeping in milliseconds, and how many times less it is than that of DBOS."""
    python = dbos_python()
    half = "ours, places for half"  # as configured by default: two remotes of four places each, and so eight threads
    took: dict[str, list[float]] = {"ours": [], "ours, of the processor": [], half: []}
    steps = ours(orders)[1]
    for _ in range(rounds):
        taken, _ = ours(orders)
        took["ours"].append(taken.clock / orders)
        took["ours, of the processor"].append(taken.processor / orders)
        took[half].append(ours(orders, backlog.AT_ONCE // 2)[0].clock / orders)
        if python is not None:
            other = theirs(python, workflows, steps)
            took.setdefault("DBOS", []).append(other["seconds"])
            took.setdefault("DBOS, of the processor", []).append(other["processor"])
    with on_disk() as folder:
        took["a bare commit"] = [commit(Path(folder))]
    middle = {name: statistics.median(seconds) for name, seconds in took.items()}
    ratio = middle["DBOS"] / middle["ours"] if "DBOS" in middle else None
    return Figure(
        name=f"bookkeeping of an order of {steps} steps",
        ratio=ratio,
        meaning="DBOS / ours" if ratio is not None else "no DBOS: name its Python as SYNCER_DBOS_PYTHON",
        seconds=middle,
        target=f"at most {MOST * 1000:g} ms, and DBOS at least {LEAST_LESS} times that",
        ok=middle["ours"] <= MOST and (ratio is None or ratio >= LEAST_LESS),
    )
