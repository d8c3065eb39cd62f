"""Whatever goes wrong while a change is worked out, as an error of ours: nobody is shown a traceback for their models.

SQLAlchemy, Alembic and PostgreSQL refuse what models declare in errors of their own, and a comparison may meet
something that nobody thought of. What it was stays the cause of the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from fairlead.errors import FairleadError, OperatorError
from fairlead.toolkit.environment import first_line


@contextmanager
def told_as(kind: type[OperatorError], sentence: str) -> Iterator[None]:
    """Raise what is no error of ours as `kind`, with the reason in `sentence`, and the statement where one failed."""
    try:
        yield
    except FairleadError:
        raise
    except Exception as error:
        statement = error.statement if isinstance(error, DBAPIError) else None
        details = {"statement": " ".join(statement.split())} if statement else {}
        raise kind(sentence.format(_reason(error)), details=details) from error


def _reason(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return first_line(error)
    told = str(error).strip().partition("\n")[0].rstrip(".")
    known = isinstance(error, SQLAlchemyError | CommandError | psycopg.Error)
    return told if known and told else f"{type(error).__name__}: {told}"
