"""What rows get in a NOT NULL column that a downgrade brings back: what was in it is gone.

It is the plainest value of the type (`backfill.stand_in`). There is none where a value has to be there elsewhere, or
only once, or would break a check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from alembic.operations import ops
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from fairlead.toolkit.backfill import has_to_be_given, stand_in
from fairlead.toolkit.naming import for_driver, path_of, quoted
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.safe_ddl import table_of


def stand_ins(leaves: Iterable[ops.MigrateOperation], connection: Connection) -> Iterator[tuple[str, str | None]]:
    """Yield each column that goes and is to be given a value when it comes back, with the value; None: there is none.

    The connection is to a database that has the types, and is in a transaction.
    """
    back = [leaf.reverse() for leaf in leaves if isinstance(leaf, _TAKEN_OFF)]
    for leaf in back:
        if isinstance(leaf, ops.AddColumnOp) and has_to_be_given(leaf.column):
            table, name = (leaf.schema, leaf.table_name), str(leaf.column.name)
            value = stand_in(leaf.column.type)
            built = [one for one in back if table_of(one) == table and _names(one, name)]
            if value is not None and not all(_allows(one, leaf.column, value, connection) for one in built):
                value = None
            yield path_of(*table, name), value


_TAKEN_OFF: Final = (ops.DropColumnOp, ops.DropConstraintOp, ops.DropIndexOp, CatalogueOp)


def _names(leaf: Any, column: str) -> bool:
    """Tell whether an index or a constraint that comes back is on the column."""
    if isinstance(leaf, ops.CreateForeignKeyOp):
        told = [*leaf.local_cols]
    elif isinstance(leaf, ops.CreateCheckConstraintOp):
        told = [str(leaf.condition)]
    elif isinstance(leaf, CatalogueOp):
        told = [one for one in leaf.statements if " add constraint " in one and not one.endswith(" not valid")]
    elif isinstance(leaf, _UNIQUE) or (isinstance(leaf, ops.CreateIndexOp) and leaf.unique):
        told = [str(getattr(part, "name", None) or part) for part in leaf.columns]
    else:
        return False
    word = re.compile(rf'(?<![\w$"]){re.escape(quoted(column))}(?![\w$"])')
    return any(column == part or word.search(part) for part in told)


_UNIQUE: Final = (ops.CreateUniqueConstraintOp, ops.CreatePrimaryKeyOp)


def _allows(leaf: Any, column: Any, value: str, connection: Connection) -> bool:
    """Tell whether rows that all have the value satisfy it: only a check of this one column may be known to be."""
    if not isinstance(leaf, ops.CreateCheckConstraintOp):
        return False
    kind = column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
    row = f"select cast({value} as {kind}) as {quoted(str(column.name))}"
    query = f"select coalesce(({leaf.condition}), true) from ({row}) as {quoted(leaf.table_name)}"  # noqa: S608 - the catalogue's text
    savepoint = connection.begin_nested()
    try:
        return bool(connection.exec_driver_sql(for_driver(query)).scalar_one())
    except DBAPIError:
        return False  # another column is in it
    finally:
        savepoint.rollback()
