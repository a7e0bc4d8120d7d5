"""How KODE's token is got (kode.md, section 3): by password, then by a refresh token that each refresh replaces.

What the token is sent to is not for here.
"""

from syncer.errors import AccessDenied
from syncer.remotes.bearer import Token, granted
from syncer.remotes.http import Http


class Signing:
    """One account's grants. `client_on_refresh` sends the client's id and secret with a refresh too.

    A refresh token is tried once: it is used up where the answer is lost, and using it again may end the rest.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        client: tuple[str, str],
        user: tuple[str, str],
        *,
        client_on_refresh: bool,
        form: bool,
    ) -> None:
        self._http = http
        self._url = url
        self._client = {"client_id": client[0], "client_secret": client[1]}
        self._user = {"username": user[0], "password": user[1]}
        self._on_refresh = self._client if client_on_refresh else {}
        self._form = form
        self._tried: str | None = None

    def next(self, before: Token | None) -> Token:
        """A token, by the refresh of the one before where it has one; a refused refresh falls back to the password."""
        refresh = None if before is None else before.refresh
        if refresh is not None and refresh != self._tried:
            self._tried = refresh
            fields = {"grant_type": "refresh_token", "refresh_token": refresh, **self._on_refresh}
            try:
                return granted(self._http, self._url, fields, form=self._form)
            except AccessDenied:
                pass  # it has expired, or was revoked
        return granted(self._http, self._url, {"grant_type": "password", **self._client, **self._user}, form=self._form)
