"""Ambita's KODE, pretending: login, products, orders that go on by the clock, and files of any size.

Written from kode.md alone. Nothing of the program's own KODE client may be imported here.
"""

from syncer.simulators.kode.content import asset_bytes, asset_digest
from syncer.simulators.kode.elsewhere import Elsewhere
from syncer.simulators.kode.model import File, Product, Script
from syncer.simulators.kode.names import hostile_names
from syncer.simulators.kode.options import Options
from syncer.simulators.kode.simulator import KodeSimulator
from syncer.simulators.kode.tokens import Credentials

__all__ = [
    "Credentials",
    "Elsewhere",
    "File",
    "KodeSimulator",
    "Options",
    "Product",
    "Script",
    "asset_bytes",
    "asset_digest",
    "hostile_names",
]
