"""What may be said of a bug: its kind and its place. Never its message, which may hold people."""

from collections.abc import Iterator
from contextlib import contextmanager

from syncer.errors import SyncerError
from syncer.telemetry import log, place, story

__all__ = ["BUG", "is_bug", "place", "story", "troubles_told"]

BUG = "a bug in syncer, please report it"


def is_bug(trouble: Exception) -> bool:
    """Whether it is none of the troubles that can be expected, and put into words."""
    return not isinstance(trouble, SyncerError)


@contextmanager
def troubles_told() -> Iterator[list[Exception]]:
    """Says in the log why a pass failed, and lets the next one come; what failed is in the list that is given."""
    troubles: list[Exception] = []
    try:
        yield troubles
    except Exception as trouble:  # noqa: BLE001 - a service outlives a bug; which one, the log tells
        troubles.append(trouble)
        if is_bug(trouble):
            log().error("pass.failed", cause=BUG, bug=place(trouble), traceback=story(trouble))
        else:
            log().error("pass.failed", cause=str(trouble))
