"""The adapter: a partner's account at Vitec Connect as a source of orders, and as a sink for what they come to.

How the lists are walked and what a note says stand beside it; what an observation means is decided elsewhere.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncer.errors import AccessDenied, RemoteError, Unavailable, Unreadable
from syncer.orders import Absent, CannotTell, Cursor, Found, Intent, Observation, Order, Page, Read
from syncer.portals.vitec.doors import Doors
from syncer.portals.vitec.facts import Result, head_of, ids_of, ordered_at, section
from syncer.portals.vitec.lists import Lists, Reach
from syncer.portals.vitec.replies import Replies, Ways
from syncer.portals.vitec.statuses import Statuses
from syncer.remotes.vitec import STOCKHOLM, CustomerDenied, NotGranted, Operation, Vitec

USER, OFFICE = "User", "Office"  # function groups, as far as paths tell them
FORM = "the agent must fill in the form"
LISTING = "Vitec must list it, which tells its service"


class VitecPortal:
    """A partner's account at Vitec Connect as a portal (contract: vitec.md).

    `customers` are those whose lists are read, and `services` the numbers of ours. `statuses` maps Vitec's words to our
    states; an unmapped word changes nothing (section 8.3). `operations` are the configured calls by the state that they
    tell; without one, Vitec isn't told, since no such call is documented (section 6). `page` is the address of an
    order's page for its agent, None where there is none; `results` are the files of what was done, and `ready` says
    whether all of them are here. `needs_form`: the agent has to say more than the ticket does.
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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._client = client
        self._customers = tuple(dict.fromkeys(customers))
        self._services = frozenset(map(str, services))
        self._statuses = Statuses(statuses or {})
        self._unopened_after = unopened_after
        self._needs_form = needs_form
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
        """
        head = self._head(order)
        service = head.get("service", "")
        if service and service not in self._services:
            raise Unreadable(self.name, "read", f"it is an order of service {service}, which is not one of services")
        raw = head.get("vitec_status")
        details = {**order.details, "head": head, "order": {"vitec_status": raw or ""}, **self._looked_up(order)}
        # As it is known by now: one whose page was opened before it was listed had no service, and no route, until now.
        awaits, until = self._awaits(order.but(service=service, details=details), service)
        return Read(
            status=self._statuses.of(order, raw),
            service=service,
            details=details,
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

    def _looked_up(self, order: Order) -> dict[str, dict[str, str]]:
        """The office and the agent, each once: what was found before is kept, and nothing found is so too."""
        ids, found = ids_of(order), {}
        if not section(order, "ticket") or not ids.customer_id:
            return {}
        if "office" not in order.details and (office := self._office(ids.customer_id)) is not None:
            found["office"] = office
        if "user" not in order.details and ids.agent_id:
            user = self._user(ids.customer_id, ids.agent_id)
            found |= {} if user is None else {"user": user}
        return found

    def _office(self, customer_id: str) -> dict[str, str] | None:
        """A customer's office; empty where there are several, or none may be seen; None: it could not be asked."""
        try:
            found = self._doors.peek(customer_id, OFFICE, lambda: self._client.offices(customer_id))
        except RemoteError:
            return None
        return {} if isinstance(found, NotGranted) or len(found) != 1 else dict(found[0].fields)

    def _user(self, customer_id: str, user_id: str) -> dict[str, str] | None:
        try:
            found = self._doors.peek(customer_id, USER, lambda: self._client.user(customer_id, user_id))
        except RemoteError:
            return None
        return {} if found is None or isinstance(found, NotGranted) else dict(found.fields)

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
