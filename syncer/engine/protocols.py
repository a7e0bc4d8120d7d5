"""The protocols that every remote system is made to fit."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from syncer.orders import Absent, CannotTell, Cursor, Found, Intent, Mentions, Observation, Order, Page


class Source(Protocol):
    """Where orders come from. Both calls are safe to repeat.

    Both raise `Unavailable`, `AccessDenied`, `Unreadable` (errors.py).
    """

    name: str

    def poll(self, cursor: Cursor, oldest_open: Callable[[], datetime | None]) -> Page | None:
        """What is listed since the cursor; `oldest_open` finds out how old the oldest order is that hasn't ended.

        None where the remote has no list: its orders are named by others, and read one by one.
        """
        ...

    def read(self, order: Order) -> Observation:
        """One order, as it is there now."""
        ...


class Sink(Protocol):
    """What is told or made to do something."""

    name: str

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Makes the intent's call, once. Never safe to repeat.

        Raises `Unavailable`, `AccessDenied` or `Unreadable` where it surely had no effect, `Uncertain` where it may
        have had one.
        """
        ...

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Whether the intent's call had its effect. Safe to repeat."""
        ...


class Follower(Protocol):
    """A sink that can be asked how far an order is. Both calls are safe to repeat."""

    name: str

    def poll(self, cursor: Cursor) -> Mentions | None:
        """The orders that something happened to since the cursor; None where that can't be asked."""
        ...

    def read(self, order: Order) -> Observation:
        """How far an order is."""
        ...


class Porter(Protocol):
    """A source whose orders have files, which are kept on our disk."""

    name: str

    def fetch(self, order: Order, enough: Callable[[], bool], *, patient: bool) -> Observation | None:
        """Fetches and removes what is due of an order's files, until `enough` says so. Safe to repeat: an asset has one
        place on the disk, and is there whole or not at all.

        None: they are still on their way, which nothing waits for unless `patient`. Raises `Unavailable`,
        `AccessDenied`, `Unreadable` where nothing more can be fetched now; what was is kept.
        """
        ...
