"""Claims about which remotes are called when, and what is said of an outage."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.engine import Health
from syncer.errors import AccessDenied, RemoteError, Unavailable
from syncer.store import Store
from tests.engine.doubles import NOW, Bench

DOWN = Unavailable("stads", "orders", "connection refused")
DENIED = AccessDenied("stads", "api_login", "Login failed")


def _raising(error: RemoteError, *whats: str) -> Any:
    def trouble(what: str, _name: str) -> None:
        if not whats or what in whats:
            raise error

    return trouble


def _well(_what: str, _name: str) -> None:
    return None


def _ill(bench: Bench, error: RemoteError = DOWN) -> None:
    bench.health.ill("stads", error, str(error), bench.clock())


# --- said once ------------------------------------------------------------------------------------------------


def test_an_outage_is_said_once_when_it_begins_and_once_when_it_ends(bench: Bench) -> None:
    bench.engine.run_pass()
    bench.portal.trouble = _raising(DOWN)
    for _ in range(5):
        bench.clock.pass_(minutes=10)
        bench.engine.run_pass()
    bench.portal.trouble = _well
    for _ in range(3):
        bench.clock.pass_(minutes=10)
        bench.engine.run_pass()
    assert [line["cause"] for line in bench.events("remote.down")] == ["stads orders: connection refused"]
    assert [line["seconds"] for line in bench.events("remote.up")] == [3000.0]


def test_an_outage_that_outlives_the_process_is_not_said_again_and_keeps_its_begin(bench: Bench) -> None:
    bench.portal.trouble = _raising(DOWN)
    bench.engine.run_pass()
    for _ in range(3):
        bench.clock.pass_(minutes=10)
        bench.restart()
        bench.engine.run_pass()
    assert len(bench.events("remote.down")) == 1
    assert bench.store.remotes()["stads"].since == NOW
    assert not bench.store.remotes()["stads"].up


def test_another_outage_after_the_end_of_one_is_said_again(bench: Bench) -> None:
    for _ in range(2):
        _ill(bench)
        bench.clock.pass_(minutes=1)
        bench.health.well("stads", bench.clock())
        bench.clock.pass_(minutes=1)
    assert len(bench.events("remote.down")) == len(bench.events("remote.up")) == 2


def test_the_first_call_that_is_answered_is_no_end_of_an_outage(bench: Bench) -> None:
    bench.health.well("stads", NOW)
    assert bench.events("remote.up") == []
    assert bench.store.remotes()["stads"].up


# --- our own waits --------------------------------------------------------------------------------------------


def test_a_remote_that_is_down_is_left_alone_longer_each_time(bench: Bench) -> None:
    waits = []
    for _ in range(8):
        bench.clock.time = bench.health.until("stads", bench.clock())
        _ill(bench)
        waits.append(bench.health.until("stads", bench.clock()) - bench.clock())
    assert waits[0] <= timedelta(seconds=10)
    assert waits[4] > 4 * waits[0]
    assert max(waits) <= timedelta(seconds=300)
    assert not bench.health.open("stads", bench.clock())
    assert bench.health.open("stads", bench.clock() + max(waits))


def test_once_overrides_our_own_wait(bench: Bench) -> None:
    bench.portal.trouble = _raising(DOWN, "poll")
    bench.engine.run_pass()
    bench.engine.run_pass()
    assert bench.calls.of("stads", "poll") == 1
    bench.engine.run_pass(once=True)
    assert bench.calls.of("stads", "poll") == 2


def test_a_wait_is_never_so_long_that_an_outage_s_end_is_seen_late(bench: Bench) -> None:
    """Within two poll intervals and ten seconds (interface.md, section 5)."""
    every = timedelta(seconds=20)
    health = Health(bench.store, {"stads": every})
    for _ in range(20):
        health.ill("stads", DOWN, "down", NOW)
        assert health.until("stads", NOW) - NOW <= every + timedelta(seconds=8)


def test_one_remote_s_outage_leaves_the_others_open(bench: Bench) -> None:
    _ill(bench)
    assert not bench.health.open("stads", NOW)
    assert bench.health.open("nordnet", NOW)


# --- the remote's own word ------------------------------------------------------------------------------------


def _busy(seconds: float) -> Unavailable:
    return Unavailable("stads", "orders", "429 too many calls", retry_after=seconds)


@pytest.mark.parametrize("restarted", [False, True])
def test_retry_after_is_kept_by_once_and_by_the_next_process(bench: Bench, restarted: bool) -> None:
    bench.portal.trouble = _raising(_busy(600))
    bench.engine.run_pass(once=True)
    before = len(bench.calls.made)
    bench.portal.trouble = _well
    if restarted:
        bench.restart()
    bench.clock.pass_(seconds=599)
    assert "left alone until 07:25:00" in bench.engine.run_pass(once=True).problems[0]
    assert len(bench.calls.made) == before
    bench.clock.pass_(seconds=2)
    assert bench.engine.run_pass(once=True).problems == ()
    assert bench.order().portal_status == "delivered"


def test_retry_after_is_kept_for_orders_under_way_too(bench: Bench) -> None:
    bench.portal.trouble = _raising(_busy(600), "status")
    bench.engine.run_pass(once=True)
    bench.portal.trouble = _well
    before = len(bench.calls.made)
    bench.restart()
    bench.engine.run_pass(once=True)
    assert len(bench.calls.made) == before


def test_an_answer_to_an_earlier_call_does_not_take_retry_after_back(bench: Bench) -> None:
    _ill(bench, _busy(600))
    bench.health.well("stads", NOW)
    assert not bench.health.open("stads", NOW + timedelta(seconds=599))
    assert not Health(bench.store).open("stads", NOW + timedelta(seconds=599))
    bench.health.well("stads", NOW + timedelta(seconds=601))
    assert bench.store.remotes()["stads"].up


def test_a_shorter_retry_after_does_not_take_a_longer_one_back(bench: Bench) -> None:
    _ill(bench, _busy(600))
    _ill(bench, _busy(5))
    bench.health.override()
    assert not bench.health.open("stads", NOW + timedelta(seconds=599))
    assert not Health(bench.store).open("stads", NOW + timedelta(seconds=599))


# --- wrong credentials ----------------------------------------------------------------------------------------


def test_a_remote_that_denies_us_is_not_called_again_by_this_process_not_even_by_once(bench: Bench) -> None:
    bench.portal.trouble = _raising(DENIED)
    bench.engine.run_pass()
    before = len(bench.calls.made)
    for _ in range(5):
        bench.clock.pass_(hours=5)
        bench.engine.run_pass(once=True)
    assert len(bench.calls.made) == before
    assert [line["level"] for line in bench.events("remote.denied")] == ["error"]


def test_a_remote_that_denies_us_is_called_again_by_the_next_process(bench: Bench) -> None:
    bench.portal.trouble = _raising(DENIED)
    bench.engine.run_pass()
    bench.portal.trouble = _well
    bench.restart()
    assert bench.engine.run_pass(once=True).problems == ()
    assert bench.store.remotes()["stads"].up


def test_a_retry_by_another_process_has_a_denied_remote_called_again(bench: Bench) -> None:
    bench.portal.trouble = _raising(DENIED)
    bench.engine.run_pass()
    bench.portal.trouble = _well
    bench.clock.pass_(hours=1)
    bench.engine.run_pass()
    assert not bench.store.remotes()["stads"].up
    bench.store.forgive()
    bench.engine.run_pass()
    assert bench.store.remotes()["stads"].up


def test_a_retry_that_is_denied_too_stops_the_calls_again_and_says_so_again(bench: Bench) -> None:
    bench.portal.trouble = _raising(DENIED)
    for _ in range(3):
        bench.engine.run_pass()
    bench.store.forgive()
    for _ in range(3):
        bench.clock.pass_(hours=1)
        bench.engine.run_pass()
    assert bench.calls.of("stads", "poll") == 2
    assert len(bench.events("remote.denied")) == 2
    assert bench.store.remotes()["stads"].cause == "stads api_login: Login failed"


def test_an_answer_to_an_earlier_call_does_not_take_a_denial_back(bench: Bench) -> None:
    _ill(bench, DENIED)
    bench.health.well("stads", NOW)
    assert not bench.health.open("stads", NOW + timedelta(days=1))


def test_an_outage_that_turns_into_a_denial_is_said_as_one(bench: Bench) -> None:
    _ill(bench)
    _ill(bench, DENIED)
    assert len(bench.events("remote.down")) == len(bench.events("remote.denied")) == 1
    assert bench.store.remotes()["stads"].cause == str(DENIED)


def test_health_is_the_same_however_many_threads_tell_it(bench: Bench, tmp_path: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _ill(bench), range(40)))
    assert len(bench.events("remote.down")) == 1
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: bench.health.well("stads", NOW), range(40)))
    assert len(bench.events("remote.up")) == 1
    assert isinstance(bench.store, Store)


# --- the probe ------------------------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path: Path) -> Bench:
    """Many orders, and a network that is down."""
    bench = Bench(tmp_path, workers=4, orders=12)
    bench.network.trouble = _raising(Unavailable("nordnet", "orders.create", "connection refused"))
    bench.engine.run_pass(once=True)
    return bench


def test_an_outage_costs_one_probe_an_interval_and_not_one_for_each_order(town: Bench) -> None:
    for _ in range(5):
        before = town.calls.of("nordnet")
        town.clock.pass_(minutes=10)
        town.engine.run_pass(sources=[])
        assert town.calls.of("nordnet") - before == 1


def test_once_it_is_over_the_same_pass_takes_all_orders_to_their_end(town: Bench) -> None:
    town.network.trouble = _well
    town.engine.run_pass(once=True)
    assert set(town.portal.status.values()) == {"delivered"}
    assert town.calls.overlaps == []


def test_two_threads_never_probe_at_once(town: Bench) -> None:
    town.clock.pass_(minutes=10)
    assert [town.health.admit("nordnet", town.clock()) for _ in range(3)] == [True, False, False]
    town.health.release("nordnet")
    assert town.health.admit("nordnet", town.clock())


def test_a_wait_that_a_wrong_clock_has_written_is_no_wait(bench: Bench) -> None:
    bench.clock.pass_(days=3)
    _ill(bench, _busy(600))
    bench.clock.pass_(days=-3)
    assert bench.health.open("stads", bench.clock())


def test_orders_that_wait_for_a_probe_do_not_ask_the_store_for_themselves_again_and_again(
    town: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.network.trouble = _well
    town.health.well("nordnet", town.clock())
    _ill(town)  # the portal is down, and the orders' next call is said to be at the network
    town.clock.pass_(minutes=10)
    claims: list[None] = []

    def slow(_what: str, _name: str) -> None:
        time.sleep(0.5)
        raise DOWN

    def claim(*words: Any, **more: Any) -> Any:
        claims.append(None)
        return Store.claim(town.store, *words, **more)

    town.portal.trouble = slow
    before = town.calls.of("stads", "read")
    monkeypatch.setattr(town.store, "claim", claim)
    town.engine.run_pass(sources=[])
    assert town.calls.of("stads", "read") == before + 1
    assert len(claims) < 10
