"""Statements in the driver's own words, for what is written of every order and at every step.

SQLAlchemy writes each once, and says what becomes of its parameters; having it do so anew each time would be a third of
all that a step costs. No statement stands here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Executable

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The text, and its parameters with what turns each into the driver's value; in their order, or by name."""

    text: str
    positional: bool
    parameters: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    constants: Row

    def given(self, row: Row) -> Any:
        """A row's parameters, as the driver takes them."""
        row = {**self.constants, **row}
        values = [row[name] if turn is None else turn(row[name]) for name, turn in self.parameters]
        return (
            tuple(values) if self.positional else dict(zip((name for name, _ in self.parameters), values, strict=True))
        )


_made: dict[tuple[str, Executable], _Prepared] = {}


def run(tx: Connection, statement: Executable, rows: Sequence[Row]) -> int:
    """Runs a statement for each of the rows; how many rows of the table it met. It is kept for ever: build it once."""
    key = (tx.dialect.name, statement)
    if key not in _made:
        _made[key] = _prepare(tx.dialect, statement)
    made = _made[key]
    given = [made.given(row) for row in rows]
    return tx.exec_driver_sql(made.text, given[0] if len(given) == 1 else given).rowcount


def _prepare(dialect: Dialect, statement: Executable) -> _Prepared:
    compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined] # every statement of ours has it
    turns = {
        name: bound.type.dialect_impl(dialect).bind_processor(dialect) for bound, name in compiled.bind_names.items()
    }
    constants = {name: bound.value for bound, name in compiled.bind_names.items() if not bound.required}
    names = compiled.positiontup if compiled.positional else list(turns)
    return _Prepared(compiled.string, compiled.positional, tuple((name, turns[name]) for name in names), constants)
