"""Standard streams that are closed, full, or read by nobody: what the program does never depends on who listens.

What is written to them doesn't belong here.
"""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO, cast


def open_closed() -> None:
    """Gives each standard stream that was closed (`>&-`) a place, so that no file of ours gets its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


class _Aside(io.TextIOBase):
    """What is said to nobody in particular: a log, a warning. What the stream doesn't take is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override] # the base has a plain attribute
        return self._stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def aside(stream: TextIO) -> TextIO:
    """The stream, for words that stop nothing when they find no room."""
    return cast("TextIO", _Aside(stream))


def jam(stream: TextIO) -> OSError | None:
    """What keeps a stream from taking what was written to it."""
    try:
        stream.flush()
    except OSError as error:
        return error
    return None


def let_go(stream: TextIO) -> None:
    """Gives up what a jammed stream still holds, which Python would complain about at the end."""
    if jam(stream) is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
