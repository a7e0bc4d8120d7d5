"""What follows from the figures of `docs/scaling.md`: reads its table of figures, and writes what derives from it.

`python -m tests.benchmarks.scaling.model` mends the page; with `--simulation FILE` it takes in what a simulation found.
No figure stands in here, and nothing that the page derives stands anywhere else.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "scaling.md"
ROW = re.compile(r"^\| `(\w+)` \| ([\d.,]+) \|", re.MULTILINE)
DAY = 86_400  # seconds
Figures = Mapping[str, float]


def figures(page: str) -> dict[str, float]:
    """The figures of the page, by name."""
    return {name: float(value.replace(",", "")) for name, value in ROW.findall(page)}


# --- what one remote carries ----------------------------------------------------------------------------------


def answer_rows(f: Figures) -> float:
    """The rows of the longest list that is read."""
    return f["max_answer"] / f["row_bytes"]


def by_list(f: Figures, days: float) -> float:
    """Orders a day of a portal whose list may hold so many days."""
    return answer_rows(f) / days


def by_calls(f: Figures, calls: float, latency_ms: float) -> float:
    """Orders a day of a remote that gets so many calls for each."""
    return min(f["rate"], f["parallel"] / (latency_ms / 1000)) / calls * DAY


def by_following(f: Figures, rarer: float) -> float:
    """Orders a day of a network that is asked about each, again and again, until it is done."""
    return f["share"] * f["rate"] * f["network_poll_s"] * rarer / f["network_days"]


def remotes(f: Figures) -> list[tuple[str, str, float]]:
    """What each remote's own limits allow: what limits, at which number, and orders a day."""
    deep = f["rescan_days"] + 1
    return [
        ("a portal: calls a second", f"rate = {f['rate']:g}", by_calls(f, f["portal_calls"], 0.001)),
        ("a portal: calls at once, 50 ms each", f"parallel = {f['parallel']:g}", by_parallel(f, 50)),
        ("a portal: calls at once, 500 ms each", f"parallel = {f['parallel']:g}", by_parallel(f, 500)),
        ("a portal: its ordinary list", "3 days just after midnight", by_list(f, 3)),
        ("a portal: its daily deep list", f"{deep:g} days", by_list(f, deep)),
        ("the same, with one order left open for 90 days", "91 days", by_list(f, 91)),
        ("the same, with one left open for a year", "366 days", by_list(f, 366)),
        ("a network: calls for a new order", f"rate = {f['rate']:g}", by_calls(f, f["network_calls"], 0.001)),
        ("a network without events: asking about each", f"every {f['network_poll_s']:g} s", by_following(f, 1)),
        ("a network with events", f"every {f['network_poll_s'] * f['evented']:g} s", by_following(f, f["evented"])),
    ]


def by_parallel(f: Figures, latency_ms: float) -> float:
    """Orders a day of a portal by its calls at once alone."""
    return f["parallel"] / (latency_ms / 1000) / f["portal_calls"] * DAY


# --- what a process and a database carry ----------------------------------------------------------------------


def process(f: Figures) -> float:
    """Orders a day that one process has the processor's time for, polls aside."""
    return f["share"] * DAY * 1000 / f["cpu_ms"]


def portals(f: Figures) -> float:
    """Portals of `listed` rows each that one process can poll."""
    return f["share"] * f["poll_s"] * 1000 / (f["listed"] * f["row_ms"])


def portals_in_memory(f: Figures) -> float:
    """Portals whose last list there is memory for."""
    return f["memory"] / (f["listed"] * f["row_kept_bytes"])


def setups(f: Figures) -> list[tuple[str, str, str]]:
    """Each setup's limits: what, at which number, and why."""
    one, workers = process(f), f["connections"] // f["connections_each"]
    leader = portals(f)
    return [
        (
            "SQLite: processor of the one process",
            orders(one),
            f"{f['cpu_ms']:g} ms an order, {f['share']:.0%} of a core",
        ),
        ("SQLite: portals polled", number(leader), f"{f['listed']:,.0f} listed rows each, every {f['poll_s']:g} s"),
        ("SQLite: portals in memory", number(portals_in_memory(f)), f"{f['memory'] / 1e9:g} GB for last lists"),
        ("SQLite: disk full after a year", orders(_fills(f, f["sqlite_bytes"])), f"{f['disk'] / 1e9:g} GB"),
        (
            "SQLite: written to the disk",
            orders(f["written"] / f["sqlite_written"]),
            f"{f['written'] / 1e12:g} TB a day",
        ),
        ("PostgreSQL: workers", number(workers), f"{f['connections']:g} connections, {f['connections_each']:g} each"),
        ("PostgreSQL: their processors", orders(one * workers), f"{workers:g} workers, a core each"),
        (
            "PostgreSQL: the server's processors",
            orders(_served(f)),
            f"{f['server_ms']:g} ms an order, {f['server_cores']:g} cores",
        ),
        ("PostgreSQL: portals polled", number(leader), "one worker polls them all"),
        ("PostgreSQL: disk full after a year", orders(_fills(f, f["postgresql_bytes"])), f"{f['disk'] / 1e9:g} GB"),
        ("PostgreSQL: its log", orders(f["written"] / f["postgresql_written"]), f"{f['written'] / 1e12:g} TB a day"),
        (
            "partitioned: each part",
            orders(min(one * workers, _served(f))),
            "as one PostgreSQL: the parts share nothing",
        ),
    ]


def _served(f: Figures) -> float:
    return f["share"] * f["server_cores"] * DAY * 1000 / f["server_ms"]


def _fills(f: Figures, each: float) -> float:
    return f["disk"] / (365 * each)


def orders(a_day: float) -> str:
    """Orders a day, for people: two figures, since the measure has no more."""
    return f"{number(a_day)} orders a day"


def number(value: float) -> str:
    """Two significant figures."""
    return f"{float(f'{value:.2g}'):,.0f}"


# --- the page -------------------------------------------------------------------------------------------------


def derived(page: str) -> str:
    """The page with all that derives from its figures."""
    f = figures(page)
    limits = [f"| {what} | {at} | {number(most)} |" for what, at, most in remotes(f)]
    page = _between(page, "remotes", ["| what limits | at | orders a day |", "|---|---|--:|", *limits])
    rows = [f"| {what} | {most} | {why} |" for what, most, why in setups(f)]
    return _between(page, "setups", ["| what limits | most | at |", "|---|--:|---|", *rows])


def simulated(page: str, found: Sequence[Mapping[str, Any]]) -> str:
    """The page with what a simulation found: the costs of each work at the largest store of each database."""
    for kind in ("sqlite", "postgresql"):
        sizes = sorted((one for one in found if one["database"] == kind), key=lambda one: int(one["orders"]))
        if sizes:
            page = _between(page, kind, _costs(sizes[0], sizes[-1]))
    return page


def _costs(small: Mapping[str, Any], large: Mapping[str, Any]) -> Iterable[str]:
    measure = {"sqlite": "instructions", "postgresql": "pages"}[large["database"]]
    yield f"| work | | ms at {large['orders']:,} | {measure} | at {small['orders']:,} | walks through |"
    yield "|---|---|--:|--:|--:|---|"
    for few, many in zip(small["costs"], large["costs"], strict=True):
        walks = ", ".join(f"`{name}`" for name in many["walks"])
        yield (
            f"| {many['name']} | {many['when']} | {many['seconds'] * 1000:,.1f} | {many['work']:,} | "
            f"{few['work']:,} | {walks} |"
        )


def _between(page: str, mark: str, lines: Iterable[str]) -> str:
    found = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    assert found.search(page), mark
    return found.sub(lambda parts: parts[1] + "".join(f"{line}\n" for line in lines) + parts[2], page)


def main(words: Sequence[str]) -> int:
    """Mends the page."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling.model", description=__doc__)
    asked.add_argument("--simulation", type=Path)
    options = asked.parse_args(words)
    page = PAGE.read_text(encoding="utf-8")
    if options.simulation is not None:
        page = simulated(page, json.loads(options.simulation.read_text(encoding="utf-8"))["measured"])
    PAGE.write_text(derived(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
