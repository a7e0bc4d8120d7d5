"""A simulated KODE in a process of its own, with orders whose files are there already.

`python -m tests.benchmarks.account ORDERS EACH SIZE LATENCY` prints its address and the orders' numbers, and lives
until its standard input ends.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from syncer.simulators.host import Host
from syncer.simulators.kode import File, KodeSimulator


def serve(orders: int, each: int, size: int, latency: float) -> None:
    """So many orders of so many files, each of `size` bytes; an answer begins after so many seconds."""
    account = KodeSimulator(mount="/kode")
    numbers = [account.add_order(status="FINISHED") for _ in range(orders)]
    for number in numbers:
        for _ in range(each):
            account.add_file(number, File(size=size, on="order"))
    with Host({"/kode": account}) as host:
        host.latency = latency
        print(host.url, *numbers, flush=True)
        sys.stdin.read()


@contextmanager
def running(orders: int, each: int, size: int, latency: float) -> Iterator[tuple[str, list[str]]]:
    """The address of such a KODE, and its orders' numbers."""
    command = [sys.executable, "-m", "tests.benchmarks.account", *map(str, (orders, each, size, latency))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, *numbers = process.stdout.readline().split()
        yield url, numbers
        process.communicate("")


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
