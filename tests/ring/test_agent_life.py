"""From the link to the files, with `syncer run` as a process: noticed in seconds, and killed at each point."""

import http.client
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from syncer.orders import Park, State
from syncer.simulators.kode.model import File
from tests.ring.agents import Browser, LiveWorld, as_rows
from tests.ring.chain import FORM, OFFICE, assert_each_once
from tests.web.asking import ask
from tests.web.visiting import post

SECONDS = 20.0  # within which each step is noticed; the portal is polled four times an hour
ADDRESS = FORM["address"]


def deliver(world: LiveWorld) -> None:
    order = int(world.placed())
    world.kode.add_file(order, File(name="plan.pdf"))
    world.kode.change_status(order, "FINISHED")


def state_is(world: LiveWorld, agent: Browser, state: State) -> Callable[[], bool]:
    def whether() -> bool:
        found = world.one(f"vitec:{agent.number}")
        return found is not None and found.state is state

    return whether


def is_parked(world: LiveWorld, agent: Browser) -> Callable[[], bool]:
    def whether() -> bool:
        found = world.one(f"vitec:{agent.number}")
        return found is not None and found.park is not None

    return whether


def test_each_step_is_noticed_within_seconds_and_nothing_secret_is_left_anywhere(tmp_path: Path) -> None:
    with LiveWorld(tmp_path) as world, world.serving():
        agent = Browser(world, world.ordered())
        agent.opens()
        took = {"received": world.until(state_is(world, agent, State.RECEIVED))}
        agent.orders()
        took["placed"] = world.until(world.kode.created)
        deliver(world)
        took["delivered"] = world.until(state_is(world, agent, State.DELIVERED))
        took["noted"] = world.until(world.vitec.notes)
        assert len(agent.files()) == 1
        metrics = ask(world.pages, "/metrics").text + ask(world.pages, "/").text
        assert_each_once(world)
        assert max(took.values()) < SECONDS, took
    said = "".join(world.logs) + metrics
    for secret in (*agent.tokens, agent.page, ADDRESS, OFFICE, "9999-12-34-0-0", "Påhittad"):
        assert secret not in said, secret
    stored = b"".join(path.read_bytes() for path in world.database.parent.glob("syncer.db*"))
    for secret in (*agent.tokens, agent.page.rpartition("/")[2]):
        assert secret.encode() not in stored
    with closing(sqlite3.connect(world.database)) as rows:
        for table in ("intents", "history", "passes", "orders"):
            told = str(rows.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608 - our own tables
            assert not [one for one in (ADDRESS, OFFICE, "9999-12-34-0-0", "Påhittad") if one in told], table
    assert [row["event"] for row in as_rows(world.logs[0]) if row["level"] in {"error", "warning"}] == []


def test_killed_between_any_two_steps_of_the_agent_it_goes_on(tmp_path: Path) -> None:
    with LiveWorld(tmp_path) as world, world.serving():
        agent = Browser(world, world.ordered())
        assert agent.opens().status == 303
        world.again()
        assert agent.looks().status == 200
        world.again()
        assert agent.sends(FORM).status == 200
        world.again()
        assert agent.sends({}).status == 303
        world.again()
        world.until(lambda: (one := world.one(f"vitec:{agent.number}")) is not None and one.fulfilment_ref)
        world.again()
        deliver(world)  # and not killed before all has come of it: a person would be asked about the note
        world.until(lambda: (one := world.one(f"vitec:{agent.number}")) is not None and one.given_all and one.final)
        world.until(world.vitec.notes)
        world.again()
        assert len(agent.files()) == 1
        assert ask(world.pages, agent.files()[0], "HEAD").status == 200
        assert_each_once(world)
        assert world.one(f"vitec:{agent.number}").park is None  # type: ignore[union-attr]


Ends = set[Park | None]
SURE: Ends = {None}
ASKED: Ends = {Park.UNCERTAIN}
EITHER = SURE | ASKED
# What may become of an order: a person is asked about a call that can't be looked up, and about one whose own look-ups
# were under way, too, since only that it had begun is written down.
MAY_BE: dict[tuple[str, str], Ends] = {
    ("vitec", "order.list"): SURE,
    ("vitec", "order.token"): SURE,
    ("vitec", "office.list"): SURE,
    ("gks4", "token"): EITHER,
    ("gks4", "customers.search"): EITHER,
    ("gks4", "sales_orders.create"): ASKED,
    ("kode", "token"): EITHER,
    ("kode", "products.list"): SURE,
    ("kode", "orders.create"): ASKED,
    ("kode", "orders.get"): SURE,
    ("vitec", "note.create"): ASKED,
}
ALL = "SYNCER_AGENT_KILLS" in os.environ  # each takes some seconds: a sample without it
CALLS = list(MAY_BE) if ALL else [call for call, may in MAY_BE.items() if may is ASKED]


def tries(agent: Browser) -> None:
    """The agent does what can be done, as often as it takes."""
    with suppress(OSError, http.client.HTTPException, AssertionError, IndexError):
        if not agent.page and agent.opens().status != 303:
            return
        if "<form" in agent.looks().text and agent.sends(FORM).status == 200:
            agent.sends({})


@pytest.mark.parametrize("when", ["timeout_before", "timeout_after"] if ALL else ["timeout_after"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0]}-{call[1]}")
def test_killed_in_the_middle_of_a_call_nothing_is_made_twice(tmp_path: Path, call: tuple[str, str], when: str) -> None:
    with LiveWorld(tmp_path) as world:
        held = world.host.fault(when, *call, seconds=60)
        with world.serving():
            agent = Browser(world, world.ordered())

            def goes_on() -> bool:
                threading.Thread(target=tries, args=(agent,), daemon=True).start()
                if world.kode.created() and "FINISHED" not in str(world.kode.order(int(world.placed()))):
                    deliver(world)
                return bool(held.taken)

            world.until(goes_on, 30)
            world.kill()
            world.host.clear_faults()
            world.begin()

            def is_over() -> bool:
                if not agent.page or "<form" in agent.looks().text:
                    tries(agent)
                if world.kode.created() and "FINISHED" not in str(world.kode.order(int(world.placed()))):
                    deliver(world)
                found = world.one(f"vitec:{agent.number}")
                return found is not None and found.portal_status == State.DELIVERED

            world.until(lambda: is_parked(world, agent)() or is_over(), 90)
            ours = world.one(f"vitec:{agent.number}")
            assert ours is not None
            assert_each_once(world)
            assert ours.park in MAY_BE[call], ours
            if ours.park is not None:
                assert f"vitec:{agent.number}" in (ours.parked or "")
                assert "look in" in (ours.parked or "")


def test_two_tabs_that_confirm_at_the_same_moment_order_once(tmp_path: Path) -> None:
    with LiveWorld(tmp_path) as world, world.serving():
        number = world.ordered()
        tabs = [Browser(world, number) for _ in range(4)]
        for tab in tabs:
            tab.opens()
            tab.looks()
            assert tab.sends(FORM | {"address": f"Prøveveien {tabs.index(tab)}, 9999 Infoland"}).status == 200
        threads = [threading.Thread(target=tab.sends, args=({},)) for tab in tabs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        world.until(world.kode.created)
        assert min(tab.seen.status for tab in tabs) == 303
        assert_each_once(world)
        assert len(world.kode.created()) == len(world.gks4.sales_orders()) == 1


def test_a_form_from_another_site_or_without_the_seal_orders_nothing(tmp_path: Path) -> None:
    with LiveWorld(tmp_path) as world, world.serving():
        agent = Browser(world, world.ordered())
        agent.opens()
        fields = {**FORM, "steg": "bekräfta", "pris": "x"}
        assert post(world.pages, agent.page, fields).status == 403
        assert post(world.pages, agent.page, fields, {"Sec-Fetch-Site": "cross-site"}).status == 403
        assert world.kode.created() == []
