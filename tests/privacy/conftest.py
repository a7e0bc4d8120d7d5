"""Scenes for the tests: each with its program's logs and the libraries' heard, and the logs as before when it ends."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.privacy.scene import Scene


@pytest.fixture
def scenes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., Scene]]:
    with ExitStack() as stack:
        caplog.set_level(logging.DEBUG)  # the root hears everything, as with logging.basicConfig(level=DEBUG)

        def make(**options: Any) -> Scene:
            scene = stack.enter_context(Scene(tmp_path, capfd, **options).open(monkeypatch))
            stack.callback(lambda: scene.said.append(("the libraries' logs", caplog.text)))
            return scene

        yield make
    structlog.reset_defaults()


@pytest.fixture
def scene(scenes: Callable[..., Scene]) -> Scene:
    return scenes()
