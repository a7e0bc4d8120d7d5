"""Which of the agent's addresses answers what: the link from the portal, an order's page with its form, and files.

The link with the token is answered with a redirect to an address without it. A page's address is what opens it.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from syncer.store import Address, Purpose
from syncer.telemetry import log
from syncer.web.agent import downloads, words
from syncer.web.agent.desk import Checked, Desk, Fault, FormKind, Opened, Price, Reason, Refused, Sheet
from syncer.web.agent.forms import FIELDS, PRODUCT, parts_of, too_long, values_of
from syncer.web.agent.gate import Gate, Refusals
from syncer.web.agent.link import Link, link_of
from syncer.web.agent.seals import file_address, is_from_here, is_sealed, seal_of
from syncer.web.agent.words import Told
from syncer.web.glance import Glance

COMMON = "vitec"  # the first part of every path, for the first portal; by its own name each portal is reached, too
PLACES = frozenset({"start", "o", "f"})
PAGE_OPEN = timedelta(hours=12)
EXCHANGE = 40.0  # seconds that the server leaves for a call, and the answer
AGAIN, REFRESH = 3, 30  # seconds
LARGEST_FORM = 16_384  # bytes
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CHECK, CHANGE, CONFIRM = "kontrollera", "ändra", "bekräfta"
CODES: Mapping[Reason, HTTPStatus] = {
    Reason.EXPIRED: HTTPStatus.FORBIDDEN,
    Reason.DENIED: HTTPStatus.FORBIDDEN,
    Reason.UNKNOWN: HTTPStatus.FORBIDDEN,
    Reason.OVER: HTTPStatus.GONE,
    Reason.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
}
ERRORS: Mapping[int, Told] = {404: words.NOT_FOUND, 421: words.NOT_HERE, 500: words.BROKEN, 503: words.BROKEN}
Desks = Callable[[], Mapping[str, Desk]]


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request for an order's page, by an address that is valid."""

    portal: str
    address: str
    desk: Desk
    order: str
    sheet: Sheet

    @property
    def form(self) -> FormKind | None:
        """The form that the page has."""
        return None if self.sheet.form is FormKind.MAP else self.sheet.form

    def again(self) -> Response:
        """Leads to the page."""
        return _to_page(self.portal, self.address)


class Pages:
    """The agent's pages over the desks that there are now, by their portals' names."""

    def __init__(self, glance: Glance, desks: Desks) -> None:
        self._glance = glance
        self._desks = desks
        self._gate = Gate()
        self._refusals = Refusals()
        self._downloads = threading.BoundedSemaphore(downloads.AT_ONCE)

    def add_to(self, app: Flask) -> None:
        """Adds the routes, and the words of their templates."""
        pages = Blueprint("agent", __name__)
        pages.add_url_rule("/<portal>/start", "start", self.start, methods=["GET"])
        pages.add_url_rule("/<portal>/o/<address>", "order", self.order, methods=["GET"])
        pages.add_url_rule("/<portal>/o/<address>", "send", self.send, methods=["POST"])
        pages.add_url_rule("/<portal>/f/<address>", "file", self.file, methods=["GET"])
        app.register_blueprint(pages)
        app.jinja_env.filters.update(
            money=words.money,
            net=lambda price: words.money(price, gross=False),
            size=words.size,
            moment=lambda at: words.moment(at, self._glance.site.zone),
        )

    def owns(self, path: str) -> bool:
        """Whether a path is one of the agent's, found or not."""
        parts = path.split("/")
        return len(parts) > 2 and parts[2] in PLACES and self._desk(parts[1]) is not None

    def _desk(self, name: str) -> Desk | None:
        desks = self._desks()
        return desks.get(name) or (next(iter(desks.values()), None) if name == COMMON else None)

    # --- what is said without an order ------------------------------------------------------------------------

    def told(self, told: Told, code: int, refresh: int | None = None) -> Response:
        """A page with a sentence."""
        response = make_response(render_template("agent_message.html", told=told, refresh=refresh), code)
        if refresh is not None:
            response.headers["Retry-After"] = str(refresh)
        return _strict(response)

    def failed(self, code: int) -> Response:
        """The page for an error of HTTP."""
        return self.told(ERRORS.get(code, words.OTHERWISE), code)

    # --- the link ---------------------------------------------------------------------------------------------

    def start(self, portal: str) -> Response:
        """Takes the token of the link, and leads on to the order's page."""
        desk = self._desk(portal)
        if desk is None or request.method != "GET":  # a HEAD, as of a preview, opens nothing
            abort(HTTPStatus.NOT_FOUND)
        link = link_of(request.environ.get("QUERY_STRING", ""))
        if link is None:
            return self.told(words.NO_LINK, HTTPStatus.BAD_REQUEST)
        found = self._exchanged(desk, link)
        if isinstance(found, Refused):
            again = AGAIN if found.reason is Reason.BUSY else None
            return self.told(words.REFUSED[found.reason], CODES[found.reason], again)
        now = self._glance.now()
        address = self._glance.store.make_address(found.order, Purpose.PAGE, now, now + PAGE_OPEN)
        assert address is not None, "an order was opened that is not in the store"
        log().info("agent.opened", order=found.order)
        return _to_page(portal, address)

    def _exchanged(self, desk: Desk, link: Link) -> Opened | Refused:
        """What the token opens; asked only of a customer that we know, with room, and not again at once."""
        if not desk.knows(link.customer_id):
            return Refused(Reason.UNKNOWN)
        secret = f"{desk.portal} {link.customer_id} {link.token}"
        before = self._refusals.why(secret)
        if before is not None:
            return Refused(Reason(before))
        with self._gate.turn(f"{desk.portal} {link.customer_id}") as may:
            if not may:
                return Refused(Reason.BUSY)
            _grant()(EXCHANGE)
            found = desk.exchange(link.customer_id, link.token)
        if isinstance(found, Refused):
            log().info("agent.refused", portal=desk.portal, reason=found.reason.value)
            if found.reason is not Reason.BUSY:
                self._refusals.note(secret, found.reason.value)
        return found

    # --- an order's page --------------------------------------------------------------------------------------

    def order(self, portal: str, address: str) -> Response:
        """The page."""
        visit = self._visit(portal, address)
        return self._page(visit, visit.sheet.values)

    def _visit(self, portal: str, address: str) -> _Visit:
        desk, found = self._led_to(portal, address, Purpose.PAGE)
        sheet = desk.sheet(found.order)
        if sheet is None:
            abort(HTTPStatus.NOT_FOUND)
        return _Visit(portal, address, desk, found.order, sheet)

    def _led_to(self, portal: str, address: str, purpose: Purpose) -> tuple[Desk, Address]:
        """What an address opens, and at whose desk."""
        desk = self._desk(portal)
        found = None if desk is None else self._glance.store.address(address, purpose, self._glance.now())
        if desk is None or found is None or found.order.partition(":")[0] != desk.portal:
            abort(HTTPStatus.NOT_FOUND)
        return desk, found

    def _page(
        self,
        visit: _Visit,
        values: Mapping[str, str],
        faults: Mapping[str, Fault] | None = None,
        notice: str = "",
        code: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        """The order, with its form as it is filled in so far."""
        sheet, form = visit.sheet, visit.form
        said = {name: words.fault(name, fault) for name, fault in (faults or {}).items()}
        over = form is not None or sheet.state in {"delivered", "cancelled"}
        page = render_template(
            "agent_order.html",
            visit=visit,
            seal=seal_of(visit.address),
            state=words.STATES.get(sheet.state, sheet.state),
            awaited=words.MAP_FORM if sheet.form is FormKind.MAP else words.AWAITED[sheet.awaited],
            fields=() if form is None else FIELDS[form],
            values=values,
            chosen=values.get(PRODUCT, "").split(),
            told=notice or said.pop("", "") or (words.SEE_BELOW if said else ""),
            faults=said,
            links=self._links(visit),
            refresh=None if over else REFRESH,
        )
        return _strict(make_response(page, code))

    def _links(self, visit: _Visit) -> Mapping[str, str]:
        """The addresses of the order's files, by their assets."""
        links = {document.asset: file_address(visit.address, document.asset) for document in visit.sheet.files}
        now = self._glance.now()
        files = {text: asset for asset, text in links.items()}
        if not self._glance.store.lend(visit.address, files, now, now + self._glance.site.file_links):
            abort(HTTPStatus.NOT_FOUND)  # revoked at this very moment
        return links

    # --- its form ---------------------------------------------------------------------------------------------

    def send(self, portal: str, address: str) -> Response:
        """The form: looked over, shown with its price, and placed once that was confirmed."""
        visit = self._visit(portal, address)
        if not is_from_here(dict(request.headers), request.host, self._glance.site.public_host):
            return self.told(words.ELSEWHERE, HTTPStatus.FORBIDDEN)
        sent = _form()
        if visit.form is None:  # another tab was faster, say
            return visit.again()
        values = values_of(sent, visit.form)
        if not is_sealed(address, sent.get("sigill", "")):
            return self._page(visit, values, notice=words.STALE, code=HTTPStatus.FORBIDDEN)
        if sent.get("steg") == CHANGE:
            return self._page(visit, values)
        with self._gate.turn(address) as may:
            if not may:
                return self._page(visit, values, notice=words.CROWDED, code=HTTPStatus.SERVICE_UNAVAILABLE)
            _grant()(EXCHANGE)
            return self._looked_over(visit, values, sent.get("steg", ""), sent.get("pris", ""))

    def _looked_over(self, visit: _Visit, values: Mapping[str, str], step: str, price: str) -> Response:
        """Looked over each time; placed only at the price that was shown."""
        long = too_long(values)
        checked = Checked(long) if long else visit.desk.check(visit.order, values)
        if checked.faults:
            return self._page(visit, values, checked.faults, code=HTTPStatus.UNPROCESSABLE_ENTITY)
        if step != CONFIRM:
            return self._confirm(visit, values, checked)
        if price != _as_sent(checked.price):
            return self._confirm(visit, values, checked, words.PRICE_CHANGED)
        wrong = visit.desk.place(visit.order, values)
        if wrong:
            return self._page(visit, values, wrong, code=HTTPStatus.UNPROCESSABLE_ENTITY)
        log().info("agent.ordered", order=visit.order)
        return visit.again()

    def _confirm(self, visit: _Visit, values: Mapping[str, str], checked: Checked, notice: str = "") -> Response:
        """What will be ordered, with its price: the agent's last word is asked for."""
        assert visit.form is not None
        page = render_template(
            "agent_confirm.html",
            visit=visit,
            seal=seal_of(visit.address),
            fields=FIELDS[visit.form],
            values=values,
            parts=parts_of(values),
            checked=checked,
            price=_as_sent(checked.price),
            told=notice,
            steps={"change": CHANGE, "confirm": CONFIRM},
        )
        return _strict(make_response(page))

    # --- files ------------------------------------------------------------------------------------------------

    def file(self, portal: str, address: str) -> Response:
        """A file, to be saved."""
        desk, found = self._led_to(portal, address, Purpose.FILE)
        if not self._downloads.acquire(blocking=False):
            return self.told(words.BUSY_FILE, HTTPStatus.SERVICE_UNAVAILABLE, AGAIN)
        response = None
        try:
            content = desk.open(found.order, found.asset)
            response = None if content is None else downloads.download(content, _grant())
        finally:
            if response is None:
                self._downloads.release()
        if response is None:
            return self.told(words.NO_FILE, HTTPStatus.NOT_FOUND)
        response.call_on_close(self._downloads.release)
        if request.method == "HEAD":
            response.close()  # nobody else would: Werkzeug sends no body, and closes none
        return response


def _to_page(portal: str, address: str) -> Response:
    answer: Any = redirect(url_for("agent.order", portal=portal, address=address), HTTPStatus.SEE_OTHER)
    return _strict(answer)


def _strict(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _form() -> MultiDict[str, str]:
    """What was sent; one of another kind, or too large, is refused."""
    if request.mimetype != "application/x-www-form-urlencoded":
        abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    request.max_content_length = LARGEST_FORM
    return request.form


def _as_sent(price: Price | None) -> str:
    """A price as it travels with the form."""
    return "" if price is None else f"{price.gross} {price.currency}"


def _grant() -> Callable[..., None]:
    """What has the server wait longer for this request's answer, so many seconds or as long as for another; it may be
    called while the answer is sent.
    """
    grant: Callable[..., None] = request.environ.get("syncer.more_time", lambda _seconds=None: None)
    return grant
