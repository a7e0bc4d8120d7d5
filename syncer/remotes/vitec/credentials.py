"""Which password goes with which of Vitec's customers (vitec.md, section 1).

The user name is one for all; a password is for a customer, a group or a tenant, and perhaps for one function group.
No password is shown from here.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credential:
    """One password, and the id that it was configured for."""

    key: str
    header: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The passwords by id: `M40017`, `G7`, `T3`; or by id and area, as in `M40017/CRM`, where an area has its own.

    `members` says to which group and tenant an office belongs. Where it says nothing, and there is one group's
    password only, or one tenant's, that is the one.
    """

    username: str
    passwords: Mapping[str, str] = field(repr=False)
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, customer_id: str, area: str) -> Credential | None:
        """The credential for a customer's calls: its own, else its group's, else its tenant's; None where none is."""
        for owner in (customer_id, *self._above(customer_id)):
            for key in (f"{owner}/{area}", owner):
                if key in self.passwords:
                    return Credential(key, self.header(key))
        return None

    def _above(self, customer_id: str) -> Sequence[str]:
        if customer_id in self.members:
            return sorted(self.members[customer_id], key=_rank)
        owners = {key.partition("/")[0] for key in self.passwords}
        sole = [[owner for owner in owners if owner[:1].upper() == prefix] for prefix in "GT"]
        return [found[0] for found in sole if len(found) == 1]

    def header(self, key: str) -> str:
        """What the `Authorization` header says."""
        return "Basic " + self.encoded(key)

    def encoded(self, key: str) -> str:
        """The user name and a password, as Basic authentication carries them."""
        return base64.b64encode(f"{self.username}:{self.passwords[key]}".encode()).decode()


def _rank(owner: str) -> int:
    return {"G": 0, "T": 1}.get(owner[:1].upper(), 2)
