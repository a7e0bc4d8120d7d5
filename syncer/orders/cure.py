"""What an order waits for, in words for people: its next step at the time that is stored for it, and what helps.

Shared by every room that shows an order. Nothing is decided in here: the plan is the plan's.
"""

from datetime import datetime

from syncer.orders.plan import Act, Next, plan
from syncer.orders.rules import Rules
from syncer.orders.values import Intent, Order, Park

__all__ = ["help_for", "upcoming"]


def upcoming(order: Order, intent: Intent | None, now: datetime, rules: Rules) -> Next:
    """What happens next: the plan, at the time that is stored for it."""
    step = plan(order, intent, now, rules)
    at = order.wake_at if order.wake_at is not None and order.wake_at > now else None
    return Next(step.act, step.why, at if step.act is not Act.PERSON else step.at)


def help_for(order: Order) -> str:
    """The command that helps with a parked order."""
    match order.park:
        case None:
            return f"syncer deliver {order.name}, or syncer cancel {order.name}"
        case Park.UNCERTAIN:
            return f"syncer resolve {order.name} done, or not-done"
        case Park.CANCEL | Park.TAKEOVER:
            return f"syncer retry, deliver or cancel {order.name}"
        case Park.HELD | Park.AWAITED:
            what = "the portal is changed" if order.park is Park.HELD else "that is done"
            return f"it goes on when {what}, or with syncer retry {order.name}; or deliver, or cancel"
        case Park.ROUTE:
            return f"add a route, then syncer retry {order.name}; or syncer deliver, or cancel"
        case _:
            return f"syncer retry {order.name}; or syncer deliver, or cancel"
