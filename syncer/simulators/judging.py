"""The judge of the demo's day: compares the journal, the simulators, the program's own view, and what was expected.

It believes nobody alone: what the journal of requests says must be what the portal and the networks remember, and
both what the program claims. Nothing is changed in here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncer.simulators.archive import Archive, Filed
from syncer.simulators.courier import CourierSimulator
from syncer.simulators.host import Entry
from syncer.simulators.ledger import Billed, Due, Ledger
from syncer.simulators.on_api import OnApiSimulator
from syncer.simulators.plots import Plot
from syncer.simulators.xsp import XspSimulator

Seen = Mapping[str, Any]
NO_WRITE = frozenset({"token", "download"})  # effects that change nothing for anybody but ourselves


@dataclass(frozen=True, slots=True)
class Case:
    """One order of the day: its number in the portal, the customer's access, and what the tables say of it."""

    number: str
    access: str
    plot: Plot


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one order; `complaints` are sentences, and there are none when all agree."""

    case: Case
    written: tuple[str, ...]
    messages: int
    begun: int
    parked: str | None
    complaints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """All orders' verdicts, and what was found that belongs to none of them.

    `filed` are those on the files of KODE's orders, `billed` those on what was registered in GKS4.
    """

    verdicts: tuple[Verdict, ...]
    strays: tuple[str, ...]
    filed: tuple[Filed, ...] = ()
    billed: tuple[Billed, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        verdicts: tuple[Verdict | Filed | Billed, ...] = (*self.verdicts, *self.filed, *self.billed)
        return not self.strays and not any(verdict.complaints for verdict in verdicts)


@dataclass(frozen=True, slots=True)
class Judge:
    """The witnesses: the simulators, and the journal of what was asked of them."""

    portal: XspSimulator
    networks: tuple[OnApiSimulator, ...]
    courier: CourierSimulator
    archive: Archive
    ledger: Ledger
    dues: tuple[Due, ...]
    journal: Sequence[Entry]
    closed_at: int | None = None
    crashes: Sequence[str] = field(default_factory=tuple)

    def judge(self, cases: Sequence[Case], seen: Sequence[Seen]) -> Judgement:
        """Compares everything; `seen` is the program's own view, as `syncer orders --json` has it."""
        of_portal = [order for order in seen if order["order"].startswith(f"{self.portal.name}:")]
        by_number = {str(order["external_id"]): order for order in of_portal}
        nameless = [order for number, order in by_number.items() if number not in {case.number for case in cases}]
        for case in cases:
            if case.plot.row and nameless:
                by_number[case.number] = nameless.pop(0)
        verdicts = tuple(self._verdict(case, by_number.get(case.number)) for case in cases)
        strays = (*self._strays(cases, nameless), *self.archive.strays(), *self.ledger.strays(self.dues))
        return Judgement(verdicts, strays, self.archive.judge(seen), self.ledger.judge(self.dues, seen))

    def settled(self, cases: Iterable[Case]) -> bool:
        """Whether portal and networks are where they should be at the end, whatever the program says."""
        return not any(complaint for case in cases for complaint in self._at_the_remotes(case))

    # --- one order --------------------------------------------------------------------------------------------

    def _verdict(self, case: Case, seen: Seen | None) -> Verdict:
        complaints = [*self._at_the_remotes(case), *self._in_the_program(case, seen)]
        return Verdict(
            case,
            tuple(self.portal.statuses_written(case.number)),
            len(self.portal.messages(case.number)),
            self._begun(case),
            None if seen is None else seen["parked"],
            tuple(complaints),
        )

    def _at_the_remotes(self, case: Case) -> Iterator[str]:
        expected, number = case.plot.expected, case.number
        written = tuple(self.portal.statuses_written(number))
        if written not in expected.written:
            yield f"the portal was told {_list(written)}, not {' or '.join(map(_list, expected.written))}"
        if (status := self.portal.status(number)) != expected.ends:
            yield f"the portal says {status}, not {expected.ends}"
        messages = [text for _, text in self.portal.messages(number)]
        if len(messages) not in expected.messages:
            yield f"{len(messages)} messages, not {' or '.join(map(str, expected.messages))}"
        if messages and not all(expected.said in text for text in messages):
            yield f"a message doesn't say “{expected.said}”"
        if (begun := self._begun(case)) != expected.begun:
            yield f"begun {begun} times, not {expected.begun}"
        yield from self._at_the_network(case)
        yield from self._in_the_journal(case, written, messages)

    def _at_the_network(self, case: Case) -> Iterator[str]:
        expected = case.plot.expected
        of_access = [order for network in self.networks for order in network.orders() if order["access"] == case.access]
        if (withdrawn := sum(bool(order["cancelled"]) for order in of_access)) != expected.withdrawn:
            yield f"withdrawn {withdrawn} times, not {expected.withdrawn}"
        active = sum(len(network.subscriptions_of(case.access)) for network in self.networks)
        due = int(expected.ends == "delivered" and expected.begun > 0 and case.plot.by in self._names())
        if active != due:
            yield f"{active} services are active at the network, not {due}"

    def _in_the_journal(self, case: Case, written: tuple[str, ...], messages: list[str]) -> Iterator[str]:
        """What the remotes remember must be what the journal saw happen to them."""
        effects = [effect for effect in self._effects() if _about(effect, case)]
        told = tuple(effect["value"] for effect in effects if effect["what"] == "status")
        said = [effect["text"] for effect in effects if effect["what"] == "message"]
        begun = sum(effect["what"] in {"activate", "parcel", "order"} for effect in effects)
        if told != written:
            yield f"the journal has the statuses {_list(told)}, the portal {_list(written)}"
        if said != messages:
            yield f"the journal has {len(said)} messages, the portal {len(messages)}"
        if begun != self._begun(case):
            yield f"the journal has it begun {begun} times, the remotes {self._begun(case)}"
        for effect in effects:
            if "repeat" in effect:
                yield f"done twice: {effect['what']} {effect.get('value', '')}".rstrip()

    def _in_the_program(self, case: Case, seen: Seen | None) -> Iterator[str]:
        expected = case.plot.expected
        if seen is None:
            yield "the program doesn't know the order"
            return
        if seen["state"] != expected.ends:
            yield f"the program says {seen['state']}, not {expected.ends}"
        readable = not (case.plot.row or case.plot.detail)
        if readable and seen["portal_status"] != self.portal.status(case.number):
            yield f"the program believes that the portal says {seen['portal_status']}"
        why = seen["parked"]
        if expected.parked is None and why is not None:
            yield f"set aside: {why}"
        if expected.parked is not None and expected.parked not in (why or ""):
            yield f"not set aside because of “{expected.parked}”" + (f", but: {why}" if why else "")

    def _begun(self, case: Case) -> int:
        activations = sum(len(network.activations(case.access)) for network in self.networks)
        ordered = [made for made in self.archive.kode.created() if made["reference"] == case.number]
        return activations + len(self.courier.parcels(case.number)) + len(ordered)

    def _names(self) -> set[str]:
        return {network.name for network in self.networks}

    # --- what belongs to none ---------------------------------------------------------------------------------

    def _strays(self, cases: Sequence[Case], nameless: list[Seen]) -> Iterator[str]:
        for order in nameless:
            yield f"the program has an order that the portal never had: {order['order']}"
        for effect in self._effects():
            asked = any(_about(effect, case) for case in cases) or self.ledger.accounts_for(effect)
            if effect["what"] not in {"cancel", *NO_WRITE} and not asked:
                yield f"something was done that no order asked for: {effect}"
        for entry in self.journal[self.closed_at :] if self.closed_at is not None else ():
            if entry.effect is not None and entry.effect["what"] != "token":
                yield f"the last pass had nothing to do, and yet wrote: {entry.effect}"
        for trace in self.crashes:
            yield f"a simulator broke: {trace.strip().splitlines()[-1]}"

    def _effects(self) -> Iterator[dict[str, str]]:
        return (entry.effect for entry in self.journal if entry.effect is not None)


def _about(effect: Mapping[str, str], case: Case) -> bool:
    if effect["what"] in {"status", "message", "parcel"}:
        return effect["order"] == case.number
    if effect["what"] == "order":
        return effect["reference"] == case.number
    return effect.get("access") == case.access


def _list(words: Sequence[str]) -> str:
    return " ".join(words) or "nothing"
