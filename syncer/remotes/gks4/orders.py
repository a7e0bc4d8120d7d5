"""GKS4's sales order: what is sent, built from values, and what is read of the answer (gks4.md, section 5).

Money is Decimal, and what can't be sent exactly is refused. Which article a line has is the caller's to say: a known
one starts production.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from syncer.remotes.gks4.customers import Address
from syncer.remotes.gks4.settings import LANGUAGES, TEXT_LIMIT, Settings
from syncer.remotes.http import Answer
from syncer.remotes.json import LONGEST_ID, Malformed, clean, document, folded

MOST_DIGITS = 15  # on either side of the decimal point
RAW_LIMIT = 10_000  # characters of an answer that are kept
WORD = re.compile(r"\w[\w./:#-]*")  # what a number may look like that is no JSON; or a word such as OK


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `more` is what else it should have, by GKS4's own names: a discount, or delivery addresses."""

    description: str
    quantity: Decimal
    unit_price: Decimal | None = None
    article: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SalesOrder:
    """A sales order's header and lines (section 5.1). What is None is not sent; `more` as in a line.

    `billing_company` is a name and an e-mail address, `billing_contact` a first and a last name.
    """

    customer_number: str
    lines: tuple[Line, ...] = ()
    name: str | None = None
    purchase_order_number: str | None = None
    language: str | None = None
    currency: str | None = None
    note: str | None = field(default=None, repr=False)
    billing_company: tuple[str, str | None] | None = field(default=None, repr=False)
    bill_to: Address | None = field(default=None, repr=False)
    billing_contact: tuple[str, str] | None = field(default=None, repr=False)
    promised_delivery_date: date | None = None
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Created:
    """A sales order that was made. Neither number nor location is documented, and each may be missing.

    `cut_lines` are the places, from 1, of the lines whose text was too long, and was cut.
    """

    number: str | None
    location: str | None = None
    cut_lines: tuple[int, ...] = ()
    raw: str = field(default="", repr=False)


def cut_lines(order: SalesOrder) -> tuple[int, ...]:
    """The places, from 1, of the lines whose text passes what reaches an invoice (section 8)."""
    return tuple(place for place, line in enumerate(order.lines, 1) if len(line.description) > TEXT_LIMIT)


def order_body(order: SalesOrder, settings: Settings) -> dict[str, Any]:
    """The body of a create.

    Raises:
        Malformed: an amount, the language or the currency is none that can be sent.
    """
    if order.language is not None and order.language not in LANGUAGES:
        raise Malformed(f"the language is none of {', '.join(sorted(LANGUAGES))}")
    if order.currency is not None and not _is_currency(order.currency):
        raise Malformed("the currency is no three capital letters")
    if not order.customer_number.strip():
        raise Malformed("the order has no customer number")
    names, company, contact = settings.order, order.billing_company, order.billing_contact
    header = {
        names.customer_number: order.customer_number,
        names.name: order.name,
        names.purchase_order_number: order.purchase_order_number,
        names.language: order.language,
        names.currency: order.currency,
        names.note: order.note,
        names.billing_company: None if company is None else {"name": company[0], "invoiceEmail": company[1]},
        names.bill_to: None if order.bill_to is None else _bill_to(order.bill_to),
        names.billing_contact: None if contact is None else {"firstName": contact[0], "lastName": contact[1]},
        names.promised_delivery_date: _day(order.promised_delivery_date),
    }
    lines = [_line_body(line, place, settings) for place, line in enumerate(order.lines, 1)]
    return _given(header) | _given({names.lines: lines}) | _more(order.more)


def _is_currency(currency: str) -> bool:
    return len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _bill_to(address: Address) -> dict[str, str | None]:
    """An invoice's address, of which these four are known (section 5.1)."""
    return {
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "zipCode": address.zip_code,
    }


def _line_body(line: Line, place: int, settings: Settings) -> dict[str, Any]:
    names, price = settings.line, line.unit_price
    quantity = _amount(line.quantity, f"the quantity of line {place}", settings)
    unit_price = None if price is None else _amount(price, f"the price of line {place}", settings)
    if price is not None and _has_parts_of_cents(price):
        raise Malformed(f"the price of line {place} has more than two decimals")
    body = {
        names.article: line.article,
        names.description: line.description[:TEXT_LIMIT],
        names.quantity: quantity,
        names.unit_price: unit_price,
    }
    return _given(body) | _more(line.more)


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name and value is not None}


def _more(more: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _extended(value) for name, value in more.items()}


def _extended(value: Any) -> Any:
    """What the caller adds, with each amount in it as a text: of its names nothing is known."""
    if isinstance(value, Mapping):
        return _more(value)
    if isinstance(value, list | tuple):
        return [_extended(part) for part in value]
    if isinstance(value, Decimal) and value.is_finite() and _is_written_short(value):
        return f"{value:f}"
    if value is None or isinstance(value, str | bool | int):
        return value
    raise Malformed("a field that is added is no text, amount, or whole number")


def _is_written_short(amount: Decimal) -> bool:
    """Whether a finite amount has no more than some digits on either side of its point."""
    return amount.adjusted() < MOST_DIGITS and -int(amount.as_tuple().exponent) <= MOST_DIGITS


def _has_parts_of_cents(price: Decimal) -> bool:
    above, below = price.as_integer_ratio()
    return bool(100 * above % below)


def _amount(amount: Any, what: str, settings: Settings) -> int | float | str:
    """An amount as JSON can hold it, exactly.

    JSON's numbers are written here from Python's floats alone, and one is used only where its shortest text, which is
    what travels, is the very amount.
    """
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise Malformed(f"{what} is no exact number")
    if not _is_written_short(amount):
        raise Malformed(f"{what} has more digits than can be sent")
    if settings.amounts_as_text:
        return f"{amount:f}"
    if amount == amount.to_integral_value():
        return int(amount)
    written = float(amount)
    if Decimal(repr(written)) != amount:
        raise Malformed(f"{what} has more digits than can be sent")
    return written


# --- the answer -----------------------------------------------------------------------------------------------


def created(answer: Answer, order: SalesOrder, settings: Settings) -> Created:
    """What the answer to a create says (section 5.4); a number wherever one is likely to stand.

    Raises:
        Malformed: no GKS has said this: it is a web page, half a document, or some gateway's sentence.
    """
    location = clean(answer.headers.get("location", ""))[:500] or None
    there = None if location is None else _last_part(location)
    try:
        number = next(_numbers(_told(answer), settings), there)
    except Malformed:
        if there is None:
            raise
        number = there  # who says where it is has made it
    return Created(number, location, cut_lines(order), clean(answer.text)[:RAW_LIMIT])


def _told(answer: Answer) -> Any:
    """The document in an answer, of whatever type it is said to be; a bare word is one, too, and so is nothing."""
    text = clean(answer.text)
    if not text:
        return None
    kind = answer.content_type
    try:
        return document(answer if kind != "text/plain" else Answer(answer.status, answer.body))
    except Malformed:
        if kind not in {"", "text/plain"} or not WORD.fullmatch(text):
            raise
    return text if any(char.isdecimal() for char in text) else None


def _numbers(found: Any, settings: Settings) -> Iterator[str]:
    if not isinstance(found, dict):
        candidates = [found]
    else:
        item = folded(found)
        inner = [item.get(name.lower()) for name in settings.created_envelopes]
        places = [item, *(folded(part) for part in inner if isinstance(part, dict))]
        candidates = [place.get(name.lower()) for place in places for name in settings.created_names]
    for candidate in candidates:
        if (number := _number(candidate)) is not None:
            yield number


def _number(found: Any) -> str | None:
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    number = clean(str(found))
    return number if 0 < len(number) <= LONGEST_ID and number.isprintable() else None


def _last_part(location: str) -> str | None:
    try:
        path = urlsplit(location).path
    except ValueError:
        return None
    part = _number(unquote(path.rstrip("/").rpartition("/")[2]))
    return part if part is not None and any(char.isdecimal() for char in part) else None  # the list's own name has none
