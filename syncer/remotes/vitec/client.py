"""The client of Vitec Connect's service orders (contract: vitec.md).

It knows which call goes where, with whose password, and which error a failure is. What an order's status means, and
whether a ticket is the one that was asked for, is not for here.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import astuple
from datetime import datetime, timedelta, tzinfo
from functools import partial
from json import dumps
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from syncer.errors import AccessDenied, Rejected, RemoteError, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import Answer, Http
from syncer.remotes.json import Malformed, cause, clean, document, truth_of
from syncer.remotes.vitec import values
from syncer.remotes.vitec.credentials import Credentials
from syncer.remotes.vitec.images import image_kind
from syncer.remotes.vitec.operations import Operation, Values, area_of, segment
from syncer.remotes.vitec.values import Expired, NotGranted, Office, Row, Ticket, User

STOCKHOLM = ZoneInfo("Europe/Stockholm")
Found = TypeVar("Found")


class CustomerDenied(AccessDenied):
    """Vitec doesn't let us at this customer's data. Reaction: call no more for `customer_id`; the others are well.

    `area` is the function group as the path names it: a customer may have granted orders, and not notes.
    """

    def __init__(self, remote: str, operation: str, cause: str, hint: str, *, customer_id: str, area: str) -> None:
        super().__init__(remote, operation, cause, hint)
        self.customer_id = customer_id
        self.area = area


class PasswordRefused(CustomerDenied):
    """The user name or this customer's password is wrong (401). `key` is the id that the password stands under."""

    def __init__(
        self, remote: str, operation: str, cause: str, hint: str, *, customer_id: str, area: str, key: str
    ) -> None:
        super().__init__(remote, operation, cause, hint, customer_id=customer_id, area=area)
        self.key = key


class Vitec:
    """One partner's account. Times without an offset are read and sent in `zone` (section 11).

    `image_path` is `Image`, or `CRM/Image` where that is the function group that was granted (section 7).
    """

    def __init__(
        self,
        http: Http,
        url: str,
        credentials: Credentials,
        *,
        zone: tzinfo = STOCKHOLM,
        image_path: str = "Image",
    ) -> None:
        self._http = http
        self._base = url.rstrip("/") + "/"
        self._credentials = credentials
        self._zone = zone
        self._image_path = image_path.strip("/")
        for key, password in credentials.passwords.items():
            http.hide(password)
            http.hide(credentials.encoded(key))

    # --- orders -----------------------------------------------------------------------------------------------

    def exchange(self, customer_id: str, token: str) -> Ticket | Expired:
        """What a token stands for (section 3); `token` is as `token_of` gave it. Safe, as no order changes.

        The caller compares the ticket's customer with the link's. A token is hidden from later answers once Vitec
        has taken it: until then it is any visitor's text, who could blot that text out of other orders' answers.

        Raises:
            Unreadable: the answer is no ticket, or has no order.
            CustomerDenied: we have no password for the customer, or no access to it.
        """
        operation = "orders.token"
        path = f"Service/Order/Token/{self._segment(operation, customer_id)}"
        if not token:
            raise Rejected(self._http.remote, operation, "not sent: there is no token")
        try:
            answer = self._call(operation, "POST", path, customer_id, safe=True, json={"data": token})
            ticket = values.ticket(document(answer))
        except Rejected as refusal:  # what it quotes may be the token
            raise Rejected(self._http.remote, operation, refusal.cause.replace(token, "[hidden]")) from None
        except Malformed as malformed:
            raise Unreadable(self._http.remote, operation, str(malformed), raw=_without(token, answer)) from None
        if isinstance(ticket, Ticket) and any(token in (part or "") for part in astuple(ticket)):
            raise Unreadable(self._http.remote, operation, "the ticket holds the token")
        self._http.hide(token, lasting=False)
        return ticket

    def orders(self, customer_id: str, since: datetime, until: datetime | None = None) -> list[Row]:
        """The orders of a customer that were created in a time (section 4), each once. Safe.

        Other partners' services may be among them. Whether the ends are included is unknown: let times overlap.

        Raises:
            Unreadable: it is no list, or not the whole of one.
        """
        operation = "orders.list"
        path = f"Service/Order/{self._segment(operation, customer_id)}"
        window = {"MinValue": self._wall_clock(since, timedelta(hours=-1))}
        if until is not None:
            window["MaxValue"] = self._wall_clock(until + timedelta(microseconds=999_999), timedelta(hours=1))
        answer = self._call(operation, "GET", path, customer_id, safe=True, params=window)
        try:
            return values.rows(document(answer), self._zone)
        except Malformed as malformed:
            raise Unreadable(self._http.remote, operation, str(malformed), raw=answer.text) from None

    def ask_user(self, customer_id: str, order_id: str, url: str, comment: str) -> bool:
        """Asks the agent to open a page (section 5), and returns whether Vitec took it. Not safe.

        What False means is not documented: it is not to be sent again without asking somebody.
        """
        operation = "orders.ask_user"
        path = f"Service/Order/UserInteraction/{self._segment(operation, customer_id)}"
        asked = {"id": order_id, "url": url, "comment": comment}
        answer = self._call(operation, "PUT", path, customer_id, safe=False, json=asked)
        truth = truth_of(self._written(operation, answer))
        if truth is None:
            raise Uncertain(self._http.remote, operation, "the answer is neither true nor false")
        return truth

    def perform(self, operation: Operation, customer_id: str, fields: Values) -> None:
        """Makes a configured call (section 6). Not safe. `fields` are the order's, by the names in `FIELDS`.

        Raises:
            Rejected: Vitec refused, its answer isn't what success looks like, or a field is missing.
        """
        name = operation.name
        given = {**fields, "customer_id": customer_id}
        try:
            path, body = operation.path_for(given), operation.body_for(given)
        except Malformed as malformed:
            raise Rejected(self._http.remote, name, f"not sent: {malformed}") from None
        answer = self._call(name, operation.method, path, customer_id, safe=False, json=body)
        if answer.status not in operation.success.statuses:
            raise Uncertain(self._http.remote, name, f"HTTP {answer.status} is not what it is known to answer")
        if operation.success.field is None:
            return
        done = operation.success.verdict(self._written(name, answer))
        if done is None:
            raise Uncertain(self._http.remote, name, "the answer doesn't say whether it was done")
        if not done:
            raise Rejected(self._http.remote, name, self._http.veil(cause(answer)), "its answer is not the success")

    # --- what is delivered ------------------------------------------------------------------------------------

    def add_note(
        self,
        customer_id: str,
        text: str,
        at: datetime,
        *,
        estate_id: str | None = None,
        user_id: str | None = None,
        contact_id: str | None = None,
    ) -> None:
        """Writes a note (section 7, V11). Not safe: a second one would stand beside the first."""
        operation = "notes.create"
        path = f"Note/{self._segment(operation, customer_id)}"
        ids = {"userId": user_id, "contactId": contact_id, "estateId": estate_id}
        at_there = at.astimezone(self._zone).isoformat(timespec="seconds")
        note = {"date": at_there, "text": text} | {name: given for name, given in ids.items() if given is not None}
        self._written(operation, self._call(operation, "POST", path, customer_id, safe=False, json=note))

    def add_image(
        self,
        customer_id: str,
        estate_id: str,
        data: bytes,
        name: str,
        *,
        caption: str = "",
        category: str | None = None,
        advertise: bool = False,
    ) -> str | None:
        """Adds a picture to a home (section 7, V8), and returns its id where one is told. Not safe.

        Raises:
            Rejected: it is none of the kinds that Vitec takes, and was not sent; or Vitec refused it.
        """
        operation = "images.create"
        if image_kind(data) is None:
            raise Rejected(self._http.remote, operation, "not sent: it is no gif, jpg, tiff, bmp or png")
        places = [self._segment(operation, part) for part in (customer_id, estate_id)]
        image = {
            "data": base64.b64encode(data).decode(),
            "name": name,
            "caption": caption,
            "advertise": advertise,
        } | ({} if category is None else {"category": category})
        path = "/".join([self._image_path, *places])
        found = self._written(operation, self._call(operation, "POST", path, customer_id, safe=False, json=image))
        return clean(str(found)) or None if isinstance(found, str | int) and not isinstance(found, bool) else None

    # --- what may be known besides ----------------------------------------------------------------------------
    # None of it is needed for an order, and each has its own grant: a refusal is a value, and no reason to stop.

    def image_categories(self, customer_id: str) -> tuple[str, ...] | NotGranted:
        """The image categories of a customer (section 7, V10). Safe."""
        path, params = "CRM/Image/GetImageCategories", {"customerId": customer_id}
        read = partial(values.categories, customer_id=customer_id)
        return self._look_up("images.categories", path, customer_id, params, read)

    def user(self, customer_id: str, user_id: str) -> User | NotGranted | None:
        """A person at a customer (section 9, V12); None where there is no such public user. Safe."""
        params = {"UserId": user_id, "CustomerId": customer_id}
        return self._look_up("users.get", "User/GetUser", customer_id, params, partial(values.user, user_id=user_id))

    def offices(self, customer_id: str) -> tuple[Office, ...] | NotGranted:
        """A customer's offices, of which it has one as a rule (section 9, V13). Safe.

        Who pays is read from it: where there are several, which one it is, is for a person to say.
        """
        read = partial(values.offices, customer_id=customer_id)
        return self._look_up("offices.get", "Office/GetOffice", customer_id, {"CustomerId": customer_id}, read)

    def _look_up(
        self,
        operation: str,
        path: str,
        customer_id: str,
        params: Mapping[str, str],
        read: Callable[[Any], Found],
    ) -> Found | NotGranted:
        try:
            answer = self._call(operation, "GET", path, customer_id, safe=True, params=params, missing=True)
        except CustomerDenied as denied:
            return NotGranted(denied.cause)
        try:
            return read([] if answer.status == 404 else document(answer))
        except Malformed as malformed:
            raise Unreadable(self._http.remote, operation, str(malformed), raw=answer.text) from None

    # --- the wire ---------------------------------------------------------------------------------------------

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        customer_id: str,
        *,
        safe: bool,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        missing: bool = False,
    ) -> Answer:
        """One call with the customer's password; where `missing`, a 404 is an answer too."""
        area = area_of(path)
        credential = self._credentials.of(customer_id, area)
        if credential is None:
            raise self._denied(operation, "not sent: no password is configured for it", customer_id, area)
        headers = {"Authorization": credential.header, "Accept": "application/json"}
        try:
            answer = self._http.call(
                operation, method, self._base + path, safe=safe, params=params, json=json, headers=headers
            )
        except AccessDenied as denied:
            raise self._denied(operation, denied.cause, customer_id, area, credential.key) from None
        if 300 <= answer.status < 400:
            raise self._led_elsewhere(operation, answer, safe=safe)
        if answer.status >= 400 and not (missing and answer.status == 404):
            raise Rejected(self._http.remote, operation, self._http.veil(cause(answer)))
        return answer

    def _denied(
        self, operation: str, cause: str, customer_id: str, area: str, key: str | None = None
    ) -> CustomerDenied:
        remote = self._http.remote
        if key is not None and cause == "HTTP 401":
            hint = f"see that the user name and the password of {key} are right"
            return PasswordRefused(remote, operation, cause, hint, customer_id=customer_id, area=area, key=key)
        hint = "see that the customer has ordered this from Vitec, and that its password is configured"
        return CustomerDenied(remote, operation, cause, hint, customer_id=customer_id, area=area)

    def _led_elsewhere(self, operation: str, answer: Answer, *, safe: bool) -> RemoteError:
        what = f"HTTP {answer.status} leads elsewhere: see its url"
        if safe or answer.status in {301, 307, 308}:  # these say that it was not done here
            return Unavailable(self._http.remote, operation, what)
        return Uncertain(self._http.remote, operation, what)

    def _written(self, operation: str, answer: Answer) -> Any:
        """What the answer to a write says; None where it is empty, as some are (section 10)."""
        if not answer.body.strip():
            return None
        try:
            return document(answer)
        except Malformed as malformed:
            raise Uncertain(self._http.remote, operation, str(malformed)) from None

    def _segment(self, operation: str, name: str) -> str:
        try:
            return segment(name)
        except Malformed as malformed:
            raise Rejected(self._http.remote, operation, f"not sent: {malformed}") from None

    def _wall_clock(self, at: datetime, wider: timedelta) -> str:
        """A time as Vitec's wall clock shows it, without an offset (section 11).

        In the hour that autumn has twice it is moved by `wider`, since nobody can tell which of the two is meant.
        """
        there = at.astimezone(self._zone).replace(microsecond=0)
        if there.utcoffset() != there.replace(fold=1 - there.fold).utcoffset():
            there += wider  # the clock's hour, not the time's: the offset is left out
        return there.replace(tzinfo=None).isoformat()


def _without(token: str, answer: Answer) -> str:
    """The text of an answer that is JSON, in which no escape can hide the token; nothing of any other."""
    try:
        return dumps(document(answer)).replace(dumps(token)[1:-1], "[hidden]")
    except Malformed:
        return ""
