"""The HTTP side of the simulated Connect: what is asked, by whom, and the answer with its effect.

What an order, a note or an image comes to is decided elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from syncer.simulators.rest import Clock, RefusedError, json_object, json_reply, no_content, page, real_now
from syncer.simulators.vitec import lookups
from syncer.simulators.vitec.agency import Agency
from syncer.simulators.vitec.control import Controls
from syncer.simulators.vitec.deliveries import Deliveries
from syncer.simulators.vitec.gate import Gate
from syncer.simulators.vitec.model import Options, Transition
from syncer.simulators.vitec.orders import ServiceOrders
from syncer.simulators.vitec.reading import Body
from syncer.simulators.wire import Reply, Request

_ROUTES = (
    ("POST", "/Service/Order/Token/{customerId}", "order.token"),
    ("PUT", "/Service/Order/UserInteraction/{customerId}", "order.interaction"),
    ("GET", "/Service/Order/{customerId}", "order.list"),
    ("POST", "/Image/{customerId}/{estateId}", "image.create"),
    ("POST", "/CRM/Image/{customerId}/{estateId}", "crm_image.create"),
    ("GET", "/CRM/Image/GetImageCategories", "image.categories"),
    ("POST", "/Note/{customerId}", "note.create"),
    ("GET", "/User/GetUser", "user.list"),
    ("GET", "/Office/GetOffice", "office.list"),
    ("GET", "/Advertising/Estate/{customerId}/{estateId}", "estate.get"),
)
_TYPES = ("application/json", "text/json")
_DEFAULT_PASSWORDS = {"M40017": "not-a-real-password-3d9e"}


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a request goes: the operation, what the path holds, and the transition if it is one."""

    operation: str
    held: Mapping[str, str] = field(default_factory=dict)
    transition: Transition | None = None


class VitecSimulator(Controls):
    """Vitec Connect (vitec.md), paths directly below the mount. `options` are the fields of `Options`.

    `passwords` are by customer, chain or tenant, for every function group; a customer's office is made up with it.
    """

    def __init__(
        self,
        name: str = "vitec",
        username: str = "partner",
        passwords: Mapping[str, str] | None = None,
        *,
        now: Clock = real_now,
        seed: int = 1,
        **options: Any,
    ) -> None:
        agency = Agency(Options(), now, seed)
        super().__init__(agency, Gate(agency, username))
        self.configure(**options)
        self.name = name
        self._orders = ServiceOrders(agency)
        self._deliveries = Deliveries(agency)
        for owner, password in (_DEFAULT_PASSWORDS if passwords is None else passwords).items():
            self.add_credential(owner, password)
            if owner[:1] in {"M", "S"}:
                agency.office(owner)

    # -------------------------------------------------------------------------------------- the protocol

    def operation(self, request: Request) -> str:
        """`order.token`, `note.create` and so on, `transition.NAME`; `unknown` for what isn't offered."""
        return self._route(request).operation

    def handle(self, request: Request) -> Reply:
        """Answers one request."""
        route = self._route(request)
        try:
            self.gate.admit(request, route.operation, self._customer(request, route))
            return self._answer(request, route)
        except RefusedError as refusal:
            return self._refuse(request, refusal)

    def _route(self, request: Request) -> _Route:
        for method, template, operation in _ROUTES:
            held = _held(template, request.path) if method == request.method else None
            if held is not None:
                return _Route(operation, held)
        for transition in self.options.all_transitions():
            held = _held(transition.path, request.path) if transition.method == request.method else None
            if held is not None and _says(request, transition.when):
                return _Route(f"transition.{transition.name}", held, transition)
        return _Route("unknown")

    @staticmethod
    def _customer(request: Request, route: _Route) -> str:
        """For whom a call is: the path says it, or for a look-up the query."""
        query = {name.lower(): text for name, text in request.query.items()}
        return route.held.get("customerId", "") or query.get("customerid", "")

    def _answer(self, request: Request, route: _Route) -> Reply:
        customer, estate = route.held.get("customerId", ""), route.held.get("estateId", "")
        match route.operation:
            case "order.token":
                return self._json(self._orders.exchange(request, customer, _body(request)))
            case "order.list":
                return self._json(self._orders.listing(request, customer))
            case "order.interaction":
                answer, effect = self._orders.interact(customer, _body(request))
                return self._json(answer, effect)
            case "note.create":
                return self._noted(self._deliveries.note(request, customer, _body(request)))
            case "image.create" | "crm_image.create":
                by = route.operation.partition(".")[0]
                return self._stored(*self._deliveries.image(request, customer, estate, _body(request), by))
            case _:
                return self._answer_rest(request, route)

    def _answer_rest(self, request: Request, route: _Route) -> Reply:
        if route.transition is not None:
            return self._moved(request, route, route.transition)
        match route.operation:
            case "image.categories":
                return self._json(self._deliveries.categories(self._customer(request, route)))
            case "user.list":
                return self._json(lookups.users(self.agency, request.query))
            case "office.list":
                return self._json(lookups.offices(self.agency, request.query))
            case "estate.get":
                return self._json(lookups.estate(self.agency, route.held["customerId"], route.held["estateId"]))
            case _:
                raise RefusedError(404, f"There is nothing at {request.path}")

    # ------------------------------------------------------------------------------------------- answers

    def _json(self, content: Any, effect: dict[str, str] | None = None) -> Reply:
        return json_reply(self._cased(content), effect=effect)

    def _cased(self, content: Any) -> Any:
        """The tables say PascalCase, the samples camelCase (vitec.md, section 1)."""
        if self.options.casing == "camel":
            return content
        if isinstance(content, dict):
            return {name[:1].upper() + name[1:]: self._cased(value) for name, value in content.items()}
        return [self._cased(each) for each in content] if isinstance(content, list) else content

    def _noted(self, effect: dict[str, str]) -> Reply:
        """No body is documented; some of these calls are seen to answer 204 (vitec.md, sections 7 and 10)."""
        if self.options.note_answer == "text":
            return json_reply(f"NOT{len(self.agency.notes):06d}", effect=effect)
        return no_content(204 if self.options.note_answer == "204" else 200, effect=effect)

    def _stored(self, image_id: str, effect: dict[str, str]) -> Reply:
        if self.options.image_answer == "text":
            return json_reply(image_id, effect=effect)
        return no_content(204 if self.options.image_answer == "204" else 200, effect=effect)

    def _moved(self, request: Request, route: _Route, transition: Transition) -> Reply:
        order_id = route.held.get("orderId") or _body(request).text(transition.id, needed=True)
        effect = self._orders.move(route.held.get("customerId", ""), transition, order_id)
        if transition.answer == "empty":
            return no_content(effect=effect)
        return json_reply(transition.answer == "true", effect=effect)

    # ------------------------------------------------------------------------------------------ refusals

    def _refuse(self, request: Request, refusal: RefusedError) -> Reply:
        """An error's shape is unknown: the framework's two keys are the likeliest (vitec.md, section 10)."""
        said = "; ".join(f"{name}: {' '.join(why)}" for name, why in refusal.errors.items())
        self.agency.book.complain(request, refusal.status, f"{refusal.cause} {said}".strip())
        shapes = {
            "text": lambda: Reply(refusal.status, (said or refusal.cause).encode(), "text/plain; charset=utf-8"),
            "html": lambda: page(refusal.status, said or refusal.cause),
            "empty": lambda: no_content(refusal.status),
            "array": lambda: json_reply([said or refusal.cause], refusal.status),
        }
        reply = shapes.get(self.options.error_body, lambda: self._message(refusal))()
        if refusal.status == 401:
            reply.headers["WWW-Authenticate"] = 'Basic realm="Connect"'
        return reply

    def _message(self, refusal: RefusedError) -> Reply:
        content: dict[str, Any] = {"message": refusal.cause}
        if refusal.errors:
            content["modelState"] = refusal.errors
        return json_reply(self._cased(content), refusal.status)


def _held(template: str, path: str) -> dict[str, str] | None:
    """What a path holds where the template has a name in braces; None where they don't fit."""
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    held: dict[str, str] = {}
    for name, part in zip(wanted, given, strict=True):
        if name.startswith("{") and part:
            held[name[1:-1]] = unquote(part)
        elif name != part:
            return None
    return held


def _body(request: Request) -> Body:
    return Body(json_object(request, _TYPES))


def _says(request: Request, wanted: Mapping[str, Any]) -> bool:
    """Whether the body has these fields with these values."""
    if not wanted:
        return True
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and all(body.get(name) == value for name, value in wanted.items())
