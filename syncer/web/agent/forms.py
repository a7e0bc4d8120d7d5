"""The fields of each form, and what was written into them, as texts that can do no harm.

Whether a value is right is the desk's to say.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from syncer.web.agent.desk import Fault, FormKind

LONGEST = 200  # characters of a value
PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name in the request, what it is called, what belongs in it, and what a phone's keyboard shows."""

    name: str
    label: str
    hint: str
    example: str
    keyboard: str = "text"


FIELDS: Mapping[FormKind, tuple[Field, ...]] = {
    FormKind.CADASTRE: (
        Field(
            "cadastre",
            "Fastighetsbeteckning (matrikel)",
            "Fem tal med bindestreck: kommun, gård, bruk, feste och sektion.",
            "0301-12-34-0-0",
        ),
        Field("address", "Adress", "Gata och nummer, postnummer och ort.", "Storgata 9, 0155 Oslo"),
    ),
    FormKind.SHARE: (
        Field("organization_number", "Föreningens organisationsnummer", "Nio siffror.", "999999999", "numeric"),
        Field("share_number", "Andelsnummer", "Numret på andelen i föreningen.", "17", "numeric"),
    ),
    FormKind.MAP: (),
}


class Sent(Protocol):
    """A form as it was sent (Werkzeug's `MultiDict`)."""

    def getlist(self, key: str, /) -> list[str]: ...


def values_of(sent: Sent, form: FormKind) -> dict[str, str]:
    """What was written into a form's fields, each a line without anything invisible; the products with spaces."""
    values = {field.name: _line(sent.getlist(field.name)[:1]) for field in FIELDS[form]}
    chosen = _line(sent.getlist(PRODUCT))
    return values | ({PRODUCT: chosen} if chosen else {})


def parts_of(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The values as a form sends them: each product by itself."""
    return [(name, part) for name, value in values.items() for part in (value.split() if name == PRODUCT else [value])]


def _line(parts: list[str]) -> str:
    """One line of text: control characters, and those that turn the direction of writing, are spaces."""
    text = unicodedata.normalize("NFC", " ".join(parts))
    return " ".join("".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in text).split())


def too_long(values: Mapping[str, str]) -> dict[str, Fault]:
    """The values that are longer than anything that could be meant."""
    return {name: Fault.TOO_LONG for name, value in values.items() if len(value) > LONGEST}
