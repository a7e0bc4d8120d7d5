"""A pass over orders that have not changed: what the portal's answer costs, and what we add to it."""

import io
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import requests

from syncer.config import Config, load
from syncer.engine import Engine, Summary
from syncer.remotes.http import Answer, Http, Limits
from syncer.remotes.xsp import Xsp
from syncer.store import Store
from syncer.telemetry import Redactor, configure
from syncer.wiring import engine_of
from tests.benchmarks.figures import Figure, Taken, Work, medians, take_turns
from tests.benchmarks.portal import API_KEY, API_USER, running

MOST_OWN = 0.015  # seconds
SINCE = datetime.now(UTC).date() - timedelta(days=1)  # as a pass asks: the newest order's day, and the overlap
CONFIGURATION = """
[portals.portal]
kind = "xsp"
url = "{url}"
api_user = {user}
api_key = {{ file = "xsp.secret" }}
parallel = 16
rate = 1000

[fulfilments.desk]
kind = "manual"

[[routes]]
portal = "portal"
fulfilment = "desk"
"""


def configured(folder: Path, url: str) -> Config:
    """A configuration for that portal, with its store in the folder."""
    secret = folder / "xsp.secret"
    secret.write_text(API_KEY)
    secret.chmod(0o600)
    file = folder / "syncer.toml"
    file.write_text(CONFIGURATION.format(url=url, user=API_USER))
    return load(file)


def unchanged(folder: Path, orders: int, rounds: int) -> Figure:
    """A pass against the bare call that it makes and the bare parsing of the answer, in turns."""
    with running(orders) as url, _filled(configured(folder, url), orders) as engine, requests.Session() as session:
        call = _bare_call(session, url)
        works = {"pass": lambda: _check(_pass(engine), orders), "call": call, "parsing": _bare_parsing(call())}
        taken = take_turns(works, rounds)
    own = _left(taken, lambda turn: turn.clock)
    middle = medians(taken)
    return Figure(
        name=f"a pass over {orders} unchanged orders",
        ratio=middle["pass"] / (middle["call"] + middle["parsing"]),
        meaning="pass / (bare call + bare parsing)",
        seconds={**middle, "own": own, "own, of the processor": _left(taken, lambda turn: turn.processor)},
        target=f"own time at most {MOST_OWN * 1000:g} ms",
        ok=own <= MOST_OWN,
    )


def _left(taken: Mapping[str, list[Taken]], part: Callable[[Taken], float]) -> float:
    """The median, over the rounds, of what a pass took beyond the call and the parsing of the same round."""
    rounds = zip(taken["pass"], taken["call"], taken["parsing"], strict=True)
    return statistics.median(part(whole) - part(call) - part(parsing) for whole, call, parsing in rounds)


@contextmanager
def _filled(config: Config, orders: int) -> Iterator[Engine]:
    """An engine that has taken every order as far as it goes."""
    redactor = Redactor(config.secrets())
    configure("info", "json", io.StringIO(), redactor)
    with Store.open(config.store.url) as store:
        engine = engine_of(config, store, redactor)
        first = engine.run_pass(once=True)
        assert first.ingested == orders, first
        assert not first.problems, first.problems
        yield engine


def _pass(engine: Engine) -> Summary:
    """As the service runs it."""
    return engine.run_pass(sources=list(engine.room.sources))


def _check(summary: Summary, orders: int) -> None:
    found = (summary.calls, summary.polled["portal"].listed, summary.polled["portal"].unchanged)
    assert found == (1, orders, orders), summary


def _bare_call(session: requests.Session, url: str) -> Callable[[], bytes]:
    """The same request, by a bare session that has signed in."""
    login = {"method": "api_login", "api_user": API_USER, "api_key": API_KEY}
    token = fromstring(session.get(url, params=login, timeout=20).content).findtext("response/hash_key")
    asked = {"method": "orders", "hash": token, "date": SINCE.isoformat()}

    def call() -> bytes:
        return session.get(url, params=asked, timeout=20).content

    return call


def _bare_parsing(body: bytes) -> Work:
    """The client's reading of that answer, without a wire."""
    client = Xsp(Canned(body), "https://portal.example", API_USER, API_KEY)
    return lambda: client.orders(SINCE)


class Canned(Http):
    """Answers each list with the same bytes, and each login with a hash."""

    LOGIN = b"<api_login><response><hash_key>0</hash_key></response><status>success</status></api_login>"

    def __init__(self, body: bytes) -> None:
        super().__init__("portal", Limits())
        self._body = body

    def call(self, operation: str, *_: Any, **__: Any) -> Answer:
        body = self.LOGIN if operation == "api_login" else self._body
        return Answer(200, body, {"content-type": "application/xml"})
