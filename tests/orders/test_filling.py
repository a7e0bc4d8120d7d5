"""Templates: fields of the order in a text, and nothing else that a template could ask for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.orders import Unfilled, fill, lookup, names_in

DETAILS: dict[str, dict[str, Any]] = {
    "head": {"id": "ord-7781", "service": 812, "blank": "  ", "nothing": None},
    "office": {"corporateNumber": "559999-0001", "braces": "{head.id} {{x}}", "zip-code": "222 22"},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("Kommunal information", "Kommunal information"),
        ("{office.corporateNumber}", "559999-0001"),
        ("{corporateNumber}", "559999-0001"),
        ("{head.service}: {id}, {id}", "812: ord-7781, ord-7781"),
        ("{office.zip-code}", "222 22"),
        ("{{id}} {{{id}}}", "{id} {ord-7781}"),
        ("}}{{", "}{"),
        ("{braces}", "{head.id} {{x}}"),  # what comes from outside is no template
    ],
)
def test_fields_stand_where_the_template_names_them(template: str, text: str) -> None:
    assert fill(template, DETAILS) == text


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{office.city}", ("office.city",)),
        ("{head.blank} {id} {nothing} {head.blank}", ("head.blank", "nothing")),
        ("{nowhere.id}", ("nowhere.id",)),
    ],
)
def test_fields_that_are_missing_or_empty_are_named(template: str, names: tuple[str, ...]) -> None:
    with pytest.raises(Unfilled) as gap:
        fill(template, DETAILS)
    assert gap.value.names == names
    assert str(gap.value) == f"the order has no {', '.join(names)}"


@pytest.mark.parametrize(
    "template",
    ["{", "}", "a { b", "{}", "{a}}", "{{a}", "{a b}", "{ a }", "{a:>9}", "{a!r}", "{a[0]}", "{.a}", "{a.}", "{a..b}"],
)
def test_what_is_no_template_is_an_error_of_whoever_wrote_it(template: str) -> None:
    for read in (names_in, lambda text: fill(text, DETAILS)):
        with pytest.raises(ValueError, match=r"names no field|a single"):
            read(template)


def test_no_attribute_of_a_value_can_be_asked_for() -> None:
    with pytest.raises(Unfilled):
        fill("{office.__class__} {id.__class__}", DETAILS)


def test_the_names_of_a_template_are_told_once_each_in_their_order() -> None:
    assert names_in("{b} {a.c} {{d}} {b}") == ("b", "a.c")


@given(st.text(max_size=40))
def test_a_text_with_its_braces_doubled_is_itself(text: str) -> None:
    template = text.replace("{", "{{").replace("}", "}}")
    assert (fill(template, {}), names_in(template)) == (text, ())


@given(st.text(max_size=20), st.text(min_size=1, max_size=20).filter(str.strip))
def test_a_field_s_value_is_put_in_as_it_is(before: str, value: str) -> None:
    details = {"head": {"id": value}}
    assert fill(before.replace("{", "{{").replace("}", "}}") + "{id}", details) == before + str(lookup(details, "id"))
