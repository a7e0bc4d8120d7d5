"""`syncer check`: configuration, secrets, database, and one harmless call to each remote, a line each."""

import argparse
import os
from collections.abc import Callable, Iterator, Sized
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape

from syncer.cli.opening import opened, store_url
from syncer.cli.printing import console, print_json
from syncer.config import Config
from syncer.errors import SyncerError
from syncer.store import Store
from syncer.store.connect import SOUND_SQLITE, sqlite_driver
from syncer.telemetry import Redactor
from syncer.wiring import remotes_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check. `ok` None is a warning."""

    name: str
    ok: bool | None
    text: str


def check(arguments: argparse.Namespace) -> int:
    """Looks everything over; exit 1 where something is wrong."""
    config, redactor = opened(arguments)
    findings = [Finding("configuration", True, _counts(config))]
    findings += [Finding("configuration", None, str(warning)) for warning in config.warnings]
    findings.append(Finding("secrets", True, f"{len(config.secrets())} found"))
    findings += _store(config)
    remotes = remotes_of(config, redactor, read_only=True)
    findings += [_remote(name, call, redactor) for name, call in remotes.checks.items()]
    if arguments.json:
        ok = all(finding.ok is not False for finding in findings)
        print_json({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
    return 1 if any(finding.ok is False for finding in findings) else 0


def _counts(config: Config) -> str:
    parts: list[tuple[Sized, str]] = [
        (config.portals, "portals"),
        (config.fulfilments, "fulfilments"),
        (config.routes, "routes"),
    ]
    parts += [(config.order_systems, "order systems")] if config.order_systems else []
    counted = (f"{len(part)} {name if len(part) != 1 else name.removesuffix('s')}" for part, name in parts)
    return f"{config.path}: " + ", ".join(counted)


def _print(findings: list[Finding]) -> None:
    out = console()
    marks = {True: "[green]ok  [/]", False: "[red]bad [/]", None: "[yellow]note[/]"}
    for finding in findings:
        out.print(f"{marks[finding.ok]} {escape(finding.name)}: {escape(finding.text)}", soft_wrap=True)


def _store(config: Config) -> Iterator[Finding]:
    file = config.store.file
    if file is not None:
        yield _sqlite()
    if file is not None and not file.exists():
        folder = next(parent for parent in file.parents if parent.exists())
        writable = os.access(folder, os.W_OK)
        cure = "" if writable else f" — give syncer's user the right to write to {folder}"
        yield Finding("store", writable, f"{file} does not exist yet: the first pass makes it{cure}")
        return
    try:
        with Store.open(store_url(config), exclusive=False) as store:
            overview = store.overview()
    except SyncerError as error:
        yield Finding("store", False, str(error))
        return
    yield Finding(
        "store", True, f"{file or 'the database'}: {sum(overview.states.values())} orders, {overview.parked} parked"
    )
    if file is not None and _open_to_others(file.parent, 0o011) and _open_to_others(file, 0o044):
        yield Finding("store", None, f"others can read {file}: chmod 600 {file}")


def _open_to_others(path: Path, how: int) -> bool:
    """Whether the group or everybody may do something with it: orders are about people."""
    return bool(path.stat().st_mode & how)


def _sqlite() -> Finding:
    driver = sqlite_driver()
    version = driver.sqlite_version
    if driver.sqlite_version_info >= SOUND_SQLITE:
        return Finding("sqlite", True, version)
    text = f"{version} can corrupt a database that two programs use: install pysqlite3 0.6.1 or newer"
    return Finding("sqlite", False, text)


def _remote(name: str, call: Callable[[], str], redactor: Redactor) -> Finding:
    try:
        return Finding(name, True, redactor.scrub(call()))
    except SyncerError as error:
        return Finding(name, False, redactor.scrub(str(error)))
