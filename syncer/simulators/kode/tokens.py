"""The token endpoint: who gets a token, how long it lives, and what it may be used for (kode.md, section 3).

What a token is asked for, and where it arrives, is not decided here.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from syncer.simulators.kode.options import KODE_SCOPES, Options
from syncer.simulators.kode.refusals import RefusedError
from syncer.simulators.wire import Request

_OLD_SCOPES = ("shopping.write", "shopping.read", "productcatalog.read")
_NEEDED = {
    "orders.create": ("kode.order.write", "shopping.write"),
    "orders.get": ("kode.order.read", "shopping.read"),
    "products.list": ("kode.product.read", "productcatalog.read"),
    "prices": ("kode.price.read", "productcatalog.read"),
    "assets.download": ("kode.order.read", "shopping.read"),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Ambita hands out (kode.md, section 3)."""

    client_id: str = "acme-client"
    client_secret: str = "not-a-real-secret-19a"
    username: str = "acme-api"
    password: str = "not-a-real-password-7b"


@dataclass(frozen=True, slots=True)
class TokenCall:
    """One call of the token endpoint: what was asked, and the answer's status."""

    at: datetime
    grant: str
    status: int


class Tokens:
    """The tokens that are out, by the clock of the world."""

    def __init__(self, name: str, credentials: Credentials, options: Options, now: Callable[[], datetime]) -> None:
        self.credentials = credentials
        self.calls: list[TokenCall] = []
        self._name = name
        self._options = options
        self._now = now
        self._made = 0
        self._access: dict[str, datetime] = {}
        self._refresh: dict[str, datetime] = {}
        self._used: dict[str, datetime] = {}

    # --- the endpoint -----------------------------------------------------------------------------------------

    def grant(self, request: Request) -> tuple[dict[str, Any], str]:
        """The answer to a token call, and the grant's name; every call is counted, also one in vain."""
        asked: Mapping[str, Any] = {}
        status = 200
        try:
            self._check_limit()
            asked = self._asked(request)
            answer = self._granted(asked)
        except RefusedError as refusal:
            status = refusal.status
            raise
        finally:
            self.calls.append(TokenCall(self._now(), str(asked.get("grant_type", "")), status))
        return answer, str(asked["grant_type"])

    def _check_limit(self) -> None:
        """No limit is documented; one may be there (kode.md, section 12)."""
        options = self._options
        since = self._now() - timedelta(seconds=options.token_window)
        recent = [call.at for call in self.calls if call.at > since]
        if options.token_limit and len(recent) >= options.token_limit:
            free = recent[-options.token_limit] - since
            raise RefusedError(429, "Too many token requests", retry_after=int(free.total_seconds()) + 1)

    def _asked(self, request: Request) -> Mapping[str, Any]:
        """JSON, or a form where those are taken (kode.md, section 3)."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == "application/x-www-form-urlencoded" and self._options.form_bodies:
            return request.query
        if media_type != "application/json":
            raise RefusedError(415, "Content-Type must be application/json", code="invalid_request")
        try:
            asked = json.loads(request.body.decode())
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            raise RefusedError(400, "The body must be a JSON object", code="invalid_request")
        return asked

    def _granted(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        match asked.get("grant_type"):
            case "password":
                self._check_login(asked)
            case "refresh_token":
                self._check_refresh(asked)
            case _:
                raise RefusedError(400, "grant_type: password or refresh_token", code="unsupported_grant_type")
        return self._issue()

    def _check_login(self, asked: Mapping[str, Any]) -> None:
        known = self.credentials
        self._check_client(asked)
        if not _same(asked.get("username"), known.username) or not _same(asked.get("password"), known.password):
            raise RefusedError(self._options.bad_login_status, "Wrong user name or password", code="invalid_grant")

    def _check_client(self, asked: Mapping[str, Any]) -> None:
        known = self.credentials
        if not _same(asked.get("client_id"), known.client_id) or not _same(
            asked.get("client_secret"), known.client_secret
        ):
            raise RefusedError(self._options.bad_login_status, "Unknown client or wrong secret", code="invalid_client")

    def _check_refresh(self, asked: Mapping[str, Any]) -> None:
        """Each refresh token is good for one use, and is replaced by its answer (kode.md, section 3)."""
        if self._options.confidential or "client_id" in asked or "client_secret" in asked:
            self._check_client(asked)
        token = str(asked.get("refresh_token", ""))
        now = self._now()
        if token in self._used and self._options.reused == "accepted" and now < self._used[token]:
            return
        if token in self._used and self._options.reused == "revokes":
            self.revoke_access()
            self.revoke_refresh()
        until = self._refresh.pop(token, None)
        if until is None or now >= until:
            raise RefusedError(self._options.bad_login_status, "The refresh token is not valid", code="invalid_grant")
        self._used[token] = until

    def _issue(self) -> dict[str, Any]:
        options, now = self._options, self._now()
        self._forget(now)
        if options.one_token:
            self.revoke_access()
        access, refresh = self._new("access"), self._new("refresh")
        self._access[access] = now + timedelta(seconds=options.token_life)
        self._refresh[refresh] = now + timedelta(seconds=options.refresh_life)
        scopes = [scope for scope in self._scopes() if scope not in options.missing_scopes]
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(options.token_life),
            "refresh_token": refresh,
            "scope": " ".join(scopes) if options.scope_text else scopes,
        }

    def _scopes(self) -> tuple[str, ...]:
        return _OLD_SCOPES if self._options.old_scopes else KODE_SCOPES

    def _new(self, kind: str) -> str:
        self._made += 1
        return str(uuid5(NAMESPACE_URL, f"{self._name}/{kind}/{self._made}"))

    def _forget(self, now: datetime) -> None:
        for known in (self._access, self._refresh, self._used):
            for token in [token for token, until in known.items() if now >= until]:
                del known[token]

    # --- its use ----------------------------------------------------------------------------------------------

    def check(self, request: Request, operation: str) -> None:
        """The bearer token that every call but the token's own needs (kode.md, section 3)."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        until = self._access.get(token.strip())
        if scheme.lower() != "bearer" or until is None:
            raise RefusedError(401, "No access token, or one that is not valid", code="unauthorized")
        if self._now() >= until:
            raise RefusedError(401, "The access token has expired", code="unauthorized")
        new, old = _NEEDED.get(operation, ("", ""))
        needed = old if self._options.old_scopes else new
        if needed in self._options.missing_scopes:
            raise RefusedError(403, f"The scope {needed} is missing", code="forbidden")

    def known_in(self, text: str) -> bool:
        """Whether a token that is out stands anywhere in the text."""
        return any(token in text for known in (self._access, self._refresh) for token in known)

    def revoke_access(self) -> None:
        """No access token is good any more, whatever its age."""
        self._access.clear()

    def revoke_refresh(self) -> None:
        """No refresh token is good any more: only the password helps."""
        self._refresh.clear()


def _same(given: Any, known: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())
