"""How long commands take to start, against a Python that does nothing, or nothing but imports."""

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.figures import Figure, medians, take_turns
from tests.benchmarks.passes import configured
from tests.benchmarks.portal import running

MOST_MORE = 0.1  # seconds
MOST_TIMES = 1.15  # the imports
PACKAGES = "apscheduler, requests, sqlmodel, structlog"


def run(*arguments: str) -> None:
    """Runs Python to its end; any exit code but 0 is an error."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def help_at_once(rounds: int) -> Figure:
    """`syncer --help` against a Python that does nothing."""
    works = {"--help": lambda: run("-m", "syncer", "--help"), "nothing": lambda: run("-c", "pass")}
    middle = medians(take_turns(works, rounds))
    return Figure(
        name="syncer --help",
        ratio=middle["--help"] / middle["nothing"],
        meaning="--help / python -c pass",
        seconds=middle,
        target=f"at most twice that, and {MOST_MORE * 1000:g} ms",
        ok=middle["--help"] <= 2 * middle["nothing"] + MOST_MORE,
    )


def nothing_to_do(folder: Path, rounds: int) -> Figure:
    """`syncer --once` at a portal without orders, against the imports of the four packages that it is built on."""
    with running(0) as url:
        file = str(configured(folder, url).path)
        works = {
            "--once": lambda: run("-m", "syncer", "--config", file, "--once"),
            "imports": lambda: run("-c", f"import {PACKAGES}"),
        }
        middle = medians(take_turns(works, rounds))
    ratio = middle["--once"] / middle["imports"]
    return Figure(
        name="syncer --once, nothing to do",
        ratio=ratio,
        meaning=f"--once / import {PACKAGES}",
        seconds=middle,
        target=f"at most {MOST_TIMES:g}",
        ok=ratio <= MOST_TIMES,
    )
