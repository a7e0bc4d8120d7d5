"""Claims about a terminal that is closed, which says the same signal as somebody who wants a configuration read."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hostile.machine import OFTEN, Service
from tests.ring.harness import World

# A session of its own opens the terminal, which thereby controls it, and becomes the program.
BEGIN = """
import os, signal, sys
os.close(os.open(sys.argv[1], os.O_RDWR))
how = signal.SIG_IGN if sys.argv[2] == "outlives" else signal.SIG_DFL  # whatever ours was started with
signal.signal(signal.SIGHUP, how)
os.execv(sys.executable, [sys.executable, "-m", "syncer", *sys.argv[3:]])
"""


@contextmanager
def in_a_terminal(world: World, how: str) -> Iterator[tuple[Service, int]]:
    """`syncer run` in a terminal of its own, with its log in a file; and our end of the terminal."""
    ours, its = os.openpty()
    log = world.folder / "syncer.log"
    words = [sys.executable, "-c", BEGIN, os.ttyname(its), how, "--config", str(world.config_file), "run"]
    with (
        log.open("a") as out,
        subprocess.Popen(words, cwd=world.folder, stdout=out, stderr=out, start_new_session=True, text=True) as process,
    ):
        os.close(its)
        try:
            yield Service(process, log), ours
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["ends", "outlives"])
def test_a_service_whose_terminal_is_closed_ends_cleanly_unless_it_is_to_outlive_it(tmp_path: Path, how: str) -> None:
    with (
        World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world,
        in_a_terminal(world, how) as (running, terminal),
    ):
        running.wait_for(lambda: running.said("portal.polled"))
        os.kill(running.process.pid, signal.SIGHUP)
        running.wait_for(lambda: running.said("config.reread"))  # while the terminal is there
        os.close(terminal)
        if how == "outlives":
            polled = len(running.said("portal.polled"))
            running.wait_for(lambda: len(running.said("portal.polled")) > polled + 2)
            running.process.terminate()
        assert running.process.wait(60) == 0
        assert running.said("service.stopped")
