"""The pages that an estate agent sees, in Swedish: what is ordered, how far it is, its files, and the form for more.

The address of a page is what opens it (`store.Purpose`): it can't be guessed, ends by itself, and can be revoked. The
token of the link that leads here is handed to the desk, once, and must never be in a log, a page, an error, a header
or the store. Nothing in here calls a remote: that is the desk's. Nothing is shown that the agent has not ordered.
"""

from syncer.web.agent.desk import (
    Awaited,
    Checked,
    Content,
    Desk,
    Document,
    Fault,
    FormKind,
    Opened,
    Price,
    Product,
    Reason,
    Refused,
    Sheet,
)

__all__ = [
    "Awaited",
    "Checked",
    "Content",
    "Desk",
    "Document",
    "Fault",
    "FormKind",
    "Opened",
    "Price",
    "Product",
    "Reason",
    "Refused",
    "Sheet",
]
