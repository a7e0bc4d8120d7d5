"""What portals push to us, as values: who may push, and what a push says once it is read.

How a kind's pushes are read is given from outside, and so is what their secret must be, as a digest: no secret and no
client of a remote in here.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from syncer.store import Notice

LONGEST_ID = 200  # characters of an order's id


class Malformed(ValueError):
    """A push that can't be read: it is refused, and nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push says: that something happened to the portal's order `order_id`, or a notice to all users, or both.

    `reference` is ours, as the portal repeats it; empty where it doesn't.
    """

    order_id: str | None = None
    reference: str = ""
    notice: Notice | None = None


def digest_of(secret: str) -> bytes:
    """What is kept of a secret, to know it again."""
    return sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class Post:
    """One portal's address: what its secret's digest (`digest_of`) must be, and how what comes there is read.

    `read` gets the body as it came, of at most 64 KB, and raises `Malformed`.
    """

    digest: bytes = field(repr=False)
    read: Callable[[bytes], Pushed]

    def knows(self, secret: bytes) -> bool:
        """Whether that is the secret; in a time that says nothing about it."""
        return hmac.compare_digest(sha256(secret).digest(), self.digest)

    def understand(self, body: bytes) -> Pushed:
        """What a body says.

        Raises:
            Malformed: it can't be read, or names an order in a way that none is named.
        """
        found = self.read(body)
        if found.order_id is not None and not (found.order_id.isprintable() and 0 < len(found.order_id) <= LONGEST_ID):
            raise Malformed("an order's id is of printable characters, and not too many")
        return found
