"""The plugin's one operation: statements that bring a thing of the catalogue to what is declared, and back.

In a migration file it is `op.execute(...)` with the SQL in it, so that what was generated is read as SQL and needs
nothing but Alembic to run, however old it gets.
"""

from __future__ import annotations

import re
from typing import Any, Final

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy import text

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA
from fairlead.toolkit.change import Change

_LONGEST_LINE: Final = 100
_NAMED: Final = re.compile(r"(?<![:\w\\]):(?=\w)")


class CatalogueOp(MigrateOperation):
    """One change of one thing: `statements` make it, `back` undoes it.

    One without `statements` is made by another operation and only undone here, or the other way round; where there is
    neither, a person has to write it. `again`: it is one half of taking something off and putting it back.
    """

    def __init__(
        self, change: Change, statements: tuple[str, ...], back: tuple[str, ...], *, again: bool = False
    ) -> None:
        self.change = change
        self.statements = statements
        self.back = back
        self.again = again

    @property
    def table_name(self) -> str:
        """The table it is about, as other operations call it; empty when there is none."""
        return self.change.table

    @property
    def schema(self) -> str | None:
        """The schema it is in, as other operations call it."""
        return None if self.change.schema in {"", DEFAULT_SCHEMA} else self.change.schema

    def reverse(self) -> CatalogueOp:
        """Return the operation that undoes this one."""
        return CatalogueOp(self.change.reversed(), self.back, self.statements, again=self.again)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return (f"{self.change.action}_{self.change.kind}".replace(" ", "_"), self.change.thing.title)


@Operations.implementation_for(CatalogueOp)
def _run(operations: Operations, operation: CatalogueOp) -> None:
    for statement in operation.statements:
        operations.execute(text(escaped(statement)))


@renderers.dispatch_for(CatalogueOp)
def _rendered(_context: AutogenContext, operation: CatalogueOp) -> list[str]:
    if not operation.statements and not operation.back:
        return [f"# Write by hand: {operation.change.sentence('the database')}"]
    return [f"op.execute({_literal(escaped(statement))})" for statement in operation.statements]


def escaped(statement: str) -> str:
    """Return the statement with its colons kept from being taken for the beginning of a parameter."""
    return _NAMED.sub(r"\\:", statement)


def _literal(statement: str) -> str:
    if "\n" not in statement and len(statement) <= _LONGEST_LINE:
        return repr(statement)
    lines = statement.splitlines(keepends=True) if "\n" in statement else _wrapped(statement)
    return "\n".join(["", *(f"    {line!r}" for line in lines), ""])


def _wrapped(statement: str) -> list[str]:
    """Return the pieces of a long statement, cut between words."""
    pieces = [""]
    for word in re.split(r"(?<= )", statement):
        if pieces[-1] and len(pieces[-1]) + len(word) > _LONGEST_LINE:
            pieces.append("")
        pieces[-1] += word
    return pieces
