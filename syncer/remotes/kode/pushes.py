"""What KODE tells by itself: push messages of orders, and distributor messages (kode.md, sections 8 and 10).

Anyone may send one, so nothing is to be believed: a push says which order to read, and no more. Nothing of it may be
shown in what is raised here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncer.remotes.http import Answer
from syncer.remotes.json import LONGEST_ID, Malformed, document, folded, text
from syncer.remotes.kode.reading import code, number

SPELLINGS = {"UPDATE": "UPDATED"}
ORDER_IDS = ("orderCollectionId", "orderId")


@dataclass(frozen=True, slots=True)
class OrderPush:
    """Something happened to an order (section 8.2). `status` is in upper case, "" where none is said."""

    order_id: str
    status: str
    reference: str
    technical_reference: str


@dataclass(frozen=True, slots=True)
class Message:
    """A notice of Ambita's or of a municipality's (section 10). `created` is as it was written.

    `id` is a SHA-256 of the content where it has none, so that the same one twice is known for one. `type` is in upper
    case. Of the oldest shape, the organisation's code is the municipality's number where it can be, else its name.
    """

    id: str
    text: str = field(repr=False)
    municipality_name: str
    municipality_number: str
    created: str
    type: str
    action: str


def push_of(body: bytes) -> OrderPush | Message:
    """What the body of a push says.

    Raises:
        Malformed: it is none of the two.
    """
    found = document(Answer(200, body))
    if not isinstance(found, dict):
        raise Malformed("the push is no object")
    item = folded(found)
    order_id = _order_id(item)
    if order_id is not None and "eventtype" not in item:
        return _order_push(item, order_id)
    return _message(item)


def _order_id(item: Mapping[str, Any]) -> str | None:
    found = (number(item, name) for name in ORDER_IDS)
    return next((known for known in found if known is not None), None)


def _order_push(item: Mapping[str, Any], order_id: str) -> OrderPush:
    status = code(item, "status")
    return OrderPush(
        order_id,
        SPELLINGS.get(status, status),
        text(item, "reference") or "",
        text(item, "technicalReference") or "",
    )


def _message(item: Mapping[str, Any]) -> Message:
    content = _content(item)
    said = text(content, "message")
    if said is None:
        raise Malformed("the push is about no order, and has no message")
    name, municipality = _municipality(content)
    return Message(
        _id(content),
        said,
        name,
        municipality,
        text(content, "dateCreated") or "",
        code(content, "type"),
        text(item, "eventAction") or "",
    )


def _content(item: Mapping[str, Any]) -> dict[str, Any]:
    """The inner object: the whole, its `content`, or that one's `body` (section 14 C)."""
    found = dict(item)
    for name in ("content", "body"):
        inner = found.get(name)
        found = folded(inner) if isinstance(inner, dict) else found
    return found


def _municipality(content: Mapping[str, Any]) -> tuple[str, str]:
    name, given = text(content, "municipalityName") or "", text(content, "municipalityNumber")
    if given is None and not name:
        given = text(content, "organizationCode")
        if given is not None and not _is_number(given):
            return given, ""
    return name, given.zfill(4) if given is not None and _is_number(given) else ""


def _is_number(given: str) -> bool:
    return given.isascii() and given.isdecimal() and len(given) <= 4


def _id(content: Mapping[str, Any]) -> str:
    found = text(content, "id")
    if found is None:
        return hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()
    if len(found) > LONGEST_ID or not found.isprintable():
        raise Malformed("the message's id is no id")
    return found
