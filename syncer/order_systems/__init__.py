"""Order systems: where an order is registered, to be billed.

What is to be billed to whom is said by the routes, as values; how a call goes over the wire is not known here, nor
what an outcome means for an order.
"""

from syncer.order_systems.billing import Billing, BillingLine, Payer
from syncer.order_systems.gks4 import Gks4OrderSystem

__all__ = ["Billing", "BillingLine", "Gks4OrderSystem", "Payer"]
