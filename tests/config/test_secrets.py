"""Claims about secrets: where each is read from, and that none is ever shown."""

from pathlib import Path

import pytest

from syncer.errors import ConfigError
from tests.config.written import (
    GOOD,
    KEY,
    NET,
    PASSWORD,
    key_of,
    private,
    problems,
    read,
)


def test_a_secret_is_read_from_each_of_its_three_places(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(tmp_path / "db.secret", "cred-1\r\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    url = 'url = "postgresql+psycopg://db/s"\n'
    config = read(file, f'[store]\n{url}password = {{ credential = "db.secret" }}' + GOOD)
    assert config.secrets() == ("cred-1", KEY, PASSWORD)
    assert config.warnings == ()


@pytest.mark.parametrize("content", [b"", b"\n", b" \n", b"caf\xe9-hunter2"])
def test_an_empty_or_unreadable_secret_is_refused(file: Path, content: bytes) -> None:
    (file.parent / "onapi.secret").write_bytes(content)
    (problem,) = problems(file, NET)
    assert key_of(problem) == "fulfilments.net.password"
    assert "hunter2" not in str(problem)


def test_secrets_are_in_no_text_of_the_configuration(file: Path) -> None:
    config = read(file, GOOD)
    shown = f"{config} {config!r} {config.model_dump()} {config.portals} {config.fulfilments} {config.warnings}"
    assert set(config.secrets()) == {KEY, PASSWORD}
    assert not any(secret in shown for secret in config.secrets())


def test_secrets_are_in_no_text_of_an_error_nor_behind_it(file: Path) -> None:
    text = GOOD.replace('{ env = "XSP_API_KEY" }', '"hunter2"') + 'x = "hunter2"\n[log]\nlevel = "hunter2"'
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    shown = f"{caught.value} {caught.value!r} {caught.value.problems} {caught.value.__context__!r}"
    assert not any(secret in shown for secret in (KEY, PASSWORD, "hunter2"))
    assert "replace it" in shown


def test_a_secret_file_that_others_can_read_is_a_warning(file: Path) -> None:
    (file.parent / "onapi.secret").chmod(0o640)
    (warning,) = read(file, GOOD).warnings
    assert warning.place == "syncer.toml:12: fulfilments.net.password"
    assert "chmod" in warning.cure
