"""The tables. Rows never leave the store: verbs take and give the values of `orders`.

Table models don't validate; everything that comes here has been parsed into values before.
"""

import json
import re
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import Field, SQLModel

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
SUSPECT = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity")  # as JSON writes what may be unstorable


class UtcDateTime(TypeDecorator[datetime]):
    """A time that can't lose its zone: naive ones are refused, and aware UTC comes back (SQLite drops zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone can't be stored: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Plain(TypeDecorator[str]):
    """A text that every database can hold: PostgreSQL refuses NUL, and half a pair is no character anywhere."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return value if value is None or not UNSTORABLE.search(value) else UNSTORABLE.sub("\ufffd", value)


def plain_json(value: Any) -> str:
    """JSON that every database can hold and search: without NUL, half pairs, and numbers that are none."""
    written = json.dumps(value)
    return written if not SUSPECT.search(written) else json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return UNSTORABLE.sub("\ufffd", value)
        case dict():
            return {_plain(name): _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case float() if not isfinite(value):
            return str(value)
        case _:
            return value


ID = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's own row numbers have to be called so


def _id() -> Any:
    return Field(default=None, sa_column=Column(ID, primary_key=True))


def _order() -> Any:
    return Field(sa_column=Column(ID, ForeignKey("orders.id"), nullable=False))


def _at(*, index: bool = False) -> Any:
    return Field(default=None, sa_type=UtcDateTime, index=index)


def _text() -> Any:
    return Field(default=None, sa_type=Plain)


def _no() -> Any:
    return Field(default=False, sa_column_kwargs={"server_default": false()})


def _part(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over some of the rows: what is looked for often is few, and what has ended is many.

    SQLite takes it only for a query that says the same word for word, and has no booleans. PostgreSQL's condition
    stands in the migration alone: naming it here would load that dialect at every start, which takes 25 ms.
    """
    return Index(name, *columns, unique=unique, sqlite_where=text("open = 1" if where == "open" else where))


class OrderRow(SQLModel, table=True):
    """An order's facts (`orders.Order` without its details), and what its listing row last said."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("portal", "external_id"),
        _part("ix_orders_due", "wake_at", "wake_firm", where="wake_at IS NOT NULL"),
        _part("ix_orders_updated", "updated_at", where="wake_at IS NOT NULL"),
        _part("ix_orders_leased", "leased_by", where="leased_by IS NOT NULL"),
        _part("ix_orders_parked", "id", where="park IS NOT NULL"),
        _part("ix_orders_open", "portal", "created_at", where="ended_at IS NULL"),
        _part("ix_orders_ref", "fulfilment", "fulfilment_ref", where="ended_at IS NULL AND fulfilment_ref IS NOT NULL"),
        _part("ix_orders_keeping", "ended_at", where="ended_at IS NOT NULL AND erased_at IS NULL"),
    )

    id: int | None = _id()
    portal: str
    external_id: str
    state: str
    portal_status: str | None = Field(default=None, sa_type=Plain)
    service: str = Field(default="", sa_type=Plain)
    work: str
    fulfilment: str | None = None
    fulfilment_ref: str | None = Field(default=None, sa_type=Plain)
    park: str | None = None
    parked: str | None = _text()
    look_due: bool = True
    doubt: bool = False
    taken_over: bool = False
    explained: bool = False
    seen_at: datetime | None = _at()
    wish_at: datetime | None = _at()
    hold_until: datetime | None = _at()
    begun_at: datetime | None = _at()
    round: int = 1
    tells: int = 0
    failures: int = 0
    message: str | None = _text()
    message_type: str = "error"
    said: str | None = _text()
    files_due: bool = _no()
    registered_in: str | None = None
    register_ref: str | None = _text()
    register_doubt: bool = _no()
    register_due: bool = _no()
    registers: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    awaits: str | None = _text()
    awaits_until: datetime | None = _at()
    given: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    given_all: bool = _no()
    wake_at: datetime | None = _at()
    wake_firm: bool = False
    created_at: datetime | None = _at()
    updated_at: datetime | None = _at()
    ended_at: datetime | None = _at()
    fingerprint: str | None = None
    listed_status: str | None = Field(default=None, sa_type=Plain)
    # Counts the changes of this row: who changes it says which one was read.
    rev: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    needs: str | None = None  # the remote that the next step is about
    leased_by: str | None = None  # the worker that has it in hand, where several share a database
    leased_until: datetime | None = _at()
    erased_at: datetime | None = _at()


class DetailsRow(SQLModel, table=True):
    """What the portal said of an order, with its personal data: the one place where they live, and are erased."""

    __tablename__ = "details"

    order_id: int = Field(sa_column=Column(ID, ForeignKey("orders.id"), primary_key=True))
    details: dict[str, Any] = Field(sa_type=JSON)


class RawRow(SQLModel, table=True):
    """The last answer about an order that could not be read; erased with the details."""

    __tablename__ = "raw_answers"

    order_id: int = Field(sa_column=Column(ID, ForeignKey("orders.id"), primary_key=True))
    at: datetime = Field(sa_type=UtcDateTime)
    text: str = Field(sa_type=Plain)


class IntentRow(SQLModel, table=True):
    """An intent (`orders.Intent`). `open` is true until it is done or rejected: at most one is, of an order."""

    __tablename__ = "intents"
    __table_args__ = (
        Index("ix_intents_order", "order_id", "at"),
        _part("ix_intents_open", "order_id", where="open", unique=True),
    )

    key: str = Field(primary_key=True)
    order_id: int = _order()
    kind: str
    target: str
    payload: dict[str, Any] = Field(sa_type=JSON)
    state: str
    open: bool
    attempts: int = 0
    outcome: str | None = _text()
    at: datetime = Field(sa_type=UtcDateTime)


class HistoryRow(SQLModel, table=True):
    """What happened to an order, in a sentence without personal data."""

    __tablename__ = "history"
    __table_args__ = (Index("ix_history_order", "order_id", "id"),)

    id: int | None = _id()
    order_id: int = _order()
    at: datetime = Field(sa_type=UtcDateTime)
    event: str
    text: str = Field(sa_type=Plain)


class FileRow(SQLModel, table=True):
    """A file of an order (`orders.File`): its asset's id decides for good whether it is fetched."""

    __tablename__ = "files"

    order_id: int = Field(sa_column=Column(ID, ForeignKey("orders.id"), primary_key=True))
    asset: str = Field(primary_key=True, sa_type=Plain)
    name: str = Field(sa_type=Plain)
    called: str = Field(sa_type=Plain)
    category: str = Field(sa_type=Plain)
    state: str
    size: int | None = Field(default=None, sa_column=Column(ID, nullable=True))
    sha256: str | None = None
    why: str = Field(sa_type=Plain)
    at: datetime = Field(sa_type=UtcDateTime)


class NoticeRow(SQLModel, table=True):
    """What a portal has to say to all its users (`store.Notice`), each once."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_at", "at"),)

    portal: str = Field(primary_key=True)
    key: str = Field(primary_key=True, sa_type=Plain)
    at: datetime = Field(sa_type=UtcDateTime)
    audience: str = Field(sa_type=Plain)
    sender: str = Field(sa_type=Plain)
    text: str = Field(sa_type=Plain)


class PushRow(SQLModel, table=True):
    """That a portal calls one of its orders by a reference of ours: what an uncertain create is looked up by."""

    __tablename__ = "pushes"

    portal: str = Field(primary_key=True)
    reference: str = Field(primary_key=True, sa_type=Plain)
    external_id: str = Field(primary_key=True, sa_type=Plain)
    at: datetime = Field(sa_type=UtcDateTime)


class AddressRow(SQLModel, table=True):
    """What an address opens (`store.Address`). `key` is the address's SHA-256: the address itself is kept nowhere."""

    __tablename__ = "addresses"

    key: str = Field(primary_key=True)
    order_id: int = Field(sa_column=Column(ID, ForeignKey("orders.id"), nullable=False, index=True))
    purpose: str
    asset: str = Field(sa_type=Plain)
    made_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    revoked_at: datetime | None = _at()


class CursorRow(SQLModel, table=True):
    """How far a source has been read, stored in the transaction that stores what was read."""

    __tablename__ = "cursors"

    source: str = Field(primary_key=True)
    position: str | None = None
    reread_on: str | None = None
    last_poll_at: datetime | None = _at()


class RemoteRow(SQLModel, table=True):
    """Whether a remote answers, since when, and until when it asked to be left alone."""

    __tablename__ = "remotes"

    name: str = Field(primary_key=True)
    up: bool
    since: datetime = Field(sa_type=UtcDateTime)
    cause: str | None = _text()
    not_before: datetime | None = _at()


class LeaseRow(SQLModel, table=True):
    """What one worker at a time does for all of them (polling), where several share a database."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    owner: str
    until: datetime = Field(sa_type=UtcDateTime)


class PassRow(SQLModel, table=True):
    """The last pass, as `status` and `--once` tell it; one row."""

    __tablename__ = "passes"

    id: int = Field(default=1, primary_key=True)
    summary: dict[str, Any] = Field(sa_type=JSON)


class JournalRow(SQLModel, table=True):
    """What happened to the service and to the store itself, a line each: starts, stops, erasures, copies."""

    __tablename__ = "journal"

    id: int | None = _id()
    at: datetime = Field(sa_type=UtcDateTime)
    event: str
    text: str = Field(sa_type=Plain)
    facts: dict[str, Any] = Field(sa_type=JSON)


class TallyRow(SQLModel, table=True):
    """How many orders are in each state, in parts: the sum over a state's slots. The database's triggers keep it.

    SQLite has one slot; PostgreSQL one for each of its processes, so that none waits for another's count.
    """

    __tablename__ = "tallies"

    state: str = Field(primary_key=True)
    slot: int = Field(default=0, primary_key=True)
    n: int = Field(sa_column=Column(ID, nullable=False))
