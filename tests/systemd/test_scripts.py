"""The shell scripts that install and run syncer."""

import os
import shutil
import subprocess

import pytest

from tests.systemd.machine import REPOSITORY

SCRIPTS = ("alert", "command", "install.sh", "uninstall.sh")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_one_that_shellcheck_has_nothing_to_say_about(name: str) -> None:
    script = REPOSITORY / "systemd" / name
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    if shutil.which("shellcheck") is None:
        assert not os.environ.get("CI"), "shellcheck is not installed"
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.stdout == ""
