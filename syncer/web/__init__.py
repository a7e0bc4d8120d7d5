"""Health, metrics and the status page of `syncer run`, over HTTP and for reading only.

Imports the store's reading verbs, the orders' values and telemetry; Flask, cheroot and prometheus-client are imported
in here alone, and only once a server is wanted. Never in here: a call to a remote, a write to the store, a secret, an
order's details. What goes wrong in here stops no pass.
"""

from syncer.web.site import Site, Vitals

__all__ = ["Site", "Vitals"]
