"""`syncer kode order`: an order is placed once, whatever comes in between and wherever the program ends."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncer.cli import ordering
from syncer.simulators.host import Fault
from syncer.store import Store, StoreError
from tests.cli.kode_bench import WANTED, creates, journal, ordered
from tests.ring.kode import KodeWorld
from tests.store.filled import everything

LOST = [Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.TIMEOUT_AFTER, Fault.GARBAGE_AFTER]


class Cut(BaseException):
    """The program ends here."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[KodeWorld]:
    with KodeWorld(tmp_path, at=None) as world:
        yield world


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A person at a terminal, who answers a question so."""

    def answer(text: str) -> None:
        given = io.StringIO(text)
        given.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdin", given)

    return answer


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_never_sent_again_unless_a_person_says_so(world: KodeWorld, fault: Fault) -> None:
    world.configure(more=world._settings["more"].replace('timeout = "5s"', 'timeout = "1s"'))
    world.host.fault(fault, "kode", "orders.create")
    ran = ordered(world)
    (made,) = world.kode.created()
    assert ran.code == 1
    for word in ("OPPDRAG-42", made["technical_reference"], "syncer kode watch ID", "--again"):
        assert word in ran.err
    assert journal(world)[-1][0] == "kode.uncertain"
    again = ordered(world)
    assert again.code == 2
    assert made["technical_reference"] in again.err
    assert creates(world) == 1
    assert ordered(world, "--again").code == 0
    assert ordered(world).code == 0
    assert len(world.kode.created()) == 3


def test_an_order_whose_answer_was_lost_is_settled_by_watching_it(world: KodeWorld) -> None:
    world.host.fault(Fault.RESET_AFTER, "kode", "orders.create")
    ordered(world)
    (made,) = world.kode.created()
    assert world.say("kode", "watch", str(made["order"])).code == 0
    event, facts = journal(world)[-1]
    assert (event, facts["order"]) == ("kode.ordered", f"kode:{made['order']}")
    assert ordered(world).code == 0  # a new one, on purpose
    assert len(world.kode.created()) == 2


def test_a_push_has_it_followed_and_the_same_is_not_ordered_twice_by_that(world: KodeWorld) -> None:
    world.host.fault(Fault.RESET_AFTER, "kode", "orders.create")
    ordered(world)
    (made,) = world.kode.created()
    with world.reading() as store:
        store.push("kode", [(str(made["order"]), made["technical_reference"])], world.clock())
    world.once()
    ran = ordered(world)
    assert ran.code == 2
    assert f"it is kode:{made['order']}" in ran.err
    assert creates(world) == 1


def test_what_was_surely_not_placed_may_be_ordered_again(world: KodeWorld) -> None:
    world.host.fault(Fault.TOO_MANY, "kode", "orders.create")
    ran = ordered(world)
    assert ran.code == 1
    assert ran.err.startswith("nothing was ordered: kode orders.create")
    assert [event for event, _ in journal(world)] == ["kode.ordering", "kode.not_ordered"]
    assert ordered(world).code == 0
    assert len(world.kode.created()) == 1


def test_what_kode_refuses_is_told_in_its_words(world: KodeWorld) -> None:
    ran = world.say(*WANTED[:3], "--product", "WI99999999", *WANTED[5:], "--yes")
    assert ran.code == 1
    assert "nothing was ordered: kode orders.create" in ran.err
    assert journal(world)[-1][0] == "kode.not_ordered"


@pytest.mark.parametrize("after", range(1, 5))
def test_wherever_it_ends_the_same_is_never_ordered_twice(
    world: KodeWorld, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Two commits, each with a moment before and after it, and the call between them."""
    world.say("status")
    open_store, left = Store.open, [after]

    def tap(_what: str) -> None:
        left[0] -= 1
        if not left[0]:
            raise Cut

    def opened(url: str, *, exclusive: bool = True) -> Store:
        return open_store(url, exclusive=exclusive, tap=tap)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "open", opened)
        with pytest.raises(Cut):
            ordered(world)
    assert creates(world) == (0 if after <= 2 else 1)
    again = ordered(world)
    if after in {1, 4}:  # nothing was begun, or all was written down
        assert again.code == 0
        return
    assert again.code == 2
    assert "outcome is not known" in again.err
    assert len(world.kode.created()) == creates(world) == (0 if after == 2 else 1)
    assert ordered(world, "--again").code == 0


def test_an_order_that_can_t_be_written_down_is_told_with_the_command_that_has_it_followed(
    world: KodeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "follow", full)
        ran = ordered(world)
    (made,) = world.kode.created()
    assert ran.code == 1
    assert f"syncer kode watch {made['order']}" in ran.err
    assert ordered(world).code == 2
    assert world.say("kode", "watch", str(made["order"])).code == 0
    assert set(world.orders()) == {str(made["order"])}


def test_of_two_that_order_the_same_at_once_the_second_finds_the_first(
    world: KodeWorld, terminal: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question takes a person's time, in which somebody else may have begun."""
    world.host.fault(Fault.RESET_AFTER, "kode", "orders.create")
    agreed = ordering._agreed

    def slow(*given: Any) -> bool:
        monkeypatch.setattr(ordering, "_agreed", agreed)
        assert ordered(world).code == 1
        return True

    monkeypatch.setattr(ordering, "_agreed", slow)
    terminal("y\n")
    assert world.say(*WANTED).code == 2
    assert creates(world) == 1


def test_ordering_leaves_the_store_to_the_syncer_that_has_it(world: KodeWorld) -> None:
    with world.engine():
        assert ordered(world).code == 0
    world.once()
    (made,) = world.kode.created()
    assert world.known(str(made["order"])).portal_status == "received"


def test_asking_writes_nothing(world: KodeWorld, terminal: Callable[[str], None]) -> None:
    world.say("kode", "watch", str(world.kode.add_order()))
    kept = everything(world.database)
    terminal("n\n")
    world.say(*WANTED)
    world.say("kode", "products", "9999")
    assert everything(world.database) == kept
