"""A browser, as far as it matters: it follows where it is sent, reads forms and links, fills in, presses and saves.

Plain requests to this machine, by what the pages say. What is on the pages is nobody's business here.
"""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

SECONDS = 20.0
MOST_STEPS = 5
SILENT = frozenset({"head", "script", "style"})


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes, its fields with their values, and its button's text."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    button: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was answered to one request. `url` is where it ended, `content` its bytes."""

    status: int
    url: str
    content: bytes


class _Reader(HTMLParser):
    """Takes a page's forms, links (by what they are called aloud) and text out of it."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.text: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag != "wbr":  # a place where a word may be broken
            self.text.append(" ")
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        elif tag == "input" and self.forms:
            self.forms[-1].fields.append((given.get("name", ""), given.get("value", "")))
        elif tag == "a":
            self.links[given.get("aria-label", "")] = given.get("href", "")
        if tag in SILENT or tag == "button":
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            self._within.remove(tag)

    def handle_data(self, data: str) -> None:
        if "button" in self._within and self.forms:
            self.forms[-1].button += data.strip()
        if not SILENT & set(self._within):
            self.text.append(data)


class Browser:
    """One window. `start` is the address of the site that it looks at."""

    def __init__(self, start: str) -> None:
        self._at = start
        self._page = _Reader()

    @property
    def text(self) -> str:
        """What is on the page, with single spaces."""
        return " ".join("".join(self._page.text).split())

    @property
    def links(self) -> Mapping[str, str]:
        """Where the page's links lead, by what they are called."""
        return self._page.links

    def opens(self, address: str) -> None:
        """Goes to a page, and on where it is sent."""
        self._show(self.saves(address))

    def again(self) -> None:
        """Loads the page anew."""
        self.opens(self._at)

    def presses(self, button: str, values: Mapping[str, str] | None = None, times: int = 1) -> None:
        """Fills in the form that has the button, and sends it, perhaps impatiently."""
        form = next((one for one in self._page.forms if one.button == button), None)
        if form is None:
            raise LookupError(f"there is no button “{button}” on the page")
        filled = [(name, (values or {}).get(name, value)) for name, value in form.fields]
        for _ in range(times):
            answer = self._asked("POST", urljoin(self._at, form.action), urlencode(filled))
        self._show(answer)

    def saves(self, address: str) -> Saved:
        """Whatever is at an address."""
        return self._asked("GET", urljoin(self._at, address))

    def _show(self, answer: Saved) -> None:
        self._at, self._page = answer.url, _Reader()
        self._page.feed(answer.content.decode("utf-8", "replace"))

    def _asked(self, method: str, url: str, body: str | None = None) -> Saved:
        """The answer, at the end of the way."""
        for _ in range(MOST_STEPS):
            status, content, sent_to = _one(method, url, body)
            if sent_to is None:
                return Saved(status, url, content)
            method, url, body = "GET", urljoin(url, sent_to), None
        raise LookupError("the page leads round in circles")


def _one(method: str, url: str, body: str | None) -> tuple[int, bytes, str | None]:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    kind = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        line.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, kind)
        with line.getresponse() as answer:
            where = answer.getheader("Location") if 300 <= answer.status < 400 else None
            return answer.status, answer.read(), where
    finally:
        line.close()
