"""A long watch over the real service under a day's load, compressed: nothing grows, no poll is late, nothing is lost.

`python -m tests.prove.soak --minutes 30` runs it. The program is `syncer run`, a process that knows nothing of the
watch; the remotes are a process of their own, and orders, replies, faults, visitors and SIGHUPs come all the time. What
became of the orders is the checker's to say. What the program takes is read from /proc and its files, and when it
polled from its log: the program isn't asked.

The figures are worth something only where nothing else keeps the machine busy: the kills never run beside it.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from syncer.service.schedule import EPOCH, Phased
from tests.prove.checker import EXPLAINED, LADDERS
from tests.prove.kills import SYNCER, Outcome, World, remotes

POLLED_EVERY = timedelta(seconds=5)
KEPT = timedelta(minutes=1)  # personal data of an order that has ended
CHANGES: Mapping[str, str] = {
    'level = "warning"': 'level = "info"',
    'poll_every = "0.5s"': f'poll_every = "{POLLED_EVERY.seconds}s"',
    'timeout = "1s"': 'timeout = "1.5s"',
}
MORE = f"""
[web]
listen = "127.0.0.1:0"

[privacy]
erase_after = "{KEPT.seconds}s"
"""
KEEPING = (
    "SELECT count(*) FROM orders",
    "SELECT count(*) FROM orders WHERE erased_at IS NOT NULL",
    """
    SELECT count(*) FROM orders WHERE erased_at IS NULL AND julianday(ended_at) <
    (SELECT max(julianday(at)) FROM journal WHERE event = 'store.erased') - :days
    """,
    "SELECT count(*) FROM details JOIN orders ON orders.id = order_id WHERE erased_at IS NOT NULL",
)
BUGS = frozenset({"order.bug", "order.broken", "remote.bug", "web.bug", "pass.failed", "pass.overdue", "service.hung"})

# --- what is measured -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process holds at one moment: bytes of memory, threads, descriptors, and the bytes of the log and the file
    of its database. `at` is in seconds since 1970.
    """

    at: float
    memory: int
    threads: int
    descriptors: int
    log: int
    file: int


def sample(pid: int, database: Path) -> Sample:
    """Reads /proc and the sizes of files.

    Raises:
        OSError: the process is gone.
    """
    process = Path(f"/proc/{pid}")
    facts = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Sample(
        at=time.time(),
        memory=1024 * int(facts["VmRSS"].split()[0]),
        threads=int(facts["Threads"]),
        descriptors=len(list((process / "fd").iterdir())),
        log=_size(database.with_name(f"{database.name}-wal")),
        file=_size(database),
    )


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@dataclass(frozen=True, slots=True)
class Trend:
    """How the middle of a series has moved from the second third of the time to the last; the first is the warm-up.

    `noise` is how far one sample strays, as a standard deviation would say it, once a straight line is taken off: what
    grows steadily is no noise.
    """

    second: float
    last: float
    noise: float

    @property
    def grown(self) -> float:
        return self.last - self.second

    def allowed(self, floor: float) -> float:
        """How much of that says nothing: two strays, and a floor.

        Two strays are three standard errors of such a difference where only six samples of each third are independent
        of one another; there are dozens, and they depend on each other over a few seconds.
        """
        return floor + 2 * self.noise


def trend(values: Sequence[float]) -> Trend:
    """The trend of a series of samples that were taken at even distances; six at least."""
    third = len(values) // 3
    assert third >= 2, f"too few samples: {len(values)}"
    later = values[third:]
    second, last = statistics.median(later[:-third]), statistics.median(later[-third:])
    slope = statistics.median(_slopes(later))
    rest = [value - slope * at for at, value in enumerate(later)]
    middle = statistics.median(rest)
    return Trend(second, last, 1.4826 * statistics.median(abs(value - middle) for value in rest))


def _slopes(values: Sequence[float]) -> Iterator[float]:
    """Of the lines through any two samples, or enough of them: their median is little moved by samples that stray."""
    step = max(1, len(values) // 300)
    chosen = list(enumerate(values))[::step]
    for number, (at, value) in enumerate(chosen):
        for later_at, later in chosen[number + 1 :]:
            yield (later - value) / (later_at - at)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure may do: its middle may move up by `floor`, besides noise, and it may never pass `most`."""

    floor: float
    most: float
    unit: float = 1.0
    suffix: str = ""


MB = 1e6
LIMITS: Mapping[str, Limit] = {
    "memory": Limit(2 * MB, 250 * MB, MB, " MB"),
    "threads": Limit(1, 60),
    "descriptors": Limit(2, 200),
    "log": Limit(0.5 * MB, 16 * MB, MB, " MB"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure and its judgement, in words."""

    name: str
    figures: str
    ok: bool


def judged(samples: Sequence[Sample]) -> list[Finding]:
    """What is to be said of each kind of figure."""
    return [_judged(name, [getattr(one, name) for one in samples], limit) for name, limit in LIMITS.items()]


def _judged(name: str, values: Sequence[float], limit: Limit) -> Finding:
    found = trend(values)
    allowed = found.allowed(limit.floor)

    def said(value: float) -> str:
        return f"{value / limit.unit:.1f}{limit.suffix}"

    words = (
        f"{said(found.second)} in the second third, {said(found.last)} in the last: {found.grown / limit.unit:+.2f}, "
        f"of {said(allowed)} allowed (noise {found.noise / limit.unit:.2f}); at most {said(max(values))} "
        f"of {said(limit.most)}"
    )
    return Finding(name, words, found.grown <= allowed and max(values) <= limit.most)


# --- polls ----------------------------------------------------------------------------------------------------

SOON = 2.0  # seconds within which a poll's list is read and stored
NEARLY = 0.95  # of all polls


@dataclass(frozen=True, slots=True)
class Polls:
    """For each time that was due, in turn, how many seconds later a list had been read and stored. `missed` are those
    that found none before the next was due; `excused` fell into an outage of the portal, and are in neither.
    """

    late: tuple[float, ...]
    missed: int
    excused: int

    def findings(self) -> list[Finding]:
        """Whether they were on time."""
        if not self.late:
            return [Finding("polls", "there was none", ok=False)]
        soon = sum(late <= SOON for late in self.late) / len(self.late)
        late = sorted(self.late)
        most, nearly_all = late[-1], late[int(NEARLY * (len(late) - 1))]
        words = (
            f"{len(late)} due, {self.missed} missed, {self.excused} in an outage; read and stored "
            f"{statistics.median(late):.2f} s later, {NEARLY:.0%} within {nearly_all:.2f} s, all within {most:.2f} s"
        )
        judged = len(self.late) + self.missed >= self.excused  # what was excused tells nothing
        found = [Finding("polls", words, judged and self.missed == 0 and soon >= NEARLY)]
        if len(self.late) >= 30:
            found.append(_judged("lateness", self.late, Limit(0.25, POLLED_EVERY.total_seconds(), suffix=" s")))
        return found


def polls(events: Iterable[Mapping[str, Any]], portal: str, every: timedelta, begin: float, end: float) -> Polls:
    """The polls of a portal between two moments, by the service's own log and what its schedule should be."""
    done: list[float] = []
    down: list[tuple[float, float]] = []
    for event in events:
        if event.get("remote") == portal:
            at = datetime.fromisoformat(event["timestamp"]).timestamp()
            if event["event"] == "portal.polled":
                done.append(at)
            elif event["event"] == "remote.down" and (not down or down[-1][1] < at):  # one that is said twice is one
                down.append((at, float("inf")))
            elif event["event"] == "remote.up" and down:
                down[-1] = (down[-1][0], at)
    late: list[float] = []
    missed = excused = 0
    for due in _dues(portal, every, begin, end):
        until = due + every.total_seconds()
        found = next((at for at in done if due <= at < until), None)
        if any(since < until and due < to for since, to in down):
            excused += 1
        elif found is None:
            missed += 1
        else:
            late.append(found - due)
    return Polls(tuple(late), missed, excused)


def _dues(portal: str, every: timedelta, begin: float, end: float) -> Iterator[float]:
    """The moments at which the portal is due; the last has its whole span before the end."""
    trigger, at = Phased(f"poll {portal}", every), EPOCH + timedelta(seconds=begin)
    while (at := trigger.get_next_fire_time(at, at)).timestamp() + every.total_seconds() <= end:
        yield at.timestamp()


# --- the load -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pace:
    """How much happens: orders that wait at the start, new orders a second; all else in seconds between two of it.

    With the backlog the database's file is larger than what SQLite keeps of it in memory (2 MB for each connection),
    or that would grow with the file for longer than the warm-up.
    """

    backlog: int = 1500
    orders: float = 3.0
    sample: float = 2.0
    scrape: float = 5.0
    command: float = 15.0
    fault: float = 8.0
    outage: float = 120.0
    outage_lasts: float = 12.0
    hangup: float = 40.0
    person: float = 60.0
    other_side: float = 1.0
    listed: float = 20.0  # so long an order that has ended stays in the portal's list, and a parked one is left alone


@dataclass
class Followed:
    """One order, as the remotes' journal tells of it so far."""

    fate: str
    told: list[str] = field(default_factory=list)
    said: bool = False
    since: float = 0.0
    cancelled: bool = False

    @property
    def at_end(self) -> bool:
        return bool(self.told) and self.told[-1] == LADDERS[self.fate][-1] and (self.said or self.fate not in EXPLAINED)


@dataclass
class Load:
    """All that happens around the service until `stop`: each kind in a thread of its own, at its own pace."""

    world: World
    pace: Pace
    pid: int
    url: str
    stop: threading.Event = field(default_factory=threading.Event)
    samples: list[Sample] = field(default_factory=list)
    scraped: int = 0
    metrics: str = ""
    commands: int = 0
    hangups: int = 0
    outages: int = 0
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.world.seed + 1)
        self._followed: dict[str, Followed] = {}
        self._read = 0
        self._down = False

    def run(self, seconds: float) -> None:
        """All of it, for so many seconds; what one thread raises is raised here, once the others have ended."""
        pace = self.pace
        self.world.arrive(pace.backlog)
        kinds: Mapping[Callable[[], object], float] = {
            self._order: 1 / pace.orders,
            self._sample: pace.sample,
            self._scrape: pace.scrape,
            self._command: pace.command,
            self._fault: pace.fault,
            self._outage: pace.outage,
            self._hang_up: pace.hangup,
            self._person: pace.person,
            self._other_side: pace.other_side,
        }
        with ThreadPoolExecutor(len(kinds), thread_name_prefix="load") as pool:
            tasks = [pool.submit(self._repeat, do, every) for do, every in kinds.items()]
            try:
                wait(tasks, timeout=seconds, return_when="FIRST_EXCEPTION")
            finally:  # also where the watch is ended before its time: the pool waits for them
                self.stop.set()
        for task in tasks:
            task.result()

    def _repeat(self, do: Callable[[], object], every: float) -> None:
        due = time.monotonic() + every
        while not self.stop.wait(max(0.0, due - time.monotonic())):
            do()
            due = max(due + every, time.monotonic() - every)  # what took long is made up for once

    def _order(self) -> None:
        self.world.arrive(1)

    def _sample(self) -> None:
        self.samples.append(sample(self.pid, self.world.folder / "state" / "syncer.db"))

    def _scrape(self) -> None:
        for path in ("/metrics", "/", "/healthz"):
            try:
                with urllib.request.urlopen(self.url + path, timeout=20) as answer:  # noqa: S310 - our own loopback
                    text = answer.read().decode()
                    self.metrics = text if path == "/metrics" else self.metrics
            except OSError as error:
                self.refused.append(f"{path}: {error}")
            self.scraped += 1

    def _command(self) -> None:
        choices = [("status", "--json"), ("orders", "--json", "--limit", "50"), ("log", "--json", "--since", "1h")]
        if known := self._known():
            choices.append(("show", f"tg:{self._draw.choice(known)}", "--json"))
        words = self._draw.choice(choices)
        said = self.world.say(*SYNCER.service[:-1], *words)
        if not said:
            self.refused.append(" ".join(words))
        self.commands += 1

    def _known(self) -> list[str]:
        """The newest orders that the program has: of one that isn't listed yet it rightly says that there is none."""
        with closing(sqlite3.connect(f"file:{self.world.folder / 'state' / 'syncer.db'}?mode=ro", uri=True)) as reader:
            return [key for (key,) in reader.execute("SELECT external_id FROM orders ORDER BY id DESC LIMIT 50")]

    def _fault(self) -> None:
        if not self._down:
            self.world.arm()

    def _outage(self) -> None:
        """The portal or the network answers nothing but errors for a while."""
        remote = self._draw.choice(("tg", "nordnet"))
        self._down = True
        self.world.remotes.say("fault", kind="error_before", remote=remote, times=None)
        self.stop.wait(self.pace.outage_lasts)
        self.world.remotes.say("clear")
        self._down = False
        self.outages += 1

    def _hang_up(self) -> None:
        """The configuration is read again, and with that what is old enough is erased."""
        os.kill(self.pid, signal.SIGHUP)
        self.hangups += 1

    def _person(self) -> None:
        self.world.program.help_on(self.world)

    def _other_side(self) -> None:
        """What has ended leaves the portal's list after a while, as days go by; what nobody can do is cancelled."""
        self._follow()
        now = time.monotonic()
        for number, order in list(self._followed.items()):
            if not order.at_end or now - order.since < self.pace.listed:
                continue
            order.since = now
            if order.fate in EXPLAINED and not order.cancelled:
                self._say("change_status", id=number, status="cancelled")
                order.cancelled = True
            else:
                self._say("hide", id=number)
                del self._followed[number]

    def _say(self, verb: str, **arguments: object) -> None:
        self.world.remotes.say("call", remote="tg", verb=verb, arguments=arguments)

    def _follow(self) -> None:
        """Reads what the remotes' journal has more."""
        with (self.world.folder / "journal.jsonl").open("rb") as journal:
            journal.seek(self._read)
            lines = journal.read().rpartition(b"\n")[0]
        self._read += len(lines) + bool(lines)
        for line in lines.splitlines():
            self._note(json.loads(line))

    def _note(self, entry: Mapping[str, Any]) -> None:
        asked = entry["params"]
        if entry["operation"] == "arrives":
            self._followed[asked["order"]] = Followed(asked["fate"])
        order = self._followed.get(asked.get("id", ""))
        if order is None or entry["effect"] is None:
            return
        order.since = time.monotonic()
        if entry["operation"] == "set_status":
            order.told.append(asked["status"])
        order.said = order.said or entry["operation"] == "add_message"


# --- the whole ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Soak:
    """What was seen of one watch."""

    samples: tuple[Sample, ...]
    polls: Polls
    outcome: Outcome
    findings: tuple[Finding, ...]
    metrics: str = ""
    kept: Path | None = None

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)


def soak(minutes: float, seed: int = 1, pace: Pace = Pace(), *, timed: bool = True) -> Soak:
    """One watch of so many minutes, to its judgement. What is not `timed` is judged by what became of the orders only.

    Its folder is kept where something is wrong.
    """
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with remotes(folder, seed) as there:
            world = World(folder, replace(SYNCER, name="soak", prepare=_prepare), there, seed)
            found = _watched(world, minutes, pace, timed=timed)
    except BaseException as end:
        end.add_note(f"kept: {folder}")
        raise
    if found.ok:
        shutil.rmtree(folder)
        return found
    return replace(found, kept=folder)


def _prepare(world: World) -> None:
    SYNCER.prepare(world)
    file = world.folder / "syncer.toml"
    text = file.read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text + MORE, encoding="utf-8")


def _watched(world: World, minutes: float, pace: Pace, *, timed: bool) -> Soak:
    with world.alive(world.program.service) as process:
        load = Load(world, pace, process.pid, _web(world, process))
        begin = time.time()
        load.run(60 * minutes)
        end = time.time()
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    polled = polls(_events(world), "tg", POLLED_EVERY, begin, end)
    stopped = Finding("clean stop", f"exit code {code}", code == 0)
    outcome = world.outcome(restless=world.finish())
    findings = [*_done(world, load, outcome), stopped]
    if timed:
        findings = [*judged(load.samples), *polled.findings(), *findings]
    return Soak(tuple(load.samples), polled, outcome, tuple(findings), load.metrics)


def _web(world: World, process: subprocess.Popen[bytes]) -> str:
    """Where its pages are, once they are there."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        for event in _events(world):
            if event["event"] == "web.started":
                return str(event["url"]).rstrip("/")
        time.sleep(0.1)
    raise AssertionError(f"it does not start: see {world.folder / 'program.log'}")


def _events(world: World) -> Iterator[dict[str, Any]]:
    """The lines of the service's log; what else its commands have said isn't JSON."""
    with (world.folder / "program.log").open(encoding="utf-8") as lines:
        for line in lines:
            with suppress(ValueError):
                yield json.loads(line)


def _done(world: World, load: Load, outcome: Outcome) -> Iterator[Finding]:
    """What became of the orders, and of whoever looked on."""
    counts = outcome.verdict.counts
    wrong = {name: count for name, count in counts.items() if count and name != "orders"}
    words = (
        f"{counts['orders']}, spoiled calls {outcome.faults}, outages {load.outages}: {wrong or '0 lost, 0 doubled'}"
    )
    yield Finding("orders", words, outcome.ok and counts["orders"] > 0)
    asked = f"{load.scraped} pages, {load.commands} commands, {load.hangups} SIGHUPs"
    yield Finding("visitors", f"{asked}; refused {load.refused or 0}", not load.refused)
    bugs = [event["event"] for event in _events(world) if event["event"] in BUGS]
    yield Finding("bugs", f"{len(bugs)} {sorted(set(bugs))}" if bugs else "0", not bugs)
    yield _erasure(world)


def _erasure(world: World) -> Finding:
    """That personal data goes in time, and the file grows by what stays of an order only."""
    database, kept = world.folder / "state" / "syncer.db", {"days": KEPT / timedelta(days=1)}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        orders, erased, overdue, left = (connection.execute(query, kept).fetchone()[0] for query in KEEPING)
    size = _size(database)
    words = (
        f"{erased} of {orders} orders, {overdue} kept for too long, {left} not wholly; the file is {size / MB:.1f} MB, "
        f"{size // max(1, orders)} bytes an order"
    )
    return Finding("erasure", words, overdue == left == 0)


def table(found: Soak) -> Table:
    """The figures and the verdict."""
    rows = Table("figure", "seen", "verdict", box=None, pad_edge=False)
    for finding in found.findings:
        rows.add_row(finding.name, finding.figures, "ok" if finding.ok else "NOT OK")
    return rows


def main() -> int:
    """Exit 1 where anything grew, was late, lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=Path, help="a file for the samples, as CSV")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    found = soak(arguments.minutes, arguments.seed)
    if arguments.samples is not None:
        _write(found, arguments.samples)
    Console(width=None if sys.stdout.isatty() else 160).print(table(found))
    for text in found.outcome.verdict.wrong[:5]:
        print(text)
    if found.kept is not None:
        print(f"kept: {found.kept}")
    return 0 if found.ok else 1


def _leave(number: int, _frame: object) -> NoReturn:
    """SIGTERM ends as Ctrl-C does: with everything that was started."""
    raise SystemExit(128 + number)


def _write(found: Soak, file: Path) -> None:
    names = [each.name for each in fields(Sample)]
    rows = [",".join(str(getattr(one, name)) for name in names) for one in found.samples]
    file.write_text("\n".join([",".join(names), *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
