"""Runs the benchmarks that are named, or all of them; prints a table, and writes bench.json."""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.backlog import backlog
from tests.benchmarks.bookkeeping import bookkeeping
from tests.benchmarks.chain import chain
from tests.benchmarks.figures import Figure
from tests.benchmarks.files import large, many
from tests.benchmarks.idle import idle
from tests.benchmarks.ingest import ingest
from tests.benchmarks.passes import unchanged
from tests.benchmarks.starts import help_at_once, nothing_to_do
from tests.benchmarks.workers import workers

WRITTEN = Path("bench.json")


def _backlog(*, quick: bool) -> Iterator[Figure]:
    """2,000 orders and more on either side, at each latency, in turns."""
    for latency, orders, rounds in ((0.0, 8, 1), (0.05, 8, 1)) if quick else ((0.0, 1000, 3), (0.05, 500, 4)):
        yield backlog(latency, orders, rounds)


def _bookkeeping(*, quick: bool) -> Iterator[Figure]:
    yield bookkeeping(*((10, 1, 5) if quick else (2000, 5, 400)))


def _chain(*, quick: bool) -> Iterator[Figure]:
    yield chain(*((0.01, 2, 1) if quick else (0.05, 100, 3)))


def _files(*, quick: bool) -> Iterator[Figure]:
    """500 files of 1 MB, and one of 2 GB."""
    yield many(*((2, 3, 100_000, 0.01, 1) if quick else (4, 125, 1_000_000, 0.05, 3)))
    yield large(200_000_000 if quick else 2_000_000_000)


def _idle(*, quick: bool) -> Iterator[Figure]:
    yield from idle((20, 40), 10, 1, 1) if quick else idle()


def _ingest(*, quick: bool) -> Iterator[Figure]:
    yield ingest(*((50, 1) if quick else (100_000, 5)))


def _passes(*, quick: bool) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield unchanged(Path(folder), *((12, 1) if quick else (1000, 60)))


def _starts(*, quick: bool) -> Iterator[Figure]:
    rounds = 1 if quick else 15
    yield help_at_once(rounds)
    with tempfile.TemporaryDirectory() as folder:
        yield nothing_to_do(Path(folder), rounds)


def _workers(*, quick: bool) -> Iterator[Figure]:
    yield from workers((1, 2), 4, 1) if quick else workers((1, 2, 4), 300, 2)


BENCHMARKS: Mapping[str, Callable[..., Iterator[Figure]]] = {
    "backlog": _backlog,
    "bookkeeping": _bookkeeping,
    "chain": _chain,
    "files": _files,
    "idle": _idle,
    "ingest": _ingest,
    "passes": _passes,
    "starts": _starts,
    "workers": _workers,
}


def figures(names: Iterable[str] = BENCHMARKS, *, quick: bool = False) -> Iterator[Figure]:
    """The figures of some benchmarks, one after another. `quick` ones are of few orders, and tell little."""
    for name in names:
        yield from BENCHMARKS[name](quick=quick)


def table(found: list[Figure]) -> Table:
    """The figures for people."""
    made = Table("what", "ratio", "of", "milliseconds, MB (medians)", "target", "", box=None, pad_edge=False)
    for figure in found:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        made.add_row(figure.name, ratio, figure.meaning, _absolute(figure), figure.target, figure.verdict)
    return made


def _absolute(figure: Figure) -> str:
    times = [f"{name} {seconds * 1000:.1f}" for name, seconds in figure.seconds.items()]
    sizes = [f"{name} {size:.0f} MB" for name, size in figure.megabytes.items()]
    return "; ".join(", ".join(part) for part in (times, sizes) if part)


def document(found: list[Figure]) -> str:
    """The figures for programs."""
    where = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    return json.dumps({**where, "figures": [figure.as_json() for figure in found]}, indent=2, ensure_ascii=False)


def main(words: Sequence[str] | None = None) -> int:
    """Prints and writes; a target that isn't met is said, and is no error: the machine may have been busy."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--quick", action="store_true", help="few orders: shows that it works, and little else")
    asked = parser.parse_args(words)
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    console = Console(width=None if sys.stdout.isatty() else 200)
    found: list[Figure] = []
    with Console(stderr=True).status("measuring: a quarter of an hour or so for all") as status:
        for figure in figures(asked.names or BENCHMARKS, quick=asked.quick):
            found.append(figure)
            status.update(f"measured: {figure.name}")
    console.print(table(found))
    WRITTEN.write_text(document(found) + "\n", encoding="utf-8")
    console.print(f"written to {WRITTEN}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
