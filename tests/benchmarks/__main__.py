"""Runs every benchmark, prints a table, and writes bench.json."""

import json
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import Figure
from tests.benchmarks.passes import unchanged
from tests.benchmarks.starts import help_at_once, nothing_to_do

WRITTEN = Path("bench.json")


def figures(*, orders: int = 1000, rounds: int = 60, starts: int = 15) -> Iterator[Figure]:
    """Every figure, one after another."""
    with tempfile.TemporaryDirectory() as folder:
        yield unchanged(Path(folder), orders, rounds)
    yield help_at_once(starts)
    with tempfile.TemporaryDirectory() as folder:
        yield nothing_to_do(Path(folder), starts)


def table(found: list[Figure]) -> Table:
    """The figures for people."""
    made = Table("what", "ratio", "of", "milliseconds (medians)", "target", "", box=None, pad_edge=False)
    for figure in found:
        absolute = ", ".join(f"{name} {seconds * 1000:.1f}" for name, seconds in figure.seconds.items())
        made.add_row(figure.name, f"{figure.ratio:.2f}", figure.meaning, absolute, figure.target, figure.verdict)
    return made


def document(found: list[Figure]) -> str:
    """The figures for programs."""
    where = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    return json.dumps({**where, "figures": [figure.as_json() for figure in found]}, indent=2, ensure_ascii=False)


def main() -> int:
    """Prints and writes; a target that isn't met is said, and is no error: the machine may have been busy."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    with Console(stderr=True).status("measuring: a minute or so"):
        found = list(figures())
    console.print(table(found))
    WRITTEN.write_text(document(found) + "\n", encoding="utf-8")
    console.print(f"written to {WRITTEN}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
