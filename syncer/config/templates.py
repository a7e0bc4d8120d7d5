"""Templates: texts with an order's fields in them, `{cadastre}` or `{office.corporateNumber}`.

It must never fill one in, which is done where the order is, nor know which fields an order has.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator

from syncer.config.complaints import FieldError
from syncer.config.values import to_text

_CURE = 'Write "{FIELD}" or "{SECTION.FIELD}", with text around it if need be; a brace itself is written {{ or }}.'
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_FIELD = re.compile(r"\w[\w-]*(?:\.\w[\w-]*)?")


def _template(value: object) -> str:
    text = to_text(value)
    if set(_PART.sub("", text)) & {"{", "}"}:
        raise FieldError("has a brace that stands alone", _CURE)
    names = [found[1] for found in _PART.finditer(text) if found[1] is not None]
    if not all(_FIELD.fullmatch(name) for name in names):
        raise FieldError("has braces with something else than a field's name in them", _CURE)
    return text


Template = Annotated[str, BeforeValidator(_template)]
