"""The adapter: a partner's account at Vitec Connect as a source of orders, and as a sink for what they come to.

How the lists are walked and what a note says stand beside it; what an observation means is decided elsewhere.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncer.errors import AccessDenied, RemoteError, Unavailable, Unreadable
from syncer.orders import Absent, CannotTell, Cursor, Found, Intent, Observation, Order, Page, Read, Work
from syncer.portals.vitec.doors import Doors
from syncer.portals.vitec.facts import Result, head_of, ids_of, ordered_at, section
from syncer.portals.vitec.lists import Lists, Reach
from syncer.portals.vitec.replies import Replies, Ways
from syncer.portals.vitec.statuses import Statuses
from syncer.remotes.vitec import STOCKHOLM, CustomerDenied, NotGranted, Operation, Vitec

USER, OFFICE = "User", "Office"  # function groups, as far as paths tell them
FORM = "the agent must fill in the form"
AGAIN = 60.0  # seconds until somebody is looked up again who could not be
LISTING = "Vitec must list it, which tells its service"


class VitecPortal:
    """A partner's account at Vitec Connect as a portal (contract: vitec.md).

    `customers` are those whose lists are read, and `services` the numbers of ours. `statuses` maps Vitec's words to our
    states; an unmapped word changes nothing (section 8.3). `operations` are the configured calls by the state that they
    tell; without one, Vitec isn't told, since no such call is documented (section 6). `page` is the address of an
    order's page for its agent, None where there is none; `results` are the files of what was done, and `ready` says
    whether all of them are here. `needs_form`: the agent has to say more than the ticket does.
    `lacks`: what is known isn't enough for the order's route.
    """

    def __init__(
        self,
        name: str,
        client: Vitec,
        customers: Collection[str],
        services: Collection[int | str],
        reach: Reach | None = None,
        statuses: Mapping[str, str] | None = None,
        *,
        unopened_after: timedelta = timedelta(days=1),
        zone: ZoneInfo = STOCKHOLM,
        operations: Mapping[str, Operation] | None = None,
        notes: bool = True,
        images: bool = True,
        image_category: str | None = None,
        ask_user: bool = True,
        page: Callable[[Order], str | None] = lambda _: None,
        results: Callable[[Order], tuple[Result, ...]] = lambda _: (),
        ready: Callable[[Order], bool] = lambda _: True,
        needs_form: Callable[[Order], bool] = lambda _: False,
        lacks: Callable[[Order], bool] = lambda _: False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._client = client
        self._customers = tuple(dict.fromkeys(customers))
        self._services = frozenset(map(str, services))
        self._statuses = Statuses(statuses or {})
        self._unopened_after = unopened_after
        self._needs_form = needs_form
        self._lacks = lacks
        self._now = now
        self._doors = Doors()
        self._lists = Lists(
            name, client, self._doors, customers, self._services, reach or Reach(), zone, self._statuses.word, now
        )
        ways = Ways(operations or {}, notes, images, image_category, ask_user, page, results, ready)
        self._replies = Replies(name, client, self._doors, self._lists, self._statuses, ways, zone, now)

    # --- source -----------------------------------------------------------------------------------------------

    def poll(self, cursor: Cursor, oldest_open: Callable[[], datetime | None]) -> Page:
        """The orders listed since the cursor, by customer (section 4); `Lists.poll` says what it raises.

        A customer that refuses us isn't asked again until a restart.
        """
        return self._lists.poll(cursor, oldest_open)

    def read(self, order: Order) -> Observation:
        """What is known of an order, by its last listed row, its ticket and the form. No call is needed for it.

        An order that only its page has named is looked for in the list. Once there is a ticket, the office and the
        agent are looked up, in sections `office` and `user` by Vitec's own names (section 9); where that isn't granted,
        or fails, their ids have to do.

        Raises:
            Unreadable: the list and the ticket speak of two customers, or it is no service of ours.
            Unavailable: the office or the agent can't be looked up just now, and the order's route wants them.
        """
        head = self._head(order)
        service = head.get("service", "")
        if service and service not in self._services:
            raise Unreadable(self.name, "read", f"it is an order of service {service}, which is not one of services")
        raw = head.get("vitec_status")
        found, asked = self._looked_up(order)
        details = {**order.details, "head": head, "order": {"vitec_status": raw or ""}, **found}
        # As it is known by now: one whose page was opened before it was listed had no service, and no route, until now.
        known = order.but(service=service, details=details)
        awaits, until = self._awaits(known, service)
        if not awaits and not asked and self._lacks_somebody(known):
            cause = "the office or the agent, whom the order's route wants, can't be looked up now"
            raise Unavailable(self.name, "read", cause, retry_after=AGAIN, order_only=True)
        return Read(
            status=self._statuses.of(order, raw),
            service=service,
            details=details,
            old=self._old(order, head),
            awaits=awaits,
            awaits_until=until,
            listed=None if raw is None else self._statuses.word(raw),
        )

    def _head(self, order: Order) -> dict[str, Any]:
        """What the list says of an order."""
        head, ticket = dict(section(order, "head")), section(order, "ticket")
        if ticket and not head.get("service"):
            head |= self._listed_now(order, ticket.get("customer_id"))
        owners = {head.get("customer_id"), ticket.get("customer_id")} - {None}
        if len(owners) > 1:
            raise Unreadable(self.name, "read", "its page was opened for another customer than the one that lists it")
        return head

    def _listed_now(self, order: Order, customer_id: str | None) -> dict[str, str]:
        if not customer_id:
            return {}
        try:
            row = self._lists.row(customer_id, order.external_id, None)
        except CustomerDenied:
            return {}
        return {} if row is None else head_of(row, customer_id)

    def _awaits(self, order: Order, service: str) -> tuple[str, datetime | None]:
        """What somebody else must do before the order can be handed over, and until when."""
        since = ordered_at(order) or self._now()
        if not section(order, "ticket"):
            within = _span(self._unopened_after)
            return f"the agent must open its page within {within} of the order", since + self._unopened_after
        if not service:
            return LISTING, (order.created_at or self._now()) + self._unopened_after
        if self._needs_form(order) and not section(order, "form"):
            return FORM, None
        return "", None

    def _old(self, order: Order, head: Mapping[str, Any]) -> str:
        """Why a former life may have done the order: it came to be known here so late that its page may have been
        opened before. Vitec's list doesn't tell.
        """
        listed_at, here_at = ordered_at(order.but(details={"head": head})), order.created_at or self._now()
        if listed_at is None or here_at - listed_at < self._unopened_after:
            return ""
        late = f"its page was not opened here within {_span(self._unopened_after)} of the order"
        when = f"ordered {listed_at:%Y-%m-%d %H:%M} UTC, and first seen here {here_at:%Y-%m-%d %H:%M} UTC"
        look = f"look in the order system for {order.name}, and where it is ordered for {order.reference}.s1"
        return f"{late} ({when}): whether it was done before can't be told; {look}; retry has it begun"

    def _lacks_somebody(self, order: Order) -> bool:
        """Whether the order's route wants what the office or the agent would tell, before it goes on. That isn't waited
        for longer than for the agent.
        """
        until = (order.created_at or self._now()) + self._unopened_after
        begun = order.registered_in is not None or order.final or order.work is not Work.UNBEGUN
        return not begun and self._now() < until and self._lacks(order)

    def _looked_up(self, order: Order) -> tuple[dict[str, dict[str, str]], bool]:
        """The office and the agent, each once, and whether all could be asked: what was found is kept, and that nobody
        was, too. One that may not be seen is asked for again after a restart, when it may.
        """
        ids = ids_of(order)
        if not section(order, "ticket") or not ids.customer_id:
            return {}, True
        found: dict[str, dict[str, str] | NotGranted | None] = {}
        if "office" not in order.details:
            found["office"] = self._office(ids.customer_id)
        if "user" not in order.details and ids.agent_id:
            found["user"] = self._user(ids.customer_id, ids.agent_id)
        return {name: part for name, part in found.items() if isinstance(part, dict)}, None not in found.values()

    def _office(self, customer_id: str) -> dict[str, str] | NotGranted | None:
        """A customer's office; empty where it is none of several. None: it can't be asked now."""
        try:
            found = self._doors.peek(customer_id, OFFICE, lambda: self._client.offices(customer_id))
        except (Unavailable, Unreadable):
            return None
        except RemoteError as refusal:
            return NotGranted(refusal.cause)
        return found if isinstance(found, NotGranted) else dict(found[0].fields) if len(found) == 1 else {}

    def _user(self, customer_id: str, user_id: str) -> dict[str, str] | NotGranted | None:
        try:
            found = self._doors.peek(customer_id, USER, lambda: self._client.user(customer_id, user_id))
        except (Unavailable, Unreadable):
            return None
        except RemoteError as refusal:
            return NotGranted(refusal.cause)
        return found if isinstance(found, NotGranted) else {} if found is None else dict(found.fields)

    # --- sink -------------------------------------------------------------------------------------------------

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Tells a status, writes a message, or gives a part of the result: one call at most that isn't safe."""
        return self._replies.perform(intent, order)

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Whether an intent had its effect; where Vitec can't be asked, what a person has to look for there."""
        return self._replies.find(intent, order)

    def check(self) -> str:
        """One harmless call for each customer: lists the orders of the last day."""
        since = self._now() - timedelta(days=1)
        troubles: dict[str, RemoteError] = {}
        orders = 0
        for customer in self._customers:
            try:
                orders += len(self._client.orders(customer, since))
            except RemoteError as trouble:
                troubles[customer] = trouble
        if troubles:
            raise _all_of(troubles)
        return f"signed in for {len(self._customers)} customers; {orders} orders since yesterday"


def _all_of(troubles: Mapping[str, RemoteError]) -> RemoteError:
    """One error for all customers that have some; a refusal before the rest, since it doesn't end by itself."""
    first = next(iter(troubles.values()))
    worst = next((one for one in troubles.values() if isinstance(one, AccessDenied)), first)
    kind = AccessDenied if isinstance(worst, AccessDenied) else Unavailable
    cause = "; ".join(f"{customer}: {one.cause}" for customer, one in troubles.items())
    return kind(worst.remote, worst.operation, cause, worst.hint)


def _span(time: timedelta) -> str:
    if time == timedelta(days=1):
        return "a day"
    days, rest = divmod(time, timedelta(days=1))
    return f"{days} days" if days and not rest else f"{round(time / timedelta(hours=1), 1):g} hours"
