"""Names that are safe on any disk, told apart, and still readable; whatever they were called."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.files import folder_of, safe_name
from syncer.simulators.kode.names import ORDINARY, hostile_names

PLAIN = ["a", "B", "(2)", "_", ".", "..", "-", " ", "/", "\\", ":", "CON", "com1", ".pdf", ".tar", "\0", "\n"]
ODD = list("\u00b9\u0301\u030a\u200d\ufe0f\u202e\uff0f\u226e\u0338\u00df\u017f\u0130\ud800<")
BITS = st.sampled_from([*PLAIN, *ODD])
CALLED = st.one_of(st.text(max_size=300), st.lists(BITS, max_size=20).map("".join), st.text("ø/.x", max_size=300))
ORDERS = st.one_of(st.text(max_size=120), st.from_regex(r"\A[a-z]{1,5}:[A-Za-z0-9._-]{1,90}\Z"))


def _alike(name: str) -> str:
    for _ in range(3):
        name = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name).casefold())
    return name


def _is_safe(name: str) -> bool:
    kinds = {unicodedata.category(letter) for letter in name}
    return (
        0 < len(name.encode()) <= 150
        and name == unicodedata.normalize("NFC", name)
        and not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        and not set(name) & set('<>:"|?*\\/')
        and name[0] not in ".- "
        and name[-1] not in ". "
        and not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d) *(\.|$)", unicodedata.normalize("NFKC", name))
    )


@given(CALLED)
def test_any_name_becomes_one_that_is_safe_and_stays_as_it_is_the_second_time(called: str) -> None:
    name = safe_name(called, "a1", ())
    assert _is_safe(name)
    assert safe_name(name, "a1", ()) == name == safe_name(called, "a2", ())


@given(st.lists(st.tuples(CALLED, st.text(max_size=5)), max_size=12))
def test_no_two_names_are_alike_to_a_disk_that_is_blind_to_case(files: list[tuple[str, str]]) -> None:
    taken = list[str]()
    for called, asset in files:
        taken.append(safe_name(called, asset, taken))
        assert _is_safe(taken[-1])
    assert len({_alike(name) for name in taken}) == len(taken)


def test_hostile_names_are_safe_and_told_apart() -> None:
    taken = list[str]()
    for number, called in enumerate(hostile_names(600)):
        taken.append(safe_name(called, str(number), taken))
    assert all(map(_is_safe, taken))
    assert len({_alike(name) for name in taken}) == 600


@pytest.mark.parametrize("called", [*ORDINARY, "Tegninger, 2. etg. (rev. B).pdf", "½ plan & snitt.dwg", "m² areal.csv"])
def test_an_ordinary_name_stays_as_it_is(called: str) -> None:
    assert safe_name(called, "a1", ()) == called


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("", "file"),
        ("..", "file"),
        ("\u200b", "file"),
        ("../../../../etc/passwd", "etc_passwd"),
        ("C:\\Users\\Public\\x.pdf", "C_Users_Public_x.pdf"),
        ("Kart 12/34.pdf", "Kart 12_34.pdf"),
        ("Kart: 12 / 34.pdf", "Kart_12_34.pdf"),
        ("\u2215etc\uff0fpasswd", "etc_passwd"),
        ("x.pdf\0.exe", "x.pdf.exe"),
        ("to\r\n  lines.pdf", "to lines.pdf"),
        ("\u202egpj.exe", "gpj.exe"),
        ("e\u0301gal.pdf", "\u00e9gal.pdf"),
        ("e\u200d\u0301gal.pdf", "\u00e9gal.pdf"),
        ("\u226e.pdf", "pdf"),
        ("x\u3164\ufe0f\u115f.pdf", "x.pdf"),
        ("\u0301\u20ddx.pdf", "x.pdf"),
        ("CON", "_CON"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("COM1 .pdf", "_COM1 .pdf"),
        ("com\u00b9.txt", "_com\u00b9.txt"),
        ("console.pdf", "console.pdf"),
        (".part-0123", "part-0123"),
        ("-rf *", "rf"),
        (" . x.pdf. ", "x.pdf"),
        ("x.pdf/", "x.pdf"),
        ("\ud800lone.pdf", "lone.pdf"),
    ],
)
def test_what_is_not_safe_in_a_name_is_replaced_or_left_out(called: str, name: str) -> None:
    assert safe_name(called, "a1", ()) == name


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("a" * 300 + ".pdf", "a" * 146 + ".pdf"),
        ("ø" * 200 + ".pdf", "ø" * 73 + ".pdf"),
        ("a" + "ø" * 200, "a" + "ø" * 74),
        ("a" * 145 + " b.pdf" + ".pdf", "a" * 145 + ".pdf"),
        ("x." + "long" * 100, ("x." + "long" * 100)[:150]),
        ("long" * 100_000 + ".pdf", ("long" * 40)[:146] + ".pdf"),
    ],
)
def test_a_long_name_is_cut_at_a_letter_and_keeps_a_plain_ending(called: str, name: str) -> None:
    assert safe_name(called, "a1", ()) == name


@pytest.mark.parametrize(
    ("called", "taken", "name"),
    [
        ("kart.pdf", ["kart.pdf"], "kart (2).pdf"),
        ("kart.pdf", ["KART.PDF", "kart (2).pdf"], "kart (3).pdf"),
        ("\u00e5s.pdf", ["a\u030as.pdf"], "\u00e5s (2).pdf"),
        ("stra\u00dfe", ["STRASSE"], "stra\u00dfe (2)"),
        ("\ufb01l.pdf", ["fil.pdf"], "\ufb01l (2).pdf"),
        ("\u2121.pdf", ["tel.pdf"], "\u2121 (2).pdf"),
        ("", ["file"], "file (2)"),
        ("a" * 300 + ".pdf", ["a" * 146 + ".pdf"], "a" * 142 + " (2).pdf"),
    ],
)
def test_a_name_that_is_taken_gets_a_number_before_its_ending(called: str, taken: list[str], name: str) -> None:
    assert safe_name(called, "a1", taken) == name


def test_where_numbers_no_longer_tell_files_apart_what_they_are_does() -> None:
    taken = ["x.pdf", *(f"x ({number}).pdf" for number in range(2, 101))]
    mine = safe_name("x.pdf", "a1", taken)
    assert re.fullmatch(r"x \([0-9a-f]{16}\)\.pdf", mine)
    assert safe_name("x.pdf", "a1", taken) == mine != safe_name("x.pdf", "a2", taken)
    assert safe_name("x.pdf", "a1", [*taken, mine]) == mine.replace(")", " 2)")


@pytest.mark.parametrize("order", ["kode:7000001", "kode:A-1_b.2", "my-kode_2:..", "k:" + "1" * 78])
def test_an_order_that_is_plain_names_its_folder(order: str) -> None:
    assert folder_of(order) == order


@pytest.mark.parametrize(
    ("order", "stem"),
    [
        ("kode:../../etc", "kode:.._.._etc"),
        ("kode:a b", "kode:a_b"),
        ("kode:", "kode:"),
        ("..", "order"),
        ("", "order"),
        (".:1", "1"),
        ("kode:" + "1" * 200, "kode:" + "1" * 35),
        ("kode:\ud800", "kode:_"),
    ],
)
def test_an_order_that_is_not_plain_names_a_folder_that_can_be_read(order: str, stem: str) -> None:
    assert re.fullmatch(re.escape(stem) + "~[0-9a-f]{32}", folder_of(order))


@given(ORDERS, ORDERS)
def test_any_order_names_a_folder_of_its_own_that_is_one_plain_part_of_a_path(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:~-]*", folder_of(one))
    assert len(folder_of(one)) <= 80
    assert (folder_of(one) == folder_of(other)) is (one == other)
