"""What the pages and metrics are about: facts of the configuration, and of the service that runs.

Values only: no Flask.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from syncer.orders import Accounting, Rules
from syncer.web.push import Post


@dataclass(frozen=True, slots=True)
class Site:
    """What the configuration says that matters here.

    `public_host` is the name by which others reach the server, if it has one. `portals` are polled so often;
    `posts` are those that push, by name. A link to a file, on an agent's page or in a note, opens it for `file_links`.
    """

    host: str
    port: int
    zone: ZoneInfo
    rules: Rules
    portals: Mapping[str, timedelta] = field(default_factory=dict)
    fulfilments: tuple[str, ...] = ()
    posts: Mapping[str, Post] = field(default_factory=dict)
    public_host: str | None = None
    version: str = ""
    file_links: timedelta = timedelta(days=30)


class Vitals(Protocol):
    """How the service is, at one moment. `overdue` is why it isn't well, or None."""

    @property
    def started_at(self) -> datetime: ...

    @property
    def last_pass_at(self) -> datetime | None: ...

    @property
    def last_pass_seconds(self) -> float | None: ...

    @property
    def passes(self) -> int: ...

    @property
    def overdue(self) -> str | None: ...

    @property
    def polled(self) -> Mapping[str, datetime]: ...


class Called(Protocol):
    """One call to a remote (`remotes.http.CallFact`)."""

    @property
    def remote(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def outcome(self) -> str: ...


class Passed(Protocol):
    """One pass (`engine.Summary`)."""

    @property
    def seconds(self) -> float: ...
    @property
    def polled(self) -> Mapping[str, Accounting]: ...
    @property
    def advanced(self) -> int: ...
