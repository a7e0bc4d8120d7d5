"""docs/operating.md tried, of Vitec and GKS4: each trouble is made, seen as its page quotes it, and then mended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.simulators.host import Fault
from syncer.simulators.kode.model import File
from tests.cli.test_troubles import assert_seen, heard
from tests.ring.chain import FORM, ChainWorld, assert_each_once
from tests.web.asking import ask
from tests.web.test_chain_browser import running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ChainWorld]:
    web = '[web]\nlisten = "127.0.0.1:0"\npublic_url = "https://syncer.example"\n'
    with ChainWorld(tmp_path, at=None, level="info", web=web) as world:
        yield world


def filled_in(world: ChainWorld) -> str:
    number = world.ordered()
    world.at_the_desk(number, FORM)
    return number


def billed(world: ChainWorld) -> list[str]:
    return [one["reference"] for one in world.gks4.sales_orders()]


def test_a_link_that_opens_nothing_is_seen_and_a_fresh_one_opens_the_order(world: ChainWorld) -> None:
    number = world.ordered()
    old = world.vitec.open_order(number)["query"]
    world.vitec.expire()
    with running(world) as service:
        for query, code in ((old, 403), (old.replace("M40017", "M49999"), 403)):
            assert ask(service.url, f"/vitec/start?{query}").status == code
        assert ask(service.url, f"/vitec/start?{world.vitec.open_order(number)['query']}").status == 303
        service.until(lambda: "agent.opened" in "".join(service.lines))
    told = "".join(service.lines)
    assert_seen("An agent's link opens nothing", told, besides=("reason",))
    assert all(f'"reason": "{why}"' in told for why in ("expired",))


def test_an_office_that_is_refused_is_seen_and_the_others_go_on(world: ChainWorld) -> None:
    number = world.ordered()
    world.vitec.deny("M40018")
    told = heard(world, "--once", "check")
    assert_seen("Vitec refuses an office", told, besides=("remote.denied",))
    assert "bad  vitec: " in told
    assert world.agent_order(number).state == "received"
    world.vitec.allow("M40018")
    assert world.say("check").code == 0


@pytest.mark.parametrize(("word", "fault"), [("done", Fault.RESET_AFTER), ("not-done", Fault.RESET_BEFORE)])
def test_a_note_that_may_be_there_is_seen_and_a_person_settles_it(world: ChainWorld, word: str, fault: Fault) -> None:
    number = filled_in(world)
    world.say("--once")
    world.host.fault(fault, "vitec", "note.create")
    world.kode.add_file(int(world.placed()), File(name="plan.pdf"))
    world.kode.change_status(int(world.placed()), "FINISHED")
    world.name(world.placed())
    told = heard(world, "--once", "--once", "orders --parked --json")
    assert_seen("The note on a home may or may not be there", told)
    assert world.say("resolve", f"vitec:{number}", word).code == 0
    world.say("--once")
    assert len(world.vitec.notes()) == 1
    assert world.agent_order(number).ended_at is not None


@pytest.mark.parametrize(("word", "fault"), [("done", Fault.RESET_AFTER), ("not-done", Fault.RESET_BEFORE)])
def test_a_sales_order_that_may_be_there_is_seen_and_a_person_settles_it(
    world: ChainWorld, word: str, fault: Fault
) -> None:
    number = filled_in(world)
    world.host.fault(fault, "gks4", "sales_orders.create")
    told = heard(world, "--once", "orders --parked --json")
    assert_seen("GKS4 may or may not have the sales order", told)
    assert world.kode.created() == []
    found = [str(one["number"]) for one in world.gks4.sales_orders()]
    assert world.say("resolve", f"vitec:{number}", word, *(("--ref", found[0]) if found else ())).code == 0
    world.say("--once")
    assert billed(world) == [f"vitec:{number}"]
    assert len(world.kode.created()) == 1
    assert_each_once(world)


def test_an_order_that_is_not_registered_is_seen_and_goes_on_once_the_customer_is_there(world: ChainWorld) -> None:
    world.gks4.remove_customer("K100421")
    number = filled_in(world)
    assert_seen("An order isn't registered", heard(world, "--once", "orders --parked --json"))
    assert (billed(world), world.kode.created()) == ([], [])
    world.gks4.add_customer("K100421", "559999-0001")
    assert world.say("retry", f"vitec:{number}").code == 0
    world.say("--once")
    assert billed(world) == [f"vitec:{number}"]
    assert len(world.kode.created()) == 1


def test_a_wrong_secret_of_gks4_is_seen_and_mended(world: ChainWorld) -> None:
    file = world.folder / "gks4.secret"
    right = file.read_text(encoding="utf-8")
    file.write_text("another", encoding="utf-8")
    number = filled_in(world)
    told = heard(world, "--once", "check")
    assert_seen("GKS4 refuses our secret", told)
    assert "bad  gks4: " in told
    assert world.agent_order(number).park is None
    file.write_text(right, encoding="utf-8")
    assert world.say("check").code == 0
    world.say("--once")
    assert billed(world) == [f"vitec:{number}"]
