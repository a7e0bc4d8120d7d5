"""The client of Vitec Connect, where estate agents order, and where their results are delivered (contract: vitec.md).

It knows the wire, and has no idea of an order's state.
"""

from syncer.remotes.vitec.client import STOCKHOLM, CustomerDenied, PasswordRefused, Vitec
from syncer.remotes.vitec.credentials import Credentials
from syncer.remotes.vitec.images import image_kind
from syncer.remotes.vitec.operations import FIELDS, Operation, Success
from syncer.remotes.vitec.values import Expired, Link, NotGranted, Office, Row, Ticket, User, token_of

__all__ = [
    "FIELDS",
    "STOCKHOLM",
    "Credentials",
    "CustomerDenied",
    "Expired",
    "Link",
    "NotGranted",
    "Office",
    "Operation",
    "PasswordRefused",
    "Row",
    "Success",
    "Ticket",
    "User",
    "Vitec",
    "image_kind",
    "token_of",
]
