"""Claims about what is right: defaults, values, routes, paths and addresses."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from syncer import config as config_room
from syncer.config import Command, HttpRemote, Log, Manual, OnApi, Privacy, Web, XspPortal, load
from tests.config.written import (
    DESK,
    GOOD,
    KEY,
    NET,
    PASSWORD,
    SCRIPT,
    TO_DESK,
    TODAY,
    XSP,
    private,
    problems,
    read,
)


def test_what_is_left_out_has_its_default(file: Path) -> None:
    config = read(file, GOOD)
    portal, net, desk = config.portals["acme"], config.fulfilments["net"], config.fulfilments["desk"]
    assert isinstance(portal, XspPortal)
    assert config.timezone == ZoneInfo("Europe/Stockholm")
    assert (config.state_dir, config.store.file) == (file.parent / "state", file.parent / "state" / "syncer.db")
    assert (config.log, config.web, config.privacy) == (Log(), None, Privacy(erase_after=timedelta(days=90)))
    assert (portal.timeout, portal.parallel, portal.rate) == (timedelta(seconds=20), 4, 25.0)
    assert (portal.max_answer, portal.ca_file, portal.client_cert) == (32_000_000, None, None)
    assert (portal.poll_every, portal.since) == (timedelta(minutes=2), None)
    assert (portal.overlap_days, portal.rescan_days) == (1, 14)
    assert (portal.message_auth, portal.verb, portal.api_user) == ("both", "get", "1234")
    assert isinstance(net, OnApi)
    assert (net.poll_every, net.deadline) == (timedelta(minutes=1), timedelta(days=14))
    assert (net.paths, net.discovery, net.check_access, net.lists_finished, net.hosts) == ({}, True, True, True, ())
    assert desk == Manual(deadline=None)
    assert config.warnings == ()


def test_a_command_has_its_own_defaults(file: Path) -> None:
    script = read(file, SCRIPT + 'command = ["true", ""]').fulfilments["script"]
    assert script == Command(
        command=("true", ""),
        timeout=timedelta(seconds=60),
        deadline=timedelta(days=14),
        parallel=1,
        retry_every=timedelta(minutes=5),
    )


@pytest.mark.parametrize("program", ["/no/such/program", "no-such-program-at-all", "SCRIPT"])
def test_a_program_that_cannot_be_run_is_a_warning_since_other_orders_can_go_on(file: Path, program: str) -> None:
    script = private(file.parent / "activate", "#!/bin/sh\n")
    text = SCRIPT + f'command = ["{program.replace("SCRIPT", str(script))}"]'
    warned = [warning for warning in read(file, text).warnings if warning.place.endswith("script.command")]
    assert "chmod +x" in warned[0].cure
    script.chmod(0o700)
    text = SCRIPT + f'command = ["{script}"]'
    assert not [warning for warning in read(file, text).warnings if warning.place.endswith("script.command")]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("2m", 120), ("1h", 3600), ("14d", 1_209_600), ("1.5h", 5400)]
)
def test_a_duration_is_a_number_and_a_unit(file: Path, text: str, seconds: int) -> None:
    assert read(file, f'[privacy]\nerase_after = "{text}"').privacy.erase_after == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "size"), [('"500MB"', 500_000_000), ('"1.5kB"', 1500), ('"1KiB"', 1024), ('"7B"', 7), ("9", 9)]
)
def test_a_size_is_a_number_of_bytes(file: Path, text: str, size: int) -> None:
    assert read(file, XSP + f"max_answer = {text}").portals["acme"].max_answer == size


@pytest.mark.parametrize(
    ("url", "more", "version"),
    [
        ("https://net.example/onapi/2.6", "", "2.6"),
        ("https://net.example/2.5/", "", "2.5"),
        ("https://net.example/plain/onapi/77", "", "2.4"),
        ("https://net.example/plain/onapi/77", 'version = "2.5"', "2.5"),
        ("https://net.example/api/2.3.1/", "", "2.4"),
    ],
)
def test_on_api_takes_its_version_from_its_url_and_its_url_ends_in_a_slash(
    file: Path, url: str, more: str, version: str
) -> None:
    net = read(file, NET.replace("https://net.example/onapi/2.5/", url) + more).fulfilments["net"]
    assert isinstance(net, OnApi)
    assert (net.version, net.url) == (version, url.rstrip("/") + "/")


def test_what_a_route_matches_becomes_texts(file: Path) -> None:
    text = XSP + DESK + TO_DESK.replace('"3200"', "3200, test = true")
    assert read(file, text).routes[0].match == {"service": "3200", "test": "true"}


def test_a_wide_route_behind_a_narrow_one_is_as_it_should_be(file: Path) -> None:
    config = read(file, GOOD + '[[routes]]\nportal = "acme"\nfulfilment = "desk"')
    assert config.routes[-1].match == {}
    assert config.warnings == ()
    assert config.routes_of("acme") == config.routes


def test_a_dead_route_names_the_one_that_takes_its_orders(file: Path) -> None:
    assert "routes[2] on line 23" in problems(file, GOOD + TO_DESK)[0].wrong


def test_relative_paths_begin_at_the_file_and_not_at_the_working_directory(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    private(tmp_path / "ca.pem", "x")
    text = 'state_dir = "s"\n[store]\nurl = "sqlite:///d d/x.db"' + XSP + 'ca_file = "ca.pem"' + NET
    file.write_text(text)
    config = load(Path("..") / "syncer.toml", TODAY)
    assert config.path.is_absolute()
    assert config.state_dir.name == "s"
    assert config.state_dir.parent.samefile(tmp_path)
    assert config.store.file is not None
    assert config.store.file.name == "x.db"
    assert config.store.file.parent.parent.samefile(tmp_path)
    assert config.portals["acme"].ca_file is not None
    assert PASSWORD in config.secrets()


def test_systemd_says_where_the_state_is_unless_the_file_does(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/one:{tmp_path}/two")
    assert read(file, GOOD).state_dir == tmp_path / "one"
    assert read(file, GOOD).store.file == tmp_path / "one" / "syncer.db"
    assert read(file, 'state_dir = "three"' + GOOD).store.file == tmp_path / "three" / "syncer.db"


def test_an_absolute_sqlite_path_and_a_postgresql_url_stay_as_they_are(file: Path) -> None:
    assert read(file, '[store]\nurl = "sqlite:////srv/x.db"').store.file == Path("/srv/x.db")
    text = '[store]\nurl = "postgresql+psycopg://u@db/s"\npassword = { env = "XSP_API_KEY" }'
    store = read(file, text).store
    assert (store.url, store.file) == ("postgresql+psycopg://u@db/s", None)
    assert read(file, text).secrets() == (KEY,)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:8321", "127.0.0.1", 8321), ("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0)],
)
def test_listen_is_a_host_and_a_port(listen: str, host: str, port: int) -> None:
    web = Web(listen=listen, public_url="https://syncer.example/")
    assert (web.host, web.port, web.public_url) == (host, port, "https://syncer.example")


def test_the_configuration_can_not_be_changed(file: Path) -> None:
    config = read(file, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        config.state_dir = Path("x")


def test_models_can_be_built_without_a_file() -> None:
    portal = XspPortal(url="http://localhost/", api_user="1", api_key=SecretStr("x"))
    assert portal.timeout == HttpRemote().timeout


def test_remotes_are_portals_and_fulfilments_by_name(file: Path) -> None:
    assert list(read(file, GOOD).remotes) == ["acme", "net", "desk"]


def test_importing_the_configuration_brings_no_other_room() -> None:
    code = "import sys, syncer.config; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    rooms = {".".join(name.split(".")[:2]) for name in done.stdout.split() if name.split(".")[0] == "syncer"}
    assert rooms == {"syncer", "syncer.config", "syncer.errors"}


def test_a_file_with_xsp_alone_does_not_build_what_the_other_kinds_need(file: Path) -> None:
    file.write_text(GOOD)
    code = "import sys; from pathlib import Path; from syncer.config import load; load(Path(sys.argv[1]))"
    code += "; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, check=True, env=os.environ
    )
    built = {name.rpartition(".")[2] for name in done.stdout.split() if name.startswith("syncer.config.models.")}
    assert built == {"base", "general", "local", "on_api", "routes", "whole", "xsp"}


def test_a_model_of_no_kind_is_no_attribute() -> None:
    assert not hasattr(config_room, "KodePortl")
    assert not hasattr(config_room.models, "KodePortl")
