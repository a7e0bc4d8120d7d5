"""Faults at every request, a sample: the long run is `faults.prove`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from syncer.errors import RemoteError
from syncer.remotes.http import Http, Limits
from syncer.simulators.courier import CourierSimulator
from syncer.simulators.host import Host
from tests.prove import faults
from tests.prove.world import FAULT_OPTIONS, Fault, Script, World, folder_in_memory

LIMITS = Limits(timeout=0.4, rate=1000, max_answer=1_000_000)
SEEDS = (4, 5, 22)
EVERY = 37


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_in_memory() as made:
        yield made


def book(http: Http, url: str, *, safe: bool) -> object:
    """What one call comes to: the answer, or the error and all that the program makes of it."""
    try:
        answer = http.call("book", "POST", f"{url}/courier/parcels", safe=safe, json={"order": "1"})
    except RemoteError as failure:
        return type(failure), failure.cause, getattr(failure, "settle_seconds", 0.0) > 0
    return answer.status, answer.content_type, answer.body


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in Fault if kind is not Fault.REFUSE])
def test_a_fault_in_process_is_to_the_program_what_it_is_on_a_wire(folder: Path, kind: Fault, safe: bool) -> None:
    options = {"seconds": 1} if kind in {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER} else FAULT_OPTIONS.get(kind, {})
    with Host({"/courier": CourierSimulator()}) as host:
        host.fault(kind, **options)
        on_a_wire = book(Http("courier", LIMITS), host.url, safe=safe)
    world = World(folder)
    world.outside.fault(kind, **options)
    assert _told(book(world._wire("courier", LIMITS), "http://127.0.0.1:9", safe=safe)) == _told(on_a_wire)
    world.end()


def _told(came: object) -> object:
    """Without a debug page's body, which repeats the headers: one more library has its own."""
    return came[:2] if isinstance(came, tuple) and came[0] == 400 else came


def fetch(http: Http, url: str, asset: str) -> object:
    """What one download comes to: the bytes, or the error."""
    taken: list[bytes] = []
    try:
        answer = http.stream("get", f"{url}/kode/shopping/v2/assets/{asset}", take=taken.append, most=100_000)
    except RemoteError as failure:
        return type(failure), failure.cause
    return answer.status, answer.content_type, b"".join(taken)


@pytest.mark.parametrize("kind", [kind for kind in Fault if kind is not Fault.REFUSE])
def test_a_fault_of_a_download_in_process_is_to_the_program_what_it_is_on_a_wire(folder: Path, kind: Fault) -> None:
    options = {"seconds": 1} if kind in {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER} else FAULT_OPTIONS.get(kind, {})
    world = World(folder, kode={"download_auth": "none"})
    assert world.outside.kode is not None
    asset = world.outside.kode.add_file(int(world.outside.named()), size=3000)
    with Host({"/kode": world.outside.kode}) as host:
        host.fault(kind, **options)
        on_a_wire = fetch(Http("kode", LIMITS), host.url, asset)
    world.outside.fault(kind, **options)
    assert _told(fetch(world._wire("kode", LIMITS), "http://127.0.0.1:9", asset)) == _told(on_a_wire)
    world.end()


@pytest.mark.parametrize("safe", [True, False])
def test_a_refused_connection_in_process_is_what_a_closed_port_is(folder: Path, safe: bool) -> None:
    with Host({"/courier": CourierSimulator()}) as host:
        host.down()
        closed = book(Http("courier", LIMITS), host.url, safe=safe)
    world = World(folder)
    world.outside.fault(Fault.REFUSE)
    assert book(world._wire("courier", LIMITS), "http://127.0.0.1:9", safe=safe) == closed
    world.end()


def test_a_network_whose_answer_is_too_long_is_no_bug_of_ours(folder: Path) -> None:
    world = World(folder)
    world.outside.strike(Fault.HUGE, remote="nordnet")
    problems = world.run_pass(once=False).problems
    world.end()
    assert [problem for problem in problems if "a bug in syncer" in problem] == []


def test_a_page_in_place_of_an_answer_is_not_taken_for_a_cancellation(folder: Path) -> None:
    world = World(folder)
    number = world.outside.order(Script(received_ticks=9))
    world.run_pass()
    world.outside.portal.change_status(number, "cancelled")
    world.outside.fault(Fault.HTML, "nordnet", "orders.cancel")
    world.run_pass()
    world.run_pass()
    world.end()
    assert world.outside.ended()[number].activations == ("WITHDRAWN",)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_fault_at_any_request_makes_an_order_late_or_parks_it_and_nothing_worse(folder: Path, seed: int) -> None:
    result = faults.prove_one(seed, folder, every=EVERY)
    assert [str(failure) for failure in result.failures] == []
    assert result.runs > 20
    assert len(result.faults) > 10
