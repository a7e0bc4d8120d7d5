"""One day of a service provider: all the remotes under one host, their orders and troubles.

`Day` builds it, `hours` makes happen what happens between the program's passes, and `judge` says whether the
program did right, out of the simulators' own journal. How the program is run is not known here.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from syncer.simulators.archive import NO_EVIDENCE, Archive, Evidence
from syncer.simulators.broker import CORPORATE, OFFICE, Broker
from syncer.simulators.bureau import Bureau
from syncer.simulators.courier import CourierSimulator
from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.host import Fault, Host
from syncer.simulators.judging import Case, Judge, Judgement, Seen
from syncer.simulators.kode import Elsewhere, File, KodeSimulator, Script
from syncer.simulators.ledger import Due, Ledger
from syncer.simulators.on_api import OnApiSimulator
from syncer.simulators.plots import (
    BROKEN_LINES,
    DATA,
    MORNING,
    NORD,
    OFFERED,
    POWER_CUT,
    SERVICES,
    SOMETIMES,
    SOON,
    SYD,
    UNSEEN,
    WISHES,
    Plot,
    person,
    place,
)
from syncer.simulators.vitec import VitecSimulator
from syncer.simulators.wire import Reply, Request, Simulator
from syncer.simulators.xsp import XspSimulator

API_USER = "1234"
API_KEY = "demo-key-of-nobody-71c3"
NORD_USER, NORD_PASSWORD = "sp-nord", "demo-fjord-8842"
SYD_USER, SYD_PASSWORD = "sp-syd", "demo-strand-1907"
PUSH_SECRET, PUSH_PORT = "demo-klokke-6621-ringer", 8321
VITEC_PASSWORD, GKS4_SECRET = "demo-gavel-5530", "demo-press-2178"
HOUSEHOLDS, BROKERS = "K100777", "K100421"  # who is billed, by GKS4's numbers of customers
MORE_LOOKS = 3
# What becomes of each order of property data: two files, the end, and a file that comes late. In seconds.
DATA_SCRIPT = Script.usual(20, 90, [File(40), File(85, on="order"), File(150)])


@dataclass(frozen=True, slots=True)
class Hour:
    """What happened since the last pass, and what is to be run now.

    `words` are an operator's commands, with the order's number, before the pass. After `kill_after` more requests
    the pass is killed, where that is said. The pass begins once it is `not_before`. Instead of a pass, the service runs
    while the agent is there, if there is a `visit`.
    """

    clock: str
    title: str
    story: str
    words: tuple[tuple[str, ...], ...] = ()
    kill_after: int | None = None
    not_before: datetime | None = None
    visit: bool = False


class Portal(XspSimulator):
    """The portal, which can be restarted at a chosen moment, and then has forgotten who was logged in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.restarts_before: tuple[str, str] | None = None

    def handle(self, request: Request) -> Reply:
        """Answers as ever, perhaps after a restart."""
        if self.restarts_before == (self.operation(request), request.query.get("id", "")):
            self.restarts_before = None
            self.expire_hashes()
        return super().handle(request)


class Day:
    """The simulators of one day, started with `with`. Everything in it can be repeated: chance has a seed."""

    def __init__(self, port: int = 0, journal_path: Path | None = None) -> None:
        self.portal = Portal(name="tjansteguiden", api_user=API_USER, api_key=API_KEY)
        self.nordnet = OnApiSimulator(NORD, "2.4", NORD_USER, NORD_PASSWORD, mount="/nordnet")
        self.sydnet = OnApiSimulator(SYD, "2.6", SYD_USER, SYD_PASSWORD, mount="/sydnet", scheduling=False)
        self.courier = CourierSimulator()
        self.kode = KodeSimulator(mount="/kode", address="fresh", redirect="own", push_retries=True)
        self.kode.set_script(DATA_SCRIPT)
        self.bureau = Bureau(self.kode)
        self.vitec = VitecSimulator(passwords={OFFICE: VITEC_PASSWORD})
        self.gks4 = _printing_house()
        self.broker = Broker(self.vitec, self.kode)
        mounts: dict[str, Simulator] = {
            "/xsp": self.portal,
            "/nordnet": self.nordnet,
            "/sydnet": self.sydnet,
            "/courier": self.courier,
            "/kode": self.kode,
            "/kode-files": Elsewhere(self.kode),
            "/vitec": self.vitec,
            "/gks4": self.gks4,
        }
        self.host = Host(mounts, port, journal_path)
        self.networks = {NORD: self.nordnet, SYD: self.sydnet}
        self.cases: list[Case] = []
        self._tagged: dict[str, Case] = {}
        self._chance = random.Random(1)
        self._wished_at: datetime | None = None
        self._closed_at: int | None = None

    def __enter__(self) -> Self:
        self.host.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.host.stop()

    @property
    def secrets(self) -> Mapping[str, str]:
        """The environment that the demo's configuration names."""
        return {
            "SYNCER_DEMO_XSP_KEY": API_KEY,
            "SYNCER_DEMO_NORDNET": NORD_PASSWORD,
            "SYNCER_DEMO_SYDNET": SYD_PASSWORD,
            "SYNCER_DEMO_KODE_SECRET": self.kode.tokens.credentials.client_secret,
            "SYNCER_DEMO_KODE_PASSWORD": self.kode.tokens.credentials.password,
            "SYNCER_DEMO_KODE_PUSH": PUSH_SECRET,
            "SYNCER_DEMO_VITEC": VITEC_PASSWORD,
            "SYNCER_DEMO_GKS4": GKS4_SECRET,
        }

    # --- orders -----------------------------------------------------------------------------------------------

    def add(self, plots: Iterable[Plot]) -> list[Case]:
        """Has customers order what the plots say; returns the new orders."""
        return [self._add(plot) for plot in plots for _ in range(plot.copies)]

    def begin(self) -> list[Case]:
        """The morning's orders; those that somebody placed in KODE aren't among what is returned."""
        self.bureau.begin()
        return self.add(MORNING)

    def add_another(self) -> Case:
        """One more order, of a kind that chance chooses."""
        return self._add(self._chance.choice(SOMETIMES))

    def tick(self) -> None:
        """The networks work on: every order there goes one step further."""
        for network in self.networks.values():
            network.tick()

    def push(self) -> None:
        """KODE pushes what has happened there to the program's service, if that runs; else it tries again later."""
        self.kode.send_pushes(f"http://127.0.0.1:{PUSH_PORT}/push/{self.kode.name}/{PUSH_SECRET}")

    def _add(self, plot: Plot) -> Case:
        access = f"SE{len(self.cases) + 1:04d}{self._chance.choice('ABCD')}{self._chance.randint(1, 48):02d}"
        network = self.networks.get(plot.by)
        if network is not None:
            network.add_access(access, OFFERED[plot.by], plot.script, known=plot.known)
        number = self.portal.add_order(
            service=plot.service or SERVICES[plot.by], status=plot.status, socket=access, **self._fields(plot)
        )
        self._spoil(number, plot)
        case = Case(number, access, plot)
        self.cases.append(case)
        if plot.tag:
            self._tagged[plot.tag] = case
        return case

    def _fields(self, plot: Plot) -> dict[str, Any]:
        fields = {**person(self._chance), **(place(len(self.cases)) if plot.by == DATA else {}), **plot.fields}
        now = datetime.now(UTC)
        fields["date"] = now - timedelta(days=fields.pop("days_old", 0))
        if plot.wish is not None:
            fields["delivery"] = now + plot.wish
        return fields

    def _spoil(self, number: str, plot: Plot) -> None:
        if plot.hidden:
            self.portal.hide(number)
        if plot.detail == "broken_xml":
            self.portal.break_detail(number, "broken_xml")
        if plot.row == "no_id":
            self.portal.break_row(number, "no_id")

    # --- the hours --------------------------------------------------------------------------------------------

    def hours(self) -> Iterator[Hour]:
        """Hour after hour; what happens in one happens when it is asked for, in KODE too."""
        self.kode.set_script()
        events: tuple[Callable[[], Hour], ...] = (
            self._morning,
            self._broken_list,
            self._broken_lines,
            self._people,
            self._power_cut,
            self._power_again,
            self._wishes,
        )
        for event in events:
            yield event()
            self.host.clear_faults()
            self.host.latency = 0.0
        yield self._agent()
        for _ in range(MORE_LOOKS):
            if self._judge().settled(self.cases):
                break
            yield Hour("15:30", "Another look", "Not everything could be done so far: this machine is busy.")
        self._closed_at = len(self.host.journal)
        yield Hour("16:00", "Nothing new", "A pass with nothing to do must write nothing anywhere.")

    def _morning(self) -> Hour:
        count = len(self.begin())
        placed = [str(errand.order) for errand in self.bureau.errands]
        return Hour(
            "08:00",
            "The night's orders",
            f"{count} orders wait in the portal: plain ones, and every trouble. {len(placed)} more were placed in "
            "KODE, which has no list: a person names them.",
            (("kode", "watch", *placed),),
        )

    def _broken_list(self) -> Hour:
        self.tick()
        self.add(UNSEEN)
        self.host.fault(Fault.HTML, self.portal.name, "orders")
        self.bureau.take_up(self._placed("property data"))
        return Hour(
            "09:00",
            "The portal is being mended",
            "Two orders come, but the list is a web page. The networks worked on; KODE too, and first files are there.",
        )

    def _broken_lines(self) -> Hour:
        self.tick()
        self.add(BROKEN_LINES)
        self._break_lines()
        self.courier.refuse(self._tagged["refused parcel"].number, "Modellen har utgått ur sortimentet")
        self.courier.put_off(self._tagged["later parcel"].number)
        self.bureau.finish(self._placed("property data"), self._elsewhere())
        return Hour(
            "10:00",
            "The lines are bad",
            "Ten more orders, and KODE finishes some. Calls end in a 503, a reset, a timeout or a 429, some of them "
            "after their effect.",
        )

    def _break_lines(self) -> None:
        fault, portal = self.host.fault, self.portal.name
        fault(Fault.ERROR_AFTER, NORD, "orders.create", where=self._names_access("503"))
        fault(Fault.RESET_AFTER, portal, "set_status", where=self._names_number("reset"))
        fault(Fault.TIMEOUT_AFTER, portal, "add_message", where=self._names_number("timeout"))
        fault(Fault.TOO_MANY, SYD, "orders.create", where=self._names_access("429"), retry_after=2)
        fault(Fault.RESET_AFTER, self.kode.name, "orders.create")
        fault(Fault.RESET_AFTER, self.gks4.name, "sales_orders.create", where=self._names_parcel("lost bill"))
        fault(Fault.RESET_AFTER, self.courier.name, where=self._names_parcel("lost parcel"))
        self.portal.restarts_before = ("set_status", self._tagged["hash"].number)

    def _names_access(self, tag: str) -> Callable[[Request], bool]:
        access = self._tagged[tag].access.encode()
        return lambda request: access in request.body

    def _names_number(self, tag: str) -> Callable[[Request], bool]:
        number = self._tagged[tag].number
        return lambda request: request.query.get("id") == number

    def _names_parcel(self, tag: str) -> Callable[[Request], bool]:
        number = self._tagged[tag].number.encode()
        return lambda request: number in request.body

    def _people(self) -> Hour:
        self.tick()
        self._people_in_the_portal()
        self.bureau.go_back()
        data, bill = self._tagged["lost data"], self._tagged["lost bill"]
        mended, lost = self._tagged["mended"], self._tagged["lost parcel"]
        self.nordnet.set_script(mended.access)
        booked = self.courier.parcels(lost.number)
        words = (
            ("deliver", self._tagged["by hand"].number),
            ("resolve", lost.number, "done", *(("--ref", booked[0]) if booked else ())),
            ("resolve", data.number, "done", *self._reference(data)),
            ("resolve", bill.number, "done", *self._sales_order(bill)),
            ("retry", mended.number),
        )
        return Hour(
            "11:00",
            "People at work",
            "The networks' people cancel two orders, set one active and one delivered; one dated yesterday shows only "
            "now. Our own have done one by hand, know that the courier got a parcel, KODE an order and GKS4 "
            "a sales order, and had a port mended. In KODE, a finished order gets one file more, and another is "
            "refunded.",
            words,
        )

    def _placed(self, tag: str) -> int:
        """KODE's number for an order of ours; 0 where it has none, and then the judge says so."""
        return next(iter(self.bureau.placed_for(self._tagged[tag].number)), 0)

    def _elsewhere(self) -> str:
        """The same machine by another name, where it is noted who brings a token."""
        return self.host.url_of("/kode-files").replace("127.0.0.1", "localhost") + "/files/1/kart"

    def _reference(self, case: Case) -> tuple[str, ...]:
        placed = self.bureau.placed_for(case.number)
        return ("--ref", str(placed[0])) if placed else ()

    def _sales_order(self, case: Case) -> tuple[str, ...]:
        made = self.gks4.sales_orders(self._name(case))
        return ("--ref", str(made[0]["number"])) if made else ()

    def _name(self, case: Case) -> str:
        return f"{self.portal.name}:{case.number}"

    def _people_in_the_portal(self) -> None:
        self.portal.change_status(self._tagged["cancelled in time"].number, "cancelled")
        self.portal.change_status(self._tagged["cancelled too late"].number, "cancelled")
        self.portal.change_status(self._tagged["set active"].number, "active")
        self._deliver_at_the_network(self._tagged["set delivered"])
        self.portal.show(self._tagged["late"].number)

    def _deliver_at_the_network(self, case: Case) -> None:
        for made in self.nordnet.activations(case.access):
            if not made["state"].startswith("DONE"):
                self.nordnet.finish(made["order"])
        self.portal.change_status(case.number, "delivered")

    def _power_cut(self) -> Hour:
        self.tick()
        self.add(POWER_CUT)
        self.host.latency = 0.02  # or a quick machine is done before the cut
        return Hour("12:00", "A power cut", "Five orders, and syncer is killed in the middle of them.", kill_after=25)

    def _power_again(self) -> Hour:
        self.tick()
        self.add(WISHES)
        self._wished_at = datetime.now(UTC) + SOON + timedelta(seconds=1)
        self.bureau.take_back(self._placed("lost data"))
        story = (
            "Two more orders come, both wished for an hour later. KODE takes a file back, and finishes its last order."
        )
        return Hour("13:00", "Power again", story)

    def _wishes(self) -> Hour:
        self.tick()
        return Hour(
            "14:00",
            "The wished moment",
            "One of the two waited at its network, the other one here: sydnet takes no order for later.",
            not_before=self._wished_at,
        )

    def _agent(self) -> Hour:
        self.broker.order()
        return Hour(
            "15:00",
            "An estate agent orders",
            "In Vitec, and that leads to our page. Now syncer runs as a service: what is ordered on the page is billed "
            "in GKS4 and placed in KODE, and its files go back to the agent.",
            visit=True,
        )

    def visit(self, url: str) -> Iterator[str]:
        """The agent at the page of the service at `url`: what was done and seen."""
        return self.broker.visit(url, PUSH_SECRET)

    def last_words(self) -> Iterator[tuple[str, ...]]:
        """What shows an order whose files came, came late and were taken back."""
        name = f"{self.bureau.name}:{self.bureau.errands[0].order}"
        yield from (("show", name), ("files", name))

    # --- the judgement ----------------------------------------------------------------------------------------

    def judge(self, seen: Sequence[Seen], evidence: Evidence = NO_EVIDENCE) -> Judgement:
        """Whether the program did right. `seen` is its own view of the orders (`syncer orders --json`).

        `evidence` is what is left of KODE's files; without any, none should be.
        """
        return self._judge(evidence).judge(self.cases, seen)

    def _judge(self, evidence: Evidence = NO_EVIDENCE) -> Judge:
        return Judge(
            self.portal,
            tuple(self.networks.values()),
            self.courier,
            Archive(self.kode, self.bureau.errands, self.host.journal, evidence),
            Ledger(self.gks4, self.vitec, self.kode, self.broker, BROKERS, self.host.journal),
            tuple(Due(self._name(case), case.plot.kind, HOUSEHOLDS) for case in self.cases if case.plot.billed),
            self.host.journal,
            self._closed_at,
            self.host.crashes,
        )


def _printing_house() -> Gks4Simulator:
    """GKS4 with two customers, and an article for what is sold to each."""
    made = Gks4Simulator(secret=GKS4_SECRET, mount="/gks4")
    made.add_customer(HOUSEHOLDS, "559999-0002", "Hushållen i Provköping")
    made.add_customer(BROKERS, CORPORATE)
    made.add_article("BB-250", "Bredband 250")
    made.add_article("A-100")
    return made
