"""One, two and four `syncer run` on one PostgreSQL, with remotes that take their time: orders per second.

All wait, connected, when the orders come. The clock is the remotes' own, from the first call about an order to the
last.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import lean
from tests.benchmarks.backlog import configured
from tests.benchmarks.figures import Figure
from tests.postgres import NotInstalled, Server, programs, server

LATENCY = 0.05  # seconds
PARALLEL = 4  # calls under way at each remote for each worker: the configuration's own number
LEAST = 1.8  # times one worker's orders per second, with two
STATUSES = ("received", "active", "delivered")  # that the portal is told of each order
PATIENCE = 300.0  # seconds for all orders of a turn


def workers(numbers: Sequence[int], orders: int, rounds: int) -> Iterator[Figure]:
    """Orders per second of so many workers, `orders` for each of them, in turns; two against one."""
    try:
        programs()
    except NotInstalled as why:
        yield Figure("several workers on PostgreSQL", None, str(why))
        return
    took: dict[int, list[float]] = {number: [] for number in numbers}
    with server() as pg:
        for turn in range(rounds):
            for number in sorted(numbers, reverse=bool(turn % 2)):
                took[number].append(_together(pg, number, orders * number))
    best = {number: min(seconds) for number, seconds in took.items()}
    yield from (_against_one(best, number) for number in numbers if number > 1)


def _against_one(best: dict[int, float], number: int) -> Figure:
    ratio = best[1] / best[number]
    return Figure(
        name=f"{number} workers on PostgreSQL at {LATENCY * 1000:g} ms",
        ratio=ratio,
        meaning=f"orders per second of {number} workers / of one",
        seconds={f"an order, {one} worker{'s' if one > 1 else ''}": best[one] for one in (1, number)},
        target=f"at least {LEAST:g}" if number == 2 else "",
        ok=ratio >= LEAST if number == 2 else None,
    )


def _together(pg: Server, number: int, orders: int) -> float:
    """The seconds for an order."""
    url = pg.database()
    with TemporaryDirectory() as name, lean.running(orders, LATENCY) as remotes, ExitStack() as stack:
        lean.tally(remotes, lean.HIDE)
        logs = [stack.enter_context(_worker(Path(name, str(one)), remotes, url)) for one in range(number)]
        _until(lambda: all('"service.started"' in log.read_text() for log in logs), logs)
        _until(lambda: lean.tally(remotes)["calls"].get("orders", 0) > 0, logs)
        lean.tally(remotes, lean.SHOW)
        _until(lambda: lean.tally(remotes)["statuses"] == {"delivered": orders}, logs)
        told = lean.tally(remotes)
    pg.drop(url)
    assert told["placed"] == orders, told
    written = (told["calls"]["set_status"], told["calls"]["POST orders"])
    assert written == (orders * len(STATUSES), orders), told  # nothing twice
    return float(told["seconds"]) / orders


@contextmanager
def _worker(folder: Path, remotes: str, url: str) -> Iterator[Path]:
    """A `syncer run`, as on a machine of its own; its log."""
    folder.mkdir()
    more = f'[store]\nurl = "{url}"\n'
    config = configured(folder, remotes, parallel=PARALLEL, more=more, poll_every="1s")
    log = folder / "log"
    with log.open("w") as stream:
        command = [sys.executable, "-m", "syncer", "--config", str(config.path), "run"]
        with subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT) as process:
            try:
                yield log
            finally:
                process.terminate()
    assert process.returncode == 0, log.read_text()[-2000:]


def _until(so: Callable[[], bool], logs: list[Path]) -> None:
    until = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > until:
            raise TimeoutError("\n".join(log.read_text()[-2000:] for log in logs))
        time.sleep(0.2)
