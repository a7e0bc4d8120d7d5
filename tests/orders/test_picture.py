"""The picture in the README is the table's."""

import re
import subprocess
import sys
from pathlib import Path

from syncer.orders import OBSERVATIONS, TABLE, State
from syncer.orders.picture import picture

README = Path(__file__).parents[2] / "README.md"
ARROW = re.compile(r"    (\S+) --> (\S+)(?:: (.+))?")


def arrows() -> dict[tuple[str, str], str]:
    found = [ARROW.fullmatch(line) for line in picture().splitlines()[1:]]
    assert all(found)
    return {(match[1], match[2]): match[3] or "" for match in found if match}


def test_the_readme_holds_the_picture_of_the_table() -> None:
    text = README.read_text("utf-8")
    assert text.count("<!-- flow -->\n") == text.count("<!-- /flow -->\n") == 1
    between = text.partition("<!-- flow -->\n")[2].partition("<!-- /flow -->\n")[0]
    assert between == f"```mermaid\n{picture()}```\n", "print it with: python -m syncer.orders.picture"


def test_the_picture_has_one_arrow_between_two_states_however_many_ways_there_are() -> None:
    assert picture().startswith("stateDiagram-v2\n")
    assert len(arrows()) == len(picture().splitlines()) - 1


def test_every_way_of_the_table_is_in_the_picture_and_no_other() -> None:
    for start in State:
        for end in State:
            drawn = arrows().get((start, end), "")
            labels = set(drawn.split(", ")) - {"", "the deadline"}
            ways = {
                re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()
                for kind in OBSERVATIONS
                if start is not end and end in TABLE[kind][start].leads
            }
            assert labels == ways


def test_the_deadline_leads_to_waiting() -> None:
    assert {start for (start, end), label in arrows().items() if "the deadline" in label} == {"received", "active"}
    assert all(end == "waiting" for (_, end), label in arrows().items() if "the deadline" in label)


def test_the_picture_begins_with_a_new_order_and_ends_with_one_that_is_over() -> None:
    assert [end for start, end in arrows() if start == "[*]"] == ["new"]
    assert {start for start, end in arrows() if end == "[*]"} == {"delivered", "cancelled"}


def test_the_picture_can_be_printed() -> None:
    command = [sys.executable, "-W", "error", "-m", "syncer.orders.picture"]
    done = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", cwd=README.parent)
    assert done.stdout == picture()
    assert done.stderr == ""
