"""Making a call with each of its statements failing in turn, and looking at what that leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from sqlalchemy import text
from tests.fixtures.failing import everything_in, everything_seen, failing
from tests.fixtures.items import FLEET

from fairlead.db.session import Database, Session, SessionMisused
from fairlead.db.tenancy import Scope, TenantScope
from fairlead.errors import Busy


class Organized(Protocol):
    """A world that has an organization."""

    @property
    def scope(self) -> TenantScope:
        """Its scope."""


class UseCase(NamedTuple):
    """A call, in the world's organization or above all of them."""

    call: Callable[[Session, Any, Any], Awaitable[object]]
    above: bool = False

    def scope(self, world: Organized) -> Scope:
        """The scope it is made in."""
        return FLEET if self.above else world.scope


class _UndoneError(Exception):
    """Ends a transaction whose changes nobody wants."""


async def insist_on_all_or_nothing(database: Database, use_case: UseCase, world: Organized) -> None:
    """Fail unless every table is as it was whichever statement fails, ignored or not, and another one when none does.

    The database is left as it was found.
    """
    before = await everything_in(database)
    statements, after = await _undone(database, use_case, world)
    assert after != before, "it has something to do"
    for step in range(1, statements + 1):
        for ignored in (False, True):
            await _fail(database, use_case, world, step=step, ignored=ignored)
            assert await everything_in(database) == before, f"statement {step}, ignored: {ignored}"


async def _undone(database: Database, use_case: UseCase, world: Organized) -> tuple[int, list[tuple[str, str]]]:
    """Make the call and take it back; return how many statements it has, and what every table held after them."""
    scope = use_case.scope(world)
    with suppress(_UndoneError):
        async with database.unit_of_work(scope) as session:
            with failing(session, at=0) as sent:
                await use_case.call(session, scope, world)
            await session.execute(text(f"set local role {FLEET.role}"))
            after = await everything_seen(session)
            raise _UndoneError
    return len(sent), after


async def _fail(database: Database, use_case: UseCase, world: Organized, *, step: int, ignored: bool) -> None:
    """Make the call with its statement number `step` failing.

    With `ignored` the failure is swallowed inside the transaction, which then goes on to its commit.
    """
    scope = use_case.scope(world)
    with suppress(Busy, SessionMisused):
        async with database.unit_of_work(scope) as session:
            with failing(session, at=step) as sent, suppress(*[Busy] if ignored else []):
                await use_case.call(session, scope, world)
    assert len(sent) >= step, "it was called as before"
