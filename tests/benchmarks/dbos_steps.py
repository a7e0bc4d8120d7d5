"""Workflows of DBOS on SQLite whose steps do nothing; run by an interpreter that has DBOS, and imports nothing of ours.

`PYTHON dbos_steps.py FOLDER WORKFLOWS STEPS AT_ONCE` prints, as JSON, the `seconds` that one workflow takes, and
those of the `processor`.
"""

import importlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def measure(folder: Path, workflows: int, steps: int, at_once: int) -> dict[str, Any]:
    """Runs them as the documentation begins one that must not run twice: under the order's name."""
    dbos = importlib.import_module("dbos")
    database = f"sqlite:///{folder / 'dbos.sqlite'}"
    dbos.DBOS(config={"name": "steps", "system_database_url": database, "log_level": "ERROR"})
    step = dbos.DBOS.step()(_nothing)

    def order() -> int:
        return sum(step() for _ in range(steps))

    workflow = dbos.DBOS.workflow()(order)
    dbos.DBOS.launch()

    def work(name: str) -> int:
        with dbos.SetWorkflowID(name):
            return int(workflow())

    with ThreadPoolExecutor(at_once) as pool:
        assert list(pool.map(work, ["a", "b"])) == [steps, steps]  # so that what is made once isn't counted
        clock, processor = time.perf_counter(), time.process_time()
        done = list(pool.map(work, map(str, range(workflows))))
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
    recorded = len(dbos.DBOS.list_workflow_steps("0"))
    dbos.DBOS.destroy()
    assert done == [steps] * workflows
    assert recorded == steps
    return {"seconds": clock / workflows, "processor": processor / workflows, "steps": recorded}


def _nothing() -> int:
    return 1


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
