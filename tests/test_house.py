"""The import table of the house: what each room may import, kept by import-linter's contracts in pyproject.toml."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# design.md, section 5. People's room and the wiring may import what they like, but the first doesn't know the
# concrete kinds, and only the demo knows the simulators.
TABLE = {
    "errors": set(),
    "simulators": set(),
    "orders": set(),
    "pulse": set(),
    "config": {"errors"},
    "files": {"errors"},
    "telemetry": {"errors"},
    "remotes": {"errors"},
    "store": {"errors", "orders"},
    "portals": {"errors", "files", "orders", "remotes"},
    "fulfilment": {"errors", "orders", "remotes"},
    "order_systems": {"errors", "orders", "remotes"},
    "engine": {"errors", "orders", "store", "telemetry"},
    "web": {"errors", "orders", "store", "telemetry"},
    "wiring": {
        "errors",
        "files",
        "orders",
        "config",
        "telemetry",
        "remotes",
        "store",
        "portals",
        "fulfilment",
        "order_systems",
        "engine",
        "pulse",
        "web",
    },
    "service": {"engine", "telemetry", "pulse"},
    "cli": {"errors", "files", "orders", "config", "telemetry", "store", "engine", "wiring", "service", "pulse", "web"},
}
LIBRARIES = {
    "sqlmodel": "store",
    "sqlalchemy": "store",
    "alembic": "store",
    "sqlite3": "store",
    "requests": "remotes.http",
    "urllib3": "remotes.http",
    "defusedxml": "remotes.xml",
    "flask": "web",
    "cheroot": "web",
    "prometheus_client": "web",
}


def _linted(tree: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy to plant imports in."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "syncer", tmp_path / "syncer", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _plant(tree: Path, room: str, imports: list[str]) -> None:
    package = tree / "syncer" / room
    file = package / "planted.py" if package.is_dir() else package.with_suffix(".py")
    with file.open("a", encoding="utf-8") as lines:
        lines.write("\n" + "".join(f"import {name}\n" for name in imports))


def _complaints(output: str) -> set[tuple[str, str]]:
    """Which module was caught importing what."""
    text = re.sub(r"\s+", " ", output)
    return {(str(a), str(b)) for a, b in re.findall(r"(syncer[\w.]*) -> ([\w.]+)", text)}


def test_every_room_keeps_to_the_table() -> None:
    checked = _linted(ROOT)
    assert checked.returncode == 0, checked.stdout
    assert " 0 broken" in checked.stdout


def test_the_table_has_a_line_for_every_room() -> None:
    found = {
        path.stem for path in (ROOT / "syncer").iterdir() if not path.name.startswith("_") and path.suffix != ".toml"
    }
    assert found == set(TABLE)


def test_an_import_that_the_table_does_not_name_is_caught(tree: Path) -> None:
    wanted = {(room, other) for room in TABLE for other in TABLE.keys() - TABLE[room] - {room}}
    for room in TABLE:
        _plant(tree, room, sorted(f"syncer.{other}" for who, other in wanted if who == room))
    caught = {(who.split(".")[1], to.split(".")[1]) for who, to in _complaints(_linted(tree).stdout) if "syncer" in to}
    assert wanted - caught == set()


def test_a_library_is_caught_outside_its_room(tree: Path) -> None:
    for room in TABLE:
        _plant(tree, room, [name for name, home in LIBRARIES.items() if home.partition(".")[0] != room])
    _plant(tree, "remotes", ["requests", "urllib3", "defusedxml"])
    caught = {(who.split(".")[1], to) for who, to in _complaints(_linted(tree).stdout)}
    wanted = {(room, name) for name, home in LIBRARIES.items() for room in TABLE if home != room}
    assert wanted - caught == set()


def test_a_room_that_is_not_in_the_table_is_caught(tree: Path) -> None:
    (tree / "syncer" / "attic.py").write_text("import syncer.store\n", encoding="utf-8")
    checked = _linted(tree)
    assert checked.returncode == 1
    assert "attic" in checked.stdout
