"""`syncer status`: what an operator wants to know at a glance."""

import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.cli.printing import age
from syncer.cli.standing import HELP
from syncer.orders import Park
from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from syncer.store import standing
from tests.postgres import Server, postgres_fixture
from tests.ring.harness import UNMAPPED, World

__all__ = ["postgres_fixture"]
KEPT = Script(received_ticks=99)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None, level="info") as world:
        yield world


def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.say("status", "--json").json
    return found


def test_it_says_whether_the_service_runs_and_since_when(world: World) -> None:
    assert status(world)["service"] == {"running": False, "since": None}
    with world.start("run", "--config", str(world.config_file)) as service:
        assert service.stdout is not None
        while "portal.polled" not in service.stdout.readline():
            assert service.poll() is None
        running = status(world)
        assert running["service"]["running"] is True
        assert running["service"]["pid"] == service.pid
        assert running["next_poll"]["tg"] > running["portals"]["tg"]["last_poll_at"]
        assert "The service runs since" in world.say("status").out
        os.kill(service.pid, signal.SIGKILL)
        service.wait()
    killed = status(world)
    assert killed["service"]["running"] is False
    assert killed["next_poll"] == {"tg": None}
    assert "The service doesn't run" in world.say("status").out


def test_where_locks_are_listed_with_another_device_the_service_still_runs(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # as on btrfs, and on a container's overlay
    with world.start("run", "--config", str(world.config_file)) as service:
        assert service.stdout is not None
        while "portal.polled" not in service.stdout.readline():
            assert service.poll() is None
        locks = re.sub(r"\b[0-9a-f]{2}:[0-9a-f]{2}:(?=\d+ )", "00:ff:", standing.LOCKS.read_text(encoding="ascii"))
        (tmp_path / "locks").write_text(locks, encoding="ascii")
        monkeypatch.setattr(standing, "LOCKS", tmp_path / "locks")
        assert status(world)["service"]["running"]
        service.terminate()
        service.communicate()
        assert not status(world)["service"]["running"]


def test_another_command_that_holds_the_store_is_not_taken_for_the_service(world: World) -> None:
    with world.start("run", "--config", str(world.config_file)) as service:
        assert service.stdout is not None
        while "portal.polled" not in service.stdout.readline():
            assert service.poll() is None
        os.kill(service.pid, signal.SIGKILL)
        service.wait()
    with world.engine():
        assert status(world)["service"]["running"] is False


def test_on_postgresql_it_says_whether_a_service_runs(tmp_path: Path, postgres: Server) -> None:
    with World(tmp_path, at=None, store=postgres, level="info") as world:
        with world.start("run", "--config", str(world.config_file)) as service:
            assert service.stdout is not None
            while "portal.polled" not in service.stdout.readline():
                assert service.poll() is None
            assert status(world)["service"]["running"] is True
            service.terminate()
            service.communicate()
        assert status(world)["service"]["running"] is False


def test_a_call_under_way_is_of_unknown_outcome_only_once_nobody_waits_for_its_answer(world: World) -> None:
    world.configure(timeout="60s")
    world.host.fault(Fault.TIMEOUT_AFTER, "nordnet", "orders.create", times=None)
    world.order(KEPT)
    with world.start("run", "--config", str(world.config_file)) as service:
        while not world.host.calls("nordnet", "orders.create"):
            assert service.poll() is None
        under_way = status(world)
        assert under_way["service"]["running"] is True
        assert (under_way["uncertain"], under_way["open_calls"]["attempting"]) == (0, 1)
        assert "0 calls of unknown outcome, 1 under way or to be made" in world.say("status").out
        os.kill(service.pid, signal.SIGKILL)
        service.wait()
    killed = status(world)
    assert (killed["uncertain"], killed["open_calls"]["attempting"]) == (1, 1)
    assert "1 calls of unknown outcome" in world.say("status").out
    with world.start("run", "--config", str(world.config_file)) as service:
        assert service.stdout is not None
        while "portal.polled" not in service.stdout.readline():
            assert service.poll() is None
        assert status(world)["uncertain"] == 1


def test_it_names_the_oldest_order_that_waits_for_each_step(world: World) -> None:
    under_way, unmapped = world.order(KEPT), world.order(service=UNMAPPED)
    world.once()
    world.host.fault(Fault.REFUSE, "tg", "order_info", times=None)
    new = world.order()
    world.once()
    oldest = status(world)["oldest"]
    assert {name: found["order"] for name, found in oldest.items()} == {
        "not_yet_received": f"tg:{new}",
        "not_yet_active": f"tg:{unmapped}",
        "not_yet_delivered": f"tg:{under_way}",
    }
    assert all(found["seconds"] >= 0 for found in oldest.values())


def test_it_says_what_is_parked_for_which_reason_and_what_helps(world: World) -> None:
    numbers = [world.order(service=UNMAPPED) for _ in range(5)]
    world.order(Script(refuse=409, cause="Nej"))
    world.once()
    because = status(world)["parked_because"]
    assert [(one["reason"], one["count"]) for one in because] == [("route", 5), ("refused", 1)]
    assert because[0]["orders"] == [f"tg:{number}" for number in numbers[:3]]
    assert because[0]["help"] == HELP[Park.ROUTE]
    told = " ".join(world.say("status").out.split())
    assert "add a route" in told
    assert "…" in told


def test_a_remote_that_is_down_is_shown_with_its_cause(world: World) -> None:
    world.order()
    world.host.fault(Fault.REFUSE, "nordnet", times=None)
    world.once()
    assert "connection" in status(world)["fulfilments"]["nordnet"]["cause"]
    assert "down" in world.say("status").out


def test_how_long_is_said_in_two_units_at_most() -> None:
    spans = {0: "0 s", 59: "59 s", 60: "1 min", 3661: "1 h 1 min", 90_000: "1 d 1 h", 86_401: "1 d 1 s", -5: "0 s"}
    assert {seconds: age(timedelta(seconds=seconds)) for seconds in spans} == spans
