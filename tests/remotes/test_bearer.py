"""One token for all threads: how often it is asked for, when, and what becomes of a failure."""

import json
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from syncer.errors import AccessDenied, RemoteError, Unavailable
from syncer.remotes.bearer import EARLY, PAUSE, USUAL_LIFE, Bearer, Token, granted, with_bearer
from syncer.remotes.http import Answer, Http, Limits
from tests.remotes.canned import Asked, Canned, serving, talking

THREADS = 8
SECRET, ACCESS, REFRESH = "hemligt-lösen-99", "aaaa-1111-access", "bbbb-2222-refresh"
LIMITS = Limits(timeout=20, parallel=THREADS, rate=10_000, max_answer=1_000_000)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Mint:
    """Gives tokens `t1`, `t2`, …, each after a while, so that threads can meet at it. `failure` is raised instead."""

    lives: float = 3600
    seconds: float = 0.05
    failure: BaseException | None = None
    before: list[Token | None] = field(default_factory=list)

    def __call__(self, before: Token | None) -> Token:
        self.before.append(before)
        time.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        return Token(f"t{len(self.before)}", self.lives, f"r{len(self.before)}")


def at_once(work: Callable[[], str]) -> list[Any]:
    """What each of the threads got, or the error that it met, all begun together."""
    gate = threading.Barrier(THREADS)

    def one(_: int) -> Any:
        gate.wait(10)
        try:
            return work()
        except RemoteError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def down() -> Unavailable:
    return Unavailable("kode", "token", "connection refused")


# ------------------------------------------------------------------------------------------------- how often


def test_eight_threads_without_a_token_make_one_call() -> None:
    mint = Mint()
    assert at_once(Bearer(mint, Clock()).token) == ["t1"] * THREADS
    assert mint.before == [None]


def test_eight_threads_at_expiry_make_one_call() -> None:
    mint, clock = Mint(), Clock()
    bearer = Bearer(mint, clock)
    bearer.token()
    clock.now += 3600
    assert at_once(bearer.token) == ["t2"] * THREADS
    assert [token and token.refresh for token in mint.before] == [None, "r1"]


def test_shortly_before_its_end_one_thread_renews_and_the_rest_use_the_old_one() -> None:
    mint, clock = Mint(), Clock()
    bearer = Bearer(mint, clock)
    bearer.token()
    clock.now += 3600 - EARLY / 2
    got = at_once(bearer.token)
    assert set(got) <= {"t1", "t2"}
    assert "t2" in got
    assert len(mint.before) == 2


def test_a_token_is_not_renewed_before_it_has_to_be() -> None:
    mint, clock = Mint(), Clock()
    bearer = Bearer(mint, clock)
    bearer.token()
    clock.now += 3600 - EARLY - 1
    assert bearer.token() == "t1"
    clock.now += 2
    assert bearer.token() == "t2"


def test_a_short_life_is_used_for_nine_tenths() -> None:
    mint, clock = Mint(lives=10), Clock()
    bearer = Bearer(mint, clock)
    bearer.token()
    clock.now += 8.9
    assert bearer.token() == "t1"
    clock.now += 0.2
    assert bearer.token() == "t2"


def test_a_life_counts_from_when_it_was_asked_for() -> None:
    clock = Clock()

    def slow(before: Token | None) -> Token:
        clock.now += 8
        return Token("t1" if before is None else "t2", 10)

    bearer = Bearer(slow, clock)
    assert bearer.token() == "t1"
    clock.now += 1.5
    assert bearer.token() == "t2"


def test_eight_threads_that_saw_a_revocation_make_one_more_call() -> None:
    mint = Mint()
    bearer = Bearer(mint, Clock())
    stale = bearer.token()
    assert at_once(lambda: bearer.renewed(stale)) == ["t2"] * THREADS
    assert len(mint.before) == 2
    assert bearer.token() == "t2"


def test_one_who_comes_late_with_the_old_token_gets_the_new_one_without_a_call() -> None:
    mint = Mint(seconds=0)
    bearer = Bearer(mint, Clock())
    stale = bearer.token()
    assert [bearer.renewed(stale) for _ in range(3)] == ["t2"] * 3
    assert len(mint.before) == 2
    assert bearer.renewed("t2") == "t3"


def test_a_token_that_was_refused_is_not_used_again_where_no_new_one_can_be_had() -> None:
    mint = Mint(seconds=0)
    bearer = Bearer(mint, Clock())
    stale = bearer.token()
    mint.failure = down()
    for _ in range(2):
        with pytest.raises(Unavailable):
            bearer.renewed(stale)
    with pytest.raises(Unavailable):
        bearer.token()
    mint.failure = None
    assert bearer.token() == "t5"


def test_an_endpoint_that_gives_the_refused_token_again_is_asked_once() -> None:
    calls: list[Token | None] = []

    def same(before: Token | None) -> Token:
        calls.append(before)
        return Token("same", 3600)

    bearer = Bearer(same, Clock())
    stale = bearer.token()
    assert [bearer.renewed(stale) for _ in range(THREADS)] == ["same"] * THREADS
    assert len(calls) == 2


# -------------------------------------------------------------------------------------------------- failures


def test_eight_threads_share_one_failure() -> None:
    mint = Mint(failure=down(), seconds=0.2)
    assert [type(error) for error in at_once(Bearer(mint, Clock()).token)] == [Unavailable] * THREADS
    assert len(mint.before) == 1


def test_a_failure_is_not_remembered() -> None:
    mint = Mint(failure=down(), seconds=0)
    bearer = Bearer(mint, Clock())
    with pytest.raises(Unavailable):
        bearer.token()
    mint.failure = None
    assert bearer.token() == "t2"


def test_an_early_renewal_that_fails_leaves_the_old_token_in_use_and_is_tried_again_after_a_pause() -> None:
    mint, clock = Mint(seconds=0), Clock()
    bearer = Bearer(mint, clock)
    bearer.token()
    mint.failure = down()
    clock.now += 3600 - EARLY + 1
    assert [bearer.token() for _ in range(5)] == ["t1"] * 5
    assert len(mint.before) == 2
    clock.now += PAUSE + 1
    assert bearer.token() == "t1"
    assert len(mint.before) == 3
    clock.now += EARLY
    with pytest.raises(Unavailable):
        bearer.token()


def test_a_bug_in_getting_a_token_reaches_all_who_wait_and_blocks_nobody() -> None:
    mint = Mint(failure=ZeroDivisionError(), seconds=0)
    bearer = Bearer(mint, Clock())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            bearer.token()


def test_nothing_that_can_be_printed_shows_a_token() -> None:
    bearer = Bearer(lambda _: Token(ACCESS, 3600, REFRESH))
    bearer.token()
    assert bearer._held is not None
    shown = repr(bearer) + repr(bearer._held) + repr(Token(ACCESS, 1, REFRESH)) + str(vars(bearer))
    assert ACCESS not in shown
    assert REFRESH not in shown


# ---------------------------------------------------------------------------------------- calls that carry it


@dataclass
class Api:
    """Takes one token at a time; `writes` counts the calls that it let in."""

    good: str = "t1"
    writes: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: Asked) -> Canned:
        with self.lock:
            if asked.headers.get("authorization") != f"Bearer {self.good}":
                self.refused += 1
                return Canned(b"{}", 401, "application/json")
            self.writes += 1
            return Canned(b"{}", 200, "application/json")


def writing(url: str) -> Callable[[Mapping[str, str]], Answer]:
    http = Http("kode", LIMITS)
    return lambda headers: http.call("write", "POST", url, safe=False, json={}, headers=headers)


def test_a_revoked_token_is_renewed_once_and_each_call_made_once() -> None:
    mint, api = Mint(), Api()
    bearer = Bearer(mint)
    with serving(api) as server:
        send = writing(server.url)
        with_bearer(bearer, send)
        api.good = "t2"
        at_once(lambda: str(with_bearer(bearer, send).status))
    assert len(mint.before) == 2
    assert api.writes == 1 + THREADS


def test_a_refusal_of_the_new_token_too_is_access_denied() -> None:
    mint, api = Mint(seconds=0), Api(good="none")
    with serving(api) as server, pytest.raises(AccessDenied):
        with_bearer(Bearer(mint), writing(server.url))
    assert len(mint.before) == 2
    assert api.refused == 2


def test_what_the_account_may_not_do_renews_nothing() -> None:
    mint = Mint(seconds=0)
    with serving(Canned(b"{}", 403)) as server, pytest.raises(AccessDenied):
        with_bearer(Bearer(mint), writing(server.url))
    assert len(mint.before) == 1


# ------------------------------------------------------------------------------------------ the token's answer


def ask(answer: Canned | bytes, **more: Any) -> tuple[Token, Asked]:
    with serving(answer) as server:
        token = granted(Http("kode", LIMITS), server.url, {"grant_type": "password", "password": SECRET}, **more)
        return token, server.asked[0]


def answered(**fields: Any) -> Canned:
    return Canned(json.dumps(fields).encode(), 200, "application/json")


GOOD = answered(access_token=ACCESS, token_type="Bearer", expires_in=3600, refresh_token=REFRESH, scope=["a", "b"])


def test_a_token_is_asked_for_in_json_or_as_a_form() -> None:
    token, asked = ask(GOOD)
    assert token == Token(ACCESS, 3600, REFRESH)
    assert json.loads(asked.body) == {"grant_type": "password", "password": SECRET}
    assert asked.headers["content-type"] == "application/json"
    _, asked = ask(GOOD, form=True)
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body.startswith(b"grant_type=password&")


@pytest.mark.parametrize(
    ("said", "lives"),
    [
        (3600, 3600),
        (59.5, 59.5),
        ("120", 120),
        (0, 0),
        (-5, 0),
        (None, USUAL_LIFE),
        (True, USUAL_LIFE),
        ("soon", USUAL_LIFE),
        ([], USUAL_LIFE),
        (float("nan"), USUAL_LIFE),
        (10**400, 30 * 86_400),
    ],
)
def test_a_life_is_read_however_it_is_written(said: object, lives: float) -> None:
    assert ask(answered(access_token=ACCESS, expires_in=said))[0].lives_seconds == lives


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 100_000,
        answered(),
        answered(access_token=7),
        answered(access_token=""),
        answered(access_token="two\r\nX-Evil: 1"),
        answered(access_token="å"),
        Canned(b"{}", 404),
        Canned(b"", 302, headers={"Location": "http://elsewhere.invalid/"}),
        Canned(b"{}", 500),
        Canned(b"{}", 429),
        Canned(b"<html>bad request</html>", 400, "text/html; charset=utf-8"),
    ],
    ids=str,
)
def test_an_answer_without_a_token_is_an_outage(answer: Canned | bytes) -> None:
    with pytest.raises(Unavailable):
        ask(answer)


def test_an_answer_that_is_too_long_is_an_outage_and_no_order_s_fault() -> None:
    with pytest.raises(Unavailable, match="passes"):
        ask(b" " * (LIMITS.max_answer + 1))


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("error", ["invalid_client", "invalid_grant", SECRET, None, 7])
def test_refused_credentials_are_access_denied_and_not_shown(status: int, error: object) -> None:
    body = json.dumps({"error": error, "error_description": f"no such {SECRET}"}).encode()
    with pytest.raises(AccessDenied) as caught:
        ask(Canned(body, status, "application/json"))
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))


def test_a_token_endpoint_that_breaks_off_had_no_effect_on_any_order() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(65_536)

    with talking(hang_up) as place, pytest.raises(Unavailable):
        granted(Http("kode", LIMITS), f"http://{place}/", {"password": SECRET})


def test_what_was_granted_is_hidden_where_it_is_echoed() -> None:
    with serving(GOOD) as server:
        http = Http("kode", LIMITS)
        granted(http, server.url, {})
        assert http.call("echo", "GET", server.url, safe=True).body.count(b"[hidden]") == 2
