"""The verbs of addresses that nobody can guess: pages and files that whoever holds the address may open, for a while.

An address is a capability, like a key. Only its SHA-256 is kept, so that the database opens nothing. What a page shows
is not for here.
"""

import secrets
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from syncer.store import queries
from syncer.store.reading import Reading
from syncer.store.rows import ADDRESSES, ORDERS

BYTES = 32  # of chance in an address
KEPT = timedelta(days=30)  # that a dead address stays in the table: a clock that was set wrong for an hour loses none


class Purpose(StrEnum):
    """What an address opens: an order's page, or one of its files."""

    PAGE = "page"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Address:
    """What an address opens, and for how long; not the address itself. `asset` is empty for a page. Times are UTC."""

    order: str
    purpose: Purpose
    asset: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


def new_address() -> str:
    """An address that nobody can guess: 43 characters, each of which may stand in a URL."""
    return secrets.token_urlsafe(BYTES)


class Addressing(Reading):
    """The verbs about addresses."""

    @abstractmethod
    def _write(self) -> AbstractContextManager[Connection]:
        """A transaction that writes (`Store`)."""

    def make_address(self, order: str, purpose: Purpose, now: datetime, until: datetime, asset: str = "") -> str | None:
        """A new address of an order's page, or of one of its files; None where there is no such order.

        It is told this once, and can't be read again.
        """
        made = new_address()
        with self._write() as tx:
            row = _row_of(tx, order)
            if row is None:
                return None
            tx.execute(delete(ADDRESSES).where(ADDRESSES.c.expires_at < now - KEPT))
            tx.execute(insert(ADDRESSES).values(_columns(made, row, purpose, asset, now, until)))
        return made

    def lend(self, page: str, files: Mapping[str, str], now: datetime, until: datetime) -> bool:
        """Sees that these addresses open the files of an order, by their assets, while its page may be opened.

        Those that are there stay as they are. False where the page's address is not valid (any more).
        """
        if not files:
            return True
        with self._glance() as tx:
            there = set(tx.execute(_keys_among(files)).scalars())
        if len(there) == len(files):
            return True
        with self._write() as tx:
            query = select(ADDRESSES.c.order_id).where(*_opens(page, Purpose.PAGE, now))
            row = tx.execute(query.with_for_update()).scalar()  # on PostgreSQL, another worker may be about to lend
            if row is None:
                return False
            there = set(tx.execute(_keys_among(files)).scalars())
            fresh = [(text, asset) for text, asset in files.items() if _key(text) not in there]
            if fresh:
                rows = [_columns(text, row, Purpose.FILE, asset, now, until) for text, asset in fresh]
                tx.execute(insert(ADDRESSES), rows)
        return True

    def address(self, text: str, purpose: Purpose, now: datetime) -> Address | None:
        """What an address opens; None where it is unknown, for something else, expired or revoked."""
        query = _with_order().where(*_opens(text, purpose, now))
        with self._glance() as tx:
            found = tx.execute(query).mappings().first()
        return None if found is None else _address(found)

    def addresses(self, order: str) -> list[Address]:
        """An order's addresses, oldest first, those too that open nothing any more."""
        query = _with_order().where(*queries.is_called(order)).order_by(ADDRESSES.c.made_at, ADDRESSES.c.key)
        with self._glance() as tx:
            return [_address(row) for row in tx.execute(query).mappings()]

    def revoke(self, order: str, now: datetime) -> int:
        """None of an order's addresses opens anything from now on; returns how many did until now."""
        these = select(ORDERS.c.id).where(*queries.is_called(order)).scalar_subquery()
        live = (ADDRESSES.c.order_id == these, ADDRESSES.c.revoked_at.is_(None))
        with self._write() as tx:
            ended = tx.execute(select(ADDRESSES.c.expires_at).where(*live)).scalars().all()
            tx.execute(update(ADDRESSES).where(*live).values(revoked_at=now))
        return sum(until > now for until in ended)


def _key(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _keys_among(texts: Mapping[str, str]) -> Any:
    return select(ADDRESSES.c.key).where(ADDRESSES.c.key.in_([_key(text) for text in texts]))


def _opens(text: str, purpose: Purpose, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        ADDRESSES.c.key == _key(text),
        ADDRESSES.c.purpose == purpose,
        ADDRESSES.c.revoked_at.is_(None),
        ADDRESSES.c.expires_at > now,
    )


def _row_of(tx: Connection, order: str) -> int | None:
    found: int | None = tx.execute(select(ORDERS.c.id).where(*queries.is_called(order))).scalar()
    return found


def _columns(text: str, row: int, purpose: Purpose, asset: str, now: datetime, until: datetime) -> dict[str, Any]:
    return {
        "key": _key(text),
        "order_id": row,
        "purpose": purpose.value,
        "asset": asset,
        "made_at": now,
        "expires_at": until,
    }


def _with_order() -> Any:
    return select(ADDRESSES, ORDERS.c.portal, ORDERS.c.external_id).join(ORDERS, ORDERS.c.id == ADDRESSES.c.order_id)


def _address(row: RowMapping) -> Address:
    return Address(
        f"{row['portal']}:{row['external_id']}",
        Purpose(row["purpose"]),
        row["asset"],
        row["made_at"],
        row["expires_at"],
        row["revoked_at"],
    )
