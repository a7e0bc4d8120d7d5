"""What may be said of a bug: its kind and its place. Never its message, which may hold people."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncer.errors import SyncerError
from syncer.telemetry import log


def story(bug: BaseException | None) -> str:
    """The traceback without messages, of what led to it too."""
    parts: list[str] = []
    while bug is not None:
        parts.append("".join(traceback.format_tb(bug.__traceback__)) + type(bug).__name__)
        bug = bug.__cause__ or (None if bug.__suppress_context__ else bug.__context__)
    return "\n\n".join(reversed(parts))


def place(bug: BaseException) -> str:
    """Its kind, and where it came to light, in a few words."""
    frames = traceback.extract_tb(bug.__traceback__)
    return type(bug).__name__ + (f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "")


@contextmanager
def troubles_told() -> Iterator[None]:
    """Says in the log why a pass failed, and lets the next one come."""
    try:
        yield
    except SyncerError as trouble:
        log().error("pass.failed", cause=str(trouble))
    except Exception as bug:  # noqa: BLE001 - a service outlives a bug; which one, the log tells
        log().error("pass.failed", cause="a bug in syncer, please report it", bug=place(bug), traceback=story(bug))
