"""Claims about the pages as a person sees them, in a real Chromium.

`SYNCER_SHOTS=folder pytest tests/web/test_browser.py` leaves a picture of each page there.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.web.scenes import Served

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZES = {"desktop": {"width": 1200, "height": 900}, "phone": {"width": 360, "height": 740}}
PATHS = {
    "empty": ("", "/"),
    "quiet": ("quiet", "/"),
    "outage": ("outage", "/"),
    "parked": ("parked", "/"),
    "order": ("parked", "/orders/tjansteguiden:770301"),
    "ended": ("parked", "/orders/tjansteguiden:770101"),
}
# Every text with the colours that it is seen in: of its own, and of the nearest background that isn't clear.
SEEN = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const under = one => {
    for (; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement, box = one.getBoundingClientRect();
    if (!walk.currentNode.data.trim() || !box.width || box.right < 0) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(under(one))];
    found.push([walk.currentNode.data.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""
# What can be operated, and how large it is; what sticks out at the side.
WIDE = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3')].map(h => [h.tagName, h.textContent.trim()])"
NAMELESS = """() => [...document.querySelectorAll('section')].filter(s => {
  const by = s.getAttribute('aria-labelledby'); return !by || !document.getElementById(by)?.textContent.trim();
}).length"""
LANDMARKS = "() => ['header', 'main', 'footer'].map(tag => document.querySelectorAll(`body > ${tag}`).length)"
SHAPES = "() => [...document.querySelectorAll('.mark')].map(m => [m.classList[1], m.innerHTML])"


@dataclass
class Look:
    """A page in the browser, and what the browser complained of."""

    page: Any
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        why = "Chromium is not installed: apt-get install --no-install-recommends chromium"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield made
        made.close()


@pytest.fixture(scope="module")
def look(browser: Any, standing: Callable[..., Served]) -> Iterator[Callable[..., Look]]:
    contexts: dict[tuple[str, str, bool], Any] = {}

    def see(
        which: str, size: str = "desktop", scheme: str = "light", *, scripts: bool = True, query: str = "?still"
    ) -> Look:
        situation, path = PATHS[which]
        if (size, scheme, scripts) not in contexts:
            contexts[size, scheme, scripts] = browser.new_context(
                viewport=SIZES[size], color_scheme=scheme, java_script_enabled=scripts
            )
        seen = Look(contexts[size, scheme, scripts].new_page())
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("requestfailed", lambda request: seen.complaints.append(f"failed: {request.url}"))
        seen.page.on("response", lambda answer: _note(seen, answer))
        seen.page.goto(standing(situation or None).url + path + query)
        return seen

    yield see
    for context in contexts.values():
        context.close()


def _note(seen: Look, answer: Any) -> None:
    if answer.status >= 400 and not answer.request.is_navigation_request():
        seen.complaints.append(f"{answer.status}: {answer.url}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_page_can_be_read_by_everybody(look: Callable[..., Look], size: str, scheme: str) -> None:
    for which in PATHS:
        seen = look(which, size, scheme)
        if folder := os.environ.get("SYNCER_SHOTS"):
            seen.page.screenshot(path=f"{folder}/{which}-{size}-{scheme}.png", full_page=True)
        assert _faults(seen) == [], f"{which}, {size}, {scheme}"
        seen.page.close()


def _faults(seen: Look) -> list[str]:
    """What somebody who sees badly, or hears the page, or has a narrow screen, would stumble over."""
    page, found = seen.page, list(seen.complaints)
    found += [f"too faint: {text} ({ratio:.2f})" for text, ratio in page.evaluate(SEEN) if ratio < 4.5]
    scrolled, width = page.evaluate(WIDE)
    found += [f"it sticks out at the side: {scrolled} of {width}"] if scrolled > width else []
    headings = page.evaluate(HEADINGS)
    levels = [tag for tag, _ in headings]
    sound = levels.count("H1") == 1 and levels[0] == "H1" and all(text for _, text in headings)
    found += [] if sound else [f"headings: {headings}"]
    found += [] if page.evaluate(LANDMARKS) == [1, 1, 1] else ["landmarks"]
    found += [] if page.evaluate(NAMELESS) == 0 else ["a section without a name"]
    found += [] if page.evaluate("() => document.documentElement.lang") == "en" else ["language"]
    found += [] if page.title().endswith("syncer") else [f"title: {page.title()}"]
    return found


def test_the_pages_need_no_javascript_and_have_none(look: Callable[..., Look]) -> None:
    for which in PATHS:
        seen = look(which, scripts=False)
        assert seen.page.locator("h1").count() == 1
        assert seen.page.locator("script").count() == 0
        assert seen.page.locator("[style], [onclick], [onload]").count() == 0


def test_how_things_stand_is_told_by_shape_and_word_besides_colour(look: Callable[..., Look]) -> None:
    pages = [look(which).page for which in ("quiet", "outage", "parked")]
    shapes: dict[str, str] = {sign: drawing for page in pages for sign, drawing in page.evaluate(SHAPES)}
    assert {"well", "look", "ill", "up", "down", "idle"} <= shapes.keys()
    assert len({shapes[sign] for sign in ("up", "down", "idle", "look")}) == 4
    text = look("outage").page.inner_text("main")
    assert text.count("down since") == 2


def test_an_order_is_reached_and_left_again_by_keyboard_alone(look: Callable[..., Look]) -> None:
    page = look("parked").page
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.textContent") == "malmo:770101":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/malmo:770101")
    assert page.inner_text("h1") == "malmo:770101"
    assert "no route for service 3399" in page.inner_text("main")
    page.click("text=How things stand")
    assert "4 orders wait for a person" in page.inner_text("h1")


def test_the_page_looks_again_by_itself_and_stays_where_it_was(
    look: Callable[..., Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncer.web.app.REFRESH", 1)
    page = look("parked", "phone", query="").page
    before = page.locator(".clock time").get_attribute("datetime")
    page.evaluate("() => window.scrollTo(0, 700)")
    page.locator(f'.clock time:not([datetime="{before}"])').wait_for(timeout=20_000, state="attached")
    page.wait_for_function("() => window.scrollY === 700", timeout=20_000)
    page.close()


def test_the_page_looks_again_without_javascript_too(
    look: Callable[..., Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncer.web.app.REFRESH", 1)
    page = look("quiet", scripts=False, query="").page
    before = page.locator(".clock time").get_attribute("datetime")
    page.locator(f'.clock time:not([datetime="{before}"])').wait_for(timeout=20_000, state="attached")
    page.close()
