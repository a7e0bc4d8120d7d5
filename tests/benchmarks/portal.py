"""A simulated portal in a process of its own, so that its work is not taken for ours.

`python -m tests.benchmarks.portal N` prints its address, and lives until its standard input ends.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from syncer.simulators.host import Host
from syncer.simulators.xsp import XspSimulator

API_USER, API_KEY = "1234", "an-invented-key"
MOUNT, PATH = "/xsp", "/plain/serviceguide_log"
ONE_IN = 10  # orders that are still open; all others are over


def serve(orders: int) -> None:
    """Lists so many orders, of which the open ones are for a person, until standard input ends."""
    portal = XspSimulator(api_user=API_USER, api_key=API_KEY)
    for number in range(orders):
        portal.add_order(service="3200", status="new" if number % ONE_IN == 0 else "delivered")
    with Host({MOUNT: portal}) as host:
        print(host.url_of(MOUNT) + PATH, flush=True)
        sys.stdin.read()


@contextmanager
def running(orders: int) -> Iterator[str]:
    """The address of a portal that lists so many orders."""
    command = [sys.executable, "-m", "tests.benchmarks.portal", str(orders)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
