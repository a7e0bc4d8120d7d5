"""Vitec Connect as a portal: estate agents' orders come from here, and their results go back here (vitec.md).

What an observation means for an order is decided elsewhere; how a call goes over the wire too.
"""

from syncer.portals.vitec.facts import Result, supplied
from syncer.portals.vitec.lists import Reach
from syncer.portals.vitec.portal import VitecPortal

__all__ = ["Reach", "Result", "VitecPortal", "supplied"]
