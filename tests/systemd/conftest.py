"""A machine for all that a module claims about it, since it takes a while to boot."""

import os
from collections.abc import Iterator

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
