"""The refusal: an HTTP status and a sentence, raised anywhere in the simulated KODE and answered in one place."""


class RefusedError(Exception):
    """KODE says no. `retry_after` is in seconds."""

    def __init__(self, status: int, cause: str, *, code: str = "", retry_after: int | None = None) -> None:
        super().__init__(f"{status} {cause}")
        self.status = status
        self.cause = cause
        self.code = code
        self.retry_after = retry_after


def invalid(field: str, why: str) -> RefusedError:
    """What a field breaks is a 400; the contract names no status (kode.md, section 12)."""
    return RefusedError(400, f"{field}: {why}")
