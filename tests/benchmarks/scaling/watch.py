"""What a statement costs where it stands: its plan, and how much of the database it touched.

The measure of work is not a time: SQLite's is instructions of its machine, PostgreSQL's pages that were looked at. Both
are the same on a busy machine.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

from syncer.store.rows import DETAILS, HISTORY, INTENTS, ORDERS, RAW

LARGE = (ORDERS, INTENTS, HISTORY, DETAILS, RAW)  # one row or more for each order that was ever stored
STEP = 10  # SQLite's instructions are counted by so many
FEW = 1000  # rows, or ten times as many of SQLite's instructions: walking through so few is no matter
SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
BEGINNINGS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


def partial() -> set[str]:
    """The indexes over a few of the rows: walking through one of them is walking through those few."""
    indexes = [index for table in LARGE for index in table.indexes]
    return {str(index.name) for index in indexes if index.dialect_options["sqlite"]["where"] is not None}


@dataclass(slots=True)
class Watched:
    """What was seen of the statements of one work."""

    statements: int = 0
    work: int = 0
    walks: set[str] = field(default_factory=set)  # whole tables, or whole indexes of them, that were walked through


@contextmanager
def watching(engine: Engine) -> Iterator[Watched]:
    """Watches what is done with a database meanwhile, which takes longer than it would otherwise."""
    seen = Watched()
    kind = _Sqlite if engine.dialect.name == "sqlite" else _Postgresql
    watch = kind(seen)
    event.listen(engine, "before_cursor_execute", watch.before)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", watch.before)
        watch.end()


class _Sqlite:
    def __init__(self, seen: Watched) -> None:
        self._seen = seen
        self._counted: list[Any] = []  # a statement's rows are fetched later: counting goes on until the end

    def before(self, connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        self._seen.statements += 1
        raw = connection.connection.dbapi_connection
        if statement.lstrip().upper().startswith(BEGINNINGS):
            first = values[0] if many else values
            for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", first).fetchall():
                found = SCAN.match(row[3])
                if found and found[1] in _names() and found[2] not in partial():
                    self._seen.walks.add(found[2] or found[1])
        raw.set_progress_handler(self._count, STEP)
        self._counted.append(raw)

    def end(self) -> None:
        for raw in self._counted:
            raw.set_progress_handler(None, 0)
        if self._seen.work < FEW * 10:
            self._seen.walks.clear()  # the plan doesn't tell that a walk is broken off after a few rows

    def _count(self) -> int:
        self._seen.work += STEP
        return 0


class _Postgresql:
    def __init__(self, seen: Watched) -> None:
        self._seen = seen

    def before(self, connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        self._seen.statements += 1
        if statement.lstrip().upper().startswith(BEGINNINGS):
            self._explain(connection.connection.dbapi_connection, statement, values if many else [values])

    def end(self) -> None:
        """Nothing is left behind."""

    def _explain(self, raw: Any, statement: str, values: list[Any]) -> None:
        """Has it done on trial first: a plan without the doing would not tell how much it touches."""
        with raw.cursor() as cursor:
            cursor.execute("SAVEPOINT watched")
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values[0])
            (found,) = cursor.fetchone()
            cursor.execute("ROLLBACK TO SAVEPOINT watched")
        plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
        self._seen.work += (plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]) * len(values)
        for node in _nodes(plan):
            self._look(node)

    def _look(self, node: dict[str, Any]) -> None:
        kind, relation, index = node["Node Type"], node.get("Relation Name"), node.get("Index Name")
        if (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] < FEW:
            return
        if kind == "Seq Scan" and relation in _names():
            self._seen.walks.add(relation)
        if index is not None and "Index Cond" not in node and index not in partial() and _is_large(index):
            self._seen.walks.add(index)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _names() -> set[str]:
    return {table.name for table in LARGE}


def _is_large(index: str) -> bool:
    """Whether an index is of a large table: by its name, which is ours or begins with the table's."""
    ours = {str(one.name) for table in LARGE for one in table.indexes}
    return index in ours or index.startswith(tuple(_names()))
