"""One machine for all that is claimed about it, since it takes a while to boot."""

import os
from collections.abc import Iterator

import pytest

from tests.systemd.machine import Machine, booted, lacking


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    why = lacking()
    if why is not None:
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    with booted() as found:
        yield found
