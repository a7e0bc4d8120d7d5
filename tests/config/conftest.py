from pathlib import Path

import pytest

from tests.config.written import ENVIRONMENT, PASSWORD, private


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "UNSET"):
        monkeypatch.delenv(name, raising=False)
    for name, secret in ENVIRONMENT.items():
        monkeypatch.setenv(name, secret)
    private(tmp_path / "onapi.secret", PASSWORD + "\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncer.toml"
