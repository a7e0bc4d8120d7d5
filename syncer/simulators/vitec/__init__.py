"""Vitec Connect, the estate agents' portal, pretending: orders by token, the list, notes, images and look-ups.

Written from vitec.md alone. Nothing of the program's own Vitec client may be imported here.
"""

from syncer.simulators.vitec.model import Options
from syncer.simulators.vitec.simulator import VitecSimulator

__all__ = ["Options", "VitecSimulator"]
