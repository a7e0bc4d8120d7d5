"""Who has refused us: a customer's function that Vitec doesn't let us at isn't called again until a restart.

Calls against a refusal got others blocked altogether (vitec.md, section 10). What a refusal means is not for here.
"""

from collections.abc import Callable
from typing import TypeVar

from syncer.remotes.vitec import CustomerDenied, NotGranted

Answer = TypeVar("Answer")


class Doors:
    """The functions that customers have refused us so far, by customer and function group."""

    def __init__(self) -> None:
        self._shut: dict[tuple[str, str], CustomerDenied] = {}
        self._not_granted: dict[tuple[str, str], NotGranted] = {}

    def through(self, customer_id: str, area: str, call: Callable[[], Answer]) -> Answer:
        """Makes a call, unless it was refused before.

        Raises:
            CustomerDenied: it is refused, now or before.
        """
        before = self._shut.get((customer_id, area))
        if before is not None:
            cause = f"{before.cause}, and not asked again until a restart"
            raise CustomerDenied(
                before.remote, before.operation, cause, before.hint, customer_id=customer_id, area=before.area
            )
        try:
            return call()
        except CustomerDenied as denied:
            self._shut[customer_id, area] = self._shut[customer_id, denied.area] = denied
            raise

    def peek(self, customer_id: str, area: str, call: Callable[[], Answer | NotGranted]) -> Answer | NotGranted:
        """Looks something up that isn't needed, unless it was found not to be granted before."""
        before = self._not_granted.get((customer_id, area))
        if before is not None:
            return before
        found = call()
        if isinstance(found, NotGranted):
            self._not_granted[customer_id, area] = found
        return found
