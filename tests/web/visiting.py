"""An agent's browser, as far as it matters: it follows the redirect, reads the form, fills it in and sends it."""

import http.client
import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import quote, urlencode, urlsplit

from tests.web.asking import Got, ask
from tests.web.desks import TOKEN, Office

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
ACTION = re.compile(r'<form method="post" action="([^"]+)"')
FORM = re.compile(r"<form.*?</form>", re.DOTALL)
SAME = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}  # as Chromium says it of pages that forbid a Referer


def link(token: str = TOKEN, customer: str = "M40017", portal: str = "vitec") -> str:
    return f"/{portal}/start?customerId={customer}&token={quote(token, safe='')}"


def post(
    url: str, path: str, fields: dict[str, str] | list[tuple[str, str]], headers: dict[str, str] | None = None
) -> Got:
    """One form, sent."""
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        line.request("POST", path, urlencode(fields), kind | SAME | (headers or {}))
        answer = line.getresponse()
        body = answer.read().decode()
        return Got(answer.status, {name.lower(): text for name, text in answer.getheaders()}, body)
    finally:
        line.close()


@dataclass
class Agent:
    """Somebody who has opened the link. `page` is the address that it led to."""

    office: Office
    page: str
    seen: Got = field(repr=False)

    @classmethod
    def opens(cls, office: Office, path: str | None = None) -> "Agent":
        led = ask(office.url, path or link())
        assert led.status == 303, led.text
        page = led.headers["location"]
        return cls(office, page, ask(office.url, page))

    def looks(self) -> Got:
        self.seen = ask(self.office.url, self.page)
        return self.seen

    def sends(self, fields: dict[str, str], which: int = 0) -> Got:
        """Fills in one of the page's forms, and sends it with its hidden fields."""
        form = FORM.findall(self.seen.text)[which]
        action = unescape(ACTION.findall(form)[0])
        hidden = [(unescape(name), unescape(value)) for name, value in HIDDEN.findall(form)]
        self.seen = post(self.office.url, action, [*hidden, *fields.items()])
        return self.seen

    def confirms(self) -> Got:
        """Presses the first button of the page that shows the price."""
        return self.sends({})
