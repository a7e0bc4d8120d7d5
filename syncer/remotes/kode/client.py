"""The client of Ambita's KODE (contract: kode.md).

Products, prices, orders and their files, and a token for them. It knows the wire; what an order's status means, where
a file is kept and what is done with an uncertain order are not for here.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import tzinfo
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.bearer import Bearer, carrying, is_stale, with_bearer
from syncer.remotes.http import Answer, Http
from syncer.remotes.json import Malformed, cause, document
from syncer.remotes.kode import products as reading_products
from syncer.remotes.kode.hosts import Hosts, host_of
from syncer.remotes.kode.ordering import Fault, Kind, Placing, check, check_asked, order_body, price_body
from syncer.remotes.kode.products import Price, Product
from syncer.remotes.kode.reading import DIGITS
from syncer.remotes.kode.signing import Signing
from syncer.remotes.kode.tree import Asset, Tree, collection_id, tree

OSLO = ZoneInfo("Europe/Oslo")
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PAGES = frozenset({"text/html", "application/xhtml+xml"})
PAGE_NAMES = (".html", ".htm", ".xhtml")
Found = TypeVar("Found")
SHORTEST_SAID = 3  # characters; shorter texts of an order stand in any word of a refusal


class OrderUnknown(Rejected):
    """KODE has no order of that id (404). Reaction: never taken for a cancelled one; a person looks."""


class StaleAddress(Unavailable):
    """A file's address is no good any more (401, 403, 404 or 410). Reaction: read the order anew for a fresh one."""


class Kode:
    """One account at one KODE. Its token is shared by all threads, and lives in memory only.

    `files` fetches the files, with a time limit of their own. The token goes to `url`'s own scheme, host and port, and
    to `download_hosts`, and files are fetched from nowhere else; with `download_auth` off, without it. Times without
    an offset are read in `zone` (section 14 B).
    """

    def __init__(
        self,
        http: Http,
        files: Http,
        url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        username: str,
        password: str,
        *,
        zone: tzinfo = OSLO,
        download_hosts: Collection[str] = (),
        client_on_refresh: bool = True,
        token_form: bool = False,
        old_prices: bool = False,
        download_auth: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http, self._files = http, files
        self._base = url.rstrip("/")
        self._hosts = Hosts(self._base, download_hosts)
        self._zone = zone
        self._old_prices = old_prices
        self._download_auth = download_auth
        client, user = (client_id, client_secret), (username, password)
        signing = Signing(http, token_url, client, user, client_on_refresh=client_on_refresh, form=token_form)
        self._bearer = Bearer(signing.next, clock)
        self._blameless: str | None = None  # a token with which a file was refused, though it was new
        for secret in (client_secret, password):
            http.hide(secret)
            files.hide(secret)

    def check(self) -> str:
        """Signs in, where it isn't, and says so. Harmless."""
        self._bearer.token()
        return "signed in"

    # --- products and prices ----------------------------------------------------------------------------------

    def products(self, municipality: str) -> tuple[Product, ...]:
        """What can be ordered in a municipality (section 4), by its number, of which leading zeros may miss. Safe.

        Raises:
            Unreadable: it is no list, or not one of products alone.
        """
        operation = "products"
        number = municipality.strip().rjust(4, "0")
        if number == "0000" or len(number) != 4 or not DIGITS.fullmatch(number):
            raise Rejected(self._http.remote, operation, "not sent: it is no municipality's number")
        answer = self._call(operation, "GET", "products", safe=True, params={"municipality": number})
        return self._read(operation, answer, reading_products.products)

    def price(self, placing: Placing) -> Price | None:
        """What an order would cost in all (section 5); None where KODE doesn't say. Safe.

        For what isn't a map it is asked with `old_prices` only, and None without a call else: a product has its price.

        Raises:
            Rejected: by KODE, or before it was sent, with the names of the fields that are wrong.
        """
        operation = "prices"
        self._refuse(operation, check_asked(placing))
        if placing.kind != Kind.MAP and not self._old_prices:
            return None
        path = f"prices/{placing.kind}"
        answer = self._call(operation, "POST", path, safe=True, json=price_body(placing), said=_said(placing))
        return self._read(operation, answer, reading_products.price)

    # --- orders -----------------------------------------------------------------------------------------------

    def order(self, collection_id: str) -> Tree:
        """An order with its files (section 7), by the collection's id. Safe.

        Raises:
            OrderUnknown: there is none.
            Unreadable: the answer can't be read as a whole, or is about another order.
        """
        operation = "orders.get"
        if not DIGITS.fullmatch(collection_id):
            raise Rejected(self._http.remote, operation, "not sent: it is no order's id")
        answer = self._call(operation, "GET", f"orders/{collection_id}", safe=True, missing=True)
        if answer.status == 404:
            raise OrderUnknown(self._http.remote, operation, "HTTP 404", "see that url is right")
        found = self._read(operation, answer, lambda document: tree(document, self._zone))
        if found.id != str(int(collection_id)):
            raise Unreadable(self._http.remote, operation, "the answer is about another order")
        return found

    def place(self, placing: Placing) -> Tree:
        """Places an order (section 6). Not safe, and KODE can't be asked about it after.

        Of an answer whose id alone can be read, the id is returned alone: the order is made.

        Raises:
            Rejected: by KODE, or before it was sent, with the names of the fields that are wrong.
            Uncertain: it may have been placed; only a person can see, or a push message with its technical reference.
        """
        operation = "orders.create"
        self._refuse(operation, check(placing))
        path = f"orders/{placing.kind}"
        answer = self._call(operation, "POST", path, safe=False, json=order_body(placing), said=_said(placing))
        try:
            found = document(Answer(answer.status, answer.body))  # whatever type it says that it is
            made = collection_id(found)
        except Malformed as malformed:
            raise Uncertain(self._http.remote, operation, str(malformed)) from None
        try:
            return tree(found, self._zone)
        except Malformed:
            return Tree(made, "")

    def _refuse(self, operation: str, faults: Iterable[Fault]) -> None:
        wrong = "; ".join(map(str, faults))
        if wrong:
            raise Rejected(self._http.remote, operation, f"not sent: {wrong}")

    # --- files ------------------------------------------------------------------------------------------------

    def download(self, asset: Asset, take: Callable[[bytes], object], *, most: int) -> None:
        """Fetches a file of at most `most` bytes (section 9), handed to `take` in parts as it comes. Safe.

        After an error some of it may have been taken already. What `take` raises passes through.

        Raises:
            StaleAddress: read the order anew, and ask again.
            Unreadable: it is too long, or its address isn't one that we go to.
            Unavailable: it came too late or not whole, or is a gateway's page.
        """
        operation = "assets.download"
        url = _onward(f"{self._base}/", asset.url)
        for _ in range(1 + MOST_REDIRECTS):
            self._expect_ours(operation, url)
            answer = self._fetched(operation, url, asset, take, most)
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                self._expect_file(operation, answer, asset)
                return
            url = _onward(url, answer.headers["location"])
        raise self._later(operation, f"it was sent on more than {MOST_REDIRECTS} times")

    def _expect_ours(self, operation: str, url: str) -> None:
        if not self._hosts.allow(url):
            hint = "where the file is to be had from there, add it to download_hosts: it gets the token too"
            raise Unreadable(
                self._files.remote, operation, f"its address is at {host_of(url)}, which is not ours", hint
            )

    def _fetched(self, operation: str, url: str, asset: Asset, take: Callable[[bytes], object], most: int) -> Answer:
        """One call for a file; whoever is refused there has an address that has gone stale."""

        def send(carried: Mapping[str, str]) -> Answer:
            headers = {"Accept": "*/*", **carried}
            fits = partial(_fits, asset=asset)
            return self._files.stream(operation, url, headers=headers, take=take, most=most, expected=fits)

        try:
            return self._with_token(send) if self._download_auth else send({})
        except AccessDenied as denied:
            if denied.operation != operation:  # it is the token that can't be had
                raise
            raise self._stale(operation, denied.cause) from None

    def _with_token(self, send: Callable[[Mapping[str, str]], Answer]) -> Answer:
        """As `with_bearer`, but that a 401 may as well be the address's fault, of which there may be many.

        A token that was just renewed and didn't help isn't renewed for the next of them: reading the order tells.
        """
        access = self._bearer.token()
        try:
            return send(carrying(access))
        except AccessDenied as denied:
            if not is_stale(denied) or access == self._blameless:
                raise
        self._blameless = renewed = self._bearer.renewed(access)
        answer = send(carrying(renewed))
        self._blameless = None
        return answer

    def _expect_file(self, operation: str, answer: Answer, asset: Asset) -> None:
        if answer.status in {404, 410}:
            raise self._stale(operation, f"HTTP {answer.status}")
        if 400 <= answer.status < 500:
            raise Rejected(self._files.remote, operation, f"HTTP {answer.status}")
        if answer.status != 200:
            raise self._later(operation, f"HTTP {answer.status} brings no file")
        if not _fits(answer, asset):
            raise self._later(operation, "the answer is a web page, not the file")

    def _stale(self, operation: str, said: str) -> StaleAddress:
        hint = "the order is read anew, for a fresh address"
        return StaleAddress(self._files.remote, operation, said, hint, order_only=True)

    def _later(self, operation: str, said: str) -> Unavailable:
        return Unavailable(self._files.remote, operation, said, order_only=True)

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
        said: Collection[str] | None = None,
    ) -> Answer:
        """One call with the token, and once more with a new one after a 401; where `missing`, 404 is an answer too.

        KODE's word for a refusal is repeated without `said`, the texts of people that were sent; without these, not at
        all, since it may be about anyone.
        """

        def send(carried: Mapping[str, str]) -> Answer:
            headers = {"Accept": "application/json", **carried}
            url = f"{self._base}/{path}"
            return self._http.call(operation, method, url, safe=safe, params=params, json=json, headers=headers)

        answer = with_bearer(self._bearer, send)
        if 300 <= answer.status < 400:
            raise self._led_elsewhere(operation, answer, safe=safe)
        if answer.status >= 500 and not safe:
            raise Uncertain(self._http.remote, operation, f"HTTP {answer.status}")
        if answer.status >= 400 and not (missing and answer.status == 404):
            told = f"HTTP {answer.status}" if said is None else self._cause(answer, said)
            raise Rejected(self._http.remote, operation, told)
        return answer

    def _led_elsewhere(self, operation: str, answer: Answer, *, safe: bool) -> RemoteError:
        what = f"HTTP {answer.status} leads elsewhere: see its url"
        if safe or answer.status in {301, 307, 308}:  # these say that it was not done here
            return Unavailable(self._http.remote, operation, what)
        return Uncertain(self._http.remote, operation, what)

    def _cause(self, answer: Answer, said: Collection[str]) -> str:
        told = self._http.veil(cause(answer))
        for text in said:
            told = told.replace(text, "[hidden]")
        return told

    def _read(self, operation: str, answer: Answer, reader: Callable[[Any], Found]) -> Found:
        try:
            return reader(document(answer))
        except Malformed as malformed:
            raise Unreadable(self._http.remote, operation, str(malformed), raw=answer.text) from None


def _onward(url: str, to: str) -> str:
    """An address as it is seen from another one; "" where it is none."""
    try:
        return urljoin(url, to) if to else ""
    except ValueError:
        return ""


def _fits(answer: Answer, asset: Asset) -> bool:
    """Whether an answer may be the file: a sign-in page of some gateway's is none, but where a page is what it is."""
    if answer.content_type not in PAGES:
        return True
    return any(name.strip().lower().endswith(PAGE_NAMES) for name in (asset.name, asset.filename))


def _said(placing: Placing) -> tuple[str, ...]:
    """The texts of an order that are about people, the longest first, so that none is left of another."""
    texts = [placing.address, *placing.delivery.values()]
    return tuple(sorted({text for text in texts if text and len(text) >= SHORTEST_SAID}, key=len, reverse=True))
