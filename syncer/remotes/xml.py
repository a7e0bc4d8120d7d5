"""XML from outside: the only place that parses it, with no entity expanded and a cap on depth.

The cap on bytes is the caller's (http.py). What a document means is not for here.
"""

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

DEEPEST = 24


class Malformed(ValueError):
    """It isn't XML that can be trusted; the text says why, without any of the document."""


def parse(body: bytes) -> Element:
    """The root element of a document without a DTD.

    Raises:
        Malformed: it does not parse, has a DTD, or is nested too deep.
    """
    if not body.strip():
        raise Malformed("the answer is empty")
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise Malformed("the answer has a document type declaration, which is never expanded") from None
    except (ParseError, ValueError, LookupError):
        raise Malformed(_looks_like(body)) from None
    _check_depth(root)
    return root


def _looks_like(body: bytes) -> str:
    start = body[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "the answer is a web page, not XML"
    return "the answer is not well-formed XML"


def _check_depth(root: Element) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise Malformed(f"the answer is nested deeper than {DEEPEST}")
        level = [child for element in level for child in element]


def tag(element: Element) -> str:
    """An element's name without its namespace."""
    name = element.tag
    return name.rpartition("}")[2] if "}" in name else name


def numbered(name: str) -> bool:
    """Whether an element's name is `key_N`, as the platform calls what has no name (xsp.md, section 4.1)."""
    return name.startswith("key_") and name[4:].isdecimal()


def text(element: Element | None) -> str:
    """An element's own text, trimmed; empty where there is none."""
    return "" if element is None or element.text is None else element.text.strip()


def child(element: Element, name: str) -> Element | None:
    """The first direct child of a name."""
    return next((found for found in element if tag(found) == name), None)


def value(element: Element) -> Any:
    """An element as a text, or as a map of its children; children of one name, and `key_N`, as a list."""
    if len(element) == 0:
        return text(element)
    named = [(tag(part), value(part)) for part in element]
    if all(numbered(name) for name, _ in named):
        return [part for _, part in named]
    found = dict(named)
    if len(found) == len(named):
        return found
    several: dict[str, list[Any]] = {}
    for name, part in named:
        several.setdefault(name, []).append(part)
    return {name: parts[0] if len(parts) == 1 else parts for name, parts in several.items()}
