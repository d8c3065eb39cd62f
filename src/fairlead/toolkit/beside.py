"""What only the catalogue shows (policies, functions, enum values, …) as safe DDL.

Most of it is done in a moment. A check or a foreign key that changes would read its whole table while nobody may write:
it is added for new rows and then validated, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.naming import NAME, PATH
from fairlead.toolkit.plugin.operation import CatalogueOp

_ADDED: Final = re.compile(
    rf"(?P<path>alter table {PATH}) add constraint (?P<name>{NAME}) (?:check|foreign key)\b", re.IGNORECASE
)
_ADDED_VALUE: Final = re.compile(rf"alter type {PATH} add value ", re.IGNORECASE)
_DROPPED: Final = re.compile(rf"alter table {PATH} drop constraint ", re.IGNORECASE)


def catalogue_parts(operation: CatalogueOp, *, busy: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the statements that stand alone, and those of the transaction; `busy`: the table is in use."""
    if operation.again:
        return (), operation.statements
    if all(_ADDED_VALUE.match(statement) for statement in operation.statements):
        return tuple(_if_missing(statement) for statement in operation.statements), ()
    if busy and operation.change.kind is Kind.CONSTRAINT and any(map(_ADDED.match, operation.statements)):
        return tuple(part for statement in operation.statements for part in _beside(statement)), ()
    return (), operation.statements


def _if_missing(statement: str) -> str:
    return re.sub(r"add value (?!if not exists)", "add value if not exists ", statement, flags=re.IGNORECASE)


def _beside(statement: str) -> Iterator[str]:
    """Yield what takes the place of a statement."""
    if added := _ADDED.match(statement):
        path, name = added["path"], added["name"]
        again = f"{path} drop constraint if exists {name},{statement[len(path) :]}"
        if again.endswith(" not valid"):
            yield again
        else:
            yield f"{again} not valid"
            yield f"{path} validate constraint {name}"
    elif not _DROPPED.match(statement):  # done just above
        yield statement


def makes_anew(operation: CatalogueOp) -> bool:
    """Tell whether it makes an enum anew, so that every column of it gets another type."""
    return operation.change.kind is Kind.ENUM and any(map(_GONE_TYPE.match, operation.statements))


_GONE_TYPE: Final = re.compile(r"drop type ", re.IGNORECASE)


def retyped(operation: object) -> str | None:
    """Return the statement that gives a column another type, where the operation is about that."""
    if not isinstance(operation, CatalogueOp) or operation.change.kind is not Kind.COLUMN:
        return None
    return next((one for one in operation.statements if _RETYPED.search(one)), None) if operation.change.facts else None


_RETYPED: Final = re.compile(rf" alter column {NAME} type ")
