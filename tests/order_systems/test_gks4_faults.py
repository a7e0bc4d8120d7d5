"""Over real HTTP, with every fault at every call: never two sales orders, never two customers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from syncer.errors import AccessDenied, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.order_systems import Gks4OrderSystem, Payer
from syncer.orders import Absent, CannotTell, Observation, Order, Registered, RegisterRefused
from syncer.remotes.gks4 import Gks4
from syncer.remotes.http import Http, Limits
from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.host import Fault, Host
from tests.order_systems.gks4_bench import BY_NUMBER, COMPANY, INTENT, NUMBERED, ORDER, OTHER, WHOLE, Clock, adapter

SECRET = "hemlig-nyckel"
SLOW = {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.DRIP}
FALSE = {Fault.EMPTY, Fault.GARBAGE, Fault.BOMB}  # a success that changed nothing, and looks like any other
SMALL: dict[Fault, dict[str, Any]] = {
    Fault.TIMEOUT_BEFORE: {"seconds": 5},
    Fault.TIMEOUT_AFTER: {"seconds": 5},
    Fault.HUGE: {"size": 2_000_000},
    Fault.GZIP_BOMB: {"size": 4_000_000},
}
PLACES = [
    ("token", 0),
    ("customers.get", 0),
    ("customers.search", 0),
    ("customers.create", 0),
    ("customers.search", 1),
    ("sales_orders.create", 0),
]


@dataclass
class Bench:
    """A GKS4 that listens, and the adapter, worked as the engine works it."""

    host: Host
    gks: Gks4Simulator
    clock: Clock = field(default_factory=Clock)

    def system(self, payer: Payer = NUMBERED, *, timeout: float = 20, **options: Any) -> Gks4OrderSystem:
        http = Http("gks4", Limits(timeout=timeout, rate=10_000, max_answer=1_000_000))
        url = self.host.url_of("/gks")
        client = Gks4(http, url, f"{url}/connect/token", "bridge", SECRET, clock=self.clock)
        return adapter(client, payer, clock=self.clock, **{"create_missing": True, **options})

    def work(self, system: Gks4OrderSystem, order: Order = ORDER, tries: int = 8) -> Observation | RemoteError:
        """Until it is registered or uncertain; a refusal is a person's to look at, who only says retry."""
        seen: Observation | RemoteError | None = None
        for _ in range(tries):
            try:
                seen = system.perform(INTENT, order)
            except Uncertain as failure:
                return failure
            except (Unavailable, AccessDenied, Unreadable) as failure:
                seen = failure
                self.clock.now += getattr(failure, "retry_after", None) or 30
            if isinstance(seen, Registered):
                return seen
        assert seen is not None
        return seen

    def orders(self) -> int:
        return len(self.host.effects("gks4", "sales_order"))

    def made(self) -> int:
        return len(self.host.effects("gks4", "customer"))


@pytest.fixture
def bench() -> Iterator[Bench]:
    gks = Gks4Simulator(client_id="bridge", secret=SECRET, mount="/gks")
    gks.add_article("A-100")
    with Host({"/gks": gks}) as host:
        yield Bench(host, gks)
    assert host.crashes == []
    assert gks.mistakes() == []


@pytest.mark.parametrize("payer", [NUMBERED, WHOLE], ids=["number", "company"])
@pytest.mark.parametrize(("operation", "skip"), PLACES)
@pytest.mark.parametrize("kind", Fault)
def test_one_fault_anywhere_makes_no_second_order_or_customer(
    bench: Bench, kind: Fault, operation: str, skip: int, payer: Payer
) -> None:
    armed = bench.host.fault(kind, operation=operation, skip=skip, **SMALL.get(kind, {}))
    system = bench.system(payer, timeout=0.4 if kind in SLOW else 20)
    seen = bench.work(system)
    assert armed.taken == 1 or (operation, payer) == ("customers.get", WHOLE)
    assert bench.orders() <= 1
    assert bench.made() <= 1
    assert isinstance(seen, Registered | Uncertain | RegisterRefused)
    if isinstance(seen, Uncertain):
        assert (seen.operation, operation) == ("salesorders.create", "sales_orders.create")
        found = system.find(INTENT, ORDER)
        assert isinstance(found, CannotTell)
        assert "vitec:ord-7781, of customer K" in found.why
    if isinstance(seen, RegisterRefused):  # GKS said that it made the customer, and didn't
        assert (kind in FALSE, operation) == (True, "customers.create")
    if isinstance(seen, Registered):
        assert bench.orders() == int(kind not in FALSE or operation != "sales_orders.create")
        assert ("500001" in (seen.ref or "")) is (seen.note == "")


@pytest.mark.parametrize("kind", sorted(set(Fault) - SLOW))
@pytest.mark.parametrize("operation", ["customers.create", "sales_orders.create"])
def test_a_fault_that_lasts_makes_no_second_order_or_customer_either(bench: Bench, kind: Fault, operation: str) -> None:
    bench.host.fault(kind, operation=operation, times=None, **SMALL.get(kind, {}))
    bench.work(bench.system(), tries=12)
    assert bench.orders() <= 1
    assert bench.made() <= 1


def test_the_sales_order_carries_our_name_and_what_the_route_says(bench: Bench) -> None:
    assert bench.work(bench.system(WHOLE)) == Registered("gks4", "500001")
    (sent,) = bench.host.calls("gks4", "sales_orders.create")
    assert json.loads(sent.body) == {
        "customerNumber": "K100001",
        "name": "vitec:ord-7781",
        "purchaseOrderNumber": "vitec:ord-7781",
        "language": "sv",
        "currency": "SEK",
        "salesOrderLines": [
            {
                "description": "Kommunal information, Lilla gatan 7",
                "quantity": 1,
                "unitPrice": 950,
                "articleNumber": "A-100",
            }
        ],
    }
    (customer,) = bench.gks.customers()
    assert customer["corporate"] == COMPANY
    assert customer["address"]["city"] == "Lund"


def test_a_customer_is_made_once_for_all_its_orders(bench: Bench) -> None:
    system = bench.system(WHOLE)
    assert isinstance(bench.work(system), Registered)
    assert isinstance(bench.work(system, OTHER), Registered)
    assert (bench.made(), bench.orders()) == (1, 2)


@pytest.mark.parametrize("filters", ["obeyed", "ignored"])
def test_a_customer_is_found_among_many_others(bench: Bench, filters: str) -> None:
    bench.gks.configure(filters=filters)
    for number in range(130):
        bench.gks.add_customer(f"K{number}", f"5599{number:06}")
    bench.gks.add_customer("K100421", "5599990001")
    bench.work(bench.system(WHOLE))
    assert [order["customer"] for order in bench.gks.sales_orders()] == ["K100421"]
    assert bench.made() == 0


def test_a_number_that_nobody_has_is_refused_and_goes_on_once_somebody_does(bench: Bench) -> None:
    system = bench.system(BY_NUMBER, create_missing=False)
    assert isinstance(system.perform(INTENT, ORDER), RegisterRefused)
    bench.gks.add_customer("K100421")
    assert system.perform(INTENT, ORDER) == Registered("gks4", "500001")


def test_what_gks_refuses_is_shown_in_its_words(bench: Bench) -> None:
    bench.gks.add_customer("K100421")
    seen = bench.system(BY_NUMBER, language=None, currency="XXX")
    bench.gks.configure(currencies=["SEK"])
    refusal = seen.perform(INTENT, ORDER)
    assert isinstance(refusal, RegisterRefused)
    assert "currency: The currency isn't in use here." in refusal.cause
    assert bench.orders() == 0


def test_resending_what_is_uncertain_is_the_operator_s_own_choice(bench: Bench) -> None:
    bench.host.fault(Fault.ERROR_BEFORE, operation="sales_orders.create")
    system = bench.system(resend_uncertain=True)
    assert isinstance(bench.work(system), Uncertain)
    assert system.find(INTENT, ORDER) == Absent()
    assert isinstance(bench.work(system), Registered)
    assert bench.orders() == 1


def test_the_check_calls_nothing_that_changes_anything(bench: Bench) -> None:
    assert bench.system().check().startswith("answers")
    assert {entry.operation for entry in bench.host.calls("gks4")} == {"token", "customers.search"}
    bench.gks.change_secret("another")
    with pytest.raises(AccessDenied):
        bench.system().check()
