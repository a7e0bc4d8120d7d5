"""The chain in the proofs, a sample: the long run is `make prove`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from syncer.order_systems import Gks4OrderSystem
from syncer.orders import Absent, Intent, Kind, Park
from syncer.portals.vitec import VitecPortal
from tests.prove import chain_kills, chain_outside, faults
from tests.prove.chain_checker import judge
from tests.prove.chain_configured import FORM
from tests.prove.chain_stories import KINDS
from tests.prove.cuts import Whole, record, resume, world_of
from tests.prove.kode_stories import becomes, does
from tests.prove.play import PATIENCE, Play
from tests.prove.scenarios import CHAINED, scenario
from tests.prove.stories import Arrival, Scenario, Step
from tests.prove.world import Fault, World, folder_in_memory

FILES = (
    does("add_file", size=700, name="plan.pdf", filename="plan.pdf"),
    does("add_file", size=900, name="karta.png", filename="karta.png"),
)
GIVEN = Scenario(
    0,
    arrivals=(Arrival("an agent's", portal="vitec"),),
    steps=(
        Step("arrive", 0), Step("pass", value=True), Step("opens", 0), Step("fills", 0, FORM), Step("pass", value=True),
        *FILES, becomes("FINISHED"),
        *(Step("time", value=61.0), Step("pass", value=True)) * 3,
    ),
    portal={}, nordnet={}, sydnet={}, kode={}, chain={},
)  # fmt: skip


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_in_memory() as made:
        yield made


def cut(folder: Path, every: int) -> tuple[Whole, set[str], set[str]]:
    """The agent's order, cut at one event in so many: what was wrong, and the events after which a person was asked."""
    world = world_of(GIVEN, folder)
    whole = record(GIVEN, world, 1)
    problems, asked = set[str](), set[str]()
    for moment in whole.moments[::every]:
        run = resume(whole, moment, world, deep=True)
        problems |= {f"{kind} at {moment}: {text}" for kind, text in run.problems}
        asked |= {moment.events[0]} if run.asked else set()
    world.end()
    return whole, problems, asked


# --- cuts -----------------------------------------------------------------------------------------------------


def test_an_agent_s_order_is_billed_placed_noted_and_shown_once_wherever_it_is_cut(folder: Path) -> None:
    whole, problems, asked = cut(folder, 7)
    ended: Any = whole.outcome["ord-7781"][0]
    assert (ended.beyond.bills, ended.beyond.made, ended.activations) == (("K100421",), 1, ("FINISHED",))
    assert (ended.beyond.notes, ended.beyond.images) == (("[vitec.ord-7781.g1]",), ("ord-7781-1.png",))
    assert problems == set()
    assert asked


@pytest.mark.parametrize(
    ("remote", "operation", "kind"),
    [
        ("gks4", "sales_orders.create", Kind.REGISTER),
        ("kode", "orders.create", Kind.SUBMIT),
        ("vitec", "note.create", Kind.GIVE),
        ("vitec", "image.create", Kind.GIVE),
    ],
)
def test_between_an_effect_and_its_answer_the_order_is_parked_with_what_to_look_for(
    folder: Path, remote: str, operation: str, kind: Kind
) -> None:
    world = world_of(GIVEN, folder)
    play = Play(world, GIVEN)
    seen: list[tuple[str, str]] = []
    play.ask = lambda: seen.extend(_uncertain(world))  # type: ignore[method-assign]
    world.outside.fault(Fault.RESET_AFTER, remote, operation)
    for number, step in enumerate(GIVEN.steps):
        if kind is Kind.SUBMIT and step.what == "kode":
            break  # nobody knows its number
        if step.what == "kode" and kind is Kind.REGISTER:
            break
        play.step(number)
    world.clock.go_on(seconds=PATIENCE)
    made = len(world.outside.calls(remote, operation))
    world.run_pass()
    assert len(world.outside.calls(remote, operation)) == made == 1
    world.end()
    assert seen
    assert all(mark in sentence for mark, sentence in seen)


def _uncertain(world: World) -> Iterator[tuple[str, str]]:
    for order in world.store.orders(parked=True):
        loaded = world.store.load(order.name)
        if order.park is Park.UNCERTAIN and loaded is not None and loaded[1] is not None:
            mark = loaded[1].key if loaded[1].kind is Kind.SUBMIT else chain_outside.sought(order, loaded[1])
            yield mark, order.parked or ""


def test_every_kind_of_the_chain_s_orders_comes_in_the_first_scenarios() -> None:
    kinds = {arrival.kind for seed in range(200) for arrival in scenario(CHAINED + seed).arrivals}
    assert len(kinds) >= len({teller.__name__ for teller in KINDS})


def _sent_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gks4OrderSystem, "find", lambda *_: Absent())


def _given_again(patch: pytest.MonkeyPatch) -> None:
    before = VitecPortal.find

    def find(portal: VitecPortal, intent: Intent, order: Any) -> Any:
        return Absent() if intent.kind is Kind.GIVE else before(portal, intent, order)

    patch.setattr(VitecPortal, "find", find)


@pytest.mark.parametrize("plant", [_sent_again, _given_again])
def test_a_program_that_sends_again_what_is_uncertain_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)
    _, problems, _ = cut(folder, 1)
    assert any(problem.startswith("doubled") for problem in problems)


# --- faults ---------------------------------------------------------------------------------------------------


def test_a_fault_at_a_call_of_the_chain_makes_an_order_late_or_parks_it_and_nothing_worse(folder: Path) -> None:
    result = faults.prove_one(CHAINED, folder, every=41)
    assert [str(failure) for failure in result.failures] == []
    assert len(result.operations) > 5
    assert result.asked > 0


# --- kills ----------------------------------------------------------------------------------------------------


def test_ten_kills_double_no_sales_order_kode_order_note_or_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chain_kills.tempfile, "tempdir", str(tmp_path))
    said: list[str] = []
    proof = chain_kills.prove(10, seed=1, processes=2, world_of=5, span=1.0, say=said.append)
    assert proof.ok, "\n".join(said)
    assert (proof.counts["kills"], proof.counts["middle"] > 0, proof.counts["orders"] > 10) == (10, True, True)


def _entry(remote: str, operation: str, body: Any = "", *, effect: bool = True, **params: str) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    took = {"what": "it", "corporate": "5599990018"} if effect else None
    entry = {"remote": remote, "operation": operation, "params": params, "body": text, "effect": took}
    return json.dumps(entry)


ARRIVES = _entry("town", "arrives", order="ord-1", fate="agent", access="LT0001B02", effect=False)
BILL = _entry("gks4", "sales_orders.create", {"purchaseOrderNumber": "vitec:ord-1"})
PLACE = _entry("kode", "orders.create", {"technicalReference": "vitec.ord-1.s1"})
NOTE = _entry("vitec", "note.create", {"text": "Beställning ord-1 är klar.\n[vitec.ord-1.g1]"})
IMAGE = _entry("vitec", "image.create", {"data": "aaaa", "name": "ord-1-1.png"})
NEW = _entry("gks4", "customers.create", {"number": None})


def test_the_judge_is_content_with_each_step_once_and_in_order() -> None:
    verdict = judge([ARRIVES, BILL, PLACE, NOTE, IMAGE])
    assert (verdict.ok, verdict.settled, verdict.orders) == (True, True, ("ord-1",))


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([], "lost"),
        ([BILL, PLACE, NOTE], "stuck"),
        ([BILL, BILL, PLACE, NOTE, IMAGE], "bill"),
        ([BILL, PLACE, PLACE, NOTE, IMAGE], "place"),
        ([BILL, PLACE, NOTE, NOTE, IMAGE], "note"),
        ([BILL, PLACE, NOTE, IMAGE, IMAGE], "image"),
        ([PLACE, BILL, NOTE, IMAGE], "wrong"),
        ([BILL, PLACE, NOTE, IMAGE, NEW, NEW], "customers"),
        ([BILL, PLACE, NOTE, IMAGE, _entry("vitec", "order.interaction", {"id": "ord-1"})], "wrong"),
        ([BILL, PLACE, NOTE, IMAGE, _entry("vitec", "note.create", {"text": "Hej"})], "wrong"),
    ],
)
def test_the_judge_finds_what_is_missing_doubled_or_out_of_order(lines: list[str], what: str) -> None:
    verdict = judge([ARRIVES, *lines])
    assert not verdict.ok
    assert {name for name, count in verdict.counts.items() if count} == {"orders", what}


def test_what_is_sent_again_after_it_took_effect_is_doubled_whether_or_not_it_took_effect_again() -> None:
    again = _entry("gks4", "sales_orders.create", {"purchaseOrderNumber": "vitec:ord-1"}, effect=False)
    assert judge([ARRIVES, BILL, PLACE, NOTE, IMAGE, again]).bill == ("ord-1",)
    assert judge([ARRIVES, again, BILL, PLACE, NOTE, IMAGE]).ok
