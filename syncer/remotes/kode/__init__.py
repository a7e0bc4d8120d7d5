"""The client of KODE, Ambita's portal of orders for municipal property data (contract: kode.md).

It knows the wire, and has no idea of what becomes of an order or where a file is kept.
"""

from syncer.remotes.kode.client import Kode, OrderUnknown, StaleAddress
from syncer.remotes.kode.ordering import Fault, Kind, Placing, Wanted, check, order_body
from syncer.remotes.kode.products import Price, Product
from syncer.remotes.kode.pushes import Message, OrderPush, push_of
from syncer.remotes.kode.tree import Asset, OrderLine, SupplierOrder, Tree

__all__ = [
    "Asset",
    "Fault",
    "Kind",
    "Kode",
    "Message",
    "OrderLine",
    "OrderPush",
    "OrderUnknown",
    "Placing",
    "Price",
    "Product",
    "StaleAddress",
    "SupplierOrder",
    "Tree",
    "Wanted",
    "check",
    "order_body",
    "push_of",
]
