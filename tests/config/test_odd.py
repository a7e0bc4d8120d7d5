"""Claims about what is odd but works: a warning, and nothing more."""

from pathlib import Path

import pytest

from tests.config.written import (
    DESK,
    GOOD,
    KEY,
    NET,
    TO_DESK,
    XSP,
    key_of,
    read,
)

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
