"""SIGHUP to the real program: it goes on with what the configuration says now, or says why not."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.hostile.machine import OFTEN, Service, assert_delivered, service
from tests.ring.harness import UNMAPPED, World, assert_nothing_twice
from tests.ring.kinds import SLOW

ROUTE = f"""
[[routes]]
portal = "tg"
match = {{ service = "{UNMAPPED}" }}
fulfilment = "desk"
"""


def hang_up(running: Service) -> None:
    os.kill(running.process.pid, signal.SIGHUP)


def said(running: Service, event: str) -> bool:
    return bool(running.said(event))


def test_what_the_file_says_now_is_gone_on_with_and_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world, service(world) as running:
        slow, unmapped = world.order(SLOW), world.order(service=UNMAPPED)
        running.wait_for(lambda: world.portal.status(slow) == "active" and world.said(unmapped))
        world.config_file.write_text(world.config_file.read_text(encoding="utf-8") + ROUTE, encoding="utf-8")
        hang_up(running)
        running.wait_for(lambda: said(running, "config.reread"))
        other = world.order(service=UNMAPPED)
        world.network.tick(2)
        running.wait_for(lambda: world.portal.status(slow) == "delivered" and world.portal.status(other) == "active")
        assert running.end() == 0
        assert_nothing_twice(world)
        assert_delivered(world, slow)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('kind = "xsp"', 'kind = "xps"', "portals.tg.kind"),
        ("[log]", "[lag]", "lag"),
        ('state_dir = "state"', 'state_dir = "elsewhere"', "restart"),
    ],
)
def test_a_file_that_is_wrong_is_said_with_each_problem_and_changes_nothing(
    tmp_path: Path, before: str, after: str, named: str
) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world:
        text = world.config_file.read_text(encoding="utf-8")
        if "state_dir" in before and before not in text:
            text = f"{before}\n{text}"
            world.config_file.write_text(text, encoding="utf-8")
        assert before in text
        with service(world) as running:
            running.wait_for(lambda: said(running, "portal.polled"))
            world.config_file.write_text(text.replace(before, after, 1), encoding="utf-8")
            hang_up(running)
            running.wait_for(lambda: said(running, "config.rejected"))
            number = world.order()
            running.wait_for(lambda: world.portal.status(number) == "delivered")
            (told,) = running.said("config.rejected")
            assert named in json.dumps(told["problems"])
            assert running.end() == 0
        assert not (world.folder / "elsewhere").exists()


def test_a_secret_that_was_changed_is_used_after_a_hang_up(tmp_path: Path) -> None:
    with World(tmp_path, at=None, portal_lines=OFTEN, level="info") as world, service(world) as running:
        running.wait_for(lambda: said(running, "portal.polled"))
        secret = world.folder / "password.secret"
        right = secret.read_text(encoding="utf-8")
        secret.write_text("fel-lösenord-1", encoding="utf-8")
        hang_up(running)
        running.wait_for(lambda: said(running, "config.reread"))
        number = world.order()
        running.wait_for(lambda: said(running, "remote.denied"))
        secret.write_text(right, encoding="utf-8")
        hang_up(running)
        running.wait_for(lambda: world.portal.status(number) == "delivered")
        assert running.end() == 0
        text = running.log.read_text(encoding="utf-8")
        assert right not in text
        assert "fel-lösenord-1" not in text
