"""What Vitec's words for a status mean here: only one of them is documented, so all are configured (section 8.3).

Values to values: no call belongs here.
"""

from collections.abc import Mapping

from syncer.orders import FINAL, Order, State
from syncer.portals.vitec.facts import section

RANK = {State.NEW: 0, State.RECEIVED: 1, State.WAITING: 2, State.ACTIVE: 2, State.DELIVERED: 3, State.CANCELLED: 3}


class Statuses:
    """Our states by Vitec's words; a word that isn't among them changes nothing."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = {word: State(state) for word, state in words.items()}

    def word(self, raw: str | None) -> str:
        """What stands for a listed status: our state where it is mapped, so that what we told is no news, else it."""
        return str(self._words.get(raw or "", raw or ""))

    def of(self, order: Order, raw: str | None) -> str:
        """An order's status: what Vitec was last told, unless its own word has changed since, and leads on.

        A list may be behind, and without an operation Vitec never knows what it was told here.
        """
        mapped = self._words.get(raw or "")
        before = order.portal_status
        if before is None:
            return str(mapped or State.NEW)
        same = raw == section(order, "order").get("vitec_status")
        if mapped is None or same or before not in set(State):
            return before
        back = mapped not in FINAL and RANK[mapped] < RANK[State(before)]
        return before if back else str(mapped)
