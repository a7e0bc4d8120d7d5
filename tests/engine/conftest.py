"""A bench for each test; its store is closed and the logs are as before when it ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.engine.doubles import Bench


@pytest.fixture
def benches(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: Any) -> Bench:
        made.append(Bench(tmp_path, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.store.close()
    structlog.reset_defaults()


@pytest.fixture
def bench(benches: Callable[..., Bench]) -> Bench:
    return benches()
