"""What the agent's pages show and ask for, as values, and the desk that knows it: the wiring gives them one per portal.

Values and a protocol only: no Flask, no store, no call. The token passes through `exchange`, and is kept nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import BinaryIO, Protocol


class Reason(StrEnum):
    """Why a token opens nothing."""

    EXPIRED = "expired"
    DENIED = "denied"  # the portal doesn't take it, or it is another customer's
    UNKNOWN = "unknown"  # a customer that is not configured
    OVER = "over"  # the order ended long ago, and nothing is kept of it any more
    BUSY = "busy"  # nobody could be asked now: to be tried again


class FormKind(StrEnum):
    """Which form an order's route asks for (kode.md, section 6.3); a map's area can't be said in a form."""

    CADASTRE = "cadastre"
    SHARE = "share"
    MAP = "map"


class Awaited(StrEnum):
    """What an order waits for."""

    NOTHING = "nothing"
    AGENT = "agent"  # the form
    US = "us"  # nothing was ordered yet of whoever supplies it
    SUPPLIER = "supplier"
    PERSON = "person"


class Fault(StrEnum):
    """What is wrong with a value of the form; each has a sentence in `words`."""

    MISSING = "missing"
    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    UNKNOWN = "unknown"  # the register has no such unit, share or address
    NOT_OFFERED = "not_offered"  # a product that isn't sold for this municipality
    NO_PRODUCT = "no_product"  # nothing is sold for this municipality
    LATER = "later"  # it can't be checked now
    REFUSED = "refused"
    MAP = "map"  # a map's area can't be given here


@dataclass(frozen=True, slots=True)
class Opened:
    """A token was taken, and its order is on the disk. `order` is `PORTAL:ID`."""

    order: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A token opened nothing."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Price:
    """An amount without and with VAT. `currency` is as in ISO 4217."""

    net: Decimal
    gross: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Product:
    """What can be chosen. `code` is the portal's, and has no space in it."""

    code: str
    name: str
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file that is there to be fetched. `size` is in bytes, `at` when it came."""

    asset: str
    name: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that the page shows of an order, and nothing that the agent has not ordered.

    `home` is the portal's id of it, `address` empty where it isn't known. `state` is one of the core's words. `values`
    are those of the form so far, by its fields' names. `form` is None once nothing is to be filled in.
    """

    service: str
    home: str
    address: str
    state: str
    awaited: Awaited
    form: FormKind | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    products: tuple[Product, ...] = ()
    files: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What was said of the form's values: faults by field (the whole form's under the empty name), or a price.

    `products` are the names of what will be ordered. `price` is None where it isn't known beforehand.
    """

    faults: Mapping[str, Fault] = field(default_factory=dict)
    price: Price | None = None
    products: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """An opened file. `size` is in bytes; whoever gets it closes `stream`."""

    stream: BinaryIO
    name: str
    size: int
    media_type: str


class Desk(Protocol):
    """One portal's desk for agents. Its verbs are called from several threads at once.

    `values` have the names `cadastre`, `address`, `organization_number`, `share_number` and `product` (one code, or
    several with a space between); no others come, each is trimmed, and none is longer than `forms.LONGEST` characters.
    What they say is not checked before. No verb raises for anything that a remote or an agent does.
    """

    @property
    def portal(self) -> str: ...

    def knows(self, customer_id: str) -> bool:
        """Whether a customer is configured. Without any call."""

    def exchange(self, customer_id: str, token: str) -> Opened | Refused:
        """Asks the portal what a token stands for, with one call, and stores the order durably before it returns.

        Idempotent on the tenant and the order's id. Neither the answer nor any error or log line holds the token.
        """

    def sheet(self, order: str) -> Sheet | None:
        """What the page shows; None where there is no such order at this portal. Without any call."""

    def check(self, order: str, values: Mapping[str, str]) -> Checked:
        """Looks the values over, and asks what they cost. Changes nothing anywhere."""

    def place(self, order: str, values: Mapping[str, str]) -> Mapping[str, Fault] | None:
        """Has the order placed with these values; or says what is wrong with them.

        Idempotent: of several presses, in however many tabs and at the same moment, the first counts, and the others
        change nothing and return None.
        """

    def open(self, order: str, asset: str) -> Content | None:
        """A file of an order; None where it isn't there (any more)."""
