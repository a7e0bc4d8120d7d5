"""The whole chain as an estate agent lives it: the real service, every remote simulated, and a real Chromium.

From Vitec's link over the form to files that are saved; what the agent did and what the remotes saw must agree.
`SYNCER_SHOTS=folder pytest tests/web/test_chain_browser.py` leaves a picture of each step there.
"""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import State
from syncer.simulators.kode.model import File
from tests.ring.chain import FORM, OFFICE, ChainWorld, assert_each_once
from tests.ring.kode import SECRET, assert_files_are_right
from tests.web.asking import ask
from tests.web.test_agent_browser import faults_of
from tests.web.test_browser import browser

__all__ = ["browser"]

SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 740}}
OBJECT = "OBJ40017_1700000001"
SOON = 10.0  # seconds that an agent waits without wondering
PATIENCE = 60.0


@dataclass
class Running:
    """The service while it runs: its address, and all that it has logged so far."""

    world: ChainWorld
    url: str
    lines: list[str] = field(default_factory=list)

    def until(self, wanted: Callable[[], Any], seconds: float = SOON) -> float:
        """Waits until something is so; the seconds that it took."""
        began = time.monotonic()
        while not wanted():
            assert time.monotonic() - began < seconds, "".join(self.lines[-20:])
            time.sleep(0.05)
        return time.monotonic() - began


@contextmanager
def running(world: ChainWorld) -> Iterator[Running]:
    """The real program as a process of its own; it ends cleanly."""
    with world.start("run") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = next(line for line in process.stdout if '"web.started"' in line)
        made = Running(world, json.loads(line)["url"])
        reader = threading.Thread(target=lambda: made.lines.extend(process.stdout or ()))
        reader.start()
        try:
            yield made
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0
            reader.join()
        assert process.stderr.read() == ""


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    port = _free()
    web = f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
    with ChainWorld(tmp_path, at=None, web=web, level="info") as world, running(world) as made:
        yield made


@dataclass
class Visit:
    """An agent's browser. `faults` is what somebody would stumble over on the pages so far."""

    service: Running
    page: Any
    size: str
    faults: list[str] = field(default_factory=list)

    def looks(self, step: str, *texts: str) -> None:
        """Looks the page over, on which these texts must be."""
        self.page.wait_for_load_state()
        shown = self.page.inner_text("main")
        assert [text for text in texts if text not in shown] == [], shown + "".join(self.service.lines)
        self.faults += faults_of(self.page, f"chain-{step}-{self.size}")

    def saves(self, press: Callable[[], Any]) -> tuple[str, str]:
        """The name and the hash of the file that the browser saves."""
        with self.page.expect_download(timeout=SOON * 1000) as download:
            press()
        saved = download.value
        return saved.suggested_filename, hashlib.sha256(Path(saved.path()).read_bytes()).hexdigest()


@pytest.fixture(params=SIZES)
def visit(browser: Any, service: Running, request: pytest.FixtureRequest) -> Iterator[Visit]:
    context = browser.new_context(viewport=SIZES[request.param])
    made = Visit(service, context.new_page(), request.param)
    made.page.on("pageerror", lambda error: made.faults.append(str(error)))
    yield made
    context.close()


def test_an_agent_orders_on_the_page_and_gets_the_files_within_seconds(visit: Visit) -> None:
    world = visit.service.world
    visit.service.until(lambda: any('"remote": "vitec"' in line for line in visit.service.lines))
    number = world.ordered()  # the next list is read in a quarter of an hour
    link = world.vitec.open_order(number)
    visit.page.goto(f"{visit.service.url}/vitec/start?{link['query']}")
    visit.looks("form", "Vi behöver några uppgifter från dig", OBJECT)
    _fills_in_wrongly_and_rightly(visit)
    assert world.kode.created() == []
    visit.page.click("button:text-is('Beställ')")
    visit.looks("ordered", FORM["address"], "Det finns inga filer än.")
    visit.service.until(lambda: world.agent_order(number).state is State.ACTIVE)
    visit.page.reload()
    visit.looks("placed", "Underlaget är beställt")
    _kode_delivers(world, visit.service.url)
    visit.service.until(lambda: world.agent_order(number).ended_at is not None)
    visit.page.reload()
    visit.looks("files", "Levererad", "karta.png", "plan.pdf")
    assert visit.saves(lambda: visit.page.click('a[aria-label="Ladda ner karta.png"]')) == _as_kode_has_it(world, 1)
    (note,) = world.vitec.notes()
    pdf = next(line.partition(": ")[2] for line in note["text"].splitlines() if line.startswith("plan.pdf: "))
    visit.page.goto("about:blank")
    visit.page.set_content(f"<a href='{pdf}'>Vitec</a>")
    assert visit.saves(lambda: visit.page.click("a")) == _as_kode_has_it(world, 0)
    assert visit.faults == []
    _assert_true(visit, number, link["token"])


def test_the_first_agent_who_comes_finds_the_desk_open(service: Running) -> None:
    assert "Länken är inte hel" in ask(service.url, "/vitec/start").text


def _fills_in_wrongly_and_rightly(visit: Visit) -> None:
    page = visit.page
    page.fill("#cadastre", "9999-12")
    page.click("text=Visa priset")
    visit.looks("faults", "Skriv som i exemplet.", "Fyll i det här fältet.")
    for name, text in FORM.items():
        page.fill(f"#{name}", text)
    page.click("text=Visa priset")
    visit.looks("price", "Kontrollera och beställ", "Meglerpakke", "2\N{NO-BREAK SPACE}050,00\N{NO-BREAK SPACE}NOK")


def _kode_delivers(world: ChainWorld, url: str) -> None:
    """Two files, and a push that tells of them."""
    placed = int(world.placed())
    for name in ("plan.pdf", "karta.png"):
        world.kode.add_file(placed, File(name=name, filename=name))
    world.kode.change_status(placed, "FINISHED")
    assert set(world.kode.send_pushes(f"{url}/push/kode/{SECRET}")) == {200}


def _as_kode_has_it(world: ChainWorld, place: int) -> tuple[str, str]:
    name = ("plan.pdf", "karta.png")[place]
    (file,) = [one for one in world.files(world.placed()) if one.name == name]
    return name, world.kode.digest(file.asset)


def _assert_true(visit: Visit, number: str, token: str) -> None:
    """What the remotes have seen is what the agent did, once; and nobody can read in the log who it was."""
    world = visit.service.world
    (bill,) = world.gks4.sales_orders()
    assert bill["reference"] == f"vitec:{number}"
    assert_each_once(world)
    assert_files_are_right(world)
    assert world.vitec.mistakes() == []
    said = "".join(visit.service.lines)
    assert "agent.ordered" in said
    assert [one for one in (token, *FORM.values(), OFFICE, "/vitec/o/", "/vitec/f/") if one in said] == []
