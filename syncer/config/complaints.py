"""What a validator says of a value: that it is wrong, or that it is odd, and the cure.

It must never hold a rule about a value, look at a file or repeat a value that could be a secret: the rules are in
the rooms that complain.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationInfo


class FieldError(ValueError):
    """A validator's complaint. Without a cure of its own, the field's description is the cure."""

    def __init__(self, wrong: str, cure: str = "") -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.cure = cure


@dataclass(slots=True)
class Notes:
    """What a validator knows of the file (where relative paths begin), and the oddities that it leaves behind.

    `state_dir` is where syncer keeps what it has on disk.
    """

    base: Path = field(default_factory=Path)
    state_dir: Path = field(default_factory=Path)
    odd: list[tuple[str, str, str]] = field(default_factory=list)

    def warn(self, info: ValidationInfo, wrong: str, cure: str) -> None:
        """Keeps one oddity of the field at hand."""
        self.odd.append((info.field_name or "", wrong, cure))


def notes_of(info: ValidationInfo) -> Notes:
    """The notes that the reading handed to the validators; fresh ones where there is no file."""
    # Models are also built by hand, in tests, where there is no file.
    return info.context if isinstance(info.context, Notes) else Notes()


def nearest(name: str, known: Iterable[str]) -> str:
    """The cure for a wrong name: the known one that is most like it, else all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There is: {', '.join(names)}." if names else "There is none yet."
