"""A command as fulfilment: what it is told, what its end means, and that nothing of it is left behind."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.errors import Unavailable, Uncertain
from syncer.fulfilment import CommandFulfilment
from syncer.orders import CannotTell, Done, Found, Held, Intent, Kind, Order, Refused, WithdrawRefused
from syncer.remotes.http import CallFact

ORDER = Order(
    "tg",
    "770101",
    service="3105",
    details={
        "head": {"service": "3105", "campaign": "; touch intrång $(id) `id` \"'\\"},
        "customer": {"firstname": "Åsa", "surname": "Påhittad", "city": "Låtsasköping", "socket": "XY0202B07"},
    },
)
SUBMIT = Intent("tg.770101.s1", Kind.SUBMIT, "script", {"service": "FIBER-250-250", "access": "", "stem": "tg.770101"})
CANCEL = Intent("tg.770101.c1", Kind.CANCEL, "script", {})
SOON = 60.0  # longer than any of these takes


def fulfilment(*command: str, timeout: float = SOON, **options: Any) -> CommandFulfilment:
    return CommandFulfilment("script", command, timeout=timeout, retry_after=300, **options)


def python(script: str, *arguments: str, timeout: float = SOON, **options: Any) -> CommandFulfilment:
    return fulfilment(sys.executable, "-c", script, *arguments, timeout=timeout, **options)


def said(script: str, *arguments: str, **options: Any) -> str:
    """What a script had to say on standard error, as the cause of its refusal."""
    seen = python(script + "\nsys.exit(65)", *arguments, **options).perform(SUBMIT, ORDER)
    assert isinstance(seen, Refused)
    return seen.cause


# ------------------------------------------------------------------------------------------------ exit codes


def test_exit_0_is_done() -> None:
    assert python("").perform(SUBMIT, ORDER) == Done(note="exit 0")


def test_exit_65_is_refused_in_the_words_of_its_standard_error() -> None:
    refusal = "import sys; sys.stderr.write('Kan inte\\n  nå  växeln\\n'); sys.exit(65)"
    assert python(refusal).perform(SUBMIT, ORDER) == Refused("Kan inte nå växeln")
    silent = python("import sys; sys.exit(65)").perform(SUBMIT, ORDER)
    assert isinstance(silent, Refused)
    assert "65" in silent.cause


def test_only_the_end_of_a_long_story_is_kept_and_it_may_be_any_bytes() -> None:
    cause = said("import sys; sys.stderr.buffer.write(b'x' * 9_000_000 + b'\\xff\\xc3 the end')")
    assert len(cause) == 500
    assert cause.endswith("the end")


def test_standard_output_is_nobodys() -> None:
    assert python("print('x' * 1_000_000)").perform(SUBMIT, ORDER) == Done(note="exit 0")


def test_exit_75_wants_this_order_later_and_nothing_of_the_others() -> None:
    with pytest.raises(Unavailable, match="upptaget") as caught:
        python("import sys; sys.stderr.write('upptaget'); sys.exit(75)").perform(SUBMIT, ORDER)
    assert (caught.value.order_only, caught.value.retry_after) == (True, 300)


@pytest.mark.parametrize("code", [1, 2, 64, 66, 74, 76, 126, 127, 255])
def test_any_other_exit_is_uncertain(code: int) -> None:
    with pytest.raises(Uncertain, match=f"exit {code}: oj"):
        python(f"import sys; sys.stderr.write('oj'); sys.exit({code})").perform(SUBMIT, ORDER)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_is_uncertain(number: signal.Signals) -> None:
    with pytest.raises(Uncertain):
        python(f"import os; os.kill(os.getpid(), {int(number)})").perform(SUBMIT, ORDER)


def test_a_program_that_is_missing_or_cannot_be_run_has_done_nothing(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    for command in ("/nowhere/at/all", str(plain), str(tmp_path)):
        with pytest.raises(Unavailable) as caught:
            fulfilment(command).perform(SUBMIT, ORDER)
        assert command in caught.value.cause
        assert "fulfilments.script.command" in caught.value.hint
        with pytest.raises(Unavailable):
            fulfilment(command).check()
    assert sys.executable in fulfilment(sys.executable).check()


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("", "done"),
        ("import sys; sys.exit(65)", "refused"),
        ("import sys; sys.exit(75)", "later"),
        ("import sys; sys.exit(3)", "uncertain"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "uncertain"),
    ],
)
def test_each_run_is_told_with_its_outcome_and_nothing_of_the_order(script: str, outcome: str) -> None:
    told = list[CallFact]()
    with contextlib.suppress(Unavailable, Uncertain):
        python(script, observe=told.append).perform(SUBMIT, ORDER)
    (fact,) = told
    assert (fact.remote, fact.operation, fact.outcome, fact.safe) == ("script", "command", outcome, False)
    assert fact.seconds > 0
    assert fact.url == sys.executable


def test_a_run_that_could_not_begin_is_told_and_what_is_no_run_is_not() -> None:
    told = list[CallFact]()
    command = fulfilment("/nowhere/at/all", observe=told.append)
    with pytest.raises(Unavailable):
        command.perform(SUBMIT, ORDER)
    assert [fact.outcome for fact in told] == ["Unavailable"]
    command.perform(CANCEL, ORDER)
    command.perform(SUBMIT, ORDER.but(wish_at=datetime.now(UTC) + timedelta(days=1)))
    command.find(SUBMIT, ORDER)
    assert len(told) == 1


def test_one_that_is_killed_at_the_time_out_is_told_as_uncertain() -> None:
    told = list[CallFact]()
    with pytest.raises(Uncertain):
        python("import time; time.sleep(600)", timeout=0.2, observe=told.append).perform(SUBMIT, ORDER)
    assert [fact.outcome for fact in told] == ["uncertain"]


# ---------------------------------------------------------------------------------------------- what it gets


def test_the_order_comes_as_json_in_utf8_on_standard_input() -> None:
    script = (
        "import json, sys; order = json.load(sys.stdin.buffer)\n"
        "sys.stderr.write(ascii([order['order'], order['portal'], order['external_id'], order['service'],"
        " order['route_service'], order['wish_at'], order['key'], sorted(order['details']),"
        " order['details']['customer']['firstname'], order['details']['customer']['city']]))"
    )
    assert said(script) == (
        "['tg:770101', 'tg', '770101', '3105', 'FIBER-250-250', None, 'tg.770101.s1', ['customer', 'head'],"
        " '\\xc5sa', 'L\\xe5tsask\\xf6ping']"
    )


def test_standard_input_ends_with_the_order(tmp_path: Path) -> None:
    copy = tmp_path / "order.json"
    script = f"import sys; open({str(copy)!r}, 'wb').write(sys.stdin.buffer.read())"
    assert isinstance(python(script).perform(SUBMIT, ORDER), Done)
    order = json.loads(copy.read_bytes())
    assert order["details"] == {name: dict(section) for name, section in ORDER.details.items()}
    assert "Låtsasköping".encode() in copy.read_bytes()


def test_a_command_that_never_reads_its_input_is_no_trouble() -> None:
    large = ORDER.but(details={"data": {"note": "x" * 1_000_000}})
    assert isinstance(python("").perform(SUBMIT, large), Done)


def test_there_is_no_shell_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    literal = ["; touch x", "$(touch x)", "`touch x`", "a b", "*", "$HOME", "|", "> x", "{customer}", "å"]
    cause = said("import sys; sys.stderr.write(ascii(sys.argv[1:]))", *literal)
    assert cause == ascii(literal)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Unavailable):
        fulfilment(f"touch {tmp_path}/x; true").perform(SUBMIT, ORDER)
    assert list(tmp_path.iterdir()) == []


def test_no_secret_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSP_API_KEY", "hemlig-nyckel")
    monkeypatch.setenv("DATABASE_URL", "postgresql://sp:hemligt-lösen@127.0.0.1/x")
    monkeypatch.setenv("COLOUR", "grön")
    script = "import os, sys; sys.stderr.write(ascii(sorted(set(os.environ) & set(sys.argv))))"
    names = ("XSP_API_KEY", "DATABASE_URL", "COLOUR", "PATH")
    assert said(script, *names, withhold=["hemlig-nyckel", "hemligt-lösen"]) == "['COLOUR', 'PATH']"


def test_an_empty_secret_does_not_empty_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOUR", "grön")
    assert said("import os, sys; sys.stderr.write(os.environ.get('COLOUR', '-'))", withhold=["", "x" * 20]) == "grön"


def test_nothing_of_ours_is_open_in_it(tmp_path: Path) -> None:
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        cause = said(
            "import os, sys\ntry:\n  os.fstat(int(sys.argv[1])); sys.stderr.write('open')\n"
            "except OSError: sys.stderr.write('closed')",
            str(ours.fileno()),
        )
        assert cause == "closed"


# ------------------------------------------------------------------------------------------------ the family


def _gone(number: int) -> bool:
    """Whether a process is gone, or only its entry waits to be read by its parent."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def _wait_for(what: Callable[[], bool]) -> bool:
    for _ in range(500):
        if what():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """A folder in which each process of a family leaves its number; none is left alive."""
    folder = tmp_path / "pids"
    folder.mkdir()
    yield folder
    for name in folder.iterdir():
        if not _gone(int(name.name)):
            os.kill(int(name.name), signal.SIGKILL)


HEAD = "import os, signal, subprocess, sys, time\nopen(os.path.join(sys.argv[1], str(os.getpid())), 'w').close()\n"
FAMILIES = {
    "alone": "time.sleep(600)",
    "a child": "subprocess.Popen([sys.executable, '-c', HEAD + 'time.sleep(600)', *sys.argv[1:]]); time.sleep(600)",
    "a child in a session of its own": (
        "subprocess.Popen([sys.executable, '-c', HEAD + 'time.sleep(600)', *sys.argv[1:]], start_new_session=True)\n"
        "time.sleep(600)"
    ),
    "a grandchild that holds every pipe": (
        "subprocess.Popen([sys.executable, '-c', HEAD +"
        ' \'subprocess.Popen([sys.executable, "-c", sys.argv[2] + "time.sleep(600)", *sys.argv[1:]],'
        " start_new_session=True); time.sleep(600)', *sys.argv[1:]], start_new_session=True)\n"
        "time.sleep(600)"
    ),
    "one that does not want to": (
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        "time.sleep(600)"
    ),
}
SIZES = {"a child": 2, "a child in a session of its own": 2, "a grandchild that holds every pipe": 3}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the family is found in /proc")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_command_that_is_late_is_killed_with_all_its_family(
    pids: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"HEAD = {HEAD!r}\n{HEAD}{FAMILIES[family]}"
    size = SIZES.get(family, 1)
    wait = subprocess.Popen.wait

    def late(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        """The time-out comes when the whole family is there, and not before."""
        if timeout is None:
            return wait(process)
        assert _wait_for(lambda: len(list(pids.iterdir())) == size)
        raise subprocess.TimeoutExpired("command", timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", late)
    with pytest.raises(Uncertain, match="killed"):
        python(script, str(pids), HEAD).perform(SUBMIT, ORDER)
    assert _wait_for(lambda: all(_gone(int(name.name)) for name in pids.iterdir()))


def test_the_time_out_is_counted_and_said() -> None:
    with pytest.raises(Uncertain, match=r"not done in 0\.2 s"):
        python("import time; time.sleep(600)", timeout=0.2).perform(SUBMIT, ORDER)


def test_a_child_that_outlives_the_command_holds_nothing_up(pids: Path) -> None:
    child = "subprocess.Popen([sys.executable, '-c', HEAD + 'time.sleep(600)', *sys.argv[1:]], start_new_session=True)"
    assert python(f"HEAD = {HEAD!r}\n{HEAD}{child}", str(pids)).perform(SUBMIT, ORDER) == Done(note="exit 0")
    assert _wait_for(lambda: len(list(pids.iterdir())) == 2)


def test_no_more_commands_run_at_once_than_allowed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "try: os.mkdir(sys.argv[1])\n"
        "except FileExistsError: sys.exit(65)\n"
        "time.sleep(0.05); os.rmdir(sys.argv[1])"
    )
    command, seen = python(script, str(tmp_path / "busy"), parallel=1), list[object]()
    threads = [threading.Thread(target=lambda: seen.append(command.perform(SUBMIT, ORDER))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [Done(note="exit 0")] * 4


# ------------------------------------------------------------------------------------------ all the rest of it


def test_a_command_cannot_be_asked_what_it_did_and_a_person_is_told_where_to_look() -> None:
    found = fulfilment("/usr/local/bin/activate").find(SUBMIT, ORDER)
    assert isinstance(found, CannotTell)
    for word in ("script", "tg:770101", "tg.770101.s1"):
        assert word in found.why


def test_what_a_command_did_cannot_be_cancelled(tmp_path: Path) -> None:
    command = fulfilment(shutil.which("touch") or "touch", str(tmp_path / "x"))
    assert isinstance(command.perform(CANCEL, ORDER), WithdrawRefused)
    found = command.find(CANCEL, ORDER)
    assert isinstance(found, Found)
    assert isinstance(found.seen, WithdrawRefused)
    assert list(tmp_path.iterdir()) == []


def test_an_order_wished_for_later_is_kept_until_then() -> None:
    now = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)
    later = ORDER.but(wish_at=now + timedelta(days=3))
    seen = python("", now=lambda: now).perform(SUBMIT, later)
    assert isinstance(seen, Held)
    assert seen.until == later.wish_at
    assert isinstance(python("", now=lambda: now + timedelta(days=3)).perform(SUBMIT, later), Done)


def test_a_text_that_utf8_cannot_hold_is_no_bug() -> None:
    odd = ORDER.but(details={"data": {"note": "half a pair: \ud800"}})
    assert isinstance(python("import json, sys; json.load(sys.stdin.buffer)").perform(SUBMIT, odd), Done)
