"""Claims about what is wrong: it is refused, with its place and its cure, and all at once."""

from pathlib import Path

import pytest

from syncer.config import load
from syncer.errors import ConfigError
from tests.config.written import (
    DESK,
    GKS4,
    GOOD,
    NET,
    SCRIPT,
    TO_DESK,
    TO_NET,
    XSP,
    key_of,
    problems,
    read,
)

WRONG = [
    # the top
    ('timezone = "Europe/Stokholm"', "timezone", "Europe/Stockholm"),
    ("timezone = 1", "timezone", "Europe/Stockholm"),
    ('timezone = "/etc/passwd"', "timezone", "Europe/Stockholm"),
    ('state_dir = ""', "state_dir", "directory"),
    ('state_dir = "onapi.secret"', "state_dir", "directory"),
    ('tiemzone = "UTC"', "tiemzone", "timezone"),
    ("[protals.x]", "protals", "portals"),
    ("[order_system.gks4]", "order_system", "order_systems"),
    ("order_systems = 1", "order_systems", "[order_systems.NAME]"),
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
    (XSP.replace('"xsp"', '"on_api"'), "portals.acme.kind", 'kind = "xsp"'),
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
    (GOOD + TO_DESK + 'register = "gks4"', "routes[3].register", "none yet"),
    (GOOD + GKS4 + TO_DESK + 'register = "gsk4"', "routes[3].register", "gks4"),
    (GOOD + TO_DESK + 'registers = "gks4"', "routes[3].registers", "register"),
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
