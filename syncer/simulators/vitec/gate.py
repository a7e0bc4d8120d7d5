"""Who may ask the simulated Connect, and what comes of asking again after a refusal.

What is asked is known here by its function group alone.
"""

import base64
import binascii
import hmac

from syncer.simulators.rest import RefusedError
from syncer.simulators.vitec.agency import Agency
from syncer.simulators.wire import Request

# The function group that each operation needs (vitec.md, section 1, whose names are not given there).
FUNCTIONS = {
    "order.token": "order",
    "order.list": "order",
    "order.interaction": "order",
    "image.create": "image",
    "crm_image.create": "crm",
    "image.categories": "crm",
    "note.create": "note",
    "user.list": "user",
    "office.list": "office",
    "estate.get": "advertising",
}


class Gate:
    """Basic credentials, per customer, chain or tenant, and per function group (vitec.md, sections 1 and 10)."""

    def __init__(self, agency: Agency, username: str) -> None:
        self._agency = agency
        self._username = username
        self.denied: set[tuple[str, str]] = set()
        self.refused: set[tuple[str, str]] = set()
        self.ignored_refusals = 0
        self.blocked = False

    def admit(self, request: Request, operation: str, customer_id: str) -> None:
        """Refuses what may not be asked. A call against a refusal of before is held against the client."""
        function = FUNCTIONS.get(operation, "order")
        owners = self._owners(request, function)
        if self.blocked:
            raise RefusedError(403, "This client is blocked")
        if self._covered(owners, customer_id) and not {(customer_id, ""), (customer_id, function)} & self.denied:
            return
        self._count(request, customer_id, function)
        raise RefusedError(403, "No access to the requested data")

    def forget(self, customer_id: str) -> None:
        """Calls for a customer are no longer against a refusal."""
        self.denied = {each for each in self.denied if each[0] != customer_id}
        self.refused = {each for each in self.refused if each[0] != customer_id}

    def _owners(self, request: Request, function: str) -> set[str]:
        """Whose data this user name and password open for the function; nobody's password is a 401."""
        username, password = _login(request)
        known = [each for each in self._agency.credentials if hmac.compare_digest(each.password.encode(), password)]
        if not hmac.compare_digest(username, self._username.encode()) or not known:
            raise RefusedError(401, "Wrong user name or password")
        return {each.owner for each in known if each.functions is None or function in each.functions}

    def _covered(self, owners: set[str], customer_id: str) -> bool:
        """A customer is opened by its own password, or by its chain's or tenant's. No customer needs any at all."""
        if not customer_id:
            return bool(owners)
        office = self._agency.offices.get(customer_id)
        opened = {customer_id} | ({office.chain or "", office.tenant} if office else set())
        return bool(owners & opened)

    def _count(self, request: Request, customer_id: str, function: str) -> None:
        if (customer_id, function) not in self.refused:
            self.refused.add((customer_id, function))
            return
        self._agency.book.blame(request, f"called again for {customer_id or 'nobody'}, who was refused with 403 before")
        self.ignored_refusals += 1
        if 0 < self._agency.options.block_after <= self.ignored_refusals:
            self.blocked = True


def _login(request: Request) -> tuple[bytes, bytes]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        username, colon, password = b"", b"", b""
    return (username, password) if scheme.lower() == "basic" and colon else (b"", b"")
