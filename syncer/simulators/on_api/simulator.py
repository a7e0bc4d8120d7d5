"""The HTTP side of the simulated ON-API: who may ask, what is asked, and the answer with its effect.

What an order comes to is the network's business, and how it looks the views'; neither is decided here.
"""

import base64
import binascii
import hmac
import html
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import count
from typing import Any
from urllib.parse import unquote

from syncer.simulators.on_api.control import Controls
from syncer.simulators.on_api.demands import check_order
from syncer.simulators.on_api.formats import RefusedError, invalid, is_id
from syncer.simulators.on_api.model import STATES, Access, Options, Order
from syncer.simulators.on_api.network import Network, Placed
from syncer.simulators.on_api.views import Views
from syncer.simulators.wire import Reply, Request

VERSIONS = ("2.4", "2.5", "2.6")

_OPERATIONS = {
    ("GET", "discovery", False): "discovery",
    ("GET", "accesses", False): "accesses.list",
    ("GET", "accesses", True): "accesses.get",
    ("GET", "services", False): "services.list",
    ("GET", "services", True): "services.get",
    ("GET", "subscriptions", False): "subscriptions.list",
    ("GET", "subscriptions", True): "subscriptions.get",
    ("GET", "orders", False): "orders.list",
    ("GET", "orders", True): "orders.get",
    ("POST", "orders", False): "orders.create",
    ("PUT", "orders", True): "orders.replace",
    ("PATCH", "orders", True): "orders.change",
    ("DELETE", "orders", True): "orders.cancel",
    ("GET", "orderevents", False): "orderevents.list",
    ("GET", "events", False): "events.list",
}
_PARAMETERS = {"orders.list": {"accessId", "state"}, "orderevents.list": {"since"}}


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a request goes: the endpoint, the key behind it, and whether the path ended in a slash."""

    operation: str
    key: str = ""
    slash: bool = True


def _real_now() -> datetime:
    return datetime.now(UTC)


class OnApiSimulator(Controls):
    """One network's ON-API (on_api.md, sections 1 to 7). `options` are the fields of `Options`.

    `base` is the path below the mount; `mount` goes before it wherever an answer names a path.
    """

    def __init__(
        self,
        name: str,
        version: str = "2.4",
        username: str = "provider",
        password: str = "password",
        *,
        now: Callable[[], datetime] = _real_now,
        base: str | None = None,
        mount: str = "",
        **options: Any,
    ) -> None:
        if version not in VERSIONS:
            raise ValueError(f"version must be one of {VERSIONS}")
        chosen = Options(**options)
        super().__init__(Network(version, chosen, now), chosen)
        self.name = name
        self.version = version
        self.base = base or f"/onapi/{version}/"
        self._credentials = f"{username}:{password}".encode()
        self._views = Views(self.network, chosen, mount.rstrip("/") + self.base)
        self._tickets = count(40017)
        self._handlers: dict[str, Callable[[Request, str], Reply]] = {
            "discovery": self._discovery,
            "accesses.list": self._list_accesses,
            "accesses.get": self._get_access,
            "services.list": self._list_services,
            "services.get": self._get_services,
            "subscriptions.list": self._list_subscriptions,
            "subscriptions.get": self._get_subscriptions,
            "orders.list": self._list_orders,
            "orders.get": self._get_order,
            "orders.create": self._create,
            "orders.replace": self._replace,
            "orders.change": self._change,
            "orders.cancel": self._cancel,
            "orderevents.list": self._list_order_events,
            "events.list": self._list_events,
        }

    # -------------------------------------------------------------------------------------- the protocol

    def operation(self, request: Request) -> str:
        """`orders.create`, `accesses.get` and so on; `unknown` for what isn't offered."""
        return self._route(request).operation

    def handle(self, request: Request) -> Reply:
        """Answers one request; whatever the clock has made due happens first."""
        self.network.catch_up()
        try:
            return self._answer(request)
        except RefusedError as refusal:
            return self._refuse(request, refusal)

    def _answer(self, request: Request) -> Reply:
        self._check_credentials(request)
        route = self._route(request)
        if not self._offers(route.operation):
            raise RefusedError(501, f"{request.method} {request.path} isn't implemented")
        if redirect := self._check_slash(route, request):
            return redirect
        for name in request.query:
            if name not in _PARAMETERS.get(route.operation, ()):
                raise invalid(name, "unknown parameter")
        return self._handlers[route.operation](request, route.key)

    def _check_credentials(self, request: Request) -> None:
        """Basic authentication on everything (on_api.md, sections 1 and 6)."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        if scheme.lower() != "basic" or not hmac.compare_digest(given, self._credentials):
            raise RefusedError(401, "Wrong user name or password")
        if self.options.forbidden:
            raise RefusedError(403, "Not allowed with these credentials")

    def _route(self, request: Request) -> _Route:
        if not f"{request.path}/".startswith(self.base):
            return _Route("unknown")
        rest = request.path[len(self.base) :]
        orders = self.options.order_path.strip("/")
        endpoint, _, key = rest.partition("/")
        if rest == orders or rest.startswith(f"{orders}/"):
            endpoint, key = "orders", rest[len(orders) + 1 :]
        elif endpoint == "orders":  # this network has its orders elsewhere
            endpoint = "?"
        found = (request.method, endpoint or "discovery", bool(key.rstrip("/")))
        slash = request.path.endswith("/")
        return _Route(_OPERATIONS.get(found, "unknown"), unquote(key.rstrip("/")), slash)

    def _offers(self, operation: str) -> bool:
        grouped = self.version == "2.6"
        offered = {
            "unknown": False,
            "discovery": self.options.discovery,
            "services.list": grouped,
            "services.get": grouped,
            "subscriptions.list": self.options.subscriptions,
            "subscriptions.get": self.options.subscriptions and grouped,
            "orderevents.list": self.options.events,
            "events.list": self.options.generic_events,
        }
        return offered.get(operation, True)

    def _check_slash(self, route: _Route, request: Request) -> Reply | None:
        """Lists end in a slash, single objects don't, if the network minds (on_api.md, section 1)."""
        if self.options.trailing_slash == "either" or route.slash == (not route.key):
            return None
        if route.key or self.options.trailing_slash == "required":
            raise RefusedError(404, f"{request.path} isn't found")
        return Reply(301, headers={"Location": request.path.rpartition("/")[2] + "/"})

    def _refuse(self, request: Request, refusal: RefusedError) -> Reply:
        cause = refusal.cause
        if self.options.swedish_causes:
            cause += f". Ärende {next(self._tickets)}: kontakta nätägaren på växeln"
        self._record(request, refusal.status, cause)
        reply = _json({"cause": cause}, refusal.status)
        if self.options.html_errors and refusal.status in {401, 403, 404}:
            page = f"<!DOCTYPE html><title>{refusal.status}</title><p>{html.escape(cause)}</p>"
            reply = Reply(refusal.status, page.encode(), "text/html; charset=utf-8")
        elif not self.options.causes:
            reply = Reply(refusal.status, b"", "text/plain")
        if refusal.status == 401:
            reply.headers["WWW-Authenticate"] = 'Basic realm="ON-API", charset="UTF-8"'
        return reply

    def _record(self, request: Request, status: int, cause: str) -> None:
        entry: dict[str, Any] = {
            "at": self.network.now().isoformat(),
            "method": request.method,
            "path": request.path,
            "status": status,
            "cause": cause,
        }
        if request.method != "POST":
            self.objections.append(entry)
            return
        body = _lenient_body(request)
        for name in ("accessId", "service", "operation", "spReference"):
            entry[name] = str(body.get(name, ""))
        self.refused.append(entry)

    # --------------------------------------------------------------------------- accesses, subscriptions

    def _discovery(self, request: Request, key: str) -> Reply:
        del request, key
        return _json(self._views.discovery())

    def _list_accesses(self, request: Request, key: str) -> Reply:
        del key
        return self._accesses(request, lambda access: self._views.access(access, single=False))

    def _list_services(self, request: Request, key: str) -> Reply:
        del key
        return self._accesses(request, self._views.services)

    def _accesses(self, request: Request, view: Callable[[Access], dict[str, Any]]) -> Reply:
        """All, or those changed since; none at all is a 404 (on_api.md, section 4.1)."""
        accesses = list(self.network.accesses.values())
        if not accesses:
            raise RefusedError(404, "No accesses at all")
        changed = _changed_since(request, [access.modified for access in accesses])
        return self._list(
            [view(access) for access, is_new in zip(accesses, changed, strict=True) if is_new],
            [access.modified for access in accesses],
            unchanged=not any(changed),
        )

    def _get_access(self, request: Request, key: str) -> Reply:
        del request
        return _json(self._views.access(self._access(key), single=True))

    def _get_services(self, request: Request, key: str) -> Reply:
        del request
        return _json(self._views.services(self._access(key)))

    def _list_subscriptions(self, request: Request, key: str) -> Reply:
        """Our own in use; an ended one counts as a change (on_api.md, section 4.1)."""
        del key
        mine = [sub for sub in self.network.subscriptions if sub.ours]
        if self.options.empty_subscriptions == 404 and all(sub.ended for sub in mine):
            raise RefusedError(404, "No subscriptions at all")
        times = [sub.modified for sub in mine]
        changed = _changed_since(request, times)
        chosen = [sub for sub, is_new in zip(mine, changed, strict=True) if is_new]
        unchanged = not chosen and "if-modified-since" in request.headers
        if self.version != "2.6":
            flat = [self._views.subscription(sub) for sub in chosen if not sub.ended]
            return self._list(flat, times, unchanged=unchanged)
        conditional = "if-modified-since" in request.headers
        ids = dict.fromkeys(sub.access_id for sub in chosen if conditional or not sub.ended)
        grouped = [self._views.subscription_group(access_id) for access_id in ids]
        return self._list(grouped, times, unchanged=unchanged)

    def _get_subscriptions(self, request: Request, key: str) -> Reply:
        del request
        return _json(self._views.subscription_group(self._access(key).access_id))

    def _access(self, access_id: str) -> Access:
        if access_id not in self.network.accesses:
            raise RefusedError(404, f"Access {access_id} isn't found")
        return self.network.accesses[access_id]

    def _list(self, items: Sequence[Any], times: Iterable[datetime], *, unchanged: bool) -> Reply:
        reply = Reply(304, b"", "application/json") if unchanged else _json(items)
        reply.headers["Last-Modified"] = self._last_modified(times)
        return reply

    def _last_modified(self, times: Iterable[datetime]) -> str:
        """A second that isn't over yet isn't told of, or a change later in it would never be seen."""
        newest = max(times, default=self.network.started)
        if _second(newest) == _second(self.network.now()):
            newest -= timedelta(seconds=1)
        return format_datetime(newest.astimezone(UTC), usegmt=True)

    # -------------------------------------------------------------------------------------------- orders

    def _list_orders(self, request: Request, key: str) -> Reply:
        """Unfinished ones; with a filter finished ones too, if the network shows them (section 5.1)."""
        del key
        access_id, state = self._filters(request)
        filtered = access_id is not None or state is not None
        return _json(
            [
                self._views.order(order)
                for order in self.network.orders.values()
                if self._listed(order)
                and (not order.final or (filtered and self.options.finished_listed))
                and access_id in {None, order.access_id}
                and state in {None, order.state}
            ]
        )

    def _filters(self, request: Request) -> tuple[str | None, str | None]:
        access_id, state = (_unquoted(request.query.get(name)) for name in ("accessId", "state"))
        if access_id is not None and not is_id(access_id):
            raise invalid("accessId", "not an ID")
        if state is not None and state not in STATES:
            raise invalid("state", "no such state")
        return access_id, state

    def _listed(self, order: Order) -> bool:
        age = (self.network.now() - order.accepted).total_seconds()
        return age >= self.options.find_lag and self._visible(order)

    def _visible(self, order: Order) -> bool:
        """What is left after a DELETE isn't documented (on_api.md, section 5.5)."""
        return not order.lost and not (order.cancelled and self.options.after_delete == "404")

    def _found(self, order_id: str) -> Order:
        order = self.network.orders.get(order_id)
        if order is None or not self._visible(order):
            raise RefusedError(404, f"Order {order_id} isn't found")
        return order

    def _get_order(self, request: Request, key: str) -> Reply:
        del request
        return _json(self._views.order(self._found(key)))

    def _create(self, request: Request, key: str) -> Reply:
        """Takes an order, or answers with what stands already (on_api.md, section 6)."""
        del key
        body = _body(request)
        asked = check_order(self.version, body, extra_fields=self.options.extra_fields)
        placed = self.network.place(asked)
        if placed.order is None:
            return _json(self._views.pseudo(placed.verdict, asked["operation"]))
        if not placed.new:
            return _json(self._views.existing(placed.order))
        if placed.order.operation == "ACTIVATE":
            self.record_activation(placed.order)
        reply = _json(self._views.order(placed.order), 201)
        reply.headers["Location"] = self._views.order_path(placed.order.order_id)
        reply.effect = _effect(placed, placed.order)
        return reply

    def _replace(self, request: Request, key: str) -> Reply:
        return self._alter("replace", self._found(key), _body(request))

    def _change(self, request: Request, key: str) -> Reply:
        order = self._found(key)
        return self._alter("amend", order, {**order.asked, **_body(request)})

    def _alter(self, what: str, order: Order, body: dict[str, Any]) -> Reply:
        asked = check_order(self.version, body, extra_fields=self.options.extra_fields)
        changed = self.network.alter(order, asked)
        effect = {"what": what, "order": order.order_id}
        return Reply(204, effect=effect if changed else {**effect, "repeat": "yes"})

    def _cancel(self, request: Request, key: str) -> Reply:
        del request
        order = self._found(key)
        self.network.cancel(order)
        return Reply(204, effect={"what": "cancel", "order": order.order_id})

    # -------------------------------------------------------------------------------------------- events

    def _list_order_events(self, request: Request, key: str) -> Reply:
        """All order events, or those after `since` (on_api.md, section 7)."""
        del key
        events = self.network.order_events
        if "since" in request.query:
            known = [event.event for event in events]
            if request.query["since"] not in known:
                raise invalid("since", "no such event")
            events = events[known.index(request.query["since"]) + 1 :]
        return _json([self._views.order_event(event) for event in events])

    def _list_events(self, request: Request, key: str) -> Reply:
        """Changes of objects; the present second is withheld (on_api.md, section 7)."""
        del key
        present = _second(self.network.now())
        changes = [change for change in self.network.changes if _second(change.time) < present]
        times = [change.time for change in changes]
        is_new = _changed_since(request, times)
        chosen = [self._views.change(change) for change, new in zip(changes, is_new, strict=True) if new]
        unchanged = not chosen and "if-modified-since" in request.headers
        return self._list(chosen, times, unchanged=unchanged)


def _effect(placed: Placed, order: Order) -> dict[str, str]:
    effect = {
        "what": order.operation.lower(),
        "access": order.access_id,
        "service": order.service,
        "order": order.order_id,
        "reference": order.reference,
    }
    return {**effect, "repeat": "yes"} if placed.repeat else effect


def _json(content: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(content, ensure_ascii=False).encode(), "application/json")


def _body(request: Request) -> dict[str, Any]:
    """A JSON object in UTF-8, and said to be JSON (on_api.md, section 1)."""
    media_type, _, charset = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise invalid("Content-Type", "must be application/json")
    if charset.strip() and charset.replace('"', "").strip().lower() != "charset=utf-8":
        raise invalid("Content-Type", "must be in UTF-8")
    try:
        body = json.loads(request.body.decode())
    except ValueError:
        raise RefusedError(400, "The body isn't JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "The body isn't a JSON object")
    return body


def _lenient_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _unquoted(value: str | None) -> str | None:
    """The contract's example puts a filter's value in quotes (on_api.md, section 5.1)."""
    if value is not None and len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def _changed_since(request: Request, times: Sequence[datetime]) -> list[bool]:
    """Which of the times are after If-Modified-Since; all of them without that header."""
    header = request.headers.get("if-modified-since")
    if header is None:
        return [True] * len(times)
    try:
        since = parsedate_to_datetime(header)
    except ValueError:
        since = None
    if since is None or since.tzinfo is None or not header.endswith("GMT"):
        raise invalid("If-Modified-Since", "not an HTTP date")
    return [_second(moment) > since for moment in times]


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
