"""Promise 6 in bad weather: every fault of the simulators at every operation, and no canary comes out."""

import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncer.errors import SyncerError
from syncer.remotes.http import Http, Limits
from syncer.remotes.on_api import OnApi
from syncer.remotes.xsp import Xsp
from syncer.simulators.host import Fault, Host
from syncer.simulators.on_api import Script
from syncer.simulators.xsp import XspSimulator
from tests.privacy.canaries import CAUSE, NORD_PASSWORD, STADS_KEY, USER, found_in
from tests.privacy.scene import FIBER, Scene

OPERATIONS = {
    "stads": ("api_login", "orders", "order_info", "customer_info", "set_status", "order_log", "add_message"),
    "nordnet": (
        "discovery", "accesses.get", "orders.list", "orders.create", "orders.get", "orderevents.list",
        "subscriptions.list",
    ),
}  # fmt: skip
OPTIONS: dict[Fault, dict[str, Any]] = {
    Fault.TIMEOUT_BEFORE: {"seconds": 1},
    Fault.TIMEOUT_AFTER: {"seconds": 1},
    Fault.HUGE: {"size": 1_000_000},
    Fault.GZIP_BOMB: {"size": 10_000_000},
    Fault.DRIP: {"every": 0.05},
    Fault.TOO_MANY: {"retry_after": 0},
}
TELLING = (
    Fault.ECHO_500,
    Fault.ECHO_400,
    Fault.REDIRECT,
    Fault.CUT,
    Fault.TRUNCATED,
    Fault.WRONG_TYPE,
    Fault.HTML_AFTER,
)
SLOW = {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.DRIP}

# --- the clients' errors --------------------------------------------------------------------------------------


def _calls(scene: Scene, number: str, timeout: float) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Each operation of both remotes, asked for by a client that is new."""
    limits = Limits(timeout=timeout, rate=1000, max_answer=100_000)

    def stads() -> Xsp:
        return Xsp(Http("stads", limits), scene.host.url_of("/stads") + "/", "1234", STADS_KEY)

    def nordnet() -> OnApi:
        return OnApi(
            Http("nordnet", limits, auth=(USER, NORD_PASSWORD)), scene.host.url_of("/nordnet") + "/onapi/2.4/", "2.4"
        )

    from datetime import date

    body = {"accessId": "P1xTrue", "service": FIBER, "spReference": "r", "spSubscriptionId": "s"}
    yield "stads", "api_login", lambda: stads().orders(date(2026, 1, 1))
    yield "stads", "orders", lambda: stads().orders(date(2026, 1, 1))
    yield "stads", "order_info", lambda: stads().order_info(number)
    yield "stads", "customer_info", lambda: stads().customer_info("55012")
    yield "stads", "set_status", lambda: stads().set_status(number, "active")
    yield "stads", "order_log", lambda: stads().order_log(number)
    yield "stads", "add_message", lambda: stads().add_message(number, CAUSE, "error")
    yield "nordnet", "discovery", lambda: nordnet().abilities()
    yield "nordnet", "accesses.get", lambda: nordnet().services("P1xTrue")
    yield "nordnet", "orders.list", lambda: nordnet().orders("P1xTrue")
    yield "nordnet", "orders.create", lambda: nordnet().activate(body)
    yield "nordnet", "orders.get", lambda: nordnet().order("o-1")
    yield "nordnet", "orderevents.list", lambda: nordnet().events(None)
    yield "nordnet", "orders.cancel", lambda: nordnet().cancel("o-1")


def _whole(error: BaseException | None) -> str:
    """All that can be read off an error: its text, its fields, its traceback, and what is behind it."""
    told = ""
    while error is not None:
        fields = {
            name: getattr(error, name) for name in ("remote", "operation", "cause", "hint") if hasattr(error, name)
        }
        told += f"{error!r} {error} {error.args} {fields} {''.join(traceback.format_exception(error))}"
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize("kind", Fault)
def test_no_error_of_a_client_shows_a_secret(scenes: Callable[..., Scene], kind: Fault) -> None:
    scene = scenes(parrot=True)
    number = scene.order()
    errors: list[tuple[str, str]] = []
    missed: list[tuple[str, str]] = []
    timeout = 0.3 if kind in SLOW else 20.0
    for remote, operation, call in _calls(scene, number, timeout):
        armed = scene.host.fault(kind, remote, operation, **OPTIONS.get(kind, {}))
        try:
            call()
        except SyncerError as error:
            errors.append((operation, _whole(error)))
        missed += [] if armed.taken else [(remote, operation)]
        scene.host.clear_faults()
    assert len(missed) <= (7 if kind in SLOW else 0), missed  # a call before it may be late too, on a busy machine
    secrets = scene.secrets()
    assert [(operation, found) for operation, told in errors if (found := found_in(told, secrets))] == []
    assert len(errors) >= 3


# --- the whole program ----------------------------------------------------------------------------------------

PAIRS = [(kind, number) for kind in TELLING for number in range(7)]
PAIRS += [(kind, number % 7) for number, kind in enumerate(Fault) if kind not in TELLING]


@pytest.mark.parametrize("share", range(4))
def test_no_fault_brings_a_canary_out_of_the_program(scenes: Callable[..., Scene], share: int) -> None:
    scene = scenes(parrot=share % 2 == 0, form="console" if share == 3 else "json", timeout="0.4s")
    scene.fill("running", "failed", "unmapped", "unreadable", "without an id", "65-json", "1-json")
    armed = []
    for kind, number in PAIRS[share::4]:
        scene.order(Script(refuse=409, cause=CAUSE))
        scene.order(Script(progress_ticks=1))
        for operations in OPERATIONS.items():
            remote, operation = operations[0], operations[1][number]
            armed.append(scene.host.fault(kind, remote, operation, **OPTIONS.get(kind, {})))
        scene.run("--once")
        scene.nordnet.tick()
    scene.run("check")
    scene.host.clear_faults()
    scene.run("retry", "--all-parked")
    scene.look(closely=False)
    assert scene.leaks() == []
    assert sum(fault.taken for fault in armed) > len(armed) // 2


@pytest.mark.parametrize("verb", ["get", "post"])
def test_no_redirect_carries_credentials_to_another_host(scenes: Callable[..., Scene], verb: str) -> None:
    scene = scenes(verb=verb)
    scene.fill()
    with Host({"/": XspSimulator(name="thief")}) as thief:
        for remote, operations in OPERATIONS.items():
            for operation in operations:
                scene.host.fault("redirect", remote, operation, times=2, to=f"{thief.url}/stolen/")
        for _ in range(4):
            scene.run("--once")
            scene.run("check")
        assert thief.journal == []
    assert scene.leaks() == []
