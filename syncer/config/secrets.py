"""Secrets: the file names where one is, and it is fetched from there: a file, the environment or systemd.

It must never put a secret, or a text that could be one, into a complaint, a warning or a log; it takes none that is
written in the configuration itself.
"""

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr, ValidationInfo

from syncer.config.complaints import FieldError, notes_of
from syncer.config.files import warn_if_open
from syncer.config.values import to_text

WAYS = '{ file = "…" }, { env = "…" } or { credential = "…" }'


def _secret(value: object, info: ValidationInfo) -> SecretStr:
    return _named(value, info, f"{info.field_name} = {WAYS}")


def _keyed(value: object, info: ValidationInfo) -> SecretStr:
    return _named(value, info, f"{info.field_name} = {{ KEY = {WAYS} }}")


def _named(value: object, info: ValidationInfo, shown: str) -> SecretStr:
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, dict):
        raise FieldError(
            "a secret is named here, never written",
            f"Move it out of this file and write {shown}; replace it if others saw this file.",
        )
    readers = {"file": _from_file, "env": _from_environment, "credential": _from_credential}
    # An unknown key isn't repeated: it may be the secret itself.
    if len(value) != 1 or not value.keys() <= readers.keys():
        raise FieldError("must say exactly one of file, env and credential", f"Write {WAYS}.")
    ((way, name),) = value.items()
    return _checked(readers[way](to_text(name), info), info)


def _checked(text: str, info: ValidationInfo) -> SecretStr:
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise FieldError("the secret is empty", "Put the secret there, alone on one line.")
    if text != text.strip() or "\n" in text:
        notes_of(info).warn(
            info, "the secret has white space around it or several lines", "Is that so? It's used as it stands."
        )
    return SecretStr(text)


def _from_file(name: str, info: ValidationInfo) -> str:
    path = notes_of(info).base / name
    text = _contents(
        path, f"Write the secret to that file, alone on one line, and run: chmod go-rwx {shlex.quote(str(path))}"
    )
    warn_if_open(path, info)
    return text


def _contents(path: Path, cure: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FieldError(f"can't read the secret's file {path}: {error.strerror}", cure) from None
    except UnicodeDecodeError:  # its own text would repeat the file's bytes
        raise FieldError(f"the secret's file {path} is not UTF-8 text", cure) from None


def _from_environment(name: str, _: ValidationInfo) -> str:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):  # not repeated: it may be the secret itself
        raise FieldError("env is not the name of an environment variable", 'Write { env = "XSP_API_KEY" }.')
    if name not in os.environ:
        raise FieldError(
            f"the environment variable {name} is not set",
            f"Set {name} before syncer starts (systemd: EnvironmentFile=).",
        )
    return os.environ[name]


def _from_credential(name: str, _: ValidationInfo) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name):
        raise FieldError("credential is not a systemd credential's name", 'Write { credential = "xsp_key" }.')
    cure = (
        f"Put it into /etc/syncer/credentials/{name} and restart the service, or add LoadCredential={name}:PATH to its "
        "unit (by hand: set CREDENTIALS_DIRECTORY)."
    )
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise FieldError(f"there are no systemd credentials here, so no {name}", cure)
    # The unit that comes with syncer loads a whole folder, and systemd puts the folder's name before each file's.
    found = next((path for path in (Path(directory) / name, Path(directory) / f"syncer_{name}") if path.exists()), None)
    return _contents(found or Path(directory) / name, cure)  # systemd guards its mode, so it isn't looked at


Secret = Annotated[SecretStr, BeforeValidator(_secret)]
KeyedSecret = Annotated[SecretStr, BeforeValidator(_keyed)]  # one of several, in a table
