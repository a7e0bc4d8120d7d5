"""Claims about the agent's pages as a person sees and uses them, in a real Chromium.

`SYNCER_SHOTS=folder pytest tests/web/test_agent_browser.py` leaves a picture of each page there.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncer.web.agent import Awaited, FormKind
from tests.web.desks import EMPTY, FILLED, PDF, PLAN, TOKEN, Office, office
from tests.web.test_browser import HEADINGS, LANDMARKS, NAMELESS, SEEN, SIZES, WIDE, browser
from tests.web.visiting import link

__all__ = ["browser"]
ORDER = "vitec:ord-7781"
# What can be pressed or written into, and is too low for a thumb.
SMALL = """() => [...document.querySelectorAll('button, input[type=text], label.choice, main a')]
  .map(one => [one.textContent.trim() || one.name, one.getBoundingClientRect().height])
  .filter(([, high]) => high < 24)"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as made:
        yield made


@pytest.fixture
def visit(browser: Any, opened: Office) -> Iterator[Callable[..., Any]]:
    """Opens a path in a browser of its own; what it complains of is the page's `complaints`."""
    contexts = []

    def see(path: str, size: str = "desktop", scheme: str = "light", *, scripts: bool = True) -> Any:
        context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, java_script_enabled=scripts)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(opened.url + path)
        return page

    yield see
    for context in contexts:
        context.close()


def faults_of(page: Any, name: str) -> list[str]:
    """What somebody who sees badly, or hears the page, or has a narrow screen, would stumble over."""
    if folder := os.environ.get("SYNCER_SHOTS"):
        page.screenshot(path=f"{folder}/agent-{name}.png", full_page=True)
    found = [f"too faint: {text} ({ratio:.2f})" for text, ratio in page.evaluate(SEEN) if ratio < 4.5]
    scrolled, width = page.evaluate(WIDE)
    found += [f"it sticks out at the side: {scrolled} of {width}"] if scrolled > width else []
    found += [f"too small: {text} ({high})" for text, high in page.evaluate(SMALL)]
    levels = [tag for tag, _ in page.evaluate(HEADINGS)]
    found += [] if levels.count("H1") == 1 and levels[0] == "H1" else [f"headings: {levels}"]
    found += [] if page.evaluate(LANDMARKS) == [1, 1, 1] else ["landmarks"]
    found += [] if page.evaluate(NAMELESS) == 0 else ["a section without a name"]
    found += [] if page.evaluate("() => document.documentElement.lang") == "sv" else ["language"]
    return [f"{name}: {one}" for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_each_page_can_be_read_by_everybody(opened: Office, visit: Callable[..., Any], size: str, scheme: str) -> None:
    page = visit(link(), size, scheme)
    found = faults_of(page, f"form-{size}-{scheme}")
    page.click("text=Visa priset")
    found += faults_of(page, f"faults-{size}-{scheme}")
    page.fill("#cadastre", FILLED["cadastre"])
    page.fill("#address", FILLED["address"])
    page.check(f"[value={PLAN.code}]")
    page.click("text=Visa priset")
    found += faults_of(page, f"confirm-{size}-{scheme}")
    page.click("button:text-is('Beställ')")
    found += faults_of(page, f"placed-{size}-{scheme}")
    long = "Reguleringsplankart_med_bestemmelser_Provgatan_9_0155_Oslo_utgave_2031-05-04.pdf"
    opened.desk.deliver(ORDER, "Plankarta.pdf", long)
    page.reload()
    found += faults_of(page, f"files-{size}-{scheme}")
    page.goto(opened.url + "/vitec/o/unknown")
    found += faults_of(page, f"gone-{size}-{scheme}")
    assert [one for one in page.complaints if "404" not in one and "422" not in one] == []
    assert found == []


def test_an_order_is_placed_without_javascript_and_by_keyboard_alone(opened: Office, visit: Callable[..., Any]) -> None:
    page = visit(link(), "phone", scripts=False)
    page.focus("#cadastre")
    page.keyboard.type(FILLED["cadastre"])
    page.keyboard.press("Tab")
    page.keyboard.type(FILLED["address"])
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Kontrollera och beställ")
    page.focus("button >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Underlaget är beställt")
    assert opened.desk.placed == [(ORDER, FILLED)]


def test_the_browser_s_address_and_history_hold_no_token(opened: Office, visit: Callable[..., Any]) -> None:
    page = visit(link())
    assert "/vitec/o/" in page.url
    assert "token" not in page.url
    assert TOKEN not in page.content()
    assert page.evaluate("() => history.length") <= 2
    assert page.evaluate("() => document.referrer") == ""


def test_reloading_the_page_after_ordering_orders_nothing_again(opened: Office, visit: Callable[..., Any]) -> None:
    opened.desk.add("ord-7781", replace(EMPTY, form=FormKind.CADASTRE, products=(PLAN,), values=FILLED))
    page = visit(link())
    page.click("text=Visa priset")
    page.dblclick("button:text-is('Beställ')")
    page.wait_for_selector("text=Underlaget är beställt")
    page.reload()
    page.reload()
    page.goto(opened.url + link())
    page.wait_for_selector("text=Underlaget är beställt")
    assert len(opened.desk.placed) == 1


def test_a_file_is_downloaded_by_its_name(opened: Office, visit: Callable[..., Any]) -> None:
    opened.desk.add("ord-7781")
    opened.desk.deliver(ORDER, "Plankarta Årsta.pdf", "sida.html")
    page = visit(link())
    for name in ("Plankarta Årsta.pdf", "sida.html"):
        with page.expect_download() as download:
            page.click(f'a[aria-label="Ladda ner {name}"]')
        assert download.value.suggested_filename == name
        assert Path(download.value.path()).read_bytes() == PDF
    assert page.complaints == []


def test_no_other_page_may_frame_it_or_send_its_form(opened: Office, visit: Callable[..., Any]) -> None:
    page = visit(link())
    address = page.url
    other = visit("/healthz")
    other.goto("about:blank")
    other.set_content(
        f'<iframe src="{address}"></iframe><form method="post" action="{address}"><button>x</button></form>'
    )
    other.wait_for_timeout(300)
    assert "Provgatan" not in other.frames[1].content()
    other.click("text=x")
    other.wait_for_selector("text=Formuläret kom från en annan sida")
    assert opened.desk.placed == []
    assert opened.desk.sheets[ORDER].awaited is Awaited.AGENT
