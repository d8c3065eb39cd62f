"""Taking back a revision that was broken off in its middle: as much of it as was done.

Its `downgrade()` was written for the whole of it. What was not made yet is not there to be dropped, and what was not
dropped yet is not missing: a statement that the database refuses for that reason is left out. The version table, which
does not name the revision, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from fairlead.db.migrating.journal import Journal

# There is no such, or there is already one: schema, table, column, function, anything else that has a name.
_NOT_DONE: Final = frozenset({"3F000", "42P01", "42703", "42883", "42704", "42P06", "42P07", "42701", "42723", "42710"})


def undo(context: MigrationContext, work: Callable[[], None], journal: Journal, noting: Callable[[], None]) -> None:
    """Run a revision's way back, and `noting` in the transaction that it ends in."""
    send = context.impl._exec  # noqa: SLF001 - every operation goes through it

    def lenient(*statement: Any, **options: Any) -> Any:
        with journal.leaving_out(_NOT_DONE):
            return send(*statement, **options)

    context.impl._exec = lenient  # type: ignore[method-assign]  # noqa: SLF001 - same
    with Operations.context(context), context.begin_transaction(_per_migration=True):
        work()
        noting()
