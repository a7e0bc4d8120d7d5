"""What may differ after a fault at one of the chain's calls, and the order that such a call was made for.

The rest of what is right or wrong after a fault is said in `faults.py`.
"""

from dataclasses import replace
from typing import Any

from structlog.contextvars import get_contextvars

from syncer.orders import Park
from tests.prove.chain_outside import Beyond

MADE = (("notes",), ("images",), ("bills", "made"))
SILENT = frozenset({"note.create", "image.create", "sales_orders.create"})  # a 200 without a word says: done


def worked_on() -> str | None:
    """The id of the order that is in hand just now: who pays is asked by the office, and not by the order."""
    name = get_contextvars().get("order")
    return None if name is None else str(name).partition(":")[2]


def not_shown(then: Any, now: Any) -> bool:
    """A picture that can't be kept, or came as other bytes than a picture's, is not given; all else is the same. The
    order at KODE is parked for it, where it is that one.
    """
    known = (Park.FILES, now[1].state, now[1].portal_status) == (now[1].park, then[1].state, then[1].portal_status)
    fewer = set(now[0].beyond.images) <= set(then[0].beyond.images)
    return bool(fewer and (known or now[1] == then[1]) and _but(now, then[0].beyond, "images") == then[0])


def not_made(then: Any, now: Any) -> bool:
    """What was answered with a 200 and nothing else counts as done: such an answer is a lawful one there."""
    return bool(now[1] == then[1] and any(_but(now, then[0].beyond, *names) == then[0] for names in MADE))


def _but(now: Any, beyond: Beyond, *names: str) -> Any:
    """How it stands, with these of the other's facts."""
    facts = {name: getattr(beyond, name) for name in names}
    return replace(now[0], beyond=replace(now[0].beyond, **facts))
