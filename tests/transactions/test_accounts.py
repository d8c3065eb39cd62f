"""What people do with their own accounts, failing at each statement in turn: all of it happens, or nothing."""

from __future__ import annotations

from typing import Final

import pytest
from tests.fixtures.failing import everything_in
from tests.fixtures.items import FLEET
from tests.transactions.account_cases import ACCOUNT_CASES, AccountWorld, make_account_world
from tests.transactions.trying import UseCase, insist_on_all_or_nothing

from fairlead.db.session import Database
from fairlead.errors import Conflict, FairleadError, Forbidden, TokenInvalid
from fairlead.services import invitations, verifications

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def world(database: Database) -> AccountWorld:
    """The world."""
    return await make_account_world(database)


@pytest.mark.parametrize("name", ACCOUNT_CASES)
async def test_a_failure_at_any_statement_leaves_nothing(database: Database, world: AccountWorld, *, name: str) -> None:
    """Whichever statement fails, and whether or not the failure is ignored, every table is as it was before."""
    await insist_on_all_or_nothing(database, ACCOUNT_CASES[name], world)


# Calls that are refused after they have begun to write, and as what.
REFUSED: Final[dict[str, tuple[UseCase, type[FairleadError]]]] = {
    "an invitation of somebody else": (
        UseCase(lambda s, o, w: invitations.accept_invitation(s, o, token=w.invited, user_id=w.member), above=True),
        Forbidden,
    ),
    "an invitation of somebody who has an account": (
        UseCase(
            lambda s, o, w: invitations.sign_up_by_invitation(s, o, token=w.to_a_member, name="New", secret_hash="new"),
            above=True,
        ),
        Conflict,
    ),
    "a token for something else": (
        UseCase(lambda s, o, w: verifications.use_token(s, o, token=w.reset, purposes={"sign_up"}), above=True),
        TokenInvalid,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_that_is_ignored_leaves_nothing(database: Database, world: AccountWorld, *, name: str) -> None:
    """Whoever ignores a refusal and goes on to commit has changed nothing by the call that was refused."""
    use_case, kind = REFUSED[name]
    before = await everything_in(database)
    async with database.unit_of_work(FLEET) as session:
        with pytest.raises(kind):
            await use_case.call(session, FLEET, world)
    assert await everything_in(database) == before
