"""A search for what nobody thought of: a Hypothesis state machine over the whole ring, under a clock that stands still.

The machine lets happen what may: orders of every kind, passes, kills, faults, the other side, the network, an operator,
clocks. A judge looks at each call that the program makes, and at the store between them, and says what may not be. No
scenario is written down here: when one turns out to be bad, the smallest form of it belongs in a test of its own.
"""

import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from hypothesis import HealthCheck, Phase, event, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from syncer.orders import OPEN_INTENT, Act, Intent, IntentState, Kind, Order, Park, Work, plan
from syncer.remotes.http import Answer, Limits
from syncer.simulators.host import Fault
from syncer.simulators.on_api import OnApiSimulator, Script
from tests.prove import world as worlds
from tests.prove.scenarios import CAUSE, LATE
from tests.prove.world import DESK, ELSEWHERE, PLAIN, PROGRAM, UNMAPPED, Clock, Event, Knife, World, folder_in_memory

MOST_ORDERS = 6
MOST_CALLS = 60  # of one pass about one order; a restless one makes more
OLDEST_LOOK = 90.0  # seconds: an activation follows a look at the portal that is a minute old, and a few calls
DEEP = 12  # days that the daily reading reaches back at least, tomorrow
FINAL = frozenset({"delivered", "cancelled"})
STATUSES = ("new", "received", "active", "waiting", "delivered", "cancelled")
LAWFUL = frozenset(
    {("new", "received"), ("received", "active"), ("waiting", "active"), ("active", "delivered")}
    | {("received", "waiting"), ("active", "waiting")}
    | {(status, "cancelled") for status in STATUSES}
)
HOUR, DAY = 3600.0, 86400.0
REACHED: Counter[str] = Counter()  # each rule, and each state worth reaching: how often


# --- the world, watched -------------------------------------------------------------------------------------------


class OurClock(Clock):
    """The program's own clock, which may be wrong by a while. Time passes with everybody's."""

    def __init__(self, true: Clock) -> None:
        self._true = true
        self.wrong_by = timedelta()

    def __call__(self) -> datetime:
        return self._true() + self.wrong_by

    def monotonic(self) -> float:
        return self._true.monotonic()

    def go_on(self, **by: float) -> None:
        self._true.go_on(**by)

    def jump(self, **by: float) -> None:
        self.wrong_by += timedelta(**by)


@dataclass(slots=True)
class Tale:
    """What the world knows of one order: what people did about it, and when the program last read it."""

    fields: Mapping[str, Any]
    words: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    seen: str | None = None  # what the last reading showed; None where that may have changed since
    seen_at: float | None = None
    last: str = ""  # what the portal was last asked about it


class Watched(World):
    """A world that notes what the program calls, and why that may not be."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.tales: dict[str, Tale] = {}
        self.complaints: list[str] = []
        self.listed: set[str] = set()  # by the poll of this pass
        self.polled_from: str | None = None
        self.forgetful = False
        self.clock: OurClock = OurClock(self.clock)

    def _carry(self, limits: Limits, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        call = _call(method, target, body)
        self._judge(call)
        number = call.get("id", "")
        before = self.outside.portal.status(number) if number in self.tales else None
        answer = super()._carry(limits, method, target, headers, body)
        if self.outside.struck in {None, Fault.WRONG_TYPE, Fault.DRIP}:
            self._note(call)
            if before is not None and call["what"] == "order_info" and before != self.outside.portal.status(number):
                self.tales[number].seen = None  # it was changed while the call was under way
        return answer

    def _run(self, order: bytes) -> tuple[int | None, str]:
        key = json.loads(order)["key"]
        if key in self._booked() and not self._made_new(key.split(".")[1]):
            self.complaints.append(f"the command was run again for {key}, which it had done")
        self._activates(key)
        return super()._run(order)

    def _made_new(self, number: str) -> bool:
        """Whether somebody set an order back to new while we had forgotten it: nobody could know that it was done."""
        return self.forgetful and "new" in self.tales[number].changed

    def _booked(self) -> set[str]:
        return {json.loads(entry.body)["reference"] for entry in self.outside.effects("courier")}

    # --- what may be called ---------------------------------------------------------------------------------------

    def _judge(self, call: Mapping[str, str]) -> None:
        tale = self.tales.get(call.get("id", ""))
        match call["what"]:
            case "set_status":
                self.complaints += self._tells(call["id"], call["status"])
            case "add_message":
                self._says(call["id"], call["message"])
            case "create":
                self._orders(call["remote"], call["spReference"])
            case "cancel":
                self._withdraws(call["remote"], call["id"])
        if tale is not None:
            tale.last = call["what"]

    def _tells(self, number: str, status: str) -> Iterator[str]:
        at, tale = self.outside.portal.status(number), self.tales[number]
        what = f"{number} was told {status} over {at}"
        if tale.last != "order_info":
            yield f"{what}, and not read right before"
        if tale.seen is None:  # somebody changed it after it was read, which nobody can know
            return
        if tale.seen != at:
            yield f"{what}, and read as {tale.seen} last"
        if at in FINAL or (at, status) not in LAWFUL:
            yield what
        if _untouched(tale):
            yield f"{what}, though it was first read as {tale.fields['status']}"
        if status == "active" and not (self._begun(number) or {"deliver", "done"} & {*tale.words}):
            yield f"{what}, and was never begun"
        if status == "delivered" and not (self._done(number) or {"deliver", "done"} & {*tale.words}):
            yield f"{what}, and nothing has delivered it"
        if status == "cancelled" and "cancel" not in tale.words:
            yield f"{what}, and nobody said so"

    def _says(self, number: str, text: str) -> None:
        said = [text for _, text in self.outside.portal.messages(number)]
        key = _key(text)
        if key in map(_key, said):
            self.complaints.append(f"{number} was told twice: {text}")
        elif said and _bare(said[-1]) == _bare(text) and not self.forgetful:
            self.complaints.append(f"{number} was told of the same failure twice running: {text}")
        if _untouched(self.tales[number]):
            self.complaints.append(f"{number} has a message, though it was first read as ended")

    def _orders(self, remote: str, key: str) -> None:
        network = self.network(remote)
        made = [order for order in network.network.orders.values() if order.reference == key and _shown(network, order)]
        lag = timedelta(seconds=network.find_lag)
        had = any(self.outside.clock() - order.accepted >= lag for order in made)
        if had and not (self._retried_in_oblivion(key) or self._made_new(key.split(".")[1])):
            self.complaints.append(f"{key} was sent to {remote} again, which had it")
        self._activates(key)

    def _retried_in_oblivion(self, key: str) -> bool:
        return self.forgetful and "retry" in self.tales[key.split(".")[1]].words

    def _activates(self, key: str) -> None:
        _, number, round_ = key.split(".")
        tale = self.tales[number]
        lawful = 1 + tale.words.count("retry") + self._withdrawn(number)
        if int(round_[1:]) > lawful:
            self.complaints.append(f"{key} is begun, and nobody has said retry so often")
        if tale.seen in FINAL or _untouched(tale):
            self.complaints.append(f"{key} is begun, though the portal was read as {tale.seen}")
        if tale.seen == "new" == self.outside.portal.status(number) and "new" not in tale.changed:
            self.complaints.append(f"{key} is begun before the portal was told received")
        if tale.seen_at is None or self.clock.monotonic() - tale.seen_at > OLDEST_LOOK:
            self.complaints.append(f"{key} is begun without a look at the portal since {tale.seen_at}")

    def _withdraws(self, remote: str, order_id: str) -> None:
        order = self.network(remote).network.orders.get(order_id)
        if order is None:
            return
        tale = self.tales[order.reference.split(".")[1]]
        if tale.seen != "cancelled" and "cancelled" not in tale.changed and "cancel" not in tale.words:
            self.complaints.append(f"{order.reference} is withdrawn, and nobody has cancelled it")

    # --- what is so -----------------------------------------------------------------------------------------------

    def network(self, name: str) -> OnApiSimulator:
        return self.outside.nordnet if name == "nordnet" else self.outside.sydnet

    def made(self, number: str) -> list[dict[str, Any]]:
        """The networks' orders of ours for an order."""
        networks = self.outside.nordnet, self.outside.sydnet
        return [made for one in networks for made in one.orders() if made["reference"].startswith(f"tg.{number}.s")]

    def _begun(self, number: str) -> bool:
        by_hand = self.tales[number].fields["service"] == DESK
        return bool(by_hand or self.made(number) or self.outside.courier.parcels(number))

    def _done(self, number: str) -> bool:
        done = any(made["state"] == "DONE_SUCCESS" for made in self.made(number))
        return done or bool(self.outside.courier.parcels(number))

    def _withdrawn(self, number: str) -> int:
        return sum(bool(made["cancelled"]) for made in self.made(number))

    def truth(self, intent: Intent, number: str) -> tuple[bool, str | None]:
        """Whether a call had its effect, as a person sees who looks at the remote; and the remote's number for it."""
        portal = self.outside.portal
        if intent.kind is Kind.STATUS:
            return portal.status(number) == intent.payload["status"], None
        if intent.kind is Kind.MESSAGE:
            return any(intent.key == _key(text) for _, text in portal.messages(number)), None
        if intent.target in {"script", "desk"}:
            return intent.key in self._booked(), None
        mine = self.made(number)
        if intent.kind is Kind.CANCEL:
            return not mine or mine[-1]["state"] == "DONE_FAILED", None
        mine = [made for made in mine if made["reference"] == intent.key]
        return bool(mine), mine[-1]["order"] if mine else None

    def _note(self, call: Mapping[str, str]) -> None:
        """What the program knows by this answer."""
        portal = self.outside.portal
        if call["what"] == "order_info" and call["id"] in self.tales:
            tale, how = self.tales[call["id"]], portal._orders[call["id"]].broken_detail
            if how != "broken_xml":  # without a status of its own, the list is asked, which may be late
                tale.seen = portal.status(call["id"]) if how == "whole" else None
                tale.seen_at = self.clock.monotonic()
        if call["what"] == "set_status":
            self.tales[call["id"]].seen = portal.status(call["id"])
        if call["what"] == "orders" and self.polled_from in {None, call["date"]}:  # others look one order up
            self.polled_from = call["date"]
            self.listed |= {number for number in self.tales if self.shows(number, call["date"])}

    def shows(self, number: str, day: str) -> bool:
        """Whether the portal lists an order, legibly, from a day on."""
        order = self.outside.portal._orders[number]
        return not order.hidden and order.broken_row == "whole" and order.head["date"][:10] >= day

    def doubles(self) -> Iterator[str]:
        """Each order that is delivered more than once, or has been ordered more than once in one round."""
        for number in self.tales:
            made = self.made(number)
            alive = [one for one in made if one["state"] != "DONE_FAILED"]
            keys = Counter(one["reference"] for one in made if one["state"] != "DONE_FAILED")
            if len(alive) > 1:
                yield f"{number} is activated more than once: {alive}"
            if max(keys.values(), default=0) > 1 and not self.forgetful:
                yield f"{number} was ordered twice in one round: {made}"


def _shown(network: OnApiSimulator, order: Any) -> bool:
    """Whether a network shows an order at all: one that failed can be gone without a trace."""
    options = network.options
    return not order.lost and (order.state != "DONE_FAILED" or options.finished_listed or options.events)


def _call(method: str, target: str, body: bytes) -> dict[str, str]:
    """What is called, and with which words."""
    parts = urlsplit(target)
    if parts.path.startswith("/xsp"):
        words = dict(parse_qsl(parts.query)) | dict(parse_qsl(body.decode()))
        return {**words, "what": words["method"]}
    what = {"POST": "create", "DELETE": "cancel"}.get(method, "read")
    words = {name: str(value) for name, value in json.loads(body).items()} if what == "create" else {}
    path = parts.path.strip("/").split("/")
    return {**words, "what": what, "remote": path[0], "id": path[-1]}


def _untouched(tale: Tale) -> bool:
    """First read as ended, and nobody's business since."""
    return tale.fields["status"] in FINAL and not tale.words and not tale.changed


def _key(text: str) -> str:
    return text.rpartition("[")[2].rstrip("]")


def _bare(text: str) -> str:
    """A message without its key, and without the numbers that a network gives to each of its answers."""
    return re.sub(r"\d+", "", text.rpartition(" [")[0])


# --- the machine --------------------------------------------------------------------------------------------------

SCRIPTS: tuple[Script | None, ...] = (
    None,
    Script(received_ticks=1),
    Script(received_ticks=1, progress_ticks=2),
    Script(progress_ticks=1),
    Script(received_ticks=1, odd_state="PAUSED"),
    Script(refuse=409, cause=CAUSE),
    Script(end="DONE_FAILED", message="Mörk fiber"),
    Script(received_ticks=1, end="DONE_FAILED", message="Mörk fiber"),
)
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "tg": ("orders", "order_info", "customer_info", "set_status", "order_log", "add_message", "api_login"),
    "nordnet": (
        "orders.create", "orders.get", "orders.list", "orders.cancel", "orderevents.list", "accesses.get",
        "subscriptions.list", "discovery",
    ),
    "sydnet": ("orders.create", "orders.get", "orders.list", "orders.cancel", "services.get", "discovery"),
    "courier": ("parcels.book",),
}  # fmt: skip
PLACES = tuple((remote, operation) for remote, names in OPERATIONS.items() for operation in names)
WRITING = tuple(
    (remote, operation)
    for remote, operation in PLACES
    if operation in {"set_status", "add_message", "orders.create", "orders.cancel", "parcels.book"}
)
LOST = (Fault.RESET_AFTER, Fault.TIMEOUT_AFTER, Fault.ERROR_AFTER, Fault.HTML_AFTER, Fault.TIMEOUT_BEFORE)
SPANS = (5.0, 61.0, 180.0, 920.0, HOUR, 6 * HOUR, DAY, 3 * DAY, 15 * DAY)
JUMPS = (-30 * DAY, -3 * DAY, -DAY, -HOUR, -120.0, 120.0, HOUR, DAY, 3 * DAY, 30 * DAY)
WORDS = ("retry", "deliver", "cancel", "done", "not-done")
WHICH = st.integers(0, MOST_ORDERS - 1)
WHEN = st.integers(1, 60)
NETWORK: Mapping[str, Any] = {
    "events": st.sampled_from((True, False)),
    "subscriptions": st.sampled_from((True, True, True, False)),
    "echo_reference": st.sampled_from((True, True, True, False)),
    "finished_listed": st.sampled_from((True, True, False)),
    "full_existing": st.booleans(),
    "early_subscription_id": st.booleans(),
    "after_delete": st.sampled_from(("404", "DONE_FAILED")),
}
PORTAL: Mapping[str, Any] = {
    "envelope": st.sampled_from(("plain", "wrapped", "key_n", "no_response")),
    "expired": st.sampled_from(("failed", "html", "403")),
    "shuffled": st.booleans(),
    "duplicated": st.booleans(),
    "strict": st.booleans(),
    "log_visible": st.sampled_from((True, True, True, False)),
}


ARRIVAL: Mapping[str, Any] = {
    "service": st.sampled_from((PLAIN, PLAIN, ELSEWHERE, PROGRAM, DESK, UNMAPPED)),
    "script": st.sampled_from(SCRIPTS),
    "status": st.sampled_from(("new",) * 14 + STATUSES[1:] + ("paused",)),
    "wish": st.sampled_from((None, None, None, -DAY, 2 * DAY, 9 * DAY)),
    "age": st.sampled_from((0.0, 0.0, 0.0, DAY, 5 * DAY)),
    "row": st.sampled_from(("whole",) * 14 + ("hidden", "no_id", "absurd")),
    "detail": st.sampled_from(("whole",) * 14 + ("broken_xml", "empty", "no_ids")),
}


NEW = st.one_of(st.none(), st.fixed_dictionaries(ARRIVAL))


def happens(**strategies: Any) -> Callable[[Callable[..., Any]], Any]:
    """A rule that is counted, and after which the judge looks."""

    def ruled(act: Callable[..., Any]) -> Any:
        @wraps(act)
        def acted(self: "Ring", **chosen: Any) -> Any:
            REACHED[act.__name__] += 1
            with self.watched():
                result = act(self, **chosen)
                if self.changed:
                    self.look()
            return result

        made: Any = rule(**strategies)
        return made(acted)

    return ruled


class _Broken:
    """Says afterwards whether something went wrong within."""

    def __init__(self, ring: "Ring") -> None:
        self._ring = ring

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, *_: object) -> None:
        self._ring.broken |= kind is not None


class Ring(RuleBasedStateMachine):
    """All that may happen, in any order. `folder` is where the world's database is."""

    folder: ClassVar[Path]
    forgets: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.world: Watched | None = None
        self.broken = False
        self.changed = False  # whether the program has done something since the judge looked
        self.must: set[str] = set()  # the orders that were listed in a pass that took the listing
        self.hanging: set[str] = set()  # intents that a killed life left begun
        self.cursors: dict[str, str] = {}
        self.visible: set[str] = set()  # in the end: what a listing of tomorrow shows
        self.reached: set[str] = set()

    def watched(self) -> _Broken:
        return _Broken(self)

    @property
    def ring(self) -> Watched:
        assert self.world is not None
        return self.world

    # --- how it is set up -----------------------------------------------------------------------------------------

    @initialize(
        portal=st.fixed_dictionaries(PORTAL),
        nordnet=st.fixed_dictionaries(NETWORK),
        sydnet=st.fixed_dictionaries(NETWORK),
        version=st.sampled_from(("2.4", "2.5", "2.6")),
        orders=st.lists(st.fixed_dictionaries(ARRIVAL), min_size=1, max_size=3),
    )
    def begins(self, portal: Any, nordnet: Any, sydnet: Any, version: str, orders: list[Any]) -> None:
        network = {**nordnet, "version": version}
        other = {**sydnet, "scheduling": False, "discovery": True}
        self.world = Watched(self.folder, portal=portal, nordnet=network, sydnet=other)
        for order in orders:
            self._arrives(**order)

    def _welcome(self, new: Mapping[str, Any] | None) -> None:
        """An order arrives just before a pass, or none."""
        if new is not None and len(self.ring.tales) < MOST_ORDERS:
            REACHED["an order arrives"] += 1
            self._arrives(**new)

    def _arrives(
        self, service: str, script: Script | None, status: str, wish: float | None, age: float, row: str, detail: str
    ) -> None:
        outside = self.ring.outside
        now = outside.clock()
        delivery = "asap" if wish is None else now + timedelta(seconds=wish)
        fields = {"service": service, "status": status, "delivery": delivery, "date": now - timedelta(seconds=age)}
        number = outside.order(script, **fields)
        self.ring.tales[number] = Tale(fields)
        if row == "hidden":
            outside.portal.hide(number)
        else:
            outside.portal.break_row(number, row)  # type: ignore[arg-type]
        outside.portal.break_detail(number, detail)  # type: ignore[arg-type]

    # --- the program ----------------------------------------------------------------------------------------------

    @happens(once=st.booleans(), new=NEW)
    def a_pass(self, once: bool, new: Any) -> None:
        self._welcome(new)
        self._pass(once=once)

    @happens(new=NEW)
    def a_pass_of_the_service(self, new: Any) -> None:
        self._welcome(new)
        self._pass(once=False)

    @happens(once=st.booleans(), at=WHEN, new=NEW)
    def a_pass_is_killed(self, once: bool, at: int, new: Any) -> None:
        self._welcome(new)
        self._pass(once=once, knife=Knife(at))

    @happens(once=st.booleans(), writes=st.integers(1, 4), new=NEW)
    def a_pass_is_killed_right_after_it_has_written(self, once: bool, writes: int, new: Any) -> None:
        """Something took effect, and nobody here will ever hear the answer."""
        self._welcome(new)
        journal = self.ring.outside.effects
        before = len(journal())

        def watch(number: int, what: str) -> None:
            if what in {Event.REQUEST_EFFECT, Event.COMMAND_AFTER} and len(journal()) >= before + writes:
                knife.at = number

        knife = Knife(watch=watch)
        self._pass(once=once, knife=knife)

    @happens(once=st.booleans(), kind=st.sampled_from(LOST), place=st.sampled_from(WRITING), new=NEW)
    def an_answer_is_lost_in_a_pass(self, once: bool, kind: Fault, place: tuple[str, str], new: Any) -> None:
        self._welcome(new)
        self.ring.outside.fault(kind, *place)
        self._pass(once=once)

    @precondition(lambda self: self.ring.tales)
    @happens(once=st.booleans(), at=WHEN, which=WHICH, status=st.sampled_from(STATUSES), new=NEW)
    def a_status_is_changed_during_a_pass(self, once: bool, at: int, which: int, status: str, new: Any) -> None:
        self._welcome(new)
        self._meanwhile(at, lambda: self._sets(self._number(which), status), once=once)

    @happens(once=st.booleans(), at=WHEN, which=WHICH, word=st.sampled_from(WORDS), new=NEW)
    def a_word_is_said_during_a_pass(self, once: bool, at: int, which: int, word: str, new: Any) -> None:
        self._welcome(new)
        self._meanwhile(at, lambda: self._hears(word, which, ref=True), once=once)

    @happens(once=st.booleans(), at=WHEN, new=NEW)
    def the_network_goes_on_during_a_pass(self, once: bool, at: int, new: Any) -> None:
        self._welcome(new)
        self._meanwhile(at, self.ring.outside.tick, once=once)

    @happens(seconds=st.sampled_from(JUMPS), once=st.booleans(), new=NEW)
    def the_clock_is_wrong_for_a_pass(self, seconds: float, once: bool, new: Any) -> None:
        self._welcome(new)
        self.ring.clock.jump(seconds=seconds)
        self._pass(once=once)
        self.ring.clock.jump(seconds=-seconds)

    @happens(late=st.sampled_from(LATE))
    def some_lists_come_late(self, late: tuple[str, ...]) -> None:
        self.ring.late = late  # from now on, where a service reads them

    @happens()
    def it_is_restarted(self) -> None:
        self.ring.end()

    def _meanwhile(self, at: int, act: Callable[[], object], *, once: bool) -> None:
        """Something happens during a pass, while a call is under way."""
        done: list[int] = []

        def watch(number: int, what: str) -> None:
            if number >= at and not done and what.startswith("request"):
                done.append(number)
                act()

        self._pass(once=once, knife=Knife(watch=watch))
        if not done:
            act()

    def _pass(self, *, once: bool, knife: Knife | None = None) -> None:
        ring, self.changed = self.ring, True
        ring.engine  # noqa: B018 - it is born before its events are counted
        ring.listed, ring.polled_from = set(), None
        asked = ring.outside.asked
        faults = self._faults()
        summary = self._survived(knife or Knife(), lambda: ring.run_pass(once=once))
        if summary is None:
            return
        if "tg" in summary.polled:
            self.must |= ring.listed
        most = MOST_CALLS * (1 + len(ring.tales))
        assert ring.outside.asked - asked < most, f"restless: {ring.outside.asked - asked} calls in a pass"
        bugs = [problem for problem in summary.problems if "bug" in problem]
        assert not bugs, bugs
        if knife is None and faults == self._faults() and not summary.problems:
            self._nothing_is_left_to_do()

    def _survived(self, knife: Knife, act: Callable[[], Any]) -> Any:
        """What came of it; None where the knife has ended the program's life."""
        done: list[Any] = []
        self.ring.knife = knife
        with self.ring.mortal():
            done.append(act())
        if not done:
            self._was_killed()
            return None
        self.ring.knife = Knife()
        return done[0]

    def _faults(self) -> int:
        return sum(armed.taken for armed in self.ring.outside._armed)

    def _was_killed(self) -> None:
        REACHED["killed"] += 1
        self.hanging |= {
            intent.key for _, intent in self._orders() if intent is not None and intent.state is IntentState.ATTEMPTING
        }

    def _nothing_is_left_to_do(self) -> None:
        store = self.ring.store
        if any(not remote.up for remote in store.overview().remotes.values()):
            return
        now = self.ring.clock()
        due = [order.name for order in store.orders() if order.wake_at is not None and order.wake_at <= now]
        assert not due, f"still due after a pass that nothing disturbed: {due}"

    # --- faults ---------------------------------------------------------------------------------------------------

    @happens(kind=st.sampled_from(Fault), place=st.sampled_from(PLACES), skip=st.integers(0, 2))
    def a_fault_is_armed_for_an_operation(self, kind: Fault, place: tuple[str, str], skip: int) -> None:
        options = worlds.FAULT_OPTIONS.get(kind, {})
        self.ring.outside.fault(kind, *place, skip=skip, **options)

    @happens(kind=st.sampled_from(Fault), skip=st.integers(0, 12), times=st.sampled_from((1, 1, 2, 6)))
    def a_fault_is_armed_for_any_request(self, kind: Fault, skip: int, times: int) -> None:
        self.ring.outside.strike(kind, skip=skip, times=times)

    @happens()
    def all_faults_are_over(self) -> None:
        self.ring.outside.clear_faults()

    @happens(remote=st.sampled_from(("nordnet", "sydnet")), forbidden=st.sampled_from((True, False, False)))
    def a_network_denies_us_or_not(self, remote: str, forbidden: bool) -> None:
        self.ring.network(remote).configure(forbidden=forbidden)

    @happens(seconds=st.sampled_from((0.0, 30.0, 600.0)))
    def the_lists_lag(self, seconds: float) -> None:
        self.ring.outside.nordnet.find_lag = seconds
        self.ring.outside.sydnet.find_lag = seconds

    @happens(seconds=st.sampled_from((0.0, 30.0, 600.0)))
    def the_log_lags(self, seconds: float) -> None:
        self.ring.outside.portal.configure(log_lag=seconds)

    @happens()
    def the_portal_forgets_its_logins(self) -> None:
        self.ring.outside.portal.expire_hashes()

    # --- the other side -------------------------------------------------------------------------------------------

    @happens(which=WHICH, status=st.sampled_from((*STATUSES, "waiting", "cancelled", "paused")))
    def a_status_is_changed(self, which: int, status: str) -> None:
        self._sets(self._number(which), status)

    @happens(which=WHICH, hidden=st.booleans(), stale=st.integers(0, 2))
    def a_list_is_late(self, which: int, hidden: bool, stale: int) -> None:
        portal, number = self.ring.outside.portal, self._number(which)
        (portal.hide if hidden else portal.show)(number)
        portal.stale(number, stale)

    @happens(which=WHICH, how=st.sampled_from(("whole", "broken_xml", "empty", "no_ids")))
    def a_detail_breaks_or_is_mended(self, which: int, how: Any) -> None:
        self.ring.outside.portal.break_detail(self._number(which), how)

    @happens(which=WHICH, how=st.sampled_from(("whole", "no_id", "absurd")))
    def a_row_breaks_or_is_mended(self, which: int, how: Any) -> None:
        self.ring.outside.portal.break_row(self._number(which), how)

    @happens(ticks=st.integers(1, 3))
    def the_network_goes_on(self, ticks: int) -> None:
        for _ in range(ticks):
            self.ring.outside.tick()

    @happens(which=WHICH, done=st.booleans())
    def the_network_ends_an_order(self, which: int, done: bool) -> None:
        for remote in ("nordnet", "sydnet"):
            network = self.ring.network(remote)
            for made in network.orders():
                if made["order"] in self._made(which) and made["state"] not in {"DONE_SUCCESS", "DONE_FAILED"}:
                    network.finish(made["order"], "DONE_SUCCESS" if done else "DONE_FAILED", "" if done else "Avgrävt")

    @happens(which=WHICH)
    def the_network_forgets_an_order(self, which: int) -> None:
        for remote in ("nordnet", "sydnet"):
            network = self.ring.network(remote)
            for made in network.orders():
                if made["order"] in self._made(which):
                    network.lose(made["order"])

    @happens(which=WHICH, script=st.sampled_from(SCRIPTS))
    def an_access_changes(self, which: int, script: Script | None) -> None:
        outside = self.ring.outside
        for network in (outside.nordnet, outside.sydnet):
            network.set_script(outside.accesses[self._number(which)], script)

    @happens(which=WHICH, refuses=st.booleans())
    def the_courier_refuses_or_puts_off(self, which: int, refuses: bool) -> None:
        courier, number = self.ring.outside.courier, self._number(which)
        if refuses:
            courier.refuse(number, CAUSE)
        else:
            courier.put_off(number)

    def _number(self, which: int) -> str:
        numbers = list(self.ring.tales)
        return numbers[which % len(numbers)]

    def _made(self, which: int) -> set[str]:
        return {made["order"] for made in self.ring.made(self._number(which))}

    def _sets(self, number: str, status: str) -> None:
        portal, tale = self.ring.outside.portal, self.ring.tales[number]
        if portal.status(number) != status:
            tale.changed.append(status)
            tale.seen = None if self._inside else tale.seen
            portal.change_status(number, status)

    @property
    def _inside(self) -> bool:
        """Whether a pass is under way, so that what was read may be old by no fault of the program."""
        return self.ring.knife.count > 0

    # --- time -----------------------------------------------------------------------------------------------------

    @happens()
    def a_minute_passes(self) -> None:
        self.ring.clock.go_on(seconds=61)

    @happens(seconds=st.sampled_from(SPANS))
    def time_passes(self, seconds: float) -> None:
        self.ring.clock.go_on(seconds=seconds)

    @happens(seconds=st.sampled_from((*JUMPS, None)))
    def the_clock_jumps(self, seconds: float | None) -> None:
        """Or is put right."""
        if seconds is None:
            self.ring.clock.wrong_by = timedelta()
        else:
            self.ring.clock.jump(seconds=seconds)

    # --- the operator ---------------------------------------------------------------------------------------------

    @happens(which=WHICH, word=st.sampled_from(WORDS), ref=st.booleans(), at=st.one_of(st.none(), WHEN))
    def an_operator_says(self, which: int, word: str, ref: bool, at: int | None) -> None:
        """At once, or cut off."""
        ring, self.changed = self.ring, True
        ring.engine  # noqa: B018 - as above
        self._survived(Knife(at), lambda: self._is_heard(word, which, ref=ref))

    def _is_heard(self, word: str, which: int, *, ref: bool) -> bool:
        name = self._hears(word, which, ref=ref)
        if name is not None:
            self.ring.engine.work_on([name])
        return True

    @happens(which=WHICH, word=st.sampled_from(WORDS), ref=st.booleans())
    def an_operator_says_to_the_service(self, which: int, word: str, ref: bool) -> None:
        """Written down, for a service that goes on with it in its next pass."""
        self._hears(word, which, ref=ref)

    @happens(ref=st.booleans())
    def an_operator_settles_what_is_uncertain(self, ref: bool) -> None:
        for which, (_, intent) in enumerate(self._orders()):
            if intent is not None and intent.state is IntentState.UNCERTAIN:
                self._hears("done", which, ref=ref)

    def _hears(self, word: str, which: int, *, ref: bool) -> str | None:
        """An operator's word is written down, and is true; None where it is refused (cli/acting.py)."""
        orders = self._orders()
        if not orders:
            return None
        order, intent = orders[which % len(orders)]
        number = None
        if word in {"done", "not-done"} and intent is not None:
            done, number = self.ring.truth(intent, order.external_id)
            word = "done" if done else "not-done"
        heard = worlds._heard(word, order, intent, self.ring.engine, number if ref else None)
        if heard is None:
            REACHED["word refused"] += 1
            return None
        if order.external_id in self.ring.tales:
            self.ring.tales[order.external_id].words.append(word)
        if word == "retry":
            self.ring.store.forgive()
        self._reach(f"said {word}")
        self.changed = True
        self.ring.engine.hear(order.name, *heard)
        return order.name

    # --- what must be so ------------------------------------------------------------------------------------------

    def _orders(self) -> list[tuple[Order, Intent | None]]:
        """The program's orders, oldest first, and their open intents."""
        store = self.ring.store
        told = [found for order in store.orders() if (found := store.explain(order.name)) is not None]
        for one in told:
            assert sum(intent.state in OPEN_INTENT for intent in one.intents) <= 1, one
        return [(one.order, one.open_intent) for one in reversed(told)]

    def look(self) -> None:
        """All that must be so at any time between two passes."""
        ring, self.changed = self.ring, False
        assert not ring.complaints, ring.complaints
        assert not ring.outside.crashes, ring.outside.crashes
        doubles = list(ring.doubles())
        assert not doubles, doubles
        orders = self._orders()
        for order, intent in orders:
            self._look_at(order, intent)
        lost = self.must - {order.external_id for order, _ in orders}
        assert not lost, f"lost: {lost}"
        self.must |= {order.external_id for order, _ in orders}
        begun = {one.key for _, one in orders if one is not None and one.state is IntentState.ATTEMPTING}
        assert begun <= self.hanging, f"left begun by a life that was not killed: {begun - self.hanging}"
        self.hanging &= begun
        self._look_at_cursors()

    def _look_at(self, order: Order, intent: Intent | None) -> None:
        now, rules = self.ring.clock(), self.ring.engine.rules
        story = f"{order} {intent}"
        assert (order.park is None) == (order.parked is None), story
        assert order.park is not Park.BUG, story
        assert order.parked != "", story
        step = plan(order, intent, now, rules)
        done = order.final and order.portal_status == order.state
        assert done or order.final or step.act is not Act.NOTHING, f"nothing would ever be done: {story}"
        waits = order.wake_at is not None or order.park is not None or step.act is Act.PERSON
        assert waits or (done and intent is None), f"nothing would ever be done: {story}"
        if order.park is Park.UNCERTAIN:
            assert intent is not None, story
            assert order.name in (order.parked or ""), story
        self._reach_by(order, intent)

    def _look_at_cursors(self) -> None:
        for source, cursor in self.ring.store.overview().cursors.items():
            before = self.cursors.get(source, "")
            after = cursor.position or ""
            assert (len(before), before) <= (len(after), after), f"the cursor of {source} moved back: {before} {after}"
            self.cursors[source] = after

    def _reach_by(self, order: Order, intent: Intent | None) -> None:
        if order.park is not None:
            self._reach(f"parked {order.park}")
        if order.hold_until is not None:
            self._reach("held here")
        if order.round > 1:
            self._reach("a second round")
        if intent is not None and intent.state is not IntentState.PLANNED:
            self._reach(f"{intent.state} {intent.kind}")

    def _reach(self, what: str) -> None:
        if what not in self.reached:
            self.reached.add(what)
            REACHED[what] += 1
            if threading.current_thread() is threading.main_thread():  # a late list's thread knows of no test
                event(what)

    # --- the end --------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            if not self.broken:
                self._to_the_end()
        finally:
            with suppress(Exception):
                self.world.end()

    def _to_the_end(self) -> None:
        """All troubles are over, and time goes on: what isn't parked comes to its end. Then nothing moves any more."""
        self._calm()
        self._goes_on()
        self._assert_over(parked_too=False)
        self._quiet()
        self._people_help()
        self._assert_over(parked_too=True)
        self._quiet()

    def _calm(self) -> None:
        outside = self.ring.outside
        outside.clear_faults()
        for network in (outside.nordnet, outside.sydnet):
            network.configure(find_lag=0.0, forbidden=False)
        outside.portal.configure(log_lag=0.0)
        self.ring.clock.wrong_by = timedelta()
        self.ring.store.forgive()
        for number in self.ring.tales:
            outside.portal.show(number)
            outside.portal.break_row(number, "whole")
            outside.portal.stale(number, 0)
        day = (outside.clock() - timedelta(days=DEEP)).date().isoformat()
        self.visible = {number for number in self.ring.tales if self.ring.shows(number, day)}

    def _goes_on(self) -> None:
        for seconds in (61.0, 61.0, 920.0, HOUR, HOUR, DAY, 10 * DAY, 61.0, HOUR):
            self.ring.clock.go_on(seconds=seconds)
            for _ in range(3):
                self.ring.outside.tick()
            self._pass(once=seconds == 61.0)
            self.look()

    def _assert_over(self, *, parked_too: bool) -> None:
        for order, intent in self._orders():
            over = order.final and order.portal_status == order.state and intent is None
            same = order.external_id not in self.visible or self._there(order) == order.state
            by_hand = order.work is Work.BEGUN and order.fulfilment == "desk" and not parked_too
            parked = order.park is not None or self._illegible(order)
            fine = (over and same and not (parked and parked_too)) or (not parked_too and parked) or by_hand
            assert fine, f"never over: {order} {intent}; the portal: {self._there(order)}"
        missing = self.visible - {order.external_id for order, _ in self._orders()}
        assert not missing, f"lost: {missing}"

    def _illegible(self, order: Order) -> bool:
        """Whether the portal can't say anything about it, so that what is uncertain stays so."""
        return not order.nameless and self.ring.outside.portal._orders[order.external_id].broken_detail != "whole"

    def _there(self, order: Order) -> str:
        return "-" if order.nameless else self.ring.outside.portal.status(order.external_id)

    def _quiet(self) -> None:
        before = len(self.ring.outside.journal)
        for once in (True, False):
            self._pass(once=once)
        moved = [f"{entry.operation} {entry.params or entry.body}" for entry in self.ring.outside.journal[before:]]
        assert not moved, f"it moves still: {moved}"

    def _people_help(self) -> None:
        """Everything is mended, and a patient person does what each order is parked for."""
        outside = self.ring.outside
        for number in self.ring.tales:
            outside.portal.break_detail(number, "whole")
            outside.courier._refused.clear()
            for network in (outside.nordnet, outside.sydnet):
                network.set_script(outside.accesses[number], Script())
            if outside.portal.status(number) not in STATUSES:
                outside.portal.change_status(number, "active")
                self.ring.tales[number].changed.append("active")
        for attempt in range(6):
            for which, (order, intent) in enumerate(self._orders()):
                word = _help(order, intent, attempt)
                name = None if word is None else self._hears(word, which, ref=True)
                if name is not None:
                    self.ring.engine.work_on([name])
            self.ring.clock.go_on(seconds=HOUR)
            self.ring.outside.tick()
            self._pass(once=True)
            self.look()


def _help(order: Order, intent: Intent | None, attempt: int) -> str | None:
    """What a person says about an order who wants it to come to its end."""
    if intent is not None and intent.state is IntentState.UNCERTAIN and order.park is not None:
        return "done"
    if order.park is Park.CANCEL:
        return "cancel"
    if order.park is not None:
        return "deliver" if attempt > 2 or order.nameless else "retry"
    return "deliver" if order.fulfilment == "desk" and order.work is Work.BEGUN else None


class Oblivion(Ring):
    """The same, where the database may be gone. What is forgotten then is forgiven; what is doubled is not."""

    @happens()
    def the_database_is_gone(self) -> None:
        self.ring.forget()
        self.ring.forgetful = True
        self.must.clear()
        self.hanging.clear()
        self.cursors.clear()


# --- proving ------------------------------------------------------------------------------------------------------

BATCH = 50  # examples to a seed, so that one failure doesn't end the search
CALM: Mapping[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "report_multiple_bugs": False,
}


def run(machine: type[RuleBasedStateMachine], folder: Path, chosen: settings, number: int | None = None) -> None:
    """One search with a machine: the examples of some settings, out of a seed or always the same."""
    there = type(machine.__name__, (machine,), {"folder": folder})
    run_state_machine_as_test(there if number is None else seed(number)(there), settings=chosen)


@dataclass
class Found:
    """What a search has done, and the failures with the seed that shows each again."""

    examples: int = 0
    seconds: float = 0.0
    reached: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    machines: "Machines" = ()

    @property
    def rules(self) -> list[str]:
        """What may happen."""
        names = {name: getattr(machine, name) for machine in self.machines for name in dir(machine)}
        return [name for name, made in names.items() if hasattr(made, "hypothesis_stateful_rule")]

    @property
    def steps(self) -> int:
        """How often anything happened."""
        return sum(self.reached[name] for name in self.rules)

    def add(self, other: "Found") -> None:
        self.examples += other.examples
        self.seconds += other.seconds
        self.reached.update(other.reached)
        self.failures += other.failures


def _search(number: int, steps: int, machines: "Machines", *, shrink: bool = False) -> Found:
    REACHED.clear()
    began, found = time.process_time(), Found(examples=BATCH)
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    chosen = settings(max_examples=BATCH, stateful_step_count=steps, phases=phases, **CALM)
    machine = machines[number % len(machines)]
    with folder_in_memory() as folder:
        try:
            run(machine, folder, chosen, number)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is what was looked for
            notes = "\n".join(getattr(failure, "__notes__", []))
            found.failures.append(f"seed {number} ({machine.__name__}): {type(failure).__name__}: {failure}\n{notes}")
    found.seconds = time.process_time() - began
    found.reached = Counter(REACHED)
    return found


Machines = tuple[type[RuleBasedStateMachine], ...]
MACHINES: Machines = (Ring, Ring, Ring, Oblivion)


def prove(
    examples: int = 2000, seed: int = 1, processes: int = 2, length: int = 40, *, machines: Machines = MACHINES
) -> Found:
    """A long search, by the machines in turn. Prints how many examples and steps were tried, how often each rule was,
    and what was found: as it was found; `shrink` makes it small.
    """
    seeds = range(seed, seed + max(1, examples // BATCH))
    total = Found(machines=machines)
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(_search, seeds, [length] * len(seeds), [machines] * len(seeds)):
            total.add(found)
            print("".join(f"\n{failure}\n" for failure in found.failures), end="")
            print(f"\r{total.examples} examples, {len(total.failures)} failures", end="", flush=True)
    print()
    print(f"{total.examples} examples, {total.steps} steps, {total.seconds:.0f} s of CPU")
    for name in sorted({*total.rules, *total.reached}):
        print(f"{total.reached[name]:8d} {name.replace('_', ' ')}" + ("" if total.reached[name] else "  NEVER REACHED"))
    return total


def shrink(number: int, length: int = 40, machines: Machines = MACHINES) -> None:
    """The smallest form of what a seed's search has found; that can take ten minutes."""
    print(*_search(number, length, machines, shrink=True).failures)


if __name__ == "__main__":
    sys.exit(bool(prove(*map(int, sys.argv[1:])).failures))
