"""What may be said of a bug: its kind and its place. Never its message, which may hold people."""

from collections.abc import Iterator
from contextlib import contextmanager

from syncer.errors import SyncerError
from syncer.telemetry import log, place, story

__all__ = ["place", "story", "troubles_told"]


@contextmanager
def troubles_told() -> Iterator[None]:
    """Says in the log why a pass failed, and lets the next one come."""
    try:
        yield
    except SyncerError as trouble:
        log().error("pass.failed", cause=str(trouble))
    except Exception as bug:  # noqa: BLE001 - a service outlives a bug; which one, the log tells
        log().error("pass.failed", cause="a bug in syncer, please report it", bug=place(bug), traceback=story(bug))
