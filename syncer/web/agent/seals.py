"""Whether a form comes from our own page, and the addresses of files that a page's address leads to.

Both are made of the page's address, which is a secret between us and whoever holds it. None of them leads back to it.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit


def seal_of(page: str) -> str:
    """What a form on a page carries: only who was shown the page has it. It outlives a restart, as the page does."""
    return _derived(page, "form")


def is_sealed(page: str, seal: str) -> bool:
    """Whether a form carries its page's seal."""
    return hmac.compare_digest(seal_of(page).encode(), seal.encode("utf-8", "surrogatepass"))


def file_address(page: str, asset: str) -> str:
    """The address of a file of the page's order: always the same, and as hard to guess as the page's own."""
    return _derived(page, f"file:{asset}")


def _derived(page: str, what: str) -> str:
    made = hmac.digest(page.encode(), what.encode("utf-8", "surrogatepass"), sha256)
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def is_from_here(headers: Mapping[str, str], host: str, public_host: str | None) -> bool:
    """Whether a browser says that a form was sent by one of our pages; True where it says nothing, as old ones do.

    Pages that forbid a Referer have the Origin `null` in their forms, too: then the browser's other word counts.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("Origin", "null")
    if origin == "null":
        return True
    try:
        there = urlsplit(origin)
        return there.netloc == host or (public_host is not None and there.hostname == public_host.lower())
    except ValueError:
        return False
