"""What is seen from outside: what a portal lists, what happens to an order, and what a look-up tells.

Plain values. No I/O, no clock, and nothing of what an observation means.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from syncer.orders.values import NAMELESS, File

# --- listings -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a portal's listing. `fingerprint` covers all of the row but its status."""

    external_id: str
    status: str
    service: str
    fingerprint: str
    head: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """A listed row that can't be told from any other order: it has no id, or not one that an id can be."""

    raw: str
    cause: str

    @property
    def external_id(self) -> str:
        """An id of our own for it, the same whenever the row is listed again."""
        return NAMELESS + hashlib.sha256(self.raw.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a portal has been read.

    `position` is the portal's own notion of it, `reread_on` the day of the last deep re-read.
    """

    position: str | None = None
    reread_on: str | None = None
    last_poll_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one listing said, and the cursor that it moves to.

    `owner` names the head's field that tells whose order a row is. With it, the list is all that the portal says of an
    order: the head of a changed row replaces the one that is kept, unless it is another owner's.
    """

    rows: tuple[Listed, ...]
    broken: tuple[Broken, ...]
    cursor: Cursor
    warning: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Mentions:
    """The orders that a fulfilment's list of events speaks of, by its reference or path, and the new cursor."""

    refs: frozenset[str]
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Accounting:
    """What became of the rows of a listing: listed = unchanged + changed + new + unreadable.

    `parked` counts the unreadable ones that were not listed before.
    """

    listed: int = 0
    unchanged: int = 0
    changed: int = 0
    new: int = 0
    unreadable: int = 0
    parked: int = 0

    @property
    def ingested(self) -> int:
        """How many orders the listing gave to work on."""
        return self.changed + self.new


# --- observations ---------------------------------------------------------------------------------------------


@cache
def _event(name: str) -> str:
    return "order." + re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that happened to an order. `text` is for people, and never holds personal data."""

    @property
    def event(self) -> str:
        """The stable name in history and logs."""
        return _event(type(self).__name__)

    @property
    def text(self) -> str:
        """What happened, in a few words."""
        return ""


@dataclass(frozen=True, slots=True)
class Read(Observation):
    """The portal was asked for the order. `status` is its own word, in lower case.

    `explained`: a failure of ours is written there. `files` are those that are new or have changed, to be written down
    with it; `files_due`: some of all that it has are still to be seen to. `ours`: what stands there shows that it once
    went through our hands, or may have. `old` says why a former life may have done it though nothing there shows that;
    it counts when its service is first known. `awaits` is what another party must do before the order can be handed
    over, until `awaits_until`. `listed` is the list's word for the status, where that is another one.
    """

    status: str
    service: str = ""
    wish_at: datetime | None = None
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    explained: bool = False
    files: tuple[File, ...] = ()
    files_due: bool = False
    ours: bool = False
    old: str = ""
    awaits: str = ""
    awaits_until: datetime | None = None
    listed: str | None = None

    @property
    def text(self) -> str:
        return f"the portal says {self.status}"


@dataclass(frozen=True, slots=True)
class Supplied(Observation):
    """Somebody has supplied a part of what is to be known of the order: one of the sections `SUPPLIED`.

    The values are what a person wrote, or stand for one: they go to the order's details and nowhere else.
    """

    section: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return f"the {self.section} was supplied"


@dataclass(frozen=True, slots=True)
class Unchanged(Observation):
    """The portal was asked, and says what it said before."""


@dataclass(frozen=True, slots=True)
class Fetched(Observation):
    """Files were seen to; `left`: not all of them. `refused` says why some can't be kept."""

    left: bool = False
    refused: str = ""

    @property
    def text(self) -> str:
        return self.refused


@dataclass(frozen=True, slots=True)
class Moved(Observation):
    """About to be written to, the portal was seen to say something else than when the call was decided."""

    status: str

    @property
    def text(self) -> str:
        return f"the portal says {self.status} by now"


@dataclass(frozen=True, slots=True)
class _Caused(Observation):
    cause: str

    @property
    def text(self) -> str:
        return self.cause


@dataclass(frozen=True, slots=True)
class Illegible(_Caused):
    """The order, or something about it, could not be read."""


@dataclass(frozen=True, slots=True)
class Told(Observation):
    """The portal says what we told it. `listed` is the list's word for it, where that is another one."""

    status: str
    listed: str | None = None

    @property
    def text(self) -> str:
        return f"the portal was told {self.status}"


@dataclass(frozen=True, slots=True)
class TellRefused(_Caused):
    """The portal refused a status."""


@dataclass(frozen=True, slots=True)
class MessageLeft(Observation):
    """Our message stands on the order."""

    @property
    def text(self) -> str:
        return "a message was written on the order"


@dataclass(frozen=True, slots=True)
class MessageRefused(_Caused):
    """The portal refused our message."""


class OurWord(str):
    """A text of our own, and no remote's: it can hold nobody's name."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Registered(Observation):
    """The order system has the order. `note` is what of it isn't as it was sent."""

    target: str
    ref: str | None = None
    note: str = ""

    @property
    def text(self) -> str:
        number = f" as {self.ref}" if self.ref else ""
        return f"registered in {self.target}{number}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True, slots=True)
class RegisterRefused(_Caused):
    """The order system would not take the order."""


@dataclass(frozen=True, slots=True)
class NotRegistered(Observation):
    """An operator has looked: the order system doesn't have the order."""

    @property
    def text(self) -> str:
        return "an operator said: not registered"


@dataclass(frozen=True, slots=True)
class Given(Observation):
    """The portal has one more part of the result, or none was left to be given; `left`: others may be.

    `what` says which, in words of our own.
    """

    left: bool
    what: str = ""

    @property
    def text(self) -> str:
        return f"given to the portal: {self.what}" if self.what else "a part of the result was given to the portal"


@dataclass(frozen=True, slots=True)
class GiveRefused(_Caused):
    """The portal would not take a part of the result."""


@dataclass(frozen=True, slots=True)
class Begun(Observation):
    """The fulfilment has the order, and is not done. `note` is its own word for how far it is."""

    ref: str | None = None
    note: str = ""

    @property
    def text(self) -> str:
        return f"under way ({self.note})" if self.note else "under way"


@dataclass(frozen=True, slots=True)
class Done(Observation):
    """The fulfilment says that the order is delivered."""

    ref: str | None = None
    note: str = ""

    @property
    def text(self) -> str:
        return f"done ({self.note})" if self.note else "done"


@dataclass(frozen=True, slots=True)
class Failed(_Caused):
    """The fulfilment began, and gave up."""

    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Refused(_Caused):
    """The fulfilment would not begin."""


@dataclass(frozen=True, slots=True)
class Held(_Caused):
    """The fulfilment can't take the order before a time."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Vanished(_Caused):
    """The fulfilment no longer knows an order that it had, and shows no result of it."""


@dataclass(frozen=True, slots=True)
class Absent(Observation):
    """The fulfilment was asked, and surely doesn't have the order."""

    @property
    def text(self) -> str:
        return "looked up: not there"


@dataclass(frozen=True, slots=True)
class Unclear(_Caused):
    """Whether a call had its effect can't be told by asking."""


@dataclass(frozen=True, slots=True)
class Withdrawn(Observation):
    """The fulfilment has stopped the order."""

    @property
    def text(self) -> str:
        return "the fulfilment was stopped"


@dataclass(frozen=True, slots=True)
class WithdrawRefused(_Caused):
    """The fulfilment can't stop the order any more."""


@dataclass(frozen=True, slots=True)
class Woke(Observation):
    """A time that was waited for has come."""


@dataclass(frozen=True, slots=True)
class Broke(_Caused):
    """A bug of ours was met while working on the order."""


@dataclass(frozen=True, slots=True)
class Retried(Observation):
    """An operator wants the order to go on."""

    @property
    def text(self) -> str:
        return "an operator said: retry"


@dataclass(frozen=True, slots=True)
class NotDone(Observation):
    """An operator has looked: the uncertain call had no effect."""

    @property
    def text(self) -> str:
        return "an operator said: not done"


@dataclass(frozen=True, slots=True)
class DeliveredByHand(Observation):
    """An operator has finished the order."""

    @property
    def text(self) -> str:
        return "an operator said: delivered"


@dataclass(frozen=True, slots=True)
class CancelledByHand(Observation):
    """An operator stops the order."""

    @property
    def text(self) -> str:
        return "an operator said: cancel"


OBSERVATIONS: tuple[type[Observation], ...] = (
    Read,
    Supplied,
    Unchanged,
    Fetched,
    Moved,
    Illegible,
    Told,
    TellRefused,
    MessageLeft,
    MessageRefused,
    Registered,
    RegisterRefused,
    NotRegistered,
    Given,
    GiveRefused,
    Begun,
    Done,
    Failed,
    Refused,
    Held,
    Vanished,
    Absent,
    Unclear,
    Withdrawn,
    WithdrawRefused,
    Woke,
    Broke,
    Retried,
    NotDone,
    DeliveredByHand,
    CancelledByHand,
)


# --- looking up -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """An intent had its effect, and this is what came of it. Its opposites are `Absent` and `CannotTell`."""

    seen: Observation


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Asking doesn't tell whether an intent had its effect. `why` says what a person should look for."""

    why: str
