"""The judge of the chain's kills: reads the journal of the simulated remotes, and nothing else.

Whether an order was billed, placed, noted and shown, once each and in that order, is told from what the remotes were
asked and what took effect, line by line. No word of the judged program counts, so nothing of it may be imported.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

STEPS: Mapping[str, tuple[str, ...]] = {
    "agent": ("bill", "place", "note", "image"),
    "billed": ("bill", "activate"),
    "placed": ("bill", "place"),
    "direct": ("bill",),
}
LADDERS: Mapping[str, tuple[str, ...]] = {
    "billed": ("received", "active", "delivered"),
    "placed": ("received", "active", "delivered"),
}
OPERATIONS: Mapping[tuple[str, str], str] = {
    ("gks4", "sales_orders.create"): "bill",
    ("kode", "orders.create"): "place",
    ("vitec", "note.create"): "note",
    ("vitec", "image.create"): "image",
    ("nordnet", "orders.create"): "activate",
}
REQUESTS = frozenset({("vitec", "order.interaction"), ("tg", "add_message")})  # nothing here fails, so nobody is asked
MARKS = (
    re.compile(r'"purchaseOrderNumber": ?"\w+:([\w-]+)"'),
    re.compile(r'"technicalReference": ?"(?:tg|vitec)\.([\w-]+)\.s\d+"'),
    re.compile(r"\[vitec\.([\w-]+)\.g1\]"),
    re.compile(r'"name": ?"(ord-\d+)-1\.png"'),
    re.compile(r'"accessId": ?"(\w+)"'),
)


@dataclass(slots=True)
class Story:
    """What the journal has of one order: the steps that were made, in their order, and the statuses told."""

    order: str
    fate: str
    made: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    again: set[str] = field(default_factory=set)

    @property
    def at_end(self) -> bool:
        """Whether all that was to be done for it has been done, at least once."""
        told = tuple(dict.fromkeys(self.told)) == LADDERS.get(self.fate, ())
        return told and set(self.made) == set(STEPS[self.fate])

    def complaints(self) -> list[str]:
        """What should not have happened to it, even once."""
        wanted, made = STEPS[self.fate], tuple(dict.fromkeys(self.made))
        found = []
        if made != wanted[: len(made)]:
            found.append(f"{self.order} ({self.fate}) had its steps in this order: {' '.join(self.made)}")
        if (told := tuple(dict.fromkeys(self.told))) != LADDERS.get(self.fate, ())[: len(told)]:
            found.append(f"{self.order} ({self.fate}) was told {' '.join(self.told)}")
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """The orders' numbers, by what is to be said of them: what was done twice to them, or is still to be done."""

    orders: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    bill: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    note: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    activate: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.lost or self.stuck)

    @property
    def ok(self) -> bool:
        """Whether each order is at its end, and nothing was done twice or wrongly."""
        return not any(getattr(self, name) for name in self.counts if name != "orders")

    @property
    def counts(self) -> dict[str, int]:
        """How many orders each is said of."""
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}


def judge(lines: Iterable[str]) -> Verdict:
    """The verdict on a journal: its lines, in order, each an entry as JSON."""
    stories: dict[str, Story] = {}
    by_access: dict[str, str] = {}
    customers: list[str] = []
    strays: list[str] = []
    for line in lines:
        entry = json.loads(line)
        asked, effect = entry["params"], entry["effect"]
        if entry["operation"] == "arrives":
            stories[asked["order"]] = Story(asked["order"], asked["fate"])
            by_access[asked["access"]] = asked["order"]
        elif entry["operation"] == "customers.create" and effect is not None:
            customers.append(str(effect["corporate"]))
        elif entry["operation"] == "set_status":
            _tell(stories.get(asked.get("id", "")), str(asked.get("status", "?")), entry, strays)
        else:
            strays += _done(entry, stories, by_access)
    twice = tuple(sorted({one for one in customers if customers.count(one) > 1}))
    return _verdict(list(stories.values()), twice, strays)


def _tell(story: Story | None, status: str, entry: Mapping[str, Any], strays: list[str]) -> None:
    """A status that is sent again once it was written counts as doubled."""
    if story is None:
        strays += [f"a status was written on no order: {entry['params']}"] if entry["effect"] is not None else []
        return
    if status in story.told:
        story.again.add("status")
    if entry["effect"] is not None:
        story.told.append(status)


def _done(entry: Mapping[str, Any], stories: Mapping[str, Story], by_access: Mapping[str, str]) -> list[str]:
    """Notes a call in its order's story: one that is sent again after it took effect counts as doubled."""
    where = entry["remote"], entry["operation"]
    effect = entry["effect"]
    if where in REQUESTS and effect is not None:
        return [f"somebody was asked for something, and nothing went wrong: {entry['body'][:200]}"]
    step = OPERATIONS.get(where)
    if step is None:
        return []
    number = _order_in(entry["body"], by_access)
    story = stories.get(number)
    if story is None:
        return [f"{where[1]} took effect for no order: {number}"] if effect is not None else []
    if step in story.made:
        story.again.add(step)
    if effect is not None:
        story.made.append(step)
    return []


def _order_in(body: str, by_access: Mapping[str, str]) -> str:
    found = next((found for mark in MARKS if (found := mark.search(body)) is not None), None)
    return "?" if found is None else by_access.get(found[1], found[1])


def _verdict(stories: list[Story], customers: tuple[str, ...], strays: list[str]) -> Verdict:
    behind = [story for story in stories if not story.at_end]
    kinds = ("bill", "place", "note", "image", "activate", "status")
    doubled = {kind: tuple(story.order for story in stories if kind in story.again) for kind in kinds}
    return Verdict(
        orders=tuple(story.order for story in stories),
        lost=tuple(story.order for story in behind if not story.made and not story.told),
        stuck=tuple(story.order for story in behind if story.made or story.told),
        customers=customers,
        wrong=(*(text for story in stories for text in story.complaints()), *strays),
        **doubled,
    )
