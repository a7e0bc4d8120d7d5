"""Claims about the README: what it tells people to type can be typed, and what it shows can be used."""

import re
import shlex
from collections.abc import Iterator
from datetime import date
from itertools import accumulate
from pathlib import Path

import pytest

from syncer.cli.arguments import parse
from syncer.config import load
from syncer.orders import Park

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|/)syncer (.*)")
SECRETS = (
    "xsp.secret",
    "nordnet.secret",
    "db.secret",
    "kode_client.secret",
    "kode_user.secret",
    "kode_push.secret",
    "vitec_m40017.secret",
    "gks4.secret",
)
SYSTEMS = ("XSP", "ON-API", "KODE", "a command", "a person", "Vitec Connect", "GKS4")
TODAY = date(2026, 11, 22)
REASONS = {
    Park.ROUTE: "no route for service … of …",
    Park.REFUSED: "the network refused the order",
    Park.FAILED: "or began and gave up",
    Park.DEADLINE: "not done by nordnet before the deadline, …",
    Park.VANISHED: "order … is not known there any more, …",
    Park.UNCERTAIN: "uncertain: …",
    Park.TAKEOVER: "taken over as active, and nordnet has no order of ours for it",
    Park.HELD: "was set to waiting by somebody else before it was handed over",
    Park.UNREADABLE: "unreadable: …",
    Park.PORTAL: "… refused a status: …",
    Park.CANCEL: "… can't cancel it any more: …",
    Park.REOPENED: "… says active again after it said delivered",
    Park.FILES: "a file can't be kept: …",
    Park.REGISTER: "not registered: …",
    Park.AWAITED: "the agent must open its page within …",
    Park.BUG: "a bug in syncer, …",
}
NOT_YET: set[Park] = set()  # nothing that can be configured leads there yet


def blocks(kind: str) -> list[str]:
    return [text for found, text in FENCE.findall(README) if found == kind]


def inline() -> list[str]:
    """What stands between single backticks, outside of the blocks."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", README))


def commands() -> Iterator[str]:
    """What follows `syncer`, in the blocks and in the text, without what a shell takes for itself."""
    lines = [line for block in blocks("sh") + blocks("crontab") for line in block.splitlines()]
    for text in [*lines, *inline()]:
        found = COMMAND.search(text)
        if found is not None:
            yield found[1].partition(" >>")[0]


def targets() -> Iterator[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    yield from (text.removeprefix("make ") for text in [*lines, *inline()] if text.startswith("make "))


@pytest.mark.parametrize("command", sorted(set(commands()) - {"COMMAND --help", "--version"}))
def test_each_command_is_one_that_the_program_understands(command: str) -> None:
    arguments = parse(shlex.split(command))
    assert arguments is not None
    assert callable(arguments.run)


def test_every_command_of_the_program_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    known = set(re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, re.MULTILINE))
    assert {"run", "check", "resolve"} <= known
    assert known - {command.split()[0] for command in commands()} == set()


def test_each_make_target_exists() -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    found = set(targets())
    assert {"demo", "test"} <= found
    assert found - known == set()


@pytest.mark.parametrize("text", list(accumulate(blocks("toml"))))
def test_the_configuration_can_be_used_after_each_step(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    for name in SECRETS:
        secret = tmp_path / name
        secret.write_text("an-invented-secret\n")
        secret.chmod(0o600)
    file = tmp_path / "syncer.toml"
    file.write_text(text, encoding="utf-8")
    config = load(file, TODAY)
    expected = {"has no route", "is not there or can't be run"}  # before the routes; and a program that is an example
    known = ["tjansteguiden", *(name for name in ("kode", "vitec") if f"[portals.{name}]" in text)]
    assert [warning for warning in config.warnings if not any(word in str(warning) for word in expected)] == []
    assert list(config.portals) == known


def test_the_last_step_routes_everything_that_is_configured() -> None:
    text = "".join(blocks("toml"))
    named = set(re.findall(r"^\[fulfilments\.(\w+)\]", text, re.MULTILINE))
    assert named == set(re.findall(r'^fulfilment = "(\w+)"', text, re.MULTILINE)) != set()


def test_each_link_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    for document in documents:
        for link in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            if not link.startswith("https://"):
                assert (document.parent / link.partition("#")[0]).exists(), f"{document.name}: {link}"


def test_each_reason_to_park_an_order_is_explained() -> None:
    assert set(REASONS) | NOT_YET == set(Park)
    assert not NOT_YET & set(REASONS)
    assert [park for park, words in REASONS.items() if words not in README] == []


def test_of_each_system_it_is_said_what_is_done_and_why_something_is_not() -> None:
    table = README.partition("\n## What it can do with each system\n")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\|.*$", table, re.MULTILINE)
    ]
    assert head[1:-1] == ["polled", "acknowledged", "stepped", "files", "cancel", "looked up by our key"]
    assert [row[0].split("**")[1] for row in rows] == list(SYSTEMS)
    for system, *cells in rows:
        assert len(cells) == len(head) - 1, system
        for cell in cells[:-1]:
            assert re.match(r"done\b|to do\b|exempt: ..", cell), f"{system}: {cell}"


def test_there_is_one_place_for_the_picture() -> None:
    assert re.findall(r"<!-- /?flow -->", README) == ["<!-- flow -->", "<!-- /flow -->"]


def test_the_pins_for_postgresql_are_all_the_others_and_the_driver() -> None:
    plain, more = (
        set((ROOT / name).read_text(encoding="utf-8").splitlines())
        for name in ("requirements.txt", "requirements-postgres.txt")
    )
    assert plain <= more
    assert {line.partition("==")[0] for line in more - plain if "==" in line} == {"psycopg", "psycopg-binary"}
