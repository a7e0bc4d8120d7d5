"""A pass: poll what is due, then take each order that something may be done about as far as it goes."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, astuple, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeGuard

from structlog.contextvars import bound_contextvars

from syncer.engine.bugs import place, story
from syncer.engine.flow import Flow
from syncer.engine.readings import Readings
from syncer.engine.steps import Room, Tally, Walk, left_alone, legible
from syncer.engine.turn import Turn
from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Unreadable
from syncer.orders import Accounting, Observation, Rules
from syncer.store import Applied, InHand, Settled, Spoilt, StoreError
from syncer.telemetry import log

LINGER = 10.0  # seconds, and the longest patience: so long `--once` waits until an uncertain call can be asked about
MOST_ROUNDS = 20  # that one order is taken up again in a pass: a guard, never met by an order that waits for its time
PORTION = 64  # orders taken in hand at once, where no other worker goes short by it
POLLING = "polling"  # what one worker does for all that share a database
PROMPT = 2.0  # seconds that the work waits for what is read; then it goes on beside it
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


def _events_of(name: str) -> str:
    return f"{name} events"


def _accounts(accounting: Accounting) -> dict[str, int]:
    found = asdict(accounting)
    del found["parked"]
    return found


@dataclass(slots=True)
class Progress:
    """Told of how far a pass is, for people who wait."""

    say: Callable[[str, int, int], None] = field(default=lambda _what, _done, _total: None)


class Engine:
    """Runs passes. `workers` orders are worked on at once; `calls` counts the requests made so far.

    `calls_to` counts those of one remote that have ended.
    """

    def __init__(
        self,
        room: Room,
        rules: Rules,
        *,
        workers: int = 8,
        calls: Callable[[], int] = lambda: 0,
        calls_to: Callable[[str], int] = lambda _: 0,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
        stop: threading.Event | None = None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.room = room
        self.rules = rules
        self._release = release
        self._workers = workers
        self._calls = calls
        self.calls_to = calls_to
        self._progress = progress or Progress()
        self._sleep = sleep
        self._stop = stop or threading.Event()
        self._readings: Callable[[], Readings] = Readings
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="order")  # starts no thread before it needs one

    def stop(self) -> None:
        """No new call begins; those under way are finished and written down."""
        self._stop.set()

    def close(self) -> None:
        """Its threads end, which are idle between passes, and its connections are closed.

        Whoever collects garbage would close them too, some day: until then each SIGHUP left as many.
        """
        self._pool.shutdown(wait=False)
        self._release()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    # --- the pass ---------------------------------------------------------------------------------------------

    def run_pass(self, *, once: bool = False, sources: Iterable[str] | None = None) -> Summary:
        """One pass. `once` polls every source and overrides waits; else only `sources` are polled."""
        wanted = list(self.room.sources) if sources is None else list(sources)

        def make(tally: Tally) -> dict[str, Accounting]:
            leads = once or self.room.store.leases.lead(POLLING)
            polled = self._poll(wanted if leads else [], tally)
            self._work(tally, self.rules if once else self._listen(tally, leads=leads), once=once)
            return polled

        return self._pass(make, once=once)

    def run_bounded(
        self,
        sources: Iterable[str],
        limit: timedelta,
        more: Callable[[], Iterable[str]] = tuple,
        going_on: Callable[[frozenset[str]], None] = lambda _: None,
    ) -> Summary:
        """One pass as a service makes it: no order is taken a step further after the `limit`, but by the next pass.

        A remote that is slow to be read holds up nothing but what is about itself: all else is worked on meanwhile.
        Sources that become due, as `more` tells, are polled in between, however much there is to work on.
        The pass ends when all that it reads has been read. `going_on` is told of the remotes that are still read each
        time when all that needs none of them has been done.
        """

        def make(tally: Tally) -> dict[str, Accounting]:
            reading = self._readings()
            try:
                return self._beside(reading, list(sources), more, tally, limit.total_seconds(), going_on)
            finally:
                reading.wait()  # no source is ever read twice at the same time

        return self._pass(make)

    def _pass(self, make: Callable[[Tally], dict[str, Accounting]], *, once: bool = False) -> Summary:
        began, calls, at = time.monotonic(), self._calls(), self.room.now()
        tally = Tally()
        self.room.store.mend(at)
        self.room.health.forgive()
        if once:
            self.room.health.override()
            self.room.store.hasten(at)
        polled = make(tally)
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

    def _beside(
        self,
        reading: Readings,
        due: list[str],
        more: Callable[[], Iterable[str]],
        tally: Tally,
        limit: float,
        going_on: Callable[[frozenset[str]], None],
    ) -> dict[str, Accounting]:
        """Reads, and works beside it, until both are done; what each poll has come to."""
        polled: dict[str, Accounting] = {}
        told: dict[str, bool] = {}
        over, leads = time.monotonic() + limit, self.room.store.leases.lead(POLLING)
        for name in self.room.followers if leads else ():
            reading.begin(name, partial(self._listen_to, name, tally))
        while True:
            began = time.monotonic()
            for name in due if leads else ():
                reading.begin(name, partial(self._poll_one, name, tally))
            reading.wait(PROMPT)
            under_way = reading.under_way
            for name, gave in reading.take():
                if name in self.room.followers:
                    told[name] = gave
                elif gave is not None:
                    polled[name] = _sum(polled.get(name, Accounting()), gave)
            worked = time.monotonic()
            turn = Turn(
                until=worked + limit if under_way or worked >= over else over,
                not_before=worked + max(PROMPT, worked - began),
                over=over,
                more=partial(_besides, more, under_way),
            )
            self._work(tally, self._rarer(told), over=turn.is_over, besides=under_way)
            if under_way and not turn.cut_short_for:
                going_on(under_way)
            due = turn.due() if under_way else turn.cut_short_for
            if not under_way and not due:
                return polled
            tally.blocked.clear()  # what had to wait for a while need not wait for what hangs

    def _poll(self, names: list[str], tally: Tally) -> dict[str, Accounting]:
        self._progress.say("polling", 0, len(names))
        if len(names) <= 1:  # no thread for one
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
            if not room.health.admit(name, room.now()):
                tally.problems[name] = f"{name}: left alone until {room.health.until(name, room.now()):%H:%M:%S} UTC"
                return None
            cursor = room.store.cursor(name)
            try:
                page = room.sources[name].poll(cursor, lambda: room.store.oldest_open(name))
            except (Unavailable, AccessDenied, Unreadable, Rejected) as failure:
                self._not_polled(name, failure, tally)
                return None
            except StoreError:
                raise
            except Exception as bug:  # noqa: BLE001 - the pass's edge: one source's bug stays its own
                self._not_polled_for_a_bug(name, bug, tally)
                return None
            if page is None:  # its orders are read one by one: it is as well as those calls say
                room.health.release(name)
                if room.health.up(name, room.now()):
                    room.store.note_poll(name, room.now())
                return Accounting()
            room.health.well(name, room.now())
            if page.warning:
                log().warning("portal.odd", text=page.warning)
            accounting = room.store.ingest(name, page, room.now(), cursor)
            log().info("portal.polled", **asdict(accounting))
            return accounting

    def _not_polled(self, name: str, failure: RemoteError, tally: Tally) -> None:
        if self.stopped:  # it was us who gave up
            self.room.health.release(name)
            return
        cause = legible(self.room.redactor.scrub(str(failure)))
        tally.problems[name] = cause
        self.room.health.ill(name, failure, cause, self.room.now())

    def _not_polled_for_a_bug(self, name: str, bug: Exception, tally: Tally) -> None:
        self.room.health.release(name)
        log().error("remote.bug", remote=name, bug=place(bug), traceback=story(bug))
        tally.problems[name] = f"{name}: a bug in syncer, please report it with the log: {place(bug)}"

    def _listen(self, tally: Tally, *, leads: bool) -> Rules:
        """Where a network lists events, the orders that they speak of become due at once, and all others rarer."""
        return self._rarer({name: self._listen_to(name, tally) for name in self.room.followers} if leads else {})

    def _rarer(self, told: Mapping[str, bool]) -> Rules:
        """The rules, with orders read rarer where events tell of them; where nothing is `told`, as it was before."""
        terms = dict(self.rules.terms)
        for name in self.room.followers:
            if told[name] if name in told else self._listened_to(name):
                every = min(timedelta(hours=1), terms[name].poll_every * EVENTED)
                terms[name] = replace(terms[name], poll_every=max(every, terms[name].poll_every))
        return replace(self.rules, terms=terms)

    def _listened_to(self, name: str) -> bool:
        """Whether the network's events were ever read, by another worker say."""
        return self.room.store.cursor(_events_of(name)).last_poll_at is not None

    def _listen_to(self, name: str, tally: Tally) -> bool:
        """Reads a network's events; False where it has none, or could not be asked."""
        room = self.room
        if self.stopped or not room.health.admit(name, room.now()):
            return False
        try:
            mentions = room.followers[name].poll(room.store.cursor(_events_of(name)))
        except (Unavailable, AccessDenied, Unreadable, Rejected) as failure:
            self._not_polled(name, failure, tally)
            return False
        except StoreError:
            raise
        except Exception as bug:  # noqa: BLE001 - as above
            self._not_polled_for_a_bug(name, bug, tally)
            return False
        if mentions is None:
            room.health.release(name)
            return False
        room.health.well(name, room.now())
        room.store.rouse(name, mentions, _events_of(name), room.now())
        return True

    # --- the work ---------------------------------------------------------------------------------------------

    def _work(
        self,
        tally: Tally,
        rules: Rules,
        *,
        over: Callable[[], bool] = lambda: False,
        besides: frozenset[str] = frozenset(),
        once: bool = False,
    ) -> None:
        """Takes every order as far as it goes now, and those that are due again after that, once more.

        No step is begun once the time for it is `over`, and none about the remotes `besides`, nor about an
        order of theirs.
        """
        deadline = time.monotonic() + LINGER + max(map(timedelta.total_seconds, rules.patience.values()), default=20.0)
        rounds: Counter[int] = Counter()
        while not self.stopped:
            worked = self._round(tally, rules, rounds, over, besides, once=once)
            if not worked and not (once and self._worth_waiting(tally, deadline)):
                return

    def _round(
        self,
        tally: Tally,
        rules: Rules,
        rounds: Counter[int],
        over: Callable[[], bool],
        besides: frozenset[str],
        *,
        once: bool,
    ) -> bool:
        """Every order that is due, as many at the same time as there are workers; whether there was any."""
        portion = self._workers if self.room.store.leases.shared else PORTION
        claims = _Claims(self.room, tally, rounds, portion=portion)

        def refill(full: frozenset[str]) -> list[Walk]:
            more = [] if self.stopped or over() else claims.more(full)
            return [
                Walk(self.room, rules, tally, held, lambda: self.stopped, over=over, besides=besides, patient=once)
                for held in more
            ]

        def done(walk: Walk) -> None:
            claims.give_back(walk.held.id, keeps=walk.name in tally.fetching)
            self._progress.say("working", claims.over, claims.had)

        def left(walk: Walk) -> None:
            claims.give_back(walk.held.id, again=True)

        try:
            Flow(refill, self.room.parallel, done, left).run(self._pool, self._workers)
        finally:
            claims.end()
        return claims.had > 0

    def _worth_waiting(self, tally: Tally, deadline: float) -> bool:
        """Waits a little where that lets an uncertain call be asked about in this pass; says whether it did."""
        closed = self.room.health.closed(self.room.now())
        until = self.room.store.next_uncertain(besides=tally.blocked, without=closed)
        if until is None or self.stopped:
            return False
        wait = max(0.0, (until - self.room.now()).total_seconds())
        if time.monotonic() + wait > deadline:
            return False
        self._sleep_until(until, deadline)
        return True

    def _sleep_until(self, until: datetime, deadline: float) -> None:
        while (left := (until - self.room.now()).total_seconds()) >= 0:
            if self.stopped or time.monotonic() > deadline:
                return
            self._sleep(min(left, 0.2) + 0.01)

    def erase(self, after: timedelta) -> int | None:
        """Erases the personal data of orders that ended so long ago; returns of how many.

        None where that is put off, since the clock can't be believed: to be tried again soon, for it is watched so.
        """
        now = self.room.now()
        doubt = self.room.store.doubt(now)
        if doubt is not None:
            if doubt.new:
                log().warning("store.erasure_put_off", seconds=round(doubt.ahead.total_seconds()))
            return None
        erased = self.room.store.erase(now - after, now)
        log().info("store.erased", orders=erased)
        return erased

    def care(self) -> None:
        """Has the database look after itself."""
        self.room.store.care()

    # --- people -----------------------------------------------------------------------------------------------

    def hear(self, name: str, seen: Observation, settled: Settled | None = None) -> Applied:
        """An operator's word about an order."""
        applied = self.room.store.apply(name, seen, self.room.now(), self.rules, settled=settled)
        with bound_contextvars(order=name):
            log().info(seen.event, state=applied.order.state, text=seen.text)
        return applied

    def work_on(self, names: list[str]) -> Tally:
        """Takes some orders as far as they go now, but those that another worker has in hand."""
        tally = Tally()
        for name in names:
            held = self.room.store.hold(name)
            if held is not None:
                walk = Walk(self.room, self.rules, tally, held, lambda: self.stopped, patient=True)
                while (step := walk.next()) is not None:
                    walk.take(step)
                self.room.store.let_go([held.id])
        return tally


class _Claims:
    """The orders that are due, a portion at a time, each once in a round; `had` counts them, `over` those worked on."""

    def __init__(self, room: Room, tally: Tally, rounds: Counter[int], *, portion: int) -> None:
        self.had = 0
        self.over = 0
        self._room = room
        self._tally = tally
        self._rounds = rounds
        self._portion = portion
        self._lock = threading.Lock()
        self._had: set[int] = set()
        self._in_hand: set[int] = set()
        self._to_give: list[int] = []

    def more(self, full: Collection[str]) -> list[InHand]:
        """The next portion, without orders whose next step is about one of these remotes; empty at the end."""
        self._let_go()
        after: tuple[datetime, int] | None = None
        while True:
            now = self._room.now()
            without = {*full, *self._room.health.closed(now)}
            with self._lock:
                besides = list(self._in_hand)
            found = self._room.store.claim(now, limit=self._portion, without=without, besides=besides, after=after)
            wanted = [one for one in found if self._wants(one)]
            if wanted or not found:
                return wanted
            last = found[-1]
            if isinstance(last, InHand) and last.order.wake_at is not None:  # one that is spoilt is put off by now
                after = (last.order.wake_at, last.id)

    def _wants(self, one: InHand | Spoilt) -> TypeGuard[InHand]:
        if isinstance(one, Spoilt):
            left_alone(self._room, self._tally, one)
            return False
        with self._lock:
            had = one.id in self._had or self._rounds[one.id] >= MOST_ROUNDS
            if had or one.order.name in self._tally.blocked:
                if one.id not in self._in_hand and one.order.name not in self._tally.fetching:
                    self._to_give.append(one.id)
                return False
            self.had += 1
            self._rounds[one.id] += 1
            self._had.add(one.id)
            self._in_hand.add(one.id)
        return True

    def give_back(self, row: int, *, again: bool = False, keeps: bool = False) -> None:
        """An order is out of hand; `again`: it could not be worked on, and is to be had in the next round.

        Not in this one: what it waits for need not be what the store says that it needs, and it would be had at once.
        What `keeps` its lease is taken up again by this worker alone, as long as it lives.
        """
        with self._lock:
            self._in_hand.discard(row)
            if not keeps:
                self._to_give.append(row)
            self.over += not again
            if again:
                self.had -= 1
                self._rounds[row] -= 1

    def _let_go(self) -> None:
        with self._lock:
            over, self._to_give = self._to_give, []
        self._room.store.let_go(over)

    def end(self) -> None:
        """Gives back all that was had."""
        self._room.store.let_go([*self._in_hand, *self._to_give])


def _besides(more: Callable[[], Iterable[str]], under_way: frozenset[str]) -> list[str]:
    """The sources that are due, but for those that are read just now."""
    return [name for name in more() if name not in under_way]


def _sum(one: Accounting, other: Accounting) -> Accounting:
    return Accounting(*(first + second for first, second in zip(astuple(one), astuple(other), strict=True)))


def _submit(pool: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Hands work to another thread with this one's context, which threads don't inherit."""
    return pool.submit(copy_context().run, work, *arguments)
