"""A pass that changes nothing: sinks that say what they would do."""

from collections.abc import Callable

from syncer.engine.protocols import Sink
from syncer.errors import Unavailable
from syncer.orders import Absent, CannotTell, Fetched, Found, Intent, Kind, MessageLeft, Observation, Order, Told


class Rehearsal:
    """Stands for a sink in a dry run: it looks things up for real, and reports each call instead of making it.

    What the portal would be told is taken as told, so that the next step shows too; what a fulfilment would make of
    an order can't be known, so that its order stops there.
    """

    def __init__(self, sink: Sink, report: Callable[[Order, Intent], None]) -> None:
        self.name = sink.name
        self._sink = sink
        self._report = report
        self._told: set[str] = set()

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Reports the call."""
        if intent.kind is Kind.STATUS and order.name not in self._told:
            found = self._sink.find(intent, order)  # the portal is read before it would be written
            if isinstance(found, Found):
                return found.seen
        self._report(order, intent)
        self._told.add(order.name)
        if intent.kind is Kind.STATUS:
            return Told(intent.payload["status"])
        if intent.kind is Kind.MESSAGE:
            return MessageLeft()
        raise Unavailable(self.name, "dry run", "not sent: this is a dry run", order_only=True)

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Looks it up for real."""
        return self._sink.find(intent, order)


class Unmoved:
    """Stands for a porter in a dry run: no file is fetched or removed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fetch(self, _order: Order, _enough: Callable[[], bool], *, patient: bool) -> Observation | None:
        """As if all were there."""
        del patient
        return Fetched()
