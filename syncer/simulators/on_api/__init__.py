"""One city network's ON-API, pretending: accesses, orders and subscriptions with scripted behaviour.

Written from on_api.md alone. Nothing of the program's own ON-API client may be imported here.
"""

from syncer.simulators.on_api.model import Options, Script, Service
from syncer.simulators.on_api.simulator import OnApiSimulator

__all__ = ["OnApiSimulator", "Options", "Script", "Service"]
