"""Another host that has KODE's files: who comes here should bring no token of KODE's, and it is noted who does.

It wants no login, and knows nothing of orders.
"""

import re
from urllib.parse import unquote

from syncer.simulators.kode.refusals import RefusedError
from syncer.simulators.kode.simulator import KodeSimulator
from syncer.simulators.wire import Reply, Request

_PATH = re.compile(r"/files/([0-9]{1,18})/([^/]{1,900})")


class Elsewhere:
    """The files of one simulated KODE under an address that is not Ambita's (kode.md, section 9)."""

    def __init__(self, kode: KodeSimulator, name: str = "kode-files") -> None:
        self.name = name
        self._kode = kode

    def operation(self, request: Request) -> str:
        """`files.download`; `unknown` for what isn't offered."""
        return "files.download" if request.method == "GET" and _PATH.fullmatch(request.path) else "unknown"

    def handle(self, request: Request) -> Reply:
        """The file, whoever asks; a token that was brought along is recorded, and the file is given all the same."""
        self._kode.desk.catch_up()
        reply = self._answer(request)
        if self._holds_token(request):
            reply.effect = self._kode.record_leak(self.name, request.path)
        return reply

    def _answer(self, request: Request) -> Reply:
        found = _PATH.fullmatch(request.path)
        if request.method != "GET" or found is None:
            return Reply(404, b"", "")
        try:
            return self._kode.file(self._kode.desk.opened(unquote(found[2]), int(found[1])))
        except RefusedError as refusal:
            return Reply(refusal.status, b"", "")

    def _holds_token(self, request: Request) -> bool:
        """Any login at all, and a token of KODE's in whatever place."""
        if "authorization" in request.headers:
            return True
        said = [request.path, *request.query.values(), *request.headers.values()]
        return self._kode.tokens.known_in(" ".join([*said, request.body.decode("utf-8", "replace")]))
