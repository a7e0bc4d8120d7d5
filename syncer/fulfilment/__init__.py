"""Fulfilments: intents become calls, progress becomes observations.

What an observation means for an order is decided elsewhere; how a call goes over the wire too.
"""

from syncer.fulfilment.command import CommandFulfilment
from syncer.fulfilment.manual import ManualFulfilment
from syncer.fulfilment.on_api import OnApiFulfilment

__all__ = ["CommandFulfilment", "ManualFulfilment", "OnApiFulfilment"]
