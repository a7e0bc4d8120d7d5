"""The client of ON-API, a city network's own API, in versions 2.4, 2.5 and 2.6 (contract: on_api.md).

It reads leniently, since networks deviate, and sends strictly. What a state means for an order is not for here.
"""

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import Answer, Http, same_host

ID = re.compile(r"[-0-9a-zA-Z.]{1,36}")  # on_api.md, section 2
TEXT_LIMIT = 255
DEFAULT_PATHS = {
    "orders": "orders/",
    "accesses": "accesses/",
    "services": "services/",
    "subscriptions": "subscriptions/",
    "orderevents": "orderevents/",
}
NO_DISCOVERY = "set discovery = false if this network has none"
NAMES = {"order": "orders", "access": "accesses", "orderevent": "orderevents"}  # discovery's other spellings


@dataclass(frozen=True, slots=True)
class NetworkOrder:
    """An order as a network shows it (section 5.3). Every field may be missing; `state` is in capitals."""

    order_id: str | None = None
    path: str | None = None
    access: str | None = None
    service: str | None = None
    operation: str | None = None
    state: str | None = None
    message: str = ""
    subscription_id: str | None = None
    reference: str | None = None
    sp_subscription_id: str | None = None
    created: bool = False

    @property
    def ref(self) -> str | None:
        """What the order can be asked for by: its id, or its path where it came without one (section 6)."""
        return self.order_id or self.path


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription of ours (section 7)."""

    subscription_id: str | None
    access: str | None
    service: str | None
    reference: str | None
    sp_subscription_id: str | None
    state: str | None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What discovery told (section 3): addresses by name, and the fields that the network can't take."""

    urls: Mapping[str, str] = field(default_factory=dict)
    unsupported: frozenset[str] = frozenset()
    found: bool = False


class OnApi:
    """One account at one network. `base` ends in a slash; `paths` overrides what discovery says."""

    def __init__(
        self,
        http: Http,
        base: str,
        version: str,
        *,
        paths: Mapping[str, str] | None = None,
        discovery: bool = True,
        hosts: Iterable[str] = (),
    ) -> None:
        self._http = http
        self._base = base
        self._version = version
        self._paths = dict(paths or {})
        self._discovery = discovery
        self._hosts = frozenset(hosts)
        self._asking = threading.Lock()
        self._abilities: Abilities | None = None

    # --- discovery --------------------------------------------------------------------------------------------

    def abilities(self) -> Abilities:
        """What the network says that it can (section 3), asked once; nothing where it has no discovery. Safe."""
        with self._asking:
            if self._abilities is None:
                self._abilities = self._discover() if self._discovery else Abilities()
            return self._abilities

    def _discover(self) -> Abilities:
        try:
            answer = self._get("discovery", self._base)
        except Unreadable as failure:
            raise Unavailable(self._http.remote, "discovery", failure.cause, NO_DISCOVERY) from None
        if answer.status in {404, 405, 501}:
            return Abilities()
        entries = self._entries(answer)
        urls: dict[str, str] = {}
        unsupported: set[str] = set()
        for entry in entries:
            if not isinstance(entry, dict) or str(entry.get("version") or self._version) != self._version:
                continue
            name = str(entry.get("name", "")).lower()
            url = self._address(entry.get("endpoint"))
            if url is not None:
                urls.setdefault(NAMES.get(name, name), url)
            fields = entry.get("unsupportedFields")
            if NAMES.get(name, name) == "orders" and isinstance(fields, list):
                unsupported |= {item for item in fields if isinstance(item, str)}
        return Abilities(urls, frozenset(unsupported), found=True)

    def _entries(self, answer: Answer) -> list[Any]:
        """The listed endpoints. What can't be read may be an outage: it is asked again before it is believed."""
        try:
            found = _json(answer)
        except ValueError:
            found = None
        if answer.status == 200 and isinstance(found, list):
            return found
        raise Unavailable(self._http.remote, "discovery", "the list of endpoints can't be read", NO_DISCOVERY)

    def _address(self, endpoint: object) -> str | None:
        """Where a listed endpoint is: below our base where it is on our host, elsewhere only where that is configured.

        A network behind a gateway lists paths as it sees them itself, so that the part after the version counts.
        """
        if not isinstance(endpoint, str) or not endpoint:
            return None
        url = _joined(self._base, endpoint)
        if url is None:
            return None
        if not same_host(url, self._base):
            return url if urlsplit(url).hostname in self._hosts and url.startswith("https:") else None
        _, found, tail = urlsplit(url).path.partition(f"/{self._version}/")
        return self._base + tail if found and tail else url

    def _url(self, name: str) -> str:
        if name in self._paths:
            return urljoin(self._base, self._paths[name])
        return self.abilities().urls.get(name) or self._base + DEFAULT_PATHS[name]

    def _below(self, name: str, key: str) -> str:
        """One object of an endpoint, whose address may have been told without a slash at its end (section 1)."""
        return f"{self._url(name).rstrip('/')}/{key}"

    # --- accesses and services --------------------------------------------------------------------------------

    def services(self, access: str) -> list[str] | None:
        """The names of the services that an access is offered (section 4); None where that can't be told. Safe."""
        name = "services" if self._version == "2.6" else "accesses"
        found = self._object("accesses.get", self._below(name, access))
        offers = None if found is None else found.get("services")
        if not isinstance(offers, list):
            return None
        names = [_text(offer, "service") for offer in offers if isinstance(offer, dict)]
        return [name for name in names if name is not None]

    def subscriptions(self, access: str) -> list[Subscription] | None:
        """Our subscriptions on an access; None where the network doesn't show them. Safe."""
        if self._version != "2.6":
            found = self._object("accesses.get", self._below("accesses", access))
            inside = None if found is None else found.get("subscriptions")
            if isinstance(inside, list):
                return [_subscription(item, access) for item in inside if isinstance(item, dict)]
        url = self._below("subscriptions", access) if self._version == "2.6" else self._url("subscriptions")
        answer = self._get("subscriptions.list", url)
        if answer.status == 404:
            return []
        if answer.status in {405, 501}:
            return None
        self._refuse("subscriptions.list", answer)
        items = _flat(self._read("subscriptions.list", answer))
        if items is None:
            raise Unreadable(self._http.remote, "subscriptions.list", "the answer is no list", raw=answer.text)
        return [item for item in items if item.access in {None, access}]

    # --- orders -----------------------------------------------------------------------------------------------

    def orders(self, access: str) -> list[NetworkOrder]:
        """The orders of an access that the network lists; finished ones may be missing (section 11). Safe."""
        answer = self._get("orders.list", self._url("orders"), params={"accessId": access})
        if answer.status == 404:
            return []
        self._refuse("orders.list", answer)
        found = self._read("orders.list", answer)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise Unreadable(self._http.remote, "orders.list", "the answer is no list of orders", raw=answer.text)
        orders = [_order(item) for item in found]
        return [order for order in orders if order.access in {None, access}]

    def order(self, ref: str) -> NetworkOrder | None:
        """One order, by its id or path; None where the network doesn't know it. Safe.

        Raises:
            Unreadable: the answer can't be read, or is about another order.
        """
        found = self._object("orders.get", self._order_url(ref))
        if found is None:
            return None
        order = _order(found, ref)
        if ID.fullmatch(ref) and order.order_id != ref:
            raise Unreadable(self._http.remote, "orders.get", "the answer is about another order")
        return order

    def activate(self, body: Mapping[str, Any]) -> NetworkOrder:
        """Orders a service on an access (section 5). Not safe.

        Returns the order that the network has for it: `created` tells 201 from 200, where it may be an older one.

        Raises:
            Rejected: with the network's cause.
        """
        operation = "orders.create"
        asked = {"operation": "ACTIVATE", **body}
        answer = self._http.call(operation, "POST", self._url("orders"), safe=False, json=asked)
        self._refuse(operation, answer, safe=False)
        found = self._read(operation, answer, safe=False)
        if not isinstance(found, dict):
            raise Uncertain(self._http.remote, operation, "the answer is no order")
        created = answer.status in {201, 202}
        order = _order(found, created=created)
        location = _joined(self._url("orders"), answer.headers.get("location", ""))
        if order.ref is None and "location" in answer.headers and location is not None:
            path = urlsplit(location).path if same_host(location, self._base) else location
            return _order(found | {"path": path}, created=created)
        return order

    def cancel(self, ref: str) -> None:
        """Withdraws an order, which the network allows while it is RECEIVED (section 5.1). Not safe.

        Raises:
            Rejected: it is too late, or the order is not known. A 403 may mean that too (section 11).
            Uncertain: the answer is empty and no 204, which is what a withdrawal is answered with.
        """
        operation = "orders.cancel"
        try:
            answer = self._http.call(operation, "DELETE", self._order_url(ref), safe=False)
        except AccessDenied as denied:
            if denied.cause != "HTTP 403":
                raise
            raise Rejected(self._http.remote, operation, denied.cause) from None
        self._refuse(operation, answer, safe=False)
        if answer.status == 204:
            return
        if not answer.body.strip():
            raise Uncertain(self._http.remote, operation, f"HTTP {answer.status} with nothing in it")
        self._read(operation, answer, safe=False)  # a page is no word of the network's

    def events(self, since: str | None) -> list[tuple[str, NetworkOrder]]:
        """What happened to our orders since an event: (event, order as far as it is told), oldest first. Safe.

        An order in it has its path, access, service and state, and no id (section 7).
        """
        params = {} if since is None else {"since": since}
        answer = self._get("orderevents.list", self._url("orderevents"), params=params)
        self._refuse("orderevents.list", answer)
        found = self._read("orderevents.list", answer)
        events = []
        for item in found if isinstance(found, list) else []:
            order = item.get("order") if isinstance(item, dict) else None
            if isinstance(order, dict) and isinstance(order.get("path"), str) and item.get("event") is not None:
                events.append((str(item["event"]), _order(order)))
        return events

    def _order_url(self, ref: str) -> str:
        if ID.fullmatch(ref):
            return self._below("orders", ref)
        url = self._address(ref)
        if url is None:
            raise Rejected(self._http.remote, "orders.get", "the order's path leads to another host")
        return url

    # --- reading the answers ----------------------------------------------------------------------------------

    def _get(self, operation: str, url: str, params: Mapping[str, str] | None = None) -> Answer:
        """A read, which may follow one redirect on the same host: slashes are mixed in the documents (section 11)."""
        answer = self._http.call(operation, "GET", url, safe=True, params=params)
        location = answer.headers.get("location")
        if answer.status in {301, 302, 307, 308} and location:
            target = _joined(url, location)
            if target is not None and same_host(target, url):
                answer = self._http.call(operation, "GET", target, safe=True, params=None if "?" in target else params)
        return answer

    def _object(self, operation: str, url: str) -> dict[str, Any] | None:
        answer = self._get(operation, url)
        if answer.status == 404:
            return None
        if answer.status == 501 and operation == "accesses.get":
            return None
        self._refuse(operation, answer)
        found = self._read(operation, answer)
        if isinstance(found, dict):
            return found
        raise Unreadable(self._http.remote, operation, "the answer is no object", raw=answer.text)

    def _refuse(self, operation: str, answer: Answer, *, safe: bool = True) -> None:
        if 300 <= answer.status < 400:
            what = f"HTTP {answer.status} leads elsewhere: see its url and paths"
            if safe or answer.status in {301, 307, 308}:  # these say that it was not done here; 303 says that it was
                raise Unavailable(self._http.remote, operation, what)
            raise Uncertain(self._http.remote, operation, what)
        if answer.status >= 400:
            raise Rejected(self._http.remote, operation, self._http.veil(_cause(answer)))

    def _read(self, operation: str, answer: Answer, *, safe: bool = True) -> Any:
        try:
            return _json(answer)
        except ValueError as malformed:
            what = str(malformed)
        raise self._strange(operation, what, answer, safe=safe)

    def _strange(self, operation: str, what: str, answer: Answer, *, safe: bool) -> RemoteError:
        if safe:
            return Unreadable(self._http.remote, operation, what, raw=answer.text)
        return Uncertain(self._http.remote, operation, what)


def _joined(base: str, address: str) -> str | None:
    """An address that may be relative, as a whole one; None where it is none."""
    try:
        return urljoin(base, address)
    except ValueError:
        return None


def _json(answer: Answer) -> Any:
    """The document of an answer; ValueError with a sentence where it is none."""
    kind = answer.content_type
    if not answer.body.strip():
        raise ValueError("the answer is empty")
    if kind not in {"", "application/json", "application/x-ldjson"} and not kind.endswith("+json"):
        raise ValueError(f"the answer is {kind}, not JSON")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ValueError("the answer is not well-formed JSON") from None


def _cause(answer: Answer) -> str:
    """The network's own word for a refusal (section 6), which is free text, or missing."""
    try:
        found = _json(answer)
    except ValueError:
        found = None
    cause = found.get("cause") if isinstance(found, dict) else None
    return cause[:TEXT_LIMIT] if isinstance(cause, str) and cause.strip() else f"HTTP {answer.status}"


def _text(item: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        found = item.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found):
            return str(found)
    return None


def _order(item: Mapping[str, Any], ref: str | None = None, *, created: bool = False) -> NetworkOrder:
    state = _text(item, "state", "status")
    return NetworkOrder(
        order_id=_text(item, "orderId") or ref,
        path=_text(item, "path"),
        access=_text(item, "accessId"),
        service=_text(item, "service"),
        operation=_text(item, "operation"),
        state=None if state is None else state.upper(),
        message=(_text(item, "message") or "")[:TEXT_LIMIT],
        subscription_id=_text(item, "subscriptionId"),
        reference=_text(item, "spReference"),
        sp_subscription_id=_text(item, "spSubscriptionId"),
        created=created,
    )


def _subscription(item: Mapping[str, Any], access: str | None) -> Subscription:
    return Subscription(
        subscription_id=_text(item, "subscriptionId"),
        access=_text(item, "accessId") or access,
        service=_text(item, "service"),
        reference=_text(item, "spReference"),
        sp_subscription_id=_text(item, "spSubscriptionId"),
        state=_text(item, "operationalState"),
    )


def _flat(found: Any) -> list[Subscription] | None:
    """Subscriptions as a flat list, or grouped by access as in 2.6 (section 4.1); None where it is neither."""
    if isinstance(found, dict) and not isinstance(found.get("subscriptions"), list):
        return None
    flat: list[Subscription] = []
    for item in found if isinstance(found, list) else [found]:
        if not isinstance(item, dict):
            return None
        inside = item.get("subscriptions")
        if isinstance(inside, list):
            flat += [_subscription(part, _text(item, "accessId")) for part in inside if isinstance(part, dict)]
        else:
            flat.append(_subscription(item, None))
    return flat
