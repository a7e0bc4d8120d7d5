"""A file on its way to the browser: always to be saved, never shown, in pieces, and by a name that can do no harm."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote

from flask import Response

from syncer.web.agent.desk import Content

PIECE = 32_768  # bytes, for each of which the reader has the server's patience anew
AT_ONCE = 2  # of the server's six threads
LONGEST_NAME = 120  # characters
POLICY = "default-src 'none'; sandbox"
KINDS = frozenset({"application/pdf", "application/zip", "image/jpeg", "image/png", "image/tiff", "text/plain"})
UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


def download(content: Content, go_on: Callable[[], None]) -> Response:
    """The answer that holds a file. `go_on` is called before each piece. Whoever closes the answer closes the file."""
    kind = content.media_type if content.media_type in KINDS else "application/octet-stream"
    response = Response(_pieces(content, go_on), mimetype=kind)
    response.call_on_close(content.stream.close)
    response.headers["Content-Length"] = str(content.size)
    response.headers["Content-Disposition"] = disposition(content.name)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _pieces(content: Content, go_on: Callable[[], None]) -> Iterator[bytes]:
    left = content.size
    while left:
        go_on()
        piece = content.stream.read(min(PIECE, left))
        if not piece:
            raise EOFError(
                "a file is shorter than it was"
            )  # the line is cut: half a file must not look like a whole one
        left -= len(piece)
        yield piece


def disposition(name: str) -> str:
    """The header that has a file saved by its name (RFC 6266, with RFC 5987's encoding for other than ASCII)."""
    safe = safe_name(name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode().replace("%", "_").strip() or "fil"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def safe_name(name: str) -> str:
    """A name without folders, characters that systems refuse, or such that show it otherwise than it is."""
    visible = "".join("_" if unicodedata.category(one)[0] == "C" else one for one in name)
    text = UNSAFE.sub("_", unicodedata.normalize("NFC", visible)).strip(" .")
    stem, dot, ending = text.rpartition(".")
    if dot and len(ending) <= 10:
        return f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}"
    return text[:LONGEST_NAME] or "fil"
