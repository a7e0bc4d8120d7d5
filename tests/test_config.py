"""Claims about the configuration: what is right, what is wrong and where, and that no secret is ever shown."""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, SecretStr

from syncer.config import (
    Command,
    Config,
    HttpRemote,
    Log,
    Manual,
    OnApi,
    Privacy,
    Route,
    Store,
    Web,
    XspPortal,
    load,
)
from syncer.errors import ConfigError, Problem

EXAMPLE = Path(__file__).parent.parent / "config" / "syncer.toml"
TODAY = date(2026, 11, 22)
KEY = "key-0a1b2c3d"
PASSWORD = "pass-4e5f6a7b"

XSP = """
[portals.acme]
kind = "xsp"
url = "https://portal.example/plain"
api_user = 1234
api_key = { env = "XSP_API_KEY" }
"""
NET = """
[fulfilments.net]
kind = "on_api"
url = "https://net.example/onapi/2.5/"
username = "sp"
password = { file = "onapi.secret" }
"""
DESK = """
[fulfilments.desk]
kind = "manual"
"""
SCRIPT = """
[fulfilments.script]
kind = "command"
"""
TO_NET = """
[[routes]]
portal = "acme"
match = { service = "3105" }
fulfilment = "net"
service = "FIBER"
"""
TO_DESK = """
[[routes]]
portal = "acme"
match = { service = "3200" }
fulfilment = "desk"
"""
GOOD = XSP + NET + DESK + TO_NET + TO_DESK


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "UNSET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XSP_API_KEY", KEY)
    monkeypatch.setenv("EMPTY", "")
    private(tmp_path / "onapi.secret", PASSWORD + "\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncer.toml"


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def read(file: Path, text: str) -> Config:
    file.write_text(text)
    return load(file, TODAY)


def problems(file: Path, text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    return caught.value.problems


def key_of(problem: Problem) -> str:
    return problem.place.split(": ", 1)[1]


WRONG = [
    # the top
    ('timezone = "Europe/Stokholm"', "timezone", "Europe/Stockholm"),
    ("timezone = 1", "timezone", "Europe/Stockholm"),
    ('timezone = "/etc/passwd"', "timezone", "Europe/Stockholm"),
    ('state_dir = ""', "state_dir", "directory"),
    ('state_dir = "onapi.secret"', "state_dir", "directory"),
    ('tiemzone = "UTC"', "tiemzone", "timezone"),
    ("[protals.x]", "protals", "portals"),
    ("[order_systems.gks4]", "order_systems", "fulfilments"),
    ("store = 1", "store", "[store]"),
    ("portals = 1", "portals", "[portals.NAME]"),
    ('portals.kind = "xsp"', "portals.kind", "[portals.NAME]"),
    ('[routes]\nportal = "acme"', "routes", "[[routes]]"),
    # the small sections
    ('[store]\nurl = "mysql://db/syncer"', "store.url", "postgresql+psycopg"),
    ('[store]\nurl = "postgresql://db/syncer"', "store.url", "postgresql+psycopg"),
    ('[store]\nurl = "postgresql+psycopg://u:hunter2@db/s"', "store.url", "password ="),
    ('[store]\nurl = "postgresql+psycopg://db/s?password=hunter2"', "store.url", "password ="),
    ('[store]\nurl = "postgresql+psycopg://u:hun/ter2@db/s"', "store.url", "USER@HOST"),
    ('[store]\nurl = "sqlite://state/syncer.db"', "store.url", "three slashes"),
    ('[store]\nurl = "sqlite:///:memory:"', "store.url", "syncer.db"),
    ('[store]\nurl = "sqlite:///a.db?mode=ro"', "store.url", "after the path"),
    ('[log]\nlevel = "INFO"', "log.level", '"info"'),
    ('[log]\nformat = "xml"', "log.format", '"console"'),
    ('[log]\nlevle = "info"', "log.levle", "level"),
    ('[web]\nlisten = "8321"', "web.listen", "127.0.0.1:8321"),
    ('[web]\nlisten = "localhost:99999"', "web.listen", "127.0.0.1:8321"),
    ('[web]\npublic_url = "syncer.example"', "web.public_url", "https://"),
    ("[privacy]\nerase_after = 90", "privacy.erase_after", '"14d"'),
    ('[privacy]\nerase_after = "0d"', "privacy.erase_after", "90d"),
    ('[privacy]\nerase_after = "999999999d"', "privacy.erase_after", "90d"),
    # portals
    (XSP.replace("acme", "Acme"), "portals.Acme", "small letter"),
    (XSP.replace("acme", "a" * 21), "portals." + "a" * 21, "twenty"),
    (XSP.replace('"xsp"', '"xps"'), "portals.acme.kind", 'kind = "xsp"'),
    (XSP.replace('"xsp"', '"kode"'), "portals.acme.kind", 'kind = "xsp"'),
    (XSP.replace('kind = "xsp"', ""), "portals.acme.kind", 'kind = "xsp"'),
    (XSP.replace("url =", "ulr ="), "portals.acme.url", "url ="),
    (XSP.replace("https://", "ftp://"), "portals.acme.url", "https://"),
    (XSP.replace("https://", "https://me:hunter2@"), "portals.acme.url", "between"),
    (XSP.replace("/plain", "/plain?api_key=hunter2"), "portals.acme.url", "before the ?"),
    (XSP.replace("portal.example", "portal.example:http"), "portals.acme.url", "https://"),
    (XSP.replace("1234", "12.5"), "portals.acme.api_user", "1234"),
    (XSP.replace("1234", '"bob"'), "portals.acme.api_user", "1234"),
    (XSP.replace("1234", "true"), "portals.acme.api_user", "1234"),
    (XSP.replace('{ env = "XSP_API_KEY" }', '"hunter2"'), "portals.acme.api_key", "api_key = { file"),
    (XSP.replace('{ env = "XSP_API_KEY" }', '{ hunter2 = "x" }'), "portals.acme.api_key", "env ="),
    (XSP.replace('"XSP_API_KEY" }', '"A", file = "b" }'), "portals.acme.api_key", "credential ="),
    (XSP.replace("XSP_API_KEY", "UNSET"), "portals.acme.api_key", "Set UNSET"),
    (XSP.replace("XSP_API_KEY", "EMPTY"), "portals.acme.api_key", "one line"),
    (XSP.replace("XSP_API_KEY", "hunter2!"), "portals.acme.api_key", "env ="),
    (XSP.replace("env =", "credential ="), "portals.acme.api_key", "LoadCredential=XSP_API_KEY"),
    (XSP.replace('env = "XSP_API_KEY"', 'credential = "../x"'), "portals.acme.api_key", "credential ="),
    (XSP + 'poll_every = "2 minutes"', "portals.acme.poll_every", '"2m"'),
    (XSP + 'poll_every = "-2m"', "portals.acme.poll_every", '"2m"'),
    (XSP + 'since = "2026-11-01"', "portals.acme.since", "without quotes"),
    (XSP + "since = 2026-11-01T12:00:00Z", "portals.acme.since", "without quotes"),
    (XSP + "overlap_days = -1", "portals.acme.overlap_days", "0 or more"),
    (XSP + "overlap_days = 1.5", "portals.acme.overlap_days", "whole days"),
    (XSP + "overlap_days = 20", "portals.acme.rescan_days", "overlap_days"),
    (XSP + 'message_auth = "none"', "portals.acme.message_auth", "hash"),
    (XSP + 'verb = "put"', "portals.acme.verb", "post"),
    (XSP + 'timeout = "0.05s"', "portals.acme.timeout", '"0.1s"'),
    (XSP + 'timeout = "301s"', "portals.acme.timeout", '"300s"'),
    (XSP + "parallel = 65", "portals.acme.parallel", "64"),
    (XSP + "parallel = true", "portals.acme.parallel", "64"),
    (XSP + "rate = 0", "portals.acme.rate", "rate = 25"),
    (XSP + "rate = nan", "portals.acme.rate", "rate = 25"),
    (XSP + "rate = inf", "portals.acme.rate", "rate = 25"),
    (XSP + 'max_answer = "32 megabytes"', "portals.acme.max_answer", "32MB"),
    (XSP + 'max_answer = "0MB"', "portals.acme.max_answer", "32MB"),
    (XSP + 'ca_file = "none.pem"', "portals.acme.ca_file", "ca.pem"),
    (XSP + f'ca_file = "{"x" * 5000}"', "portals.acme.ca_file", "ca.pem"),
    (XSP + 'client_cert = "none.pem"', "portals.acme.client_cert", "client.pem"),
    (XSP + "pol_every = 1", "portals.acme.pol_every", "poll_every"),
    (XSP + '"a\\u001bb" = 1', 'portals.acme."a\\u001bb"', "There is: "),
    # fulfilments
    (NET.replace('"on_api"', '"gks4"'), "fulfilments.net.kind", '"manual"'),
    (NET.replace('"on_api"', "3"), "fulfilments.net.kind", '"command"'),
    (GOOD.replace('"manual"', "{}"), "fulfilments.desk.kind", '"manual"'),
    (NET.replace('"sp"', '""'), "fulfilments.net.username", '"sp"'),
    (NET.replace("onapi.secret", "no.secret"), "fulfilments.net.password", "chmod"),
    (NET.replace("onapi.secret", "."), "fulfilments.net.password", "chmod"),
    (NET.replace("onapi.secret", "a\\u0000b"), "fulfilments.net.password", "file ="),
    (NET + "version = 2.4", "fulfilments.net.version", "in quotes"),
    (NET + 'version = "3.0"', "fulfilments.net.version", '"2.6"'),
    (NET + 'paths = { order = "x/" }', "fulfilments.net.paths", "orders"),
    (NET + 'paths = { orders = "/x/" }', "fulfilments.net.paths", "leading slash"),
    (NET + 'paths = { orders = "../x/" }', "fulfilments.net.paths", "leading slash"),
    (NET + 'paths = { orders = "https://evil.example/" }', "fulfilments.net.paths", "leading slash"),
    (NET + 'discovery = "yes"', "fulfilments.net.discovery", "true"),
    (NET + "check_access = 1", "fulfilments.net.check_access", "true"),
    (NET + "lists_finished = 0", "fulfilments.net.lists_finished", "true"),
    (NET + 'hosts = "api.example"', "fulfilments.net.hosts", "["),
    (NET + 'hosts = ["https://api.example/"]', "fulfilments.net.hosts", "["),
    (SCRIPT, "fulfilments.script.command", "command = ["),
    (SCRIPT + 'command = "activate --fast"', "fulfilments.script.command", "command = ["),
    (SCRIPT + "command = []", "fulfilments.script.command", "command = ["),
    (SCRIPT + 'command = ["true", 1]', "fulfilments.script.command", "command = ["),
    (SCRIPT + 'command = ["bin/activate"]', "fulfilments.script.command", "whole path"),
    (SCRIPT + 'command = ["true"]\nrate = 1', "fulfilments.script.rate", "There is: "),
    (DESK + 'deadline = "never"', "fulfilments.desk.deadline", '"14d"'),
    (XSP + NET.replace("net]", "acme]"), "fulfilments.acme", "another name"),
    # routes
    (GOOD + "[[routes]]\nmatch = {}", "routes[3].portal", "portal ="),
    (XSP + DESK + TO_DESK.replace('"acme"', '"acne"'), "routes[1].portal", "acme"),
    (XSP + DESK + TO_DESK.replace('"desk"', '"dekc"'), "routes[1].fulfilment", "desk"),
    (XSP + TO_DESK, "routes[1].fulfilment", "none yet"),
    (XSP + NET + TO_NET.replace('service = "FIBER"', ""), "routes[1].service", "FIBER-250-250"),
    (XSP + NET + TO_NET.replace("FIBER", "F" * 256), "routes[1].service", "255"),
    (XSP + DESK + TO_DESK + 'access = "socket"', "routes[1].access", "Take it out"),
    (XSP + DESK + TO_DESK.replace('"3200"', "[3200]"), "routes[1].match", "service ="),
    (XSP + DESK + TO_DESK.replace('{ service = "3200" }', '"3200"'), "routes[1].match", "service ="),
    (GOOD + TO_DESK + 'register = "gks4"', "routes[3].register", "There is: "),
    (GOOD + TO_DESK, "routes[3]", "narrower"),
    (GOOD + TO_DESK.replace('"3200"', '"3200", county = "01"'), "routes[3]", "narrower"),
    (GOOD + TO_DESK.replace('"3200"', "3200"), "routes[3]", "narrower"),
]


@pytest.mark.parametrize(("text", "place", "cure"), WRONG)
def test_what_is_wrong_is_refused_with_its_place_and_its_cure(file: Path, text: str, place: str, cure: str) -> None:
    found = {key_of(problem): problem for problem in problems(file, text)}
    assert place in found
    assert cure in found[place].cure
    assert found[place].wrong
    assert "hunter2" not in "".join(map(str, found.values()))


def test_ten_mistakes_in_one_file_are_all_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    text = (
        'timezone = "Mars"\n[log]\nlevel = "loud"\n[web]\nlisten = "here"\n[privacy]\nerase_after = "1y"'
        + XSP.replace("1234", "-1").replace("XSP_API_KEY", "UNSET")
        + NET.replace("2.5/", "2.5/?x")
        + 'dedline = "1d"\n'
        + TO_NET.replace("acme", "ecma").replace('"FIBER"', "7")
    )
    assert [problem.place for problem in problems(file, text)] == [
        "syncer.toml:1: timezone",
        "syncer.toml:3: log.level",
        "syncer.toml:5: web.listen",
        "syncer.toml:7: privacy.erase_after",
        "syncer.toml:11: portals.acme.api_user",
        "syncer.toml:12: portals.acme.api_key",
        "syncer.toml:16: fulfilments.net.url",
        "syncer.toml:19: fulfilments.net.dedline",
        "syncer.toml:22: routes[1].portal",
        "syncer.toml:25: routes[1].service",
    ]


def test_a_line_is_found_behind_lists_and_texts_of_many_lines_and_windows_line_ends(file: Path) -> None:
    command = 'command = [\n  "true", # ]\n  """\n[log]\nx"""]\n'
    text = f'[fulfilments.s]\nkind = "command"\n{command}timeout = 1\n'.replace("\n", "\r\n")
    assert problems(file, text)[0].place == "syncer.toml:8: fulfilments.s.timeout"


def test_a_key_in_an_inline_table_has_the_line_of_its_statement(file: Path) -> None:
    assert problems(file, '\nlog = { level = "loud" }')[0].place == "syncer.toml:2: log.level"


def test_a_missing_key_has_the_line_of_its_table(file: Path) -> None:
    assert problems(file, XSP.replace("api_user = 1234", ""))[0].place == "syncer.toml:2: portals.acme.api_user"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[log]\nlevel = high", "syncer.toml:2:9"),
        ("[log]\nlevel = [", "syncer.toml:2:10"),
        ("[log]\n[log]", "syncer.toml:2:5"),
        (f"x = {'[' * 5000}", "syncer.toml"),
    ],
)
def test_a_syntax_error_is_one_problem_with_line_and_column(file: Path, text: str, place: str) -> None:
    (problem,) = problems(file, text)
    assert problem.place == place
    assert problem.wrong.startswith("is not TOML")


def test_a_file_that_is_missing_is_a_problem_that_names_it(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.problems[0].place == str(file)
    assert "--config" in caught.value.problems[0].cure


def test_a_directory_and_a_text_that_is_not_utf8_are_problems(file: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load(file.parent)
    file.write_bytes(b"# caf\xc3\xa9\n# caf\xe9")
    with pytest.raises(ConfigError, match=r"syncer\.toml:2: is not UTF-8"):
        load(file)


def test_a_byte_order_mark_is_no_mistake(file: Path) -> None:
    assert read(file, "\ufeff" + GOOD).portals


def test_what_is_left_out_has_its_default(file: Path) -> None:
    config = read(file, GOOD)
    portal, net, desk = config.portals["acme"], config.fulfilments["net"], config.fulfilments["desk"]
    assert config.timezone == ZoneInfo("Europe/Stockholm")
    assert (config.state_dir, config.store.file) == (file.parent / "state", file.parent / "state" / "syncer.db")
    assert (config.log, config.web, config.privacy) == (Log(), None, Privacy(erase_after=timedelta(days=90)))
    assert isinstance(portal, XspPortal)
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


def test_a_secret_is_read_from_each_of_its_three_places(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(tmp_path / "db.secret", "cred-1\r\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    url = 'url = "postgresql+psycopg://db/s"\n'
    config = read(file, f'[store]\n{url}password = {{ credential = "db.secret" }}' + GOOD)
    assert config.secrets() == ("cred-1", KEY, PASSWORD)
    assert config.warnings == ()


@pytest.mark.parametrize("content", [b"", b"\n", b" \n", b"caf\xe9-hunter2"])
def test_an_empty_or_unreadable_secret_is_refused(file: Path, content: bytes) -> None:
    (file.parent / "onapi.secret").write_bytes(content)
    (problem,) = problems(file, NET)
    assert key_of(problem) == "fulfilments.net.password"
    assert "hunter2" not in str(problem)


def test_secrets_are_in_no_text_of_the_configuration(file: Path) -> None:
    config = read(file, GOOD)
    shown = f"{config} {config!r} {config.model_dump()} {config.portals} {config.fulfilments} {config.warnings}"
    assert set(config.secrets()) == {KEY, PASSWORD}
    assert not any(secret in shown for secret in config.secrets())


def test_secrets_are_in_no_text_of_an_error_nor_behind_it(file: Path) -> None:
    text = GOOD.replace('{ env = "XSP_API_KEY" }', '"hunter2"') + 'x = "hunter2"\n[log]\nlevel = "hunter2"'
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    shown = f"{caught.value} {caught.value!r} {caught.value.problems} {caught.value.__context__!r}"
    assert not any(secret in shown for secret in (KEY, PASSWORD, "hunter2"))
    assert "replace it" in shown


OVERLAP = TO_DESK.replace('{ service = "3200" }', '{ county = "01" }')

ODD = [
    (GOOD.replace("https://portal", "http://portal"), "portals.acme.url", "https"),
    (GOOD.replace("https://net", "http://net"), "fulfilments.net.url", "https"),
    (GOOD + OVERLAP, "routes[3]", "one more field"),
    (XSP + DESK, "portals.acme", "[[routes]]"),
    (XSP + DESK, "fulfilments.desk", "[[routes]]"),
    ("", "portals", "[portals.NAME]"),
    (XSP + "since = 2026-11-23", "portals.acme.since", "earlier"),
    (NET + 'version = "2.6"', "fulfilments.net.version", "Leave"),
    ('[store]\npassword = { env = "XSP_API_KEY" }', "store.password", "Take it out"),
    (XSP.replace("XSP_API_KEY", "SPACED"), "portals.acme.api_key", "as it stands"),
]


@pytest.mark.parametrize(("text", "place", "cure"), ODD)
def test_what_is_odd_but_works_is_a_warning(
    file: Path, monkeypatch: pytest.MonkeyPatch, text: str, place: str, cure: str
) -> None:
    monkeypatch.setenv("SPACED", f" {KEY}")
    found = {key_of(warning): warning for warning in read(file, text).warnings}
    assert place in found
    assert cure in found[place].cure
    assert KEY not in str(found)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9000", "[::1]:9000", "xsp.localhost"])
def test_clear_text_within_the_machine_is_not_odd(file: Path, host: str) -> None:
    assert read(file, GOOD.replace("https://portal.example", f"http://{host}")).warnings == ()


def test_today_is_not_in_the_future(file: Path) -> None:
    assert read(file, GOOD.replace("[portals.acme]", "[portals.acme]\nsince = 2026-11-22")).warnings == ()


def test_a_secret_file_that_others_can_read_is_a_warning(file: Path) -> None:
    (file.parent / "onapi.secret").chmod(0o640)
    (warning,) = read(file, GOOD).warnings
    assert warning.place == "syncer.toml:12: fulfilments.net.password"
    assert "chmod" in warning.cure


def test_the_configuration_can_not_be_changed(file: Path) -> None:
    config = read(file, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        config.state_dir = Path("x")


def test_models_can_be_built_without_a_file() -> None:
    portal = XspPortal(url="http://localhost/", api_user="1", api_key=SecretStr("x"))
    assert portal.timeout == HttpRemote().timeout


def test_remotes_are_portals_and_fulfilments_by_name(file: Path) -> None:
    assert list(read(file, GOOD).remotes) == ["acme", "net", "desk"]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example where it can be read: its secret beside it, and its command exchanged for one that is here."""
    text = EXAMPLE.read_text(encoding="utf-8")
    program = tmp_path / "activate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    copy = tmp_path / "copy.toml"
    copy.write_text(text.replace("/usr/local/bin/activate", str(program)), encoding="utf-8")
    return copy


def test_the_example_is_right_and_has_nothing_odd(example: Path) -> None:
    config = load(example, TODAY)
    assert config.warnings == ()
    assert list(config.remotes) == ["tjansteguiden", "nordnet", "script", "desk"]
    assert set(config.secrets()) == {KEY, PASSWORD}


MODELS: list[type[BaseModel]] = [Config, Store, Log, Web, Privacy, XspPortal, OnApi, Command, Manual, Route]
FIELDS = sorted({name for model in MODELS for name in model.model_fields} - {"path", "warnings"})


@pytest.mark.parametrize("name", FIELDS)
def test_the_example_mentions_every_field(name: str) -> None:
    lines = [line.removeprefix("# ") for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    assert any(line.startswith((f"{name} = ", f"[{name}", f"[[{name}")) for line in lines)


def test_a_key_whose_default_the_example_names_can_be_taken_out(example: Path) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if " default: " not in line and "is the default" not in line]
    full, bare = load(example, TODAY), read(example.with_name("bare.toml"), "\n".join(kept))
    changed = {"path": full.path, "portals": full.portals}
    assert len(kept) < len(lines) - 20
    assert bare.model_copy(update=changed) == full
    portal = full.portals["tjansteguiden"]
    assert isinstance(portal, XspPortal)
    since = {"since": portal.since}
    assert bare.portals["tjansteguiden"].model_copy(update=since) == full.portals["tjansteguiden"]


def test_importing_the_configuration_brings_no_other_room() -> None:
    code = "import sys, syncer.config; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    rooms = {".".join(name.split(".")[:2]) for name in done.stdout.split() if name.split(".")[0] == "syncer"}
    assert rooms == {"syncer", "syncer.config", "syncer.errors"}
