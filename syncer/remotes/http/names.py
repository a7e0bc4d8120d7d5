"""Names of hosts, looked up within a time.

The system's own look-up has no time limit, and can't be cut: it goes on in a thread of its own, and whoever asks for
the same name meanwhile waits for the same answer.
"""

import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import ip_address


class Names:
    """The look-ups under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, Future[list[str]]] = {}

    def addresses(self, name: str, seconds: float | None) -> list[str]:
        """The addresses of a name; an address is its own.

        Raises:
            OSError: there is none, or it was not told in time.
        """
        with suppress(ValueError):
            return [str(ip_address(name))]
        with self._lock:
            asked = self._asked.get(name)
            if asked is None:
                asked = self._asked[name] = Future()
                threading.Thread(target=self._ask, args=(name, asked), name="names", daemon=True).start()
        return asked.result(seconds)

    def _ask(self, name: str, asked: "Future[list[str]]") -> None:
        """It is nobody's any more before it is told: whoever asks after that gets no old answer."""
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._forget(name)
            asked.set_exception(error)
        else:
            self._forget(name)
            asked.set_result(list(dict.fromkeys(str(address[4][0]) for address in found)))

    def _forget(self, name: str) -> None:
        with self._lock:
            del self._asked[name]


NAMES = Names()
