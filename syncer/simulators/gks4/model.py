"""The values of the simulated GKS4: its options, customers and sales orders.

No rule of what is accepted and no HTTP belongs here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from syncer.simulators.rest import renamed

CUSTOMERS = "/api/v1/customers"
TOKEN = "/connect/token"
DEFAULT_NAME = "Webshop order"
ADDRESS_FIELDS = ("address1", "address2", "address3", "city", "zipCode", "state", "countryCode")

# gks4.md, section 3.3: the meanings are documented, the names are likely ones.
PARAMETERS = {name: name for name in ("number", "name", "corporateIdentityNumber", "page", "pageSize")}
# Sections 5.1 and 5.2: some names are the vendor's, some are guesses; each can be another here.
HEADER = {
    name: name
    for name in (
        "customerNumber",
        "name",
        "purchaseDate",
        "purchaseOrderNumber",
        "language",
        "currency",
        "noteFromCustomer",
        "billingCompanyInfo",
        "billTo",
        "billingContact",
        "promisedDeliveryDate",
        "salesOrderLines",
        "deliveryAddress",
    )
}
LINE = {
    name: name
    for name in (
        "articleNumber",
        "description",
        "quantity",
        "unitPrice",
        "cost",
        "discountRate",
        "deliveryAddresses",
    )
}


@dataclass(kw_only=True, frozen=True, slots=True)
class Options:
    """Which of the possible readings of gks4.md this GKS4 follows; each is of a point that it leaves unknown.

    `expires_in` is how the token's life is told. `scope` is the one that the client must ask for, and no other.
    `null_number` is what a customer created without a number gets; `same_number` and `same_company` what becomes of
    a second one. `filters` "ignored" is the server that doesn't know the search's parameters at all. `parameters`,
    `names` and `line_names` rename what the wire carries. `amounts` and `dates` are the accepted forms.
    `strict_lines` refuses what would be cut off later (section 8); else it is taken, and held against the client.
    """

    token_life: float = 3600.0
    expires_in: Literal["number", "text", "absent"] = "number"
    scope: str = ""
    token_failure: Literal[400, 401] = 401
    one_token: bool = False
    forbidden: bool = False
    error_body: Literal["problem", "text", "html", "empty"] = "problem"
    extra_fields: bool = False
    unknown_fields: Literal["ignored", "refused"] = "ignored"

    address_required: bool = False
    corporate_format: Literal["any", "ten_digits"] = "any"
    null_number: Literal["assigned", "nameless", "refused"] = "assigned"
    same_number: Literal["refused", "second", "replaced", "ignored"] = "refused"
    same_company: Literal["second", "refused"] = "second"

    search_path: str = CUSTOMERS
    parameters: Mapping[str, str] = field(default_factory=dict)
    unknown_parameters: Literal["ignored", "refused"] = "ignored"
    filters: Literal["obeyed", "ignored"] = "obeyed"
    envelope: Literal["array", "items", "data", "results", "customers", "value"] = "array"
    total: bool = False
    decoy: bool = False
    over_max: Literal["refused", "capped"] = "refused"
    sort: Literal["oldest", "newest"] = "oldest"

    sales_orders_path: str = "/api/v1/salesorders"
    names: Mapping[str, str] = field(default_factory=dict)
    line_names: Mapping[str, str] = field(default_factory=dict)
    lines_required: bool = False
    amounts: Literal["either", "number", "text"] = "either"
    dates: Literal["either", "date", "date_time"] = "either"
    currencies: tuple[str, ...] = ()
    unknown_article: Literal["accepted", "refused"] = "accepted"
    strict_lines: bool = False
    answer: Literal["number", "orderNumber", "salesOrderNumber", "id", "location", "empty"] = "number"
    number_type: Literal["text", "number"] = "text"

    def __post_init__(self) -> None:
        """Renamings are whole, and paths begin with a slash."""
        object.__setattr__(self, "parameters", renamed("parameters", PARAMETERS, self.parameters))
        object.__setattr__(self, "names", renamed("names", HEADER, self.names))
        object.__setattr__(self, "line_names", renamed("line_names", LINE, self.line_names))
        object.__setattr__(self, "currencies", tuple(self.currencies))
        for path in (self.search_path, self.sales_orders_path):
            if not path.startswith("/") or path.endswith("/"):
                raise ValueError(f"A path begins with a slash and doesn't end in one, unlike {path!r}")


@dataclass(slots=True)
class Customer:
    """A customer, in the shape of section 3.1; `number` is None where none was given or assigned."""

    number: str | None
    name: str
    corporate: str
    email: str | None
    address: dict[str, str | None] | None

    @property
    def bare(self) -> str:
        """The corporate identity number as the search compares it (section 3.3)."""
        return stripped(self.corporate)


@dataclass(frozen=True, slots=True)
class SalesOrder:
    """An order that was taken. `asked` is the body by our own names, `ignored` what of it GKS4 didn't know."""

    number: str
    at: datetime
    asked: dict[str, Any]
    ignored: tuple[str, ...]

    @property
    def customer(self) -> str:
        """The buyer's customer number."""
        return str(self.asked["customerNumber"])

    @property
    def name(self) -> str:
        """The order's name, or the one that an order gets that has none (section 5.1)."""
        return str(self.asked.get("name") or DEFAULT_NAME)

    @property
    def reference(self) -> str:
        """The buyer's purchase order number, empty where there is none."""
        return str(self.asked.get("purchaseOrderNumber") or "")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines, by our own names."""
        return list(self.asked.get("salesOrderLines") or [])

    @property
    def key(self) -> tuple[str, str] | None:
        """What a second order of the same has in common with the first, whoever pays; None where it has no mark."""
        if not self.reference and not self.asked.get("name"):
            return None
        return self.name, self.reference


@dataclass(frozen=True, slots=True)
class Production:
    """A production order: what a known article number on a line starts by itself (section 5.2)."""

    order: str
    article: str
    product: str
    quantity: str


def stripped(corporate: str) -> str:
    """A corporate identity number without its spaces and dashes."""
    return "".join(character for character in corporate if not character.isspace() and character not in "-‐‑–")  # noqa: RUF001 -- dashes that people type
