"""GKS4, as the file says it: where orders are registered. Contract: gks4.md.

What is not documented there is a key here: paths, parameters and names, with the contract's likeliest guesses.
"""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from syncer.config.addresses import RemoteUrl
from syncer.config.complaints import FieldError
from syncer.config.lists import Names
from syncer.config.models.base import HttpRemote, Model
from syncer.config.secrets import WAYS, Secret
from syncer.config.values import Text, to_text

_LIKELY = 'Leave it out, or write the name that GKS4\'s OpenAPI text has; "" leaves the field out.'
_LIKELY_NAMES = 'Write a list of names in quotes, as in ["items", "data"]; the first that is there is taken.'
_PARAMETER = "Leave it out, or write the parameter's name that GKS4's OpenAPI text has."
_PATH = re.compile(r"/(?![/.])(?!.*(?:\.\.|//))[\w./~%{}-]+")


def _path(value: object) -> str:
    text = to_text(value)
    if not _PATH.fullmatch(text) or set(text.replace("{number}", "")) & {"{", "}"}:
        raise FieldError("is not a path")
    return text


def _plain_path(value: object) -> str:
    if "{" in (text := _path(value)):
        raise FieldError("is not a plain path")
    return text


def _path_of_one(value: object) -> str:
    if "{number}" not in (text := _path(value)):
        raise FieldError("doesn't say where the customer's number goes")
    return text


def _currency(value: object) -> str:
    if not re.fullmatch("[A-Z]{3}", text := to_text(value)):
        raise FieldError("is not a currency's code")
    return text


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.$-]*", value):
        raise FieldError("is not a field's name")
    return value


def _parameter(value: object) -> str:
    if not (name := _name(value)):
        raise FieldError("must not be empty")
    return name


PlainPath = Annotated[str, BeforeValidator(_plain_path)]
PathOfOne = Annotated[str, BeforeValidator(_path_of_one)]
Currency = Annotated[str, BeforeValidator(_currency)]
Name = Annotated[str, BeforeValidator(_name)]
Parameter = Annotated[str, BeforeValidator(_parameter)]


class Paths(Model):
    """Where each thing is, below the url. `search` is at `customers`, and one customer below it, unless told."""

    customers: PlainPath = Field(
        default="/api/v1/customers", description='Write customers = "/api/v1/customers", with a slash first.'
    )
    sales_orders: PlainPath = Field(
        description='Write sales_orders = "/api/v1/salesorders", or what GKS4\'s OpenAPI text has.'
    )
    customer: PathOfOne | None = Field(
        default=None, description='Write customer = "/api/v1/customers/{number}": where one customer is.'
    )
    search: PlainPath | None = Field(
        default=None, description='Write search = "/api/v1/customers/search": where customers are searched.'
    )


class SearchNames(Model):
    """The parameters of the customer search (section 3.3), and the names that an answer has its rows and total by."""

    number: Parameter = Field(default="number", description=_PARAMETER)
    name: Parameter = Field(default="name", description=_PARAMETER)
    corporate_identity_number: Parameter = Field(default="corporateIdentityNumber", description=_PARAMETER)
    page: Parameter = Field(default="page", description=_PARAMETER)
    page_size: Parameter = Field(default="pageSize", description=_PARAMETER)
    rows: Names = Field(default=("items", "data", "results", "customers", "value"), description=_LIKELY_NAMES)
    totals: Names = Field(default=("total", "totalCount", "totalItems", "totalRowCount"), description=_LIKELY_NAMES)


class OrderNames(Model):
    """The names in a sales order's header (section 5.1); a field whose name is "" is not sent."""

    customer_number: Parameter = Field(default="customerNumber", description=_PARAMETER)
    name: Name = Field(default="name", description=_LIKELY)
    purchase_order_number: Name = Field(default="purchaseOrderNumber", description=_LIKELY)
    language: Name = Field(default="language", description=_LIKELY)
    currency: Name = Field(default="currency", description=_LIKELY)
    note: Name = Field(default="noteFromCustomer", description=_LIKELY)
    billing_company: Name = Field(default="billingCompanyInfo", description=_LIKELY)
    bill_to: Name = Field(default="billTo", description=_LIKELY)
    billing_contact: Name = Field(default="billingContact", description=_LIKELY)
    promised_delivery_date: Name = Field(default="promisedDeliveryDate", description=_LIKELY)
    lines: Parameter = Field(default="salesOrderLines", description=_PARAMETER)


class LineNames(Model):
    """The names in a line (section 5.2), none of which is documented; a field whose name is "" is not sent."""

    article: Name = Field(default="articleNumber", description=_LIKELY)
    description: Name = Field(default="description", description=_LIKELY)
    quantity: Name = Field(default="quantity", description=_LIKELY)
    unit_price: Name = Field(default="unitPrice", description=_LIKELY)


class Gks4(HttpRemote):
    """A printing house's GKS4. `page_size` and `most_pages` bound a customer search.

    `resend_uncertain` sends a sales order again whose answer was lost, which can make a second one (section 6).
    """

    kind: Literal["gks4"] = Field(default="gks4", description='Write kind = "gks4".')
    url: RemoteUrl = Field(description='Write url = "https://gks.example": the base of the API; ask Simutek.')
    token_url: RemoteUrl = Field(
        default="https://id.simutek.se/connect/token",
        description='Write token_url = "https://id.simutek.se/connect/token": where tokens are got.',
    )
    client_id: Text = Field(description='Write client_id = "bridge": your client\'s name, from Simutek.')
    client_secret: Secret = Field(description=f"Write client_secret = {WAYS}: your client's, from Simutek.")
    scope: Text | None = Field(default=None, description='Write scope = "…", or leave it out: none is documented.')
    paths: Paths = Field(
        description='Write paths = { sales_orders = "/api/v1/salesorders" }, or what GKS4\'s OpenAPI text has.'
    )
    language: Literal["sv", "no", "en"] = Field(
        default="sv", description='Write language = "sv", "no" or "en": of the documents that the buyer gets.'
    )
    currency: Currency = Field(default="SEK", description='Write currency = "SEK": three capital letters.')
    create_missing_customers: bool = Field(
        default=False,
        description="Write create_missing_customers = false, or true to make a customer that GKS4 doesn't have.",
    )
    resend_uncertain: bool = Field(
        default=False,
        description="Write resend_uncertain = false; true may register an order twice when an answer was lost.",
    )
    search: SearchNames = Field(
        default=SearchNames(), description="Write [order_systems.NAME.search] and the names below it."
    )
    order: OrderNames = Field(
        default=OrderNames(), description="Write [order_systems.NAME.order] and the names below it."
    )
    line: LineNames = Field(default=LineNames(), description="Write [order_systems.NAME.line] and the names below it.")
    page_size: int = Field(default=50, ge=1, le=100, description="Write page_size = 50: customers a page, 1 to 100.")
    most_pages: int = Field(
        default=40, ge=1, le=10_000, description="Write most_pages = 40: a search is given up beyond that."
    )
    amounts_as_text: bool = Field(
        default=False, description='Write amounts_as_text = false, or true to send "950.00" in place of 950.0.'
    )
    created_names: Names = Field(default=("number", "orderNumber", "salesOrderNumber", "id"), description=_LIKELY_NAMES)
    created_envelopes: Names = Field(default=("data", "result", "salesOrder", "order"), description=_LIKELY_NAMES)
