"""The Swedish of the agent's pages: every sentence, and how amounts, sizes and times are written.

No name, address or value of an order belongs into a sentence here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from syncer.web.agent.desk import Awaited, Fault, Price, Reason
from syncer.web.agent.forms import PRODUCT

AGAIN = "Öppna beställningen igen från Vitec."


@dataclass(frozen=True, slots=True)
class Told:
    """A page with nothing but a heading and a sentence."""

    title: str
    text: str


STATES: Mapping[str, str] = {
    "new": "Mottagen",
    "received": "Mottagen",
    "active": "Pågår",
    "waiting": "Väntar",
    "delivered": "Levererad",
    "cancelled": "Avbruten",
}
AWAITED: Mapping[Awaited, str] = {
    Awaited.NOTHING: "",
    Awaited.AGENT: "Vi behöver några uppgifter från dig innan vi kan beställa.",
    Awaited.US: "Vi har tagit emot beställningen. Sidan uppdateras av sig själv.",
    Awaited.SUPPLIER: "Underlaget är beställt. Du behöver inte göra något; filerna visas här när de är klara.",
    Awaited.PERSON: "En handläggare hos oss tittar på beställningen och hör av sig vid behov.",
}
MAP_FORM = "En karta går inte att beställa på den här sidan. En handläggare hos oss hör av sig om området."
FAULTS: Mapping[Fault, str] = {
    Fault.MISSING: "Fyll i det här fältet.",
    Fault.MALFORMED: "Skriv som i exemplet.",
    Fault.TOO_LONG: "Texten är för lång.",
    Fault.UNKNOWN: "Uppgiften finns inte i registret. Kontrollera den.",
    Fault.NOT_OFFERED: "Produkten säljs inte för den här kommunen. Välj en annan.",
    Fault.NO_PRODUCT: "Det finns inget att beställa för den här kommunen.",
    Fault.LATER: "Uppgifterna kan inte kontrolleras just nu. Försök igen om en stund.",
    Fault.REFUSED: "Beställningen togs inte emot med de här uppgifterna. Kontrollera dem.",
    Fault.MAP: MAP_FORM,
}
NO_PRODUCT_CHOSEN = "Välj minst en produkt."
SEE_BELOW = "Något behöver rättas. Se nedan."
CROWDED = "Det är många som beställer just nu. Vänta några sekunder och försök igen."
PRICE_CHANGED = "Priset har ändrats. Kontrollera det nya priset innan du beställer."
STALE = "Kontrollera uppgifterna och skicka dem igen."

NO_LINK = Told("Länken är inte hel", f"Adressen saknar uppgifter om beställningen. {AGAIN}")
NOT_FOUND = Told("Sidan finns inte längre", f"Adressen gäller bara en begränsad tid. {AGAIN}")
NO_FILE = Told("Filen finns inte längre", f"Länken gäller inte längre, eller så har filen tagits bort. {AGAIN}")
ELSEWHERE = Told("Formuläret kom från en annan sida", f"Inget har beställts. {AGAIN}")
BROKEN = Told("Något gick fel hos oss", f"Din beställning är inte borta. Vänta en stund. {AGAIN}")
NOT_HERE = Told("Fel adress", f"Sidan kan inte visas på den här adressen. {AGAIN}")
OTHERWISE = Told("Det gick inte", f"Begäran kunde inte besvaras. {AGAIN}")
BUSY_FILE = Told("Många hämtar filer just nu", "Vänta en stund och försök igen.")
REFUSED: Mapping[Reason, Told] = {
    Reason.EXPIRED: Told("Länken har gått ut", AGAIN),
    Reason.DENIED: Told("Beställningen kunde inte öppnas", f"Vitec godkände inte länken. {AGAIN}"),
    Reason.UNKNOWN: Told("Beställningen kunde inte öppnas", f"Vitec godkände inte länken. {AGAIN}"),
    Reason.OVER: Told(
        "Beställningen är avslutad", "Den avslutades för länge sedan, och vi har inga uppgifter om den kvar."
    ),
    Reason.BUSY: Told(
        "Ett ögonblick", "Det är många som öppnar beställningar just nu. Sidan försöker igen av sig själv."
    ),
}


def fault(name: str, what: Fault) -> str:
    """What is wrong with a field's value."""
    return NO_PRODUCT_CHOSEN if (name, what) == (PRODUCT, Fault.MISSING) else FAULTS[what]


def money(price: Price, *, gross: bool = True) -> str:
    """An amount: `1 250,00 kr`, `1 000,00 NOK`."""
    whole = f"{price.gross if gross else price.net:,.2f}".replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")
    return f"{whole}\N{NO-BREAK SPACE}{'kr' if price.currency == 'SEK' else price.currency}"


def size(count: int) -> str:
    """A file's size: `812 byte`, `34 kB`, `1,2 MB`."""
    if count < 1000:
        return f"{count}\N{NO-BREAK SPACE}byte"
    if count < 1_000_000:
        return f"{round(count / 1000)}\N{NO-BREAK SPACE}kB"
    return f"{count / 1_000_000:.1f}\N{NO-BREAK SPACE}MB".replace(".", ",")


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A time on the portals' wall clock: `2031-05-04 kl. 09:15`."""
    return f"{at.astimezone(zone):%Y-%m-%d kl.\N{NO-BREAK SPACE}%H:%M}"
