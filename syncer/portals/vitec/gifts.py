"""What of a result is handed to Vitec, part by part: one note on the home, then each picture (vitec.md, section 7).

No other files can be handed over there: the note leads to them. No call belongs here.
"""

from collections.abc import Iterable

from syncer.orders import Order
from syncer.portals.vitec.facts import Result
from syncer.remotes.vitec import image_kind

ENDINGS = frozenset({"gif", "jpg", "jpeg", "tif", "tiff", "bmp", "png"})
LARGEST = 20_000_000  # bytes of a picture that is handed over; the limit there isn't documented


def pictures(results: Iterable[Result]) -> tuple[Result, ...]:
    """The files that may be pictures, by their names and sizes."""
    return tuple(
        one for one in results if one.open is not None and _ending(one.name) in ENDINGS and one.size <= LARGEST
    )


def note_text(order: Order, results: Iterable[Result], key: str) -> str:
    """The note for the agent, in Swedish: each file with its link, or where it is kept. It ends with its key."""
    lines = [f"Beställning {order.external_id} är klar."]
    for one in results:
        where = one.link or (f"finns hos leverantören i {one.place}" if one.place else "finns hos leverantören")
        lines.append(f"{one.name}: {where}")
    return "\n".join([*lines, f"[{key}]"])


def picture_name(order: Order, number: int, data: bytes) -> str:
    """A picture's name at the home: the order's id, its number and what it is; so a person finds it."""
    return f"{picture_stem(order, number)}.{image_kind(data)}"


def picture_stem(order: Order, number: int) -> str:
    """A picture's name without its ending."""
    return f"{order.external_id}-{number}"


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()
