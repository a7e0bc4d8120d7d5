"""What may be said of a bug: its kind and its place. Never its message, which may hold people."""

from collections.abc import Iterator
from contextlib import contextmanager

from syncer.errors import SyncerError
from syncer.telemetry import log, place, story

__all__ = ["place", "story", "troubles_told"]


@contextmanager
def troubles_told() -> Iterator[list[Exception]]:
    """Says in the log why a pass failed, and lets the next one come; what failed is in the list that is given."""
    troubles: list[Exception] = []
    try:
        yield troubles
    except SyncerError as trouble:
        troubles.append(trouble)
        log().error("pass.failed", cause=str(trouble))
    except Exception as bug:  # noqa: BLE001 - a service outlives a bug; which one, the log tells
        troubles.append(bug)
        log().error("pass.failed", cause="a bug in syncer, please report it", bug=place(bug), traceback=story(bug))
