"""All that isn't the program: a clock that everyone shares, the remotes, their journal, and how all stands there.

The judge is here, who reads only what the remotes remember. Nothing here knows the program or its store.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.orders import is_ours, reference
from syncer.simulators.courier import CourierSimulator
from syncer.simulators.host import Fault, Host
from syncer.simulators.kode import KodeSimulator
from syncer.simulators.on_api import OnApiSimulator, Script, Service
from syncer.simulators.wire import Request, Simulator
from syncer.simulators.xsp import XspSimulator
from tests.prove.chain_outside import OPENED, Beyond, Chain
from tests.ring.harness import FIBER, KEY, PASSWORD, PLAIN, WRITES
from tests.ring.kode import PACKAGE

TOKEN = "token"  # the operation of signing in: no order knows of it
DEAD = frozenset({"DONE_FAILED", "WITHDRAWN", "CANCELLED", "REFUNDED"})  # states of what is delivered by nobody
LEAP = 60  # how much longer than asked the engine sleeps, so that one look is enough
FAULT_OPTIONS: Mapping[Fault, Mapping[str, Any]] = {
    Fault.HUGE: {"size": 2_000_000},
    Fault.GZIP_BOMB: {"size": 2_000_000},
    Fault.TOO_MANY: {"retry_after": 60},
}


class Clock:
    """A clock that everyone shares, and that goes only when it is told to."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)
        self._passed = 0.0

    def __call__(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        """Seconds that have passed, whatever was made of the wall clock."""
        return self._passed

    def go_on(self, **by: float) -> None:
        """Time passes."""
        self._at += timedelta(**by)
        self._passed += timedelta(**by).total_seconds()

    def jump(self, **by: float) -> None:
        """The wall clock is set, either way, and no time passes."""
        self._at += timedelta(**by)

    def sleep(self, seconds: float) -> None:
        """For the engine, in place of `time.sleep`."""
        self.go_on(seconds=seconds * LEAP)


class Outside(Host):
    """All that isn't the program: the remotes, their journal and the faults on the way. It can be pickled, and asked
    without being started.
    """

    def __init__(
        self,
        clock: Clock,
        portal: Mapping[str, Any] | None = None,
        nordnet: Mapping[str, Any] | None = None,
        sydnet: Mapping[str, Any] | None = None,
        kode: Mapping[str, Any] | None = None,
        chain: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = clock
        self.portal = XspSimulator(name="tg", api_key=KEY, now=clock, **(portal or {}))
        self.nordnet = _network("nordnet", clock, {"version": "2.4", **(nordnet or {})})
        self.sydnet = _network("sydnet", clock, {"version": "2.6", "scheduling": False, **(sydnet or {})})
        self.courier = CourierSimulator()
        self.kode = None if kode is None else KodeSimulator(now=clock, mount="/kode", url="http://127.0.0.1:9", **kode)
        self.chain = None if chain is None else Chain(clock, **chain)
        self.accesses: dict[str, str] = {}
        self.asked = 0
        self.last: tuple[str, str, Request] = ("", "", Request("", ""))
        self.struck: str | None = None
        self._ports = 0
        mounts: dict[str, Simulator] = {
            "/xsp": self.portal, "/nordnet": self.nordnet, "/sydnet": self.sydnet, "/courier": self.courier,
        }  # fmt: skip
        mounts |= {} if self.kode is None else {"/kode": self.kode}
        super().__init__(mounts if self.chain is None else {**mounts, **self.chain.mounts}, now=clock)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_lock", "last"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._lock = threading.RLock()
        self.last = "", "", Request("", "")

    def _record(self, remote: str, operation: str, request: Request, **more: Any) -> None:
        """Reads are counted, and not kept. `last` is what was asked of whom, `struck` the fault that it met."""
        self.asked += 1
        self.last = remote, operation, request
        fault = more.get("fault")
        self.struck = None if fault is None else fault.kind.value
        told = more.get("effect") is not None and operation != TOKEN
        if fault is not None or told or writes(request):
            super()._record(remote, operation, request, **more)

    # --- what the other side does ---------------------------------------------------------------------------------

    def order(self, script: Script | None = None, **fields: Any) -> str:
        """A new order in the portal, for an access of its own in both networks; its id."""
        if "socket" not in fields:
            self._ports += 1
            fields["socket"] = f"LT{self._ports:04d}B02"
            for network in (self.nordnet, self.sydnet):
                network.add_access(fields["socket"], [Service(FIBER)], script)
        number = self.portal.add_order(**{"service": PLAIN, **fields})
        self.accesses[number] = fields["socket"]
        return number

    def named(self, **fields: Any) -> str:
        """A new order in the account at KODE, placed by somebody else; its id."""
        assert self.kode is not None
        return str(self.kode.add_order(**{"products": [PACKAGE], **fields}))

    def agent_s(self, **fields: Any) -> str:
        """A new order of an agent's; its id."""
        assert self.chain is not None
        return self.chain.order(**fields)

    def placed(self, number: str) -> list[dict[str, Any]]:
        """The orders in KODE that were placed for a portal's order, oldest first."""
        stem = self.stem(number)
        made = [] if self.kode is None else self.kode.created()
        return [order for order in made if is_ours(order["technical_reference"], stem)]

    def name(self, number: str) -> str:
        """What the program calls an order."""
        if self.chain is not None and number in self.chain.numbers:
            return f"vitec:{number}"
        return f"{'tg' if number in self.accesses else 'kode'}:{number}"

    @property
    def ours(self) -> tuple[str, ...]:
        """The ids of all portals' orders."""
        return (*self.accesses, *(() if self.chain is None else self.chain.numbers))

    def stem(self, number: str) -> str:
        """How each of our references to an order begins."""
        return reference(*self.name(number).split(":", 1))

    def known_as(self, number: str) -> str:
        """An order's name in the end: one that was placed for another has that one's reference, whoever came first."""
        made = [] if self.kode is None else self.kode.created()
        return next((str(one["technical_reference"]) for one in made if str(one["order"]) == number), number)

    def tick(self) -> None:
        """Every order of the networks goes on by one step."""
        self.nordnet.tick()
        self.sydnet.tick()

    def strike(self, kind: Fault, *, skip: int = 0, times: int | None = 1, remote: str | None = None) -> None:
        """A fault at the request after the next `skip` ones, whatever is asked, or of one remote alone."""
        self.fault(kind, remote, skip=skip, times=times, **FAULT_OPTIONS.get(kind, {}))

    # --- what became of it ----------------------------------------------------------------------------------------

    def ended(self) -> dict[str, "Ended"]:
        """How each order stands, as the remotes remember it."""
        followed = {} if self.kode is None else {str(one["order"]): one["status"] for one in self.kode.orders()}
        return (
            {number: self._ended(number) for number in self.accesses}
            | {number: Ended(status) for number, status in followed.items()}
            | {number: self._given(number) for number in (() if self.chain is None else self.chain.numbers)}
        )

    def _given(self, number: str) -> "Ended":
        """An agent's order."""
        assert self.chain is not None
        placed = tuple(order["status"] for order in self.placed(number))
        beyond = self.chain.beyond(self.name(number), number)
        return Ended(self.chain.status(number), activations=placed, beyond=beyond)

    def _ended(self, number: str) -> "Ended":
        stem = reference("tg", number)
        made = [
            order
            for network in (self.nordnet, self.sydnet)
            for order in network.orders()
            if is_ours(order["reference"], stem)
        ]
        held = [sub for network in (self.nordnet, self.sydnet) for sub in network.network.subscriptions]
        return Ended(
            status=self.portal.status(number),
            told=tuple(self.portal.statuses_written(number)),
            said=len(self.portal.messages(number)),
            activations=(
                *("WITHDRAWN" if order["cancelled"] else order["state"] for order in made),
                *(order["status"] for order in self.placed(number)),
            ),
            subscriptions=sum(is_ours(sub.sp_reference, stem) and not sub.ended for sub in held),
            parcels=len(self.courier.parcels(number)),
            beyond=Beyond() if self.chain is None else self.chain.beyond(self.name(number), number),
        )

    def doubled(self) -> list[str]:
        """Each effect that came twice, or was asked for again after it had come, in words. By the journal alone."""
        twice = () if self.chain is None else self.chain.doubled()
        return [*self._sent_again(), *self._made_twice(), *self._alive_twice(), *twice, *map(str, self.crashes)]

    def _sent_again(self) -> Iterator[str]:
        """A call with the key of one that took effect, whether or not the remote saw through it."""
        made: set[tuple[str, str]] = set()
        for entry in self.calls():
            if entry.operation not in {"orders.create", "parcels.book", "sales_orders.create"} or not entry.body:
                continue
            key = (entry.remote, str(_reference_in(json.loads(entry.body))))
            if key in made:
                yield f"{entry.operation} of {key[1]} was sent again after it had taken effect"
            if entry.effect is not None:
                made.add(key)

    def _made_twice(self) -> Iterator[str]:
        for entry in self.effects():
            if "repeat" in (entry.effect or {}) and entry.operation not in {"parcels.book", TOKEN}:
                yield f"{entry.operation} was repeated: {entry.effect}"
        said = Counter((effect["order"], effect["text"]) for effect in self._effects("message"))
        for (number, text), count in said.items():
            if count > 1:
                yield f"a message was written {count} times on {number}: {text}"

    def _alive_twice(self) -> Iterator[str]:
        for number, ended in self.ended().items():
            alive = sum(state not in DEAD for state in ended.activations)
            if alive > 1 or ended.subscriptions > 1 or ended.parcels > 1:
                yield f"{number} was delivered more than once: {ended}"

    def _effects(self, what: str) -> list[dict[str, str]]:
        return [entry.effect for entry in self.effects(what=what) if entry.effect is not None]


def _reference_in(body: Mapping[str, Any]) -> object:
    names = ("spReference", "technicalReference", "purchaseOrderNumber", "reference")
    return next((body[name] for name in names if body.get(name)), None)


def writes(request: Request) -> bool:
    """Whether a request may change something at its remote: in the portal the verb doesn't tell."""
    if request.path.endswith("/token") or OPENED in request.path:
        return False
    method = request.query.get("method")
    return method in WRITES if method is not None else request.method not in {"GET", "HEAD"}


def _network(name: str, clock: Clock, options: Mapping[str, Any]) -> OnApiSimulator:
    return OnApiSimulator(name, username="sp", password=PASSWORD, mount=f"/{name}", now=clock, **options)


@dataclass(frozen=True, slots=True)
class Ended:
    """How one order stands outside. `activations` are the states of ours in the networks and in KODE, oldest first;
    `beyond` is how it stands with agents and order systems.
    """

    status: str
    told: tuple[str, ...] = ()
    said: int = 0
    activations: tuple[str, ...] = ()
    subscriptions: int = 0
    parcels: int = 0
    beyond: Beyond = Beyond()  # noqa: RUF009 - frozen
