"""Logs as facts, and what must never be in them.

Sets structlog up; redacts secrets by name and by value, and people by value. Knows no order's meaning.
"""

import html
import json
import logging
import os
import re
import threading
import traceback
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html.entities import codepoint2name
from pathlib import Path
from typing import Any, Self, TextIO

import structlog

HIDDEN = "[hidden]"
SECRET_NAMES = re.compile(
    r"(api_?key|hash|pass(word)?|secret|token|authorization|credential|cookie)s?$"
    r"|^(serial|first_?name|sur_?name|last_?name|name_of|e?mail|phone|mobile|address|zip|city|premise)$",
    re.IGNORECASE,
)
# What an order's fields may hold without being about a person. All others are taken to be.
IMPERSONAL = frozenset({
    "id", "type", "date", "status", "service", "xsp", "delivery", "delivery_date", "customer", "socket", "accessId",
    "service_uid", "local_id", "member",
    "order_id", "customer_id", "tenant_id", "chain_id", "target_id", "target_type", "created_at", "vitec_status",
    "customerId", "officeId",
})  # fmt: skip
SHORTEST = 3
PASSING = 50  # secrets of run time that are kept: a hash lives for minutes, and the service for months
FEW = 4  # words of a value that may be repeated one by one, as names and addresses are; of a longer one, runs of RUN
RUN = 3


class Redactor:
    """Knows the secrets, those of the configuration and those got at run time, and hides them in texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._lasting = {secret for secret in secrets if len(secret) >= SHORTEST}
        self._passing: deque[str] = deque(maxlen=PASSING)
        self._pattern: re.Pattern[str] | None = None
        self._compile()

    def add(self, secret: str) -> None:
        """Hides a secret that was got at run time, from now on."""
        with self._lock:
            if len(secret) >= SHORTEST and secret not in self._lasting and secret not in self._passing:
                self._passing.append(secret)
                self._compile()

    def keep(self, secrets: Iterable[str]) -> None:
        """Hides the secrets of a configuration that is read again. The old ones may still come back in."""
        with self._lock:
            self._lasting.update(secret for secret in secrets if len(secret) >= SHORTEST)
            self._compile()

    def _compile(self) -> None:
        longest_first = sorted(self._lasting.union(self._passing), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_exactly, longest_first))) if longest_first else None

    def scrub(self, text: str, details: Mapping[str, Mapping[str, Any]] | None = None) -> str:
        """The text without secrets, and without the people of an order's details."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        return People.of(tuple(sorted(set(personal(details))))).hide(text) if details else text

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """As a structlog processor."""
        for name, value in event.items():
            event[name] = HIDDEN if SECRET_NAMES.search(name) else self._hide(value)
        return event

    def _hide(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {
                self.scrub(str(key)): HIDDEN if SECRET_NAMES.search(str(key)) else self._hide(part)
                for key, part in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._hide(part) for part in value]
        if isinstance(value, bytes):
            return self.scrub(value.decode("utf-8", "replace"))
        return self.scrub(str(value))  # an exception, say, which would be rendered after us


# --- how a text may come back ---------------------------------------------------------------------------------


def _exactly(secret: str) -> str:
    """A pattern for a secret; a short one only where it stands by itself, since it may be a part of any word."""
    return _written(secret) if len(secret) >= 6 else rf"(?<!\w){_written(secret)}(?!\w)"


def _written(text: str) -> str:
    """A pattern for a text as it is, and as URLs, pages, JSON and wrong character sets write it."""
    return "".join(map(_character, text))


@cache
def _character(one: str) -> str:
    if one.isascii() and one.isalnum():
        return one
    code, raw = ord(one), one.encode("utf-8", "surrogatepass")
    percent = "".join(f"%{byte:02X}" for byte in raw)
    escapes = [json.dumps(one)[1:-1], f"\\u{code:04x}", f"\\u{code:04X}", repr(one)[1:-1], f"\\{one}"]
    entities = [html.escape(one), f"&#{code};", f"&#x{code:x};", f"&#x{code:X};"]
    forms = [*escapes, percent, percent.lower(), *entities, one]
    if code in codepoint2name:
        forms.append(f"&{codepoint2name[code]};")
    if one == " ":
        forms.append("+")
    if not one.isascii():
        apart = unicodedata.normalize("NFD", one)
        forms += [raw.decode("latin-1"), raw.decode("cp1252", "replace"), apart, apart[0], "\ufffd"]
    return f"(?:{'|'.join(map(re.escape, dict.fromkeys(forms)))})"


def personal(details: Mapping[str, Any]) -> Iterator[str]:
    """The texts in an order's details that may be about a person."""
    for name, value in details.items():
        if isinstance(value, Mapping):
            yield from personal(value)
        elif isinstance(value, list):
            for part in value:
                yield from personal(part if isinstance(part, Mapping) else {name: part})
        elif name not in IMPERSONAL and isinstance(value, str) and len(value.strip()) >= SHORTEST:
            yield value.strip()


BEGINS = r"(?:(?<![^\W_])|(?<=\\[nrt])|(?<=%[0-9a-f]{2}))"
ENDS = r"(?:['\u2019:]?s)?(?![^\W_])"  # a Swedish genitive is the name still
GAP = r"(?:\s|\+|%20|\\[nrt]|&nbsp;)+"
PIECE = r"""[^\s"'\[\]{}<>(),:;]"""
CUT_ESCAPE = re.compile(r"[\\&#%]?[ux]?[0-9a-f]{0,4};?", re.IGNORECASE)  # what may be left of one: 00e5, #229;
WORD = re.compile(r"(?:\\u[0-9a-f]{4}|&#?\w+;|[^\W_])+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class People:
    """What an order's details say of people, and how to find it in a text: whole, in words, in parts, cut off."""

    pattern: re.Pattern[str] | None
    words: frozenset[str]
    runs: frozenset[tuple[str, ...]]

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, values: tuple[str, ...]) -> Self:
        """The people of some values."""
        split = {value: value.split() for value in values}
        short = {text for value, words in split.items() if len(words) <= FEW for text in (value, *words)}
        short = {text for text in short if len(text.strip(".,;:()")) >= SHORTEST}
        forms = [form for text in sorted(short | split.keys(), key=len, reverse=True) for form in _forms(text)]
        pattern = re.compile(f"{BEGINS}(?:{'|'.join(forms)}){ENDS}", re.IGNORECASE) if forms else None
        long = [_words(value) for value, words in split.items() if len(words) > FEW]
        runs = {tuple(words[at : at + RUN]) for words in long for at in range(len(words) - RUN + 1)}
        return cls(pattern, frozenset(text.casefold() for text in short), frozenset(runs))

    def hide(self, text: str) -> str:
        """The text without them."""
        text = self._hide_ends(self._hide_runs(text) if self.runs else text)
        return text if self.pattern is None else self.pattern.sub(HIDDEN, text)

    def _hide_runs(self, text: str) -> str:
        """Without runs of words out of a long value, such as a customer's message that was cut."""
        found = list(WORD.finditer(re.sub(r"\\[nrt]", "  ", text)))
        words = [_plain(word[0]) for word in found]
        for first, last in reversed(list(self._found_runs(words))):
            text = text[: found[first].start()] + HIDDEN + text[found[last].end() :]
        return text

    def _found_runs(self, words: list[str]) -> Iterator[tuple[int, int]]:
        """Where runs begin and end: RUN words in a row, and those beside them that go on as the value does."""
        pairs = {run[at : at + 2] for run in self.runs for at in range(RUN - 1)}
        at = 0
        while at <= len(words) - RUN:
            if tuple(words[at : at + RUN]) not in self.runs:
                at += 1
                continue
            first, last = at, at + RUN - 1
            while first > 0 and (words[first - 1], words[first]) in pairs:
                first -= 1
            while last + 1 < len(words) and (words[last], words[last + 1]) in pairs:
                last += 1
            yield first, last
            at = last + 1

    def _hide_ends(self, text: str) -> str:
        """Without a word's part at either end, where a text was cut to its limit."""
        for part in (rf"{PIECE}+$", rf"(?:{WORD.pattern})$"):
            last = re.search(part, text, re.IGNORECASE)
            if last and self._begins(_plain(last[0])):
                text = text[: last.start()] + HIDDEN
        for part in (rf"{PIECE}+", WORD.pattern):
            first = re.match(part, text, re.IGNORECASE)
            if first and self._ends(_plain(first[0])):
                text = HIDDEN + text[first.end() :]
        return text

    def _begins(self, part: str) -> bool:
        return len(part) >= SHORTEST and any(word.startswith(part) for word in self.words)

    def _ends(self, part: str) -> bool:
        """Whether a word ends so; a few characters before it may be left of an escape that was cut."""
        cut = CUT_ESCAPE.match(part)
        parts = [part[at:] for at in range(1 + cut.end() if cut else 1) if len(part) >= at + SHORTEST]
        return any(word.endswith(rest) for rest in parts for word in self.words)


def _forms(text: str) -> Iterator[str]:
    """The patterns of one value: numbers with or without their dashes and spaces, telephone numbers with +46."""
    digits = re.sub(r"[-\s+]", "", text)
    if not (digits.isascii() and digits.isdigit() and len(digits) >= 5):
        yield GAP.join(map(_written, text.split()))
        return
    between = r"[-\s.\u2013]?"
    yield r"\+?" + between.join(digits)
    if len(digits) >= 12:  # a personal number without its century
        yield between.join(digits[2:])
    if digits.startswith("0"):
        yield r"(?:\+|00)?46[-\s.]?(?:\(0\))?" + between.join(digits[1:])


def _words(text: str) -> list[str]:
    return [_plain(word[0]) for word in WORD.finditer(text)]


def _plain(word: str) -> str:
    word = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), word, flags=re.IGNORECASE)
    return html.unescape(word).casefold()


# --- the logs -------------------------------------------------------------------------------------------------


def configure(level: str, form: str, stream: TextIO, redactor: Redactor) -> None:
    """Sets the logs up: JSON lines, or for a terminal coloured ones. `form` is auto, json or console.

    The journal is told each line's priority.
    """
    console = form == "console" or (form == "auto" and stream.isatty())
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if console
        else _ranked(as_json)
        if is_the_journal(stream)
        else as_json
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redactor,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    # The first three log URLs, which hold secrets; the last says for each tick that a long pass goes on.
    for name in ("urllib3", "requests", "charset_normalizer", "apscheduler"):
        library = logging.getLogger(name)
        library.handlers = [logging.NullHandler()]
        library.propagate = False


# sd-daemon(3): how a line for the journal begins, by its level. The journal takes it off.
RANKS = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "critical": "<2>"}


def is_the_journal(stream: TextIO) -> bool:
    """Whether what is written to a stream goes to systemd's journal (systemd.exec(5), JOURNAL_STREAM)."""
    told = os.environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # it is closed, or no file at all
        return False
    return told == f"{found.st_dev}:{found.st_ino}"


def _ranked(render: Any) -> Any:
    """Renders a line with its priority before it, so that `journalctl -p warning` knows what is one."""

    def ranked(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        return f"{RANKS.get(str(event.get('level')), '')}{render(logger, method, event)}"

    return ranked


def log() -> Any:
    """The logger. Events are dotted and stable; keys are `order`, `remote`, `intent`, `seconds` where they apply."""
    return structlog.get_logger()


# --- what may be said of a bug: its kind and its place, and never its message, which may hold people ------------


def story(bug: BaseException | None) -> str:
    """The traceback without messages, of what led to it too."""
    parts: list[str] = []
    while bug is not None:
        parts.append("".join(traceback.format_tb(bug.__traceback__)) + type(bug).__name__)
        bug = bug.__cause__ or (None if bug.__suppress_context__ else bug.__context__)
    return "\n\n".join(reversed(parts))


def place(bug: BaseException) -> str:
    """Its kind, and where it came to light, in a few words."""
    frames = traceback.extract_tb(bug.__traceback__)
    return type(bug).__name__ + (f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "")
