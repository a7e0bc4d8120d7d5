"""Claims about several workers on one PostgreSQL, whose connections are cut and which crashes while they work."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from syncer import config as conf
from syncer import wiring
from syncer.engine import Engine
from syncer.store import Store, StoreError
from syncer.telemetry import Redactor
from tests.postgres import Server, server
from tests.ring.harness import DESK, UNMAPPED, World, assert_nothing_twice
from tests.ring.kinds import SLOW

WORKERS = 3
LEASE = 4.0  # seconds: so that what a worker lost is soon another's
ENDS = frozenset({"delivered", "cancelled"})
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'syncer' AND random() < 0.3"


@contextmanager
def _worker(world: World, url: str) -> Iterator[Engine]:
    config = conf.load(world.config_file)
    with Store.open(url) as store:
        engine = wiring.engine_of(config, store, Redactor(config.secrets()), workers=4)
        store.leases.seconds = LEASE
        yield engine


def _work(world: World, url: str, over: threading.Event, bugs: list[BaseException], seed: int) -> None:
    """Lives of a worker, of a few passes each, until it is over; only the database may fail it."""
    lengths = random.Random(seed)
    while not over.is_set():
        try:
            with _worker(world, url) as engine:
                for _ in range(lengths.randrange(3, 12)):
                    with suppress(StoreError):
                        engine.run_pass(once=True)
        except StoreError:
            time.sleep(0.05)
        except BaseException as bug:  # noqa: BLE001 - told by the test
            bugs.append(bug)
            return


def _harm(pg: Server, chance: random.Random) -> None:
    with suppress(psycopg.OperationalError), pg.admin("postgres") as connection:
        connection.execute(CUT)
    if chance.random() < 0.15:
        pg.crash()
        pg.start()


def _order(world: World, number: int) -> None:
    match number % 5:
        case 0 | 1:
            world.order()
        case 2:
            world.order(SLOW)
        case other:
            world.order(service=DESK if other == 3 else UNMAPPED)


@pytest.mark.parametrize("seed", [1])
def test_workers_whose_database_fails_them_lose_no_order_and_do_nothing_twice(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    bugs: list[BaseException] = []
    with server() as pg:
        url = pg.database()
        with World(tmp_path, at=None, top=f'[store]\nurl = "{url}"') as world:
            world.host.latency = 0.005
            over = threading.Event()
            workers = [
                threading.Thread(target=_work, args=(world, url, over, bugs, seed * WORKERS + number))
                for number in range(WORKERS)
            ]
            for worker in workers:
                worker.start()
            for number in range(40):
                _order(world, number)
                world.network.tick()
                if number % 2:
                    _harm(pg, chance)
                time.sleep(0.1)
            over.set()
            for worker in workers:
                worker.join()
            assert bugs == []
            _go_on(world, url)
            assert_nothing_twice(world)
            _all_at_their_end(url, world)


def _go_on(world: World, url: str) -> None:
    """One more worker, who finds what the others had in hand free after a while."""
    with _worker(world, url) as engine:
        for _ in range(3):
            time.sleep(LEASE / 2)
            world.network.tick()
            engine.run_pass(once=True)


def _all_at_their_end(url: str, world: World) -> None:
    with Store.open(url) as store:
        orders = store.orders()
    assert len(orders) == 40
    for order in orders:
        if order.service == UNMAPPED:
            assert order.park == "route", order
        elif order.service != DESK:
            assert world.portal.status(order.external_id) in ENDS, order
            assert order.state in ENDS, order
            assert order.park is None, order
