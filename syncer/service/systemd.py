"""What systemd is told: that the service is ready, lives, rereads its configuration, or ends (sd_notify(3)).

Where it isn't systemd that started us, nothing is said to anyone.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


class Systemd:
    """The socket of whoever started us. `watchdog` is the time in seconds in which a sign of life is wanted, or None.

    The variables are taken out of the environment: a command that we start must not speak for us.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = given.get(SOCKET, "")
        told = given.get(WATCHDOG, "")
        ours = given.get(WATCHDOG_PID, str(os.getpid())) == str(os.getpid())
        self.watchdog = int(told) / 1e6 if ours and told.isascii() and told.isdecimal() else None
        if environment is None:
            for name in (SOCKET, WATCHDOG, WATCHDOG_PID):
                os.environ.pop(name, None)

    def ready(self, status: str) -> None:
        """The service works, or works again after `reloading`."""
        self._say("READY=1", f"STATUS={status}")

    def alive(self, status: str) -> None:
        """A pass has come to its end. Said by nothing else, or a service that hangs would look alive."""
        self._say(f"STATUS={status}", *(["WATCHDOG=1"] if self.watchdog is not None else []))

    def status(self, status: str) -> None:
        """How things stand, which is no sign of life."""
        self._say(f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read again."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, within: float) -> None:
        """No new call begins, and the end comes in so many seconds."""
        self.extend(within, "ends when the calls under way have ended", "STOPPING=1")

    def extend(self, seconds: float, status: str, *also: str) -> None:
        """The start, or the end, may take so long, whatever the unit says."""
        self._say(*also, f"EXTEND_TIMEOUT_USEC={seconds * 1e6:.0f}", f"STATUS={status}")

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(line.replace("\n", " ") for line in lines)
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(1)  # a systemd that hangs must not hang us
            line.sendto(text.encode("utf-8", "replace"), address)
