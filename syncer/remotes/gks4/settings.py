"""What is not documented of GKS4's API, as one value: paths, parameters, envelopes and names (contract: gks4.md).

The defaults are the contract's likeliest guesses. Whoever has the vendor's OpenAPI text sets them right, and no code.
"""

from dataclasses import dataclass

DOCUMENTED_PAGE = 50  # rows, where no size is asked for (section 3.3)
LARGEST_PAGE = 100
LANGUAGES = frozenset({"sv", "no", "en"})  # section 5.1
TEXT_LIMIT = 256  # characters of a line's text that reach the invoice (section 8)


@dataclass(frozen=True, slots=True)
class Paths:
    """Where each thing is, below the base address. One customer and the search are at `customers`, unless told."""

    customers: str = "/api/v1/customers"
    sales_orders: str = "/api/v1/salesorders"
    customer: str | None = None
    search: str | None = None

    def of_customer(self, escaped_number: str) -> str:
        """The path of one customer; in a configured one `{number}` stands for the number."""
        template = self.customer or f"{self.customers.rstrip('/')}/{{number}}"
        return template.replace("{number}", escaped_number)

    def of_search(self) -> str:
        """The path of the search."""
        return self.search or self.customers


@dataclass(frozen=True, slots=True)
class SearchNames:
    """The parameters of the search (section 3.3), and the names of an envelope that holds its rows."""

    number: str = "number"
    name: str = "name"
    corporate_identity_number: str = "corporateIdentityNumber"
    page: str = "page"
    page_size: str = "pageSize"
    rows: tuple[str, ...] = ("items", "data", "results", "customers", "value")
    totals: tuple[str, ...] = ("total", "totalCount", "totalItems", "totalRowCount")


@dataclass(frozen=True, slots=True)
class OrderNames:
    """The header's names (section 5.1). A field whose name is "" is not sent."""

    customer_number: str = "customerNumber"
    name: str = "name"
    purchase_order_number: str = "purchaseOrderNumber"
    language: str = "language"
    currency: str = "currency"
    note: str = "noteFromCustomer"
    billing_company: str = "billingCompanyInfo"
    bill_to: str = "billTo"
    billing_contact: str = "billingContact"
    promised_delivery_date: str = "promisedDeliveryDate"
    lines: str = "salesOrderLines"


@dataclass(frozen=True, slots=True)
class LineNames:
    """A line's names, none of which is documented (section 5.2). A field whose name is "" is not sent."""

    article: str = "articleNumber"
    description: str = "description"
    quantity: str = "quantity"
    unit_price: str = "unitPrice"


@dataclass(frozen=True, slots=True)
class Settings:
    """One GKS4, as far as it has to be told. `amounts_as_text` sends "950.00" where 950.0 is not taken.

    `most_pages` bounds a search, which is given up beyond it.
    """

    paths: Paths = Paths()
    search: SearchNames = SearchNames()
    order: OrderNames = OrderNames()
    line: LineNames = LineNames()
    page_size: int = DOCUMENTED_PAGE
    most_pages: int = 40
    amounts_as_text: bool = False
    created_names: tuple[str, ...] = ("number", "orderNumber", "salesOrderNumber", "id")
    created_envelopes: tuple[str, ...] = ("data", "result", "salesOrder", "order")
