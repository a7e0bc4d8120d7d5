"""A client that says exactly what it is told to."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Got:
    status: int
    headers: Mapping[str, str]
    text: str


def ask(url: str, path: str = "/", method: str = "GET", **headers: str) -> Got:
    """One request and its answer; nothing of it is mended or followed."""
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        line.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = line.getresponse()
        body = answer.read().decode()
        return Got(answer.status, {name.lower(): text for name, text in answer.getheaders()}, body)
    finally:
        line.close()
