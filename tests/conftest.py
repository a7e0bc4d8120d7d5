"""What all tests may be told on the command line."""

import pytest

pytest.register_assert_rewrite("tests.hostile.machine")  # other rooms use it, too


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--store postgresql`: the whole ring's tests on that kind of store, and those of the kills; the long run."""
    parser.addoption("--store", choices=["sqlite", "postgresql"], default="sqlite", help="what the ring's worlds use")
