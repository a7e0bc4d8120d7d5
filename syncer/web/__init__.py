"""Health, metrics and the status page of `syncer run`, over HTTP and for reading only; the agent's pages (`agent`); and
where portals push.

Imports the store's reading verbs, its verbs for pushes, the orders' values and telemetry; Flask, cheroot and
prometheus-client are imported in here alone, and only once a server is wanted. Never in here: a call to a remote, a
secret, an order's details, another write to the store but of the addresses of the agent's pages. What goes wrong in
here stops no pass.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncer.web.push import Malformed, Post, Pushed, digest_of
from syncer.web.site import Called, Passed, Site, Vitals

if TYPE_CHECKING:
    from syncer.store import Store
    from syncer.web.agent import Desk
    from syncer.web.metrics import Metrics
    from syncer.web.server import Server

__all__ = [
    "Called", "Malformed", "Passed", "Post", "Pushed", "Site", "Vitals", "counting", "digest_of", "serving",
]  # fmt: skip


def counting() -> "Metrics":
    """The counters of this process, to be told of calls and passes."""
    from syncer.web.metrics import Metrics

    return Metrics()


@contextmanager
def serving(
    site: Callable[[], Site],
    store: "Store",
    vitals: Callable[[], Vitals],
    metrics: "Metrics",
    desks: "Callable[[], Mapping[str, Desk]]" = dict,
) -> Iterator["Server"]:
    """The pages, served in threads of their own; `site` says what is configured, and `vitals` how the service is.

    `desks` are those that agents come to, by their portals' names, the first of which is reached as `/vitec`, too.

    Raises:
        WebError: the configured address can't be listened on; the text says what to do.
    """
    from syncer.web.app import make_app
    from syncer.web.glance import Glance
    from syncer.web.inbox import Inbox
    from syncer.web.server import Server

    glance = Glance(store, site, vitals)
    metrics.show(glance)
    server = Server(make_app(glance, metrics, desks), site().host, site().port, Inbox(glance, metrics))
    server.start()
    try:
        yield server
    finally:
        server.stop()
