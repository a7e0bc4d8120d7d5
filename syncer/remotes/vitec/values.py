"""What Vitec Connect says, as values, and the readers that make them out of its JSON (vitec.md, sections 3, 4 and 9).

A status stays the text that came, since only one of its values is known. Whether a ticket is the one that was asked
for is the caller's to compare.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import unquote_to_bytes

from syncer.remotes.json import Malformed, clean, flag, folded, ident, text

LONGEST_TOKEN = 4096


@dataclass(frozen=True, slots=True)
class Link:
    """What the agent's browser brings (section 2). The token is a secret, and is not shown."""

    customer_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token stands for (section 3). Only the order's id is sure to be there; `owner_id` handles the home."""

    order_id: str
    customer_id: str | None = None
    tenant_id: str | None = None
    chain_id: str | None = None
    user_id: str | None = None
    owner_id: str | None = None
    target_id: str | None = None
    target_type: str | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """The token was one, and is out of date. What else came with it is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One order of the list (section 4). Where `order_id` is None the row can't be read, and `raw` is all of it."""

    order_id: str | None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    status: str | None = None
    target_id: str | None = None
    user_id: str | None = None
    service_id: str | None = None
    raw: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NotGranted:
    """Vitec has not turned this function on for the customer. That is its right, and no error."""

    cause: str


@dataclass(frozen=True, slots=True)
class User:
    """A person at an office. `fields` has the texts of section 9, by Vitec's own names; they are personal."""

    user_id: str
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Office:
    """An office. `fields` has the texts of section 9 by Vitec's own names, `corporateNumber` among them."""

    customer_id: str
    office_id: str | None
    fields: Mapping[str, str] = field(repr=False)


USER_FIELDS = ("userId", "userName", "title", "emailAddress", "telePhone", "cellPhone", "publicPhonenumber")
OFFICE_FIELDS = (
    "customerId",
    "officeId",
    "customerName",
    "legalCustomerName",
    "corporateNumber",
    "vat",
    "address",
    "postalAddress",
    "zipCode",
    "city",
    "emailAddress",
    "telephone",
)


def token_of(query: str) -> Link | None:
    """The customer and the token in the raw query of the link that an agent opens; None where it is not such a link.

    Percent-escapes are undone, once. A `+` stays one, since the token is base64: a form's reading would make it a
    space (section 2). For the web's layer, which has to hand the query over as it came.
    """
    found: dict[str, list[str | None]] = {"customerid": [], "token": []}
    for pair in query.removeprefix("?").split("&"):
        name, _, value = pair.partition("=")
        if (known := found.get(name.lower())) is not None:
            known.append(_unquoted(value))
    customers, tokens = found["customerid"], found["token"]
    if len(customers) != 1 or len(tokens) != 1:  # of two, nobody could tell which is meant
        return None
    customer, token = customers[0], tokens[0]
    return Link(customer, token) if customer and token and len(token) <= LONGEST_TOKEN else None


def _unquoted(value: str) -> str | None:
    """A value of a query, if it is printable ASCII without a space, as ids and base64 are."""
    found = unquote_to_bytes(value)
    return found.decode() if all(0x21 <= byte <= 0x7E for byte in found) else None


def ticket(found: Any) -> Ticket | Expired:
    """The ticket in an answer.

    Raises:
        Malformed: it doesn't say whether it has expired, has no order, or a field isn't what it should be.
    """
    if not isinstance(found, dict):
        raise Malformed("the answer is no ticket")
    item = folded(found)
    expired = flag(item, "hasExpired")
    if expired is None:
        expired = flag(item, "orderTicketHasExpired")  # the page's own samples read this one (section 3)
    if expired is None:
        raise Malformed("the ticket doesn't say whether it has expired")
    return Expired() if expired else _valid(item)


def _valid(item: Mapping[str, Any]) -> Ticket:
    order_id = ident(item, "orderId")
    if order_id is None:
        raise Malformed("the ticket has no orderId")
    return Ticket(
        order_id,
        customer_id=ident(item, "customerId"),
        tenant_id=ident(item, "tenantId"),
        chain_id=ident(item, "chainId"),
        user_id=ident(item, "userId"),
        owner_id=ident(item, "orderUserId"),
        target_id=ident(item, "targetId"),
        target_type=ident(item, "targetType"),
    )


def rows(found: Any, zone: tzinfo) -> list[Row]:
    """The orders of a list, a bare array or an object with `rows`; each order once, as it was last updated.

    Raises:
        Malformed: it is no list, or says itself that it isn't the whole of it.
    """
    item = folded(found) if isinstance(found, dict) else {"rows": found}
    listed, total = item.get("rows"), item.get("totalrowcount")
    if not isinstance(listed, list):
        raise Malformed("the answer is no list of orders")
    if isinstance(total, int) and total > len(listed):
        raise Malformed("the answer is a part of the list: ask for a shorter time")
    once: dict[str | int, Row] = {}
    for place, entry in enumerate(listed):
        row = _row(entry, zone)
        key = place if row.order_id is None else row.order_id
        if key not in once or _updated(row) >= _updated(once[key]):
            once[key] = row
    return list(once.values())


def _updated(row: Row) -> datetime:
    return row.updated_at or row.created_at or datetime.min.replace(tzinfo=UTC)


def _row(entry: Any, zone: tzinfo) -> Row:
    try:
        return _readable_row(folded(entry), zone) if isinstance(entry, dict) else _strange_row(entry)
    except Malformed:
        return _strange_row(entry)


def _readable_row(item: Mapping[str, Any], zone: tzinfo) -> Row:
    order_id = ident(item, "id")
    if order_id is None:
        raise Malformed("the order has no id")
    return Row(
        order_id,
        created_at=moment(item.get("createdat"), zone),
        updated_at=moment(item.get("lastupdatedat"), zone),
        status=ident(item, "status"),
        target_id=ident(item, "targetId"),
        user_id=ident(item, "userId"),
        service_id=ident(item, "serviceId"),
    )


def _strange_row(entry: Any) -> Row:
    return Row(None, raw=json.dumps(entry, ensure_ascii=True))


def moment(found: Any, zone: tzinfo) -> datetime | None:
    """A time of Vitec's in UTC; one without an offset is in `zone` (section 11). None where it is none."""
    if not isinstance(found, str):
        return None
    try:
        at = datetime.fromisoformat(found.strip())
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def user(found: Any, user_id: str) -> User | None:
    """The user of an id, out of an answer that may hold others (section 9)."""
    for item in _objects(found):
        if text(item, "userId") == user_id:
            return User(user_id, _texts(item, USER_FIELDS))
    return None


def offices(found: Any, customer_id: str) -> tuple[Office, ...]:
    """The offices of a customer that are still there, out of an answer that may hold others (section 9)."""
    return tuple(
        Office(customer_id, text(item, "officeId"), _texts(item, OFFICE_FIELDS))
        for item in _objects(found)
        if text(item, "customerId") == customer_id and flag(item, "archived") is not True
    )


def categories(found: Any, customer_id: str) -> tuple[str, ...]:
    """The names of a customer's image categories (section 7, V10)."""
    named: dict[str, None] = {}
    for item in _objects(found):
        listed = item.get("categories")
        if text(item, "customerId") == customer_id and isinstance(listed, list):
            named |= {clean(name): None for name in listed if isinstance(name, str) and clean(name)}
    return tuple(named)


def _objects(found: Any) -> list[dict[str, Any]]:
    item = folded(found) if isinstance(found, dict) else {"rows": found}
    listed = item.get("rows")
    if not isinstance(listed, list) or not all(isinstance(part, dict) for part in listed):
        raise Malformed("the answer is no list of objects")
    return [folded(part) for part in listed]


def _texts(item: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """The texts among some fields; what isn't one is left out, since none of it is needed."""
    found = {}
    for name in names:
        value = item.get(name.lower())
        if isinstance(value, str | int) and not isinstance(value, bool) and clean(str(value)):
            found[name] = clean(str(value))
    return found
