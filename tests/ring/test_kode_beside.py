"""Downloads that go on beside the passes: whoever comes and goes, each file is kept whole."""

import errno
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncer import config as conf
from syncer import wiring
from syncer.engine import Engine
from syncer.orders import FileState, State
from syncer.portals import kode as portal
from syncer.simulators.kode.model import File
from syncer.simulators.wire import Request
from syncer.store import Store
from syncer.telemetry import Redactor
from tests.postgres import Server, server
from tests.ring.kode import KodeWorld, assert_files_are_right

PASS = timedelta(seconds=5)


def states(world: KodeWorld, number: str) -> list[FileState]:
    return [file.state for file in world.files(number)]


def fetched(world: KodeWorld) -> Counter[str]:
    return Counter(one["asset"] for one in world.kode.downloads())


def slow(world: KodeWorld, every: float = 0.01) -> None:
    """Files come a few bytes at a time."""
    world.host.fault("drip", "kode", "assets.download", every=every, times=None)


def of(world: KodeWorld, number: str) -> Callable[[Request], bool]:
    """That a request is for a file of an order's."""
    assets = [str(one["asset"]) for one in world.kode.order(int(number))["files"]]
    return lambda request: any(asset in request.path for asset in assets)


def serve(world: KodeWorld, *engines: Engine) -> None:
    for engine in engines:
        engine.run_bounded(["kode"], PASS)
    world.clock.go_on(seconds=5)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pass waits for a download at all."""
    monkeypatch.setattr(portal, "MOMENT", 0.0)


def until(world: KodeWorld, number: str, wanted: list[FileState], *engines: Engine) -> None:
    over = time.monotonic() + 15
    while states(world, number) != wanted:
        assert time.monotonic() < over, states(world, number)
        serve(world, *engines)
        time.sleep(0.02)


def under_way(world: KodeWorld) -> None:
    over = time.monotonic() + 5
    while not world.kode.downloads() and time.monotonic() < over:
        time.sleep(0.01)
    assert world.kode.downloads()


def calm() -> None:
    """Returns once no download is under way."""
    over = time.monotonic() + 15
    while any(one.name == "download" for one in threading.enumerate()):
        assert time.monotonic() < over
        time.sleep(0.02)


@pytest.mark.parametrize("status", ["CANCELLED", "PROGRESS"])
def test_a_new_configuration_while_a_file_comes_leaves_it_whole_or_gone(tmp_path: Path, status: str) -> None:
    with KodeWorld(tmp_path) as world:
        number = world.place(File(size=120), status="PROGRESS")
        slow(world)
        with world.engine() as engine:
            serve(world, engine, engine)
            under_way(world)
            config = conf.load(world.config_file)
            other = wiring.engine_of(config, engine.room.store, Redactor(config.secrets()), now=world.clock)
            engine.stop()
            world.kode.change_status(int(number), status)
            world.name(number)
            wanted = [FileState.GONE if status == "CANCELLED" else FileState.KEPT]
            until(world, number, wanted, other)
            engine.close()
            calm()
            serve(world, other)
            other.stop()
        assert_files_are_right(world)
        assert fetched(world).most_common(1)[0][1] <= 2


@pytest.mark.parametrize("how", ["deleted", "cancelled"])
def test_a_file_that_is_taken_back_while_it_comes_is_not_kept(tmp_path: Path, how: str) -> None:
    with KodeWorld(tmp_path) as world:
        number = world.place(File(size=120), status="PROGRESS")
        slow(world)
        with world.engine() as engine:
            serve(world, engine, engine)
            under_way(world)
            if how == "deleted":
                world.kode.delete_file(world.files(number)[0].asset)
            else:
                world.kode.change_status(int(number), "CANCELLED")
            world.clock.go_on(minutes=2)
            until(world, number, [FileState.GONE], engine)
        assert world.on_disk() == {}


@pytest.fixture(scope="module")
def pg() -> Iterator[Server]:
    with server(durable=False) as started:
        yield started


def test_two_workers_do_not_both_fetch_a_file(tmp_path: Path, pg: Server) -> None:
    with KodeWorld(tmp_path, store=pg) as world:
        number = world.place(File(size=250), status="PROGRESS")
        slow(world)
        config = conf.load(world.config_file)
        with Store.open(world.store_url) as one, Store.open(world.store_url) as other:
            engines = [
                wiring.engine_of(config, store, Redactor(config.secrets()), now=world.clock) for store in (one, other)
            ]
            over = time.monotonic() + 15
            while states(world, number) != [FileState.KEPT] and time.monotonic() < over:
                serve(world, engines[0])
                serve(world, engines[1])
                time.sleep(0.02)
            calm()
            for engine in engines:
                engine.stop()
        assert_files_are_right(world)
        assert fetched(world).most_common(1)[0][1] == 1


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with KodeWorld(tmp_path) as world:
        number = world.place(File(size=200_000), File(size=100), status="PROGRESS")
        write, full = os.write, threading.Event()
        full.set()

        def scarce(where: int, what: bytes) -> int:
            if full.is_set() and len(what) > 10_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(where, what)

        monkeypatch.setattr("syncer.files.part.os.write", scarce)
        with world.engine() as engine:
            for _ in range(5):
                serve(world, engine)
            summary = engine.run_pass(once=True)
            assert "disk is full" in str(summary.problems)
            assert sorted(states(world, number)) == [FileState.KEPT, FileState.WANTED]
            assert_files_are_right(world)
            world.kode.change_status(int(number), "FINISHED")
            world.clock.go_on(minutes=2)
            serve(world, engine)
            assert world.known(number).state is State.DELIVERED
            full.clear()
            world.clock.go_on(minutes=2)
            until(world, number, [FileState.KEPT, FileState.KEPT], engine)
        assert_files_are_right(world)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_the_service_that_is_ended_while_files_come_leaves_them_whole(tmp_path: Path, number: signal.Signals) -> None:
    with KodeWorld(tmp_path, at=None) as world:
        name = world.place(*(File(size=300) for _ in range(6)), status="PROGRESS")
        slow(world, 0.01)
        with world.start("run", "--config", str(world.config_file)) as process:
            under_way(world)
            time.sleep(0.5)
            process.send_signal(number)
            if number == signal.SIGHUP:
                time.sleep(8)
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
        world.host.clear_faults()
        world.once()
        world.clock.go_on(minutes=2)
        world.once()
        assert states(world, name) == [FileState.KEPT] * 6
        assert_files_are_right(world)


def test_two_portals_share_a_folder(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world:
        more = world._settings["more"]
        begin, end = more.index("[portals.kode]"), more.index("[fulfilments.kode_orders]")
        world.configure(more=more + more[begin:end].replace("portals.kode]", "portals.other]"))
        number = world.place(File(), status="PROGRESS")
        with world.reading() as store:
            store.watch("other", [number], world.clock())
        world.once()
        assert len(world.on_disk()) == 2
        world.kode.change_status(int(number), "CANCELLED")
        world.later(minutes=2)
        assert world.on_disk() == {}


def test_many_downloads_leave_no_threads_and_no_open_files(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world, world.engine() as engine:
        number = world.place(File(size=100), status="PROGRESS")
        until(world, number, [FileState.KEPT], engine)
        opened = len(list(Path("/proc/self/fd").iterdir()))
        numbers = [world.place(*(File(size=100) for _ in range(5)), status="PROGRESS") for _ in range(10)]
        for one in numbers:
            until(world, one, [FileState.KEPT] * 5, engine)
        calm()
        assert len(list(Path("/proc/self/fd").iterdir())) <= opened + 30  # lines that are kept, at both ends


def test_one_order_of_large_files_keeps_no_other_s_waiting(tmp_path: Path) -> None:
    with KodeWorld(tmp_path) as world, world.engine() as engine:
        large = world.place(*(File(size=4000) for _ in range(6)), status="PROGRESS")
        world.host.fault("drip", "kode", "assets.download", every=0.01, times=6, where=of(world, large))
        serve(world, engine)
        under_way(world)
        others = [world.place(File(size=100), status="PROGRESS") for _ in range(10)]
        for one in others:
            until(world, one, [FileState.KEPT], engine)
        assert FileState.KEPT not in states(world, large)
        engine.stop()


def test_a_pass_does_not_wait_for_downloads_that_cannot_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "MOMENT", 0.3)
    with KodeWorld(tmp_path) as world, world.engine() as engine:
        slow(world)
        for _ in range(30):
            world.place(File(size=4000), status="PROGRESS")
        serve(world, engine)
        time.sleep(0.5)
        began = time.monotonic()
        serve(world, engine)
        assert time.monotonic() - began < 1.5
        engine.stop()
