"""One access token for all threads: got when it is first needed, renewed early, and once for all who need it.

For every remote that speaks OAuth 2.0. Tokens live in memory only, and none of them may be shown, stored or logged
from here. Which grant gets one is the client's to say.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from syncer.errors import AccessDenied, RemoteError, Unavailable, Unreadable
from syncer.remotes.http import Answer, Http

EARLY = 60.0  # seconds before a token's end, or a tenth of its life where that is shorter
PAUSE = 15.0  # seconds between attempts at renewing a token that still holds
PAGES = frozenset({"text/html", "application/xhtml+xml"})  # some gateway's, which knows nothing of our credentials
USUAL_LIFE = 3600.0  # seconds, where the answer doesn't say
LONGEST_LIFE = 30 * 86_400.0
SENDABLE = re.compile(r"[\x21-\x7e]{1,8192}")  # anything else can't stand in a header
# What a token endpoint may say (RFC 6749, section 5.2). Any other text may hold what was sent, and isn't repeated.
REFUSALS = {
    "invalid_client": "the client's id and secret are not accepted",
    "invalid_grant": "the user's name and password are not accepted",
    "unauthorized_client": "the client may not use this way of signing in",
    "unsupported_grant_type": "this way of signing in is not offered",
    "invalid_scope": "the scope is not one that it has",
    "invalid_request": "the request for a token is not one that it takes",
}


@dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint gave. `lives_seconds` counts from when it was asked for."""

    access: str = field(repr=False)
    lives_seconds: float
    refresh: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    got: float
    dead: bool = False

    def fresh(self, now: float) -> bool:
        lives = self.token.lives_seconds
        return not self.dead and now < self.got + lives - min(EARLY, lives / 10)

    def holds(self, now: float) -> bool:
        return not self.dead and now < self.got + self.token.lives_seconds


class Bearer:
    """The token of one account. `fetch` gets the next one, and is handed the one before, whose refresh it may use.

    However many threads need a new one, one of them fetches it. The rest use the old one while it holds, else they
    wait, and share the outcome, an error too.
    """

    def __init__(self, fetch: Callable[[Token | None], Token], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._renewing: Future[str] | None = None
        self._not_before = -float("inf")
        self._returned: str | None = None  # a stale token that renewing brought back

    def token(self) -> str:
        """A token that holds. Raises what `fetch` raises where there is none."""
        with self._lock:
            now, held = self._clock(), self._held
            if held is not None and held.fresh(now):
                return held.token.access
            spare = held.token.access if held is not None and held.holds(now) else None
            if spare is not None and (self._renewing is not None or now < self._not_before):
                return spare
            mine, renewing = self._join()
        return self._outcome(mine, renewing, spare)

    def renewed(self, stale: str) -> str:
        """A token other than one that was refused with 401. All who saw the same one share one renewal."""
        with self._lock:
            now, held = self._clock(), self._held
            if held is not None and held.token.access != stale and held.holds(now):
                return held.token.access
            if held is not None and held.token.access == stale:
                if self._returned == stale and now < held.got + PAUSE:
                    return stale
                self._held = _Held(held.token, held.got, dead=True)
            mine, renewing = self._join()
        return self._outcome(mine, renewing, None)

    def _join(self) -> tuple[bool, "Future[str]"]:
        """The renewal under way, or one that the caller has to make. The lock is held."""
        mine = self._renewing is None
        if self._renewing is None:
            self._renewing = Future()
        return mine, self._renewing

    def _outcome(self, mine: bool, renewing: "Future[str]", spare: str | None) -> str:
        if mine:
            self._renew(renewing)
        try:
            return renewing.result()
        except RemoteError:
            if spare is None:
                raise
            return spare

    def _renew(self, renewing: "Future[str]") -> None:
        began, before = self._clock(), self._held
        old = None if before is None else before.token
        try:
            new = self._fetch(old)
        except BaseException as failure:  # noqa: BLE001 - those who wait must be told of whatever it was
            with self._lock:
                self._not_before, self._renewing = began + PAUSE, None
            renewing.set_exception(failure)
            return
        with self._lock:
            self._held, self._renewing = _Held(new, began), None
            self._returned = new.access if old is not None and old.access == new.access else None
        renewing.set_result(new.access)


def with_bearer(bearer: Bearer, send: Callable[[Mapping[str, str]], Answer]) -> Answer:
    """Makes a call with the header that carries the token, and once more with a new one where it was refused.

    A 401 is surely without effect, so that the second sending is right for a call that isn't safe too.

    Raises:
        AccessDenied: 401 with the new token too, or 403.
    """
    access = bearer.token()
    try:
        return send(carrying(access))
    except AccessDenied as denied:
        if not is_stale(denied):
            raise
    return send(carrying(bearer.renewed(access)))


def carrying(access: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {access}"}


def is_stale(denied: AccessDenied) -> bool:
    """Whether a refusal may be the token's fault: a 401, where a 403 is about what the account may do."""
    return denied.cause == "HTTP 401"


def granted(
    http: Http, url: str, fields: Mapping[str, str], *, form: bool = False, usual_life: float = USUAL_LIFE
) -> Token:
    """Asks a token endpoint for a token (RFC 6749, sections 4 to 6), as JSON or as a form. Safe: no order knows of it.

    Where the answer doesn't say how many seconds the token lives, it is `usual_life`.

    Raises:
        AccessDenied: the credentials are refused.
        Unavailable: it can't be had now, or the answer is none.
    """
    operation = "token"
    sent: dict[str, Any] = {"form": fields} if form else {"json": dict(fields)}
    try:
        headers = {"Accept": "application/json"}
        answer = http.call(operation, "POST", url, safe=True, reveal=True, headers=headers, **sent)
    except Unreadable as endless:  # the account's trouble, and none of the order's that the token was for
        raise Unavailable(http.remote, operation, endless.cause, "see its token_url") from None
    if answer.status in {400, 422} and answer.content_type not in PAGES:
        raise AccessDenied(http.remote, operation, f"HTTP {answer.status}", _refusal(answer))
    if answer.status not in {200, 201}:
        raise Unavailable(http.remote, operation, f"HTTP {answer.status}", "see its token_url")
    token = _token(_object(answer), usual_life)
    if token is None:
        raise Unavailable(http.remote, operation, "the answer holds no token", "see its token_url")
    for secret in filter(None, (token.access, token.refresh)):
        http.hide(secret, lasting=False)
    return token


def _refusal(answer: Answer) -> str:
    error = _object(answer).get("error")
    known = REFUSALS.get(error) if isinstance(error, str) else None
    return known or "see that its credentials are right"


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _token(found: Mapping[str, Any], usual_life: float) -> Token | None:
    access, refresh = found.get("access_token"), found.get("refresh_token")
    if not isinstance(access, str) or not SENDABLE.fullmatch(access):
        return None
    usable = isinstance(refresh, str) and 0 < len(refresh) <= 8192
    return Token(access, _life(found.get("expires_in"), usual_life), refresh if usable else None)


def _life(said: object, usual: float) -> float:
    """The seconds that a token lives: a number, or a text of one."""
    if isinstance(said, str) and said.strip().isascii() and said.strip().isdecimal() and len(said) < 16:
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not isfinite(min(said, LONGEST_LIFE)):
        return usual
    return min(max(0.0, float(min(said, LONGEST_LIFE))), LONGEST_LIFE)
