"""What went wrong in a run, as an error that says what was kept and what to do."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from alembic.script import Script
from sqlalchemy.exc import DBAPIError

from fairlead.db.migrating.events import brief
from fairlead.db.migrating.journal import Journal
from fairlead.db.migrating.ledger import Begun
from fairlead.errors import Busy, DatabaseUnavailable, FairleadError, MigrationFailed, OperatorError

_GAVE_WAY: Final = {"55P03", "40P01"}  # no lock in time; a deadlock
_FORBIDDEN: Final = (
    "The database login may not do what this needs: {problem}. Use one that owns the schema (FAIRLEAD_DATABASE_URL), "
    "or let an administrator grant it."
)
_GONE: Final = ("08", "57P")  # the connection; the server ends, starts or crashed


def unreachable(error: BaseException | None) -> DatabaseUnavailable:
    """Return the error of a database that cannot be reached: the driver's sentence, which holds no password."""
    return DatabaseUnavailable(f"The database cannot be reached: {reason(error)}. Check FAIRLEAD_DATABASE_URL.")


def reason(error: BaseException | None) -> str:
    """Return why there is no connection, on one line: of libpq's lines the first has what failed, others what to do."""
    first, *others = [line.strip().rstrip(".") for line in str(error).strip().splitlines()] or [type(error).__name__]
    return f"{first} ({' '.join(others)})" if others else first


@contextmanager
def explained(
    revision: Script | None = None, journal: Journal | None = None, *, denied: str = _FORBIDDEN
) -> Iterator[None]:
    """Turn whatever passes through into one of Fairlead's errors; an interruption stays one."""
    outside = sys.exception()
    try:
        yield
    except BaseException as error:
        cause = _cause(error, outside)
        if cause is error and isinstance(error, FairleadError | KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        if isinstance(cause, FairleadError | KeyboardInterrupt | SystemExit):
            raise cause from None
        where = _where(revision, journal)
        raise (_of_database(cause, where, denied) or where.failed(_of_python(cause, revision))) from error


@contextmanager
def permitted() -> Iterator[None]:
    """Turn what the server does not let this login do, or cannot do now, into an error of ours; a fault stays one."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        driver = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(driver, "sqlstate", None) or ""
        if state == "42501":
            raise OperatorError(_FORBIDDEN.format(problem=_first(driver))) from error
        if state.startswith(_GONE):
            raise DatabaseUnavailable(f"The database went away: {_first(driver)}.") from error
        if state in _GAVE_WAY:
            raise Busy(f"What this needs is locked by another session: {_first(driver)}.") from error
        raise


@dataclass(frozen=True, slots=True)
class _Where:
    """Which revision it was, and what of it stays."""

    name: str
    statement: str
    kept: int
    back: bool

    def failed(self, problem: str) -> MigrationFailed:
        at = f" At: {self.statement}" if self.statement else ""
        return MigrationFailed(f"{self.name} failed: {problem.rstrip('.')}.{at} {self.outcome}")

    @property
    def outcome(self) -> str:
        if self.kept:
            other_way = "" if self.back else "; or take them back with 'fairlead db rollback'"
            return (
                f"Its first {self.kept} statement(s) were committed and stay; the rest was rolled back. Run it again "
                f"when the cause is mended: it goes on behind them{other_way}."
            )
        return "Nothing of it was kept."


def _where(revision: Script | None, journal: Journal | None) -> _Where:
    name = revision.revision if revision else "The run"
    begun = journal.begun if journal else Begun(name, back=False)
    return _Where(name, brief(journal.statement) if journal else "", begun.statements, begun.back)


def _cause(error: BaseException, outside: BaseException | None) -> BaseException:
    """Return what came first: errors on the way out of a block hide the one that led there."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following is not outside and following not in seen:
        seen.append(following)
        following = following.__cause__ or following.__context__
    for wanted in (KeyboardInterrupt, (FairleadError, DBAPIError, psycopg.Error)):
        if first := [one for one in seen if isinstance(one, wanted)]:
            return first[-1]
    return error


def _of_database(error: BaseException, where: _Where, denied: str) -> FairleadError | None:
    driver = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(driver, psycopg.Error):
        return None
    state = driver.sqlstate
    if state is None or state.startswith(_GONE):
        return DatabaseUnavailable(f"The database went away while {where.name} ran: {_first(driver)}. {where.outcome}")
    if state in _GAVE_WAY:
        return Busy(f"{where.name} did not get the locks it needs in time, at: {where.statement} {where.outcome}")
    if state == "42501":
        return OperatorError(denied.format(problem=driver.diag.message_primary))
    return where.failed(_said(driver))


def _said(error: psycopg.Error) -> str:
    parts = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part) or _first(error)


def _of_python(error: BaseException, revision: Script | None) -> str:
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if revision and frame.filename == revision.path
    ]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _first(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
