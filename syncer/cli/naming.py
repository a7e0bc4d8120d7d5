"""Which order people mean."""

import sys

from syncer.store import Store


def order_name(store: Store, text: str) -> str | None:
    """The order of a name, or of an id that only one portal has; None, with a sentence on stderr, for neither."""
    if ":" in text:
        found = [text] if store.load(text) is not None else []
    else:
        found = [order.name for order in store.named(text)]
    if len(found) == 1:
        return found[0]
    if found:
        print(f"{text} is an order of several portals: say {' or '.join(found)}", file=sys.stderr)
    else:
        print(f"there is no order {text}: `syncer orders` lists them, as PORTAL:ID", file=sys.stderr)
    return None
