"""What KODE tells by itself: the pushes of orders and the distributor messages, and a postman who brings them.

The postman goes only when he is sent, and only to this machine. What happened to an order is not decided here.
"""

import http.client
import ipaddress
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from syncer.simulators.kode.model import Collection
from syncer.simulators.kode.options import Options

SECONDS = 10.0


@dataclass(slots=True)
class Push:
    """One message that KODE would send. `answers` are the statuses that it has met, 0 for none at all."""

    number: int
    at: datetime
    body: dict[str, Any]
    sent: bool
    answers: list[int]


@dataclass(frozen=True, slots=True)
class Message:
    """A distributor message (kode.md, section 10)."""

    message_id: str
    message: str
    municipality_name: str
    municipality_number: str
    created: datetime
    type: str


class Notices:
    """The pushes so far, the oldest first, and the distributor messages."""

    def __init__(self, name: str, options: Options, now: Callable[[], datetime]) -> None:
        self.pushes: list[Push] = []
        self.messages: list[Message] = []
        self._name = name
        self._options = options
        self._now = now

    # --- orders -----------------------------------------------------------------------------------------------

    def tell(self, collection: Collection, status: str, at: datetime) -> None:
        """A push about an order (kode.md, section 8.2); UPDATED is spelt as the options have it."""
        options = self._options
        ids = ("orderCollectionId", "orderId") if options.push_id == "both" else (options.push_id,)
        body: dict[str, Any] = dict.fromkeys(ids, collection.collection_id)
        body["reference"] = collection.reference
        body["status"] = options.push_word if status == "UPDATED" else status
        if collection.technical_reference is not None or options.nothing == "null":
            body["technicalReference"] = collection.technical_reference
        self.add(body, at)

    def tell_late(self, collection: Collection, at: datetime) -> None:
        """A file that came after FINISHED: UPDATED, or FINISHED again (kode.md, section 8.3)."""
        late = self._options.late_push
        for status in ("UPDATED", "FINISHED") if late == "both" else (late,):
            self.tell(collection, status, at)

    def add(self, body: dict[str, Any], at: datetime | None = None) -> int:
        """Any push, whatever it says; returns its number."""
        number = len(self.pushes) + 1
        self.pushes.append(Push(number, at or self._now(), body, sent=False, answers=[]))
        return number

    # --- distributor messages ---------------------------------------------------------------------------------

    def publish(self, message: str, name: str, number: str, type_: str) -> Message:
        """A distributor message, which is pushed and, in the old documents, listed."""
        made = str(uuid5(NAMESPACE_URL, f"{self._name}/message/{len(self.messages) + 1}"))
        published = Message(made, message, name, number, self._now(), type_)
        self.messages.append(published)
        inner = self.inner(published)
        content = {"body": inner} if self._options.message_shape == "nested" else inner
        self.add({"content": content, "eventAction": "Created", "eventType": "DistributorMessages"})
        return published

    def inner(self, message: Message) -> dict[str, Any]:
        """The innermost object, in the shape of the options (kode.md, section 10)."""
        options = self._options
        number: Any = message.municipality_number
        if options.message_number == "number" and number.isdigit():
            number = int(number)
        moment = message.created.strftime("%d-%m-%Y %H:%M:%S" if options.message_time else "%d-%m-%Y")
        sender = {"municipalityName": message.municipality_name, "municipalityNumber": number}
        if options.message_shape == "organization":
            sender = {"organizationCode": message.municipality_number}
        return {
            "id": message.message_id, "message": message.message, **sender, "dateCreated": moment, "type": message.type,
        }  # fmt: skip

    # --- the post ---------------------------------------------------------------------------------------------

    def due(self) -> list[Push]:
        """What was not sent yet, in the order in which it would go, repeats included."""
        options = self._options
        waiting = [push for push in self.pushes if not push.sent]
        going = [push for push in waiting for _ in range(1 + options.repeats)]
        if options.shuffled:
            random.Random(len(self.pushes)).shuffle(going)
        return going

    def send(self, url: str) -> list[int]:
        """POSTs what is due to a URL on this machine; returns the answers' statuses, 0 for none.

        What was not answered by a 2xx goes again next time, if KODE does that (`push_retries`).
        """
        going = self.due()
        answers = post(url, [push.body for push in going])
        for push, status in zip(going, answers, strict=True):
            push.answers.append(status)
            push.sent = push.sent or not self._options.push_retries or 200 <= status < 300
        return answers


def post(url: str, bodies: Sequence[Any]) -> list[int]:
    """POSTs each body as JSON, one by one; the answers' statuses, 0 where there was none. Loopback only."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or not _is_here(host):
        raise ValueError(f"Pushes are sent to http on this machine only, not to {url!r}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return [_post_one(host, parts.port or 80, target, body) for body in bodies]


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _post_one(host: str, port: int, target: str, body: Any) -> int:
    line = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
        line.request("POST", target, text, {"Content-Type": "application/json"})
        with line.getresponse() as answer:
            answer.read()
            return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        line.close()
