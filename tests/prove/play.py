"""Playing a scenario: step after step, from the beginning or from where a life of the program was cut off.

Besides the steps it knows one person: the operator, who looks at the remotes when the program doesn't know whether a
call had its effect, and says what is so. What is right or wrong is not for here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from syncer.orders import Intent, IntentState, Kind, Order, Park, Work
from tests.prove import account
from tests.prove.chain_desk import AtTheDesk, sought
from tests.prove.scenarios import CAUSE, Scenario, Step
from tests.prove.shelved import hashes, wrong
from tests.prove.world import TIMEOUT, Ended, Outside, World

PATIENCE = TIMEOUT + 1
WORDS = {"retry": "order.retried", "deliver": "order.delivered_by_hand", "cancel": "order.cancelled_by_hand"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a scenario a run is: the step, the ids of the orders so far, how often an operator's word was heard
    before the step, and the orders that a person was asked about until then.
    """

    step: int = 0
    numbers: tuple[str, ...] = ()
    heard: int | None = None
    asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Local:
    """How one order stands in the program's store. `work` is None where a life that has forgotten can't know it, of an
    order that was over before it began.
    """

    state: str
    portal_status: str | None
    work: str | None
    park: str | None
    files: tuple[Any, ...] = ()


Outcome = Mapping[str, tuple[Ended | None, Local | None]]


class Play(AtTheDesk):
    """A run of a scenario in a world. `place` is where it is."""

    def __init__(self, world: World, scenario: Scenario, place: Place | None = None) -> None:
        self.world = world
        self.scenario = scenario
        self.place = place or Place()
        self.bugs: list[str] = []

    def run(self, until: int | None = None) -> None:
        """All steps from where it is; or up to one, which is not taken."""
        for number in range(self.place.step, len(self.scenario.steps) if until is None else until):
            self.step(number)

    def step(self, number: int) -> None:
        """One step. One that the program was cut in is taken again, and does what is left of it."""
        if number != self.place.step:
            self.place = replace(self.place, step=number, heard=None)
        self._do(self.scenario.steps[number])
        self.place = replace(self.place, step=number + 1, heard=None)

    def _do(self, step: Step) -> None:
        getattr(self, f"_{step.what}")(step)

    def recover(self) -> None:
        """The step that the program was cut in, and what its next life does about it, once it asks about the call that
        was under way: not before the remote can't be at work on it any more.
        """
        number = self.place.step
        step = self.scenario.steps[number]
        self._do(step)
        if any(state == IntentState.UNCERTAIN for *_, state in _open(self.world)):
            self.world.clock.go_on(seconds=PATIENCE)
            if step.what == "say":
                self.world.engine.work_on([self.world.name(self._number(step))])
            elif step.what == "pass":
                self.world.run_pass(once=bool(step.value))
            self.ask()
        self.place = replace(self.place, step=number + 1, heard=None)

    @property
    def outcome(self) -> Outcome:
        """How each order stands, outside and inside."""
        outside, ours = self.world.outside, self.world.orders()
        ended = outside.ended()
        forgetful = any(step.what == "forget" for step in self.scenario.steps)
        return {
            outside.known_as(number): (
                ended.get(number),
                _local(self.world, ours[number], forgetful=forgetful) if number in ours else None,
            )
            for number in sorted({*ended, *ours})
        }

    def misplaced(self, spoilt: frozenset[str] = frozenset()) -> list[str]:
        """What is wrong with the files on the disk, of which the `spoilt` were other bytes on the way."""
        kode = self.world.outside.kode
        return [] if kode is None else [*wrong(self.world.shelf, self.world.store, kode, spoilt)]

    # --- the program and its operator -------------------------------------------------------------------------

    def _pass(self, step: Step) -> None:
        summary = self.world.run_pass(once=bool(step.value))
        self.bugs += [problem for problem in summary.problems if "bug" in problem]
        self.ask()

    def _say(self, step: Step) -> None:
        """The word is said once: a person who was cut off looks whether it was taken down."""
        number, word = self._number(step), str(step.value)
        heard = self._heard(number, WORDS[word])
        if self.place.heard is None:
            self.place = replace(self.place, heard=heard)
        if heard == self.place.heard:
            self.world.say(word, number)
        else:
            self.world.engine.work_on([self.world.name(number)])
        self.ask()

    def _heard(self, number: str, event: str) -> int:
        return sum(entry.event == event for entry in self.world.store.history(order=self.world.name(number)))

    def ask(self) -> None:
        """The operator is asked about what is uncertain, also where the order is parked for another reason already, and
        tells the truth; once KODE has pushed what it has to say, where it does.
        """
        if self.scenario.pushes and any(state == IntentState.UNCERTAIN for *_, state in _open(self.world)):
            account.push(self.world)
            self.world.engine.work_on([order.name for order in self.world.store.orders(parked=True, portal="tg")])
        for order in self.world.store.orders(parked=True):
            loaded = self.world.store.load(order.name)
            intent = None if loaded is None else loaded[1]
            if order.park is Park.UNCERTAIN:
                assert intent is not None, f"{order.name} is uncertain about nothing"
                for mark in (order.name, sought(order, intent)):
                    assert mark in (order.parked or ""), f"the reason doesn't say {mark}: {order.parked}"
            if intent is not None and intent.state is IntentState.UNCERTAIN:
                self.place = replace(self.place, asked=self.place.asked | {order.external_id})
                self.world.say(*truth(self.world.outside, order, intent))
                self.world.engine.work_on([order.name])  # and sees what came of it, before anything else happens

    # --- the other side ---------------------------------------------------------------------------------------

    def _arrive(self, step: Step) -> None:
        arrival = self.scenario.arrivals[step.who]
        outside = self.world.outside
        orders = {"kode": outside.named, "vitec": outside.agent_s}.get(arrival.portal)
        orders = orders or partial(outside.order, arrival.script)
        number = orders(**arrival.fields)
        self.place = replace(self.place, numbers=(*self.place.numbers, number))

    def _number(self, step: Step) -> str:
        return self.place.numbers[step.who]

    def _time(self, step: Step) -> None:
        self.world.clock.go_on(seconds=step.value)

    def _until(self, step: Step) -> None:
        when: datetime = step.value
        self.world.clock.go_on(seconds=max(0.0, (when - self.world.clock()).total_seconds()) + 60)

    def _tick(self, step: Step) -> None:
        self.world.outside.tick()

    def _forget(self, step: Step) -> None:
        self.world.forget()

    def _status(self, step: Step) -> None:
        self.world.outside.portal.change_status(self._number(step), step.value)

    def _stale(self, step: Step) -> None:
        self.world.outside.portal.stale(self._number(step), step.value)

    def _detail(self, step: Step) -> None:
        self.world.outside.portal.break_detail(self._number(step), step.value)

    def _row(self, step: Step) -> None:
        self.world.outside.portal.break_row(self._number(step), step.value)

    def _hide(self, step: Step) -> None:
        self.world.outside.portal.hide(self._number(step))

    def _show(self, step: Step) -> None:
        self.world.outside.portal.show(self._number(step))

    def _script(self, step: Step) -> None:
        outside = self.world.outside
        for network in (outside.nordnet, outside.sydnet):
            network.set_script(outside.accesses[self._number(step)], step.value)

    def _courier(self, step: Step) -> None:
        courier, number = self.world.outside.courier, self._number(step)
        if step.value == "refuse":
            courier.refuse(number, CAUSE)
        else:
            courier.put_off(number)

    # --- KODE -------------------------------------------------------------------------------------------------

    def _kode(self, step: Step) -> None:
        verb, facts = step.value
        account.act(self.world, self._number(step), verb, facts)

    def _name(self, step: Step) -> None:
        self.world.store.watch("kode", [self._number(step)], self.world.clock())

    def _push(self, _step: Step) -> None:
        account.push(self.world)

    def _lie(self, step: Step) -> None:
        """A push that says what isn't so: `value` is the body, in which the order's own ids may stand."""
        said = json.dumps(step.value).replace("NUMBER", self._number(step))
        account.deliver(self.world, said.encode())

    def _sign(self, _step: Step) -> None:
        """Every token is revoked there."""
        account.account(self.world).revoke_tokens(refresh=True)


def _local(world: World, order: Order, *, forgetful: bool) -> Local:
    work = None if forgetful and order.final else order.work
    return Local(order.state, order.portal_status, work, order.park, _files(world, order))


def _files(world: World, order: Order) -> tuple[Any, ...]:
    if order.portal != "kode":
        return ()
    # Of several that are called the same, which one has which number depends on which was listed first.
    return tuple(sorted((file.asset, file.state) for file in world.store.files(order.name)))


def truth(outside: Outside, order: Order, intent: Intent) -> tuple[str, str, str | None]:
    """What a person who looks at the remote says of an uncertain call: done or not done, and the remote's number."""
    number = order.external_id
    ref = None
    if intent.kind is Kind.STATUS and order.portal == "tg":
        done = outside.portal.status(number) == intent.payload["status"]
    elif intent.kind is Kind.MESSAGE and order.portal == "tg":
        done = any(f"[{intent.key}]" in text for _, text in outside.portal.messages(number))
    elif intent.target == "script":
        done = bool(outside.courier.parcels(number))
    elif outside.chain is not None and intent.target in {"vitec", "gks4"}:
        done, ref = outside.chain.looked_up(order, intent)
    elif intent.target == "kode_orders":
        found = [made["order"] for made in outside.placed(number) if made["technical_reference"] == intent.key]
        done, ref = bool(found), str(found[0]) if found else None
    else:
        network = outside.nordnet if intent.target == "nordnet" else outside.sydnet
        stem, _, _ = intent.key.rpartition(".")
        mine = [made for made in network.orders() if made["reference"].rpartition(".")[0] == stem]
        if intent.kind is Kind.SUBMIT:
            mine = [made for made in mine if order.taken_over or made["reference"] == intent.key]
            ref = mine[-1]["order"] if mine else None
            done = bool(mine)
        else:
            done = bool(mine) and mine[-1]["cancelled"]
    return "done" if done else "not-done", number, ref


def full(play: Play) -> Any:
    """All that the rest of a run follows from, but for when things happened: equal ones go on equally."""
    world = play.world
    now = world.clock()
    orders = sorted(world.store.orders(), key=lambda one: one.external_id)
    files = [_files(world, order) for order in orders], hashes(world.shelf)
    return [_timeless(order, now) for order in orders], _open(world), _outside(world.outside), play.place.numbers, files


def _timeless(order: Order, now: datetime) -> Any:
    """An order's facts; of its times, only what they are good for."""
    facts = {fact.name: getattr(order, fact.name) for fact in fields(order)}
    counts = order.work is Work.UNBEGUN and order.park is None and not order.final  # how old the last look is
    return facts | {
        "wake_at": _phase(order.wake_at, now, firm=order.wake_firm),
        "seen_at": counts and order.seen_at is not None and now - order.seen_at <= timedelta(seconds=60),
        "begun_at": order.begun_at is not None,
        "ended_at": order.ended_at is not None,
        "created_at": None,
        "updated_at": None,
    }


def _phase(wake_at: datetime | None, now: datetime, *, firm: bool) -> str:
    """Whether an order wakes; and where the time counts, whether it has come, will come soon, or later."""
    if wake_at is None:
        return "never"
    if not firm or wake_at <= now:
        return "firm" if firm else "loose"
    return "soon" if wake_at <= now + timedelta(minutes=30) else "later"


def _open(world: World) -> list[tuple[Any, ...]]:
    """The intents that are not settled, straight from the table; begun or uncertain is the same to a new life."""
    query = (
        "SELECT key, kind, target, payload, CASE state WHEN 'attempting' THEN 'uncertain' ELSE state END"
        " FROM intents WHERE open ORDER BY key"
    )
    with world.store._engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def _outside(outside: Outside) -> Any:
    networks = [
        [
            (order.order_id, order.asked, order.cancelled, tuple(order.stages), order.ticks)
            for order in network.orders.values()
        ]
        for network in (outside.nordnet.network, outside.sydnet.network)
    ]
    account = None if outside.kode is None else [{**one, "ordered": None} for one in outside.kode.orders()]
    beyond = None if outside.chain is None else outside.chain.state()
    return outside.ended(), networks, outside.courier.state(), outside.portal.state(), account, beyond


def quiet(play: Play) -> list[str]:
    """One more pass, like the last: the calls in it that may change something, of which there should be none."""
    before = len(play.world.outside.journal)
    last = play.scenario.steps[play.place.step - 1]
    play.world.run_pass(once=last.what == "pass" and bool(last.value))
    return [f"{entry.operation} {entry.params or entry.body}" for entry in play.world.outside.journal[before:]]
