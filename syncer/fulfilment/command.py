"""A command of the user's as fulfilment: the order as JSON on its standard input, its exit code as the outcome.

Never a shell. It can't be asked afterwards what it did, so that an unknown outcome goes to a person.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from syncer.errors import Unavailable, Uncertain
from syncer.orders import (
    Absent,
    CannotTell,
    Done,
    Found,
    Held,
    Intent,
    Kind,
    Observation,
    Order,
    OurWord,
    Refused,
    WithdrawRefused,
)
from syncer.remotes.http import CallFact

SAID = 500  # characters of its standard error that are kept
OUTCOMES = {0: "done", 65: "refused", 75: "later"}  # any other end is uncertain


class CommandFulfilment:
    """Runs `command`, a list of arguments, for each order. `timeout` and `retry_after` are in seconds.

    `withhold` are texts that must not reach the command through the environment. `observe` is told of each run.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        timeout: float,
        retry_after: float,
        parallel: int = 1,
        withhold: Iterable[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observe: Callable[[CallFact], None] = lambda _: None,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._timeout = timeout
        self._retry_after = retry_after
        self._withhold = frozenset(withhold) - {""}  # an empty text stands in every other
        self._now = now
        self._observe = observe
        self._places = threading.BoundedSemaphore(parallel)

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Runs the command once; an order wished for later is kept here until then, since a command can't schedule.

        Raises:
            Unavailable: it could not be started, or asks for a later time (exit 75).
            Uncertain: any other exit code, a signal, or the time-out.
        """
        if intent.kind is Kind.CANCEL:
            return WithdrawRefused("what a command has done can't be cancelled")
        wish_at = order.wish_at
        if wish_at is not None and wish_at > self._now():
            return Held(f"a command can't schedule: kept here until {wish_at:%Y-%m-%d %H:%M} UTC", wish_at)
        with self._places:
            text = json.dumps(describe(intent, order), ensure_ascii=False)
            code, said = self._observed(text.encode(errors="backslashreplace"))  # half a pair is JSON's own escape then
        match code:
            case 0:
                return Done(note=OurWord("exit 0"))
            case 65:
                return Refused(said or "exit 65, without a word on standard error")
            case 75:
                cause = f"it asks for later (exit 75){': ' + said if said else ''}"
                raise Unavailable(self.name, "command", cause, retry_after=self._retry_after, order_only=True)
            case None:
                raise Uncertain(self.name, "command", f"not done in {self._timeout:g} s, and killed")
            case _:
                raise Uncertain(self.name, "command", f"exit {code}{': ' + said if said else ''}")

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """It can't be asked."""
        if intent.kind is Kind.CANCEL:
            return Found(WithdrawRefused("what a command has done can't be cancelled"))
        return CannotTell(
            f"a command can't be asked; look at what the command of {self.name} did for {order.name} ({intent.key})"
        )

    def check(self) -> str:
        """Whether the program is there.

        Raises:
            Unavailable: it isn't, or can't be run.
        """
        if shutil.which(self._command[0]) is None:
            cause = f"{self._command[0]} is not there, or can't be run"
            raise Unavailable(self.name, "command", cause, "install it, or mend the path")
        return f"{self._command[0]} can be run"

    def _observed(self, order: bytes) -> tuple[int | None, str]:
        """As `_run`, and tells of it. What could not be started is told too, by the name of its error."""
        began, outcome = time.monotonic(), "uncertain"
        try:
            code, said = self._run(order)
            outcome = OUTCOMES.get(code, outcome) if code is not None else outcome
        except Unavailable as missing:
            outcome = type(missing).__name__
            raise
        finally:
            seconds = time.monotonic() - began
            self._observe(
                CallFact(self.name, "command", seconds, outcome, safe=False, url=self._command[0], sent=len(order))
            )
        return code, said

    def _run(self, order: bytes) -> tuple[int | None, str]:
        """The exit code (None: killed at the time-out) and the end of its standard error.

        Files, not pipes: a child that outlives the command would keep a pipe open.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(order)
            given.seek(0)
            process = self._start(given, said)
            try:
                code: int | None = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                code = None
                _kill(process)
            except BaseException:
                _kill(process)
                raise
            said.seek(max(0, said.seek(0, os.SEEK_END) - 4 * SAID))
            text = said.read().decode("utf-8", "replace").strip()
        return code, " ".join(text.split())[-SAID:]

    def _start(self, given: IO[bytes], said: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = {
            name: text for name, text in os.environ.items() if not any(secret in text for secret in self._withhold)
        }
        try:
            return subprocess.Popen(  # noqa: S603 - the operator's own command, as a list
                self._command,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            cause = f"{self._command[0]} can't be started: {error.strerror}"
            raise Unavailable(self.name, "command", cause, "see fulfilments." + self.name + ".command") from None


def describe(intent: Intent, order: Order) -> dict[str, object]:
    """What the command reads: the order and its details, and `key`, which is the same for each try of this intent."""
    return {
        "order": order.name,
        "portal": order.portal,
        "external_id": order.external_id,
        "service": order.service,
        "route_service": intent.payload.get("service") or None,
        "wish_at": intent.payload.get("wish_at"),
        "key": intent.key,
        "details": {name: dict(section) for name, section in order.details.items()},
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a command with its group, and with the children that have left the group."""
    children = list(_descendants(process.pid))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
    process.wait()


def _descendants(root: int) -> Iterator[int]:
    """The processes below one, as far as the system tells (Linux)."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            after_name = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(after_name[1])
    family = {root}
    grown = True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
        yield from more
