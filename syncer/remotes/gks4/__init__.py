"""The client of GKS4, the order system where a sales order is what is billed (contract: gks4.md).

It knows the wire, and has no idea of an order's state.
"""

from syncer.remotes.gks4.client import CustomerUnknown, Gks4
from syncer.remotes.gks4.customers import Address, Customer
from syncer.remotes.gks4.orders import Created, Line, SalesOrder, cut_lines
from syncer.remotes.gks4.settings import LineNames, OrderNames, Paths, SearchNames, Settings

__all__ = [
    "Address",
    "Created",
    "Customer",
    "CustomerUnknown",
    "Gks4",
    "Line",
    "LineNames",
    "OrderNames",
    "Paths",
    "SalesOrder",
    "SearchNames",
    "Settings",
    "cut_lines",
]
