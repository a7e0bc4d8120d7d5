"""Addresses: of remotes, of the database, of our own web server, and the hosts and endpoints within them.

It must never resolve a name, open a connection or let an address with a password in it through.
"""

import ipaddress
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from syncer.config.complaints import FieldError, nearest, notes_of
from syncer.config.places import dotted
from syncer.config.values import to_text


def _split(value: object) -> SplitResult:
    text = to_text(value)
    try:
        parts = urlsplit(text)
        _ = parts.port  # read for its check: it raises where the port is no number
    except ValueError:
        raise FieldError("is not an address") from None
    if any(letter.isspace() or not letter.isprintable() for letter in text):
        raise FieldError("holds a space or an unprintable character")
    return parts


def _web_url(value: object) -> str:
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise FieldError("is not a whole http:// or https:// address")
    if "@" in parts.netloc:
        raise FieldError("holds a user name or password", "Take out everything between // and @, and the @.")
    if "?" in str(value) or "#" in str(value):
        raise FieldError("holds a query or a fragment", "End the address before the ? or #.")
    return str(value)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _remote_url(value: object, info: ValidationInfo) -> str:
    url = _web_url(value)
    parts = urlsplit(url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        notes_of(info).warn(
            info, "passwords and orders travel in clear text", "Write https:// if the remote offers it."
        )
    return url


def _with_slash(url: str) -> str:
    return url if url.endswith("/") else url + "/"


def _without_slash(url: str) -> str:
    return url.rstrip("/")


STORE_CURE = 'Write "sqlite:///state/syncer.db" or "postgresql+psycopg://USER@HOST/DATABASE".'


def _store_url(value: object, info: ValidationInfo) -> str:
    url = to_text(value)
    if url.startswith("sqlite:"):
        return _sqlite_url(url, info)
    parts = _split(url)
    if parts.password is not None or "@" in parts.path or "password=" in parts.query:
        raise FieldError("holds a password", 'Take it out, and write password = { file = "…" } under [store] instead.')
    if not url.startswith("postgresql+psycopg://"):
        raise FieldError("is of a database that syncer does not know", STORE_CURE)
    return url


def _sqlite_url(url: str, info: ValidationInfo) -> str:
    file = url.removeprefix("sqlite:///")
    if file == url or not file or file.endswith("/"):
        raise FieldError("names no file", 'Write three slashes and a path: "sqlite:///state/syncer.db".')
    if file.startswith(":memory:") or "?" in file:
        # An order that only memory holds would be lost at the first restart.
        raise FieldError("is not simply a file", 'Write "sqlite:///state/syncer.db", and nothing after the path.')
    return f"sqlite:///{notes_of(info).base / file}"


_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\s\[\]/]+)):([0-9]{1,5})")


def _listen(value: object) -> str:
    found = _LISTEN.fullmatch(to_text(value))
    if not found or int(found[3]) > 65535:
        raise FieldError("is not a host and a port")
    return str(value)


_HOST = re.compile(r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def _hosts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise FieldError("must be a list")
    if not all(isinstance(host, str) and _HOST.fullmatch(host) for host in value):
        raise FieldError("holds something that is not a host's name")
    return tuple(host.lower() for host in value)


_ENDPOINTS = ("orders", "accesses", "services", "subscriptions", "orderevents")


def _endpoints(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise FieldError("must be a table")
    for name, path in value.items():
        if name not in _ENDPOINTS:
            raise FieldError(f"{dotted((name,))} is not an endpoint", nearest(name, _ENDPOINTS))
        if not isinstance(path, str) or not re.fullmatch(r"(?![/.])(?!.*(?:\.\.|//))[\w./~%-]+", path):
            raise FieldError(f"{name} is not a relative path", 'Write it without a leading slash: "orders/".')
    return dict(value)


RemoteUrl = Annotated[str, BeforeValidator(_remote_url)]
BaseUrl = Annotated[RemoteUrl, AfterValidator(_with_slash)]  # paths are put behind it
PublicUrl = Annotated[str, BeforeValidator(_web_url), AfterValidator(_without_slash)]
StoreUrl = Annotated[str, BeforeValidator(_store_url)]
Listen = Annotated[str, BeforeValidator(_listen)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts)]
Endpoints = Annotated[dict[str, str], BeforeValidator(_endpoints)]
