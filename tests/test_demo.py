import argparse
import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from filelock import FileLock

from syncer.cli import showing
from syncer.cli.screen import Screen
from syncer.config import load
from syncer.simulators.courier import CourierSimulator
from syncer.simulators.day import API_KEY, BROKERS, GKS4_SECRET, HOUSEHOLDS, NORD_PASSWORD, NORD_USER, Day
from syncer.simulators.plots import BROKEN_LINES, MORNING, POWER_CUT, UNSEEN, WISHES, Plot
from syncer.simulators.wire import Request

ROOT = Path(__file__).parent.parent
SYNCER = [sys.executable, "-m", "syncer"]
ALL_DAY = (*MORNING, *UNSEEN, *BROKEN_LINES, *POWER_CUT, *WISHES)
TAKEN_BACK = "Kommunale avgifter.xlsx"
VISIT = ("Vi behöver några uppgifter från dig", "Skriv som i exemplet.", "2 050,00 NOK", "the agent saves 2 files")
ENOUGH = 120  # seconds after which something surely hangs

# --- the demo, as anyone runs it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Played:
    code: int
    out: str
    err: str
    kept: Path
    temporary: Path


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """One demo to all tests, also where several workers share them."""
    base = tmp_path_factory.getbasetemp()
    base = (base if worker_id == "master" else base.parent) / "demo"
    with FileLock(f"{base}.lock"):
        if not (base / "played").exists():
            base.mkdir(exist_ok=True)
            (base / "played").write_text(json.dumps(play(base)))
    code, out, err = json.loads((base / "played").read_text())
    return Played(code, out, err, base / "kept", base / "temporary")


def play(base: Path) -> tuple[int, str, str]:
    kept, temporary = base / "kept", base / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "SYNCER_CONFIG": "/nowhere/syncer.toml", "COLUMNS": "200"}
    ran = subprocess.run(
        [*SYNCER, "demo", "--keep", str(kept)],
        capture_output=True, text=True, check=False, timeout=ENOUGH, env=environment, cwd=temporary,
    )  # fmt: skip
    return ran.returncode, ran.stdout, ran.stderr


def outcomes(out: str) -> list[str]:
    return [line for line in out.splitlines() if re.match(r"[✓✗] {2}77", line)]


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]


def test_demo_ends_well_and_everything_agrees(played: Played) -> None:
    assert (played.code, played.err) == (0, ""), played.out
    assert "✗" not in played.out
    total = sum(plot.copies for plot in ALL_DAY)
    assert f"{total} of {total} orders are as they should be" in played.out


def test_every_kind_of_order_has_its_row(played: Played) -> None:
    rows = outcomes(played.out)
    assert len(rows) == sum(plot.copies for plot in ALL_DAY)
    for plot in ALL_DAY:
        assert sum(f"  {plot.kind}  " in re.sub(r"$", "  ", row) for row in rows) >= plot.copies, plot.kind


def test_every_trouble_of_the_day_did_happen(played: Played) -> None:
    struck = {(entry["remote"], entry["operation"], entry["fault"]) for entry in journal(played.kept) if entry["fault"]}
    assert struck == {
        ("tjansteguiden", "orders", "html"),
        ("nordnet", "orders.create", "error_after"),
        ("tjansteguiden", "set_status", "reset_after"),
        ("tjansteguiden", "add_message", "timeout_after"),
        ("sydnet", "orders.create", "too_many"),
        ("courier", "parcels.book", "reset_after"),
        ("kode", "orders.create", "reset_after"),
        ("gks4", "sales_orders.create", "reset_after"),
    }
    logins = [entry for entry in journal(played.kept) if entry["operation"] == "api_login"]
    calling = re.findall(r"^  \$ syncer (?:--once|deliver|resolve|retry)", played.out, re.MULTILINE)
    assert len(logins) > len(calling)  # one session ended early
    assert "killed with SIGKILL, in the middle of its calls" in played.out


def test_each_hour_is_told_with_its_pass(played: Played) -> None:
    assert re.findall(r"^(\d\d:00)  \S", played.out, re.MULTILINE) == [
        "08:00", "09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00",
    ]  # fmt: skip
    assert played.out.count("$ syncer --once") == 8
    for command in ("deliver", "resolve", "retry"):
        assert re.search(rf"\$ syncer {command} \d+.*exit 0", played.out)


def test_orders_of_kode_are_named_settled_and_shown_with_their_files(played: Played) -> None:
    assert re.search(r"\$ syncer kode watch 7000001 7000002 7000003 .*exit 0", played.out)
    assert re.search(r"\$ syncer resolve 77\d+ done --ref 7000005 .*exit 0", played.out)
    shown = played.out.partition("$ syncer show kode:7000001")[2].partition("$ syncer files kode:7000001")
    for part in (shown[0], shown[2].partition("What came of each order")[0]):
        states = re.findall(r"(\S.*?)  +(kept|gone) +[\d,]+ +[0-9a-f]{12}", part)
        assert states == [("Ferdigattest.pdf", "kept"), ("Ferdigattest (2).pdf", "kept"), (TAKEN_BACK, "gone")]
    steps = [line.split()[-1] for line in shown[0].splitlines() if "order.read" in line]
    assert list(dict.fromkeys(steps)) == ["received", "active", "delivered"]


def test_an_agent_s_order_is_billed_placed_and_given_back_once(played: Played) -> None:
    visit = played.out.partition("$ syncer run")[2].partition("16:00")[0]
    assert [part for part in VISIT if part not in visit] == []
    rows = [line.split() for line in played.out.partition("billed in GKS4\n   order")[2].splitlines()]
    (agents,) = [row for row in rows if row[:2] == ["✓", "vitec:ord-7781"]]
    assert agents[-4:] == ["500004", "7000006", "2", "1"]
    made = [entry["effect"] for entry in effects(played) if entry["effect"]["what"] == "sales_order"]
    assert len({one["reference"] for one in made}) == len(made) == 4
    assert re.search(r"\$ syncer resolve 77\d+ done --ref 500003 .*exit 0", played.out)


def test_what_is_kept_of_kode_lies_in_its_orders_folder_and_nothing_else(played: Played) -> None:
    files = played.kept / "state" / "files"
    assert sorted(path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()) == [
        "kode:7000001/Ferdigattest (2).pdf",
        "kode:7000001/Ferdigattest.pdf",
        "kode:7000004/Meglerpakke.zip",
        "kode:7000005/Meglerpakke.zip",
        "kode:7000006/Ferdigattest.pdf",
        "kode:7000006/Situasjonskart.pdf",
    ]
    orders = [entry["effect"]["order"] for entry in effects(played) if entry["effect"]["what"] == "order"]
    assert orders == ["7000004", "7000005", "7000006"]
    assert "a file can't be kept: its address is at localhost" in " ".join(played.out.split())
    assert "leak" not in {entry["effect"]["what"] for entry in effects(played)}


def effects(played: Played) -> list[dict[str, Any]]:
    return [entry for entry in journal(played.kept) if entry["effect"]]


def test_off_a_terminal_there_are_no_colours_and_nothing_that_moves(played: Played) -> None:
    assert "\x1b" not in played.out
    assert "\r" not in played.out


def test_nothing_is_written_but_where_it_is_kept(played: Played) -> None:
    assert list(played.temporary.iterdir()) == []
    assert {path.name for path in played.kept.iterdir()} == {"demo.toml", "journal.jsonl", "state", "syncer.log"}


def test_a_folder_with_something_in_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert showing.demo(argparse.Namespace(keep=tmp_path)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_everything_and_leaves_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*SYNCER, "demo"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as demo:
        assert demo.stdout is not None
        wait_for(lambda: passes_below(tmp_path) != [])
        demo.send_signal(number)
        demo.stdout.read()
        assert demo.wait(ENOUGH) == code
    wait_for(lambda: passes_below(tmp_path) == [])
    assert list(tmp_path.iterdir()) == []


def passes_below(folder: Path) -> list[str]:
    """The running programs whose configuration is in the folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in line and b"--once" in line:
            found.append(line.decode("utf-8", "replace"))
    return found


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + ENOUGH
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def test_what_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(showing, "PATIENCE", 0.2)
    assert showing.demo(argparse.Namespace(keep=None)) == 1
    assert "does not end" in " ".join(capsys.readouterr().out.split())


def test_a_program_that_breaks_ends_the_demo_with_its_last_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken = tmp_path / "demo.toml"
    broken.write_text("[portals.x]\nkind = 'none'\n")
    monkeypatch.setattr(showing, "demo_file", lambda: broken)
    assert showing.demo(argparse.Namespace(keep=None)) == 1
    assert "ended with 78: 1 mistake in the configuration" in " ".join(capsys.readouterr().out.split())


# --- the judge: it must notice lies ---------------------------------------------------------------------------
# The orders are dealt with by hand, call by call, so that each lie is the only thing that is wrong.

FEW = tuple(plot for plot in MORNING if plot.kind in {"plain, 1000 Mbit/s", "a service without a route"})
REFUSED = tuple(plot for plot in MORNING if plot.kind == "refused: the port is busy (409)")
BASIC = "Basic " + base64.b64encode(f"{NORD_USER}:{NORD_PASSWORD}".encode()).decode()


class Hand:
    """Does by hand what the program should: one plain order, one without a route, and one that is refused."""

    def __init__(self, day: Day) -> None:
        self.day = day
        plots = [Plot(kind="plain"), *(plot for plot in FEW if not plot.by), *REFUSED]
        self.plain, self.unmapped, self.refused = day.add(plots)
        login = self.portal("api_login", api_user="1234", api_key=API_KEY)
        found = re.search(rb"<hash_key>(\w+)", login)
        assert found is not None
        self.hash = found[1].decode()
        self.seen = [self.deliver(), self.park("received", "no route for service 3999"), self.refuse()]

    def portal(self, method: str, **params: str) -> bytes:
        query = urlencode({"method": method, "hash": getattr(self, "hash", ""), **params})
        return self.day.host.ask("GET", f"/xsp/plain/serviceguide_log?{query}", {}, lambda: b"", "").body

    def tell(self, number: str, *statuses: str) -> None:
        for status in statuses:
            self.portal("set_status", id=number, status=status)

    def say(self, number: str, text: str) -> None:
        self.portal("add_message", id=number, message=text, type="error")

    def activate(self, access: str) -> None:
        body = {"accessId": access, "service": "FIBER-250-250", "operation": "ACTIVATE", "spReference": "T.1"}
        headers = {"authorization": BASIC, "content-type": "application/json"}
        self.day.host.ask("POST", "/nordnet/onapi/2.4/orders/", headers, json.dumps(body).encode, "")

    def deliver(self) -> dict[str, Any]:
        self.activate(self.plain.access)
        self.tell(self.plain.number, "received", "active", "delivered")
        return view(self.plain.number, "delivered", None)

    def park(self, state: str, why: str) -> dict[str, Any]:
        self.tell(self.unmapped.number, state)
        self.say(self.unmapped.number, why)
        return view(self.unmapped.number, state, why)

    def refuse(self) -> dict[str, Any]:
        why = self.refused.plot.expected.said
        self.activate(self.refused.access)
        self.tell(self.refused.number, "received", "waiting")
        self.say(self.refused.number, why)
        return view(self.refused.number, "waiting", why)


def view(number: str, state: str, parked: str | None) -> dict[str, Any]:
    return {
        "order": f"tjansteguiden:{number}",
        "external_id": number,
        "state": state,
        "portal_status": state,
        "parked": parked,
    }


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Day() as day:
        yield Hand(day)


def test_judge_is_content_with_work_well_done(hand: Hand, capsys: pytest.CaptureFixture[str]) -> None:
    assert showing.conclude(hand.day, hand.seen, Screen())
    assert "3 of 3 orders are as they should be" in capsys.readouterr().out


def activated_again(hand: Hand) -> None:
    hand.day.nordnet.end_subscription(hand.day.nordnet.subscriptions_of(hand.plain.access)[0]["subscription"])
    hand.activate(hand.plain.access)


def activated_though_refused(hand: Hand) -> None:
    hand.day.nordnet.set_script(hand.refused.access)
    hand.activate(hand.refused.access)


def message_forgotten_by_the_portal(hand: Hand) -> None:
    hand.day.portal._orders[hand.unmapped.number].messages.clear()


def status_out_of_nowhere(hand: Hand) -> None:
    hand.day.portal._orders[hand.plain.number].written.insert(0, "received")


def not_active_any_more(hand: Hand) -> None:
    hand.day.nordnet.end_subscription(hand.day.nordnet.subscriptions_of(hand.plain.access)[0]["subscription"])


def write_after_the_close(hand: Hand) -> None:
    hand.day._closed_at = len(hand.day.host.journal)
    hand.say(hand.plain.number, "by the way")


def order_of_nobody(hand: Hand) -> None:
    hand.tell(hand.day.portal.add_order(), "received")


def bill(day: Day, name: str, customer: str = HOUSEHOLDS) -> None:
    """A sales order, as the program makes it."""
    host, form = day.host, {"content-type": "application/x-www-form-urlencoded"}
    asked = urlencode({"client_id": "shop-bridge", "client_secret": GKS4_SECRET, "grant_type": "client_credentials"})
    token = json.loads(host.ask("POST", "/gks4/connect/token", form, asked.encode, "").body)["access_token"]
    line = {"articleNumber": "BB-250", "description": "Bredband", "quantity": 1, "unitPrice": 395.0}
    order = {
        "customerNumber": customer, "name": name, "purchaseOrderNumber": name, "purchaseDate": "2031-05-04",
        "language": "sv", "currency": "SEK", "salesOrderLines": [line],
    }  # fmt: skip
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    answer = host.ask("POST", "/gks4/api/v1/salesorders", headers, json.dumps(order).encode, "")
    assert answer.status is not None
    assert answer.status < 300, answer.body


def test_judge_notices_what_is_billed_wrongly() -> None:
    with Day() as day:
        (case,) = day.add([Plot(kind="billed", service="3106", billed=True)])
        name = f"tjansteguiden:{case.number}"

        def complaints() -> tuple[str, ...]:
            (billed,) = day.judge([]).billed
            return billed.complaints

        assert complaints() == ("0 sales orders, not 1",)
        bill(day, name)
        assert complaints() == ()
        bill(day, name, BROKERS)
        assert complaints() == ("2 sales orders, not 1", f"billed to {BROKERS}, not to {HOUSEHOLDS}")


LIES: dict[str, tuple[Callable[[Hand], object], str]] = {
    "activated twice": (activated_again, "begun 2 times, not 1"),
    "activated though it was refused": (activated_though_refused, "begun 1 times, not 0"),
    "a status written twice": (lambda hand: hand.tell(hand.plain.number, "delivered"), "done twice: status delivered"),
    "a status too many": (lambda hand: hand.tell(hand.refused.number, "active"), "told received waiting active"),
    "a status that the journal never saw": (status_out_of_nowhere, "the journal has the statuses"),
    "a message twice": (lambda hand: hand.say(hand.unmapped.number, "no route for service 3999"), "2 messages, not 1"),
    "a message missing": (message_forgotten_by_the_portal, "0 messages, not 1"),
    "a message without the cause": (lambda hand: hand.say(hand.refused.number, "oh dear"), "a message doesn't say"),
    "not active at the network": (not_active_any_more, "0 services are active at the network, not 1"),
    "the portal changed behind our back": (
        lambda hand: hand.day.portal.change_status(hand.plain.number, "cancelled"),
        "the portal says cancelled, not delivered",
    ),
    "the program says otherwise": (lambda hand: hand.seen[0].update(state="active"), "the program says active"),
    "the program has an old status": (
        lambda hand: hand.seen[0].update(portal_status="active"),
        "the program believes that the portal says active",
    ),
    "the program lost an order": (lambda hand: hand.seen.pop(0), "the program doesn't know the order"),
    "the program made an order up": (
        lambda hand: hand.seen.append(view("990001", "delivered", None)),
        "that the portal never had",
    ),
    "not set aside": (lambda hand: hand.seen[1].update(parked=None), "not set aside because of"),
    "set aside for another reason": (lambda hand: hand.seen[1].update(parked="a bug"), "but: a bug"),
    "set aside without need": (lambda hand: hand.seen[0].update(parked="a bug"), "set aside: a bug"),
    "something done for nobody": (order_of_nobody, "something was done that no order asked for"),
    "a write where there was nothing to do": (write_after_the_close, "and yet wrote"),
    "a sales order of nobody": (
        lambda hand: bill(hand.day, "tjansteguiden:990001"),
        "a sales order that no order asked for",
    ),
    "a simulator that broke": (
        lambda hand: hand.day.host.crashes.append("Traceback\nKeyError: 'x'"),
        "a simulator broke: KeyError",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_judge_notices(hand: Hand, capsys: pytest.CaptureFixture[str], lie: str) -> None:
    tell_it, complaint = LIES[lie]
    tell_it(hand)
    assert not showing.conclude(hand.day, hand.seen, Screen())
    out = capsys.readouterr().out
    assert "✗" in out
    assert complaint in " ".join(out.split())


def test_demo_exits_with_1_where_they_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "play", lambda _day, _program, _screen: False)
    assert showing.demo(argparse.Namespace(keep=None)) == 1


# --- simulate -------------------------------------------------------------------------------------------------


@pytest.fixture
def simulating() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [*SYNCER, "simulate", "--port", "0", *words]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def how_to(process: subprocess.Popen[str]) -> str:
    """What it prints at first: up to the command that tries it."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "--once" in line:
            break
    return "".join(lines)


def test_simulate_can_be_tried_by_pasting_what_it_prints(
    simulating: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = simulating()
    paste = how_to(process).partition("In another terminal:")[2]
    tried = subprocess.run(
        ["bash", "-ec", paste + "true"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=ENOUGH
    )
    assert tried.returncode == 1, tried.stderr  # orders are set aside
    assert "39      38" in tried.stdout, tried.stdout
    process.terminate()
    assert process.wait(ENOUGH) == 0


def test_simulate_serves_until_it_is_told_to_stop(simulating: Callable[..., subprocess.Popen[str]]) -> None:
    process = simulating("--empty")
    found = re.search(r"(http://\S+)/_control", how_to(process))
    assert found is not None
    with requests.Session() as session:
        state = session.get(found[1] + "/_control/state", timeout=ENOUGH).json()["result"]
    assert set(state) == {"tjansteguiden", "nordnet", "sydnet", "courier", "kode", "vitec", "gks4"}
    assert state["tjansteguiden"] == {}
    process.send_signal(signal.SIGINT)
    assert process.wait(ENOUGH) == 0


def test_while_simulating_networks_work_on_and_orders_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "TICK_EVERY", 0.0)
    monkeypatch.setattr(showing, "ORDER_EVERY", 0.0)

    class Over:
        looks = 0

        def wait(self, _seconds: float) -> bool:
            self.looks += 1
            return self.looks > 6

    day = Day()
    showing._live(day, Over(), empty=False)  # type: ignore[arg-type] # it is only asked whether to stop
    assert len(day.cases) == 6
    empty = Day()
    showing._live(empty, Over(), empty=True)  # type: ignore[arg-type]
    assert empty.cases == []


def test_a_port_that_is_taken_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    with Day() as day:
        port = int(day.host.url.rpartition(":")[2])
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        assert showing.simulate(argparse.Namespace(port=port, empty=True)) == 1
    assert f"port {port}: Address already in use" in capsys.readouterr().err
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


# --- what they stand on ---------------------------------------------------------------------------------------


def test_demo_configuration_has_no_problem_and_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day()
    for name, text in day.secrets.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    config = load(showing.demo_file())
    assert config.warnings == ()
    assert set(config.fulfilments) == {"nordnet", "sydnet", "courier", "desk", "kode_orders"}
    assert set(config.secrets()) == set(day.secrets.values())


def test_wheel_holds_the_demo_configuration(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, timeout=ENOUGH,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read("syncer/demo.toml") == (ROOT / "config/demo.toml").read_bytes()


def send_router(url: str, order: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "syncer.simulators.send_router", url]
    return subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, check=False, timeout=ENOUGH)


def test_the_command_tells_by_its_exit_code_what_came_of_the_parcel() -> None:
    with Day() as day:
        url = day.host.url_of("/courier") + "/parcels"
        order = {"external_id": "770101", "key": "tjansteguiden.770101.s1"}
        day.courier.put_off("770101")
        assert [send_router(url, order).returncode for _ in range(2)] == [75, 0]
        day.courier.refuse("770102", "Slut på lådor")
        refused = send_router(url, {**order, "external_id": "770102"})
        assert (refused.returncode, refused.stderr) == (65, "Slut på lådor")
        day.host.fault("reset_after", "courier")
        unclear = send_router(url, {**order, "external_id": "770103"})
        assert unclear.returncode == 1
        assert "may be on its way" in unclear.stderr
        assert len(day.courier.parcels("770103")) == 1


def test_courier_books_again_for_the_same_order_and_says_so_in_its_effect() -> None:
    courier = CourierSimulator()
    booking = Request("POST", "/parcels", body=b'{"order": "1"}')
    first, second = courier.handle(booking).effect, courier.handle(booking).effect
    assert first == {"what": "parcel", "order": "1", "number": "P-4001"}
    assert second == {"what": "parcel", "order": "1", "number": "P-4002", "repeat": "yes"}
    assert courier.handle(Request("POST", "/parcels", body=b"[]")).status == 400
    assert courier.handle(Request("GET", "/parcels")).status == 404


def test_a_day_can_be_repeated() -> None:
    one, other = Day(), Day()
    assert [case.number + case.access for case in one.begin()] == [case.number + case.access for case in other.begin()]


def test_on_a_terminal_it_moves_and_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    screen, day = Screen(), Day()
    with screen.busy("a pass", day.host):
        time.sleep(0.1)
    assert "a pass: 0 requests" in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()
