"""What GKS4 demands of a customer and of a sales order, field by field.

What is there already isn't known here: whether a customer exists is not this module's question.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncer.simulators.gks4.model import ADDRESS_FIELDS, Options, stripped

LANGUAGES = ("sv", "no", "en")
MAX_TEXT = 256
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Findings:
    """What is wrong, by field; `odd` is what is taken and yet no good; `ignored` are fields that nobody reads."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.errors: dict[str, list[str]] = {}
        self.odd: list[str] = []
        self.ignored: list[str] = []

    def wrong(self, field: str, why: str) -> None:
        """One more thing that is wrong with a field."""
        self.errors.setdefault(field, []).append(why)

    def text(self, field: str, value: Any, *, needed: bool = False) -> None:
        """A text, or null where it may be missing."""
        if value is None or (needed and isinstance(value, str) and not value.strip()):
            if needed:
                self.wrong(field, f"The {field} field is required.")
        elif not isinstance(value, str):
            self.wrong(field, "The value could not be converted to a text.")

    def known(self, where: str, value: Mapping[str, Any], names: Mapping[str, str] | tuple[str, ...]) -> None:
        """Looks for names that the remote doesn't know: it may ignore them, or refuse them."""
        wire = set(names.values()) if isinstance(names, Mapping) else set(names)
        for name in value:
            if name in wire:
                continue
            self.ignored.append(where + name)
            if self.options.unknown_fields == "refused":
                self.wrong(where + name, "Unknown field.")

    def block(self, field: str, value: Any, names: tuple[str, ...]) -> None:
        """An object of texts, or null."""
        if value is None:
            return
        if not isinstance(value, dict):
            self.wrong(field, "The value could not be converted to an object.")
            return
        self.known(f"{field}.", value, names)
        for name in names:
            self.text(f"{field}.{name}", value.get(name))


# --- customers ------------------------------------------------------------------------------------------------------


def check_customer(body: Mapping[str, Any], options: Options) -> Findings:
    """Judges a new customer: some keys must be there though they may be null (gks4.md, section 3.1)."""
    found = Findings(options)
    names = ("name", "number", "invoiceEmail", "corporateIdentityNumber", "postalAddress")
    found.known("", body, names)
    for name in ("number", "invoiceEmail"):
        if name not in body:
            found.wrong(name, f"The {name} field must be present, if only as null.")
    found.text("name", body.get("name"), needed=True)
    found.text("number", body.get("number"))
    found.text("invoiceEmail", body.get("invoiceEmail"))
    _check_corporate(found, body.get("corporateIdentityNumber"))
    if body.get("number") is None and options.null_number == "refused":
        found.wrong("number", "A number must be chosen.")
    if body.get("number") == "":
        found.wrong("number", "The number is empty.")
    if body.get("postalAddress") is None and options.address_required:
        found.wrong("postalAddress", "The postalAddress field is required.")
    found.block("postalAddress", body.get("postalAddress"), ADDRESS_FIELDS)
    return found


def _check_corporate(found: Findings, value: Any) -> None:
    field = "corporateIdentityNumber"
    found.text(field, value, needed=True)
    ten = isinstance(value, str) and re.fullmatch(r"[0-9]{10}", stripped(value), re.ASCII)
    if found.options.corporate_format == "ten_digits" and field not in found.errors and not ten:
        found.wrong(field, "Not a corporate identity number of ten digits.")


# --- sales orders ---------------------------------------------------------------------------------------------------


def check_order(body: Mapping[str, Any], options: Options) -> tuple[dict[str, Any], Findings]:
    """The order by our own names, and what is wrong with it by the wire's (gks4.md, sections 5.1 and 5.2)."""
    found = Findings(options)
    found.known("", body, options.names)
    asked = {ours: body[wire] for ours, wire in options.names.items() if wire in body}
    for ours in ("customerNumber", "name", "purchaseOrderNumber", "noteFromCustomer"):
        found.text(options.names[ours], asked.get(ours), needed=ours == "customerNumber")
    _check_codes(found, asked)
    for ours, names in _BLOCKS.items():
        found.block(options.names[ours], asked.get(ours), names)
    if asked.get("promisedDeliveryDate") is not None:
        _check_date(found, options.names["promisedDeliveryDate"], asked["promisedDeliveryDate"])
    if "purchaseDate" in asked:
        found.odd.append("the date of purchase is obsolete and isn't to be sent")
    asked["salesOrderLines"] = _lines(found, options.names["salesOrderLines"], asked.get("salesOrderLines"))
    return asked, found


_BLOCKS = {
    "billingCompanyInfo": ("name", "invoiceEmail"),
    "billTo": ADDRESS_FIELDS,
    "billingContact": ("firstName", "lastName", "email", "phone"),
    "deliveryAddress": ("name", *ADDRESS_FIELDS),
}


def _check_codes(found: Findings, asked: Mapping[str, Any]) -> None:
    language, currency = found.options.names["language"], found.options.names["currency"]
    if asked.get("language") is not None and asked["language"] not in LANGUAGES:
        found.wrong(language, f"Not one of {', '.join(LANGUAGES)}.")
    code = asked.get("currency")
    if code is None:
        return
    if not isinstance(code, str) or not _CURRENCY.fullmatch(code):
        found.wrong(currency, "Not a currency's code of ISO 4217.")
    elif found.options.currencies and code not in found.options.currencies:
        found.wrong(currency, "The currency isn't in use here.")


def _check_date(found: Findings, field: str, value: Any) -> None:
    """The form is unknown: a day, or a moment, or either may be taken."""
    form = "date" if isinstance(value, str) and _DAY.fullmatch(value) else "date_time"
    if found.options.dates not in {"either", form} or not _is_date(value):
        found.wrong(field, "The value could not be converted to a date.")


def _is_date(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)  # a day alone too
    except (TypeError, ValueError):
        return False
    return True


def _lines(found: Findings, field: str, value: Any) -> list[dict[str, Any]]:
    if value is None:
        value = []
    if not isinstance(value, list) or not all(isinstance(line, dict) for line in value):
        found.wrong(field, "The value could not be converted to lines.")
        return []
    if not value and found.options.lines_required:
        found.wrong(field, "An order has at least one line.")
    return [_line(found, f"{field}[{place}]", line) for place, line in enumerate(value)]


def _line(found: Findings, where: str, value: dict[str, Any]) -> dict[str, Any]:
    names = found.options.line_names
    found.known(f"{where}.", value, names)
    line = {ours: value[wire] for ours, wire in names.items() if wire in value}
    for ours in ("articleNumber", "description"):
        found.text(f"{where}.{names[ours]}", line.get(ours))
    for ours in ("quantity", "unitPrice", "cost", "discountRate"):
        _check_amount(found, f"{where}.{names[ours]}", line.get(ours))
    _check_length(found, f"{where}.{names['description']}", line.get("description"))
    _check_decimals(found, f"{where}.{names['unitPrice']}", line.get("unitPrice"))
    if "deliveryAddresses" in line:
        _check_deliveries(found, f"{where}.{names['deliveryAddresses']}", line["deliveryAddresses"])
    return line


def _check_amount(found: Findings, field: str, value: Any) -> None:
    """Whether amounts are numbers or texts is unknown."""
    if value is None:
        return
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    text = isinstance(value, str) and _AMOUNT.fullmatch(value) is not None
    taken = {"number": number, "text": text, "either": number or text}
    if not taken[found.options.amounts]:
        found.wrong(field, "The value could not be converted to an amount.")


def _check_length(found: Findings, field: str, value: Any) -> None:
    """A longer text is cut on the way to the invoice (section 8)."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        _spoiled(found, field, f"longer than {MAX_TEXT} characters")


def _check_decimals(found: Findings, field: str, value: Any) -> None:
    _, _, decimals = str(value).partition(".")
    if len(decimals.rstrip("0")) > 2:
        _spoiled(found, field, "of more than two decimals")


def _spoiled(found: Findings, field: str, why: str) -> None:
    if found.options.strict_lines:
        found.wrong(field, f"Not to be {why}.")
    else:
        found.odd.append(f"{field}: {why}")


def _check_deliveries(found: Findings, field: str, value: Any) -> None:
    """Several addresses, each with its quantity (section 5.2); the names are guesses."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        found.wrong(field, "The value could not be converted to delivery addresses.")
        return
    for place, each in enumerate(value):
        rest = {name: part for name, part in each.items() if name != "quantity"}
        _check_amount(found, f"{field}[{place}].quantity", each.get("quantity"))
        found.block(f"{field}[{place}]", rest, ("name", *ADDRESS_FIELDS))
