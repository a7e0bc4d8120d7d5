"""How the customers' lists are read: how far back, and what becomes of a customer whose list can't be had.

What a row's status means is not for here.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Unreadable
from syncer.orders import Broken, Cursor, Listed, Page
from syncer.portals.vitec.doors import Doors
from syncer.portals.vitec.facts import OWNER, head_of, listed
from syncer.remotes.http import TOO_LONG
from syncer.remotes.vitec import CustomerDenied, Row, Vitec

SERVICE = "Service"  # the function group of the list, as its path names it
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORTEST = timedelta(hours=6)  # a time that isn't halved any more, should its list be too long
PART = "the answer is a part of the list"  # how the client says so


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the lists are read: `since` is the first day ever read; `overlap` is an hour at least."""

    since: date | None = None
    overlap: timedelta = HOUR
    rescan: timedelta = 14 * DAY


@dataclass(slots=True)
class _Round:
    """What one poll has read, by customer, and what it could not."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    troubles: dict[str, RemoteError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Lists:
    """The lists of some customers (section 4). `word` says what stands for a row's status."""

    def __init__(
        self,
        name: str,
        client: Vitec,
        doors: Doors,
        customers: Collection[str],
        services: Collection[str],
        reach: Reach,
        zone: ZoneInfo,
        word: Callable[[str | None], str],
        now: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._client = client
        self._doors = doors
        self._customers = tuple(dict.fromkeys(customers))
        self._services = frozenset(services)
        self._reach = reach
        self._overlap = max(reach.overlap, HOUR)  # whether the ends of a time belong to it is unknown
        self._zone = zone
        self._word = word
        self._now = now
        self._reread: dict[str, date] = {}  # the day of each customer's last deep re-read
        self._troubled: frozenset[str] = frozenset()

    def poll(self, cursor: Cursor, oldest_open: Callable[[], datetime | None]) -> Page:
        """The orders that were made since each customer's place in the cursor, with an overlap; once a day, deeper.

        A customer whose list can't be had keeps its place; the others go on, and the page's warning says so.

        Raises:
            CustomerDenied: no customer lets us read its list.
            Unavailable, Unreadable: no list could be read.
        """
        now = self._now()
        today = now.astimezone(self._zone).date()
        places = places_of(cursor.position)
        deepest = self._deepest(oldest_open, now) if cursor.reread_on != today.isoformat() else None
        done = self._read(places, deepest, now, today)
        if not done.rows and done.troubles:
            raise _worst(done.troubles)
        self._troubled = frozenset(done.troubles)
        reread = all(isinstance(trouble, CustomerDenied) for trouble in done.troubles.values())
        position = json.dumps(_moved(places, done.rows, now), sort_keys=True)
        rows, broken = self._sorted(done.rows)
        at = Cursor(position, today.isoformat() if reread else cursor.reread_on)
        notes = [f"{customer}: {trouble.cause}" for customer, trouble in done.troubles.items()]
        warning = "the lists of some customers could not be read: " + "; ".join(notes) if notes else ""
        return Page(rows, broken, at, "; ".join(filter(None, [warning, *done.notes])), OWNER)

    def row(self, customer_id: str, order_id: str, created_at: datetime | None) -> Row | None:
        """One order as the list has it just now; None where it isn't listed. Without a time it is one of late.

        Raises:
            CustomerDenied, Unavailable, Unreadable: as the client.
        """
        since = created_at - HOUR if created_at is not None else self._now() - self._reach.rescan
        until = created_at + HOUR if created_at is not None else None
        found = self._rows(customer_id, since, until)
        return next((row for row in found if row.order_id == order_id), None)

    # --- reading ----------------------------------------------------------------------------------------------

    def _deepest(self, oldest_open: Callable[[], datetime | None], now: datetime) -> datetime:
        """How far back the daily re-read goes: to each open order, at least."""
        oldest = oldest_open()
        return min(now - self._reach.rescan, now if oldest is None else oldest - self._overlap)

    def _read(self, places: Mapping[str, datetime], deepest: datetime | None, now: datetime, today: date) -> _Round:
        """Each customer's list; those that couldn't be had the last time come last, so that none waits for ever."""
        done = _Round()
        for customer in sorted(self._customers, key=lambda one: one in self._troubled):
            if any(isinstance(one, Unavailable) and one.retry_after is not None for one in done.troubles.values()):
                done.troubles[customer] = Unavailable(self._name, "orders.list", "not asked: it wants to be left alone")
                continue
            deep = None if self._reread.get(customer) == today else deepest
            try:
                self._read_one(done, customer, self._recent(places.get(customer), now), deep)
            except (CustomerDenied, Unavailable, Unreadable) as trouble:
                done.troubles[customer] = trouble
            else:
                self._reread |= {} if deep is None else {customer: today}
        return done

    def _read_one(self, done: _Round, customer: str, recent: datetime, deep: datetime | None) -> None:
        """One list; where the daily re-read of it can't be had, at least what is new."""
        if deep is not None and deep < recent:
            try:
                done.rows[customer] = self._rows(customer, self._not_before(deep))
            except (Unavailable, Unreadable) as failure:
                if isinstance(failure, Unavailable) and failure.retry_after is not None:
                    raise
                done.notes.append(f"the daily re-read of {customer} could not be had ({failure.cause})")
            else:
                return
        done.rows[customer] = self._rows(customer, recent)

    def _recent(self, place: datetime | None, now: datetime) -> datetime:
        """Where a poll like any other begins. A place in the future was written with a wrong clock."""
        if place is not None:
            return self._not_before(min(place, now) - self._overlap)
        return self._first() or now - self._reach.rescan

    def _first(self) -> datetime | None:
        since = self._reach.since
        return None if since is None else datetime.combine(since, time(), self._zone).astimezone(UTC)

    def _not_before(self, start: datetime) -> datetime:
        return max(start, self._first() or start)

    def _rows(self, customer: str, since: datetime, until: datetime | None = None) -> list[Row]:
        """The rows of a time; of one whose list is too long for one answer, half by half."""
        try:
            return self._doors.through(customer, SERVICE, lambda: self._client.orders(customer, since, until))
        except Rejected as refusal:
            raise Unreadable(refusal.remote, refusal.operation, refusal.cause, refusal.hint) from None
        except (Unavailable, Unreadable) as failure:
            length = (until or self._now()) - since
            if length <= SHORTEST or not failure.cause.startswith((TOO_LONG, PART)):
                raise
        half = since + length / 2
        return [*self._rows(customer, since, half + HOUR), *self._rows(customer, half - HOUR, until)]

    # --- rows -------------------------------------------------------------------------------------------------

    def _sorted(self, found: Mapping[str, list[Row]]) -> tuple[tuple[Listed, ...], tuple[Broken, ...]]:
        """Our services' rows, and those that can't be told from another order."""
        owners: dict[str, str] = {}
        good: dict[str, Listed] = {}
        broken: list[Broken] = []
        for customer in (one for one in self._customers if one in found):
            for row in found[customer]:
                if not self._may_be_ours(row):
                    continue
                wrong = self._wrong(row, owners.get(row.order_id or "", customer), customer)
                if wrong:
                    broken.append(Broken(_raw(row, customer), wrong))
                elif row.order_id is not None:
                    owners[row.order_id] = customer
                    good[row.order_id] = listed(row, customer, self._word(row.status))
        return tuple(good.values()), tuple(broken)

    def _may_be_ours(self, row: Row) -> bool:
        """The list may hold other suppliers' orders (section 4)."""
        service = row.service_id if row.order_id is not None else _service_in(row.raw)
        return service is None or service in self._services

    def _wrong(self, row: Row, owner: str, customer: str) -> str:
        if row.order_id is None:
            return "a listed row has no usable id"
        if row.service_id is None:
            return f"order {row.order_id} is listed without its service"
        if owner != customer:
            return f"order {row.order_id} is listed by {owner} and by {customer}: which is meant can't be told"
        return ""


def places_of(position: str | None) -> dict[str, datetime]:
    """Each customer's place, out of a cursor's position; none where it can't be read."""
    try:
        found = json.loads(position or "{}")
        return {name: datetime.fromisoformat(text) for name, text in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _moved(places: Mapping[str, datetime], rows: Mapping[str, list[Row]], now: datetime) -> dict[str, str]:
    """The places after a poll: the newest time that Vitec itself has dated an order, and never back."""
    moved = dict(places)
    for customer, found in rows.items():
        dated = [row.created_at for row in found if row.created_at is not None]
        if dated:
            newest = min(max(dated), now + DAY)  # one dated next year doesn't close this one
            moved[customer] = max(newest, places.get(customer, newest))
    return {customer: at.isoformat() for customer, at in moved.items()}


def _worst(troubles: Mapping[str, RemoteError]) -> RemoteError:
    """What is raised of several: an outage, which ends, before a refusal, which doesn't."""
    first = next(iter(troubles.values()))
    return next((one for one in troubles.values() if not isinstance(one, AccessDenied)), first)


def _raw(row: Row, customer: str) -> str:
    head = {name: text for name, text in head_of(row, customer).items() if name != "vitec_status"}
    return row.raw or json.dumps({"id": row.order_id, **head})


def _service_in(raw: str) -> str | None:
    """The service of a row that can't be read, where that much of it can."""
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    value = next((part for name, part in found.items() if name.lower() == "serviceid"), None)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
