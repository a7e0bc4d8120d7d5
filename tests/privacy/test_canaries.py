"""Promise 6: secrets and people stay private, whatever happens. Each claim is tried with canaries in every field."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from syncer.config import load
from syncer.remotes.http import harmless
from syncer.simulators.on_api import Script
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.wiring import remotes_of
from tests.privacy.canaries import (
    CUSTOMER,
    DATA,
    HEAD,
    MALMO_KEY,
    NORD_PASSWORD,
    PEOPLE,
    SECRETS,
    STADS_KEY,
    SYD_PASSWORD,
    found_in,
)
from tests.privacy.scene import Scene


def _through(scene: Scene, names: dict[str, str], look: Callable[[], None] = lambda: None) -> None:
    """The life of all orders: passes, an operator's words, and a look at the end."""
    scene.run("--once")
    scene.nordnet.tick(5)
    scene.run("--once", "--json")
    for name in (names["1-json"], names["1-repr"]):
        scene.run("resolve", name, "not-done")
    scene.run("retry", "--all-parked")
    scene.run("deliver", names["by hand"])
    scene.run("cancel", names["unmapped"])
    scene.run("--once")
    look()


def test_the_search_finds_what_it_is_to_find() -> None:
    for name, canary in (SECRETS | PEOPLE).items():
        for text in (canary, canary.upper(), json.dumps(canary), f"<{canary}>"):
            if name in PEOPLE or text.find(canary) >= 0:
                assert name in found_in(f"x {text} y", SECRETS | PEOPLE), text
    fields = [*CUSTOMER.values(), *DATA.values(), *HEAD.values()]
    assert all(found_in(field, PEOPLE) for field in fields)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"parrot": True, "verb": "post"},
        {"form": "console", "detail": "no_status", "expired": "403", "message_auth": frozenset({"hash"})},
        {"parrot": True, "message_auth": frozenset({"api_user"}), "strict": True, "failure": "failed_400"},
    ],
)
def test_a_whole_day_shows_no_canary_anywhere(scenes: Callable[..., Scene], options: dict[str, Any]) -> None:
    scene = scenes(**options)
    names = scene.fill()
    _through(scene, names, scene.look)
    assert scene.leaks() == []
    told = "".join(text for _, text in scene.said)
    assert "[hidden]" in told  # the causes were told, without the people in them
    assert "är upptagen" in told
    assert scene.messages()
    assert scene.tables(kept=True)["details"].count("Burf") >= 15  # where they may be, they are
    assert "Svampbob" in scene.tables(kept=True)["raw_answers"]


def test_wrong_credentials_are_told_without_them(scene: Scene) -> None:
    scene.fill()
    scene.stads.api_key, scene.nordnet._credentials = "another", b"sp:another"
    for fault in ("echo_400", "echo_500"):
        scene.host.fault(fault, "stads", "api_login", times=1)
    scene.run("--once")
    scene.look()
    assert scene.leaks() == []
    assert "see that api_user and api_key are right" in "".join(text for _, text in scene.said)


def test_a_portal_that_repeats_the_key_when_it_refuses_it_does_not_bring_it_out(scenes: Callable[..., Scene]) -> None:
    scene = scenes(parrot=True)
    scene.fill()
    scene.stads.api_key = "another"
    scene.run("--once")
    scene.look()
    told = "".join(text for _, text in scene.said)
    assert "Login failed: method=api_login api_user=1234 api_key=[hidden]" in told
    assert scene.leaks() == []


def test_each_hash_is_told_to_the_logs_before_it_can_be_in_one(scene: Scene) -> None:
    config, redactor = load(scene.folder / "syncer.toml"), Redactor()
    for call in remotes_of(config, redactor, read_only=True).checks.values():
        call()
    hashes = [call.params["hash"] for call in scene.host.calls(operation="orders")]
    assert len(hashes) == 2
    assert [redactor.scrub(f"?hash={text}&x") for text in hashes] == ["?hash=[hidden]&x"] * 2


def test_a_network_that_repeats_the_password_does_not_bring_it_out(scene: Scene) -> None:
    for code in (409, 400):
        scene.order(Script(refuse=code, cause=f"who are you, {NORD_PASSWORD}"))
    scene.order(Script(end="DONE_FAILED", message=f"who are you, {NORD_PASSWORD} {STADS_KEY}"))
    scene.run("--once")
    scene.look()
    assert "who are you, [hidden]" in "".join(scene.messages())
    assert scene.leaks() == []


@pytest.mark.parametrize("verb", ["get", "post"])
def test_debug_mode_shows_each_call_and_nothing_secret_of_it(scenes: Callable[..., Scene], verb: str) -> None:
    scene = scenes(verb=verb)
    file = scene.folder / "syncer.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('level = "debug"', 'level = "error"'), encoding="utf-8")
    scene.fill("running", "failed", "unmapped")
    scene.run("--once", "--debug")
    lines = [json.loads(line) for line in scene.said[-1][1].splitlines() if line.startswith("{")]
    calls = [line for line in lines if line["event"] == "remote.call"]
    assert len(calls) == len(scene.host.journal)
    by_operation = {call["operation"]: call for call in calls if call["remote"] in {"stads", "nordnet"}}
    login = by_operation["api_login"]
    assert (login["method"], login["outcome"]) == (verb.upper(), "200")
    assert login["url"].partition("?")[2] == "method=api_login&api_user=1234&api_key=[hidden]"
    assert by_operation["order_info"]["url"].count("hash=[hidden]") == 1
    assert "message=[hidden]" in by_operation["add_message"]["url"]
    assert by_operation["orders.create"]["sent"] > 0 < by_operation["orders"]["size"]
    assert by_operation["accesses.get"]["url"].startswith(f"{scene.host.url}/nordnet/onapi/2.4/accesses/P")
    assert "order" in by_operation["set_status"]
    scene.run("--once")
    assert "remote.call" not in scene.said[-1][1]
    assert scene.leaks() == []


def test_a_url_is_told_without_who_calls_and_what_is_said() -> None:
    told = harmless("https://user:pass@host.example:8443/a/b?hash=abc&id=7&q=Kan%C3%A5riet#x", {"message": "Kanåriet"})
    assert told == "https://host.example:8443/a/b?hash=[hidden]&id=7&q=[hidden]&message=[hidden]"
    assert harmless("http://[::1]:80/", {}) == "http://[::1]:80/"
    assert harmless("http://[broken", {}) == "(no address)"


def test_a_misconfiguration_is_told_without_the_secrets(scene: Scene) -> None:
    file = scene.folder / "syncer.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('kind = "manual"', f'kind = "{STADS_KEY[-4:]}"\nx = 1'))
    scene.run("check")
    (scene.folder / "malmo.secret").write_text(f"{MALMO_KEY}\n{MALMO_KEY}")
    scene.run("status")
    assert scene.said[-1][1]
    assert [found_in(text, SECRETS) for _, text in scene.said] == [set()] * len(scene.said)


# --- what remotes get -----------------------------------------------------------------------------------------


def _sent_to(scene: Scene, remote: str) -> str:
    calls = scene.host.calls(remote)
    assert calls
    return "\n".join(
        json.dumps([call.path, call.params, call.headers, call.body], ensure_ascii=False) for call in calls
    )


def test_each_remote_gets_its_own_credentials_and_nobody_else_s(scene: Scene) -> None:
    names = scene.fill()
    _through(scene, names)
    logins = {
        remote: {call.params["hash"] for call in scene.host.calls(remote) if "hash" in call.params}
        for remote in ("stads", "malmo")
    }
    own = {
        "stads": {"the portal's key": STADS_KEY, **{text: text for text in logins["stads"]}},
        "malmo": {"the other portal's key": MALMO_KEY, **{text: text for text in logins["malmo"]}},
        "nordnet": {name: text for name, text in SECRETS.items() if name.startswith("the network's")},
        "sydnet": {name: text for name, text in SECRETS.items() if name.startswith("the other network's")},
    }
    for remote, mine in own.items():
        sent = _sent_to(scene, remote)
        others = {name: text for other, theirs in own.items() if other != remote for name, text in theirs.items()}
        assert found_in(sent, others) == set(), remote
        assert found_in(sent, mine), remote
    for remote in ("stads", "malmo"):
        assert "authorization" not in _sent_to(scene, remote)


def test_no_network_learns_who_the_customer_is(scene: Scene) -> None:
    names = scene.fill()
    _through(scene, names)
    for remote in ("nordnet", "sydnet"):
        assert found_in(_sent_to(scene, remote), PEOPLE) == set()


def test_requests_say_nothing_of_this_machine(scene: Scene) -> None:
    scene.fill()
    scene.run("--once")
    agents = {call.headers.get("user-agent") for call in scene.host.journal}
    assert agents == {"syncer"}
    assert not [call for call in scene.host.journal if {"referer", "cookie", "from"} & call.headers.keys()]


# --- the command's environment --------------------------------------------------------------------------------


def test_a_command_s_environment_holds_no_secret(scene: Scene) -> None:
    scene.fill()
    scene.run("--once")
    environments = (scene.folder / "environments").read_text(encoding="utf-8").splitlines()
    assert len(environments) >= 7
    for environment in map(json.loads, environments):
        assert "PATH" in environment
        assert not {"STADS_KEY", "NORD_PASSWORD", "HAS_A_SECRET_INSIDE"} & environment.keys()
        assert found_in(json.dumps(environment), scene.secrets()) == set()


# --- the end of it --------------------------------------------------------------------------------------------


def test_after_the_erasure_no_canary_is_in_any_table_or_byte(scene: Scene) -> None:
    names = scene.fill()
    _through(scene, names)
    for number, order in scene.stads.state().items():
        if order["status"] not in {"delivered", "cancelled"}:
            scene.stads.change_status(number, "cancelled")
    scene.stads.break_detail(names["unreadable"].partition(":")[2], "whole")
    file = scene.folder / "syncer.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[privacy]\nerase_after = "1s"\n', encoding="utf-8")
    for _ in range(3):
        scene.run("--once")
    with Store.open(f"sqlite:///{scene.file}") as store:
        for order in store.orders():
            if not order.final:
                scene.run("cancel", order.name)
    scene.run("retry", "--all-parked")
    scene.run("--once")
    _wait_a_second()
    scene.run("--once")
    assert [found_in(text, PEOPLE) for text in scene.tables(kept=True).values()] == [set(), set()]
    assert {name: found for name, text in scene.files().items() if (found := found_in(text, PEOPLE))} == {}
    assert scene.leaks() == []


def _wait_a_second() -> None:
    import time

    time.sleep(1.1)  # erase_after's own second


# --- the real thing -------------------------------------------------------------------------------------------


def test_the_program_as_a_process_says_nothing_more_than_in_here(scene: Scene) -> None:
    """With every library's log at its loudest, and warnings on."""
    scene.fill()
    loud = (
        "import logging, http.client, sys; logging.basicConfig(level=logging.DEBUG);"
        "from syncer.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    scene.host.fault("echo_500", "stads", "order_info", times=3)
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-c", loud, "--config", str(scene.folder / "syncer.toml"), "--once"],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert "order.read" in ran.stderr
    assert found_in(ran.stdout + ran.stderr, scene.secrets() | PEOPLE) == set()
    assert NORD_PASSWORD not in ran.stderr
    assert SYD_PASSWORD not in ran.stderr
