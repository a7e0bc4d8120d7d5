"""What is known of a Vitec order: what the list says, what the page's ticket says, and what there is to give back.

Readers of values only: no call belongs here.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from syncer.orders import Listed, Order, Supplied
from syncer.remotes.vitec import Row, Ticket

OWNER = "customer_id"  # the head's field that tells whose order a row is


@dataclass(frozen=True, slots=True)
class Result:
    """One file of what was done. `size` is in bytes, `link` leads an agent to it, `place` is where it is kept here.

    `open` reads it whole, and is None where it can't be; it raises OSError.
    """

    name: str
    size: int
    category: str = ""
    link: str | None = None
    open: Callable[[], bytes] | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Ids:
    """Whose order it is and what for; the ticket's word counts for more than the list's (section 3)."""

    order_id: str
    customer_id: str | None = None
    tenant_id: str | None = None
    chain_id: str | None = None
    user_id: str | None = None
    owner_id: str | None = None
    target_id: str | None = None
    target_type: str | None = None
    service: str | None = None

    @property
    def agent_id(self) -> str | None:
        """Who handles the home, or else who ordered."""
        return self.owner_id or self.user_id


def ids_of(order: Order) -> Ids:
    """The ids of an order, as far as they are known."""
    known = {**section(order, "head"), **{name: text for name, text in section(order, "ticket").items() if text}}
    given = {part.name: known.get(part.name) for part in fields(Ids) if part.name != "order_id"}
    return Ids(order.external_id, **given)


def supplied(ticket: Ticket) -> Supplied:
    """What an agent brought by opening the order's page. The token isn't in it (section 3)."""
    values = {part.name: getattr(ticket, part.name) for part in fields(ticket)}
    return Supplied("ticket", {name: text for name, text in values.items() if text is not None})


def section(order: Order, name: str) -> Mapping[str, Any]:
    """A section of an order's details; empty where there is none."""
    return order.details.get(name) or {}


def head_of(row: Row, customer_id: str) -> dict[str, str]:
    """What is kept of a listed row. When it was last updated is not: our own calls update it."""
    told = {
        "customer_id": customer_id,
        "target_id": row.target_id,
        "user_id": row.user_id,
        "service": row.service_id,
        "created_at": None if row.created_at is None else row.created_at.isoformat(),
        "vitec_status": row.status,
    }
    return {name: text for name, text in told.items() if text is not None}


def listed(row: Row, customer_id: str, word: str) -> Listed:
    """A readable row as it is ingested; `word` stands for its status."""
    head = head_of(row, customer_id)
    rest = {name: text for name, text in head.items() if name != "vitec_status"}
    mark = hashlib.blake2b(json.dumps(rest, sort_keys=True).encode(), digest_size=12).hexdigest()
    return Listed(row.order_id or "", word, row.service_id or "", mark, head)


def ordered_at(order: Order) -> datetime | None:
    """When the agent ordered, by the list; else when the order came to be known here."""
    text = section(order, "head").get("created_at")
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else order.created_at
    except ValueError:
        return order.created_at
