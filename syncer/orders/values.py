"""The nouns: order, intent, and everything that can be observed.

Plain values without behaviour beyond small derived facts. No I/O, no clock, no remote's vocabulary but the
portal states, which are ours too.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any


class State(StrEnum):
    """What the portal should be saying (design: words). The last two are final."""

    NEW = "new"
    RECEIVED = "received"
    ACTIVE = "active"
    WAITING = "waiting"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


FINAL = frozenset({State.DELIVERED, State.CANCELLED})


class Work(StrEnum):
    """How far the fulfilment has come."""

    UNBEGUN = "unbegun"
    BEGUN = "begun"  # handed over, and followed
    DONE = "done"
    FAILED = "failed"  # refused, or tried and failed
    ENDED = "ended"  # withdrawn there


class Park(StrEnum):
    """Why an order is set aside for a person; decides what `retry` does."""

    ROUTE = "route"
    REFUSED = "refused"
    FAILED = "failed"
    DEADLINE = "deadline"
    VANISHED = "vanished"
    UNCERTAIN = "uncertain"
    TAKEOVER = "takeover"
    HELD = "held"
    UNREADABLE = "unreadable"
    PORTAL = "portal"
    CANCEL = "cancel"
    REOPENED = "reopened"
    FILES = "files"
    REGISTER = "register"
    AWAITED = "awaited"
    BUG = "bug"


class Kind(StrEnum):
    """The calls that change something elsewhere."""

    STATUS = "status"
    MESSAGE = "message"
    REGISTER = "register"
    SUBMIT = "submit"
    CANCEL = "cancel"
    GIVE = "give"  # a part of the result is handed back to the portal


class IntentState(StrEnum):
    """An intent's life. The first three are open."""

    PLANNED = "planned"
    ATTEMPTING = "attempting"
    UNCERTAIN = "uncertain"
    DONE = "done"
    REJECTED = "rejected"


OPEN_INTENT = frozenset({IntentState.PLANNED, IntentState.ATTEMPTING, IntentState.UNCERTAIN})


SUPPLIED = frozenset({"ticket", "form"})  # sections of an order's details that no reading of a portal replaces
NAMELESS = "row-"  # how the external_id of an order begins that was listed without an id


@dataclass(frozen=True, slots=True)
class Intent:
    """One call that changes something elsewhere, written down before it is made.

    `key` never changes once decided, and travels to the remote as our reference. `payload` holds no personal data:
    the sink is handed the order too.
    """

    key: str
    kind: Kind
    target: str
    payload: Mapping[str, str] = field(default_factory=dict)
    state: IntentState = IntentState.PLANNED
    attempts: int = 0
    outcome: str | None = None
    at: datetime | None = None


class FileState(StrEnum):
    """A file's life. The first two are still to be seen to."""

    WANTED = "wanted"  # listed, and to be fetched
    LEAVING = "leaving"  # no longer ours to keep: to be removed
    KEPT = "kept"
    GONE = "gone"
    REFUSED = "refused"  # it can't be kept, for a reason that trying again doesn't change


DUE_FILE = frozenset({FileState.WANTED, FileState.LEAVING})


@dataclass(frozen=True, slots=True)
class File:
    """One file of an order: what the portal says of it, and what became of it here.

    `asset` is the portal's id, by which it is fetched once. `called` is its name as it came from outside, `name` the
    safe one that is its own on our disk from the first listing on. `size` is in bytes. `why` says what became of it.
    """

    asset: str
    name: str
    called: str = ""
    category: str = ""
    state: FileState = FileState.WANTED
    size: int | None = None
    sha256: str | None = None
    why: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as we know it. All times are aware UTC.

    `details` is what the portal said, in sections (`head`, `order`, `customer`, `data`), each a map of texts.
    `look_due` asks for the order to be read at its portal before anything else. `taken_over` marks an order that we
    may have worked on in a former life: its messages are looked up before they are written, and in `doubt` so is
    its activation. `explained`: a failure of ours stood on it then. `message` is still to be written, `said` is the
    last one decided. `wake_firm` is a time that `--once` doesn't override. `files_due`: some of its files are still to
    be fetched, or removed. `registered_in` is the order system that has it, and `register_ref` its number there; in
    `register_doubt`, a former life of ours may have registered it. `register_due`: it ended without being registered,
    and is to be. `registers` counts refusals.
    """

    portal: str
    external_id: str
    state: State = State.NEW
    portal_status: str | None = None
    service: str = ""
    work: Work = Work.UNBEGUN
    fulfilment: str | None = None
    fulfilment_ref: str | None = None
    park: Park | None = None
    parked: str | None = None
    look_due: bool = True
    doubt: bool = False
    taken_over: bool = False
    explained: bool = False
    seen_at: datetime | None = None
    wish_at: datetime | None = None
    hold_until: datetime | None = None
    begun_at: datetime | None = None
    round: int = 1
    tells: int = 0
    failures: int = 0
    message: str | None = None
    message_type: str = "error"
    said: str | None = None
    files_due: bool = False
    registered_in: str | None = None
    register_ref: str | None = None
    register_doubt: bool = False
    register_due: bool = False
    registers: int = 0
    awaits: str | None = None
    awaits_until: datetime | None = None
    given: int = 0
    given_all: bool = False
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    wake_at: datetime | None = None
    wake_firm: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def name(self) -> str:
        """`PORTAL:ID`, the word that people use."""
        return f"{self.portal}:{self.external_id}"

    @property
    def reference(self) -> str:
        """The stem of every key of this order, the same after the database is lost."""
        return reference(self.portal, self.external_id)

    @property
    def nameless(self) -> bool:
        """Whether it stands for a listed row without an id, which no call can be about."""
        return self.external_id.startswith(NAMELESS)

    @property
    def final(self) -> bool:
        """Whether the state is one of the two that end an order."""
        return self.state in FINAL

    def but(self, **changes: Any) -> "Order":
        """The same order, with some facts changed. Made thirty times in its life: `replace` takes longer."""
        return Order(**(dict(zip(_FACTS, _facts_of(self), strict=True)) | changes))


_FACTS = tuple(fact.name for fact in fields(Order))
_facts_of = attrgetter(*_FACTS)


def reference(portal: str, external_id: str) -> str:
    """A stem of at most 30 characters out of letters, digits, dots and dashes (on_api.md, section 2: an ID has 36)."""
    plain = f"{portal}.{external_id}"
    stem = re.sub(r"[^-0-9a-zA-Z.]", "-", plain)
    if stem == plain and len(stem) <= 30:
        return stem
    return f"{stem[:15]}.{hashlib.sha256(plain.encode()).hexdigest()[:14]}"


def is_ours(text: object, stem: str) -> bool:
    """Whether a remote's reference is one of this order's, of whichever round."""
    return isinstance(text, str) and re.fullmatch(re.escape(stem) + r"(\.s[0-9]+)?", text) is not None


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


# --- rules ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """The configured rule: orders of `portal` whose fields equal `match` go to `fulfilment`.

    `register` names the order system where they are registered before that.
    """

    portal: str
    fulfilment: str
    match: Mapping[str, str] = field(default_factory=dict)
    service: str = ""
    access: str = ""
    register: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one fulfilment.

    `deadline` None: it may take for ever. `followed`: it can be asked how far it is; `paced`: ever rarer, as the order
    ages. `proven`: what became of a call that it can't be asked about may still come out by itself.
    """

    poll_every: timedelta = timedelta(minutes=1)
    deadline: timedelta | None = None
    followed: bool = True
    paced: bool = False
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What holds for a portal that is asked how far each order is, and never told anything.

    `poll_every` is for an order's first hour; `follow_for` is how long an ended one is still asked about.
    """

    poll_every: timedelta = timedelta(minutes=1)
    follow_for: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Rules:
    """All that the operator has decided beforehand.

    `patience` is how long each remote may be at work on a call: until then, that it isn't there proves nothing.
    `watched` are the portals that are asked and never told. `accounts` names, for a fulfilment that places orders in
    such a portal, that portal: what is placed is an order of it too, and followed there. `gives` are the portals that
    take the results of what was done.
    """

    routes: tuple[Route, ...] = ()
    terms: Mapping[str, Terms] = field(default_factory=dict)
    patience: Mapping[str, timedelta] = field(default_factory=dict)
    watched: Mapping[str, Watch] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    gives: frozenset[str] = frozenset()


def lookup(details: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    """The text of a field of the order: `section.name`, or the first section that has `name`, else None.

    What somebody has filled in for the order counts before all else that is called the same.
    """
    section, _, rest = name.partition(".")
    if rest and section in details:
        value = details[section].get(rest)
    else:
        parts = (details.get("form", {}), *details.values())
        value = next((part[name] for part in parts if part.get(name) is not None), None)
    return None if value is None else str(value)
