"""The machine's short search, always the same; that it finds planted bugs; and what it has found, each by itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine

from syncer.fulfilment.on_api import OnApiFulfilment
from syncer.orders import Absent, Intent, Observation, Order, Page, Told
from syncer.portals import XspPortal
from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from tests.prove.kode_machine import Account
from tests.prove.machine import CALM, REACHED, Oblivion, Ring, Tale, Watched, run
from tests.prove.world import PLAIN

SEARCH: Mapping[str, Any] = {"derandomize": True, "stateful_step_count": 40, "phases": (Phase.generate,), **CALM}
SHORT = settings(max_examples=15, **SEARCH)  # what it finds, `machine.prove` shrinks


@pytest.mark.parametrize("machine", [Ring, Oblivion, Account])
def test_whatever_happens_nothing_is_lost_and_nothing_done_twice(
    tmp_path: Path, machine: type[RuleBasedStateMachine]
) -> None:
    REACHED.clear()
    run(machine, tmp_path, SHORT)
    assert REACHED["killed"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path, nordnet={"events": False})  # which would wake what waits
    yield world
    world.end()


def arrives(world: Watched, script: Script | None = None, **fields: Any) -> str:
    number = world.outside.order(script, **fields)
    world.tales[number] = Tale({"service": PLAIN, "status": "new", **fields})
    return number


# --- planted bugs, and what the judge says of them -----------------------------------------------------------------


def blind(_self: object, _intent: Intent, _order: Order) -> Absent:
    return Absent()


def tells_unread(self: XspPortal, intent: Intent, order: Order) -> Observation:
    self._client.set_status(order.external_id, intent.payload["status"])
    return Told(intent.payload["status"])


@pytest.mark.parametrize(
    ("of", "method", "bad", "lost", "said"),
    [
        (XspPortal, "find", blind, ("tg", "add_message"), "was told twice"),
        (OnApiFulfilment, "find", blind, ("nordnet", "orders.create"), "sent to nordnet again"),
        (XspPortal, "_tell", tells_unread, ("tg", "add_message"), "not read right before"),
    ],
)
def test_a_planted_bug_is_seen(
    world: Watched, monkeypatch: pytest.MonkeyPatch, of: type, method: str, bad: Any, lost: tuple[str, str], said: str
) -> None:
    monkeypatch.setattr(of, method, bad)
    arrives(world, Script(received_ticks=1, end="DONE_FAILED", message="Mörk fiber"))
    world.outside.fault(Fault.RESET_AFTER, *lost)
    world.run_pass()
    world.outside.tick()
    world.clock.go_on(minutes=2)
    world.run_pass()
    assert any(said in complaint for complaint in world.complaints)


POLL = XspPortal.poll


def overlooks(self: XspPortal, *where: Any) -> Page:
    page = POLL(self, *where)
    return replace(page, rows=page.rows[:-1])


def test_an_overlooked_order_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(XspPortal, "poll", overlooks)
    with pytest.raises(AssertionError, match="lost"):
        run(Ring, tmp_path, SHORT)


# --- found by the machine -----------------------------------------------------------------------------------------


def test_a_status_that_goes_back_to_what_was_listed_comes_through(world: Watched) -> None:
    number = arrives(world)
    world.outside.portal.change_status(number, "delivered")
    world.outside.portal.stale(number)  # the list says new, and the order itself delivered
    world.run_pass()
    assert world.orders()[number].portal_status == "delivered"
    world.outside.portal.change_status(number, "new")
    assert world.run_pass().polled["tg"].changed == 1


def test_endpoints_that_cannot_be_read_are_no_bug_of_ours(world: Watched) -> None:
    arrives(world)
    world.outside.fault(Fault.HUGE, "nordnet", "discovery", size=2_000_000)
    assert [problem for problem in world.run_pass(once=False).problems if "bug" in problem] == []


def test_a_message_that_the_log_shows_late_is_not_written_twice(world: Watched) -> None:
    number = arrives(world, Script(received_ticks=1, end="DONE_FAILED", message="Mörk fiber"))
    world.outside.portal.configure(log_lag=600.0)
    world.run_pass()
    world.clock.go_on(hours=1)
    world.outside.tick()
    world.outside.fault(Fault.ERROR_AFTER, "tg", "add_message")
    world.run_pass()
    assert len(world.outside.portal.messages(number)) == 1


@contextmanager
def wrong_clock(world: Watched) -> Iterator[None]:
    """Within, the program's clock is a month ahead."""
    world.clock.jump(days=30)
    yield
    world.clock.jump(days=-30)


def days_pass(world: Watched) -> None:
    for _ in range(4):
        world.clock.go_on(hours=12)
        world.run_pass(once=False)
        world.run_pass()


def test_a_look_under_a_wrong_clock_is_not_fresh_for_ever(world: Watched) -> None:
    arrives(world)
    world.outside.strike(Fault.REFUSE, remote="nordnet", times=None)
    with wrong_clock(world):
        world.run_pass()
    world.outside.clear_faults()
    days_pass(world)
    assert world.complaints == []


def test_a_call_that_hung_under_a_wrong_clock_is_looked_up_soon_after(world: Watched) -> None:
    number = arrives(world)
    world.outside.fault(Fault.TIMEOUT_AFTER, "nordnet", "orders.create")
    with wrong_clock(world):
        world.run_pass(once=False)
    days_pass(world)
    assert world.orders()[number].final


def test_an_order_that_was_unreadable_under_a_wrong_clock_is_read_again_soon_after(world: Watched) -> None:
    number = arrives(world)
    world.outside.portal.break_detail(number, "empty")
    with wrong_clock(world):
        world.run_pass()
    world.outside.portal.break_detail(number, "whole")
    days_pass(world)
    assert world.orders()[number].final


def test_an_order_that_was_overdue_under_a_wrong_clock_is_followed_soon_after(world: Watched) -> None:
    number = arrives(world, Script(received_ticks=1))
    world.run_pass()
    with wrong_clock(world):
        world.run_pass()
    world.outside.tick()
    days_pass(world)
    assert world.orders()[number].final


def test_a_look_is_not_made_fresh_by_a_clock_that_goes_back(world: Watched) -> None:
    arrives(world)
    world.outside.strike(Fault.REFUSE, remote="nordnet", times=None)
    world.run_pass()
    world.clock.go_on(hours=23)
    world.run_pass(once=False)
    world.clock.jump(hours=-23)
    world.outside.clear_faults()
    world.run_pass()
    assert world.complaints == []
    assert world.outside.nordnet.orders()
