"""The table as a picture, for the documentation: a Mermaid state diagram, made from `TABLE` and from nothing else.

`python -m syncer.orders.picture` prints it. It shows what leads from state to state, never what a handler thinks.
"""

import re
from collections.abc import Iterator

from syncer.orders.decide import TABLE
from syncer.orders.seen import OBSERVATIONS, Observation
from syncer.orders.values import FINAL, State

__all__ = ["picture"]

OVERDUE = "the deadline"  # passes while the order is open, whatever is observed then (decide's `_settle`)
OPEN = (State.RECEIVED, State.ACTIVE)


def picture() -> str:
    """A Mermaid `stateDiagram-v2` of the states, with one arrow for all that leads from one to another."""
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in _lines()), ""])


def _lines() -> Iterator[str]:
    yield f"[*] --> {State.NEW}"
    for start in State:
        for end in State:
            reasons = _reasons(start, end)
            if reasons:
                yield f"{start} --> {end}: {', '.join(reasons)}"
    for state in State:
        if state in FINAL:
            yield f"{state} --> [*]"


def _reasons(start: State, end: State) -> list[str]:
    if start is end:
        return []
    reasons = [_words(kind) for kind in OBSERVATIONS if end in TABLE[kind][start].leads]
    return [*reasons, OVERDUE] if start in OPEN and end is State.WAITING else reasons


def _words(kind: type[Observation]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


if __name__ == "__main__":
    print(picture(), end="")  # noqa: T201 - this is what it is for
