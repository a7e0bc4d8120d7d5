"""GKS4, the printing house's order system, pretending: tokens, customers, sales orders and what they start.

Written from gks4.md alone. Nothing of the program's own GKS4 client may be imported here.
"""

from syncer.simulators.gks4.model import Options
from syncer.simulators.gks4.simulator import Gks4Simulator

__all__ = ["Gks4Simulator", "Options"]
