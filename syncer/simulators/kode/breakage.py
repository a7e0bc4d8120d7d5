"""One order's answer, made useless: for claims that one order's trouble stays its own.

The faults of a whole remote are the host's.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from syncer.simulators.wire import Reply

Tree = dict[str, Any]
_TREES: Mapping[str, Callable[[Tree], Any]] = {
    "no_id": lambda tree: {name: value for name, value in tree.items() if name != "id"},
    "foreign": lambda tree: {**tree, "id": tree["id"] + 1},
    "no_status": lambda tree: {name: value for name, value in tree.items() if name != "status"},
    "no_orders": lambda tree: {**tree, "orders": None},
    "wrong_types": lambda tree: {**tree, "status": 7, "orders": [{"orderLines": "none"}, "x"]},
    "a_list": lambda tree: [tree],
    "null": lambda _: None,
}
WAYS = ("whole", "gone", "broken_json", "empty", *_TREES)


def broken(reply: Reply, way: str) -> Reply:
    """The answer for an order that is broken in this way; `gone` is not for here."""
    match way:
        case "whole":
            return reply
        case "broken_json":
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case "empty":
            return replace(reply, body=b"")
        case _:
            tree = _TREES[way](json.loads(reply.body))
            return replace(reply, body=json.dumps(tree).encode())
