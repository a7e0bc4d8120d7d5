"""Claims about the logs: what is in them, and what never is."""

import html
import io
import json
import logging
import os
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from syncer.remotes.http import Http, Limits
from syncer.simulators.host import Host
from syncer.simulators.xsp import XspSimulator
from syncer.telemetry import HIDDEN, PASSING, Redactor, configure, log

KEY = "Nyckel \"&'+/%=<åäö>#5f2c"
PERSON: dict[str, dict[str, Any]] = {
    "head": {"id": "770101", "customer": "55012", "service": "3105", "salesman": "Rut Säljare"},
    "customer": {
        "id": "55012",
        "socket": "XY0202B07",
        "serial": "190013320001",
        "firstname": "Åsa Märta",
        "surname": "Kanåriefågel",
        "email": "asa.kanarie@example.org",
        "address": "Låtsasvägen 7 B",
        "zip": "99999",
        "city": "Låtsasköping",
    },
    "data": {
        "phone": "0701740605",
        "premise": "1203",
        "message": 'Ring på porten åt "Kurt" efter\nklockan fem, hunden Buster biter ibland',
        "pets": ["Buster", {"cat": "Misse Murre"}],
    },
}


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("urllib3", "requests", "charset_normalizer")]
    before = [(logger, list(logger.handlers), logger.propagate, logger.level) for logger in loggers]
    yield
    structlog.reset_defaults()
    for logger, handlers, propagate, level in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def _logged(redactor: Redactor, *, form: str = "json", level: str = "debug") -> io.StringIO:
    stream = io.StringIO()
    configure(level, form, stream, redactor)
    return stream


# --- secrets --------------------------------------------------------------------------------------------------


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


@pytest.mark.parametrize(
    "disguise",
    [
        str,
        quote,
        lambda text: quote(text, safe=""),
        quote_plus,
        lambda text: quote(text, safe="").lower().replace("nyckel", "Nyckel"),
        html.escape,
        lambda text: html.escape(text, quote=False),
        lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
        _escaped,
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        lambda text: text.encode().decode("latin-1"),
    ],
)
def test_a_secret_is_hidden_however_it_comes_back(disguise: Any) -> None:
    told = Redactor([KEY]).scrub(f"before {disguise(KEY)} after")
    assert told == f"before {HIDDEN} after"


@given(st.text(min_size=6, max_size=40), st.text(max_size=20))
@example("a.*+?^${}()|[]\\", "")
def test_any_text_can_be_a_secret(secret: str, around: str) -> None:
    told = Redactor([secret]).scrub(f"{around}\x00{secret}\x00{around}")
    assert secret not in told or secret in around + HIDDEN


def test_a_secret_got_at_run_time_is_hidden_from_then_on() -> None:
    redactor = Redactor([KEY])
    stream = _logged(redactor)
    redactor.add("0f1e2d3c4b5a")
    log().info("a", text="hash=0f1e2d3c4b5a")
    assert json.loads(stream.getvalue())["text"] == f"hash={HIDDEN}"


def test_secrets_that_were_replaced_are_hidden_beside_the_new_ones_and_those_of_run_time() -> None:
    redactor = Redactor([KEY])
    redactor.add("0f1e2d3c4b5a")
    redactor.keep(["another-secret", ""])
    assert redactor.scrub(f"{KEY} 0f1e2d3c4b5a another-secret as is") == f"{HIDDEN} {HIDDEN} {HIDDEN} as is"


def test_months_of_hashes_do_not_push_the_configured_secrets_out_nor_pile_up() -> None:
    redactor = Redactor([KEY])
    for number in range(3 * PASSING):
        redactor.add(f"hash-{number:06}")
    told = redactor.scrub(f"{KEY} hash-000000 hash-{3 * PASSING - 1:06}")
    assert told == f"{HIDDEN} hash-000000 {HIDDEN}"


def test_a_short_secret_is_hidden_where_it_stands_alone_and_words_that_hold_it_are_not() -> None:
    assert Redactor(["port"]).scrub("the portal on port 80: port, key=port") == (
        f"the portal on {HIDDEN} 80: {HIDDEN}, key={HIDDEN}"
    )


def test_the_longest_of_two_secrets_goes_first_so_that_no_rest_is_left() -> None:
    assert Redactor(["secret", "secret-and-more"]).scrub("secret-and-more") == HIDDEN


@pytest.mark.parametrize(
    "name",
    ["api_key", "apikey", "API_KEY", "hash", "password", "client_secret", "token", "Authorization", "cookies"],
)
def test_a_value_is_hidden_by_its_name_alone(name: str) -> None:
    stream = _logged(Redactor())
    log().info("a", **{name: "not known as a secret", "nested": {name: "nor this", "deep": [{name: "or this"}]}})
    assert not re.search("known|nor this|or this", stream.getvalue())
    assert stream.getvalue().count(HIDDEN) == 3


@pytest.mark.parametrize("name", ["firstname", "surname", "serial", "email", "phone", "address", "zip", "city"])
def test_a_person_is_hidden_by_the_field_s_name(name: str) -> None:
    stream = _logged(Redactor())
    log().info("a", details={"customer": {name: "Påhittad"}})
    assert "hittad" not in stream.getvalue()


def test_a_secret_is_hidden_in_nested_values_keys_sets_and_errors() -> None:
    stream = _logged(Redactor([KEY]))
    log().info("a", one=[(KEY, {"x": {KEY}})], two={KEY: 1}, three=ValueError(KEY), four=KEY.encode(), five=[None, 1.5])
    line = json.loads(stream.getvalue())
    assert "5f2c" not in stream.getvalue()
    assert line["five"] == [None, 1.5]


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_in_a_log_shows_no_secret(form: str) -> None:
    stream = _logged(Redactor([KEY]), form=form)
    try:
        os.environ[KEY]  # which has no such name
    except KeyError:
        log().exception("a", text=f"the key is {KEY}")
    assert "Traceback" in stream.getvalue()
    assert "5f2c" not in stream.getvalue()


# --- people ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "left"),
    [
        ("Åsa Märta Kanåriefågel har redan tjänst", "har redan tjänst"),
        ("åsa KANÅRIEFÅGEL", ""),
        ("Kanåriefågels port är trasig", "port är trasig"),
        ("Kund: Märta", "Kund:"),
        ("Kan\\u00e5rief\\u00e5gel", ""),
        ("Kan&aring;rief&#229;gel", ""),
        (unicodedata.normalize("NFD", "Kanåriefågel"), ""),
        ("Kanariefagel", ""),
        ("Kan\ufffdrief\ufffdgel", ""),
        ("name=Kan%C3%A5rief%c3%a5gel&x=1", "name= &x=1"),
        ("190013320001, 19001332-0001, 001332-0001, 19 0013 32-0001", ", , ,"),
        ("0701740605 or +46701740605 or 070-174 06 05 or +46 (0)70-174 06 05", "or or or"),
        ("zip 999 99", "zip"),
        ("Låtsasvägen är grävd, lgh 1203", "är grävd, lgh"),
        ("mail to <asa.kanarie@example.org>", "mail to < >"),
        ("Misse Murre och Buster", "och"),
        ("såld av Rut", "såld av"),
        ("row1\\nKanåriefågel\\nrow3", "row1\\n \\nrow3"),
    ],
)
def test_a_cause_that_repeats_a_person_is_told_without_them(cause: str, left: str) -> None:
    told = Redactor().scrub(cause, PERSON)
    assert HIDDEN in told
    assert " ".join(told.replace(HIDDEN, " ").split()) == left


@pytest.mark.parametrize("cause", ["3105 is not offered on XY0202B07", "Upptaget", "770101 of 55012", "port 12"])
def test_what_is_about_no_person_stays(cause: str) -> None:
    assert Redactor().scrub(cause, PERSON) == cause


def _printed_order() -> list[str]:
    return [
        json.dumps(PERSON),
        json.dumps(PERSON, ensure_ascii=False),
        json.dumps(PERSON, ensure_ascii=False, separators=(",", ":")),
        " ".join(json.dumps(PERSON, indent=2).split()),
        str(PERSON),
    ]


@pytest.mark.parametrize("form", range(5))
@pytest.mark.parametrize("cut", [slice(None), *(slice(-size, None) for size in range(60, 500, 23)), slice(0, 255)])
def test_an_order_that_is_printed_whole_or_cut_off_shows_nobody(form: int, cut: slice) -> None:
    told = Redactor().scrub(_printed_order()[form][cut], PERSON).casefold()
    words = (
        "asa.k",
        "kanå",
        "märta",
        "riefågel",
        "rief\\u00e5",
        "låtsas",
        "kurt",
        "hunden",
        "buster",
        "murre",
        "174",
        "190013",
    )
    assert [word for word in words if word in re.sub(r"\\u00e5", "å", told)] == []


def test_a_message_that_was_cut_is_recognised_by_three_words_of_it() -> None:
    told = Redactor().scrub("stopped: klockan fem, hunden Buster biter ib", PERSON)
    assert not re.search("klockan|hunden|Buster|biter", told)
    assert told.startswith("stopped: ")


def test_one_word_of_a_long_message_says_nothing_about_its_writer() -> None:
    assert Redactor().scrub("porten är trasig efter åskan", PERSON) == "porten är trasig efter åskan"


@given(st.text(max_size=60), st.text(min_size=3, max_size=20))
def test_hiding_people_never_breaks_on_any_text(text: str, value: str) -> None:
    told = Redactor().scrub(text, {"customer": {"firstname": value}})
    assert isinstance(told, str)
    assert Redactor().scrub(text, {"customer": {"id": value}}) == text


# --- form -----------------------------------------------------------------------------------------------------


def test_json_has_one_object_a_line_with_time_level_event_and_keys() -> None:
    stream = _logged(Redactor())
    log().warning("order.parked", order="stads:770101", reason="öppet\nfönster")
    log().info("order.read", order="stads:770101")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["order.parked", "order.read"]
    assert lines[0]["level"] == "warning"
    assert lines[0]["reason"] == "öppet\nfönster"
    assert datetime.fromisoformat(lines[0]["timestamp"]).tzinfo == UTC


def test_auto_is_json_where_there_is_no_terminal_and_console_where_there_is() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    configure("info", "auto", stream, Redactor())
    log().info("order.read", order="stads:1")
    assert "order.read" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert _json_from("auto") == "order.read"


def _json_from(form: str) -> str:
    stream = _logged(Redactor(), form=form)
    log().info("order.read")
    return str(json.loads(stream.getvalue())["event"])


def test_what_is_below_the_level_is_not_logged() -> None:
    stream = _logged(Redactor(), level="warning")
    log().info("a")
    log().warning("b")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["b"]


def test_the_journal_is_told_each_line_s_priority_and_no_other_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("journal", "other"):
        with (tmp_path / name).open("w+", encoding="utf-8") as stream:
            if name == "journal":
                found = os.fstat(stream.fileno())
                monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
            configure("debug", "auto", stream, Redactor())
            for level in ("debug", "info", "warning", "error", "critical"):
                getattr(log(), level)("an.event")
    lines = (tmp_path / "journal").read_text(encoding="utf-8").splitlines()
    assert [line[: line.index("{")] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    for line in [*(line[3:] for line in lines), *(tmp_path / "other").read_text(encoding="utf-8").splitlines()]:
        assert json.loads(line)["event"] == "an.event"


# --- the libraries' own logs ----------------------------------------------------------------------------------


def test_urllib3_s_debug_log_with_its_urls_never_comes_out(caplog: pytest.LogCaptureFixture) -> None:
    everything = io.StringIO()
    handler = logging.StreamHandler(everything)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)  # as logging.basicConfig(level=DEBUG) does, where pytest has no handler of its own
    try:
        with Host({"/xsp": XspSimulator()}) as host:
            stream = _logged(Redactor())
            answer = Http("stads", Limits()).call(
                "orders", "GET", host.url_of("/xsp") + "/", safe=True, params={"hash": "kanarie5f2c"}
            )
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert answer.status == 200
    assert host.journal[0].params["hash"] == "kanarie5f2c"
    assert "kanarie5f2c" not in everything.getvalue() + caplog.text + stream.getvalue()
    assert "urllib3" not in caplog.text


@pytest.mark.parametrize("word", ["upptagen", "Trasig", "okänd", "vägen"])
def test_a_cause_s_own_first_word_is_not_taken_for_the_end_of_an_address(word: str) -> None:
    people = {"customer": {"address": "Låtsasvägen 7 B", "city": "Låtsasköping"}}
    hidden = word == "vägen"  # which may be what is left of it
    assert (Redactor().scrub(f"{word} port", people) == f"{word} port") is not hidden
