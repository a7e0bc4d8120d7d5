"""syncer on a machine with a real systemd, installed as the README says. Each claim builds on those before it."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.ring.harness import KEY, PASSWORD, PROGRAM, assert_nothing_twice
from tests.systemd.machine import Machine
from tests.systemd.server import INSTALL, OFFLINE, STATE, Server, installed

UNITS = ("syncer.service", "syncer-once.service", "syncer-alert@.service", "syncer-once.timer")
MOST_EXPOSED = 1.5
COPIES = "/var/backups/syncer"
BY_HAND = "syncer-by-hand"
MORE = """[Service]
LoadCredential=tg_key:/srv/tg_key
"""
QUICK = """[Service]
WatchdogSec=8s
RestartSec=100ms
"""


@pytest.fixture(scope="module")
def server(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with installed(machine, tmp_path_factory.mktemp("world")) as found:
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
    server.machine.do("chmod", "600", "/etc/syncer/syncer.toml")
    closed = server.machine.run("syncer", "check")
    assert closed.returncode == 78
    assert "chmod 644" in closed.stderr
    server.machine.do("chmod", "644", "/etc/syncer/syncer.toml")
    checked = server.machine.run("syncer", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "tg" in checked.stdout


def the_service_says_when_it_is_ready_and_delivers_orders_also_by_a_command(server: Server) -> None:
    plain, commanded = server.world.order(), server.world.order(service=PROGRAM)
    server.machine.do("systemctl", "enable", "--now", "syncer")
    assert server.machine.shows("syncer", "ActiveState") == "active"
    server.wait_until_delivered(plain, commanded)
    server.machine.wait_for(lambda: "pass" in server.machine.shows("syncer", "StatusText"))
    assert server.runs() == [f"tg:{commanded} begun", f"tg:{commanded} done"]


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
    assert server.machine.run("syncer", "show", "tg:1").returncode == 2
    assert len(server.machine.do("syncer", "completion", "orders").split()) == 2
    assert server.machine.do("find", STATE, "-user", "root") == ""


def what_root_interrupts_has_ended(server: Server) -> None:
    assert server.machine.run("timeout", "--signal=INT", "2", "syncer", "log", "--follow").returncode == 124
    server.machine.wait_for(lambda: BY_HAND not in server.machine.do("systemctl", "list-units", "--all", "--plain"))


def root_finds_a_copy_where_it_was_to_be(server: Server) -> None:
    server.machine.do("install", "-d", "-m", "700", "/srv/of-root")  # where nobody else may go
    for file in ("/tmp/of-root.db", "/srv/of-root/of-root.db", "of-root.db"):  # noqa: S108 - of a machine that is thrown away
        there = ("sh", "-c", 'mkdir -p /srv/copies; cd /srv/copies && "$@"', "-")
        assert file in server.machine.do(*there, "syncer", "backup", file)
        assert server.machine.do(*there, "stat", "-c", "%U %a", file).split() == ["root", "600"]


def secrets_of_a_drop_in_are_there_for_root_s_commands_too(server: Server) -> None:
    server.machine.write("/etc/systemd/system/syncer.service.d/more.conf", MORE)
    server.machine.do("mv", "/etc/syncer/credentials/tg_key", "/srv/tg_key")
    server.machine.do("systemctl", "daemon-reload")
    server.machine.do("syncer", "check")
    server.machine.do("mv", "/srv/tg_key", "/etc/syncer/credentials/tg_key")
    server.machine.do("rm", "/etc/systemd/system/syncer.service.d/more.conf")
    server.machine.do("systemctl", "daemon-reload")


def root_s_configuration_is_looked_for_where_root_stands(server: Server) -> None:
    server.machine.do("sh", "-c", "mkdir -p /srv/mine && cp /etc/syncer/syncer.toml /srv/mine/other.toml")
    for words in ("--config other.toml check", "check --config=other.toml", "check --config ./other.toml"):
        server.machine.do("sh", "-c", f"cd /srv/mine && syncer {words}")
    server.machine.do("sh", "-c", "cd /srv/mine && SYNCER_CONFIG=other.toml syncer check")
    missing = server.machine.run("sh", "-c", "cd /srv/mine && syncer check --config 'no such.toml'")
    assert missing.returncode == 78
    assert "/srv/mine/no such.toml" in missing.stderr


def the_service_s_own_figures_are_there_under_the_hardening(server: Server) -> None:
    told = server.machine.do("cat", "/etc/syncer/syncer.toml")
    address = re.search(r'^listen = "(.*)"$', told, re.MULTILINE)
    assert address is not None
    fetch = f"import urllib.request as u; print(u.urlopen('http://{address[1]}/metrics', timeout=20).read().decode())"
    assert "process_resident_memory_bytes" in server.machine.do("python3", "-c", fetch)


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


def the_journal_knows_what_is_a_warning(server: Server) -> None:
    told = server.machine.do("journalctl", "--no-pager", "--quiet", "-u", "syncer", "-p", "warning", "-o", "cat")
    ours = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert "config.rejected" in {line["event"] for line in ours}
    assert {line["level"] for line in ours} <= {"warning", "error"}
    assert not [line for line in server.machine.journal("syncer") if line.startswith("<")]


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


def an_upgrade_copies_the_database_first_and_brings_it_up_to_date(server: Server) -> None:
    server.machine.do("cp", "-p", f"{STATE}/syncer.db", f"{STATE}/before-mine.db")
    server.upgrade("9001", "__import__('alembic').op.execute('CREATE TABLE newer (one INTEGER)')")
    server.machine.do("sh", "-c", INSTALL, **OFFLINE)
    assert server.machine.do("readlink", "/opt/syncer/current").strip() == "releases/2"
    assert server.machine.do("stat", "-c", "%a %U", f"{COPIES}/before-2.db").split() == ["600", "root"]
    assert server.tables(f"{COPIES}/before-2.db") == server.tables(f"{STATE}/syncer.db") - {"newer"}
    server.machine.do("test", "-e", f"{STATE}/before-mine.db")
    assert server.machine.shows("syncer", "ActiveState") == "active"
    number = server.world.order()
    server.wait_until_delivered(number)
    assert "credential" in server.machine.do("cat", "/etc/syncer/syncer.toml")  # as it was


def from_a_version_that_can_not_start_what_is_printed_leads_back(server: Server) -> None:
    before = server.tables(f"{STATE}/syncer.db")
    server.upgrade("9002", "raise RuntimeError('invented')")
    units = "cat /etc/systemd/system/syncer* /usr/local/bin/syncer | sha256sum"
    placed = server.machine.do("sh", "-c", units)
    server.machine.do(
        "sh", "-c", "sed -i '$a # a newer version' /srv/syncer/systemd/syncer.service /srv/syncer/systemd/command"
    )
    failed = server.machine.run("sh", "-c", INSTALL, **OFFLINE)
    assert failed.returncode != 0
    ways = re.findall(r"^    (\w.*)$", failed.stderr, re.MULTILINE)
    assert "To go back" in failed.stderr
    assert server.machine.do("sh", "-c", units) != placed
    server.machine.do("sh", "-ec", "\n".join(ways))
    assert server.machine.do("sh", "-c", units) == placed
    assert server.machine.shows("syncer", "ActiveState") == "active"
    assert server.tables(f"{STATE}/syncer.db") == before
    assert server.machine.do("find", STATE, "-user", "root") == ""
    server.wait_until_delivered(server.world.order())
    assert_nothing_twice(server.world)


def a_stop_is_clean_and_lets_a_program_finish(server: Server) -> None:
    server.machine.write("/etc/syncer/slowly", "")
    number = server.world.order(service=PROGRAM)
    server.machine.wait_for(lambda: f"tg:{number} begun" in server.runs())
    server.machine.do("systemctl", "stop", "syncer")
    assert server.runs()[-2:] == [f"tg:{number} begun", f"tg:{number} done"]
    assert server.machine.shows("syncer", "Result") == "success"
    assert server.said("service.stopped")
    assert not server.said("intent.uncertain")
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
    server.machine.write("/etc/syncer/alert", '#!/bin/sh\necho "somebody is told of $1"\n', "700")
    server.machine.run("systemctl", "start", "syncer-alert@syncer")
    assert any("nobody was told" in line for line in server.machine.journal("syncer-alert@syncer"))
    server.machine.do("chmod", "755", "/etc/syncer/alert")
    server.machine.write("/etc/syncer/syncer.toml", "this is no TOML [")
    assert server.machine.run("systemctl", "start", "syncer").returncode != 0
    assert server.machine.shows("syncer", "ExecMainStatus") == "78"
    assert server.machine.shows("syncer", "NRestarts") == "0"
    server.machine.wait_for(lambda: "somebody is told of syncer" in server.machine.journal("syncer-alert@syncer"))
    assert any("has failed, and needs a person" in line for line in server.machine.journal("syncer-alert@syncer"))


def uninstalled_the_program_is_gone_and_what_is_the_operator_s_stays(server: Server) -> None:
    told = server.machine.do("sh", "-c", "cd /srv/syncer && make uninstall")
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
    what_root_interrupts_has_ended,
    root_finds_a_copy_where_it_was_to_be,
    secrets_of_a_drop_in_are_there_for_root_s_commands_too,
    root_s_configuration_is_looked_for_where_root_stands,
    the_service_s_own_figures_are_there_under_the_hardening,
    a_reload_goes_on_with_what_is_right_and_says_what_is_wrong,
    the_journal_knows_what_is_a_warning,
    a_service_that_hangs_is_killed_by_the_watchdog_and_nothing_is_lost,
    an_upgrade_copies_the_database_first_and_brings_it_up_to_date,
    from_a_version_that_can_not_start_what_is_printed_leads_back,
    a_stop_is_clean_and_lets_a_program_finish,
    passes_by_the_timer_do_without_a_daemon,
    a_service_that_can_not_start_is_told_to_a_person_and_not_tried_for_ever,
    uninstalled_the_program_is_gone_and_what_is_the_operator_s_stays,
)


def test_on_a_machine_with_systemd_each_of_these_is_so(server: Server) -> None:
    """One test, so that one process asks the one machine, in this order."""
    for claim in CLAIMS:
        print(claim.__name__.replace("_", " "))
        claim(server)
