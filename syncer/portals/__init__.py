"""Portals: remote answers become observations, replies become calls.

What an observation means for an order is decided elsewhere; how a call goes over the wire too.
"""

from syncer.portals.kode import KodePortal, Ledger
from syncer.portals.xsp import Window, XspPortal

__all__ = ["KodePortal", "Ledger", "Window", "XspPortal"]
