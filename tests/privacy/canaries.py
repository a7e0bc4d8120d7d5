"""Texts that must not come out anywhere, and a search that knows how texts disguise themselves."""

import base64
import html
import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

STADS_KEY = "kanarie \"&'+/%=<åäö>#5f2c"  # needs escaping in URLs, pages, XML and JSON
MALMO_KEY = "kanariekey8d1e"
NORD_PASSWORD = "kanarie:lösen/&+\"'1f4b"
SYD_PASSWORD = "kanariepass7c2a"
USER = "sp"
SECRETS = {
    "the portal's key": STADS_KEY,
    "the other portal's key": MALMO_KEY,
    "the network's password": NORD_PASSWORD,
    "the other network's password": SYD_PASSWORD,
    "the network's credentials": base64.b64encode(f"{USER}:{NORD_PASSWORD}".encode()).decode(),
    "the other network's credentials": base64.b64encode(f"{USER}:{SYD_PASSWORD}".encode()).decode(),
}
CUSTOMER = {
    "serial": "190013329771",
    "firstname": "Kanåriet",
    "surname": "Burfågelström",
    "email": "burfagel@kanariemail.example",
    "address": "Fjädergränd 77 Q",
    "zip": "98765",
    "city": "Näbbköping",
}
DATA = {
    "phone": "0709998877",
    "premise": "lgh-13Q7Z",
    "message": 'Väck inte pippin "Tweety" före\nåtta, knacka på köksfönstret i stället',
    "unheard_of": "Gullviva Äppelblom",
}
HEAD = {"salesperson": "Svampbob Östergök"}  # a field of order_info's that no contract knows
PEOPLE = {
    "serial": "190013329771",
    "serial with a dash": "19001332-9771",
    "serial without its century": "001332-9771",
    "firstname": "Kanåriet",
    "surname": "Burfågelström",
    "email": "burfagel@kanariemail",
    "address": "Fjädergränd",
    "zip": "98765",
    "zip with a space": "987 65",
    "city": "Näbbköping",
    "phone": "0709998877",
    "phone abroad": "46709998877",
    "premise": "13Q7Z",
    "message": "pippin",
    "message's end": "köksfönstret",
    "unknown field": "Gullviva",
    "unknown field's end": "Äppelblom",
    "unknown head field": "Svampbob",
    "unknown head field's end": "Östergök",
}
CAUSE = (
    "Burfågelströms port på Fjädergränd 77 Q (Kanåriet, 19001332-9771, tel 070-999 88 77, "
    "burfagel@kanariemail.example, 987 65 NÄBBKÖPING, lgh-13Q7Z) är upptagen, "
    "säljare Svampbob Östergök, Gullviva Äppelblom"
)


def _readings(text: str) -> Iterable[str]:
    """A text as it is, and as it reads once escapes are undone."""
    plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    for one in (text, plain, plain.replace('\\"', '"'), plain.replace("\\'", "'")):
        yield from (one, html.unescape(one), unquote_plus(one), unquote_plus(html.unescape(one)))


def found_in(text: str, canaries: dict[str, str]) -> set[str]:
    """The names of the canaries that a text shows, in whatever form."""
    readings = {reading.casefold() for reading in _readings(text)}
    return {name for name, canary in canaries.items() if any(_shows(reading, canary) for reading in readings)}


def _shows(text: str, canary: str) -> bool:
    canary = canary.casefold()
    if canary.isdigit():
        return re.search(rf"(?<!\d){canary}(?!\d)", text) is not None
    return canary in text
