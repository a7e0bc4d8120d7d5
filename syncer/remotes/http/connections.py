"""Connections that are watched (`deadlines`) and whose names are looked up in time (`names`). No call is made here."""

import socket
from contextlib import suppress
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter

from syncer.remotes.http import deadlines
from syncer.remotes.http.names import NAMES


class _Named(urllib3.connection.HTTPConnection):
    """A connection whose name is looked up within the time that it has to connect."""

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        seconds = self.timeout if isinstance(self.timeout, int | float) else None
        try:
            addresses = NAMES.addresses(name.strip("[]"), seconds)
        except (OSError, UnicodeError, RuntimeError) as error:  # the last where no thread could be started
            raise urllib3.exceptions.NameResolutionError(name, self, socket.gaierror(str(error))) from None
        try:
            return self._first(addresses)
        finally:
            self._dns_host = name

    def _first(self, addresses: list[str]) -> socket.socket:
        """A connection to the first of the addresses that takes one."""
        *others, last = addresses
        for address in others:
            self._dns_host = address
            with suppress(urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
                return super()._new_conn()
        self._dns_host = last
        return super()._new_conn()


class _WatchedConnection(_Named):
    def connect(self) -> None:
        super().connect()
        deadlines.WATCHER.note(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        deadlines.WATCHER.note(self.sock)
        super().request(*args, **kwargs)


class _WatchedHttps(_Named, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        deadlines.WATCHER.note(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        deadlines.WATCHER.note(self.sock, sent=True)  # urllib3 has shaken hands before
        super().request(*args, **kwargs)


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedHttps


class WatchedAdapter(HTTPAdapter):
    """The connections that are kept, of the kinds above."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
