"""Which of the contract's readings this KODE follows: its gaps (kode.md, section 14 B) and contradictions (14 C).

Only names, defaults and what they may be; what an option brings about is told where it is obeyed.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

KODE_SCOPES = ("kode.order.write", "kode.order.read", "kode.product.read", "kode.price.read")
DAY = 86_400.0


@dataclass(slots=True)
class Options:
    """How this KODE behaves where the contract leaves it open.

    Login (section 3): `token_limit` token calls are allowed in `token_window` seconds, more get a 429; 0 is no limit.
    `confidential` wants client id and secret with a refresh too. `reused` is what comes of a refresh token that was
    used before. `one_token` ends the earlier access tokens with each new one. What needs one of `missing_scopes` is a
    403. `old_scopes` are the names of before.

    Orders (sections 6, 7): `generation` is the documents' version; the options below it say which part to take from
    the other one, "" none. `holes` allows a polygon more than one ring. `same_ids` gives one number on the first two
    levels.

    Files (section 9): `listed_twice` has an order show its lines' files too. `address` says whether each reading of
    the order gives new addresses; they live `address_life` seconds (0: for ever) and then get `expired_status` until
    the order is read again. `at` says whose host they name, and `redirect` where a download is sent on to.

    Pushes (section 8): `late_push` is what is said of a file after FINISHED. `repeats` is how often more each push is
    sent, `shuffled` has them out of order.
    """

    # login
    token_life: float = 3600
    refresh_life: float = 30 * DAY
    token_limit: int = 0
    token_window: float = 3600
    confidential: bool = False
    reused: Literal["refused", "accepted", "revokes"] = "refused"
    one_token: bool = False
    form_bodies: bool = True
    old_scopes: bool = False
    scope_text: bool = False
    missing_scopes: tuple[str, ...] = ()
    bad_login_status: int = 401

    # products and prices
    children: Literal["list", "absent"] = "list"
    unknown_municipality: Literal["empty", "404"] = "empty"
    prices: Literal["list", "object", "nested", "total"] = "list"
    price_names: Literal["sales", "plain"] = "sales"
    old_paths: bool = False

    # orders
    generation: Literal["v20", "v17"] = "v20"
    statuses: Literal["", "text", "object"] = ""
    top_status: Literal["text", "object"] = "text"
    status_codes: Literal["word", "number"] = "word"
    dates: Literal["", "norwegian", "iso"] = ""
    line_extras: Literal["", "shown", "absent"] = ""
    empty_assets: Literal["list", "absent", "null"] = "list"
    created_assets: bool = False
    nothing: Literal["null", "absent"] = "null"
    show_reference: bool = False
    order_status: bool = False
    same_ids: bool = False
    beta: bool = False
    zone: str = "Europe/Oslo"
    create_status: Literal[200, 201, 202] = 200
    data_key: Literal["system", "format", "either"] = "system"
    share_numbers: Literal["number", "text", "either"] = "number"
    holes: bool = True
    extra_fields: bool = False
    cancelled_assets: Literal["kept", "deleted", "dropped"] = "kept"

    # files
    listed_twice: bool = False
    names: Literal["ordinary", "hostile", "same", "absent"] = "ordinary"
    status_field: Literal["assetStatus", "status"] = "assetStatus"
    download_auth: Literal["bearer", "none", "refused"] = "bearer"
    address: Literal["fixed", "fresh"] = "fixed"
    address_life: float = 0
    expired_status: Literal[401, 403, 404, 410] = 404
    deleted_status: Literal[200, 403, 404, 410] = 410
    at: Literal["own", "elsewhere"] = "own"
    redirect: Literal["", "own", "elsewhere"] = ""
    redirect_status: Literal[301, 302, 303, 307, 308] = 302
    disposition: bool = False
    untyped: bool = False
    chunked: bool = False

    # pushes and messages
    push_word: Literal["UPDATED", "UPDATE"] = "UPDATED"
    push_id: Literal["orderCollectionId", "orderId", "both"] = "orderCollectionId"
    late_push: Literal["UPDATED", "FINISHED", "both"] = "UPDATED"
    push_deletions: bool = False
    repeats: int = 0
    shuffled: bool = False
    push_retries: bool = False
    push_url: str = ""
    message_shape: Literal["flat", "nested", "organization"] = "flat"
    message_number: Literal["text", "number"] = "text"
    message_time: bool = False

    # errors
    errors: Literal["object", "text", "html", "empty"] = "object"

    def __post_init__(self) -> None:
        """A misspelt choice would silently be the default."""
        self.missing_scopes = tuple(self.missing_scopes)  # JSON knows lists only
        for name, kind in get_type_hints(Options).items():
            value = getattr(self, name)
            if get_origin(kind) is Literal and (value not in get_args(kind) or isinstance(value, bool)):
                raise ValueError(f"{name} is one of {get_args(kind)}, not {value!r}")
            if kind in {bool, str} and not isinstance(value, kind):
                raise TypeError(f"{name} can't be {value!r}")

    def change(self, **options: Any) -> None:
        """Changes options by name, all or none of them."""
        checked = Options(**{**asdict(self), **options})
        for name in options:
            setattr(self, name, getattr(checked, name))

    @property
    def status_objects(self) -> bool:
        """Whether a line's status and productType are objects (kode.md, section 14 C)."""
        return self.statuses == "object" or (self.statuses == "" and self.generation == "v17")

    @property
    def iso_dates(self) -> bool:
        """Whether dates are in ISO 8601 (kode.md, section 14 C)."""
        return self.dates == "iso" or (self.dates == "" and self.generation == "v17")

    @property
    def lines_have_extras(self) -> bool:
        """Whether lines show dateStatus, packageLineId and assets (kode.md, section 15)."""
        return self.line_extras == "shown" or (self.line_extras == "" and self.generation == "v20")
