"""What an operation does, said for whoever reads the revision."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.change import Action, Change
from fairlead.toolkit.naming import path_of
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.safe_ddl import name_of


def described(operations: Iterable[ops.MigrateOperation]) -> list[str]:
    """Say each in a line; what is dropped to be made anew is one that changes, or is as it was."""
    leaves = list(operations)
    taken = {_name(leaf): leaf for leaf in leaves if _is_half(leaf, Action.REMOVE)}
    again = {_name(leaf) for leaf in leaves if _is_half(leaf, Action.ADD)} & taken.keys()
    return [
        _again(leaf, taken[_name(leaf)]) if _name(leaf) in again and _is_half(leaf, Action.ADD) else describe(leaf)
        for leaf in leaves
        if not (_name(leaf) in again and _is_half(leaf, Action.REMOVE))
    ]


def _is_half(leaf: ops.MigrateOperation, action: Action) -> bool:
    """Tell whether it only makes, or only takes away, what the other half may be about too."""
    if isinstance(leaf, CatalogueOp):
        return leaf.again and leaf.change.action is action
    made, gone = (ops.CreateIndexOp, ops.AddConstraintOp), (ops.DropIndexOp, ops.DropConstraintOp)
    return isinstance(leaf, made if action is Action.ADD else gone)


def _name(leaf: ops.MigrateOperation) -> Any:
    return leaf.change.key if isinstance(leaf, CatalogueOp) else name_of(leaf)


def _again(leaf: ops.MigrateOperation, taken: ops.MigrateOperation) -> str:
    if becomes_generated(taken):
        return f"{re.sub('^add ', 'generate ', describe(leaf))} from now on, and drop the values that it has"
    same = isinstance(leaf, CatalogueOp) and isinstance(taken, CatalogueOp) and _is_same(leaf.change, taken.change)
    return re.sub("^add ", "put back " if same else "change ", describe(leaf))


def _is_same(made: Change, taken: Change) -> bool:
    """Tell whether nobody wrote it otherwise: the columns of a view have other types when those that it reads have."""
    return set(Change(made.key, taken.found, made.declared).facts) <= {"columns"}


def describe(operation: ops.MigrateOperation) -> str:
    """Say it in a line: "add column orders.voucher_id"."""
    for kind, say in _SAID.items():
        if isinstance(operation, kind):
            return say(operation)
    return f"alter {path_of(getattr(operation, 'schema', None), getattr(operation, 'table_name', None))}"


def _change(operation: CatalogueOp) -> str:
    change = operation.change
    if is_generated_no_more(operation):
        return f"generate {change.thing.title} no more, and keep the values that it has"
    facts = ", ".join(_fact(fact, now) for fact, (_, now) in change.facts.items() if fact != "definition")
    return f"{_VERBS[change.action]} {change.thing.title}" + (f": {facts}" if facts else "")


def _fact(fact: str, now: Any) -> str:
    return f"{fact} {', '.join(now)}" if fact == "values" else fact


_VERBS: Final = {Action.ADD: "add", Action.ALTER: "alter", Action.REMOVE: "drop"}


def breaks_running_code(operation: ops.MigrateOperation) -> bool:
    """Say whether code of the release before may need what goes."""
    return isinstance(operation, ops.DropTableOp | ops.DropColumnOp)


def becomes_generated(operation: ops.MigrateOperation) -> bool:
    """Say whether a column with values of its own goes, to be made again as one that is generated."""
    if not isinstance(operation, CatalogueOp) or not operation.again or operation.change.declared is not None:
        return False
    return operation.change.kind is Kind.COLUMN and not operation.change.thing.facts.get("generated")


def is_generated_no_more(operation: ops.MigrateOperation) -> bool:
    """Say whether a column that is generated becomes a plain one, which keeps the values that it has."""
    if not isinstance(operation, CatalogueOp) or operation.change.kind is not Kind.COLUMN:
        return False
    before, after = operation.change.facts.get("generated", (None, None))
    return before is not None and after is None


def values_gone(operation: ops.MigrateOperation) -> list[str]:
    """Return the values that an enum has not any more."""
    before, after = operation.change.facts.get("values", ((), ())) if isinstance(operation, CatalogueOp) else ((), ())
    return [value for value in before or () if value not in (after or ())]


def _column(operation: ops.AddColumnOp) -> str:
    column = operation.column
    path = path_of(operation.schema, operation.table_name, str(column.name))
    return f"add column {path}, {_type(column.type)}" + ("" if column.nullable else ", not null")


def _altered(operation: ops.AlterColumnOp) -> str:
    changes = []
    if operation.modify_type is not None:
        changes.append(f"type {_type(operation.modify_type)}")
    if operation.modify_nullable is not None:
        changes.append("nullable" if operation.modify_nullable else "not null")
    if operation.modify_server_default is not False:
        changes.append("no default" if operation.modify_server_default is None else "another default")
    if operation.modify_comment is not False:
        changes.append("another comment")
    return f"alter column {path_of(operation.schema, operation.table_name, operation.column_name)}: " + ", ".join(
        changes
    )


def _type(kind: Any) -> str:
    name, collated, collation = str(kind.compile(dialect=postgresql.dialect())).partition(" COLLATE ")  # type: ignore[no-untyped-call]
    return name.lower() + collated.lower() + collation


def _constraint(noun: str) -> Callable[[Any], str]:
    return lambda operation: (
        f"add {noun} {operation.constraint_name} on "
        + path_of(getattr(operation, "schema", None), getattr(operation, "table_name", None) or operation.source_table)
    )


_SAID: Final[dict[Any, Callable[[Any], str]]] = {
    CatalogueOp: _change,
    ops.CreateTableOp: lambda operation: f"create table {path_of(operation.schema, operation.table_name)}",
    ops.DropTableOp: lambda operation: f"drop table {path_of(operation.schema, operation.table_name)} with its rows",
    ops.AddColumnOp: _column,
    ops.DropColumnOp: lambda operation: (
        f"drop column {path_of(operation.schema, operation.table_name, operation.column_name)} with its values"
    ),
    ops.AlterColumnOp: _altered,
    ops.CreateTableCommentOp: lambda operation: (
        f"comment on table {path_of(operation.schema, operation.table_name)}: {operation.comment}"
    ),
    ops.DropTableCommentOp: lambda operation: (
        f"drop the comment of table {path_of(operation.schema, operation.table_name)}"
    ),
    ops.CreateIndexOp: lambda operation: (
        f"add {'unique ' if operation.unique else ''}index {operation.index_name} on "
        f"{path_of(operation.schema, operation.table_name)}"
    ),
    ops.DropIndexOp: lambda operation: f"drop index {operation.index_name}",
    ops.CreateUniqueConstraintOp: _constraint("unique constraint"),
    ops.CreateForeignKeyOp: _constraint("foreign key"),
    ops.CreateCheckConstraintOp: _constraint("check"),
    ops.CreatePrimaryKeyOp: _constraint("primary key"),
    ops.DropConstraintOp: lambda operation: (
        f"drop constraint {operation.constraint_name} of {path_of(operation.schema, operation.table_name)}"
    ),
}
