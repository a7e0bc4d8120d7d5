"""Orders of the chain: agents' orders that are placed in KODE, billed, and given back; and others that are billed.

Each is told as a story, of which any may be cut anywhere. What it should lead to is not for here.
"""

import random
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from syncer.simulators.on_api import Script
from tests.prove.chain_configured import BILLED, BILLED_AND_PLACED, BILLED_IN_VAIN, FORM, UNKNOWN_CUSTOMER
from tests.prove.kode_stories import becomes, brings
from tests.prove.stories import TICK, Scenario, Step, Story, Teller, about, story_of
from tests.ring.kode import PLACE

DAY = 25 * 3600.0  # seconds: past the time that an agent has to open the page
OPENS, FILLS = Step("opens", 0), Step("fills", 0, FORM)
WRONG = {**FORM, "cadastre": "9999-12"}


def at_vitec(verb: str, **facts: Any) -> Step:
    """One thing that happens to the order at Vitec."""
    return Step("vitec", 0, (verb, facts))


def says(word: str) -> Step:
    """An operator's word."""
    return Step("say", 0, word)


def picture(chance: random.Random) -> Step:
    """A picture arrives, which Vitec takes as an image."""
    name = chance.choice(("karta.png", "Plan 1.PNG"))
    return does_bring(chance, name)


def does_bring(chance: random.Random, name: str) -> Step:
    """A picture of a name."""
    return brings(chance, size=chance.choice((700, 2500)), name=name, filename=name)


def _agent(kind: str, *rounds: Sequence[Step], before: Sequence[Step] = (), **fields: Any) -> Story:
    return story_of(kind, *rounds, before=before, portal="vitec", **fields)


def _done(chance: random.Random, files: Sequence[Step]) -> Sequence[Sequence[Step]]:
    """What was placed is done, at once or step by step."""
    if chance.random() < 0.5:
        return [*files, becomes("FINISHED")], (), ()
    return [becomes("PROGRESS"), *files], [becomes("FINISHED")], ()


# --- agents' orders ---------------------------------------------------------------------------------------------


def given(chance: random.Random) -> Story:
    files = [brings(chance, size=700), picture(chance)]
    return _agent("an agent's", [OPENS, FILLS], *_done(chance, files))


def pictures(chance: random.Random) -> Story:
    files = [does_bring(chance, "plan.png"), brings(chance, size=1500, name="a.jpg", filename="a.jpg"), picture(chance)]
    return _agent("an agent's, with pictures", [OPENS, FILLS], *_done(chance, files), ())


def nothing_to_give(chance: random.Random) -> Story:
    return _agent("an agent's, without files", [OPENS, FILLS], *_done(chance, ()))


def opened_at_once(chance: random.Random) -> Story:
    """Before Vitec was ever asked for its list, or before the list shows it."""
    hides = [at_vitec("hide")] if chance.random() < 0.5 else []
    shows = [at_vitec("show")] if hides else []
    return _agent("an agent's, opened at once", shows, *_done(chance, [picture(chance)]), before=[*hides, OPENS, FILLS])


def slow_agent(chance: random.Random) -> Story:
    rounds = [[OPENS], [OPENS, FILLS, FILLS], *_done(chance, [brings(chance)])]
    return _agent("an agent's, filled in later", *rounds)


def corrected(chance: random.Random) -> Story:
    wrong = Step("fills", 0, WRONG)
    return _agent("an agent's, mistyped", [OPENS, wrong, FILLS], *_done(chance, [picture(chance)]))


def unopened(chance: random.Random) -> Story:
    late = [OPENS, FILLS] if chance.random() < 0.7 else []
    return _agent("an agent's, not opened in time", [Step("time", value=DAY)], late, ())


def new_customer(chance: random.Random) -> Story:
    rounds = [[OPENS, FILLS], *_done(chance, [picture(chance)])]
    return _agent("an agent's, of a new customer", *rounds, customer_id="M40018")


def taken_back(chance: random.Random) -> Story:
    again = [says("retry")] if chance.random() < 0.5 else []
    return _agent("an agent's, cancelled in KODE", [OPENS, FILLS], [becomes("CANCELLED")], again, ())


def cancelled_by_hand(chance: random.Random) -> Story:
    rounds = [[OPENS], [says("cancel")]] if chance.random() < 0.5 else [[OPENS, FILLS], [says("cancel")]]
    return _agent("an agent's, cancelled by hand", *rounds, [says("cancel")], [])


# --- others', that are billed -----------------------------------------------------------------------------------


def billed(chance: random.Random) -> Story:
    script = chance.choice((None, Script(received_ticks=1)))
    return story_of("billed", [TICK], script=script, service=BILLED)


def billed_and_placed(chance: random.Random) -> Story:
    return story_of("billed and placed", [brings(chance), becomes("FINISHED")], [], service=BILLED_AND_PLACED, **PLACE)


def billed_direct(_: random.Random) -> Story:
    return story_of("billed, first read as delivered", status="delivered", service=BILLED)


def billed_in_vain(chance: random.Random) -> Story:
    mended = Step("gks4", 0, ("add_customer", {"number": UNKNOWN_CUSTOMER, "corporate": "559999-0026"}))
    direct = {"status": "delivered"} if chance.random() < 0.3 else {}
    return story_of("billed to nobody, mended", [mended, says("retry")], [], service=BILLED_IN_VAIN, **direct)


def billed_and_cancelled(chance: random.Random) -> Story:
    script = chance.choice((None, Script(received_ticks=2), Script(progress_ticks=3)))
    cancels = Step("status", 0, "cancelled")
    return story_of("billed, cancelled there", [cancels], [TICK], [says("cancel")], script=script, service=BILLED)


KINDS: tuple[Teller, ...] = (
    given, given, pictures, nothing_to_give, opened_at_once, slow_agent, corrected, unopened, new_customer, taken_back,
    cancelled_by_hand, billed, billed_and_placed, billed_direct, billed_in_vain, billed_and_cancelled,
)  # fmt: skip
VITEC: Mapping[str, tuple[Any, ...]] = {
    "casing": ("camel", "pascal"),
    "token_per_visit": (True, False),
    "expired_name": ("hasExpired", "orderTicketHasExpired", "both"),
    "chain": ("shown", "null", "absent"),
    "target_type": ("name", "number"),
    "window": ("inclusive", "exclusive", "half_open"),
    "times": ("bare", "offset", "utc"),
    "list_shape": ("array", "rows"),
    "sort": ("oldest", "newest", "shuffled"),
    "last_updated": ("null", "created"),
    "note_answer": ("empty", "204", "text"),
    "image_answer": ("text", "empty", "204"),
    "error_body": ("message", "array", "text", "html", "empty"),
}
GKS4: Mapping[str, tuple[Any, ...]] = {
    "token_life": (3600.0, 100.0),
    "expires_in": ("number", "text", "absent"),
    "one_token": (False, True),
    "error_body": ("problem", "text", "html", "empty"),
    "extra_fields": (False, True),
    "same_company": ("second", "refused"),
    "envelope": ("array", "items", "data", "results", "customers", "value"),
    "total": (False, True),
    "answer": ("number", "orderNumber", "salesOrderNumber", "id", "location"),
    "number_type": ("text", "number"),
}
LATE = ((), ("tg",), ("vitec",), ("nordnet", "vitec"))  # lists that come when all other work is done


def chained(seed: int, most: int) -> Scenario:
    """The scenario of a seed, with at most so many orders."""
    chance = random.Random(seed)
    stories = [chance.choice(KINDS)(chance) for _ in range(chance.choice([1, 1, 2, 2, 3, 4][: most + 2]))][:most]
    return Scenario(
        seed,
        arrivals=tuple(story.arrival for story in stories),
        steps=tuple(_steps(chance, stories)),
        portal={},
        nordnet={"version": "2.4"},
        sydnet={},
        late=chance.choice(LATE),
        kode={},
        pushes=chance.random() < 0.5,
        chain={"vitec": _options(chance, VITEC), "gks4": _options(chance, GKS4)},
    )


def _options(chance: random.Random, choices: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Each option as it comes in half of the scenarios, and any of its values in the other half."""
    return {name: chance.choice(values) for name, values in choices.items() if chance.random() < 0.5}


def _steps(chance: random.Random, stories: Sequence[Story]) -> list[Step]:
    """Passes, and between them what happens about each order; then time enough for all that waits."""
    steps: list[Step] = []
    for who, story in enumerate(stories):
        steps += [Step("arrive", who), *about(who, story.before)]
    steps.append(Step("pass", value=chance.random() < 0.7))
    for parts in zip_longest(*(story.rounds for story in stories), fillvalue=()):
        steps.append(Step("time", value=chance.choice((5.0, 61.0, 180.0))))
        for who, part in enumerate(parts):
            steps += about(who, part)
        steps.append(Step("pass", value=chance.random() < 0.7))
    for seconds in (121.0, 1201.0, 4201.0):
        steps += [Step("time", value=seconds), Step("pass", value=True)]
    return steps
