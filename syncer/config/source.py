"""The source: the file's text, and the TOML in it as plain tables.

It must never look at a key or a value: what is wrong here is a file that can't be read, or that is not TOML.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from syncer.errors import ConfigError, Problem


def text_of(path: Path) -> str:
    """The file's text, with plain line ends and without a byte order mark."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        cure = "Copy config/syncer.toml there and change it, or name another file with --config."
        if isinstance(error, PermissionError):
            cure = "Let the user that syncer runs as read it: chmod 644 (it holds no secret)."
        raise ConfigError([Problem(str(path), f"can't be read: {reason}", cure)]) from None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")  # an editor's byte order mark is no mistake
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(f"{path.name}:{line}", "is not UTF-8 text", "Save the file with the encoding UTF-8.")
    raise ConfigError([problem])  # outside of the handler, whose error holds the file's bytes


def tables_of(path: Path, text: str) -> dict[str, Any]:
    """What the TOML says, or its syntax error as the one problem."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        problem = _syntax_problem(path, text, str(error))
    raise ConfigError([problem])


def _syntax_problem(path: Path, text: str, message: str) -> Problem:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if not found:
        return Problem(path.name, "is not TOML", "Is it nested too deep, or a number too long?")
    lines = text.rstrip("\n").split("\n")
    line, column = found[2] or len(lines), found[3] or len(lines[-1]) + 1
    cure = "Mend that line or the one above: a text stands in quotes, a list and a table are closed, a key stands once."
    return Problem(f"{path.name}:{line}:{column}", f"is not TOML: {found[1]}", cure)
