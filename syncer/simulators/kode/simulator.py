"""The HTTP side of the simulated KODE: who may ask, what is asked, and the answer with its effect.

What becomes of an order is the desk's business, and how it looks the views'; neither is decided here.
"""

import hashlib
import html
import json
import mimetypes
import re
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import responses
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from syncer.simulators.kode.breakage import broken
from syncer.simulators.kode.content import PIECE, Content, asset_bytes
from syncer.simulators.kode.control import Controls
from syncer.simulators.kode.demands import Asked, Demands, body_of
from syncer.simulators.kode.model import KINDS, Asset, Collection
from syncer.simulators.kode.options import Options
from syncer.simulators.kode.refusals import RefusedError, invalid
from syncer.simulators.kode.tokens import Credentials
from syncer.simulators.kode.views import Shape
from syncer.simulators.wire import Reply, Request

_MESSAGES = r"/(?:kode|infoland-hub)/v1/distributormessages/distributor/messages"
_PATHS = tuple(
    (method, re.compile(path), operation)
    for method, path, operation in (
        ("POST", r"/authentication/v2/token", "token"),
        ("GET", r"/kode/v1/products", "products.list"),
        ("POST", r"/kode/v1/prices/(cadastre|share|map)", "prices"),
        ("POST", r"/kode/v1/orders/(cadastre|share|map)", "orders.create"),
        ("GET", r"/kode/v1/orders/([0-9]{1,18})", "orders.get"),
        ("GET", r"/shopping/v2/assets/([^/]{1,900})", "assets.download"),
        ("GET", r"/shopping/v2/tickets/([0-9]{1,18})/assets/([^/]{1,900})", "assets.download"),
        ("GET", r"/shopping/v2/blobs/([0-9]{1,18})/([^/]{1,900})", "assets.download"),
        ("GET", _MESSAGES, "messages.list"),
        ("POST", _MESSAGES, "messages.create"),
    )
)
Handler = Callable[[Request, tuple[str, ...]], Reply]


def _real_now() -> datetime:
    return datetime.now(UTC)


class KodeSimulator(Controls):
    """Ambita's KODE (kode.md). `options` are the fields of `Options`, `credentials` those of `Credentials`.

    `mount` is where the host has it: it goes before each path that an answer names. `url` is the address of the host,
    for answers that name one; empty, it is what the request says. `files_url` is that of another host that has files,
    `Elsewhere`'s; empty, it is the same host under another name, and `files_mount`.
    """

    def __init__(
        self,
        name: str = "kode",
        credentials: Credentials | None = None,
        *,
        now: Callable[[], datetime] = _real_now,
        mount: str = "",
        files_mount: str = "/kode-files",
        url: str = "",
        files_url: str = "",
        **options: Any,
    ) -> None:
        super().__init__(name, credentials or Credentials(), Options(**options), now)
        self.url, self.files_url = url.rstrip("/"), files_url.rstrip("/")
        self._mount, self._files_mount = mount.rstrip("/"), files_mount.rstrip("/")
        self._demands = Demands(self.options, self.desk.catalogue)

    # --- the protocol -----------------------------------------------------------------------------------------

    def operation(self, request: Request) -> str:
        """`orders.create`, `assets.download` and so on; `unknown` for what isn't offered."""
        return self._route(request)[0]

    def _route(self, request: Request) -> tuple[str, tuple[str, ...]]:
        for method, operation, keys in self._at(request.path):
            if method == request.method:
                return operation, keys
        return "unknown", ()

    def _at(self, place: str) -> list[tuple[str, str, tuple[str, ...]]]:
        """What is offered at a path: method, operation, and the keys in the path."""
        found = [(method, operation, path.fullmatch(place)) for method, path, operation in _PATHS]
        return [
            (method, operation, keys.groups())
            for method, operation, keys in found
            if keys and self._offers(operation, keys.groups())
        ]

    def _offers(self, operation: str, keys: tuple[str, ...]) -> bool:
        """Some of it is in the old documents alone (kode.md, section 1)."""
        old = operation.startswith("messages.") or (operation == "prices" and keys[0] != "map")
        return self.options.old_paths or not old

    def handle(self, request: Request) -> Reply:
        """Answers one request; whatever the clock has made due happens first."""
        self.desk.catch_up()
        misplaced = self._misplaced_token(request)
        try:
            reply = self._answer(request)
        except RefusedError as refusal:
            reply = self._refuse(request, refusal)
        if misplaced:
            effect = self.record_leak("outside the header", request.path)
            reply.effect = reply.effect or effect
        return reply

    def _misplaced_token(self, request: Request) -> bool:
        """A token belongs in one header, and in the token call that renews it; in no address."""
        outside = " ".join([request.path, *request.query.values()])
        if self.operation(request) == "token":
            outside = request.path
        return self.tokens.known_in(outside)

    def _answer(self, request: Request) -> Reply:
        operation, keys = self._route(request)
        if operation == "unknown":
            raise self._nothing_there(request)
        if operation == "token":
            return self._token(request)
        if operation != "assets.download":  # where a file needs a token is an option
            self.tokens.check(request, operation)
        handlers: dict[str, Handler] = {
            "products.list": self._products,
            "prices": self._prices,
            "orders.create": self._create,
            "orders.get": self._get,
            "assets.download": self._download,
            "messages.list": self._list_messages,
            "messages.create": self._create_message,
        }
        return handlers[operation](request, keys)

    def _nothing_there(self, request: Request) -> RefusedError:
        if self._at(request.path):
            return RefusedError(405, "Method not allowed")
        return RefusedError(404, "There is nothing here")

    def _refuse(self, request: Request, refusal: RefusedError) -> Reply:
        """What an error looks like is not documented (kode.md, section 12): a few shapes that could be."""
        self._record(request, refusal)
        word = responses.get(refusal.status, "Error")
        match self.options.errors:
            case "object":
                reply = _json({"status": refusal.status, "error": refusal.code or word, "message": refusal.cause})
            case "text":
                reply = Reply(body=refusal.cause.encode(), content_type="text/plain; charset=utf-8")
            case "html":
                page = f"<!DOCTYPE html><title>{word}</title><p>{html.escape(refusal.cause)}</p>"
                reply = Reply(body=page.encode(), content_type="text/html; charset=utf-8")
            case "empty":
                reply = Reply(content_type="")
        reply.status = refusal.status
        if refusal.status == 401:
            reply.headers["WWW-Authenticate"] = "Bearer"
        if refusal.retry_after is not None:
            reply.headers["Retry-After"] = str(refusal.retry_after)
        return reply

    def _record(self, request: Request, refusal: RefusedError) -> None:
        operation = self.operation(request)
        entry: dict[str, Any] = {
            "at": self.desk.now().isoformat(),
            "operation": operation,
            "method": request.method,
            "path": request.path,
            "status": refusal.status,
            "cause": refusal.cause,
        }
        (self.refused if operation == "orders.create" else self.objections).append(entry)

    # --- login, products, prices ------------------------------------------------------------------------------

    def _token(self, request: Request) -> Reply:
        answer, grant = self.tokens.grant(request)
        reply = _json(answer)
        reply.headers["Cache-Control"] = "no-store"
        reply.effect = {"what": "token", "grant": grant}
        return reply

    def _products(self, request: Request, _keys: tuple[str, ...]) -> Reply:
        """The products of one municipality (kode.md, section 4)."""
        code = request.query.get("municipality", "")
        if not re.fullmatch(r"[0-9]{4}", code):
            raise invalid("municipality", "must be four digits")
        found = [product for product in self.desk.catalogue.values() if product.municipality == code]
        if not found and self.options.unknown_municipality == "404":
            raise RefusedError(404, f"There is no municipality {code}")
        return _json(self._shape(request).products(found))

    def _prices(self, request: Request, keys: tuple[str, ...]) -> Reply:
        asked = self._demands.price(keys[0], body_of(request))
        return _json(self._shape(request).prices(asked))

    # --- orders -----------------------------------------------------------------------------------------------

    def _create(self, request: Request, keys: tuple[str, ...]) -> Reply:
        """A new order, whatever was sent before: KODE recognises nothing (kode.md, section 6)."""
        assert keys[0] in KINDS
        asked = self._demands.order(keys[0], body_of(request))
        placed = self.desk.place(asked, user=self.tokens.credentials.username)
        reply = _json(self._shape(request).tree(placed, created=True), self.options.create_status)
        reply.effect = self._created_effect(placed, asked, request)
        return reply

    def _created_effect(self, placed: Collection, asked: Asked, request: Request) -> dict[str, str]:
        """The same technical reference again, or the same body where there is none, is a doubled order."""
        made = {
            "order": placed.collection_id,
            "kind": placed.kind,
            "reference": asked.reference,
            "technical_reference": asked.technical_reference,
            "products": [wish.product.code for wish in asked.wishes],
            "at": placed.ordered.isoformat(),
        }
        sameness = _sameness(asked, request.body)
        again = self._made.get(sameness, 0)
        self._made[sameness] = again + 1
        self._created.append({**made, "repeat": bool(again)})
        effect = {
            "what": "order",
            "order": str(placed.collection_id),
            "reference": _clean(asked.reference),
            "technicalReference": _clean(asked.technical_reference or ""),
        }
        return {**effect, "repeat": "yes"} if again else effect

    def _get(self, request: Request, keys: tuple[str, ...]) -> Reply:
        """The order tree; its files' addresses are good again (kode.md, section 7)."""
        found = self.desk.collections.get(int(keys[0]))
        if found is None or found.broken == "gone":
            raise RefusedError(404, f"There is no order {keys[0]}")
        self.desk.renew(found.assets())
        return broken(_json(self._shape(request).tree(found)), found.broken)

    # --- files ------------------------------------------------------------------------------------------------

    def _download(self, request: Request, keys: tuple[str, ...]) -> Reply:
        """A file, or the way to where it is (kode.md, section 9)."""
        wanted = self.options.download_auth
        if wanted == "bearer":
            self.tokens.check(request, "assets.download")
        if wanted == "refused" and "authorization" in request.headers:
            raise RefusedError(403, "This address needs no token, and takes none")
        ticket = int(keys[0]) if len(keys) == 2 else 0
        asset = self.desk.opened(unquote(keys[-1]), ticket)
        if self.options.redirect and "/blobs/" not in request.path:
            return Reply(self.options.redirect_status, b"", "", {"Location": self._blob(asset, request)})
        return self.file(asset)

    def file(self, asset: Asset) -> Reply:
        """The file itself. A small one is in memory, a large one is made while it is sent."""
        download = self.record_download(asset)
        reply = Reply(200, b"", "" if self.options.untyped else _type_of(asset.name))
        if asset.size <= PIECE:
            reply.body, download.tally.sent = asset_bytes(asset.asset_id, asset.size), asset.size
        else:
            reply.stream = Content(asset.asset_id, asset.size, download.tally)
        if self.options.chunked:
            reply.headers["Transfer-Encoding"] = "chunked"
        if self.options.disposition:
            name = quote(asset.name.encode("utf-8", "replace"), safe="")
            reply.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        reply.effect = {"what": "download", "asset": _clean(asset.asset_id), "bytes": str(asset.size)}
        return reply

    # --- distributor messages, in the old documents alone -----------------------------------------------------

    def _list_messages(self, _request: Request, _keys: tuple[str, ...]) -> Reply:
        """The inner objects, in no envelope (kode.md, section 10)."""
        return _json([self.notices.inner(message) for message in self.notices.messages])

    def _create_message(self, request: Request, _keys: tuple[str, ...]) -> Reply:
        """The sender's side: a notice of a municipality's, not an answer to one (kode.md, section 10)."""
        body = body_of(request)
        number = str(body.get("municipalityNumber", ""))
        if not 1 <= len(number) <= 4:
            raise invalid("municipalityNumber", "has four characters at most")
        if body.get("type") not in {"CUSTOMER", "DISTRIBUTOR"} or not body.get("message"):
            raise invalid("type" if body.get("message") else "message", "is required")
        made = self.notices.publish(
            str(body["message"]), str(body.get("municipalityName", "")), number, str(body["type"])
        )
        reply = _json(self.notices.inner(made))
        reply.effect = {"what": "message", "order": "", "text": _clean(made.message)}
        return reply

    # --- addresses --------------------------------------------------------------------------------------------

    def _shape(self, request: Request) -> Shape:
        own, other = self._bases(request)

        def address(asset: Asset) -> str:
            if self.options.at == "elsewhere":
                return f"{other}/files/{asset.ticket}/{_key(asset)}"
            if self.options.address == "fresh":
                return f"{own}/shopping/v2/tickets/{asset.ticket}/assets/{_key(asset)}"
            return f"{own}/shopping/v2/assets/{_key(asset)}"

        return Shape(self.options, address)

    def _blob(self, asset: Asset, request: Request) -> str:
        own, other = self._bases(request)
        if self.options.redirect == "own":
            return f"{own}/shopping/v2/blobs/{asset.ticket}/{_key(asset)}"
        return f"{other}/files/{asset.ticket}/{_key(asset)}"

    def _bases(self, request: Request) -> tuple[str, str]:
        """The addresses of this remote, and of the other host."""
        here = self.url or f"http://{request.headers.get('host') or '127.0.0.1'}"
        parts = urlsplit(here)
        host = "127.0.0.1" if parts.hostname == "localhost" else "localhost"
        there = f"http://{host}:{parts.port}" if parts.port else f"http://{host}"
        return here + self._mount, self.files_url or there + self._files_mount


def _sameness(asked: Asked, body: bytes) -> str:
    """What two creates have in common that are the same order twice."""
    if asked.technical_reference is not None:
        return f"reference {asked.technical_reference}"
    return f"body {hashlib.sha256(body).hexdigest()}"


def _json(content: Any, status: int = 200) -> Reply:
    # Half a surrogate pair, as a hostile name may hold, is escaped: UTF-8 can't say it, JSON can.
    text = json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Reply(status, text, "application/json")


def _type_of(name: str) -> str:
    return mimetypes.guess_type("x" + name[-8:])[0] or "application/octet-stream"


def _key(asset: Asset) -> str:
    return quote(asset.asset_id, safe="", errors="replace")


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
