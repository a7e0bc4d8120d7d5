"""What is written of one order in one go, and the set-based statements that write it for many orders at once.

A change is thought out upon an order as it was read, and written only if the order still stands so (`rev`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam, case, func, insert, null, update

from syncer.orders import (
    FINAL,
    OPEN_INTENT,
    Act,
    File,
    Intent,
    IntentState,
    Moved,
    Next,
    Observation,
    Order,
    Read,
    Rules,
    Told,
    Unchanged,
    Woke,
    decide,
    needs,
)
from syncer.store.prepared import run
from syncer.store.rows import (
    DETAILS,
    FACTS,
    FILES,
    HISTORY,
    INTENTS,
    ORDERS,
    RAW,
    InHand,
    facts_of,
    file_columns,
    intent_columns,
)

RAW_LIMIT = 65_536  # characters kept of an answer that could not be read
MUTABLE = tuple(name for name in FACTS if name not in {"portal", "external_id", "created_at"})


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an intent: its last state, and a sentence."""

    key: str
    state: IntentState
    outcome: str


@dataclass(frozen=True, slots=True)
class Applied:
    """An order after an observation: its open intent (begun already where it is `attempting`), and its next step."""

    order: Order
    intent: Intent | None
    next: Next
    before: Order
    held: InHand


@dataclass(frozen=True, slots=True)
class Change:
    """All that is written of one order at once: `after` as it stands then, the intents moved on and opened.

    `moved` holds (key, state, outcome or None, whether it is one more attempt). `placed` is the order (portal, id) that
    was placed for it in another portal, and is to be followed there.
    """

    held: InHand
    after: InHand
    at: datetime
    needs: str | None = None
    moved: tuple[tuple[str, IntentState, str | None, bool], ...] = ()
    opened: tuple[Intent, ...] = ()
    story: tuple[tuple[str, str], ...] = ()
    raw: str | None = None
    listed_status: str | None = None
    files: tuple[File, ...] = ()
    placed: tuple[str, str] | None = None
    next: Next | None = None

    @property
    def applied(self) -> Applied:
        """As the verb returns it."""
        assert self.next is not None
        return Applied(self.after.order, self.after.intent, self.next, self.held.order, self.after)


Thought = Callable[[InHand], Change | None]  # None: as the order stands, nothing is to be written


# --- thinking -------------------------------------------------------------------------------------------------


def seeing(
    seen: Observation,
    now: datetime,
    rules: Rules,
    settled: Settled | None,
    may_begin: Callable[[Intent], bool],
    raw: str | None,
    read_at: int | None = None,
) -> Thought:
    """What an observation leads to; `settled` is the intent whose outcome it is.

    `read_at` is the revision of the order that was read for. Where it is to be read by now because of something that
    came since, the reading may be older than that, and is worth nothing.
    """

    def think(held: InHand) -> Change:
        late = read_at is not None and held.rev != read_at and held.order.look_due
        return decided(held, Woke() if late and isinstance(seen, Read | Unchanged) else seen)

    def decided(held: InHand, seen: Observation) -> Change:
        intent = held.intent if settled is None else _after(held.intent, settled)
        moved = [] if settled is None else [(settled.key, settled.state, settled.outcome, False)]
        decision = decide(held.order, seen, now, rules, intent)
        if decision.drop and intent is not None:
            moved.append((intent.key, IntentState.REJECTED, "no longer wanted", False))
            intent = None
        begins = decision.next.act is Act.SEND
        opened = tuple(_first(one, now, begun=begins and may_begin(one)) for one in decision.intents)
        after = replace(decision.order, updated_at=now) if decision.order != held.order else decision.order
        story = [(seen.event, decision.note)] if decision.note else []
        if after.parked is not None and after.parked != held.order.parked:
            story.append(("order.parked", after.parked))
        wanted = needs(decision.next, after)
        return Change(
            held,
            InHand(after, opened[-1] if opened else intent, held.id, held.rev + 1),
            now,
            needs=wanted[-1] if wanted else None,
            moved=tuple(moved),
            opened=opened,
            story=tuple(story),
            raw=raw,
            listed_status=_listed(held.order, seen),
            files=seen.files if isinstance(seen, Read) else (),
            placed=_placed(held.order, after, rules),
            next=decision.next,
        )

    return think


def _placed(before: Order, after: Order, rules: Rules) -> tuple[str, str] | None:
    portal = rules.accounts.get(after.fulfilment or "")
    if portal is None or after.fulfilment_ref is None or after.fulfilment_ref == before.fulfilment_ref:
        return None
    return portal, after.fulfilment_ref


def _listed(before: Order, seen: Observation) -> str | None:
    """What a listing that is no news says from now on: what we wrote, or what was read to have changed.

    A list that is behind is read for once; then it is known to say so. Where the list has words of its own, it is
    compared with those.
    """
    if isinstance(seen, Read | Told) and seen.listed is not None:
        return seen.listed
    if isinstance(seen, Told):
        return seen.status
    return seen.status if isinstance(seen, Read | Moved) and seen.status != before.portal_status else None


def _after(intent: Intent | None, settled: Settled) -> Intent | None:
    """The open intent once `settled` is written."""
    if intent is None or intent.key != settled.key:
        return intent
    return replace(intent, state=settled.state, outcome=settled.outcome) if settled.state in OPEN_INTENT else None


def _first(intent: Intent, now: datetime, *, begun: bool) -> Intent:
    return replace(intent, at=now, state=IntentState.ATTEMPTING, attempts=1) if begun else replace(intent, at=now)


def is_all_here(change: Change) -> bool:
    """Whether an order has ended at its portal, and the last of its files has come, by this change."""

    def here(order: Order) -> bool:
        return order.portal_status in FINAL and not order.files_due

    return here(change.after.order) and not here(change.held.order)


def moving(
    key: str,
    state: IntentState,
    now: datetime,
    *,
    outcome: str | None = None,
    wake_at: datetime | None = None,
    firm: bool = False,
) -> Thought:
    """Moves an open intent on (not begun after all, of unknown outcome), and sets when to look again."""

    def think(held: InHand) -> Change:
        order = held.order if wake_at is None else held.order.but(wake_at=wake_at, wake_firm=firm, updated_at=now)
        again = state is IntentState.ATTEMPTING
        intent = held.intent
        repeated = intent is not None and intent.key == key and intent.outcome == outcome  # said once is enough
        story = [(f"intent.{state}", outcome)] if outcome is not None and not again and not repeated else []
        if intent is not None and intent.key == key:
            intent = replace(
                intent, state=state, at=now, outcome=outcome or intent.outcome, attempts=intent.attempts + again
            )
        return Change(
            held,
            InHand(order, intent, held.id, held.rev + 1),
            now,
            needs=None if intent is None else intent.target,
            moved=((key, state, outcome, again),),
            story=tuple(story),
        )

    return think


def beginning(intent: Intent, now: datetime) -> Thought:
    """Begins an intent that is planned; nothing where that is no longer what is planned."""
    begin = moving(intent.key, IntentState.ATTEMPTING, now)

    def think(held: InHand) -> Change | None:
        planned = intent.state is IntentState.PLANNED and held.intent == intent
        return begin(held) if planned else None

    return think


def putting_off(until: datetime, now: datetime, raw: str | None) -> Thought:
    """Puts an order off, without a change of its facts."""

    def think(held: InHand) -> Change:
        order = held.order.but(wake_at=until, wake_firm=False)
        return Change(held, InHand(order, held.intent, held.id, held.rev + 1), now, raw=raw)

    return think


# --- writing --------------------------------------------------------------------------------------------------

_ORDER = (
    update(ORDERS)
    .where(ORDERS.c.id == bindparam("b_id"), ORDERS.c.rev == bindparam("b_rev"))
    .values({
        **{name: bindparam(name) for name in MUTABLE},
        "rev": ORDERS.c.rev + 1,
        "needs": bindparam("b_needs"),
        "listed_status": func.coalesce(bindparam("b_listed"), ORDERS.c.listed_status),
        "erased_at": case((bindparam("b_anew"), null()), else_=ORDERS.c.erased_at),
    })
)  # fmt: skip
_MOVED = (
    update(INTENTS)
    .where(INTENTS.c.key == bindparam("b_key"))
    .values(
        state=bindparam("b_state"),
        open=bindparam("b_open"),
        outcome=func.coalesce(bindparam("b_outcome"), INTENTS.c.outcome),
        attempts=INTENTS.c.attempts + bindparam("b_again"),
        at=bindparam("b_at"),
    )
)

_STORY = insert(HISTORY).values({name: bindparam(name) for name in ("order_id", "at", "event", "text")})


def write(tx: Connection, changes: Sequence[Change]) -> bool:
    """Writes changes, each of another order; False, and to be rolled back, where one stands otherwise by now."""
    changes = sorted(changes, key=lambda change: change.held.id)  # one order of locks for all workers
    if run(tx, _ORDER, [_columns(change) for change in changes]) != len(changes):
        return False
    moved = [_moved(change, *move) for change in changes for move in change.moved]
    if moved:
        run(tx, _MOVED, moved)
    opened = [intent_columns(intent, change.held.id, change.at) for change in changes for intent in change.opened]
    if opened:
        upsert(tx, INTENTS, opened)
    told = [change for change in changes if change.after.order.details is not change.held.order.details]
    if told:
        upsert(tx, DETAILS, [{"order_id": one.held.id, "details": one.after.order.details} for one in told])
    files = [file_columns(file, change.held.id, change.at) for change in changes for file in change.files]
    if files:
        upsert(tx, FILES, files)
    kept = [raw_columns(change.held.id, change.at, change.raw) for change in changes if change.raw is not None]
    if kept:
        upsert(tx, RAW, kept)
    story = [
        {"order_id": change.held.id, "at": change.at, "event": event, "text": text}
        for change in changes
        for event, text in change.story
    ]
    if story:
        run(tx, _STORY, story)
    return True


def _columns(change: Change) -> dict[str, Any]:
    before, after = change.held, change.after
    columns = facts_of(after.order)
    for name in ("portal", "external_id", "created_at"):
        del columns[name]
    anew = change.raw is not None or after.order.details is not before.order.details or change.files != ()
    return columns | {
        "b_id": before.id,
        "b_rev": before.rev,
        "b_needs": change.needs,
        "b_listed": change.listed_status,
        "b_anew": anew,
    }


def _moved(change: Change, key: str, state: IntentState, outcome: str | None, again: bool) -> dict[str, Any]:
    return {
        "b_key": key,
        "b_state": state,
        "b_open": state in OPEN_INTENT,
        "b_outcome": outcome,
        "b_again": int(again),
        "b_at": change.at,
    }


def raw_columns(order_id: int, at: datetime, text: str) -> dict[str, Any]:
    """A row of RAW."""
    return {"order_id": order_id, "at": at, "text": text[:RAW_LIMIT]}


def upsert(tx: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Writes rows, there or not, by the table's key."""
    run(tx, _upsert(tx.dialect.name, table, tuple(rows[0])), rows)


@cache
def _upsert(dialect: str, table: Table, columns: tuple[str, ...]) -> Executable:
    new = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)  # the other one need not be loaded
    key = [column.name for column in table.primary_key]
    rest = {name: new.excluded[name] for name in columns if name not in key}
    given = new.values({name: bindparam(name) for name in columns})
    made: Executable = given.on_conflict_do_update(index_elements=key, set_=rest)
    return made
