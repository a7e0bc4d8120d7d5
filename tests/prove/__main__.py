"""The long proof, one command: `python -m tests.prove`, or `make prove`.

Runs cuts and faults, the state machine, the kills and the long watch one after the other (the watch by itself: it
measures whether polls are on time), prints what was tried and what went wrong,
and exits 1 where anything did. What is right or wrong is said in those files, not here.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

from rich.console import Console
from rich.table import Table

RUNS = 100_000  # cuts and faults together
OF_FILES = 0.2  # of the kills have KODE's files on their way
SHARE = 0.7  # of them that are cuts
LONGEST = 3600.0  # seconds that cuts, or faults, may take on a slow machine
Proven = tuple[str, int]  # what was tried, and how many runs of it went wrong


def cut_everywhere(runs: int, seed: int, processes: int) -> Proven:
    """Cuts at every event, and pairs of cuts, until there are so many runs."""
    from tests.prove import cuts

    total = cuts.prove(runs, seed, processes, LONGEST)
    return f"{total}; events: {_counts(total.events)}", len(total.failures)


def fault_everywhere(runs: int, seed: int, processes: int) -> Proven:
    """Each fault at each request, alone and with a cut, until there are so many runs."""
    from tests.prove import faults

    total = faults.prove(runs, seed, processes, LONGEST)
    return f"{total}; faults: {_counts(total.faults)}", len(total.failures)


def cut_the_chain(budget: float, seed: int, processes: int) -> Proven:
    """Agents' orders, from Vitec to KODE and GKS4 and back, and others that are billed: cut for so many seconds."""
    from tests.prove import cuts
    from tests.prove.scenarios import CHAINED

    total = cuts.prove(RUNS, CHAINED + seed, processes, budget)
    return f"{total}; events: {_counts(total.events)}", len(total.failures)


def fault_the_chain(budget: float, seed: int, processes: int) -> Proven:
    """Faults at each of their calls, and in what an agent does, alone and with a cut, for so many seconds."""
    from tests.prove import faults
    from tests.prove.scenarios import CHAINED

    total = faults.prove(RUNS, CHAINED + seed, processes, budget)
    return f"{total}; at: {_counts(total.operations)}", len(total.failures)


def kill_the_chain(kills: int, seed: int, processes: int) -> Proven:
    """`kill -9` of the real program, to whose pages agents come."""
    from tests.prove import chain_kills

    proof = chain_kills.prove(kills, seed, 2 * processes, say=partial(print, flush=True))
    return str(proof), int(not proof.ok)


def search(examples: int, seed: int, processes: int) -> Proven:
    """The Hypothesis state machines, of which one in five is an account at KODE."""
    from tests.prove import kode_machine, machine

    found = machine.prove(examples, seed, processes, machines=(*machine.MACHINES, kode_machine.Account))
    return f"{found.examples} examples, {found.steps} steps", len(found.failures)


def kill(kills: int, seed: int, processes: int) -> Proven:
    """`kill -9` of the real program, beside DBOS where that is installed; a fifth with KODE's files on their way, which
    DBOS has no part in. The figures are printed by it.
    """
    from tests.prove.kills import DBOS_PYTHON

    program = "both" if DBOS_PYTHON.exists() else "syncer"
    if program == "syncer":
        print("DBOS is not installed (make .venv-dbos): kills of syncer alone")
    of_files = round(kills * OF_FILES)
    command = [sys.executable, "-m", "tests.prove.kills", "--seed", str(seed), "--processes", str(2 * processes)]
    ways = ["--kills", str(kills - of_files), "--program", program], ["--kills", str(of_files), "--account"]
    wrong = sum(subprocess.run([*command, *way], check=False).returncode != 0 for way in ways)
    return f"{kills} kills, {of_files} of them with files on their way", wrong


def soak(minutes: float, seed: int) -> Proven:
    """The real service under load for so long. The figures are printed by it."""
    command = [sys.executable, "-m", "tests.prove.soak", "--minutes", str(minutes), "--seed", str(seed)]
    done = subprocess.run(command, check=False)
    return f"{minutes:g} minutes", int(done.returncode != 0)


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(found.items()))


def main() -> int:
    """Exit 1 where anything was lost, doubled, stuck or otherwise wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument(
        "what", nargs="*", help="any part, as cuts, faults, machine, kills, chain-cuts, soak; all without one"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="cuts and faults together")
    parser.add_argument("--examples", type=int, default=2000, help="of the state machine")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--chain-seconds", type=float, default=120.0, help="of the chain's cuts, and of its faults")
    parser.add_argument("--chain-kills", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the soak")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], Proven]] = {
        "cuts": lambda: cut_everywhere(int(chosen.runs * SHARE), chosen.seed, chosen.processes),
        "faults": lambda: fault_everywhere(int(chosen.runs * (1 - SHARE)), chosen.seed, chosen.processes),
        "machine": lambda: search(chosen.examples, chosen.seed, chosen.processes),
        "kills": lambda: kill(chosen.kills, chosen.seed, chosen.processes),
        "chain-cuts": lambda: cut_the_chain(chosen.chain_seconds, chosen.seed, chosen.processes),
        "chain-faults": lambda: fault_the_chain(chosen.chain_seconds, chosen.seed, chosen.processes),
        "chain-kills": lambda: kill_the_chain(chosen.chain_kills, chosen.seed, chosen.processes),
        "soak": lambda: soak(chosen.minutes, chosen.seed),
    }
    unknown = set(chosen.what) - set(parts)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    table, wrong = Table("part", "tried", "wrong", "minutes", box=None, pad_edge=False), 0
    for name, part in parts.items():
        if not chosen.what or name in chosen.what:
            began = time.monotonic()
            tried, failures = part()
            table.add_row(name, tried, str(failures), f"{(time.monotonic() - began) / 60:.1f}")
            wrong += failures
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
