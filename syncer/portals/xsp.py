"""XSP as a portal: its lists and orders become observations, and statuses and messages become calls (xsp.md).

What an observation means for an order is decided elsewhere; how a call goes over the wire too.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from syncer.errors import AccessDenied, Rejected, Unavailable, Unreadable
from syncer.orders import (
    FINAL,
    Absent,
    Broken,
    CannotTell,
    Cursor,
    Found,
    Intent,
    Kind,
    Listed,
    MessageLeft,
    MessageRefused,
    Moved,
    Observation,
    Order,
    Page,
    Read,
    State,
    TellRefused,
    Told,
)
from syncer.portals.window import Window
from syncer.remotes.http import LATE, TOO_LONG
from syncer.remotes.xsp import Log, Row, Xsp

SIBLING_CAP = 100  # a sibling of this API caps its answers at 100 rows (xsp.md, section 12)
AT_ONCE = re.compile(r"asap|0000-00-00.*|0", re.IGNORECASE)  # a zero date is a database's way to say none
LOG_LAG, AGAIN = timedelta(minutes=15), 60.0  # how long a log that shows less than it should is not believed
REMEMBERED = 10_000  # rows of a listing that are kept to be compared with the next; of a longer one, none
CAPPED = "exactly 100 orders were listed: see that the portal doesn't cap its list"


OLD = timedelta(days=2)  # that an order may be dated before it is first seen, by a program that was running


class XspPortal:
    """An XSP account as a portal: a source of orders, and a sink for what the portal is told (contract: xsp.md).

    `registers`: an order's route has it registered, which must not be done twice.
    """

    def __init__(
        self,
        name: str,
        client: Xsp,
        window: Window,
        zone: ZoneInfo,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        registers: Callable[[Order], bool] = lambda _: False,
    ) -> None:
        self.name = name
        self._client = client
        self._window = window
        self._zone = zone
        self._now = now
        self._registers = registers
        self._last: dict[str, Listed] = {}  # the last listing: a row that came again as it was isn't marked anew

    # --- source -----------------------------------------------------------------------------------------------

    def poll(self, cursor: Cursor, oldest_open: Callable[[], datetime | None]) -> Page:
        """The orders listed since the cursor, with an overlap; once a day, deeper (section 10).

        The cursor is the newest day that the portal itself has dated an order, so that a clock of ours that is wrong
        can't carry it past an order.
        """
        today = self._now().astimezone(self._zone).date()
        start, deep = self._start(cursor, oldest_open, today)
        rows, warning = self._rows(start, self._recent(cursor, today) if deep else None)
        listed = [self._listed(row) for row in rows]
        good = tuple(row for row in listed if isinstance(row, Listed))
        broken = tuple(row for row in listed if isinstance(row, Broken))
        self._last = {row.external_id: row for row in good} if len(good) <= REMEMBERED else {}
        position = self._position(cursor, good, today)
        reread = today.isoformat() if deep else cursor.reread_on
        warning = warning or (CAPPED if len(rows) == SIBLING_CAP else "")
        return Page(good, broken, Cursor(position, reread), warning)

    def _listed(self, row: Row) -> Listed | Broken:
        if not self._last:
            return _listed(row)
        key = row.fields.get("id")
        before = self._last.get(key) if isinstance(key, str) else None
        return before if before is not None and before.head == row.fields else _listed(row)

    def _start(self, cursor: Cursor, oldest_open: Callable[[], datetime | None], today: date) -> tuple[date, bool]:
        """The first day to list, and whether this is the day's deep re-read, which reaches back to each open order."""
        deepest = today - timedelta(days=self._window.rescan)
        position = _day(cursor.position)
        deep = cursor.reread_on != today.isoformat()
        if position is None:
            start = self._window.since or deepest
        else:
            start = self._recent(cursor, today) or today
            if deep:
                open_since = oldest_open()
                oldest = today if open_since is None else open_since.astimezone(self._zone).date()
                start = min(start, deepest, oldest - timedelta(days=self._window.overlap))
        return max(start, self._window.since or start), deep

    def _recent(self, cursor: Cursor, today: date) -> date | None:
        """The first day of a poll like any other; None before the first one."""
        position = _day(cursor.position)
        if position is None:
            return None
        # One of the future was written with a wrong clock, or for an order dated so: it may hide nothing.
        start = min(position, today) - timedelta(days=self._window.overlap)
        return max(start, self._window.since or start)

    def _rows(self, start: date, instead: date | None) -> tuple[list[Row], str]:
        """The rows from a day on; or, where they can't be had, those from `instead` on, and why."""
        try:
            return self._client.orders(start), ""
        except (Unreadable, Unavailable) as failure:
            too_much = failure.cause.startswith(TOO_LONG) or failure.cause == LATE
            if instead is None or instead <= start or not too_much:
                raise
            why = f"the daily re-read from {start} on could not be had ({failure.cause}): raise max_answer or timeout"
        return self._client.orders(instead), why

    def _position(self, cursor: Cursor, rows: tuple[Listed, ...], today: date) -> str | None:
        """The newest day that the portal has dated an order; never one of our clock's, and never back."""
        before = _day(cursor.position) or self._window.since
        texts = {text[:10] for row in rows if isinstance(text := row.head.get("date"), str)}  # few days, many rows
        dated = [day for text in texts if (day := _day(text)) is not None]
        # One dated next year doesn't close this one.
        days = [min(max(dated), today + timedelta(days=1))] if dated else []
        days += [before] if before is not None else []
        return max(days).isoformat() if days else None

    def read(self, order: Order) -> Observation:
        """The order's details, its customer and its status (sections 6.2 and 6.3).

        Raises:
            Unreadable: something of it can't be read.
        """
        try:
            info = self._client.order_info(order.external_id)
            head = order.details.get("head", {})
            status = _status(info.order) or self._listed_status(order)
            customer_id = _text(info.order.get("customer")) or _text(head.get("customer"))
            customer: Mapping[str, Any] = info.customer
            data = dict(info.data)
            if customer_id:
                found = self._client.customer_info(customer_id)
                customer, data = found.customer, data | dict(found.data)
            details = {"head": dict(head), "order": dict(info.order), "customer": dict(customer), "data": data}
            explained = order.state is State.NEW and status == State.WAITING and self._explained(order)
            ours = order.state is State.NEW and status == State.DELIVERED and self._was_ours(order.but(details=details))
        except Rejected as refusal:
            raise Unreadable(self.name, refusal.operation, refusal.cause) from None
        return Read(
            status=status,
            service=_text(info.order.get("service")) or _text(head.get("service")),
            wish_at=None if status in FINAL else self._wish(info.order, head),
            details=details,
            explained=explained,
            ours=ours,
        )

    def _was_ours(self, order: Order) -> bool:
        """Whether a former life may have registered an order that is first read as delivered.

        One that was direct-activated is seen soon after, and its log knows of no status before.
        """
        if not self._registers(order):
            return False
        day = _day(order.details["head"].get("date") or order.details["order"].get("date"))
        if day is not None and day < (self._now() - OLD).astimezone(self._zone).date():
            return True
        log = self._client.order_log(order.external_id).raw.lower()
        return State.RECEIVED in log and State.ACTIVE in log

    def _listed_status(self, order: Order) -> str:
        """The status that the list shows, for a portal whose details have none."""
        day = _day(order.details.get("head", {}).get("date"))
        if day is not None:
            for row in self._client.orders(day):
                if row.id == order.external_id and _status(row.fields):
                    return _status(row.fields)
        raise Unreadable(self.name, "order_info", "the answer holds no status")

    def _wish(self, *sections: Mapping[str, Any]) -> datetime | None:
        """The delivery wished for, as UTC; None for `asap`, and where nothing is wished.

        Raises:
            Unreadable: a wish that is no date. Taking it for `asap` would be a guess.
        """
        for section in sections:
            for name in ("delivery", "delivery_date"):
                text = _text(section.get(name))
                if text:
                    return None if AT_ONCE.fullmatch(text) else self._instant(text)
        return None

    def _instant(self, text: str) -> datetime | None:
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            cause = "the wished delivery is neither asap nor a date"
            raise Unreadable(self.name, "order_info", cause, raw=text) from None
        local = local if local.tzinfo is not None else local.replace(tzinfo=self._zone)
        try:
            return local.astimezone(UTC)
        except OverflowError:
            return None

    def _explained(self, order: Order) -> bool:
        return self._client.order_log(order.external_id).has(f"[{order.reference}.m")

    # --- sink -------------------------------------------------------------------------------------------------

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Tells the portal a status, or writes a message. Neither is safe to repeat without `find`."""
        if intent.kind is Kind.STATUS:
            return self._tell(intent, order)
        return self._say(intent, order)

    def _tell(self, intent: Intent, order: Order) -> Observation:
        """Reads the order, and writes the status only over the one that it was decided upon (section 7)."""
        wanted = intent.payload["status"]
        at = self._status_now(order)
        if at == wanted:
            return Told(wanted)
        if at != intent.payload["from"]:
            return Moved(at)
        try:
            self._client.set_status(order.external_id, wanted)
        except Rejected as refusal:
            cause = refusal.cause
        else:
            return Told(wanted)
        return Told(wanted) if self._status_now(order) == wanted else TellRefused(cause)

    def _say(self, intent: Intent, order: Order) -> Observation:
        try:
            self._client.add_message(order.external_id, intent.payload["text"], intent.payload["type"])
        except Rejected as refusal:
            return MessageRefused(refusal.cause)
        except AccessDenied as refusal:
            return MessageRefused(f"{refusal.cause}; see message_auth")
        return MessageLeft()

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Whether an intent had its effect: the status by the order itself, a message by its key in the log."""
        if intent.kind is Kind.STATUS:
            at = self._status_now(order)
            if at == intent.payload["status"]:
                return Found(Told(at))
            return Absent() if at == intent.payload["from"] else Found(Moved(at))
        log = self._client.order_log(order.external_id)
        if log.has(f"[{intent.key}]"):
            return Found(MessageLeft())
        if log.entries == 0:
            return CannotTell(
                f"the order's log is empty; look in {self.name} for a message that ends with [{intent.key}]"
            )
        if intent.at is not None and self._behind(log, order) and self._now() - intent.at < LOG_LAG:
            cause = "it may not show the newest yet"
            raise Unavailable(self.name, "order_log", cause, retry_after=AGAIN, order_only=True)
        return Absent()

    def _behind(self, log: Log, order: Order) -> bool:
        """Whether an order's log doesn't show the status that it has, which the portal writes there (section 6.5)."""
        return order.portal_status is not None and not log.has(order.portal_status)

    def _status_now(self, order: Order) -> str:
        try:
            return _status(self._client.order_info(order.external_id).order) or self._listed_status(order)
        except Rejected as refusal:
            raise Unreadable(self.name, refusal.operation, refusal.cause) from None

    def check(self) -> str:
        """One harmless call: signs in, and lists today's orders."""
        rows = self._client.orders(self._now().astimezone(self._zone).date())
        return f"signed in; {len(rows)} orders today"


def _listed(row: Row) -> Listed | Broken:
    key = row.id
    if key is None:
        return Broken(row.raw, "a listed row has no usable id")
    return Listed(key, _status(row.fields), _text(row.fields.get("service")), _mark(row.fields), row.fields)


def _mark(fields: Mapping[str, Any]) -> str:
    """A fingerprint of all of a row but its status. XML's texts hold none of the characters that part them here."""
    names = _marked(tuple(fields))
    values = [fields[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        values = [json.dumps(value, sort_keys=True) for value in values]
    return hashlib.blake2b("\x1f".join([*names, *values]).encode(), digest_size=12).hexdigest()


@lru_cache(maxsize=64)
def _marked(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name != "status"))


def _status(fields: Mapping[str, Any]) -> str:
    return _text(fields.get("status")).lower()


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
