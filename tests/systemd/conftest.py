"""A machine for all that a module claims about it, since it takes a while to boot."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.machine import Machine, booted, lacking, of_ours


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    why = lacking()
    if why is not None:
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    with booted("root", *of_ours()) as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the long ones here are each the first of another one."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [
        item for item in items if item.path.parent == Path(__file__).parent and "test_scripts" not in item.path.name
    ]
    if workers == 1 or not long:
        return
    others = [item for item in items if item not in long]
    portion = max(2, len(items) // (4 * workers))  # what each is given at first
    for place, item in enumerate(long):
        others.insert(place * portion, item)
    items[:] = others
