"""Lists and tables: the names, numbers and amounts in them, and which keys a table of the operator's own may have.

As with plain values, it must never look at the file system, the environment or the network.
"""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from syncer.config.complaints import FieldError, nearest
from syncer.config.places import dotted
from syncer.config.values import to_text


def to_tuple(value: object) -> tuple[object, ...]:
    """A list as a tuple."""
    if not isinstance(value, list | tuple):
        raise FieldError("must be a list")
    return tuple(value)


def check_keys(value: object, known: Collection[str], what: str) -> object:
    """A table whose keys are all known ones; `what` says what a key is, as in "a field"."""
    if not isinstance(value, dict):
        raise FieldError("must be a table")
    for name in value:
        if name not in known:
            raise FieldError(f"{dotted((name,))} is not {what}", nearest(name, known))
    return value


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise FieldError("must be a list")
    names = tuple(to_text(name) for name in value if isinstance(name, str))
    if len(names) != len(value):
        raise FieldError("holds something that is not a text")
    if len(set(names)) != len(names):
        raise FieldError("holds the same twice")
    return names


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise FieldError("must be a list with a number in it")
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in value):
        raise FieldError("holds something that is not a whole number")
    return tuple(value)


# Together with its decimals an amount has at most fifteen digits, so that JSON can carry it exactly.
_QUANTITY = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_PRICE = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,2})?")


def _amount(value: object, form: re.Pattern[str]) -> Decimal:
    if isinstance(value, Decimal):
        value = f"{value:f}"
    if isinstance(value, float):
        raise FieldError("is a number with decimals, which is not exact: it must stand in quotes")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not form.fullmatch(text):
        raise FieldError("is not an amount")
    return Decimal(text)


def _quantity(value: object) -> Decimal:
    amount = _amount(value, _QUANTITY)
    if not amount:
        raise FieldError("must be more than nothing")
    return amount


def _price(value: object) -> Decimal:
    return _amount(value, _PRICE)


def _extras(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise FieldError("must be a table")
    _check_extra(value)
    return value


def _check_extra(value: object) -> None:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_extra(part)
    elif not isinstance(value, str | int):
        raise FieldError("holds something that is no text, whole number, true or false", "Write amounts in quotes.")


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Numbers = Annotated[tuple[int, ...], BeforeValidator(_numbers)]
Quantity = Annotated[Decimal, BeforeValidator(_quantity)]
Price = Annotated[Decimal, BeforeValidator(_price)]
Extras = Annotated[dict[str, Any], BeforeValidator(_extras)]
