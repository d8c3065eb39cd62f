"""Apart: a session whose every engine statement is a transaction of its own, sent in one message (`Database.alone`).

For a verb that repeats or adds a statement now and then and does not mind when the first is committed by then: one that
only takes back what nobody else can have changed meanwhile, or that can be asked again. Anything else belongs into a
unit of work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from fairlead.db.session import Database, Session, SessionMisused
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope

if TYPE_CHECKING:
    from sqlalchemy import Executable


class Apart(Session):
    """Runs engine statements and nothing else; no error undoes what an earlier one did."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database = database
        self._scope = scope

    async def run(self, statement: Statement, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run a statement, commit, and return its rows."""
        return await self._database.alone(self._scope).run(statement, parameters)

    async def row_count(self, statement: Statement, parameters: Mapping[str, Any]) -> int:
        """Run a statement that returns no rows, commit, and return how many it changed."""
        return await self._database.alone(self._scope).row_count(statement, parameters)

    async def execute(self, statement: Executable) -> NoReturn:
        """Refuse: SQLAlchemy's statements belong into a unit of work."""
        raise SessionMisused(f"A session of statements apart cannot run '{statement}'; open a unit of work.")

    def savepoint(self) -> NoReturn:
        """Refuse: there is nothing to go back to."""
        raise SessionMisused("A session of statements apart has no savepoints; open a unit of work.")
