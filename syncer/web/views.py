"""What each page says, as values: the templates only set it out.

Only what is named here reaches a page: never an order's details, an intent's payload, or a raw answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncer.orders import Act, Intent, Next, Order, State, help_for, upcoming
from syncer.store import STEPS, Entry, Explained, Figures, Notice, Oldest, RemoteHealth
from syncer.web.glance import Glance
from syncer.web.site import Vitals
from syncer.web.words import listed, several

MOST_PARKED, LATEST, MOST_LINES = 20, 12, 200
MOST_NOTICES, OLD_NEWS = 3, timedelta(days=14)
MOST_WORDS = 500  # characters of a notice
BAR = 1000  # units that the bar of today's orders is long


@dataclass(frozen=True, slots=True)
class Verdict:
    """How things stand in a sentence or two. `sign` is well, look or ill."""

    sign: str
    head: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class RemoteView:
    """One remote. `sign` is up, down or idle."""

    name: str
    part: str
    sign: str
    since: datetime | None = None
    cause: str = ""
    left_until: datetime | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParkedView:
    """One parked order, and the command that helps."""

    name: str
    state: str
    service: str
    reason: str
    help: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Share:
    """How many of today's orders are in a state, and where that is on the bar."""

    state: str
    count: int
    at: int
    width: int


@dataclass(frozen=True, slots=True)
class Brief:
    """One of the latest orders."""

    name: str
    service: str
    state: str
    parked: bool
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """The status page."""

    verdict: Verdict
    vitals: Vitals
    remotes: tuple[RemoteView, ...]
    oldest: tuple[tuple[str, Oldest | None, bool], ...]
    today: tuple[Share, ...]
    came: int
    today_parked: int
    parked: tuple[ParkedView, ...]
    parked_count: int
    unknown: int
    latest: tuple[Brief, ...]
    states: Mapping[str, int]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class CallView:
    """One intent: a call that changes something elsewhere, and what came of it."""

    key: str
    kind: str
    target: str
    state: str
    attempts: int
    outcome: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order's page. `next` is None for an order that nothing is to be done about any more."""

    name: str
    portal: str
    service: str
    state: str
    portal_status: str | None
    fulfilment: str
    ref: str
    parked: str | None
    help: str
    next: Next | None
    created_at: datetime | None
    updated_at: datetime | None
    ended_at: datetime | None
    history: tuple[Entry, ...]
    calls: tuple[CallView, ...]
    cut: bool
    over: bool


# --- the status page ------------------------------------------------------------------------------------------


def status_of(glance: Glance) -> StatusView:
    """How things stand."""
    figures, vitals, store = glance.figures(), glance.vitals(), glance.store
    parked = store.orders(parked=True, limit=MOST_PARKED) if figures.parked else []
    remotes = tuple(_remotes(glance, figures))
    return StatusView(
        verdict=_verdict(vitals, figures, remotes),
        vitals=vitals,
        remotes=remotes,
        oldest=tuple(_oldest(figures, step) for step in STEPS),
        today=_shares(figures.today),
        came=sum(figures.today.values()),
        today_parked=figures.today_parked,
        parked=tuple(_parked(order) for order in parked),
        parked_count=sum(figures.parked.values()),
        unknown=figures.unknown,
        latest=tuple(_brief(order) for order in store.orders(limit=LATEST)),
        states=figures.states,
        notices=tuple(map(_notice, store.notices(MOST_NOTICES, glance.now() - OLD_NEWS))),
    )


def _notice(one: Notice) -> Notice:
    """A notice, cut where it is too long for the page."""
    return one if len(one.text) <= MOST_WORDS else replace(one, text=f"{one.text[:MOST_WORDS]}…")


def _remotes(glance: Glance, figures: Figures) -> list[RemoteView]:
    named = [(name, "portal") for name in glance.site.portals]
    named += [(name, "fulfilment") for name in glance.site.fulfilments]
    return [_remote(name, part, figures.remotes.get(name), figures, glance.now()) for name, part in named]


def _remote(name: str, part: str, health: RemoteHealth | None, figures: Figures, now: datetime) -> RemoteView:
    read_at = figures.polled.get(name)
    if health is None:
        return RemoteView(name, part, "idle", read_at=read_at)
    asked = health.not_before if health.not_before is not None and health.not_before > now else None
    sign, cause = ("up", "") if health.up else ("down", health.cause or "")
    return RemoteView(name, part, sign, health.since, cause, asked, read_at)


def _verdict(vitals: Vitals, figures: Figures, remotes: tuple[RemoteView, ...]) -> Verdict:
    parked = sum(figures.parked.values())
    down = [remote.name for remote in remotes if remote.sign == "down"]
    needs = []
    if parked:
        needs.append(f"{several(parked, 'order')} {'waits' if parked == 1 else 'wait'} for a person")
    if figures.unknown and not parked:
        needs.append(f"{several(figures.unknown, 'call')} of unknown outcome")
    away = f"Down: {listed(down)}" if down else ""
    more = "; ".join(part for part in (away, *needs) if part)
    if vitals.overdue is not None:
        return Verdict("ill", "Passes do not complete", "; ".join(part for part in (vitals.overdue, more) if part))
    if vitals.passes == 0:
        return Verdict("look", "Just started", "The first pass is under way.")
    if down:
        rest = f"{needs[0]}. " if needs else ""
        return Verdict(
            "ill", away, f"{rest}Orders that need {'it' if len(down) == 1 else 'them'} wait; all others go on."
        )
    if needs:
        return Verdict("look", needs[0], "Everything else goes on by itself.")
    return Verdict("well", "All is well", "No person is needed.")


def _oldest(figures: Figures, step: str) -> tuple[str, Oldest | None, bool]:
    """The oldest order without a step, and whether it is parked; one that goes on by itself before one that is."""
    going = figures.oldest.get((step, False))
    return (step, going, False) if going is not None else (step, figures.oldest.get((step, True)), True)


def _shares(today: Mapping[str, int]) -> tuple[Share, ...]:
    total, at, shares = sum(today.values()), 0, []
    for state in State:
        count = today.get(state, 0)
        width = round(BAR * count / total) if total else 0
        shares.append(Share(str(state), count, at, width))
        at += width
    return tuple(shares)


def _parked(order: Order) -> ParkedView:
    return ParkedView(
        name=order.name,
        state=str(order.state),
        service=order.service,
        reason=order.parked or "",
        help=help_for(order),
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def _brief(order: Order) -> Brief:
    return Brief(
        order.name, order.service, str(order.state), order.park is not None, order.created_at, order.updated_at
    )


# --- an order's page ------------------------------------------------------------------------------------------


def order_of(glance: Glance, name: str) -> OrderView | None:
    """An order explained; None where there is none."""
    found = glance.store.story(name, MOST_LINES)
    if found is None:
        return None
    order = found.order
    step = upcoming(order, found.open_intent, glance.now(), glance.site.rules)
    return OrderView(
        name=order.name,
        portal=order.portal,
        service=order.service,
        state=str(order.state),
        portal_status=order.portal_status,
        fulfilment=order.fulfilment or "",
        ref=order.fulfilment_ref or "",
        parked=order.parked,
        help=help_for(order) if step.act is Act.PERSON else "",
        next=None if step.act is Act.NOTHING else step,
        created_at=order.created_at,
        updated_at=order.updated_at,
        ended_at=order.ended_at,
        history=found.history,
        calls=tuple(_call(intent) for intent in found.intents),
        cut=_is_cut(found),
        over=order.ended_at is not None,
    )


def _call(intent: Intent) -> CallView:
    return CallView(
        intent.key,
        str(intent.kind),
        intent.target,
        str(intent.state),
        intent.attempts,
        intent.outcome or "",
        intent.at,
    )


def _is_cut(found: Explained) -> bool:
    return MOST_LINES in {len(found.history), len(found.intents)}
