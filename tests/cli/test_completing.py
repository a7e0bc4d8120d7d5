"""`syncer completion`: what a real bash offers on Tab."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from syncer.cli.arguments import words
from tests.ring.harness import World

ASK = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_syncer
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None) as world:
        yield world


@cache
def script(shell: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "syncer", "completion", shell], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return ran.stdout


def offered(folder: Path, *typed: str, config: Path | None = None) -> set[str]:
    """What bash offers for the last of the words, which it has parted at each colon."""
    (folder / "completion.bash").write_text(script("bash"), encoding="utf-8")
    program = folder / "syncer"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m syncer "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    environment = {"PATH": f"{folder}:/usr/bin:/bin"} | ({} if config is None else {"SYNCER_CONFIG": str(config)})
    ran = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", str(folder / "completion.bash"), *typed],
        capture_output=True, text=True, check=True, env=environment, cwd=folder,
    )  # fmt: skip
    assert ran.stderr == ""
    return {line.strip() for line in ran.stdout.splitlines() if line.strip()}


def test_every_command_is_completed(tmp_path: Path) -> None:
    assert {"status", "verify", "backup", "forget", "run"} <= offered(tmp_path, "syncer", "")
    assert offered(tmp_path, "syncer", "ver") == {"verify"}


def test_the_options_of_a_command_are_completed(tmp_path: Path) -> None:
    assert {"--since", "--follow", "--failures"} <= offered(tmp_path, "syncer", "log", "--")


def test_the_commands_of_kode_and_their_options_are_completed(tmp_path: Path) -> None:
    assert offered(tmp_path, "syncer", "kode", "") >= {"products", "order", "watch"}
    assert offered(tmp_path, "syncer", "kode", "order", "s") == {"share"}
    assert {"--product", "--yes", "--again", "--portal"} <= offered(tmp_path, "syncer", "kode", "order", "map", "--")


def test_states_and_outcomes_are_completed(tmp_path: Path) -> None:
    assert offered(tmp_path, "syncer", "orders", "--state", "d") == {"delivered"}
    assert offered(tmp_path, "syncer", "resolve", "770101", "not") == {"not-done"}


def test_orders_and_portals_are_completed_over_the_colon_too(world: World, tmp_path: Path) -> None:
    one, two = world.order(), world.order()
    world.once()
    folder = tmp_path / "bash"
    folder.mkdir()
    names = {f"tg:{one}", f"tg:{two}"}
    assert offered(folder, "syncer", "show", "t", config=world.config_file) == names
    assert offered(folder, "syncer", "show", "tg", ":", config=world.config_file) == {one, two}
    assert offered(folder, "syncer", "resolve", "tg", ":", one, "d", config=world.config_file) == {"done"}
    assert offered(folder, "syncer", "orders", "--portal", "", config=world.config_file) == {"tg"}
    named = ("syncer", "--config", str(world.config_file), "show", "tg", ":", two)
    assert offered(folder, *named) == {two}


def test_without_a_configuration_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    assert offered(tmp_path, "syncer", "show", "") == set()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh on this machine")
def test_zsh_can_read_its_script() -> None:
    ran = subprocess.run(["zsh", "-n"], input=script("zsh"), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_scripts_are_of_every_command() -> None:
    commands = next(action.choices for action in words()._actions if action.dest == "command")
    assert isinstance(commands, dict)
    for shell in ("bash", "zsh"):
        assert [name for name in commands if name not in script(shell)] == []
