"""`syncer messages`: what portals have said to all who use them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncer.store import Notice
from tests.ring.harness import World

NOW = datetime(2031, 5, 4, 7, 15, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None) as world:
        yield world


def fill(world: World) -> None:
    with world.reading() as store:
        for number in range(3):
            notice = Notice(f"m-{number}", "DISTRIBUTOR", "Oslo [kommune]", f"Vedlikehold [bold]{number}[/]")
            store.note_notice("kode", notice, NOW + timedelta(hours=number))


def test_the_newest_come_first_and_no_more_than_are_asked_for(world: World) -> None:
    fill(world)
    found = world.say("messages", "--json", "--limit", "2").json
    assert [one["text"] for one in found] == ["Vedlikehold [bold]2[/]", "Vedlikehold [bold]1[/]"]
    assert found[0] == {
        "at": "2031-05-04T09:15:00+00:00",
        "portal": "kode",
        "audience": "DISTRIBUTOR",
        "sender": "Oslo [kommune]",
        "text": "Vedlikehold [bold]2[/]",
    }


def test_people_see_them_as_they_were_said(world: World) -> None:
    fill(world)
    said = world.say("messages")
    assert said.code == 0
    lines = said.out.splitlines()
    assert len(lines) == 4
    assert "2031-05-04 11:15:00" in lines[1]
    assert "Vedlikehold [bold]2[/]" in lines[1]
    assert "Oslo [kommune]" in lines[1]


def test_where_nothing_was_said_that_is_said(world: World) -> None:
    assert world.say("messages").out == "No portal has said anything.\n"
    assert world.say("messages", "--json").json == []
