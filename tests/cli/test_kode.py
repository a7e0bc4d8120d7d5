"""`syncer kode`: what is offered and followed, and an order up to where it is placed."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncer.orders import FileState, Park, State
from syncer.simulators.host import Fault
from syncer.simulators.kode.model import File
from tests.cli.kode_bench import PACKAGE, WANTED, creates, journal, ordered
from tests.ring.kode import PLACE, PLACED, KodeWorld

RING = [[600_000.0, 6_640_000.0], [600_000.0, 6_640_500.0], [600_500.0, 6_640_500.0], [600_000.0, 6_640_000.0]]
SECOND = """
[portals.other]
kind = "kode"
url = "{url}/kode/kode/v1"
token_url = "{url}/kode/authentication/v2/token"
client_id = "acme-client"
client_secret = {{ file = "client.secret" }}
username = "acme-api"
password = {{ file = "kode.secret" }}
files_dir = "others"
"""


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


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))


# --- products ---------------------------------------------------------------------------------------------------


def test_what_a_municipality_offers_is_told_with_its_prices_and_contents(
    world: KodeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    found = {one["code"]: one for one in world.say("kode", "products", "9999", "--json").json}
    package = found[PACKAGE]
    assert (package["name"], package["type"], package["input"], package["delivery"]) == (
        "Meglerpakke", "PACKAGE", "CADASTRE", "DIGITAL",
    )  # fmt: skip
    assert (package["price_net"], package["price_vat"]) == (1640.0, 2050.0)
    assert {"code": "WI99990102", "name": "Ferdigattest"} in package["contents"]
    told = world.say("kode", "products", "9999")
    assert told.code == 0
    assert "2 050.00" in told.out
    assert "Ferdigattest, Kommunale avgifter" in told.out


def test_a_leading_zero_of_a_municipality_may_be_left_out(world: KodeWorld) -> None:
    world.kode.add_product(code="WI03010001", name="Oslopakke")
    assert [one["code"] for one in world.say("kode", "products", "301", "--json").json] == ["WI03010001"]


@pytest.mark.parametrize("wrong", ["Oslo", "0000", "03011", "\uff19" * 4])
def test_what_is_no_municipality_is_refused_with_what_to_write(world: KodeWorld, wrong: str) -> None:
    ran = world.say("kode", "products", wrong)
    assert (ran.code, ran.out) == (2, "")
    assert "four digits" in ran.err
    assert world.host.calls("kode") == []


def test_a_kode_that_is_down_is_said_in_a_sentence(world: KodeWorld) -> None:
    world.host.fault(Fault.REFUSE, "kode", times=None)
    ran = world.say("kode", "products", "9999")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("kode ")
    assert "Traceback" not in ran.err


def test_the_portal_is_asked_for_only_where_it_can_t_be_told(world: KodeWorld) -> None:
    assert world.say("kode", "products", "9999", "--portal", "tg").code == 2
    world.configure(more=world._settings["more"] + SECOND.format(url="{url}").replace("{{", "{").replace("}}", "}"))
    ran = world.say("kode", "products", "9999")
    assert (ran.code, ran.err) == (2, "say which portal: --portal kode or --portal other\n")
    assert world.say("kode", "products", "9999", "--portal", "other").code == 0


# --- watch ------------------------------------------------------------------------------------------------------


def test_an_order_that_is_named_is_followed_at_once_and_its_files_fetched(world: KodeWorld) -> None:
    number = str(world.kode.add_order(status="FINISHED"))
    world.kode.add_file(int(number), File())
    ran = world.say("kode", "watch", f"kode:{number}")
    assert (ran.code, ran.out, ran.err) == (0, f"kode:{number}: delivered, 1 file kept\n", "")
    assert [file.state for file in world.files(number)] == [FileState.KEPT]
    (one,) = world.say("kode", "watch", number, "--json").json
    assert one == {
        "order": f"kode:{number}",
        "state": "delivered",
        "portal_status": "delivered",
        "parked": None,
        "files": {"kept": 1},
    }


def test_an_order_that_kode_has_not_is_said_and_nothing_is_stored_of_it(world: KodeWorld) -> None:
    number = str(world.kode.add_order())
    ran = world.say("kode", "watch", "123", number)
    assert ran.code == 2
    assert "no order 123" in ran.err
    assert set(world.orders()) == {number}


@pytest.mark.parametrize("wrong", ["abc", "0", "1" * 19, "7000001/../1"])
def test_what_is_no_id_is_refused_before_anything_is_asked(world: KodeWorld, wrong: str) -> None:
    assert world.say("kode", "watch", wrong).code == 2
    assert world.host.calls("kode") == []


def test_where_kode_is_down_orders_are_stored_and_read_when_it_answers(world: KodeWorld) -> None:
    numbers = [str(world.kode.add_order()) for _ in range(4)]
    world.host.fault(Fault.REFUSE, "kode", times=None)
    ran = world.say("kode", "watch", *numbers)
    assert ran.code == 1
    assert "read when KODE answers" in ran.err
    assert len(world.host.calls("kode")) < len(numbers) + 4
    assert set(world.orders()) == set(numbers)
    world.host.clear_faults()
    world.once()
    assert {order.state for order in world.orders().values()} == {State.RECEIVED}


def test_an_order_that_carries_the_key_of_an_uncertain_call_settles_it(world: KodeWorld) -> None:
    waiting = world.order(None, service=PLACED, **PLACE)
    world.host.fault(Fault.RESET_AFTER, "kode", "orders.create")
    world.once()
    assert world.orders()[waiting].park is Park.UNCERTAIN
    number = str(world.kode.created()[0]["order"])
    ran = world.say("kode", "watch", number)
    assert ran.code == 0
    assert f"tg:{waiting}: active" in ran.out
    order = world.orders()[waiting]
    assert (order.park, order.fulfilment_ref) == (None, number)
    assert creates(world) == 1


def test_while_another_syncer_has_the_store_an_order_is_written_down_for_it(world: KodeWorld) -> None:
    number = str(world.kode.add_order())
    with world.engine():
        ran = world.say("kode", "watch", number)
    assert ran.code == 0
    assert ran.out == f"kode:{number}: not read yet; written down, and the running syncer goes on with it\n"


# --- order: before it is placed ---------------------------------------------------------------------------------


def test_an_order_is_placed_with_a_key_of_its_own_and_followed(world: KodeWorld) -> None:
    ran = ordered(world, "--name", "Kari Påfunn", "--company-name", "Påfunn Megling", "--json")
    assert ran.code == 0
    (made,) = world.kode.created()
    key = made["technical_reference"]
    assert ran.json == {
        "order": f"kode:{made['order']}",
        "status": "NEW",
        "price_net": 1640.0,
        "price_vat": 2050.0,
        "technical_reference": key,
    }
    assert key.startswith("cli.")
    assert len(key) == 20
    assert made["reference"] == "OPPDRAG-42"
    body = json.loads(world.host.calls("kode", "orders.create")[0].body)
    assert body["deliveryInformation"] == {"name": "Kari Påfunn", "companyName": "Påfunn Megling"}
    world.once()
    assert world.known(str(made["order"])).state is State.RECEIVED
    assert [event for event, _ in journal(world)] == ["kode.ordering", "kode.ordered"]


def test_the_journal_says_nothing_of_people_or_of_what_was_ordered(world: KodeWorld) -> None:
    ordered(world, "--name", "Kari Påfunn")
    world.host.fault(Fault.RESET_AFTER, "kode", "orders.create")
    ordered(world, "--name", "Kari Påfunn")
    kept = str(journal(world)) + world.say("log").out
    for secret in ("Påfunn", "OPPDRAG-42", PLACE["cadastre"], "Prøveveien"):
        assert secret not in kept
    digests = [facts.get("digest") for event, facts in journal(world) if event == "kode.ordering"]
    assert digests[0] is None
    assert digests[1] is not None


@pytest.mark.parametrize(("said", "placed"), [("y\n", 1), ("YES\n", 1), ("n\n", 0), ("\n", 0), ("", 0)])
def test_a_person_is_shown_the_price_and_asked(
    world: KodeWorld, terminal: Callable[[str], None], said: str, placed: int
) -> None:
    terminal(said)
    ran = world.say(*WANTED)
    assert f"{PACKAGE}  Meglerpakke\nprice: 2 050.00 NOK incl. VAT\n" in ran.out
    assert "Place this order for 2 050.00 NOK incl. VAT? [y/N] " in ran.out
    assert (ran.code, creates(world)) == (0 if placed else 1, placed)
    assert len(journal(world)) == 2 * placed


@pytest.mark.usefixtures("nobody")
def test_where_nobody_can_be_asked_nothing_is_sent(world: KodeWorld) -> None:
    ran = world.say(*WANTED)
    assert (ran.code, ran.out) == (2, "")
    assert "--yes" in ran.err
    assert world.host.calls("kode") == []


def test_with_json_the_question_is_not_on_standard_output(world: KodeWorld, terminal: Callable[[str], None]) -> None:
    terminal("y\n")
    ran = world.say(*WANTED, "--json")
    assert ran.json["order"].startswith("kode:")
    assert "[y/N]" in ran.err


def test_all_that_is_wrong_is_said_at_once_with_its_option_and_nothing_is_sent(world: KodeWorld) -> None:
    ran = world.say(
        "kode", "order", "cadastre", "--cadastre", "9999-12-34", "--share-number", "1", "--product", PACKAGE, PACKAGE,
        "--email", "x" * 2000, "--data", "a=1", "a=2", "--yes",
    )  # fmt: skip
    assert ran.code == 2
    told = [line.partition(" ")[0] for line in ran.err.splitlines()]
    assert sorted(told) == sorted(
        ["--share-number", "--product", "--data", "--reference", "--email", "--address", "--cadastre"]
    )
    assert world.host.calls("kode") == []
    assert journal(world) == []


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_a_geometry_that_can_t_be_read_is_said(world: KodeWorld, content: bytes) -> None:
    file = world.folder / "map.json"
    file.write_bytes(content)
    ran = world.say("kode", "order", "map", "--geometry", str(file), "--spatial-reference", "25832", "--yes")
    assert ran.code == 2
    assert ran.err == f"--geometry {file}: it is no GeoJSON object\n"
    assert "No such file" in world.say("kode", "order", "map", "--geometry", str(file) + "x", "--yes").err


def test_a_map_and_a_share_are_ordered_too(world: KodeWorld) -> None:
    file = world.folder / "map.json"
    file.write_text(json.dumps({"type": "Polygon", "coordinates": [RING]}))
    common = ("--reference", "R", "--yes")
    ran = world.say(
        "kode", "order", "map", "--product", "WI99990301", "--geometry", str(file), "--spatial-reference", "25832",
        "--data", "system=UTM", *common,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "343.75 NOK incl. VAT" in ran.out
    share = ("--organization-number", "999999999", "--share-number", "17")
    ran = world.say("kode", "order", "share", "--product", "WI99990201", *share, *common)
    assert ran.code == 0, ran.err
    assert "513.12 NOK incl. VAT" in ran.out
    assert [made["kind"] for made in world.kode.created()] == ["map", "share"]


def test_a_price_that_is_not_known_is_said_so(world: KodeWorld, terminal: Callable[[str], None]) -> None:
    terminal("n\n")
    unknown = world.say(*WANTED[:3], "--product", PACKAGE, "WI99999999", *WANTED[5:])
    assert "price: not known" in unknown.out
    assert "WI99999999  (not among the products" in unknown.out
    assert "at a price that is not known" in unknown.out
    assert creates(world) == 0
