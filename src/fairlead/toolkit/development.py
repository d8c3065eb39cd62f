"""Which databases are for development: `push` changes no other.

The mark stands in the comment of the database, next to whatever else it says: it belongs to the database and not to
what is in it, so that no dump and no migration carries it to another one. A database is marked when nothing is in it,
or when it is the embedded one; any other only by who owns it, with a statement of their own.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from fairlead.errors import NotForDevelopment
from fairlead.toolkit.naming import for_driver, literal, quoted

MARK: Final = "fairlead:development"

_COMMENT: Final = text("""
    select datname, coalesce(shobj_description(oid, 'pg_database'), '') from pg_database
    where datname = current_database()
""")
_TABLES_WITH_ROWS: Final = text("""
    select cast(cast(c.oid as regclass) as text) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and pg_relation_size(c.oid) > 0
        and c.relname <> all (:spared)
    order by 1
""")


def is_development(connection: Connection) -> bool:
    """Tell whether the database is marked."""
    with connection.begin():
        return MARK in connection.execute(_COMMENT).one()[1]


def need_development(connection: Connection) -> None:
    """Raise NotForDevelopment, which says how a database is marked, unless it is."""
    if is_development(connection):
        return
    with connection.begin():
        name, comment = connection.execute(_COMMENT).one()
    raise NotForDevelopment(
        f"The database {name!r} is not marked as one for development, and push changes no other: where people rely on "
        "the data use 'fairlead db generate' and 'fairlead db migrate'. If this one is for development, pass "
        "--mark-development once (when nothing is in it, or it is the embedded one), or run as its owner: "
        f"{_statement(name, comment)};"
    )


def mark_development(connection: Connection, *, embedded: bool, spared: tuple[str, ...] = ()) -> None:
    """Mark the database; raises NotForDevelopment when it is not the embedded one and rows are in it.

    `spared` are tables whose rows do not count, such as the notes of migrations.
    """
    with connection.begin():
        name, comment = connection.execute(_COMMENT).one()
        if MARK in comment:
            return
        full = [] if embedded else list(connection.execute(_TABLES_WITH_ROWS, {"spared": list(spared)}).scalars())
        if full:
            raise NotForDevelopment(
                f"The database {name!r} is not marked as one for development: there is something in "
                f"{', '.join(full[:5])}{' …' if full[5:] else ''}. If nobody relies on it, run as its owner: "
                f"{_statement(name, comment)};"
            )
        connection.exec_driver_sql(for_driver(_statement(name, comment)))


def _statement(name: str, comment: str) -> str:
    return f"comment on database {quoted(name)} is {literal(f'{comment} {MARK}'.strip())}"
