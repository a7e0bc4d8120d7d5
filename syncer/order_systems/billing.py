"""What a route says of billing, as values: who pays, and for which lines. No order system's names belong here.

Texts called templates may name fields of the order, as `{office.corporateNumber}` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Payer:
    """The customer: by `number`, else by `corporate_identity_number`. All of them are templates; "" is not given.

    The rest, and both numbers where there are two, are for a customer that has to be made.
    """

    number: str = ""
    corporate_identity_number: str = ""
    name: str = ""
    invoice_email: str = ""
    address1: str = ""
    address2: str = ""
    address3: str = ""
    city: str = ""
    zip_code: str = ""
    state: str = ""
    country_code: str = ""


@dataclass(frozen=True, slots=True)
class BillingLine:
    """One line. `description` is a template.

    `article` is no template: a known one starts production (gks4.md, section 5.2). `unit_price` is in the order
    system's currency. `more` is what else the line has, by the order system's own names.
    """

    description: str
    quantity: Decimal
    unit_price: Decimal | None = None
    article: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Billing:
    """What is to be billed for an order, and to whom."""

    customer: Payer
    lines: tuple[BillingLine, ...] = ()
