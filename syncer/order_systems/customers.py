"""The customers of one GKS4: who pays is found there, and made where that is allowed, never twice.

No sales order is known here. No name, address or corporate identity number may stand in what is raised from here: a
sole trader's is a personal number.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from syncer.errors import Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.order_systems.billing import Payer
from syncer.orders import Unfilled, fill
from syncer.remotes.gks4 import Address, Customer, Gks4
from syncer.remotes.gks4.customers import bared, same

CUSTOMERS = "customers"  # what our own words are about, where GKS's are about one of its operations
PATIENCE = 60.0  # seconds that GKS may still be at work on a customer, after an answer that told nothing
MOST_MAKES = 3  # of one customer, each with such an answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to pay for an order: the route's templates, and the order's fields, filled as late as may be."""

    payer: Payer
    details: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @property
    def number(self) -> str | None:
        """The customer number, where the route says one. Raises Unfilled."""
        return fill(self.payer.number, self.details).strip() if self.payer.number else None

    @property
    def corporate(self) -> str:
        """The corporate identity number. Raises Unfilled."""
        return fill(self.payer.corporate_identity_number, self.details).strip()

    @property
    def can_be_made(self) -> bool:
        """Whether the route says enough for a new customer (section 3.1)."""
        return bool(self.payer.name and self.payer.corporate_identity_number)

    def new(self) -> Customer:
        """The customer to be made. Raises Unfilled where its name, or one of its numbers, is empty."""
        payer = self.payer
        address = Address(
            self._given(payer.address1),
            self._given(payer.address2),
            self._given(payer.address3),
            self._given(payer.city),
            self._given(payer.zip_code),
            self._given(payer.state),
            self._given(payer.country_code),
        )
        name = fill(payer.name, self.details).strip()
        email = self._given(payer.invoice_email)
        return Customer(name, self.number, self.corporate, email, None if address == Address() else address)

    def _given(self, template: str) -> str | None:
        """A text that a customer may be without."""
        try:
            return fill(template, self.details).strip() or None
        except Unfilled:
            return None


@dataclass(frozen=True, slots=True)
class _Sent:
    """Creates of a customer that no search has shown: until when another is out of the question, and how many."""

    until: float
    times: int


class Customers:
    """Finds the number of an order's customer. Whatever fails in here, no sales order was sent."""

    def __init__(
        self, name: str, client: Gks4, *, create_missing: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._client = client
        self._create_missing = create_missing
        self._clock = clock
        self._making = threading.Lock()  # two orders of one new customer would both find none, and make it
        self._sent: dict[str, _Sent] = {}

    def number_of(self, wanted: Wanted) -> str:
        """The customer's number in GKS.

        Raises:
            Rejected: a person must see to the customer first; says how.
            Unfilled: the order lacks what the route wants of it.
            Unavailable, AccessDenied, Unreadable: it can't be told now.
        """
        number = wanted.number
        found = self._of_company(wanted) if number is None else self._client.customer(number)
        if found is not None:
            return self._numbered(found)
        missing = f"customer {number}" if number else "a customer with the order's corporate identity number"
        if not self._create_missing:
            raise self._refusal(f"{missing} is not in GKS: make it there, then retry")
        if not wanted.can_be_made:
            cure = "give the route its name and corporate identity number, or make it there, then retry"
            raise self._refusal(f"{missing} is not in GKS: {cure}")
        with self._making:
            return self._made(wanted, number)

    def _of_company(self, wanted: Wanted) -> Customer | None:
        """The one customer of the corporate identity number, or surely none."""
        try:
            found = self._client.search(corporate_identity_number=wanted.corporate)
        except Unreadable as failure:  # what was read are other customers: it isn't to be kept with this order
            raise Unreadable(failure.remote, failure.operation, failure.cause, failure.hint) from None
        if len(found) > 1:
            numbers = ", ".join(sorted(each.number or "one without a number" for each in found[:5]))
            why = f"{len(found)} customers have the order's corporate identity number ({numbers})"
            raise self._refusal(f"{why}: a person must choose, and give the route its customer number")
        return found[0] if found else None

    def _numbered(self, found: Customer) -> str:
        if found.number is None:
            raise self._refusal("the customer has no number in GKS: give it one there, then retry")
        return found.number

    # --- making one -------------------------------------------------------------------------------------------

    def _made(self, wanted: Wanted, number: str | None) -> str:
        """The number of a customer that isn't there by its own number: of its company, or of a new one."""
        found = self._of_company(wanted)
        if found is None:
            self._make(wanted.new())
            found = self._of_company(wanted)
        key = bared(wanted.corporate)
        if found is None:
            raise self._not_shown(key)
        self._sent.pop(key, None)
        if number is not None and not same(number, found.number):
            other = f"its corporate identity number is customer {found.number or '(without a number)'}'s"
            raise self._refusal(f"customer {number} is not in GKS, and {other}: a person must choose")
        return self._numbered(found)

    def _make(self, new: Customer) -> None:
        """Makes a customer that no search shows, unless it may have been made already.

        What became of an uncertain create is what the search shows then: it raises nothing.
        """
        key = bared(new.corporate_identity_number)
        before = self._sent.get(key, _Sent(-inf, 0))
        if self._clock() < before.until:
            raise self._not_shown(key)
        if before.times >= MOST_MAKES:
            del self._sent[key]
            raise self._refusal(
                f"GKS was told {before.times} times to make the customer, and isn't seen to: make it there"
            )
        self._sent[key] = _Sent(inf, before.times + 1)
        try:
            self._client.create_customer(new)
        except Uncertain as failure:
            until = self._clock() + max(PATIENCE, failure.settle_seconds)
            self._sent[key] = _Sent(until, before.times + 1)
        except RemoteError:  # surely without effect
            self._sent[key] = before
            raise

    def _not_shown(self, key: str) -> RemoteError:
        """What to do about a customer that was to be made, and is not found."""
        left = self._sent[key].until - self._clock()
        if left == inf:
            cure = "see in GKS whether it is there, make it if not, and give the route its customer number"
            return self._refusal(f"GKS said that the customer was made, but its search doesn't show it: {cure}")
        why = "whether the customer was made isn't known yet: it is looked for again"
        return Unavailable(self._name, CUSTOMERS, why, retry_after=max(1.0, left), order_only=True)

    def _refusal(self, why: str) -> Rejected:
        return Rejected(self._name, CUSTOMERS, why)
