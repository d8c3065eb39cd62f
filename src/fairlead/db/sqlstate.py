"""Database errors become ours here and nowhere else, by SQLSTATE and constraint name, never by text.

What is not in these tables is a defect of Fairlead's own and stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    ValidationFailed,
)

_CONFLICTS = {
    "organizations_slug_idx": ("slug", "is taken"),
    "users_email_idx": ("email", "is taken"),
    "queues_name_idx": ("name", "is the name of another queue of this organization"),
    "roles_name_idx": ("name", "is the name of another role of this organization"),
    "user_roles_pkey": ("role", "is one this member already has"),
}
_GONE_CLASSES = ("08", "57P")  # connection exceptions; server shutting down, starting or crashed
_BUSY_STATES = {
    "40001": "serialization failure",
    "40P01": "deadlock",
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
        raise (_from_sqlalchemy(error) or error) from error
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
    if state in _BUSY_STATES:
        return Busy()
    if state in _SCHEMA_STATES:
        return SchemaOutdated()
    return _from_row_state(state, error)


def _from_row_state(state: str, error: psycopg.Error) -> FairleadError | None:
    if state == "23505":
        field, sentence = _CONFLICTS.get(error.diag.constraint_name or "", ("", ""))
        return Conflict(details={field: sentence} if field else None)
    if state == "23503":
        return NotFound()
    if state in _UNSTORABLE_STATES:
        return ValidationFailed("A value cannot be stored by PostgreSQL.")
    return None


def _from_sqlalchemy(error: DBAPIError) -> FairleadError | None:
    if error.connection_invalidated:
        return DatabaseUnavailable()
    return from_driver(error.orig) if isinstance(error.orig, psycopg.Error) else None
