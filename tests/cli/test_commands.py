"""The promises of the command line: words, exit codes, JSON, and an operator's words about an order."""

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.cli.arguments import STATES
from syncer.orders import Park, State
from syncer.simulators.host import Fault
from syncer.simulators.on_api import OnApiSimulator, Script
from syncer.store import Store
from tests.ring.harness import DESK, FIBER, PROGRAM, UNMAPPED, Ran, World, assert_nothing_twice
from tests.ring.kinds import program, runs

SLOW = Script(received_ticks=1, progress_ticks=1)
KEPT = Script(received_ticks=99)
STARTED = Script(progress_ticks=99)
UPTAGET = Script(refuse=409, cause="Porten är upptagen")
ORDER_KEYS = {
    "order", "portal", "external_id", "service", "state", "portal_status", "parked", "fulfilment", "fulfilment_ref",
    "created_at", "updated_at",
}  # fmt: skip
ROUTE = '[[routes]]\nportal = "tg"\nmatch = {{ service = "{service}" }}\nfulfilment = "{fulfilment}"\n'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world at the present time, as a process of its own sees it."""
    with World(tmp_path, at=None, more=program(tmp_path)) as world:
        yield world


def state_of(world: World, number: str) -> tuple[str, str, Park | None]:
    """Ours, the portal's, and whether it is parked."""
    order = world.orders()[number]
    return order.state.value, world.portal.status(number), order.park


def shown(world: World, number: str) -> dict[str, Any]:
    found: dict[str, Any] = world.say("show", f"tg:{number}", "--json").json
    return found


def is_time(text: object) -> bool:
    return isinstance(text, str) and datetime.fromisoformat(text).utcoffset() is not None


# --- where the configuration is -------------------------------------------------------------------------------


def test_the_configuration_is_named_before_or_after_the_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    named = ("--config", str(world.config_file))
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    from syncer import cli

    monkeypatch.setenv("SYNCER_CONFIG", str(elsewhere / "none.toml"))
    for words in ((*named, "orders", "--json"), ("orders", *named, "--json"), (*named, "--once"), ("--once", *named)):
        assert cli.main(words) == 0, words


def test_the_configuration_is_named_by_the_environment_or_lies_in_the_folder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncer import cli

    monkeypatch.chdir(world.folder.parent)
    monkeypatch.delenv("SYNCER_CONFIG", raising=False)
    assert cli.main(["orders"]) == 78
    monkeypatch.setenv("SYNCER_CONFIG", str(world.config_file))
    assert cli.main(["orders"]) == 0
    monkeypatch.delenv("SYNCER_CONFIG")
    monkeypatch.chdir(world.folder)
    assert cli.main(["orders"]) == 0


# --- exit codes -----------------------------------------------------------------------------------------------


COMMANDS = [
    ["--once"], ["--once", "--dry-run"], ["run"], ["check"], ["status"], ["orders"], ["show", "1"], ["log"],
    ["retry", "1"], ["resolve", "1", "done"], ["deliver", "1"], ["cancel", "1"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_without_a_configuration_every_command_ends_in_78(world: World, words: list[str]) -> None:
    world.config_file.unlink()
    ran = world.say(*words)
    assert (ran.code, ran.out) == (78, "")
    assert "syncer.toml" in ran.err


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_wrong_configuration_is_78_with_every_problem_and_its_place(world: World, words: list[str]) -> None:
    text = world.config_file.read_text(encoding="utf-8")
    world.config_file.write_text(
        text.replace("api_user = 1234", 'api_usr = "x"').replace('kind = "manual"', 'kind = "manuell"'),
        encoding="utf-8",
    )
    ran = world.say(*words)
    assert (ran.code, ran.out) == (78, "")
    for place in ("portals.tg.api_usr", "portals.tg.api_user", "fulfilments.desk"):
        assert place in ran.err
    assert not world.database.exists()


@pytest.mark.parametrize(
    "words",
    [
        [], ["fly"], ["orders", "--parkd"], ["--json"], ["--dry-run"], ["--once", "orders"], ["show"],
        ["resolve", "1", "perhaps"], ["retry"], ["retry", "1", "--all-parked"], ["orders", "--limit", "many"],
        ["log", "--since", "yesterday"], ["log", "--since", "9999999999d"], ["log", "--since", "0001-01-01"],
        ["orders", "--state", "recieved"], ["orders", "--limit", "-1"], ["orders", "--limit", "9" * 30],
        ["verify", "--days", "-1"], ["verify", "--days", "9" * 30], ["reread"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_2_and_nothing_is_done(world: World, words: list[str]) -> None:
    ran = world.say(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err
    assert not world.database.exists()


def test_what_is_wrong_about_a_word_is_said_in_words_of_ours(world: World) -> None:
    assert "write a whole number from 0 to 999999999" in world.say("orders", "--limit", "-1").err
    assert "choose from" in world.say("orders", "--state", "recieved").err
    ran = world.say("orders", "--portal", "nowhere", "--json")
    assert (ran.code, ran.json, ran.err) == (0, [], "there is no portal nowhere: there is tg\n")


def test_the_states_that_can_be_asked_for_are_all_that_there_are() -> None:
    assert set(STATES) == set(State)


def test_orders_of_a_portal_that_is_not_configured_any_more_can_still_be_listed(world: World) -> None:
    number = world.order()
    world.once()
    text = world.config_file.read_text(encoding="utf-8")
    world.config_file.write_text(text.replace("portals.tg", "portals.tg2").replace('portal = "tg"', 'portal = "tg2"'))
    assert [one["external_id"] for one in world.say("orders", "--portal", "tg", "--json").json] == [number]
    assert world.say("orders", "--portal", "tg2", "--json").json == []
    assert world.say("orders", "--portal", "tg").err == ""


@pytest.mark.parametrize(
    "words",
    [
        ["show", "tg:1"], ["show", "1", "--json"], ["log", "tg:1"], ["retry", "tg:1"], ["resolve", "1", "done"],
        ["deliver", "other:1"], ["cancel", "tg:1"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_such_order_is_2_with_a_sentence(world: World, words: list[str]) -> None:
    world.once()
    ran = world.say(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "there is no order" in ran.err


def test_a_pass_ends_in_0_when_all_is_well_and_in_1_when_an_order_is_newly_parked(world: World) -> None:
    world.order()
    assert world.say("--once").code == 0
    world.order(service=UNMAPPED)
    assert world.say("--once").code == 1
    assert world.say("--once").code == 0


@pytest.mark.parametrize("script", [UPTAGET, Script(end="DONE_FAILED", message="Mörk fiber")])
def test_a_pass_ends_in_1_when_an_order_failed_in_it(world: World, script: Script) -> None:
    world.order(script)
    assert [world.say("--once").code for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("kind", [Fault.REFUSE, Fault.HTML, Fault.ERROR_BEFORE])
def test_a_pass_ends_in_1_when_a_portal_could_not_be_polled(world: World, kind: Fault) -> None:
    world.host.fault(kind, "tg", "orders")
    ran = world.say("--once", "--json")
    assert ran.code == 1
    assert len(ran.json["problems"]) == 1
    assert ran.json["problems"][0].startswith("tg orders: ")


def test_a_row_without_an_id_is_newly_parked_once(world: World) -> None:
    world.portal.break_row(world.order())
    assert [world.say("--once").code for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("words", [["--once"], ["--once", "--json"], ["run"]], ids=" ".join)
def test_another_syncer_that_holds_the_store_is_75_at_once(world: World, words: list[str]) -> None:
    with world.engine():
        ran = world.say(*words)
    assert (ran.code, ran.out) == (75, "")
    assert "another syncer holds it" in ran.err
    assert world.host.calls() == []


def test_the_lock_ends_with_the_process_that_held_it(world: World) -> None:
    world.host.fault(Fault.TIMEOUT_BEFORE, "tg", "orders", seconds=60)
    with world.start("--once") as holder:
        while not world.host.calls("tg", "orders"):
            time.sleep(0.01)
        assert world.say("--once").code == 75
        holder.kill()
        holder.communicate()
    assert world.say("--once").code == 0


def test_check_is_0_when_all_is_well_and_writes_nothing_anywhere(world: World) -> None:
    ran = world.say("check", "--json")
    assert (ran.code, ran.json["ok"]) == (0, True)
    assert {"configuration", "secrets", "store", "tg", "nordnet", "script"} <= {
        one["name"] for one in ran.json["checks"]
    }
    assert world.writes() == []
    assert not world.database.exists()


@pytest.mark.parametrize("remote", ["tg", "nordnet"])
def test_check_is_1_and_names_the_remote_that_does_not_answer(world: World, remote: str) -> None:
    world.host.fault(Fault.REFUSE, remote, times=None)
    ran = world.say("check", "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    assert [one["name"] for one in ran.json["checks"] if one["ok"] is False] == [remote]
    assert any(line.startswith("bad") and remote in line for line in world.say("check").out.splitlines())


def test_check_is_1_where_credentials_are_wrong(world: World) -> None:
    (world.folder / "password.secret").write_text("fel", encoding="utf-8")
    ran = world.say("check", "--json")
    assert [one["name"] for one in ran.json["checks"] if one["ok"] is False] == ["nordnet"]
    assert "credentials" in next(one["text"] for one in ran.json["checks"] if one["name"] == "nordnet")


# --- JSON -----------------------------------------------------------------------------------------------------


def fill(world: World) -> dict[str, str]:
    """Orders of many kinds, by their kind."""
    numbers = {
        "plain": world.order(),
        "running": world.order(KEPT),
        "refused": world.order(UPTAGET),
        "unmapped": world.order(service=UNMAPPED),
        "manual": world.order(service=DESK),
        "command": world.order(service=PROGRAM),
        "scheduled": world.order(delivery=f"{datetime.now(UTC):%Y}-12-31 23:59:59"),
        "taken over": world.order(status="active"),
        "direct": world.order(status="delivered"),
        "cancelled": world.order(status="cancelled"),
        "unreadable": world.order(),
    }
    world.portal.break_detail(numbers["unreadable"])
    return numbers


def test_the_json_of_a_pass_is_the_last_pass_and_its_problems(world: World) -> None:
    fill(world)
    found = world.say("--once", "--json").json
    assert {"at", "seconds", "polled", "ingested", "advanced", "parked", "calls", "problems"} <= found.keys()
    assert (found["ingested"], found["parked"], found["problems"]) == (11, 4, [])
    assert found["calls"] == len(world.host.calls())
    assert is_time(found["at"])
    accounting = found["polled"]["tg"]
    assert accounting == {"listed": 11, "unchanged": 0, "changed": 0, "new": 11, "unreadable": 0}
    last = world.say("status", "--json").json["last_pass"]
    assert last == {name: value for name, value in found.items() if name != "problems"}


def test_the_json_of_status_has_what_was_promised(world: World) -> None:
    fill(world)
    world.once()
    found = world.say("status", "--json").json
    assert {"portals", "fulfilments", "states", "parked", "uncertain", "last_pass"} <= found.keys()
    assert found["portals"]["tg"].keys() == {"cursor", "last_poll_at", "up", "since"}
    assert is_time(found["portals"]["tg"]["last_poll_at"])
    assert {name: one["up"] for name, one in found["fulfilments"].items()} == {
        "nordnet": True,
        "desk": True,
        "script": True,
    }
    assert all(is_time(one["since"]) for one in found["fulfilments"].values())
    assert sum(found["states"].values()) == 11
    assert (found["parked"], found["uncertain"]) == (4, 0)


def test_the_json_of_status_says_which_remote_is_down_since_when(world: World) -> None:
    world.order()
    world.host.fault(Fault.REFUSE, "nordnet", times=None)
    world.once()
    found = world.say("status", "--json").json
    assert (found["portals"]["tg"]["up"], found["fulfilments"]["nordnet"]["up"]) == (True, False)
    since = found["fulfilments"]["nordnet"]["since"]
    world.once()
    assert world.say("status", "--json").json["fulfilments"]["nordnet"]["since"] == since
    world.host.clear_faults()
    world.once()
    assert world.say("status", "--json").json["fulfilments"]["nordnet"]["up"] is True


def test_the_json_of_orders_has_what_was_promised(world: World) -> None:
    numbers = fill(world)
    world.once()
    found = {one["external_id"]: one for one in world.say("orders", "--json").json}
    assert all(one.keys() == ORDER_KEYS for one in found.values())
    assert set(found) == set(numbers.values())
    plain, refused = found[numbers["plain"]], found[numbers["refused"]]
    assert (plain["order"], plain["portal"], plain["service"]) == (f"tg:{numbers['plain']}", "tg", "3105")
    assert (plain["state"], plain["portal_status"], plain["parked"]) == ("delivered", "delivered", None)
    placed = {one["reference"]: one["order"] for one in world.network.activations()}
    assert (plain["fulfilment"], plain["fulfilment_ref"]) == ("nordnet", placed[f"tg.{numbers['plain']}.s1"])
    assert "Porten är upptagen" in refused["parked"]
    assert all(is_time(one[at]) for one in found.values() for at in ("created_at", "updated_at"))


def test_the_json_of_show_has_what_was_promised(world: World) -> None:
    number = world.order(UPTAGET)
    world.once()
    found = shown(world, number)
    assert found.keys() == ORDER_KEYS | {"next", "details", "history", "intents", "files"}
    assert found["details"]["customer"]["socket"] == "LT0001B02"
    assert all(one.keys() == {"at", "event", "text"} and is_time(one["at"]) for one in found["history"])
    assert [(one["kind"], one["target"], one["state"], one["attempts"]) for one in found["intents"]] == [
        ("status", "tg", "done", 1),
        ("submit", "nordnet", "rejected", 1),
        ("status", "tg", "done", 1),
        ("message", "tg", "done", 1),
    ]
    keys = {"key", "kind", "target", "state", "attempts", "outcome", "at"}
    assert all(one.keys() == keys and is_time(one["at"]) for one in found["intents"])


def test_show_tells_what_happens_next_to_every_open_order(world: World) -> None:
    numbers = fill(world)
    world.order(service=PROGRAM)
    (world.folder / "program.py").write_text("raise SystemExit(3)", encoding="utf-8")
    world.once()
    for name in world.orders():
        found = shown(world, name)
        if found["state"] in {"delivered", "cancelled"} and found["parked"] is None:
            assert found["next"] is None, found
        else:
            assert found["next"].keys() == {"action", "at", "why"}, found
            assert found["next"]["why"]
            assert found["next"]["at"] is None or is_time(found["next"]["at"])
    actions = {kind: (shown(world, number)["next"] or {}).get("action") for kind, number in numbers.items()}
    assert actions["running"] == actions["scheduled"] == "follow"
    assert actions["refused"] == actions["unmapped"] == actions["manual"] == actions["taken over"] == "person"


def test_show_tells_what_happens_next_before_an_order_was_ever_read(world: World) -> None:
    number = world.order()
    world.host.fault(Fault.REFUSE, "tg", "order_info", times=None)
    world.once()
    assert shown(world, number)["next"]["action"] == "look"


@pytest.mark.parametrize(
    "words",
    [["--once", "--json"], ["--once", "--dry-run", "--json"], ["check", "--json"], ["status", "--json"]],
    ids=" ".join,
)
def test_json_stands_alone_on_stdout_and_logs_go_to_stderr(tmp_path: Path, words: list[str]) -> None:
    with World(tmp_path, at=None, level="debug") as world:
        world.order(service=UNMAPPED)
        ran = world.run(*words)
    assert isinstance(ran.json, dict)
    for line in ran.err.splitlines():
        assert {"timestamp", "level", "event"} <= json.loads(line).keys()
    assert ("portal.polled" in ran.err) == ("--once" in words)


def test_the_json_of_log_is_one_object_a_line(world: World) -> None:
    fill(world)
    world.once()
    lines = [json.loads(line) for line in world.say("log", "--json").out.splitlines()]
    assert all({"at", "order", "event", "text"} <= line.keys() for line in lines)
    times = [datetime.fromisoformat(line["at"]) for line in lines]
    assert len(times) > 11
    listed = [line["order"] for line in lines if line["event"] == "order.listed"]
    assert len(listed) == len(set(listed)) == 11


# --- the filters ----------------------------------------------------------------------------------------------


def listed(world: World, *words: str) -> set[str]:
    return {one["external_id"] for one in world.say("orders", "--json", *words).json}


def test_orders_are_filtered_by_state_portal_parked_and_number(world: World) -> None:
    numbers = fill(world)
    world.once()
    assert listed(world, "--state", "delivered") == {numbers[kind] for kind in ("plain", "direct", "command")}
    assert listed(world, "--parked") == {numbers[kind] for kind in ("refused", "unmapped", "taken over", "unreadable")}
    assert listed(world, "--parked", "--state", "waiting") == {numbers["refused"]}
    assert len(listed(world, "--portal", "tg")) == 11
    assert listed(world, "--portal", "annan") == set()
    assert listed(world, "--limit", "2") == {numbers["cancelled"], numbers["unreadable"]}
    assert listed(world, "--limit", "0") == set()


def test_an_order_may_be_named_by_its_id_alone_where_that_is_unique(world: World) -> None:
    number = world.order()
    world.once()
    assert world.say("show", number, "--json").json["order"] == f"tg:{number}"


def logged(world: World, *words: str) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in world.say("log", "--json", *words).out.splitlines()]
    return [(line["order"], line["event"]) for line in lines]


def test_the_log_is_filtered_by_order_time_and_failure(world: World) -> None:
    plain, refused = world.order(), world.order(UPTAGET)
    world.once()
    assert {order for order, _ in logged(world, f"tg:{plain}")} == {f"tg:{plain}"}
    failures = logged(world, "--failures")
    assert {order for order, _ in failures} == {f"tg:{refused}"}
    assert {"order.refused", "order.parked"} <= {event for _, event in failures}
    assert logged(world, "--since", "1h") == logged(world)
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    assert logged(world, "--since", str(tomorrow)) == []
    assert logged(world, f"tg:{plain}", "--failures") == []


def test_the_log_follows_what_happens(world: World) -> None:
    number = world.order(SLOW)
    world.once()
    with world.start("log", "--follow", "--json") as following:
        assert following.stdout is not None
        lines = iter(following.stdout.readline, "")
        assert json.loads(next(lines))["event"] == "order.listed"
        world.network.tick(2)
        world.once()
        for line in lines:
            if json.loads(line)["text"] == "the portal was told delivered":
                break
        following.send_signal(signal.SIGINT)
        following.communicate()
    assert world.portal.status(number) == "delivered"


def test_reading_commands_work_before_any_pass_and_leave_no_file(world: World) -> None:
    before = sorted(world.folder.rglob("*"))
    status = world.say("status", "--json").json
    assert (status["last_pass"], status["states"], status["parked"], status["uncertain"]) == (None, {}, 0, 0)
    assert status["portals"]["tg"] == {"cursor": None, "last_poll_at": None, "up": None, "since": None}
    assert world.say("orders", "--json").json == []
    assert world.say("log", "--json") == Ran(0, "", "")
    assert world.say("show", "tg:1").code == 2
    assert world.say("status").code == world.say("orders").code == world.say("log").code == 0
    assert sorted(world.folder.rglob("*")) == before


def test_reading_commands_work_while_another_syncer_holds_the_store(world: World) -> None:
    number = world.order()
    with world.engine() as engine:
        engine.run_pass(once=True)
        codes = [world.say(*words).code for words in (["status"], ["orders"], ["show", number], ["log"], ["check"])]
    assert codes == [0] * 5


# --- retry ----------------------------------------------------------------------------------------------------


def test_retry_goes_on_where_a_route_was_missing(world: World) -> None:
    number = world.order(service="7788")
    world.once()
    assert world.say("retry", number).code == 0
    assert state_of(world, number)[2] is Park.ROUTE
    world.configure(more=ROUTE.format(service="7788", fulfilment="desk"))
    assert world.say("retry", number).code == 0
    assert state_of(world, number) == ("active", "active", None)
    assert len(world.said(number)) == 1


def test_retry_orders_again_what_was_refused(world: World) -> None:
    number = world.order(UPTAGET)
    world.once()
    world.network.set_script("LT0001B02", Script())
    ran = world.say("retry", f"tg:{number}")
    assert (ran.code, ran.out) == (0, f"tg:{number}: delivered, and the portal says delivered\n")
    assert world.told(number) == ["received", "waiting", "active", "delivered"]
    assert [made["reference"] for made in world.network.activations()] == [f"tg.{number}.s2"]
    assert len(world.said(number)) == 1


def test_retry_orders_again_what_failed(world: World) -> None:
    number = world.order(Script(end="DONE_FAILED", message="Mörk fiber"))
    world.once()
    world.network.set_script("LT0001B02", Script())
    assert world.say("retry", number).code == 0
    assert state_of(world, number) == ("delivered", "delivered", None)
    assert [made["state"] for made in world.network.activations()] == ["DONE_FAILED", "DONE_SUCCESS"]


def test_retry_of_what_is_still_refused_parks_it_again_and_does_not_repeat_the_message(world: World) -> None:
    number = world.order(UPTAGET)
    world.once()
    assert world.say("retry", number).code == 0
    assert state_of(world, number) == ("waiting", "waiting", Park.REFUSED)
    assert len(world.said(number)) == 1


def test_retry_reads_again_what_was_unreadable(world: World) -> None:
    number = world.order()
    world.portal.break_detail(number)
    world.once()
    world.portal.break_detail(number, "whole")
    assert world.say("retry", number).code == 0
    assert state_of(world, number) == ("delivered", "delivered", None)


def test_retry_asks_again_about_an_uncertain_call_and_never_repeats_it_on_a_guess(world: World) -> None:
    (world.folder / "program.py").write_text(_counting(world, "raise SystemExit(3)"), encoding="utf-8")
    number = world.order(service=PROGRAM)
    world.once()
    assert world.say("retry", number).code == 0
    assert state_of(world, number)[2] is Park.UNCERTAIN
    assert len(runs(world)) == 1


def _counting(world: World, then: str) -> str:
    return f"open({str(world.folder / 'runs')!r}, 'a').write('run\\n')\n{then}\n"


def test_retry_of_an_order_that_is_not_parked_changes_nothing(world: World) -> None:
    number = world.order(KEPT)
    world.once()
    before = len(world.host.calls())
    ran = world.say("retry", number)
    assert ran.code == 0
    assert "is not parked" in ran.err
    assert world.writes(before) == []


def test_retry_of_all_parked_takes_each_but_the_uncertain(world: World) -> None:
    (world.folder / "program.py").write_text(_counting(world, "raise SystemExit(3)"), encoding="utf-8")
    refused, unmapped, uncertain = world.order(UPTAGET), world.order(service=UNMAPPED), world.order(service=PROGRAM)
    world.once()
    world.network.set_script("LT0001B02", Script())
    world.configure(more=program_unchanged(world) + ROUTE.format(service=UNMAPPED, fulfilment="desk"))
    assert world.say("retry", "--all-parked").code == 0
    assert state_of(world, refused) == ("delivered", "delivered", None)
    assert state_of(world, unmapped) == ("active", "active", None)
    assert state_of(world, uncertain)[2] is Park.UNCERTAIN
    assert len(runs(world)) == 1


def program_unchanged(world: World) -> str:
    """The command's configuration, without writing its program anew."""
    kept = (world.folder / "program.py").read_text(encoding="utf-8")
    lines = program(world.folder)
    (world.folder / "program.py").write_text(kept, encoding="utf-8")
    return lines


def test_retry_calls_a_remote_again_that_had_denied_us(world: World) -> None:
    number = world.order()
    (world.folder / "password.secret").write_text("fel", encoding="utf-8")
    world.once()
    denied = len(world.host.calls("nordnet"))
    assert world.say("status", "--json").json["fulfilments"]["nordnet"]["up"] is False
    (world.folder / "password.secret").write_text("hemligt-lösen-å", encoding="utf-8")
    world.say("retry", number)
    world.once()
    assert len(world.host.calls("nordnet")) > denied
    assert state_of(world, number) == ("delivered", "delivered", None)


# --- resolve --------------------------------------------------------------------------------------------------


@pytest.fixture
def uncertain(world: World) -> str:
    """An order whose command died."""
    (world.folder / "program.py").write_text(_counting(world, "raise SystemExit(3)"), encoding="utf-8")
    number = world.order(service=PROGRAM)
    world.once()
    assert state_of(world, number) == ("received", "received", Park.UNCERTAIN)
    reason = world.orders()[number].parked or ""
    assert f"tg:{number}" in reason
    assert f"tg.{number}.s1" in reason
    return number


def test_resolve_done_delivers_without_running_the_command_again(world: World, uncertain: str) -> None:
    ran = world.say("resolve", f"tg:{uncertain}", "done", "--ref", "J-17")
    assert ran.code == 0
    assert state_of(world, uncertain) == ("delivered", "delivered", None)
    assert world.told(uncertain) == ["received", "active", "delivered"]
    assert world.orders()[uncertain].fulfilment_ref == "J-17"
    assert len(runs(world)) == 1


def test_resolve_not_done_runs_the_command_again(world: World, uncertain: str) -> None:
    (world.folder / "program.py").write_text(_counting(world, ""), encoding="utf-8")
    assert world.say("resolve", uncertain, "not-done").code == 0
    assert state_of(world, uncertain) == ("delivered", "delivered", None)
    assert len(runs(world)) == 2


def test_resolve_settles_an_activation_that_the_network_can_not_tell_of(tmp_path: Path) -> None:
    with World(tmp_path, at=None, network={"version": "2.5", "echo_reference": False}) as world:
        number = world.order(SLOW)
        world.host.fault(Fault.RESET_AFTER, "nordnet", "orders.create")
        world.once()
        assert state_of(world, number)[2] is Park.UNCERTAIN
        made = world.network.orders()[0]["order"]
        assert world.say("resolve", number, "done", "--ref", made).code == 0
        assert state_of(world, number) == ("active", "active", None)
        assert world.orders()[number].fulfilment_ref == made
        assert len(world.host.calls("nordnet", "orders.create")) == 1


@pytest.mark.parametrize(("word", "messages"), [("done", 1), ("not-done", 2)])
def test_resolve_settles_a_message_that_the_log_does_not_show(tmp_path: Path, word: str, messages: int) -> None:
    with World(tmp_path, at=None, portal={"log_visible": False}) as world:
        number = world.order(service=UNMAPPED)
        world.host.fault(Fault.RESET_AFTER, "tg", "add_message")
        world.once()
        assert world.say("status", "--json").json["uncertain"] == 1
        assert world.say("resolve", number, word).code == 0
        assert len(world.said(number)) == messages
        assert world.say("status", "--json").json["uncertain"] == 0
        assert world.orders()[number].park is Park.ROUTE


@pytest.mark.parametrize("word", ["done", "not-done"])
def test_resolve_of_an_order_without_an_uncertain_call_is_2_and_changes_nothing(world: World, word: str) -> None:
    numbers = world.order(KEPT), world.order(service=UNMAPPED), world.order()
    world.once()
    before, calls = world.outcome(), len(world.host.calls())
    for number in numbers:
        ran = world.say("resolve", number, word)
        assert ran.code == 2
        assert "no call of unknown outcome" in ran.err
    assert (world.outcome(), world.writes(calls)) == (before, [])


# --- deliver --------------------------------------------------------------------------------------------------


def test_deliver_finishes_a_manual_order_and_tells_the_portal(world: World) -> None:
    number = world.order(service=DESK)
    world.once()
    assert state_of(world, number) == ("active", "active", None)
    ran = world.say("deliver", number)
    assert (ran.code, ran.out) == (0, f"tg:{number}: delivered, and the portal says delivered\n")
    assert world.told(number) == ["received", "active", "delivered"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("unmapped", ["received", "active", "delivered"]),
        ("refused", ["received", "waiting", "active", "delivered"]),
        ("running", ["received", "active", "delivered"]),
        ("taken over", ["delivered"]),
        ("unreadable", ["received", "active", "delivered"]),
    ],
)
def test_deliver_finishes_an_order_in_any_situation(world: World, kind: str, told: list[str]) -> None:
    number = fill(world)[kind]
    world.once()
    world.portal.break_detail(number, "whole")
    assert world.say("deliver", number).code == 0
    world.once()
    assert state_of(world, number) == ("delivered", "delivered", None)
    assert world.told(number) == told
    assert_nothing_twice(world)


def test_deliver_settles_an_uncertain_command_too(world: World, uncertain: str) -> None:
    assert world.say("deliver", uncertain).code == 0
    assert state_of(world, uncertain) == ("delivered", "delivered", None)
    assert world.say("status", "--json").json["uncertain"] == 0
    assert len(runs(world)) == 1


@pytest.mark.parametrize("verb", ["deliver", "cancel"])
@pytest.mark.parametrize("kind", ["plain", "direct", "cancelled"])
def test_an_order_that_has_ended_is_neither_delivered_nor_cancelled(world: World, verb: str, kind: str) -> None:
    number = fill(world)[kind]
    world.once()
    before, told = world.portal.status(number), world.told(number)
    ran = world.say(verb, number)
    assert ran.code == 2
    assert "already" in ran.err
    assert (world.portal.status(number), world.told(number)) == (before, told)


# --- cancel ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unmapped", "refused", "manual", "taken over", "unreadable", "running", "scheduled"])
def test_cancel_stops_an_order_in_any_situation_and_tells_the_portal(world: World, kind: str) -> None:
    number = fill(world)[kind]
    world.once()
    world.portal.break_detail(number, "whole")
    assert world.say("cancel", number).code == 0
    world.once()
    assert state_of(world, number) == ("cancelled", "cancelled", None)
    assert world.told(number)[-1] == "cancelled"
    assert [order["cancelled"] for order in world.network.orders() if order["reference"] == f"tg.{number}.s1"] in (
        [],
        [True],
    )
    assert_nothing_twice(world)


def test_cancel_too_late_for_the_network_asks_a_person_who_says_it_once_more(world: World) -> None:
    number = world.order(STARTED)
    world.once()
    assert world.say("cancel", number).code == 0
    assert state_of(world, number)[0] == "cancelled"
    assert world.orders()[number].park is Park.CANCEL
    assert [order["cancelled"] for order in world.network.orders()] == [False]
    assert world.say("cancel", number).code == 0
    assert state_of(world, number) == ("cancelled", "cancelled", None)


def test_cancel_of_an_uncertain_order_asks_for_resolve_first(world: World, uncertain: str) -> None:
    ran = world.say("cancel", uncertain)
    assert ran.code == 2
    assert f"syncer resolve tg:{uncertain} done" in ran.err
    assert state_of(world, uncertain)[2] is Park.UNCERTAIN


# --- an operator's word while another syncer runs -------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind", "after"),
    [
        (["deliver"], "manual", ("delivered", "delivered", None)),
        (["deliver"], "unmapped", ("delivered", "delivered", None)),
        (["cancel"], "manual", ("cancelled", "cancelled", None)),
        (["cancel"], "running", ("cancelled", "cancelled", None)),
        (["retry"], "refused", ("delivered", "delivered", None)),
    ],
)
def test_an_operators_word_is_written_down_and_the_running_syncer_acts_on_it(
    world: World, words: list[str], kind: str, after: tuple[str, str, Park | None]
) -> None:
    number = fill(world)[kind]
    with world.engine() as running:
        running.run_pass(once=True)
        world.network.set_script("LT0003B02", Script())
        calls = len(world.host.calls())
        ran = world.say(*words, number)
        assert ran.code == 0
        assert "the running syncer goes on with it" in ran.out
        assert len(world.host.calls()) == calls
        running.run_pass(sources=[])
        assert state_of(world, number) == after


def test_resolve_is_written_down_and_the_running_syncer_acts_on_it(world: World, uncertain: str) -> None:
    with world.engine() as running:
        assert world.say("resolve", uncertain, "done").code == 0
        assert world.told(uncertain) == ["received"]
        running.run_pass(sources=[])
        assert state_of(world, uncertain) == ("delivered", "delivered", None)
    assert len(runs(world)) == 1


# --- the fulfilments ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told", "park", "said"),
    [
        ("", ["received", "active", "delivered"], None, 0),
        ("print('Slut på portar', file=sys.stderr); sys.exit(65)", ["received", "waiting"], Park.REFUSED, 1),
        ("sys.exit(75)", ["received"], None, 0),
        ("sys.exit(1)", ["received"], Park.UNCERTAIN, 0),
        ("import os; os.kill(os.getpid(), 9)", ["received"], Park.UNCERTAIN, 0),
    ],
    ids=["0", "65", "75", "1", "killed"],
)
def test_a_commands_exit_code_is_its_outcome(
    tmp_path: Path, body: str, told: list[str], park: Park | None, said: int
) -> None:
    with World(tmp_path, at=None, more=program(tmp_path, body)) as world:
        number = world.order(service=PROGRAM)
        world.once()
        assert (world.told(number), world.orders()[number].park, len(world.said(number))) == (told, park, said)
        assert all("Slut på portar" in text for text in world.said(number))
        assert len(runs(world)) == 1


def test_a_command_that_asks_for_later_is_run_later(tmp_path: Path) -> None:
    with World(tmp_path, more=program(tmp_path, "sys.exit(75)")) as world, world.engine() as engine:
        number = world.order(service=PROGRAM)
        engine.run_pass()
        program(tmp_path)
        world.clock.go_on(minutes=4)
        engine.run_pass()
        assert runs(world) == [f"tg:{number}"]
        world.clock.go_on(minutes=2)
        engine.run_pass()
        assert runs(world) == [f"tg:{number}"] * 2
        assert world.told(number) == ["received", "active", "delivered"]


def test_several_networks_are_served_at_once_each_with_its_own_credentials_and_version(tmp_path: Path) -> None:
    others = {
        f"/net{at}": OnApiSimulator(f"net{at}", version, f"user{at}", f"password-{at}", mount=f"/net{at}")
        for at, version in enumerate(("2.4", "2.5", "2.6"))
    }
    more = ""
    for at, network in enumerate(others.values()):
        network.add_access(f"NET{at}A01", [FIBER], Script(progress_ticks=1))
        (tmp_path / f"net{at}.secret").write_text(f"password-{at}\n", encoding="utf-8")
        (tmp_path / f"net{at}.secret").chmod(0o600)
        more += (
            f'[fulfilments.net{at}]\nkind = "on_api"\nurl = "{{url}}/net{at}/onapi/{network.version}/"\n'
            f'username = "user{at}"\npassword = {{ file = "net{at}.secret" }}\n'
        )
    for at in range(3):
        more += ROUTE.format(service=f"900{at}", fulfilment=f"net{at}") + f'service = "{FIBER}"\n'
    with World(tmp_path, at=None, others=others, more=more) as world:
        numbers = [world.order(service=f"900{at}", socket=f"NET{at}A01") for at in range(3)]
        numbers.append(world.order())
        world.once()
        for network in others.values():
            network.tick()
        world.once()
        assert [world.portal.status(number) for number in numbers] == ["delivered"] * 4
        for at, network in enumerate(others.values()):
            assert [made["access"] for made in network.activations()] == [f"NET{at}A01"]
            given = {entry.headers["authorization"] for entry in world.host.calls(f"net{at}")}
            assert given == {"Basic " + base64.b64encode(f"user{at}:password-{at}".encode()).decode()}


def test_an_order_of_a_fulfilment_that_is_not_configured_any_more_is_parked_until_it_is(world: World) -> None:
    number, other = world.order(SLOW), world.order(service=DESK)
    world.once()
    whole = world.config_file.read_text(encoding="utf-8")
    world.config_file.write_text(whole.replace("nordnet", "sydnet"), encoding="utf-8")
    assert world.say("--once").code == 1
    assert "nordnet" in (world.orders()[number].parked or "")
    assert world.orders()[other].park is None
    world.config_file.write_text(whole, encoding="utf-8")
    world.network.tick(2)
    assert world.say("retry", number).code == 0
    world.once()
    assert state_of(world, number) == ("delivered", "delivered", None)


# --- signals, and the service ---------------------------------------------------------------------------------


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never happens"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pass_that_is_told_to_stop_finishes_its_calls_and_leaves_as_after_a_clean_stop(
    world: World, number: signal.Signals
) -> None:
    orders = [world.order() for _ in range(3)]
    world.host.latency = 0.3
    with world.start("--once", "--json") as process:
        wait_for(lambda: world.host.effects("nordnet"))
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["problems"] == []
    assert not all(world.portal.status(order) == "delivered" for order in orders)
    with Store.open(f"sqlite:///{world.database}", exclusive=False) as store:
        intents = [intent for order in orders for intent in _intents(store, order)]
    assert {intent.state.value for intent in intents} <= {"done", "planned"}
    world.host.latency = 0.0
    world.once()
    assert [world.portal.status(order) for order in orders] == ["delivered"] * 3
    assert_nothing_twice(world)


def _intents(store: Store, number: str) -> tuple[Any, ...]:
    found = store.explain(f"tg:{number}")
    return () if found is None else found.intents


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_service_delivers_orders_as_they_come_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    often = 'poll_every = "1s"'
    with World(tmp_path, at=None, portal_lines=often, network_lines=often, level="info") as world:
        first = world.order()
        with world.start("run") as process:
            wait_for(lambda: world.portal.status(first) == "delivered")
            second = world.order(Script(progress_ticks=1))
            wait_for(lambda: world.portal.status(second) == "active")
            world.network.tick()
            wait_for(lambda: world.portal.status(second) == "delivered")
            assert world.run("--once").code == 75
            process.send_signal(number)
            out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        events = [json.loads(line)["event"] for line in out.splitlines()]
        assert (events[0], events[-1]) == ("service.started", "service.stopped")
        assert "order.told" in events
        assert world.say("--once").code == 0
        assert_nothing_twice(world)


def test_the_service_acts_on_an_operators_word(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines='poll_every = "1s"') as world:
        number = world.order(service=DESK)
        with world.start("run") as process:
            wait_for(lambda: world.portal.status(number) == "active")
            assert world.say("deliver", number).code == 0
            wait_for(lambda: world.portal.status(number) == "delivered")
            process.send_signal(signal.SIGTERM)
            process.communicate()
        assert process.returncode == 0


def test_a_log_that_is_cut_by_a_pipe_is_no_error(world: World) -> None:
    for _ in range(3):
        world.order()
    world.once()
    reading, writing = os.pipe()
    os.close(reading)
    with world.start("log") as process:
        os.close(writing)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
