"""The disk: tables, migrations, and verbs, each one transaction. Nothing else imports sqlmodel.

Rows never leave: callers give and get the values of `orders`. No call to a remote may happen in here.
"""

from syncer.store.addresses import Address, Purpose, new_address
from syncer.store.backup import Copy
from syncer.store.changes import Applied, Settled
from syncer.store.connect import StoreBusy, StoreError, with_password
from syncer.store.figures import Figures
from syncer.store.hearing import Notice
from syncer.store.journal import Happening
from syncer.store.oldest import STEPS, Oldest
from syncer.store.ordering import Unsettled
from syncer.store.pushes import By
from syncer.store.reading import Entry, Explained, Overview, RemoteHealth
from syncer.store.rows import InHand
from syncer.store.standing import Reason, Service, Standing
from syncer.store.verbs import Spoilt, Store

__all__ = [
    "STEPS",
    "Address",
    "Applied",
    "By",
    "Copy",
    "Entry",
    "Explained",
    "Figures",
    "Happening",
    "InHand",
    "Notice",
    "Oldest",
    "Overview",
    "Purpose",
    "Reason",
    "RemoteHealth",
    "Service",
    "Settled",
    "Spoilt",
    "Standing",
    "Store",
    "StoreBusy",
    "StoreError",
    "Unsettled",
    "new_address",
    "with_password",
]
