"""The simulated estate agents and their system: offices, users, homes, orders, tokens, and what was delivered to them.

How a request looks on the wire, and who may send it, is not known here.
"""

import base64
import hashlib
import random
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from syncer.simulators.rest import Book, Clock, RefusedError
from syncer.simulators.vitec.model import AgentOrder, Credential, Estate, Image, Note, Office, Options, Token, User

CATEGORIES = ("Exteriör", "Interiör", "Planritning")
FIRST_ORDER, FIRST_ESTATE = 7781, 1700000001
SERVICE = 812


class Agency:
    """All that Vitec knows. The options are exchanged whole, so they are asked for each time."""

    def __init__(self, options: Options, now: Clock, seed: int) -> None:
        self.options = options
        self.now = now
        self.book = Book(now)
        self.chance = random.Random(seed)
        self.credentials: list[Credential] = []
        self.offices: dict[str, Office] = {}
        self.users: dict[str, User] = {}
        self.estates: dict[str, Estate] = {}
        self.orders: dict[str, AgentOrder] = {}
        self.tokens: dict[str, Token] = {}
        self.notes: list[Note] = []
        self.images: list[Image] = []

    # --- who is there -----------------------------------------------------------------------------------------------

    def office(self, customer_id: str) -> Office:
        """An office, made up where nobody has added it."""
        if customer_id not in self.offices:
            self.add_office(customer_id)
        return self.offices[customer_id]

    def add_office(
        self, customer_id: str, chain: str | None = "G7", tenant: str = "T3", fields: Mapping[str, Any] | None = None
    ) -> Office:
        """Adds an office; `fields` are those of the look-up (vitec.md, section 9) that differ."""
        digits = customer_id[1:]
        shown = {
            "customerId": customer_id,
            "officeId": f"FIR{digits}",
            "customerName": f"Påhittade Mäklare {digits}",
            "legalCustomerName": f"Påhittade Mäklare {digits} AB",
            "corporateNumber": "559999-0001",
            "vat": "SE559999000101",
            "address": "Låtsasvägen 7 B",
            "postalAddress": None,
            "zipCode": "999 99",
            "city": "Låtsasköping",
            "emailAddress": "kontor@exempel.example",
            "telephone": "010-555 01 00",
            "chain": None if chain is None else {"id": chain, "name": "Påhittade Mäklare"},
            "archived": False,
        }
        self.offices[customer_id] = Office(customer_id, chain, tenant, list(CATEGORIES), {**shown, **(fields or {})})
        return self.offices[customer_id]

    def user(self, name: str, customer_id: str) -> str:
        """The id of an office's agent of that name, made up at the first time."""
        user_id = f"HAN{hashlib.sha256(f'{customer_id} {name}'.encode()).hexdigest()[:32].upper()}"
        if user_id not in self.users:
            self.add_user(user_id, customer_id, {"userName": f"{name} Påhittad"})
        return user_id

    def add_user(
        self, user_id: str, customer_id: str, fields: Mapping[str, Any] | None = None, *, public: bool = True
    ) -> None:
        """Adds an agent to an office; `fields` are those of the look-up that differ."""
        office = {
            "customerId": customer_id,
            "orderNumber": 1,
            "mainBusiness": True,
            "officeId": f"FIR{customer_id[1:]}",
        }
        shown = {
            "userId": user_id,
            "customerId": [customer_id],
            "userName": "Kim Påhittad",
            "title": "Fastighetsmäklare",
            "emailAddress": "kim@exempel.example",
            "telePhone": "010-555 01 01",
            "cellPhone": "070-174 06 05",
            "publicPhonenumber": None,
            "customerIdsWithSortOrder": [office],
            "archived": False,
        }
        self.users[user_id] = User(user_id, [customer_id], public, {**shown, **(fields or {})})

    def add_estate(
        self, customer_id: str, estate_id: str | None, kind: str, fields: Mapping[str, Any] | None = None
    ) -> str:
        """Adds a home to an office; returns its id."""
        estate_id = estate_id or f"OBJ{customer_id[1:]}_{FIRST_ESTATE + len(self.estates)}"
        self.estates[estate_id] = Estate(estate_id, customer_id, kind, dict(fields or {}))
        return estate_id

    def estate(self, customer_id: str, estate_id: str) -> Estate:
        """An office's home; another office's is as unknown as none."""
        estate = self.estates.get(estate_id)
        if estate is None or estate.customer_id != customer_id:
            raise RefusedError(self.options.unknown_id, f"There is no estate {estate_id}")
        return estate

    # --- orders and tokens ------------------------------------------------------------------------------------------

    def add_order(self, order: AgentOrder) -> None:
        """Adds an order that an agent made."""
        if order.id in self.orders:
            raise ValueError(f"There is an order {order.id} already")
        self.orders[order.id] = order

    def order(self, customer_id: str, order_id: str) -> AgentOrder:
        """An office's order; another office's is as unknown as none."""
        order = self.orders.get(order_id)
        if order is None or order.customer_id != customer_id:
            raise RefusedError(self.options.unknown_id, f"There is no order {order_id}")
        return order

    def new_order_id(self) -> str:
        """The next order's id."""
        return f"ord-{FIRST_ORDER + len(self.orders)}"

    def token(self, order: AgentOrder, customer_id: str, user_id: str) -> Token:
        """A token for one opening of the order's page, or the order's last that lives (section 2)."""
        if not self.options.token_per_visit:
            for old in reversed(self.tokens.values()):
                same = (old.order, old.customer_id, old.user_id) == (order.id, customer_id, user_id)
                if same and self.now() < old.ends_at:
                    return old
        ends_at = self.now() + timedelta(seconds=self.options.token_life)
        token = Token(self._token_text(), order.id, customer_id, user_id, ends_at)
        self.tokens[token.text] = token
        return token

    def _token_text(self) -> str:
        """Base64 that holds each sign which must be escaped, so that a client that does it wrong is seen."""
        while True:
            text = base64.b64encode(self.chance.randbytes(22)).decode()
            if "+" in text and "/" in text:
                return text

    @staticmethod
    def link(token: Token) -> dict[str, str]:
        """What the agent's browser opens at the supplier's page (section 2)."""
        query = f"customerId={quote(token.customer_id, safe='')}&token={quote(token.text, safe='')}"
        return {"order": token.order, "customerId": token.customer_id, "token": token.text, "query": query}

    # --- at a glance ------------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """All of it, for the control API, without passwords and tokens."""
        return {
            "offices": {
                each.customer_id: {"chain": each.chain, "tenant": each.tenant} for each in self.offices.values()
            },
            "users": sorted(self.users),
            "estates": sorted(self.estates),
            "orders": [order_as_json(each) for each in self.orders.values()],
            "notes": [asdict(each) for each in self.notes],
            "images": [asdict(each) for each in self.images],
        }


def order_as_json(order: AgentOrder) -> dict[str, Any]:
    """An order as the control API has it."""
    updated = order.updated_at
    return {
        **asdict(order),
        "created_at": order.created_at.isoformat(),
        "updated_at": updated.isoformat() if updated else None,
        "interactions": [{"url": url, "comment": comment} for url, comment in order.interactions],
    }
