"""KODE as fulfilment: a route's order is placed with a portal's account, and followed until it is finished.

KODE can't be asked whether it has an order (kode.md, section 14 B): what a lost answer did is for a person to say,
unless a push message names an order that turns out, read afresh, to carry our key.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from syncer.errors import Rejected, Unreadable
from syncer.orders import (
    Begun,
    CannotTell,
    Cursor,
    Done,
    Failed,
    Found,
    Intent,
    Kind,
    Mentions,
    Observation,
    Order,
    OurWord,
    Refused,
    Unfilled,
    Vanished,
    WithdrawRefused,
    fill,
)
from syncer.remotes.kode import Kind as OrderKind
from syncer.remotes.kode import Kode, OrderUnknown, Placing, Tree, Wanted

UNDER_WAY = {status: OurWord(status) for status in ("NEW", "PROGRESS")}
FINISHED = OurWord("FINISHED")
TAKEN_BACK = frozenset({"CANCELLED", "REFUNDED"})
NO_CANCEL = OurWord("KODE has no way to cancel an order: ask support@ambita.com")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a route places: one order of `kind` on `products`, each with `data`.

    `fields` are templates by the names of `Placing`, `delivery` by those of `deliveryInformation` (section 6.2).
    """

    kind: Literal["cadastre", "share", "map"]
    products: tuple[str, ...]
    fields: dict[str, str] = field(default_factory=dict)
    delivery: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)


class KodeFulfilment:
    """Orders placed in KODE with a portal's account (contract: kode.md, sections 6 and 7).

    `wish` is what the route of an order places, None where there is no such route any more. `pushed` are the ids of
    KODE's orders that pushes have named together with a key of ours.
    """

    def __init__(
        self,
        name: str,
        client: Kode,
        wish: Callable[[Order], Wish | None],
        pushed: Callable[[str], tuple[str, ...]],
    ) -> None:
        self.name = name
        self._client = client
        self._wish = wish
        self._pushed = pushed

    # --- sink -------------------------------------------------------------------------------------------------

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Places the order. Never safe to repeat; what can't be placed is refused before it is sent."""
        if intent.kind is Kind.CANCEL:
            return WithdrawRefused(NO_CANCEL)
        try:
            return _progress(self._client.place(self.placing(order, intent.key)))
        except Unfilled as unfilled:
            return Refused(OurWord(f"the order lacks {', '.join(unfilled.names)}"))
        except Rejected as refusal:
            return Refused(refusal.cause)

    def placing(self, order: Order, key: str) -> Placing:
        """What is placed for an order; our key is both of its references.

        Raises:
            Unfilled: the order lacks a field that its route names.
            Rejected: there is no such route, or a field can't be what it should be.
        """
        wish = self._wish(order)
        if wish is None:
            raise Rejected(self.name, "orders.create", "no route places this order any more")
        filled = {name: fill(template, order.details) for name, template in wish.fields.items()}
        return Placing(
            OrderKind(wish.kind),
            tuple(Wanted(code, wish.data) for code in codes_of(order) or wish.products),
            filled.get("reference") or key,
            key,
            address=filled.get("address"),
            cadastre=filled.get("cadastre"),
            organization_number=filled.get("organization_number"),
            share_number=filled.get("share_number"),
            geometry=self._geometry(filled.get("geometry")),
            spatial_reference=filled.get("spatial_reference"),
            delivery={name: fill(template, order.details) for name, template in wish.delivery.items()},
        )

    def _geometry(self, text: str | None) -> Mapping[str, Any] | None:
        """A GeoJSON object out of a field's text."""
        if text is None:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Rejected(self.name, "orders.create", "not sent: geometry is no GeoJSON object")
        return found

    def find(self, intent: Intent, order: Order) -> Found | CannotTell:
        """Whether KODE has our order: only where a push has named one, which is read to see that it is ours."""
        if intent.kind is Kind.CANCEL:
            return Found(WithdrawRefused(NO_CANCEL))
        for key in self._pushed(intent.key):
            try:
                tree = self._client.order(key)
            except Rejected:
                continue
            if intent.key in tree.technical_references:
                return Found(_progress(tree))
        look = f"look in KODE for an order with the reference {intent.key} (for {order.name})"
        return CannotTell(f"KODE can't be asked by our reference; {look}")

    # --- follower ---------------------------------------------------------------------------------------------

    def poll(self, _cursor: Cursor) -> Mentions | None:
        """KODE has no list of what has happened."""
        return None

    def read(self, order: Order) -> Observation:
        """How far the order is in KODE."""
        try:
            return _progress(self._client.order(order.fulfilment_ref or ""))
        except OrderUnknown:
            return Vanished(OurWord(f"KODE no longer knows order {order.fulfilment_ref}"))
        except Rejected as refusal:  # which says nothing about the order
            raise Unreadable(self.name, refusal.operation, refusal.cause) from None

    def check(self) -> str:
        """One harmless call: signs in."""
        return self._client.check()


def codes_of(order: Order) -> tuple[str, ...]:
    """The products that an agent has chosen on the order's page, in place of the route's; none where none were."""
    chosen = order.details.get("form", {}).get("product")
    return tuple(chosen.split()) if isinstance(chosen, str) else ()


def _progress(tree: Tree) -> Observation:
    """What an order's status means for the one that it was placed for. One that isn't known means nothing."""
    if tree.status == FINISHED:
        return Done(tree.id, FINISHED)
    if tree.status in TAKEN_BACK:
        return Failed(OurWord(f"KODE's order {tree.id} was {tree.status.lower()}"), tree.id)
    return Begun(tree.id, UNDER_WAY.get(tree.status, tree.status))
