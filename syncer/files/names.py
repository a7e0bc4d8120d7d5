"""From what others call things, names that are safe on a disk and readable by people. Pure: no disk is looked at.

A name that is made here is one part of a path, is the same for the same input, and never begins with a dot.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator
from itertools import count

MOST_BYTES = 150  # in UTF-8: room for more beside the 255 that disks have
READ = 2000  # characters of a name that are looked at
NUMBERED = 100  # files of one name get a number, and any more of them a piece of a checksum
FOLDER = 80
_FORBIDDEN = frozenset('<>:"|?*\\/')
_SLASHES = frozenset("\u2044\u2215\u29f5\u29f8\u29f9")  # look like them, and some programs make them so
_SPACES = frozenset("\t\n\v\f\r\x85\u2028\u2029\u2800")
# What is shown as nothing, or turns others into something, without being a control or format character by category.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
# What Windows takes for a device, whatever follows the first dot.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$|clock\$) *", re.IGNORECASE)
_ENDING = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,10}$", re.DOTALL)
_PLAIN_ORDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*:[A-Za-z0-9._-]+")


def safe_name(called: str, asset: str, taken: Collection[str]) -> str:
    """A name for a file that someone else calls `called`: 150 bytes of UTF-8 at most, and unlike all in `taken`.

    Names that only differ in case or in how a letter is composed count as alike. `asset` is the file's id there, and
    tells apart what a number no longer does.
    """
    stem, ending = _halves(_clean(called))
    known = {_alike(other) for other in taken}
    names = (_cut(stem, MOST_BYTES - len(mark + ending)) + mark + ending for mark in _marks(asset))
    return next(name for name in names if _alike(name) not in known)


def folder_of(order: str) -> str:
    """The folder for an order's files: PORTAL:ID itself, where that is plain; else the plain of it, and a checksum."""
    if len(order) <= FOLDER and _PLAIN_ORDER.fullmatch(order):
        return order
    stem = re.sub(r"[^A-Za-z0-9.:-]+", "_", order[:40]).lstrip("._:-") or "order"
    return f"{stem}~{hashlib.sha256(order.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _clean(called: str) -> str:
    text = called if len(called) <= READ else called[: READ // 2] + called[-READ // 2 :]
    text = unicodedata.normalize("NFC", "".join(map(_letter, text)))
    text = re.sub(r" *//* *", "/", re.sub(" +", " ", text))
    name = re.sub("/+", "_", _without_edges(text)) or "file"
    return "_" + name if _RESERVED.fullmatch(unicodedata.normalize("NFKC", name.partition(".")[0])) else name


def _letter(letter: str) -> str:
    """One character as it may stand in a name; "/" for any that may not, and nothing for one that nobody sees."""
    kind = unicodedata.category(letter)
    if letter in _SPACES or kind == "Zs":
        return " "
    if kind[0] == "C" or _INVISIBLE.match(letter):
        return ""
    if letter in _SLASHES or not _FORBIDDEN.isdisjoint(unicodedata.normalize("NFKD", letter)):
        return "/"
    return letter


def _without_edges(text: str) -> str:
    """No dot, dash, space or mark that has no letter begins a name, and no dot or space ends it."""
    begin = 0
    while begin < len(text) and (text[begin] in "./- " or unicodedata.category(text[begin])[0] == "M"):
        begin += 1
    return text[begin:].rstrip("./ ")


def _halves(name: str) -> tuple[str, str]:
    found = _ENDING.search(name)
    return (name, "") if found is None else (name[: found.start()], found[0])


def _cut(stem: str, most: int) -> str:
    """As many whole characters as fit."""
    raw = stem.encode()
    return stem if len(raw) <= most else raw[:most].decode(errors="ignore").rstrip("./ ")


def _marks(asset: str) -> Iterator[str]:
    """What tells files of one name apart: nothing, a number, a piece of a checksum, and that with a number."""
    yield ""
    yield from (f" ({number})" for number in range(2, NUMBERED + 1))
    known_by = hashlib.sha256(asset.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    yield f" ({known_by})"
    yield from (f" ({known_by} {number})" for number in count(2))


def _alike(name: str) -> str:
    """The same for names that a disk which is blind to case or composition takes for one."""
    for _ in range(2):  # the second time for what the first one let go
        name = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name).casefold())
    return name
