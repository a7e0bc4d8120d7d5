"""Where KODE's token may go, and where it may not: the addresses of files come from outside (section 9).

Nothing is called here.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from syncer.remotes.http import same_host

# No user, no backslash, nothing that two readers of addresses could read in two ways.
ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<place>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?([/?#].*)?"
)
UNSENDABLE = re.compile(r"[\x00-\x20\x7f\\]")
LONGEST = 8_000  # characters
USUAL_PORTS = {"http": 80, "https": 443}


class Hosts:
    """The API's own address, and the hosts that have its files.

    Those are `name` or `name:port`; without a port, the usual one, or on this machine any. They speak https, but where
    the API is at http, and they are on this machine, http will do.
    """

    def __init__(self, url: str, download_hosts: Collection[str]) -> None:
        self._url = url
        self._others = frozenset(host.strip().lower() for host in download_hosts)

    def allow(self, url: str) -> bool:
        """Whether a file may be fetched from an address, with the token."""
        if not is_address(url):
            return False
        return same_host(url, self._url) or self._is_other(url)

    def _is_other(self, url: str) -> bool:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http" and not (self._url.startswith("http:") and is_loopback(host)):
            return False
        port = parts.port or USUAL_PORTS[parts.scheme]
        named = f"[{host}]" if ":" in host else host
        bare = named in self._others and (port == USUAL_PORTS[parts.scheme] or is_loopback(host))
        return bare or f"{named}:{port}" in self._others


def is_address(url: str) -> bool:
    """Whether it is an address that can mean one place alone."""
    if len(url) > LONGEST or UNSENDABLE.search(url) or not ADDRESS.fullmatch(url):
        return False
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host that an address names, for a sentence; "no host" where it is none that could be."""
    return (urlsplit(url).hostname or "no host") if is_address(url) else "no host"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
