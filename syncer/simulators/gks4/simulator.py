"""The HTTP side of the simulated GKS4: tokens, who may ask, what is asked, and the answer with its effect.

What an order must hold is the demands' business, and what it starts the house's; neither is decided here.
"""

import hmac
import random
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from syncer.simulators.gks4.control import Controls
from syncer.simulators.gks4.demands import check_customer, check_order
from syncer.simulators.gks4.model import ADDRESS_FIELDS, CUSTOMERS, TOKEN, Customer, Options, SalesOrder
from syncer.simulators.rest import Clock, RefusedError, json_object, json_reply, no_content, page, real_now
from syncer.simulators.wire import Reply, Request

DEFAULT_SIZE, MAX_SIZE = 50, 100
_PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_INVALID = "One or more validation errors occurred."
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}
# What is sent to no operation, and yet shows what the client believes in.
_BELIEFS = {
    "sales_orders": "sales orders can't be read, searched, changed or cancelled",
    "customers": "customers can't be changed or removed",
}


class Gks4Simulator(Controls):
    """One printing house's GKS4 (gks4.md), its token endpoint below the same mount.

    `options` are the fields of `Options`.
    """

    def __init__(
        self,
        name: str = "gks4",
        client_id: str = "shop-bridge",
        secret: str = "not-a-real-secret-81f0",
        *,
        now: Clock = real_now,
        mount: str = "",
        seed: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(Options(), now)
        self.configure(**options)
        self.name = name
        self.client_id = client_id
        self.secret = secret
        self._mount = mount.rstrip("/")
        self._random = random.Random(seed)

    # -------------------------------------------------------------------------------------- the protocol

    def operation(self, request: Request) -> str:
        """`token`, `customers.create`, `customers.get`, `customers.search`, `sales_orders.create`; else `unknown`."""
        operation = self._route(request)[0]
        return "unknown" if operation in _BELIEFS else operation

    def handle(self, request: Request) -> Reply:
        """Answers one request."""
        operation, key = self._route(request)
        try:
            if operation == "token":
                return self._token(request)
            self._check_bearer(request)
            return self._answer(request, operation, key)
        except RefusedError as refusal:
            return self._refuse(request, refusal)

    def _route(self, request: Request) -> tuple[str, str]:
        """The operation and the customer's number; `sales_orders` and `customers` for verbs that they don't have."""
        options, path, method = self.options, request.path, request.method
        named = {
            ("POST", TOKEN): "token",
            ("GET", options.search_path): "customers.search",
            ("POST", CUSTOMERS): "customers.create",
            ("POST", options.sales_orders_path): "sales_orders.create",
        }
        if (method, path) in named:
            return named[method, path], ""
        key = path.removeprefix(f"{CUSTOMERS}/")
        if method == "GET" and key != path and key and "/" not in key:
            return "customers.get", unquote(key)
        if f"{path}/".startswith(f"{options.sales_orders_path}/"):
            return "sales_orders", ""
        return ("customers" if f"{path}/".startswith(f"{CUSTOMERS}/") else "unknown"), ""

    def _answer(self, request: Request, operation: str, key: str) -> Reply:
        if operation == "customers.create":
            return self._create(request)
        if operation == "customers.get":
            return self._get(key)
        if operation == "customers.search":
            return self._search(request)
        if operation == "sales_orders.create":
            return self._order(request)
        if operation in _BELIEFS:
            self.book.blame(request, _BELIEFS[operation])
            raise RefusedError(405, f"{request.method} isn't offered here")
        raise RefusedError(404, f"There is nothing at {request.path}")

    # -------------------------------------------------------------------------------------------- tokens

    def _token(self, request: Request) -> Reply:
        """OAuth 2.0 client credentials, as a form (gks4.md, section 2). Every call is counted."""
        error = self._token_error(request)
        if error is not None:
            status = self.options.token_failure if error == "invalid_client" else 400
            self.book.complain(request, status, error)
            self.token_answers.append(status)
            return json_reply({"error": error}, status)
        if self.options.one_token:
            self.tokens.clear()
        token = f"{self._random.getrandbits(256):064x}"
        self.tokens[token] = self.now().timestamp() + self.options.token_life
        self.token_answers.append(200)
        reply = json_reply({"access_token": token, **self._life(), "token_type": "Bearer"})
        reply.headers["Cache-Control"] = "no-store"
        return reply

    def _life(self) -> dict[str, Any]:
        """How long the token lives isn't documented; a client must do without being told."""
        seconds = int(self.options.token_life)
        said: dict[str, dict[str, Any]] = {
            "number": {"expires_in": seconds},
            "text": {"expires_in": str(seconds)},
            "absent": {},
        }
        return said[self.options.expires_in]

    def _token_error(self, request: Request) -> str | None:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/x-www-form-urlencoded":
            return "invalid_request"
        form = request.query
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        right = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(given, self._login, strict=True)]
        if not all(right):
            return "invalid_client"
        if form.get("grant_type") != "client_credentials":
            return "unsupported_grant_type"
        return None if form.get("scope", "") == self.options.scope else "invalid_scope"

    @property
    def _login(self) -> tuple[str, str]:
        return self.client_id, self.secret

    def _check_bearer(self, request: Request) -> None:
        """A token on each call (section 1); the clock and `revoke` end its life."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        ends = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if ends is None:
            raise RefusedError(401, "The token is missing, unknown or revoked")
        if self.now().timestamp() >= ends:
            raise RefusedError(401, "The token has expired")
        if self.options.forbidden:
            raise RefusedError(403, "This client may not do that")

    # ----------------------------------------------------------------------------------------- customers

    def _create(self, request: Request) -> Reply:
        """200 without a body, so that an assigned number is not told (section 3.1)."""
        body = json_object(request)
        found = check_customer(body, self.options)
        if found.errors:
            raise RefusedError(400, _INVALID, found.errors)
        return no_content(effect=self.house.create(body))

    def _get(self, number: str) -> Reply:
        customer = self.house.customer(number)
        if customer is None:
            raise RefusedError(404, "There is no customer of that number")
        return json_reply(self._customer(customer))

    def _search(self, request: Request) -> Reply:
        """Filtered and paged; nobody found is an empty page (section 3.3)."""
        names = self.options.parameters
        self._check_parameters(request, set(names.values()))
        given = {ours: request.query[wire] for ours, wire in names.items() if wire in request.query}
        number, size = self._paging(given)
        if self.options.filters == "ignored":
            given = {}
        found = self.house.search(given.get("number"), given.get("name"), given.get("corporateIdentityNumber"))
        rows = [self._customer(each) for each in found[(number - 1) * size : number * size]]
        return json_reply(self._envelope(rows, len(found)))

    def _check_parameters(self, request: Request, known: set[str]) -> None:
        unknown = sorted(set(request.query) - known)
        for name in unknown:
            self.book.blame(request, f"the search has no parameter {name}")
        if unknown and self.options.unknown_parameters == "refused":
            raise RefusedError(400, _INVALID, {name: ["Unknown parameter."] for name in unknown})

    def _paging(self, given: Mapping[str, str]) -> tuple[int, int]:
        names, asked, errors = self.options.parameters, {"page": 1, "pageSize": DEFAULT_SIZE}, {}
        for ours in asked:
            text = given.get(ours)
            if text is not None and not _PAGE_NUMBER.fullmatch(text):
                errors[names[ours]] = [f"The value '{text}' is not valid."]
            elif text is not None:
                asked[ours] = int(text)
        if asked["pageSize"] > MAX_SIZE and self.options.over_max == "refused":
            errors[names["pageSize"]] = [f"At most {MAX_SIZE}."]
        if errors:
            raise RefusedError(400, _INVALID, errors)
        return asked["page"], min(asked["pageSize"], MAX_SIZE)

    def _envelope(self, rows: list[dict[str, Any]], total: int) -> Any:
        """The response isn't shown: an array, or an object with the rows in one of a few places."""
        if self.options.envelope == "array":
            return rows
        before: dict[str, Any] = {"warnings": []} if self.options.decoy else {}
        after = {"totalCount": total} if self.options.total else {}
        return {**before, self.options.envelope: rows, **after}

    def _customer(self, customer: Customer) -> dict[str, Any]:
        address = customer.address
        shown: dict[str, Any] = {
            "name": customer.name,
            "number": customer.number,
            "invoiceEmail": customer.email,
            "postalAddress": None if address is None else {name: address.get(name) for name in ADDRESS_FIELDS},
            "corporateIdentityNumber": customer.corporate,
        }
        if self.options.extra_fields:
            shown |= {"approvalStatus": 3, "labels": ["invented"], "links": {"self": None}}
        return shown

    # -------------------------------------------------------------------------------------- sales orders

    def _order(self, request: Request) -> Reply:
        """A sales order is made each time that it is asked for (sections 5 and 6)."""
        asked, found = check_order(json_object(request), self.options)
        unknown = self.house.unknown_articles(asked) if not found.errors else []
        for article in unknown:
            self.book.blame(request, f"there is no article {article}")
            if self.options.unknown_article == "refused":
                found.wrong(self.options.names["salesOrderLines"], f"There is no article {article}.")
        for odd in found.odd:
            self.book.blame(request, odd)
        if found.errors:
            raise RefusedError(400, _INVALID, found.errors)
        if self.house.customer(asked["customerNumber"]) is None:
            raise RefusedError(404, "There is no customer of that number")
        order, effect = self.house.order(asked, found)
        return self._ordered(order, effect)

    def _ordered(self, order: SalesOrder, effect: dict[str, str]) -> Reply:
        """What the answer holds isn't shown (section 5.4)."""
        if self.options.answer in {"location", "empty"}:
            reply = no_content(effect=effect)
            if self.options.answer == "location":
                reply.headers["Location"] = f"{self._mount}{self.options.sales_orders_path}/{quote(order.number)}"
            return reply
        number: str | int = order.number if self.options.number_type == "text" else int(order.number)
        content: dict[str, Any] = {self.options.answer: number}
        if self.options.extra_fields:
            content = {"status": "Registered", **content}
        return json_reply(content, effect=effect)

    # ------------------------------------------------------------------------------------------ refusals

    def _refuse(self, request: Request, refusal: RefusedError) -> Reply:
        """How an error looks isn't shown; the framework would give problem+json (section 5.4)."""
        said = "; ".join(f"{field}: {' '.join(why)}" for field, why in refusal.errors.items())
        self.book.complain(request, refusal.status, f"{refusal.cause} {said}".strip())
        reply = self._error(refusal, said)
        if refusal.status == 401:
            reply.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return reply

    def _error(self, refusal: RefusedError, said: str) -> Reply:
        status = refusal.status
        if self.options.error_body == "empty" or status in {401, 403}:
            return no_content(status)
        if self.options.error_body == "text":
            return Reply(status, (said or refusal.cause).encode(), "text/plain; charset=utf-8")
        if self.options.error_body == "html":
            return page(status, said or refusal.cause)
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": refusal.cause if refusal.errors else _TITLES.get(status, "Error"),
            "status": status,
        }
        problem |= {"errors": refusal.errors} if refusal.errors else {"detail": refusal.cause}
        return Reply(status, json_reply(problem).body, "application/problem+json; charset=utf-8")
