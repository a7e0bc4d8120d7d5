"""Measures each database, small and large, prints a table, and writes scaling.json."""

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir

from rich.console import Console
from rich.table import Table

from tests.benchmarks.scaling.measure import Found, measure, room_for

WRITTEN = Path("scaling.json")
SMALL = 200_000  # orders: enough for PostgreSQL to plan as it does for more
FLAT = 2.0  # times the work that it is among few


def table(small: Found, large: Found) -> Table:
    """The costs for people."""
    measure_of = {"sqlite": "instructions", "postgresql": "pages"}[large.database]
    title = f"{large.database}: {large.orders:,} orders stored, beside {small.orders:,}"
    made = Table("what", "", "ms", measure_of, f"times, of {small.orders:,}", "walks through", title=title, box=None)
    for few, many in zip(small.costs, large.costs, strict=True):
        times = many.work / max(few.work, 1)
        made.add_row(
            many.name, many.when, f"{many.seconds * 1000:.2f}", f"{many.work:,}", f"{times:.1f}", ", ".join(many.walks)
        )
    return made


def about(found: Found) -> str:
    """What it is made of, in a few lines."""
    total = sum(found.bytes.values())
    parts = sorted(found.bytes.items(), key=lambda part: -part[1])[:12]
    lines = [
        f"filled in {found.fill_seconds:.0f} s, one order of {found.story_of} with its story",
        f"{total / 1e9:.2f} GB, {total / found.orders:.0f} bytes an order: "
        + ", ".join(f"{name} {size / found.orders:.0f}" for name, size in parts),
        "rows an order: " + ", ".join(f"{name} {count / found.orders:.2f}" for name, count in found.rows.items()),
        f"written for an order from listed to delivered: {found.written_bytes_per_order:,.0f} bytes",
        f"the server's processor for it: {found.server_seconds_per_order * 1000:.1f} ms",
        ", ".join(f"{name} {seconds:.2f} s" for name, seconds in found.upkeep_seconds.items()),
    ]
    return "\n".join(lines)


def grown(small: Found, large: Found) -> list[str]:
    """The works of each pass and each order whose cost grows with what is stored, which none must."""
    pairs = zip(small.costs, large.costs, strict=True)
    often = [(few, many) for few, many in pairs if many.when in {"each pass", "each order"}]
    return [many.name for few, many in often if many.walks or many.work > FLAT * max(few.work, 1000)]


def main(words: Sequence[str]) -> int:
    """1 where a work of each pass or order costs more among more orders."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling", description=__doc__)
    asked.add_argument("--orders", type=int, default=1_000_000)
    asked.add_argument("--beside", type=int, default=SMALL, help="the smaller store that it is compared with")
    asked.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    asked.add_argument("--json", type=Path, default=WRITTEN)
    options = asked.parse_args(words)
    console, told = Console(width=None if sys.stdout.isatty() else 180), Console(stderr=True)
    story_of = room_for(options.orders, Path(gettempdir()))
    written: list[object] = []
    failed: list[str] = []
    for kind in options.database or ["sqlite", "postgresql"]:
        with told.status(f"measuring {kind}: some minutes") as status:
            small = measure(kind, options.beside, 1, status.update)
            large = measure(kind, options.orders, story_of, status.update)
        console.print(table(small, large))
        console.print(about(large))
        failed += [f"{kind}: {name}" for name in grown(small, large)]
        written += [small.as_json(), large.as_json()]
    where = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    options.json.write_text(json.dumps({**where, "measured": written}, indent=2) + "\n", encoding="utf-8")
    console.print(*(f"grows: {name}" for name in failed), f"written to {options.json}", sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
