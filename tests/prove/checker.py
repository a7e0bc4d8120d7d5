"""The judge of the kills: reads the journal of the simulated remotes and the files on the disk, and nothing else.

Whether an order was lost, is stuck, or had something done to it twice is told from what the remotes were asked and
what took effect, line by line. No word of any judged program counts, so nothing of any program may be imported.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

LADDERS: Mapping[str, tuple[str, ...]] = {
    "deliver": ("received", "active", "delivered"),  # the network does it, after a while
    "parcel": ("received", "active", "delivered"),  # the courier's command does it
    "refuse": ("received", "waiting"),  # the network won't, and the order says why
    "unrouted": ("received",),  # nobody can, and the order says so
    "placed": ("received", "active", "delivered"),  # it is placed at KODE, which does it
}
EXPLAINED = frozenset({"refuse", "unrouted"})


@dataclass(slots=True)
class Story:
    """What the journal has of one order. `fate` is the key of its ladder; `takes` the network's seconds for it."""

    order: str
    fate: str
    takes: float
    told: list[str] = field(default_factory=list)
    said: int = 0
    begun_at: datetime | None = None
    booked: int = 0
    again: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def at_end(self) -> bool:
        """Whether all that was to be done for it has been done, at least once."""
        steps = tuple(dict.fromkeys(self.told)) == LADDERS[self.fate]
        done = self.begun_at is not None
        begun = {"deliver": done, "placed": done, "parcel": self.booked > 0}.get(self.fate, True)
        return steps and begun and (self.said > 0 or self.fate not in EXPLAINED)

    @property
    def for_a_person(self) -> bool:
        """Whether it may lawfully be open: what a command or KODE did can't be asked, so that a person must say it."""
        return not self.at_end and self.fate in {"parcel", "placed"} and bool(self.told)

    def complaints(self) -> list[str]:
        """What should not have happened to it, even once."""
        steps = tuple(dict.fromkeys(self.told))
        found = list(self.wrong)
        if steps != LADDERS[self.fate][: len(steps)]:
            found.append(f"{self.order} ({self.fate}) was told {' '.join(self.told)}")
        if self.said and self.fate not in EXPLAINED:
            found.append(f"{self.order} has a message, and nothing went wrong with it")
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """The orders' numbers, by what is to be said of them. Those `open` wait for a person, lawfully."""

    orders: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether each order is at its end, or with a person, and nothing was done twice or wrongly."""
        return not any(getattr(self, kind) for kind in self.counts if kind not in {"orders", "open"})

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done, by the program or a person."""
        return not (self.lost or self.stuck or self.open)

    @property
    def counts(self) -> dict[str, int]:
        """How many orders each is said of."""
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}


def judge(lines: Iterable[str]) -> Verdict:
    """The verdict on a journal: its lines, in order, each an entry as JSON."""
    stories: dict[str, Story] = {}
    by_access: dict[str, str] = {}
    strays: list[str] = []
    for line in lines:
        entry = json.loads(line)
        if entry["operation"] == "arrives":
            asked = entry["params"]
            stories[asked["order"]] = Story(asked["order"], asked["fate"], float(asked["takes"]))
            by_access[asked["access"]] = asked["order"]
        elif entry["operation"] in _READERS:
            strays += _told_by(entry, stories, by_access)
    return _verdict(list(stories.values()), strays)


# --- files ----------------------------------------------------------------------------------------------------


def misplaced(orders: Iterable[Mapping[str, Any]], root: Path) -> list[str]:
    """What is wrong below the files' directory, as KODE tells of its orders and their files.

    Each file that is to be had lies in its order's folder once, with the right bytes (by its SHA-256, `digest`), and
    nothing else lies there.
    """
    paths = [path for path in sorted(root.rglob("*")) if not path.is_dir() or path.is_symlink()]
    there = {str(path.relative_to(root)): _digest(path) for path in paths}
    found = {f"{folder}: {digest}" for folder, digest in ((str(Path(path).parent), there[path]) for path in there)}
    wanted = {
        f"kode:{order['order']}: {file['digest']}"
        for order in orders
        for file in order["files"]
        if file["status"] == "OK"
    }
    strays = [f"{one} lies there, and is no file of KODE's" for one in sorted(found - wanted)]
    again = [f"{len(there) - len(found)} files lie there more than once"] if len(there) > len(found) else []
    return [*(f"{one} is missing" for one in sorted(wanted - found)), *strays, *again]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:  # just now: whoever wrote it is at work still
        return "gone"


def _told_by(entry: Mapping[str, Any], stories: Mapping[str, Story], by_access: Mapping[str, str]) -> list[str]:
    """Notes a writing request in its order's story; says so where no order asked for it."""
    number = _order_of(entry, by_access)
    story = stories.get(number)
    if story is not None:
        _READERS[entry["operation"]](story, entry)
        return []
    return [f"{entry['operation']} took effect for no order: {number}"] if entry["effect"] is not None else []


def _order_of(entry: Mapping[str, Any], by_access: Mapping[str, str]) -> str:
    if entry["operation"] in {"set_status", "add_message"}:
        return str(entry["params"].get("id", "?"))
    try:
        body = json.loads(entry["body"])
        if "technicalReference" in body:
            return str(body["technicalReference"]).split(".")[1]
        return by_access.get(body["accessId"], "?") if "accessId" in body else str(body["order"])
    except (ValueError, KeyError, TypeError, IndexError):
        return "?"  # cut before it was whole: nothing came of it


def _status(story: Story, entry: Mapping[str, Any]) -> None:
    """A status that is sent again once it was written counts as doubled, whether or not it was written again."""
    status = entry["params"].get("status", "?")
    if status in story.told:
        story.again.add("statuses")
    if entry["effect"] is None:
        return
    if status == "delivered":
        _early(story, entry)
    story.told.append(status)


def _early(story: Story, entry: Mapping[str, Any]) -> None:
    """Delivered is told once it is delivered, and not before."""
    if story.fate == "parcel" and not story.booked:
        story.wrong.append(f"{story.order} was told delivered, and no parcel had been booked")
    if story.fate not in {"deliver", "placed"}:
        return
    if story.begun_at is None:
        story.wrong.append(f"{story.order} was told delivered, and had not been begun")
    elif (_at(entry) - story.begun_at).total_seconds() < story.takes:
        story.wrong.append(f"{story.order} was told delivered before the network had done it")


def _message(story: Story, entry: Mapping[str, Any]) -> None:
    """No order here fails twice, so that a second message is one too many, whatever it says."""
    if story.said:
        story.again.add("messages")
    story.said += entry["effect"] is not None


def _activation(story: Story, entry: Mapping[str, Any]) -> None:
    """An activation that is sent again once it stands is doubled, though a good network answers 200, already ordered.

    What was refused stands nowhere.
    """
    if story.begun_at is not None:
        story.again.add("activations")
    elif entry["effect"] is not None:
        story.begun_at = _at(entry)


def _parcel(story: Story, entry: Mapping[str, Any]) -> None:
    if story.booked:
        story.again.add("commands")
    story.booked += entry["effect"] is not None


_READERS = {
    "set_status": _status,
    "add_message": _message,
    "orders.create": _activation,
    "parcels.book": _parcel,
}


def _at(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])


def _verdict(stories: list[Story], strays: list[str]) -> Verdict:
    behind = [story for story in stories if not story.at_end and not story.for_a_person]
    doubled = {
        kind: tuple(story.order for story in stories if kind in story.again)
        for kind in ("activations", "statuses", "messages", "commands")
    }
    return Verdict(
        orders=tuple(story.order for story in stories),
        lost=tuple(story.order for story in behind if not story.told),
        stuck=tuple(story.order for story in behind if story.told),
        open=tuple(story.order for story in stories if story.for_a_person),
        wrong=(*(text for story in stories for text in story.complaints()), *strays),
        **doubled,
    )
