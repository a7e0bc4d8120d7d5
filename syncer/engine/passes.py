"""A pass: poll what is due, then take each order that something may be done about as far as it goes."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from structlog.contextvars import bound_contextvars

from syncer.engine.bugs import place, story
from syncer.engine.steps import Room, Steps, Tally, legible
from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Unreadable
from syncer.orders import Accounting, Observation, Rules
from syncer.store import Applied, Settled, StoreError
from syncer.telemetry import log

LINGER = 30.0  # seconds that one pass waits for a call of unknown outcome to become one that can be asked about
MOST_ROUNDS = 20  # that one order is taken up again in a pass: a guard, never met by an order that waits for its time
EVENTED = 10  # how much rarer an order is read by itself, where the network's events tell of it


@dataclass(frozen=True, slots=True)
class Summary:
    """What a pass did. `calls` counts requests made, `polled` accounts for each portal's list."""

    at: datetime
    seconds: float
    polled: dict[str, Accounting]
    ingested: int
    advanced: int
    parked: int
    calls: int
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `status` and `--once --json` print it."""
        each = {name: _accounts(one) for name, one in self.polled.items()}
        total = {key: sum(one[key] for one in each.values()) for key in _accounts(Accounting())}
        return {
            "at": self.at.isoformat(),
            "seconds": round(self.seconds, 3),
            "polled": each,
            **total,
            "ingested": self.ingested,
            "advanced": self.advanced,
            "parked": self.parked,
            "calls": self.calls,
        }


def _accounts(accounting: Accounting) -> dict[str, int]:
    found = asdict(accounting)
    del found["parked"]
    return found


@dataclass(slots=True)
class Progress:
    """Told of how far a pass is, for people who wait."""

    say: Callable[[str, int, int], None] = field(default=lambda _what, _done, _total: None)


class Engine:
    """Runs passes. `workers` orders are worked on at once; `calls` counts the requests made so far."""

    def __init__(
        self,
        room: Room,
        rules: Rules,
        *,
        workers: int = 8,
        calls: Callable[[], int] = lambda: 0,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.room = room
        self.rules = rules
        self._workers = workers
        self._calls = calls
        self._progress = progress or Progress()
        self._sleep = sleep
        self._stop = threading.Event()
        self._rounds: Counter[str] = Counter()

    def stop(self) -> None:
        """No new call begins; those under way are finished and written down."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    # --- the pass ---------------------------------------------------------------------------------------------

    def run_pass(self, *, once: bool = False, sources: Iterable[str] | None = None) -> Summary:
        """One pass. `once` polls every source and overrides waits; else only `sources` are polled."""
        began, calls, at = time.monotonic(), self._calls(), self.room.now()
        tally = Tally()
        self.room.health.forgive()
        if once:
            self.room.health.override()
        polled = self._poll(list(self.room.sources) if sources is None else list(sources), tally)
        rules = self.rules if once else self._listen(tally)
        self._work(tally, rules, once=once)
        summary = Summary(
            at=at,
            seconds=time.monotonic() - began,
            polled=polled,
            ingested=sum(one.ingested for one in polled.values()),
            advanced=len(tally.advanced),
            parked=len(tally.parked) + sum(one.parked for one in polled.values()),
            calls=self._calls() - calls,
            problems=tuple(tally.problems.values()),
        )
        self.room.store.note_pass(summary.as_json())
        return summary

    def _poll(self, names: list[str], tally: Tally) -> dict[str, Accounting]:
        self._progress.say("polling", 0, len(names))
        if len(names) <= 1:  # no thread for one: this one keeps its connection from pass to pass
            found = {name: self._poll_one(name, tally) for name in names}
        else:
            with ThreadPoolExecutor(len(names), thread_name_prefix="poll") as pool:
                tasks = {name: _submit(pool, self._poll_one, name, tally) for name in names}
                found = {name: task.result() for name, task in tasks.items()}
        return {name: accounting for name, accounting in found.items() if accounting is not None}

    def _poll_one(self, name: str, tally: Tally) -> Accounting | None:
        """Reads one portal's list, and stores it with the cursor. None where it could not be read."""
        room = self.room
        with bound_contextvars(remote=name):
            if self.stopped:
                return None
            if not room.health.open(name, room.now()):
                tally.problems[name] = f"{name}: left alone until {room.health.until(name, room.now()):%H:%M:%S} UTC"
                return None
            try:
                page = room.sources[name].poll(room.store.cursor(name), lambda: room.store.oldest_open(name))
            except (Unavailable, AccessDenied, Unreadable, Rejected) as failure:
                self._not_polled(name, failure, tally)
                return None
            except StoreError:
                raise
            except Exception as bug:  # noqa: BLE001 - the pass's edge: one source's bug stays its own
                self._not_polled_for_a_bug(name, bug, tally)
                return None
            room.health.well(name, room.now())
            if page.warning:
                log().warning("portal.odd", text=page.warning)
            accounting = room.store.ingest(name, page, room.now())
            log().info("portal.polled", **asdict(accounting))
            return accounting

    def _not_polled(self, name: str, failure: RemoteError, tally: Tally) -> None:
        cause = legible(self.room.redactor.scrub(str(failure)))
        tally.problems[name] = cause
        self.room.health.ill(name, failure, cause, self.room.now())

    def _not_polled_for_a_bug(self, name: str, bug: Exception, tally: Tally) -> None:
        log().error("remote.bug", remote=name, bug=place(bug), traceback=story(bug))
        tally.problems[name] = f"{name}: a bug in syncer, please report it with the log: {place(bug)}"

    def _listen(self, tally: Tally) -> Rules:
        """Where a network lists events, the orders that they speak of become due at once, and all others rarer."""
        terms = dict(self.rules.terms)
        for name, follower in self.room.followers.items():
            source = f"{name} events"
            if not self.room.health.open(name, self.room.now()) or self.stopped:
                continue
            try:
                mentions = follower.poll(self.room.store.cursor(source))
            except (Unavailable, AccessDenied) as failure:
                self._not_polled(name, failure, tally)
                continue
            except StoreError:
                raise
            except Exception as bug:  # noqa: BLE001 - as above
                self._not_polled_for_a_bug(name, bug, tally)
                continue
            if mentions is not None:
                self.room.store.rouse(name, mentions, source, self.room.now())
                every = min(timedelta(hours=1), terms[name].poll_every * EVENTED)
                terms[name] = replace(terms[name], poll_every=max(every, terms[name].poll_every))
        return Rules(self.rules.routes, terms)

    # --- the work ---------------------------------------------------------------------------------------------

    def _work(self, tally: Tally, rules: Rules, *, once: bool) -> None:
        steps = Steps(self.room, rules, tally, lambda: self.stopped)
        deadline = time.monotonic() + LINGER
        names = self.room.store.due(self.room.now(), once=once)
        self._rounds.clear()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="order") as pool:
            while names and not self.stopped:
                self._round(pool, steps, names)
                names = self._due_again(tally)
                while once and not names and self._worth_waiting(tally, deadline):
                    names = self._due_again(tally)

    def _round(self, pool: ThreadPoolExecutor, steps: Steps, names: list[str]) -> None:
        """Each order once, all of them at the same time as far as there are workers."""
        done = 0
        tasks = [_submit(pool, steps.advance, name) for name in names]
        try:
            for task in tasks:
                task.result()
                done += 1
                self._progress.say("working", done, len(tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            raise

    def _due_again(self, tally: Tally) -> list[str]:
        names = [name for name in self.room.store.due(self.room.now()) if name not in tally.blocked]
        self._rounds.update(names)
        return [name for name in names if self._rounds[name] <= MOST_ROUNDS]

    def _worth_waiting(self, tally: Tally, deadline: float) -> bool:
        """Waits a little where that lets an uncertain call be asked about in this pass; says whether it did."""
        until = self.room.store.next_uncertain(besides=tally.blocked)
        if until is None or self.stopped:
            return False
        wait = max(0.0, (until - self.room.now()).total_seconds())
        if time.monotonic() + wait > deadline:
            return False
        self._sleep(min(wait, 0.2) + 0.01)
        return True

    # --- people -----------------------------------------------------------------------------------------------

    def hear(self, name: str, seen: Observation, settled: Settled | None = None) -> Applied:
        """An operator's word about an order."""
        applied = self.room.store.apply(name, seen, self.room.now(), self.rules, settled=settled)
        with bound_contextvars(order=name):
            log().info(seen.event, state=applied.order.state, text=seen.text)
        return applied

    def work_on(self, names: list[str]) -> Tally:
        """Takes some orders as far as they go now."""
        tally = Tally()
        steps = Steps(self.room, self.rules, tally, lambda: self.stopped)
        for name in names:
            steps.advance(name)
        return tally


def _submit(pool: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Hands work to another thread with this one's context, which threads don't inherit."""
    return pool.submit(copy_context().run, work, *arguments)
