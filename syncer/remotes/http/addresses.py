"""URLs: as they go out, as they may be logged, and whether two lead to one place. None is called here."""

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

import requests

HARMLESS = frozenset(
    {"method", "id", "date", "status", "type", "api_user", "accessId", "since", "municipality"}
)  # in a query


def harmless(url: str, params: Mapping[str, str]) -> str:
    """A URL as it may be logged: without user, password and fragment, and of its query the harmless values alone."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "(no address)"
    given = [*parse_qsl(parts.query, keep_blank_values=True), *params.items()]
    query = "&".join(f"{name}={value if name in HARMLESS else '[hidden]'}" for name, value in given)
    place = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}{parts.path}"
    return f"{place}?{query}" if query else place


@lru_cache(maxsize=256)
def address(url: str) -> str:
    """A URL as it goes out, its odd characters quoted; raises requests' own errors for one that is none."""
    prepared = requests.Request("GET", url).prepare().url
    return "" if prepared is None else prepared.partition("#")[0]


def same_host(one: str, other: str) -> bool:
    """Whether two URLs lead to the same scheme, host and port, so that credentials for one may go to the other."""
    try:
        return place_of(one) == place_of(other)
    except ValueError:  # one of them is none
        return False


def place_of(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a URL, the host in lower case; a ValueError where it is none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
