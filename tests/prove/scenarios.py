"""Scenarios out of a seed: orders of every kind, what the other side and operators do between passes, and the options
of the remotes.

A scenario is a plain value: playing it is for others. Nothing here looks at the program.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from syncer.simulators.on_api import Script
from tests.prove import chain_stories, kode_stories
from tests.prove.stories import TICK, Arrival, Scenario, Step, Story, Teller, about, story_of
from tests.prove.world import DESK, ELSEWHERE, PLAIN, PROGRAM, UNMAPPED
from tests.ring.harness import NOON

__all__ = ["Arrival", "Scenario", "Step", "scenario"]
CAUSE = "Porten är upptagen"
WISHED = NOON + timedelta(days=3)
OVERDUE = 15 * 24 * 3600.0  # seconds: past every deadline


def _network(chance: random.Random) -> str:
    return chance.choice((PLAIN, PLAIN, ELSEWHERE))


def _slow(chance: random.Random, **more: Any) -> Script:
    return Script(received_ticks=chance.randint(1, 2), progress_ticks=chance.randint(0, 1), **more)


def _says(word: str) -> Step:
    return Step("say", 0, word)


def _sets(status: str) -> Step:
    return Step("status", 0, status)


# --- the kinds ------------------------------------------------------------------------------------------------


def plain(chance: random.Random) -> Story:
    return story_of("plain", service=_network(chance))


def slow(chance: random.Random) -> Story:
    return story_of("slow", [TICK], [TICK], [TICK], script=_slow(chance), service=_network(chance))


def odd(chance: random.Random) -> Story:
    script = Script(received_ticks=1, odd_state="PAUSED")
    return story_of("of an unknown state for a while", [TICK], [TICK], script=script, service=_network(chance))


def refused(chance: random.Random) -> Story:
    script = Script(refuse=chance.choice((400, 409, 404)), cause=CAUSE)
    return story_of("refused", script=script, service=_network(chance))


def refused_then_retried(chance: random.Random) -> Story:
    script = Script(refuse=409, cause=CAUSE)
    return story_of("refused, mended, retried", [Step("script", 0, Script()), _says("retry")], script=script)


def refused_twice(chance: random.Random) -> Story:
    return story_of("refused, retried, refused", [_says("retry")], script=Script(refuse=409, cause=CAUSE))


def failed(chance: random.Random) -> Story:
    script = Script(received_ticks=chance.randint(0, 1), end="DONE_FAILED", message="Mörk fiber")
    return story_of("failed", [TICK], [TICK], script=script, service=_network(chance))


def failed_then_retried(chance: random.Random) -> Story:
    script = Script(end="DONE_FAILED", message="Mörk fiber")
    mended = Step("script", 0, _slow(chance))
    return story_of("failed, mended, retried", [mended, _says("retry")], [TICK], [TICK, TICK], script=script)


def unknown_access(chance: random.Random) -> Story:
    return story_of("of an unknown access", service=_network(chance), socket="LT9999X09")


def no_socket(chance: random.Random) -> Story:
    return story_of("without a socket", service=_network(chance), socket="")


def overdue(chance: random.Random) -> Story:
    script = Script(received_ticks=1, progress_ticks=9)
    rounds = [[TICK], [Step("time", value=OVERDUE)]]
    return story_of("overdue", *rounds, script=script, service=_network(chance))


def done_late(chance: random.Random) -> Story:
    script = Script(received_ticks=1)
    return story_of("done after the deadline", [Step("time", value=OVERDUE)], [TICK], script=script)


def unmapped(chance: random.Random) -> Story:
    return story_of("unmapped", service=UNMAPPED)


def unmapped_and_delivered(chance: random.Random) -> Story:
    return story_of("unmapped, delivered by hand", [_says("deliver")], service=UNMAPPED)


def wished(chance: random.Random) -> Story:
    comes = Step("until", value=WISHED)
    return story_of("wished for later", [], [comes], service=_network(chance), delivery=WISHED)


def wished_and_cancelled(chance: random.Random) -> Story:
    comes = Step("until", value=WISHED)
    return story_of(
        "wished for later, cancelled", [_sets("cancelled")], [comes], service=_network(chance), delivery=WISHED
    )


def direct(chance: random.Random) -> Story:
    return story_of("first read as ended", status=chance.choice(("delivered", "cancelled")))


def manual(chance: random.Random) -> Story:
    word = chance.choice(("deliver", "cancel"))
    return story_of(f"by hand: {word}", [], [_says(word)], service=DESK)


def commanded(chance: random.Random) -> Story:
    return story_of("by command", service=PROGRAM)


def commanded_later(chance: random.Random) -> Story:
    return story_of("by command, wished for later", [], [Step("until", value=WISHED)], service=PROGRAM, delivery=WISHED)


def command_refused(chance: random.Random) -> Story:
    return story_of("by command, refused", before=[Step("courier", 0, "refuse")], service=PROGRAM)


def command_put_off(chance: random.Random) -> Story:
    waits = Step("time", value=301.0)
    return story_of("by command, put off", [waits], [waits], before=[Step("courier", 0, "put_off")], service=PROGRAM)


def cancelled(chance: random.Random) -> Story:
    """In time, too late, or after it was done, as it happens."""
    script = chance.choice((None, Script(received_ticks=2), Script(progress_ticks=3)))
    return story_of("cancelled there", [_sets("cancelled")], [TICK], script=script, service=_network(chance))


def cancelled_by_hand(chance: random.Random) -> Story:
    script = chance.choice((Script(received_ticks=2), Script(progress_ticks=3)))
    return story_of("cancelled by hand", [_says("cancel")], [TICK], script=script, service=_network(chance))


def delivered_there(chance: random.Random) -> Story:
    return story_of("delivered there by somebody", [_sets("delivered")], [TICK], [TICK], script=_slow(chance))


def set_waiting(chance: random.Random) -> Story:
    lags = [Step("stale", 0, 99)] if chance.random() < 0.5 else []  # the list, until it is said to have caught up
    rounds = [[_sets("waiting"), *lags], [TICK], [TICK, Step("stale", 0, 0)], [TICK]]
    return story_of("set to waiting there", *rounds, script=_slow(chance), service=_network(chance))


def reopened(chance: random.Random) -> Story:
    word = chance.choice(("retry", "deliver", "cancel"))
    return story_of(f"reopened there, then {word}", [_sets("active")], [_says(word)], [TICK])


def taken_over(chance: random.Random) -> Story:
    """Begun by nobody that we know, or by a person."""
    word = chance.choice(("retry", "deliver", "cancel"))
    status = chance.choice(("received", "active", "waiting"))
    return story_of(f"taken over as {status}", [], [_says(word)], status=status, service=_network(chance))


def forgotten(chance: random.Random) -> Story:
    """Begun by us, in a life whose database is lost."""
    script = chance.choice((None, _slow(chance), Script(refuse=409, cause=CAUSE)))
    return story_of("forgotten", [Step("forget")], [TICK], [TICK], script=script, service=_network(chance))


def unreadable(chance: random.Random) -> Story:
    how = chance.choice(("broken_xml", "empty", "no_ids"))
    rounds = [[Step("detail", 0, "whole")], [Step("time", value=901.0)]]
    return story_of(f"unreadable ({how})", *rounds, before=[Step("detail", 0, how)])


def unreadable_row(chance: random.Random) -> Story:
    how = chance.choice(("no_id", "absurd"))
    return story_of(f"listed {how}", [], [Step("row", 0, "whole")], before=[Step("row", 0, how)])


def late(chance: random.Random) -> Story:
    return story_of("listed late", [], [Step("show", 0)], before=[Step("hide", 0)], service=_network(chance))


def old(chance: random.Random) -> Story:
    return story_of("dated days ago", date=NOON - timedelta(days=chance.randint(2, 9)), service=_network(chance))


def odd_wish(chance: random.Random) -> Story:
    return story_of("of a wish that is no date", delivery="så snart som möjligt")


KINDS: tuple[Teller, ...] = (
    plain, slow, odd, refused, refused_then_retried, refused_twice, failed, failed_then_retried, unknown_access,
    no_socket, overdue, done_late, unmapped, unmapped_and_delivered, wished, wished_and_cancelled, direct, manual,
    commanded, commanded_later, command_refused, command_put_off, cancelled, cancelled_by_hand, delivered_there,
    set_waiting, reopened, taken_over, forgotten, unreadable, unreadable_row, late, old, odd_wish,
)  # fmt: skip


# --- the options ----------------------------------------------------------------------------------------------

PORTAL: Mapping[str, tuple[Any, ...]] = {
    "envelope": (
        "plain", "wrapped", "status_first", "root_without_status", "bare", "response_only", "key_n", "no_response"
    ),
    "failure": ("failed_200", "failed_400", "failed_404"),
    "expired": ("failed", "html", "403"),
    "empty": ("empty_response", "no_response", "failed"),
    "detail": ("full", "head", "no_status"),
    "delivery_name": ("delivery", "delivery_date"),
    "strict": (False, True),
    "shuffled": (False, True),
    "duplicated": (False, True),
    "one_hash": (False, True),
    "log_visible": (True, True, False),
}  # fmt: skip
NETWORK: Mapping[str, tuple[Any, ...]] = {
    "events": (True, False),
    "echo_reference": (True, True, True, False),
    "subscriptions": (True, True, True, False),
    "empty_subscriptions": (200, 404),
    "finished_listed": (True, False),
    "state_field": ("state", "status"),
    "busy_code": (409, 400),
    "full_existing": (False, True),
    "early_subscription_id": (True, False),
    "open_order_key": ("service", "operation"),
    "after_delete": ("404", "DONE_FAILED"),
    "trailing_slash": ("either", "required", "redirect"),
    "swedish_causes": (False, True),
    "html_errors": (False, True),
    "sparse_lists": (False, True),
}


def _options(chance: random.Random, choices: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Each option as it comes in half of the scenarios, and any of its values in the other half."""
    return {name: chance.choice(values) for name, values in choices.items() if chance.random() < 0.5}


CHAINED = 1_000_000  # and the seeds above it are scenarios of the chain
KODE_ONE_IN = 5  # scenarios are of an account at KODE
LATE = ((), ("tg",), ("nordnet", "sydnet"), ("tg", "nordnet"))  # lists that come when all other work is done

# --- the whole ------------------------------------------------------------------------------------------------


def scenario(seed: int, most: int = 4) -> Scenario:
    """The scenario of a seed, with at most so many orders; those of agents have seeds of their own."""
    if seed >= CHAINED:
        return chain_stories.chained(seed, most)
    chance = random.Random(seed)
    account = seed % KODE_ONE_IN == 2
    stories = [_teller(chance, account=account)(chance) for _ in range(chance.choice([1, 2, 2, 3, 4][: most + 1]))][
        :most
    ]
    steps, portal = tuple(_steps(chance, stories)), _options(chance, PORTAL)
    if portal.get("detail") == "no_status":  # a list that lags is then all that there is to know, and nobody could
        steps = tuple(step for step in steps if step.what != "stale")
    return Scenario(
        seed,
        arrivals=tuple(story.arrival for story in stories),
        steps=steps,
        portal=portal,
        nordnet={"version": chance.choice(("2.4", "2.4", "2.5", "2.6")), **_options(chance, NETWORK)},
        sydnet={
            "version": chance.choice(("2.6", "2.6", "2.4")),
            **_options(chance, NETWORK),
            "scheduling": False,
            "discovery": True,
        },
        portal_lines=chance.choice(("", "", 'verb = "post"', 'message_auth = "hash"', 'message_auth = "api_user"')),
        late=chance.choice(LATE),
        kode=_options(chance, kode_stories.OPTIONS) if account else None,
        pushes=account and chance.random() < 0.5,
    )


def _teller(chance: random.Random, *, account: bool) -> Teller:
    """With an account at KODE, three stories of four are about it."""
    return chance.choice(kode_stories.KINDS if account and chance.random() < 0.75 else KINDS)


def _steps(chance: random.Random, stories: Sequence[Story]) -> Iterator[Step]:
    """Passes, and between them what happens about each order; then time enough for all that waits."""
    for who, story in enumerate(stories):
        yield Step("arrive", who)
        yield from about(who, story.before)
    yield Step("pass", value=chance.random() < 0.7)
    for steps in zip_longest(*(story.rounds for story in stories), fillvalue=()):
        yield Step("time", value=chance.choice((5.0, 61.0, 180.0)))
        for who, part in enumerate(steps):
            yield from about(who, part)
        yield Step("pass", value=chance.random() < 0.7)
    for seconds in (121.0, 1201.0, 4201.0):
        yield Step("time", value=seconds)
        yield Step("pass", value=True)
