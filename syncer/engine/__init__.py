"""The ring: poll what is due, decide, perform, until nothing more can be done now.

The two protocols that a remote system is made to fit live here. No remote is known by name, and no database: only
the store's verbs.
"""

from syncer.engine.bugs import BUG, is_bug, troubles_told
from syncer.engine.differing import About, Difference
from syncer.engine.disks import Cabinet
from syncer.engine.health import Health
from syncer.engine.passes import Engine, Progress, Summary
from syncer.engine.protocols import Follower, Porter, Sink, Source
from syncer.engine.rehearsal import Rehearsal, Unmoved
from syncer.engine.steps import Room, Tally
from syncer.engine.verifying import Parties, Unasked, Verdict, verify

__all__ = [
    "BUG",
    "About",
    "Cabinet",
    "Difference",
    "Engine",
    "Follower",
    "Health",
    "Parties",
    "Porter",
    "Progress",
    "Rehearsal",
    "Room",
    "Sink",
    "Source",
    "Summary",
    "Tally",
    "Unasked",
    "Unmoved",
    "Verdict",
    "is_bug",
    "troubles_told",
    "verify",
]
