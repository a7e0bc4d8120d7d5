"""A pretended courier, for the fulfilment by command: parcels are booked by POST, and each booking is in the journal.

How the program runs a command is not known here, nor what an exit code means.
"""

import json
from itertools import count
from typing import Any, ClassVar

from syncer.simulators.wire import Reply, Request


class CourierSimulator:
    """Books a parcel to each order that asks for one. Booked again for the same order, it goes out again."""

    VERBS: ClassVar[frozenset[str]] = frozenset({"refuse", "put_off", "parcels", "state"})

    def __init__(self, name: str = "courier") -> None:
        self.name = name
        self._numbers = count(4001)
        self._booked: list[tuple[str, str]] = []
        self._refused: dict[str, str] = {}
        self._put_off: dict[str, int] = {}

    # Verbs, for the day and the control API

    def refuse(self, order: str, cause: str) -> None:
        """The courier won't take the order's parcel, and says why."""
        self._refused[order] = cause

    def put_off(self, order: str, times: int = 1) -> None:
        """The order's next bookings are put off: the courier wants to be asked again."""
        self._put_off[order] = times

    def parcels(self, order: str) -> list[str]:
        """The numbers of the parcels that were booked for an order."""
        return [number for booked_for, number in self._booked if booked_for == order]

    def state(self) -> dict[str, Any]:
        """All of it at a glance, JSON-able."""
        return {"booked": [list(booked) for booked in self._booked], "refused": dict(self._refused)}

    # The simulator protocol

    def operation(self, request: Request) -> str:
        """`parcels.book`; `unknown` for what isn't offered."""
        return "parcels.book" if (request.method, request.path) == ("POST", "/parcels") else "unknown"

    def handle(self, request: Request) -> Reply:
        """Books, puts off or refuses."""
        if self.operation(request) == "unknown":
            return _answer(404, cause="There is only POST /parcels")
        try:
            order = str(json.loads(request.body)["order"])
        except (ValueError, KeyError, TypeError):
            return _answer(400, cause="The body must be JSON that names the order")
        if order in self._refused:
            return _answer(409, cause=self._refused[order])
        if self._put_off.get(order, 0) > 0:
            self._put_off[order] -= 1
            return _answer(503, cause="All vans are out, ask again in a while")
        return self._book(order)

    def _book(self, order: str) -> Reply:
        effect = {"what": "parcel", "order": order, "number": f"P-{next(self._numbers)}"}
        if self.parcels(order):
            effect["repeat"] = "yes"
        self._booked.append((order, effect["number"]))
        reply = _answer(201, number=effect["number"])
        reply.effect = effect
        return reply


def _answer(status: int, **content: str) -> Reply:
    return Reply(status, json.dumps(content, ensure_ascii=False).encode(), "application/json")
