"""Which remotes may be called now. An outage is said once when it begins and once when it ends.

While it lasts, one call at a time finds out whether it is over: the probe.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform

from syncer.errors import AccessDenied, RemoteError, Unavailable
from syncer.store import RemoteHealth, Store
from syncer.telemetry import log

FIRST_WAIT, LONGEST_WAIT, JITTER = 5.0, 300.0, 2.0  # seconds
LONGEST = timedelta(minutes=10)  # that we leave a remote alone by ourselves
LONGEST_ASKED = timedelta(days=1, minutes=1)  # that a remote can ask for (remotes.http.retry_after)
SOON = timedelta(seconds=8)  # and a poll interval: no longer, so that an outage's end is seen in time


@dataclass(slots=True)
class _State:
    up: bool
    since: datetime
    denied: bool = False
    failures: int = 0
    asked_until: datetime | None = None  # the remote's own word (Retry-After): never overridden
    wait_until: datetime | None = None  # ours
    probing: bool = False  # somebody is finding out whether the outage is over

    def shut(self, now: datetime) -> bool:
        """Whether nobody may call it now."""
        return self.denied or self.probing or bool(self.waits(now))

    def waits(self, now: datetime) -> list[datetime]:
        """The times until which it is left alone. One farther away than any can be is of a clock that was wrong."""
        limits = ((self.asked_until, LONGEST_ASKED), (self.wait_until, LONGEST))
        return [until for until, most in limits if until is not None and now < until <= now + most]


class Health:
    """The health of each remote, kept in the store for `status` and for the next process.

    `every` is how often each remote is asked: our own waits are not much longer.
    """

    def __init__(self, store: Store, every: Mapping[str, timedelta] | None = None) -> None:
        self._store = store
        self._every = dict(every or {})
        self._lock = threading.Lock()
        self._states = {name: _known(health) for name, health in store.remotes().items()}

    def admit(self, name: str, now: datetime) -> bool:
        """Whether a call to a remote may be made now: freely while it is up, else by one caller after each wait.

        Who is admitted tells how it went (`well`, `ill`), or that it came to no call (`release`).
        """
        with self._lock:
            state = self._states.get(name)
            if state is None or state.shut(now):
                return state is None
            state.probing = not state.up
            return True

    def release(self, name: str) -> None:
        """Lets somebody else probe."""
        with self._lock:
            state = self._states.get(name)
            if state is not None:
                state.probing = False

    def up(self, name: str, now: datetime) -> bool:
        """Whether a remote is well, as far as is known, and has not asked to be left alone."""
        with self._lock:
            state = self._states.get(name)
            return state is None or (state.up and not state.shut(now))

    def closed(self, now: datetime) -> list[str]:
        """The remotes that nobody may call now."""
        with self._lock:
            return [name for name, state in self._states.items() if state.shut(now)]

    def left_alone(self, name: str, now: datetime) -> bool:
        """Whether a remote is closed for longer than a probe takes."""
        with self._lock:
            state = self._states.get(name)
            return state is not None and (state.denied or bool(state.waits(now)))

    def open(self, name: str, now: datetime) -> bool:
        """Whether somebody may call a remote now."""
        return name not in self.closed(now)

    def until(self, name: str, now: datetime) -> datetime:
        """When a remote may be called again, as far as is known."""
        with self._lock:
            state = self._states.get(name)
            waits = state.waits(now) if state is not None else []
        return max([*waits, now])

    def override(self) -> None:
        """Forgets our own waits, as `--once` does, never a remote's."""
        with self._lock:
            for state in self._states.values():
                state.wait_until = None

    def forgive(self) -> None:
        """Tries the remotes that denied us once more, where `retry` has said so in the store (`Store.forgive`)."""
        with self._lock:
            if not any(state.denied for state in self._states.values()):
                return
        forgiven = {name for name, health in self._store.remotes().items() if not health.up and health.cause is None}
        with self._lock:
            for name in forgiven & self._states.keys():
                self._states[name].denied, self._states[name].wait_until = False, None

    def well(self, name: str, now: datetime) -> None:
        """A call was answered. One that began before we were told to stay away doesn't take that back."""
        with self._lock:
            state = self._states.get(name)
            if state is not None:
                state.probing = False
            if state is not None and state.up:
                state.failures = 0
                return
            if state is not None and (state.denied or (state.asked_until is not None and state.asked_until > now)):
                return
            self._states[name] = _State(up=True, since=now)
            if state is not None:  # said within the lock: two threads would say it in another order than it was
                log().info("remote.up", remote=name, seconds=round((now - state.since).total_seconds(), 1))
        self._store.note_remote(name, up=True, since=now)  # without our lock: the store's holders ask `open`

    def ill(self, name: str, error: RemoteError, cause: str, now: datetime) -> None:
        """A call was not answered, or refused for good. Calls that were under way when it began count once."""
        with self._lock:
            state = self._states.setdefault(name, _State(up=True, since=now))
            began, denied_before = state.up, state.denied
            if began:
                state.up, state.since = False, now
            again = began or state.probing or not state.waits(now)
            state.denied = isinstance(error, AccessDenied)
            asked = error.retry_after if isinstance(error, Unavailable) else None
            if asked is not None:
                state.asked_until = max(now + timedelta(seconds=asked), state.asked_until or now)
            if again:
                state.failures += 1
                state.wait_until = now + min(_back_off(state.failures), self._longest(name))
            state.probing = False
            worth_noting = began or asked is not None or state.denied != denied_before
            since, until = state.since, state.asked_until
            if state.denied and not denied_before:
                log().error("remote.denied", remote=name, cause=cause)
            elif began:
                log().warning("remote.down", remote=name, cause=cause)
        if worth_noting:
            self._store.note_remote(name, up=False, since=since, cause=cause, not_before=until)

    def _longest(self, name: str) -> timedelta:
        return self._every.get(name, timedelta.max - SOON) + SOON


def _known(health: RemoteHealth) -> _State:
    return _State(up=health.up, since=health.since, asked_until=health.not_before)


def _back_off(failures: int) -> timedelta:
    """How long to leave a remote alone after so many failures in a row.

    A library's formula was loaded here at the first failure, which may be that no file can be opened any more.
    """
    seconds = FIRST_WAIT * 2.0 ** min(failures - 1, 16) + uniform(0, JITTER)  # noqa: S311 - no secret
    return timedelta(seconds=min(LONGEST_WAIT, seconds))
