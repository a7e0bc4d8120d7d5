"""The whole ring in one process, without sockets and without waiting: the real program over simulators that it calls.

Everything of the program runs but the network card: wiring, engine, adapters, clients and store. The clock is shared
and stands still between events, so that the same run always goes the same way. Each event of I/O is counted, and the
program can be cut at any of them, as a killed process is. No claim about the program belongs here but the judge's, who
reads only what the remotes remember.
"""

import base64
import json
import os
import pickle
import random
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import structlog
import urllib3

from syncer import wiring
from syncer.cli import acting
from syncer.engine import Engine, Summary
from syncer.errors import Unavailable
from syncer.orders import (
    Accounting,
    CancelledByHand,
    DeliveredByHand,
    Intent,
    IntentState,
    Kind,
    NotDone,
    Observation,
    Order,
    Park,
    Retried,
)
from syncer.remotes import http as wire
from syncer.remotes.http import Answer, Http, Limits
from syncer.simulators.host import Answer as Sent
from syncer.simulators.host import Fault, Manner
from syncer.simulators.on_api import Script
from syncer.store import Settled, Store
from syncer.store import connect as opening
from syncer.telemetry import Redactor
from tests.prove.configured import ELSEWHERE, TIMEOUT, configuration, keeping, lines_of
from tests.prove.late import Late, answered
from tests.prove.outside import FAULT_OPTIONS, Clock, Ended, Outside
from tests.prove.pouring import Inline, in_parts, response_of
from tests.prove.shelved import Lying, put, taken
from tests.ring.harness import (
    DESK,
    NOON,
    PLAIN,
    PROGRAM,
    UNMAPPED,
    empty_database,
)

__all__ = [
    "DESK", "ELSEWHERE", "FAULT_OPTIONS", "PLAIN", "PROGRAM", "TIMEOUT", "UNMAPPED", "Clock", "Cut", "Ended", "Event",
    "Fault", "Knife", "Outside", "Script", "Snapshot", "World", "folder_in_memory",
]  # fmt: skip


class Cut(BaseException):
    """The program dies here. No handler of its own may stop that."""


class Event(StrEnum):
    """The kinds of I/O that are counted; of those on the disk, only the ones after which something is there to stay."""

    REQUEST_BEFORE = "request.before"
    REQUEST_EFFECT = "request.effect"
    REQUEST_ANSWER = "request.answer"
    COMMIT_BEFORE = "commit.before"
    COMMIT_AFTER = "commit.after"
    COMMAND_BEFORE = "command.before"
    COMMAND_AFTER = "command.after"
    PART_MADE = "part.make.after"
    FILE_WRITTEN = "file.write.after"
    FILE_RENAMED = "file.rename.after"
    FILE_REMOVED = "file.remove.after"
    PART_REMOVED = "part.remove.after"
    FOLDER_MADE = "folder.make.after"
    FOLDER_REMOVED = "folder.remove.after"
    ROOT_MADE = "root.make.after"


class Knife:
    """Counts events, tells `watch` of each, and cuts the program at the one numbered `at`: it does nothing after it."""

    def __init__(self, at: int | None = None, watch: Callable[[int, str], None] = lambda _number, _event: None) -> None:
        self.at = at
        self.count = 0
        self.dead = False
        self._watch = watch

    def __call__(self, event: str) -> None:
        if self.dead:
            raise Cut
        self.count += 1
        self._watch(self.count, event)
        if self.count == self.at:
            self.dead = True
            raise Cut


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that outlives the program at one moment: the database's two files, the files that it keeps, and the world
    outside.
    """

    database: bytes
    wal: bytes
    files: Lying
    outside: bytes


# --- the wire -----------------------------------------------------------------------------------------------------


class Wire(Http):
    """The program's own `Http`, whose requests go to the simulators without leaving the process."""

    def __init__(self, carry: "Carry", begin: "Begin", remote: str, limits: Limits, **more: Any) -> None:
        super().__init__(remote, limits, **more)
        self._carry = carry
        self._begin = begin
        user = more.get("auth")
        token = None if user is None else base64.b64encode(":".join(user).encode()).decode()
        self._login = {} if token is None else {"authorization": f"Basic {token}"}

    def _send(self, method: str, url: str, request: dict[str, Any]) -> Answer:
        parts = urlsplit(url)
        query = "&".join(part for part in (parts.query, urlencode(request["params"] or {})) if part)
        target = parts.path + (f"?{query}" if query else "")
        body, headers = b"", {"user-agent": "syncer", **self._login, **_lower(request["headers"])}
        if request["data"] is not None:
            body, headers["content-type"] = urlencode(request["data"]).encode(), "application/x-www-form-urlencoded"
        if request["json"] is not None:
            body, headers["content-type"] = json.dumps(request["json"]).encode(), "application/json"
        return self._carry(self.limits, method, target, headers, body)

    def _pour(self, *asked: Any) -> Answer:
        with in_parts():
            return super()._pour(*asked)

    def _begun(self, method: str, url: str, request: dict[str, Any]) -> requests.Response:
        headers = {"user-agent": "syncer", **_lower(request["headers"])}
        return self._begin(self.limits, method, urlsplit(url).path, headers, b"")


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): text for name, text in (headers or {}).items()}


Carry = Callable[[Limits, str, str, dict[str, str], bytes], Answer]
Begin = Callable[[Limits, str, str, dict[str, str], bytes], requests.Response]


def arrived(sent: Sent, limits: Limits, clock: Clock, *, refused: bool) -> Answer:
    """What came in of what was sent: the answer, or the error that requests raises for want of it."""
    _come(sent, limits, clock, refused=refused)
    if sent.manner is Manner.SHORT:
        raise requests.exceptions.ChunkedEncodingError(urllib3.exceptions.ProtocolError("Connection broken"))
    assert sent.status is not None
    headers = {"content-type": sent.content_type} | {name.lower(): text for name, text in sent.headers.items()}
    body = zlib.decompress(sent.body, 31) if headers.get("content-encoding") == "gzip" else sent.body
    if len(body) > limits.max_answer or (sent.manner is Manner.HUGE and sent.amount > limits.max_answer):
        raise wire._TooLarge
    return Answer(sent.status, body, headers)


def _come(sent: Sent, limits: Limits, clock: Clock, *, refused: bool) -> None:
    """Until an answer has come in, or the error that requests raises where none does."""
    late = {Manner.HOLD: sent.amount, Manner.DRIP: sent.amount * sent.length}.get(sent.manner, 0.0)
    if late >= limits.timeout:
        clock.go_on(seconds=limits.timeout)
        raise requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(None, "", "Read timed out."))  # type: ignore[arg-type]
    clock.go_on(seconds=late)
    if refused:
        raise _broken(ConnectionRefusedError(111, "Connection refused"))
    if sent.manner in {Manner.RESET, Manner.HOLD}:
        raise _broken(ConnectionResetError(104, "Connection reset by peer"))


def _broken(cause: OSError) -> requests.ConnectionError:
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", cause))


# --- the world ----------------------------------------------------------------------------------------------------

WORDS = ("retry", "deliver", "cancel", "done", "not-done")


class World:
    """The remotes, and a program that lives between them, dies and lives again, in a folder of its own.

    It lives from the first pass or word until `end` or a cut. `portal`, `nordnet`, `sydnet`, `kode` and `chain`
    are options of the simulators, and there is no KODE without any, nor agents; `settings` are lines of the
    configuration. The lists of the remotes that are `late` are read beside the service's work.
    """

    def __init__(
        self,
        folder: Path,
        *,
        at: datetime = NOON,
        portal: Mapping[str, Any] | None = None,
        nordnet: Mapping[str, Any] | None = None,
        sydnet: Mapping[str, Any] | None = None,
        kode: Mapping[str, Any] | None = None,
        chain: Mapping[str, Any] | None = None,
        late: Collection[str] = (),
        **settings: str,
    ) -> None:
        self.late = late
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        north, south = nordnet or {}, sydnet or {}
        config = configuration(
            north.get("version", "2.4"),
            south.get("version", "2.6"),
            nordnet_lines=lines_of(north),
            sydnet_lines=lines_of(south),
            kode=kode is not None,
            chain=chain is not None,
            **settings,
        )
        self.shelf = folder / "files"
        self.config = config if kode is None else keeping(config, self.shelf)
        self._database = folder / "ring.db"
        self.clock = Clock(at)
        self.outside = Outside(self.clock, portal, nordnet, sydnet, kode, chain)
        self.knife = Knife()
        self._life: tuple[Engine, Store] | None = None
        self.desks: dict[str, Any] = {}
        self._put(empty_database(), b"", {})

    # --- life and death -------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The program. It is born where it isn't alive."""
        if self._life is None:
            with _warm():
                store = Store.open(self._url, tap=self._tap)
            redactor = Redactor(self.config.secrets())
            made = wiring.remotes_of(self.config, redactor, self.clock, wire=self._wire, store=store, tap=self._tap)
            engine = wiring.engine_of(self.config, store, redactor, now=self.clock, workers=1, made=made)
            self._prepare(engine)
            self._life, self.desks = (engine, store), wiring.desks_of(self.config, made, store, self.clock)
        return self._life[0]

    @property
    def desk(self) -> Any:
        """The desk that agents come to, in the living program."""
        _ = self.engine
        return self.desks["vitec"]

    @property
    def store(self) -> Store:
        """The living program's store."""
        engine: Engine = self.engine
        return engine.room.store

    def _tap(self, event: str) -> None:
        self.knife(event)  # the one that there is by then

    def _prepare(self, engine: Any) -> None:
        """What a life takes from the world without being asked to: time, chance, and how a command is run."""
        random.seed(1)  # the jitter of the back-off
        engine._sleep = self.clock.sleep
        engine._readings = lambda: Late(self.late)
        engine._poll = partial(in_turn, engine)
        engine.room.sources["tg"]._client._clock = self.clock.monotonic
        engine.room.sinks["script"]._run = self._run
        for porter in engine.room.porters.values():
            porter._downloads = Inline(porter._downloads.calls)
            porter._client._bearer._clock = self.clock.monotonic
        if self.outside.chain is not None:
            system = engine.room.sinks["gks4"]
            system._client._bearer._clock = system._customers._clock = self.clock.monotonic

    def end(self) -> None:
        """The program stops in good order."""
        if self._life is not None:
            _, store = self._life
            self._life = None
            with suppress(Cut):
                store.close()

    def die(self) -> None:
        """The program is gone, and has left its files as they are now, the write-ahead log unmerged."""
        self.knife.dead = True
        left = self._left()
        self.end()
        self._put(*left)
        self.knife = Knife()

    @contextmanager
    def mortal(self) -> Iterator[None]:
        """Within, a cut ends the program, and nothing else."""
        try:
            yield
        except Cut:
            self.die()

    # --- what the program is made to do ---------------------------------------------------------------------------

    def run_pass(self, *, once: bool = True) -> Summary:
        """One pass of the living program, as `--once` makes it, or as the service does."""
        sources = ["tg"] if self.outside.chain is None else ["tg", "vitec"]
        return self.engine.run_pass(once=True) if once else self.engine.run_bounded(sources, timedelta(hours=1))

    def name(self, number: str) -> str:
        """What the program calls an order."""
        return self.outside.name(number)

    def say(self, word: str, number: str, ref: str | None = None) -> bool:
        """An operator's word about an order, acted on at once; False where it can't be taken (cli/acting.py)."""
        name = self.name(number)
        loaded = self.store.load(name)
        heard = None if loaded is None else _heard(word, *loaded, self.engine, ref)
        if heard is None:
            return False
        self.engine.hear(name, *heard)
        self.engine.work_on([name])
        return True

    def orders(self) -> dict[str, Order]:
        """The program's orders by their portal's id, without their details. Reads only."""
        return {order.external_id: order for order in self.store.orders()}

    def forget(self) -> None:
        """The database is gone, as with a lost disk."""
        self.end()
        *_, files = self._left()
        self._put(empty_database(), b"", files)

    # --- snapshots ------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """All as it stands, as if the program were killed now."""
        return Snapshot(*self._left(), pickle.dumps((self.clock, self.outside), pickle.HIGHEST_PROTOCOL))

    def restore(self, snapshot: Snapshot) -> None:
        """All as it stood, and no program alive."""
        self.knife.dead = True
        self.end()
        self.knife = Knife()
        self.clock, self.outside = pickle.loads(snapshot.outside)  # noqa: S301 - our own
        self._put(snapshot.database, snapshot.wal, snapshot.files)

    @property
    def _url(self) -> str:
        return f"sqlite:///{self._database}"

    def _file(self, suffix: str) -> Path:
        return self._database.with_name(self._database.name + suffix)

    def _left(self) -> tuple[bytes, bytes, Lying]:
        wal = self._file("-wal")
        files = {} if self.outside.kode is None else taken(self.shelf)
        return self._database.read_bytes(), wal.read_bytes() if wal.exists() else b"", files

    def _put(self, database: bytes, wal: bytes, files: Lying) -> None:
        if self.outside.kode is not None:
            put(self.shelf, files)
        self._file("-shm").unlink(missing_ok=True)
        self._database.write_bytes(database)
        self._file("-wal").write_bytes(wal)

    # --- the wire and the command ---------------------------------------------------------------------------------

    def _wire(self, remote: str, limits: Limits, **more: Any) -> Http:
        return Wire(self._carry, self._begin, remote, limits, **more)

    def _carry(self, limits: Limits, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        sent, refused = self._exchanged(method, target, headers, body)
        try:
            return arrived(sent, limits, self.clock, refused=refused)
        finally:
            self.knife(Event.REQUEST_ANSWER)

    def _begin(
        self, limits: Limits, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> requests.Response:
        """The beginning of an answer, whose body is read later."""
        sent, refused = self._exchanged(method, target, headers, body)
        try:
            _come(sent, limits, self.clock, refused=refused)
            return response_of(sent)
        finally:
            self.knife(Event.REQUEST_ANSWER)

    def _exchanged(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[Sent, bool]:
        """What a remote sends for a request, and whether it refused the connection."""
        self.knife(Event.REQUEST_BEFORE)
        sent = self.outside.ask(method, target, headers, lambda: body, f"{method} {target} HTTP/1.1")
        self.knife(Event.REQUEST_EFFECT)
        refused = self.outside.struck == Fault.REFUSE
        answered()
        return sent, refused

    def _run(self, order: bytes) -> tuple[int | None, str]:
        """In place of a process: the courier's client, as `simulators/send_router.py` is one."""
        self.knife(Event.COMMAND_BEFORE)
        asked = json.loads(order)
        body = json.dumps({"order": asked["external_id"], "reference": asked["key"]}).encode()
        headers = {"content-type": "application/json"}
        sent = self.outside.ask("POST", "/courier/parcels", headers, lambda: body, "")
        refused = self.outside.struck == Fault.REFUSE
        try:
            if refused:  # stands for a program that isn't there
                raise Unavailable("script", "command", "can't be started")
            return self._exit(sent)
        finally:
            self.knife(Event.COMMAND_AFTER)

    def _exit(self, sent: Sent) -> tuple[int | None, str]:
        try:
            answer = arrived(sent, Limits(timeout=TIMEOUT), self.clock, refused=False)
            said = json.loads(answer.body).get("cause", "")
        except requests.Timeout:
            return None, ""
        except (requests.RequestException, ValueError, AttributeError, RecursionError, wire._TooLarge):
            return (75, "") if sent.status == 429 else (1, "no answer from the courier")
        return {201: 0, 409: 65, 503: 75}.get(answer.status, 1), said


def in_turn(engine: Engine, names: Sequence[str], tally: Any) -> dict[str, Accounting]:
    """Lists are read one after the other, in place of beside each other, so that a run always goes the same way."""
    found = {name: engine._poll_one(name, tally) for name in names}
    return {name: accounting for name, accounting in found.items() if accounting is not None}


@contextmanager
def _warm() -> Iterator[None]:
    """Within, a database that was open before is opened with the statements that were compiled then, which takes most
    of a short life.
    """
    cold = opening.connect
    opening.connect = _connect
    try:
        yield
    finally:
        opening.connect = cold


_connect = cache(opening.connect)


def _heard(
    word: str, order: Order, intent: Intent | None, engine: Engine, ref: str | None
) -> tuple[Observation, Settled | None] | None:
    """What an operator's word is to the engine; None where it can't be taken."""
    unsure = intent if intent is not None and intent.state in {IntentState.UNCERTAIN, IntentState.ATTEMPTING} else None
    over = order.final and (order.park is None or (word == "deliver" and order.park is Park.UNCERTAIN))
    match word:
        case "retry" if order.park is not None:
            return Retried(), None
        case "not-done" if unsure is not None:
            return NotDone(), Settled(unsure.key, IntentState.REJECTED, "an operator said: not done")
        case "done" if unsure is not None:
            return acting._as_done(engine, unsure, ref), Settled(unsure.key, IntentState.DONE, "an operator said: done")
        case "deliver" if not over:
            return DeliveredByHand(), _handed_over(intent)
        case "cancel" if not over and order.park is not Park.UNCERTAIN:
            return CancelledByHand(), None
        case _:
            return None


def _handed_over(intent: Intent | None) -> Settled | None:
    if intent is None or intent.kind is not Kind.SUBMIT or intent.state is not IntentState.UNCERTAIN:
        return None
    return Settled(intent.key, IntentState.DONE, "an operator said: delivered")


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder that is gone afterwards, on a file system in memory where there is one."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - no name in it is guessed
    with tempfile.TemporaryDirectory(prefix="prove-", dir=where) as name:
        yield Path(name)
