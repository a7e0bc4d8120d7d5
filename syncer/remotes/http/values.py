"""What a call over HTTP may take, what came back, and what telemetry is told of it. No call is made here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

LONGEST_PAUSE = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What one remote may take of us. `timeout` is for a whole call, in seconds; `rate` is calls a second."""

    timeout: float = 20.0
    parallel: int = 4
    rate: float = 10.0
    max_answer: int = 32_000_000
    ca_file: Path | None = None
    client_cert: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `text` is for parsing only; it may hold secrets and people."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class CallFact:
    """One call, as telemetry sees it. `outcome` is a status code, or the name of an error.

    `url` holds no secret and no person: of what stands in the query, only what is known to be harmless. `sent` and
    `size` are the bytes of the request's body and of the answer's.
    """

    remote: str
    operation: str
    seconds: float
    outcome: str
    safe: bool
    method: str = ""
    url: str = ""
    sent: int = 0
    size: int = 0


def retry_after(answer: Answer) -> float | None:
    """The seconds that `Retry-After` asks for, given as seconds or as a date; None where it says nothing usable.

    More than a day is a day: nobody means that, and a remote may not silence us for ever.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return min(LONGEST_PAUSE, float(text))
    try:
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError, TypeError, IndexError):  # all of these, for one garbage or another
        return None
    return min(LONGEST_PAUSE, max(0.0, seconds))
