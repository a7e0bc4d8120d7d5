"""syncer on a machine with a real systemd, installed as the README says. Each claim builds on those before it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.ring.harness import KEY, PASSWORD, PROGRAM, World, assert_nothing_twice
from tests.systemd.machine import Machine

UNITS = ("syncer.service", "syncer-once.service", "syncer-alert@.service", "syncer-once.timer")
MOST_EXPOSED = 1.5
STATE = "/var/lib/private/syncer"
OFTEN = 'poll_every = "1s"'
# What a program of one's own needs under the hardening: Python, its input, and the service's own folder.
DELIVER = f"""#!/usr/bin/python3
import json, sys
open("{STATE.replace("/private", "")}/runs", "a").write(json.load(sys.stdin)["order"] + "\\n")
"""
COMMAND = f"""
[fulfilments.script]
kind = "command"
command = ["/usr/local/bin/deliver"]

[[routes]]
portal = "tg"
match = {{ service = "{PROGRAM}" }}
fulfilment = "script"
"""
QUICK = """[Service]
WatchdogSec=4s
RestartSec=100ms
"""
INSTALL = "cd / && rm -rf /root/syncer && cp -r /src /root/syncer && cd /root/syncer && make install"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "HOME": "/root"}


@dataclass(frozen=True)
class Server:
    """The machine with syncer on it, and the remotes that it calls."""

    machine: Machine
    world: World

    def configure(self, text: str | None = None) -> None:
        """The configuration, whose secrets are credentials."""
        text = text or self.world.config_file.read_text(encoding="utf-8")
        for name in ("key", "password"):
            text = text.replace(f'file = "{name}.secret"', f'credential = "tg_{name}"')
        self.machine.write("/etc/syncer/syncer.toml", text)

    def said(self, event: str, unit: str = "syncer") -> list[dict[str, Any]]:
        """The lines of the journal with that event."""
        lines = [json.loads(line) for line in self.machine.journal(unit) if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def wait_until_delivered(self, *numbers: str) -> None:
        wanted = {"delivered"}
        self.machine.wait_for(
            lambda: {self.world.portal.status(number) for number in numbers} == wanted,
            lambda: "\n".join(self.machine.journal("syncer")[-30:]),
        )


@pytest.fixture(scope="module")
def server(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("world")
    machine.do("sh", "-c", INSTALL, **OFFLINE)
    with World(folder, at=None, portal_lines=OFTEN, level="info", more=COMMAND) as world:
        found = Server(machine, world)
        machine.write("/etc/syncer/credentials/tg_key", KEY, "600")
        machine.write("/etc/syncer/credentials/tg_password", PASSWORD, "600")
        machine.write("/usr/local/bin/deliver", DELIVER, "755")
        found.configure()
        yield found


def a_unit_is_one_that_systemd_has_nothing_to_say_about(server: Server) -> None:
    for unit in UNITS:
        done = server.machine.run("systemd-analyze", "verify", "--man=no", f"/etc/systemd/system/{unit}")
        assert (done.returncode, done.stderr) == (0, ""), unit


def a_service_is_hardly_exposed(server: Server) -> None:
    for unit in ("syncer.service", "syncer-once.service", "syncer-alert@syncer.service"):
        told = server.machine.do("systemd-analyze", "security", "--no-pager", unit)
        assert float(told.split("Overall exposure level for")[1].split(":")[1].split()[0]) < MOST_EXPOSED, unit


def what_is_missing_is_said_before_the_service_is_started(server: Server) -> None:
    checked = server.machine.run("syncer", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "tg" in checked.stdout


def the_service_says_when_it_is_ready_and_delivers_orders_also_by_a_command(server: Server) -> None:
    plain, commanded = server.world.order(), server.world.order(service=PROGRAM)
    server.machine.do("systemctl", "enable", "--now", "syncer")
    assert server.machine.shows("syncer", "ActiveState") == "active"
    server.wait_until_delivered(plain, commanded)
    server.machine.wait_for(lambda: "pass" in server.machine.shows("syncer", "StatusText"))
    assert server.machine.do("cat", f"{STATE}/runs").split() == [f"tg:{commanded}"]


def the_journal_is_json_and_holds_no_secret(server: Server) -> None:
    lines = server.machine.journal("syncer")
    ours = [json.loads(line) for line in lines if line.startswith("{")]
    assert {"service.started", "portal.polled", "order.told"} <= {line["event"] for line in ours}
    assert not [line for line in lines if KEY in line or PASSWORD in line]


def credentials_and_the_database_are_the_service_s_alone(server: Server) -> None:
    machine, pid = server.machine, server.machine.shows("syncer", "MainPID")
    for place in (
        "/etc/syncer/credentials/tg_key",
        "/run/credentials/syncer.service/syncer_tg_key",
        f"{STATE}/syncer.db",
    ):
        assert machine.run("setpriv", "--reuid=65534", "--clear-groups", "cat", place).returncode != 0, place
    assert (
        machine.do("sh", "-c", f"tr '\\0' '\\n' </proc/{pid}/environ | grep -c -F '{PASSWORD}' || true").strip() == "0"
    )
    assert {mode.split()[0] for mode in machine.do("sh", "-c", f"stat -c '%a %n' {STATE}/syncer.db*").splitlines()} == {
        "600"
    }


def root_s_commands_work_beside_the_service_and_leave_it_nothing_that_it_can_not_use(server: Server) -> None:
    shown = json.loads(server.machine.do("syncer", "status", "--json"))
    assert shown["states"]["delivered"] == 2
    server.machine.do("syncer", "backup", "/var/lib/syncer/by-hand.db")
    foreign = server.machine.do("find", STATE, "-user", "root")
    assert foreign == ""


def a_reload_goes_on_with_what_is_right_and_says_what_is_wrong(server: Server) -> None:
    text = server.world.config_file.read_text(encoding="utf-8")
    server.configure(text.replace('kind = "xsp"', 'kind = "xps"', 1))
    server.machine.do("systemctl", "reload", "syncer")
    server.machine.wait_for(lambda: server.said("config.rejected"))
    server.configure()
    server.machine.do("systemctl", "reload", "syncer")
    server.machine.wait_for(lambda: server.said("config.reread"))
    number = server.world.order()
    server.wait_until_delivered(number)
    assert server.machine.shows("syncer", "NRestarts") == "0"


def a_service_that_hangs_is_killed_by_the_watchdog_and_nothing_is_lost(server: Server) -> None:
    server.machine.write("/etc/systemd/system/syncer.service.d/quick.conf", QUICK)
    server.machine.do("systemctl", "daemon-reload")
    server.machine.do("systemctl", "restart", "syncer")
    before = server.machine.shows("syncer", "MainPID")
    number = server.world.order()
    server.machine.do("sh", "-c", f"kill -STOP {before}")
    server.machine.wait_for(lambda: server.machine.shows("syncer", "NRestarts") == "1")
    server.wait_until_delivered(number)
    assert server.machine.shows("syncer", "MainPID") != before
    assert_nothing_twice(server.world)


def an_upgrade_copies_the_database_first_and_goes_on_with_the_new_release(server: Server) -> None:
    server.machine.do("sh", "-c", INSTALL, **OFFLINE)
    assert server.machine.do("readlink", "/opt/syncer/current").strip() == "releases/2"
    copies = server.machine.do("sh", "-c", f"stat -c '%a %n' {STATE}/before-*").split()
    assert copies == ["600", f"{STATE}/before-2.db"]
    assert server.machine.shows("syncer", "ActiveState") == "active"
    number = server.world.order()
    server.wait_until_delivered(number)
    assert "credential" in server.machine.do("cat", "/etc/syncer/syncer.toml")  # as it was


def a_stop_is_clean(server: Server) -> None:
    server.machine.do("systemctl", "stop", "syncer")
    assert server.machine.shows("syncer", "Result") == "success"
    assert server.said("service.stopped")
    assert server.world.host.crashes == []


def passes_by_the_timer_do_without_a_daemon(server: Server) -> None:
    number = server.world.order()
    server.machine.do("systemctl", "start", "syncer-once.timer")
    server.machine.do("systemctl", "start", "syncer-once.service")
    server.wait_until_delivered(number)
    assert server.machine.shows("syncer-once.service", "Result") == "success"
    assert server.machine.shows("syncer-once.timer", "ActiveState") == "active"
    server.machine.do("systemctl", "stop", "syncer-once.timer")


def a_service_that_can_not_start_is_told_to_a_person_and_not_tried_for_ever(server: Server) -> None:
    server.machine.write("/etc/syncer/alert", '#!/bin/sh\necho "somebody is told of $1"\n', "755")
    server.machine.write("/etc/syncer/syncer.toml", "this is no TOML [")
    assert server.machine.run("systemctl", "start", "syncer").returncode != 0
    assert server.machine.shows("syncer", "ExecMainStatus") == "78"
    assert server.machine.shows("syncer", "NRestarts") == "0"
    server.machine.wait_for(lambda: "somebody is told of syncer" in server.machine.journal("syncer-alert@syncer"))
    assert any("has failed, and needs a person" in line for line in server.machine.journal("syncer-alert@syncer"))


def uninstalled_the_program_is_gone_and_what_is_the_operator_s_stays(server: Server) -> None:
    told = server.machine.do("sh", "-c", "cd /root/syncer && make uninstall")
    assert "/var/lib/syncer" in told
    assert server.machine.run("test", "-e", "/opt/syncer").returncode != 0
    assert server.machine.run("test", "-e", "/etc/systemd/system/syncer.service").returncode != 0
    for kept in ("/etc/syncer/syncer.toml", "/etc/syncer/credentials/tg_key", f"{STATE}/syncer.db"):
        server.machine.do("test", "-e", kept)
    assert_nothing_twice(server.world)


CLAIMS = (
    a_unit_is_one_that_systemd_has_nothing_to_say_about,
    a_service_is_hardly_exposed,
    what_is_missing_is_said_before_the_service_is_started,
    the_service_says_when_it_is_ready_and_delivers_orders_also_by_a_command,
    the_journal_is_json_and_holds_no_secret,
    credentials_and_the_database_are_the_service_s_alone,
    root_s_commands_work_beside_the_service_and_leave_it_nothing_that_it_can_not_use,
    a_reload_goes_on_with_what_is_right_and_says_what_is_wrong,
    a_service_that_hangs_is_killed_by_the_watchdog_and_nothing_is_lost,
    an_upgrade_copies_the_database_first_and_goes_on_with_the_new_release,
    a_stop_is_clean,
    passes_by_the_timer_do_without_a_daemon,
    a_service_that_can_not_start_is_told_to_a_person_and_not_tried_for_ever,
    uninstalled_the_program_is_gone_and_what_is_the_operator_s_stays,
)


def test_on_a_machine_with_systemd_each_of_these_is_so(server: Server) -> None:
    """One test, so that one process asks the one machine, in this order."""
    for claim in CLAIMS:
        print(claim.__name__.replace("_", " "))
        claim(server)
