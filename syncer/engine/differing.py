"""What `verify` finds: values, and nothing of how they are found."""

from dataclasses import dataclass
from enum import StrEnum


class About(StrEnum):
    """What a difference is about."""

    STATUS = "status"  # the portal says another status than here
    UNREAD = "unread"  # the remote doesn't show it
    UNKNOWN = "unknown"  # the portal has an order that isn't here
    FULFILMENT = "fulfilment"  # the fulfilment is farther, or less far, than here
    UNCERTAIN = "uncertain"  # a call's outcome isn't known here
    FILE = "file"  # a file on the disk isn't as it was kept, or isn't one of ours


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a remote says otherwise, or the disk, and the command that mends it."""

    order: str
    remote: str
    about: About
    ours: str
    theirs: str
    command: str
