"""What went wrong, as a sentence: Fairlead's own errors as they are, the database's by their SQLSTATE."""

from __future__ import annotations

from typing import Final

from psycopg import DataError, Error, OperationalError

from fairlead.errors import FairleadError

_SENTENCES: Final = {
    "57014": (
        503,
        "This took too long and was stopped. Narrow it: filter by a column that an index begins with, or sort by one.",
    ),
    "55P03": (409, "Another transaction holds what this needs. Try again."),
    "25006": (403, "The database refused to write: this transaction is read-only."),
    "42501": (403, "The database does not allow that: {message}."),
    "42P01": (404, "The table is not in the database any more: {message}. Start studio again when it is."),
    "42703": (404, "The table has changed since studio was started: {message}. Start it again."),
    "28P01": (503, "The login that studio reads with is gone. Start studio again."),
    "28000": (503, "The login that studio reads with is gone. Start studio again."),
}
_VALUES: Final = ("22", "23", "42883", "42804")  # a value that does not fit, a constraint, no such comparison


def shown(error: Exception) -> tuple[int, str]:
    """Return the HTTP status and the sentence of an error that was expected; raises it again when it was not."""
    if isinstance(error, FairleadError):
        return error.status, str(error)
    if isinstance(error, UnicodeEncodeError) or (isinstance(error, DataError) and error.sqlstate is None):
        return 400, "PostgreSQL has no text with a NUL character or half a surrogate pair in it."  # was never asked
    if not isinstance(error, Error):
        raise error
    state = error.diag.sqlstate or ""
    message = (error.diag.message_primary or str(error)).strip().rstrip(".")
    detail = f" {error.diag.message_detail}" if error.diag.message_detail else ""
    if state in _SENTENCES:
        status, sentence = _SENTENCES[state]
        return status, sentence.format(message=message)
    if state.startswith(_VALUES):
        return 400, f"{message[:1].upper()}{message[1:]}.{detail}"
    if state.startswith(("08", "57P", "53")) or (not state and isinstance(error, OperationalError)):
        return 503, f"The database cannot be asked at the moment: {message}."
    raise error
