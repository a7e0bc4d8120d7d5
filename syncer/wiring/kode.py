"""KODE's part of the wiring: one account is a portal with its files, and the fulfilments that place orders with it."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from syncer import config as conf
from syncer.files import Shelf, folder_of
from syncer.fulfilment.kode import KodeFulfilment, Wish
from syncer.orders import File, FileState, Order, Rules, route_of
from syncer.portals.kode import KodePortal, Limit
from syncer.remotes import json
from syncer.remotes.http import Limits
from syncer.remotes.kode import Kode, OrderPush, push_of
from syncer.store import Notice
from syncer.web.push import Malformed, Post, Pushed, digest_of
from syncer.wiring.remotes import Clock, Remotes, limits
from syncer.wiring.rules import rules_of


class Known(Protocol):
    """What the store knows that KODE can't be asked."""

    def files(self, name: str) -> list[File]: ...

    def note_file(self, name: str, file: File, now: datetime, was: FileState) -> bool: ...

    def newest(self, portal: str) -> str | None: ...

    def pushed(self, portal: str, reference: str) -> tuple[str, ...]: ...


class Unknown:
    """In place of the store, where nothing but harmless calls are made."""

    def files(self, _name: str) -> list[File]:
        """None are known."""
        return []

    def note_file(self, name: str, _file: File, _now: datetime, _was: FileState) -> bool:
        """Never called."""
        raise AssertionError(f"a file of {name} without a store")

    def newest(self, _portal: str) -> None:
        """None is known."""

    def pushed(self, _portal: str, _reference: str) -> tuple[str, ...]:
        """None have come."""
        return ()


class FilesHere:
    """A portal's files on the disk, by the names of orders."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def wrong(self, order: str, file: File, seen: Callable[[int], None]) -> str | None:
        """What is wrong with a file that was kept."""
        return self._shelf.check(folder_of(order), file.name, file.size or 0, file.sha256 or "", seen)

    def strays(self, order: str, names: Collection[str]) -> tuple[str, ...]:
        """What else lies in an order's folder."""
        return self._shelf.strays(folder_of(order), names)


def add_kode(
    made: Remotes,
    name: str,
    portal: "conf.KodePortal",
    config: conf.Config,
    known: Known,
    now: Clock,
    *,
    read_only: bool,
) -> None:
    """Adds a portal of KODE's, and the fulfilments that have its account."""
    client = client_of(made, name, portal, read_only=read_only)
    made.clients[name] = client
    shelf = Shelf(portal.files_dir, made.tap)
    limit = Limit(portal.max_file_size, portal.parallel)
    adapter = KodePortal(name, client, known, shelf, limit, now, made.stop.is_set)
    made.sources[name] = made.sinks[name] = made.porters[name] = adapter
    made.checks[name], made.cabinets[name] = adapter.check, FilesHere(shelf)
    wish = wishes_of(config)
    for other, fulfilment in config.fulfilments.items():
        if fulfilment.kind == "kode" and fulfilment.portal == name:
            placer = KodeFulfilment(other, client, wish, lambda key: known.pushed(name, key))
            made.sinks[other] = made.followers[other] = placer
            made.checks[other] = placer.check


def client_of(made: Remotes, name: str, portal: "conf.KodePortal", *, read_only: bool) -> Kode:
    """The account's client. Downloads have connections and a time limit of their own."""
    most = Limits(
        timeout=portal.file_timeout.total_seconds(),
        parallel=portal.parallel + 1,  # so that no order's files have every place
        rate=portal.rate,
        max_answer=portal.max_answer,
        ca_file=portal.ca_file,
        client_cert=portal.client_cert,
    )
    return Kode(
        made.http(name, limits(portal), read_only=read_only),
        made.http(name, most, read_only=read_only),
        portal.url,
        portal.token_url,
        portal.client_id,
        portal.client_secret.get_secret_value(),
        portal.username,
        portal.password.get_secret_value(),
        zone=portal.timezone,
        download_hosts=portal.download_hosts,
        client_on_refresh=portal.client_on_refresh,
        token_form=portal.token_form,
        old_prices=portal.old_prices,
        download_auth=portal.download_auth,
    )


def wishes_of(config: conf.Config) -> Callable[[Order], Wish | None]:
    """What the route of an order places in KODE; None where it doesn't."""
    rules: Rules = rules_of(config)
    wishes = [_wish(route) for route in config.routes]

    def wish(order: Order) -> Wish | None:
        route = route_of(order, rules)
        return None if route is None else wishes[rules.routes.index(route)]

    return wish


def _wish(route: conf.Route) -> Wish | None:
    if route.order is None:
        return None
    delivery = {conf.DELIVERY_FIELDS[name]: text for name, text in route.fields.items() if name in conf.DELIVERY_FIELDS}
    fields = {name: text for name, text in route.fields.items() if name not in conf.DELIVERY_FIELDS}
    return Wish(route.order, route.products, fields, delivery, dict(route.data))


def post_of(portal: "conf.KodePortal") -> Post | None:
    """How the portal's pushes are read, where it has a secret for them."""
    if portal.push_secret is None:
        return None
    return Post(digest_of(portal.push_secret.get_secret_value()), _pushed)


def _pushed(body: bytes) -> Pushed:
    try:
        found = push_of(body)
    except json.Malformed as malformed:
        raise Malformed(str(malformed)) from None
    if isinstance(found, OrderPush):
        return Pushed(found.order_id, found.technical_reference)
    sender = f"{found.municipality_name} ({found.municipality_number})".strip()
    return Pushed(notice=Notice(found.id, found.type, sender, found.text))
