"""What the link holds that an agent comes by (vitec.md, section 2): a customer, and a token that is a secret.

It is read out of the raw query, since a form's reading makes a space of the `+` that base64 may hold.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

CUSTOMER = re.compile(rb"[A-Za-z0-9_.-]{1,40}")
TOKEN = re.compile(rb"[A-Za-z0-9+/=_.~-]{1,4096}")  # base64 of either alphabet, and what may stand bare in a URL


@dataclass(frozen=True, slots=True)
class Link:
    """What the agent's browser brings. The token is not shown."""

    customer_id: str
    token: str = field(repr=False)


def link_of(query: str) -> Link | None:
    """The customer and the token of a raw query; None where each is not there once, and of its characters.

    Percent-escapes are undone once, and a `+` stays one.
    """
    found: dict[str, list[bytes]] = {"customerid": [], "token": []}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if (known := found.get(name.lower())) is not None:
            known.append(unquote_to_bytes(value))
    if len(found["customerid"]) != 1 or len(found["token"]) != 1:  # of two, nobody could tell which is meant
        return None
    customer, token = found["customerid"][0], found["token"][0]
    if not (CUSTOMER.fullmatch(customer) and TOKEN.fullmatch(token)):
        return None
    return Link(customer.decode(), token.decode())
