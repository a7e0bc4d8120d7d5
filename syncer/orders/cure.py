"""What an order waits for, in words for people: its next step at the time that is stored for it, and what helps.

Shared by every room that shows an order. Nothing is decided in here: the plan is the plan's.
"""

from datetime import datetime

from syncer.orders.plan import Act, Next, plan
from syncer.orders.values import Intent, Order, Park, Rules

__all__ = ["help_for", "upcoming"]


def upcoming(order: Order, intent: Intent | None, now: datetime, rules: Rules) -> Next:
    """What happens next: the plan, at the time that is stored for it."""
    step = plan(order, intent, now, rules)
    at = order.wake_at if order.wake_at is not None and order.wake_at > now else None
    return Next(step.act, step.why, at if step.act is not Act.PERSON else step.at)


_CURES = {
    None: "syncer deliver {0}, or syncer cancel {0}",
    Park.UNCERTAIN: "syncer resolve {0} done, or not-done",
    Park.CANCEL: "syncer retry, deliver or cancel {0}",
    Park.TAKEOVER: "syncer retry, deliver or cancel {0}",
    Park.HELD: "it goes on when the portal is changed, or with syncer retry {0}; or deliver, or cancel",
    Park.AWAITED: "it goes on when that is done; or syncer deliver, or cancel {0}",
    Park.ROUTE: "add a route, then syncer retry {0}; or syncer deliver, or cancel",
}


def help_for(order: Order) -> str:
    """The command that helps with a parked order."""
    return _CURES.get(order.park, "syncer retry {0}; or syncer deliver, or cancel").format(order.name)
