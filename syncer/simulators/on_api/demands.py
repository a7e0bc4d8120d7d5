"""What the contract demands of an order's body, by version: fields, formats, and which are mandatory.

The network's state isn't known here: whether the access exists is not this module's question.
"""

from typing import Any

from syncer.simulators.on_api import formats
from syncer.simulators.on_api.formats import Check, invalid

OPERATIONS = ("ACTIVATE", "DEACTIVATE", "SUSPEND", "RESUME", "MODIFY", "CHANGE")

_CHECKS: dict[str, Check] = {
    "accessId": formats.check_id,
    "service": formats.check_name,
    "subscriptionId": formats.check_id,
    "spReference": formats.check_own_id,
    "spSubscriptionId": formats.check_own_id,
    "requestedDateTime": formats.check_date_time,
    "forcedTakeover": formats.check_boolean,
    "equipment": formats.check_equipment,
    "characteristics": formats.check_characteristics,
    "externalNote": formats.check_text,
}
_ANSWER_ONLY = frozenset({"orderId", "path", "state", "status", "message", "expectedCompletionDate"})

# on_api.md, section 5.2. A CHANGE needs its new service in 2.4 too, or there is nothing to change to.
_REQUIRED_24 = {
    "ACTIVATE": ("accessId", "service", "spReference"),
    "DEACTIVATE": ("accessId", "service"),
    "SUSPEND": ("subscriptionId", "accessId", "service"),
    "RESUME": ("subscriptionId",),
    "MODIFY": ("subscriptionId",),
    "CHANGE": ("subscriptionId", "service"),
}
_REQUIRED = {
    "ACTIVATE": ("accessId", "service"),
    "DEACTIVATE": ("subscriptionId",),
    "SUSPEND": ("subscriptionId",),
    "RESUME": ("subscriptionId",),
    "MODIFY": ("subscriptionId",),
    "CHANGE": ("subscriptionId", "service"),
}


def check_order(version: str, body: dict[str, Any], *, extra_fields: bool = False) -> dict[str, Any]:
    """The fields that have a value, once all of them are right (on_api.md, sections 2, 5.2 and 5.3)."""
    asked = {name: value for name, value in body.items() if value is not None}
    _check_operation(asked)
    _check_names(body, extra_fields=extra_fields)
    required = (_REQUIRED_24 if version == "2.4" else _REQUIRED)[asked["operation"]]
    for name in required:
        if name not in asked:
            raise invalid(name, f"mandatory for {asked['operation']}")
    for name, check in _CHECKS.items():
        if name in asked:
            check(name, asked[name])
    if asked.get("forcedTakeover") and asked["operation"] != "ACTIVATE":
        raise invalid("forcedTakeover", "only for ACTIVATE")  # section 5.4
    return asked


def _check_operation(asked: dict[str, Any]) -> None:
    if "operation" not in asked:
        raise invalid("operation", "mandatory")
    if asked["operation"] not in OPERATIONS:
        raise invalid("operation", "not one of " + ", ".join(OPERATIONS))


def _check_names(body: dict[str, Any], *, extra_fields: bool) -> None:
    for name in body:
        if name in _ANSWER_ONLY:
            raise invalid(name, "belongs in answers only")
        if name not in _CHECKS and name != "operation" and not extra_fields:
            raise invalid(name, "unknown field")
