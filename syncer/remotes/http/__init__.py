"""HTTP: calls to one remote, and the only importer of requests.

Nothing of any one remote may be in here, and nothing from here may show a URL, a header or a body.
"""

from syncer.remotes.http import deadlines
from syncer.remotes.http.addresses import HARMLESS, harmless, same_host
from syncer.remotes.http.bodies import CHUNK
from syncer.remotes.http.calls import PASSING, SHORTEST_HIDDEN, Http
from syncer.remotes.http.deadlines import Watcher as _Watcher
from syncer.remotes.http.failures import LATE, TOO_LONG
from syncer.remotes.http.failures import TooLarge as _TooLarge
from syncer.remotes.http.pace import Pace
from syncer.remotes.http.values import LONGEST_PAUSE, Answer, CallFact, Limits, retry_after

__all__ = [
    "CHUNK",
    "HARMLESS",
    "LATE",
    "LONGEST_PAUSE",
    "PASSING",
    "SHORTEST_HIDDEN",
    "TOO_LONG",
    "Answer",
    "CallFact",
    "Http",
    "Limits",
    "Pace",
    "_TooLarge",
    "_Watcher",
    "deadlines",
    "harmless",
    "retry_after",
    "same_host",
]
