"""One long listing: what it costs to have its orders stored, against parsing it and no more.

Both get the same bytes, from a wire that leads nowhere, in a process of its own each.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from syncer.engine import Engine
from syncer.remotes.http import Answer, Http, Limits
from syncer.remotes.xsp import Xsp
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.wiring import engine_of
from tests.benchmarks import lean
from tests.benchmarks.backlog import configured
from tests.benchmarks.disk import on_disk
from tests.benchmarks.figures import Figure
from tests.benchmarks.fresh import peak, ran
from tests.benchmarks.logs import logged

MOST_MORE = 1.5
NOWHERE = "http://127.0.0.1:1"


def written(file: Path, orders: int) -> None:
    """A listing of so many new orders."""
    file.write_bytes(lean.document("orders", lean.Remotes(orders).listing()))


def _wire(listing: bytes) -> type[Http]:
    class Canned(Http):
        def _send(self, method: str, url: str, request: dict[str, Any]) -> Answer:
            asked = request["params"]["method"]
            body = listing if asked == "orders" else lean.document(asked, lean.LOGIN)
            return Answer(200, body, {"content-type": "application/xml"})

    return Canned


def parsed(file: Path, orders: int) -> dict[str, float]:
    """The seconds that the client takes to read a listing, and the memory before."""
    wire = _wire(file.read_bytes())
    client = Xsp(wire("portal", Limits()), NOWHERE, lean.API_USER, lean.API_KEY)
    before, began = peak(), time.perf_counter()
    assert len(client.orders(datetime.now(UTC).date())) == orders
    return {"seconds": time.perf_counter() - began, "before": before}


def ingested(file: Path, orders: int) -> dict[str, float]:
    """The seconds that a pass takes until all of a listing is stored, and the memory before."""
    ended: list[float] = []
    with on_disk() as folder, _engine(Path(folder), _wire(file.read_bytes()), ended) as one:
        before, began = peak(), time.perf_counter()
        summary = one.run_pass(once=True)
        assert (summary.ingested, summary.problems) == (orders, ()), summary
        return {"seconds": ended[0] - began, "before": before, "most": ended[1]}


@contextmanager
def _engine(folder: Path, wire: type[Http], ended: list[float]) -> Iterator[Engine]:
    """The program, which stops as soon as the portal's cursor is stored: it goes with the last of the orders."""
    config = configured(folder, NOWHERE)
    redactor = Redactor(config.secrets())

    def tap(place: str) -> None:
        if place == "commit.after" and not ended and store.cursor("portal").last_poll_at is not None:
            ended.extend((time.perf_counter(), peak()))
            one.stop()

    with logged(folder / "log", redactor), Store.open(config.store.url, tap=tap) as store:
        one = engine_of(config, store, redactor, wire=wire)
        yield one


def ingest(orders: int, rounds: int) -> Figure:
    """The time of both, in turns, and the most memory that each had, above what it had when it began."""
    took: dict[str, list[dict[str, float]]] = {"ingest": [], "parse": []}
    with TemporaryDirectory() as folder:
        file = Path(folder, "orders.xml")
        written(file, orders)
        for number in range(rounds):
            for name in sorted(took, reverse=bool(number % 2)):
                took[name].append(ran(name, file, orders))
        size = file.stat().st_size / 1e6
    pairs = zip(took["ingest"], took["parse"], strict=True)
    ratio = statistics.median(ours["seconds"] / bare["seconds"] for ours, bare in pairs)
    middle = {name: statistics.median(one["seconds"] for one in found) for name, found in took.items()}
    most = {name: max(one.get("most", one["megabytes"]) for one in found) for name, found in took.items()}
    return Figure(
        name=f"ingest of one listing of {orders:,} orders",
        ratio=ratio,
        meaning="until all are stored / parsing alone",
        seconds=middle,
        megabytes={**most, "before": took["ingest"][0]["before"], "the listing": size},
        target=f"at most {MOST_MORE:g}",
        ok=ratio <= MOST_MORE,
    )
