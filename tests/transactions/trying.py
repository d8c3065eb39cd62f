"""Making a call with each of its statements failing in turn, and looking at what that leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple, Protocol

from tests.fixtures.failing import everything_in, failing
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


async def insist_on_all_or_nothing(database: Database, use_case: UseCase, world: Organized) -> None:
    """Fail unless every table is as it was whichever statement fails, ignored or not, and another one in the end."""
    before = await everything_in(database)
    for step in count(1):
        for ignored in (False, True):
            failed = await _tried(database, use_case, world, step=step, ignored=ignored)
            assert (await everything_in(database) == before) is failed, f"statement {step}, ignored: {ignored}"
            if not failed:  # it has no such statement, so this time all of it happened
                assert step > 1
                return


async def _tried(database: Database, use_case: UseCase, world: Organized, *, step: int, ignored: bool) -> bool:
    """Make the call with its statement number `step` failing; tell whether there was such a statement.

    With `ignored` the failure is swallowed inside the transaction, which then goes on to its commit.
    """
    scope = use_case.scope(world)
    with suppress(Busy, SessionMisused):
        async with database.unit_of_work(scope) as session:
            with failing(session, at=step) as sent, suppress(*[Busy] if ignored else []):
                await use_case.call(session, scope, world)
    return len(sent) >= step
