"""What Vitec is told, and what it is given: statuses, messages, and the results of what was done.

Each part is one call at most that isn't safe to repeat. What is said of an order is decided elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from syncer.errors import AccessDenied, Rejected, Unavailable
from syncer.orders import (
    Absent,
    CannotTell,
    Found,
    Given,
    GiveRefused,
    Intent,
    Kind,
    MessageLeft,
    MessageRefused,
    Moved,
    Observation,
    Order,
    TellRefused,
    Told,
)
from syncer.portals.vitec.doors import Doors
from syncer.portals.vitec.facts import Ids, Result, ids_of, ordered_at, section
from syncer.portals.vitec.gifts import note_text, picture_name, picture_stem, pictures
from syncer.portals.vitec.lists import SERVICE, Lists
from syncer.portals.vitec.statuses import Statuses
from syncer.remotes.vitec import CustomerDenied, Operation, Vitec, image_kind

NOTE, IMAGE = "Note", "Image"  # function groups, as far as paths tell them
LATER = 10.0  # seconds until an order is tried again whose files aren't here yet, which costs no call


@dataclass(frozen=True, slots=True)
class Ways:
    """Which ways to Vitec are configured, and what there is to say and to give (`VitecPortal`)."""

    operations: Mapping[str, Operation] = field(default_factory=dict)
    notes: bool = True
    images: bool = True
    image_category: str | None = None
    ask_user: bool = True
    page: Callable[[Order], str | None] = lambda _: None
    results: Callable[[Order], tuple[Result, ...]] = lambda _: ()
    ready: Callable[[Order], bool] = lambda _: True


class Replies:
    """The sink's part of the portal."""

    def __init__(
        self,
        name: str,
        client: Vitec,
        doors: Doors,
        lists: Lists,
        statuses: Statuses,
        ways: Ways,
        zone: ZoneInfo,
        now: Callable[[], datetime],
    ) -> None:
        self.name = name
        self._client = client
        self._doors = doors
        self._lists = lists
        self._statuses = statuses
        self._ways = ways
        self._zone = zone
        self._now = now

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Tells a status, writes a message, or gives a part of the result. Each is one call at most that isn't safe."""
        match intent.kind:
            case Kind.STATUS:
                return self._tell(intent, order)
            case Kind.GIVE:
                return self._give(intent, order)
            case _:
                return self._say(intent, order)

    def _tell(self, intent: Intent, order: Order) -> Observation:
        """The configured operation of a status, over the status that it was decided upon (section 6).

        Without one, no call is made: Vitec isn't told, and the status stands here alone.
        """
        wanted = intent.payload["status"]
        operation = self._ways.operations.get(wanted)
        if operation is None:
            return self._told_here(wanted, order)
        ids = ids_of(order)
        at = self._status_now(order, ids)
        if at != intent.payload["from"]:
            return Told(at) if at == wanted else Moved(at)
        if not ids.customer_id:
            return TellRefused("whose order it is isn't known")
        fields = self._fields(wanted, order, ids)
        customer = ids.customer_id
        try:
            self._doors.through(customer, operation.area, lambda: self._client.perform(operation, customer, fields))
        except (Rejected, AccessDenied) as refusal:
            return TellRefused(refusal.cause)
        return Told(wanted)

    def _told_here(self, wanted: str, order: Order) -> Told:
        raw = section(order, "head").get("vitec_status")
        return Told(wanted, None if raw is None else self._statuses.word(raw))

    def _fields(self, wanted: str, order: Order, ids: Ids) -> dict[str, str | int | None]:
        """What an operation's templates can name (`FIELDS`)."""
        service = ids.service
        return {
            "order_id": order.external_id,
            "tenant_id": ids.tenant_id,
            "chain_id": ids.chain_id,
            "user_id": ids.user_id,
            "owner_id": ids.owner_id,
            "target_id": ids.target_id,
            "target_type": ids.target_type,
            "service_id": int(service) if service and service.isdecimal() else service,
            "state": wanted,
            "status": wanted,
            "reference": order.reference,
            "message": order.said,
            "url": self._ways.page(order),
            "at": self._now().astimezone(self._zone).isoformat(timespec="seconds"),
        }

    def _say(self, intent: Intent, order: Order) -> Observation:
        """A message: the agent is asked to open the order's page, with the message as the comment (section 5).

        Where there is no page, or the agent may not be asked, it is a note on the home; where notes are off too, it
        can't be left, which is said in the order's history.
        """
        ids, text = ids_of(order), intent.payload["text"]
        customer, url = ids.customer_id, self._ways.page(order) if self._ways.ask_user else None
        if not customer:
            return MessageRefused("whose order it is isn't known")
        try:
            if url is not None:
                address = url
                taken = self._doors.through(
                    customer, SERVICE, lambda: self._client.ask_user(customer, order.external_id, address, text)
                )
                return MessageLeft() if taken else MessageRefused("Vitec did not take it, and doesn't say why")
            if self._ways.notes and ids.target_id:
                self._note(customer, ids, text)
                return MessageLeft()
        except (Rejected, AccessDenied) as refusal:
            return MessageRefused(refusal.cause)
        return MessageRefused(
            "there is no way to leave it: neither a page that the agent can be asked to open, nor notes"
        )

    def _note(self, customer_id: str, ids: Ids, text: str) -> None:
        now = self._now()
        self._doors.through(
            customer_id,
            NOTE,
            lambda: self._client.add_note(customer_id, text, now, estate_id=ids.target_id, user_id=ids.agent_id),
        )

    def _status_now(self, order: Order, ids: Ids) -> str:
        """The status by the list, asked just now."""
        raw = section(order, "head").get("vitec_status")
        if ids.customer_id:
            try:
                row = self._lists.row(ids.customer_id, order.external_id, _listed_at(order))
            except CustomerDenied:
                row = None
            raw = raw if row is None else row.status
        return self._statuses.of(order, raw)

    # --- results ----------------------------------------------------------------------------------------------

    def _give(self, intent: Intent, order: Order) -> Observation:
        """The first part is the note on the home, each further one a picture; where nothing is left, no call is made.

        Raises:
            Unavailable: the files aren't here yet.
        """
        if not self._ways.notes and not self._ways.images:
            return Given(left=False, what="nothing, as notes and images are off")
        results = self._here(order)
        shown = pictures(results) if self._ways.images else ()
        number = int(intent.payload["n"])
        if not results or number > len(shown) + 1:
            return Given(left=False, what="nothing more")
        ids, left = ids_of(order), number <= len(shown)
        if not ids.customer_id or not ids.target_id:
            return GiveRefused("the home that it was ordered for isn't known")
        try:
            if number == 1:
                return Given(left, self._give_note(intent, order, ids, ids.customer_id, results))
            return Given(left, self._give_picture(order, ids.customer_id, ids.target_id, shown[number - 2], number - 1))
        except (Rejected, AccessDenied) as refusal:
            return GiveRefused(refusal.cause)

    def _here(self, order: Order) -> tuple[Result, ...]:
        if not self._ways.ready(order):
            cause = "its files aren't all here yet"
            raise Unavailable(self.name, "give", cause, retry_after=LATER, order_only=True)
        return self._ways.results(order)

    def _give_note(self, intent: Intent, order: Order, ids: Ids, customer_id: str, results: tuple[Result, ...]) -> str:
        if not self._ways.notes:
            return "no note, as notes are off"
        self._note(customer_id, ids, note_text(order, results, intent.key))
        return "a note on the home"

    def _give_picture(self, order: Order, customer_id: str, target_id: str, picture: Result, number: int) -> str:
        data = self._opened(picture)
        if image_kind(data) is None:
            return f"not picture {number}, which is none"
        name = picture_name(order, number, data)
        self._doors.through(
            customer_id,
            IMAGE,
            lambda: self._client.add_image(
                customer_id, target_id, data, name, caption=picture.name, category=self._ways.image_category
            ),
        )
        return f"picture {number}, as {name}"

    def _opened(self, picture: Result) -> bytes:
        assert picture.open is not None, "what can't be opened is no picture"
        try:
            return picture.open()
        except OSError as failure:
            cause = f"a file can't be read: {failure.strerror}"
            raise Unavailable(self.name, "give", cause, retry_after=LATER, order_only=True) from None

    # --- looking up -------------------------------------------------------------------------------------------

    def find(self, intent: Intent, order: Order) -> Found | Absent | CannotTell:
        """Whether an intent had its effect. But for a status, Vitec can't be asked: a person has to look there."""
        if intent.kind is Kind.STATUS:
            return self._find_told(intent, order)
        ids = ids_of(order)
        home = f"home {ids.target_id} of {ids.customer_id}"
        if intent.kind is Kind.MESSAGE:
            asked = f"whether the agent of order {order.external_id} was asked to open its page, or on {home}"
            return CannotTell(f"look in Vitec {asked} for a text that ends with [{intent.key}]")
        number = int(intent.payload["n"])
        if number == 1:
            return CannotTell(f"look in Vitec at {home} for a note that ends with [{intent.key}]")
        return CannotTell(f"look in Vitec at {home} for an image named {picture_stem(order, number - 1)}")

    def _find_told(self, intent: Intent, order: Order) -> Found | CannotTell:
        wanted = intent.payload["status"]
        if wanted not in self._ways.operations:
            return Found(self._told_here(wanted, order))
        if self._status_now(order, ids_of(order)) == wanted:
            return Found(Told(wanted))
        look = f"look in Vitec at order {order.external_id} of {ids_of(order).customer_id}"
        return CannotTell(f"{look} whether its status is {wanted}")


def _listed_at(order: Order) -> datetime | None:
    """When the agent ordered, where the list says so."""
    return ordered_at(order) if "created_at" in section(order, "head") else None
