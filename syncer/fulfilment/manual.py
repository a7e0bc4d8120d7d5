"""A person as fulfilment: handed an order, and heard of again by command (`syncer deliver`, `syncer cancel`)."""

from syncer.orders import Absent, Begun, CannotTell, Found, Intent, Kind, Observation, Order, OurWord, WithdrawRefused


class ManualFulfilment:
    """Hands an order over by saying so. Handing it over again changes nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def perform(self, intent: Intent, order: Order) -> Observation:
        """The order is the person's now; what they have begun, only they can stop."""
        if intent.kind is Kind.CANCEL:
            return WithdrawRefused(f"a person has it: stop it by hand, then `syncer cancel {order.name}`")
        return Begun(note=OurWord("handed to a person"))

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Handed over or not is the same."""
        return Found(self.perform(intent, order))
