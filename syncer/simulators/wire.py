"""What a simulated remote gets and gives: requests, replies, and the shape of a simulator.

No socket, no fault and no remote's rule belongs here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One request, below the path where the simulator is mounted.

    `path` begins with a slash (`/` alone for the mount itself). `query` holds the query string's parameters,
    and a form-encoded body's where there is one, the last of each name. `headers` has lower-case names.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Stream(Protocol):
    """A body too large to be held: its length is known, and its bytes are made while they are sent."""

    def __len__(self) -> int:
        """All bytes of it."""
        ...

    def pieces(self, length: int) -> Iterator[bytes]:
        """The first `length` bytes, in pieces."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """The first `length` bytes of a stream, as a stream of its own."""

    stream: Stream
    length: int

    def __len__(self) -> int:
        return self.length

    def pieces(self, length: int) -> Iterator[bytes]:
        """The first `length` bytes of this part."""
        return self.stream.pieces(min(length, self.length))


@dataclass(slots=True)
class Reply:
    """The answer, and what the request changed: `effect` is None for a request that changed nothing.

    Where there is a `stream`, that is the body. A header Transfer-Encoding has it sent without its length.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/xml"
    headers: dict[str, str] = field(default_factory=dict)
    effect: dict[str, str] | None = None
    stream: Stream | None = None


class Simulator(Protocol):
    """One simulated remote. `handle` is called under the host's lock, one request at a time."""

    name: str

    def operation(self, request: Request) -> str:
        """Names what is asked, for the journal and the faults: `set_status`, `orders.create`."""
        ...

    def handle(self, request: Request) -> Reply:
        """Answers the request, and changes the simulated remote's state where it is asked to."""
        ...
