"""No more file descriptors, threads or memory: said, survived, and nothing is lost or done twice."""

import resource
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.errors import Unavailable
from syncer.remotes import http
from syncer.simulators.host import Fault
from tests.hostile.impostor import Impostor, Manner
from tests.hostile.machine import OFTEN, At, assert_all_end_well, assert_delivered, ended, service, started
from tests.ring.harness import World

Process = subprocess.Popen[str]
LOOKS = 4  # at a plain order in its portal: when it is new, and before each status


def no_more_files(process: Process) -> None:
    """From now on it can open nothing."""
    numbers = [int(entry.name) for entry in Path(f"/proc/{process.pid}/fd").iterdir()]
    lowest_free = next(number for number in range(len(numbers) + 1) if number not in numbers)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (lowest_free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def no_more_threads(process: Process) -> None:
    """From now on no new thread finds room for its stack, while small things do for their own."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text(encoding="utf-8").split()[0])
    room = pages * resource.getpagesize() + 4_000_000
    resource.prlimit(process.pid, resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))


def as_before(process: Process) -> None:
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS):
        resource.prlimit(process.pid, what, resource.getrlimit(what))


EACH = pytest.mark.parametrize("shortage", [no_more_files, no_more_threads])


@pytest.mark.parametrize(
    ("shortage", "number"),
    [
        *((no_more_files, number) for number in (0, 2, 7)),
        *((no_more_threads, number) for number in (0, 2, 7)),
    ],
)
def test_a_shortage_in_the_middle_of_a_pass_is_no_traceback_and_the_next_life_goes_on(
    tmp_path: Path, shortage: Callable[[Process], None], number: int
) -> None:
    with World(tmp_path, at=None) as world:
        orders = [world.order() for _ in range(3)]
        world.host.latency = 0.02
        with started(world, "--once") as process:
            moment = At(world, number, lambda: shortage(process))
            code, _, err = ended(process)
        assert moment.done.is_set()
        world.host.latency = 0.0
        assert (code in {0, 1}, "Traceback" in err) == (True, False), (code, err)
        assert_all_end_well(world, *orders)


@pytest.mark.parametrize("files", [6, 10, 14, 18])
def test_too_few_files_from_the_start_are_no_traceback_and_the_next_life_goes_on(tmp_path: Path, files: int) -> None:
    with World(tmp_path, at=None) as world:
        orders = [world.order() for _ in range(3)]
        with started(world, "--once", before=["prlimit", f"--nofile={files}"]) as process:
            code, _, err = ended(process)
        assert (code in {0, 1}, "Traceback" in err) == (True, False), (code, err)
        assert_all_end_well(world, *orders)


def test_the_first_call_that_fails_has_nothing_loaded_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(tmp_path, at=None) as world:
        number = world.order()
        world.host.fault(Fault.RESET_BEFORE, "nordnet", times=None)
        with world.engine() as engine:
            monkeypatch.setitem(sys.modules, "tenacity", None)
            engine.run_pass(sources=["tg"])
        assert world.orders()[number].park is None


@EACH
def test_a_service_says_a_shortage_or_works_in_spite_of_it_and_goes_on_by_itself_when_it_is_over(
    tmp_path: Path, shortage: Callable[[Process], None]
) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world, service(world) as running:
        running.wait_for(lambda: running.said("portal.polled"))
        shortage(running.process)
        orders = [world.order() for _ in range(3)]
        running.wait_for(
            lambda: (
                [line for line in running.lines() if line["level"] in {"warning", "error"}]
                or {world.portal.status(number) for number in orders} == {"delivered"}
            )
        )
        as_before(running.process)
        orders.append(world.order())
        running.wait_for(lambda: {world.portal.status(number) for number in orders} == {"delivered"})
        assert running.end() == 0
        assert_delivered(world, *orders)
        assert_all_end_well(world, *orders)


def test_a_pass_that_gets_no_threads_does_the_work_alone_and_leaves_none_of_it_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ThreadPoolExecutor.submit has queued its work when it fails to start a thread for it."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("order"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with World(tmp_path, at=None) as world:
        numbers = [world.order() for _ in range(3)]
        with world.engine() as engine:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                engine.run_pass(sources=["tg"])
            assert_delivered(world, *numbers)
            world.host.latency = 0.05
            numbers += [world.order() for _ in range(3)]
            engine.run_pass(sources=["tg"])
        looks = Counter(entry.params["id"] for entry in world.host.calls("tg", "order_info"))
        assert looks == dict.fromkeys(numbers, LOOKS)
        assert_delivered(world, *numbers)


def test_a_watcher_that_got_no_thread_watches_the_next_call_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.deadlines, "WATCHER", http._Watcher())
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "deadlines":
            raise RuntimeError("can't start new thread")
        start(thread)

    remote = http.Http("net", http.Limits(timeout=0.5, rate=1000))
    with Impostor("http://127.0.0.1:1", lambda _: Manner.BODY_DRIPS, longest=5) as impostor:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises((RuntimeError, Unavailable)):
                remote.call("look", "GET", impostor.url, safe=True)
        with pytest.raises(Unavailable):
            remote.call("look", "GET", impostor.url, safe=True)
        assert not impostor.gave_up
