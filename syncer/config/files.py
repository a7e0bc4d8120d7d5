"""Paths and programs: a relative path begins at the configuration's file, and what must be there is looked for.

It must never read what a file holds, write, make a directory or run a program: it only asks whether they are there,
and who may read them.
"""

import shlex
import shutil
from pathlib import Path
from stat import S_IRGRP, S_IROTH
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from syncer.config.complaints import FieldError, notes_of
from syncer.config.values import to_text


def _path(value: object, info: ValidationInfo) -> Path:
    return notes_of(info).base / (value if isinstance(value, Path) else to_text(value))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # behind a closed directory, or longer than a path may be
        return False


def _directory(value: object, info: ValidationInfo) -> Path:
    path = _path(value, info)
    if _is_there(path) and not path.is_dir():
        raise FieldError(f"{path} is not a directory")
    return path


def _kept_here(value: object, info: ValidationInfo) -> Path:
    path = notes_of(info).state_dir / (value if isinstance(value, Path) else to_text(value))
    if _is_there(path) and not path.is_dir():
        raise FieldError(f"{path} is not a directory")
    return path


def _existing(value: object, info: ValidationInfo) -> Path:
    path = _path(value, info)
    if not _is_there(path):
        raise FieldError(f"there is no file {path}, or it can't be reached")
    return path


def _private(value: object, info: ValidationInfo) -> Path:
    path = _existing(value, info)
    warn_if_open(path, info)
    return path


def warn_if_open(path: Path, info: ValidationInfo) -> None:
    """Warns of a file with a secret in it that other users of the machine can read."""
    if path.stat().st_mode & (S_IRGRP | S_IROTH):
        notes_of(info).warn(
            info, f"{path} can be read by other users of this machine", f"Run: chmod go-rwx {shlex.quote(str(path))}"
        )


def _program(value: object, info: ValidationInfo) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise FieldError("must be a list with the program first")
    words = tuple(word for word in value if isinstance(word, str) and "\0" not in word)
    if len(words) != len(value):
        raise FieldError("holds something that is not a text")
    program = words[0]
    if "/" in program and not program.startswith("/"):
        raise FieldError("begins with a relative path", "Write the program's whole path, or a bare name.")
    if not program:
        raise FieldError("begins with an empty text")
    if shutil.which(program) is None:  # only its own orders have to wait for it: all others go on
        notes_of(info).warn(
            info,
            "begins with a program that is not there or can't be run",
            "Install it, or mend the path; a script of yours needs chmod +x.",
        )
    return words


Directory = Annotated[Path, BeforeValidator(_directory)]
KeptHere = Annotated[Path, BeforeValidator(_kept_here)]  # relative to state_dir, and made when it is needed
ExistingFile = Annotated[Path, BeforeValidator(_existing)]
PrivateFile = Annotated[Path, BeforeValidator(_private)]
Program = Annotated[tuple[str, ...], BeforeValidator(_program)]
