"""Claims about the pages of the real service: what they show follows what happens."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from time_machine import travel

from syncer.pulse import Heart
from syncer.service import Flags
from syncer.simulators.on_api import Script
from tests.privacy.canaries import PEOPLE, SECRETS, found_in
from tests.privacy.conftest import scenes
from tests.privacy.scene import Scene
from tests.ring.harness import World
from tests.service.doubles import FakeEngine
from tests.service.doubles import served as serve_doubles
from tests.web.asking import Got, ask
from tests.web.scenes import served

__all__ = ["scenes"]

PATIENCE = 60.0
POLL = 1.0  # seconds


@contextmanager
def _running(world: World) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The real program as a service, and the address of its pages; it ends cleanly."""
    with world.start("run") as process, ExitStack() as stack:
        assert process.stdout is not None
        started = next(line for line in process.stdout if '"web.started"' in line)
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        stack.callback(reader.join)
        yield json.loads(started)["url"], process
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def _until(url: str, path: str, wanted: Callable[[Got], bool], seconds: float = PATIENCE) -> Got:
    """Asks until the answer is as wanted."""
    until = time.monotonic() + seconds
    while True:
        got = ask(url, path)
        if wanted(got):
            return got
        assert time.monotonic() < until, got.text
        time.sleep(0.1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    web = '[web]\nlisten = "127.0.0.1:0"'
    with World(tmp_path, at=None, top=web, level="info", portal_lines=f'poll_every = "{POLL:g}s"') as made:
        yield made


def test_an_outage_shows_within_two_polls_and_ten_seconds_and_so_does_its_end(world: World) -> None:
    world.order(Script(received_ticks=1))
    with _running(world) as (url, _):
        _until(url, "/", lambda got: "All is well" in got.text and "1 order came today" in got.text)
        assert 'syncer_remote_up{remote="tg"} 1.0' in ask(url, "/metrics").text
        fault = world.host.fault("error_before", "tg")
        down = _until(url, "/", lambda got: "Down: tg" in got.text, 2 * POLL + 10)
        assert "down since" in down.text
        assert 'syncer_remote_up{remote="tg"} 0.0' in ask(url, "/metrics").text
        assert ask(url, "/healthz").status == 200  # passes go on
        assert fault.taken > 0
        world.host.clear_faults()
        _until(url, "/", lambda got: "All is well" in got.text, 2 * POLL + 10)
        assert 'syncer_remote_up{remote="tg"} 1.0' in ask(url, "/metrics").text


def test_an_order_can_be_followed_from_the_page_and_the_metrics_count_it(world: World) -> None:
    number, odd = world.order(), world.order(service="77")
    with _running(world) as (url, _):
        page = _until(url, "/", lambda got: "1 order waits for a person" in got.text)
        assert f"<code>syncer retry tg:{odd}</code>" in page.text
        ended = _until(url, f"/orders/tg:{number}", lambda got: "the order is delivered, and tg knows" in got.text)
        assert "order.begun" in ended.text or "order.done" in ended.text
        text = _until(url, "/metrics", lambda got: 'syncer_orders{state="delivered"} 1.0' in got.text).text
        assert 'syncer_poll_new_total{portal="tg"} 2.0' in text
        assert 'syncer_orders_parked{reason="route"} 1.0' in text
        calls = re.findall(
            r'syncer_calls_total\{operation="orders.create",outcome="201",remote="nordnet"\} (\S+)', text
        )
        assert calls == ["1.0"]


def test_the_pages_follow_a_configuration_that_is_read_again(world: World) -> None:
    with _running(world) as (url, process):
        assert 'syncer_poll_new_total{portal="tg"}' in ask(url, "/metrics").text
        assert "errand" not in ask(url).text
        world.configure(more='[fulfilments.errand]\nkind = "manual"')
        process.send_signal(signal.SIGHUP)
        _until(url, "/", lambda got: "errand" in got.text)


# --- health ---------------------------------------------------------------------------------------------------


def test_health_is_false_when_passes_stop_completing_and_true_again_by_itself(tmp_path: Path) -> None:
    heart = Heart(timedelta(seconds=0.3))
    with served(tmp_path, vitals=heart.pulse) as web:
        heart.beat(0.1, ["tg"])
        assert ask(web.url, "/healthz").status == 200
        late = _until(web.url, "/healthz", lambda got: got.status == 503)
        assert "no pass has completed for" in late.text
        assert "Passes do not complete" in ask(web.url).text
        heart.beat(0.1, ["tg"])
        assert ask(web.url, "/healthz").text == "ok\n"


def test_a_clock_that_jumps_makes_nobody_ill() -> None:
    heart = Heart()
    heart.beat(0.1, ["tg"])
    for jump in (timedelta(days=-30), timedelta(days=400)):
        with travel(heart.pulse().started_at + jump):
            assert heart.pulse().overdue is None


def test_a_pulse_remembers_when_each_source_was_read() -> None:
    heart = Heart()
    assert (heart.pulse().passes, heart.pulse().last_pass_at) == (0, None)
    heart.beat(0.1, ["tg", "malmo"])
    first = heart.pulse().polled["malmo"]
    heart.beat(0.2, ["tg"])
    assert (heart.pulse().passes, heart.pulse().last_pass_seconds) == (2, 0.2)
    assert heart.pulse().polled["malmo"] == first <= heart.pulse().polled["tg"]


# --- what must not be -----------------------------------------------------------------------------------------


def test_no_page_and_no_metric_shows_a_secret_or_a_person(scenes: Callable[..., Scene], tmp_path: Path) -> None:
    """Every kind of order, with canaries in each of its fields, and remotes that repeat what they were sent."""
    scene = scenes(parrot=True)
    scene.fill()
    scene.run("--once")
    scene.nordnet.tick(5)
    scene.host.fault("echo_400", "stads", "orders", times=1)
    scene.run("--once")
    names = scene.names()
    with served(scene.file.parent, existing=True) as web:
        paths = ["/", "/metrics", "/healthz", *(f"/orders/{name}" for name in names)]
        texts = {path: ask(web.url, path).text for path in paths}
    assert len(texts) > 15
    assert {path: found for path, text in texts.items() if (found := found_in(text, SECRETS | PEOPLE))} == {}
    assert "[hidden]" in "".join(texts.values())  # the causes were told, without the people in them


@pytest.mark.parametrize("words", [["--once"], ["status"]])
def test_no_command_but_run_pays_for_the_pages(words: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; from syncer.cli import main; main(sys.argv[1:]);"
        "print([name for name in ('flask', 'cheroot', 'prometheus_client', 'jinja2') if name in sys.modules])"
    )
    with World(tmp_path, at=None, top='[web]\nlisten = "127.0.0.1:0"') as world:
        command = [sys.executable, "-c", program, *words, "--config", str(world.config_file)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_the_pages_files_are_part_of_the_program() -> None:
    from syncer import web

    folder = Path(web.__file__).parent
    assert {path.name for path in (folder / "templates").iterdir()} == {
        "base.html", "message.html", "order.html", "parts.html", "status.html",
        "agent_base.html", "agent_confirm.html", "agent_message.html", "agent_order.html", "agent_parts.html",
    }  # fmt: skip
    for name in ("style.css", "agent.css"):
        css = (folder / "static" / name).read_text(encoding="utf-8")
        assert "url(" not in css
        assert "@import" not in css


def test_a_hung_pass_makes_the_service_ill_and_its_end_well_again(tmp_path: Path) -> None:
    """The service's own loop, with an engine whose second pass never ends until it is told to."""
    heart, hang, flags = Heart(timedelta(seconds=0.5)), threading.Event(), Flags()

    def work(number: int) -> None:
        if number == 2:
            hang.wait(PATIENCE)

    engine = FakeEngine(work)
    thread = threading.Thread(
        target=serve_doubles, args=(engine, flags), kwargs={"on_pass": lambda one: heart.beat(one.seconds, one.polled)}
    )
    with served(tmp_path, vitals=heart.pulse) as web:
        thread.start()
        try:
            _until(web.url, "/healthz", lambda got: got.status == 503)
            assert "syncer_healthy 0.0" in ask(web.url, "/metrics").text
            hang.set()
            _until(web.url, "/healthz", lambda got: got.status == 200)
            assert "syncer_healthy 1.0" in ask(web.url, "/metrics").text
        finally:
            hang.set()
            flags.stop.set()
            thread.join()
    assert engine.meetings == 0
