"""The client of GKS4's REST API (contract: gks4.md).

Four operations, and a token for them. It knows the wire, and what of it is settings; which customer pays for an order,
and what is to be done with an uncertain one, is not for here.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from syncer.errors import Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.bearer import Bearer, Token, granted, with_bearer
from syncer.remotes.gks4.customers import Asked, Customer, Page, customer, customer_body, page, same
from syncer.remotes.gks4.orders import Created, SalesOrder, created, order_body
from syncer.remotes.gks4.settings import DOCUMENTED_PAGE, LARGEST_PAGE, Settings
from syncer.remotes.http import Answer, Http
from syncer.remotes.json import Malformed, cause, document

TOKEN_LIFE = 300.0  # seconds, where the answer doesn't say (section 2)


class CustomerUnknown(Rejected):
    """GKS4 has no customer of the order's number (404). Reaction: make it, where that is allowed, and send again."""


class Gks4:
    """One client registered at one GKS4. Its token is shared by all threads, and lives in memory only."""

    def __init__(
        self,
        http: Http,
        url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str | None = None,
        settings: Settings = Settings(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._base = url.rstrip("/")
        self._token_url = token_url
        self._client = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        self._client |= {} if scope is None else {"scope": scope}
        self._settings = settings
        self._bearer = Bearer(self._token, clock)
        http.hide(client_secret)

    def _token(self, _: Token | None) -> Token:
        return granted(self._http, self._token_url, self._client, form=True, usual_life=TOKEN_LIFE)

    # --- customers --------------------------------------------------------------------------------------------

    def create_customer(self, new: Customer) -> None:
        """Makes a customer (section 3.1). Not safe. The answer tells nothing: it has to be read back.

        Whether GKS refuses a second one of the same number is unknown: search first.
        """
        operation = "customers.create"
        if not new.name.strip() or not new.corporate_identity_number.strip():
            raise Rejected(self._http.remote, operation, "not sent: it has no name or no corporate identity number")
        answer = self._call(operation, "POST", self._settings.paths.customers, safe=False, json=customer_body(new))
        self._expect_written(operation, answer)

    def customer(self, number: str) -> Customer | None:
        """The customer of a number (section 3.2); None where there is none. Safe.

        Raises:
            Unreadable: the answer can't be read, or is about another customer.
        """
        operation = "customers.get"
        if not number.strip(". "):
            raise Rejected(self._http.remote, operation, "not sent: it is no customer number")
        path = self._settings.paths.of_customer(quote(number, safe=""))
        answer = self._call(operation, "GET", path, safe=True, missing=True)
        if answer.status == 404:
            return None
        try:
            found = customer(document(answer))
        except Malformed as malformed:
            raise Unreadable(self._http.remote, operation, str(malformed), raw=answer.text) from None
        if not same(number, found.number):
            raise Unreadable(self._http.remote, operation, "the answer is about another customer")
        return found

    def search(
        self, *, number: str | None = None, corporate_identity_number: str | None = None, name: str | None = None
    ) -> tuple[Customer, ...]:
        """The customers that fit all of what is given (section 3.3): none, one, or several, for a person. Safe.

        Every row is compared here, but for spaces and dashes. What is returned is sure to be all there is.

        Raises:
            Unreadable: not all of the list could be seen, so that neither none nor one would be sure.
        """
        operation = "customers.search"
        asked = Asked(number, corporate_identity_number, name)
        if asked.is_empty():
            raise Rejected(self._http.remote, operation, "not sent: it asks for nobody in particular")
        fitting: dict[Customer, None] = {}
        seen, before = 0, None
        for place in range(1, self._settings.most_pages + 1):
            found = self._page(operation, asked, place)
            if before is not None and found.customers == before.customers:
                break
            fitting |= {row: None for row in found.customers if asked.fits(row)}
            seen, before = seen + len(found.customers), found
            if self._is_last(found, seen):
                return tuple(fitting)
        if before is not None and self._is_whole(before, seen):
            return tuple(fitting)
        hint = "see the names of the search's parameters, its page_size and most_pages"
        raise Unreadable(self._http.remote, operation, f"the list goes on after {seen} customers", hint)

    def _page(self, operation: str, asked: Asked, place: int) -> Page:
        names = self._settings.search
        given = {
            names.number: asked.number,
            names.corporate_identity_number: asked.corporate_identity_number,
            names.name: asked.name,
            names.page: str(place),
            names.page_size: str(self._settings.page_size),
        }
        params = {name: value for name, value in given.items() if name and value is not None}
        answer = self._call(operation, "GET", self._settings.paths.of_search(), safe=True, params=params)
        try:
            return page(document(answer), names)
        except Malformed as malformed:
            raise Unreadable(self._http.remote, operation, str(malformed), raw=answer.text) from None

    def _is_last(self, found: Page, seen: int) -> bool:
        """Whether a page is short, so that none comes after it.

        One of as many rows as GKS sends unasked is short to nobody who doesn't know that it heard what was asked.
        """
        rows = len(found.customers)
        if not rows:
            return True
        return rows < self._settings.page_size and rows != DOCUMENTED_PAGE and seen >= (found.total or 0)

    def _is_whole(self, found: Page, seen: int) -> bool:
        """Whether a page that came twice was everyone at once: as many as there are, or as nobody's page has."""
        rows = len(found.customers)
        return found.total == seen or (rows > self._settings.page_size and rows not in {DOCUMENTED_PAGE, LARGEST_PAGE})

    # --- sales orders -----------------------------------------------------------------------------------------

    def create_sales_order(self, order: SalesOrder) -> Created:
        """Makes a sales order (section 5). Not safe, and GKS4 can't be asked about it after (section 6).

        Raises:
            CustomerUnknown: there is no customer of that number.
            Rejected: with what GKS says, or what is wrong with it before it was sent.
            Uncertain: it may have been made; only a person can see, in GKS.
        """
        operation = "salesorders.create"
        try:
            body = order_body(order, self._settings)
        except Malformed as malformed:
            raise Rejected(self._http.remote, operation, f"not sent: {malformed}") from None
        path = self._settings.paths.sales_orders
        answer = self._call(operation, "POST", path, safe=False, json=body, missing=True)
        if answer.status == 404:
            hint = "see that the customer exists in GKS, and that paths.sales_orders is right"
            raise CustomerUnknown(self._http.remote, operation, self._http.veil(cause(answer)), hint)
        self._expect_written(operation, answer)
        try:
            return created(answer, order, self._settings)
        except Malformed as malformed:
            raise Uncertain(self._http.remote, operation, str(malformed)) from None

    # --- the wire ---------------------------------------------------------------------------------------------

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        safe: bool,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        missing: bool = False,
    ) -> Answer:
        """One call with the token, and once more with a new one after a 401; where `missing`, 404 is an answer too."""

        def send(carried: Mapping[str, str]) -> Answer:
            headers = {"Accept": "application/json", "Content-Type": "application/json", **carried}
            url = f"{self._base}/{path.lstrip('/')}"
            return self._http.call(operation, method, url, safe=safe, params=params, json=json, headers=headers)

        answer = with_bearer(self._bearer, send)
        if 300 <= answer.status < 400:
            raise self._led_elsewhere(operation, answer, safe=safe)
        if answer.status >= 500 and not safe:  # any of them, on a create (section 6)
            raise Uncertain(self._http.remote, operation, f"HTTP {answer.status}")
        if answer.status >= 400 and not (missing and answer.status == 404):
            raise Rejected(self._http.remote, operation, self._http.veil(cause(answer)))
        return answer

    def _led_elsewhere(self, operation: str, answer: Answer, *, safe: bool) -> RemoteError:
        what = f"HTTP {answer.status} leads elsewhere: see its url and paths"
        if safe or answer.status in {301, 307, 308}:  # these say that it was not done here
            return Unavailable(self._http.remote, operation, what)
        return Uncertain(self._http.remote, operation, what)

    def _expect_written(self, operation: str, answer: Answer) -> None:
        """Raises Uncertain where a success is a web page, which some gateway's sign-in answers with, not GKS."""
        if answer.body.strip() and answer.content_type in {"text/html", "application/xhtml+xml"}:
            raise Uncertain(self._http.remote, operation, f"the answer is {answer.content_type}, not JSON")
