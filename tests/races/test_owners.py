"""Two who could each leave an organization without an owner, at the same moment, a thousand times.

Both transactions run over connections of different pools and pause at random between their statements, so that they
meet in every order: one before the other, either one waiting, and each one in the middle of the other.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import anyio
import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import Executable, Result
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database, Isolation, Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.domain.ids import new_id
from fairlead.errors import FairleadError
from fairlead.services.members import remove_member, revoke_role, set_roles
from fairlead.services.users import delete_user, soft_delete_user

pytestmark = pytest.mark.anyio

TRIES: Final[dict[Isolation, int]] = {"read committed": 100, "repeatable read": 50, "serializable": 50}
LONGEST_PAUSE: Final = 60  # turns of the event loop; a statement takes some hundred
PAUSES: Final = 0.3  # so many statements of one have a pause before them
FIRST: Final = {0: 0, 1: 1}  # in these tries one side is over before the other begins

# How many owners there are, and then two again; the count does not see what its own statement writes.
COUNT_AND_RESET: Final = """
with there as (
    insert into users (id, email, name, organization_id)
    values (:first, :first, 'A', :home), (:second, :second, 'B', :home)
    on conflict (id) do update set deleted_at = null returning id
), reset as (
    insert into user_roles (organization_id, user_id, role_id)
    select :home, id, 'owner' from there on conflict do nothing
)
select count(*) from user_roles m join users u on u.id = m.user_id and u.deleted_at is null
where m.organization_id = :home and m.role_id = 'owner'
"""

Act: TypeAlias = Callable[[Session, Any, str], Awaitable[object]]
ACTS: Final[dict[str, Act]] = {
    "demotes": lambda session, scope, user_id: revoke_role(session, scope, user_id=user_id, role_id="owner"),
    "makes a viewer": lambda session, scope, user_id: set_roles(session, scope, user_id=user_id, role_ids=["viewer"]),
    "removes": lambda session, scope, user_id: remove_member(session, scope, user_id=user_id),
    "soft-deletes": lambda session, scope, user_id: soft_delete_user(session, scope, user_id=user_id),
    "deletes": lambda session, scope, user_id: delete_user(session, scope, user_id=user_id),
    "deletes from above": lambda session, _, user_id: delete_user(session, FLEET, user_id=user_id),
}
# What the first one does to the second, and the second at the same moment to the first; who removes oneself, leaves.
PAIRS: Final = [
    ("demotes", "demotes"),
    ("demotes", "soft-deletes"),
    ("removes", "removes"),
    ("makes a viewer", "deletes"),
    ("soft-deletes", "deletes from above"),
]


class Dawdler(Session):
    """A transaction that pauses for a random while before each of its statements."""

    async def run(self, statement: Statement, parameters: Any) -> Any:
        """Pause, then run."""
        await pause()
        return await super().run(statement, parameters)

    async def row_count(self, statement: Statement, parameters: Any) -> int:
        """Pause, then run."""
        await pause()
        return await super().row_count(statement, parameters)

    async def execute(self, statement: Executable) -> Result[Any]:
        """Pause, then run."""
        await pause()
        return await super().execute(statement)


async def pause() -> None:
    """Let others have a random number of turns, sometimes none."""
    if random.random() > PAUSES:  # noqa: S311 - no secret
        return
    for _ in range(random.randint(0, LONGEST_PAUSE)):  # noqa: S311 - no secret
        await checkpoint()


@dataclass(frozen=True)
class Side:
    """One of the two: the pool, and what is done in which scope to whom."""

    database: Database
    scope: Scope
    act: Act
    user_id: str

    async def attempt(self, isolation: Isolation) -> str:
        """Do it, and return how that ended."""
        await pause()
        try:
            async with self.database.unit_of_work(self.scope, isolation=isolation) as session:
                session.__class__ = Dawdler
                await self.act(session, self.scope, self.user_id)
        except FairleadError as error:
            return type(error).__name__
        return "done"


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """A second pool on the same database."""
    opened = Database(DatabaseOptions(url=database_url, application_name="other"))
    yield opened
    await opened.close()


@pytest.mark.parametrize("isolation", TRIES)
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
async def test_one_of_two_owners_stays(
    database: Database, other: Database, ours: Tenant, *, pair: tuple[str, str], isolation: Isolation
) -> None:
    """However two owners do away with each other, exactly one succeeds, the other is told, and an owner is left."""
    ids = {"first": new_id(), "second": new_id()}
    scopes = [FLEET if "above" in act else ours.scope for act in pair]
    sides = [
        Side(database, scopes[0], ACTS[pair[0]], ids["second"]),
        Side(other, scopes[1], ACTS[pair[1]], ids["first"]),
    ]
    met: Counter[tuple[str, ...]] = Counter()
    await tell(database, COUNT_AND_RESET, home=ours.organization_id, **ids)
    for number in range(TRIES[isolation]):
        met[await collide(sides, isolation, first=FIRST.get(number))] += 1
        [(owners,)] = await tell(database, COUNT_AND_RESET, home=ours.organization_id, **ids)
        assert owners == 1, met

    refusals = {"LastOwner"} if isolation == "read committed" else {"LastOwner", "TransactionConflict"}
    assert {refusal for ends in met for refusal in ends} <= refusals | {"done"}, met
    assert [ends for ends in met if ends.count("done") != 1] == [], met
    assert {ends.index("done") for ends in met} == {0, 1}, met


async def collide(sides: list[Side], isolation: Isolation, *, first: int | None) -> tuple[str, ...]:
    """Let both sides act at once, or one of them first, and return how each one ended."""
    ends, over = [""] * len(sides), anyio.Event()

    async def act(number: int) -> None:
        if first not in {None, number}:
            await over.wait()
        ends[number] = await sides[number].attempt(isolation)
        over.set()

    async with anyio.create_task_group() as tasks:
        for number in random.sample(range(len(sides)), len(sides)):
            tasks.start_soon(act, number)
    return tuple(ends)


def test_it_is_a_thousand_tries() -> None:
    """All pairs and isolations together are a thousand collisions."""
    assert len(PAIRS) * sum(TRIES.values()) == 1000
