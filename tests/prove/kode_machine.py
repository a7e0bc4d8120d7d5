"""The search of `machine.py` for an account at KODE: orders, files and pushes, true, late, repeated and lying.

The machine lets happen what may, and a judge looks after each of it: at the remotes' journal, the store and the disk.
When something turns out to be bad, the smallest form of it belongs in a test of its own.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from syncer.orders import FileState, Intent, IntentState, Order, Park
from syncer.portals.kode import STATES
from syncer.simulators.host import Fault
from syncer.simulators.kode.breakage import WAYS
from syncer.simulators.kode.model import ENDED
from tests.prove import account, shelved
from tests.prove.faults import UNSEEN
from tests.prove.kode_stories import OPTIONS, TOO_LARGE
from tests.prove.machine import LOST, REACHED, WHEN
from tests.prove.play import truth
from tests.prove.world import FAULT_OPTIONS, Event, Knife, World
from tests.ring.kode import PLACE, PLACED

MOST = 6  # orders
MOST_CALLS = 60  # of one pass about one order
STATUSES = ("NEW", "PROGRESS", "FINISHED", "CANCELLED", "REFUNDED", "ARCHIVED")
OPERATIONS = ("token", "orders.get", "orders.create", "assets.download")
SPANS = (5.0, 61.0, 920.0, 3600.0, 86_400.0)
WORDS = ("retry", "done", "not-done", "deliver", "cancel")
WHICH = st.integers(0, MOST - 1)
FILE = {
    "size": st.sampled_from((0, 700, 1500, 2500, TOO_LARGE)),
    "on": st.sampled_from(("line", "order")),
}


def happens(**strategies: Any) -> Callable[[Callable[..., Any]], Any]:
    """A rule that is counted, and after which the judge looks."""

    def ruled(act: Callable[..., Any]) -> Any:
        @wraps(act)
        def acted(self: "Account", **chosen: Any) -> None:
            REACHED[act.__name__] += 1
            try:
                act(self, **chosen)
                self.look()
            except BaseException:
                self.broken = True
                raise

        made: Any = rule(**strategies)
        return made(acted)

    return ruled


def of_an_order(act: Any) -> Any:
    """Only where there is one at KODE."""
    made: Any = precondition(lambda self: self.world is not None and self.numbers)
    return made(act)


class Account(RuleBasedStateMachine):
    """All that may happen, in any order. `folder` is where the world's database and files are."""

    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.broken = False
        self.named: set[str] = set()  # orders that somebody has named, and nobody may forget
        self.once_ended: set[str] = set()  # orders that were taken back at some time
        self.spoilt: set[str] = set()  # files in whose place other bytes may have come

    @property
    def ring(self) -> World:
        """The world, which there is by now."""
        assert self.world is not None
        return self.world

    @property
    def numbers(self) -> list[str]:
        """The orders at KODE."""
        return [str(one["order"]) for one in account.account(self.ring).orders()]

    @initialize(options=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in OPTIONS.items()}))
    def begins(self, options: Mapping[str, Any]) -> None:
        """A world with an order or two."""
        self.world = World(self.folder, kode=options)
        self._placed_there("NEW")
        self.ring.outside.order(None, service=PLACED, **PLACE)

    # --- the other side -------------------------------------------------------------------------------------------

    @happens(status=st.sampled_from(STATUSES), named=st.booleans())
    def somebody_places_an_order(self, status: str, named: bool) -> None:
        if len(self.numbers) < MOST:
            number = self._placed_there(status)
            if named:
                self._is_named(number)

    def _placed_there(self, status: str) -> str:
        number = self.ring.outside.named(status=status)
        self.once_ended |= {number} if status in ENDED else set()
        return number

    @happens(cadastre=st.sampled_from((PLACE["cadastre"], PLACE["cadastre"], "", "9999")))
    def an_order_arrives_in_the_portal(self, cadastre: str) -> None:
        if len(self.ring.outside.accesses) < MOST:
            self.ring.outside.order(None, service=PLACED, **{**PLACE, "cadastre": cadastre})

    @of_an_order
    @happens(which=WHICH, status=st.sampled_from(STATUSES))
    def a_status_changes(self, which: int, status: str) -> None:
        number = self._which(which)
        account.act(self.ring, number, "change_status", {"status": status})
        self.once_ended |= {number} if status in ENDED else set()

    @of_an_order
    @happens(which=WHICH, **FILE)
    def a_file_comes(self, which: int, size: int, on: str) -> None:
        account.act(self.ring, self._which(which), "add_file", {"size": size, "on": on})

    @of_an_order
    @happens(which=WHICH, file=WHICH, verb=st.sampled_from(sorted(account.OF_FILES)))
    def something_happens_to_a_file(self, which: int, file: int, verb: str) -> None:
        number = self._which(which)
        files = account.account(self.ring).order(int(number))["files"]
        if files:
            facts = {"status": "SCANNING"} if verb == "change_file" else {}
            account.act(self.ring, number, verb, {"file": file % len(files), **facts})

    @of_an_order
    @happens(which=WHICH, how=st.sampled_from(("whole", "whole", *WAYS)))
    def an_order_breaks_or_is_mended(self, which: int, how: str) -> None:
        account.act(self.ring, self._which(which), "break_order", {"how": how})

    @happens(which=WHICH, status=st.sampled_from(("cancelled", "waiting", "received")))
    def the_portal_changes_a_status(self, which: int, status: str) -> None:
        numbers = sorted(self.ring.outside.accesses)
        self.ring.outside.portal.change_status(numbers[which % len(numbers)], status)

    @happens(refresh=st.booleans())
    def the_tokens_are_revoked(self, refresh: bool) -> None:
        account.account(self.ring).revoke_tokens(refresh=refresh)

    def _which(self, which: int) -> str:
        return self.numbers[which % len(self.numbers)]

    # --- who tells us ---------------------------------------------------------------------------------------------

    @of_an_order
    @happens(which=WHICH, at=st.one_of(st.none(), WHEN))
    def somebody_names_an_order(self, which: int, at: int | None) -> None:
        number = self._which(which)
        if self._survived(Knife(at), lambda: self.ring.store.watch("kode", [number], self.ring.clock()) or True):
            self.named.add(number)

    def _is_named(self, number: str) -> None:
        self.ring.store.watch("kode", [number], self.ring.clock())
        self.named.add(number)

    @happens(at=st.one_of(st.none(), WHEN))
    def what_is_due_is_pushed(self, at: int | None) -> None:
        due = {str(_id_in(one.body)) for one in account.account(self.ring).notices.due()}
        if self._survived(Knife(at), self._pushed):
            self.named |= due

    def _pushed(self) -> bool:
        account.push(self.ring)
        return True

    @of_an_order
    @happens(which=WHICH, status=st.sampled_from(("UPDATED", "FINISHED", "CANCELLED", "REFUNDED")), ours=WHICH)
    def a_push_lies(self, which: int, status: str, ours: int) -> None:
        """About a status, or whose order it is."""
        mine = sorted(self.ring.outside.accesses)
        number, key = self._which(which), f"tg.{mine[ours % len(mine)]}.s1"
        body = {"orderCollectionId": int(number), "status": status, "technicalReference": key}
        account.deliver(self.ring, json.dumps(body).encode())
        self.named.add(number)

    @of_an_order
    @happens(which=WHICH)
    def an_old_push_comes_again(self, which: int) -> None:
        body = account.account(self.ring).pushes()[which % len(account.account(self.ring).pushes())]["body"]
        account.deliver(self.ring, json.dumps(body).encode())
        self.named.add(str(_id_in(body)))

    # --- the program ----------------------------------------------------------------------------------------------

    @happens(once=st.booleans())
    def a_pass(self, once: bool) -> None:
        self._pass(Knife(), once=once)

    @happens(once=st.booleans(), at=st.integers(1, 120))
    def a_pass_is_killed(self, once: bool, at: int) -> None:
        self._pass(Knife(at), once=once)

    @happens(once=st.booleans(), effects=st.integers(1, 8))
    def a_pass_is_killed_right_after_an_effect_on_the_disk(self, once: bool, effects: int) -> None:
        """Or after a write at a remote."""
        seen: list[int] = []

        def watch(number: int, what: str) -> None:
            if what in {Event.PART_MADE, Event.FILE_WRITTEN, Event.FILE_RENAMED, Event.FILE_REMOVED}:
                seen.append(number)
                knife.at = number if len(seen) == effects else knife.at

        knife = Knife(watch=watch)
        self._pass(knife, once=once)

    @happens(once=st.booleans(), kind=st.sampled_from(LOST))
    def the_answer_to_a_create_is_lost(self, once: bool, kind: Fault) -> None:
        self.ring.outside.fault(kind, "kode", "orders.create")
        self._pass(Knife(), once=once)

    @happens()
    def it_is_restarted(self) -> None:
        self.ring.end()

    def _pass(self, knife: Knife, *, once: bool) -> None:
        ring = self.ring
        ring.engine  # noqa: B018 - it is born before its events are counted
        asked = ring.outside.asked
        summary = self._survived(knife, lambda: ring.run_pass(once=once))
        if summary is not None:
            most = MOST_CALLS * (2 + len(self.numbers) + len(ring.outside.accesses))
            assert ring.outside.asked - asked < most, f"restless: {ring.outside.asked - asked} calls in a pass"
            bugs = [problem for problem in summary.problems if "bug" in problem]
            assert not bugs, bugs

    def _survived(self, knife: Knife, act: Callable[[], Any]) -> Any:
        """What came of it; None where the knife has ended the program's life."""
        done: list[Any] = []
        self.ring.engine  # noqa: B018 - as above
        self.ring.knife = knife
        with self.ring.mortal():
            done.append(act())
        if not done:
            REACHED["killed"] += 1
            return None
        self.ring.knife = Knife()
        return done[0]

    # --- faults, time, people -------------------------------------------------------------------------------------

    @happens(kind=st.sampled_from(Fault), operation=st.sampled_from(OPERATIONS), skip=st.integers(0, 2))
    def a_fault_is_armed(self, kind: Fault, operation: str, skip: int) -> None:
        if operation == "assets.download" and kind in UNSEEN:
            files = [file for order in account.account(self.ring).orders() for file in order["files"]]
            self.spoilt |= {file["asset"] for file in files}
        self.ring.outside.fault(kind, "kode", operation, skip=skip, **FAULT_OPTIONS.get(kind, {}))

    @happens()
    def all_faults_are_over(self) -> None:
        self.ring.outside.clear_faults()

    @happens(seconds=st.sampled_from(SPANS))
    def time_passes(self, seconds: float) -> None:
        self.ring.clock.go_on(seconds=seconds)

    @happens(which=WHICH, word=st.sampled_from(WORDS))
    def a_person_says(self, which: int, word: str) -> None:
        orders = self._orders()
        if orders:
            self._says(*orders[which % len(orders)], word)

    def _says(self, order: Order, intent: Intent | None, word: str) -> None:
        """What is true: nobody says that an uncertain call was made that wasn't."""
        ref = None
        if intent is not None and intent.state is IntentState.UNCERTAIN:
            word, _, ref = truth(self.ring.outside, order, intent)
        if word != "cancel" or order.portal == "tg":
            self.ring.say(word, order.external_id, ref)

    # --- what must be so ------------------------------------------------------------------------------------------

    def _orders(self) -> list[tuple[Order, Intent | None]]:
        store = self.ring.store
        return [found for order in store.orders() if (found := store.load(order.name)) is not None]

    def look(self) -> None:
        """All that must be so at any time between two passes."""
        ring, kode = self.ring, account.account(self.ring)
        twice = [*ring.outside._sent_again(), *ring.outside._made_twice(), *ring.outside.crashes]
        assert not twice, twice  # a person who says retry may have an order placed once more
        assert not kode.leaks(), kode.leaks()
        known = {order.external_id for order, _ in self._orders()}
        assert not (lost := self.named - known), f"lost: {lost}"
        for order, intent in self._orders():
            self._look_at(order, intent)
        amiss = list(shelved.wrong(ring.shelf, ring.store, kode, frozenset(self._maybe_spoilt()), self.once_ended))
        assert not amiss, amiss

    def _maybe_spoilt(self) -> set[str]:
        """A fault that is armed may strike a file that came later."""
        armed = [one for one in self.ring.outside._armed if one.operation == "assets.download" and one.kind in UNSEEN]
        if armed:
            self.spoilt |= {file["asset"] for order in account.account(self.ring).orders() for file in order["files"]}
        return self.spoilt

    def _look_at(self, order: Order, intent: Intent | None) -> None:
        story = f"{order} {intent}"
        assert order.park is not Park.BUG, story
        assert (order.park is None) == (order.parked is None), story
        if order.portal == "tg" and order.work.value == "done" and order.fulfilment_ref:
            assert order.fulfilment_ref in self.numbers, story

    # --- the end --------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """All troubles are over, people help, and then everything is as KODE has it, and nothing moves any more.

        But for the files of an order that was taken back and isn't any more: they are gone, and stay so.
        """
        if self.world is None:
            return
        try:
            if not self.broken:
                self._calm()
                for seconds in (61.0, 920.0, 4000.0, 4000.0):
                    self.ring.clock.go_on(seconds=seconds)
                    self._pass(Knife(), once=True)
                    self._help()
                    self.look()
                self._assert_as_kode_has_it()
                self._assert_quiet()
        finally:
            with suppress(Exception):
                self.world.end()

    def _calm(self) -> None:
        self.ring.outside.clear_faults()
        self.ring.store.forgive()
        for number in self.numbers:
            account.act(self.ring, number, "break_order", {"how": "whole"})
        self.ring.end()

    def _help(self) -> None:
        for order, intent in self._orders():
            mended = order.park is Park.REOPENED and order.portal == "kode"
            if mended or order.park in {Park.UNCERTAIN, Park.FILES, Park.UNREADABLE}:
                self._says(order, intent, "retry")

    def _assert_as_kode_has_it(self) -> None:
        kode = account.account(self.ring)
        for order, _ in self._orders():
            if order.portal != "kode" or order.work.value != "unbegun":
                continue
            there = kode.order(int(order.external_id))
            status = STATES.get(there["status"], there["status"])
            assert order.portal_status == status, f"{order}; KODE says {there['status']}"
            files = {file.asset: file.state for file in self.ring.store.files(order.name)}
            for file in there["files"]:
                fetched = file["status"] == "OK" and file["listed"] and order.external_id not in self.once_ended
                if fetched and file["size"] < TOO_LARGE:
                    assert files.get(file["asset"]) is FileState.KEPT, f"{file} is {files} of {order}"

    def _assert_quiet(self) -> None:
        before = len(self.ring.outside.journal)
        for once in (True, False):
            self._pass(Knife(), once=once)
        moved = [f"{entry.operation} {entry.params or entry.body}" for entry in self.ring.outside.journal[before:]]
        assert not moved, f"it moves still: {moved}"


def _id_in(body: Mapping[str, Any]) -> Any:
    return body.get("orderCollectionId", body.get("orderId"))
