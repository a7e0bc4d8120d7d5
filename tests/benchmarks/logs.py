"""The program's log goes to a file here, as in service; a log in memory would cost less than it does there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from syncer.telemetry import Redactor, configure


@contextmanager
def logged(file: Path, redactor: Redactor) -> Iterator[None]:
    """Each line of the log is added to that file."""
    with file.open("a", encoding="utf-8") as stream:
        configure("info", "json", stream, redactor)
        try:
            yield
        finally:
            structlog.reset_defaults()
