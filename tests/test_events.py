"""Claims about docs/events.md: every event that the code can log or write into the history is in it, and no other."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from syncer.orders import OBSERVATIONS, Accounting, Observation, Unchanged, Woke

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "events.md"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
ROW = re.compile(r"^\| `([a-z]+\.[a-z_]+)` \|(.*)\|$", re.MULTILINE)
EVENT = re.compile(r"(order|file|intent|kode|portal|remote|service|pass|store)\.[a-z_]+")
SILENT = {Woke, Unchanged}  # that a time has come, or that all is as it was, is no news


def documented() -> dict[str, str]:
    """The events in the document, each with the rest of its row."""
    return dict(ROW.findall(DOCUMENT.read_text(encoding="utf-8")))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def modules() -> Iterator[ast.Module]:
    """The program's own modules: the simulators log nothing, and have a journal instead."""
    for path in sorted((ROOT / "syncer").rglob("*.py")):
        if "simulators" not in path.parts and "migrations" not in path.parts:
            yield ast.parse(path.read_text(encoding="utf-8"))


def logged() -> list[tuple[ast.expr, str, list[str]]]:
    """Each call `log().LEVEL(event, key=…)`: the event, the level and the keys."""
    return [
        (call.args[0], call.func.attr, [part.arg for part in call.keywords if part.arg is not None])
        for tree in modules()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in LEVELS
        and isinstance(call.func.value, ast.Call)
        and isinstance(call.func.value.func, ast.Name)
        and call.func.value.func.id == "log"
    ]


def observed(kind: type[Observation]) -> str:
    """An observation's event, which depends on nothing but its kind."""
    return object.__new__(kind).event


def written() -> set[str]:
    """Texts in the store that look like an event: what it writes into the history by itself."""
    found: set[str] = set()
    for path in sorted((ROOT / "syncer" / "store").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT.fullmatch(node.value):
                found.add(node.value)
    return found


def literal(event: ast.expr) -> str | None:
    return event.value if isinstance(event, ast.Constant) and isinstance(event.value, str) else None


def test_every_event_that_is_logged_is_documented() -> None:
    names = {name for event, _, _ in logged() if (name := literal(event)) is not None}
    assert len(names) > 10
    assert names - documented().keys() == set()


def test_an_event_without_a_literal_name_is_an_observations() -> None:
    """Or this file would not know of it."""
    others = {ast.unparse(event) for event, _, _ in logged() if literal(event) is None}
    assert others == {"seen.event"}


def test_every_observation_is_documented() -> None:
    names = {observed(kind) for kind in OBSERVATIONS if kind not in SILENT}
    assert names - documented().keys() == set()


def test_every_event_that_the_store_writes_into_the_history_is_documented() -> None:
    assert written() - documented().keys() == set()


def test_level_and_keys_of_each_logged_event_are_documented() -> None:
    rows = documented()
    for event, level, keys in logged():
        name = literal(event)
        if name is not None:
            assert level in rows[name], name
            assert {key for key in keys if f"`{key}`" not in rows[name]} == set(), name


def test_every_key_that_is_documented_is_logged() -> None:
    """Or comes with the thread: the order that is worked on, and the remote that is polled."""
    given: dict[str, set[str]] = {}
    for event, _, keys in logged():
        given.setdefault(literal(event) or "", {"order", "remote"}).update(keys)
    given["portal.polled"] |= {one.name for one in fields(Accounting)}
    rows = {name: row for name, row in documented().items() if name in given}
    told = {name: set(re.findall(r"`([a-z_]+)`", row.split("|")[1])) for name, row in rows.items()}
    assert {name: keys - given[name] for name, keys in told.items() if keys - given[name]} == {}
    assert sum(map(len, told.values())) > 40


def test_nothing_is_documented_that_does_not_exist() -> None:
    exist = {name for event, _, _ in logged() if (name := literal(event)) is not None}
    exist |= {observed(kind) for kind in OBSERVATIONS if kind not in SILENT} | written()
    exist |= {"intent.uncertain", "intent.planned"}  # `Store.mark` names them after the intent's state
    assert documented().keys() - exist == set()
