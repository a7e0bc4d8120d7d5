"""Which remotes may be called now. An outage is said once when it begins and once when it ends."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenacity import RetryCallState, wait_exponential_jitter

from syncer.errors import AccessDenied, RemoteError, Unavailable
from syncer.store import RemoteHealth, Store
from syncer.telemetry import log

BACK_OFF = wait_exponential_jitter(multiplier=5, max=300, jitter=2)
SOON = timedelta(seconds=8)  # and a poll interval: no longer, so that an outage's end is seen in time


@dataclass(slots=True)
class _State:
    up: bool
    since: datetime
    denied: bool = False
    failures: int = 0
    asked_until: datetime | None = None  # the remote's own word (Retry-After): never overridden
    wait_until: datetime | None = None  # ours


class Health:
    """The health of each remote, kept in the store for `status` and for the next process.

    `every` is how often each remote is asked: our own waits are not much longer.
    """

    def __init__(self, store: Store, every: Mapping[str, timedelta] | None = None) -> None:
        self._store = store
        self._every = dict(every or {})
        self._lock = threading.Lock()
        self._states = {name: _known(health) for name, health in store.remotes().items()}

    def open(self, name: str, now: datetime) -> bool:
        """Whether a remote may be called now."""
        with self._lock:
            state = self._states.get(name)
            if state is None:
                return True
            waits = [until for until in (state.asked_until, state.wait_until) if until is not None]
            return not state.denied and all(until <= now for until in waits)

    def until(self, name: str, now: datetime) -> datetime:
        """When a remote may be called again, as far as is known."""
        with self._lock:
            state = self._states.get(name)
            waits = [until for until in (state.asked_until, state.wait_until) if until is not None] if state else []
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
            if state is not None and state.up:
                state.failures = 0
                return
            if state is not None and (state.denied or (state.asked_until is not None and state.asked_until > now)):
                return
            self._states[name] = _State(up=True, since=now)
        self._store.note_remote(name, up=True, since=now)  # without our lock: the store's holders ask `open`
        if state is not None:
            log().info("remote.up", remote=name, seconds=round((now - state.since).total_seconds(), 1))

    def ill(self, name: str, error: RemoteError, cause: str, now: datetime) -> None:
        """A call was not answered, or refused for good."""
        with self._lock:
            state = self._states.setdefault(name, _State(up=True, since=now))
            began, denied_before = state.up, state.denied
            if began:
                state.up, state.since = False, now
            state.failures += 1
            state.denied = isinstance(error, AccessDenied)
            asked = error.retry_after if isinstance(error, Unavailable) else None
            if asked is not None:
                state.asked_until = max(now + timedelta(seconds=asked), state.asked_until or now)
            state.wait_until = now + min(_back_off(state.failures), self._longest(name))
            worth_noting = began or asked is not None or state.denied != denied_before
            since, until = state.since, state.asked_until
        if worth_noting:
            self._store.note_remote(name, up=False, since=since, cause=cause, not_before=until)
        if state.denied and not denied_before:
            log().error("remote.denied", remote=name, cause=cause)
        elif began:
            log().warning("remote.down", remote=name, cause=cause)

    def _longest(self, name: str) -> timedelta:
        return self._every.get(name, timedelta.max - SOON) + SOON


def _known(health: RemoteHealth) -> _State:
    return _State(up=health.up, since=health.since, asked_until=health.not_before)


def _back_off(failures: int) -> timedelta:
    """How long to leave a remote alone after so many failures in a row."""
    attempt = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
    attempt.attempt_number = failures
    return timedelta(seconds=BACK_OFF(attempt))
