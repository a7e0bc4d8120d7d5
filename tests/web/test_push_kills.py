"""Many pushes, and the program killed among them: each good one leads to a look at its order, and none is lost.

SYNCER_PUSHES says how many; a sample without it.
"""

import http.client
import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from syncer.store import Store
from tests.web.pushed import HERE

MANY = int(os.environ.get("SYNCER_PUSHES", "1500"))
LINES = 16
GROWTH = 16_000  # kB that a life may grow by, once it is warm
PATIENCE = 60.0


class Killed:
    """The program, which may be killed, and begins anew; `url` is where it is then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def begin(self) -> None:
        words = [sys.executable, "-m", "tests.web.pushed", str(self.folder)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url

    def end(self) -> None:
        assert self._process is not None
        with self._process as process:
            process.kill()

    def memory(self) -> int:
        """In kB."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


class Portal:
    """Pushes, each until it is answered for good: a tenth malformed, and a tenth twice. `sent` is when each was."""

    def __init__(self, program: Killed) -> None:
        self.program = program
        self.sent: dict[str, datetime] = {}
        self.wrong: list[tuple[int, int]] = []
        self.answered = [0] * LINES

    def begin(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._push_all, args=(line,)) for line in range(LINES)]
        for thread in threads:
            thread.start()
        return threads

    def wait_for(self, many: int) -> None:
        until = time.monotonic() + PATIENCE + MANY / 50
        while sum(self.answered) < many:
            assert time.monotonic() < until, f"{sum(self.answered)} of {many} pushes were answered"
            time.sleep(0.01)

    def _push_all(self, line: int) -> None:
        for number in range(line, MANY, LINES):
            kind = number // LINES % 10
            if kind == 0:
                self._push(number, b'{"orders": [' + b"?" * 50, 400)
                continue
            name = str(number - LINES if kind == 2 else number)
            self.sent[name] = self._push(number, b'{"order": "%s"}' % name.encode(), 200)

    def _push(self, number: int, body: bytes, expected: int) -> datetime:
        """When it was sent that last time."""
        while True:
            at = datetime.now(UTC)
            try:
                with closing(http.client.HTTPConnection(urlsplit(self.program.url).netloc, timeout=20)) as line:
                    line.request("POST", HERE, body)
                    status = line.getresponse().status
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # it was killed
                continue
            if status == 503:
                time.sleep(0.05)
                continue
            if status != expected:
                self.wrong.append((number, status))
            self.answered[number % LINES] += 1
            return at


def looked_at(file: Path) -> dict[str, datetime | None]:
    with Store.open(f"sqlite:///{file}", exclusive=False) as store:
        return {order.external_id: order.seen_at for order in store.orders()}


def test_every_good_push_leads_to_a_look_though_the_program_is_killed_twice(tmp_path: Path) -> None:
    program = Killed(tmp_path)
    program.begin()
    portal = Portal(program)
    try:
        threads = portal.begin()
        for kill in (1, 2):
            portal.wait_for(MANY * kill // 4)
            program.end()
            program.begin()
        portal.wait_for(MANY * 6 // 10)
        warm = program.memory()
        portal.wait_for(MANY)
        for thread in threads:
            thread.join()
        grown = program.memory() - warm
        late = set(portal.sent)
        until = time.monotonic() + PATIENCE
        while late and time.monotonic() < until:
            seen = looked_at(tmp_path / "syncer.db")
            late = {name for name, at in portal.sent.items() if (look := seen.get(name)) is None or look < at}
    finally:
        program.end()
    assert portal.wrong == []
    assert late == set()
    assert seen.keys() == portal.sent.keys()
    assert grown < GROWTH
    with Store.open(f"sqlite:///{tmp_path}/syncer.db") as store:
        named = [line.order for line in store.history() if line.event == "order.named"]
    assert len(named) == len(set(named)) == len(portal.sent)
