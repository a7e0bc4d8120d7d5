"""Bodies of answers: bounded, unpacked, and handed on in parts.

Where a part goes is the caller's to say, and what an error of it means the call's.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import requests

from syncer.remotes.http.failures import NotTaken, TooLarge
from syncer.remotes.http.values import Answer

CHUNK = 65_536  # bytes of a part
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
EITHER_HEADER = 32 + zlib.MAX_WBITS  # gzip's or zlib's


@dataclass(slots=True)
class Pouring:
    """Where a body goes, and how much of it went there."""

    take: Callable[[bytes], object]
    most: int
    expected: Callable[[Answer], bool]
    size: int = 0

    def refuse_longer(self, head: Answer) -> None:
        """Takes nothing of a body that says beforehand that it is too long."""
        said = head.headers.get("content-length", "")
        if said.isascii() and said.isdecimal() and len(said) < 20 and int(said) > self.most:
            raise TooLarge(self.most)

    def on(self, part: bytes) -> None:
        """Hands a part on. An error of the taker's, a full disk say, must not look like one of the wire's."""
        try:
            self.take(part)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
            raise NotTaken(error) from None
        self.size += len(part)


def bounded(parts: Iterable[bytes], most: int) -> Iterator[bytes]:
    """A body's parts, given up where they pass `most` bytes: a small gzip can hold a huge body."""
    size = 0
    for part in parts:
        size += len(part)
        if size > most:
            raise TooLarge(most)
        if part:
            yield part


def unpacked(response: requests.Response) -> Iterator[bytes]:
    """A body's parts, of at most CHUNK bytes. Raises requests' own errors where it doesn't come whole.

    urllib3 takes a packed body that ends too early for a whole one, and one that it can't unpack for one that isn't
    packed. That does for a document, where the reader will see, and not for a file.
    """
    kind = response.headers.get("Content-Encoding", "").strip().lower()
    if kind in {"", "identity"}:
        yield from response.iter_content(CHUNK)
        return
    if kind not in PACKED:
        raise requests.exceptions.ContentDecodingError
    try:
        yield from _inflated(response.raw.stream(CHUNK, decode_content=False))
    except zlib.error:
        raise requests.exceptions.ContentDecodingError from None


def _inflated(parts: Iterable[bytes]) -> Iterator[bytes]:
    machine = zlib.decompressobj(EITHER_HEADER)
    for part in parts:
        left = part
        while left:
            yield machine.decompress(left, CHUNK)
            left = machine.unconsumed_tail
    yield machine.flush()
    if not machine.eof or machine.unused_data:
        raise requests.exceptions.ContentDecodingError
