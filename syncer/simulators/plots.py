"""The orders of the demo's day as tables: what the portal shows, what the order meets, what should become of it.

Nothing happens in here, and nothing is judged. What should become of an order is the design's table in figures.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from syncer.simulators.on_api import Script

NORD, SYD, COURIER, DESK, DATA, NOBODY = "nordnet", "sydnet", "courier", "desk", "kode_orders", ""
SERVICES = {NORD: "3105", SYD: "3205", COURIER: "3300", DESK: "3400", DATA: "3500", NOBODY: "3999"}
BILLED = "3106"  # nordnet's too, and registered in GKS4
OFFERED = {NORD: ("FIBER-250-250", "FIBER-1000-1000"), SYD: ("BB-100-100",)}
PLAIN = ("received", "active", "delivered")
UNSETTLED = (0, 1)
AT_ONCE = Script()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should have become of an order when the day is over.

    `ends` is the portal's last status, `written` what it was told (each of the allowed ways), `begun` how often the
    order was activated, its parcel booked or its data ordered, `parked` a part of the reason, `said` a part of the
    message, `withdrawn` how often its activation was cancelled at the network.
    """

    ends: str = "delivered"
    written: tuple[tuple[str, ...], ...] = (PLAIN,)
    messages: tuple[int, ...] = (0,)
    begun: int = 1
    parked: str | None = None
    said: str = ""
    withdrawn: int = 0


def done(*written: str, **more: Any) -> Expected:
    """Ends as it should, by these statuses."""
    return Expected(written=(written or PLAIN,), **more)


def parked(ends: str, why: str, *written: str, **more: Any) -> Expected:
    """Set aside for a person, with one message unless said."""
    return Expected(**{"ends": ends, "written": (written,), "messages": (1,), "begun": 0, "parked": why, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One order of the day, or several alike. `tag` is what later hours know it by.

    `billed` is whether it is registered in GKS4, `wish` how far ahead it is wished for. `detail` and `row` say how the
    portal spoils it, `known` is whether the network has heard of the access.
    """

    kind: str
    by: str = NORD
    copies: int = 1
    tag: str = ""
    service: str = ""
    status: str = "new"
    billed: bool = False
    wish: timedelta | None = None
    script: Script = AT_ONCE
    known: bool = True
    hidden: bool = False
    detail: str = ""
    row: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    expected: Expected = Expected()


BUSY = "Porten används av en annan tjänst, ärende 40018"
SWEDISH = "Öppna fiberskåpet på Ängsgränd först, däcket är låst för égna nycklar, på återseende"
NO_LIGHT = "Inget ljus i fibern efter tre försök"
NOT_SOLD = "Tjänsten säljs inte på den här accessen"
SOON = timedelta(seconds=8)
TEN_DAYS = timedelta(days=10)
LETTERS = {
    "firstname": "Åsa-Märta Zoé",
    "surname": "Örnsköld-Änglund",
    "address": "Övre Äppelallén 3 Å",
    "city": "Östra Ängelsåker",
    "email": "asa.ornskold@example.org",
    "data": {"phone": "0701740699", "premise": "ÄÖ 12", "message": "Ring på grannens dörr: Müller, våning två é"},
}

MORNING = (
    Plot(kind="plain", copies=3),
    Plot(kind="plain, 1000 Mbit/s", service="3110", copies=2),
    Plot(kind="plain", by=SYD, copies=3),
    Plot(kind="plain, done in an hour", script=Script(progress_ticks=1), copies=2),
    Plot(kind="plain, done in two hours", script=Script(received_ticks=1, progress_ticks=1)),
    Plot(kind="plain, done in two hours", by=SYD, script=Script(received_ticks=1, progress_ticks=1)),
    Plot(
        kind="wished for in ten days",
        wish=TEN_DAYS,
        expected=Expected(ends="active", written=(("received", "active"),)),
    ),
    Plot(
        kind="wished for in ten days, the network can't wait",
        by=SYD,
        wish=TEN_DAYS,
        expected=Expected(ends="waiting", written=(("received", "waiting"),), begun=0),
    ),
    Plot(
        kind="the same, set active by the network",
        by=SYD,
        wish=TEN_DAYS,
        tag="set active",
        expected=Expected(ends="active", written=(("received", "waiting"),), begun=0),
    ),
    Plot(kind="activated by the portal itself", status="delivered", expected=Expected(written=((),), begun=0)),
    Plot(
        kind="cancelled before we saw it",
        status="cancelled",
        expected=Expected(ends="cancelled", written=((),), begun=0),
    ),
    Plot(kind="found as received", status="received", expected=done("active", "delivered")),
    Plot(
        kind="found as active, by whom?",
        status="active",
        expected=parked("active", "taken over as active", messages=UNSETTLED),
    ),
    Plot(
        kind="found as waiting, for whom?",
        status="waiting",
        expected=parked("waiting", "taken over as waiting", messages=UNSETTLED),
    ),
    Plot(
        kind="a service without a route",
        by=NOBODY,
        expected=parked("received", "no route for service 3999", "received", said="3999"),
    ),
    Plot(
        kind="refused: the port is busy (409)",
        script=Script(refuse=409, cause=BUSY),
        expected=parked("waiting", BUSY, "received", "waiting", said=BUSY),
    ),
    Plot(
        kind="refused: not sold there (400)",
        by=SYD,
        script=Script(refuse=400, cause=NOT_SOLD),
        expected=parked("waiting", NOT_SOLD, "received", "waiting", said=NOT_SOLD),
    ),
    Plot(
        kind="refused, in Swedish letters all over",
        script=Script(refuse=409, cause=SWEDISH),
        fields=LETTERS,
        expected=parked("waiting", SWEDISH, "received", "waiting", said=SWEDISH),
    ),
    Plot(
        kind="refused, then mended and tried again",
        tag="mended",
        script=Script(refuse=409, cause="Porten är inte patchad"),
        expected=done("received", "waiting", "active", "delivered", messages=(1,), said="inte patchad"),
    ),
    Plot(
        kind="an access that nobody knows",
        known=False,
        expected=parked("waiting", "is unknown", "received", "waiting", said="is unknown"),
    ),
    Plot(
        kind="failed at once",
        script=Script(end="DONE_FAILED", message=NO_LIGHT),
        expected=parked(
            "waiting",
            NO_LIGHT,
            begun=1,
            said=NO_LIGHT,
            written=(("received", "waiting"), ("received", "active", "waiting")),
        ),
    ),
    Plot(
        kind="failed after an hour",
        by=SYD,
        script=Script(progress_ticks=1, end="DONE_FAILED", message=NO_LIGHT),
        expected=parked("waiting", NO_LIGHT, "received", "active", "waiting", begun=1, said=NO_LIGHT),
    ),
    Plot(
        kind="unreadable",
        detail="broken_xml",
        expected=parked("new", "unreadable", messages=(0,)),
    ),
    Plot(kind="listed without a number", row="no_id", expected=parked("new", "no usable id", messages=(0,))),
    Plot(
        kind="cancelled there in time",
        tag="cancelled in time",
        script=Script(received_ticks=99),
        expected=Expected(ends="cancelled", written=(("received", "active"),), withdrawn=1),
    ),
    Plot(
        kind="cancelled there too late",
        tag="cancelled too late",
        script=Script(progress_ticks=99),
        expected=parked("cancelled", "can't cancel it any more", "received", "active", begun=1),
    ),
    Plot(
        kind="set delivered by the network",
        tag="set delivered",
        script=Script(progress_ticks=99),
        expected=done("received", "active"),
    ),
    Plot(kind="by hand", by=DESK, tag="by hand", expected=Expected(begun=0)),
    Plot(
        kind="by hand, still to do",
        by=DESK,
        expected=Expected(ends="active", written=(("received", "active"),), begun=0),
    ),
    Plot(kind="a router to send", by=COURIER),
    Plot(kind="billed in GKS4", service=BILLED, billed=True),
    Plot(
        kind="activated by the portal itself, and billed",
        service=BILLED,
        billed=True,
        status="delivered",
        expected=Expected(written=((),), begun=0),
    ),
    Plot(kind="property data, from KODE", by=DATA, tag="property data"),
    Plot(
        kind="comes late, dated yesterday",
        hidden=True,
        tag="late",
        fields={"days_old": 1},
    ),
)

UNSEEN = (Plot(kind="comes while the list is broken"), Plot(kind="comes while the list is broken", by=SYD))

BROKEN_LINES = (
    Plot(kind="503 after the activation", tag="503"),
    Plot(kind="the line breaks after a status", tag="reset"),
    Plot(
        kind="no route, and no answer to the message",
        by=NOBODY,
        tag="timeout",
        expected=parked("received", "no route for service 3999", "received", said="3999"),
    ),
    Plot(kind="too many calls (429)", by=SYD, tag="429"),
    Plot(kind="the session ends in the middle", tag="hash"),
    Plot(
        kind="a router that can't be sent",
        by=COURIER,
        tag="refused parcel",
        expected=parked("waiting", "Modellen", "received", "waiting", said="Modellen"),
    ),
    Plot(kind="a router, the courier asks for later", by=COURIER, tag="later parcel"),
    Plot(kind="a router, the command dies, a person knows", by=COURIER, tag="lost parcel"),
    Plot(kind="property data, no answer, a person knows", by=DATA, tag="lost data"),
    Plot(kind="billed, no answer, a person knows", service=BILLED, billed=True, tag="lost bill"),
)

POWER_CUT = (
    Plot(kind="caught by the power cut", copies=3),
    Plot(kind="caught by the power cut", by=SYD, copies=2, script=Script(received_ticks=1)),
)

WISHES = (
    Plot(kind="wished for this afternoon", wish=SOON),
    Plot(
        kind="wished for this afternoon, kept here",
        by=SYD,
        wish=SOON,
        expected=Expected(written=(("received", "waiting", "active", "delivered"), PLAIN)),
    ),
)

SOMETIMES = (
    Plot(kind="plain"),
    Plot(kind="plain", by=SYD, script=Script(received_ticks=2, progress_ticks=2)),
    Plot(kind="plain, 1000 Mbit/s", service="3110", script=Script(progress_ticks=3)),
    Plot(kind="a router to send", by=COURIER),
    Plot(kind="failing", script=Script(progress_ticks=2, end="DONE_FAILED", message=NO_LIGHT)),
    Plot(kind="refused", by=SYD, script=Script(refuse=409, cause=BUSY)),
    Plot(kind="without a route", by=NOBODY),
    Plot(kind="by hand", by=DESK),
    Plot(kind="property data", by=DATA),
)

_FIRST = ("Kim", "Ines", "Otto", "Ylva", "Hjalmar", "Siw", "Elof", "Tove", "Mira", "Arvid", "Åke", "Linnéa")
_LAST = ("Provsson", "Låtsasdotter", "Exempelgren", "Påhittsberg", "Testlund", "Övningsholm")
_STREETS = ("Provgatan", "Låtsasvägen", "Exempelstigen", "Övningsgränd", "Påhittsbacken")
_CITIES = ("Provköping", "Låtsasby", "Exempelvik", "Övningsås")


def person(chance: random.Random) -> dict[str, Any]:
    """An invented customer: no such town, a phone number kept for films, and a domain kept for examples."""
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    plain = f"{first}.{last}".lower().translate(str.maketrans("åäöé", "aaoe"))
    return {
        "firstname": first,
        "surname": last,
        "email": f"{plain}@example.org",
        "address": f"{chance.choice(_STREETS)} {chance.randint(1, 98)}",
        "zip": f"999{chance.randint(10, 99)}",
        "city": chance.choice(_CITIES),
        "data": {"phone": f"07017406{chance.randint(5, 99):02d}", "premise": f"1{chance.randint(1, 9)}01"},
    }


def place(number: int) -> dict[str, str]:
    """A cadastral unit of KODE's test municipality, and an address there (kode.md, section 2)."""
    return {"cadastre": f"9999-{number}-{number + 10}-0-0"} | {
        "address": f"Infoveien {number}", "zip": "9999", "city": "Infoland",
    }  # fmt: skip
