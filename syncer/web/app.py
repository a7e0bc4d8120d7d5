"""What is answered to which request: the routes, and what holds for every answer.

For reading only, but for the agent's form: another method than GET and HEAD finds nothing; what portals push is for the
`inbox`. Every answer forbids the browser all that the pages don't need. A request that names another host than ours is
refused: a page elsewhere could have a name of its own lead here, and read what is on loopback. What comes for the inbox
may name any: a proxy may pass it on, and it is no good without the secret.
"""

import ipaddress
import re
import socket
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, render_template, request
from markupsafe import Markup
from prometheus_client import make_wsgi_app
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from syncer.orders import Act, Kind
from syncer.store import StoreError
from syncer.telemetry import log, place, story
from syncer.web import words
from syncer.web.agent.routes import Desks, Pages
from syncer.web.glance import Glance
from syncer.web.metrics import Metrics
from syncer.web.site import Site
from syncer.web.views import order_of, status_of

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
PUSHES = "/push/"  # where portals push; what is none of the inbox's there is a page that there isn't
REFRESH = 10  # seconds
ACTS = {
    Act.LOOK: "It is read at the portal",
    Act.SEND: "A call is made",
    Act.FIND: "What became of a call is looked up",
    Act.FOLLOW: "The fulfilment is asked how far it is",
    Act.WATCH: "The portal is asked how far it is",
    Act.FETCH: "Files are fetched or removed",
    Act.WAIT: "It waits",
    Act.PERSON: "A person is asked for",
}
KINDS = {
    Kind.STATUS: "tell a status",
    Kind.MESSAGE: "write a message",
    Kind.REGISTER: "register it",
    Kind.SUBMIT: "hand the order over",
    Kind.CANCEL: "withdraw it",
    Kind.GIVE: "hand the result back",
}


def make_app(glance: Glance, metrics: Metrics, desks: Desks) -> Flask:
    """The application; `desks` are the portals' that agents come from, now."""
    app = Flask("syncer.web", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.static_folder = "static"  # set only now: Flask's own route for it would answer OPTIONS
    app.add_url_rule("/static/<path:filename>", "static", app.send_static_file)
    app.url_map.merge_slashes = False  # an order's id may hold any
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    _add_words(app, glance)
    _add_pages(app, glance)
    scraped = make_wsgi_app(metrics.registry)

    @app.get("/metrics")
    def _metrics() -> BaseResponse:
        metrics.expect(glance.site.portals, glance.site.posts)  # there may be new ones
        return Response.from_app(scraped, {**request.environ, "REQUEST_METHOD": "GET"})  # it knows no HEAD

    agent = Pages(glance, desks)
    agent.add_to(app)
    _guard(app, _Hosts(glance.site), agent)
    _explain(app, agent)
    return app


def _add_pages(app: Flask, glance: Glance) -> None:
    @app.get("/healthz")
    def _healthz() -> Response:
        overdue = glance.vitals().overdue
        code = HTTPStatus.OK if overdue is None else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(f"{overdue or 'ok'}\n", code, content_type="text/plain; charset=utf-8")

    @app.get("/")
    def _status() -> str:
        refresh = None if "still" in request.args else REFRESH
        return render_template("status.html", page=status_of(glance), refresh=refresh)

    @app.get("/orders/<path:name>")
    def _order(name: str) -> tuple[str, int]:
        page = order_of(glance, name)
        if page is None:
            return _message("No such order", "There is no order of that name here."), HTTPStatus.NOT_FOUND
        refresh = None if page.over or "still" in request.args else REFRESH
        return render_template("order.html", page=page, refresh=refresh), HTTPStatus.OK


def _message(title: str, text: str) -> str:
    return render_template("message.html", title=title, text=text, refresh=None)


def _add_words(app: Flask, glance: Glance) -> None:
    app.jinja_env.filters.update(
        span=words.span,
        several=words.several,
        commands=words.commands,
        ago=lambda at: words.ago(at, glance.now()),
        clock=lambda at: words.clock(at, glance.now(), glance.site.zone),
        full=lambda at: f"{at.astimezone(glance.site.zone):%Y-%m-%d %H:%M:%S %Z}",
        soft=_soft,
    )

    @app.context_processor
    def _common() -> dict[str, Any]:
        return {"now": glance.now(), "site": glance.site, "ACTS": ACTS, "KINDS": KINDS}


def _soft(name: str) -> Markup:
    """A long name that may be broken after its colon, dots and dashes."""
    parts = re.split(r"(?<=[:.\-_/])", name)
    return Markup("<wbr>").join(parts)


# --- what holds for every answer ------------------------------------------------------------------------------


class _Hosts:
    """Which names in a request's Host header are ours: addresses, the machine's names, and the configured one."""

    def __init__(self, site: Site) -> None:
        self._names = {"localhost", site.host.lower(), socket.gethostname().lower()}
        self._public = {"localhost"}
        if site.public_host:
            self._public.add(site.public_host.lower())
        self._names |= self._public

    def know(self, host: str) -> bool:
        name = _name_of(host)
        return name in self._names or _is_address(name)

    def know_for_agents(self, host: str) -> bool:
        """The configured name, and loopback: links to the agent's pages lead nowhere else."""
        name = _name_of(host)
        return name in self._public or _is_address(name, loopback=True)


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str, *, loopback: bool = False) -> bool:
    """An address can't be made to lead elsewhere, as a name can."""
    try:
        found = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback or not loopback


def _guard(app: Flask, hosts: _Hosts, agent: Pages) -> None:
    @app.before_request
    def _is_for_us() -> Response | tuple[str, int] | None:
        host = request.headers.get("Host", "")
        if agent.owns(request.path):
            return None if hosts.know_for_agents(host) else agent.failed(HTTPStatus.MISDIRECTED_REQUEST)
        if hosts.know(host) or request.path.startswith(PUSHES):
            return None
        text = "This server does not know itself by that name. Set public_url under [web] to the address that you use."
        return _message("Not here", text), HTTPStatus.MISDIRECTED_REQUEST

    @app.after_request
    def _strict(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)  # the agent's pages have a policy of their own
        if request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "max-age=300"
        return response


def _explain(app: Flask, agent: Pages) -> None:
    """What is said of an error, to an agent in the own language."""

    @app.errorhandler(HTTPException)
    def _refused(error: HTTPException) -> Any:
        if agent.owns(request.path):
            return agent.failed(error.code or 500)
        page = _message(error.name, WORDS.get(error.code or 0, "This request can't be answered."))
        allowed = {name: value for name, value in error.get_headers() if name in {"Allow", "Location"}}
        return page, error.code or 500, allowed

    @app.errorhandler(StoreError)
    def _no_store(error: StoreError) -> Any:
        if agent.owns(request.path):
            return agent.failed(HTTPStatus.SERVICE_UNAVAILABLE)
        return _message("The store can't be read", str(error)), HTTPStatus.SERVICE_UNAVAILABLE

    @app.errorhandler(Exception)
    def _bug(error: Exception) -> Any:
        log().error("web.bug", bug=place(error), traceback=story(error))
        if agent.owns(request.path):
            return agent.failed(HTTPStatus.INTERNAL_SERVER_ERROR)
        text = "A bug in syncer was met while this page was made; the log says where. Passes go on."
        return _message("A bug", text), HTTPStatus.INTERNAL_SERVER_ERROR


WORDS = {404: "There is nothing of that name here.", 405: "These pages are for reading only."}
