"""`syncer messages`: what portals say to all who use them, newest first. It works while the service runs."""

import argparse

from rich.markup import escape

from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import console, iso, print_json, table, when


def messages(arguments: argparse.Namespace) -> int:
    """The notices that portals have pushed."""
    config, _ = opened(arguments)
    with reading_store(config) as store:
        found = store.notices(arguments.limit)
    if arguments.json:
        print_json(
            [
                {
                    "at": iso(one.at),
                    "portal": one.portal,
                    "audience": one.audience,
                    "sender": one.sender,
                    "text": one.text,
                }
                for one in found
            ]
        )
        return 0
    rows = [
        [when(one.at, config.timezone), *map(escape, (one.portal, one.audience, one.sender, one.text))] for one in found
    ]
    console().print(table(["at", "portal", "for", "from", "message"], rows) if rows else "No portal has said anything.")
    return 0
