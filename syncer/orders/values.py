"""The nouns: order, intent and file, and the words for how each stands.

Plain values without behaviour beyond small derived facts. No I/O, no clock, no remote's vocabulary but the
portal states, which are ours too.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
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
