"""The judge finds what it is there to find, in journals written by hand."""

import ast
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.prove import checker
from tests.prove.checker import Verdict, judge, misplaced

FIRST, SECOND = ("770101", "LT0001B02"), ("770102", "LT0002B02")
DOUBLES = ("activations", "statuses", "messages", "commands")


class Journal:
    """Lines as the remotes' host writes them, a second apart."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, operation: str, effect: dict[str, str] | None = None, **more: Any) -> None:
        entry: dict[str, Any] = {
            "at": f"2026-11-25T08:{len(self.lines) // 60:02d}:{len(self.lines) % 60:02d}+00:00",
            "body": "",
        }
        entry |= {"operation": operation, "params": {}, "effect": effect, "status": 200, **more}
        self.lines.append(json.dumps(entry))

    def arrives(self, order: tuple[str, str] = FIRST, fate: str = "deliver", takes: float = 0.5) -> None:
        params = {"order": order[0], "access": order[1], "fate": fate, "takes": str(takes)}
        self.add("arrives", params=params, status=None)

    def told(self, status: str, order: tuple[str, str] = FIRST, *, lost: bool = False, **more: str) -> None:
        effect = None if lost else {"what": "status", "order": order[0], "value": status, **more}
        self.add("set_status", effect, params={"id": order[0], "status": status})

    def said(self, text: str, order: tuple[str, str] = FIRST) -> None:
        self.add("add_message", {"what": "message", "order": order[0], "text": text}, params={"id": order[0]})

    def begun(self, order: tuple[str, str] = FIRST, *, status: int = 201) -> None:
        effect = {"what": "activate", "access": order[1]} if status == 201 else None
        self.add("orders.create", effect, body=json.dumps({"accessId": order[1]}), status=status)

    def booked(self, order: tuple[str, str] = FIRST) -> None:
        self.add("parcels.book", {"what": "parcel", "order": order[0]}, body=json.dumps({"order": order[0]}))

    def verdict(self) -> Verdict:
        return judge(self.lines)


@pytest.fixture
def journal() -> Journal:
    return Journal()


def delivered(journal: Journal, order: tuple[str, str] = FIRST) -> None:
    journal.arrives(order)
    journal.told("received", order)
    journal.begun(order)
    journal.told("active", order)
    journal.told("delivered", order)


def doubled(verdict: Verdict) -> dict[str, tuple[str, ...]]:
    return {kind: getattr(verdict, kind) for kind in DOUBLES if getattr(verdict, kind)}


def refused(journal: Journal) -> None:
    journal.arrives(fate="refuse")
    journal.told("received")
    journal.begun(status=409)
    journal.told("waiting")
    journal.said("Activation refused [a.m1]")


def test_orders_that_went_well_are_found_well(journal: Journal) -> None:
    delivered(journal)
    journal.arrives(SECOND, "parcel")
    journal.told("received", SECOND)
    journal.booked(SECOND)
    journal.told("active", SECOND)
    journal.told("delivered", SECOND)
    verdict = journal.verdict()
    assert (verdict.ok, verdict.settled, verdict.orders) == (True, True, (FIRST[0], SECOND[0]))
    assert sum(verdict.counts.values()) == 2


def test_orders_that_nobody_can_deliver_are_at_their_end_once_they_say_so(journal: Journal) -> None:
    journal.arrives(SECOND, "unrouted")
    journal.told("received", SECOND)
    assert journal.verdict().stuck == (SECOND[0],)
    journal.said("Not handled automatically", SECOND)
    refused(journal)
    assert journal.verdict().ok
    assert journal.verdict().settled


def test_an_order_that_nobody_took_notice_of_is_lost(journal: Journal) -> None:
    delivered(journal)
    journal.arrives(SECOND)
    verdict = journal.verdict()
    assert (verdict.lost, verdict.stuck, verdict.ok) == ((SECOND[0],), (), False)


@pytest.mark.parametrize("steps", [1, 2, 3], ids=["received", "begun", "active"])
def test_an_order_that_stops_on_its_way_is_stuck(journal: Journal, steps: int) -> None:
    delivered(journal)
    journal.lines = journal.lines[: 1 + steps]
    verdict = journal.verdict()
    assert (verdict.lost, verdict.stuck, verdict.ok) == ((), (FIRST[0],), False)


def test_a_command_of_which_only_a_person_can_tell_leaves_its_order_open_lawfully(journal: Journal) -> None:
    journal.arrives(fate="parcel")
    journal.told("received")
    verdict = journal.verdict()
    assert (verdict.open, verdict.ok, verdict.settled) == ((FIRST[0],), True, False)


@pytest.mark.parametrize("status", [201, 200, 409, 503])
def test_an_activation_that_is_sent_again_is_found_whatever_the_network_answers(journal: Journal, status: int) -> None:
    """A network that answers 200 and says that it is ordered already has been asked twice all the same."""
    delivered(journal)
    journal.begun(status=status)
    assert doubled(journal.verdict()) == {"activations": (FIRST[0],)}
    assert not journal.verdict().ok


def test_an_activation_that_never_took_effect_may_be_sent_again(journal: Journal) -> None:
    journal.arrives()
    journal.begun(status=503)
    journal.begun()
    journal.begun(SECOND, status=200)
    assert doubled(journal.verdict()) == {}


@pytest.mark.parametrize("status", ["received", "active", "delivered"])
def test_a_status_that_is_told_twice_is_found(journal: Journal, status: str) -> None:
    delivered(journal)
    journal.told(status, repeat="yes")
    assert doubled(journal.verdict()) == {"statuses": (FIRST[0],)}


def test_a_status_that_is_sent_again_is_found_though_the_second_got_lost(journal: Journal) -> None:
    delivered(journal)
    journal.told("delivered", lost=True)
    assert doubled(journal.verdict()) == {"statuses": (FIRST[0],)}


def test_a_status_that_got_lost_may_be_sent_again(journal: Journal) -> None:
    journal.arrives()
    journal.told("received", lost=True)
    journal.told("received")
    assert doubled(journal.verdict()) == {}


@pytest.mark.parametrize("text", ["Activation refused [a.m1]", "Activation refused [a.m2]"])
def test_a_message_that_is_written_twice_is_found_whatever_it_is_signed_with(journal: Journal, text: str) -> None:
    refused(journal)
    journal.said(text)
    assert doubled(journal.verdict()) == {"messages": (FIRST[0],)}


def test_a_parcel_that_is_sent_twice_is_found(journal: Journal) -> None:
    journal.arrives(fate="parcel")
    journal.booked()
    journal.booked()
    assert doubled(journal.verdict()) == {"commands": (FIRST[0],)}


def test_a_delivery_that_is_told_before_it_is_one_is_wrong(journal: Journal) -> None:
    journal.arrives(takes=60.0)
    journal.told("received")
    journal.begun()
    journal.told("active")
    journal.told("delivered")
    assert "before the network had done it" in journal.verdict().wrong[0]


@pytest.mark.parametrize("fate", ["deliver", "parcel"])
def test_a_delivery_of_what_was_never_begun_is_wrong(journal: Journal, fate: str) -> None:
    journal.arrives(fate=fate)
    for status in ("received", "active", "delivered"):
        journal.told(status)
    assert not journal.verdict().ok
    assert FIRST[0] in journal.verdict().wrong[0]


def test_steps_in_another_order_are_wrong(journal: Journal) -> None:
    journal.arrives()
    journal.begun()
    journal.told("active")
    journal.told("received")
    assert "was told active received" in journal.verdict().wrong[0]


def test_a_message_about_what_went_well_is_wrong(journal: Journal) -> None:
    delivered(journal)
    journal.said("Activation failed [a.m1]")
    assert not journal.verdict().ok


def test_what_took_effect_for_no_order_is_wrong(journal: Journal) -> None:
    delivered(journal)
    journal.told("received", ("999999", ""))
    journal.begun(SECOND)
    assert len(journal.verdict().wrong) == 2


def test_the_judge_imports_nothing_of_what_it_judges() -> None:
    tree = ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


# --- files ----------------------------------------------------------------------------------------------------

HELD: dict[str, Any] = {"order": 7000001, "files": [{"digest": hashlib.sha256(b"plan").hexdigest(), "status": "OK"}]}


@pytest.mark.parametrize(
    ("lying", "said"),
    [
        ({"kode:7000001/plan.pdf": b"plan"}, []),
        ({}, ["is missing"]),
        ({"kode:7000001/plan.pdf": b"pla"}, ["is missing", "no file of KODE's"]),
        ({"kode:7000002/plan.pdf": b"plan"}, ["is missing", "no file of KODE's"]),
        ({"kode:7000001/plan.pdf": b"plan", "kode:7000001/.part-0": b"pl"}, ["no file of KODE's"]),
        ({"kode:7000001/plan.pdf": b"plan", "kode:7000001/plan (2).pdf": b"plan"}, ["more than once"]),
    ],
)
def test_a_file_that_is_not_there_once_and_whole_is_found(
    tmp_path: Path, lying: dict[str, bytes], said: list[str]
) -> None:
    for path, body in lying.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(body)
    found = misplaced([HELD], tmp_path)
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


def test_a_file_that_kode_has_deleted_is_to_be_gone(tmp_path: Path) -> None:
    assert misplaced([{**HELD, "files": [{**HELD["files"][0], "status": "DELETED"}]}], tmp_path) == []
