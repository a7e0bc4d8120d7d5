"""The core: what an order is, what can be observed, and what follows from it.

Imports nothing of ours and does nothing: no I/O, no clock, no logging. Everything here is a value or a function
from values to values.
"""

from syncer.orders.cure import *  # noqa: F403 - each names its public words itself
from syncer.orders.decide import *  # noqa: F403
from syncer.orders.filling import *  # noqa: F403
from syncer.orders.plan import *  # noqa: F403
from syncer.orders.rules import *  # noqa: F403
from syncer.orders.seen import *  # noqa: F403
from syncer.orders.values import *  # noqa: F403
