"""A pretended order portal, "Tjänsteguiden: Orders 1.0", as xsp.md describes it and where it is silent, guesses it.

Every guess is an option, so that a client can be judged against each. Nothing of the client's, and no reader of
the portal's answers, belongs here.
"""

import copy
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Literal, get_args, get_origin
from xml.etree.ElementTree import Element, tostring
from zoneinfo import ZoneInfo

from syncer.simulators.wire import Reply, Request

STATUSES = ("new", "received", "active", "waiting", "cancelled", "delivered")
FINAL_STATUSES = frozenset({"cancelled", "delivered"})
MESSAGE_TYPES = frozenset({"error", "alert", "system", "log"})
METHODS = frozenset(
    {
        "api_login",
        "orders",
        "order_info",
        "customers",
        "customer_info",
        "set_status",
        "order_log",
        "add_message",
    }
)
_PATHS = frozenset({"/", "/plain/serviceguide_log"})
_FAILURES = {"failed_200": 200, "failed_400": 400, "failed_404": 404}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INT = re.compile(r"\d{1,18}", re.ASCII)
# What XML 1.0 can't hold, not even as a character reference.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)

Envelope = Literal[
    "plain",
    "wrapped",
    "status_first",
    "root_without_status",
    "bare",
    "response_only",
    "key_n",
    "no_response",
]
Failure = Literal["failed_200", "failed_400", "failed_404"]
Expired = Literal["failed", "html", "403"]
Empty = Literal["empty_response", "no_response", "failed"]
Detail = Literal["full", "head", "no_status"]
DeliveryName = Literal["delivery", "delivery_date"]
BrokenDetail = Literal["whole", "broken_xml", "empty", "no_ids"]
BrokenRow = Literal["whole", "no_id", "absurd"]


class _RefusedError(Exception):
    """The portal says no, with this message."""


class _NotLoggedInError(Exception):
    """The hash is missing, unknown or too old."""


@dataclass(frozen=True, slots=True)
class _LogEntry:
    at: datetime
    type: str
    message: str
    user: str


@dataclass(slots=True)
class _Customer:
    id: str
    date: str
    values: dict[str, str]
    data: dict[str, str]


@dataclass(slots=True)
class _Order:
    """One order; `status` and `previous` make the listing's staleness."""

    id: str
    head: dict[str, str]
    status: str
    previous: str
    customer: str
    data: dict[str, str]
    hidden: bool = False
    stale: int = 0
    broken_detail: str = "whole"
    broken_row: str = "whole"
    written: list[str] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)
    log: list[_LogEntry] = field(default_factory=list)


@dataclass(slots=True)
class _Result:
    """What a method has to say: the elements inside `response`, or none where a bare success may do."""

    payload: list[Element]
    items: list[Element] = field(default_factory=list)
    acknowledgement: bool = False
    absent: bool = False
    effect: dict[str, str] | None = None


_CUSTOMER_DEFAULTS = {
    "firstname": "Åsa",
    "surname": "Påhittad",
    "email": "asa@example.org",
    "address": "Låtsasvägen 7 B",
    "zip": "99999",
    "city": "Låtsasköping",
}
_DATA_DEFAULTS = {"phone": "0701740605", "premise": "1203"}
_LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Logga in</title></head><body><form method='post'>"
    "<input name='user'><input name='password' type='password'><button>Logga in</button></form></body></html>"
)
_FORBIDDEN_PAGE = "<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body>Forbidden</body></html>"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _element(name: str, text: str = "", children: Sequence[Element] = ()) -> Element:
    element = Element(name)
    element.text = text or None
    element.extend(children)
    return element


def _block(name: str, values: Mapping[str, str]) -> Element:
    return _element(name, children=[_element(key, value) for key, value in values.items()])


def _bytes(root: Element) -> bytes:
    text: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


def _argument(request: Request, name: str) -> str:
    """One mandatory argument (xsp.md, section 5). An empty one counts as missing."""
    if not (value := request.query.get(name, "")):
        raise _RefusedError(f"Missing argument: {name}")
    return value


def _day(request: Request) -> str:
    """The `date` argument: a day and nothing more (xsp.md, section 10)."""
    text = _argument(request, "date")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _RefusedError("The date must be written YYYY-MM-DD") from error
    # Python reads other ISO 8601 forms too, a week's day among them; the portal names one form.
    if day.isoformat() != text:
        raise _RefusedError("The date must be written YYYY-MM-DD")
    return text


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """The values as the portal's XML holds them; what it can't hold is a mistake of the test's."""
    texts = {key: str(value) for key, value in values.items()}
    for key, text in texts.items():
        if not _NAME.fullmatch(key) or _NOT_XML.search(text):
            raise ValueError(f"XML can't hold the field {key!r} with {text!r}")
    return texts


def _option(name: str, kind: Any, value: Any) -> Any:
    """The value, when it is one that the option can have: options come from outside too."""
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise ValueError(f"{name} is one of {', '.join(get_args(kind))}, not {value!r}")
    if kind in {bool, str} and not isinstance(value, kind):
        raise TypeError(f"{name} can't be {value!r}")
    if name != "message_auth":
        return value
    if not {"api_user", "hash"}.issuperset(value):
        raise ValueError(f"{name} holds api_user and hash, not {value!r}")
    return frozenset(value)


@dataclass(kw_only=True, eq=False)
class XspSimulator:
    """The portal, with its orders, customers, hashes and log. The options may be changed at any time.

    What each guesses at is in xsp.md: `envelope` and `failure` section 4, `message_auth` section 6.7, the others
    section 12.
    """

    name: str = "xsp"
    api_user: str = "1234"
    api_key: str = "not-a-real-key-5f2c"
    envelope: Envelope = "plain"
    failure: Failure = "failed_200"
    expired: Expired = "failed"
    empty: Empty = "empty_response"
    detail: Detail = "full"
    delivery_name: DeliveryName = "delivery"
    zone: str = "Europe/Stockholm"
    now: Callable[[], datetime] = _utc_now
    hash_life: float = 1200.0
    one_hash: bool = False
    message_auth: frozenset[str] = frozenset({"api_user", "hash"})
    strict: bool = False
    log_visible: bool = True
    log_lag: float = 0.0
    shuffled: bool = False
    duplicated: bool = False
    seed: int = 1
    xsp: str = "41000"

    VERBS: ClassVar[frozenset[str]] = frozenset(
        {
            "add_order",
            "change_status",
            "statuses_written",
            "messages",
            "status",
            "log",
            "break_detail",
            "break_row",
            "hide",
            "show",
            "stale",
            "configure",
            "expire_hashes",
        }
    )

    def __post_init__(self) -> None:
        """Starts with no order and nobody logged in."""
        self._orders: dict[str, _Order] = {}
        self._customers: dict[str, _Customer] = {}
        self._hashes: dict[str, datetime] = {}
        self._random = random.Random(self.seed)
        self._next_order = 770101
        self._next_customer = 55012
        self.configure(**{option.name: getattr(self, option.name) for option in fields(self)})

    # Verbs, for tests and the control API

    def configure(self, **options: Any) -> None:
        """Changes options by name, refusing names and values that there are none of."""
        kinds: dict[str, Any] = {each.name: each.type for each in fields(self)}
        for name, value in options.items():
            if name not in kinds:
                raise ValueError(f"There is no option {name}")
            setattr(self, name, _option(name, kinds[name], value))

    def add_order(self, **values: Any) -> str:
        """A customer's checkout: one order for one service, and its customer (xsp.md, sections 1 and 6).

        `id`, `service`, `date` (local text, or an aware datetime), `status`, `delivery`, `customer` (an existing
        customer's id), the customer's fields, and `data`, a mapping that both the order's and the customer's
        details show. Anything else becomes one more field of the order's head. Returns the order's id.
        """
        created = self._stamp(values.pop("date", None))
        data = _texts({**_DATA_DEFAULTS, **values.pop("data", {})})
        given = {name: values.pop(name) for name in (*_CUSTOMER_DEFAULTS, "socket", "serial") if name in values}
        number = str(values.pop("id", "")) or self._new_order_id()
        if number in self._orders:
            raise ValueError(f"There is an order {number} already")
        customer = str(values.pop("customer", ""))
        if customer and (given or customer not in self._customers):
            raise ValueError(f"The customer {customer} is unknown, or its fields were given too")
        customer = customer or self._add_customer(created, _texts(given), data)
        status = str(values.pop("status", "new"))
        head = {
            "id": number,
            "type": str(values.pop("type", "order")),
            "date": created,
            "status": status,
            "service": str(values.pop("service", "3105")),
            "xsp": str(values.pop("xsp", self.xsp)),
            "delivery": self._stamp(values.pop("delivery", "asap")),
            "customer": customer,
        }
        self._orders[number] = _Order(number, _texts({**head, **values}), status, status, customer, data)
        return number

    def change_status(self, id: str, status: str, by: str = "co") -> None:  # noqa: A002 -- the portal's word
        """Someone other than the service provider changes the status (xsp.md, section 7, point 5)."""
        self._write_status(self._known(id), status, by)

    def statuses_written(self, id: str) -> list[str]:  # noqa: A002 -- the portal's word
        """What the service provider has written through `set_status`, in order, repeats included."""
        return list(self._known(id).written)

    def messages(self, id: str) -> list[tuple[str, str]]:  # noqa: A002 -- the portal's word
        """The messages on the order, in order: type and text."""
        return list(self._known(id).messages)

    def status(self, id: str) -> str:  # noqa: A002 -- the portal's word
        """The order's status as the portal has it now."""
        return self._known(id).status

    def log(self, id: str) -> list[dict[str, str]]:  # noqa: A002 -- the portal's word
        """The order's whole log, whatever `order_log` may show of it."""
        return [self._log_values(entry) for entry in self._known(id).log]

    def break_detail(self, id: str, how: BrokenDetail = "broken_xml") -> None:  # noqa: A002 -- the portal's word
        """Makes `order_info` useless for the order: `broken_xml`, `empty`, `no_ids`; `whole` mends it."""
        if how not in get_args(BrokenDetail):
            raise ValueError(f"A detail can't be {how!r}")
        self._known(id).broken_detail = how

    def break_row(self, id: str, how: BrokenRow = "no_id") -> None:  # noqa: A002 -- the portal's word
        """Makes the order's row in the listing useless: `no_id`, `absurd`; `whole` mends it."""
        if how not in get_args(BrokenRow):
            raise ValueError(f"A row can't be {how!r}")
        self._known(id).broken_row = how

    def hide(self, id: str) -> None:  # noqa: A002 -- the portal's word
        """Keeps the order out of the listing, as one that comes late."""
        self._known(id).hidden = True

    def show(self, id: str) -> None:  # noqa: A002 -- the portal's word
        """Lets a hidden order into the listing, with the date that it always had."""
        self._known(id).hidden = False

    def stale(self, id: str, n: int = 1) -> None:  # noqa: A002 -- the portal's word
        """Has the next `n` listings of the order show the status that it had before its latest change."""
        self._known(id).stale = int(n)

    def expire_hashes(self) -> None:
        """Forgets every hash, as a portal that is restarted does."""
        self._hashes.clear()

    def state(self) -> dict[str, Any]:
        """The orders as the portal has them, without the customers' data."""
        return {
            order.id: {
                "status": order.status,
                "written": list(order.written),
                "messages": [list(message) for message in order.messages],
                "hidden": order.hidden,
            }
            for order in self._orders.values()
        }

    # The simulator protocol

    def operation(self, request: Request) -> str:
        """The portal's method; `unknown` for what it does not have."""
        method = request.query.get("method", "")
        return method if method in METHODS else "unknown"

    def handle(self, request: Request) -> Reply:
        """One call: an RPC by name on one URL, by GET or by a form (xsp.md, section 2)."""
        if request.path not in _PATHS:
            return Reply(404, b"<html><body>Not found</body></html>", "text/html")
        if request.method not in {"GET", "POST"}:
            return Reply(405, b"<html><body>Not allowed</body></html>", "text/html", {"Allow": "GET, POST"})
        method = self.operation(request)
        try:
            self._check_login(method, request)
            result = self._methods()[method](request)
        except _NotLoggedInError:
            return self._not_logged_in(method)
        except _RefusedError as refusal:
            return self._refused(method, str(refusal))
        if method == "order_info" and (order := self._orders.get(request.query["id"])):
            result = self._broken(order, result)
            if order.broken_detail == "broken_xml":
                whole = self._succeeded(method, result)
                return Reply(200, whole.body[: len(whole.body) // 2], whole.content_type)
        return self._succeeded(method, result)

    def _methods(self) -> dict[str, Callable[[Request], _Result]]:
        return {
            "api_login": self._api_login,
            "orders": self._list_orders,
            "order_info": self._order_info,
            "customers": self._list_customers,
            "customer_info": self._customer_info,
            "set_status": self._set_status,
            "order_log": self._order_log,
            "add_message": self._add_message,
            "unknown": self._unknown,
        }

    @staticmethod
    def _unknown(request: Request) -> _Result:
        raise _RefusedError(f"Unknown method: {_NOT_XML.sub('?', request.query.get('method', ''))}")

    # Login

    def _api_login(self, request: Request) -> _Result:
        """A new hash, whose life is counted from now (xsp.md, section 3)."""
        user, key = _argument(request, "api_user"), _argument(request, "api_key")
        if (user, key) != (self.api_user, self.api_key):
            raise _RefusedError("Login failed")
        if self.one_hash:
            self._hashes.clear()
        key = f"{self._random.getrandbits(128):032x}"
        self._hashes[key] = self.now()
        return _Result([_element("message", "Åsa Påhittad logged in"), _element("hash_key", key)])

    def _check_login(self, method: str, request: Request) -> None:
        """Each method's own way of authentication (xsp.md, sections 5 and 6.7)."""
        if method in {"api_login", "unknown"}:
            return
        if (
            method == "add_message"
            and "api_user" in self.message_auth
            and request.query.get("api_user") == self.api_user
        ):
            return
        if method == "add_message" and "hash" not in self.message_auth:
            raise _RefusedError("Unknown api_user" if "api_user" in request.query else "Missing argument: api_user")
        if not self._valid(request.query.get("hash", "")):
            raise _NotLoggedInError

    def _valid(self, key: str) -> bool:
        issued = self._hashes.get(key)
        return issued is not None and self.now() < issued + timedelta(seconds=self.hash_life)

    # Reading

    def _list_orders(self, request: Request) -> _Result:
        """The heads of the orders created on the day or later (xsp.md, section 6.1)."""
        day = _day(request)
        listed = [order for order in self._orders.values() if not order.hidden and order.head["date"][:10] >= day]
        return self._listing([self._row(order) for order in listed], "No orders found")

    def _list_customers(self, request: Request) -> _Result:
        """The customers new on the day or later; their dates have no seconds (xsp.md, section 6.4)."""
        day = _day(request)
        listed = [customer for customer in self._customers.values() if customer.date[:10] >= day]
        shown = ("socket", "serial", "firstname", "surname")
        rows = [
            {"id": each.id, **{name: each.values[name] for name in shown}, "date": each.date[:16]} for each in listed
        ]
        return self._listing([_block("customer", row) for row in rows], "No customers found")

    def _listing(self, rows: list[Element], nothing: str) -> _Result:
        if not rows and self.empty == "failed":
            raise _RefusedError(nothing)
        if self.duplicated and rows:
            again = self._random.sample(rows, k=max(1, len(rows) // 2))
            rows += copy.deepcopy(again)  # or key_n would give both the one name
        if self.shuffled:
            self._random.shuffle(rows)
        return _Result(rows, items=rows, absent=not rows and self.empty == "no_response")

    def _row(self, order: _Order) -> Element:
        """One row of the listing. It is built on each listing, for staleness is counted in listings."""
        head = self._head(order)
        if order.stale > 0:
            order.stale -= 1
            head["status"] = order.previous
        if order.broken_row == "no_id":
            del head["id"]
        elif order.broken_row == "absurd":
            head |= {"id": "n/a", "date": "0000-00-00 00:00:00", "status": "?!", "service": "-", "customer": ""}
        return _block("order", head)

    def _head(self, order: _Order) -> dict[str, str]:
        head = {**order.head, "status": order.status}
        return {(self.delivery_name if name == "delivery" else name): text for name, text in head.items()}

    def _order_info(self, request: Request) -> _Result:
        """The head again, and a block of data: the contract's best guess (xsp.md, section 6.2)."""
        order = self._order_of(request)
        head = self._head(order)
        if self.detail == "no_status":
            del head["status"]
        blocks = [_block("order", head)]
        if self.detail != "head":
            blocks.append(_block("data", order.data))
        return _Result(blocks)

    @staticmethod
    def _broken(order: _Order, result: _Result) -> _Result:
        """The detail as `break_detail` left it; broken XML is cut later, when there is a text to cut."""
        if order.broken_detail == "empty":
            return _Result([])
        if order.broken_detail == "no_ids":
            return _Result([_block("order", {"note": "-"})])
        return result

    def _customer_info(self, request: Request) -> _Result:
        """The customer and an open block of data (xsp.md, section 6.3)."""
        number = _argument(request, "id")
        customer = self._customers.get(number) if _INT.fullmatch(number) else None
        if customer is None:
            raise _RefusedError("Unknown customer")
        fields_shown = {"id": customer.id, **customer.values}
        return _Result([_block("customer", fields_shown), _block("data", customer.data)])

    def _order_log(self, request: Request) -> _Result:
        """The order's messages and changes of status, as far as they show yet (xsp.md, section 6.6)."""
        order = self._order_of(request)
        newest = self.now() - timedelta(seconds=self.log_lag)
        shown = [entry for entry in order.log if self.log_visible and entry.at <= newest]
        items = [_block("entry", self._log_values(entry)) for entry in shown]
        return _Result([_element("log", children=items)], items=items)

    # Writing

    def _set_status(self, request: Request) -> _Result:
        """Writes the status, also one that the order has already (xsp.md, sections 6.5 and 7)."""
        order, status = self._order_of(request), _argument(request, "status")
        if status not in STATUSES:
            raise _RefusedError("Unknown status")
        if self.strict and order.status in FINAL_STATUSES and status != order.status:
            raise _RefusedError(f"The order is {order.status} and can't be changed")
        effect = {"what": "status", "order": order.id, "value": status, "from": order.status}
        if status == order.status:
            effect["repeat"] = "yes"
        order.written.append(status)
        self._write_status(order, status, f"xsp {self.api_user}")
        message = _element("message", f"Status changed to {status} for order {order.id}")
        return _Result([message], acknowledgement=True, effect=effect)

    def _add_message(self, request: Request) -> _Result:
        """Appends a message; the same one twice is two (xsp.md, sections 6.7, 8 and 12)."""
        order, text = self._order_of(request), _argument(request, "message")
        kind = _argument(request, "type")
        if kind not in MESSAGE_TYPES:
            raise _RefusedError("Unknown message type")
        if _NOT_XML.search(text):
            raise _RefusedError("The message holds characters that can't be stored")
        order.messages.append((kind, text))
        order.log.append(_LogEntry(self.now(), kind, text, f"xsp {self.api_user}"))
        effect = {"what": "message", "order": order.id, "type": kind, "text": text}
        message = _element("message", f"Message added to order {order.id}")
        return _Result([message], acknowledgement=True, effect=effect)

    def _write_status(self, order: _Order, status: str, user: str) -> None:
        """The portal logs each change by itself (xsp.md, section 6.5)."""
        if status != order.status:
            order.previous, order.status = order.status, status
        order.log.append(_LogEntry(self.now(), "status", f"Status: {status}", user))

    # Answers

    def _succeeded(self, method: str, result: _Result) -> Reply:
        """The success in one of the documented envelopes (xsp.md, section 4)."""
        if self.envelope == "key_n":
            for number, item in enumerate(result.items):
                item.tag = f"key_{number}"
        without = result.absent or (self.envelope == "no_response" and result.acknowledgement)
        response = [] if without else [_element("response", children=result.payload)]
        status = [_element("status", "success")]
        named: dict[str, Callable[[], Element]] = {
            "status_first": lambda: _element(method, children=[*status, *response]),
            "root_without_status": lambda: _element("serviceguide", children=response),
            "bare": lambda: _element(method, children=result.payload),
            "response_only": lambda: _element(method, children=response),
        }
        make = named.get(self.envelope, lambda: _element(method, children=[*response, *status]))
        return self._answer(make(), 200, result.effect)

    def _refused(self, method: str, message: str) -> Reply:
        """A failure always says `failed`: the envelopes without a status are seen on successes only."""
        name = "serviceguide" if method == "unknown" else method
        code = _FAILURES[self.failure]
        response = _element("response", children=[_element("message", message)])
        status = _element("status", "failed")
        children = [response, status]
        if self.envelope == "status_first":
            response.insert(0, _element("code", "404"))
            children = [status, response]
        return self._answer(_element(name, children=children), code, None)

    def _not_logged_in(self, method: str) -> Reply:
        """How a dead hash is refused is unknown: any of the three may be it (xsp.md, section 12)."""
        if self.expired == "html":
            return Reply(200, _LOGIN_PAGE.encode(), "text/html; charset=utf-8")
        if self.expired == "403":
            return Reply(403, _FORBIDDEN_PAGE.encode(), "text/html; charset=utf-8")
        return self._refused(method, "Not logged in")

    def _answer(self, root: Element, status: int, effect: dict[str, str] | None) -> Reply:
        """The outer wrapper comes with the type that the server class behind it sends (xsp.md, section 4.1)."""
        if self.envelope != "wrapped":
            return Reply(status, _bytes(root), "application/xml", effect=effect)
        outer = Element("TjansteGuiden", {"generator": "zend", "version": "1.0"})
        outer.append(root)
        return Reply(status, _bytes(outer), "text/xml", effect=effect)

    # Records

    def _known(self, number: str) -> _Order:
        if str(number) not in self._orders:
            raise ValueError(f"There is no order {number}")
        return self._orders[str(number)]

    def _order_of(self, request: Request) -> _Order:
        number = _argument(request, "id")
        order = self._orders.get(number) if _INT.fullmatch(number) else None
        if order is None:
            raise _RefusedError("Unknown order")
        return order

    def _new_order_id(self) -> str:
        while str(self._next_order) in self._orders:
            self._next_order += 1
        return str(self._next_order)

    def _add_customer(self, created: str, given: dict[str, str], data: dict[str, str]) -> str:
        count = len(self._customers) + 1
        number = str(self._next_customer + count - 1)
        # A serial whose month and day no calendar has can't be anybody's.
        unique = {"socket": f"LT{count:04d}A01", "serial": f"19001332{count:04d}"}
        values = {**unique, **_CUSTOMER_DEFAULTS, **given}
        self._customers[number] = _Customer(number, created, values, data)
        return number

    def _stamp(self, at: datetime | str | None) -> str:
        """The portal's local time, without a zone (xsp.md, section 10). A text is taken as it is."""
        if isinstance(at, str):
            return f"{at} 00:00:00" if _DAY.fullmatch(at) else at
        return f"{(at or self.now()).astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M:%S}"

    def _log_values(self, entry: _LogEntry) -> dict[str, str]:
        return {
            "date": self._stamp(entry.at),
            "type": entry.type,
            "message": entry.message,
            "user": entry.user,
        }
