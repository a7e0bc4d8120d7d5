"""One piece of work in a process of its own, which prints how long it took and the most memory that it ever had.

`python -m tests.benchmarks.fresh WORK …` is how; `ran` runs it. Nothing is imported here but what the work needs: what
is loaded counts.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any


def peak() -> float:
    """The most memory that this process has had, in MB.

    `getrusage` would tell the most of the one that started it, where that was more.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def once(config: str) -> dict[str, float]:
    """`syncer --once`, from the first import of ours."""
    began = time.perf_counter()
    from syncer.cli import main

    assert main(["--config", config, "--once", "--json"]) == 0
    return {"seconds": time.perf_counter() - began}


def idle(config: str, orders: str) -> dict[str, float]:
    """A pass that finds nothing new in a list of so many orders."""
    from tests.benchmarks.idle import engine, nothing_new

    with engine(Path(config)) as one:
        began = time.perf_counter()
        nothing_new(one, int(orders))
        return {"seconds": time.perf_counter() - began}


def parse(listing: str, orders: str) -> dict[str, float]:
    """The client's reading of a listing."""
    from tests.benchmarks.ingest import parsed

    return parsed(Path(listing), int(orders))


def ingest(listing: str, orders: str) -> dict[str, float]:
    """Everything that a pass does with a listing until its orders are stored."""
    from tests.benchmarks.ingest import ingested

    return ingested(Path(listing), int(orders))


def files(folder: str, url: str, numbers: str, size: str) -> dict[str, float]:
    """A pass that fetches the files of some orders, so many bytes in all."""
    from tests.benchmarks.files import ours

    return ours(Path(folder), url, numbers.split(","), int(size))


def bare_files(folder: str, url: str, numbers: str, size: str, *, sync: bool = False) -> dict[str, float]:
    """A bare loop that fetches the same."""
    from tests.benchmarks.files import bare

    return bare(Path(folder), url, numbers.split(","), int(size), sync=sync)


WORKS: dict[str, Callable[..., dict[str, float]]] = {
    "once": once,
    "idle": idle,
    "parse": parse,
    "ingest": ingest,
    "files": files,
    "bare_files": bare_files,
    "synced_files": partial(bare_files, sync=True),
}


def ran(work: str, *words: object) -> dict[str, Any]:
    """What a process says that has done a work: `seconds`, `megabytes`, and `whole`, its whole life in seconds."""
    command = [sys.executable, "-m", "tests.benchmarks.fresh", work, *map(str, words)]
    began = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    whole = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"whole": whole}


if __name__ == "__main__":
    print(json.dumps({**WORKS[sys.argv[1]](*sys.argv[2:]), "megabytes": peak()}))
