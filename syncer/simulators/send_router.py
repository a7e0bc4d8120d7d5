"""The demo's command: reads an order as JSON on its standard input, and books a parcel for it with the courier.

An example of a program for a fulfilment of kind "command", and needs nothing but Python: run it as
`python3 -m syncer.simulators.send_router http://HOST/parcels`. Nothing of syncer's own may be imported here.
"""

import json
import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

DONE, REFUSED, LATER, UNCLEAR = 0, 65, 75, 1
SECONDS = 5.0


def main(arguments: Sequence[str]) -> int:
    """Books one parcel; the exit code says what came of it, and standard error says why."""
    order = json.load(sys.stdin)
    try:
        status, said = _book(arguments[0], order)
    except (OSError, HTTPException, ValueError):
        sys.stderr.write("no answer from the courier: the parcel may be on its way, or not")
        return UNCLEAR
    if status != 201:
        sys.stderr.write(said.get("cause", f"HTTP {status}"))
    return {201: DONE, 409: REFUSED, 503: LATER}.get(status, UNCLEAR)


def _book(url: str, order: dict[str, object]) -> tuple[int, dict[str, str]]:
    parts = urlsplit(url)
    line = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=SECONDS)
    try:
        body = json.dumps({"order": order["external_id"], "reference": order["key"]})
        line.request("POST", parts.path, body, {"Content-Type": "application/json"})
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
