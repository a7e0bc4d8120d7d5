"""Portals: remote answers become observations, replies become calls.

What an observation means for an order is decided elsewhere; how a call goes over the wire too. Each kind is imported
from its own module, and only where the configuration has one.
"""

from syncer.portals.window import Window
from syncer.portals.xsp import XspPortal

__all__ = ["Window", "XspPortal"]
