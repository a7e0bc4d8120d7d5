"""What an order system is told of an order: who pays, and the sales order's lines.

No article is ever put together from what an order says: a known one starts production.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from syncer.config.complaints import FieldError
from syncer.config.lists import Extras, Price, Quantity
from syncer.config.models.base import Model
from syncer.config.templates import Template
from syncer.config.values import to_text

CUSTOMER = 'Write customer = { number = "K100421" } or { corporate_identity_number = "{office.corporateNumber}" }.'
_TEMPLATE = "Write a text, with the order's fields in braces if need be."


def _article(value: object) -> str:
    if set(text := to_text(value)) & {"{", "}"}:
        raise FieldError("holds a brace, and an article is never filled in from the order")
    return text


class Payer(Model):
    """Who pays, as templates: found by number, or by corporate identity number; the rest is for creating."""

    number: Template | None = Field(default=None, description=CUSTOMER)
    corporate_identity_number: Template | None = Field(default=None, validate_default=True, description=CUSTOMER)
    name: Template | None = Field(default=None, description=_TEMPLATE)
    invoice_email: Template | None = Field(default=None, description=_TEMPLATE)
    address1: Template | None = Field(default=None, description=_TEMPLATE)
    address2: Template | None = Field(default=None, description=_TEMPLATE)
    address3: Template | None = Field(default=None, description=_TEMPLATE)
    city: Template | None = Field(default=None, description=_TEMPLATE)
    zip_code: Template | None = Field(default=None, description=_TEMPLATE)
    state: Template | None = Field(default=None, description=_TEMPLATE)
    country_code: Template | None = Field(default=None, description=_TEMPLATE)

    @field_validator("corporate_identity_number")
    @classmethod
    def _can_be_found(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("number", "") is None:
            raise FieldError("is missing, and so is number")
        return value


class RouteLine(Model):
    """One line of the sales order. `more` is what else it should have, by GKS4's own names."""

    article: Annotated[str, BeforeValidator(_article)] | None = Field(
        default=None, description='Write article = "A-100", as it stands in GKS4; a known one starts production.'
    )
    description: Template = Field(description='Write description = "Kommunal information": a text for the invoice.')
    quantity: Quantity = Field(description='Write quantity = 1, or quantity = "1.5" in quotes, more than nothing.')
    unit_price: Price | None = Field(
        default=None, description='Write unit_price = "950.00", in quotes, with a point and at most two decimals.'
    )
    more: Extras = Field(default_factory=dict, description='Write more = { NAME = "…" }, by GKS4\'s own names.')
