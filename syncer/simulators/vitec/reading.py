"""A body's fields as Connect reads them: by name in any case, texts or null.

What a field means isn't known here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncer.simulators.rest import RefusedError

INVALID = "The request is invalid."


def invalid(field: str, why: str) -> RefusedError:
    """A validation error is a 400 (vitec.md, section 10)."""
    return RefusedError(400, INVALID, {field: [why]})


class Body:
    """The fields of a JSON object (vitec.md, section 1: read case-insensitively)."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def value(self, name: str) -> Any:
        """A field as it came; None where there is none."""
        return self._values.get(name.lower())

    def text(self, name: str, *, needed: bool = False) -> str:
        """A text, empty where it is null or missing; a 400 where it must be there."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise invalid(name, "The value is not a text.")
        if needed and not value:
            raise invalid(name, f"The {name} field is required.")
        return value or ""

    def flag(self, name: str) -> bool:
        """A boolean, false where it is missing."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(name, "The value is not a boolean.")
        return bool(value)

    def date_time(self, name: str) -> str:
        """A date and time as it came, empty where it is missing."""
        text = self.text(name)
        try:
            if text:
                datetime.fromisoformat(text)
        except ValueError:
            raise invalid(name, "The value is not a date and time.") from None
        return text
