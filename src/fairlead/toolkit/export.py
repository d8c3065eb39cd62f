"""The whole schema as the models declare it, as SQL for an empty database, written without one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from sqlalchemy import create_mock_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from fairlead.toolkit.keywords import small
from fairlead.toolkit.target import Target

_HEAD: Final = """-- The schema of {name}, as its models declare it, for an empty database:
--     psql --set ON_ERROR_STOP=1 --file=this.sql
-- and then, so that migrations go on from there: fairlead db stamp head

begin;

set local check_function_bodies = off;
"""


def export(target: Target) -> str:
    """Return the SQL: one transaction, tables with all DDL that listens to them."""
    # Of the other ways to write parameters some would double each per cent sign.
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
    made: list[tuple[bool, str]] = []

    def write(statement: Any, *_parameters: Any, **_options: Any) -> None:
        made.append(
            (isinstance(statement, CreateIndex), small(str(statement.compile(dialect=dialect)).strip().rstrip(";")))
        )

    target.metadata.create_all(create_mock_engine("postgresql+psycopg://", write), checkfirst=False)
    return "\n".join(
        [_HEAD.format(name=target.name), *(f"{statement};\n" for statement in _ordered(made)), "commit;\n"]
    )


def _ordered(made: list[tuple[bool, str]]) -> Iterator[str]:
    """Yield the statements; the indexes of a table, which SQLAlchemy keeps in no order, by their text."""
    for are_indexes, group in groupby(made, key=lambda one: one[0]):
        statements = [statement for _, statement in group]
        yield from sorted(statements) if are_indexes else statements
