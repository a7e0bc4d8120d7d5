"""The client of XSP, Stadsnätsportalen's "Tjänsteguiden: Orders 1.0" (contract: xsp.md).

Eight methods over one URL. It reads every envelope that the platform is known to use, and tells each failure from
success. What a status means for an order is not for here.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element, tostring

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import Answer, Http
from syncer.remotes.xml import Malformed, child, numbered, parse, tag, text, value

RENEW_AFTER = 15 * 60.0  # a hash lives 20 minutes from when it was asked for (xsp.md, section 3)
OLD = 5 * 60.0  # a read that fails with a hash of this age is tried once more with a new one (section 12)
STATUSES = frozenset({"new", "received", "active", "waiting", "cancelled", "delivered"})
LOGIN_WORDS = re.compile(
    r"log(ged)?[ -]?in|hash|session|expired|authenti|authori[sz]|credential|password|behörig|inlogg|utgång|logga in",
    re.IGNORECASE,
)
NOTHING_WORDS = re.compile(  # and nothing between: "no access to orders" is no empty list
    r"\b(no|inga|0)( new| nya| matching)? "
    r"(orders?|ordrar|customers?|kunder|posts?|poster|hits?|results?|träff(ar)?)\b",
    re.IGNORECASE,
)
ID = re.compile(r"[0-9A-Za-z._-]{1,36}")
METHODS = frozenset(
    {"api_login", "orders", "order_info", "customers", "customer_info", "set_status", "order_log", "add_message"}
)
VERDICTS = frozenset({"success", "failed"})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list as it came: its fields, and `raw`, the row itself, where it has no id."""

    fields: Mapping[str, Any]
    raw: str = ""

    @property
    def id(self) -> str | None:
        """The row's id; None where it has none that could be one."""
        found = self.fields.get("id")
        return found if isinstance(found, str) and ID.fullmatch(found) else None


@dataclass(frozen=True, slots=True)
class Log:
    """An order's log. Its form is not documented (section 6.6), so that it can only be searched."""

    raw: str
    entries: int

    def has(self, key: str) -> bool:
        """Whether a text stands in it."""
        return key in self.raw


@dataclass(frozen=True, slots=True)
class Details:
    """What `order_info` or `customer_info` said, in sections; unknown fields are kept."""

    order: Mapping[str, Any] = field(default_factory=dict)
    customer: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


class Xsp:
    """One account at one portal. Its hash is shared by all threads, and lives in memory only.

    `message_auth` is `api_user`, `hash` or `both`. `keep_secret` is told of each hash, so that no log shows it.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        api_user: str,
        api_key: str,
        *,
        verb: str = "get",
        message_auth: str = "both",
        keep_secret: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._url = url
        self._api_user = api_user
        self._api_key = api_key
        self._verb = verb
        self._message_auth = message_auth
        self._keep_secret = keep_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._hash: tuple[str, float] | None = None
        http.hide(api_key)

    # --- the methods ------------------------------------------------------------------------------------------

    def orders(self, since: date) -> list[Row]:
        """The heads of the orders created on `since` or later (section 6.1). Safe."""
        return self._list("orders", "order", since)

    def customers(self, since: date) -> list[Row]:
        """The customers new from a day on (section 6.4). Safe."""
        return self._list("customers", "customer", since)

    def order_info(self, order_id: str) -> Details:
        """An order's details (section 6.2), whose form is not documented. Safe.

        Raises:
            Unreadable: nothing in the answer can be used, or it is about another order.
        """
        found = self._details("order_info", order_id)
        self._check_about("order", found.order, order_id)
        return found

    def customer_info(self, customer_id: str) -> Details:
        """A customer (section 6.3). Safe.

        Raises:
            Unreadable: nothing in the answer can be used, or it is about another customer.
        """
        found = self._details("customer_info", customer_id)
        self._check_about("customer", found.customer, customer_id)
        return found

    def set_status(self, order_id: str, status: str) -> str:
        """Writes an order's status (section 6.5), and returns the portal's message. Not safe, though it is a GET."""
        payload = self._ask("set_status", {"id": order_id, "status": status}, safe=False)
        return _message(payload)

    def order_log(self, order_id: str) -> Log:
        """An order's messages and status changes (section 6.6). Safe."""
        payload = self._ask("order_log", {"id": order_id}, safe=True)
        texts = [text(element) for element in payload.iter() if text(element) and not _verdict(element)]
        return Log("\n".join(texts), len(texts))

    def add_message(self, order_id: str, message: str, kind: str) -> str:
        """Writes a message on an order (section 6.7); `kind` is error, alert, system or log. Not safe."""
        params = {"id": order_id, "message": message, "type": kind}
        if self._message_auth == "api_user":
            answer = self._send("add_message", {"api_user": self._api_user, **params}, safe=False)
            return _message(self._payload("add_message", answer, safe=False))
        if self._message_auth == "both":
            params["api_user"] = self._api_user
        return _message(self._ask("add_message", params, safe=False))

    # --- reading the answers ----------------------------------------------------------------------------------

    def _list(self, method: str, item: str, since: date) -> list[Row]:
        try:
            payload = self._ask(method, {"date": since.isoformat()}, safe=True)
        except Rejected as refusal:
            if NOTHING_WORDS.search(refusal.cause):
                return []
            raise
        items = _items(payload, item)
        if not items and any(len(element) for element in payload):
            # Rows that aren't recognised are no empty list: the cursor must not pass them.
            raise Unreadable(
                self._http.remote, method, f"the answer holds no {item} that can be told", raw=_raw(payload)
            )
        return [_taken(element) for element in items]

    def _details(self, method: str, key: str) -> Details:
        payload = self._ask(method, {"id": key}, safe=True)
        main = "order" if method == "order_info" else "customer"
        found = _sections(payload, main)
        if not (found.order or found.customer):
            raise Unreadable(self._http.remote, method, f"the answer holds no {main}", raw=_raw(payload))
        return found

    def _check_about(self, main: str, found: Mapping[str, Any], key: str) -> None:
        if found.get("id", key) != key:
            raise Unreadable(self._http.remote, f"{main}_info", f"the answer is about another {main}")

    def _ask(self, method: str, params: Mapping[str, str], *, safe: bool) -> Element:
        """One call with the hash, and once more with a new one where the failure looks like an expired hash."""
        token, taken_at = self._token()
        try:
            answer = self._send(method, {"hash": token, **params}, safe=safe)
            return self._payload(method, answer, safe=safe)
        except (Rejected, AccessDenied, Unreadable) as failure:
            if not self._looks_expired(failure, taken_at, safe=safe):
                raise
        token, _ = self._token(spent=token)
        answer = self._send(method, {"hash": token, **params}, safe=safe)
        return self._payload(method, answer, safe=safe)

    def _looks_expired(self, failure: RemoteError, taken_at: float, *, safe: bool) -> bool:
        if isinstance(failure, AccessDenied):
            return True
        if isinstance(failure, Rejected) and LOGIN_WORDS.search(failure.cause):
            return True  # it was refused, and so had no effect, even where it writes
        if isinstance(failure, Unreadable) and LOGIN_WORDS.search(failure.raw):
            return safe
        return safe and self._clock() - taken_at > OLD

    def _token(self, spent: str | None = None) -> tuple[str, float]:
        """The hash and when it was asked for; a new one where there is none, it is old, or it is `spent`."""
        with self._lock:
            now = self._clock()
            if self._hash is None or now - self._hash[1] > RENEW_AFTER or self._hash[0] == spent:
                self._hash = (self._login(), now)
            return self._hash

    def _login(self) -> str:
        """Asks for a hash (section 3). How a failure looks is not documented: any refusal is one of the credentials."""
        method = "api_login"
        asked = {"api_user": self._api_user, "api_key": self._api_key}
        answer = self._send(method, asked, safe=True, reveal=True)
        if answer.status >= 400 and not _is_document(answer):  # some gateway's page, not the portal's word
            raise Unavailable(self._http.remote, method, f"HTTP {answer.status}, and not in XML")
        try:
            payload = self._payload(method, answer, safe=True)
        except Rejected as refusal:
            hint = "see that api_user and api_key are right"
            cause = refusal.cause.replace(self._api_key, "[hidden]")  # a refusal may quote it
            raise AccessDenied(self._http.remote, method, cause, hint) from None
        except Unreadable as failure:
            raise Unavailable(self._http.remote, method, failure.cause) from None
        found = text(child(payload, "hash_key"))
        if not found:
            raise Unavailable(self._http.remote, method, "the answer holds no hash_key")
        self._keep_secret(found)
        self._http.hide(found, lasting=False)
        return found

    def _send(self, method: str, params: Mapping[str, str], *, safe: bool, reveal: bool = False) -> Answer:
        query = {"method": method, **params}
        if self._verb == "post":
            return self._http.call(method, "POST", self._url, safe=safe, form=query, reveal=reveal)
        return self._http.call(method, "GET", self._url, safe=safe, params=query, reveal=reveal)

    def _payload(self, method: str, answer: Answer, *, safe: bool) -> Element:
        """The payload of a success (section 4), in whichever envelope.

        Raises:
            Rejected: the portal understood and refused.
            Unreadable, Uncertain: it is no answer of this API; which of the two depends on `safe`.
        """
        if 300 <= answer.status < 400:
            what = f"HTTP {answer.status}: the address leads elsewhere, see its url"
            raise self._strange(method, what, answer, safe=safe)
        try:
            root = _document(answer)
        except Malformed as malformed:
            if answer.status >= 400:
                raise Rejected(self._http.remote, method, f"HTTP {answer.status}") from None
            raise self._strange(method, str(malformed), answer, safe=safe) from None
        status, payload = _envelope(root, method)
        if status == "success" and _of(root, method):  # it has the last word, whatever the HTTP code (section 4.1)
            return payload
        if status != "success" and (status is not None or answer.status >= 400):
            raise Rejected(self._http.remote, method, _message(payload) or f"HTTP {answer.status}")
        if not _of(root, method) or not _expected(payload, root, method):
            raise self._strange(method, "the answer is XML, but not of this method", answer, safe=safe)
        return payload

    def _strange(self, method: str, what: str, answer: Answer, *, safe: bool) -> RemoteError:
        if not safe:
            return Uncertain(self._http.remote, method, what)
        if 300 <= answer.status < 400:
            return Unavailable(self._http.remote, method, what)
        return Unreadable(self._http.remote, method, what, raw=answer.text)


def _is_document(answer: Answer) -> bool:
    try:
        _document(answer)
    except Malformed:
        return False
    return True


def _document(answer: Answer) -> Element:
    kind = answer.content_type
    if kind in {"", "application/xml", "text/xml"} or kind.endswith("+xml"):
        return parse(answer.body)
    raise Malformed(f"the answer is {kind}, not XML")


def _envelope(root: Element, method: str) -> tuple[str | None, Element]:
    """The envelope's status (None where it has none) and the payload.

    The element named after the method is the root, or one level down, or missing (section 4.1). A `status` that
    is an order's own belongs to the payload.
    """
    named = root if tag(root).lower() == method else child(root, method)
    element = root if named is None else named
    status = text(child(element, "status")).lower() or None
    if status in STATUSES:
        status = None
    response = child(element, "response")
    return status, element if response is None else response


ITEMS = {"orders": "order", "customers": "customer", "order_info": "order", "customer_info": "customer"}


def _of(root: Element, method: str) -> bool:
    """Whether a document isn't plainly another method's answer."""
    return tag(root).lower() == method or tag(root).lower() not in METHODS


def _verdict(element: Element) -> bool:
    """Whether an element is an envelope's own status."""
    return tag(element) == "status" and text(element).lower() in VERDICTS


def _expected(payload: Element, root: Element, method: str) -> bool:
    """Whether an answer without a status has what this method answers (section 4.1)."""
    if method in {"orders", "customers"}:
        named = method in {tag(root).lower(), tag(payload)} or child(root, method) is not None
        return named or tag(root) == "serviceguide" or bool(_items(payload, ITEMS[method]))  # section 6.1
    if method == "api_login":
        return child(payload, "hash_key") is not None
    if method in {"set_status", "add_message"}:
        return child(payload, "message") is not None and tag(root).lower() != "html"
    if method == "order_log":
        return tag(payload) == "response" or tag(payload) == method
    return len(payload) > 0 and tag(root).lower() != "html"


def _items(payload: Element, name: str) -> list[Element]:
    """The items of a list: named so, or `key_N`, one level down or two; or the payload itself."""
    if child(payload, "id") is not None and tag(payload) in {"response", name}:
        return [payload]
    found: list[Element] = []
    for element in payload:
        is_item = _is_item(tag(element), name)
        nested = [part for part in element if _is_item(tag(part), name)]
        if nested and (len(nested) == len(element) or not is_item):
            found += nested
        elif is_item:
            found.append(element)
    return found


def _is_item(found: str, name: str) -> bool:
    return found == name or (found[:1] == "k" and numbered(found))


def _taken(element: Element) -> Row:
    """A row, whose element is let go: a long list would stand in memory twice."""
    row = _row(element)
    element.clear()
    return row


def _row(element: Element) -> Row:
    row = Row(_map(element))
    return row if row.id is not None else Row(row.fields, _raw(element))


def _sections(payload: Element, main: str) -> Details:
    """The sections of a single answer: an element named `main` or `key_0`, or the fields themselves."""
    items = _items(payload, main)
    body = _map(items[0]) if items else {}
    sections: dict[str, dict[str, Any]] = {"order": {}, "customer": {}, "data": {}} | {main: body}
    for element in payload:
        if tag(element) in {"data", "customer", "order"} and tag(element) != main:
            sections[tag(element)] = _map(element)
        elif not items and tag(element) not in {"message", "data", "code"} and not _verdict(element):
            body[tag(element)] = value(element)
    for name in ("data", "customer"):
        inner = body.get(name)
        if name != main and isinstance(inner, dict):
            sections[name] = inner
    return Details(**sections)


def _map(element: Element) -> dict[str, Any]:
    found = value(element)
    return found if isinstance(found, dict) else {}


def _message(payload: Element) -> str:
    return text(child(payload, "message"))[:500]


def _raw(element: Element) -> str:
    return tostring(element, encoding="unicode")
