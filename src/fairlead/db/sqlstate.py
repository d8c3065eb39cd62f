"""Database errors become ours here and nowhere else, by SQLSTATE and constraint name, never by text.

What is not in these tables is a defect of Fairlead's own and stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, DisconnectionError

from fairlead.errors import (
    Busy,
    Conflict,
    DatabaseUnavailable,
    FairleadError,
    Locked,
    NotFound,
    SchemaOutdated,
    TransactionConflict,
    ValidationFailed,
)
from fairlead.schema import metadata

# Every unique index that somebody's input can hit; the others hold what Fairlead itself draws at random.
CONFLICTS: Final = {
    "organizations_slug_idx": ("slug", "is taken"),
    "users_email_idx": ("email", "is taken"),
    "queue_items_unique_idx": ("unique_key", "is held by another item of this queue"),
    "queues_name_idx": ("name", "is the name of another queue of this organization"),
    "roles_name_idx": ("name", "is the name of another role of this organization"),
    "schedules_name_idx": ("name", "is the name of another schedule of this organization"),
    "second_factors_pkey": ("second_factor", "was offered at the same moment"),
    "user_roles_pkey": ("role", "is one this member already has"),
    "credentials_account_idx": ("account_id", "is connected with a user already"),
}
# The first field of the checks that are not called after one.
_CHECKED_TOGETHER: Final = {
    "queue_items_lease_check": "lease_expires_at",
    "queues_backoff_seconds_check": "backoff_base_seconds",
    "queues_rate_check": "rate_limit",
    "verifications_sign_up_check": "name",
}
_GONE_CLASSES = (
    "08",
    "57P",
    "25P03",
    "25P04",
)  # connection exceptions; the server ends, starts, crashed or lost patience
_RETRY_STATES = {"40001": "serialization failure", "40P01": "deadlock"}  # the server has rolled back
_LOCK_TIMEOUT = "55P03"
_BUSY_STATES = {
    _LOCK_TIMEOUT: "lock timeout",
    "53300": "too many connections",
    "57014": "statement timeout",
}
_UNSTORABLE_STATES = {"22021", "22P05", "22P02", "22003"}  # bytes, escapes or numbers PostgreSQL cannot keep
_SCHEMA_STATES = {"42P01", "42703", "42704"}  # a table, column or role is missing


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the driver that pass through into Fairlead's own."""
    try:
        yield
    except DBAPIError as error:
        raise (from_sqlalchemy(error) or error) from error
    except psycopg.Error as error:
        raise (from_driver(error) or error) from error
    except (DisconnectionError, ConnectionError) as error:
        raise DatabaseUnavailable from error


def from_driver(error: psycopg.Error | UnicodeEncodeError) -> FairleadError | None:
    """Return our error for one of the driver's, or None when there is none."""
    if isinstance(error, UnicodeEncodeError) or error.sqlstate is None:
        return _of_driver_alone(error)
    state = error.sqlstate
    if state.startswith(_GONE_CLASSES):
        return DatabaseUnavailable()
    if state in _RETRY_STATES:
        return TransactionConflict()
    if state in _BUSY_STATES:
        return Locked() if state == _LOCK_TIMEOUT else Busy()
    if state in _SCHEMA_STATES:
        return SchemaOutdated()
    return _from_row_state(state, error)


def _of_driver_alone(error: psycopg.Error | UnicodeEncodeError) -> FairleadError | None:
    """Return our error for one that the server did not send: it could not be reached, or was not asked at all."""
    if isinstance(error, psycopg.DataError | UnicodeEncodeError):  # a NUL character, half a surrogate pair
        return _unstorable()
    return DatabaseUnavailable() if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else None


def _unstorable() -> ValidationFailed:
    return ValidationFailed("A value cannot be stored by PostgreSQL.")


def _from_row_state(state: str, error: psycopg.Error) -> FairleadError | None:
    if state == "23505":
        field, sentence = CONFLICTS.get(error.diag.constraint_name or "", ("", ""))
        return Conflict(details={field: sentence} if field else None)
    if state == "23503":  # what is referred to is not there; nothing of ours deletes what is still referred to
        return NotFound()
    if state == "23514":
        return ValidationFailed(details={_checked_field(error.diag.constraint_name or ""): "is not acceptable"})
    if state == "23502":
        return ValidationFailed(details={error.diag.column_name or "row": "must be given"})
    if state in _UNSTORABLE_STATES:
        return _unstorable()
    return None


def _checked_field(constraint: str) -> str:
    """Name the field by its check, which the schema calls <table>_<field>_check; a partition's has its table's name."""
    table = max((name for name in metadata.tables if constraint.startswith(f"{name}_")), key=len, default="")
    field = constraint.removeprefix(f"{table}_").removesuffix("_check")
    return _CHECKED_TOGETHER.get(constraint, field) or "row"


def from_sqlalchemy(error: DBAPIError | UnicodeEncodeError) -> FairleadError | None:
    """Return our error for one that SQLAlchemy wrapped, or None when there is none."""
    if isinstance(error, UnicodeEncodeError):
        return from_driver(error)
    if error.connection_invalidated:
        return DatabaseUnavailable()
    return from_driver(error.orig) if isinstance(error.orig, psycopg.Error) else None
