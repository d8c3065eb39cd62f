"""Names as SQL. Every statement of studio's pages is sent with parameters, in which a `%` stands for itself doubled."""

from __future__ import annotations

from psycopg import sql

from fairlead.studio.shape import Table


def named(*parts: str) -> sql.Identifier:
    """Return a name, quoted, for a statement with parameters."""
    return sql.Identifier(*(part.replace("%", "%%") for part in parts))


def place(table: Table) -> sql.Identifier:
    """Return a table's name with its schema, quoted, for a statement with parameters."""
    return named(table.schema, table.name)
