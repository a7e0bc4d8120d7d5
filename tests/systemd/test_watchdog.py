"""What hangs is noticed by a real systemd, and mended: calls, workers, the writer's lock, and databases.

The program itself is made to hang, in ways that no time limit of its own can end. Each claim builds on those before it.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import postgres
from tests.postgres import postgres_fixture
from tests.ring.harness import PROGRAM, assert_nothing_twice
from tests.systemd.machine import Machine
from tests.systemd.server import STATE, Server, installed

__all__ = ["postgres_fixture"]

WATCHDOG = 8  # seconds
QUICK = f"""[Service]
WatchdogSec={WATCHDOG}s
RestartSec=100ms
"""
PACKAGES = "/opt/syncer/current/lib/python3.11/site-packages"
# Loaded by each start of the program. A flag says who hangs, and how; whoever takes it hangs, once.
HANG = """
import http.client, os, socket, threading
from sqlalchemy import Engine, event
from syncer.store import connect

connect.BUSY_MS = 1500  # as the watchdog is here, a tenth or so of what it is
FLAG = "/var/lib/syncer/hang"
at = threading.local()
begin, receive = http.client.HTTPConnection.putrequest, socket.socket.recv_into

def never():
    os.read(os.pipe()[0], 1)

def deadlock():
    ours, theirs, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
    def other():
        with theirs:
            both.wait()
            ours.acquire()
    threading.Thread(target=other, daemon=True).start()
    with ours:
        both.wait()
        theirs.acquire()

def hang(where):
    try:
        with open(FLAG) as flag:
            wanted = flag.read().split()
        if wanted[0] != where or not threading.current_thread().name.startswith(tuple(wanted[2:])):
            return
        os.unlink(FLAG)
    except FileNotFoundError:
        return
    {"never": never, "deadlock": deadlock}[wanted[1]]()

def putrequest(self, method, *more, **options):
    at.method = method
    return begin(self, method, *more, **options)

def recv_into(self, *more, **options):
    hang(getattr(at, "method", ""))
    return receive(self, *more, **options)

http.client.HTTPConnection.putrequest, socket.socket.recv_into = putrequest, recv_into
event.listen(Engine, "commit", lambda connection: hang("commit"))
"""
# Another program that holds the writer's place for so many seconds.
HOLD = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
held.execute("BEGIN IMMEDIATE")
open("/srv/held", "w").close()
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def server(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with installed(machine, tmp_path_factory.mktemp("world"), timeout="2s") as found:
        machine.write(f"{PACKAGES}/syncer_hang.py", HANG)
        machine.write(f"{PACKAGES}/syncer_hang.pth", "import syncer_hang\n")
        machine.write("/etc/systemd/system/syncer.service.d/quick.conf", QUICK)
        machine.do("systemctl", "daemon-reload")
        machine.do("systemctl", "start", "syncer")
        found.wait_until_delivered(found.world.order())
        yield found


def restarts(server: Server) -> int:
    return int(server.machine.shows("syncer", "NRestarts"))


@contextmanager
def noticed(server: Server) -> Iterator[None]:
    """Something in the block hangs. It is said where, the watchdog ends it, and the service is started again."""
    before, said = restarts(server), len(server.said("pass.overdue"))
    yield
    server.machine.wait_for(lambda: restarts(server) > before, lambda: "\n".join(server.machine.journal("syncer")[-9:]))
    assert len(server.said("pass.overdue")) > said
    assert any("Watchdog timeout" in line for line in server.machine.journal("syncer"))


def hang(server: Server, where: str, how: str, *threads: str) -> None:
    server.machine.write(f"{STATE}/hang", " ".join((where, how, *threads)), "666")


def mended(server: Server, *numbers: str) -> None:
    assert server.machine.run("test", "-e", f"{STATE}/hang").returncode != 0, "nothing has hung"
    server.wait_until_delivered(*numbers)
    assert_nothing_twice(server.world)


def a_list_that_never_comes(server: Server) -> None:
    with noticed(server):
        hang(server, "GET", "never", "read ")
        number = server.world.order()
    mended(server, number)


def an_order_s_call_that_never_returns_is_looked_up_and_not_made_again(server: Server) -> None:
    with noticed(server):
        hang(server, "POST", "never", "passes", "order")
        numbers = [server.world.order() for _ in range(3)]
    mended(server, *numbers)


def workers_that_wait_for_each_other(server: Server) -> None:
    with noticed(server):
        hang(server, "GET", "deadlock", "passes", "order")
        numbers = [server.world.order(), server.world.order(service=PROGRAM)]
    mended(server, *numbers)


def a_worker_that_keeps_the_writer_s_place(server: Server) -> None:
    with noticed(server):
        hang(server, "commit", "never", "passes", "order", "read ")
        numbers = [server.world.order() for _ in range(3)]
    mended(server, *numbers)


def another_program_that_keeps_the_writer_s_place_is_named_and_all_goes_on_when_it_ends(server: Server) -> None:
    before = restarts(server)
    hold = f"python3 -c '{HOLD}' {STATE}/syncer.db {1.5 * WATCHDOG} >/dev/null 2>&1 &"
    server.machine.do("sh", "-c", hold)
    server.machine.wait_for(lambda: server.machine.run("test", "-e", "/srv/held").returncode == 0)
    number = server.world.order()
    server.machine.wait_for(lambda: any("end that program" in line["cause"] for line in server.said("pass.failed")))
    mended(server, number)
    assert restarts(server) == before  # which would mend nothing


@contextmanager
def stopped(database: postgres.Server) -> Iterator[None]:
    """Every process of the server stands still: a query never returns, a connection is never made."""
    assert database.pid is not None
    children = Path(f"/proc/{database.pid}/task/{database.pid}/children").read_text(encoding="ascii").split()
    still = [database.pid, *map(int, children)]
    try:
        for process in still:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in still:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def a_database_server_that_stands_still(server: Server, database: postgres.Server) -> None:
    server.world.configure(store=f'[store]\nurl = "{database.database()}"')
    server.configure()
    server.machine.do("systemctl", "restart", "syncer")
    server.wait_until_delivered(server.world.order())
    with noticed(server), stopped(database):
        number = server.world.order()
        before = restarts(server)
        server.machine.wait_for(lambda: restarts(server) > before)
        time.sleep(2)  # it is started while the server stands still, too
    mended(server, number)


CLAIMS = (
    a_list_that_never_comes,
    an_order_s_call_that_never_returns_is_looked_up_and_not_made_again,
    workers_that_wait_for_each_other,
    a_worker_that_keeps_the_writer_s_place,
    another_program_that_keeps_the_writer_s_place_is_named_and_all_goes_on_when_it_ends,
)


def test_what_hangs_is_noticed_and_mended_with_nothing_lost_and_nothing_done_twice(
    server: Server, postgres: postgres.Server
) -> None:
    """One test, so that one process asks the one machine, in this order."""
    for claim in CLAIMS:
        print(claim.__name__.replace("_", " "))
        claim(server)
    print("a database server that stands still")
    a_database_server_that_stands_still(server, postgres)
