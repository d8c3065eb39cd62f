"""A generated revision is tried before it is written: up has to lead to the models, down back to where it began.

Where PostgreSQL refuses the way back, the revision has none, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from fairlead.errors import MigrationFailed
from fairlead.toolkit.naming import quoted
from fairlead.toolkit.rewrite import Rewritten
from fairlead.toolkit.target import Target

# A table that is written anew gets another file, also when it is empty.
_FILES: Final = """
    select oid, relfilenode, oid::regclass::text from pg_class
    where relkind in ('r', 'm') and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
    order by 3
"""


def try_out(target: Target, url: str, parts: Iterable[Rewritten]) -> list[str]:
    """Run the parts on the database at `url` as a migration does; return the tables that were written anew.

    Raises MigrationFailed that names the statement.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        if target.owner:
            connection.execute(f"set role {quoted(target.owner)}".encode())
        files = {oid: file for oid, file, _ in connection.execute(_FILES)}
        for part in parts:
            for statement in part.alone:
                _run(connection, statement, target)
            with connection.transaction():
                for statement in part.together:
                    _run(connection, statement, target)
        return [name for oid, file, name in connection.execute(_FILES) if files.get(oid, file) != file]


def refused(target: Target, url: str, way_back: Rewritten) -> str | None:
    """Try a way back, and return why PostgreSQL refuses it; None where it was gone."""
    try:
        try_out(target, url, [way_back])
    except MigrationFailed as error:
        cause = error.__cause__
        return _reason(cause) if isinstance(cause, psycopg.Error) else error.message
    return None


_BY_HAND: Final = " Drop what is in the way by hand, in a revision before (--custom), and make it again in one after."
_OUTSIDE: Final = (
    " What is not in the schemas {} is not compared: let it be in one of them, as in Enum(…, schema={!r}), or name its "
    "schema in `schemas`."
)


def _run(connection: psycopg.Connection[tuple[object, ...]], statement: str, target: Target) -> None:
    try:
        connection.execute(statement.encode())
    except psycopg.Error as error:
        missing = isinstance(error, psycopg.errors.UndefinedObject) and bool(target.schemas)
        hint = _OUTSIDE.format(", ".join(target.schemas), target.schemas[0]) if missing else ""
        hint += _BY_HAND if _in_the_way(error) else ""
        raise MigrationFailed(
            f"The change cannot be generated: {_reason(error)}. Nothing was written.{hint}",
            details={"statement": statement},
        ) from error


def _reason(error: psycopg.Error) -> str:
    """Return what PostgreSQL says, and what is in the way where it names that."""
    standing = _in_the_way(error)
    return str(error).splitlines()[0] + (f" ({'; '.join(standing.splitlines())})" if standing else "")


def _in_the_way(error: psycopg.Error) -> str:
    on_it = isinstance(error, (psycopg.errors.FeatureNotSupported, psycopg.errors.DependentObjectsStillExist))
    return (error.diag.message_detail or "") if on_it else ""
