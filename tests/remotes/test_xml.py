"""XML from outside: what is not whole and harmless is never read as if it were."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.remotes.xml import DEEPEST, Malformed, child, parse, tag, text, value
from syncer.simulators.host import _xml_bomb

WHOLE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<set_status><response><message>Status ändrad</message></response><status>success</status></set_status>"
).encode()


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


HOSTILE = {
    "entities that grow": _xml_bomb(),
    "an entity of its own": b'<!DOCTYPE a [<!ENTITY e "success">]><a><status>&e;</status></a>',
    "a file of ours": b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    "an address": b'<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:1/">]><a>&e;</a>',
    "a parameter entity": b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]><a/>',
    "a DTD from elsewhere": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
    "an empty DTD": b"<!DOCTYPE a><a/>",
    "an unknown entity": b"<a>&nbsp;</a>",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_document_type_and_no_entity_is_accepted(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


def test_a_bomb_is_not_expanded_to_be_refused() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            parse(_xml_bomb())
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_depth_is_capped() -> None:
    assert parse(nested(DEEPEST)).tag == "a"
    for depth in (DEEPEST + 1, 100_000):
        with pytest.raises(Malformed, match="deeper"):
            parse(nested(depth))


@pytest.mark.parametrize("body", [b"", b"   \r\n", b"\xef\xbb\xbf", b"\x00", b"null", b"{}", b"success", b"\xff\xfe"])
def test_what_is_no_document_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html><head><title>Logga in</title></head><body><form></form></body></html>",
        b"  <HTML><body><br>status: success</body></HTML>",
        b"<html><body><p>one<p>two</body></html>",
    ],
)
def test_a_web_page_is_no_answer(page: bytes) -> None:
    with pytest.raises(Malformed):
        parse(page)


def test_a_document_cut_at_any_byte_is_malformed() -> None:
    assert text(child(parse(WHOLE), "status")) == "success"
    for end in range(len(WHOLE)):
        with pytest.raises(Malformed):
            parse(WHOLE[:end])


def test_two_documents_in_one_answer_are_malformed() -> None:
    with pytest.raises(Malformed):
        parse(b"<a/><b/>")


@pytest.mark.parametrize(
    ("head", "encoding"),
    [('encoding="ISO-8859-1"', "latin-1"), ('encoding="UTF-16"', "utf-16"), ("", "utf-8"), ("", "utf-8-sig")],
)
def test_the_declared_encoding_is_read(head: str, encoding: str) -> None:
    body = f'<?xml version="1.0" {head}?><a>Åsa</a>'.encode(encoding)
    assert text(parse(body)) == "Åsa"


@pytest.mark.parametrize("encoding", ["nonsense", "utf-7", "rot13"])
def test_an_encoding_that_is_none_is_malformed(encoding: str) -> None:
    with pytest.raises(Malformed):
        parse(f'<?xml version="1.0" encoding="{encoding}"?><a>+AGE-</a>'.encode())


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    refusal = _refusal(body)
    assert refusal is None or len(refusal) < 100  # a sentence of ours, with nothing of the document


def _refusal(body: bytes) -> str | None:
    try:
        parse(body)
    except Malformed as refusal:
        return str(refusal)
    return None


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_one_wrong_byte_makes_another_document_or_none(place: int, byte: int) -> None:
    body = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    if _refusal(body) is None:
        assert isinstance(parse(body).tag, str)


def test_the_refusal_shows_nothing_of_the_document() -> None:
    with pytest.raises(Malformed) as caught:
        parse(b"<a>0f1e2d3c4b5a</b>")
    assert "0f1e" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_names_lose_their_namespace_and_texts_their_white_space() -> None:
    root = parse(b'<x:a xmlns:x="urn:x"><x:id> 7 </x:id></x:a>')
    assert (tag(root), text(child(root, "id")), child(root, "other"), text(None)) == ("a", "7", None, "")


def test_a_comment_inside_a_text_does_not_cut_it() -> None:
    assert text(parse(b"<a>de<!-- x -->livered</a>")) == "delivered"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<a> x </a>", "x"),
        (b"<a/>", ""),
        (b"<a><b>1</b><c>2</c></a>", {"b": "1", "c": "2"}),
        (b"<a><b>1</b><b>2</b><b>3</b></a>", {"b": ["1", "2", "3"]}),
        (b"<a><key_0>1</key_0><key_1><b>2</b></key_1></a>", ["1", {"b": "2"}]),
        (b"<a><key_0>1</key_0><b>2</b></a>", {"key_0": "1", "b": "2"}),
        (b"<a><b><key_0>1</key_0></b><b>2</b></a>", {"b": [["1"], "2"]}),
    ],
)
def test_an_element_becomes_a_text_a_map_or_a_list(body: bytes, expected: object) -> None:
    assert value(parse(body)) == expected
