"""Places: where in the file a key stands, and how that place is written.

It must never judge what a key or its value is, and needs nothing but the file's text.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

Key = tuple[str | int, ...]


def dotted(key: Key) -> str:
    """`portals.acme.url`, `routes[1].match`; list items count from one, odd keys stand in quotes as in TOML."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            bare = part if re.fullmatch("[A-Za-z0-9_-]+", part) else json.dumps(part)
            text += f".{bare}" if text else bare
    return text


def lines_of(text: str) -> dict[Key, int]:
    """The line of each key. tomllib doesn't tell, so the (valid) file is read again, a statement at a time."""
    found: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    header: Key = ()
    pending, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        start = start if pending else number
        pending += line + "\n"
        try:
            piece = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # a list or a text that goes on on the next line
        if pending.lstrip().startswith("["):
            header = _header(piece, counts)
            found.setdefault(header, start)
        else:
            found.update({(*header, *key): start for key in _keys(piece)})
        pending = ""
    return found


def _header(piece: dict[str, Any], counts: dict[Key, int]) -> Key:
    """The key of one header; `counts` remembers how far each list of tables has come."""
    key: Key = ()
    node: Any = piece
    while node:
        ((name, node),) = node.items()
        key = (*key, name)
        if isinstance(node, list):
            counts[key] = counts.get(key, -1) + 1
            node = node[0]
        if key in counts:
            key = (*key, counts[key])
    return key


def _keys(value: Any, above: Key = ()) -> Iterator[Key]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*above, name)
        yield from _keys(item, (*above, name))
