"""Portals: remote answers become observations, replies become calls.

What an observation means for an order is decided elsewhere; how a call goes over the wire too.
"""

from syncer.portals.vitec import Reach, Result, VitecPortal
from syncer.portals.window import Window
from syncer.portals.xsp import XspPortal

__all__ = ["Reach", "Result", "VitecPortal", "Window", "XspPortal"]
