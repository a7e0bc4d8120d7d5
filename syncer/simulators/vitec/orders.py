"""The service orders of the simulated Connect: tokens for tickets, the list, asking the user to act, transitions.

Who may ask was settled before, and the answer's casing comes after.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from syncer.simulators.rest import RefusedError
from syncer.simulators.vitec.agency import SERVICE, Agency
from syncer.simulators.vitec.model import KINDS, AgentOrder, Token, Transition
from syncer.simulators.vitec.reading import Body, invalid
from syncer.simulators.wire import Request

_URL = re.compile(r"https?://[^\s/?#]+\S*", re.ASCII)
_LIST = ("TargetId", "MinValue", "MaxValue", "Status")
_PAGING = ("paging.pageSize", "paging.pageIndex")
_SERVICE_IDS = (SERVICE,)
Effect = dict[str, str]


class ServiceOrders:
    """The calls below `Service/Order`; each returns its answer, and its effect where it has one."""

    def __init__(self, agency: Agency, own_services: tuple[int, ...] = _SERVICE_IDS) -> None:
        self._agency = agency
        self._own_services = own_services

    # --- tokens -----------------------------------------------------------------------------------------------------

    def exchange(self, request: Request, customer_id: str, body: Body) -> dict[str, Any]:
        """The ticket; an expired token is told of in it, not by a status (vitec.md, section 3)."""
        data = body.text("data", needed=True)
        token = self._agency.tokens.get(data)
        if token is None or token.customer_id != customer_id:
            self._blame(request, data, token)
            return self._no_token()
        expired = self._agency.now() >= token.ends_at or (self._agency.options.one_time and token.exchanged > 0)
        token.exchanged += 1
        return self._ticket(token, expired=expired)

    def _blame(self, request: Request, data: str, token: Token | None) -> None:
        """Which of the known ways of spoiling a token this is."""
        known, blame = self._agency.tokens, self._agency.book.blame
        if token is not None:
            blame(request, "a token was sent for another customer than its link's")
        elif data.replace(" ", "+") in known:
            blame(request, "a token's plus signs were made spaces")
        elif unquote(data) in known:
            blame(request, "a token was sent with its percent escapes")

    def _no_token(self) -> dict[str, Any]:
        if self._agency.options.unknown_token == "expired":
            return {**dict.fromkeys(_TICKET), **self._expiry(expired=True)}
        raise RefusedError(
            int(self._agency.options.unknown_token), "The token is unknown", {"data": ["Unknown token."]}
        )

    def _ticket(self, token: Token, *, expired: bool) -> dict[str, Any]:
        order = self._agency.orders[token.order]
        office = self._agency.office(order.customer_id)
        ticket: dict[str, Any] = {
            "orderId": order.id,
            "userId": token.user_id,
            "orderUserId": order.order_user_id,
            "targetId": order.target_id,
            "targetType": self._target_type(order),
            "tenantId": office.tenant,
            "chainId": office.chain if self._agency.options.chain == "shown" else None,
            "customerId": order.customer_id,
        }
        if self._agency.options.chain == "absent":
            del ticket["chainId"]
        if expired:
            ticket = self._emptied(ticket)
        return {**ticket, **self._expiry(expired=expired)}

    def _target_type(self, order: AgentOrder) -> str | int:
        numbered = self._agency.options.target_type == "number" and order.target_type in KINDS
        return KINDS.index(order.target_type) if numbered else order.target_type

    def _emptied(self, ticket: dict[str, Any]) -> dict[str, Any]:
        """Whether an expired token's ticket is still filled is unknown."""
        left: dict[str, dict[str, Any]] = {
            "filled": ticket,
            "null": dict.fromkeys(ticket),
            "empty": dict.fromkeys(ticket, ""),
            "absent": {},
        }
        return left[self._agency.options.expired_fields]

    def _expiry(self, *, expired: bool) -> dict[str, bool]:
        """The page's own samples disagree about the name."""
        name = self._agency.options.expired_name
        names = ("hasExpired", "orderTicketHasExpired") if name == "both" else (name,)
        return dict.fromkeys(names, expired)

    # --- the list ---------------------------------------------------------------------------------------------------

    def listing(self, request: Request, customer_id: str) -> Any:
        """The office's orders in a window; other suppliers' may be among them (vitec.md, section 4)."""
        asked = self._parameters(request)
        if customer_id not in self._agency.offices:
            raise RefusedError(404, f"There is no office {customer_id}")
        found = [
            each for each in self._agency.orders.values() if each.customer_id == customer_id and self._fits(each, asked)
        ]
        if self._agency.options.sort == "shuffled":
            self._agency.chance.shuffle(found)
        else:
            found.sort(key=lambda order: order.created_at, reverse=self._agency.options.sort == "newest")
        return self._page(found, asked)

    def _parameters(self, request: Request) -> dict[str, Any]:
        """The query by its documented names, times as moments."""
        names = {name.lower(): name for name in (*_LIST, *_PAGING)}
        unknown = [name for name in request.query if name.lower() not in names]
        for name in unknown:
            self._agency.book.blame(request, f"the list has no parameter {name}")
        if unknown and self._agency.options.unknown_parameters == "refused":
            raise invalid(unknown[0], "Unknown parameter.")
        asked: dict[str, Any] = {
            names[name.lower()]: text for name, text in request.query.items() if name not in unknown
        }
        for name in ("MinValue", "MaxValue"):
            if asked.get(name):
                asked[name] = self._moment(request, name, asked[name])
        return asked

    def _moment(self, request: Request, name: str, text: str) -> datetime:
        """A bare time is Swedish, one with an offset is what it says (vitec.md, section 11)."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            if re.search(r"\d \d\d:\d\d$", text):
                self._agency.book.blame(request, f"the plus sign in {name} was not escaped")
            raise invalid(name, f"The value '{text}' is not valid.") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self._agency.options.zone))

    def _fits(self, order: AgentOrder, asked: Mapping[str, Any]) -> bool:
        """Several filters are all to be met; that is assumed."""
        options, at = self._agency.options, order.created_at
        least, most = asked.get("MinValue"), asked.get("MaxValue")
        shown = not order.hidden and (options.foreign_listed or order.service_id in self._own_services)
        return (
            shown
            and asked.get("TargetId", "") in {"", order.target_id}
            and asked.get("Status", "") in {"", order.status}
            and (not least or at > least or (at == least and options.window != "exclusive"))
            and (not most or at < most or (at == most and options.window == "inclusive"))
        )

    def _page(self, found: list[AgentOrder], asked: Mapping[str, Any]) -> Any:
        """No paging is documented; it may be an array all the same, or one that is cut."""
        size, index = self._agency.options.page_size or len(found) or 1, 0
        if self._agency.options.list_shape == "rows":
            size, index = _number(asked, "paging.pageSize", size), _number(asked, "paging.pageIndex", 0)
        rows = [self._entry(each) for each in found[index * size : (index + 1) * size]]
        if self._agency.options.list_shape == "array":
            return rows
        return {"index": index, "count": len(rows), "totalRowCount": len(found), "rows": rows}

    def _entry(self, order: AgentOrder) -> dict[str, Any]:
        updated = order.updated_at
        if updated is None and self._agency.options.last_updated == "created":
            updated = order.created_at
        return {
            "id": order.id,
            "createdAt": self._time(order.created_at),
            "lastUpdatedAt": None if updated is None else self._time(updated),
            "status": order.status,
            "targetId": order.target_id,
            "userId": order.user_id,
            "serviceId": order.service_id,
        }

    def _time(self, moment: datetime) -> str:
        """Fractions have no closing zeros, as in the sample."""
        form = self._agency.options.times
        zone = UTC if form == "utc" else ZoneInfo(self._agency.options.zone)
        local = moment.astimezone(zone)
        text = local.replace(tzinfo=None).isoformat()
        text = text.rstrip("0") if "." in text else text
        return text + {"bare": "", "utc": "Z", "offset": local.isoformat()[-6:]}[form]

    # --- writing ----------------------------------------------------------------------------------------------------

    def interact(self, customer_id: str, body: Body) -> tuple[bool, Effect | None]:
        """Asks the agent to act; the same twice is two requests (vitec.md, section 5)."""
        order_id, url = body.text("id", needed=True), body.text("url", needed=True)
        comment = body.text("comment")
        if not _URL.fullmatch(url):
            raise invalid("url", "Not a full address with its protocol.")
        order = self._agency.order(customer_id, order_id)
        kept = self._agency.options.interaction != "false" and not order.refuses
        answer = self._agency.options.interaction == "true" and not order.refuses
        return answer, self._interacted(order, url, comment) if kept else None

    def _interacted(self, order: AgentOrder, url: str, comment: str) -> Effect:
        effect = {"what": "user_interaction", "order": order.id, "url": url, "comment": comment}
        if (url, comment) in order.interactions:
            effect["repeat"] = "yes"
        order.interactions.append((url, comment))
        order.updated_at = self._agency.now()
        return effect

    def move(self, customer_id: str, transition: Transition, order_id: str) -> Effect | None:
        """One of the configured transitions (vitec.md, section 6); one that is refused by "false" changes nothing."""
        order = self._agency.order(customer_id, order_id)
        if transition.answer == "false":
            return None
        effect = {"what": "transition", "order": order.id, "value": transition.name, "from": order.status}
        if transition.name in order.statuses:
            effect["repeat"] = "yes"
        order.statuses.append(transition.name)
        order.status = transition.status or order.status
        order.updated_at = self._agency.now()
        return effect


_TICKET = ("orderId", "userId", "orderUserId", "targetId", "targetType", "tenantId", "chainId", "customerId")


def _number(asked: Mapping[str, Any], name: str, default: int) -> int:
    text = asked.get(name, "")
    if text and not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII):
        raise invalid(name, f"The value '{text}' is not valid.")
    return int(text) if text else default
