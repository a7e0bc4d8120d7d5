"""`syncer log`: the history across orders, and what happened to the service, oldest first.

With `--follow` it goes on, whatever becomes of the service meanwhile, until nobody reads on or says Ctrl-C.
"""

import argparse
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import merge
from operator import attrgetter
from typing import TextIO

from syncer.cli.naming import order_name
from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import iso, print_line, when
from syncer.config import Config
from syncer.store import Entry, Store, StoreError

FOLLOW_EVERY = 1.0
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LATE = 1000  # lines before the last one that are looked at again: a worker may commit what it began to write before


def log(arguments: argparse.Namespace) -> int:
    """The history."""
    config, _ = opened(arguments)
    try:
        since = None if arguments.since is None else _since(arguments.since, config)
    except (ValueError, OverflowError):
        print(f"syncer log: --since {arguments.since}: write 2026-11-01, 2026-11-01T08:00, or 2h", file=sys.stderr)
        return 2
    with reading_store(config) as store:
        name = None
        if arguments.order is not None:
            name = order_name(store, arguments.order)
            if name is None:
                return 2
        story = _Story(name, since, failures=arguments.failures)
        for line in story.lines(store):
            _say(line, config, as_json=arguments.json)
    if arguments.follow:
        with _told_to_end() as over:
            _follow(config, story, over, as_json=arguments.json)
    return 0


@dataclass(slots=True)
class _Story:
    """The lines that are asked for, each once. `told` are those that may come again."""

    order: str | None
    since: datetime | None
    failures: bool
    after: int = 0
    after_journal: int = 0
    told: set[int] = field(default_factory=set)

    def lines(self, store: Store) -> Iterator[Entry]:
        """Those that were not told yet; of the service only where nothing narrower is asked for."""
        entries = store.history(
            order=self.order, since=self.since, failures=self.failures, after=max(0, self.after - LATE)
        )
        wide = self.order is None and not self.failures
        return merge(self._fresh(entries), self._of_service(store) if wide else iter(()), key=attrgetter("at"))

    def _fresh(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.id in self.told:
                continue
            self.told.add(entry.id)
            self.after = max(self.after, entry.id)
            if len(self.told) > 4 * LATE:
                self.told = {one for one in self.told if one > self.after - LATE}
            yield entry

    def _of_service(self, store: Store) -> Iterator[Entry]:
        for line in store.journal(since=self.since, after=self.after_journal):
            self.after_journal = line.id
            yield Entry(line.id, line.at, "", line.event, line.text)


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM end it, though not in the middle of a line, nor of a look into the store."""
    over = threading.Event()
    before = {number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(config: Config, story: _Story, over: threading.Event, *, as_json: bool) -> None:
    """Goes on. The store is opened anew each time: it may be replaced, upgraded or away meanwhile."""
    trouble = None
    while _heard(over):
        try:
            with reading_store(config) as store:
                for line in story.lines(store):
                    _say(line, config, as_json=as_json)
            trouble = None
        except StoreError as error:
            if str(error) != trouble:
                print(f"{error}; waiting for it", file=sys.stderr)
            trouble = str(error)


def _heard(over: threading.Event) -> bool:
    """Waits a little; False as soon as nobody reads standard output any more, or it is over."""
    until = time.monotonic() + FOLLOW_EVERY
    while not over.is_set() and time.monotonic() < until:
        if _broken(sys.stdout):
            return False
        time.sleep(0.1)
    return not over.is_set()


def _broken(stream: TextIO) -> bool:
    """Whether a stream is a pipe that nobody reads: it is told without being asked for."""
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):  # it is no file of the system's
        return False
    return any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0))


def _say(entry: Entry, config: Config, *, as_json: bool) -> None:
    if as_json:
        print_line({"at": iso(entry.at), "order": entry.order or None, "event": entry.event, "text": entry.text})
    else:
        print(f"{when(entry.at, config.timezone)}  {entry.order:<24} {entry.event:<22} {entry.text}", flush=True)


def _since(text: str, config: Config) -> datetime:
    """A time out of a date, a date and time on the portals' clock, or how long ago; ValueError where it is none."""
    ago = re.fullmatch(r"(\d+)([smhd])", text)
    if ago is not None:
        return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=config.timezone)).astimezone(UTC)
