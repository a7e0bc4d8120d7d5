"""A machine that turns against the program: small disks, foreign mounts, low limits, and processes that live with them.

What is broken here is broken for one test, and whole again after it. No claim about the program stands in here, but for
the last one of every test: once the trouble is over, each order comes to its end, and nothing was done twice.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest

from syncer.orders import Intent, IntentState
from syncer.simulators.host import Fault
from syncer.simulators.wire import Request
from tests.ring.harness import PATIENCE, World, assert_nothing_twice

OFTEN = 'poll_every = "1s"'
FINDS = frozenset({"orders.list", "subscriptions.list", "order_log"})
UNKNOWN = frozenset({IntentState.ATTEMPTING, IntentState.UNCERTAIN})
REQUESTS = 13  # of one plain order, with the login and the listing; a claim says so
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # where mount is


# --- processes ------------------------------------------------------------------------------------------------


@contextmanager
def started(
    world: World,
    *words: str,
    before: Sequence[str] = (),
    out: int | IO[Any] = subprocess.PIPE,
    err: int | IO[Any] = subprocess.PIPE,
    environment: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[str]"]:
    """The real program as `World.start` starts it, behind the words of another command, and with other streams."""
    base = {"PATH": PATH, "HOME": str(world.folder), "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        [*before, sys.executable, "-m", "syncer", *words],
        cwd=world.folder,
        env=base | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        text=True,
    ) as process:
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            process.kill()


@dataclass
class Service:
    """`syncer run`, and what it has logged so far."""

    process: "subprocess.Popen[str]"
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """The whole lines of the log, as facts; a disk that was full may have cut some."""
        found = []
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == event]

    def wait_for(self, what: Callable[[], Any]) -> None:
        """Until it is so, as long as the service lives."""
        wait_until(what, self.process, lambda: self.log.read_text(encoding="utf-8", errors="replace"))

    def end(self) -> int:
        """Asks it to stop; its exit code."""
        self.process.terminate()
        self.process.communicate()
        return self.process.returncode


@contextmanager
def service(world: World, log: Path | None = None, environment: Mapping[str, str] | None = None) -> Iterator[Service]:
    """`syncer run` with its log in a file, until the test is done with it."""
    log = log or world.folder / "syncer.log"
    with log.open("a") as out, started(world, "run", out=out, err=out, environment=environment) as process:
        yield Service(process, log)


def wait_until(
    what: Callable[[], Any], process: "subprocess.Popen[str] | None" = None, why: Callable[[], Any] = lambda: ""
) -> None:
    """Until it is so; not longer than the process lives, nor than anybody's patience."""
    until = time.monotonic() + PATIENCE / 2
    while not what():
        assert process is None or process.poll() is None, (process.returncode, why())
        assert time.monotonic() < until, f"it never comes: {why()}"
        time.sleep(0.02)


def ended(process: "subprocess.Popen[str]", patience: float | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a process that ends by itself, before our patience does."""
    out, err = process.communicate(timeout=patience)
    return process.returncode, out or "", err or ""


# --- moments --------------------------------------------------------------------------------------------------


@dataclass
class At:
    """Does something when the host gets request number `number` (from 0, of those that `where` is true of)."""

    world: World
    number: int
    deed: Callable[[], object]
    where: Callable[[Request], bool] = lambda _: True
    seen: int = 0
    begun: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.world.host.fault(Fault.REFUSE, where=self._look, times=None)

    def _look(self, request: Request) -> bool:
        if not self.where(request):
            return False
        if self.seen == self.number:
            self.begun = True
            self.deed()
            self.done.set()
        self.seen += 1
        return False


# --- disks ----------------------------------------------------------------------------------------------------


def _mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], env={"PATH": PATH}, capture_output=True, check=False).returncode == 0


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], env={"PATH": PATH}, capture_output=True, check=True)


@cache
def mounts_are_allowed() -> bool:
    """Whether this user may mount here. Found out by doing so."""
    with TemporaryDirectory() as folder:
        allowed = _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
        if allowed:
            _unmount(Path(folder))
        return allowed


def needs_mounts() -> None:
    if not mounts_are_allowed():
        pytest.skip("this user may mount nothing here")


@dataclass(frozen=True)
class Disk:
    """A small disk."""

    place: Path

    @property
    def ballast(self) -> Path:
        return self.place / "ballast"

    def fill(self, *files: Path) -> None:
        """To the last byte; of some files their last page, too."""
        for file, amount in ((self.ballast, 65_536), (self.ballast, 4096), *((file, 1) for file in files)):
            with suppress(OSError), file.open("ab", buffering=0) as grown:
                while True:
                    grown.write(b"\n" * amount)

    def make_space(self) -> None:
        self.ballast.unlink()


@contextmanager
def small_disk(place: Path, size: str = "16m") -> Iterator[Disk]:
    """A disk of its own at `place`, or the test is skipped."""
    needs_mounts()
    place.mkdir(parents=True, exist_ok=True)
    assert _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(place))
    try:
        yield Disk(place)
    finally:
        _unmount(place)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """A file or folder that nobody may write to, root neither, or the test is skipped."""
    needs_mounts()
    assert _mount("--bind", str(place), str(place))
    try:
        assert _mount("-o", "remount,bind,ro", str(place))
        yield
    finally:
        _unmount(place)


# --- what came of it ------------------------------------------------------------------------------------------


def open_intents(world: World) -> list[Intent]:
    """The calls that may or may not have been made, as the store knows them."""
    found = []
    with world.reading() as store:
        for order in store.orders():
            explained = store.explain(order.name)
            found += [intent for intent in explained.intents if intent.state in UNKNOWN] if explained else []
    return found


def finds(world: World, since: int = 0) -> list[str]:
    """The questions whether a call had its effect, after so many requests."""
    return [entry.operation for entry in world.host.calls()[since:] if entry.operation in FINDS]


def assert_all_end_well(world: World, *numbers: str, passes: int = 2) -> None:
    """The trouble is over: each order comes to its end, nothing was done twice, and then nothing moves any more."""
    world.host.clear_faults()
    world.once(passes)
    if open_intents(world):  # one that may not be asked about yet
        wait_until(lambda: world.once().seconds >= 0 and not open_intents(world))
    assert_delivered(world, *numbers)
    assert open_intents(world) == []
    before = len(world.host.calls())
    world.once()
    assert world.writes(before) == []


def assert_delivered(world: World, *numbers: str) -> None:
    """Each order was told from `received` to `delivered`, here and there, and nothing was done twice."""
    assert_nothing_twice(world)
    ours = world.orders()
    assert {number: (world.told(number), ours[number].state.value, ours[number].park) for number in numbers} == {
        number: (["received", "active", "delivered"], "delivered", None) for number in numbers
    }
    assert {number: world.said(number) for number in numbers} == {number: [] for number in numbers}


def needs_full_device() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
