"""Logs as facts, and what must never be in them.

Sets structlog up; redacts secrets by name and by value, and people by value. Knows no order's meaning.
"""

import html
import json
import logging
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

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
})  # fmt: skip
SHORTEST = 3


class Redactor:
    """Knows the secrets, those of the configuration and those got at run time, and hides them in texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Hides a text from now on."""
        with self._lock:
            if len(secret) >= SHORTEST and secret not in self._secrets:
                self._secrets |= disguises(secret)
                longest_first = sorted(self._secrets, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(_exactly, longest_first)))

    def scrub(self, text: str, details: Mapping[str, Mapping[str, Any]] | None = None) -> str:
        """The text without secrets, and without the people of an order's details."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        if details:
            people = sorted(set(personal(details)), key=len, reverse=True)
            if people:
                text = re.sub(rf"(?<!\w)({'|'.join(map(re.escape, people))})(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
        return text

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """As a structlog processor."""
        for name, value in event.items():
            event[name] = HIDDEN if SECRET_NAMES.search(name) else self._hide(value)
        return event

    def _hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, Mapping):
            return {key: HIDDEN if SECRET_NAMES.search(str(key)) else self._hide(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._hide(part) for part in value]
        return value


def _exactly(secret: str) -> str:
    """A pattern for a secret; a short one only where it stands by itself, since it may be a part of any word."""
    return re.escape(secret) if len(secret) >= 6 else rf"(?<!\w){re.escape(secret)}(?!\w)"


def disguises(secret: str) -> set[str]:
    """A secret as it may come back: as it is, in a URL, in a page, in JSON."""
    escaped = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret), *escaped}


def personal(details: Mapping[str, Any]) -> Iterator[str]:
    """The texts in an order's details that may be about a person, and the words of the longer ones."""
    for name, value in details.items():
        if isinstance(value, Mapping):
            yield from personal(value)
        elif isinstance(value, list):
            for part in value:
                yield from personal(part if isinstance(part, Mapping) else {name: part})
        elif name not in IMPERSONAL and isinstance(value, str) and len(value) >= SHORTEST:
            yield value


def configure(level: str, form: str, stream: TextIO, redactor: Redactor) -> None:
    """Sets the logs up: JSON lines, or for a terminal coloured ones. `form` is auto, json or console."""
    console = form == "console" or (form == "auto" and stream.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
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
    for name in ("urllib3", "requests", "charset_normalizer"):  # they log URLs, which hold secrets
        library = logging.getLogger(name)
        library.handlers = [logging.NullHandler()]
        library.propagate = False


def log() -> Any:
    """The logger. Events are dotted and stable; keys are `order`, `remote`, `intent`, `seconds` where they apply."""
    return structlog.get_logger()


def stderr() -> TextIO:
    """Where commands log to."""
    return sys.stderr
