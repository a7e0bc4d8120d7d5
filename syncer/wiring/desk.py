"""The desk of one Vitec account, which the agent's pages ask: whose token it is, what an order is, and what it costs.

Its calls are those that change nothing; what an agent wants is written down, and the ring does it.
"""

import mimetypes
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal

from syncer import config as conf
from syncer.errors import AccessDenied, Rejected, RemoteError
from syncer.files import DiskTrouble
from syncer.fulfilment.kode import KodeFulfilment, Wish
from syncer.orders import Order, Rules, State, Supplied, Unfilled, Work, route_of
from syncer.portals.vitec import supplied
from syncer.remotes import kode
from syncer.remotes.kode import Kode, Placing
from syncer.remotes.vitec import Expired, Ticket, Vitec
from syncer.store import By, Store
from syncer.web.agent import (
    Awaited,
    Checked,
    Content,
    Document,
    Fault,
    FormKind,
    Opened,
    Price,
    Product,
    Reason,
    Refused,
    Sheet,
)
from syncer.wiring.kode import wishes_of
from syncer.wiring.remotes import Clock, Remotes
from syncer.wiring.vitec import Done, needs_form

CURRENCY = "NOK"  # KODE never says one (kode.md, section 14 B)
FIELDS: Mapping[str, str] = {  # KODE's names for what the form calls otherwise
    "organizationNumber": "organization_number",
    "shareNumber": "share_number",
}
PRODUCT = "product"
INPUTS = {"cadastre": "CADASTRE", "share": "SHARE"}


class VitecDesk:
    """The desk of the portal `name`. `made` has the clients that the ring uses, and shares their tokens and limits."""

    def __init__(
        self, name: str, portal: "conf.VitecPortal", config: conf.Config, made: Remotes, store: Store, rules: Rules,
        now: Clock,
    ) -> None:  # fmt: skip
        self._name = name
        self._customers = frozenset(portal.customers)
        self._services = tuple(str(one) for one in portal.services)
        self._config = config
        self._made = made
        self._store = store
        self._rules = rules
        self._now = now
        self._wishes = wishes_of(config)
        self._needs_form = needs_form(config)
        self._done = Done(config, store)
        self._lock = threading.Lock()
        self._offers: dict[str, tuple[Product, ...]] = {}  # what may be chosen, by order, once it is known where

    @property
    def portal(self) -> str:
        """The portal's name."""
        return self._name

    def knows(self, customer_id: str) -> bool:
        """Whether a customer is configured."""
        return customer_id in self._customers

    # --- the link ---------------------------------------------------------------------------------------------

    def exchange(self, customer_id: str, token: str) -> Opened | Refused:
        """Asks Vitec what a token stands for, and takes the order down (vitec.md, sections 2 and 3)."""
        client: Vitec = self._made.clients[self._name]
        try:
            ticket = client.exchange(customer_id, token)
        except (AccessDenied, Rejected):
            return Refused(Reason.DENIED)
        except RemoteError:
            return Refused(Reason.BUSY)
        if isinstance(ticket, Expired):
            return Refused(Reason.EXPIRED)
        return self._taken(ticket, ticket.customer_id or customer_id)

    def _taken(self, ticket: Ticket, customer_id: str) -> Opened | Refused:
        """The ticket's word counts for more than the link's: whose order it is, is said there."""
        name, seen = f"{self._name}:{ticket.order_id}", supplied(ticket)
        loaded = self._store.load(name)
        if loaded is not None and _is_erased(loaded[0]):  # whose it was isn't known any more
            return Refused(Reason.OVER)
        known = {} if loaded is None else loaded[0].details
        owners = {customer_id, *_owners(known, "customer_id")}
        tenants = {ticket.tenant_id, *_owners(known, "tenant_id")} - {None}
        if not self.knows(customer_id) or len(owners) > 1 or len(tenants) > 1:
            return Refused(Reason.DENIED)
        if dict(known.get("ticket", {})) != dict(seen.values):
            if loaded is None:
                self._store.watch(self._name, [ticket.order_id], self._now(), By.AGENT)
            self._store.apply(name, seen, self._now(), self._rules)
        return Opened(name)

    # --- the page ---------------------------------------------------------------------------------------------

    def sheet(self, order: str) -> Sheet | None:
        """What the page shows of an order."""
        known = self._known(order)
        if known is None:
            return None
        wish = self._wishes(known)
        form, over = self._form(known, wish), self._is_over(known)
        files = tuple(
            Document(one.asset, one.name, one.size or 0, one.at or self._now()) for one in self._done.files(known)
        )
        return Sheet(
            service=self._what(known),
            home=str(known.details.get("ticket", {}).get("target_id", "")),
            address=str(known.details.get("form", {}).get("address", "")),
            state=State.ACTIVE if known.final and not over else known.state,
            awaited=_awaited(known, form, over=over),
            form=form,
            values=dict(known.details.get("form", {})),
            products=self._offers.get(order, ()),
            files=files,
        )

    def _known(self, order: str) -> Order | None:
        """An order that isn't erased; of the only service that there is, where Vitec's list hasn't said of which."""
        portal, _, _ = order.partition(":")
        loaded = self._store.load(order) if portal == self._name else None
        if loaded is not None and _is_erased(loaded[0]):
            return None
        if loaded is None or loaded[0].service or len(self._services) != 1:
            return None if loaded is None else loaded[0]
        known = loaded[0]
        head = {"service": self._services[0], **known.details.get("head", {})}
        return known.but(service=self._services[0], details={**known.details, "head": head})

    def _is_over(self, known: Order) -> bool:
        """To the agent an order isn't delivered before its files are here."""
        return known.final and (known.state is State.CANCELLED or self._done.is_ready(known))

    def _form(self, known: Order, wish: Wish | None) -> FormKind | None:
        over = known.final or known.work is not Work.UNBEGUN or "form" in known.details
        if wish is None or over:
            return None
        return FormKind(wish.kind) if self._needs_form(known) or wish.kind == "map" else None

    def _what(self, known: Order) -> str:
        """What was ordered, in words: as it is billed, or else the service's number."""
        route = route_of(known, self._rules)
        if route is not None:
            lines = self._config.routes[self._rules.routes.index(route)].lines
            texts = [line.description for line in lines if "{" not in line.description]
            if texts:
                return ", ".join(texts)
        return f"Tjänst {known.service}" if known.service else "Beställning"

    # --- the form ---------------------------------------------------------------------------------------------

    def check(self, order: str, values: Mapping[str, str]) -> Checked:
        """Looks the values over, and asks KODE what they cost."""
        return self._looked_over(order, values)[0]

    def _looked_over(self, order: str, values: Mapping[str, str]) -> tuple[Checked, Mapping[str, str]]:
        """What is said of the values, and those of them that count."""
        case = self._case(order)
        faults = {"": Fault.REFUSED} if case is None else case.faults(values)
        if case is None or faults:
            return Checked(faults), values
        try:
            return self._sold(case, values)
        except Rejected:
            return Checked({"": Fault.REFUSED}), values
        except RemoteError:
            return Checked({"": Fault.LATER}), values

    def _case(self, order: str) -> "_Case | None":
        known = self._known(order)
        wish = None if known is None else self._wishes(known)
        route = None if known is None else route_of(known, self._rules)
        if known is None or wish is None or route is None:
            return None
        placer = self._made.sinks.get(route.fulfilment)
        if not isinstance(placer, KodeFulfilment):
            return None
        return _Case(known, wish, placer, self._made.clients[self._rules.accounts[route.fulfilment]])

    def _sold(self, case: "_Case", values: Mapping[str, str]) -> tuple[Checked, Mapping[str, str]]:
        """What it costs by KODE's products (section 4). Only where the route's aren't sold may others be chosen."""
        plain, name = _plain(values), case.order.name
        placing = case.placing(plain)
        assert placing is not None, "there were faults"
        sold = {one.code: one for town in _towns(placing) for one in case.client.products(town)}
        if all(wanted.code in sold for wanted in placing.products):
            self._offers.pop(name, None)
            return case.priced(placing, sold), plain
        self._offers[name] = offered = tuple(
            _offer(one) for one in sold.values() if one.input_type == INPUTS.get(case.wish.kind)
        )
        chosen = values.get(PRODUCT, "").split()
        other = case.placing(values) if chosen else None
        if other is None or set(chosen) - {one.code for one in offered}:
            return Checked({PRODUCT: _unsold(offered, chosen=bool(chosen))}), values
        return case.priced(other, sold), values

    def place(self, order: str, values: Mapping[str, str]) -> Mapping[str, Fault] | None:
        """Writes down what the agent wants, once; the ring places it."""
        if not self._waits(order):
            return None
        checked, wanted = self._looked_over(order, values)
        if checked.faults:
            return checked.faults
        with self._lock:
            if self._waits(order):
                self._store.apply(order, Supplied("form", dict(wanted)), self._now(), self._rules)
                self._offers.pop(order, None)
        return None

    def _waits(self, order: str) -> bool:
        known = self._known(order)
        return known is not None and self._form(known, self._wishes(known)) is not None

    # --- the files --------------------------------------------------------------------------------------------

    def open(self, order: str, asset: str) -> Content | None:
        """A file of an order's."""
        known = self._known(order)
        file = None if known is None else next((one for one in self._done.files(known) if one.asset == asset), None)
        if known is None or file is None:
            return None
        shelf, folder = self._done.shelf(known)
        with suppress(DiskTrouble):
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            return Content(shelf.open(folder, file.name), file.name, file.size or 0, kind)
        return None


@dataclass(frozen=True, slots=True)
class _Case:
    """An order that its route has placed in KODE, with the account that it is placed with."""

    order: Order
    wish: Wish
    placer: KodeFulfilment
    client: Kode

    def faults(self, values: Mapping[str, str]) -> dict[str, Fault]:
        """What is wrong with a form's values, as far as nobody has to be asked."""
        if self.wish.kind == "map":
            return {"": Fault.MAP}
        missing = {name: Fault.MISSING for name in _wanted(self.wish) if not values.get(name)}
        text = {**_plain(values), **dict.fromkeys(missing, "?")}  # so that what is wrong besides is said at once
        placing = self.placing(text)
        if placing is None:
            return missing or {"": Fault.REFUSED}
        wrong = {FIELDS.get(one.field, one.field): Fault.MALFORMED for one in kode.check(placing)}
        return {name if name in text else "": fault for name, fault in (wrong | missing).items()}

    def placing(self, form: Mapping[str, str]) -> Placing | None:
        """What would be placed with a form's values; None where that is nothing that can be."""
        try:
            return self.placer.placing(self.order.but(details={**self.order.details, "form": dict(form)}), "check")
        except (Unfilled, Rejected):
            return None

    def priced(self, placing: Placing, sold: Mapping[str, kode.Product]) -> Checked:
        """What it costs in all, and what it is. Raises RemoteError."""
        codes = [wanted.code for wanted in placing.products]
        price = _priced(self.client.price(placing)) or _sum([sold[code].price for code in codes])
        return Checked({}, price, tuple(sold[code].name for code in codes))


def _plain(values: Mapping[str, str]) -> dict[str, str]:
    """A form's values but for the choice of a product."""
    return {name: value for name, value in values.items() if name != PRODUCT}


def _is_erased(order: Order) -> bool:
    return order.ended_at is not None and not order.details


def _owners(details: Mapping[str, Mapping[str, object]], name: str) -> set[str]:
    found = (details.get(part, {}).get(name) for part in ("head", "ticket"))
    return {one for one in found if isinstance(one, str)}


def _awaited(known: Order, form: FormKind | None, *, over: bool) -> Awaited:
    if form is not None:
        return Awaited.AGENT
    if over:
        return Awaited.NOTHING
    if known.park is not None:
        return Awaited.PERSON
    return Awaited.US if known.work is Work.UNBEGUN else Awaited.SUPPLIER


def _wanted(wish: Wish) -> tuple[str, ...]:
    return ("cadastre", "address") if wish.kind == "cadastre" else ("organization_number", "share_number")


def _towns(placing: Placing) -> tuple[str, ...]:
    """The municipalities whose products are asked for: the cadastre's, or else those of the codes (section 4)."""
    if placing.cadastre:
        return (placing.cadastre[:4],)
    return tuple(dict.fromkeys(wanted.code[2:6] for wanted in placing.products))


def _offer(product: kode.Product) -> Product:
    return Product(product.code, product.name, _priced(product.price))


def _priced(price: kode.Price | None) -> Price | None:
    if price is None or price.net is None or price.vat is None:
        return None
    return Price(price.net, price.vat, CURRENCY)


def _sum(prices: list[kode.Price | None]) -> Price | None:
    known = [one for price in prices if (one := _priced(price)) is not None]
    if len(known) < len(prices):
        return None
    start = Price(Decimal(), Decimal(), CURRENCY)
    for one in known:
        start = replace(start, net=start.net + one.net, gross=start.gross + one.gross)
    return start


def _unsold(offered: tuple[Product, ...], *, chosen: bool) -> Fault:
    if not offered:
        return Fault.NO_PRODUCT
    return Fault.NOT_OFFERED if chosen else Fault.MISSING
