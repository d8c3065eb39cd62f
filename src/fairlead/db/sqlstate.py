"""Database errors become ours here and nowhere else, by SQLSTATE and constraint name, never by text.

What is not in these tables is a defect of Fairlead's own and stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fairlead.errors import (
    Busy,
    Conflict,
    DatabaseUnavailable,
    FairleadError,
    NotFound,
    SchemaOutdated,
    TransactionConflict,
    ValidationFailed,
)

# Every unique index that somebody's input can hit; the others hold what Fairlead itself draws at random.
CONFLICTS: Final = {
    "organizations_slug_idx": ("slug", "is taken"),
    "users_email_idx": ("email", "is taken"),
    "queues_name_idx": ("name", "is the name of another queue of this organization"),
    "roles_name_idx": ("name", "is the name of another role of this organization"),
    "user_roles_pkey": ("role", "is one this member already has"),
}
_GONE_CLASSES = ("08", "57P")  # connection exceptions; server shutting down, starting or crashed
_RETRY_STATES = {"40001": "serialization failure", "40P01": "deadlock"}  # the server has rolled back
_BUSY_STATES = {
    "53300": "too many connections",
    "55P03": "lock timeout",
    "57014": "statement timeout",
}
_UNSTORABLE_STATES = {"22021", "22P05", "22P02", "22003"}  # bytes, escapes or numbers PostgreSQL cannot keep
_SCHEMA_STATES = {"42P01", "42703", "42704", "42883"}  # a table, column, role or function is missing


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the driver that pass through into Fairlead's own."""
    try:
        yield
    except DBAPIError as error:
        raise (from_sqlalchemy(error) or error) from error
    except psycopg.Error as error:
        raise (from_driver(error) or error) from error
    except PoolTimeout as error:
        raise Busy("Every database connection of this process is in use; nothing was changed.") from error
    except (DisconnectionError, ConnectionError) as error:
        raise DatabaseUnavailable from error


def from_driver(error: psycopg.Error) -> FairleadError | None:
    """Return our error for one of the driver's, or None when there is none."""
    state = error.sqlstate
    if state is None:
        return DatabaseUnavailable() if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else None
    if state.startswith(_GONE_CLASSES):
        return DatabaseUnavailable()
    if state in _RETRY_STATES:
        return TransactionConflict()
    if state in _BUSY_STATES:
        return Busy()
    if state in _SCHEMA_STATES:
        return SchemaOutdated()
    return _from_row_state(state, error)


def _from_row_state(state: str, error: psycopg.Error) -> FairleadError | None:
    if state == "23505":
        field, sentence = CONFLICTS.get(error.diag.constraint_name or "", ("", ""))
        return Conflict(details={field: sentence} if field else None)
    if state == "23503":  # what is referred to is not there; nothing of ours deletes what is still referred to
        return NotFound()
    if state == "23514":
        return ValidationFailed(details=_checked_field(error))
    if state == "23502":
        return ValidationFailed(details={error.diag.column_name or "row": "must be given"})
    if state in _UNSTORABLE_STATES:
        return ValidationFailed("A value cannot be stored by PostgreSQL.")
    return None


def _checked_field(error: psycopg.Error) -> dict[str, str]:
    """Name the field by its check, which the schema calls <table>_<field>_check."""
    constraint, table = error.diag.constraint_name or "", error.diag.table_name or ""
    field = constraint.removesuffix("_check").removeprefix(f"{table}_")
    return {field or "row": "is not acceptable"}


def from_sqlalchemy(error: DBAPIError) -> FairleadError | None:
    """Return our error for one that SQLAlchemy wrapped, or None when there is none."""
    if error.connection_invalidated:
        return DatabaseUnavailable()
    return from_driver(error.orig) if isinstance(error.orig, psycopg.Error) else None
