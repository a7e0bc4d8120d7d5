"""Vitec's part of the wiring: the account as a portal, and what was done for its orders, which goes back there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from syncer import config as conf
from syncer.files import Shelf, folder_of
from syncer.orders import File, FileState, Intent, Order, State, Unfilled, fill, route_of
from syncer.portals.vitec import Reach, Result, VitecPortal
from syncer.remotes.vitec import Credentials, Operation, Success, Vitec
from syncer.store import Purpose
from syncer.wiring.kode import wishes_of
from syncer.wiring.remotes import Clock, Remotes, limits
from syncer.wiring.rules import rules_of


class Known(Protocol):
    """What the store knows of what was done for an order, and the addresses that it gives out."""

    def load(self, name: str) -> tuple[Order, Intent | None] | None: ...

    def files(self, name: str) -> list[File]: ...

    def make_address(
        self, order: str, purpose: Purpose, now: datetime, until: datetime, asset: str = ""
    ) -> str | None: ...


class Unknown:
    """In place of the store, where nothing but harmless calls are made."""

    def load(self, _name: str) -> None:
        """None is known."""
        return

    def files(self, _name: str) -> list[File]:
        """None are known."""
        return []

    def make_address(
        self, _order: str, _purpose: Purpose, _now: datetime, _until: datetime, _asset: str = ""
    ) -> str | None:
        """None is given out."""
        return None


def add_vitec(
    made: Remotes,
    name: str,
    portal: "conf.VitecPortal",
    config: conf.Config,
    known: Known,
    now: Clock,
    *,
    read_only: bool,
) -> None:
    """Adds a portal of Vitec's."""
    client = client_of(made, name, portal, read_only=read_only)
    made.clients[name] = client
    done = Done(config, known)
    links = _Links(name, portal, config, known, now)
    adapter = VitecPortal(
        name,
        client,
        portal.customers,
        portal.services,
        Reach(portal.since, portal.overlap, timedelta(days=portal.rescan_days)),
        dict(portal.statuses),
        unopened_after=portal.unopened_after,
        zone=portal.timezone,
        operations={state: _operation(state, one) for state, one in portal.operations.items()},
        notes=portal.notes,
        images=portal.images,
        image_category=portal.image_category,
        ask_user=portal.ask_user,
        page=links.page,
        results=lambda order: tuple(done.result(order, file, links) for file in done.files(order)),
        ready=done.is_ready,
        needs_form=needs_form(config),
        lacks=lacks(config),
        now=now,
    )
    made.sources[name] = made.sinks[name] = adapter
    made.checks[name] = adapter.check


def client_of(made: Remotes, name: str, portal: "conf.VitecPortal", *, read_only: bool) -> Vitec:
    """The account's client."""
    passwords = {key: secret.get_secret_value() for key, secret in portal.passwords.items()}
    return Vitec(
        made.http(name, limits(portal), read_only=read_only),
        portal.url,
        Credentials(portal.username, passwords, dict(portal.members)),
        zone=portal.timezone,
        image_path=portal.image_path,
    )


def _operation(state: str, one: "conf.Operation") -> Operation:
    success = Success(frozenset(one.success.status), one.success.field, one.success.equals)
    return Operation(f"orders.{state}", one.method, one.path, one.body, success)


def needs_form(config: conf.Config) -> Callable[[Order], bool]:
    """Whether an order's route has it placed in KODE, and a field is missing that its page can ask for."""
    wishes = wishes_of(config)

    def needs(order: Order) -> bool:
        wish = wishes(order)
        if wish is None or wish.kind == "map":
            return False
        try:
            for template in wish.fields.values():
                fill(template, order.details)
        except Unfilled:
            return True
        return False

    return needs


def lacks(config: conf.Config) -> Callable[[Order], bool]:
    """Whether an order has nothing in a field that its route names for who pays, or for what."""
    rules = rules_of(config)
    templates = [
        [text for text in (*_texts(route.customer), *(line.description for line in route.lines)) if text]
        for route in config.routes
    ]

    def lacking(order: Order) -> bool:
        route = route_of(order, rules)
        try:
            for template in [] if route is None else templates[rules.routes.index(route)]:
                fill(template, order.details)
        except Unfilled:
            return True
        return False

    return lacking


def _texts(customer: "conf.Payer | None") -> list[str]:
    return [] if customer is None else [text for _, text in customer if text]


class Done:
    """What was done for an order in another portal, as the store knows it: the files that are kept of it."""

    def __init__(self, config: conf.Config, known: Known) -> None:
        self._known = known
        self._accounts = {name: one.portal for name, one in config.fulfilments.items() if one.kind == "kode"}
        self._shelves = {name: Shelf(one.files_dir) for name, one in config.portals.items() if one.kind == "kode"}

    def place(self, order: Order) -> str | None:
        """The order that was placed for it (`PORTAL:ID`); None where there is none."""
        portal = self._accounts.get(order.fulfilment or "")
        return None if portal is None or order.fulfilment_ref is None else f"{portal}:{order.fulfilment_ref}"

    def is_ready(self, order: Order) -> bool:
        """Whether all that was placed for it is here: nothing is waited for where nothing was placed."""
        place = self.place(order)
        if place is None:
            return True
        loaded = self._known.load(place)
        return loaded is not None and loaded[0].portal_status == State.DELIVERED and not loaded[0].files_due

    def files(self, order: Order) -> list[File]:
        """The files that are kept."""
        place = self.place(order)
        return [] if place is None else [one for one in self._known.files(place) if one.state is FileState.KEPT]

    def shelf(self, order: Order) -> tuple[Shelf, str]:
        """Where its files are: the shelf, and the folder on it."""
        place = self.place(order)
        assert place is not None, f"{order.name} has no files"
        return self._shelves[place.partition(":")[0]], folder_of(place)

    def result(self, order: Order, file: File, links: "_Links") -> Result:
        """One file, as the portal is given it."""
        shelf, folder = self.shelf(order)

        def read() -> bytes:
            with shelf.open(folder, file.name) as opened:
                return opened.read()

        link = links.file(order, file.asset) if order.given == 0 else None  # the note has them, which comes first
        return Result(file.name, file.size or 0, file.category, link, read, str(Path(folder, file.name)))


class _Links:
    """Addresses that lead to our pages, built on `[web] public_url`; none without it."""

    def __init__(self, name: str, portal: "conf.VitecPortal", config: conf.Config, known: Known, now: Clock) -> None:
        self._base = None if config.web is None else config.web.public_url
        self._name = name
        self._days = portal.link_days
        self._known = known
        self._now = now

    def page(self, order: Order) -> str | None:
        """An order's page."""
        return self._made(order, Purpose.PAGE, "o")

    def file(self, order: Order, asset: str) -> str | None:
        """A file of an order's."""
        return self._made(order, Purpose.FILE, "f", asset)

    def _made(self, order: Order, purpose: Purpose, kind: str, asset: str = "") -> str | None:
        if self._base is None:
            return None
        now = self._now()
        address = self._known.make_address(order.name, purpose, now, now + self._days, asset)
        return None if address is None else f"{self._base}/{self._name}/{kind}/{address}"
