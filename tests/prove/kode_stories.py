"""Orders of an account at KODE: placed for a portal's order, or by somebody else and named to us; and their files.

Each is told as a story, of which any may be cut anywhere. What it should lead to is not for here.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.prove.stories import Step, Story, Teller, story_of
from tests.ring.kode import PLACE, PLACED

TOO_LARGE = 9_000  # bytes
NAMED, PUSHED = Step("name", 0), Step("push")


def does(verb: str, **facts: Any) -> Step:
    """One thing that happens to the order at KODE."""
    return Step("kode", 0, (verb, facts))


def becomes(status: str) -> Step:
    """The order's status there."""
    return does("change_status", status=status)


def brings(chance: random.Random, **facts: Any) -> Step:
    """A file arrives."""
    return does(
        "add_file", **{"size": chance.choice((0, 700, 1500, 2500)), "on": chance.choice(("line", "order")), **facts}
    )


def _told(chance: random.Random) -> Sequence[Step]:
    """How we learn of an order that others have placed, or that something has happened to it."""
    return chance.choice(((NAMED,), (PUSHED,), (PUSHED, NAMED)))


def _followed(kind: str, chance: random.Random, *rounds: Sequence[Step], before: Sequence[Step] = ()) -> Story:
    status = chance.choice(("NEW", "NEW", "PROGRESS"))
    return story_of(kind, *rounds, before=[*before, *_told(chance)], portal="kode", status=status)


def _placed(kind: str, *rounds: Sequence[Step], **fields: Any) -> Story:
    return story_of(kind, *rounds, service=PLACED, **{**PLACE, **fields})


# --- placed elsewhere -------------------------------------------------------------------------------------------


def finished(chance: random.Random) -> Story:
    files = [brings(chance) for _ in range(chance.randint(1, 3))]
    return _followed("followed", chance, [*files, becomes("FINISHED"), PUSHED], before=[becomes("PROGRESS")])


def full_at_once(chance: random.Random) -> Story:
    files = [brings(chance) for _ in range(chance.randint(1, 4))]
    return _followed("followed, with files", chance, [], before=[*files, becomes("FINISHED")])


def late_file(chance: random.Random) -> Story:
    rounds = [[becomes("FINISHED")], [brings(chance), *_told(chance)]]
    return _followed("followed, a file is late", chance, *rounds, before=[brings(chance)])


def deleted(chance: random.Random) -> Story:
    rounds = [[does("delete_file", file=0), *_told(chance)], [brings(chance)]]
    return _followed("followed, a file is deleted", chance, *rounds, before=[brings(chance), brings(chance)])


def deleted_before(chance: random.Random) -> Story:
    return _followed("followed, a file was deleted", chance, before=[brings(chance), does("delete_file", file=0)])


def replaced(chance: random.Random) -> Story:
    return _followed("followed, a file is replaced", chance, [does("replace_file", file=0)], before=[brings(chance)])


def dropped(chance: random.Random) -> Story:
    return _followed("followed, a file is dropped", chance, [does("drop_file", file=0)], before=[brings(chance)])


def taken_back(chance: random.Random) -> Story:
    status = chance.choice(("CANCELLED", "REFUNDED"))
    files = [brings(chance) for _ in range(chance.randint(0, 2))]
    return _followed(f"followed, {status}", chance, [becomes(status), *_told(chance)], before=files)


def unknown_status(chance: random.Random) -> Story:
    return _followed("followed, of an unknown status", chance, [becomes("ARCHIVED")], [becomes("FINISHED")])


def broken(chance: random.Random) -> Story:
    how = chance.choice(("broken_json", "empty", "no_id", "foreign", "no_orders", "wrong_types", "null", "gone"))
    mended = [does("break_order", how="whole"), NAMED]
    return _followed(f"followed, {how}", chance, [], mended, before=[brings(chance), does("break_order", how=how)])


def too_large(chance: random.Random) -> Story:
    files = [brings(chance, size=TOO_LARGE), brings(chance)]
    return _followed("followed, a file is too large", chance, [Step("say", 0, "retry")], before=files)


def odd_file(chance: random.Random) -> Story:
    rounds = [[does("change_file", file=0, status="OK"), NAMED]]
    return _followed(
        "followed, a file is odd",
        chance,
        *rounds,
        before=[brings(chance), does("change_file", file=0, status="SCANNING")],
    )


def lied_about(chance: random.Random) -> Story:
    """Told to be cancelled, or finished, and it isn't."""
    lie = Step("lie", 0, {"orderCollectionId": "NUMBER", "status": chance.choice(("CANCELLED", "FINISHED"))})
    return _followed("followed, lied about", chance, [lie], [lie, lie], before=[brings(chance)])


def signed_out(chance: random.Random) -> Story:
    return _followed("followed, signed out", chance, [Step("sign"), brings(chance), NAMED], before=[brings(chance)])


# --- placed by us -----------------------------------------------------------------------------------------------


def placed(chance: random.Random) -> Story:
    return _placed("placed", [becomes("PROGRESS")], [becomes("FINISHED")])


def placed_with_files(chance: random.Random) -> Story:
    files = [brings(chance) for _ in range(chance.randint(1, 3))]
    return _placed("placed, with files", [*files, becomes("FINISHED")], [brings(chance), PUSHED])


def placed_and_taken_back(chance: random.Random) -> Story:
    status = chance.choice(("CANCELLED", "REFUNDED"))
    again = [Step("say", 0, "retry")] if chance.random() < 0.5 else []
    return _placed(f"placed, {status}", [brings(chance), becomes(status)], again, [])


def placed_in_vain(chance: random.Random) -> Story:
    return _placed("placed, without a cadastre", cadastre=chance.choice(("", "9999-12-34")))


def placed_and_cancelled(chance: random.Random) -> Story:
    return _placed("placed, cancelled in the portal", [Step("status", 0, "cancelled")], [])


def placed_and_lied_about(chance: random.Random) -> Story:
    """A push says that somebody's order has our key: it has not."""
    lie = Step("lie", 0, {"orderCollectionId": 12345, "status": "NEW", "technicalReference": "tg.NUMBER.s1"})
    return _placed("placed, lied about", [lie], [becomes("FINISHED")])


KINDS: tuple[Teller, ...] = (
    finished, full_at_once, late_file, deleted, deleted_before, replaced, dropped, taken_back, unknown_status, broken,
    too_large, odd_file, lied_about, signed_out, placed, placed_with_files, placed_and_taken_back, placed_in_vain,
    placed_and_cancelled, placed_and_lied_about,
)  # fmt: skip
OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "generation": ("v20", "v17"),
    "top_status": ("text", "object"),
    "dates": ("", "norwegian", "iso"),
    "empty_assets": ("list", "absent", "null"),
    "nothing": ("null", "absent"),
    "listed_twice": (False, True),
    "names": ("ordinary", "hostile", "same", "absent"),
    "status_field": ("assetStatus", "status"),
    "address": ("fixed", "fresh"),
    "address_life": (0, 30),
    "expired_status": (401, 403, 404, 410),
    "deleted_status": (200, 403, 404, 410),
    "redirect": ("", "own"),
    "disposition": (False, True),
    "untyped": (False, True),
    "chunked": (False, True),
    "cancelled_assets": ("kept", "deleted", "dropped"),
    "create_status": (200, 201, 202),
    "created_assets": (False, True),
    "same_ids": (False, True),
    "extra_fields": (False, True),
    "order_status": (False, True),
    "push_word": ("UPDATED", "UPDATE"),
    "push_id": ("orderCollectionId", "orderId", "both"),
    "late_push": ("UPDATED", "FINISHED", "both"),
    "push_deletions": (False, True),
    "repeats": (0, 2),
    "shuffled": (False, True),
    "token_life": (3600, 100),
    "confidential": (False, True),
    "reused": ("refused", "revokes"),
    "one_token": (False, True),
    "errors": ("object", "text", "html", "empty"),
}
