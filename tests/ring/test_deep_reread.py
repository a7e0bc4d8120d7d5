"""Claims about the daily re-read that reaches far back: a portal with much to list is polled all the same."""

from datetime import timedelta
from pathlib import Path

from tests.ring.harness import DESK, NOON, World

A_DAY = 100  # orders, of about 200 bytes each in the list
MOST = "80KB"  # which three days of them fit into, and six don't
DAYS = 6


def test_orders_come_in_though_the_days_before_are_more_than_a_portal_can_list_at_once(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        text = world.config_file.read_text(encoding="utf-8")
        world.config_file.write_text(text.replace('max_answer = "1MB"', f'max_answer = "{MOST}"', 1), encoding="utf-8")
        for day in range(DAYS):
            world.clock.set(NOON + timedelta(days=day))
            numbers = {world.portal.add_order(service=DESK, status="delivered") for _ in range(A_DAY)}
            summary = world.once()
        assert numbers <= world.orders().keys(), summary.problems
