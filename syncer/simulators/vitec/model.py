"""The values of the simulated Vitec Connect: its options, and its offices, users, homes, orders and tokens.

No rule of what is accepted and no HTTP belongs here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

# vitec.md, section 8.1; a ticket may use the number for the name.
KINDS = (
    "House",
    "Cottage",
    "HousingCooperative",
    "Condominium",
    "Farm",
    "Plot",
    "CommercialProperty",
    "Premises",
    "ForeignProperty",
)
_TRANSITION_FIELDS = frozenset({"method", "path", "id", "when", "status", "answer"})


@dataclass(frozen=True, slots=True)
class Transition:
    """A call that moves an order on. None is documented, so each is made up by options (vitec.md, section 6).

    `path` may hold {customerId} and {orderId}; without the latter the order's id is the body's field `id`. `when`
    tells several on one path apart, by fields of the body. `status` is what the order gets. `answer` is the body,
    and "false" has no effect.
    """

    name: str
    method: str = "PUT"
    path: str = ""
    id: str = "id"
    when: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""
    answer: str = "empty"


@dataclass(kw_only=True, frozen=True, slots=True)
class Options:
    """Which of the possible readings of vitec.md this Connect follows; each is of a point that it leaves unknown.

    `expired_fields` is what an expired token's ticket still holds, `expired_name` under which name it says so.
    `token_per_visit` gives each opening of the order's page a token of its own. `unknown_token` is the answer to one
    that nobody was given. `window` says whether MinValue and MaxValue belong to it. `times` is the form of times in
    answers; bare ones are of `zone`, going in and coming out. `page_size` cuts the list, 0 doesn't. `foreign_listed`
    shows other suppliers' orders too. `unknown_id` is the status for a home or an order that isn't there.
    `interaction` "false_kept" answers false and yet shows the request to the user. `block_after` is how many calls
    against a refusal get the client blocked, 0 for never. `transitions` maps names to fields of `Transition`.
    """

    casing: Literal["camel", "pascal"] = "camel"
    error_body: Literal["message", "array", "text", "html", "empty"] = "message"
    block_after: int = 0
    unknown_id: Literal[404, 400] = 404

    token_life: float = 600.0
    one_time: bool = False
    token_per_visit: bool = True
    unknown_token: Literal["400", "404", "expired"] = "400"
    expired_name: Literal["hasExpired", "orderTicketHasExpired", "both"] = "hasExpired"
    expired_fields: Literal["filled", "null", "empty", "absent"] = "filled"
    chain: Literal["shown", "null", "absent"] = "shown"
    target_type: Literal["name", "number"] = "name"

    window: Literal["inclusive", "exclusive", "half_open"] = "inclusive"
    zone: str = "Europe/Stockholm"
    times: Literal["bare", "offset", "utc"] = "bare"
    list_shape: Literal["array", "rows"] = "array"
    page_size: int = 0
    sort: Literal["oldest", "newest", "shuffled"] = "oldest"
    first_status: str = "Unnamed"
    last_updated: Literal["null", "created"] = "null"
    foreign_listed: bool = True
    unknown_parameters: Literal["ignored", "refused"] = "ignored"

    interaction: Literal["true", "false", "false_kept"] = "true"
    note_answer: Literal["empty", "204", "text"] = "empty"
    image_answer: Literal["text", "empty", "204"] = "text"
    category_checked: bool = False
    max_image: int = 0
    transitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """A misspelt field of a transition would silently be the default."""
        ZoneInfo(self.zone)
        for name, given in self.transitions.items():
            if unknown := sorted(set(given) - _TRANSITION_FIELDS):
                raise ValueError(f"The transition {name} has no field {', '.join(unknown)}")
            if not str(given.get("path", "")).startswith("/"):
                raise ValueError(f"The transition {name} needs a path, with a slash at its beginning")
            if given.get("answer", "empty") not in {"empty", "true", "false"}:
                raise ValueError(f"The transition {name} answers empty, true or false")

    def all_transitions(self) -> list[Transition]:
        """The configured transitions; none unless there are some."""
        return [Transition(name, **given) for name, given in self.transitions.items()]


@dataclass(frozen=True, slots=True)
class Credential:
    """A password for one customer, chain or tenant (vitec.md, section 1). No `functions` means all."""

    owner: str
    password: str
    functions: frozenset[str] | None = None


@dataclass(slots=True)
class Office:
    """An office that orders, the chain and the tenant that it belongs to, and what the look-up shows of it."""

    customer_id: str
    chain: str | None
    tenant: str
    categories: list[str]
    fields: dict[str, Any]


@dataclass(slots=True)
class User:
    """An agent. Only public ones are looked up (section 9)."""

    user_id: str
    customer_ids: list[str]
    public: bool
    fields: dict[str, Any]


@dataclass(slots=True)
class Estate:
    """A home of an office."""

    estate_id: str
    customer_id: str
    kind: str
    fields: dict[str, Any]


@dataclass(slots=True)
class AgentOrder:
    """An order that an agent made in Vitec. `interactions` are (url, comment), as they were asked for."""

    id: str
    customer_id: str
    target_id: str
    target_type: str
    user_id: str
    order_user_id: str
    service_id: int
    created_at: datetime
    status: str
    updated_at: datetime | None = None
    hidden: bool = False
    refuses: bool = False
    interactions: list[tuple[str, str]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Token:
    """What stands for an order in its page's address: who opens it, for which office, and until when."""

    text: str
    order: str
    customer_id: str
    user_id: str
    ends_at: datetime
    exchanged: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a home, as it came in."""

    customer_id: str
    estate_id: str
    user_id: str
    contact_id: str
    text: str
    date: str

    @property
    def key(self) -> tuple[str, ...]:
        """What a second note made of one request has in common with the first."""
        return self.customer_id, self.estate_id, self.contact_id, self.text


@dataclass(frozen=True, slots=True)
class Image:
    """An image on a home. `digest` is the SHA-256 of its bytes, `by` the call that brought it."""

    id: str
    customer_id: str
    estate_id: str
    by: str
    kind: str
    size: int
    digest: str
    name: str
    caption: str
    category: str
    advertise: bool
